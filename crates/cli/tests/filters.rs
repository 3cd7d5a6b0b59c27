//! Filters: what is shown of the findings, in every format, and what no filter changes.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot go on ends; it may read the clock"
)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use common::organization::{ORGANIZATION, as_lambda, recipe, start};
use common::{Ended, ended};
use rolecall_emulator::Emulator;
use serde_json::Value;
use tempfile::TempDir;

/// The roll of a small organization, a few of whose accounts deny access.
async fn roll() -> (Emulator, TempDir) {
    let emulator = start(recipe("accounts=20,users=3,seed=7,denied=100,suspended=50").world().unwrap()).await;
    let folder = tempfile::tempdir().unwrap();
    let arguments = [&ORGANIZATION[..], &["--roll", "roll.jsonl", "--format", "json"]].concat();
    assert_eq!(run(&emulator, folder.path(), &arguments).await.code, Some(11));
    (emulator, folder)
}

async fn run(emulator: &Emulator, folder: &Path, arguments: &[&str]) -> Ended {
    ended(&mut as_lambda(emulator, folder, arguments)).await
}

async fn report(emulator: &Emulator, folder: &Path, more: &[&str]) -> Ended {
    run(emulator, folder, &[&["report", "roll.jsonl"], more].concat()).await
}

/// The document's findings by one of their fields.
fn field(document: &Value, name: &str) -> BTreeSet<String> {
    let findings = document["findings"].as_array().unwrap().iter();
    findings.map(|finding| finding[name].as_str().unwrap_or_default().to_owned()).collect()
}

fn json(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap()
}

#[tokio::test]
async fn each_filter_shows_what_it_names_and_changes_nothing_else_in_the_document() {
    let (emulator, folder) = roll().await;
    let filtered = async |more: &[&str]| {
        json(&report(&emulator, folder.path(), &[&["--format", "json"], more].concat()).await)
    };
    let all = filtered(&[]).await;
    let total = all["findings"].as_array().unwrap().len();
    assert!(total > 10, "{total}");
    assert!(all.get("filter").is_none());
    let [account, name] = ["account_id", "account_name"].map(|key| all["findings"][0][key].as_str().unwrap());
    let owner = all["findings"][0]["owner"]["name"].as_str().unwrap();
    let dashes = format!("{}-{}-{}", &account[..4], &account[4..8], &account[8..]);

    for (more, key, expected) in [
        (&["--severity", "critical"][..], "severity", vec!["critical"]),
        (&["--severity", "high"], "severity", vec!["critical", "high"]),
        (&["--rule", "access-key-age"], "rule", vec!["access-key-age"]),
        (
            &["--rule", "access-key-ag*", "--rule", "access-key-never-use?"],
            "rule",
            vec!["access-key-age", "access-key-never-used"],
        ),
        (&["--only-account", account], "account_id", vec![account]),
        (&["--only-account", &dashes], "account_id", vec![account]),
        (&["--only-account", name], "account_name", vec![name]),
        (&["--owner", owner], "account_id", vec![account]),
    ] {
        let mut document = filtered(more).await;
        let found = field(&document, key);
        let allowed: BTreeSet<String> = expected.into_iter().map(str::to_owned).collect();
        assert!(found.is_subset(&allowed), "{more:?}: {found:?}");
        let wanted = field(&all, key).into_iter().filter(|it| allowed.contains(it)).collect();
        assert_eq!(found, wanted, "{more:?}");
        let shown = document["findings"].as_array().unwrap().len();
        assert!(shown < total, "{more:?}");
        assert_eq!(document["filter"]["shown"], shown);
        assert_eq!(document["filter"]["total"], total);
        document.as_object_mut().unwrap().remove("filter");
        for part in ["findings", "suppressed"] {
            document[part] = all[part].clone();
        }
        assert_eq!(document, all, "{more:?}");
    }
    let three = filtered(&["--limit", "3"]).await;
    assert_eq!(three["findings"].as_array().unwrap()[..], all["findings"].as_array().unwrap()[..3]);
    assert_eq!(three["filter"]["limit"], 3);
    let by_wildcard = filtered(&["--only-account", "*", "--owner", "*@*"]).await;
    assert_eq!(by_wildcard["filter"]["accounts"][0], "*");
}

