//! Single faults: each is retried or becomes a gap, and none is silent.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot continue fails")]

mod common;

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use base64::Engine;
use common::{ROLE_ARN, TestScanner, scan, scan_one, scanner, settings, user_texts};
use rolecall_core::collect::parse_facts;
use rolecall_roll::{AccountRecord, ErrorKind, FactKind, Gap, NeutralTerms, Outcome, Stage};
use rolecall_testkit::secrets::CALLER_SESSION_TOKEN;
use rolecall_testkit::{FakeAws, User, operation, wire, xml};
use wiremock::{Mock, Request, ResponseTemplate};

fn ok(body: impl Into<String>) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_string(body)
}

/// The first gap of an account whose outcome is Failed.
fn failure_gap(account: &AccountRecord) -> &Gap {
    assert_eq!(account.outcome(), Outcome::Failed, "{account:?}");
    assert_eq!(account.users(), None, "unknown is not empty");
    &account.gaps()[0]
}

#[tokio::test]
async fn a_denied_session_has_the_message_of_aws_and_a_remedy() {
    let aws = FakeAws::start().await;
    let message = "User: arn:aws:sts::222222222222:assumed-role/LambdaRole/x is not authorized to perform: \
                 sts:AssumeRole on resource: arn:aws:iam::111111111111:role/IAMListRole";
    aws.respond_with_error("AssumeRole", 403, "AccessDenied", message).await;
    let account = scan_one(&scanner(&aws.uri(), settings()).await).await;
    let gap = failure_gap(&account);
    assert_eq!((gap.stage, gap.error_kind), (Stage::Session, ErrorKind::Denied));
    assert_eq!(gap.operation.as_deref(), Some("AssumeRole"));
    assert_eq!(gap.code.as_deref(), Some("AccessDenied"));
    assert_eq!(gap.message, message);
    assert_eq!(gap.request_id.as_deref(), Some("11111111-2222-3333-4444-555555555555"));
    let remedy = gap.remedy.to_text(&NeutralTerms);
    assert!(remedy.contains("trust policy"), "{remedy}");
    assert_eq!(aws.calls("AssumeRole").await, 1, "a denied call is not retried");
}

#[tokio::test]
async fn denied_users_are_unknown_and_not_none() {
    let aws = FakeAws::start().await;
    aws.respond_with_error(
        "ListUsers",
        403,
        "AccessDenied",
        "User: x is not authorized to perform: iam:ListUsers",
    )
    .await;
    let account = scan_one(&scanner(&aws.uri(), settings()).await).await;
    let gap = failure_gap(&account);
    assert_eq!((gap.stage, gap.error_kind), (FactKind::Users.into(), ErrorKind::Denied));
    let remedy = gap.remedy.to_text(&NeutralTerms);
    assert!(remedy.contains("iam:ListUsers"), "{remedy}");
}

#[tokio::test]
async fn denied_keys_are_unknown_for_each_user() {
    let aws = FakeAws::start().await;
    aws.respond_with_error("ListAccessKeys", 403, "AccessDenied", "no").await;
    let account = scan_one(&scanner(&aws.uri(), settings()).await).await;
    assert_eq!(account.outcome(), Outcome::Partial);
    assert!(account.users().unwrap().iter().all(|user| user.access_keys.is_none()));
    let users: Vec<_> = account.gaps().iter().map(|gap| gap.user_name.as_deref().unwrap()).collect();
    assert_eq!(users, ["alice", "bob", "deployer", "x+=,.@-y"]);
}

#[tokio::test]
async fn transient_errors_are_retried() {
    for (status, code) in [(400, "Throttling"), (503, "ServiceUnavailable"), (500, "InternalFailure")] {
        for operation_name in ["AssumeRole", "ListUsers", "ListAccessKeys"] {
            let aws = FakeAws::start().await;
            let error = ResponseTemplate::new(status).set_body_string(xml::error(code, "not now"));
            Mock::given(operation(operation_name))
                .respond_with(error)
                .up_to_n_times(2)
                .with_priority(1)
                .mount(&aws.server)
                .await;
            let account = scan_one(&scanner(&aws.uri(), settings()).await).await;
            assert_eq!(account.outcome(), Outcome::Complete, "{code} {operation_name} {:?}", account.gaps());
        }
    }
}

