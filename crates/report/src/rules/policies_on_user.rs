//! Policies are attached to a user, or are a user's own.
//!
//! Source: CIS 1.15 (3.0): permissions come through groups

use rolecall_roll::FactKind;

use super::benchmark::clauses;
use super::outcome::{RuleOutcome, Violation};
use super::rule::{Check, Rule};
use super::severity::Severity;
use crate::evidence::Evidence;
use crate::facts::{UserView, require};
use crate::remedy::Remedy;
use crate::remedy::aws_cli::{cli_option, user_name_option};

/// The rule.
pub(crate) const RULE: Rule = Rule {
    id: "policies-on-user",
    version: 1,
    title: "Policies are attached to a user",
    why: "What each user may do has to be looked up one by one, and is forgotten one by one.",
    severity: Severity::Low,
    days: None,
    needs: &[&[FactKind::Policies]],
    benchmarks: &clauses("1.15", "1.14", "2.14", "2.13"),
    security_hub: &["IAM.2"],
    config_rule: Some("iam-user-no-policies-check"),
    check: Check::User(check),
};

fn check(of: &UserView<'_>, _: u32) -> RuleOutcome {
    let (policies, source) = require(of.policies(), FactKind::Policies)?;
    let (attached, inline) = (&policies.attached_policies, &policies.inline_policies);
    if attached.is_empty() && inline.is_empty() {
        return Ok(None);
    }
    let names: Vec<&str> = attached.iter().chain(inline).map(String::as_str).collect();
    let user = user_name_option(of);
    let mut remedy = format!("aws iam add-user-to-group {user} --group-name GROUP");
    for arn in attached {
        remedy += &format!("\naws iam detach-user-policy {user} {}", cli_option("--policy-arn", arn));
    }
    for name in inline {
        remedy += &format!("\naws iam delete-user-policy {user} {}", cli_option("--policy-name", name));
    }
    Ok(Some(Violation {
        message: match names.len() {
            1 => "a policy is the user's own and no group's".to_owned(),
            several => format!("{several} policies are the user's own and no group's"),
        },
        evidence: vec![Evidence::of(FactKind::Policies, names.join(", "), source)],
        remedy: Remedy::Commands(remedy),
    }))
}
