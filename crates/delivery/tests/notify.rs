//! Who is notified of a merged run, and with what.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot continue fails"
)]

mod common;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{FIRST_NIGHT, SECOND_NIGHT, Sweep, THIRD_NIGHT, ids, role_arn, users, write};
use rolecall_delivery::merge::Changes;
use rolecall_delivery::notify::Addresses;
use rolecall_delivery::{MergeError, Merged, NotifyError, Recipients, RunKey};
use rolecall_roll::{AccountRecord, RoleArn, User as RollUser};
use rolecall_testkit::secrets::{CALLER_SESSION_TOKEN, EXTERNAL_ID, assert_no_secret_in};
use rolecall_testkit::{FakeAws, User, operation, xml};
use serde_json::{Value, json};
use wiremock::matchers::header;
use wiremock::{Mock, Request, ResponseTemplate};

const TOPIC: &str = "arn:aws:sns:us-east-1:222222222222:rolecall";
const BUS: &str = "arn:aws:events:us-east-1:222222222222:event-bus/security";

fn addresses() -> Addresses {
    Addresses { topic_arn: Some(TOPIC.to_owned()), event_bus: Some(BUS.to_owned()), only_changes: false }
}

fn published() -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_string(
        "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult><MessageId>1</MessageId>\
         </PublishResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></PublishResponse>",
    )
}

/// `EventBridge`, which does not take the entries at these places of its first calls.
async fn mount_event_bus(aws: &FakeAws, refused: Vec<Vec<usize>>) {
    let calls = AtomicUsize::new(0);
    let answer = move |request: &Request| {
        let refused = refused.get(calls.fetch_add(1, Ordering::SeqCst)).cloned().unwrap_or_default();
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let results = (0..body["Entries"].as_array().unwrap().len()).map(|index| {
            if refused.contains(&index) {
                json!({"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"})
            } else {
                json!({"EventId": index.to_string()})
            }
        });
        let results: Vec<Value> = results.collect();
        ResponseTemplate::new(200)
            .set_body_json(json!({"FailedEntryCount": refused.len(), "Entries": results}))
    };
    let mock = Mock::given(header("x-amz-target", "AWSEvents.PutEvents"));
    mock.respond_with(answer).with_priority(1).mount(&aws.server).await;
}

/// An AWS with an account, of which this number of users has old keys.
async fn aws(old_keys: usize) -> FakeAws {
    let aws = FakeAws::with_accounts([("000000000001", users(old_keys))], 200).await;
    aws.answer("Publish", published()).await;
    aws
}

/// The messages to the topic: subject and text.
async fn messages(aws: &FakeAws) -> Vec<(String, String)> {
    let requests = aws.server.received_requests().await.unwrap();
    let parse = |request: &Request| {
        let url = format!("http://x/?{}", String::from_utf8_lossy(&request.body));
        let url: wiremock::http::Url = url.parse().unwrap();
        let value =
            |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        (value("Action").as_deref() == Some("Publish"))
            .then(|| (value("Subject").unwrap(), value("Message").unwrap()))
    };
    requests.iter().filter_map(parse).collect()
}

/// The entries of each call of `PutEvents`.
async fn event_calls(aws: &FakeAws) -> Vec<Vec<Value>> {
    let requests = aws.server.received_requests().await.unwrap();
    let is_events = |request: &&Request| request.headers.contains_key("x-amz-target");
    let entries = |request: &Request| {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        body["Entries"].as_array().unwrap().clone()
    };
    requests.iter().filter(is_events).map(entries).collect()
}

fn detail(entry: &Value) -> Value {
    serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap()
}

fn event_ids(calls: &[Vec<Value>]) -> Vec<String> {
    let entries = calls.iter().flatten();
    entries.map(|entry| detail(entry)["event_id"].as_str().unwrap().to_owned()).collect()
}

async fn merge(
    sweep: &Sweep,
    aws: &FakeAws,
    run: RunKey,
    addresses: Addresses,
) -> Result<Merged, MergeError> {
    let invocation = sweep.invocation(aws).await;
    let recipients = Recipients::new(&invocation.scanner, addresses);
    invocation.merge(run, recipients.as_ref()).await
}