#[tokio::test]
async fn permanent_errors_are_reported_with_their_kind() {
    for (status, code, kind) in [
        (400, "Throttling", ErrorKind::Throttled),
        (503, "ServiceUnavailable", ErrorKind::Other),
        (403, "ExpiredToken", ErrorKind::Credentials),
        (403, "InvalidClientTokenId", ErrorKind::Credentials),
        (403, "RegionDisabledException", ErrorKind::Other),
    ] {
        let aws = FakeAws::start().await;
        aws.respond_with_error("AssumeRole", status, code, "a message").await;
        let account = scan_one(&scanner(&aws.uri(), settings()).await).await;
        let gap = failure_gap(&account);
        assert_eq!((gap.error_kind, gap.code.as_deref()), (kind, Some(code)));
        assert!(!gap.remedy.to_text(&NeutralTerms).is_empty());
    }
}

#[tokio::test]
async fn an_account_that_fails_does_not_use_up_the_retries_of_another() {
    let accounts = ["111111111111", "333333333333"]
        .map(|id| (id, (0..60).map(|number| User::new(&format!("u{number}"), &[])).collect()));
    let aws = FakeAws::with_accounts(accounts, 1000).await;
    let is_first_account = |request: &Request| {
        request.headers["authorization"].to_str().unwrap().contains("Credential=ASIA111111111111")
    };
    // The first account always fails; the other fails twice per user, which its attempts allow for. The errors are no
    // throttles, since the rate limiter would wait after those.
    let requests = Mutex::new(HashMap::<Vec<u8>, u32>::new());
    let fails = move |request: &Request| {
        let mut requests = requests.lock().unwrap();
        let times = requests.entry(request.body.clone()).or_default();
        *times += u32::from(!is_first_account(request));
        is_first_account(request) || *times <= 2
    };
    Mock::given(operation("ListAccessKeys"))
        .and(fails)
        .respond_with(ResponseTemplate::new(503).set_body_string(xml::error("ServiceUnavailable", "later")))
        .with_priority(1)
        .mount(&aws.server)
        .await;
    let mut settings = settings();
    settings.limits.max_attempts = 8;
    let scanner = scanner(&aws.uri(), settings).await;
    let accounts = scan(&scanner, &[ROLE_ARN, "arn:aws:iam::333333333333:role/R"]).await;
    for account in accounts {
        let expected = if account.account_id().as_str() == "111111111111" {
            Outcome::Partial
        } else {
            Outcome::Complete
        };
        assert_eq!(account.outcome(), expected);
    }
}

#[tokio::test]
async fn a_truncated_list_without_a_new_marker_is_an_error_and_earlier_users_are_kept() {
    let users = [User::new("alice", &[(1, "Active")])];
    let without_marker = xml::list_users("111111111111", &users, Some("")).replace("<Marker></Marker>", "");
    let repeated = xml::list_users("111111111111", &users, Some("again"));
    for (page, message) in [(without_marker, "no marker"), (repeated, "repeats an item")] {
        let aws = FakeAws::start().await;
        aws.answer("ListUsers", ok(page)).await;
        let account = scan_one(&scanner(&aws.uri(), settings()).await).await;
        assert_eq!(account.outcome(), Outcome::Partial);
        let gap = &account.gaps()[0];
        assert_eq!((gap.stage, gap.error_kind), (FactKind::Users.into(), ErrorKind::Malformed));
        assert!(gap.message.contains(message), "{}", gap.message);
        assert_eq!(
            user_texts(&account),
            ["/alice: AKIAALICE1XXXXXXXXXX Active, AKIAALICE2XXXXXXXXXX Inactive"]
        );
    }
}

#[tokio::test]
async fn a_response_that_was_cut_anywhere_is_malformed() {
    let users = [User::new("alice", &[]), User::new("bob", &[])];
    let complete = xml::list_users("111111111111", &users, None);
    let aws = FakeAws::start().await;
    let scanner = scanner(&aws.uri(), settings()).await;
    for end in (0..complete.len()).step_by(7) {
        aws.server.reset().await;
        Mock::given(operation("ListUsers")).respond_with(ok(&complete[..end])).mount(&aws.server).await;
        let session = ok(xml::assume_role("111111111111", xml::EXPIRATION));
        Mock::given(operation("AssumeRole")).respond_with(session).mount(&aws.server).await;
        let account = scan_one(&scanner).await;
        let gap = failure_gap(&account);
        assert_eq!(
            (gap.stage, gap.error_kind),
            (FactKind::Users.into(), ErrorKind::Malformed),
            "{end}: {gap:?}"
        );
    }
}

