//! The actions of a distributed run, with a folder as the store.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot continue panics")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{invoke, value};
use rolecall_testkit::secrets::{EXTERNAL_ID, assert_no_secret_in};
use rolecall_testkit::{FakeAws, User};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Five accounts, one of which denies access.
async fn aws() -> FakeAws {
    let ids: Vec<String> = (1..=5).map(|number| format!("{number:012}")).collect();
    let users = || vec![User::new("alice", &[(1, "Active")])];
    let aws = FakeAws::with_accounts(ids.iter().map(|id| (id.as_str(), users())), 10).await;
    aws.deny_role("arn:aws:iam::000000000004:role/IAMListRole");
    aws
}

/// A function whose store is a folder.
struct Function {
    aws: FakeAws,
    folder: TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Function {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let variables = vec![
            ("ROLECALL_STORE", folder.path().to_str().unwrap().to_owned()),
            (
                "ROLECALL_ACCOUNT",
                "000000000001,000000000002,000000000003,000000000004,000000000005".to_owned(),
            ),
            ("ROLECALL_ROLE_NAME", "IAMListRole".to_owned()),
            ("ROLECALL_EXTERNAL_ID", EXTERNAL_ID.to_owned()),
            ("ROLECALL_METRICS", "1".to_owned()),
        ];
        Self { aws: aws().await, folder, variables }
    }

    fn without(mut self, variable: &str) -> Self {
        self.variables.retain(|(name, _)| *name != variable);
        self
    }

    /// The answers to these events, each as whether it is an error, and its JSON; and the log.
    async fn invoke(&self, events: &[Value]) -> (Vec<(bool, Value)>, String) {
        let events: Vec<String> = events.iter().map(Value::to_string).collect();
        let events: Vec<&str> = events.iter().map(String::as_str).collect();
        let variables: Vec<(&str, &str)> =
            self.variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let (answers, log) = invoke(&self.aws, &events, &variables).await;
        assert_no_secret_in(&log);
        for answer in &answers {
            assert_no_secret_in(&answer.body);
        }
        (answers.iter().map(|answer| (answer.is_error, value(answer))).collect(), log)
    }

    async fn answer(&self, event: Value) -> Value {
        let (answers, _) = self.invoke(&[event]).await;
        let (is_error, answer) = answers.into_iter().next().unwrap();
        assert!(!is_error, "{answer}");
        answer
    }

    async fn error(&self, event: Value) -> (String, String) {
        let (answers, _) = self.invoke(&[event]).await;
        let (is_error, answer) = &answers[0];
        assert!(is_error, "{answer}");
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        (text("errorType"), text("errorMessage"))
    }

    fn path(&self, key: &str) -> PathBuf {
        self.folder.path().join(key)
    }
}

fn assert_no_secret_below(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_no_secret_below(&path);
        } else {
            assert_no_secret_in(&String::from_utf8_lossy(&fs::read(path).unwrap()));
        }
    }
}

#[tokio::test]
async fn a_run_is_planned_collected_and_merged_by_several_invocations() {
    let function = Function::new().await;
    let plan =
        json!({"action": "plan", "execution": "nightly-1", "max_concurrency": 40, "input": {"batch": 2}});
    let planned = function.answer(plan.clone()).await;
    assert_eq!(
        (&planned["accounts"], &planned["batches"], &planned["duplicate"]),
        (&json!(5), &json!(3), &json!(false))
    );
    assert_eq!(function.answer(plan.clone()).await, planned, "a retry gets the same run");
    let run = planned["run"].as_str().unwrap();
    let batches = fs::read_to_string(function.path(planned["key"].as_str().unwrap())).unwrap();
    let batches: Vec<Value> = serde_json::from_str(&batches).unwrap();
    assert_eq!(batches[2], json!({"batch": 2, "accounts": 1}));

    let merge = json!({"action": "merge", "run": run});
    let (error_type, message) = function.error(merge.clone()).await;
    assert_eq!(error_type, "PartsMissing");
    assert!(message.contains("5 of 5 accounts") && message.contains("000000000001 (batch 0)"), "{message}");
    assert!(message.contains("rolecall sweep collect"), "{message}");

    let collects: Vec<Value> = batches
        .iter()
        .map(|batch| json!({"action": "collect", "run": run, "batch": batch["batch"], "cursor": {}}))
        .collect();
    let (answers, _) = function.invoke(&collects).await;
    let expected = [(2, 0), (1, 1), (1, 0)].map(|(complete, incomplete)| {
        (false, json!({"left": 0, "cursor": {}, "complete": complete, "incomplete": incomplete}))
    });
    assert_eq!(answers, expected, "an account that denies access is no failure");

    let (answers, log) = function.invoke(std::slice::from_ref(&merge)).await;
    let (is_error, merged) = &answers[0];
    assert!(!is_error, "{merged}");
    assert_eq!((&merged["run"], &merged["complete"]), (&json!(run), &json!(false)));
    assert_eq!((&merged["counts"]["complete"], &merged["counts"]["failed"]), (&json!(4), &json!(1)));
    let metrics = log.lines().find(|line| line.contains("_aws")).unwrap();
    let metrics: Value = serde_json::from_str(metrics).unwrap();
    assert_eq!((&metrics["AccountsComplete"], &metrics["RollComplete"]), (&json!(4), &json!(0)));
    for file in merged["files"].as_array().unwrap() {
        assert!(function.path(file.as_str().unwrap()).is_file(), "{file}");
    }
    assert_eq!(&function.answer(merge).await, merged, "the same again");

    let other = json!({"action": "plan", "execution": "nightly-1b", "input": {"scheduled_time": "2026-11-26T03:00:00Z"}});
    let first = function.answer(other.clone()).await;
    let mut twice = other;
    twice["execution"] = "nightly-1c".into();
    let second = function.answer(twice).await;
    assert_eq!((&second["duplicate"], &second["run"]), (&json!(true), &first["run"]));
    assert_no_secret_below(function.folder.path());
}

