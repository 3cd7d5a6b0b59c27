//! Responses that contradict each other or lack a part: no user, key or account is lost because of one response.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot continue fails")]

mod common;

use common::{scan_one, scanner, settings};
use rolecall_core::collect::parse_facts;
use rolecall_roll::{AccountRecord, ErrorKind, FactKind, Outcome};
use rolecall_testkit::{FakeAws, User, operation, xml};
use wiremock::{Mock, Request, ResponseTemplate};

fn ok(body: impl Into<String>) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_string(body)
}

fn not_found() -> ResponseTemplate {
    ResponseTemplate::new(404)
        .set_body_string(xml::error("NoSuchEntity", "The user with name bob cannot be found."))
}

/// Answers the calls of an operation about bob with this response, up to so many times.
async fn answer_about_bob(aws: &FakeAws, name: &'static str, response: ResponseTemplate, times: u64) {
    let about_bob = |request: &Request| String::from_utf8_lossy(&request.body).contains("UserName=bob");
    let mock = Mock::given(operation(name)).and(about_bob).respond_with(response);
    mock.up_to_n_times(times).with_priority(1).mount(&aws.server).await;
}

fn names(account: &AccountRecord) -> Vec<&str> {
    account.users().unwrap().iter().map(|user| user.user_name.as_str()).collect()
}

#[tokio::test]
async fn a_user_who_is_not_found_once_and_still_listed_is_read_again() {
    let aws = FakeAws::start().await;
    answer_about_bob(&aws, "ListAccessKeys", not_found(), 2).await;
    let account = scan_one(&scanner(&aws.uri(), settings()).await).await;
    assert_eq!(account.outcome(), Outcome::Complete, "{:?}", account.gaps());
    assert_eq!(names(&account), ["alice", "bob", "deployer", "x+=,.@-y"]);
    assert!(account.users().unwrap()[1].access_keys.is_some());
    assert!(account.notes().is_empty());
}

#[tokio::test]
async fn a_user_who_is_listed_and_never_found_is_a_gap_and_stays_in_the_roll() {
    let aws = FakeAws::start().await;
    answer_about_bob(&aws, "ListAccessKeys", not_found(), u64::MAX).await;
    let account = scan_one(&scanner(&aws.uri(), settings()).await).await;
    assert_eq!(account.outcome(), Outcome::Partial);
    assert_eq!(names(&account), ["alice", "bob", "deployer", "x+=,.@-y"]);
    let [gap] = account.gaps() else { panic!("{:?}", account.gaps()) };
    assert_eq!((gap.stage, gap.error_kind), (FactKind::AccessKeys.into(), ErrorKind::Inconsistent));
    assert_eq!(gap.user_name.as_deref(), Some("bob"));
    assert!(gap.message.contains("ListUsers lists this user, but ListAccessKeys says"), "{}", gap.message);
}

#[tokio::test]
async fn a_user_who_is_not_found_and_no_longer_listed_is_a_note_and_no_gap() {
    let aws = FakeAws::start().await;
    answer_about_bob(&aws, "ListAccessKeys", not_found(), u64::MAX).await;
    let bob = [User::new("alice", &[(1, "Active")]), User::new("bob", &[])];
    let first =
        Mock::given(operation("ListUsers")).respond_with(ok(xml::list_users("111111111111", &bob, None)));
    first.up_to_n_times(1).with_priority(1).mount(&aws.server).await;
    let later = Mock::given(operation("ListUsers")).respond_with(ok(xml::list_users(
        "111111111111",
        &bob[..1],
        None,
    )));
    later.with_priority(2).mount(&aws.server).await;
    let account = scan_one(&scanner(&aws.uri(), settings()).await).await;
    assert_eq!(account.outcome(), Outcome::Complete, "{:?}", account.gaps());
    assert_eq!(names(&account), ["alice"]);
    assert_eq!(account.notes()[0].user_name.as_deref(), Some("bob"));
}

fn summary(users: usize) -> ResponseTemplate {
    let entries = [("Users", users), ("AccountAccessKeysPresent", 0), ("AccountMFAEnabled", 1)]
        .map(|(key, value)| format!("<entry><key>{key}</key><value>{value}</value></entry>"));
    ok(format!(
        "<GetAccountSummaryResponse><GetAccountSummaryResult><SummaryMap>{}</SummaryMap></GetAccountSummaryResult>\
         </GetAccountSummaryResponse>",
        entries.concat()
    ))
}

