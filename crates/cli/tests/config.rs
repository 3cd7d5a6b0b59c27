//! The options: each has a row, and what is made of the rows is what stands in the repository.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on ends")]

mod common;

use std::fs;

use common::{Ended, ended, rolecall};
use serde_json::Value;

async fn run(arguments: &[&str]) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    ended(rolecall("http://127.0.0.1:9", arguments).current_dir(folder.path())).await
}

#[tokio::test]
async fn the_generated_pages_in_docs_are_up_to_date() {
    for (format, page) in [
        ("reference", include_str!("../../../docs/configuration.md")),
        ("schema", include_str!("../../../docs/rolecall.schema.json")),
    ] {
        let made = run(&["config", "--format", format]).await;
        assert_eq!(made.stdout, page, "`make docs` makes it anew");
    }
}

#[tokio::test]
async fn the_file_of_init_matches_the_schema_and_so_do_its_commented_lines() {
    let example = run(&["init", "-"]).await.stdout;
    let schema: Value = serde_json::from_str(&run(&["config", "--format", "schema"]).await.stdout).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let uncommented: String = example
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with([' ', '#'])).unwrap_or(line))
        .map(|line| format!("{line}\n"))
        .collect();
    for text in [&example, &uncommented] {
        let file: toml::Table = toml::from_str(text).unwrap();
        let file = serde_json::to_value(file).unwrap();
        let errors: Vec<String> = schema.iter_errors(&file).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
    for text in
        ["rolename = \"R\"", "[session]\nnaem = \"x\"", "[limits]\nconcurrency = \"many\"", "[[account]]"]
    {
        let file: toml::Table = toml::from_str(text).unwrap();
        assert!(!schema.is_valid(&serde_json::to_value(file).unwrap()), "{text}");
    }
}

#[tokio::test]
async fn each_option_is_listed_with_its_source_and_a_secret_is_not_printed() {
    let folder = tempfile::tempdir().unwrap();
    let text = "role_name = \"IAMListRole\"\nexternal_id = \"s3cret:1\"\n[limits]\nmax_attempts = 3\nconcurrency = 7\n";
    fs::write(folder.path().join("rolecall.toml"), text).unwrap();
    let mut command = rolecall("http://127.0.0.1:9", &["config", "--format", "json"]);
    command
        .current_dir(folder.path())
        .env("ROLECALL_CONCURRENCY", "9")
        .env("ROLECALL_VIA", "arn:aws:iam::222222222222:role/R");
    let shown = ended(&mut command).await;
    assert!(!shown.stdout.contains("s3cret"), "{}", shown.stdout);
    let rows: Vec<Value> = serde_json::from_str(&shown.stdout).unwrap();
    let row = |option: &str| rows.iter().find(|row| row["option"] == option).unwrap();
    for (option, value, source) in [
        ("role_name", "IAMListRole", "file, role_name"),
        ("external_id", "(secret)", "file, external_id"),
        ("max_attempts", "3", "file, limits.max_attempts"),
        ("concurrency", "9", "ROLECALL_CONCURRENCY"),
        ("via", "arn:aws:iam::222222222222:role/R", "ROLECALL_VIA"),
        ("canary", "5", "default"),
    ] {
        assert_eq!(
            (&row(option)["value"], &row(option)["source"]),
            (&value.into(), &source.into()),
            "{option}"
        );
    }
    assert_eq!(row("ou")["source"], "not set");
    let wrong = ended(
        rolecall("http://127.0.0.1:9", &["config"])
            .current_dir(folder.path())
            .env("ROLECALL_EXTERNAL_ID", "s3cret with a blank"),
    )
    .await;
    assert_eq!(wrong.code, Some(2));
    assert!(
        wrong.stderr.contains("ROLECALL_EXTERNAL_ID") && !wrong.stderr.contains("s3cret"),
        "{}",
        wrong.stderr
    );
}

#[tokio::test]
async fn conflicting_options_are_rejected_wherever_they_are_set() {
    let scan = ["scan", "--role-arn", "arn:aws:iam::111111111111:role/R", "--user", "alice"];
    let both =
        ended(&mut rolecall("http://127.0.0.1:9", &[&scan[..], &["--path-prefix", "/ci/"]].concat())).await;
    assert_eq!(both.code, Some(2));
    assert!(both.stderr.contains("--user and --path-prefix cannot be combined"), "{}", both.stderr);
}

#[tokio::test]
async fn a_rejected_external_id_is_never_repeated() {
    let scan = ["scan", "--role-arn", "arn:aws:iam::111111111111:role/R", "--external-id", "s3cret id"];
    let refused = run(&scan).await;
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.starts_with("error: --external-id: "), "{}", refused.stderr);
    assert!(!refused.stderr.contains("s3cret"), "{}", refused.stderr);
    let found =
        run(&["find-key", "AKIAIOSFODNN7EXAMPLE", "--role-name", "R", "--external-id", "s3cret id"]).await;
    assert_eq!(found.code, Some(2));
    assert!(!found.stderr.contains("s3cret"), "{}", found.stderr);
}
