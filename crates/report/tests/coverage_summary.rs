//! What a roll covers, in words.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

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

fn of_organization() -> Header {
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
    assert_eq!(summary(&coverage), "1 of 1 account complete, 2 denied: 1,234 users, keys not asked for");
}

#[test]
fn only_a_whole_roll_of_an_organisation_has_all_keys() {
    let header = of_organization();
    let whole = Coverage::from_accounts(&header, &accounts());
    assert_eq!(may_hold_other_keys(&header, &whole), None);
    let why = |coverage: Coverage| may_hold_other_keys(&header, &coverage).unwrap();
    assert!(why(Coverage { access_keys: None, ..whole.clone() }).contains("holds no access keys"));
    assert!(
        why(Coverage { narrowed_by: vec!["user alice".to_owned()], ..whole.clone() })
            .contains("covers only user alice")
    );
    assert!(why(Coverage { listed: None, ..whole.clone() }).contains("2 accounts that were named"));
    assert!(why(Coverage { listed: Some(3), ..whole.clone() }).contains("2 accounts of 3"));
    assert!(why(Coverage { is_complete: false, ..whole.clone() }).contains("does not cover everything"));
    let mut skipped = whole;
    skipped.skipped.insert("suspended".to_owned(), 1);
    assert!(why(skipped).contains("leaves out accounts"));
}
