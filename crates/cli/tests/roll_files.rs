//! Roll files: gone on with, looked up in, and never taken for more than they are.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot go on ends; it may read the clock"
)]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use common::organization::{ORGANIZATION, as_lambda, document, recipe, run, start};
use common::{Ended, ROLE_ARN, ended};
use rolecall_emulator::{Emulator, World};
use serde_json::{Value, json};
use tokio::process::Command;

/// Twenty accounts that all let themselves be read, but for the management account.
fn world() -> World {
    recipe("accounts=20,users=3,seed=8,denied=0,suspended=0").world().unwrap()
}

async fn in_folder(emulator: &Emulator, folder: &std::path::Path, arguments: &[&str]) -> Ended {
    ended(&mut as_lambda(emulator, folder, arguments)).await
}

#[tokio::test]
async fn a_key_is_found_live_and_in_a_roll() {
    let recipe = recipe("accounts=20,users=3,seed=8,denied=0,suspended=0");
    let world = recipe.world().unwrap();
    let emulator = start(recipe.world().unwrap()).await;
    let mut ids = world.organization.as_ref().unwrap().members.keys().filter(|id| id.as_str() < "1");
    let (id, name, key) = ids
        .find_map(|id| {
            let account = world.account(id).unwrap();
            let mut users = account.users.iter();
            users.find_map(|(name, user)| Some((id.clone(), name.clone(), user.access_keys.first()?.clone())))
        })
        .unwrap();
    let live = run(&emulator, &["find-key", &key.access_key_id, "--role-name", "IAMListRole"]).await;
    assert_eq!(live.code, Some(0), "{}", live.stderr);
    for words in [id.as_str(), name.as_str(), key.status.as_str(), "last used", "(live)"] {
        assert!(live.stdout.contains(words), "{words} is not in {}", live.stdout);
    }
    let folder = tempfile::tempdir().unwrap();
    let roll = folder.path().join("roll.jsonl");
    let roll = roll.to_str().unwrap();
    let scanned = run(&emulator, &[&ORGANIZATION[..], &["--roll", roll]].concat()).await;
    assert_eq!(scanned.code, Some(11), "the management account has no such role");
    let before = emulator.requests().len();
    let found = run(&emulator, &["find-key", &key.access_key_id, "--roll", roll, "--format", "json"]).await;
    let document: Value = serde_json::from_str(&found.stdout).unwrap();
    assert_eq!((&document["user_name"], &document["account_id"]), (&json!(name), &json!(id)));
    let for_people =
        run(&emulator, &["find-key", &format!(" {}\n", key.access_key_id), "--roll", roll]).await;
    let account = format!("{id} ({})", document["account_name"].as_str().unwrap());
    assert!(for_people.stdout.contains(&account), "{account} is not in {}", for_people.stdout);
    let missing = run(&emulator, &["find-key", "AKIANOBODYNOBODYNOBO", "--roll", roll]).await;
    assert_eq!(missing.code, Some(11), "the roll does not cover everything: {}", missing.stderr);
    assert_eq!(emulator.requests().len(), before, "nobody was asked");
    let nobody = run(&emulator, &["find-key", "AKIANOBODYNOBODYNOBO", "--role-name", "IAMListRole"]).await;
    assert_eq!(nobody.code, Some(10), "{}", nobody.stderr);
    for secret in ["wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalrXUtnFEMIaK7MDENGabPxRfiCYEXAMPLEKEY"] {
        let secret = run(&emulator, &["find-key", secret]).await;
        assert_eq!(secret.code, Some(2));
        assert!(!secret.stderr.to_lowercase().contains("wjalr"), "it may be a secret: {}", secret.stderr);
    }
    let typed = format!(" {}\r\n", key.access_key_id.to_lowercase());
    let out = folder.path().join("found.json");
    let trimmed = ["find-key", &typed, "--roll", roll, "--format", "json", "--out", out.to_str().unwrap()];
    assert_eq!(run(&emulator, &trimmed).await.code, Some(0));
    assert_eq!(fs::read_to_string(&out).unwrap(), found.stdout);
    for (id, words) in [
        ("AKIA\rIOSFODNN7EXAMPLE", "a carriage return (from a Windows line ending?) at position 5"),
        ("AIDAIOSFODNN7EXAMPLE", "is the id of a user"),
        ("ASIAIOSFODNN7EXAMPLE", "is the access key of a temporary session"),
        ("AKIA", "has 4 characters"),
    ] {
        let refused = run(&emulator, &["find-key", id, "--role-name", "IAMListRole"]).await;
        assert!(refused.stderr.contains(words), "{words} is not in {}", refused.stderr);
    }
    // One in a file that is none is told with its line.
    let text = fs::read_to_string(roll).unwrap();
    fs::write(roll, text.replace(key.access_key_id.as_str(), "AKIA\\r")).unwrap();
    let wrong = run(&emulator, &["find-key", &key.access_key_id, "--roll", roll]).await;
    assert_eq!(wrong.code, Some(2), "{}", wrong.stderr);
    assert!(wrong.stderr.contains("line ") && wrong.stderr.contains("access key id"), "{}", wrong.stderr);
}

