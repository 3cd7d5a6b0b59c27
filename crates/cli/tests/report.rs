//! `rolecall report`, over the roll of the built-in world.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot go on ends; it may read the clock"
)]

mod common;

use std::fs;
use std::path::Path;

use common::organization::{as_lambda, start};
use common::{Ended, ROLE_ARN, ended};
use rolecall_emulator::{Emulator, World};
use rolecall_roll::json::is_unsafe_char;
use serde_json::Value;
use tempfile::TempDir;

const RUN_ID: &str = "8a6f0c1e-52d1-4b7e-9f0e-6a2b3c4d5e6f";

/// The roll of the built-in world as if by a run of a fixed moment.
async fn roll() -> (Emulator, TempDir) {
    let emulator = start(World::tutorial().unwrap()).await;
    let folder = tempfile::tempdir().unwrap();
    let arguments =
        ["scan", "--role-arn", ROLE_ARN, "--roll", "roll.jsonl", "--collect", "users,access_keys"];
    let scanned = ended(&mut as_lambda(&emulator, folder.path(), &arguments)).await;
    assert_eq!(scanned.code, Some(0), "{}", scanned.stderr);
    let path = folder.path().join("roll.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let header: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let text = text.replace(header["run_id"].as_str().unwrap(), RUN_ID);
    let text = text.replace(header["as_of"].as_str().unwrap(), "2026-12-01T12:00:00Z");
    let trailer = text.find("\"elapsed_ms\":").unwrap();
    let (before, after) = text.split_at(trailer);
    let rest = after.trim_start_matches("\"elapsed_ms\":").trim_start_matches(|c: char| c.is_ascii_digit());
    fs::write(&path, format!("{before}\"elapsed_ms\":250{rest}")).unwrap();
    (emulator, folder)
}

async fn report(emulator: &Emulator, folder: &Path, more: &[&str]) -> Ended {
    let arguments = [&["report", "roll.jsonl"][..], more].concat();
    ended(&mut as_lambda(emulator, folder, &arguments)).await
}

#[tokio::test]
async fn the_table_shows_findings_the_most_urgent_first_and_what_the_roll_covers() {
    let (emulator, folder) = roll().await;
    let before = emulator.requests().len();
    let ended = report(&emulator, folder.path(), &[]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    insta::assert_snapshot!(ended.stdout);
    let again = report(&emulator, folder.path(), &["--group-by", "owner"]).await;
    assert!(again.stdout.contains("\n\nno owner\n"), "{}", again.stdout);
    assert_eq!(emulator.requests().len(), before, "nobody was asked");
}

#[tokio::test]
async fn unknown_results_are_reported_with_fail_on() {
    let (emulator, folder) = roll().await;
    let path = folder.path().join("roll.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("\"status\":\"Active\"", "\"status\":\"Quarantined\"", 1)).unwrap();
    let off = ["root-access-key", "root-without-mfa", "console-without-mfa", "administrator-access-key"];
    let off: String = off.iter().map(|rule| format!("[rules.{rule}]\nenabled = false\n")).collect();
    let high = "[rules.access-key-age]\nseverity = \"high\"\ndays = 9999\n";
    fs::write(folder.path().join("rolecall.toml"), format!("{off}{high}")).unwrap();
    let ended = report(&emulator, folder.path(), &["--fail-on", "high"]).await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    let words =
        "--fail-on high: no finding of this severity or a worse one, but 1 result of such rules unknown";
    assert!(ended.stderr.contains(words), "{}", ended.stderr);
}

#[tokio::test]
async fn a_finding_of_fail_on_takes_precedence_over_an_account_that_could_not_be_read() {
    let emulator = start(World::tutorial().unwrap()).await;
    let folder = tempfile::tempdir().unwrap();
    let missing = "arn:aws:iam::333333333333:role/Missing";
    let scan = |targets: &[&'static str], fail_on: &'static [&'static str]| {
        let targets = targets.iter().flat_map(|arn| ["--role-arn", arn]);
        let arguments: Vec<&str> =
            ["scan"].into_iter().chain(targets).chain(fail_on.iter().copied()).collect();
        as_lambda(&emulator, folder.path(), &arguments)
    };
    let found = ended(&mut scan(&[ROLE_ARN, missing], &["--fail-on", "medium"])).await;
    assert_eq!(found.code, Some(10), "{}", found.stderr);
    let words =
        "--fail-on medium: exits with 10 for the findings; the roll is incomplete, so there may be more";
    assert!(found.stderr.contains(words), "{}", found.stderr);
    // Without such a finding in what was read, and without anything read, it is unknown whether there is one.
    for (targets, fail_on) in [
        (&[ROLE_ARN, missing][..], &["--fail-on", "critical"][..]),
        (&[ROLE_ARN, missing], &[]),
        (&[missing], &["--fail-on", "informational"]),
    ] {
        let ended = ended(&mut scan(targets, fail_on)).await;
        assert_eq!(ended.code, Some(11), "{fail_on:?}: {}", ended.stderr);
    }
    let complete = ended(&mut scan(&[ROLE_ARN], &["--fail-on", "medium"])).await;
    assert_eq!(complete.code, Some(10));
    assert!(!complete.stderr.contains("there may be more"), "{}", complete.stderr);
}

#[tokio::test]
async fn the_current_configuration_is_applied_and_the_exit_code_shows_the_result() {
    let (emulator, folder) = roll().await;
    let report = async |more: &[&str]| report(&emulator, folder.path(), more).await;
    assert_eq!(report(&["--fail-on", "medium"]).await.code, Some(10));
    // The root user was not read, so there may be critical findings.
    let not_evaluated = report(&["--fail-on", "critical"]).await;
    assert_eq!(not_evaluated.code, Some(11));
    let words = "--fail-on critical cannot be evaluated: rule root-access-key needs control_total, which was not requested";
    assert!(not_evaluated.stderr.contains(words), "{}", not_evaluated.stderr);
    assert_eq!(report(&["--fail-on", "medium", "--benchmark", "cis-7.0"]).await.code, Some(10));
    let toml = folder.path().join("rolecall.toml");
    fs::write(&toml, "[rules.root-access-key]\nenabled = false\n[rules.root-without-mfa]\nenabled = false\n")
        .unwrap();
    assert_eq!(
        report(&["--fail-on", "critical"]).await.code,
        Some(0),
        "all that could be critical was looked at"
    );
    fs::write(&toml, "[rules.access-key-age]\nseverity = \"critical\"\ndays = 1605\n").unwrap();
    assert_eq!(report(&["--fail-on", "high"]).await.code, Some(10));
    let exception = "[[exception]]\nuser = \"*\"\nowner = \"j.ruiz\"\nreason = \"training\"\n";
    fs::write(&toml, format!("{exception}until = 2026-12-01\n")).unwrap();
    let ended = report(&[]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stdout);
    assert!(ended.stdout.contains("suppressed  findings with an exception"), "{}", ended.stdout);
    let later = report(&["--fail-on", "medium", "--as-of", "2026-12-02T00:00:00Z"]).await;
    assert_eq!(later.code, Some(10));
    assert!(later.stdout.contains("expired on 2026-12-01: 5 findings are open again"), "{}", later.stdout);
    let over = report(&["--out", "roll.jsonl"]).await;
    assert_eq!(over.code, Some(2));
    assert!(over.stderr.contains("ROLL and --out are both roll.jsonl"), "{}", over.stderr);
    let earlier = report(&["--as-of", "2026-01-01"]).await;
    assert_eq!(earlier.code, Some(2));
    assert!(
        earlier.stderr.contains("is before the time of the roll, 2026-12-01T12:00:00Z"),
        "{}",
        earlier.stderr
    );
    let roll_of_then = report(&["--as-of", "2027-01-01", "--format", "jsonl"]).await;
    assert_eq!(roll_of_then.code, Some(2));
    assert!(roll_of_then.stderr.contains("pass --as-of without --format jsonl"), "{}", roll_of_then.stderr);
    let strict = "[rules.access-key-age]\ndays = 400\n[rules.access-keys-several]\nenabled = false\n";
    fs::write(&toml, strict).unwrap();
    let loose = report(&["--benchmark", "cis-5.0"]).await;
    for words in [
        "rule access-key-age allows 400 days, cis-5.0 only 90",
        "rule access-keys-several is disabled, but cis-5.0 requires it",
    ] {
        assert!(loose.stdout.contains(words), "{words} is not in {}", loose.stdout);
    }
    fs::write(&toml, "[rules.access-key-agee]\ndays = 1\n").unwrap();
    let wrong = report(&[]).await;
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("rolecall.toml:1:8: unknown rule"), "{}", wrong.stderr);
}

#[tokio::test]
async fn several_formats_are_written_at_once_each_completely() {
    let (emulator, folder) = roll().await;
    let all = ["table", "json", "jsonl", "csv", "roll-csv", "markdown", "html", "ocsf"];
    let mut more = Vec::new();
    for format in all {
        more.extend(["--format", format, "--out", format]);
    }
    let ended = report(&emulator, folder.path(), &more).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""), "{}", ended.stderr);
    assert!(ended.stderr.ends_with("written to table, json, jsonl, csv, roll-csv, markdown, html, ocsf\n"));
    for format in all {
        let text = fs::read_to_string(folder.path().join(format)).unwrap();
        assert!(text.contains("AKIAK2DEPLOYEXAMPLE1"), "{format}");
        let out = report(&emulator, folder.path(), &["--format", format]).await.stdout;
        assert_eq!(out, text, "the same bytes to stdout: {format}");
    }
}

