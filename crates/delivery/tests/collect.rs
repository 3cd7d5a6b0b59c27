//! Collecting a run in batches: whatever is doubled, killed or late, the roll is that of a single run.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot continue fails")]

mod common;

use std::time::Duration;

use common::{
    FIRST_NIGHT, SECOND_NIGHT, Sweep, at, aws, claimed, collect_to_the_end, ids, request, role_arn, users,
    write,
};
use rolecall_delivery::{CollectError, Cursor, MergeError, PlanFailure};
use rolecall_roll::{AccountRecord, ErrorKind, Outcome};
use rolecall_testkit::secrets::{EXTERNAL_ID, assert_no_secret_in};
use rolecall_testkit::{FakeAws, User, operation, xml};
use wiremock::matchers::header_regex;
use wiremock::{Mock, Request, ResponseTemplate};

/// Matches requests with the session of an account.
fn of_account(id: &str) -> impl wiremock::Match + use<> {
    header_regex("authorization", &format!("Credential=ASIA{id}/"))
}

fn of_user(name: &'static str) -> impl Fn(&Request) -> bool + Send + Sync {
    move |request: &Request| String::from_utf8_lossy(&request.body).contains(&format!("UserName={name}"))
}

fn throttled() -> ResponseTemplate {
    ResponseTemplate::new(400).set_body_string(xml::error("Throttling", "Rate exceeded"))
}

#[tokio::test]
async fn the_merged_roll_is_that_of_a_single_run() {
    let ids = ids(7);
    let aws = aws(&ids, 3).await;
    aws.deny_role(&role_arn(&ids[4]));
    let sweep = Sweep::new(&ids);
    let planned = sweep.invocation(&aws).await.plan(request(FIRST_NIGHT, 3)).await.unwrap();
    assert_eq!((planned.accounts, planned.batches, planned.duplicate), (7, 3, false));
    let batches = sweep.read(&planned.run.object("batches.json"));
    let expected = r#"[{"batch":0,"accounts":3},{"batch":1,"accounts":3},{"batch":2,"accounts":1}]"#;
    assert_eq!(batches.trim_end(), expected);
    let mut all = (0, 0, 0);
    for batch in 0..planned.batches {
        let collected = sweep.invocation(&aws).await.collect(planned.run, batch).await.unwrap();
        all = (all.0 + collected.complete, all.1 + collected.incomplete, all.2 + collected.left);
    }
    assert_eq!(all, (6, 1, 0), "an account that denies access is data");
    let merged = sweep.merge(&aws, planned.run).await.unwrap();
    assert_eq!(sweep.content(planned.run), sweep.plain_run(&aws, FIRST_NIGHT).await);
    assert!(!merged.complete && merged.changes.is_none());
    assert_eq!((merged.counts.complete, merged.counts.failed, merged.counts.users), (6, 1, 18));
    assert_eq!(sweep.roll(planned.run).header.run_id, planned.run.run_id());
    assert_eq!(sweep.latest(), Some(planned.run.to_string()));
    for key in &merged.files {
        assert!(sweep.path(key).is_file(), "{key}");
    }
    sweep.assert_no_secret();
}

#[tokio::test]
async fn batches_that_are_collected_twice_in_reverse_and_at_the_same_time_give_the_same_roll() {
    let ids = ids(6);
    let aws = aws(&ids, 2).await;
    let sweep = Sweep::new(&ids);
    let run = sweep.plan(&aws, FIRST_NIGHT, 2).await;
    let (first, second) = (sweep.invocation(&aws).await, sweep.invocation(&aws).await);
    for batch in [2, 1, 0] {
        let (one, other) = tokio::join!(first.collect(run, batch), second.collect(run, batch));
        assert_eq!((one.unwrap().left, other.unwrap().left), (0, 0));
    }
    let calls = aws.calls("ListUsers").await;
    let again = sweep.invocation(&aws).await.collect(run, 1).await.unwrap();
    assert_eq!((again.left, again.complete, again.incomplete), (0, 0, 0), "all was read before");
    assert_eq!(aws.calls("ListUsers").await, calls, "what is finished is not read again");
    sweep.merge(&aws, run).await.unwrap();
    assert_eq!(sweep.content(run), sweep.plain_run(&aws, FIRST_NIGHT).await);
}

