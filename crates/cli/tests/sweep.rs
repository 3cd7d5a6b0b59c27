//! `rolecall sweep`: a scan in steps, with a folder as the store.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on ends"
)]

mod common;

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use common::{Ended, ended, rolecall, run};
use rolecall_roll::{Outcome, Roll};
use rolecall_testkit::secrets::{EXTERNAL_ID, assert_no_secret_in};
use rolecall_testkit::{FakeAws, User, operation};
use serde_json::Value;
use tempfile::TempDir;
use wiremock::{Mock, Request, ResponseTemplate};

const RUN: &str = "dt=2026-11-26/run=6c1e5f52-8c5e-4f0c-9d5c-0e6f7a8b9c0d";

async fn aws(accounts: usize) -> FakeAws {
    let ids: Vec<String> = (1..=accounts).map(|number| format!("{number:012}")).collect();
    let users = || vec![User::new("alice", &[(1, "Active")]), User::new("bob", &[(1, "Active")])];
    FakeAws::with_accounts(ids.iter().map(|id| (id.as_str(), users())), 10).await
}

/// The step with the store, and with three accounts where it takes them.
fn step<'a>(store: &'a TempDir, step: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["sweep", step, "--store", store.path().to_str().unwrap()];
    if ["plan", "run"].contains(&step) {
        arguments.extend([
            "--account",
            "000000000001",
            "000000000002",
            "000000000003",
            "--role-name",
            "IAMListRole",
        ]);
    }
    arguments.extend(more);
    arguments
}

fn json(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{}{}", ended.stdout, ended.stderr))
}

fn roll(store: &TempDir, run: &str) -> Roll {
    let path = store.path().join(format!("rolls/{run}/roll.jsonl"));
    Roll::read(&fs::read(path).unwrap()[..]).unwrap()
}

#[tokio::test]
async fn the_steps_end_with_the_codes_that_their_help_has() {
    let aws = aws(3).await;
    let store = tempfile::tempdir().unwrap();
    let planned = run(&aws, &step(&store, "plan", &["--batch-size", "2"])).await;
    assert_eq!(planned.code, Some(0), "{}", planned.stderr);
    let planned = json(&planned);
    assert_eq!((&planned["accounts"], &planned["batches"]), (&3.into(), &2.into()));
    let key = planned["run"].as_str().unwrap();

    let missing = run(&aws, &step(&store, "merge", &["--run", key])).await;
    assert_eq!(missing.code, Some(11));
    let path = store.path().to_str().unwrap();
    for words in [
        "3 of 3 accounts of the plan have no record",
        "000000000003 (batch 1)",
        &format!("`rolecall sweep collect --run {key} --batch 0 --store {path}`, then with --batch 1"),
        &format!("`rolecall sweep merge --run {key} --store {path}`"),
    ] {
        assert!(missing.stderr.contains(words), "{}", missing.stderr);
    }

    aws.deny_role("arn:aws:iam::000000000003:role/IAMListRole");
    for (batch, complete) in [("0", 2), ("1", 0)] {
        let collected = run(&aws, &step(&store, "collect", &["--run", key, "--batch", batch])).await;
        assert_eq!(collected.code, Some(0), "a denied account has its reason: {}", collected.stderr);
        assert_eq!((&json(&collected)["left"], &json(&collected)["complete"]), (&0.into(), &complete.into()));
    }
    let merged = run(&aws, &step(&store, "merge", &["--run", key])).await;
    assert_eq!(merged.code, Some(11), "{}", merged.stderr);
    assert_eq!(json(&merged)["complete"], false);
    assert!(merged.stderr.contains(&format!("stored in rolls/{key}/")), "{}", merged.stderr);

    // After the mistake is mended, the batch is collected and the run merged again.
    aws.allow_roles();
    let collected = run(&aws, &step(&store, "collect", &["--run", key, "--batch", "1"])).await;
    assert_eq!(json(&collected)["complete"], 1);
    let merged = run(&aws, &step(&store, "merge", &["--run", key])).await;
    assert_eq!((merged.code, &json(&merged)["complete"]), (Some(0), &true.into()), "{}", merged.stderr);
    assert!(roll(&store, key).accounts.iter().all(|account| account.outcome() == Outcome::Complete));
}

