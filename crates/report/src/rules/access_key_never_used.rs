//! An active access key has no recorded use, and is not new.
//!
//! The rule counts from the creation date: a key that was created yesterday gives no finding.
//!
//! Source: CIS 1.12 (3.0)

use rolecall_roll::FactKind;

use super::benchmark::clauses;
use super::outcome::{RuleOutcome, Violation};
use super::rule::{Check, Rule};
use super::severity::Severity;
use crate::evidence::Evidence;
use crate::facts::KeyView;
use crate::last_use::NoLastUse;
use crate::remedy::Remedy;

pub(crate) const RULE: Rule = Rule {
    id: "access-key-never-used",
    version: 1,
    title: "An active access key has no recorded use",
    why: "The key can leak, and as far as AWS recorded, nothing depends on it.",
    severity: Severity::Medium,
    days: Some(45),
    needs: &[&[FactKind::AccessKeys], &[FactKind::LastUsed]],
    benchmarks: &clauses("1.12", "1.11", "2.11", "2.11"),
    security_hub: &["IAM.22"],
    config_rule: Some("iam-user-unused-credentials-check"),
    check: Check::Key(check),
};

fn check(key: &KeyView<'_>, days: u32) -> RuleOutcome {
    if !key.is_active()? || key.is_newer_than(days) {
        return Ok(None);
    }
    let (None, source) = key.last_used()? else { return Ok(None) };
    let (created, _) = key.created()?;
    let age = key.user.days_idle(created);
    let no_use = NoLastUse::of_access_key(Some(created));
    Ok((age >= i64::from(days)).then(|| Violation {
        message: format!("the key is {age} days old and was {no_use}; the limit is {days} days"),
        evidence: vec![
            Evidence::from_creation_date(created),
            Evidence::new(FactKind::LastUsed, no_use.to_string(), source),
        ],
        remedy: Remedy::DeactivateKey,
    }))
}