#[tokio::test]
async fn hostile_names_do_not_control_a_terminal() {
    let (emulator, folder) = roll().await;
    let path = folder.path().join("roll.jsonl");
    let hostile = "\\u001b[2J\\u009b31m\\u202egpj\\u2028\\r\\nnew\\u0007</script><img src=x>|`*";
    let text = fs::read_to_string(&path).unwrap();
    let text = text.replace("\"user_name\":\"alice\"", &format!("\"user_name\":\"{hostile}\""));
    // What AWS says, and what to do about it, is no better than a name.
    let gap = format!(
        "{{\"fact\":\"users\",\"operation\":null,\"user_name\":\"{hostile}\",\"error_kind\":\"denied\",\"code\":\"{hostile}\",\
         \"message\":\"{hostile}\",\"request_id\":\"{hostile}\",\"remedy\":{{\"code\":\"allow_actions\",\"side\":\"member\",\"principal\":\"{hostile}\",\"actions\":[\"{hostile}\"],\
         \"resource\":\"{hostile}\"}}}}"
    );
    let text = text.replace("\"outcome\":\"Complete\"", "\"outcome\":\"Partial\"");
    let text = text.replace("\"gaps\":[]", &format!("\"gaps\":[{gap}]"));
    // The trailer counts otherwise now; a roll may be cut before it.
    let text: String = text.lines().take(2).map(|line| format!("{line}\n")).collect();
    fs::write(&path, text).unwrap();
    for format in ["table", "json", "jsonl", "csv", "roll-csv", "markdown", "html", "ocsf"] {
        let ended = report(&emulator, folder.path(), &["--format", format]).await;
        assert_eq!(ended.code, Some(11), "{format}: {}", ended.stderr);
        let steering: Vec<char> =
            ended.stdout.chars().filter(|c| is_unsafe_char(*c) && !['\n', '\r'].contains(c)).collect();
        assert!(steering.is_empty(), "{format}: {steering:?}");
        assert!(ended.stdout.contains("gpj"), "{format}");
    }
}