#[tokio::test]
async fn a_collect_that_is_killed_at_any_point_and_repeated_gives_the_same_roll() {
    let ids = ids(5);
    let aws = aws(&ids, 4).await;
    let sweep = Sweep::new(&ids);
    let expected = sweep.plain_run(&aws, FIRST_NIGHT).await;
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..12 {
        let run = sweep.plan(&aws, FIRST_NIGHT, 5).await;
        for _ in 0..4 {
            let invocation = sweep.invocation(&aws).await;
            let time = Duration::from_micros(random.u64(500..40_000));
            // The future is dropped wherever it is.
            let _ = tokio::time::timeout(time, invocation.collect(run, 0)).await;
        }
        assert_eq!(sweep.invocation(&aws).await.collect(run, 0).await.unwrap().left, 0);
        sweep.merge(&aws, run).await.unwrap();
        assert_eq!(sweep.content(run), expected);
    }
}

#[tokio::test]
async fn with_a_deadline_that_is_too_short_for_an_account_all_is_read_in_several_invocations() {
    let ids = ids(3);
    let aws = aws(&ids, 60).await;
    let slow = |request: &Request| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let name = body.split('&').find_map(|pair| pair.strip_prefix("UserName=")).unwrap().to_owned();
        let user = User::new(&name, &[(1, "Active")]);
        ResponseTemplate::new(200)
            .set_body_string(xml::list_access_keys(&user, None))
            .set_delay(Duration::from_millis(100))
    };
    Mock::given(operation("ListAccessKeys")).respond_with(slow).with_priority(1).mount(&aws.server).await;
    let sweep = Sweep::new(&ids);
    let run = sweep.plan(&aws, FIRST_NIGHT, 3).await;
    let invocations = collect_to_the_end(&sweep, &aws, run, 0, Duration::from_millis(700)).await;
    assert!(invocations > 1, "one invocation was enough");
    let calls = aws.calls("ListAccessKeys").await;
    sweep.merge(&aws, run).await.unwrap();
    let content = sweep.content(run);
    assert_eq!(content, sweep.plain_run(&aws, FIRST_NIGHT).await);
    assert!(content.accounts.iter().all(|account| account.outcome() == Outcome::Complete));
    // Of what was read nothing is read again: only calls that a deadline cut short are repeated, at most 8 of an account each time.
    assert!(calls <= 180 + (invocations - 1) * 8 * 3, "{calls} calls in {invocations} invocations");
    let attempts = sweep.roll(run).trailer.unwrap().statistics.calls["ListAccessKeys"].attempts;
    assert!(attempts >= 180, "the statistics are the sums of all invocations: {attempts}");
}

#[tokio::test]
async fn a_deadline_that_has_passed_ends_with_a_gap_and_not_never() {
    let ids = ids(4);
    let aws = aws(&ids, 1).await;
    let sweep = Sweep::new(&ids);
    let run = sweep.plan(&aws, FIRST_NIGHT, 4).await;
    let invocations = collect_to_the_end(&sweep, &aws, run, 0, Duration::ZERO).await;
    assert!(invocations <= 4, "{invocations}");
    let merged = sweep.merge(&aws, run).await.unwrap();
    assert_eq!((merged.counts.failed, merged.complete), (4, false));
}

#[tokio::test]
async fn an_account_that_hangs_is_left_with_its_gap_and_holds_no_other_up() {
    for concurrency in [64, 1] {
        let ids = ids(4);
        let aws = aws(&ids, 1).await;
        let hangs = ResponseTemplate::new(200).set_delay(Duration::from_mins(5));
        Mock::given(operation("ListUsers"))
            .and(of_account(&ids[0]))
            .respond_with(hangs)
            .with_priority(1)
            .mount(&aws.server)
            .await;
        let mut sweep = Sweep::new(&ids);
        sweep.settings.limits.concurrency = concurrency;
        let run = sweep.plan(&aws, FIRST_NIGHT, 4).await;
        let invocations = collect_to_the_end(&sweep, &aws, run, 0, Duration::from_millis(800)).await;
        assert!(invocations <= 4, "{invocations} invocations, {concurrency} at a time");
        sweep.merge(&aws, run).await.unwrap();
        let accounts = sweep.content(run).accounts;
        assert_eq!(accounts[0].gaps()[0].error_kind, ErrorKind::TimedOut);
        let others: Vec<Outcome> = accounts[1..].iter().map(AccountRecord::outcome).collect();
        assert_eq!(others, [Outcome::Complete; 3], "{concurrency} at a time");
    }
}

