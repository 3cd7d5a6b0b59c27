//! What became of a roll: nothing that is unknown is gone, or new.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on ends")]

mod common;

use common::{account, at, gap, header, key, mfa, password, role_arn, shortened, stored, user};
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
    Diff::compare(&stored(&header(), old), &stored(&later(), new), settings, with_last_used).unwrap()
}

fn diff(old: Vec<User>, new: Vec<User>) -> Diff {
    compared(&[account(A, old)], &[account(A, new)], &Settings::default(), false)
}

fn rules(findings: &[Finding]) -> Vec<&str> {
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
fn the_same_roll_a_day_later_differs_in_nothing() {
    // Used a day ago in both: the last use moved on.
    let at_old = ann(vec![key("AKIA1", 500, Some(1))]);
    let mut at_new = at_old.clone();
    let used = LastUsed { date: later().as_of - 24.hours(), service: Some("s3".to_owned()), region: None };
    at_new.access_keys.as_mut().unwrap()[0].last_used = Fact::live(Some(used));
    let (old, new) = ([account(A, vec![at_old])], [account(A, vec![at_new])]);
    let quiet = compared(&old, &new, &Settings::default(), false);
    assert!(quiet.is_empty(), "{:?}", titles(&quiet));
    let told = compared(&old, &new, &Settings::default(), true);
    assert_eq!(titles(&told), ["Access keys that were used since"]);
}

#[test]
fn users_and_keys_come_go_and_change() {
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
    assert_eq!((names(&diff.users_came), names(&diff.users_went)), (vec!["new".into()], vec!["gone".into()]));
    assert_eq!(keys(&diff.keys_came), ["AKIA3", "AKIAN"]);
    assert_eq!(keys(&diff.keys_went), ["AKIA2", "AKIAG"]);
    assert_eq!(diff.keys_changed[0].before, "Active");
    assert_eq!(rules(&diff.resolved), ["access-keys-several"]);
}

#[test]
fn a_user_made_again_under_the_same_name_is_another() {
    let again = User { user_id: "AIDAOTHER".to_owned(), ..ann(Vec::new()) };
    let diff = diff(vec![ann(Vec::new())], vec![again]);
    assert_eq!((diff.users_came.len(), diff.users_went.len()), (1, 1));
}

#[test]
fn findings_open_and_are_mended() {
    // Ninety days old, and a day later too old.
    let old = password(ann(vec![key("AKIA1", 90, Some(0))]), 10, Some(1));
    let diff = diff(vec![old.clone()], vec![mfa(old)]);
    assert_eq!(rules(&diff.opened), ["access-key-age"]);
    assert_eq!(rules(&diff.resolved), ["console-without-mfa"]);
}

#[test]
fn what_is_unknown_now_is_not_mended_and_what_was_unknown_is_not_new() {
    let known = || account(A, vec![ann(vec![key("AKIA1", 500, None)])]);
    let unread = || {
        let ann = User { access_keys: None, ..ann(Vec::new()) };
        AccountRecord::read(role_arn(A), vec![ann], vec![gap(FactKind::AccessKeys, Some("ann"))], Vec::new())
    };
    let denied = || AccountRecord::failed(role_arn(A), gap(Stage::Session, None));
    let cut = || AccountRecord::read(role_arn(A), Vec::new(), vec![gap(FactKind::Users, None)], Vec::new());
    let settings = Settings::default();
    for other in [unread, denied, cut] {
        let lost = compared(&[known()], &[other()], &settings, false);
        assert_eq!(rules(&lost.now_unknown), ["access-key-age", "access-key-never-used"]);
        assert!(lost.resolved.is_empty() && lost.users_went.is_empty() && lost.keys_went.is_empty());
        assert_eq!(lost.accounts.len(), 1, "the account became less readable");
        let found = compared(&[other()], &[known()], &settings, false);
        assert_eq!(rules(&found.newly_known), ["access-key-age", "access-key-never-used"]);
        assert!(found.opened.is_empty() && found.users_came.is_empty() && found.keys_came.is_empty());
    }
    let gone = compared(&[known()], &[], &settings, false);
    assert_eq!((gone.now_unknown.len(), gone.users_went.len()), (2, 0), "not in the roll is not gone");
    assert_eq!(gone.accounts[0].now, None);
}

#[test]
fn a_fact_that_one_roll_did_not_ask_for_is_not_compared_and_said_so() {
    let without = AccessKey { last_used: Fact::NotRequested, ..key("AKIA1", 80, None) };
    let diff = diff(vec![ann(vec![key("AKIA1", 80, None)])], vec![ann(vec![without])]);
    assert!(diff.is_empty(), "{:?}", titles(&diff));
    assert_eq!(diff.not_compared, [("access-key-never-used", 1)].into());
    assert!(diff.notes()[1].contains("1 finding of access-key-never-used is not compared"));
}

#[test]
fn an_exception_that_lapses_opens_its_findings_again() {
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
        assert_eq!(diff.not_compared, [("access-key-age", 1)].into());
    }
}

