//! A roll compared with CloudTrail records as AWS documents them: what contradicts the roll is named, and what the events
//! leave unknown is never taken for agreement.
//!
//! The records are those of <https://docs.aws.amazon.com/IAM/latest/UserGuide/cloudtrail-integration.html>.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot continue panics")]

mod common;

use std::io::Write;

use common::{account, gap, header, role_arn, roll_file_of, user};
use rolecall_report::cloudtrail::{EventsError, Reconciler, Reconciliation, Undetermined};
use rolecall_report::render;
use rolecall_roll::{AccountRecord, ErrorKind, Gap, Header, IssuedSession, RollFile, RollWriter, Stage};
use serde_json::{Value, json};

const NAME: &str = "audit";
const MEMBER: &str = "111111111111";
const REQUEST: &str = "4EXAMPLE-0e8d-11e4-96e4-e55c0EXAMPLE";
const SESSION_KEY: &str = "ASIAIOSFODNN7EXAMPLE";

fn run_header() -> Header {
    Header {
        session_name: Some(NAME.parse().unwrap()),
        actions: ["iam:ListUsers", "iam:ListAccessKeys"].map(str::to_owned).into(),
        ..header()
    }
}

fn session(request_id: &str, access_key_id: &str) -> IssuedSession {
    IssuedSession {
        request_id: Some(request_id.to_owned()),
        access_key_id: Some(access_key_id.parse().unwrap()),
    }
}

fn member() -> AccountRecord {
    account(MEMBER, vec![user("ann", Vec::new())]).with_sessions(vec![session(REQUEST, SESSION_KEY)])
}

fn roll(accounts: &[AccountRecord]) -> RollFile {
    roll_file_of(&run_header(), accounts)
}

/// A roll whose run was interrupted after these accounts.
fn interrupted_roll(accounts: &[AccountRecord]) -> RollFile {
    let mut file = tempfile::tempfile().unwrap();
    let mut bytes = Vec::new();
    let mut writer = RollWriter::new(&mut bytes, &run_header()).unwrap();
    for account in accounts {
        writer.write_account(account).unwrap();
    }
    drop(writer);
    file.write_all(&bytes).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    RollFile::read(file).unwrap()
}

/// An `AssumeRole` event of the caller's account.
fn assume_role(request_id: &str, session_name: &str, issued: &str) -> Value {
    json!({
        "eventVersion": "1.08",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": "AROAHUB:run",
            "arn": "arn:aws:sts::222222222222:assumed-role/LambdaRole/run",
            "accountId": "222222222222",
            "accessKeyId": "ASIAHUBHUBHUBHUBHUB1",
        },
        "eventTime": "2028-03-01T12:00:01Z",
        "eventSource": "sts.amazonaws.com",
        "eventName": "AssumeRole",
        "awsRegion": "eu-central-1",
        "sourceIPAddress": "192.0.2.1",
        "userAgent": "aws-sdk-rust/1.3",
        "requestParameters": {
            "roleArn": "arn:aws:iam::111111111111:role/IAMListRole",
            "roleSessionName": session_name,
            "durationSeconds": 900,
        },
        "responseElements": {
            "credentials": {
                "accessKeyId": issued,
                "sessionToken": "TOKEN-IN-CLOUDTRAIL",
                "expiration": "Mar 1, 2028, 12:15:01 PM",
            },
            "assumedRoleUser": {
                "assumedRoleId": format!("AROAMEMBER:{session_name}"),
                "arn": format!("arn:aws:sts::111111111111:assumed-role/IAMListRole/{session_name}"),
            },
        },
        "requestID": request_id,
        "eventID": format!("hub-{request_id}"),
        "sharedEventID": format!("shared-{request_id}"),
        "readOnly": true,
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "recipientAccountId": "222222222222",
        "eventCategory": "Management",
    })
}

/// The same event as the account of the role records it: without ARN and access key id of the caller.
fn in_member_account(mut event: Value) -> Value {
    event["userIdentity"] =
        json!({ "type": "AWSAccount", "principalId": "AROAHUB:run", "accountId": "222222222222" });
    event["recipientAccountId"] = json!(MEMBER);
    event["eventID"] = json!(format!("member-{}", event["requestID"].as_str().unwrap()));
    event
}

