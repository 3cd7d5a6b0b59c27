//! No secret key, session token or external id in any log line, error or `Debug`, whatever AWS answers.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod common;

use common::{ROLE_ARN, scan_one, scanner, settings, target};
use rolecall_core::session::Session;
use rolecall_core::targets::Targets;
use rolecall_roll::Partition;
use rolecall_testkit::secrets::{
    CALLER_SECRET_ACCESS_KEY, CALLER_SESSION_TOKEN, EXTERNAL_ID, SECRET_ACCESS_KEY, SESSION_TOKEN,
    assert_no_secret_in,
};
use rolecall_testkit::{FakeAws, capture_test_logs, xml};
use wiremock::ResponseTemplate;

/// Everything that is logged at TRACE by anybody while the account is read, and what the account looks like.
async fn all_that_is_said(aws: &FakeAws) -> String {
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
async fn a_roll_that_goes_well_says_no_secret() {
    let aws = FakeAws::start().await;
    assert_no_secret_in(&all_that_is_said(&aws).await);
}

#[tokio::test]
async fn answers_that_echo_secrets_say_no_secret() {
    let echo = format!("no {EXTERNAL_ID} {SECRET_ACCESS_KEY} {SESSION_TOKEN}");
    // As something on the way would say it that answers with the request.
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
        let said = without_bodies(&all_that_is_said(&aws).await);
        assert_no_secret_in(&said);
    }
}

/// What the SDK prints of answers at TRACE is what the server sent: here secrets that AWS never sends. The binaries
/// cap the SDK at DEBUG; their own tests look at all they print.
fn without_bodies(said: &str) -> String {
    said.lines().filter(|line| !line.contains("TRACE")).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn malformed_sessions_say_no_secret() {
    let whole = xml::assume_role("111111111111", xml::EXPIRATION);
    let other_account = xml::assume_role("999999999999", xml::EXPIRATION);
    let bad_date = xml::assume_role("111111111111", "tomorrow");
    let cut = whole.get(..whole.len() - 40).unwrap().to_owned();
    let no_arn = whole.replace("<AssumedRoleUser>", "<X>").replace("</AssumedRoleUser>", "</X>");
    for body in [whole, other_account, bad_date, cut, no_arn] {
        for status in [200, 400, 503] {
            let aws = FakeAws::start().await;
            let answer = ResponseTemplate::new(status).set_body_string(body.clone());
            aws.answer("AssumeRole", answer).await;
            assert_no_secret_in(&all_that_is_said(&aws).await);
        }
    }
}

#[tokio::test]
async fn debug_says_no_secret() {
    // A thread without a subscriber can switch lines off for the others.
    let (_guard, _logs) = capture_test_logs();
    let aws = FakeAws::start().await;
    let scanner = scanner(&aws.uri(), settings()).await;
    let target = target(ROLE_ARN);
    let role = target.role().unwrap();
    let session = Session::assume_role(role, &["iam:ListUsers"], scanner.scanner.context(&scanner.context))
        .await
        .unwrap();
    let iam = session.iam().await.unwrap();
    let targets = Targets::new([target.clone()], Partition::Aws).unwrap();
    assert_no_secret_in(&format!(
        "{session:?}{iam:?}{target:?}{targets:?}{scanner:?}{:#?}",
        scanner.context.settings
    ));
}