#[tokio::test]
async fn all_steps_in_one_process_do_the_same() {
    let aws = aws(3).await;
    let store = tempfile::tempdir().unwrap();
    let complete = run(&aws, &step(&store, "run", &[])).await;
    assert_eq!(complete.code, Some(0), "{}", complete.stderr);
    assert!(complete.stderr.contains("reading 3 accounts into dt="), "{}", complete.stderr);
    assert_eq!(json(&complete)["counts"]["users"], 6);
    // The folder of a run is evidence.
    let folder = store.path().join("rolls").join(json(&complete)["run"].as_str().unwrap());
    let verified = run(&aws, &["verify", folder.to_str().unwrap()]).await;
    assert_eq!(verified.code, Some(0), "{}{}", verified.stdout, verified.stderr);
    assert!(verified.stdout.contains("not covered by SHA256SUMS: accounts, "), "{}", verified.stdout);
    aws.deny_role("arn:aws:iam::000000000003:role/IAMListRole");
    let incomplete = run(&aws, &step(&store, "run", &[])).await;
    assert_eq!(incomplete.code, Some(11), "{}", incomplete.stderr);
    assert_eq!(json(&incomplete)["changes"]["became_unreadable"], 1);
    let latest: Value = serde_json::from_slice(&fs::read(store.path().join("latest.json")).unwrap()).unwrap();
    assert_eq!(latest["previous"], json(&complete)["run"]);
}

