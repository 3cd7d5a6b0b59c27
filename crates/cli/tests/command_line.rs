//! What users of command lines expect: formats by extension, configuration files that are found, typing errors that are named.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on ends")]

mod common;

use std::fs::{self, File};
use std::path::Path;

use common::{Ended, ROLE_ARN, ended, rolecall};
use rolecall_testkit::FakeAws;
use serde_json::Value;
use tempfile::TempDir;

async fn in_folder(folder: &Path, endpoint: &str, arguments: &[&str]) -> Ended {
    ended(rolecall(endpoint, arguments).current_dir(folder)).await
}

async fn offline(folder: &Path, arguments: &[&str]) -> Ended {
    in_folder(folder, "http://127.0.0.1:9", arguments).await
}

/// A folder with the roll of a scan: `roll.jsonl`.
async fn folder_with_roll() -> TempDir {
    let aws = FakeAws::start().await;
    let folder = tempfile::tempdir().unwrap();
    let scan = ["scan", "--role-arn", ROLE_ARN, "-o", "roll.jsonl"];
    assert_eq!(in_folder(folder.path(), &aws.uri(), &scan).await.code, Some(0));
    folder
}

#[tokio::test]
async fn the_format_follows_from_the_extension_of_the_output_file() {
    let folder = folder_with_roll().await;
    let path = folder.path();
    let files = ["a.html", "a.HTM", "a.json", "a.csv", "a.md", "a.ocsf", "a.ndjson", "a.txt", "plain"];
    let outs: Vec<&str> = files.iter().flat_map(|file| ["-o", *file]).collect();
    let report = offline(path, &[&["report", "roll.jsonl"][..], &outs].concat()).await;
    assert_eq!(report.code, Some(0), "{}", report.stderr);
    let begin = |file: &str| fs::read_to_string(path.join(file)).unwrap();
    assert!(begin("a.html").starts_with("<!DOCTYPE html>") && begin("a.HTM").starts_with("<!DOCTYPE html>"));
    assert!(serde_json::from_str::<Value>(&begin("a.json")).unwrap()["findings"].is_array());
    assert!(begin("a.csv").starts_with("record,"), "{}", begin("a.csv"));
    assert!(begin("a.md").starts_with('#'), "{}", begin("a.md"));
    assert!(begin("a.ocsf").contains("\"class_uid\":2003"));
    assert!(begin("a.ndjson").starts_with("{\"record\":\"header\""));
    assert!(begin("a.txt").contains("ROLL COMPLETE") && begin("plain").contains("ROLL COMPLETE"));

    let json = offline(path, &["rules", "--out", "rules.json"]).await;
    assert_eq!(json.code, Some(0), "{}", json.stderr);
    assert!(serde_json::from_str::<Value>(&begin("rules.json")).unwrap().is_array());
    let pdf = offline(path, &["report", "roll.jsonl", "-o", "a.pdf"]).await;
    assert_eq!(pdf.code, Some(2));
    assert!(pdf.stderr.contains("pass --format, one of table, json"), "{}", pdf.stderr);
    let chosen = offline(path, &["report", "roll.jsonl", "--format", "csv", "-o", "a.pdf"]).await;
    assert_eq!(chosen.code, Some(0), "{}", chosen.stderr);
    assert!(!path.join("x.pdf").exists() && begin("a.pdf").starts_with("record,"));

    for (format, file, names) in
        [("json", "b.csv", "csv"), ("csv", "b.html", "html"), ("jsonl", "b.json", "json")]
    {
        let other = offline(path, &["report", "roll.jsonl", "--format", format, "-o", file]).await;
        assert_eq!(other.code, Some(0), "{}", other.stderr);
        let words = format!(
            "warning: --out {file}: the file gets the format {format}, as --format says, but its extension"
        );
        assert!(
            other.stderr.contains(&words) && other.stderr.contains(&format!("format {names}\n")),
            "{}",
            other.stderr
        );
    }
    for (format, file) in [("roll-csv", "c.csv"), ("ocsf", "c.jsonl"), ("json", "c.data"), ("json", "c.json")]
    {
        let same = offline(path, &["report", "roll.jsonl", "--format", format, "-o", file]).await;
        assert!(!same.stderr.contains("warning"), "{}", same.stderr);
    }
}

#[tokio::test]
async fn a_roll_is_read_from_stdin() {
    let folder = folder_with_roll().await;
    let roll = File::open(folder.path().join("roll.jsonl")).unwrap();
    let mut report = rolecall("http://127.0.0.1:9", &["report", "-", "--format", "json"]);
    let piped = ended(report.current_dir(folder.path()).stdin(roll)).await;
    let read = offline(folder.path(), &["report", "roll.jsonl", "--format", "json"]).await;
    assert_eq!((piped.code, piped.stdout), (Some(0), read.stdout));
    let empty = offline(folder.path(), &["report", "-"]).await;
    assert_eq!(empty.code, Some(2), "{}", empty.stderr);
}

