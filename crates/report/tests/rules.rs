//! Each rule at its boundaries: the day before, the day, the day after; over a leap day; never used; unknown.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot continue fails"
)]

mod common;

use std::collections::BTreeMap;

use common::{
    AS_OF, access_key_id, account, at, days_ago, gap, header, key, known, mfa, organization, password,
    report, root, shortened, user,
};
use jiff::ToSpan;
use rolecall_report::rules::{self, Rule};
use rolecall_report::settings::{Exception, OwnerSource, RuleOverride};
use rolecall_report::{Benchmark, CATALOG, Finding, Report, Settings, Severity};
use rolecall_roll::{
    AccessKey, AccountRecord, ConsolePassword, Fact, FactKind, FactSelection, Facts, Header, LastUsed,
    Policies, ReportKey, ReportRow, Root, Source, Stage, User,
};

/// The result of one rule.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Pass,
    Fail(String),
    Unknown(String),
    NotRequested(FactKind),
}
use Verdict::{Fail, NotRequested, Pass, Unknown};

fn only(rule: &'static Rule) -> Settings {
    let others = CATALOG.iter().filter(|it| it.id != rule.id);
    let off = RuleOverride { enabled: Some(false), ..RuleOverride::default() };
    Settings { rules: others.map(|it| (it.id, off)).collect(), ..Settings::default() }
}

/// The verdict of a rule over an account in which it evaluates one subject.
fn verdict(id: &str, account: AccountRecord, header: &Header) -> Verdict {
    let report = report(header, vec![account], &only(rules::find(id).unwrap()));
    let [result] = report.assessment.rules.as_slice() else { panic!("one rule is enabled") };
    assert_eq!(
        result.evaluated + result.unknown + result.not_collected,
        1,
        "one subject is evaluated: {result:?}"
    );
    assert_eq!(result.open.number(), report.findings.len());
    match (report.findings.as_slice(), report.assessment.unknown.as_slice()) {
        ([finding], []) => Fail(finding.message.to_string()),
        ([], [unknown]) => Unknown(format!("{}: {}", unknown.fact, unknown.reason)),
        ([], []) if result.not_collected == 1 => NotRequested(result.missing_fact.unwrap()),
        ([], []) => Pass,
        other => panic!("{other:?}"),
    }
}

fn user_verdict(id: &str, user: User) -> Verdict {
    verdict(id, account("111111111111", vec![user]), &header())
}

fn key_verdict(id: &str, key: AccessKey) -> Verdict {
    user_verdict(id, user("ann", vec![key]))
}

fn fail(text: &str) -> Verdict {
    Fail(text.to_owned())
}

fn inactive(key: AccessKey) -> AccessKey {
    AccessKey { status: "Inactive".to_owned().into(), ..key }
}

fn throttled<T>() -> Fact<T> {
    Fact::Unknown { unknown: "throttled".to_owned() }
}

#[test]
fn a_key_may_be_ninety_days_old() {
    for (days, verdict) in [
        (89, Pass),
        (90, Pass),
        (91, fail("the key is 91 days old; the limit is 90 days")),
        (412, fail("the key is 412 days old; the limit is 90 days")),
    ] {
        assert_eq!(key_verdict("access-key-age", key("AKIA1", days, Some(0))), verdict, "{days}");
    }
    // One second less than a whole day does not count as a day.
    let nearly = AccessKey { create_date: Some(days_ago(91) + 1.second()), ..key("AKIA1", 0, None) };
    assert_eq!(key_verdict("access-key-age", nearly), Pass);
    // 2028 has a 29th of February: the 91st day before the first of March, noon, is the first of December.
    assert_eq!(days_ago(91), at("2027-12-01T12:00:00Z"));
    assert_eq!(key_verdict("access-key-age", inactive(key("AKIA1", 412, None))), Pass);
    let of_future = "access_keys: the creation date of the key is later than the roll".to_owned();
    assert_eq!(key_verdict("access-key-age", key("AKIA1", -400, None)), Unknown(of_future));
    let undated = AccessKey { create_date: None, ..key("AKIA1", 0, None) };
    assert_eq!(
        key_verdict("access-key-age", undated),
        Unknown("access_keys: AWS did not return when the key was created".to_owned())
    );
}

#[test]
fn a_key_that_was_used_counts_as_unused_from_the_forty_fifth_day_on() {
    for (days, verdict) in [
        (44, Pass),
        (45, fail("the key was last used 45 days ago; the limit is 45 days")),
        (46, fail("the key was last used 46 days ago; the limit is 45 days")),
    ] {
        assert_eq!(key_verdict("access-key-unused", key("AKIA1", 500, Some(days))), verdict, "{days}");
        assert_eq!(key_verdict("access-key-never-used", key("AKIA1", 500, Some(days))), Pass, "{days}");
    }
    assert_eq!(key_verdict("access-key-unused", inactive(key("AKIA1", 500, Some(400)))), Pass);
}

#[test]
fn a_key_that_was_never_used_counts_from_its_creation() {
    for (days, verdict) in [
        (0, Pass),
        (44, Pass),
        (45, fail("the key is 45 days old and was never used; the limit is 45 days")),
        (46, fail("the key is 46 days old and was never used; the limit is 45 days")),
    ] {
        assert_eq!(key_verdict("access-key-never-used", key("AKIA1", days, None)), verdict, "{days}");
        assert_eq!(key_verdict("access-key-unused", key("AKIA1", days, None)), Pass, "{days}");
    }
}

