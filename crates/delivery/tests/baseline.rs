//! What changed since an account was last read: what is unknown tonight is neither resolved nor new.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot continue fails")]

mod common;

use common::{FIRST_NIGHT, SECOND_NIGHT, Sweep, THIRD_NIGHT, at, role_arn, write};
use rolecall_delivery::Merged;
use rolecall_delivery::merge::Changes;
use rolecall_roll::{
    AccessKey, AccessKeyStatus, AccountRecord, ConsolePassword, ErrorKind, Fact, FactKind, Gap, MfaDevice,
    Outcome, Remedy, RoleArn, RunId, Stage, Target, User,
};
use rolecall_testkit::FakeAws;
use serde_json::Value;

const A: &str = "111111111111";
const B: &str = "333333333333";
const FOURTH_NIGHT: &str = "2026-11-28T03:00:00Z";

/// A user who has these keys, all of them old, a password, and an MFA device.
fn user(name: &str, keys: &[&str]) -> User {
    let key = |id: &&str| AccessKey {
        access_key_id: format!("{id:X<20}").parse().unwrap(),
        status: AccessKeyStatus::Active,
        create_date: Some(at("2024-01-01T00:00:00Z")),
        last_used: Fact::NotRequested,
    };
    let password =
        ConsolePassword { create_date: Some(at("2026-11-20T00:00:00Z")), password_reset_required: false };
    User {
        access_keys: Some(keys.iter().map(key).collect()),
        console_password: Fact::live(Some(password)),
        mfa_devices: device(),
        ..User::new(
            name.to_owned(),
            format!("AIDA{name}"),
            format!("arn:aws:iam::{A}:user/{name}"),
            "/".to_owned(),
            at("2024-01-01T00:00:00Z"),
        )
    }
}

fn device() -> Fact<Vec<MfaDevice>> {
    Fact::live(vec![MfaDevice {
        serial_number: "arn:aws:iam::111111111111:mfa/phone".to_owned(),
        enable_date: None,
    }])
}

fn unknown<T>() -> Fact<T> {
    Fact::Unknown { unknown: "ListMFADevices: access denied".to_owned() }
}

fn gap(stage: Stage, user_name: Option<&str>) -> Gap {
    Gap {
        stage,
        operation: None,
        user_name: user_name.map(str::to_owned),
        error_kind: ErrorKind::Denied,
        code: Some("AccessDenied".to_owned()),
        message: "no".to_owned(),
        request_id: None,
        remedy: Remedy::RetryLater,
    }
}

fn target(id: &str) -> Target {
    role_arn(id).parse::<RoleArn>().unwrap().into()
}

fn read(id: &str, users: Vec<User>) -> AccountRecord {
    AccountRecord::read(target(id), users, Vec::new(), Vec::new())
}

fn partial(id: &str, users: Vec<User>, gaps: Vec<Gap>) -> AccountRecord {
    AccountRecord::read(target(id), users, gaps, Vec::new())
}

fn denied(id: &str) -> AccountRecord {
    AccountRecord::failed(target(id), gap(Stage::Session, None))
}

/// Nightly runs of which the records are known.
struct Nights {
    aws: FakeAws,
    sweep: Sweep,
}

/// What a night's merge stored.
struct Night {
    merged: Merged,
    diff: Value,
    ocsf: Vec<Value>,
}

impl Nights {
    async fn new() -> Self {
        let mut sweep = Sweep::new(&[A.to_owned()]);
        sweep.settings.selection.facts.extend([FactKind::ConsolePassword, FactKind::MfaDevices]);
        Self { aws: FakeAws::start().await, sweep }
    }

    async fn night(&mut self, as_of: &str, records: &[AccountRecord]) -> Night {
        let ids: Vec<String> = records.iter().map(|record| record.account_id().to_string()).collect();
        self.sweep.options = Sweep::new(&ids).options;
        let run = self.sweep.plan(&self.aws, as_of, 10).await;
        for record in records {
            let name = match record.outcome() {
                Outcome::Complete | Outcome::Skipped => "complete.json".to_owned(),
                _ => format!("attempt-0001-{}.json", RunId::random()),
            };
            let record = record.clone().with_as_of(at(as_of));
            write(
                &self.sweep.path(&run.object(&format!("accounts/{}/{name}", record.account_id()))),
                &record,
            );
        }
        let merged = self.sweep.merge(&self.aws, run).await.unwrap();
        let diff = self.sweep.path(&run.object("diff.json"));
        let diff = if diff.is_file() { self.sweep.json(&run.object("diff.json")) } else { Value::Null };
        let ocsf = self.sweep.read(&run.object("findings.ocsf.json.gz"));
        Night { merged, diff, ocsf: ocsf.lines().map(|line| serde_json::from_str(line).unwrap()).collect() }
    }
}

impl Night {
    /// The findings in a list of the differences, as rule and user.
    fn findings(&self, list: &str) -> Vec<String> {
        let list = self.diff[list].as_array().unwrap().iter();
        let text = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
        list.map(|finding| format!("{} {}", text(finding, "rule"), text(finding, "user_name"))).collect()
    }

