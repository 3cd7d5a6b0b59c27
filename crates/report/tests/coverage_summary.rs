//! The coverage summary of a roll.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that cannot continue fails"
)]

mod common;

use common::{account, gap, header, key, organization, rendered, role_arn, roll_file_of, root, user};
use rolecall_report::coverage_summary::{CoverageSummary, may_hold_other_keys, summary};
use rolecall_report::report::FindingLimit;
use rolecall_report::settings::RuleOverride;
use rolecall_report::{CATALOG, Report, Settings};
use rolecall_roll::{
    AcceptedGap, AccessKey, AccountRecord, Coverage, Fact, FactKind, FactSelection, Facts, Gap, Header,
    NeutralTerms, RollFile, Stage, TargetScope, User, UserSource,
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
    coverage.users = Some(1_234);
    coverage.denied.insert("AccessDenied".to_owned(), 2);
    assert_eq!(
        summary(&coverage),
        "1 of 1 account complete, 2 denied: 1,234 users, access keys not requested"
    );
    coverage.users_at_least = true;
    coverage.narrowed_by = vec!["user alice".to_owned()];
    assert!(
        summary(&coverage)
            .ends_with(": at least 1,234 users, access keys not requested, counting only user alice"),
        "{}",
        summary(&coverage)
    );
    let denied = [AccountRecord::failed(role_arn("111111111111"), gap(Stage::Session, None))];
    assert_eq!(
        summary(&Coverage::from_accounts(&header(), &denied)),
        "0 of 1 account complete, 1 denied: users and access keys unknown: no account was read"
    );
}

#[test]
fn a_wrong_clock_is_a_limit_in_every_format_for_people() {
    let mut roll = roll_file_of(&header(), &accounts());
    let summary = |roll: &RollFile| {
        let coverage = Coverage::from_accounts(&roll.header, &accounts());
        CoverageSummary::new(roll, &coverage, None, &NeutralTerms)
    };
    assert!(!summary(&roll).is_limited);
    let words = "clock: that of the scanning machine was 30 hours behind that of AWS, so the time of the roll and all \
                 ages are wrong";
    for (format, text) in rendered(&roll, &Settings::default()) {
        assert!(!text.contains("clock"), "{format}");
    }
    roll.statistics.as_mut().unwrap().clock_ahead_s = Some(-30 * 60 * 60);
    assert!(summary(&roll).is_limited);
    for (format, text) in rendered(&roll, &Settings::default()) {
        // These two are for programs: the first has the number in its statistics.
        assert!(format == "json" || format == "roll-csv" || text.contains(words), "{format}: {text}");
    }
}

/// What says that there is nothing. The word before must not be part of a larger number.
fn zeros(text: &str) -> Vec<&str> {
    let zeros = [
        "0 users",
        "0 keys",
        "0 access keys",
        "0 findings",
        "0 critical",
        "0 high",
        "No findings\"",
        "class=\"count\">0<",
    ];
    zeros
        .into_iter()
        .filter(|zero| {
            text.match_indices(zero)
                .any(|(at, _)| !text[..at].ends_with(|c: char| c.is_ascii_digit() || c == ','))
        })
        .collect()
}