#[tokio::test]
async fn a_throttled_first_attempt_hides_no_better_second_one() {
    let ids = ids(2);
    let aws = aws(&ids, 3).await;
    Mock::given(operation("ListAccessKeys"))
        .and(of_account(&ids[0]))
        .respond_with(throttled())
        .up_to_n_times(9)
        .with_priority(1)
        .mount(&aws.server)
        .await;
    let sweep = Sweep::new(&ids);
    let run = sweep.plan(&aws, FIRST_NIGHT, 2).await;
    let first = sweep.invocation(&aws).await.collect(run, 0).await.unwrap();
    assert_eq!((first.left, first.complete, first.incomplete), (1, 1, 1));
    let rest = sweep.invocation(&aws).await.collect_until(run, 0, first.cursor, None).await.unwrap();
    assert_eq!((rest.left, rest.complete, rest.incomplete), (0, 1, 0));
    assert!(sweep.merge(&aws, run).await.unwrap().complete);
    assert_eq!(sweep.content(run), sweep.plain_run(&aws, FIRST_NIGHT).await);
}

#[tokio::test]
async fn a_worse_later_attempt_hides_no_better_earlier_one() {
    let ids = ids(1);
    let aws = aws(&ids, 4).await;
    let denied = ResponseTemplate::new(403).set_body_string(xml::error("AccessDenied", "no"));
    Mock::given(operation("ListAccessKeys"))
        .and(of_user("user002"))
        .respond_with(denied)
        .with_priority(1)
        .mount(&aws.server)
        .await;
    let sweep = Sweep::new(&ids);
    let run = sweep.plan(&aws, FIRST_NIGHT, 1).await;
    assert_eq!(sweep.invocation(&aws).await.collect(run, 0).await.unwrap().left, 0);
    let best = sweep.plain_run(&aws, FIRST_NIGHT).await;
    assert_eq!(best.accounts[0].outcome(), Outcome::Partial);
    // Later attempts read fewer users, no keys, or nothing at all.
    aws.respond_with_error("ListAccessKeys", 403, "AccessDenied", "no").await;
    sweep.invocation(&aws).await.collect(run, 0).await.unwrap();
    aws.deny_role(&role_arn(&ids[0]));
    sweep.invocation(&aws).await.collect(run, 0).await.unwrap();
    assert_eq!(sweep.keys().iter().filter(|key| key.contains("/attempt-")).count(), 3);
    sweep.merge(&aws, run).await.unwrap();
    assert_eq!(sweep.content(run).accounts, best.accounts);
}

#[tokio::test]
async fn a_user_who_was_created_again_between_two_invocations_is_read_again() {
    let ids = ids(1);
    let aws = aws(&ids, 3).await;
    Mock::given(operation("ListAccessKeys"))
        .and(of_user("user003"))
        .respond_with(throttled())
        .up_to_n_times(3)
        .with_priority(1)
        .mount(&aws.server)
        .await;
    let sweep = Sweep::new(&ids);
    let run = sweep.plan(&aws, FIRST_NIGHT, 1).await;
    assert_eq!(sweep.invocation(&aws).await.collect(run, 0).await.unwrap().left, 1);
    let listed = xml::list_users(&ids[0], &users(3), None);
    let created_again = listed.replace("<UserId>AIDAuser001", "<UserId>AIDAagain");
    aws.answer("ListUsers", ResponseTemplate::new(200).set_body_string(created_again)).await;
    let before = aws.calls("ListAccessKeys").await;
    assert_eq!(sweep.invocation(&aws).await.collect(run, 0).await.unwrap().left, 0);
    let requests = aws.server.received_requests().await.unwrap();
    let keys = requests
        .iter()
        .filter(|request| String::from_utf8_lossy(&request.body).contains("Action=ListAccessKeys"));
    let names: Vec<String> = keys
        .skip(before)
        .map(|request| {
            String::from_utf8_lossy(&request.body).split("UserName=").nth(1).unwrap()[..7].to_owned()
        })
        .collect();
    let mut sorted = names.clone();
    sorted.sort();
    assert_eq!(sorted, ["user001", "user003"], "user002 was read before");
    sweep.merge(&aws, run).await.unwrap();
    let account = &sweep.content(run).accounts[0];
    assert_eq!(account.users().unwrap()[0].user_id, "AIDAagain");
    assert_eq!(account.outcome(), Outcome::Complete);
}