    fn changes(&self) -> (usize, usize, usize) {
        let Changes { opened, resolved, became_unreadable, .. } = self.merged.changes.unwrap();
        (opened, resolved, became_unreadable)
    }

    /// The OCSF events with this activity, as rule and resource.
    fn events(&self, activity: &str) -> Vec<String> {
        let events = self.ocsf.iter().filter(|event| event["activity_name"] == activity);
        let events = events.filter(|event| event["resources"].is_array());
        events.map(|event| event["finding_info"]["types"][0].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn the_first_roll_has_no_changes() {
    let mut nights = Nights::new().await;
    let first = nights.night(FIRST_NIGHT, &[read(A, vec![user("ann", &["AKIA1"])])]).await;
    assert_eq!((first.merged.changes, &first.diff), (None, &Value::Null));
    assert_eq!(first.events("Create"), ["access-key-age"]);
    assert!(first.events("Close").is_empty() && first.events("Update").is_empty());
    let second = nights.night(SECOND_NIGHT, &[read(A, vec![user("ann", &["AKIA1"])])]).await;
    assert_eq!(second.merged.changes, Some(Changes::default()));
    assert_eq!(second.events("Update"), ["access-key-age"]);
    assert!(second.events("Create").is_empty());
}

#[tokio::test]
async fn an_account_that_denies_for_a_while_is_compared_with_what_was_read_before() {
    for is_resolved in [false, true] {
        let mut nights = Nights::new().await;
        nights.night(FIRST_NIGHT, &[read(A, vec![user("ann", &["AKIA1"])]), read(B, vec![])]).await;
        // It is reported once as unreadable, and not every night.
        for (night, unreadable) in [(SECOND_NIGHT, 1), (THIRD_NIGHT, 0), ("2026-11-27T09:00:00Z", 0)] {
            let night = nights.night(night, &[denied(A), read(B, vec![])]).await;
            assert_eq!(night.changes(), (0, 0, unreadable));
            assert_eq!(night.findings("now_unknown"), ["access-key-age ann"]);
            assert!(night.events("Close").is_empty());
        }
        let keys: &[&str] = if is_resolved { &[] } else { &["AKIA1"] };
        let last = nights.night(FOURTH_NIGHT, &[read(A, vec![user("ann", keys)]), read(B, vec![])]).await;
        assert_eq!(last.changes(), (0, usize::from(is_resolved), 0));
        let closed = if is_resolved { vec!["access-key-age"] } else { vec![] };
        assert_eq!(last.events("Close"), closed);
        assert!(last.findings("newly_known").is_empty() && last.findings("opened").is_empty());
    }
}

#[tokio::test]
async fn a_finding_that_is_new_after_a_denial_is_opened_once() {
    let mut nights = Nights::new().await;
    nights.night(FIRST_NIGHT, &[read(A, vec![user("ann", &[])])]).await;
    nights.night(SECOND_NIGHT, &[denied(A)]).await;
    let third = nights.night(THIRD_NIGHT, &[read(A, vec![user("ann", &["AKIA1"])])]).await;
    assert_eq!(third.findings("opened"), ["access-key-age ann"]);
    let fourth = nights.night(FOURTH_NIGHT, &[read(A, vec![user("ann", &["AKIA1"])])]).await;
    assert_eq!(fourth.changes(), (0, 0, 0));
}

#[tokio::test]
async fn a_fact_that_is_unknown_keeps_its_last_value() {
    let without = || User { mfa_devices: Fact::live(vec![]), ..user("ann", &[]) };
    let with = || user("ann", &[]);
    for (before, after, expected) in [
        (without(), with(), (0, 1, 0)),
        (without(), without(), (0, 0, 0)),
        (with(), without(), (1, 0, 0)),
        (with(), with(), (0, 0, 0)),
    ] {
        let mut nights = Nights::new().await;
        let has_finding = before.mfa_devices.known().is_some_and(Vec::is_empty);
        nights.night(FIRST_NIGHT, &[read(A, vec![before])]).await;
        for night in [SECOND_NIGHT, THIRD_NIGHT] {
            let today = User { mfa_devices: unknown(), ..user("ann", &[]) };
            let gaps = vec![gap(FactKind::MfaDevices.into(), Some("ann"))];
            let night = nights.night(night, &[partial(A, vec![today], gaps)]).await;
            assert_eq!(night.findings("resolved"), [""; 0]);
            assert_eq!(night.findings("now_unknown").len(), usize::from(has_finding));
            assert!(night.events("Close").is_empty());
        }
        let last = nights.night(FOURTH_NIGHT, &[read(A, vec![after])]).await;
        assert_eq!(last.changes(), expected);
        assert!(last.findings("newly_known").is_empty());
    }
}

#[tokio::test]
async fn keys_that_are_unknown_keep_their_last_state() {
    let mut nights = Nights::new().await;
    nights.night(FIRST_NIGHT, &[read(A, vec![user("ann", &["AKIA1"]), user("bob", &["AKIA2"])])]).await;
    let unread = User { access_keys: None, ..user("ann", &[]) };
    let gaps = vec![gap(FactKind::AccessKeys.into(), Some("ann"))];
    let second = nights.night(SECOND_NIGHT, &[partial(A, vec![unread, user("bob", &[])], gaps)]).await;
    assert_eq!(second.findings("resolved"), ["access-key-age bob"], "bob's keys were read");
    assert_eq!(second.findings("now_unknown"), ["access-key-age ann"]);
    let third = nights.night(THIRD_NIGHT, &[read(A, vec![user("ann", &[]), user("bob", &[])])]).await;
    assert_eq!(third.findings("resolved"), ["access-key-age ann"], "and bob's is not resolved again");
}

#[tokio::test]
async fn a_user_who_is_not_in_an_incomplete_list_is_not_deleted() {
    let mut nights = Nights::new().await;
    let both = || vec![user("ann", &["AKIA1"]), user("bob", &["AKIA2"])];
    nights.night(FIRST_NIGHT, &[read(A, both())]).await;
    let gaps = || vec![gap(FactKind::Users.into(), None)];
    let second = nights.night(SECOND_NIGHT, &[partial(A, vec![user("ann", &[])], gaps())]).await;
    assert_eq!(second.findings("resolved"), ["access-key-age ann"]);
    assert_eq!(second.findings("now_unknown"), ["access-key-age bob"]);
    assert_eq!(second.diff["users_removed"].as_array().unwrap().len(), 0);
    let third = nights.night(THIRD_NIGHT, &[read(A, vec![user("ann", &[])])]).await;
    assert_eq!(third.findings("resolved"), ["access-key-age bob"], "the complete list does not have bob");
}

#[tokio::test]
async fn an_account_that_left_or_is_suspended_resolves_nothing() {
    let skipped =
        || AccountRecord::skipped(Target { account_id: A.parse().unwrap(), role_arn: None }, "suspended");
    let all = || [read(A, vec![user("ann", &["AKIA1"])]), read(B, vec![])];
    let mut nights = Nights::new().await;
    nights.night(FIRST_NIGHT, &all()).await;
    let left = nights.night(SECOND_NIGHT, &[read(B, vec![])]).await;
    assert_eq!(left.changes(), (0, 0, 0));
    assert!(left.events("Close").is_empty());
    assert!(left.merged.complete);

    let mut nights = Nights::new().await;
    nights.night(FIRST_NIGHT, &all()).await;
    let run = nights.sweep.plan(&nights.aws, SECOND_NIGHT, 10).await;
    // The plan has it as suspended.
    let path = nights.sweep.path(&run.object("plan.json"));
    let plan = nights.sweep.read(&run.object("plan.json")).replace(&format!("\"{}\"", role_arn(A)), "null");
    std::fs::write(path, plan).unwrap();
    for record in [skipped(), read(B, vec![])] {
        let key = run.object(&format!("accounts/{}/complete.json", record.account_id()));
        write(&nights.sweep.path(&key), &record);
    }
    let merged = nights.sweep.merge(&nights.aws, run).await.unwrap();
    assert_eq!(merged.changes, Some(Changes::default()));
    assert!(!nights.sweep.read(&run.object("findings.ocsf.json.gz")).contains("\"Close\""));
}

#[tokio::test]
async fn a_run_before_that_was_edited_is_not_compared_with() {
    for name in ["roll.jsonl", "baseline.jsonl"] {
        let mut nights = Nights::new().await;
        nights
            .night(
                FIRST_NIGHT,
                &[read(A, vec![user("ann", &["AKIA1"])]), read(B, vec![user("bob", &["AKIA2"])])],
            )
            .await;
        let second = nights.night(SECOND_NIGHT, &[read(A, vec![user("ann", &["AKIA1"])]), denied(B)]).await;
        let path = nights.sweep.path(&second.merged.run.object(name));
        let text = std::fs::read_to_string(&path).unwrap();
        let edited = text.replace("\"status\":\"Active\"", "\"status\":\"Inactive\"");
        assert_ne!(edited, text, "{name}");
        std::fs::write(&path, edited).unwrap();
        let all = [read(A, vec![user("ann", &["AKIA1"])]), read(B, vec![user("bob", &["AKIA2"])])];
        let third = nights.night(THIRD_NIGHT, &all).await.merged;
        assert_eq!(third.changes, None);
        assert!(third.notes[0].contains(&format!("{name} was changed")), "{:?}", third.notes);
    }
}

#[tokio::test]
async fn where_the_last_roll_was_deleted_there_is_nothing_to_compare_with() {
    let mut nights = Nights::new().await;
    let first = nights.night(FIRST_NIGHT, &[read(A, vec![user("ann", &["AKIA1"])])]).await;
    std::fs::remove_file(nights.sweep.path(&first.merged.run.object("roll.jsonl"))).unwrap();
    let second = nights.night(SECOND_NIGHT, &[read(A, vec![user("ann", &["AKIA1"])])]).await;
    assert_eq!(second.merged.changes, None);
    let third = nights.night(THIRD_NIGHT, &[read(A, vec![user("ann", &["AKIA1"])])]).await;
    assert_eq!(third.changes(), (0, 0, 0));
}