#[test]
fn where_nothing_was_read_no_format_says_zero() {
    let denied = || vec![AccountRecord::failed(role_arn("111111111111"), gap(Stage::Session, None))];
    let accepted = AcceptedGap {
        account_id: "111111111111".parse().unwrap(),
        owner: "j.ruiz".to_owned(),
        reason: "legal hold".to_owned(),
        until: "2028-12-31".parse().unwrap(),
    };
    let target = vec![role_arn("111111111111").into()];
    let pending = Header { targets: target, ..header() };
    let with_gap = Header { accepted_gaps: vec![accepted], ..header() };
    for (header, accounts) in [(header(), denied()), (with_gap, denied()), (pending, Vec::new())] {
        let roll = roll_file_of(&header, &accounts);
        let is_accepted = !header.accepted_gaps.is_empty();
        for (format, text) in rendered(&roll, &Settings::default()) {
            assert_eq!(zeros(&text), [""; 0], "{format}: {text}");
            let words: &[&str] = match format {
                "json" => &[
                    "\"users\": null",
                    "\"access_keys\": null",
                    "\"critical\": null",
                    "\"distributions\": null",
                ],
                "roll-csv" => &["users and keys unknown: no account was read"],
                "csv" => &[
                    "– findings: no rule was evaluated: no account was read",
                    "not_evaluated,",
                    "rules: 0 of 14 evaluated",
                ],
                "markdown" => &["No rule was evaluated.", "| – | findings |", "rules: 0 of 14 evaluated"],
                "html" => &[
                    "<span class=\"count\">–</span><span>critical</span><span class=\"small\">not evaluated</span>",
                    "are unknown: no account was read",
                    "No rule was evaluated",
                ],
                _ => &["not evaluated", "no account was read"],
            };
            for words in words {
                assert!(text.contains(words), "{format} does not contain {words}: {text}");
            }
            if is_accepted && format != "json" {
                assert!(text.contains("accepted gaps: 1 account (111111111111)"), "{format}: {text}");
                assert!(!text.contains("verdict complete"), "no green where the only account was not read");
            }
        }
    }
}

#[test]
fn numbers_are_lower_bounds_where_something_was_not_read() {
    let accounts = || {
        vec![
            account("111111111111", vec![user("ann", vec![key("AKIA1", 500, None)])]),
            AccountRecord::failed(role_arn("333333333333"), gap(Stage::Session, None)),
        ]
    };
    let roll = roll_file_of(&header(), &accounts());
    let all = rendered(&roll, &Settings::default());
    for (format, words) in [
        ("csv", "1 complete: 1 user, 1 key"),
        ("roll-csv", "1 complete: 1 user, 1 key"),
        ("markdown", "| at least 2 | findings | 2 medium"),
        (
            "html",
            "<span class=\"count\">at least 2</span><span>medium</span><span class=\"small\">not all evaluated</span>",
        ),
        ("html", "in 1 of 2 accounts"),
        ("ocsf", "1 complete: 1 user, 1 key"),
        ("json", "\"users_at_least\": true"),
        ("json", "\"open_at_least\": ["),
    ] {
        assert!(all[format].contains(words), "{format} does not contain {words}: {}", all[format]);
    }
    let whole = rendered(&roll_file_of(&header(), &accounts()[..1]), &Settings::default());
    assert!(whole["roll-csv"].contains("complete: 1 user, 1 key"), "{}", whole["roll-csv"]);
}

#[test]
fn every_format_says_that_a_roll_is_narrowed() {
    let user_name = FactSelection { user_name: Some("nobody".to_owned()), ..FactSelection::default() };
    let path = FactSelection { path_prefix: Some("/ci/".to_owned()), ..FactSelection::default() };
    let units = TargetScope { units: ["Workloads/Prod".to_owned()].into(), ..TargetScope::default() };
    let source = FactSelection { user_source: UserSource::CredentialReport, ..FactSelection::default() };
    for (header, limit, none) in [
        (Header { collect: user_name, ..header() }, "user nobody", "no user nobody"),
        (Header { collect: path, ..header() }, "users under path /ci/", "no users under path /ci/"),
        (
            Header { scope: units, ..header() },
            "accounts selected by filters (units Workloads/Prod)",
            "no users",
        ),
        (
            Header { collect: source, ..header() },
            "keys of users who have keys in the credential report, and of newer users",
            "no users",
        ),
    ] {
        let roll = roll_file_of(&header, &[account("111111111111", Vec::new())]);
        for (format, text) in rendered(&roll, &Settings::default()) {
            let words = match format {
                "json" => limit.to_owned(),
                _ => format!("narrowed: this roll covers only {limit}"),
            };
            assert!(text.contains(&words), "{format} does not contain {words}: {text}");
            assert!(!text.contains("verdict complete"), "{format}");
            if format == "roll-csv" {
                assert!(text.contains(&format!("{none},\r\n")), "{text}");
                let is_of_users = limit.starts_with("user");
                assert_eq!(text.contains(&format!("counting only {limit}")), is_of_users, "{text}");
            }
        }
    }
}