#[tokio::test]
async fn with_a_store_an_event_without_an_action_does_everything() {
    let function = Function::new().await;
    let (answers, log) = function
        .invoke(&[json!({}), json!({"role_arn": "arn:aws:iam::000000000001:role/IAMListRole"})])
        .await;
    let [(false, all), (false, one)] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!((&all["counts"]["accounts"], &all["complete"]), (&json!(5), &json!(false)));
    assert_eq!((&one["counts"]["accounts"], &one["complete"]), (&json!(1), &json!(true)));
    assert_eq!(log.lines().filter(|line| line.contains("_aws")).count(), 2, "{log}");
    let latest: Value = serde_json::from_slice(&fs::read(function.path("latest.json")).unwrap()).unwrap();
    assert_eq!(latest["run"], one["run"]);
    assert_eq!(latest["previous"], all["run"]);
    let roll = format!("rolls/{}/roll.jsonl", all["run"].as_str().unwrap());
    assert!(fs::read_to_string(function.path(&roll)).unwrap().contains("alice"));
    assert_no_secret_below(function.folder.path());
}

#[tokio::test]
async fn errors_say_whose_mistake_it_is_and_what_to_do() {
    let run = "dt=2026-11-26/run=6c1e5f52-8c5e-4f0c-9d5c-0e6f7a8b9c0d";
    let function = Function::new().await;
    let planned = function.answer(json!({"action": "plan", "input": {"batch": 3}})).await;
    for (event, error_type, words) in [
        (json!({"action": "collect", "run": run, "batch": 0}), "InvalidEvent", "has no batch 0"),
        (json!({"action": "merge", "run": run}), "InvalidEvent", "there is no plan of run"),
        (json!({"action": "collect", "run": planned["run"], "batch": 2}), "InvalidEvent", "has no batch 2"),
        (
            json!({"action": "collect", "run": planned["run"], "batch": 0,
                   "cursor": {"000000000005": {"users": 0, "stalled": 0}}}),
            "InvalidEvent",
            "account 000000000005, which is not in the batch",
        ),
        (json!({"action": "plan", "input": {"batch": 0}}), "InvalidEvent", "1 to 1000"),
        (
            json!({"action": "plan", "input": {"scheduled_time": "<aws.scheduler.scheduled-time>"}}),
            "InvalidEvent",
            "<aws.scheduler.scheduled-time>",
        ),
        (
            json!({"action": "plan", "input": {"external_id": EXTERNAL_ID}}),
            "InvalidEvent",
            "ROLECALL_EXTERNAL_ID",
        ),
        (json!({"action": "plan", "input": {"account": EXTERNAL_ID}}), "InvalidEvent", "unknown field"),
        (json!({"action": EXTERNAL_ID}), "InvalidEvent", "plan, collect and merge"),
    ] {
        let (found, message) = function.error(event.clone()).await;
        assert_eq!(found, error_type, "{event}: {message}");
        assert!(message.contains(words), "{event}: {message}");
    }
    // The external id is set for the plan, and not for the collect.
    let function = function.without("ROLECALL_EXTERNAL_ID");
    let collect = json!({"action": "collect", "run": planned["run"], "batch": 0});
    let (error_type, message) = function.error(collect).await;
    assert_eq!(error_type, "InvalidSettings");
    assert!(
        message.contains("account 000000000001") && message.contains("ROLECALL_EXTERNAL_ID"),
        "{message}"
    );
}

#[tokio::test]
async fn without_a_store_or_with_one_that_cannot_be_used_an_action_is_an_error() {
    let run = "dt=2026-11-26/run=6c1e5f52-8c5e-4f0c-9d5c-0e6f7a8b9c0d";
    let mut function = Function::new().await.without("ROLECALL_STORE");
    for event in [
        json!({"action": "plan"}),
        json!({"action": "collect", "run": run, "batch": 0}),
        json!({"action": "merge", "run": run}),
    ] {
        let (error_type, message) = function.error(event).await;
        assert_eq!(error_type, "InvalidSettings");
        assert!(message.contains("ROLECALL_STORE=s3://BUCKET"), "{message}");
    }
    fs::write(function.path("file"), "").unwrap();
    let store = function.path("file/store").to_str().unwrap().to_owned();
    function.variables.push(("ROLECALL_STORE", store.clone()));
    for event in [json!({"action": "plan", "execution": "x"}), json!({})] {
        let (error_type, message) = function.error(event).await;
        assert_eq!(error_type, "StoreUnavailable");
        assert!(message.contains(&store), "{message}");
    }
}

#[tokio::test]
async fn if_the_first_accounts_all_deny_access_no_run_is_planned() {
    let mut function = Function::new().await;
    function.variables.push(("ROLECALL_CANARY", "3".to_owned()));
    for number in 1..=5 {
        function.aws.deny_role(&format!("arn:aws:iam::{number:012}:role/IAMListRole"));
    }
    let (error_type, message) = function.error(json!({"action": "plan", "execution": "x"})).await;
    assert_eq!(error_type, "AllAccountsFailed");
    assert!(message.contains("none of the first 3 accounts"), "{message}");
    assert!(!function.path("rolls").exists());
}
