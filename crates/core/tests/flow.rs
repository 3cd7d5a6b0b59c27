//! The flow between two accounts, and its special cases that are no faults.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot continue fails")]

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use common::{ROLE_ARN, scan, scan_one, scanner, scanner_at, settings, user_texts};
use rolecall_roll::{ErrorKind, FactKind, IssuedSession, Outcome};
use rolecall_testkit::{FakeAws, User, operation, xml};
use wiremock::{Mock, ResponseTemplate};

#[tokio::test]
async fn the_roll_has_the_users_and_keys_of_the_account() {
    let aws = FakeAws::start().await;
    let account = scan_one(&scanner(&aws.uri(), settings()).await).await;
    assert_eq!(account.outcome(), Outcome::Complete);
    assert_eq!(account.account_id().as_str(), "111111111111");
    assert_eq!(
        user_texts(&account),
        [
            "/alice: AKIAALICE1XXXXXXXXXX Active, AKIAALICE2XXXXXXXXXX Inactive",
            "/bob: ",
            "/ci/deployer: AKIADEPLOYER1XXXXXXX Active",
            "/x+=,.@-y: AKIAX______Y1XXXXXXX Active",
        ]
    );
    let alice = &account.users().unwrap()[0];
    assert_eq!(alice.user_id, "AIDAalice");
    assert_eq!(alice.arn, "arn:aws:iam::111111111111:user/alice");
    assert_eq!(alice.create_date.to_string(), "2024-03-01T12:00:00Z");
    assert_eq!(alice.password_last_used.unwrap().to_string(), "2026-01-02T03:04:05Z");
    let key = &alice.access_keys.as_ref().unwrap()[0];
    assert_eq!(key.create_date.unwrap().to_string(), "2024-03-02T12:00:00Z");
    // The minimum: one call for each of the two pages of users, and one for each user.
    assert_eq!(aws.calls("AssumeRole").await, 1);
    assert_eq!(aws.calls("ListUsers").await, 2);
    assert_eq!(aws.calls("ListAccessKeys").await, 4);
}

#[tokio::test]
async fn the_session_has_the_settings() {
    let aws = FakeAws::start().await;
    let mut settings = settings();
    settings.session.name = Some("audit@b".parse().unwrap());
    settings.session.duration = Duration::from_mins(15);
    scan_one(&scanner(&aws.uri(), settings.clone()).await).await;
    let assume_role_body = |requests: &[wiremock::Request]| {
        let first = requests.iter().find(|r| r.body.starts_with(b"Action=AssumeRole")).unwrap();
        String::from_utf8(first.body.clone()).unwrap()
    };
    let body = assume_role_body(&aws.server.received_requests().await.unwrap());
    for part in [
        "RoleSessionName=audit%40b",
        "DurationSeconds=900",
        "ExternalId=external4ID%3A4external4ID",
        "iam%3AListUsers%22%2C%22iam%3AListAccessKeys",
    ] {
        assert!(body.contains(part), "{part} is not in {body}");
    }
    aws.server.reset().await;
    let aws = FakeAws::start().await;
    settings.session.no_policy = true;
    scan_one(&scanner(&aws.uri(), settings).await).await;
    assert!(!assume_role_body(&aws.server.received_requests().await.unwrap()).contains("Policy="));
}

#[tokio::test]
async fn every_target_is_in_the_roll_exactly_once() {
    let ids: Vec<String> = (0..150).map(|number| format!("{number:012}")).collect();
    let accounts = ids.iter().map(|id| (id.as_str(), vec![User::new("u", &[(1, "Active")])]));
    let aws = FakeAws::with_accounts(accounts, 100).await;
    // Every third account denies access.
    Mock::given(operation("AssumeRole"))
        .and(|request: &wiremock::Request| {
            let body = String::from_utf8_lossy(&request.body);
            let at = body.find("%3A%3A").unwrap();
            body[at + 6..at + 18].parse::<u64>().unwrap() % 3 == 0
        })
        .respond_with(ResponseTemplate::new(403).set_body_string(xml::error("AccessDenied", "no")))
        .with_priority(1)
        .mount(&aws.server)
        .await;
    let role_arns: Vec<String> = ids.iter().map(|id| format!("arn:aws:iam::{id}:role/R")).collect();
    let role_arns: Vec<&str> = role_arns.iter().map(String::as_str).collect();
    let mut accounts = scan(&scanner(&aws.uri(), settings()).await, &role_arns).await;
    accounts.sort_by(|a, b| a.account_id().cmp(b.account_id()));
    assert_eq!(accounts.iter().map(|a| a.account_id().to_string()).collect::<Vec<_>>(), ids);
    for (number, account) in accounts.iter().enumerate() {
        let expected = if number % 3 == 0 { Outcome::Failed } else { Outcome::Complete };
        assert_eq!(account.outcome(), expected, "{account:?}");
    }
}