#[tokio::test]
async fn a_partial_roll_does_not_say_that_a_key_belongs_to_no_user() {
    let emulator = start(world()).await;
    let folder = tempfile::tempdir().unwrap();
    let all = ["--exclude", "999999999999"];
    for (name, more, words) in [
        ("a", &["--collect", "users"][..], "they were not requested"),
        ("b", &["--user", "nobody"][..], "covers only user nobody"),
        ("c", &["--path-prefix", "/ci/"][..], "covers only users under path /ci/"),
        ("d", &[][..], "covers only 21 accounts of the 22 in the organization"),
        (
            "e",
            &["--collect", "all", "--user-source", "credential-report"][..],
            "covers only keys of users who have keys in the credential report, and of newer users",
        ),
    ] {
        let with = [&ORGANIZATION[..], &all, &["--roll", name], more].concat();
        in_folder(&emulator, folder.path(), &with).await;
        let missing =
            in_folder(&emulator, folder.path(), &["find-key", "AKIANOBODYNOBODYNOBO", "--roll", name]).await;
        assert_eq!(missing.code, Some(11), "{more:?}: {}", missing.stderr);
        assert!(missing.stderr.contains(words), "{words} is not in {}", missing.stderr);
    }
    let one = ["scan", "--account", "222222222222", "--role-name", "IAMListRole", "--roll", "named"];
    assert_eq!(in_folder(&emulator, folder.path(), &one).await.code, Some(0));
    let missing =
        in_folder(&emulator, folder.path(), &["find-key", "AKIANOBODYNOBODYNOBO", "--roll", "named"]).await;
    assert_eq!(missing.code, Some(11), "{}", missing.stderr);
    let session = in_folder(&emulator, folder.path(), &["find-key", "ASIANOBODYNOBODYNOBO"]).await;
    assert_eq!(session.code, Some(11));
    assert!(session.stderr.contains("search CloudTrail"), "{}", session.stderr);
    let user = in_folder(&emulator, folder.path(), &["find-key", "AIDANOBODYNOBODYNOBO"]).await;
    assert_eq!(user.code, Some(2));
    assert!(user.stderr.contains("is the id of a user, not of an access key"), "{}", user.stderr);
}

