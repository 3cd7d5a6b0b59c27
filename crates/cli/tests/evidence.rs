//! Evidence for an auditor: unchanged, or it is told what was changed; and the same in CloudTrail, or it is told what is not.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot go on ends; it may read the clock"
)]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command as Plain;

use common::organization::{ORGANIZATION, as_lambda, recipe, start};
use common::{Ended, ended};
use rolecall_emulator::Emulator;
use rolecall_emulator::log::RequestLogEntry;
use serde_json::{Value, json};
use tempfile::TempDir;

async fn run(emulator: &Emulator, folder: &Path, arguments: &[&str]) -> Ended {
    ended(&mut as_lambda(emulator, folder, arguments)).await
}

/// A folder with the roll of an organisation, and the emulator that it was read from.
async fn roll(more: &[&str]) -> (Emulator, TempDir) {
    let world = recipe("accounts=12,users=3,seed=4,denied=100,suspended=100").world().unwrap();
    let emulator = start(world).await;
    let folder = tempfile::tempdir().unwrap();
    let toml = "external_id = \"s3cret-of-all\"\n[[account]]\naccount_id = \"123456789012\"\n\
                external_id = \"s3cret-of-one\"\nname = \"acquired\"\n[[exception]]\nuser = \"*\"\n\
                rule = \"access-key-age\"\nowner = \"j.ruiz\"\nreason = \"r\"\nuntil = 2999-01-01\n";
    fs::write(folder.path().join("rolecall.toml"), toml).unwrap();
    let scan = [&ORGANIZATION[..], &["--roll", "roll.jsonl"], more].concat();
    let scanned = run(&emulator, folder.path(), &scan).await;
    assert_eq!(scanned.code, Some(11), "{}", scanned.stderr);
    (emulator, folder)
}

