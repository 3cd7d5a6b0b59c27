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
use crate::remedy::aws_cli::assume_root;

/// The rule.
pub(crate) const RULE: Rule = Rule {
    id: "root-access-key",
    version: 1,
    title: "The root user has an access key",
    why: "No policy limits what a root key may do, and it cannot be narrowed.",
    severity: Severity::Critical,
    days: None,
    needs: &[&[FactKind::ControlTotal, FactKind::CredentialReport]],
    benchmarks: &clauses("1.4", "1.3", "2.3", "2.4"),
    security_hub: &["IAM.4"],
    config_rule: Some("iam-root-access-key-check"),
    check: Check::Root(check),
};

fn check(of: &AccountView<'_>) -> RuleOutcome {
    let (has_keys, source) = of.root_has_keys()?;
    let delete = "aws iam delete-access-key --access-key-id ID";
    // Outside of a member account nobody but root can do it.
    let remedy = match assume_root(of) {
        Some(assume_root) => format!("{assume_root}\naws iam list-access-keys\n{delete}"),
        None => format!("# as the root user of {}, for each key:\n{delete}", of.roll.account_id()),
    };
    Ok(has_keys.then(|| Violation {
        message: "the root user has an access key".to_owned(),
        evidence: vec![Evidence::of(FactKind::ControlTotal, "root has access keys", source)],
        remedy: Remedy::Commands(remedy),
    }))
}