#[tokio::test]
async fn an_unknown_key_status_is_kept() {
    let mut user = User::new("alice", &[(1, "Quarantined")]);
    user.access_keys.push(user.access_keys[0].clone());
    user.access_keys[1].access_key_id = "AKIAALICE9XXXXXXXXXX".to_owned();
    let aws = FakeAws::with_accounts([("111111111111", vec![user])], 10).await;
    let account = scan_one(&scanner(&aws.uri(), settings()).await).await;
    assert_eq!(account.outcome(), Outcome::Complete);
    assert_eq!(
        user_texts(&account),
        ["/alice: AKIAALICE1XXXXXXXXXX Quarantined, AKIAALICE9XXXXXXXXXX Quarantined"]
    );
}

#[tokio::test]
async fn an_invalid_access_key_id_is_a_malformed_response() {
    for id in ["", "AKIAALICE1", "AKIAIOSFODNN7EXAMPLE&#13;", "AKIAIOSFODNN7 EXAMPLE", "AKIAIOSFODNN7ÉXAMPLE"]
    {
        let mut user = User::new("alice", &[(1, "Active"), (2, "Active")]);
        user.access_keys[1].access_key_id = id.to_owned();
        let aws = FakeAws::with_accounts([("111111111111", vec![user])], 10).await;
        let account = scan_one(&scanner(&aws.uri(), settings()).await).await;
        assert_eq!(account.outcome(), Outcome::Partial, "{id}");
        assert_eq!(account.gaps()[0].error_kind, ErrorKind::Malformed, "{id}");
        assert_eq!(account.users().unwrap()[0].access_keys, None, "{id}");
    }
}

/// A clock that advances by a step each time it is read.
#[derive(Debug)]
struct SteppingClock {
    start: SystemTime,
    step: Duration,
    reads: AtomicU64,
    /// The reading at which it panics.
    panics_at: AtomicU64,
}

impl TimeSource for SteppingClock {
    fn now(&self) -> SystemTime {
        let reads = self.reads.fetch_add(1, Ordering::SeqCst);
        let panics = reads == self.panics_at.load(Ordering::SeqCst);
        assert!(!panics, "the clock panics with {}", rolecall_testkit::secrets::SESSION_TOKEN);
        self.start + self.step * u32::try_from(reads).unwrap()
    }
}

fn stepping_clock(step: Duration) -> (Arc<SteppingClock>, SharedTimeSource) {
    let start = SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 365 * 56);
    let clock = Arc::new(SteppingClock {
        start,
        step,
        reads: AtomicU64::new(0),
        panics_at: AtomicU64::new(u64::MAX),
    });
    (Arc::clone(&clock), SharedTimeSource::new(SharedClock(clock)))
}

#[derive(Debug)]
struct SharedClock(Arc<SteppingClock>);

impl TimeSource for SharedClock {
    fn now(&self) -> SystemTime {
        self.0.now()
    }
}

#[tokio::test]
async fn a_session_is_renewed_before_it_expires_while_an_account_is_read() {
    let users = (0..40).map(|number| User::new(&format!("u{number}"), &[(1, "Active")])).collect();
    let aws = FakeAws::with_accounts([("111111111111", users)], 1000).await;
    let (clock, time) = stepping_clock(Duration::from_secs(10));
    // Each session expires 15 minutes after the clock's last reading.
    Mock::given(operation("AssumeRole"))
        .respond_with(move |_: &wiremock::Request| {
            let expiration =
                clock.start + clock.step * u32::try_from(clock.reads.load(Ordering::SeqCst)).unwrap();
            let expiration = jiff::Timestamp::try_from(expiration + Duration::from_mins(15)).unwrap();
            let expiration = format!("{expiration:.0}");
            ResponseTemplate::new(200).set_body_string(xml::assume_role("111111111111", &expiration))
        })
        .with_priority(1)
        .mount(&aws.server)
        .await;
    let scanner = scanner_at(&aws.uri(), settings(), time).await;
    let account = scan_one(&scanner).await;
    assert_eq!(account.outcome(), Outcome::Complete, "{:?}", account.gaps());
    assert_eq!(account.count(), (40, 40));
    let assumed = aws.calls("AssumeRole").await;
    assert!(assumed > 1);
    let sessions = account.sessions();
    assert_eq!(sessions.len(), assumed, "each renewal is in the roll");
    assert!(sessions.iter().all(|it| it.access_key_id.as_ref().unwrap().as_str() == "ASIA111111111111"));
}