#[tokio::test]
async fn two_rolls_are_compared() {
    let (emulator, folder) = roll().await;
    let diff = async |more: &[&str]| {
        ended(&mut as_lambda(&emulator, folder.path(), &[&["diff"][..], more].concat())).await
    };
    let same = diff(&["roll.jsonl", "roll.jsonl"]).await;
    assert_eq!(same.code, Some(0), "{}{}", same.stdout, same.stderr);
    assert!(same.stdout.ends_with("no differences\n"), "{}", same.stdout);
    let text = fs::read_to_string(folder.path().join("roll.jsonl")).unwrap();
    let key = "\"access_key_id\":\"AKIAI44QH8DHBEXAMPLE\",\"status\":\"Inactive\"";
    assert!(text.contains(key));
    let text =
        text.replace(key, &key.replace("Inactive", "Active")).replace("2026-12-01T12", "2026-12-20T12");
    fs::write(folder.path().join("new.jsonl"), text).unwrap();
    let table = diff(&["roll.jsonl", "new.jsonl"]).await;
    assert_eq!(table.code, Some(10));
    insta::assert_snapshot!(table.stdout);
    let markdown = diff(&["roll.jsonl", "new.jsonl", "--format", "markdown"]).await;
    insta::assert_snapshot!("two_rolls_are_compared_in_markdown", markdown.stdout);
    let json = diff(&["roll.jsonl", "new.jsonl", "--format", "json", "--out", "diff.json"]).await;
    assert_eq!((json.code, json.stdout.as_str()), (Some(10), ""));
    let json: Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("diff.json")).unwrap()).unwrap();
    assert_eq!(json["keys_changed"][0]["before"], "Inactive");
    let none = diff(&["roll.jsonl", "none.jsonl"]).await;
    assert_eq!(none.code, Some(2));
    for words in ["none.jsonl: cannot be read: No such file", "check the path; the current folder is"] {
        assert!(none.stderr.contains(words), "{}", none.stderr);
    }
}