async fn night(sweep: &Sweep, aws: &FakeAws, as_of: &str, addresses: Addresses) -> Merged {
    let run = sweep.collected(aws, as_of, 10).await;
    merge(sweep, aws, run, addresses).await.unwrap()
}

fn notify_error(error: MergeError) -> NotifyError {
    let MergeError::Notify(error) = error else { panic!("{error}") };
    error
}

#[tokio::test]
async fn a_roll_that_cannot_be_compared_is_not_called_the_first() {
    for (object, why) in [("roll.jsonl", "does not exist"), ("latest.json", "was changed")] {
        let sweep = Sweep::new(&ids(1));
        let aws = aws(0).await;
        mount_event_bus(&aws, Vec::new()).await;
        let first = night(&sweep, &aws, FIRST_NIGHT, addresses()).await;
        match object {
            "latest.json" => std::fs::write(sweep.path(object), "{").unwrap(),
            name => std::fs::remove_file(sweep.path(&first.run.object(name))).unwrap(),
        }
        night(&sweep, &aws, SECOND_NIGHT, addresses()).await;
        let (subject, text) = &messages(&aws).await[1];
        assert_eq!(subject, "Rolecall: ROLL COMPLETE, not compared with the last roll", "{object}");
        assert!(text.contains(why) && !text.contains("first roll"), "{text}");
        assert!(event_calls(&aws).await.is_empty());
    }
}

#[tokio::test]
async fn the_first_roll_sends_a_summary_and_no_events_and_later_ones_an_event_for_each_change() {
    let sweep = Sweep::new(&ids(1));
    let (none, many) = (aws(0).await, aws(23).await);
    for aws in [&none, &many] {
        mount_event_bus(aws, Vec::new()).await;
    }
    night(&sweep, &none, FIRST_NIGHT, addresses()).await;
    let first = &messages(&none).await[0];
    assert_eq!(first.0, "Rolecall: ROLL COMPLETE, first roll");
    assert!(first.1.contains("first roll"), "{}", first.1);
    assert!(event_calls(&none).await.is_empty());

    let merged = night(&sweep, &many, SECOND_NIGHT, addresses()).await;
    assert_eq!(merged.changes.unwrap().opened, 23);
    let calls = event_calls(&many).await;
    assert_eq!(calls.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 3]);
    let event_ids = event_ids(&calls);
    assert_eq!(event_ids.iter().collect::<BTreeSet<_>>().len(), 23);
    let entry = &calls[0][0];
    assert_eq!(entry["Source"], "rolecall");
    assert_eq!(entry["DetailType"], "Finding Opened");
    assert_eq!(entry["EventBusName"], BUS);
    assert_eq!(entry["Resources"][0], "arn:aws:iam::000000000001:user/user001");
    let detail = detail(entry);
    assert_eq!((&detail["rule"], &detail["change"]), (&json!("access-key-age"), &json!("opened")));
    assert_eq!(detail["run_id"], merged.run.run_id().to_string());
    let (subject, text) = &messages(&many).await[0];
    assert_eq!(subject, "Rolecall: ROLL COMPLETE, 23 new, 0 resolved");
    assert!(text.contains("New findings (23)") && text.contains("user001 AKIAUSER0011XXXXXXXX"), "{text}");

    night(&sweep, &none, THIRD_NIGHT, addresses()).await;
    let calls = event_calls(&none).await;
    assert_eq!(calls.iter().map(Vec::len).sum::<usize>(), 23);
    assert!(calls.iter().flatten().all(|entry| entry["DetailType"] == "Finding Resolved"));
    assert_eq!(messages(&none).await[1].0, "Rolecall: ROLL COMPLETE, 0 new, 23 resolved");
}