#[tokio::test]
async fn a_response_that_is_not_from_aws_is_malformed() {
    let no_name = xml::list_users("111111111111", &[User::new("", &[])], None);
    for body in
        ["", "<html><body>Sign in to the guest network</body></html>", "{\"Users\":[]}", no_name.as_str()]
    {
        let aws = FakeAws::start().await;
        aws.answer("ListUsers", ok(body)).await;
        let account = scan_one(&scanner(&aws.uri(), settings()).await).await;
        assert_eq!(failure_gap(&account).error_kind, ErrorKind::Malformed, "{body}");
    }
    let aws = FakeAws::start().await;
    aws.answer("ListUsers", ResponseTemplate::new(502).set_body_string("<html>Bad Gateway</html>")).await;
    let account = scan_one(&scanner(&aws.uri(), settings()).await).await;
    assert!(failure_gap(&account).message.contains("502"), "{account:?}");
}

#[tokio::test]
async fn a_session_of_another_account_is_rejected() {
    let aws = FakeAws::start().await;
    aws.answer("AssumeRole", ok(xml::assume_role("999999999999", xml::EXPIRATION))).await;
    let account = scan_one(&scanner(&aws.uri(), settings()).await).await;
    let gap = failure_gap(&account);
    assert_eq!((gap.stage, gap.error_kind), (Stage::Session, ErrorKind::Malformed));
    assert!(gap.message.contains("999999999999"), "{}", gap.message);
    assert_eq!(aws.calls("ListUsers").await, 0, "no call is made in another account");
}

#[tokio::test]
async fn a_session_without_valid_credentials_is_rejected() {
    let complete = xml::assume_role("111111111111", xml::EXPIRATION);
    let incomplete = complete.replace("<SessionToken>", "<Other>").replace("</SessionToken>", "</Other>");
    let none = xml::assume_role_with("111111111111", "");
    let expired = xml::assume_role("111111111111", "2001-01-01T00:00:00Z");
    for (body, message) in
        [(incomplete, "no Credentials/SessionToken"), (none, "no Credentials"), (expired, "already expired")]
    {
        let aws = FakeAws::start().await;
        aws.answer("AssumeRole", ok(body)).await;
        let account = scan_one(&scanner(&aws.uri(), settings()).await).await;
        let gap = failure_gap(&account);
        assert_eq!((gap.stage, gap.error_kind), (Stage::Session, ErrorKind::Malformed));
        assert!(gap.message.contains(message), "{}", gap.message);
    }
}

#[tokio::test]
async fn a_connection_that_is_reset_is_retried() {
    let aws = FakeAws::start().await;
    let front = wire::reset_connections(2, *aws.server.address()).await;
    let account = scan_one(&scanner(&format!("http://{front}"), settings()).await).await;
    assert_eq!(account.outcome(), Outcome::Complete, "{:?}", account.gaps());
    let front = wire::reset_connections(usize::MAX, *aws.server.address()).await;
    let account = scan_one(&scanner(&format!("http://{front}"), settings()).await).await;
    assert_eq!(failure_gap(&account).error_kind, ErrorKind::Transport);
}

#[tokio::test]
async fn a_connection_that_breaks_is_a_gap() {
    for response in ["", "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n<ListUsersResponse>"] {
        let address = wire::close_after_response(response.into()).await;
        let account = scan_one(&scanner(&format!("http://{address}"), settings()).await).await;
        let kind = failure_gap(&account).error_kind;
        assert!(matches!(kind, ErrorKind::Transport | ErrorKind::Malformed), "{account:?}");
    }
    // Nothing listens on this port.
    let account = scan_one(&scanner("http://127.0.0.1:9", settings()).await).await;
    assert_eq!(failure_gap(&account).error_kind, ErrorKind::Transport);
}

#[tokio::test]
async fn a_response_slower_than_the_attempt_timeout_is_retried_and_then_a_gap() {
    let aws = FakeAws::start().await;
    let slow = ok(xml::list_users("111111111111", &[], None)).set_delay(Duration::from_mins(1));
    aws.answer("ListUsers", slow).await;
    let mut settings = settings();
    settings.limits.attempt_timeout = Duration::from_millis(200);
    settings.limits.max_attempts = 2;
    let account = scan_one(&scanner(&aws.uri(), settings).await).await;
    assert_eq!(failure_gap(&account).error_kind, ErrorKind::TimedOut);
    assert_eq!(aws.calls("ListUsers").await, 2);
}

#[tokio::test]
async fn an_account_whose_timeout_expires_keeps_what_was_read() {
    let aws = FakeAws::start().await;
    let bob = |request: &Request| String::from_utf8_lossy(&request.body).contains("UserName=bob");
    let slow = ok("").set_delay(Duration::from_mins(1));
    let slow = Mock::given(operation("ListAccessKeys")).and(bob).respond_with(slow);
    slow.with_priority(1).mount(&aws.server).await;
    let mut settings = settings();
    settings.limits.account_timeout = Duration::from_secs(2);
    let began = Instant::now();
    let account = scan_one(&scanner(&aws.uri(), settings).await).await;
    assert!(began.elapsed() < Duration::from_secs(30));
    assert_eq!(account.outcome(), Outcome::Partial);
    assert_eq!(account.users().unwrap().len(), 4);
    let gap = &account.gaps()[0];
    assert_eq!((gap.stage, gap.error_kind), (FactKind::AccessKeys.into(), ErrorKind::TimedOut));
    assert!(gap.message.contains("keys of 1 user"), "{}", gap.message);
    assert_eq!(account.sessions().len(), 1);
}

