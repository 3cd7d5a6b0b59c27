//! The root user has an access key.
//!
//! Source: CIS 1.4 (3.0), <https://docs.aws.amazon.com/IAM/latest/UserGuide/root-user-best-practices.html>

use rolecall_roll::Step;

use super::benchmark::clauses;
use super::rule::{Check, Rule};
use super::severity::Severity;
use crate::case::{Checked, Failed, OfAccount, told};
use crate::evidence::Evidence;

/// The rule.
pub const RULE: Rule = Rule {
    id: "root-access-key",
    version: 1,
    title: "The root user has an access key",
    why: "No policy limits what a root key may do, and it cannot be narrowed.",
    severity: Severity::Critical,
    days: None,
    needs: &[&[Step::ControlTotal, Step::CredentialReport]],
    benchmarks: &clauses("1.4", "1.3", "2.3", "2.4"),
    security_hub: &["IAM.4"],
    config_rule: Some("iam-root-access-key-check"),
    check: Check::Root(check),
};

fn check(of: &OfAccount<'_>) -> Checked {
    let (has_keys, source) = told(of.root_has_keys(), Step::ControlTotal)?;
    let account_id = of.roll.account_id();
    // Outside of a member account nobody but root can do it.
    let remedy = if of.organization.is_some() && !of.is_management() {
        format!(
            "aws sts assume-root --target-principal {account_id} --task-policy-arn \
             arn=arn:aws:iam::aws:policy/root-task/IAMDeleteRootUserCredentials\n\
             # with the credentials that it gives: aws iam list-access-keys, then\n\
             aws iam delete-access-key --access-key-id ID"
        )
    } else {
        format!(
            "# as the root user of {account_id}, for each key:\naws iam delete-access-key --access-key-id ID"
        )
    };
    Ok(has_keys.then(|| Failed {
        message: "the root user has an access key".to_owned(),
        evidence: vec![Evidence::of(Step::ControlTotal, "root has access keys", source)],
        remedy,
    }))
}