#[test]
fn programs_read_the_coverage_of_csv_as_json() {
    let reason = "a, b; c | d: \"e\"";
    let denied = AccountRecord::failed(
        role_arn("333333333333"),
        Gap { operation: Some(reason.to_owned()), ..gap(Stage::Session, None) },
    );
    let roll = roll_file_of(&header(), &[account("111111111111", Vec::new()), denied]);
    for format in ["csv", "roll-csv"] {
        let text = &rendered(&roll, &Settings::default())[format];
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let headers = reader.headers().unwrap().clone();
        let column = headers.iter().position(|name| name == "coverage").unwrap();
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        let (last, others) = rows.split_last().unwrap();
        assert_eq!(&last[0], "coverage");
        assert!(others.iter().all(|row| row[column].is_empty()));
        let coverage: serde_json::Value = serde_json::from_str(&last[column]).unwrap();
        assert_eq!(coverage, serde_json::to_value(roll.coverage().unwrap()).unwrap(), "{format}");
        assert!(
            coverage["denied"].as_object().unwrap().keys().any(|it| it.starts_with(reason)),
            "{coverage}"
        );
    }
}

#[test]
fn only_a_complete_roll_of_an_organization_has_all_keys() {
    let header = organization_header();
    let complete = Coverage::from_accounts(&header, &accounts());
    assert_eq!(may_hold_other_keys(&header, &complete), None);
    let organization_gaps = vec!["management of root credentials unknown: access denied".to_owned()];
    let with_gap = Coverage { is_complete: false, organization_gaps, ..complete.clone() };
    assert_eq!(may_hold_other_keys(&header, &with_gap), None, "the gap hides no key");
    assert!(summary(&with_gap).contains("2 of 2 accounts complete, 1 gap of the organization: "));
    let reason = |coverage: Coverage| may_hold_other_keys(&header, &coverage).unwrap();
    let without_keys = FactSelection { facts: [FactKind::Users].into(), ..FactSelection::default() };
    let without_keys = Header { collect: without_keys, ..header.clone() };
    assert!(may_hold_other_keys(&without_keys, &complete).unwrap().contains("contains no access keys"));
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
    let denied = Coverage { is_complete: false, complete: complete.complete - 1, ..complete.clone() };
    assert!(reason(denied).contains("is not complete: "));
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
            "0 or more findings none was found by the 2 rules that were evaluated, no rule was evaluated for critical, high, low and informational findings; some rules were not evaluated for medium findings",
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
            "– findings no rule was evaluated",
            "1 rule not evaluated: it needs control_total; use collect = recommended"
        ]
    );
    assert_eq!(finding_rows(&facts, &only(&[])), ["– findings no rule is enabled"]);
    // With findings, the rules that were not evaluated have a row of their own.
    let mut strict = only(&["access-key-age", "root-access-key"]);
    strict.rules.insert("access-key-age", RuleOverride { days: Some(0), ..RuleOverride::default() });
    assert_eq!(
        finding_rows(&facts, &strict),
        [
            "at least 1 finding 1 medium, by 1 of 2 rules, no rule was evaluated for critical findings",
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
            "– findings no rule was evaluated",
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
            "at least 1 finding 1 critical, by 2 of 14 rules, no rule was evaluated for high, medium, low and informational findings",
            "10 rules not evaluated: they need last_used, console_password, policies; use collect = recommended",
            "2 rules not evaluated: what they need could not be read"
        ]
    );
}