/// Sources: the API pages of `AccessKeyLastUsed` and `User`
#[test]
fn a_credential_that_is_older_than_the_records_of_aws_is_not_called_never_used() {
    let created = |text: &str| AccessKey { create_date: Some(at(text)), ..key("AKIA1", 0, None) };
    let message = |verdict: Verdict| match verdict {
        Fail(message) => message,
        other => panic!("{other:?}"),
    };
    for (day, used, setup_score) in [
        ("2015-04-21T23:59:59Z", "not used since AWS began to record it (22 April 2015)", 8),
        ("2015-04-22T00:00:00Z", "never used", 10),
    ] {
        let words = format!("was {used}");
        assert!(message(key_verdict("access-key-never-used", created(day))).contains(&words), "{day}");
        assert!(
            message(key_verdict("access-key-inactive", inactive(created(day)))).contains(&words),
            "{day}"
        );
        let at_setup = User { create_date: at(day), ..password(user("ann", vec![created(day)]), 400, None) };
        assert!(message(user_verdict("access-key-at-setup", at_setup.clone())).ends_with(&words), "{day}");

        let accounts = vec![account("111111111111", vec![at_setup])];
        let report = report(&header(), accounts, &Settings::default());
        let finding = report.findings.iter().find(|it| it.rule.id == "access-key-never-used").unwrap();
        assert!(finding.evidence.iter().any(|it| it.value == used), "{:?}", finding.evidence);
        let component = finding.score.components.iter().find(|it| it.reason.starts_with(used)).unwrap();
        assert_eq!(component.points, setup_score);
        let bars = &report.distributions.as_ref().unwrap().last_use;
        let counted: Vec<&str> =
            bars.iter().filter(|bar| bar.number > 0).map(|bar| bar.label.as_str()).collect();
        let label = if used == "never used" { used } else { "not since 2015-04-22" };
        assert_eq!(counted, [label]);
    }
    // What the formats show, but for the id of the rule.
    let roll = common::roll_file_of(
        &header(),
        &[account("111111111111", vec![user("ann", vec![created("2012-01-01T00:00:00Z")])])],
    );
    for (format, text) in common::rendered(&roll, &Settings::default()) {
        let words = match format {
            "html" => "not since 2015-04-22",
            _ => "AWS began to record it (22 April 2015)",
        };
        assert!(format == "markdown" || text.contains(words), "{format}: {text}");
        assert!(["json", "html"].contains(&format) || !text.contains("never used"), "{format}: {text}");
    }
    for (day, used) in [
        ("2014-10-19T23:59:59Z", "not used since AWS began to record it (20 October 2014)"),
        (
            "2014-10-20T00:00:00Z",
            "not used as far as AWS recorded (AWS did not record sign-ins from 3 to 23 May 2018)",
        ),
        ("2018-05-23T21:08:00Z", "never used"),
    ] {
        let set = ConsolePassword { create_date: Some(at(day)), password_reset_required: false };
        let ann = User { console_password: Fact::live(Some(set)), ..user("ann", Vec::new()) };
        assert!(message(user_verdict("password-never-used", ann)).contains(&format!("was {used};")), "{day}");
    }
}

#[test]
fn a_value_that_aws_does_not_have_is_not_called_unread() {
    let unavailable = |reason: &str| Fact::<Option<LastUsed>>::Unavailable { unavailable: reason.to_owned() };
    let key = AccessKey { last_used: unavailable("too young"), ..key("AKIA1", 500, None) };
    assert_eq!(
        key_verdict("access-key-unused", key.clone()),
        Unknown("last_used: AWS has no value: too young".to_owned())
    );
    let report = report(
        &header(),
        vec![account("111111111111", vec![user("ann", vec![key])])],
        &only(rules::find("access-key-age").unwrap()),
    );
    let reasons: Vec<&str> =
        report.findings[0].score.components.iter().map(|component| &*component.reason).collect();
    assert!(reasons.contains(&"AWS has no value for the last use"), "{reasons:?}");
    let bars = &report.distributions.as_ref().unwrap().last_use;
    assert!(bars.iter().any(|bar| bar.label == "unavailable" && bar.number == 1));
}

#[test]
fn an_unknown_last_use_is_neither_never_nor_long_ago() {
    for id in ["access-key-unused", "access-key-never-used"] {
        let unknown = AccessKey { last_used: throttled(), ..key("AKIA1", 500, None) };
        assert_eq!(key_verdict(id, unknown), Unknown("last_used: throttled".to_owned()), "{id}");
        let not_requested = AccessKey { last_used: Fact::NotRequested, ..key("AKIA1", 500, None) };
        assert_eq!(key_verdict(id, not_requested), NotRequested(FactKind::LastUsed), "{id}");
    }
}

#[test]
fn an_inactive_key_counts_from_its_last_use_or_else_from_its_creation() {
    let id = "access-key-inactive";
    for (key, verdict) in [
        (key("AKIA1", 900, Some(89)), Pass),
        (
            key("AKIA1", 900, Some(90)),
            fail("the inactive key was last used 90 days ago; the limit is 90 days"),
        ),
        (key("AKIA1", 89, None), Pass),
        (
            key("AKIA1", 90, None),
            fail("the inactive key was created 90 days ago and was never used; the limit is 90 days"),
        ),
        (
            AccessKey { last_used: throttled(), ..key("AKIA1", 900, None) },
            Unknown("last_used: throttled".to_owned()),
        ),
    ] {
        assert_eq!(key_verdict(id, inactive(key)), verdict);
    }
    assert_eq!(key_verdict(id, key("AKIA1", 900, Some(400))), Pass);
}

#[test]
fn a_key_counts_as_created_at_setup_where_user_and_key_were_created_together() {
    let id = "access-key-at-setup";
    let created_after = |after| {
        let user = password(user("ann", vec![key("AKIA1", 0, None)]), 1000, None);
        let create_date = user.create_date + jiff::SignedDuration::from_secs(after);
        let key = AccessKey { create_date: Some(create_date), ..key("AKIA1", 0, None) };
        User { access_keys: Some(vec![key]), ..user }
    };
    let found =
        fail("the key was created together with the user, who has a console password, and was never used");
    assert_eq!(user_verdict(id, created_after(0)), found);
    let with_last_use = |last_used| {
        let user = created_after(0);
        let key = AccessKey { last_used, ..user.access_keys.as_ref().unwrap()[0].clone() };
        User { access_keys: Some(vec![key]), ..user }
    };
    let used = LastUsed { date: days_ago(1), service: None, region: None };
    assert_eq!(
        user_verdict(id, with_last_use(Fact::live(Some(used)))),
        Pass,
        "a key that was used was created for a purpose"
    );
    assert_eq!(user_verdict(id, with_last_use(throttled())), Unknown("last_used: throttled".to_owned()));
    assert_eq!(user_verdict(id, created_after(24 * 60 * 60)), Pass);
    let unknown = User { console_password: throttled(), ..created_after(0) };
    assert_eq!(user_verdict(id, unknown), Unknown("console_password: throttled".to_owned()));
    assert_eq!(user_verdict(id, User { console_password: Fact::live(None), ..created_after(0) }), Pass);
}

#[test]
fn one_active_key_is_enough() {
    let id = "access-keys-several";
    let keys = || vec![key("AKIA1", 500, Some(400)), key("AKIA2", 10, Some(1))];
    assert_eq!(user_verdict(id, user("ann", keys())), fail("the user has 2 active access keys"));
    let one = vec![inactive(key("AKIA1", 500, Some(400))), key("AKIA2", 10, Some(1))];
    assert_eq!(user_verdict(id, user("ann", one)), Pass);
}