#[tokio::test]
async fn a_run_with_a_missing_part_is_not_merged() {
    let ids = ids(5);
    let aws = aws(&ids, 1).await;
    let sweep = Sweep::new(&ids);
    let before = sweep.run(&aws, FIRST_NIGHT, 5).await;
    let run = sweep.plan(&aws, SECOND_NIGHT, 2).await;
    for batch in [0, 2] {
        sweep.invocation(&aws).await.collect(run, batch).await.unwrap();
    }
    let keys = sweep.keys();
    let error = sweep.merge(&aws, run).await.unwrap_err();
    assert!(matches!(error, MergeError::PartsMissing { .. }), "{error}");
    let text = error.to_string();
    for part in ["2 of 5 accounts", "000000000003 (batch 1)", "000000000004 (batch 1)"] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(sweep.keys(), keys, "nothing is written");
    assert_eq!(sweep.latest(), Some(before.run.to_string()));
    sweep.invocation(&aws).await.collect(run, 1).await.unwrap();
    sweep.merge(&aws, run).await.unwrap();
    assert_eq!(sweep.latest(), Some(run.to_string()));
}

#[tokio::test]
async fn a_record_of_another_account_or_role_is_refused() {
    let ids = ids(2);
    let aws = aws(&ids, 1).await;
    let sweep = Sweep::new(&ids);
    let run = sweep.collected(&aws, FIRST_NIGHT, 2).await;
    let path = |id: &str| sweep.path(&run.object(&format!("accounts/{id}/complete.json")));
    let good = std::fs::read_to_string(path(&ids[0])).unwrap();
    for (id, text) in [
        (ids[0].as_str(), good.replace("000000000001", "000000000002")),
        (&ids[0], good.replace("role/IAMListRole", "role/Other")),
        ("333333333333", good.clone()),
        ("333333333333", good.replace("000000000001", "333333333333")),
    ] {
        let record: serde_json::Value = serde_json::from_str(&text).unwrap();
        write(&path(id), &record);
        let error = sweep.merge(&aws, run).await.unwrap_err();
        assert!(matches!(error, MergeError::OtherPart(_)), "{error}");
        assert!(error.to_string().contains(id), "{error}");
        assert_eq!(sweep.latest(), None);
        std::fs::remove_dir_all(path("333333333333").parent().unwrap()).ok();
        write(&path(&ids[0]), &serde_json::from_str::<serde_json::Value>(&good).unwrap());
    }
    sweep.merge(&aws, run).await.unwrap();
}

#[tokio::test]
async fn a_run_that_is_merged_again_has_the_same_answer_and_two_merges_at_the_same_time_agree() {
    let ids = ids(3);
    let aws = aws(&ids, 1).await;
    let sweep = Sweep::new(&ids);
    sweep.run(&aws, FIRST_NIGHT, 3).await;
    let run = sweep.collected(&aws, SECOND_NIGHT, 2).await;
    let (first, second) = (sweep.invocation(&aws).await, sweep.invocation(&aws).await);
    let (one, other) = tokio::join!(first.merge(run, None), second.merge(run, None));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!((one.counts, one.changes), (other.counts, other.changes));
    assert_eq!(sweep.latest(), Some(run.to_string()));
    let again = sweep.merge(&aws, run).await.unwrap();
    assert_eq!(again, sweep.merge(&aws, run).await.unwrap());
    assert_eq!(again.files, one.files);
    assert_eq!(sweep.json("latest.json")["previous"].as_str().map(|run| &run[..13]), Some("dt=2026-11-25"));
}

