//! The built binary, as people run it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on ends")]

mod common;

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use common::{ROLE_ARN, ended, rolecall, run};
use rolecall_roll::{Outcome, Roll};
use rolecall_testkit::secrets::{EXTERNAL_ID, SECRET_ACCESS_KEY, SESSION_TOKEN, echoes};
use rolecall_testkit::{FakeAws, User, operation, xml};
use serde_json::Value;
use wiremock::{Mock, ResponseTemplate};

/// Two accounts, one of which refuses, and a user whose keys are refused.
async fn mixed() -> FakeAws {
    let users = vec![User::new("alice", &[(1, "Active"), (2, "Inactive")]), User::new("bob", &[])];
    let aws = FakeAws::with_accounts(
        [("111111111111", users), ("333333333333", vec![]), ("444444444444", vec![])],
        10,
    )
    .await;
    let words = "User: arn:aws:sts::222222222222:assumed-role/LambdaRole/x is not authorized to perform: \
                 sts:AssumeRole on resource: arn:aws:iam::333333333333:role/IAMListRole";
    let refusal = |words| ResponseTemplate::new(403).set_body_string(xml::error("AccessDenied", words));
    Mock::given(operation("AssumeRole"))
        .and(|request: &wiremock::Request| String::from_utf8_lossy(&request.body).contains("333333333333"))
        .respond_with(refusal(words).insert_header("x-amzn-requestid", "8a6f0c1e"))
        .with_priority(1)
        .mount(&aws.server)
        .await;
    Mock::given(operation("ListAccessKeys"))
        .and(|request: &wiremock::Request| String::from_utf8_lossy(&request.body).contains("UserName=bob"))
        .respond_with(refusal(
            "User: x is not authorized to perform: iam:ListAccessKeys on resource: user bob",
        ))
        .with_priority(1)
        .mount(&aws.server)
        .await;
    aws
}

const MIXED: [&str; 8] = [
    "scan",
    "--account",
    "111111111111",
    "--account",
    "333333333333",
    "444444444444",
    "--role-name",
    "IAMListRole",
];

#[tokio::test]
async fn a_complete_roll_ends_with_0_and_an_incomplete_one_with_11() {
    let complete = run(&FakeAws::start().await, &["scan", "--role-arn", ROLE_ARN]).await;
    assert_eq!((complete.code, complete.stderr.as_str()), (Some(0), ""));
    let incomplete = run(&mixed().await, &MIXED).await;
    assert_eq!(incomplete.code, Some(11));
}

#[tokio::test]
async fn the_table_shows_every_key_and_every_gap() {
    let ended = run(&mixed().await, &[&MIXED[..], &["--no-rules"]].concat()).await;
    // Ages go on; everything else stands still.
    let table: Vec<String> = ended.stdout.lines().map(without_age).collect();
    insta::assert_snapshot!(table.join("\n"));
}

#[tokio::test]
async fn a_report_without_a_read_account_evaluates_no_rule() {
    let aws = FakeAws::start().await;
    aws.deny_role(ROLE_ARN);
    let unread = run(&aws, &["scan", "--role-arn", ROLE_ARN]).await;
    assert_eq!(unread.code, Some(11));
    assert!(unread.stdout.contains("no rule was evaluated: no account was read"), "{}", unread.stdout);
    assert!(!unread.stdout.contains("findings   by"), "{}", unread.stdout);
}

fn without_age(line: &str) -> String {
    match line.strip_suffix(" d").and_then(|line| line.rsplit_once(' ')) {
        Some((rest, age)) if age.parse::<u32>().is_ok() => format!("{} N d", rest.trim_end()),
        _ if line.starts_with("ROLL ") => line.split("   ").next().unwrap().to_owned(),
        _ => line.replace("AGE", "").trim_end().to_owned(),
    }
}