/// A call of a session in the member account.
fn call(action: &str, request_id: &str, access_key_id: &str) -> Value {
    json!({
        "eventVersion": "1.08",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": format!("AROAMEMBER:{NAME}"),
            "arn": format!("arn:aws:sts::111111111111:assumed-role/IAMListRole/{NAME}"),
            "accountId": MEMBER,
            "accessKeyId": access_key_id,
            "sessionContext": { "attributes": { "creationDate": "2028-03-01T12:00:01Z" } },
        },
        "eventTime": "2028-03-01T12:00:02Z",
        "eventSource": "iam.amazonaws.com",
        "eventName": action,
        "awsRegion": "us-east-1",
        "sourceIPAddress": "192.0.2.1",
        "requestParameters": { "maxItems": 1000 },
        "responseElements": null,
        "requestID": request_id,
        "eventID": format!("event-{request_id}"),
        "recipientAccountId": MEMBER,
    })
}

/// The events of a run that did what its roll says, in both accounts' trails.
fn agreeing() -> Vec<Value> {
    let assumed = assume_role(REQUEST, NAME, SESSION_KEY);
    vec![assumed.clone(), in_member_account(assumed), call("ListUsers", "r1", SESSION_KEY)]
}

fn compare(roll: &RollFile, events: &[Value]) -> Reconciliation {
    let mut reconciler = Reconciler::new(roll).unwrap();
    reconciler.add_file("events.json", json!({ "Records": events }).to_string().as_bytes()).unwrap();
    reconciler.finish()
}

fn text(reconciliation: &Reconciliation) -> String {
    let mut text = Vec::new();
    render::cloudtrail::render(&mut text, reconciliation).unwrap();
    String::from_utf8(text).unwrap()
}

/// Whether the verification fails, and whether it is complete.
fn verdict(reconciliation: &Reconciliation) -> (bool, bool) {
    (!reconciliation.is_reconciled(), reconciliation.is_complete())
}

#[test]
fn a_call_that_two_trails_record_counts_once() {
    let agreed = compare(&roll(&[member()]), &agreeing());
    assert_eq!(verdict(&agreed), (false, true), "{agreed:?}");
    assert_eq!((agreed.matched, agreed.declared_events, agreed.events.events), (1, 1, 3));
    insta::assert_snapshot!(text(&agreed));
}