#[tokio::test]
async fn every_format_of_findings_is_filtered_and_says_so() {
    let (emulator, folder) = roll().await;
    let filter = ["--rule", "access-key-age", "--limit", "2"];
    let all = json(&report(&emulator, folder.path(), &["--format", "json"]).await);
    let total = all["findings"].as_array().unwrap().len();
    let words =
        format!("2 of {total} are shown, filtered by rule access-key-age, limit 2 (most urgent first)");
    let coverage = all["coverage"].clone();
    for format in ["table", "json", "csv", "markdown", "html", "ocsf"] {
        let ended = report(&emulator, folder.path(), &[&["--format", format][..], &filter].concat()).await;
        assert_eq!(ended.code, Some(11), "{format}: {}", ended.stderr);
        let text = &ended.stdout;
        let (shown, says) = match format {
            "table" => (text.matches("days old; the limit is 90 days").count(), text.contains(&words)),
            "json" => {
                let document = json(&ended);
                assert_eq!(document["coverage"], coverage);
                (document["findings"].as_array().unwrap().len(), document["filter"]["total"] == total)
            }
            "csv" => (
                text.lines().filter(|line| line.starts_with("finding,")).count(),
                ended.stderr.contains(&words),
            ),
            "markdown" => (
                text.lines().filter(|line| line.contains("the limit is 90 days")).count(),
                text.contains(&words),
            ),
            "html" => (text.matches("<td class=\"key\">AKIA").count(), text.contains(&words)),
            _ => {
                let events = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
                let is_finding = |event: &Value| event["unmapped"]["score"].is_object();
                (events.filter(is_finding).count(), ended.stderr.contains(&words))
            }
        };
        assert_eq!((shown, says), (2, true), "{format}: {}\n{text}", ended.stderr);
    }
    for format in ["jsonl", "roll-csv"] {
        let whole = report(&emulator, folder.path(), &["--format", format]).await;
        let same = report(&emulator, folder.path(), &[&["--format", format][..], &filter].concat()).await;
        assert_eq!(whole.stdout, same.stdout, "{format} is the roll");
        assert!(same.stderr.contains("filters do not apply"), "{format}: {}", same.stderr);
    }
}

#[tokio::test]
async fn a_filter_changes_no_exit_code_and_one_that_matches_nothing_says_so() {
    let (emulator, folder) = roll().await;
    // What was denied is accepted, so that the findings decide.
    let roll = fs::read_to_string(folder.path().join("roll.jsonl")).unwrap();
    let records = roll.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let failed = records
        .filter(|record| ["Failed", "Partial"].contains(&record["outcome"].as_str().unwrap_or_default()));
    let accepted = failed.map(|record| {
        let id = record["account_id"].as_str().unwrap();
        format!("[[accepted_gap]]\naccount_id = \"{id}\"\nowner = \"j.ruiz\"\nreason = \"legal hold\"\nuntil = 2099-01-01\n")
    });
    fs::write(folder.path().join("rolecall.toml"), accepted.collect::<String>()).unwrap();
    for fail_on in ["critical", "medium"] {
        let without = report(&emulator, folder.path(), &["--fail-on", fail_on]).await;
        let filter = ["--fail-on", fail_on, "--severity", "critical", "--owner", "nobody", "--limit", "1"];
        let with = report(&emulator, folder.path(), &filter).await;
        assert_eq!(with.code, without.code, "{fail_on}: {}", with.stderr);
        assert!(with.stdout.contains("the filter matches no finding (0 of "), "{}", with.stdout);
        assert!(
            with.stdout.contains("severity critical, owner nobody, limit 1 (most urgent first)"),
            "{}",
            with.stdout
        );
    }
    let medium = report(&emulator, folder.path(), &["--fail-on", "medium", "--owner", "nobody"]).await;
    assert_eq!(medium.code, Some(10), "{}", medium.stderr);
    for format in ["jsonl", "roll-csv"] {
        let shows_no_findings = ["--format", format, "--fail-on", "medium"];
        let ended = report(&emulator, folder.path(), &shows_no_findings).await;
        assert_eq!(ended.code, Some(10), "{format}: {}", ended.stderr);
    }
    let markdown = report(&emulator, folder.path(), &["--format", "markdown", "--owner", "nobody"]).await;
    assert_eq!(markdown.stdout.matches("the filter matches no finding").count(), 2, "{}", markdown.stdout);

    for (more, words) in [
        (&["--rule", "acess-key-age"][..], "unknown rule"),
        (&["--severity", "bad"], "critical, high"),
        (&["--limit", "0"], "--limit"),
    ] {
        let wrong = report(&emulator, folder.path(), more).await;
        assert_eq!(wrong.code, Some(2), "{}", wrong.stderr);
        assert!(wrong.stderr.contains(words), "{words} is not in {}", wrong.stderr);
    }
}