#[tokio::test]
async fn a_mistake_is_named_with_its_remedy() {
    let aws = aws(3).await;
    let store = tempfile::tempdir().unwrap();
    let planned = json(&run(&aws, &step(&store, "plan", &[])).await);
    let key = planned["run"].as_str().unwrap();
    fs::write(store.path().join("file"), "").unwrap();
    let below_a_file = store.path().join("file/store");
    let below_a_file = below_a_file.to_str().unwrap();
    let a_file = store.path().join("file");
    let a_file = a_file.to_str().unwrap();
    let cases: Vec<(Vec<&str>, i32, Vec<&str>)> = vec![
        (vec!["sweep", "merge", "--run", key], 2, vec!["there is no store", "ROLECALL_STORE"]),
        (vec!["sweep", "merge", "--run", key, "--store", "gs://x"], 2, vec!["s3://BUCKET"]),
        (step(&store, "merge", &["--run", "latest"]), 2, vec!["dt=YYYY-MM-DD/run=UUID"]),
        (step(&store, "merge", &["--run", RUN]), 2, vec!["no plan of run", "--run and --store"]),
        (
            step(&store, "collect", &["--run", RUN, "--batch", "0"]),
            2,
            vec!["no batch 0", "what `plan` printed"],
        ),
        (
            step(&store, "collect", &["--run", key, "--batch", "7"]),
            2,
            vec!["no batch 7", "what `plan` printed"],
        ),
        (step(&store, "collect", &["--run", key, "--batch", "x"]), 2, vec!["--batch"]),
        (step(&store, "plan", &["--batch-size", "0"]), 2, vec!["1 to 1000"]),
        (vec!["sweep", "plan", "--store", below_a_file], 2, vec!["--role-arn"]),
        (
            vec!["sweep", "plan", "--role-arn", common::ROLE_ARN, "--store", below_a_file],
            2,
            vec![below_a_file, "file is a file, not a folder", "s3://BUCKET"],
        ),
        (
            vec!["sweep", "run", "--role-arn", common::ROLE_ARN, "--store", below_a_file],
            2,
            vec![below_a_file, "file is a file, not a folder"],
        ),
        (
            vec!["sweep", "merge", "--run", key, "--store", a_file],
            2,
            vec![a_file, "file is a file, not a folder"],
        ),
    ];
    for (arguments, code, words) in cases {
        let ended = run(&aws, &arguments).await;
        assert_eq!(ended.code, Some(code), "{arguments:?}: {}", ended.stderr);
        for words in words {
            assert!(ended.stderr.contains(words), "{arguments:?}: {}", ended.stderr);
        }
        assert_eq!(ended.stdout, "", "{arguments:?}");
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
async fn an_external_id_is_passed_to_each_step_and_stored_nowhere() {
    let aws = aws(3).await;
    let store = tempfile::tempdir().unwrap();
    let with_id = async |arguments: &[&str]| {
        ended(rolecall(&aws.uri(), arguments).env("ROLECALL_EXTERNAL_ID", EXTERNAL_ID)).await
    };
    let planned = json(&with_id(&step(&store, "plan", &[])).await);
    let collect = step(&store, "collect", &["--run", planned["run"].as_str().unwrap(), "--batch", "0"]);
    let without = run(&aws, &collect).await;
    assert_eq!(without.code, Some(2));
    for words in ["account 000000000001 needs an external id", "ROLECALL_EXTERNAL_ID"] {
        assert!(without.stderr.contains(words), "{}", without.stderr);
    }
    assert_eq!(with_id(&collect).await.code, Some(0));
    let merged = run(&aws, &step(&store, "merge", &["--run", planned["run"].as_str().unwrap()])).await;
    assert_eq!(merged.code, Some(0), "{}", merged.stderr);
    assert_no_secret_below(store.path());
}

#[tokio::test]
async fn the_canary_ends_a_plan_that_would_read_nothing() {
    let aws = aws(3).await;
    for number in 1..=3 {
        aws.deny_role(&format!("arn:aws:iam::{number:012}:role/IAMListRole"));
    }
    let store = tempfile::tempdir().unwrap();
    let denied = run(&aws, &step(&store, "plan", &["--canary", "2"])).await;
    assert_eq!((denied.code, denied.stdout.as_str()), (Some(11), ""), "{}", denied.stderr);
    assert!(denied.stderr.contains("--canary 0"), "{}", denied.stderr);
    assert!(!store.path().join("rolls").exists());
}

/// Starts a command, interrupts it when it waits for the keys of bob, and returns what it ends with.
async fn interrupted(aws: &FakeAws, arguments: &[&str]) -> Ended {
    let mut command = rolecall(&aws.uri(), arguments);
    let before = aws.calls("ListAccessKeys").await;
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The keys of three users called alice, and one of bob's calls.
    while aws.calls("ListAccessKeys").await < before + 6 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    std::process::Command::new("kill").args(["-INT", &child.id().unwrap().to_string()]).status().unwrap();
    let output = child.wait_with_output().await.unwrap();
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[tokio::test]
async fn an_interrupted_step_stores_what_was_read_and_is_resumed() {
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(15));
    for all_steps in [false, true] {
        let aws = aws(3).await;
        let bob = |request: &Request| String::from_utf8_lossy(&request.body).contains("UserName=bob");
        // One call for each account.
        let slow =
            Mock::given(operation("ListAccessKeys")).and(bob).respond_with(slow.clone()).with_priority(1);
        slow.up_to_n_times(3).mount(&aws.server).await;
        let store = tempfile::tempdir().unwrap();
        let key = if all_steps {
            let ended = interrupted(&aws, &step(&store, "run", &[])).await;
            assert_eq!((ended.code, ended.stdout.as_str()), (Some(11), ""), "{}", ended.stderr);
            assert!(ended.stderr.contains("3 of 3 accounts are left to read"), "{}", ended.stderr);
            let (_, key) = ended.stderr.split_once("collect --run ").unwrap();
            key.split(' ').next().unwrap().to_owned()
        } else {
            let key = json(&run(&aws, &step(&store, "plan", &[])).await)["run"].as_str().unwrap().to_owned();
            let ended = interrupted(&aws, &step(&store, "collect", &["--run", &key, "--batch", "0"])).await;
            assert_eq!((ended.code, &json(&ended)["left"]), (Some(11), &3.into()), "{}", ended.stderr);
            assert!(ended.stderr.contains("interrupted"), "{}", ended.stderr);
            key
        };
        assert!(!store.path().join("latest.json").exists(), "nothing was merged");
        let before = aws.calls("ListAccessKeys").await;
        let collected = run(&aws, &step(&store, "collect", &["--run", &key, "--batch", "0"])).await;
        assert_eq!(collected.code, Some(0), "{}", collected.stderr);
        assert_eq!(aws.calls("ListAccessKeys").await - before, 3, "the keys of each alice were read before");
        let merged = run(&aws, &step(&store, "merge", &["--run", &key])).await;
        assert_eq!(merged.code, Some(0), "{}", merged.stderr);
        assert_eq!(json(&merged)["counts"]["access_keys"], 6);
    }
}