#[tokio::test]
async fn changed_missing_and_added_files_are_named() {
    let (emulator, folder) = roll(&[]).await;
    let path = folder.path();
    let written = run(&emulator, path, &["evidence", "roll.jsonl", "--out", "evidence"]).await;
    assert_eq!(written.code, Some(0), "{}", written.stderr);
    let evidence = path.join("evidence");
    let mut names: Vec<String> = fs::read_dir(&evidence)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "SHA256SUMS",
            "accounts.json",
            "coverage.json",
            "exceptions.json",
            "findings.csv",
            "report.html",
            "report.json",
            "requests.json",
            "rolecall.json",
            "rolecall.toml",
            "roll.jsonl",
            "rules.json",
        ]
    );
    for name in &names {
        let text = fs::read_to_string(evidence.join(name)).unwrap();
        assert!(!text.contains("s3cret"), "{name} holds an external id");
    }
    assert_eq!(fs::read(evidence.join("roll.jsonl")).unwrap(), fs::read(path.join("roll.jsonl")).unwrap());
    let text = |name: &str| fs::read_to_string(evidence.join(name)).unwrap();
    let accounts: Value = serde_json::from_str(&text("accounts.json")).unwrap();
    assert_eq!(accounts["accounts"].as_array().unwrap().len(), 15, "with those that were not asked");
    assert!(text("rolecall.toml").contains("redacted") && text("rolecall.toml").contains("j.ruiz"));
    assert!(text("rules.json").contains("\"version\": 1"));

    let verify =
        async |arguments: &[&str]| run(&emulator, path, &[&["verify"][..], arguments].concat()).await;
    let whole = verify(&["evidence"]).await;
    assert_eq!((whole.code, whole.stdout.as_str()), (Some(0), "unchanged: all 11 files of SHA256SUMS\n"));
    // What others wrote says the same.
    let others =
        Plain::new("sha256sum").args(["--check", "--quiet", "SHA256SUMS"]).current_dir(&evidence).output();
    if let Ok(others) = others {
        assert!(others.status.success(), "{}", String::from_utf8_lossy(&others.stdout));
    }
    fs::write(evidence.join("SHA256SUMS.asc"), "a signature").unwrap();
    assert_eq!(verify(&["evidence"]).await.code, Some(0), "a signature stands beside the sums");

    let again = run(&emulator, path, &["evidence", "roll.jsonl", "--out", "again"]).await;
    assert_eq!(again.code, Some(0));
    assert_eq!(
        text("SHA256SUMS"),
        fs::read_to_string(path.join("again/SHA256SUMS")).unwrap(),
        "the same bytes"
    );
    let over = run(&emulator, path, &["evidence", "roll.jsonl", "--out", "again"]).await;
    assert_eq!(over.code, Some(2), "evidence is not written over: {}", over.stderr);

    let mut report = text("report.html");
    report.push(' ');
    fs::write(evidence.join("report.html"), report).unwrap();
    fs::remove_file(evidence.join("coverage.json")).unwrap();
    fs::write(evidence.join("more.txt"), "").unwrap();
    let changed = verify(&["evidence"]).await;
    assert_eq!(changed.code, Some(10));
    assert_eq!(
        changed.stdout,
        "changed  report.html\nmissing  coverage.json\nadded    more.txt\n9 files are unchanged\n"
    );
    let document = verify(&["evidence", "--format", "json"]).await;
    let document: Value = serde_json::from_str(&document.stdout).unwrap();
    assert_eq!(document["missing"], json!(["coverage.json"]));

    for (sums, words) in
        [("nonsense\n", "SHA256SUMS: line 1"), (&format!("{}  ../roll.jsonl\n", "0".repeat(64)), "line 1")]
    {
        fs::write(evidence.join("SHA256SUMS"), sums).unwrap();
        let refused = verify(&["evidence"]).await;
        assert_eq!(refused.code, Some(2));
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
    }
    let sums = format!("{}  a\n", "0".repeat(64));
    fs::write(evidence.join("SHA256SUMS"), format!("{sums}{sums}")).unwrap();
    let twice = verify(&["evidence"]).await;
    assert_eq!(twice.code, Some(2), "{}", twice.stdout);
    assert!(twice.stderr.contains("line 2: a is listed twice"), "{}", twice.stderr);
    // The other folder: nothing is left; and a link, whatever it points to now.
    let again = path.join("again");
    let whole = fs::read_to_string(again.join("SHA256SUMS")).unwrap();
    fs::remove_file(again.join("rules.json")).unwrap();
    std::os::unix::fs::symlink(evidence.join("rules.json"), again.join("rules.json")).unwrap();
    assert!(verify(&["again"]).await.stdout.starts_with("changed  rules.json\n"));
    fs::write(again.join("SHA256SUMS"), whole.replace("report.html", "report.htm")).unwrap();
    assert!(verify(&["again"]).await.stdout.contains("unlisted report.html\n"));
    fs::write(again.join("SHA256SUMS"), "").unwrap();
    assert_eq!(verify(&["again"]).await.code, Some(10), "no sums are no proof");
    let none = verify(&["roll.jsonl"]).await;
    assert_eq!(none.code, Some(2));
    assert!(none.stderr.contains("--cloudtrail PATH"), "{}", none.stderr);
    let nowhere = run(&emulator, path, &["evidence", "roll.jsonl", "--out", "no/such/folder"]).await;
    assert_eq!(nowhere.code, Some(2), "{}", nowhere.stderr);
}

#[tokio::test]
async fn the_calls_of_a_roll_are_those_in_cloudtrail_and_no_others_have_its_session_name() {
    let (emulator, folder) = roll(&["--via", "arn:aws:iam::222222222222:role/LambdaRole"]).await;
    // LambdaRole does not trust itself: every call on the way is refused, and CloudTrail has it all the same.
    let verify = async |events: &[Value], form: &str| {
        let text = match form {
            "lines" => events.iter().map(|event| format!("{event}\n")).collect(),
            "file" => json!({ "Records": events }).to_string(),
            _ => {
                let events: Vec<Value> =
                    events.iter().map(|event| json!({ "CloudTrailEvent": event.to_string() })).collect();
                json!({ "Events": events }).to_string()
            }
        };
        fs::write(folder.path().join("events.json"), text).unwrap();
        run(&emulator, folder.path(), &["verify", "roll.jsonl", "--cloudtrail", "events.json"]).await
    };
    let events: Vec<Value> = emulator.requests().iter().map(RequestLogEntry::to_cloudtrail).collect();
    for form in ["lines", "file", "lookup"] {
        let whole = verify(&events, form).await;
        assert_eq!(whole.code, Some(0), "{form}: {}{}", whole.stdout, whole.stderr);
        assert!(whole.stdout.ends_with("Verified: CloudTrail agrees with the roll.\n"), "{}", whole.stdout);
    }
}