#[tokio::test]
async fn json_is_one_document_and_two_runs_differ_only_where_they_must() {
    let aws = mixed().await;
    let mut arguments = MIXED.to_vec();
    arguments.extend(["--format", "json"]);
    let mut documents = Vec::new();
    for _ in 0..2 {
        let mut document: Value = serde_json::from_str(&run(&aws, &arguments).await.stdout).unwrap();
        for name in ["as_of", "run_id", "statistics"] {
            assert!(!document[name].take().is_null(), "{name}");
        }
        for account in document["accounts"].as_array_mut().unwrap() {
            assert!(!account["as_of"].take().is_null());
            account["sessions"].take();
        }
        documents.push(document);
    }
    assert_eq!(documents[0], documents[1]);
    let document = &documents[0];
    assert_eq!(document["schema_version"], 3);
    assert_eq!(document["coverage"]["is_complete"], false);
    assert_eq!(document["coverage"]["denied"]["AssumeRole: access denied, AWS gave no reason"], 1);
    assert_eq!(document["caller"]["arn"], "arn:aws:sts::222222222222:assumed-role/LambdaRole/test");
    let outcomes: Vec<_> =
        document["accounts"].as_array().unwrap().iter().map(|a| a["outcome"].clone()).collect();
    assert_eq!(outcomes, ["Partial", "Failed", "Complete"]);
    assert_eq!(document["accounts"][1]["users"], Value::Null, "unknown is not empty");
    assert_eq!(document["accounts"][0]["users"][1]["access_keys"], Value::Null, "unknown is not empty");
    assert_eq!(document["counts"]["access_keys"], 2);
}

#[tokio::test]
async fn jsonl_is_the_roll_file_and_out_writes_it_atomically() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("roll.jsonl");
    let mut arguments = MIXED.to_vec();
    arguments.extend(["--format", "jsonl", "--out", file.to_str().unwrap()]);
    let ended = run(&mixed().await, &arguments).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(11), ""));
    assert!(ended.stderr.contains("1 of 3 accounts complete, 1 partial, 1 denied"), "{}", ended.stderr);
    let roll = Roll::read(&fs::read(&file).unwrap()[..]).unwrap();
    assert_eq!(roll.accounts.len(), 3);
    assert!(roll.accounts.iter().any(|account| account.outcome() == Outcome::Failed));
    assert!(roll.trailer.is_some());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left behind");

    arguments.push("--quiet");
    assert_eq!(run(&mixed().await, &arguments).await.stderr, "");
}

