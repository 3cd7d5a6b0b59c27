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

pub(crate) const RULE: Rule = Rule {
    id: "access-keys-several",
    version: 1,
    title: "A user has more than one active access key",
    why: "A user needs a second key only during rotation; after that it is one more key that can leak.",
    severity: Severity::Medium,
    days: None,
    needs: &[&[FactKind::AccessKeys]],
    benchmarks: &clauses_to_6("1.13", "1.12", "2.12"),
    security_hub: &[],
    config_rule: None,
    check: Check::User(check),
};

fn check(user: &UserView<'_>, _: u32) -> RuleOutcome {
    let (active, source) = user.active_keys()?;
    if active.len() < 2 {
        return Ok(None);
    }
    let ids: Vec<&str> = active.iter().map(|key| key.access_key_id.as_str()).collect();
    Ok(Some(Violation {
        message: format!("the user has {} active access keys", active.len()),
        evidence: vec![Evidence::new(FactKind::AccessKeys, format!("active: {}", ids.join(", ")), source)],
        remedy: Remedy::KeepOneKey,
    }))
}
