//! Comparing rolls: what is unknown is never reported as removed or new.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot continue fails")]

mod common;

use common::{account, at, gap, header, key, mfa, password, role_arn, roll_file_of, shortened, user};
use jiff::ToSpan;
use rolecall_report::diff::{NotComparable, Section};
use rolecall_report::settings::Exception;
use rolecall_report::{Diff, Finding, Settings};
use rolecall_roll::{
    AccessKey, AccountRecord, Fact, FactKind, FactSelection, Facts, Header, LastUsed, Outcome, Policies,
    ReportKey, ReportRow, Source, Stage, User,
};

const A: &str = "111111111111";

fn later() -> Header {
    Header { as_of: at(common::AS_OF) + 24.hours(), ..header() }
}

fn compared(old: &[AccountRecord], new: &[AccountRecord], settings: &Settings, with_last_used: bool) -> Diff {
    Diff::compare(&roll_file_of(&header(), old), &roll_file_of(&later(), new), settings, with_last_used)
        .unwrap()
}

fn diff(old: Vec<User>, new: Vec<User>) -> Diff {
    compared(&[account(A, old)], &[account(A, new)], &Settings::default(), false)
}

fn rules<'a>(findings: &'a [Finding<'_>]) -> Vec<&'a str> {
    let mut ids: Vec<&str> = findings.iter().map(|finding| finding.rule.id).collect();
    ids.sort_unstable();
    ids
}

fn titles(diff: &Diff) -> Vec<&'static str> {
    diff.sections().iter().map(|section: &Section| section.title).collect()
}

fn ann(keys: Vec<AccessKey>) -> User {
    user("ann", keys)
}

#[test]
fn the_same_roll_a_day_later_has_no_differences() {
    // In both rolls the key was used the day before: the last use is a day later.
    let old_user = ann(vec![key("AKIA1", 500, Some(1))]);
    let mut new_user = old_user.clone();
    let used = LastUsed { date: later().as_of - 24.hours(), service: Some("s3".to_owned()), region: None };
    new_user.access_keys.as_mut().unwrap()[0].last_used = Fact::live(Some(used));
    let (old, new) = ([account(A, vec![old_user])], [account(A, vec![new_user])]);
    let without_last_used = compared(&old, &new, &Settings::default(), false);
    assert!(without_last_used.is_empty(), "{:?}", titles(&without_last_used));
    let with_last_used = compared(&old, &new, &Settings::default(), true);
    assert_eq!(titles(&with_last_used), ["Access keys with a changed last use"]);
}

#[test]
fn a_key_that_is_older_than_the_records_of_aws_was_not_used_for_the_first_time() {
    let old_key =
        AccessKey { create_date: Some(common::at("2012-01-01T00:00:00Z")), ..key("AKIA1", 0, None) };
    for (before, words) in [(old_key, "not since 2015-04-22"), (key("AKIA1", 500, None), "never")] {
        let used = AccessKey { last_used: key("AKIA1", 0, Some(1)).last_used, ..before.clone() };
        let (old, new) = ([account(A, vec![ann(vec![before])])], [account(A, vec![ann(vec![used])])]);
        let diff = compared(&old, &new, &Settings::default(), true);
        let sections = diff.sections();
        let used = sections.iter().find(|it| it.title == "Access keys with a changed last use").unwrap();
        assert!(used.rows[0].contains(&words.to_owned()), "{:?}", used.rows);
    }
}

#[test]
fn users_and_keys_are_added_removed_and_changed() {
    let inactive = AccessKey { status: "Inactive".to_owned().into(), ..key("AKIA1", 10, Some(1)) };
    let diff = diff(
        vec![
            ann(vec![key("AKIA1", 10, Some(1)), key("AKIA2", 10, Some(1))]),
            user("gone", vec![key("AKIAG", 1, None)]),
        ],
        vec![ann(vec![inactive, key("AKIA3", 1, Some(0))]), user("new", vec![key("AKIAN", 1, None)])],
    );
    let names = |list: &[rolecall_report::diff::UserName]| {
        list.iter().map(|it| it.user_name.clone()).collect::<Vec<_>>()
    };
    let keys = |list: &[rolecall_report::diff::KeyName]| {
        list.iter().map(|it| shortened(it.access_key_id.as_str())).collect::<Vec<_>>()
    };
    assert_eq!(
        (names(&diff.users_added), names(&diff.users_removed)),
        (vec!["new".into()], vec!["gone".into()])
    );
    assert_eq!(keys(&diff.keys_added), ["AKIA3", "AKIAN"]);
    assert_eq!(keys(&diff.keys_removed), ["AKIA2", "AKIAG"]);
    assert_eq!(diff.keys_changed[0].before, "Active");
    assert_eq!(rules(&diff.resolved), ["access-keys-several"]);
}