#[tokio::test]
async fn a_denied_renewal_keeps_what_was_read_and_leaves_a_gap() {
    let users = (0..40).map(|number| User::new(&format!("u{number:02}"), &[(1, "Active")])).collect();
    let aws = FakeAws::with_accounts([("111111111111", users)], 1000).await;
    let (clock, time) = stepping_clock(Duration::from_secs(10));
    let expiration = jiff::Timestamp::try_from(clock.start + Duration::from_mins(15)).unwrap();
    let session = xml::assume_role("111111111111", &format!("{expiration:.0}"));
    Mock::given(operation("AssumeRole"))
        .respond_with(ResponseTemplate::new(200).set_body_string(session))
        .up_to_n_times(1)
        .with_priority(1)
        .mount(&aws.server)
        .await;
    let denial = ResponseTemplate::new(403)
        .insert_header("x-amzn-requestid", "denied-renewal")
        .set_body_string(xml::error("AccessDenied", "not any more"));
    Mock::given(operation("AssumeRole")).respond_with(denial).with_priority(2).mount(&aws.server).await;
    let account = scan_one(&scanner_at(&aws.uri(), settings(), time).await).await;
    assert_eq!(account.outcome(), Outcome::Partial);
    let unknown = account.users().unwrap().iter().filter(|user| user.access_keys.is_none()).count();
    assert!((1..40).contains(&unknown), "{unknown}");
    let gap = &account.gaps()[0];
    assert_eq!((gap.stage, gap.error_kind), (FactKind::AccessKeys.into(), ErrorKind::Denied));
    assert_eq!(gap.operation.as_deref(), Some("AssumeRole"));
    let (first, denied) = account.sessions().split_first().unwrap();
    assert!(first.access_key_id.is_some());
    let is_denied = |it: &IssuedSession| it.access_key_id.is_none() && it.request_id.is_some();
    assert!(!denied.is_empty() && denied.iter().all(is_denied), "renewals that AWS denied too: {denied:?}");
}

#[tokio::test]
async fn a_panic_in_one_account_fails_only_that_account() {
    let accounts = ["111111111111", "333333333333"].map(|id| (id, vec![User::new("u", &[(1, "Active")])]));
    let aws = FakeAws::with_accounts(accounts, 10).await;
    let (clock, time) = stepping_clock(Duration::from_millis(1));
    let mut settings = settings();
    settings.limits.concurrency = 1;
    let scanner = scanner_at(&aws.uri(), settings, time).await;
    let reads = || clock.reads.load(Ordering::SeqCst);
    let before = reads();
    scan_one(&scanner).await;
    let reads_per_account = reads() - before;
    assert!(reads_per_account > 5, "the clock is read in every step of the scan");
    let (mut internal, mut with_session) = (0, 0);
    // The panic may happen in any step.
    for later in 0..reads_per_account {
        clock.panics_at.store(reads() + later, Ordering::SeqCst);
        let accounts = scan(&scanner, &[ROLE_ARN, "arn:aws:iam::333333333333:role/R"]).await;
        assert_eq!(accounts.len(), 2);
        let (complete, broken): (Vec<_>, Vec<_>) =
            accounts.iter().partition(|account| account.outcome() == Outcome::Complete);
        assert!(complete.iter().all(|account| account.count() == (1, 1)));
        assert!(broken.len() <= 1, "{broken:?}");
        for account in broken {
            rolecall_testkit::secrets::assert_no_secret_in(&format!("{account:?}"));
            if account.gaps()[0].error_kind == ErrorKind::Internal {
                internal += 1;
                with_session += account.sessions().len();
                assert_eq!((account.outcome(), account.users()), (Outcome::Failed, None));
            } else {
                // In a task of the HTTP client, a panic is reported as a request that could not be sent.
                assert_eq!(account.gaps()[0].error_kind, ErrorKind::Transport, "{account:?}");
            }
        }
    }
    assert!(with_session > 0, "a panic loses no session");
    assert!(internal > 5, "{internal} of {reads_per_account} panics were in the scan itself");
}

#[tokio::test]
async fn the_used_permissions_are_those_that_the_collectors_declare() {
    let declared = rolecall_core::collect::actions(&rolecall_roll::FactSelection::default());
    let aws = FakeAws::start().await;
    scan_one(&scanner(&aws.uri(), settings()).await).await;
    let requests = aws.server.received_requests().await.unwrap();
    let used: BTreeSet<String> = requests
        .iter()
        .filter(|request| request.headers["authorization"].to_str().unwrap().contains("/iam/"))
        .map(|request| {
            let body = String::from_utf8_lossy(&request.body);
            let action = body.strip_prefix("Action=").unwrap().split('&').next().unwrap();
            format!("iam:{action}")
        })
        .collect();
    assert_eq!(used, declared.iter().map(ToString::to_string).collect());
    // Without one of them the account is not complete.
    for action in declared {
        let aws = FakeAws::start().await;
        aws.respond_with_error(action.strip_prefix("iam:").unwrap(), 403, "AccessDenied", "not this one")
            .await;
        let account = scan_one(&scanner(&aws.uri(), settings()).await).await;
        assert_ne!(account.outcome(), Outcome::Complete, "without {action}");
    }
}