/// The remedies of a user's findings, by rule and key: the title and the commands of each step, without the guard.
fn remedies(user: User) -> BTreeMap<(&'static str, String), String> {
    let header = header();
    let report = report(&header, vec![account("111111111111", vec![user])], &Settings::default());
    let rule_and_key = |it: &Finding<'_>| {
        let id = it.subject.access_key_id.as_ref();
        (it.rule.id, id.map(|id| shortened(id.as_str())).unwrap_or_default())
    };
    report.findings.iter().map(|it| (rule_and_key(it), shortened(&outline(it)))).collect()
}

/// The title and the commands of each step of a remedy, without the guard.
fn outline(finding: &Finding<'_>) -> String {
    let steps = finding.remedy.steps.iter().map(|step| {
        let block = step.block();
        let commands =
            block.lines().filter_map(|line| line.strip_prefix("  ")).filter(|line| line.starts_with("aws "));
        [step.title()].into_iter().chain(commands.map(str::to_owned)).collect::<Vec<_>>().join("\n")
    });
    steps.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_remedy_for_one_key_leaves_the_other() {
    let remedy = |remedies: &BTreeMap<_, String>, rule, key: &str| remedies[&(rule, key.to_owned())].clone();
    // During a rotation the new key is kept, though it was not used yet.
    let found = remedies(user("ann", vec![key("OLD", 100, Some(0)), key("NEW", 10, None)]));
    insta::assert_snapshot!(remedy(&found, "access-keys-several", ""), @r"
    Check that all workloads use NEW.
    aws iam get-access-key-last-used --access-key-id OLD
    aws iam get-access-key-last-used --access-key-id NEW
    Once the workload uses NEW instead, deactivate OLD.
    aws iam update-access-key --user-name ann --access-key-id OLD --status Inactive
    ");
    insta::assert_snapshot!(remedy(&found, "access-key-age", "OLD"), @r"
    Check that the workload uses NEW and no longer OLD.
    aws iam get-access-key-last-used --access-key-id NEW
    aws iam get-access-key-last-used --access-key-id OLD
    Once the workload uses NEW instead, deactivate OLD.
    aws iam update-access-key --user-name ann --access-key-id OLD --status Inactive
    After 30 days, if nothing has failed without it, delete OLD. This cannot be undone.
    aws iam delete-access-key --user-name ann --access-key-id OLD
    ");
    // The idle key is deactivated, not the one in use.
    let found = remedies(user("ann", vec![key("USED", 300, Some(0)), key("IDLE", 200, None)]));
    insta::assert_snapshot!(remedy(&found, "access-keys-several", ""), @r"
    Deactivate IDLE, which is not in use.
    aws iam update-access-key --user-name ann --access-key-id IDLE --status Inactive
    ");
    insta::assert_snapshot!(remedy(&found, "access-key-age", "USED"), @r"
    IAM allows two access keys per user. Once IDLE is deleted, create the new key and give it to the workload. AWS shows its secret only now.
    aws iam create-access-key --user-name ann
    Once the workload uses the new key instead, deactivate USED.
    aws iam update-access-key --user-name ann --access-key-id USED --status Inactive
    After 30 days, if nothing has failed without it, delete USED. This cannot be undone.
    aws iam delete-access-key --user-name ann --access-key-id USED
    ");
    // An inactive key takes the place of a new one.
    let keys = vec![key("USED", 300, Some(0)), inactive(key("SPARE", 400, Some(350)))];
    let found = remedies(user("ann", keys));
    insta::assert_snapshot!(remedy(&found, "access-key-age", "USED"), @r"
    IAM allows two access keys per user. Check that the inactive SPARE is not needed.
    aws iam get-access-key-last-used --access-key-id SPARE
    To make room for a new key, delete SPARE. This cannot be undone.
    aws iam delete-access-key --user-name ann --access-key-id SPARE
    Create the new key and give it to the workload. AWS shows its secret only now.
    aws iam create-access-key --user-name ann
    Once the workload uses the new key instead, deactivate USED.
    aws iam update-access-key --user-name ann --access-key-id USED --status Inactive
    After 30 days, if nothing has failed without it, delete USED. This cannot be undone.
    aws iam delete-access-key --user-name ann --access-key-id USED
    ");
    // Where all keys are idle, none is kept.
    let found = remedies(user("ann", vec![key("A", 300, Some(60)), key("B", 200, None)]));
    insta::assert_snapshot!(remedy(&found, "access-keys-several", ""), @r"
    Deactivate A, which is not in use.
    aws iam update-access-key --user-name ann --access-key-id A --status Inactive
    Deactivate B, which is not in use.
    aws iam update-access-key --user-name ann --access-key-id B --status Inactive
    ");
}

#[test]
fn a_user_is_deleted_after_all_that_iam_requires_to_be_removed() {
    let policies = Policies {
        groups: vec!["dev".to_owned()],
        attached_policies: vec!["arn:aws:iam::aws:policy/ReadOnlyAccess".to_owned()],
        inline_policies: vec!["mine".to_owned()],
        ..Policies::default()
    };
    let delete_commands = |policies| {
        let ann = User { policies, ..mfa(user("ann", Vec::new())) };
        remedies(ann)[&("user-without-credentials", String::new())].clone()
    };
    insta::assert_snapshot!(delete_commands(Fact::live(policies)), @r"
    List the credentials that Rolecall does not read: SSH keys, service-specific credentials and signing certificates.
    aws iam list-ssh-public-keys --user-name ann
    aws iam list-service-specific-credentials --user-name ann
    aws iam list-signing-certificates --user-name ann
    If none of these is in use, delete the user with all that belongs to it. This cannot be undone.
    aws iam deactivate-mfa-device --user-name ann --serial-number arn:aws:iam::111111111111:mfa/x
    aws iam remove-user-from-group --user-name ann --group-name dev
    aws iam detach-user-policy --user-name ann --policy-arn arn:aws:iam::aws:policy/ReadOnlyAccess
    aws iam delete-user-policy --user-name ann --policy-name mine
    aws iam delete-user --user-name ann
    ");
    assert!(
        delete_commands(throttled())
            .contains("once its groups, policies and MFA devices are removed, delete the user")
    );
}

#[test]
fn a_password_is_looked_at_and_an_inline_policy_is_kept_before_it_is_deleted() {
    let policies = Policies {
        attached_policies: vec!["arn:aws:iam::aws:policy/ReadOnlyAccess".to_owned()],
        inline_policies: vec!["mine".to_owned()],
        ..Policies::default()
    };
    let found =
        remedies(User { policies: Fact::live(policies), ..password(user("ann", Vec::new()), 400, Some(1)) });
    insta::assert_snapshot!(found[&("policies-on-user", String::new())], @r"
    Put the user into a group that has the permissions. Replace GROUP_NAME by its name.
    aws iam add-user-to-group --user-name ann --group-name GROUP_NAME
    Once the group has the permissions, detach the managed policies from the user.
    aws iam detach-user-policy --user-name ann --policy-arn arn:aws:iam::aws:policy/ReadOnlyAccess
    Keep a copy of the inline policies.
    aws iam get-user-policy --user-name ann --policy-name mine
    Once the group has the permissions, delete the inline policies. This cannot be undone.
    aws iam delete-user-policy --user-name ann --policy-name mine
    ");
    insta::assert_snapshot!(found[&("console-without-mfa", String::new())], @r"
    Let the user register an MFA device in the console, under Security credentials. Then this lists it.
    aws iam list-mfa-devices --user-name ann
    ");
    let found = remedies(password(user("ann", Vec::new()), 400, Some(100)));
    insta::assert_snapshot!(found[&("password-unused", String::new())], @r"
    Check that the password was not used or set again since the report.
    aws iam get-user --user-name ann
    aws iam get-login-profile --user-name ann
    If nobody needs the password, delete it. This cannot be undone.
    aws iam delete-login-profile --user-name ann
    ");
    assert_eq!(
        found[&("password-unused", String::new())],
        found[&("console-without-mfa", String::new())],
        "a password that is not in use needs no MFA device"
    );
}

#[test]
fn an_unrecognized_status_passes_no_rule() {
    let new = || AccessKey { status: "Quarantined".to_owned().into(), ..key("AKIA1", 900, None) };
    let unknown =
        || Unknown("access_keys: this version does not recognize the status \"Quarantined\"".to_owned());
    for id in ["access-key-age", "access-key-never-used", "access-key-inactive", "access-keys-several"] {
        assert_eq!(key_verdict(id, new()), unknown(), "{id}");
    }
}

#[test]
fn a_roll_does_not_know_what_was_used_after_it_was_taken() {
    let header = Header { as_of: at(AS_OF) + 2400.hours(), ..header() };
    let keys = vec![key("AKIA1", 10, Some(1))];
    let roll = || account("111111111111", vec![user("ann", keys.clone())]).with_as_of(at(AS_OF));
    assert_eq!(verdict("access-key-unused", roll(), &header), Pass);
    assert_eq!(
        verdict("access-key-age", roll(), &header),
        fail("the key is 110 days old; the limit is 90 days")
    );
}

#[test]
fn keys_that_could_not_be_read_are_unknown_for_every_rule_about_them() {
    let unread = || {
        let user = User { access_keys: None, ..user("ann", Vec::new()) };
        AccountRecord::read(
            common::role_arn("111111111111"),
            vec![user],
            vec![gap(FactKind::AccessKeys, Some("ann"))],
            Vec::new(),
        )
    };
    for id in ["access-key-age", "access-key-unused", "access-keys-several", "user-without-credentials"] {
        assert_eq!(
            verdict(id, unread(), &header()),
            Unknown("access_keys: access denied".to_owned()),
            "{id}"
        );
    }
}

#[test]
fn keys_that_were_not_requested_are_not_denied() {
    let facts = [FactKind::Users, FactKind::ControlTotal].into();
    let header = Header { collect: FactSelection { facts, ..FactSelection::default() }, ..header() };
    let user = User { access_keys: None, ..user("ann", Vec::new()) };
    let roll = AccountRecord::read(
        common::role_arn("111111111111"),
        vec![user],
        vec![gap(FactKind::ControlTotal, None)],
        Vec::new(),
    );
    assert_eq!(verdict("access-key-age", roll, &header), NotRequested(FactKind::AccessKeys));
}

#[test]
fn a_password_needs_mfa() {
    let id = "console-without-mfa";
    let ann = || password(user("ann", Vec::new()), 10, Some(1));
    assert_eq!(user_verdict(id, ann()), fail("the user has a console password and no MFA device"));
    assert_eq!(user_verdict(id, mfa(ann())), Pass);
    assert_eq!(user_verdict(id, user("ann", Vec::new())), Pass);
    assert_eq!(
        user_verdict(id, User { mfa_devices: throttled(), ..ann() }),
        Unknown("mfa_devices: throttled".to_owned())
    );
    let unknown = User { console_password: throttled(), ..ann() };
    assert_eq!(user_verdict(id, unknown), Unknown("console_password: throttled".to_owned()));
    assert_eq!(
        user_verdict(id, User { mfa_devices: Fact::NotRequested, ..ann() }),
        NotRequested(FactKind::MfaDevices)
    );
}

#[test]
fn the_credential_report_gives_what_was_not_requested_live_and_is_named_as_source() {
    let generated = at("2028-03-01T09:00:00Z");
    let row = ReportRow {
        password_enabled: Some(true),
        password_last_used: None,
        password_last_changed: Some(days_ago(45)),
        mfa_active: false,
        access_keys: [(); 2].map(|()| ReportKey { active: false, last_rotated: None, last_used: None }),
    };
    let ann = User {
        console_password: Fact::NotRequested,
        mfa_devices: throttled(),
        report: Fact::Known { value: row, source: Source::CredentialReport(generated) },
        ..user("ann", Vec::new())
    };
    let header = header();
    let report = report(&header, vec![account("111111111111", vec![ann])], &Settings::default());
    let found: BTreeMap<_, _> = report.findings.iter().map(|it| (it.rule.id, it)).collect();
    assert_eq!(found.keys().copied().collect::<Vec<_>>(), ["console-without-mfa", "password-never-used"]);
    for evidence in &found["console-without-mfa"].evidence {
        assert_eq!(evidence.source, Source::CredentialReport(generated), "{evidence:?}");
    }
}

#[test]
fn passwords_count_from_their_last_use_or_else_from_when_they_were_set() {
    for (made, used, unused, never) in [
        (500, Some(44), Pass, Pass),
        (500, Some(45), fail("the password was last used 45 days ago; the limit is 45 days"), Pass),
        (500, Some(46), fail("the password was last used 46 days ago; the limit is 45 days"), Pass),
        (44, None, Pass, Pass),
        (45, None, Pass, fail("the password was set 45 days ago and was never used; the limit is 45 days")),
        (46, None, Pass, fail("the password was set 46 days ago and was never used; the limit is 45 days")),
    ] {
        let ann = || password(user("ann", Vec::new()), made, used);
        assert_eq!(user_verdict("password-unused", ann()), unused, "{made} {used:?}");
        assert_eq!(user_verdict("password-never-used", ann()), never, "{made} {used:?}");
    }
    for id in ["password-unused", "password-never-used"] {
        let last = (id == "password-unused").then(|| days_ago(45));
        let unknown =
            User { console_password: throttled(), password_last_used: last, ..user("ann", Vec::new()) };
        assert_eq!(user_verdict(id, unknown), Unknown("console_password: throttled".to_owned()));
        assert_eq!(user_verdict(id, user("ann", Vec::new())), Pass);
    }
    // IAM keeps the last use when a password is replaced.
    assert_eq!(
        user_verdict("password-unused", password(user("ann", Vec::new()), 5, Some(100))),
        fail("the password was last used 100 days ago; the limit is 45 days; it was set 5 days ago")
    );
}

#[test]
fn policies_belong_to_groups() {
    let id = "policies-on-user";
    let with = |policies| User { policies, ..user("ann", Vec::new()) };
    let in_group = Policies { groups: vec!["dev".to_owned()], ..Policies::default() };
    assert_eq!(user_verdict(id, with(Fact::live(in_group))), Pass);
    let inline = Policies { inline_policies: vec!["mine".to_owned()], ..Policies::default() };
    assert_eq!(
        user_verdict(id, with(Fact::live(inline))),
        fail("1 managed or inline policy is attached directly to the user")
    );
    assert_eq!(user_verdict(id, with(throttled())), Unknown("policies: throttled".to_owned()));
    assert_eq!(user_verdict(id, with(Fact::NotRequested)), NotRequested(FactKind::Policies));
}

#[test]
fn an_administrator_who_is_not_recognized_is_unknown() {
    let id = "administrator-access-key";
    let with = |policies| User { policies, ..user("ann", vec![key("AKIA1", 1, None)]) };
    let administrator = Policies {
        attached_policies: vec!["arn:aws:iam::aws:policy/AdministratorAccess".to_owned()],
        is_administrator: Some(true),
        ..Policies::default()
    };
    assert_eq!(
        user_verdict(id, with(Fact::live(administrator))),
        fail("the key belongs to a user with administrator access")
    );
    let grouped = Policies { groups: vec!["dev".to_owned()], ..Policies::default() };
    assert_eq!(
        user_verdict(id, with(Fact::live(grouped))),
        Unknown(
            "policies: whether the user's policies together give administrator access is not evaluated; only a policy that gives it alone is recognized, and another scan does not change this".to_owned()
        )
    );
    let limited = Policies {
        attached_policies: vec!["arn:aws:iam::aws:policy/AdministratorAccess".to_owned()],
        permissions_boundary: Some("arn:aws:iam::aws:policy/ReadOnlyAccess".to_owned()),
        is_administrator: Some(true),
        ..Policies::default()
    };
    assert_eq!(
        user_verdict(id, with(Fact::live(limited))),
        Unknown("policies: a permissions boundary limits the administrator policy; to which actions is not evaluated".to_owned())
    );
    assert_eq!(
        user_verdict(id, with(Fact::live(Policies::default()))),
        Pass,
        "no policy and no group allow nothing"
    );
    assert_eq!(user_verdict(id, with(throttled())), Unknown("policies: throttled".to_owned()));
}

#[test]
fn a_user_without_key_and_password_is_a_finding() {
    let id = "user-without-credentials";
    assert_eq!(
        user_verdict(id, user("ann", Vec::new())),
        fail("the user has neither an access key nor a password")
    );
    assert_eq!(key_verdict(id, inactive(key("AKIA1", 1, None))), Pass);
    assert_eq!(user_verdict(id, password(user("ann", Vec::new()), 1, None)), Pass);
    let unknown = User { console_password: throttled(), ..user("ann", Vec::new()) };
    assert_eq!(user_verdict(id, unknown), Unknown("console_password: throttled".to_owned()));
}

#[test]
fn root_has_no_keys_and_has_mfa_unless_it_has_no_password() {
    let root_verdict = |id, facts, managed: Option<Fact<bool>>| {
        let header = Header { organization: managed.map(organization), ..header() };
        verdict(id, account("111111111111", Vec::new()).with_facts(facts), &header)
    };
    let summary = |keys, mfa, password| Facts { summary: root(keys, mfa, password), ..Facts::default() };
    let (keys, no_mfa) =
        (fail("the root user has an access key"), || fail("the root user has no MFA device"));
    assert_eq!(root_verdict("root-access-key", summary(true, true, None), None), keys);
    assert_eq!(root_verdict("root-access-key", summary(false, false, None), None), Pass);
    assert_eq!(root_verdict("root-without-mfa", summary(false, false, None), None), no_mfa());
    assert_eq!(
        root_verdict("root-without-mfa", summary(false, false, Some(false)), None),
        Pass,
        "no password to guard"
    );
    assert_eq!(root_verdict("root-without-mfa", summary(false, true, Some(true)), None), Pass);
    // Central management of root credentials does not delete existing ones.
    let unreported = "root credentials are managed centrally, and AWS does not report whether this account still \
                      has a root password";
    for (managed, password, verdict) in [
        (Fact::live(true), Some(false), Pass),
        (Fact::live(true), Some(true), no_mfa()),
        (Fact::live(true), None, Unknown(format!("control_total: {unreported}"))),
        (Fact::live(false), None, no_mfa()),
        (throttled(), Some(true), no_mfa()),
    ] {
        assert_eq!(root_verdict("root-without-mfa", summary(false, false, password), Some(managed)), verdict);
    }
    // An access key of the root user is a finding, also where root credentials are managed centrally.
    assert_eq!(root_verdict("root-access-key", summary(true, true, None), Some(Fact::live(true))), keys);
    let facts = Facts {
        summary: throttled(),
        root: Fact::Known {
            value: Root { access_keys_active: [false, true], mfa_active: false, password_last_used: None },
            source: Source::CredentialReport(days_ago(0)),
        },
        ..Facts::default()
    };
    assert_eq!(
        root_verdict("root-access-key", facts.clone(), None),
        keys,
        "the credential report gives it where the account summary does not"
    );
    assert_eq!(root_verdict("root-without-mfa", facts.clone(), None), no_mfa());
    assert_eq!(
        root_verdict("root-without-mfa", facts, Some(Fact::live(true))),
        Unknown(format!("control_total: {unreported}")),
        "the credential report does not say whether there is a password"
    );
    for id in ["root-access-key", "root-without-mfa"] {
        let unknown = Facts { summary: throttled(), ..Facts::default() };
        assert_eq!(root_verdict(id, unknown, None), Unknown("control_total: throttled".to_owned()));
        assert_eq!(root_verdict(id, Facts::default(), None), NotRequested(FactKind::ControlTotal));
    }
}

#[test]
fn the_root_user_of_the_management_account_is_not_managed_centrally() {
    let header = Header { organization: Some(organization(Fact::live(true))), ..header() };
    let facts = Facts { summary: root(false, false, Some(true)), ..Facts::default() };
    let account = account("999999999999", Vec::new()).with_facts(facts);
    assert_eq!(verdict("root-without-mfa", account, &header), fail("the root user has no MFA device"));
}

#[test]
fn accounts_that_were_not_read_pass_no_rule() {
    let header = header();
    let failed = AccountRecord::failed(common::role_arn("111111111111"), gap(Stage::Session, None));
    let incomplete = AccountRecord::read(
        common::role_arn("333333333333"),
        Vec::new(),
        vec![gap(FactKind::Users, None)],
        Vec::new(),
    );
    let report = report(&header, vec![failed, incomplete], &Settings::default());
    for result in &report.assessment.rules {
        let accounts = if result.rule.applies_to_root() { 1 } else { 2 };
        assert_eq!((result.evaluated, result.accounts_not_read), (0, accounts), "{}", result.rule.id);
    }
}

/// An account with findings of many kinds.
fn shop() -> Vec<AccountRecord> {
    let tags =
        Policies { tags: [("Owner".to_owned(), "team-shop".to_owned())].into(), ..Policies::default() };
    let cart = User {
        policies: Fact::live(tags),
        ..user("cart", vec![key("AKIAOLD", 900, None), key("AKIANEW", 100, Some(1))])
    };
    vec![known(account("111111111111", vec![cart, user("idle", Vec::new())]), "shop", &[("cost", "42")])]
}

fn shop_report(header: &Header, settings: &Settings) -> Report {
    report(header, shop(), settings)
}

fn ids(findings: &[Finding<'_>]) -> Vec<String> {
    findings.iter().map(|finding| shortened(&finding.id)).collect()
}

#[test]
fn findings_have_stable_ids_and_the_most_urgent_comes_first() {
    let header = header();
    let report = shop_report(&header, &Settings::default());
    assert_eq!(
        ids(&report.findings),
        [
            "111111111111/access-key-age/AKIAOLD",
            "111111111111/access-key-never-used/AKIAOLD",
            "111111111111/access-key-age/AKIANEW",
            "111111111111/access-keys-several/AIDAcart",
            "111111111111/user-without-credentials/AIDAidle",
        ]
    );
    let first = &report.findings[0];
    let total: u32 = first.score.components.iter().map(|line| line.points).sum();
    assert_eq!(first.score.points, total, "the score is the sum of its components");
    assert_eq!(first.subject.access_key_id, Some(access_key_id("AKIAOLD")));
    assert_eq!(first.advice.as_ref().unwrap().action.to_string(), "deactivate");
    assert!(report.has_open_at_least(Severity::Medium) && !report.has_open_at_least(Severity::Critical));
}

fn exception(until: &str) -> Exception {
    Exception {
        owner: "j.ruiz".to_owned(),
        reason: "a vendor".to_owned(),
        until: until.parse().unwrap(),
        ..Exception::default()
    }
}

#[test]
fn an_exception_is_active_through_its_last_day_and_reported_when_expired() {
    let header = header();
    let with = |until| Settings {
        exceptions: vec![Exception { key: Some("AKIAO*".to_owned()), ..exception(until) }],
        ..Settings::default()
    };
    let report = shop_report(&header, &with("2028-03-01"));
    assert_eq!(
        ids(&report.suppressed),
        ["111111111111/access-key-age/AKIAOLD", "111111111111/access-key-never-used/AKIAOLD"]
    );
    let used = &report.assessment.exceptions[0];
    assert_eq!((used.matched, used.is_expired), (2, false));
    let report = shop_report(&header, &with("2028-02-29"));
    assert!(report.suppressed.is_empty());
    let expired = report.findings.iter().filter(|it| it.exception.as_ref().is_some_and(|it| it.is_expired));
    assert_eq!(expired.count(), 2, "open again, with the expired exception");
    assert!(report.assessment.exceptions[0].is_expired);
}

#[test]
fn an_active_exception_takes_precedence_over_an_expired_one_in_any_order() {
    let header = header();
    let (active, expired) = (exception("2028-12-31"), exception("2028-01-01"));
    for exceptions in [vec![active.clone(), expired.clone()], vec![expired, active]] {
        let report = shop_report(&header, &Settings { exceptions, ..Settings::default() });
        assert_eq!((report.findings.len(), report.suppressed.len()), (0, 5));
    }
}

#[test]
fn exceptions_match_by_account_user_key_rule_and_tag() {
    let header = header();
    let some = |text: &str| Some(text.to_owned());
    let tag = |key: &str, value: &str| Some((key.to_owned(), value.to_owned()));
    let base = || exception("2028-12-31");
    for (exception, matched) in [
        (Exception { account: some("111111111111"), ..base() }, 5),
        (Exception { account: some("sh?p"), ..base() }, 5),
        (Exception { account: some("bank"), ..base() }, 0),
        (Exception { user: some("cart"), ..base() }, 4),
        (Exception { user: some("c*"), rule: some("access-key-*"), ..base() }, 3),
        (Exception { key: some("*"), ..base() }, 3),
        (Exception { tag: tag("Owner", "team-*"), ..base() }, 4),
        (Exception { tag: tag("cost", "42"), ..base() }, 5),
        (Exception { tag: tag("cost", "43"), ..base() }, 0),
    ] {
        let text = format!("{exception:?}");
        let report = shop_report(&header, &Settings { exceptions: vec![exception], ..Settings::default() });
        assert_eq!(report.suppressed.len(), matched, "{text}");
        assert_eq!(
            report.assessment.exceptions[0].matched, matched,
            "an exception that matches nothing is reported: {text}"
        );
    }
}

#[test]
fn the_owner_is_from_the_first_source_that_names_one() {
    let header = header();
    let owner_of = |owners: &[&str]| {
        let owners = owners.iter().map(|text| text.parse::<OwnerSource>().unwrap()).collect();
        let report = shop_report(&header, &Settings { owners, ..Settings::default() });
        let of = |user: &str| {
            let finding = report.findings.iter().find(|it| it.subject.user_name.as_deref() == Some(user));
            finding.unwrap().owner.as_ref().map(|owner| format!("{} by {}", owner.name, owner.from))
        };
        (of("cart"), of("idle"))
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(owner_of(&[]), (None, None));
    assert_eq!(
        owner_of(&["user_tag:Owner", "account_email"]),
        (some("team-shop by user_tag:Owner"), some("shop@example.com by account_email"))
    );
    assert_eq!(
        owner_of(&["account_tag:cost"]),
        (some("42 by account_tag:cost"), some("42 by account_tag:cost"))
    );
}

#[test]
fn unknown_tags_do_not_count_as_no_tags() {
    let header = header();
    let accounts = || {
        let keys = vec![key("AKIA1", 500, Some(1))];
        let untagged = User { policies: Fact::NotRequested, ..user("ann", keys) };
        vec![known(account("111111111111", vec![untagged]), "shop", &[("cost", "42")])]
    };
    let tagged = |key: &str, value: &str| Exception {
        tag: Some((key.to_owned(), value.to_owned())),
        ..exception("2028-12-31")
    };
    let exceptions = vec![tagged("team", "search"), tagged("cost", "42")];
    let with = |exceptions| Settings { exceptions, ..only(rules::find("access-key-age").unwrap()) };
    let report_of = |settings: &Settings| report(&header, accounts(), settings);
    let report = report_of(&with(exceptions[..1].to_vec()));
    let finding = &report.findings[0];
    assert!(finding.can_be_suppressed && finding.is_open(), "open, since the tags are unknown");
    assert_eq!(
        (report.assessment.exceptions[0].matched, report.assessment.exceptions[0].undetermined),
        (0, 1)
    );
    let owner = finding.owner.as_ref().unwrap();
    assert_eq!((&*owner.from, owner.is_uncertain), ("account_email", true));
    assert_eq!(report.assessment.owners_uncertain, 1);
    // A tag of the account is known, also where the user's tags are not.
    assert_eq!(report_of(&with(exceptions)).suppressed.len(), 1);
}

#[test]
fn an_unused_key_is_deactivated_and_not_replaced() {
    let header = header();
    let first_step = |last: Option<i64>| {
        let user = user("ann", vec![key("AKIA1", 500, last)]);
        let settings = only(rules::find("access-key-age").unwrap());
        let report = report(&header, vec![account("111111111111", vec![user])], &settings);
        report.findings[0].remedy.steps[0].block()
    };
    assert!(first_step(Some(1)).contains("\n  aws iam create-access-key "), "a key in use is rotated");
    for idle in [first_step(None), first_step(Some(45))] {
        assert!(idle.contains("\n  aws iam update-access-key --user-name ann "), "{idle}");
        assert!(!idle.contains("create-access-key") && !idle.contains("delete-access-key"), "{idle}");
    }
}

#[test]
fn a_user_is_deleted_only_where_all_is_inactive_and_nothing_shows_a_use_within_a_year() {
    let header = header();
    let action = |user: User| {
        let report = report(&header, vec![account("111111111111", vec![user])], &Settings::default());
        report.findings[0].advice.clone().unwrap().action.to_string()
    };
    let last_used = |days| user("ann", vec![key("A", 500, Some(days))]);
    assert_eq!(
        [44, 45, 90, 400].map(|days| action(last_used(days))),
        ["rotate", "deactivate", "deactivate", "deactivate"]
    );
    let deactivated = |days| user("ann", vec![inactive(key("A", 500, Some(days)))]);
    assert_eq!(
        [90, 364, 365].map(|days| action(deactivated(days))),
        ["delete the key", "delete the key", "delete the user"]
    );
    let two = |other| user("ann", vec![inactive(key("A", 500, Some(400))), other]);
    assert_eq!(action(two(inactive(key("B", 500, None)))), "delete the user");
    assert_eq!(action(two(inactive(key("B", 20, None)))), "delete the key", "someone has created a key");
    assert_eq!(action(two(key("B", 500, None))), "deactivate");
    // The last use of a password stays after the password is deleted.
    let signed_in = User { password_last_used: Some(days_ago(300)), ..deactivated(400) };
    assert_eq!(action(signed_in), "delete the key");
    // The credential report may have a later use than the keys that were read.
    let row = ReportRow {
        password_enabled: Some(false),
        password_last_used: None,
        password_last_changed: None,
        mfa_active: false,
        access_keys: [300, 400].map(|days| ReportKey {
            active: false,
            last_rotated: None,
            last_used: Some(LastUsed { date: days_ago(days), service: None, region: None }),
        }),
    };
    assert_eq!(action(User { report: Fact::live(row), ..deactivated(400) }), "delete the key");
    for unknown in [
        User { console_password: throttled(), ..deactivated(400) },
        two(AccessKey { last_used: throttled(), ..inactive(key("B", 500, None)) }),
        two(AccessKey { status: "Quarantined".to_owned().into(), ..key("B", 50, Some(1)) }),
    ] {
        assert_eq!(action(unknown), "delete the key", "unknown is not unused");
    }
    assert_eq!(action(password(deactivated(400), 400, None)), "remove the password");
    assert_eq!(
        action(password(user("ann", vec![inactive(key("A", 500, Some(2)))]), 400, None)),
        "remove the password"
    );
    assert_eq!(action(user("ann", Vec::new())), "delete the user");
    assert_eq!(
        action(User { create_date: days_ago(89), ..user("ann", Vec::new()) }),
        "keep",
        "the user is new"
    );
    // A password that was set five days ago may be for a new person.
    let new_password = || password(user("ann", Vec::new()), 5, Some(100));
    assert_eq!(action(new_password()), "assign MFA");
    let with_old_policy = User {
        policies: Fact::live(Policies { attached_policies: vec!["p".to_owned()], ..Policies::default() }),
        ..mfa(new_password())
    };
    assert_eq!(action(with_old_policy), "keep");
    let keys = vec![inactive(key("A", 500, Some(90))), key("B", 10, Some(1))];
    assert_eq!(action(user("ann", keys)), "delete the key");
    let unread = User { access_keys: None, ..password(user("ann", Vec::new()), 400, None) };
    assert_eq!(action(unread), "remove the password", "also where the keys are unknown");
}

#[test]
fn settings_override_thresholds_severities_and_rules() {
    let header = header();
    let with =
        |rule_override| Settings { rules: [("access-key-age", rule_override)].into(), ..Settings::default() };
    let age = |settings: Settings| {
        let report = shop_report(&header, &settings);
        let findings = report.findings.iter().filter(|it| it.rule.id == "access-key-age");
        findings.map(|it| it.severity).collect::<Vec<_>>()
    };
    assert_eq!(age(Settings::default()).len(), 2);
    assert_eq!(age(with(RuleOverride { days: Some(100), ..RuleOverride::default() })).len(), 1);
    assert_eq!(age(with(RuleOverride { enabled: Some(false), ..RuleOverride::default() })).len(), 0);
    let critical = RuleOverride { severity: Some(Severity::Critical), ..RuleOverride::default() };
    assert_eq!(age(with(critical)), [Severity::Critical; 2]);
}

#[test]
fn a_benchmark_selects_its_rules() {
    let header = header();
    let several = |benchmark| {
        let settings = Settings { benchmark: Some(benchmark), ..Settings::default() };
        let report = shop_report(&header, &settings);
        assert!(report.findings.iter().all(|it| it.rule.clause_for(benchmark).is_some()));
        report.findings.iter().any(|it| it.rule.id == "access-keys-several")
    };
    assert!(several(Benchmark::Cis60));
    assert!(!several(Benchmark::Cis70), "7.0 has no such clause");
}

#[test]
fn every_finding_has_an_advice_also_those_of_the_root_user() {
    let with_organization = Header { organization: Some(organization(Fact::live(true))), ..header() };
    for (id, header, root, advice) in [
        ("111111111111", header(), root(true, true, None), &["delete the key"][..]),
        ("111111111111", header(), root(true, false, Some(true)), &["delete the key", "assign MFA"]),
        ("111111111111", header(), root(false, false, Some(true)), &["assign MFA"]),
        ("111111111111", with_organization.clone(), root(false, false, Some(true)), &["remove the password"]),
        ("999999999999", with_organization, root(false, false, Some(true)), &["assign MFA"]),
    ] {
        let facts = Facts { summary: root, ..Facts::default() };
        let accounts = vec![account(id, Vec::new()).with_facts(facts)];
        let report = report(&header, accounts, &Settings::default());
        let actions: Vec<&str> =
            report.findings.iter().map(|it| it.advice.as_ref().map_or("", |it| it.action.as_str())).collect();
        assert_eq!(actions, advice, "{id}");
    }
    let everybody = shop_report(&header(), &Settings::default());
    assert!(everybody.findings.iter().all(|finding| finding.advice.is_some()));
}

#[test]
fn of_two_findings_with_the_same_score_the_older_key_comes_first() {
    // Past five years, the age adds no more points; the ids are in the other order.
    let keys = [("AKIA1", 2000), ("AKIA2", 2500), ("AKIA3", 4000), ("AKIA4", 4001)];
    let users = keys.map(|(id, age)| user(&format!("user-{id}"), vec![key(id, age, Some(1))]));
    let settings = only(rules::find("access-key-age").unwrap());
    let report = report(&header(), vec![account("111111111111", users.to_vec())], &settings);
    let order: Vec<String> = report
        .findings
        .iter()
        .map(|finding| shortened(finding.subject.access_key_id.as_ref().unwrap().as_str()))
        .collect();
    assert_eq!(order, ["AKIA4", "AKIA3", "AKIA2", "AKIA1"]);
    let scores: Vec<u32> = report.findings.iter().map(|finding| finding.score.points).collect();
    assert!(scores.windows(2).all(|pair| pair[0] == pair[1]), "{scores:?}");
}

#[test]
fn advice_never_counts_unknown_as_unused() {
    let header = header();
    let advice = |user: User| {
        // With these thresholds every user has a finding.
        let at_once = RuleOverride { days: Some(0), ..RuleOverride::default() };
        let overrides = ["access-key-never-used", "password-never-used"].map(|id| (id, at_once));
        let idle = RuleOverride { days: Some(45), ..RuleOverride::default() };
        let rules = overrides.into_iter().chain([("access-key-unused", idle)]).collect();
        let user = User {
            policies: Fact::live(Policies { inline_policies: vec!["x".to_owned()], ..Policies::default() }),
            ..user
        };
        let report = report(
            &header,
            vec![account("111111111111", vec![user])],
            &Settings { rules, ..Settings::default() },
        );
        report.findings[0].advice.clone().unwrap().action.to_string()
    };
    let with = |keys| user("ann", keys);
    assert_eq!(advice(with(vec![key("AKIA1", 500, None)])), "deactivate");
    assert_eq!(advice(with(vec![key("AKIA1", 500, None), key("AKIA2", 50, Some(1))])), "deactivate");
    assert_eq!(advice(password(with(vec![key("AKIA1", 50, Some(1))]), 400, None)), "remove the password");
    assert_eq!(advice(with(vec![key("AKIA1", 500, Some(1))])), "rotate");
    let unknown = AccessKey { last_used: throttled(), ..key("AKIA1", 80, None) };
    assert_eq!(advice(with(vec![unknown])), "keep", "neither old nor known to be idle");
    let password_unknown = User { console_password: throttled(), ..with(vec![key("AKIA1", 500, None)]) };
    assert_eq!(
        advice(password_unknown),
        "deactivate",
        "an idle key is idle, also where the password is unknown"
    );
    let unknown = || AccessKey { last_used: throttled(), ..key("AKIA1", 91, None) };
    assert_eq!(
        advice(with(vec![unknown()])),
        "rotate",
        "an old key is rotated, also where its last use is unknown"
    );
    assert_eq!(advice(with(vec![unknown(), key("AKIA2", 50, None)])), "deactivate");
}

#[test]
fn a_last_use_after_the_time_of_the_run_counts_as_today() {
    let tomorrow = LastUsed { date: at(AS_OF) + 1.hour(), service: None, region: None };
    let key = AccessKey { last_used: Fact::live(Some(tomorrow)), ..key("AKIA1", 10, None) };
    assert_eq!(key_verdict("access-key-unused", key), Pass);
}