#[tokio::test]
async fn the_nearest_rolecall_toml_is_used_and_its_path_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(folder.path()).unwrap();
    let (repository, below) = (root.join("repo"), root.join("repo/a/b"));
    fs::create_dir_all(&below).unwrap();
    fs::create_dir(repository.join(".git")).unwrap();
    let value = |ended: &Ended| -> String {
        let options: Value = serde_json::from_str(&ended.stdout).unwrap();
        let options = options.as_array().unwrap().iter();
        let mut options = options.filter(|it| it["option"] == "max_attempts");
        options.next().unwrap()["value"].as_str().unwrap().to_owned()
    };
    let write = |file: &Path, number: u32| {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, format!("[limits]\nmax_attempts = {number}\n")).unwrap();
    };
    let config = ["config", "--format", "json"];
    let run = async |more: &[(&str, &Path)], arguments: &[&str]| {
        let mut command = rolecall("http://127.0.0.1:9", arguments);
        command.current_dir(&below).env("HOME", &root);
        for (name, value) in more {
            command.env(name, value);
        }
        ended(&mut command).await
    };
    write(&root.join("rolecall.toml"), 2);
    assert_eq!(value(&run(&[], &config).await), "10", "not above the repository root");
    let unused = run(&[], &["config", "-v"]).await.stderr;
    let words =
        format!("{} is not used: it is above {}", root.join("rolecall.toml").display(), repository.display());
    assert!(unused.contains(&words) && unused.contains("no rolecall.toml is used"), "{unused}");
    write(&root.join(".config/rolecall/rolecall.toml"), 3);
    let found = run(&[], &config).await;
    assert_eq!(value(&found), "3");
    assert!(found.stderr.contains(".config/rolecall/rolecall.toml"), "{}", found.stderr);
    let xdg = root.join("xdg");
    write(&xdg.join("rolecall/rolecall.toml"), 4);
    assert_eq!(value(&run(&[("XDG_CONFIG_HOME", &xdg)], &config).await), "4");
    write(&repository.join("rolecall.toml"), 5);
    let found = run(&[], &config).await;
    assert_eq!(value(&found), "5");
    assert!(found.stderr.contains(&format!("using {}", repository.join("rolecall.toml").display())));
    write(&below.join("rolecall.toml"), 6);
    let found = run(&[], &config).await;
    assert_eq!((value(&found).as_str(), found.stderr.as_str()), ("6", "using rolecall.toml\n"));
    let named = root.join("named.toml");
    write(&named, 7);
    assert_eq!(value(&run(&[("ROLECALL_CONFIG", &named)], &config).await), "7");
    let quiet = run(&[("ROLECALL_CONFIG", &named)], &[&config[..], &["--quiet"]].concat()).await;
    assert_eq!((value(&quiet).as_str(), quiet.stderr.as_str()), ("7", ""));
    let flag = root.join("rolecall.toml");
    let flag = [&config[..], &["--config", flag.to_str().unwrap()]].concat();
    assert_eq!(value(&run(&[("ROLECALL_CONFIG", &named)], &flag).await), "2", "a flag takes precedence");
    let missing = run(&[("ROLECALL_CONFIG", &root.join("missing.toml"))], &config).await;
    assert_eq!(missing.code, Some(2), "{}", missing.stderr);
}

#[tokio::test]
async fn an_unknown_variable_is_a_warning_with_the_nearest_name() {
    let folder = tempfile::tempdir().unwrap();
    for (name, words) in [
        ("ROLECALL_MAX_ATEMPTS", "did you mean ROLECALL_MAX_ATTEMPTS?"),
        ("ROLECALL_CONFG", "did you mean ROLECALL_CONFIG?"),
        ("ROLECALL_X", "unknown variable ROLECALL_X is ignored\n"),
    ] {
        let mut command = rolecall("http://127.0.0.1:9", &["rules"]);
        let warned = ended(command.current_dir(folder.path()).env(name, "s3cret")).await;
        assert_eq!(warned.code, Some(0), "{}", warned.stderr);
        assert!(warned.stderr.contains(words), "{}", warned.stderr);
        assert!(!warned.stderr.contains("s3cret"), "{}", warned.stderr);
        let mut command = rolecall("http://127.0.0.1:9", &["rules", "-q"]);
        assert_eq!(ended(command.current_dir(folder.path()).env(name, "1")).await.stderr, "");
    }
}