#[test]
fn a_user_created_again_under_the_same_name_is_another_user() {
    let again = User { user_id: "AIDAOTHER".to_owned(), ..ann(Vec::new()) };
    let diff = diff(vec![ann(Vec::new())], vec![again]);
    assert_eq!((diff.users_added.len(), diff.users_removed.len()), (1, 1));
}

#[test]
fn findings_open_and_are_resolved() {
    // The key is 90 days old, and a day later too old.
    let old = password(ann(vec![key("AKIA1", 90, Some(0))]), 10, Some(1));
    let diff = diff(vec![old.clone()], vec![mfa(old)]);
    assert_eq!(rules(&diff.opened), ["access-key-age"]);
    assert_eq!(rules(&diff.resolved), ["console-without-mfa"]);
}

#[test]
fn what_is_unknown_now_is_not_resolved_and_what_was_unknown_is_not_new() {
    let known = || account(A, vec![ann(vec![key("AKIA1", 500, None)])]);
    let unread = || {
        let ann = User { access_keys: None, ..ann(Vec::new()) };
        AccountRecord::read(role_arn(A), vec![ann], vec![gap(FactKind::AccessKeys, Some("ann"))], Vec::new())
    };
    let denied = || AccountRecord::failed(role_arn(A), gap(Stage::Session, None));
    let incomplete =
        || AccountRecord::read(role_arn(A), Vec::new(), vec![gap(FactKind::Users, None)], Vec::new());
    let settings = Settings::default();
    for other in [unread, denied, incomplete] {
        let lost = compared(&[known()], &[other()], &settings, false);
        assert_eq!(rules(&lost.now_unknown), ["access-key-age", "access-key-never-used"]);
        assert!(lost.resolved.is_empty() && lost.users_removed.is_empty() && lost.keys_removed.is_empty());
        assert_eq!(lost.accounts.len(), 1, "the account became less readable");
        let found = compared(&[other()], &[known()], &settings, false);
        assert_eq!(rules(&found.newly_known), ["access-key-age", "access-key-never-used"]);
        assert!(found.opened.is_empty() && found.users_added.is_empty() && found.keys_added.is_empty());
    }
    let gone = compared(&[known()], &[], &settings, false);
    assert_eq!(
        (gone.now_unknown.len(), gone.users_removed.len()),
        (2, 0),
        "an account that is not in the roll is unknown, not removed"
    );
    assert_eq!(gone.accounts[0].now, None);
}

#[test]
fn a_fact_that_one_roll_did_not_request_is_not_compared_and_noted() {
    let without = AccessKey { last_used: Fact::NotRequested, ..key("AKIA1", 80, None) };
    let diff = diff(vec![ann(vec![key("AKIA1", 80, None)])], vec![ann(vec![without])]);
    assert!(diff.is_empty(), "{:?}", titles(&diff));
    assert_eq!(
        diff.notes()[1],
        "1 rule not compared: it needs last_used, which one of the rolls did not request (1 finding: access-key-never-used)"
    );
}

#[test]
fn an_exception_that_expires_reopens_its_findings() {
    let exception = Exception {
        user: Some("ann".to_owned()),
        owner: "j.ruiz".to_owned(),
        reason: "r".to_owned(),
        until: "2028-03-01".parse().unwrap(),
        ..Exception::default()
    };
    let settings = Settings { exceptions: vec![exception], ..Settings::default() };
    let both = || [account(A, vec![ann(vec![key("AKIA1", 500, Some(1))])])];
    let diff = compared(&both(), &both(), &settings, false);
    assert_eq!(rules(&diff.reopened), ["access-key-age"]);
    assert!(diff.opened.is_empty());
}