#[tokio::test]
async fn a_resumed_roll_says_what_a_previous_run_read_and_when() {
    let emulator = start(world()).await;
    let folder = tempfile::tempdir().unwrap();
    let with_roll = [&ORGANIZATION[..], &["--roll", "roll.jsonl", "--format", "json"]].concat();
    let first = in_folder(&emulator, folder.path(), &with_roll).await;
    let first: Value = serde_json::from_str(&first.stdout).unwrap();
    assert_eq!(first["coverage"]["resumed"], Value::Null);
    let as_of = first["as_of"].as_str().unwrap();
    let before = emulator.requests().len();
    let again = in_folder(&emulator, folder.path(), &with_roll).await;
    let since = format!("{}Z", &as_of[..16]);
    let counts = format!("21 read by previous runs since {since}, 1 to read");
    assert!(again.stderr.contains(&counts), "{}", again.stderr);
    let again: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(again["coverage"]["resumed"], json!({ "accounts": 21, "as_of": as_of }));
    assert_eq!(again["accounts"][0]["as_of"], as_of);
    let asked = emulator.requests();
    let asked = asked[before..].iter().filter(|line| line.operation == "ListUsers");
    assert_eq!(asked.count(), 0);
    let report = in_folder(&emulator, folder.path(), &["report", "roll.jsonl"]).await;
    assert!(
        report.stdout.contains("21 of 21 accounts were read by previous runs, the first at "),
        "{}",
        report.stdout
    );

    let role = [&ORGANIZATION[..3], &["OtherRole", "--roll", "roll.jsonl"]].concat();
    let other = in_folder(&emulator, folder.path(), &role).await;
    assert_eq!(other.code, Some(2), "{}", other.stderr);
    assert!(other.stderr.contains("is read through role arn:aws:iam::"), "{}", other.stderr);
}