#[tokio::test]
async fn only_the_events_that_were_not_taken_are_sent_again() {
    let sweep = Sweep::new(&ids(1));
    let (none, many) = (aws(0).await, aws(12).await);
    night(&sweep, &none, FIRST_NIGHT, Addresses::default()).await;
    mount_event_bus(&many, vec![vec![1, 4, 9], vec![2], vec![]]).await;
    night(&sweep, &many, SECOND_NIGHT, addresses()).await;
    let calls = event_calls(&many).await;
    assert_eq!(calls.iter().map(Vec::len).collect::<Vec<_>>(), [10, 3, 1, 2]);
    assert_eq!(calls[1], [calls[0][1].clone(), calls[0][4].clone(), calls[0][9].clone()]);
    assert_eq!(calls[2], [calls[0][9].clone()]);
}

#[tokio::test]
async fn events_that_are_never_taken_are_an_error_and_the_next_merge_sends_them_with_the_same_ids() {
    let sweep = Sweep::new(&ids(1));
    let (none, some) = (aws(0).await, aws(3).await);
    let first = night(&sweep, &none, FIRST_NIGHT, Addresses::default()).await;
    mount_event_bus(&some, vec![vec![2], vec![0], vec![0], vec![0]]).await;
    let run = sweep.collected(&some, SECOND_NIGHT, 10).await;
    let error = notify_error(merge(&sweep, &some, run, addresses()).await.unwrap_err());
    let text = error.to_string();
    for part in [BUS, "1 events were not taken after 4 attempts", "ThrottlingException", "slow down"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert_eq!(sweep.latest(), Some(first.run.to_string()));
    assert!(messages(&some).await.is_empty());
    merge(&sweep, &some, run, addresses()).await.unwrap();
    let calls = event_calls(&some).await;
    assert_eq!(calls.iter().map(Vec::len).collect::<Vec<_>>(), [3, 1, 1, 1, 3]);
    assert_eq!(event_ids(&calls[..1]), event_ids(&calls[4..]));
    assert_eq!(sweep.latest(), Some(run.to_string()));
}

#[tokio::test]
async fn if_the_topic_denies_access_the_roll_is_stored_and_the_next_merge_notifies() {
    for (status, code, remedy) in [
        (403, "AuthorizationError", "allow sns:Publish on"),
        (403, "AccessDenied", "allow sns:Publish on"),
        (404, "NotFound", "check its name and its Region"),
        (400, "KMSAccessDenied", "kms:GenerateDataKey"),
    ] {
        let sweep = Sweep::new(&ids(1));
        let aws = aws(1).await;
        let first = night(&sweep, &aws, FIRST_NIGHT, addresses()).await;
        let aws = FakeAws::with_accounts([("000000000001", users(1))], 200).await;
        let message = format!("no: {CALLER_SESSION_TOKEN}");
        aws.respond_with_error("Publish", status, code, &message).await;
        let run = sweep.collected(&aws, SECOND_NIGHT, 10).await;
        let error = notify_error(merge(&sweep, &aws, run, addresses()).await.unwrap_err());
        assert!(error.to_string().contains(TOPIC) && error.to_string().contains(code), "{error}");
        assert_no_secret_in(&format!("{error} {error:?}"));
        assert!(error.remedy.unwrap().contains(remedy), "{code}");
        assert!(sweep.path(&run.object("roll.jsonl")).is_file());
        assert_eq!(sweep.latest(), Some(first.run.to_string()));
        let aws = self::aws(1).await;
        let merged = merge(&sweep, &aws, run, addresses()).await.unwrap();
        assert_eq!(merged.changes, Some(Changes::default()));
        assert_eq!(messages(&aws).await.len(), 1);
        assert_eq!(sweep.latest(), Some(run.to_string()));
        merge(&sweep, &aws, run, addresses()).await.unwrap();
        assert_eq!(messages(&aws).await.len(), 1, "nobody is notified twice");
    }
}

#[tokio::test]
async fn a_bus_that_denies_access_is_named_with_the_permission() {
    let sweep = Sweep::new(&ids(1));
    let (none, some) = (aws(0).await, aws(1).await);
    night(&sweep, &none, FIRST_NIGHT, Addresses::default()).await;
    let body =
        json!({"__type": "AccessDeniedException", "message": "not authorized to perform: events:PutEvents"});
    let denied = ResponseTemplate::new(400).set_body_json(body);
    let mock = Mock::given(header("x-amz-target", "AWSEvents.PutEvents"));
    mock.respond_with(denied).with_priority(1).mount(&some.server).await;
    let run = sweep.collected(&some, SECOND_NIGHT, 10).await;
    let error = notify_error(merge(&sweep, &some, run, addresses()).await.unwrap_err());
    assert_eq!(error.recipient, BUS);
    assert!(error.remedy.unwrap().contains(&format!("allow events:PutEvents on {BUS}")));
}

#[tokio::test]
async fn with_only_changes_a_summary_is_sent_if_there_is_something_to_see() {
    let only_changes = || Addresses { only_changes: true, ..addresses() };
    let sweep = Sweep::new(&ids(1));
    let aws = aws(2).await;
    let mut sent = Vec::new();
    for night_as_of in [FIRST_NIGHT, SECOND_NIGHT] {
        night(&sweep, &aws, night_as_of, only_changes()).await;
        sent.push(messages(&aws).await.len());
    }
    assert_eq!(sent, [1, 1], "the first roll is something to see, the same again is not");
    aws.deny_role(&role_arn("000000000001"));
    night(&sweep, &aws, THIRD_NIGHT, only_changes()).await;
    let messages = messages(&aws).await;
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[1].0, "Rolecall: ROLL INCOMPLETE, 0 new, 0 resolved");
    let text = &messages[1].1;
    assert!(text.contains("Accounts that could not be read as before (1)"), "{text}");
    assert!(
        text.contains("2 findings of before could not be evaluated; none of them counts as resolved"),
        "{text}"
    );
}

