//! No secret access key, session token or external id is in any log line, error or `Debug`, whatever AWS responds.
#![allow(clippy::unwrap_used, reason = "a test that cannot continue fails")]

mod common;

use common::{ROLE_ARN, scan_one, scanner, settings, target};
use rolecall_core::session::{Session, SessionLog};
use rolecall_core::targets::Targets;
use rolecall_roll::Partition;
use rolecall_testkit::secrets::{
    CALLER_SECRET_ACCESS_KEY, CALLER_SESSION_TOKEN, EXTERNAL_ID, SECRET_ACCESS_KEY, SESSION_TOKEN,
    assert_no_secret_in,
};
use rolecall_testkit::{FakeAws, capture_test_logs, xml};
use wiremock::ResponseTemplate;

/// All log lines of all crates at TRACE while an account is read, with the record and the `Debug` of what was used.
async fn scan_output(aws: &FakeAws) -> String {
    let (_guard, logs) = capture_test_logs();
    let scanner = scanner(&aws.uri(), settings()).await;
    let caller = scanner.scanner.caller().await;
    let account = scan_one(&scanner).await;
    let logs = logs.contents();
    assert!(logs.contains("transmitting request"), "the SDK's own TRACE lines are captured");
    assert!(logs.contains("rolecall_core::scan"), "our own lines are captured");
    format!("{logs}{scanner:?}{caller:?}{account:?}{}", serde_json::to_string(&account).unwrap())
}

#[tokio::test]
async fn a_complete_scan_prints_no_secret() {
    let aws = FakeAws::start().await;
    assert_no_secret_in(&scan_output(&aws).await);
}

#[tokio::test]
async fn responses_that_echo_secrets_print_no_secret() {
    let echo = format!("no {EXTERNAL_ID} {SECRET_ACCESS_KEY} {SESSION_TOKEN}");
    // As a proxy might respond, with the request.
    let request = format!(
        "ExternalId={}&x-amz-security-token: {CALLER_SESSION_TOKEN} {CALLER_SECRET_ACCESS_KEY}",
        EXTERNAL_ID.replace(':', "%3A")
    );
    let signed = format!(
        "The request signature we calculated does not match.\n\nThe Canonical String for this request should have \
         been\n'POST\n/\n\nx-amz-security-token:{CALLER_SESSION_TOKEN}\n'"
    );
    for (operation, code, message) in [
        ("ListUsers", "AccessDenied", &echo),
        ("ListAccessKeys", "AccessDenied", &echo),
        ("AssumeRole", "ValidationError", &format!("Value '{EXTERNAL_ID}' at 'externalId' is not one")),
        ("AssumeRole", "SignatureDoesNotMatch", &signed),
        ("AssumeRole", "AccessDenied", &request),
        ("GetCallerIdentity", "AccessDenied", &request),
        ("GetCallerIdentity", "ExpiredToken", &request),
        ("GetCallerIdentity", "SignatureDoesNotMatch", &signed),
    ] {
        let aws = FakeAws::start().await;
        aws.respond_with_error(operation, 403, code, message).await;
        let output = without_bodies(&scan_output(&aws).await);
        assert_no_secret_in(&output);
    }
}

/// The output without TRACE lines. At TRACE the SDK prints response bodies, which here hold secrets that AWS never sends. The
/// binaries limit the SDK to DEBUG; their own tests check everything that they print.
fn without_bodies(output: &str) -> String {
    output.lines().filter(|line| !line.contains("TRACE")).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn malformed_sessions_print_no_secret() {
    let complete = xml::assume_role("111111111111", xml::EXPIRATION);
    let other_account = xml::assume_role("999999999999", xml::EXPIRATION);
    let bad_date = xml::assume_role("111111111111", "tomorrow");
    let cut = complete.get(..complete.len() - 40).unwrap().to_owned();
    let no_arn = complete.replace("<AssumedRoleUser>", "<X>").replace("</AssumedRoleUser>", "</X>");
    for body in [complete, other_account, bad_date, cut, no_arn] {
        for status in [200, 400, 503] {
            let aws = FakeAws::start().await;
            let response = ResponseTemplate::new(status).set_body_string(body.clone());
            aws.answer("AssumeRole", response).await;
            assert_no_secret_in(&scan_output(&aws).await);
        }
    }
}

#[tokio::test]
async fn debug_prints_no_secret() {
    // A thread without a subscriber can switch log lines off for the other threads.
    let (_guard, _logs) = capture_test_logs();
    let aws = FakeAws::start().await;
    let scanner = scanner(&aws.uri(), settings()).await;
    let target = target(ROLE_ARN);
    let role = target.role().unwrap();
    let log = SessionLog::default();
    let session =
        Session::assume_role(role, &["iam:ListUsers"], scanner.scanner.context(&scanner.context), log)
            .await
            .unwrap();
    let iam = session.iam().await.unwrap();
    let targets = Targets::new([target.clone()], Partition::Aws).unwrap();
    assert_no_secret_in(&format!(
        "{session:?}{iam:?}{target:?}{targets:?}{scanner:?}{:#?}",
        scanner.context.settings
    ));
}