#[tokio::test]
async fn a_user_who_is_missing_in_the_first_list_is_read_after_the_second() {
    let aws = FakeAws::start().await;
    let without_bob = [User::new("alice", &[(1, "Active")])];
    let first = Mock::given(operation("ListUsers")).respond_with(ok(xml::list_users(
        "111111111111",
        &without_bob,
        None,
    )));
    first.up_to_n_times(1).with_priority(1).mount(&aws.server).await;
    aws.answer("GetAccountSummary", summary(4)).await;
    let mut settings = settings();
    settings.selection.facts = parse_facts("access_keys,control_total").unwrap();
    let account = scan_one(&scanner(&aws.uri(), settings).await).await;
    assert_eq!(account.outcome(), Outcome::Complete, "{:?}", account.gaps());
    assert_eq!(names(&account), ["alice", "bob", "deployer", "x+=,.@-y"]);
    assert!(account.users().unwrap().iter().all(|user| user.access_keys.is_some()));
}

#[tokio::test]
async fn a_number_of_users_that_no_list_has_is_a_gap() {
    let aws = FakeAws::start().await;
    aws.answer("GetAccountSummary", summary(5)).await;
    let mut settings = settings();
    settings.selection.facts = parse_facts("access_keys,control_total").unwrap();
    let account = scan_one(&scanner(&aws.uri(), settings).await).await;
    assert_eq!(account.outcome(), Outcome::Partial);
    assert_eq!(account.gaps()[0].stage, FactKind::ControlTotal.into());
    assert_eq!(account.users().unwrap().len(), 4);
}

/// The details of these users.
fn details_of(user_names: &[&str]) -> ResponseTemplate {
    let user = |name: &str| {
        format!(
            "<member><Path>/</Path><UserName>{name}</UserName><UserId>AIDA{name}</UserId>\
             <Arn>arn:aws:iam::111111111111:user/{name}</Arn><CreateDate>2024-03-01T12:00:00Z</CreateDate><GroupList/>\
             <AttachedManagedPolicies/></member>"
        )
    };
    ok(format!(
        "<GetAccountAuthorizationDetailsResponse><GetAccountAuthorizationDetailsResult><IsTruncated>false</IsTruncated>\
         <UserDetailList>{}</UserDetailList></GetAccountAuthorizationDetailsResult>\
         </GetAccountAuthorizationDetailsResponse>",
        user_names.iter().map(|name| user(name)).collect::<String>()
    ))
}

#[tokio::test]
async fn a_user_that_another_response_has_and_no_list_is_a_gap_unless_deleted_meanwhile() {
    for (is_deleted, outcome) in [(false, Outcome::Partial), (true, Outcome::Complete)] {
        let aws = FakeAws::with_accounts([("111111111111", vec![User::new("alice", &[])])], 10).await;
        let first = Mock::given(operation("GetAccountAuthorizationDetails"))
            .respond_with(details_of(&["alice", "ghost"]));
        first.up_to_n_times(1).with_priority(1).mount(&aws.server).await;
        let later = if is_deleted { details_of(&["alice"]) } else { details_of(&["alice", "ghost"]) };
        let later = Mock::given(operation("GetAccountAuthorizationDetails")).respond_with(later);
        later.with_priority(2).mount(&aws.server).await;
        let mut settings = settings();
        settings.selection.facts = parse_facts("access_keys,policies").unwrap();
        let account = scan_one(&scanner(&aws.uri(), settings).await).await;
        assert_eq!(account.outcome(), outcome, "{:?}", account.gaps());
        assert_eq!(names(&account), ["alice"]);
        if let [gap] = account.gaps() {
            assert_eq!((gap.stage, gap.error_kind), (FactKind::Users.into(), ErrorKind::Inconsistent));
            assert!(gap.message.contains("such as \"ghost\""), "{}", gap.message);
        }
    }
}