#[tokio::test]
async fn a_run_that_is_merged_after_a_later_one_does_not_become_the_latest() {
    let ids = ids(2);
    let aws = aws(&ids, 1).await;
    let sweep = Sweep::new(&ids);
    let earlier = sweep.collected(&aws, FIRST_NIGHT, 2).await;
    let later = sweep.run(&aws, SECOND_NIGHT, 2).await;
    let merged = sweep.merge(&aws, earlier).await.unwrap();
    assert_eq!(merged.changes, None);
    assert!(merged.notes.iter().any(|note| note.contains("later run")), "{:?}", merged.notes);
    assert_eq!(sweep.latest(), Some(later.run.to_string()));
    assert_eq!(sweep.content(earlier), sweep.plain_run(&aws, FIRST_NIGHT).await, "its roll is stored");
}

#[tokio::test]
async fn of_two_runs_that_are_merged_at_the_same_time_the_later_one_is_the_latest() {
    let ids = ids(2);
    let aws = aws(&ids, 1).await;
    for merged_before in [false, true] {
        let sweep = Sweep::new(&ids);
        if merged_before {
            sweep.run(&aws, "2026-11-24T03:00:00Z", 2).await;
        }
        let earlier = sweep.collected(&aws, FIRST_NIGHT, 2).await;
        let later = sweep.collected(&aws, SECOND_NIGHT, 2).await;
        let (a, b) = (sweep.invocation(&aws).await, sweep.invocation(&aws).await);
        let (one, other) = tokio::join!(a.merge(earlier, None), b.merge(later, None));
        assert!(one.is_ok() && other.is_ok());
        assert_eq!(sweep.latest(), Some(later.to_string()));
    }
}

#[tokio::test]
async fn a_run_is_planned_once_for_what_it_is_for() {
    let ids = ids(3);
    let aws = aws(&ids, 1).await;
    let sweep = Sweep::new(&ids);
    let name = "schedule=2026-11-25T03:00:00Z";
    let invocation = sweep.invocation(&aws).await;
    let first = invocation.plan(claimed(FIRST_NIGHT, name, "one")).await.unwrap();
    let again = invocation.plan(claimed(SECOND_NIGHT, name, "one")).await.unwrap();
    assert_eq!(again, first, "a retry of the same execution gets the same run");
    let other = invocation.plan(claimed(FIRST_NIGHT, name, "two")).await.unwrap();
    assert!(other.duplicate && other.run == first.run);
    let next = invocation.plan(claimed(SECOND_NIGHT, "schedule=2026-11-26T03:00:00Z", "two")).await.unwrap();
    assert!(!next.duplicate && next.run != first.run);
    // At the same time.
    let (a, b) = (claimed(FIRST_NIGHT, "x", "one"), claimed(FIRST_NIGHT, "x", "two"));
    let second = sweep.invocation(&aws).await;
    let (a, b) = tokio::join!(invocation.plan(a), second.plan(b));
    let (a, b) = (a.unwrap(), b.unwrap());
    assert!(a.run == b.run && a.duplicate != b.duplicate, "{a:?} {b:?}");
}

#[tokio::test]
async fn a_plan_that_was_killed_is_made_by_the_next_attempt_of_its_execution() {
    let ids = ids(3);
    let aws = aws(&ids, 1).await;
    let sweep = Sweep::new(&ids);
    let first = sweep.invocation(&aws).await.plan(claimed(FIRST_NIGHT, "x", "one")).await.unwrap();
    std::fs::remove_file(sweep.path(&first.run.object("plan.json"))).unwrap();
    let again = sweep.invocation(&aws).await.plan(claimed(SECOND_NIGHT, "x", "one")).await.unwrap();
    assert_eq!(again, first);
    assert_eq!(sweep.invocation(&aws).await.collect(first.run, 0).await.unwrap().left, 0);
    sweep.merge(&aws, first.run).await.unwrap();
    // The first attempt ended wherever it was.
    let mut random = fastrand::Rng::with_seed(3);
    for number in 0..15 {
        let name = format!("execution={number}");
        let invocation = sweep.invocation(&aws).await;
        let time = Duration::from_micros(random.u64(100..15_000));
        let _ = tokio::time::timeout(time, invocation.plan(claimed(FIRST_NIGHT, &name, "one"))).await;
        let planned = invocation.plan(claimed(FIRST_NIGHT, &name, "one")).await.unwrap();
        assert!(!planned.duplicate);
        assert_eq!(planned.accounts, 3);
        assert_eq!(invocation.collect(planned.run, 0).await.unwrap().left, 0);
        assert_eq!(sweep.merge(&aws, planned.run).await.unwrap().counts.complete, 3);
    }
}