#[tokio::test]
async fn every_command_takes_color_verbose_and_quiet() {
    let folder = folder_with_roll().await;
    let report = async |more: &[&str]| {
        let arguments = [&["report", "roll.jsonl"][..], more].concat();
        offline(folder.path(), &arguments).await.stdout.contains('\u{1b}')
    };
    assert!(report(&["--color", "always"]).await);
    assert!(!report(&[]).await && !report(&["--color", "never"]).await);
    let aws = FakeAws::start().await;
    let scan = async |more: &[&str]| {
        let arguments = [&["scan", "--role-arn", ROLE_ARN][..], more].concat();
        in_folder(folder.path(), &aws.uri(), &arguments).await.stderr
    };
    assert!(scan(&["-v"]).await.contains("111111111111"), "a line for each account");
    assert_eq!(scan(&["-q"]).await, "");
}

#[tokio::test]
async fn each_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let written = offline(folder.path(), &["man", "--out", "."]).await;
    assert_eq!(written.code, Some(0), "{}", written.stderr);
    for name in ["rolecall", "rolecall-scan", "rolecall-find-key", "rolecall-policy-evaluate"] {
        let page = fs::read_to_string(folder.path().join(format!("{name}.1"))).unwrap();
        assert!(page.contains(".SH NAME"), "{name}");
    }
    let page = offline(folder.path(), &["man", "scan"]).await;
    assert!(page.stdout.contains(".TH rolecall-scan 1"), "{}", page.stdout);
    let unknown = offline(folder.path(), &["man", "nosuch"]).await;
    assert_eq!(unknown.code, Some(2), "{}", unknown.stderr);
}

#[tokio::test]
async fn the_short_help_is_short_and_the_long_help_names_the_variables() {
    let folder = tempfile::tempdir().unwrap();
    let short = offline(folder.path(), &["scan", "-h"]).await.stdout;
    let long = offline(folder.path(), &["scan", "--help"]).await.stdout;
    let is_in =
        |words: &str, help: &str| help.split_whitespace().collect::<Vec<_>>().join(" ").contains(words);
    assert!(short.lines().count() < 80 && long.lines().count() > 200, "{}", short.lines().count());
    assert!(is_in("[env: ROLECALL_MAX_ATTEMPTS]", &long) && !short.contains("--max-attempts"));
    let mut secret = rolecall("http://127.0.0.1:9", &["scan", "--help"]);
    let secret = ended(secret.env("ROLECALL_EXTERNAL_ID", "s3cret")).await.stdout;
    assert!(is_in("[env: ROLECALL_EXTERNAL_ID]", &secret) && !secret.contains("s3cret"));
}

#[tokio::test]
async fn a_variable_that_would_hide_accounts_is_ignored_with_a_warning() {
    let aws = FakeAws::start().await;
    let folder = tempfile::tempdir().unwrap();
    let mut command = rolecall(&aws.uri(), &["scan", "--role-arn", ROLE_ARN, "--format", "json"]);
    command.current_dir(folder.path()).env("ROLECALL_EXCLUDE", "111111111111").env("ROLECALL_USER", "nobody");
    let scanned = ended(&mut command).await;
    assert_eq!(scanned.code, Some(0), "{}", scanned.stderr);
    let document: Value = serde_json::from_str(&scanned.stdout).unwrap();
    assert_eq!(document["accounts"][0]["users"].as_array().unwrap().len(), 4, "all users are read");
    for (name, flag) in [("ROLECALL_EXCLUDE", "--exclude"), ("ROLECALL_USER", "--user")] {
        let words =
            format!("{name} is ignored, because it would hide accounts or users; pass {flag} instead");
        assert!(scanned.stderr.contains(&words), "{}", scanned.stderr);
    }
    let dashed = ["scan", "--account", "1111-1111-1111", "3333-3333-3333", "--role-name", "IAMListRole"];
    let dashed = [&dashed[..], &["--exclude", "3333-3333-3333", "--format", "json"]].concat();
    let document = in_folder(folder.path(), &aws.uri(), &dashed).await;
    let document: Value = serde_json::from_str(&document.stdout).unwrap();
    assert_eq!(document["accounts"].as_array().unwrap().len(), 1, "the form of the console, in a filter too");
    assert_eq!(document["accounts"][0]["account_id"], "111111111111");
}

#[tokio::test]
async fn if_the_reader_of_stdout_is_gone_the_exit_code_says_that_the_answer_is_lost() {
    let aws = rolecall_testkit::FakeAws::start().await;
    for arguments in
        [&["scan", "--role-arn", ROLE_ARN][..], &["rules"], &["man", "--format", "markdown"], &["init", "-"]]
    {
        let folder = tempfile::tempdir().unwrap();
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = rolecall(&aws.uri(), arguments);
        command.current_dir(folder.path()).stdout(writer).stderr(std::process::Stdio::piped());
        let output = command.spawn().unwrap().wait_with_output().await.unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
    }
    // So does a device without space.
    for arguments in [&["scan", "--role-arn", ROLE_ARN][..], &["rules"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = rolecall(&aws.uri(), arguments);
        let output = command.stdout(full).stderr(std::process::Stdio::piped()).spawn().unwrap();
        let output = output.wait_with_output().await.unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
    }
}