#[tokio::test]
async fn the_rules_are_listed_with_their_effective_thresholds() {
    let (emulator, folder) = roll().await;
    let rules = async |more: &[&str]| {
        ended(&mut as_lambda(&emulator, folder.path(), &[&["rules"][..], more].concat())).await
    };
    insta::assert_snapshot!("the_rules", rules(&[]).await.stdout);
    fs::write(folder.path().join("rolecall.toml"), "[rules.access-key-age]\ndays = 30\n").unwrap();
    let ended = rules(&["--benchmark", "cis-5.0", "--format", "json"]).await;
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    let age = document.as_array().unwrap().iter().find(|rule| rule["id"] == "access-key-age").unwrap();
    assert_eq!((&age["days"], &age["severity"]), (&30.into(), &"medium".into()));
    assert!(document.as_array().unwrap().iter().all(|rule| rule["id"] != "access-key-inactive"));
}

#[tokio::test]
async fn one_missing_permission_is_one_reason_however_many_users_there_are() {
    let emulator = start(World::tutorial().unwrap()).await;
    let folder = tempfile::tempdir().unwrap();
    let facts = "users,access_keys,mfa_devices,console_password,policies";
    let arguments = ["scan", "--role-arn", ROLE_ARN, "--collect", facts, "--format", "json"];
    let scanned = ended(&mut as_lambda(&emulator, folder.path(), &arguments)).await;
    assert_eq!(scanned.code, Some(11), "{}", scanned.stderr);
    let document: Value = serde_json::from_str(&scanned.stdout).unwrap();
    let users = document["accounts"][0]["users"].as_array().unwrap();
    assert!(users.len() > 1);
    for user in users {
        assert_eq!(user["mfa_devices"]["unknown"], "ListMFADevices: access denied");
        assert_eq!(user["policies"]["unknown"], "GetAccountAuthorizationDetails: access denied");
    }
    // Each gap has AWS's words, and none of an account hides another.
    let partial = document["coverage"]["partial_reasons"].as_object().unwrap();
    let reasons: Vec<&str> = partial.keys().map(String::as_str).collect();
    assert_eq!(
        reasons,
        [
            "MFA devices unknown: access denied",
            "console passwords unknown: access denied",
            "groups and policies unknown: access denied"
        ]
    );
    assert_eq!(document["coverage"]["partial"], 1);
    let unknown = document["unknown"].as_array().unwrap();
    let administrators: Vec<_> =
        unknown.iter().filter(|it| it["rule"] == "administrator-access-key").collect();
    assert_eq!(administrators.len(), 1, "one for all users: {administrators:?}");
}

#[tokio::test]
async fn a_damaged_line_is_an_error_and_nothing_is_written() {
    let (emulator, folder) = roll().await;
    let path = folder.path().join("roll.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    // The last line contradicts the lines before it, whose accounts are evaluated by then.
    let damaged = text.replace("\"counts\":{\"accounts\":1,", "\"counts\":{\"accounts\":2,");
    assert_ne!(damaged, text);
    fs::write(&path, damaged).unwrap();
    let out = folder.path().join("out");
    fs::write(&out, "previous").unwrap();
    let files = fs::read_dir(folder.path()).unwrap().count();
    for format in ["table", "json", "jsonl", "csv", "roll-csv", "markdown", "html", "ocsf"] {
        for to in ["-", "out"] {
            let ended = report(&emulator, folder.path(), &["--format", format, "--out", to]).await;
            assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{format}: {}", ended.stderr);
            assert!(ended.stderr.contains("the trailer counts 2 accounts"), "{format}: {}", ended.stderr);
        }
        assert_eq!(fs::read_to_string(&out).unwrap(), "previous", "{format}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), files, "{format} left a temporary file");
    }
}