#[tokio::test]
async fn a_roll_with_old_accounts_is_resumed_only_if_the_maximum_age_allows_it() {
    let emulator = start(world()).await;
    let folder = tempfile::tempdir().unwrap();
    let with_roll = [&ORGANIZATION[..], &["--roll", "roll.jsonl"]].concat();
    let first = in_folder(&emulator, folder.path(), &with_roll).await;
    assert_eq!(first.code, Some(11), "{}", first.stderr);
    let path = folder.path().join("roll.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    let header: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let as_of: jiff::Timestamp = header["as_of"].as_str().unwrap().parse().unwrap();
    let old = as_of - jiff::SignedDuration::from_hours(40 * 24);
    std::fs::write(&path, text.replace(&as_of.to_string(), &old.to_string())).unwrap();
    let before = std::fs::read(&path).unwrap();
    let again = in_folder(&emulator, folder.path(), &with_roll).await;
    assert_eq!(again.code, Some(2), "{}", again.stderr);
    let words = ["its oldest account was read at ", "name another file", "a larger --max-age"];
    assert!(words.iter().all(|words| again.stderr.contains(words)), "{}", again.stderr);
    assert_eq!(std::fs::read(&path).unwrap(), before, "the roll file is unchanged");
    let allowed = [&with_roll[..], &["--max-age", "41d"]].concat();
    let resumed = in_folder(&emulator, folder.path(), &allowed).await;
    assert_eq!(resumed.code, Some(11), "{}", resumed.stderr);
    let head: Vec<&str> = resumed.stdout.lines().take(2).collect();
    assert!(head[1].contains("oldest account: read 40 days before this run"), "{head:?}");
}

#[tokio::test]
async fn a_roll_with_an_account_of_unknown_age_is_not_resumed() {
    let world = recipe("accounts=20,users=3,seed=8,denied=0,suspended=300").world().unwrap();
    let emulator = start(world).await;
    let folder = tempfile::tempdir().unwrap();
    let with_roll = [&ORGANIZATION[..], &["--roll", "roll.jsonl", "--max-age", "41d"]].concat();
    assert_eq!(in_folder(&emulator, folder.path(), &with_roll).await.code, Some(11));
    let path = folder.path().join("roll.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    for (outcome, is_resumed) in [("Complete", false), ("Skipped", false), ("Failed", true)] {
        let is_of_outcome = |line: &&str| line.contains(&format!("\"outcome\":\"{outcome}\""));
        let line = text.lines().find(is_of_outcome).unwrap_or_else(|| panic!("no account is {outcome}"));
        let mut account: Value = serde_json::from_str(line).unwrap();
        assert!(account.as_object_mut().unwrap().remove("as_of").is_some());
        std::fs::write(&path, text.replace(line, &account.to_string())).unwrap();
        let again = in_folder(&emulator, folder.path(), &with_roll).await;
        assert_eq!(again.code, Some(if is_resumed { 11 } else { 2 }), "{outcome}: {}", again.stderr);
        let id = account["account_id"].as_str().unwrap();
        let words = [format!("the line of account {id} has no `as_of`"), "name another file".to_owned()];
        let is_named = words.iter().all(|words| again.stderr.contains(words));
        assert_eq!(is_named, !is_resumed, "{outcome}: {}", again.stderr);
    }
}

#[tokio::test]
async fn a_user_that_no_account_has_is_an_error_and_a_name_may_be_given_with_its_path() {
    let world = world();
    let members = world.organization.as_ref().unwrap().members.keys();
    let names =
        |id: &String| world.account(id).map(|account| account.users.keys().cloned().collect::<Vec<_>>());
    let user = members.filter_map(names).flatten().next().unwrap();
    let emulator = start(world).await;
    let folder = tempfile::tempdir().unwrap();
    let scan = |user: &str| {
        let user = ["--exclude", "999999999999", "--user", user].map(str::to_owned);
        ORGANIZATION.iter().map(|text| (*text).to_owned()).chain(user).collect::<Vec<String>>()
    };
    let ended = async |user: &str| {
        let arguments = scan(user);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        in_folder(&emulator, folder.path(), &arguments).await
    };
    let nobody = ended("nobody").await;
    assert_eq!(nobody.code, Some(10), "{}", nobody.stderr);
    assert!(nobody.stderr.contains("error: no account that was read has a user nobody"), "{}", nobody.stderr);
    let with_path = ended(&format!("/teams/{user}")).await;
    assert_eq!(with_path.code, Some(0), "{}", with_path.stderr);
    assert!(with_path.stdout.contains(&user), "{}", with_path.stdout);
}

/// A line that says nothing of a user's keys, and not why.
const UNREAD: &str = concat!(
    r#"{"record":"account","account_id":"000000000001","role_arn":null,"account":null,"outcome":"Complete","#,
    r#""skipped":null,"gaps":[],"notes":[],"users":[{"user_name":"a","user_id":"AIDA","arn":"a","path":"/","#,
    r#""create_date":"2026-01-01T00:00:00Z","password_last_used":null,"access_keys":null}]}"#,
    "\n"
);

/// The same with no keys, and another number of users in the account's summary.
const MISCOUNTED: &str = concat!(
    r#""access_keys":[]}],"facts":{"summary":{"value":{"users":5,"root_has_access_keys":false,"#,
    r#""root_has_mfa":true},"source":"live"}}"#
);

#[tokio::test]
async fn an_interrupted_roll_says_which_accounts_are_missing() {
    let emulator = start(world()).await;
    let folder = tempfile::tempdir().unwrap();
    let with_roll = [&ORGANIZATION[..], &["--roll", "roll.jsonl"]].concat();
    in_folder(&emulator, folder.path(), &with_roll).await;
    let path = folder.path().join("roll.jsonl");
    let whole = fs::read_to_string(&path).unwrap();
    let cut: String = whole.lines().take(8).map(|line| format!("{line}\n")).collect();
    fs::write(&path, format!("{cut}{{\"record\":\"acc")).unwrap();
    let report = in_folder(&emulator, folder.path(), &["report", "roll.jsonl"]).await;
    assert_eq!(report.code, Some(11));
    assert!(
        report.stdout.contains("15 failed      the run ended before they were read"),
        "{}",
        report.stdout
    );
    assert!(report.stdout.contains("   duration unknown: the roll has no trailer"), "{}", report.stdout);

    for (text, words) in [
        (whole.replacen("\"schema_version\":3", "\"schema_version\":4", 1), "schema version 4"),
        (
            whole.replacen("\"outcome\":\"Complete\"", "\"outcome\":\"Failed\"", 1),
            "is Failed, but its users and gaps make it Complete",
        ),
        (
            whole
                .lines()
                .filter(|line| !line.starts_with("{\"record\":\"account\",\"account_id\":\"222222222222\""))
                .map(|line| format!("{line}\n"))
                .collect(),
            "a line was lost or edited",
        ),
        (
            whole.lines().take(2).map(|line| format!("{line}\n")).collect::<String>() + UNREAD,
            "line 3: account 000000000001, user \"a\": the fact access_keys is unknown, and no gap says why",
        ),
        (
            whole.lines().take(2).map(|line| format!("{line}\n")).collect::<String>()
                + &UNREAD.replace("\"access_keys\":null}]", MISCOUNTED),
            "line 3: the outcome of account 000000000001 is Complete with 1 users, but its account summary counts 5",
        ),
        ("{}\n".to_owned(), "line 1: "),
        (String::new(), "not a roll file"),
    ] {
        fs::write(&path, text).unwrap();
        let report = in_folder(&emulator, folder.path(), &["report", "roll.jsonl"]).await;
        assert_eq!(report.code, Some(2), "{words}: {}{}", report.stdout, report.stderr);
        assert!(report.stderr.contains(words), "{words} is not in {}", report.stderr);
        let remedies = ["name a roll file", "use an unchanged copy", "use a newer Rolecall"];
        let given = remedies.iter().filter(|remedy| report.stderr.contains(**remedy)).count();
        assert_eq!(given, 1, "{words}: {}", report.stderr);
    }
}

#[tokio::test]
async fn a_roll_is_written_to_a_regular_file_of_its_own() {
    let emulator = start(world()).await;
    let folder = tempfile::tempdir().unwrap();
    for (more, words) in [
        (&["--roll", "a.jsonl", "--out", "./a.jsonl"][..], "--roll and --out are both a.jsonl"),
        (&["--roll", "/dev/full"][..], "--roll /dev/full: not a regular file"),
        (&["--roll", "-"][..], "--roll -: not a regular file"),
        (&["--collect", ""][..], "no fact given"),
        (&["--format", "json", "--out", "a", "--out", "b"][..], "1 --format but 2 --out"),
        (&["--format", "json", "--format", "csv", "--out", "a", "--out", "a"][..], "--out a is given twice"),
        (&["--no-rules", "--format", "ocsf"][..], "--format ocsf has only findings"),
        (&["--fail-on", "bad"][..], "unknown severity \"bad\"; expected one of critical, high"),
        (&["--benchmark", "cis-1.0"][..], "unknown benchmark \"cis-1.0\"; expected one of cis-3.0"),
    ] {
        let ended = in_folder(&emulator, folder.path(), &[&ORGANIZATION[..], more].concat()).await;
        assert_eq!(ended.code, Some(2), "{more:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(words), "{words} is not in {}", ended.stderr);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was written");
}

#[tokio::test]
async fn the_deadline_applies_while_the_organization_is_listed() {
    let mut slow = world();
    slow.fault_injection.latency_ms = 1_500;
    let emulator = start(slow).await;
    let ended = run(&emulator, &[&ORGANIZATION[..], &["--deadline", "500ms"]].concat()).await;
    assert_eq!(ended.code, Some(11));
    assert!(
        ended.stderr.contains(
            "the time limit of 500ms for the run was reached before the target accounts were known"
        ),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn the_organization_settings_of_rolecall_toml_apply_with_the_organization_flag_too() {
    let emulator = start(world()).await;
    let (_, document) = document(&emulator, &[]).await;
    let accounts = document["accounts"].as_array().unwrap();
    let in_sandbox = |account: &&Value| account["account"]["organizational_unit"] == "Sandbox";
    let first = accounts.iter().find(in_sandbox).unwrap();
    let name = first["account"]["name"].as_str().unwrap();
    let first = first["account_id"].as_str().unwrap();
    let elsewhere = accounts.iter().find(|account| !in_sandbox(account)).unwrap();
    let elsewhere = elsewhere["account_id"].as_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let toml = format!(
        "role_name = \"IAMListRole\"\n[organization]\nou = [\"Sandbox\"]\n\
         [[account]]\naccount_id = \"{elsewhere}\"\nrole_name = \"Elsewhere\"\n\
         [[account]]\naccount_id = \"{first}\"\nrole_name = \"Otherwise\"\n\
         [[account]]\naccount_id = \"123456789012\"\nname = \"acquired\"\n"
    );
    fs::write(folder.path().join("rolecall.toml"), &toml).unwrap();
    let listed = in_folder(&emulator, folder.path(), &["accounts", "--organization"]).await;
    assert!(listed.stdout.contains("123456789012  acquired"), "{}", listed.stdout);
    assert!(listed.stdout.contains(&format!("arn:aws:iam::{first}:role/Otherwise")), "{}", listed.stdout);
    assert!(listed.stdout.contains("Sandbox") && !listed.stdout.contains("Workloads"), "{}", listed.stdout);
    assert!(!listed.stdout.contains(elsewhere), "a section is no way around the filter: {}", listed.stdout);
    let note =
        format!("account {elsewhere} of the configuration is not in the selected organizational units");
    assert!(listed.stderr.contains(&note), "{}", listed.stderr);

    // One that the organisation lists keeps what the organisation says of it.
    fs::write(folder.path().join("rolecall.toml"), toml.replace("ou = [\"Sandbox\"]", "enabled = true"))
        .unwrap();
    for arguments in [&["accounts"][..], &["accounts", "--organization"]] {
        let listed = in_folder(&emulator, folder.path(), arguments).await;
        assert_eq!(listed.code, Some(0), "{}", listed.stderr);
        let line = listed.stdout.lines().find(|line| line.starts_with(first)).unwrap();
        assert!(line.contains(name) && line.contains("role/Otherwise"), "{line}");
    }
    let unit = in_folder(&emulator, folder.path(), &["accounts", "--ou", "Sandbox"]).await;
    assert_eq!(unit.code, Some(0), "the file asks the organisation: {}", unit.stderr);
    fs::write(folder.path().join("rolecall.toml"), "role_name = \"IAMListRole\"\n").unwrap();
    let unit = in_folder(&emulator, folder.path(), &["accounts", "--ou", "Sandbox"]).await;
    assert_eq!(unit.code, Some(2));
    assert!(unit.stderr.contains("--ou requires --organization"), "{}", unit.stderr);
}

#[tokio::test]
async fn a_roll_of_some_units_is_not_resumed_with_others() {
    let emulator = start(world()).await;
    let folder = tempfile::tempdir().unwrap();
    let scan = |unit: &'static str| [&ORGANIZATION[..], &["--roll", "roll.jsonl", "--ou", unit]].concat();
    let first = in_folder(&emulator, folder.path(), &scan("Workloads/Prod")).await;
    assert!(first.code == Some(0) || first.code == Some(11), "{}", first.stderr);
    let other = in_folder(&emulator, folder.path(), &scan("Sandbox")).await;
    assert_eq!(other.code, Some(2), "{}", other.stderr);
    for words in [
        "--ou is Workloads/Prod in the roll, but Sandbox in this run",
        "for a new roll, name another file; to resume this one, pass --ou Workloads/Prod",
    ] {
        assert!(other.stderr.contains(words), "{}", other.stderr);
    }
    let of_user = [&ORGANIZATION[..], &["--roll", "roll.jsonl", "--user", "a"]].concat();
    fs::write(folder.path().join("rolecall.toml"), "[organization]\nou = [\"Sandbox\"]\n").unwrap();
    let file = in_folder(&emulator, folder.path(), &of_user).await;
    fs::remove_file(folder.path().join("rolecall.toml")).unwrap();
    assert_eq!(file.code, Some(2), "{}", file.stderr);
    for words in [
        "--user is not set in the roll, but a in this run",
        "organization.ou in rolecall.toml is Workloads/Prod in the roll, but Sandbox in this run",
        "to resume this one, leave out --user and pass --ou Workloads/Prod",
    ] {
        assert!(file.stderr.contains(words), "{words} is not in {}", file.stderr);
    }
    let same = in_folder(&emulator, folder.path(), &scan("Workloads/Prod")).await;
    assert!(same.code == Some(0) || same.code == Some(11), "{}", same.stderr);
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn new_files_are_private_and_existing_files_keep_their_mode() {
    let emulator = start(World::tutorial().unwrap()).await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let scan =
        ["scan", "--role-arn", ROLE_ARN, "--roll", "roll.jsonl", "--out", "report.html", "--out", "a.csv"];
    fs::write(file("a.csv"), "").unwrap();
    fs::set_permissions(file("a.csv"), fs::Permissions::from_mode(0o640)).unwrap();
    for _ in 0..2 {
        let ended = in_folder(&emulator, folder.path(), &scan).await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert_eq!(
            ["roll.jsonl", "report.html", "a.csv"].map(|name| mode(&file(name))),
            [0o600, 0o600, 0o640]
        );
    }
    fs::set_permissions(file("roll.jsonl"), fs::Permissions::from_mode(0o644)).unwrap();
    in_folder(&emulator, folder.path(), &scan).await;
    assert_eq!(mode(&file("roll.jsonl")), 0o644);
    let evidence =
        in_folder(&emulator, folder.path(), &["evidence", "roll.jsonl", "--out", "evidence"]).await;
    assert_eq!(evidence.code, Some(0), "{}", evidence.stderr);
    assert_eq!(mode(&file("evidence")), 0o700);
    for entry in fs::read_dir(file("evidence")).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
}

#[tokio::test]
async fn a_run_that_could_not_begin_leaves_no_roll_file() {
    let emulator = start(World::tutorial().unwrap()).await;
    let folder = tempfile::tempdir().unwrap();
    let roll = folder.path().join("roll.jsonl");
    let scan = ["scan", "--role-arn", ROLE_ARN, "--roll", "roll.jsonl"];
    for more in [&["--profile", "nobody"][..], &["--region", "us east"], &["--include", "nobody"]] {
        let refused = in_folder(&emulator, folder.path(), &[&scan[..], more].concat()).await;
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        assert!(!roll.exists(), "{more:?}");
    }
    let mut command = as_lambda(&emulator, folder.path(), &scan);
    let failed =
        ended(command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9").args(["--max-attempts", "1"])).await;
    assert_eq!(failed.code, Some(11), "{}", failed.stderr);
    assert!(!roll.exists());
    // A file that was there stays.
    fs::write(&roll, "").unwrap();
    in_folder(&emulator, folder.path(), &[&scan[..], &["--profile", "nobody"]].concat()).await;
    assert!(roll.exists());
}

#[tokio::test]
async fn each_signal_that_asks_to_stop_writes_what_was_read_and_nohup_is_obeyed() {
    let mut slow = World::tutorial().unwrap();
    slow.fault_injection.latency_ms = 300;
    let emulator = start(slow).await;
    for (signal, nohup, code) in
        [("INT", false, 11), ("TERM", false, 11), ("HUP", false, 11), ("HUP", true, 0)]
    {
        let before = emulator.requests().len();
        let folder = tempfile::tempdir().unwrap();
        let scan = ["scan", "--role-arn", ROLE_ARN, "--roll", "roll.jsonl"];
        let scan = as_lambda(&emulator, folder.path(), &scan);
        let mut command = Command::new("/bin/sh");
        let ignore = if nohup { "trap '' HUP; " } else { "" };
        command.args(["-c", &format!("{ignore}exec \"$0\" \"$@\"")]).arg(scan.as_std().get_program());
        command.args(scan.as_std().get_args()).current_dir(folder.path()).env_clear();
        command.envs(scan.as_std().get_envs().filter_map(|(name, value)| Some((name, value?))));
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let id = child.id().unwrap().to_string();
        while emulator.requests()[before..].iter().all(|request| request.operation != "iam:ListUsers") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::process::Command::new("kill").args(["-s", signal, &id]).status().await.unwrap();
        let output = child.wait_with_output().await.unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{signal} {nohup}: {stderr}");
        let roll = fs::read_to_string(folder.path().join("roll.jsonl")).unwrap();
        assert!(roll.contains("\"record\":\"trailer\""), "{signal}: {roll}");
        assert_eq!(roll.contains("\"error_kind\":\"interrupted\""), code == 11, "{signal}: {roll}");
    }
}
