//! The coverage summary of a roll.
#![allow(clippy::unwrap_used, reason = "a test that cannot continue fails")]

mod common;

use common::{account, header, key, organization, user};
use rolecall_report::coverage_summary::{may_hold_other_keys, summary};
use rolecall_roll::{AccountRecord, Coverage, Fact, Header};

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
        reason(Coverage { narrowed_by: vec!["of alice".to_owned()], ..complete.clone() })
            .contains("is limited: of alice")
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