/// Responses that the SDK would read as "none": each is a gap.
#[tokio::test]
async fn a_response_without_the_shape_of_its_operation_is_a_gap() {
    let list_keys = |result: &str| {
        format!(
            "<ListAccessKeysResponse><ListAccessKeysResult>{result}</ListAccessKeysResult></ListAccessKeysResponse>"
        )
    };
    let key = |user: &str, id: &str| {
        format!(
            "<member><UserName>{user}</UserName><AccessKeyId>{id}</AccessKeyId><Status>Active</Status>\
             <CreateDate>2024-03-02T12:00:00Z</CreateDate></member>"
        )
    };
    let without_date =
        key("bob", "AKIABOB1XXXXXXXXXXXX").replace("<CreateDate>2024-03-02T12:00:00Z</CreateDate>", "");
    let twice = key("bob", "AKIABOB1XXXXXXXXXXXX").repeat(2);
    let bodies = [
        list_keys(""),
        list_keys("<IsTruncated>false</IsTruncated>"),
        list_keys(&format!(
            "<AccessKeyMetadata>{}</AccessKeyMetadata>",
            key("carol", "AKIABOB1XXXXXXXXXXXX")
        )),
        list_keys(&format!("<AccessKeyMetadata>{twice}</AccessKeyMetadata>")),
        list_keys(&format!("<AccessKeyMetadata>{without_date}</AccessKeyMetadata>")),
        list_keys("<AccessKeyMetadata/><Marker>next</Marker>"),
        xml::error("Throttling", "an error with status 200"),
        "{}".to_owned(),
    ];
    for body in bodies {
        let aws = FakeAws::start().await;
        answer_about_bob(&aws, "ListAccessKeys", ok(body.as_str()), u64::MAX).await;
        let account = scan_one(&scanner(&aws.uri(), settings()).await).await;
        assert_eq!(account.outcome(), Outcome::Partial, "{body}");
        let [gap] = account.gaps() else { panic!("{body}: {:?}", account.gaps()) };
        assert_eq!(
            (gap.stage, gap.error_kind),
            (FactKind::AccessKeys.into(), ErrorKind::Malformed),
            "{body}"
        );
        assert_eq!(gap.user_name.as_deref(), Some("bob"));
    }
    let users = [User::new("alice", &[])];
    let other_account = xml::list_users("999999999999", &users, None);
    let no_list = "<ListUsersResponse><ListUsersResult/></ListUsersResponse>".to_owned();
    let twice = xml::list_users("111111111111", &[users[0].clone(), users[0].clone()], None);
    for (body, outcome) in
        [(other_account, Outcome::Failed), (no_list, Outcome::Failed), (twice, Outcome::Partial)]
    {
        let aws = FakeAws::start().await;
        aws.answer("ListUsers", ok(body.as_str())).await;
        let account = scan_one(&scanner(&aws.uri(), settings()).await).await;
        assert_eq!(account.outcome(), outcome, "{body}");
        assert_eq!(account.gaps()[0].error_kind, ErrorKind::Malformed, "{body}");
    }
}

/// The gap of one of bob's facts, of an account that is read with this fact.
async fn gap_of_bob(aws: &FakeAws, fact: FactKind) -> (AccountRecord, ErrorKind) {
    let mut settings = settings();
    settings.selection.facts = parse_facts(&format!("access_keys,{fact}")).unwrap();
    let account = scan_one(&scanner(&aws.uri(), settings).await).await;
    let is_of_bob =
        |gap: &&rolecall_roll::Gap| gap.stage == fact.into() && gap.user_name.as_deref() == Some("bob");
    let error_kind = account.gaps().iter().find(is_of_bob).unwrap().error_kind;
    (account, error_kind)
}

#[tokio::test]
async fn an_mfa_device_without_a_date_is_a_gap_and_was_not_enabled_in_1970() {
    let aws = FakeAws::start().await;
    let body = "<ListMFADevicesResponse><ListMFADevicesResult><MFADevices><member><UserName>bob</UserName>\
                <SerialNumber>arn:aws:iam::111111111111:mfa/bob</SerialNumber></member></MFADevices>\
                </ListMFADevicesResult></ListMFADevicesResponse>";
    answer_about_bob(&aws, "ListMFADevices", ok(body), u64::MAX).await;
    let (account, error_kind) = gap_of_bob(&aws, FactKind::MfaDevices).await;
    assert_eq!(error_kind, ErrorKind::Malformed);
    assert!(account.users().unwrap()[1].mfa_devices.known().is_none());
}

#[tokio::test]
async fn a_user_who_is_not_found_is_not_one_without_a_password() {
    let aws = FakeAws::start().await;
    answer_about_bob(&aws, "GetLoginProfile", not_found(), u64::MAX).await;
    let (account, error_kind) = gap_of_bob(&aws, FactKind::ConsolePassword).await;
    assert_eq!(error_kind, ErrorKind::Inconsistent);
    assert!(account.users().unwrap()[1].console_password.known().is_none());
}
