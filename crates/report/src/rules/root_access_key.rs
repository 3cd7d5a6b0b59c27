//! The root user has an access key.
//!
//! Source: CIS 1.4 (3.0), <https://docs.aws.amazon.com/IAM/latest/UserGuide/root-user-best-practices.html>

use rolecall_roll::FactKind;

use super::benchmark::clauses;
use super::outcome::{RuleOutcome, Violation};
use super::rule::{Check, Rule};
use super::severity::Severity;
use crate::evidence::Evidence;
use crate::facts::AccountView;
use crate::remedy::Remedy;

pub(crate) const RULE: Rule = Rule {
    id: "root-access-key",
    version: 1,
    title: "The root user has an access key",
    why: "The key gives full access to the account, and no IAM policy can limit it.",
    severity: Severity::Critical,
    days: None,
    needs: &[&[FactKind::ControlTotal, FactKind::CredentialReport]],
    benchmarks: &clauses("1.4", "1.3", "2.3", "2.4"),
    security_hub: &["IAM.4"],
    config_rule: Some("iam-root-access-key-check"),
    check: Check::Root(check),
};

fn check(account: &AccountView<'_>) -> RuleOutcome {
    let (has_keys, source) = account.root_has_keys()?;
    Ok(has_keys.then(|| Violation {
        message: "the root user has an access key".to_owned(),
        evidence: vec![Evidence::new(FactKind::ControlTotal, "the root user has access keys", source)],
        remedy: Remedy::DeleteRootKeys,
    }))
}