#[tokio::test]
async fn a_scan_is_filtered_the_same_and_not_where_it_applies_no_rules() {
    let (emulator, folder) = roll().await;
    let scan = async |more: &[&str]| {
        let arguments = [&ORGANIZATION[..], &["--roll", "roll.jsonl"], more].concat();
        run(&emulator, folder.path(), &arguments).await
    };
    let filtered = scan(&["--rule", "access-key-age", "--limit", "1"]).await;
    assert!(
        filtered.stdout.contains("filtered by rule access-key-age, limit 1 (most urgent first)"),
        "{}",
        filtered.stdout
    );
    assert_eq!(filtered.stdout.matches("the limit is 90 days").count(), 1, "{}", filtered.stdout);
    let quiet = scan(&["--format", "csv", "--limit", "1", "--quiet"]).await;
    assert_eq!(quiet.stderr, "");
    let no_rules = scan(&["--no-rules", "--severity", "high"]).await;
    assert_eq!(no_rules.code, Some(2));
    assert!(no_rules.stderr.contains("--no-rules"), "{}", no_rules.stderr);
    let help = run(&emulator, folder.path(), &["scan", "--help"]).await.stdout;
    assert!(
        help.contains(
            "Filters of findings (the list of keys, the roll, its coverage and --fail-on do not change):"
        ),
        "{help}"
    );
}

#[tokio::test]
async fn a_pipe_gets_all_keys_and_findings_in_the_table() {
    let emulator = start(recipe("accounts=30,users=4,seed=9,denied=0,suspended=0").world().unwrap()).await;
    let folder = tempfile::tempdir().unwrap();
    let arguments =
        [&ORGANIZATION[..], &["--format", "json", "--out", "all.json", "--format", "table", "--out", "-"]]
            .concat();
    let scanned = run(&emulator, folder.path(), &arguments).await;
    let document: Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("all.json")).unwrap()).unwrap();
    let findings = document["findings"].as_array().unwrap();
    assert!(findings.len() > 50, "{}", findings.len());
    let keys = document["counts"]["access_keys"].as_u64().unwrap();
    assert!(keys > 50, "{keys}");
    assert!(!scanned.stdout.contains("not listed") && !scanned.stdout.contains("less urgent"));
    let again = run(&emulator, folder.path(), &[&ORGANIZATION[..], &["--all"]].concat()).await;
    assert_eq!(again.stdout.lines().count(), scanned.stdout.lines().count());
    let severities = ["critical", "high", "medium", "low", "informational"].map(|it| format!(" {it} "));
    let is_finding = |line: &&str| severities.iter().any(|it| line.contains(it.as_str()));
    let table = scanned
        .stdout
        .lines()
        .skip_while(|line| !line.starts_with("SCORE "))
        .take_while(|line| !line.is_empty());
    let rows = table.filter(is_finding);
    assert_eq!(rows.count(), findings.len());
}
