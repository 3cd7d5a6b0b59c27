//! The remedies, run: each block of each rule, with an `aws` that records its calls, in the account of the finding and in
//! another one.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot continue fails"
)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{account, header, key, mfa, organization, password, report, root, user};
use rolecall_report::advice::Action;
use rolecall_report::remedy::Step;
use rolecall_report::{CATALOG, Finding, Report, Settings};
use rolecall_roll::{AccessKey, AccountRecord, Fact, Facts, Header, Policies, User};
use tempfile::TempDir;

const MANAGEMENT: &str = "999999999999";
const ANOTHER: &str = "333333333333";

/// User names with every character that IAM allows besides letters and digits.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateUser.html>
const NAMES: [&str; 4] = ["ann", "=a+b=c,d.e@f_g-h", "-rf", "@+"];

/// An `aws` that appends its arguments to a file, and answers as in the account of its environment.
const AWS: &str = r#"#!/bin/sh
printf '%s\037' "$@" >> "$CALLS"
printf '\n' >> "$CALLS"
case "$2" in
  get-caller-identity) if [ "$AWS_SESSION_TOKEN" = root-session ]; then echo "$MEMBER"; else echo "$ACCOUNT"; fi ;;
  assume-root) printf 'ASIAROOT\tsecret\troot-session\n' ;;
  *) [ "$2" != "$FAILING" ] ;;
esac
"#;

/// What a pasted text did.
struct Pasted {
    /// The calls of `aws`, without those that ask for the caller.
    calls: Vec<Vec<String>>,
    /// How often `aws` was asked for the caller.
    identity_calls: usize,
    stderr: String,
}

/// The credentials of a shell.
#[derive(Clone, Copy)]
struct Credentials<'a> {
    account: &'a str,
    /// The account of a session that `assume-root` returns.
    member: &'a str,
    /// The command that AWS denies.
    failing: &'a str,
}

