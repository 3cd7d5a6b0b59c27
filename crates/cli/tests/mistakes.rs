//! Mistakes at the command line: each message names what was given, by the name under which it was given, and the remedy.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod common;

use std::fs;
use std::path::Path;

use common::{Ended, ROLE_ARN, ended, rolecall};
use rolecall_testkit::FakeAws;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

async fn in_folder(folder: &Path, arguments: &[&str]) -> Ended {
    ended(rolecall("http://127.0.0.1:9", arguments).current_dir(folder)).await
}

#[track_caller]
fn assert_refused(refused: &Ended, words: &[&str]) {
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    for words in words {
        assert!(refused.stderr.contains(words), "{words} is not in {}", refused.stderr);
    }
}

#[tokio::test]
async fn without_credentials_the_sources_and_the_remedy_are_named_and_details_are_logged() {
    let aws = FakeAws::start().await;
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join(".aws")).unwrap();
    fs::write(home.path().join(".aws/config"), "[profile empty]\nregion = us-east-1\n").unwrap();
    let forbidding = MockServer::start().await;
    Mock::given(matchers::any()).respond_with(ResponseTemplate::new(403)).mount(&forbidding).await;
    let run = async |imds: &str, more: &[&str]| {
        let mut command = rolecall(&aws.uri(), &[&["scan", "--role-arn", ROLE_ARN][..], more].concat());
        for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONFIG_FILE"] {
            command.env_remove(name);
        }
        command.env_remove("AWS_EC2_METADATA_DISABLED").env_remove("AWS_SHARED_CREDENTIALS_FILE");
        ended(command.env("HOME", home.path()).env("AWS_EC2_METADATA_SERVICE_ENDPOINT", imds)).await
    };
    for imds in ["http://127.0.0.1:9", &forbidding.uri()] {
        let none = run(imds, &[]).await;
        assert_eq!(none.code, Some(11), "{}", none.stderr);
        for words in [
            "no AWS credentials were found (looked for in: environment variables, profile default, SSO, container, \
             instance metadata)",
            "`aws sso login`",
            "--profile NAME",
        ] {
            assert!(none.stderr.contains(words), "{words} is not in {}", none.stderr);
        }
        assert!(!none.stderr.contains("IMDS"), "{}", none.stderr);
        let logged = run(imds, &["-v"]).await.stderr;
        assert!(logged.contains("IMDS") || logged.contains("in chain"), "{logged}");
        assert!(logged.contains("the caller's credentials are those of profile default"), "{logged}");
    }
    let empty = run("http://127.0.0.1:9", &["--profile", "empty"]).await;
    assert!(empty.stderr.contains("(looked for in: profile empty)"), "{}", empty.stderr);
}

#[tokio::test]
async fn a_wrong_shape_in_the_accounts_file_is_named_with_its_place_and_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text, words) in [
        (
            "a.json",
            "{\"account_id\": 42}",
            "line 1, column 17: account_id: found a number, expected a string; put it in",
        ),
        ("b.csv", "account_id,role\n", "line 1: unknown column \"role\"; expected one of account_id"),
        ("c.csv", "id,role\n", "line 1: no column account_id or role_arn"),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
        let refused =
            in_folder(folder.path(), &["accounts", "--accounts-file", name, "--role-name", "R"]).await;
        assert_refused(&refused, &[&format!("--accounts-file {name}: {words}")]);
        let is_of_unknown_format = refused.stderr.contains("CSV with a header");
        assert_eq!(is_of_unknown_format, name == "c.csv", "{}", refused.stderr);
    }
}

