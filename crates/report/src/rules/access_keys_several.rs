//! A user has more than one active access key.
//!
//! Source: CIS 1.13 (3.0)

use rolecall_roll::FactKind;

use super::benchmark::clauses_to_6;
use super::outcome::{RuleOutcome, Violation};
use super::rule::{Check, Rule};
use super::severity::Severity;
use crate::evidence::Evidence;
use crate::facts::UserView;
use crate::remedy::Remedy;

/// The rule.
pub(crate) const RULE: Rule = Rule {
    id: "access-keys-several",
    version: 1,
    title: "A user has more than one active access key",
    why: "The second one is for the days of a rotation; after them it is one more to lose.",
    severity: Severity::Medium,
    days: None,
    needs: &[&[FactKind::AccessKeys]],
    benchmarks: &clauses_to_6("1.13", "1.12", "2.12"),
    security_hub: &[],
    config_rule: None,
    check: Check::User(check),
};

fn check(of: &UserView<'_>, _: u32) -> RuleOutcome {
    let (active, source) = of.active_keys()?;
    if active.len() < 2 {
        return Ok(None);
    }
    let ids: Vec<&str> = active.iter().map(|key| key.access_key_id.as_str()).collect();
    Ok(Some(Violation {
        message: format!("{} keys are active", active.len()),
        evidence: vec![Evidence::of(FactKind::AccessKeys, format!("active: {}", ids.join(", ")), source)],
        remedy: Remedy::KeepOne,
    }))
}