#[tokio::test]
async fn a_call_that_cloudtrail_lacks_and_one_that_the_roll_lacks_are_named() {
    let (emulator, folder) = roll(&[]).await;
    let verify = async |events: &[Value]| {
        fs::write(folder.path().join("events.json"), json!({ "Records": events }).to_string()).unwrap();
        let arguments = ["verify", "roll.jsonl", "--cloudtrail", "events.json"];
        let words = run(&emulator, folder.path(), &arguments).await;
        let document = run(&emulator, folder.path(), &[&arguments[..], &["--format", "json"]].concat()).await;
        (words, serde_json::from_str::<Value>(&document.stdout).unwrap_or_default())
    };
    let mut events: Vec<Value> = emulator.requests().iter().map(RequestLogEntry::to_cloudtrail).collect();
    let (whole, document) = verify(&events).await;
    assert_eq!(whole.code, Some(0), "{}{}", whole.stdout, whole.stderr);
    let asked = emulator.requests().iter().filter(|line| line.operation == "sts:AssumeRole").count();
    assert_eq!(document["matched"], asked, "the refused ones too");

    // CloudTrail says otherwise: granted, refused, another role, another session.
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut events = events.clone();
        events.iter_mut().filter(|event| event["eventName"] == "AssumeRole").for_each(change);
        events
    };
    for (events, what) in [
        (changed(&|event| event["errorCode"] = Value::Null), "outcome"),
        (changed(&|event| event["errorCode"] = json!("AccessDenied")), "outcome"),
        (
            changed(&|event| event["requestParameters"]["roleArn"] = json!("arn:aws:iam::1:role/Admin")),
            "role",
        ),
        (changed(&|event| event["requestParameters"]["roleSessionName"] = json!("other")), "session"),
    ] {
        let (differing, document) = verify(&events).await;
        assert_eq!(differing.code, Some(10), "{what}: {}", differing.stdout);
        assert_eq!(document["mismatched"][0]["fields"], json!([what]));
        assert!(differing.stdout.contains(&format!("in {what}: the roll has")), "{}", differing.stdout);
    }

    let place = events.iter().position(|event| event["eventName"] == "AssumeRole").unwrap();
    let mut taken = events.remove(place);
    let (missing, document) = verify(&events).await;
    assert_eq!(missing.code, Some(10));
    assert_eq!(document["missing"][0]["request_id"], taken["requestID"]);
    assert!(missing.stdout.starts_with("missing  "), "{}", missing.stdout);

    // Somebody else, under the run's name.
    events.insert(place, taken.clone());
    taken["requestID"] = json!("00000000-0000-0000-0000-000000000000");
    taken["sourceIPAddress"] = json!("203.0.113.7\u{1b}[2J");
    events.push(taken.clone());
    let (foreign, document) = verify(&events).await;
    assert_eq!(foreign.code, Some(10));
    assert_eq!(document["unexplained"].as_array().unwrap().len(), 1);
    assert!(foreign.stdout.contains("from 203.0.113.7\u{fffd}[2J"), "{}", foreign.stdout);
    // One that AWS turned away was made again, and is nobody else's.
    events.pop();
    taken["errorCode"] = json!("Throttling");
    events.push(taken.clone());
    assert_eq!(verify(&events).await.0.code, Some(0));
    // The name is the run's own, so whoever uses it on another day is not the run.
    events.pop();
    taken["errorCode"] = Value::Null;
    taken["eventTime"] = json!("2020-01-01T00:00:00Z");
    events.push(taken);
    assert_eq!(verify(&events).await.0.code, Some(10));

    for (bytes, words) in [
        (&b"\x1f\x8b\x08"[..], "events.json: "),
        (b"{}", "no CloudTrail event"),
        (b"", "no CloudTrail event"),
        (b"{\"Records\": []}\nnonsense", "at line 2"),
    ] {
        fs::write(folder.path().join("events.json"), bytes).unwrap();
        let wrong =
            run(&emulator, folder.path(), &["verify", "roll.jsonl", "--cloudtrail", "events.json"]).await;
        assert_eq!(wrong.code, Some(2), "{words}: {}", wrong.stdout);
        assert!(wrong.stderr.contains(words), "{words} is not in {}", wrong.stderr);
    }
}