#[test]
fn what_a_session_did_beyond_its_declared_calls_is_named_at_any_time() {
    let mut created = call("CreateAccessKey", "evil", SESSION_KEY);
    created["eventTime"] = json!("2028-03-01T18:30:00Z");
    created["sourceIPAddress"] = json!("203.0.113.7\u{1b}[2J");
    let mut denied = call("CreateUser", "denied", SESSION_KEY);
    denied["errorCode"] = json!("AccessDenied");
    // The credentials of the session assume another role. A throttled one is not the SDK's: sessions assume no role.
    let mut chained = assume_role("chained", "other", "ASIAOTHEROTHEROTHER1");
    chained["userIdentity"]["accessKeyId"] = json!(SESSION_KEY);
    let events = [agreeing(), vec![created.clone(), created, denied, chained]].concat();
    let found = compare(&roll(&[member()]), &events);
    assert_eq!(verdict(&found), (true, true));
    let actions: Vec<&str> = found.undeclared.iter().map(|call| call.action.as_str()).collect();
    assert_eq!(
        actions,
        ["sts:AssumeRole", "iam:CreateUser", "iam:CreateAccessKey"],
        "a duplicate is one call"
    );
    let text = text(&found);
    assert!(!text.contains('\u{1b}') && !text.contains("TOKEN-IN-CLOUDTRAIL"), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn the_session_name_in_other_hands_is_unexplained_unless_another_roll_has_the_call() {
    // Hours later, and before the run.
    let mut later = assume_role("later", NAME, "ASIALATERLATERLATER1");
    later["eventTime"] = json!("2028-03-01T16:00:00Z");
    let mut earlier = assume_role("earlier", NAME, "ASIAEARLIEREARLIER12");
    earlier["eventTime"] = json!("2028-02-29T16:00:00Z");
    let calls = [1, 2, 3].map(|number| call("ListUsers", &format!("later{number}"), "ASIALATERLATERLATER1"));
    let mut events = agreeing();
    events.extend([in_member_account(later.clone()), later, earlier]);
    events.extend(calls);
    let found = compare(&roll(&[member()]), &events);
    assert_eq!(verdict(&found), (true, true));
    insta::assert_snapshot!(text(&found));

    let other = |sessions| roll(&[account(MEMBER, Vec::new()).with_sessions(sessions)]);
    let later = other(vec![session("later", "ASIALATERLATERLATER1")]);
    let earlier =
        other(vec![session("earlier", "ASIAEARLIEREARLIER12"), session("x", "ASIAXXXXXXXXXXXXXXXX")]);
    let verified = roll(&[member()]);
    let mut reconciler = Reconciler::new(&verified).unwrap();
    reconciler.explain(&later).unwrap();
    reconciler.explain(&earlier).unwrap();
    reconciler.add_file("e", Value::from(events).to_string().as_bytes()).unwrap();
    let explained = reconciler.finish();
    assert_eq!(verdict(&explained), (false, true), "the other rolls are not verified: {explained:?}");
}

#[test]
fn a_session_whose_calls_are_not_in_the_events_is_unknown() {
    let of_hub_only = compare(&roll(&[member()]), &[assume_role(REQUEST, NAME, SESSION_KEY)]);
    assert_eq!(verdict(&of_hub_only), (false, false));
    assert_eq!(of_hub_only.unrecorded_sessions[0].access_key_id, SESSION_KEY);
    insta::assert_snapshot!(text(&of_hub_only));
    // A session that made no call has none in CloudTrail.
    let failed = Gap { error_kind: ErrorKind::Malformed, ..gap(Stage::Session, None) };
    let failed =
        AccountRecord::failed(role_arn(MEMBER), failed).with_sessions(vec![session(REQUEST, SESSION_KEY)]);
    let unused = compare(&roll(&[failed]), &[assume_role(REQUEST, NAME, SESSION_KEY)]);
    assert_eq!(verdict(&unused), (false, true), "{unused:?}");
}

#[test]
fn a_call_that_differs_from_the_roll_is_named_with_the_field() {
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut events = agreeing();
        events.iter_mut().take(2).for_each(change);
        compare(&roll(&[member()]), &events)
    };
    let role = json!("arn:aws:iam::111111111111:role/Admin");
    let no_parameters = changed(&|event| event["requestParameters"] = Value::Null);
    assert_eq!(verdict(&no_parameters), (false, true), "AWS leaves out fields");
    for (found, field) in [
        (changed(&|event| event["requestParameters"]["roleArn"] = role.clone()), "role"),
        (changed(&|event| event["requestParameters"]["roleSessionName"] = json!("other")), "session"),
        (changed(&|event| event["errorCode"] = json!("AccessDenied")), "outcome"),
        (
            changed(&|event| event["responseElements"]["credentials"]["accessKeyId"] = json!("ASIAX")),
            "access_key_id",
        ),
    ] {
        assert_eq!(verdict(&found), (true, true));
        assert_eq!(found.mismatched.len(), 1, "the same call in two trails");
        assert_eq!(found.mismatched[0].fields, [field]);
    }
    let none = compare(&roll(&[member()]), &agreeing()[2..]);
    assert_eq!((verdict(&none), none.missing[0].request_id.as_str()), ((true, true), REQUEST));
}

#[test]
fn a_denied_call_and_a_denied_renewal_are_calls_of_the_roll() {
    let denied = |request_id: &str| {
        let mut event = assume_role(request_id, NAME, "");
        event["errorCode"] = json!("AccessDenied");
        event["errorMessage"] = json!("User: arn:aws:sts::222222222222:… is not authorized");
        event["requestParameters"] = Value::Null;
        event["responseElements"] = Value::Null;
        event
    };
    let gap = Gap {
        operation: Some("AssumeRole".to_owned()),
        request_id: Some("denied".to_owned()),
        ..gap(Stage::Session, None)
    };
    let renewal = IssuedSession { request_id: Some("renewal".to_owned()), access_key_id: None };
    let accounts = [
        AccountRecord::failed(role_arn("333333333333"), gap),
        member().with_sessions(vec![session(REQUEST, SESSION_KEY), renewal]),
    ];
    let events = [agreeing(), vec![denied("denied"), denied("renewal")]].concat();
    let agreed = compare(&roll(&accounts), &events);
    assert_eq!((verdict(&agreed), agreed.matched), ((false, true), 3), "{agreed:?}");
    // An attempt that AWS throttled was repeated.
    let mut throttled = assume_role("throttled", NAME, "");
    throttled["errorCode"] = json!("ThrottlingException");
    let agreed = compare(&roll(&accounts), &[events, vec![throttled]].concat());
    assert_eq!((verdict(&agreed), agreed.throttled_attempts), ((false, true), 1));
}

#[test]
fn a_call_that_may_be_the_runs_own_is_unknown() {
    let unknown = |roll: &RollFile, event: Value| {
        let found = compare(roll, &[agreeing(), vec![event]].concat());
        let reasons: Vec<Undetermined> = found.undetermined.iter().map(|it| it.reason).collect();
        (verdict(&found), reasons)
    };
    let unknown_for = |reason| ((false, false), vec![reason]);
    let unrecorded = || assume_role("unrecorded", NAME, "ASIAUNRECORDED123456");
    let contradicts = ((true, true), Vec::new());
    // An interrupted run has no record of its last calls, and other actions are not its own.
    let interrupted = interrupted_roll(&[member()]);
    assert_eq!(unknown(&interrupted, unrecorded()), unknown_for(Undetermined::InterruptedRun));
    let mut before = unrecorded();
    before["eventTime"] = json!("2028-03-01T11:00:00Z");
    assert_eq!(unknown(&interrupted, before), contradicts);
    assert_eq!(unknown(&interrupted, call("CreateUser", "c", "ASIAUNRECORDED123456")), contradicts);
    // A timeout during AssumeRole, and a connection that broke.
    let other = role_arn("333333333333");
    let stopped = Gap { error_kind: ErrorKind::TimedOut, ..gap(Stage::Session, None) };
    let broken = Gap { operation: Some("AssumeRole".to_owned()), ..stopped.clone() };
    for gap in [stopped, broken] {
        let stopped = roll(&[member(), AccountRecord::failed(other.clone(), gap)]);
        assert_eq!(unknown(&stopped, unrecorded()), contradicts, "of another role");
        let mut of_role = unrecorded();
        of_role["requestParameters"]["roleArn"] = json!(other.as_str());
        assert_eq!(unknown(&stopped, of_role), unknown_for(Undetermined::NoResponse));
    }
    // CloudTrail may leave out the access key id.
    let without_key = |action| call(action, "k", "");
    let finished = roll(&[member()]);
    assert_eq!(unknown(&finished, without_key("ListUsers")), unknown_for(Undetermined::NoAccessKeyId));
    assert_eq!(unknown(&finished, without_key("CreateUser")), contradicts);
}

#[test]
fn events_are_read_in_every_form_in_which_people_have_them() {
    let events = agreeing();
    let records = |events: &[Value]| json!({ "Records": events }).to_string();
    let lookup = |events: &[Value]| {
        let wrapped = |event: &Value| json!({ "EventId": "e", "CloudTrailEvent": event.to_string() });
        json!({ "Events": events.iter().map(wrapped).collect::<Vec<_>>() })
    };
    let texts: Vec<String> = events.iter().map(Value::to_string).collect();
    let gzip = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let two = [records(&events[..1]), records(&events[1..])];
    let forms: Vec<(&str, Vec<u8>)> = vec![
        ("a log file", records(&events).into()),
        ("concatenated log files", two.concat().into()),
        ("compressed", gzip(&records(&events))),
        ("concatenated compressed log files", [gzip(&two[0]), gzip(&two[1])].concat()),
        ("with a byte order mark", format!("\u{feff}{}", records(&events)).into()),
        ("an array of events", Value::from(events.clone()).to_string().into()),
        ("an array of log files", format!("[{},{}]", two[0], two[1]).into()),
        ("events by line", texts.join("\n").into()),
        ("events by tab, of --output text", texts.join("\t").into()),
        ("indented", serde_json::to_vec_pretty(&json!({ "Records": events })).unwrap()),
        ("lookup-events", lookup(&events).to_string().into()),
        ("lookup-events of --query Events[]", lookup(&events)["Events"].to_string().into()),
        ("lookup-events of --query Events[].CloudTrailEvent", Value::from(texts).to_string().into()),
    ];
    for (form, bytes) in forms {
        let verified = roll(&[member()]);
        let mut reconciler = Reconciler::new(&verified).unwrap();
        reconciler.add_file(form, &bytes[..]).unwrap();
        let agreed = reconciler.finish();
        assert_eq!((verdict(&agreed), agreed.events.events), ((false, true), 3), "{form}: {agreed:?}");
        assert_eq!(agreed.events.other_records, 0, "{form}");
    }
}

#[test]
fn a_record_of_another_form_is_counted_and_a_file_that_is_not_json_is_an_error() {
    let others = [
        json!({ "eventVersion": "1.09", "eventTime": "2028-03-01T12:00:00Z", "eventType": "AwsCloudTrailInsight",
                "insightDetails": { "eventName": "CreateUser" } }),
        json!({ "eventTime": 17, "eventSource": "iam.amazonaws.com", "eventName": "ListUsers" }),
        json!({ "CloudTrailEvent": "not JSON" }),
        json!("\"\\\"deep\\\"\""),
        json!(17),
        Value::Null,
        json!(true),
        json!(-1.5),
    ];
    let digest =
        json!({ "awsAccountId": "222222222222", "digestStartTime": "2028-03-01T12:00:00Z" }).to_string();
    let verified = roll(&[member()]);
    let mut reconciler = Reconciler::new(&verified).unwrap();
    let all = [agreeing(), others.to_vec()].concat();
    let records = json!({ "Records": all }).to_string();
    reconciler.add_file("events.json", records.as_bytes()).unwrap();
    reconciler.add_file("digest.json", digest.as_bytes()).unwrap();
    let agreed = reconciler.finish();
    assert_eq!(verdict(&agreed), (false, true), "{agreed:?}");
    assert_eq!((agreed.events.events, agreed.events.other_records), (3, others.len() + 1));
    assert!(
        text(&agreed)
            .contains("Skipped 9 records that are not events of API calls, the first in events.json.")
    );

    let error = |bytes: &[u8]| {
        let verified = roll(&[member()]);
        let mut reconciler = Reconciler::new(&verified).unwrap();
        let result = reconciler.add_file("f", bytes);
        (result.map_err(|error| error.to_string()), reconciler.has_events())
    };
    assert_eq!(error(b""), (Ok(()), false));
    assert_eq!(error(b"{}"), (Ok(()), false));
    assert_eq!(error(b"{\"Events\": []}"), (Ok(()), true), "CloudTrail has no event");
    let (cut, _) = error(&records.as_bytes()[..records.len() - 40]);
    assert!(cut.as_ref().unwrap_err().starts_with("not valid JSON: EOF while"), "{cut:?}");
    let (text, _) = error(b"{\"Records\": []}\nnonsense");
    assert!(text.unwrap_err().contains("at line 2 column"));
    let gzip = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1];
    let (compressed, _) = error(&gzip);
    assert!(compressed.is_err(), "{compressed:?}");
    let mut reconciler = Reconciler::new(&verified).unwrap();
    assert!(matches!(reconciler.add_file("f", &gzip[..]), Err(EventsError::Io(_))));
}

#[test]
fn events_that_end_with_a_next_token_leave_the_rest_unknown() {
    let page = |event: &Value, token: Option<&str>| {
        let mut page = json!({ "Events": [{ "CloudTrailEvent": event.to_string() }] });
        if let Some(token) = token {
            page["NextToken"] = json!(token);
        }
        page.to_string()
    };
    let events = agreeing();
    let read = |pages: &[String]| {
        let verified = roll(&[member()]);
        let mut reconciler = Reconciler::new(&verified).unwrap();
        reconciler.add_file("cut.json", pages.concat().as_bytes()).unwrap();
        reconciler.finish()
    };
    let first = read(&[page(&events[2], Some("abc"))]);
    assert_eq!(verdict(&first), (false, false), "a missing call may be in the rest");
    insta::assert_snapshot!(text(&first));
    // All pages, one after the other: the last has no token.
    let all = read(&[page(&events[0], Some("abc")), page(&events[2], None)]);
    assert_eq!(verdict(&all), (false, true), "{all:?}");
    let without = page(&events[2], Some("abc")).replace("\"abc\"", "null");
    assert_eq!(verdict(&read(&[page(&events[0], Some("abc")), without])), (false, true));
}