/// A scanner with an account timeout of two seconds that reads access keys and the credential report.
async fn scanner_with_short_timeout_and_report(aws: &FakeAws) -> TestScanner {
    let mut settings = settings();
    settings.limits.account_timeout = Duration::from_secs(2);
    settings.selection.facts = parse_facts("access_keys,credential_report").unwrap();
    scanner(&aws.uri(), settings).await
}

#[tokio::test]
async fn the_gap_of_a_timeout_names_the_fact_that_was_not_read() {
    let aws = FakeAws::start().await;
    aws.answer("GetCredentialReport", ok("").set_delay(Duration::from_mins(1))).await;
    let account = scan_one(&scanner_with_short_timeout_and_report(&aws).await).await;
    assert!(account.users().unwrap().iter().all(|user| user.access_keys.is_some()), "{account:?}");
    let [gap] = account.gaps() else { panic!("{:?}", account.gaps()) };
    assert_eq!((gap.stage, gap.error_kind), (FactKind::CredentialReport.into(), ErrorKind::TimedOut));
    assert!(gap.message.contains("credential report not fully read"), "{}", gap.message);
}

#[tokio::test]
async fn a_timeout_keeps_what_one_call_returned_for_all_users() {
    let report = "user,user_creation_time,password_enabled,password_last_used,password_last_changed,mfa_active,\
                  access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,\
                  access_key_1_last_used_service,access_key_1_last_used_region,\
                  access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,\
                  access_key_2_last_used_service,access_key_2_last_used_region\n\
                  alice,2024-03-01T12:00:00Z,true,N/A,N/A,true,false,N/A,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A\n";
    let content = base64::engine::general_purpose::STANDARD.encode(report);
    let aws = FakeAws::start().await;
    let response = format!(
        "<GetCredentialReportResponse><GetCredentialReportResult><Content>{content}</Content>\
         <ReportFormat>text/csv</ReportFormat><GeneratedTime>2026-01-01T00:00:00Z</GeneratedTime>\
         </GetCredentialReportResult></GetCredentialReportResponse>"
    );
    aws.answer("GetCredentialReport", ok(response)).await;
    aws.answer("ListAccessKeys", ok("").set_delay(Duration::from_mins(1))).await;
    let account = scan_one(&scanner_with_short_timeout_and_report(&aws).await).await;
    let alice = account.users().unwrap().iter().find(|user| user.user_name == "alice").unwrap();
    assert!(alice.report.known().is_some_and(|row| row.mfa_active), "{alice:?}");
    let [keys, report] = account.gaps() else { panic!("{:?}", account.gaps()) };
    assert_eq!(keys.stage, FactKind::AccessKeys.into());
    // The report has a row of alice alone.
    assert_eq!(report.stage, FactKind::CredentialReport.into());
    assert!(report.message.contains("no row of the user: 3 users"), "{}", report.message);
}

#[tokio::test]
async fn a_secret_in_a_long_message_is_redacted_before_the_message_is_cut() {
    let (token_prefix, _) = CALLER_SESSION_TOKEN.split_at(12);
    for before in 950..1000 {
        let aws = FakeAws::start().await;
        let message = format!("{}{CALLER_SESSION_TOKEN}", "x".repeat(before));
        aws.respond_with_error("AssumeRole", 403, "AccessDenied", &message).await;
        let account = scan_one(&scanner(&aws.uri(), settings()).await).await;
        let message = &account.gaps().first().unwrap().message;
        assert!(!message.contains(token_prefix), "{message}");
        assert!(message.chars().count() <= 1000);
    }
}

#[tokio::test]
async fn a_part_of_a_secret_is_redacted() {
    let (begin, end) = CALLER_SESSION_TOKEN.split_at(20);
    for message in [format!("no {begin}"), format!("no {end} and {begin} {end}, no")] {
        let aws = FakeAws::start().await;
        aws.respond_with_error("AssumeRole", 403, "AccessDenied", &message).await;
        let account = scan_one(&scanner(&aws.uri(), settings()).await).await;
        let redacted = message.replace(begin, "[redacted]").replace(end, "[redacted]");
        assert_eq!(account.gaps().first().unwrap().message, redacted);
    }
}