#[tokio::test]
async fn a_conflict_names_where_each_value_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let file = |text: &str| fs::write(folder.path().join("rolecall.toml"), text).unwrap();
    let other = "arn:aws:iam::111111111111:role/Other";
    let accounts = format!("role_arn\n{other}\n");
    fs::write(folder.path().join("accounts.csv"), accounts).unwrap();
    let both = ["accounts", "--role-arn", ROLE_ARN, "--accounts-file", "accounts.csv"];
    let words = format!(
        "account 111111111111 is given with two roles, {ROLE_ARN} (from --role-arn) and {other} (from --accounts-file line 2)"
    );
    assert_refused(&in_folder(folder.path(), &both).await, &[&words]);

    file("role_name = \"R\"\ninclude = [\"b*\"]\n[[account]]\naccount_id = \"111111111111\"\n");
    let filtered = in_folder(folder.path(), &["accounts"]).await;
    assert_refused(&filtered, &["include = \"b*\" in rolecall.toml: no account has this id or name"]);
    file("role_name = \"R\"\nexclude = [\"1*\"]\n[[account]]\naccount_id = \"111111111111\"\n");
    let filtered = in_folder(folder.path(), &["accounts"]).await;
    let words = "no account is left to read: of 1 account, exclude in rolecall.toml leaves 0";
    assert_refused(&filtered, &[words]);
    assert!(!filtered.stderr.contains("include"), "only filters that are set: {}", filtered.stderr);

    fs::remove_file(folder.path().join("rolecall.toml")).unwrap();
    let mut command = rolecall("http://127.0.0.1:9", &["accounts"]);
    command.current_dir(folder.path()).env("ROLECALL_ORGANIZATION", "1").env("ROLECALL_ROLE_ARN", ROLE_ARN);
    let refused = ended(&mut command).await;
    assert_refused(&refused, &["ROLECALL_ORGANIZATION conflicts with ROLECALL_ROLE_ARN", "with --role-name"]);
}

#[tokio::test]
async fn a_flag_that_would_have_no_effect_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, words) in [
        (
            &["scan", "--role-arn", ROLE_ARN, "--role-name", "R"][..],
            "--role-name has no effect with --role-arn",
        ),
        (
            &["accounts", "--role-arn", ROLE_ARN, "--role-template", "arn:aws:iam::{account_id}:role/R"],
            "--role-template has no effect with --role-arn",
        ),
        (
            &["find-key", "AKIAIOSFODNN7EXAMPLE", "--roll", "r", "--profile", "p"],
            "cannot be used with '--profile",
        ),
        (
            &["find-key", "AKIAIOSFODNN7EXAMPLE", "--roll", "r", "--role-name", "R"],
            "cannot be used with '--role-name",
        ),
    ] {
        assert_refused(&in_folder(folder.path(), arguments).await, &[words]);
    }
    let aws = FakeAws::start().await;
    let scan = ["scan", "--role-arn", ROLE_ARN, "--roll", "roll.jsonl"];
    let scanned = ended(rolecall(&aws.uri(), &scan).current_dir(folder.path())).await;
    assert_eq!(scanned.code, Some(0), "{}", scanned.stderr);
    let csv =
        in_folder(folder.path(), &["report", "roll.jsonl", "--group-by", "owner", "--format", "csv"]).await;
    assert_refused(&csv, &["--group-by has no effect on the output (csv)", "table, markdown"]);
    let both = ["report", "roll.jsonl", "--group-by", "owner", "-o", "a.csv", "-o", "a.md"];
    assert_eq!(in_folder(folder.path(), &both).await.code, Some(0));

    let typed = in_folder(folder.path(), &["scan", "roll.jsonl"]).await;
    assert_refused(
        &typed,
        &["did you mean `--roll roll.jsonl` to resume it, or `rolecall report roll.jsonl`?"],
    );
    let typed = in_folder(folder.path(), &["find-key", "roll.jsonl"]).await;
    assert_refused(&typed, &["did you mean `rolecall find-key ACCESS_KEY_ID --roll roll.jsonl`?"]);
}

#[tokio::test]
async fn accounts_besides_the_organization_are_announced() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = ["accounts", "--organization", "--account", "111111111111", "--role-name", "R"];
    let noted = in_folder(folder.path(), &accounts).await;
    let words = "note: the targets are the accounts of the organization and also those of --account; to read only the latter";
    assert!(noted.stderr.contains(words), "{}", noted.stderr);
}
