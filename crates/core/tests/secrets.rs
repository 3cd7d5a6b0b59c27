//! No secret access key, session token or external id is in any log line, error or `Debug`, whatever AWS responds.
#![allow(clippy::unwrap_used, reason = "a test that cannot continue fails")]

mod common;

use common::{ROLE_ARN, scan_one, scanner, settings, target};
use std::pin::pin;

use futures_util::StreamExt;
use rolecall_core::cancellation::Cancellation;
use rolecall_core::collect::parse_facts;
use rolecall_core::session::{Session, SessionLog};
use rolecall_core::targets::{Target, Targets};
use rolecall_roll::Partition;
use rolecall_testkit::secrets::{
    CALLER_SECRET_ACCESS_KEY, CALLER_SESSION_TOKEN, EXTERNAL_ID, SECRET_ACCESS_KEY, SESSION_TOKEN,
    assert_no_secret_in, echoes,
};
use rolecall_testkit::{FakeAws, User, capture_test_logs, xml};
use wiremock::ResponseTemplate;

/// All log lines of all crates at TRACE while an account is read, with the record and the `Debug` of what was used.
async fn scan_output(aws: &FakeAws) -> String {
    scan_output_of(aws, "access_keys").await
}

/// The same, with these facts.
async fn scan_output_of(aws: &FakeAws, facts: &str) -> String {
    let (_guard, logs) = capture_test_logs();
    let mut settings = settings();
    settings.selection.facts = parse_facts(facts).unwrap();
    let scanner = scanner(&aws.uri(), settings).await;
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

#[tokio::test]
async fn an_echo_in_any_encoding_and_any_field_prints_no_secret() {
    for secret in [EXTERNAL_ID, SESSION_TOKEN, CALLER_SESSION_TOKEN] {
        for form in echoes(secret) {
            let xml_safe = form.replace('&', "&amp;");
            let aws = FakeAws::start().await;
            let error = ResponseTemplate::new(403).insert_header("x-amzn-requestid", form.as_str());
            let code = form.replace(|c: char| !c.is_ascii_alphanumeric(), "");
            for (operation, body) in [
                ("ListAccessKeys", xml::error("AccessDenied", &format!("x{xml_safe}y"))),
                ("GetAccessKeyLastUsed", xml::error(&xml_safe, "no")),
                ("GetLoginProfile", xml::error(&code, "no")),
            ] {
                aws.answer(operation, error.clone().set_body_string(body)).await;
            }
            let user = User { path: format!("/{form}/"), ..User::new("alice", &[(1, "Active")]) };
            let users = xml::list_users("111111111111", &[user], None).replace('&', "&amp;");
            aws.answer("ListUsers", ResponseTemplate::new(200).set_body_string(users)).await;
            let output =
                without_bodies(&scan_output_of(&aws, "access_keys,console_password,last_used").await);
            assert_no_secret_in(&output);
            assert!(output.contains("alice") && output.contains("AccessDenied"), "{output}");
        }
    }
}

#[tokio::test]
async fn an_arn_that_holds_a_secret_is_not_repeated() {
    for (form, caller_form) in echoes(EXTERNAL_ID).into_iter().zip(echoes(CALLER_SESSION_TOKEN)) {
        let aws = FakeAws::start().await;
        let identity = xml::get_caller_identity().replace("LambdaRole", &caller_form.replace('&', "&amp;"));
        aws.answer("GetCallerIdentity", ResponseTemplate::new(200).set_body_string(identity)).await;
        let session = xml::assume_role("111111111111", xml::EXPIRATION)
            .replace(":111111111111:", &format!(":{}:", form.replace('&', "&amp;")));
        aws.answer("AssumeRole", ResponseTemplate::new(200).set_body_string(session)).await;
        let output = without_bodies(&scan_output(&aws).await);
        assert_no_secret_in(&output);
        assert!(output.contains("does not say to which account"), "{output}");
    }
}

#[tokio::test]
async fn an_external_id_that_is_a_part_of_a_shown_arn_tears_no_hole() {
    let message = "User: arn:aws:sts::222222222222:assumed-role/LambdaRole/test is not authorized to perform: \
                   sts:AssumeRole on resource: arn:aws:iam::111111111111:role/IAMListRole";
    for external_id in ["222222222222", "IAMListRole", "LambdaRole", "role", "test", ROLE_ARN] {
        let aws = FakeAws::start().await;
        aws.respond_with_error("AssumeRole", 403, "AccessDenied", message).await;
        let scanner = scanner(&aws.uri(), settings()).await;
        scanner.scanner.caller().await.unwrap();
        let target = Target::from_role(ROLE_ARN.parse().unwrap(), Some(external_id.parse().unwrap()));
        let targets = Targets::new([target], Partition::Aws).unwrap();
        let cancellation = Cancellation::new(None);
        let mut records = pin!(scanner.scanner.scan(&scanner.context, targets.as_slice(), &cancellation));
        let account = records.next().await.unwrap();
        assert_eq!(account.gaps()[0].message, message, "{external_id}");
    }
}

/// The output without the lines that hold what AWS responds: at TRACE the SDK prints response bodies, and in its operations the
/// request id, which here are secrets that AWS never sends. The binaries log neither; their own tests check everything that
/// they print.
fn without_bodies(output: &str) -> String {
    let is_response = |line: &&str| line.contains("TRACE") || line.contains("::operation::");
    output.lines().filter(|line| !is_response(line)).collect::<Vec<_>>().join("\n")
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