#[tokio::test]
async fn if_all_canaries_are_denied_nothing_is_planned() {
    let ids = ids(9);
    let aws = aws(&ids, 1).await;
    let mut sweep = Sweep::new(&ids);
    sweep.settings.limits.canary = 4;
    for id in &ids[..8] {
        aws.deny_role(&role_arn(id));
    }
    let error = sweep.invocation(&aws).await.plan(claimed(FIRST_NIGHT, "x", "one")).await.unwrap_err();
    let PlanFailure::Denied(denial) = &error else { panic!("{error}") };
    assert_eq!((denial.denied, denial.not_read), (4, 5));
    assert_eq!(aws.calls("AssumeRole").await, 4);
    assert!(!sweep.keys().iter().any(|key| key.starts_with("rolls/")), "{:?}", sweep.keys());
    // After the mistake is mended, the same execution plans.
    aws.allow_roles();
    let planned = sweep.invocation(&aws).await.plan(claimed(FIRST_NIGHT, "x", "one")).await.unwrap();
    assert_eq!((planned.accounts, planned.duplicate), (9, false));
    // The canary's records are not kept: each account is read by its batch.
    assert!(!sweep.keys().iter().any(|key| key.contains("/accounts/")));
}

#[tokio::test]
async fn an_external_id_is_in_no_object_and_each_step_has_it_from_its_options() {
    let ids = ids(3);
    let aws = aws(&ids, 2).await;
    let mut sweep = Sweep::new(&ids);
    sweep.set("external_id", EXTERNAL_ID);
    let echo = xml::error("AccessDenied", &format!("no: {EXTERNAL_ID}"));
    Mock::given(operation("ListUsers"))
        .and(of_account(&ids[2]))
        .respond_with(ResponseTemplate::new(403).set_body_string(echo))
        .with_priority(1)
        .mount(&aws.server)
        .await;
    let run = sweep.collected(&aws, FIRST_NIGHT, 2).await;
    sweep.merge(&aws, run).await.unwrap();
    sweep.assert_no_secret();
    let requests = aws.server.received_requests().await.unwrap();
    let sent =
        requests.iter().filter(|request| String::from_utf8_lossy(&request.body).contains("ExternalId="));
    assert_eq!(sent.count(), 3, "each session has it");

    let run = sweep.plan(&aws, SECOND_NIGHT, 3).await;
    let plain = Sweep::new(&ids);
    let keys = sweep.keys();
    sweep.options = plain.options.clone();
    let error = sweep.invocation(&aws).await.collect(run, 0).await.unwrap_err();
    assert!(matches!(error, CollectError::NoExternalId(_)), "{error}");
    assert!(error.to_string().contains("account 000000000001"), "{error}");
    assert_no_secret_in(&format!("{error} {error:?}"));
    assert_eq!(sweep.keys(), keys, "nothing is written");
}

