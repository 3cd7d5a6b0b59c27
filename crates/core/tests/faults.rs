//! Single faults, and what becomes of them: never a silent gap.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on ends")]

mod common;

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use base64::Engine;
use common::{ROLE_ARN, TestScanner, in_short, scan, scan_one, scanner, settings};
use rolecall_core::collect::parse_facts;
use rolecall_roll::{AccountRecord, ErrorKind, FactKind, Gap, NeutralTerms, Outcome, Stage};
use rolecall_testkit::secrets::CALLER_SESSION_TOKEN;
use rolecall_testkit::{FakeAws, User, operation, wire, xml};
use wiremock::{Mock, Request, ResponseTemplate};

fn ok(body: impl Into<String>) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_string(body)
}

/// The one gap of an account of which nothing was read.
fn why_failed(account: &AccountRecord) -> &Gap {
    assert_eq!(account.outcome(), Outcome::Failed, "{account:?}");
    assert_eq!(account.users(), None, "unknown is not empty");
    &account.gaps()[0]
}

#[tokio::test]
async fn a_refused_session_is_told_in_the_words_of_aws_with_what_to_do() {
    let aws = FakeAws::start().await;
    let words = "User: arn:aws:sts::222222222222:assumed-role/LambdaRole/x is not authorized to perform: \
                 sts:AssumeRole on resource: arn:aws:iam::111111111111:role/IAMListRole";
    aws.respond_with_error("AssumeRole", 403, "AccessDenied", words).await;
    let account = scan_one(&scanner(&aws.uri(), settings()).await).await;
    let gap = why_failed(&account);
    assert_eq!((gap.stage, gap.error_kind), (Stage::Session, ErrorKind::Denied));
    assert_eq!(gap.operation.as_deref(), Some("AssumeRole"));
    assert_eq!(gap.code.as_deref(), Some("AccessDenied"));
    assert_eq!(gap.message, words);
    assert_eq!(gap.request_id.as_deref(), Some("11111111-2222-3333-4444-555555555555"));
    let remedy = gap.remedy.to_text(&NeutralTerms);
    assert!(remedy.contains("trust policy"), "{remedy}");
    assert_eq!(aws.calls("AssumeRole").await, 1, "a denial is not asked again");
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
    let gap = why_failed(&account);
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
async fn what_passes_is_tried_again() {
    for (status, code) in [(400, "Throttling"), (503, "ServiceUnavailable"), (500, "InternalFailure")] {
        for operation_name in ["AssumeRole", "ListUsers", "ListAccessKeys"] {
            let aws = FakeAws::start().await;
            let refusal = ResponseTemplate::new(status).set_body_string(xml::error(code, "not now"));
            Mock::given(operation(operation_name))
                .respond_with(refusal)
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
async fn what_does_not_pass_is_named_for_what_it_is() {
    for (status, code, class) in [
        (400, "Throttling", ErrorKind::Throttled),
        (503, "ServiceUnavailable", ErrorKind::Other),
        (403, "ExpiredToken", ErrorKind::Credentials),
        (403, "InvalidClientTokenId", ErrorKind::Credentials),
        (403, "RegionDisabledException", ErrorKind::Other),
    ] {
        let aws = FakeAws::start().await;
        aws.respond_with_error("AssumeRole", status, code, "words").await;
        let account = scan_one(&scanner(&aws.uri(), settings()).await).await;
        let gap = why_failed(&account);
        assert_eq!((gap.error_kind, gap.code.as_deref()), (class, Some(code)));
        assert!(!gap.remedy.to_text(&NeutralTerms).is_empty());
    }
}

#[tokio::test]
async fn an_account_that_fails_takes_no_other_account_its_retries() {
    let accounts = ["111111111111", "333333333333"]
        .map(|id| (id, (0..60).map(|number| User::new(&format!("u{number}"), &[])).collect()));
    let aws = FakeAws::with_accounts(accounts, 1000).await;
    let of_first = |request: &Request| {
        request.headers["authorization"].to_str().unwrap().contains("Credential=ASIA111111111111")
    };
    // The first fails for good; the other two times a user, which it has the attempts for. No throttles: those would be
    // waited for.
    let asked = Mutex::new(HashMap::<Vec<u8>, u32>::new());
    let fails = move |request: &Request| {
        let mut asked = asked.lock().unwrap();
        let times = asked.entry(request.body.clone()).or_default();
        *times += u32::from(!of_first(request));
        of_first(request) || *times <= 2
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
        let wanted = if account.account_id().as_str() == "111111111111" {
            Outcome::Partial
        } else {
            Outcome::Complete
        };
        assert_eq!(account.outcome(), wanted);
    }
}

#[tokio::test]
async fn a_list_that_goes_on_from_nowhere_is_an_error_and_keeps_what_came() {
    let users = [User::new("alice", &[(1, "Active")])];
    let without_marker = xml::list_users("111111111111", &users, Some("")).replace("<Marker></Marker>", "");
    let repeated = xml::list_users("111111111111", &users, Some("again"));
    for (page, words) in [(without_marker, "no marker"), (repeated, "gone on from before")] {
        let aws = FakeAws::start().await;
        aws.answer("ListUsers", ok(page)).await;
        let account = scan_one(&scanner(&aws.uri(), settings()).await).await;
        assert_eq!(account.outcome(), Outcome::Partial);
        let gap = &account.gaps()[0];
        assert_eq!((gap.stage, gap.error_kind), (FactKind::Users.into(), ErrorKind::Malformed));
        assert!(gap.message.contains(words), "{}", gap.message);
        assert_eq!(
            in_short(&account),
            ["/alice: AKIAALICE1XXXXXXXXXX Active, AKIAALICE2XXXXXXXXXX Inactive"]
        );
    }
}

#[tokio::test]
async fn an_answer_that_was_cut_anywhere_never_passes_for_the_whole() {
    let users = [User::new("alice", &[]), User::new("bob", &[])];
    let whole = xml::list_users("111111111111", &users, None);
    let aws = FakeAws::start().await;
    let scanner = scanner(&aws.uri(), settings()).await;
    for end in (0..whole.len()).step_by(7) {
        aws.server.reset().await;
        Mock::given(operation("ListUsers")).respond_with(ok(&whole[..end])).mount(&aws.server).await;
        let session = ok(xml::assume_role("111111111111", xml::EXPIRATION));
        Mock::given(operation("AssumeRole")).respond_with(session).mount(&aws.server).await;
        let account = scan_one(&scanner).await;
        let gap = why_failed(&account);
        assert_eq!(
            (gap.stage, gap.error_kind),
            (FactKind::Users.into(), ErrorKind::Malformed),
            "{end}: {gap:?}"
        );
    }
}

#[tokio::test]
async fn an_answer_of_something_that_is_not_aws_is_malformed() {
    let no_name = xml::list_users("111111111111", &[User::new("", &[])], None);
    for body in
        ["", "<html><body>Sign in to the guest network</body></html>", "{\"Users\":[]}", no_name.as_str()]
    {
        let aws = FakeAws::start().await;
        aws.answer("ListUsers", ok(body)).await;
        let account = scan_one(&scanner(&aws.uri(), settings()).await).await;
        assert_eq!(why_failed(&account).error_kind, ErrorKind::Malformed, "{body}");
    }
    let aws = FakeAws::start().await;
    aws.answer("ListUsers", ResponseTemplate::new(502).set_body_string("<html>Bad Gateway</html>")).await;
    let account = scan_one(&scanner(&aws.uri(), settings()).await).await;
    assert!(why_failed(&account).message.contains("502"), "{account:?}");
}

#[tokio::test]
async fn a_session_of_another_account_is_no_session() {
    let aws = FakeAws::start().await;
    aws.answer("AssumeRole", ok(xml::assume_role("999999999999", xml::EXPIRATION))).await;
    let account = scan_one(&scanner(&aws.uri(), settings()).await).await;
    let gap = why_failed(&account);
    assert_eq!((gap.stage, gap.error_kind), (Stage::Session, ErrorKind::Malformed));
    assert!(gap.message.contains("999999999999"), "{}", gap.message);
    assert_eq!(aws.calls("ListUsers").await, 0, "nothing is asked in an account that was not meant");
}

#[tokio::test]
async fn a_session_without_credentials_or_with_dead_ones_is_no_session() {
    let whole = xml::assume_role("111111111111", xml::EXPIRATION);
    let part = whole.replace("<SessionToken>", "<Other>").replace("</SessionToken>", "</Other>");
    let none = xml::assume_role_with("111111111111", "");
    let dead = xml::assume_role("111111111111", "2001-01-01T00:00:00Z");
    for (body, words) in [(part, "not whole"), (none, "no credentials"), (dead, "ended before it began")] {
        let aws = FakeAws::start().await;
        aws.answer("AssumeRole", ok(body)).await;
        let account = scan_one(&scanner(&aws.uri(), settings()).await).await;
        let gap = why_failed(&account);
        assert_eq!((gap.stage, gap.error_kind), (Stage::Session, ErrorKind::Malformed));
        assert!(gap.message.contains(words), "{}", gap.message);
    }
}

#[tokio::test]
async fn a_connection_that_is_reset_is_tried_again() {
    let aws = FakeAws::start().await;
    let front = wire::reset_connections(2, *aws.server.address()).await;
    let account = scan_one(&scanner(&format!("http://{front}"), settings()).await).await;
    assert_eq!(account.outcome(), Outcome::Complete, "{:?}", account.gaps());
    let front = wire::reset_connections(usize::MAX, *aws.server.address()).await;
    let account = scan_one(&scanner(&format!("http://{front}"), settings()).await).await;
    assert_eq!(why_failed(&account).error_kind, ErrorKind::Transport);
}

#[tokio::test]
async fn a_connection_that_breaks_is_a_gap() {
    for answer in ["", "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n<ListUsersResponse>"] {
        let address = wire::close_after_response(answer.into()).await;
        let account = scan_one(&scanner(&format!("http://{address}"), settings()).await).await;
        let class = why_failed(&account).error_kind;
        assert!(matches!(class, ErrorKind::Transport | ErrorKind::Malformed), "{account:?}");
    }
    // Nobody listens.
    let account = scan_one(&scanner("http://127.0.0.1:9", settings()).await).await;
    assert_eq!(why_failed(&account).error_kind, ErrorKind::Transport);
}

#[tokio::test]
async fn an_answer_slower_than_the_attempt_allows_is_tried_again_and_then_a_gap() {
    let aws = FakeAws::start().await;
    let slow = ok(xml::list_users("111111111111", &[], None)).set_delay(Duration::from_mins(1));
    aws.answer("ListUsers", slow).await;
    let mut settings = settings();
    settings.limits.attempt_timeout = Duration::from_millis(200);
    settings.limits.max_attempts = 2;
    let account = scan_one(&scanner(&aws.uri(), settings).await).await;
    assert_eq!(why_failed(&account).error_kind, ErrorKind::TimedOut);
    assert_eq!(aws.calls("ListUsers").await, 2);
}

#[tokio::test]
async fn an_account_whose_time_runs_out_keeps_what_it_has() {
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
}

/// A scanner whose accounts have two seconds, and that reads the credential report beside the keys.
async fn hasty_scanner_with_the_report(aws: &FakeAws) -> TestScanner {
    let mut settings = settings();
    settings.limits.account_timeout = Duration::from_secs(2);
    settings.selection.facts = parse_facts("access_keys,credential_report").unwrap();
    scanner(&aws.uri(), settings).await
}

#[tokio::test]
async fn the_gap_of_a_timeout_names_the_fact_that_was_not_read() {
    let aws = FakeAws::start().await;
    aws.answer("GetCredentialReport", ok("").set_delay(Duration::from_mins(1))).await;
    let account = scan_one(&hasty_scanner_with_the_report(&aws).await).await;
    assert!(account.users().unwrap().iter().all(|user| user.access_keys.is_some()), "{account:?}");
    let [gap] = account.gaps() else { panic!("{:?}", account.gaps()) };
    assert_eq!((gap.stage, gap.error_kind), (FactKind::CredentialReport.into(), ErrorKind::TimedOut));
    assert!(gap.message.contains("not fully read: credential report"), "{}", gap.message);
}

#[tokio::test]
async fn a_timeout_keeps_what_one_call_told_of_all_users() {
    let report = "user,user_creation_time,password_enabled,password_last_used,password_last_changed,mfa_active,\
                  access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,\
                  access_key_1_last_used_service,access_key_1_last_used_region,\
                  access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,\
                  access_key_2_last_used_service,access_key_2_last_used_region\n\
                  alice,2024-01-01T00:00:00Z,true,N/A,N/A,true,false,N/A,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A\n";
    let content = base64::engine::general_purpose::STANDARD.encode(report);
    let aws = FakeAws::start().await;
    let answer = format!(
        "<GetCredentialReportResponse><GetCredentialReportResult><Content>{content}</Content>\
         <ReportFormat>text/csv</ReportFormat><GeneratedTime>2026-01-01T00:00:00Z</GeneratedTime>\
         </GetCredentialReportResult></GetCredentialReportResponse>"
    );
    aws.answer("GetCredentialReport", ok(answer)).await;
    aws.answer("ListAccessKeys", ok("").set_delay(Duration::from_mins(1))).await;
    let account = scan_one(&hasty_scanner_with_the_report(&aws).await).await;
    let alice = account.users().unwrap().iter().find(|user| user.user_name == "alice").unwrap();
    assert!(alice.report.known().is_some_and(|row| row.mfa_active), "{alice:?}");
    let [gap] = account.gaps() else { panic!("{:?}", account.gaps()) };
    assert_eq!(gap.stage, FactKind::AccessKeys.into());
}

#[tokio::test]
async fn a_secret_that_a_long_answer_echoes_is_taken_out_before_the_answer_is_cut() {
    let (token_begins, _) = CALLER_SESSION_TOKEN.split_at(12);
    for before in 950..1000 {
        let aws = FakeAws::start().await;
        let message = format!("{}{CALLER_SESSION_TOKEN}", "x".repeat(before));
        aws.respond_with_error("AssumeRole", 403, "AccessDenied", &message).await;
        let account = scan_one(&scanner(&aws.uri(), settings()).await).await;
        let told = &account.gaps().first().unwrap().message;
        assert!(!told.contains(token_begins), "{told}");
        assert!(told.chars().count() <= 1000);
    }
}