#[test]
fn tags_that_one_roll_did_not_read_reopen_nothing() {
    let exception = Exception {
        tag: Some(("team".to_owned(), "search".to_owned())),
        owner: "j.ruiz".to_owned(),
        reason: "r".to_owned(),
        until: "2028-12-31".parse().unwrap(),
        ..Exception::default()
    };
    let settings = Settings { exceptions: vec![exception], ..Settings::default() };
    let tags = [("team".to_owned(), "search".to_owned())].into();
    let tagged = Fact::live(Policies { tags, ..Policies::default() });
    let with = |policies| [account(A, vec![User { policies, ..ann(vec![key("AKIA1", 500, Some(1))]) }])];
    for (old, new) in [(tagged.clone(), Fact::NotRequested), (Fact::NotRequested, tagged)] {
        let diff = compared(&with(old), &with(new), &settings, false);
        assert!(diff.is_empty(), "{:?}", titles(&diff));
        let not_compared = diff.not_compared.get("access-key-age").unwrap();
        assert_eq!((not_compared.findings, diff.not_compared.len()), (1, 1));
        assert_eq!(not_compared.needs, [FactKind::Policies].into());
    }
}

#[test]
fn a_target_account_without_a_record_was_not_read_and_is_not_removed() {
    let with_target = |header: Header| Header { targets: vec![role_arn(A).into()], ..header };
    let complete = roll_file_of(&with_target(header()), &[account(A, Vec::new())]);
    let diff =
        Diff::compare(&complete, &roll_file_of(&with_target(later()), &[]), &Settings::default(), false)
            .unwrap();
    assert_eq!(diff.accounts[0].now, Some(Outcome::Failed));
    assert_eq!(diff.accounts[0].why.as_deref(), Some("the run ended before the account was read"));
}

#[test]
fn findings_of_the_root_user_are_compared_too() {
    let with = |facts| [account(A, Vec::new()).with_facts(facts)];
    let keys = |has| Facts { summary: common::root(has, true, None), ..Facts::default() };
    let settings = Settings::default();
    assert_eq!(
        rules(&compared(&with(keys(false)), &with(keys(true)), &settings, false).opened),
        ["root-access-key"]
    );
    assert_eq!(
        rules(&compared(&with(keys(true)), &with(keys(false)), &settings, false).resolved),
        ["root-access-key"]
    );
    let unknown = Facts { summary: Fact::Unknown { unknown: "denied".to_owned() }, ..Facts::default() };
    let lost = compared(&with(keys(true)), &with(unknown), &settings, false);
    assert_eq!((rules(&lost.now_unknown), lost.resolved.len()), (vec!["root-access-key"], 0));
}

#[test]
fn rolls_of_different_things_are_not_compared() {
    let roll_of = |id: &str| {
        let mut organization = common::organization(Fact::NotRequested);
        id.clone_into(&mut organization.id);
        roll_file_of(&Header { organization: Some(organization), ..header() }, &[])
    };
    let result = Diff::compare(&roll_of("o-a"), &roll_of("o-b"), &Settings::default(), false);
    assert!(matches!(result, Err(NotComparable::Organizations(..))));
    let swapped = Diff::compare(
        &roll_file_of(&later(), &[]),
        &roll_file_of(&header(), &[]),
        &Settings::default(),
        false,
    );
    assert!(swapped.unwrap_err().to_string().contains("give the older one first"));
    let collect = FactSelection { user_name: Some("ann".to_owned()), ..FactSelection::default() };
    let limited = Header { collect, ..header() };
    let result = Diff::compare(
        &roll_file_of(&header(), &[]),
        &roll_file_of(&limited, &[]),
        &Settings::default(),
        false,
    );
    assert!(result.unwrap_err().to_string().contains("all users"));
}

#[test]
fn rules_that_were_not_compared_are_one_note_and_what_the_rolls_do_not_share_is_a_warning() {
    let without = |mut user: User| {
        user.access_keys.iter_mut().flatten().for_each(|key| key.last_used = Fact::NotRequested);
        user.console_password = Fact::NotRequested;
        user
    };
    let users = (0..1200).map(|number| {
        let id = format!("AKIA{number:016}");
        password(user(&format!("user-{number}"), vec![key(&id, 80, Some(60))]), 900, Some(900))
    });
    let (old, new): (Vec<User>, Vec<User>) = users.map(|user| (user.clone(), without(user))).unzip();
    let full = [FactKind::Users, FactKind::AccessKeys, FactKind::LastUsed, FactKind::ConsolePassword];
    let collect = |facts: &[FactKind]| FactSelection {
        facts: facts.iter().copied().collect(),
        ..FactSelection::default()
    };
    let old_header = Header { collect: collect(&full), ..header() };
    let new_header = Header { collect: collect(&full[..2]), ..later() };
    let old = roll_file_of(&old_header, &[account(A, old), account("333333333333", Vec::new())]);
    let new = roll_file_of(&new_header, &[account(A, new)]);
    let diff = Diff::compare(&old, &new, &Settings::default(), false).unwrap();
    assert!(!diff.is_complete());
    assert_eq!(
        diff.notes()[1..],
        [
            "warning: 1 account only in the first roll, not compared",
            "warning: only the first roll requested last_used, console_password: not compared",
            "3 rules not compared: they need last_used, console_password, which one of the rolls did not request \
             (3,600 findings: access-key-unused, console-without-mfa, password-unused)",
        ]
    );
}