/// A night of which the users are known.
async fn night_of(sweep: &Sweep, aws: &FakeAws, as_of: &str, users: Vec<RollUser>) -> Merged {
    let run = sweep.plan(aws, as_of, 10).await;
    let role_arn: RoleArn = role_arn("000000000001").parse().unwrap();
    let record = AccountRecord::read(role_arn, users, Vec::new(), Vec::new());
    write(&sweep.path(&run.object("accounts/000000000001/complete.json")), &record);
    merge(sweep, aws, run, addresses()).await.unwrap()
}

fn named(name: &str, number: usize) -> RollUser {
    let key = rolecall_roll::AccessKey {
        access_key_id: format!("{:X<20}", format!("AKIA{number}")).parse().unwrap(),
        status: rolecall_roll::AccessKeyStatus::Active,
        create_date: Some(common::at("2024-01-01T00:00:00Z")),
        last_used: rolecall_roll::Fact::NotRequested,
    };
    RollUser {
        access_keys: Some(vec![key]),
        ..RollUser::new(
            name.to_owned(),
            format!("AIDA{number}"),
            format!("arn:aws:iam::000000000001:user/{name}"),
            "/".to_owned(),
            common::at("2024-01-01T00:00:00Z"),
        )
    }
}

#[tokio::test]
async fn names_from_an_account_do_not_steer_who_reads_the_message() {
    let sweep = Sweep::new(&ids(1));
    let aws = aws(0).await;
    mount_event_bus(&aws, Vec::new()).await;
    night_of(&sweep, &aws, FIRST_NIGHT, vec![]).await;
    let evil = "ann\u{1b}[31m\r\nResolved findings\u{202e}";
    night_of(&sweep, &aws, SECOND_NIGHT, vec![named(evil, 1)]).await;
    let (subject, text) = messages(&aws).await.pop().unwrap();
    assert!(subject.is_ascii() && subject.len() <= 100, "{subject}");
    assert!(text.contains("ann"), "{text}");
    assert!(!text.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{text:?}");
    assert!(!text.lines().any(|line| line.starts_with("Resolved findings")), "{text}");
    let calls = event_calls(&aws).await;
    assert_eq!(detail(&calls[0][0])["user_name"], evil, "JSON has the name as it is");
}

#[tokio::test]
async fn a_message_or_an_event_that_is_too_large_is_shortened_and_not_lost() {
    let sweep = Sweep::new(&ids(1));
    let aws = aws(0).await;
    mount_event_bus(&aws, Vec::new()).await;
    night_of(&sweep, &aws, FIRST_NIGHT, vec![]).await;
    // AWS's names are shorter; what the parts of a message are made of is not to be trusted.
    let long = |length: usize, number: usize| named(&format!("{number}{}", "ä€".repeat(length / 5)), number);
    let mut users: Vec<RollUser> = (2..=30).map(|number| long(12_000, number)).collect();
    users.push(named("ann", 1));
    users.push(long(1_300_000, 31));
    let merged = night_of(&sweep, &aws, SECOND_NIGHT, users).await;
    assert_eq!(merged.changes.unwrap().opened, 31);

    let (_, text) = messages(&aws).await.pop().unwrap();
    assert!((200_000..=262_144).contains(&text.len()), "{}", text.len());
    assert!(text.contains("the files have the rest") && text.ends_with("diff.json)\n"));

    let calls = event_calls(&aws).await;
    let mut events = 0;
    for call in &calls {
        let text = |value: &Value| value.as_str().map_or(0, str::len);
        let size = |entry: &Value| {
            let resources = entry["Resources"].as_array().into_iter().flatten().map(text).sum::<usize>();
            14 + text(&entry["Source"]) + text(&entry["DetailType"]) + text(&entry["Detail"]) + resources
        };
        let sizes: Vec<usize> = call.iter().map(size).collect();
        assert!(call.len() <= 10 && sizes.iter().sum::<usize>() < 256 * 1024, "{sizes:?}");
        events += call.len();
    }
    assert_eq!(events, 31);
    let details: Vec<Value> = calls.iter().flatten().map(detail).collect();
    let of = |user_id: &str| details.iter().find(|detail| detail["user_id"] == user_id).unwrap();
    let (whole, shortened) = (of("AIDA1"), of("AIDA31"));
    assert!(!whole["remedy"].is_null() && whole["is_shortened"].is_null());
    assert_eq!((&shortened["is_shortened"], &shortened["rule"]), (&json!(true), &json!("access-key-age")));
    let event_id = shortened["event_id"].as_str().unwrap();
    assert!(event_id.ends_with("access-key-age/AKIA31XXXXXXXXXXXXXX/opened"), "{event_id}");
}

#[tokio::test]
async fn no_message_or_event_has_a_secret() {
    let mut sweep = Sweep::new(&ids(2));
    sweep.set("external_id", EXTERNAL_ID);
    let accounts = || ids(2).into_iter().map(|id| (id, vec![User::new("ann", &[(1, "Active")])]));
    let accounts: Vec<_> = accounts().collect();
    let of = |users: bool| {
        accounts.iter().map(move |(id, all)| (id.as_str(), if users { all.clone() } else { vec![] }))
    };
    let (none, some) =
        (FakeAws::with_accounts(of(false), 10).await, FakeAws::with_accounts(of(true), 10).await);
    for aws in [&none, &some] {
        aws.answer("Publish", published()).await;
        mount_event_bus(aws, Vec::new()).await;
    }
    night(&sweep, &none, FIRST_NIGHT, addresses()).await;
    let echo = xml::error("AccessDenied", &format!("no: {EXTERNAL_ID}"));
    let denied = ResponseTemplate::new(403).set_body_string(echo);
    Mock::given(operation("AssumeRole"))
        .and(|request: &Request| String::from_utf8_lossy(&request.body).contains("000000000002"))
        .respond_with(denied)
        .with_priority(1)
        .mount(&some.server)
        .await;
    night(&sweep, &some, SECOND_NIGHT, addresses()).await;
    let requests = some.server.received_requests().await.unwrap();
    let sent = requests.iter().filter(|request| {
        request.headers.contains_key("x-amz-target")
            || String::from_utf8_lossy(&request.body).contains("Action=Publish")
    });
    let bodies: Vec<String> =
        sent.map(|request| String::from_utf8_lossy(&request.body).into_owned()).collect();
    assert_eq!(bodies.len(), 2);
    for body in &bodies {
        assert_no_secret_in(body);
    }
}