#[test]
fn who_was_to_be_asked_and_has_no_line_is_not_out_of_the_roll() {
    let wanted = |header: Header| Header { targets: vec![role_arn(A).into()], ..header };
    let whole = stored(&wanted(header()), &[account(A, Vec::new())]);
    let cut = Diff::compare(&whole, &stored(&wanted(later()), &[]), &Settings::default(), false).unwrap();
    assert_eq!(cut.accounts[0].now, Some(Outcome::Failed));
    assert_eq!(cut.accounts[0].why.as_deref(), Some("the run ended before it was read"));
}

#[test]
fn roots_findings_are_compared_too() {
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
    let of = |id: &str| {
        let mut organization = common::organization(Fact::NotRequested);
        id.clone_into(&mut organization.id);
        stored(&Header { organization: Some(organization), ..header() }, &[])
    };
    let refused = Diff::compare(&of("o-a"), &of("o-b"), &Settings::default(), false);
    assert!(matches!(refused, Err(NotComparable::Organizations(..))));
    let swapped = Diff::compare(&stored(&later(), &[]), &stored(&header(), &[]), &Settings::default(), false);
    assert!(swapped.unwrap_err().to_string().contains("name the earlier one first"));
    let collect = FactSelection { user_name: Some("ann".to_owned()), ..FactSelection::default() };
    let narrowed = Header { collect, ..header() };
    let refused =
        Diff::compare(&stored(&header(), &[]), &stored(&narrowed, &[]), &Settings::default(), false);
    assert!(refused.unwrap_err().to_string().contains("one covers all users, the other user ann"));
}

#[test]
fn what_is_other_of_a_user_is_told_where_both_rolls_know_it() {
    let of = |groups: &[&str]| {
        let groups = groups.iter().map(|&group| group.to_owned()).collect();
        Fact::live(Policies { groups, ..Policies::default() })
    };
    let was = User { policies: of(&["b", "a"]), ..ann(vec![key("AKIA1", 10, Some(1))]) };
    let renamed = User { user_name: "anna".to_owned(), ..mfa(password(was.clone(), 10, Some(1))) };
    let is = User { policies: of(&["a", "admins"]), ..renamed };
    let told = |was: User, is: User| {
        let changes = diff(vec![was], vec![is]).users_changed;
        changes.into_iter().map(|it| format!("{}: {} > {}", it.what, it.before, it.now)).collect::<Vec<_>>()
    };
    assert_eq!(
        told(was.clone(), is),
        [
            "name: ann > anna",
            "console password:  > there is one",
            "MFA devices:  > arn:aws:iam::111111111111:mfa/x",
            "groups: a, b > a, admins"
        ]
    );
    assert!(
        told(was.clone(), User { policies: of(&["a", "b"]), ..was.clone() }).is_empty(),
        "in another order"
    );
    let unknown = Fact::Unknown { unknown: "denied".to_owned() };
    assert!(told(was.clone(), User { policies: unknown, ..was.clone() }).is_empty(), "unknown is no change");
    // What was not asked live the credential report may tell.
    let reported = |has| {
        let row = ReportRow {
            password_enabled: Some(has),
            password_last_used: None,
            password_last_changed: None,
            mfa_active: has,
            access_keys: [(); 2].map(|()| ReportKey { active: false, last_rotated: None, last_used: None }),
        };
        let report = Fact::Known { value: row, source: Source::CredentialReport(at(common::AS_OF)) };
        User { console_password: Fact::NotRequested, mfa_devices: Fact::NotRequested, report, ..was.clone() }
    };
    assert_eq!(
        told(reported(false), reported(true)),
        ["console password:  > there is one", "MFA devices:  > there is one"]
    );
}

#[test]
fn accounts_that_neither_roll_read_are_not_said_to_be_the_same() {
    let unread = || [AccountRecord::failed(role_arn(A), gap(Stage::Session, None))];
    let diff = compared(&unread(), &unread(), &Settings::default(), false);
    assert!(diff.is_empty() && !diff.is_complete());
    let note = "1 account is not compared whole: it was read whole in neither roll";
    assert!(diff.notes().iter().any(|it| it == note), "{:?}", diff.notes());
}
