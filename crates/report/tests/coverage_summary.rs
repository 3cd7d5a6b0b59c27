//! The coverage summary of a roll.
#![allow(clippy::unwrap_used, reason = "a test that cannot continue fails")]

mod common;

use common::{account, gap, header, key, organization, role_arn, roll_file_of, root, user};
use rolecall_report::coverage_summary::{CoverageSummary, may_hold_other_keys, summary};
use rolecall_report::report::FindingLimit;
use rolecall_report::settings::RuleOverride;
use rolecall_report::{CATALOG, Report, Settings};
use rolecall_roll::{
    AccessKey, AccountRecord, Coverage, Fact, FactKind, FactSelection, Facts, Header, NeutralTerms, User,
};

fn accounts() -> Vec<AccountRecord> {
    let key = || key("AKIAIOSFODNN7EXAMPLE", 1, None);
    vec![
        account("111111111111", vec![user("alice", vec![key(), key()])]),
        account("333333333333", Vec::new()),
    ]
}

fn organization_header() -> Header {
    Header { organization: Some(organization(Fact::NotRequested)), ..header() }
}

#[test]
fn a_summary_counts_and_knows_singular_and_plural() {
    let coverage = Coverage::from_accounts(&header(), &accounts());
    assert_eq!(summary(&coverage), "2 of 2 accounts complete: 1 user, 2 access keys");
    let mut coverage = Coverage::from_accounts(&header(), &accounts()[..1]);
    coverage.access_keys = None;
    coverage.users = 1_234;
    coverage.denied.insert("AccessDenied".to_owned(), 2);
    assert_eq!(
        summary(&coverage),
        "1 of 1 account complete, 2 denied: 1,234 users, access keys not requested"
    );
}

#[test]
fn only_a_complete_roll_of_an_organization_has_all_keys() {
    let header = organization_header();
    let complete = Coverage::from_accounts(&header, &accounts());
    assert_eq!(may_hold_other_keys(&header, &complete), None);
    let reason = |coverage: Coverage| may_hold_other_keys(&header, &coverage).unwrap();
    assert!(reason(Coverage { access_keys: None, ..complete.clone() }).contains("contains no access keys"));
    assert!(
        reason(Coverage { narrowed_by: vec!["user alice".to_owned()], ..complete.clone() })
            .contains("covers only user alice")
    );
    assert!(
        reason(Coverage { listed: None, ..complete.clone() })
            .contains("covers only 2 listed accounts, not an organization")
    );
    assert!(
        reason(Coverage { listed: Some(3), ..complete.clone() })
            .contains("covers only 2 accounts of the 3 in the organization")
    );
    assert!(reason(Coverage { is_complete: false, ..complete.clone() }).contains("is not complete: "));
    let mut skipped = complete;
    skipped.skipped.insert("suspended".to_owned(), 1);
    assert!(reason(skipped).contains("does not cover skipped accounts"));
}

/// The row with the number of findings, and the row of the rules that were not evaluated.
fn finding_rows(facts: &[FactKind], settings: &Settings) -> Vec<String> {
    let facts = facts.iter().copied().collect();
    let header = Header { collect: FactSelection { facts, ..FactSelection::default() }, ..header() };
    let new_key = AccessKey { last_used: Fact::NotRequested, ..key("AKIAIOSFODNN7EXAMPLE", 1, None) };
    let alice = User {
        console_password: Fact::NotRequested,
        mfa_devices: Fact::NotRequested,
        policies: Fact::NotRequested,
        ..user("alice", vec![new_key])
    };
    summary_rows(&header, account("111111111111", vec![alice]), settings)
}

fn summary_rows(header: &Header, account: AccountRecord, settings: &Settings) -> Vec<String> {
    let roll = roll_file_of(header, &[account]);
    let report = Report::from_file(&roll, settings, FindingLimit::All).unwrap();
    let summary = CoverageSummary::new(&roll, &report.coverage, Some(&report), &NeutralTerms);
    let rows =
        summary.rows.iter().filter(|row| row.label.starts_with("finding") || row.label.starts_with("rule"));
    rows.map(|row| format!("{} {} {}", row.count, row.label, row.details.join(", "))).collect()
}

#[test]
fn no_findings_are_reported_only_for_the_rules_that_were_evaluated() {
    let facts = [FactKind::Users, FactKind::AccessKeys];
    assert_eq!(
        finding_rows(&facts, &Settings::default()),
        [
            "0 findings by the 2 rules that were evaluated",
            "12 rules not evaluated: they need last_used, control_total, console_password, policies; \
             use collect = recommended"
        ]
    );
    let only = |ids: &[&str]| {
        let disabled = RuleOverride { enabled: Some(false), ..RuleOverride::default() };
        let rules = CATALOG.iter().filter(|rule| !ids.contains(&rule.id)).map(|rule| (rule.id, disabled));
        Settings { rules: rules.collect(), ..Settings::default() }
    };
    assert_eq!(finding_rows(&facts, &only(&["access-key-age"])), ["0 findings by 1 rule"]);
    assert_eq!(
        finding_rows(&facts, &only(&["root-access-key"])),
        [
            "0 findings no rule was evaluated",
            "1 rule not evaluated: it needs control_total; use collect = recommended"
        ]
    );
    assert_eq!(finding_rows(&facts, &only(&[])), ["0 findings no rule is enabled"]);
    // With findings, the rules that were not evaluated have a row of their own.
    let mut strict = only(&["access-key-age", "root-access-key"]);
    strict.rules.insert("access-key-age", RuleOverride { days: Some(0), ..RuleOverride::default() });
    assert_eq!(
        finding_rows(&facts, &strict),
        [
            "1 finding 1 medium, by 1 of 2 rules",
            "1 rule not evaluated: it needs control_total; use collect = recommended"
        ]
    );
}

#[test]
fn rules_for_which_nothing_was_read_do_not_count_as_evaluated() {
    let unlisted = || {
        let gaps = vec![gap(FactKind::Users, None)];
        AccountRecord::read(role_arn("111111111111"), Vec::new(), gaps, Vec::new())
    };
    assert_eq!(
        summary_rows(&header(), unlisted(), &Settings::default()),
        [
            "0 findings no rule was evaluated",
            "12 rules not evaluated: they need last_used, control_total, console_password, policies; \
             use collect = recommended",
            "2 rules not evaluated: what they need could not be read"
        ]
    );
    let root = Facts { summary: root(true, true, Some(true)), ..Facts::default() };
    let mut with_root = header();
    with_root.collect.facts.insert(FactKind::ControlTotal);
    assert_eq!(
        summary_rows(&with_root, unlisted().with_facts(root), &Settings::default()),
        [
            "1 finding 1 critical, by 2 of 14 rules",
            "10 rules not evaluated: they need last_used, console_password, policies; use collect = recommended",
            "2 rules not evaluated: what they need could not be read"
        ]
    );
}