#[tokio::test]
async fn calls_of_previous_runs_belong_to_the_roll_and_those_of_an_interrupted_run_are_incomplete() {
    let (emulator, folder) = roll(&[]).await;
    let path = folder.path().join("roll.jsonl");
    let first = fs::read_to_string(&path).unwrap();
    let verify = async || {
        let events: Vec<Value> = emulator.requests().iter().map(RequestLogEntry::to_cloudtrail).collect();
        fs::write(folder.path().join("events.json"), json!({ "Records": events }).to_string()).unwrap();
        run(&emulator, folder.path(), &["verify", "roll.jsonl", "--cloudtrail", "events.json"]).await
    };
    // What was denied is asked again: the line of the first refusal counts no more, and its call was ours.
    let scan = [&ORGANIZATION[..], &["--roll", "roll.jsonl"]].concat();
    run(&emulator, folder.path(), &scan).await;
    let both = verify().await;
    assert_eq!(both.code, Some(0), "{}{}", both.stdout, both.stderr);
    // The first run as if it had been killed before its last lines were written.
    let cut: Vec<&str> = first.lines().collect();
    let cut: String = cut[..cut.len() - 3].iter().map(|line| format!("{line}\n")).collect();
    fs::write(&path, cut).unwrap();
    run(&emulator, folder.path(), &scan).await;
    let cut = verify().await;
    assert_eq!(cut.code, Some(11), "{}{}", cut.stdout, cut.stderr);
    assert!(cut.stdout.contains("the run was interrupted"), "{}", cut.stdout);
    assert!(cut.stdout.contains("unknown     20"), "each is named: {}", cut.stdout);
}

/// A roll whose runs use the same session name, and the events of each run.
async fn two_runs_of_one_name() -> (Emulator, TempDir) {
    let (emulator, folder) = roll(&["--session-name", "audit"]).await;
    let write = |name: &str, entries: &[RequestLogEntry]| {
        let events: Vec<Value> = entries.iter().map(RequestLogEntry::to_cloudtrail).collect();
        fs::write(folder.path().join(name), json!({ "Records": events }).to_string()).unwrap();
    };
    let first = emulator.requests();
    write("first.json", &first);
    let again = [&ORGANIZATION[..], &["--session-name", "audit", "--roll", "other.jsonl"]].concat();
    run(&emulator, folder.path(), &again).await;
    write("second.json", &emulator.requests()[first.len()..]);
    (emulator, folder)
}

