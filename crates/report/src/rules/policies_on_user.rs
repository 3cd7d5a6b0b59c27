//! Policies are attached to a user directly, or embedded in the user as inline policies.
//!
//! Source: CIS 1.15 (3.0): users receive permissions only through groups

use rolecall_roll::FactKind;

use super::benchmark::clauses;
use super::outcome::{RuleOutcome, Violation};
use super::rule::{Check, Rule};
use super::severity::Severity;
use crate::evidence::Evidence;
use crate::facts::{UserView, require};
use crate::remedy::Remedy;

pub(crate) const RULE: Rule = Rule {
    id: "policies-on-user",
    version: 1,
    title: "Policies are attached directly to a user",
    why: "Permissions of single users are hard to review and easy to forget; groups keep them in one place.",
    severity: Severity::Low,
    days: None,
    needs: &[&[FactKind::Policies]],
    benchmarks: &clauses("1.15", "1.14", "2.14", "2.13"),
    security_hub: &["IAM.2"],
    config_rule: Some("iam-user-no-policies-check"),
    check: Check::User(check),
};

fn check(user: &UserView<'_>, _: u32) -> RuleOutcome {
    let (policies, source) = require(user.policies(), FactKind::Policies)?;
    let (attached, inline) = (&policies.attached_policies, &policies.inline_policies);
    if attached.is_empty() && inline.is_empty() {
        return Ok(None);
    }
    let names: Vec<&str> = attached.iter().chain(inline).map(String::as_str).collect();
    Ok(Some(Violation {
        message: match names.len() {
            1 => "1 managed or inline policy is attached directly to the user".to_owned(),
            several => format!("{several} managed or inline policies are attached directly to the user"),
        },
        evidence: vec![Evidence::new(FactKind::Policies, names.join(", "), source)],
        remedy: Remedy::MovePoliciesToGroup,
    }))
}