#[tokio::test]
async fn a_run_that_is_interrupted_writes_what_it_has_and_one_that_is_interrupted_twice_leaves_the_file_as_it_was()
 {
    let aws = FakeAws::start().await;
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_mins(1));
    aws.answer("ListAccessKeys", slow).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("roll.jsonl");
    for signals in [&["-INT"][..], &["-TERM"], &["-INT", "-INT"]] {
        fs::write(&file, "yesterday's").unwrap();
        let out = file.to_str().unwrap();
        let mut command =
            rolecall(&aws.uri(), &["scan", "--role-arn", ROLE_ARN, "--format", "jsonl", "--out", out]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let before = aws.calls("ListAccessKeys").await;
        while aws.calls("ListAccessKeys").await == before {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let pid = child.id().unwrap().to_string();
        if signals.len() > 1 {
            // Both at once, so that the first is not answered before the second is there.
            std::process::Command::new("kill").args(["-STOP", &pid]).status().unwrap();
        }
        for (number, signal) in signals.iter().enumerate() {
            let signal = if number == 0 { *signal } else { "-TERM" };
            std::process::Command::new("kill").args([signal, &pid]).status().unwrap();
        }
        if signals.len() > 1 {
            std::process::Command::new("kill").args(["-CONT", &pid]).status().unwrap();
        }
        let output = child.wait_with_output().await.unwrap();
        assert_eq!(output.status.code(), Some(11), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("interrupted"));
        if signals.len() == 1 {
            let roll = Roll::read(&fs::read(&file).unwrap()[..]).unwrap();
            let account = roll.accounts.first().unwrap();
            assert_eq!(account.outcome(), Outcome::Partial);
            assert_eq!(account.users().unwrap().len(), 4, "what was read is kept");
            assert!(account.gaps()[0].message.contains("interrupted"));
        } else {
            assert_eq!(fs::read_to_string(&file).unwrap(), "yesterday's");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left behind");
    }
}

#[tokio::test]
async fn an_invalid_argument_is_named_with_a_valid_value() {
    let aws = FakeAws::start().await;
    let scan = |more: &[&'static str]| [&["scan", "--role-arn", ROLE_ARN], more].concat();
    let cases = [
        (vec!["scan"], "--role-arn"),
        (vec!["scan", "--account", "111111111111"], "--role-name"),
        (vec!["scan", "--account", "1111111111", "--role-name", "R"], "12"),
        (vec!["scan", "--role-arn", "arn:aws:iam::111111111111:user/alice"], "does not name a role"),
        (scan(&["--role-arn", "arn:aws:iam::111111111111:role/Other"]), "two roles"),
        (scan(&["--output", "json"]), "--format json"),
        (scan(&["--output", "text"]), "--format"),
        (scan(&["--output", "roll.json"]), "--out roll.json"),
        (scan(&["-o", "roll.pdf"]), "the extension names no output format"),
        (scan(&["--format", "yaml"]), "jsonl"),
        (scan(&["--session-name", "a b"]), "session name"),
        (scan(&["--session-duration", "5m"]), "15m to 12h"),
        (scan(&["--connect-timeout", "soon"]), "500ms"),
        (scan(&["--concurrency", "0"]), "1 to 1000"),
        (scan(&["--region", "cn-north-1"]), "us-east-1"),
        (scan(&["--out", "/no/such/folder/roll.json"]), "/no/such/folder"),
        (scan(&["--out", "/"]), "directory"),
        (
            vec!["scan", "--role-arn", "arn:aws:iam::111111111111:role/R,arn:aws:iam::333333333333:role/R"],
            "separately",
        ),
        (vec!["scan", "--account", "111111111111,333333333333", "--role-name", "R"], "separately"),
        (scan(&["--external-id", "external4ID:4external4ID with a blank"]), "position 25"),
        (scan(&["--external-id", "x"]), "external id"),
    ];
    for (arguments, words) in cases {
        let ended = run(&aws, &arguments).await;
        assert_eq!(ended.code, Some(2), "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(words), "{words} is not in {}", ended.stderr);
        assert_eq!(ended.stdout, "");
    }
    assert_eq!(aws.server.received_requests().await.unwrap().len(), 0, "nothing was asked");
}

#[tokio::test]
async fn no_output_holds_a_secret_at_any_log_level() {
    let whole = xml::assume_role("111111111111", xml::EXPIRATION);
    let echo = xml::error("AccessDenied", &format!("{EXTERNAL_ID} {SECRET_ACCESS_KEY} {SESSION_TOKEN}"));
    for (operation, status, body) in [
        ("Nothing", 200, String::new()),
        ("AssumeRole", 200, whole[..whole.len() - 40].to_owned()),
        ("AssumeRole", 200, whole.replace("111111111111", "999999999999")),
        ("AssumeRole", 200, whole.replace("2199-01-01", "tomorrow")),
        ("AssumeRole", 503, whole.clone()),
        ("AssumeRole", 403, xml::error("ValidationError", &format!("Value '{EXTERNAL_ID}' at 'externalId'"))),
        ("ListUsers", 403, echo.clone()),
        ("ListAccessKeys", 400, echo.clone()),
        ("ListUsers", 200, echo),
    ] {
        let aws = FakeAws::start().await;
        aws.answer(operation, ResponseTemplate::new(status).set_body_string(body)).await;
        for format in ["table", "json", "jsonl"] {
            let arguments = ["scan", "--role-arn", ROLE_ARN, "--format", format, "--initial-backoff", "1ms"];
            let mut command = rolecall(&aws.uri(), &arguments);
            // The run itself looks for secrets in all that was printed.
            let ended =
                ended(command.env("RUST_LOG", "trace").env("ROLECALL_EXTERNAL_ID", EXTERNAL_ID)).await;
            assert!(ended.stderr.contains("DEBUG"), "everything is logged");
            assert_eq!(ended.code, Some(if operation == "Nothing" { 0 } else { 11 }), "{}", ended.stderr);
        }
    }
}

#[tokio::test]
async fn an_echo_in_a_header_a_code_or_a_path_is_in_no_output_at_any_log_level() {
    for form in echoes(EXTERNAL_ID).into_iter().chain(echoes(SESSION_TOKEN)) {
        let xml_safe = form.replace('&', "&amp;");
        let aws = FakeAws::start().await;
        let user = User { path: format!("/{xml_safe}/"), ..User::new("alice", &[]) };
        let users = xml::list_users("111111111111", &[user], None);
        let users = ResponseTemplate::new(200).set_body_string(users);
        aws.answer("ListUsers", users.insert_header("x-amzn-requestid", form.as_str())).await;
        let error =
            ResponseTemplate::new(400).set_body_string(xml::error(&xml_safe, &format!("x{xml_safe}y")));
        aws.answer("ListAccessKeys", error.insert_header("x-amzn-requestid", form.as_str())).await;
        let arguments = ["scan", "--role-arn", ROLE_ARN, "--format", "jsonl", "--initial-backoff", "1ms"];
        let mut command = rolecall(&aws.uri(), &arguments);
        let ended = ended(command.env("RUST_LOG", "trace").env("ROLECALL_EXTERNAL_ID", EXTERNAL_ID)).await;
        assert_eq!(ended.code, Some(11), "{}", ended.stderr);
        assert!(ended.stdout.contains("alice"), "{}", ended.stdout);
    }
}

#[tokio::test]
async fn colors_are_for_terminals_and_for_color_always() {
    let aws = FakeAws::start().await;
    let scan = ["scan", "--role-arn", ROLE_ARN];
    let plain = run(&aws, &scan).await;
    assert!(!plain.stdout.contains('\u{1b}'));
    let forced = ended(rolecall(&aws.uri(), &scan).env("CLICOLOR_FORCE", "1")).await;
    assert!(forced.stdout.contains("\u{1b}["), "{}", forced.stdout);
    let refused = ended(rolecall(&aws.uri(), &scan).env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1")).await;
    assert!(!refused.stdout.contains('\u{1b}'));
}

#[tokio::test]
async fn names_with_control_characters_do_not_control_a_terminal() {
    let hostile = User::new("a&#27;[2Jb", &[(1, "Active")]);
    let aws = FakeAws::with_accounts([("111111111111", vec![hostile])], 10).await;
    let ended = run(&aws, &["scan", "--role-arn", ROLE_ARN]).await;
    assert!(!ended.stdout.contains('\u{1b}'), "{}", ended.stdout);
}

#[tokio::test]
async fn completions_exist_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ended = ended(&mut rolecall("http://127.0.0.1:9", &["completions", shell])).await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(ended.stdout.contains("role-arn"), "{shell}");
    }
}

#[tokio::test]
async fn a_pipe_or_device_is_written_in_place() {
    let aws = FakeAws::start().await;
    let arguments = ["scan", "--role-arn", ROLE_ARN, "--out", "/dev/null"];
    assert_eq!(run(&aws, &arguments).await.code, Some(0));
    assert!(!Path::new("/dev/null").is_file());

    // A link keeps pointing where it points.
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("roll"), folder.path().join("latest"));
    fs::write(&file, "").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    run(&aws, &["scan", "--role-arn", ROLE_ARN, "--out", link.to_str().unwrap()]).await;
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(fs::read_to_string(&file).unwrap().contains("AKIAALICE1XXXXXXXXXX"));
}