/// Pastes a text into a shell, which must still be there after it.
fn paste(folder: &TempDir, shell: &str, text: &str, credentials: Credentials<'_>) -> Pasted {
    let calls = folder.path().join("calls");
    fs::write(&calls, "").unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    let mut child = Command::new(shell)
        .env_clear()
        .envs([("PATH", path.as_str()), ("CALLS", calls.to_str().unwrap()), ("HOME", "/nonexistent")])
        .envs([
            ("ACCOUNT", credentials.account),
            ("MEMBER", credentials.member),
            ("FAILING", credentials.failing),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    write!(child.stdin.take().unwrap(), "{text}\necho still here\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let (stdout, stderr) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(stdout.ends_with("still here\n"), "{shell} was closed by:\n{text}\n{stdout}{stderr}");
    let calls = fs::read_to_string(&calls).unwrap();
    let calls: Vec<Vec<String>> =
        calls.lines().map(|line| line.split_terminator('\u{1f}').map(str::to_owned).collect()).collect();
    let (identity, calls): (Vec<_>, Vec<_>) =
        calls.into_iter().partition(|call: &Vec<String>| call[1] == "get-caller-identity");
    Pasted { calls, identity_calls: identity.len(), stderr }
}

/// bash, and zsh where it is installed.
fn shells() -> Vec<&'static str> {
    let is_there = |shell: &&str| ["/bin", "/usr/bin"].iter().any(|bin| Path::new(bin).join(shell).exists());
    let shells: Vec<&str> = ["bash", "zsh"].into_iter().filter(is_there).collect();
    assert!(shells.contains(&"bash"));
    shells
}

fn folder_with_aws() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let aws = folder.path().join("aws");
    fs::write(&aws, AWS).unwrap();
    fs::set_permissions(&aws, fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn inactive(key: AccessKey) -> AccessKey {
    AccessKey { status: "Inactive".to_owned().into(), ..key }
}

fn throttled<T>() -> Fact<T> {
    Fact::Unknown { unknown: "throttled".to_owned() }
}

fn policies(is_administrator: Option<bool>) -> Fact<Policies> {
    Fact::live(Policies {
        groups: vec!["dev".to_owned()],
        // A path may have any printable character of ASCII.
        attached_policies: vec!["arn:aws:iam::111111111111:policy/it's/$(id)/`id`/!/\"a\\/mine".to_owned()],
        inline_policies: vec!["=mine".to_owned(), "-x".to_owned()],
        is_administrator,
        ..Policies::default()
    })
}

/// Users that together need every kind of remedy.
fn users() -> Vec<User> {
    let with_name = |(number, it): (usize, User)| {
        let name = NAMES[number % NAMES.len()].to_owned();
        User { user_name: name, user_id: format!("AIDA{number}"), ..it }
    };
    let ann = |keys| user("ann", keys);
    let at_setup = AccessKey { create_date: Some(ann(Vec::new()).create_date), ..key("SETUP", 0, None) };
    let users = vec![
        // Rotated into another key, a new one, and one for which an inactive or an active one makes room.
        ann(vec![key("OLD", 100, Some(0)), key("NEW", 10, None)]),
        ann(vec![key("OLD", 100, Some(0))]),
        ann(vec![key("OLD", 300, Some(0)), inactive(key("SPARE", 400, Some(350)))]),
        ann(vec![key("OLD", 300, Some(0)), key("IDLE", 200, None)]),
        ann(vec![key("OLD", 300, Some(60)), key("IDLE", 400, None)]),
        ann(vec![AccessKey { last_used: throttled(), ..key("OLD", 300, None) }]),
        // Inactive for some time, and for so long that the user is to be deleted.
        mfa(User { policies: policies(None), ..ann(vec![inactive(key("GONE", 500, Some(100)))]) }),
        mfa(User { policies: policies(None), ..ann(vec![inactive(key("GONE", 500, Some(400)))]) }),
        mfa(User { policies: policies(None), ..ann(Vec::new()) }),
        User { policies: throttled(), ..ann(Vec::new()) },
        User { create_date: common::days_ago(10), ..ann(Vec::new()) },
        // Administrators, also with an idle key.
        User { policies: policies(Some(true)), ..ann(vec![key("ADMIN", 10, Some(0))]) },
        User { policies: policies(Some(true)), ..ann(vec![key("ADMIN", 100, None)]) },
        // Passwords.
        password(ann(Vec::new()), 400, Some(1)),
        password(ann(Vec::new()), 400, Some(100)),
        mfa(password(ann(Vec::new()), 400, None)),
        password(ann(vec![at_setup]), 1000, Some(1)),
    ];
    users.into_iter().enumerate().map(with_name).collect()
}

/// Reports that together have findings of every rule: without an organization, and with one, whose root credentials are
/// managed centrally or not.
fn reports() -> Vec<(Header, Report)> {
    let in_organization = |managed| Header { organization: Some(organization(managed)), ..header() };
    let accounts = || -> Vec<AccountRecord> {
        let facts = || Facts { summary: root(true, false, Some(true)), ..Facts::default() };
        vec![
            account("111111111111", users()).with_facts(facts()),
            account(MANAGEMENT, Vec::new()).with_facts(facts()),
        ]
    };
    [
        header(),
        in_organization(Fact::live(true)),
        in_organization(throttled()),
        in_organization(Fact::live(false)),
    ]
    .into_iter()
    .map(|header| {
        let report = report(&header, accounts(), &Settings::default());
        (header, report)
    })
    .collect()
}

/// Each different remedy, with a finding that has it.
fn different_remedies() -> Vec<Finding<'static>> {
    let mut seen = BTreeSet::new();
    let findings = reports().into_iter().flat_map(|(_, report)| report.findings);
    findings.filter(|finding| seen.insert(finding.remedy.to_text_and_blocks())).collect()
}

trait Texts {
    fn to_text_and_blocks(&self) -> String;
}

impl Texts for rolecall_report::remedy::Remediation<'_> {
    fn to_text_and_blocks(&self) -> String {
        self.steps.iter().map(|step| format!("{}\n{}\n", step.title(), step.block())).collect()
    }
}

fn deletes(call: &[String]) -> bool {
    call.iter().any(|argument| argument.starts_with("delete-"))
}

/// The account whose credentials the block asks for first.
fn expected_account(step: &Step<'_>) -> String {
    let block = step.block();
    let (_, rest) = block.split_once("[ \"$account\" = ").unwrap();
    rest[..12].to_owned()
}

#[test]
fn every_rule_has_a_finding_with_a_remedy_here() {
    let reports = reports();
    let found: BTreeSet<&str> =
        reports.iter().flat_map(|(_, report)| &report.findings).map(|finding| finding.rule.id).collect();
    assert_eq!(found, CATALOG.iter().map(|rule| rule.id).collect());
    for (_, report) in &reports {
        assert!(report.findings.iter().all(|finding| !finding.remedy.steps.is_empty()));
    }
}

#[test]
fn a_block_runs_in_its_account_and_no_command_of_it_runs_in_another() {
    let folder = folder_with_aws();
    for finding in different_remedies() {
        let subject = finding.subject.account_id.as_str();
        for (number, step) in finding.remedy.steps.iter().enumerate() {
            let block = step.block();
            let expected = expected_account(step);
            assert!([subject, MANAGEMENT].contains(&expected.as_str()), "{block}");
            for shell in shells() {
                let right = Credentials { account: &expected, member: subject, failing: "" };
                let pasted = paste(&folder, shell, &block, right);
                let commands: Vec<&str> = block.lines().filter(|line| line.starts_with("  aws ")).collect();
                let calls: Vec<_> = pasted.calls.iter().filter(|call| call[1] != "assume-root").collect();
                assert_eq!(calls.len(), commands.len(), "{block}\n{}", pasted.stderr);
                assert_eq!(pasted.stderr, "", "{block}");
                let is_deleting = calls.iter().any(|call| deletes(call));
                assert_eq!(is_deleting, step.cannot_be_undone, "{block}");
                assert_eq!(
                    is_deleting,
                    step.title().ends_with(". This cannot be undone."),
                    "{}",
                    step.title()
                );
                assert!(number > 0 || !is_deleting, "the first step deletes something: {block}");

                let wrong = paste(&folder, shell, &block, Credentials { account: ANOTHER, ..right });
                assert_eq!((wrong.calls, wrong.identity_calls), (Vec::new(), 1), "{block}");
                let words = format!("Stopped: the credentials are of account {ANOTHER}, not {expected}.");
                assert!(wrong.stderr.contains(&words), "{}", wrong.stderr);
                let none = paste(&folder, shell, &block, Credentials { account: "", ..right });
                assert!(none.calls.is_empty(), "without credentials: {block}");
            }
        }
    }
}

#[test]
fn a_session_as_the_root_user_of_another_member_account_runs_nothing() {
    let folder = folder_with_aws();
    let mut sessions = 0;
    for finding in different_remedies() {
        for step in finding.remedy.steps.iter().filter(|step| step.block().contains("assume-root")) {
            let credentials = Credentials { account: MANAGEMENT, member: ANOTHER, failing: "" };
            let pasted = paste(&folder, "bash", &step.block(), credentials);
            assert_eq!(pasted.calls.len(), 1, "only the session: {:?}", pasted.calls);
            let denied = Credentials { failing: "", member: "", ..credentials };
            assert_eq!(paste(&folder, "bash", &step.block(), denied).calls.len(), 1);
            sessions += 1;
        }
    }
    assert!(sessions > 4);
}

#[test]
fn after_a_command_that_fails_no_other_follows() {
    let folder = folder_with_aws();
    let mut blocks = 0;
    for finding in different_remedies() {
        for step in finding.remedy.steps.iter().filter(|step| step.block().contains("aws iam delete-user ")) {
            let account = expected_account(step);
            let credentials =
                Credentials { account: &account, member: "", failing: "remove-user-from-group" };
            let pasted = paste(&folder, "bash", &step.block(), credentials);
            let is_denied = pasted.calls.iter().any(|call| call[1] == "remove-user-from-group");
            assert_eq!(pasted.calls.iter().any(|call| call[1] == "delete-user"), !is_denied);
            blocks += usize::from(is_denied);
        }
    }
    assert!(blocks > 0);
}

#[test]
fn user_names_policies_and_devices_reach_aws_as_they_are() {
    let folder = folder_with_aws();
    let mut names = BTreeSet::new();
    let mut values = BTreeSet::new();
    for finding in different_remedies() {
        let Some(name) = finding.subject.user_name.as_deref() else { continue };
        for step in &finding.remedy.steps {
            let credentials =
                Credentials { account: finding.subject.account_id.as_str(), member: "", failing: "" };
            for call in paste(&folder, "bash", &step.block(), credentials).calls {
                for (option, value) in options(&call) {
                    match option {
                        "--user-name" => {
                            assert_eq!(value, name, "{call:?}");
                            names.insert(value.to_owned());
                        }
                        "--policy-arn" | "--policy-name" => {
                            values.insert(value.to_owned());
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    assert_eq!(names, NAMES.map(str::to_owned).into());
    let policies = ["-x", "=mine", "arn:aws:iam::111111111111:policy/it's/$(id)/`id`/!/\"a\\/mine"];
    assert_eq!(values, policies.map(str::to_owned).into());
}

/// The options of a call with their values, as the AWS CLI reads them.
fn options(call: &[String]) -> Vec<(&str, &str)> {
    let mut options = Vec::new();
    let mut words = call.iter().skip(2).map(String::as_str);
    while let Some(word) = words.next() {
        match word.split_once('=') {
            Some((option, value)) if option.starts_with("--") => options.push((option, value)),
            _ => options.push((word, words.next().unwrap_or_default())),
        }
    }
    options
}

#[test]
fn the_text_of_all_steps_runs_only_the_first_when_it_is_pasted() {
    let folder = folder_with_aws();
    for finding in different_remedies() {
        let text = finding.remedy.to_text();
        let first = &finding.remedy.steps[0];
        let account = expected_account(first);
        let credentials =
            Credentials { account: &account, member: finding.subject.account_id.as_str(), failing: "" };
        for shell in shells() {
            let whole = paste(&folder, shell, &text, credentials);
            assert_eq!(whole.calls, paste(&folder, shell, &first.block(), credentials).calls, "{text}");
        }
        for step in &finding.remedy.steps {
            assert!(text.contains(&step.title()), "{text}");
            // An interactive zsh does not know comments.
            let is_plain = |c: char| c.is_ascii_alphanumeric() || " ,.:-".contains(c);
            let names = NAMES.iter().fold(step.title(), |title, name| title.replace(name, ""));
            assert!(names.replace("GROUP_NAME", "").replace("KEY_ID", "").chars().all(is_plain), "{names}");
        }
    }
}

#[test]
fn commands_and_advice_say_the_same() {
    for (_, report) in reports() {
        for finding in &report.findings {
            let advice = finding.advice.as_ref().unwrap();
            let blocks: String = finding.remedy.steps.iter().map(Step::block).collect();
            let deletes_user = blocks.contains("aws iam delete-user ");
            assert_eq!(deletes_user, advice.action == Action::DeleteUser, "{blocks}");
            if deletes_user {
                let first = finding.remedy.steps[0].block();
                for list in
                    ["list-ssh-public-keys", "list-service-specific-credentials", "list-signing-certificates"]
                {
                    assert!(first.contains(&format!("aws iam {list} ")), "{first}");
                }
                assert!(
                    advice
                        .reason
                        .contains("SSH keys, certificates and service-specific credentials are not read")
                );
            }
            match advice.action {
                Action::AssignMfa => assert!(!blocks.contains("delete-login-profile"), "{blocks}"),
                Action::Leave => assert!(!blocks.contains("delete-user "), "{blocks}"),
                _ => {}
            }
        }
    }
}

#[test]
fn root_credentials_of_a_member_are_deleted_from_the_management_account_and_its_own_are_not() {
    let of = |header: &Header, account_id: &str, rule: &str| {
        let facts = Facts { summary: root(true, false, Some(true)), ..Facts::default() };
        let accounts = vec![account(account_id, Vec::new()).with_facts(facts)];
        let report = report(header, accounts, &Settings::default());
        let finding = report.findings.into_iter().find(|it| it.rule.id == rule).unwrap();
        finding.remedy.to_text_and_blocks()
    };
    let not_managed = Header { organization: Some(organization(Fact::live(false))), ..header() };
    let managed = Header { organization: Some(organization(Fact::live(true))), ..header() };
    insta::assert_snapshot!("root_key_of_a_member", of(&not_managed, "111111111111", "root-access-key"));
    insta::assert_snapshot!("root_mfa_of_a_member", of(&managed, "111111111111", "root-without-mfa"));
    insta::assert_snapshot!(
        "root_key_of_the_management_account",
        of(&managed, MANAGEMENT, "root-access-key")
    );
    insta::assert_snapshot!(
        "root_mfa_of_the_management_account",
        of(&managed, MANAGEMENT, "root-without-mfa")
    );
}