#[test]
fn rolls_without_an_account_in_common_are_compared_with_a_warning() {
    let other = [account("333333333333", Vec::new())];
    let diff = compared(&[account(A, Vec::new())], &other, &Settings::default(), false);
    assert!(!diff.is_complete());
    assert_eq!(
        diff.notes()[1],
        "warning: the rolls have no account in common (first: 1 account, second: 1 account), so no user and no key is compared"
    );
}

#[test]
fn accounts_are_shown_with_their_names_and_times_in_whole_seconds() {
    let named = |users| common::known(account(A, users), "shop", &[]);
    let old = Header { as_of: at("2028-03-01T12:00:00.123456789Z"), ..header() };
    let diff = Diff::compare(
        &roll_file_of(&old, &[named(Vec::new())]),
        &roll_file_of(&later(), &[named(vec![ann(vec![key("AKIA1", 10, Some(1))])])]),
        &Settings::default(),
        false,
    )
    .unwrap();
    assert!(diff.notes()[0].starts_with("from 2028-03-01T12:00:00Z (run "), "{:?}", diff.notes());
    for section in diff.sections() {
        assert_eq!(section.rows[0][0], "111111111111 shop", "{}", section.title);
    }
}

#[test]
fn changes_of_a_user_are_reported_where_both_rolls_know_the_fact() {
    let with_groups = |groups: &[&str]| {
        let groups = groups.iter().map(|&group| group.to_owned()).collect();
        Fact::live(Policies { groups, ..Policies::default() })
    };
    let old = User { policies: with_groups(&["b", "a"]), ..ann(vec![key("AKIA1", 10, Some(1))]) };
    let renamed = User { user_name: "anna".to_owned(), ..mfa(password(old.clone(), 10, Some(1))) };
    let new = User { policies: with_groups(&["a", "admins"]), ..renamed };
    let changes = |old: User, new: User| {
        let changes = diff(vec![old], vec![new]).users_changed;
        changes.into_iter().map(|it| format!("{}: {} > {}", it.what, it.before, it.now)).collect::<Vec<_>>()
    };
    assert_eq!(
        changes(old.clone(), new),
        [
            "name: ann > anna",
            "console password:  > exists",
            "MFA devices:  > arn:aws:iam::111111111111:mfa/x",
            "groups: a, b > a, admins"
        ]
    );
    assert!(
        changes(old.clone(), User { policies: with_groups(&["a", "b"]), ..old.clone() }).is_empty(),
        "in another order"
    );
    let unknown = Fact::Unknown { unknown: "denied".to_owned() };
    assert!(
        changes(old.clone(), User { policies: unknown, ..old.clone() }).is_empty(),
        "unknown is not a change"
    );
    // The credential report may give what old not requested live.
    let reported = |has| {
        let row = ReportRow {
            password_enabled: Some(has),
            password_last_used: None,
            password_last_changed: None,
            mfa_active: has,
            access_keys: [(); 2].map(|()| ReportKey { active: false, last_rotated: None, last_used: None }),
        };
        let report = Fact::Known { value: row, source: Source::CredentialReport(at(common::AS_OF)) };
        User { console_password: Fact::NotRequested, mfa_devices: Fact::NotRequested, report, ..old.clone() }
    };
    assert_eq!(
        changes(reported(false), reported(true)),
        ["console password:  > exists", "MFA devices:  > exists"]
    );
}

#[test]
fn accounts_that_neither_roll_read_are_not_reported_as_equal() {
    let unread = || [AccountRecord::failed(role_arn(A), gap(Stage::Session, None))];
    let diff = compared(&unread(), &unread(), &Settings::default(), false);
    assert!(diff.is_empty() && !diff.is_complete());
    let note = "1 account is not fully compared: neither roll read it completely";
    assert!(diff.notes().iter().any(|it| it == note), "{:?}", diff.notes());
}