#[tokio::test]
async fn a_batch_or_an_account_that_the_run_does_not_have_is_an_error() {
    let ids = ids(2);
    let aws = aws(&ids, 1).await;
    let sweep = Sweep::new(&ids);
    let run = sweep.plan(&aws, FIRST_NIGHT, 1).await;
    let invocation = sweep.invocation(&aws).await;
    let error = invocation.collect(run, 2).await.unwrap_err();
    assert!(matches!(error, CollectError::NoBatch(_, 2)), "{error}");
    let cursor: Cursor = serde_json::from_str(r#"{"000000000002": {"users": 0, "stalled": 0}}"#).unwrap();
    let error = invocation.collect_until(run, 0, cursor, None).await.unwrap_err();
    assert!(matches!(error, CollectError::NoAccount(_)), "{error}");
    let unknown = rolecall_delivery::RunKey::new(at(FIRST_NIGHT), rolecall_roll::RunId::random());
    assert!(matches!(invocation.merge(unknown, None).await, Err(MergeError::NoPlan(_))));
    assert!(matches!(invocation.collect(unknown, 0).await, Err(CollectError::NoBatch(_, 0))));
}

#[tokio::test]
async fn a_damaged_object_is_named() {
    let ids = ids(1);
    let aws = FakeAws::with_accounts([(ids[0].as_str(), users(1))], 10).await;
    let sweep = Sweep::new(&ids);
    let run = sweep.collected(&aws, FIRST_NIGHT, 1).await;
    let complete = run.object("accounts/000000000001/complete.json");
    for (object, remedy) in [(&complete, "delete this object"), (&run.object("plan.json"), "plan a new run")]
    {
        let before = std::fs::read(sweep.path(object)).unwrap();
        std::fs::write(sweep.path(object), "{\"run\":").unwrap();
        let error = sweep.merge(&aws, run).await.unwrap_err();
        let MergeError::Store(error) = error else { panic!("{error}") };
        assert!(error.place.ends_with(object) && error.to_string().contains("changed"), "{error}");
        assert!(error.remedy.as_ref().is_some_and(|it| it.starts_with(remedy)), "{error:?}");
        std::fs::write(sweep.path(object), before).unwrap();
    }
    // What the remedy says.
    std::fs::remove_file(sweep.path(&complete)).unwrap();
    sweep.invocation(&aws).await.collect(run, 0).await.unwrap();
    sweep.merge(&aws, run).await.unwrap();
}

#[tokio::test]
async fn where_latest_json_is_damaged_a_run_is_compared_with_none_and_becomes_the_latest() {
    let ids = ids(2);
    let aws = aws(&ids, 1).await;
    let sweep = Sweep::new(&ids);
    sweep.run(&aws, FIRST_NIGHT, 2).await;
    std::fs::write(sweep.path("latest.json"), "{").unwrap();
    let merged = sweep.run(&aws, SECOND_NIGHT, 2).await;
    assert_eq!((merged.changes, merged.previous), (None, None));
    assert!(
        merged.notes.iter().any(|note| note.contains("latest.json: the object was changed")),
        "{:?}",
        merged.notes
    );
    assert_eq!(sweep.latest(), Some(merged.run.to_string()));
}

#[tokio::test]
async fn an_earlier_run_that_is_merged_again_keeps_its_objects_and_what_it_was_compared_with() {
    let ids = ids(2);
    let aws = aws(&ids, 1).await;
    let sweep = Sweep::new(&ids);
    let first = sweep.run(&aws, "2026-11-24T03:00:00Z", 2).await;
    aws.deny_role(&role_arn(&ids[1]));
    let second = sweep.run(&aws, FIRST_NIGHT, 2).await;
    aws.allow_roles();
    let third = sweep.run(&aws, SECOND_NIGHT, 2).await;

    let objects = || -> Vec<String> {
        let own = sweep.keys().into_iter().filter(|key| key.starts_with(&second.run.object("")));
        own.map(|key| format!("{key} {}", sweep.read(&key))).collect()
    };
    let before = objects();
    assert_eq!(sweep.merge(&aws, second.run).await.unwrap(), second);
    assert_eq!(objects(), before);

    sweep.invocation(&aws).await.collect(second.run, 0).await.unwrap();
    let again = sweep.merge(&aws, second.run).await.unwrap();
    assert!(again.complete && again.changes.is_some(), "{again:?}");
    assert_eq!(again.previous, Some(first.run));
    let sums = sweep.read(&second.run.object("SHA256SUMS"));
    assert!(sums.contains("  diff.json"), "{sums}");
    assert_eq!(sweep.latest(), Some(third.run.to_string()));
}