#[tokio::test]
async fn events_are_in_many_files_and_the_roll_of_another_run_explains_its_calls() {
    let (emulator, folder) = two_runs_of_one_name().await;
    let path = folder.path();
    let bucket = path.join("AWSLogs/222222222222/CloudTrail/us-east-1/2026/11/26");
    fs::create_dir_all(&bucket).unwrap();
    for name in ["first.json", "second.json"] {
        let zipped = Plain::new("gzip").arg("-c").arg(path.join(name)).output().unwrap();
        fs::write(bucket.join(format!("{name}.gz")), zipped.stdout).unwrap();
    }
    fs::write(bucket.join("README.txt"), "no events").unwrap();
    std::os::unix::fs::symlink(path.join("AWSLogs"), bucket.join("back")).unwrap();
    let verify =
        async |arguments: &[&str]| run(&emulator, path, &[&["verify"][..], arguments].concat()).await;
    let alone = verify(&["roll.jsonl", "--cloudtrail", "first.json"]).await;
    assert_eq!(alone.code, Some(0), "{}{}", alone.stdout, alone.stderr);
    for events in [&["first.json", "second.json"][..], &["AWSLogs"]] {
        let arguments = [&["roll.jsonl", "--cloudtrail"], events].concat();
        let other = verify(&arguments).await;
        assert_eq!(other.code, Some(10), "{}{}", other.stdout, other.stderr);
        assert!(other.stdout.contains("\nunexplained "), "{}", other.stdout);
        let explained = verify(&[&arguments[..], &["--other-roll", "other.jsonl"]].concat()).await;
        assert_eq!(explained.code, Some(0), "{}{}", explained.stdout, explained.stderr);
        assert!(explained.stdout.contains(" from 2 files.\n"), "{}", explained.stdout);
    }
    // The calls of the other run need not be in the events.
    let hidden = verify(&["roll.jsonl", "--other-roll", "other.jsonl", "--cloudtrail", "first.json"]).await;
    assert_eq!(hidden.code, Some(0), "{}{}", hidden.stdout, hidden.stderr);
    fs::create_dir(path.join("empty")).unwrap();
    for (arguments, words) in [
        (&["roll.jsonl", "--cloudtrail", "empty"][..], "no file of events in this folder"),
        (&["roll.jsonl", "--cloudtrail", "absent.json"], "absent.json: cannot be read: No such file"),
        (&["roll.jsonl", "--cloudtrail", "first.json", "--out", "first.json"], "are both"),
        (&["roll.jsonl", "--other-roll", "other.jsonl"], "--cloudtrail"),
    ] {
        let wrong = verify(arguments).await;
        assert_eq!(wrong.code, Some(2), "{}", wrong.stdout);
        assert!(wrong.stderr.contains(words), "{words} is not in {}", wrong.stderr);
    }
}

#[tokio::test]
async fn what_the_runs_own_session_did_otherwise_fails_and_events_that_are_cut_are_unknown() {
    let (emulator, folder) = roll(&[]).await;
    let mut events: Vec<Value> = emulator.requests().iter().map(RequestLogEntry::to_cloudtrail).collect();
    let lookup: Vec<Value> =
        events[..3].iter().map(|event| json!({ "CloudTrailEvent": event.to_string() })).collect();
    let cut = json!({ "Events": lookup, "NextToken": "abc" }).to_string();
    fs::write(folder.path().join("cut.json"), cut).unwrap();
    let cut = run(&emulator, folder.path(), &["verify", "roll.jsonl", "--cloudtrail", "cut.json"]).await;
    assert_eq!(cut.code, Some(11), "{}{}", cut.stdout, cut.stderr);
    assert!(cut.stdout.contains("cut.json ends with a NextToken"), "{}", cut.stdout);

    let mut created = events.iter().find(|event| event["eventName"] == "ListUsers").unwrap().clone();
    created["eventName"] = json!("CreateAccessKey");
    created["requestID"] = json!("9f2d");
    created["sourceIPAddress"] = json!("203.0.113.7");
    events.push(created);
    fs::write(folder.path().join("events.json"), Value::from(events).to_string()).unwrap();
    let misused =
        run(&emulator, folder.path(), &["verify", "roll.jsonl", "--cloudtrail", "events.json"]).await;
    assert_eq!(misused.code, Some(10), "{}{}", misused.stdout, misused.stderr);
    for words in ["undeclared ", "  iam:CreateAccessKey  by arn:", " from 203.0.113.7  ", "request 9f2d"] {
        assert!(misused.stdout.contains(words), "{words} is not in {}", misused.stdout);
    }
}
