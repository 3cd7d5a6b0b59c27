//! An active access key is older than allowed.
//!
//! Source: CIS 1.14 (3.0): access keys are rotated every 90 days or less

use super::benchmark::clauses;
use super::rule::{Check, Rule};
use super::severity::Severity;

use rolecall_roll::FactKind;

use super::outcome::{RuleOutcome, Violation};
use crate::evidence::Evidence;
use crate::facts::KeyView;
use crate::remedy::Remedy;

pub(crate) const RULE: Rule = Rule {
    id: "access-key-age",
    version: 1,
    title: "An active access key is older than allowed",
    why: "The older a key is, the more places hold a copy of it.",
    severity: Severity::Medium,
    days: Some(90),
    needs: &[&[FactKind::AccessKeys]],
    benchmarks: &clauses("1.14", "1.13", "2.13", "2.12"),
    security_hub: &["IAM.3"],
    config_rule: Some("access-keys-rotated"),
    check: Check::Key(check),
};

fn check(key: &KeyView<'_>, days: u32) -> RuleOutcome {
    if !key.is_active()? {
        return Ok(None);
    }
    let (created, age) = key.created()?;
    Ok((age > i64::from(days)).then(|| Violation {
        message: format!("the key is {age} days old; the limit is {days} days"),
        evidence: vec![Evidence::from_creation_date(created)],
        remedy: Remedy::RotateKey,
    }))
}
