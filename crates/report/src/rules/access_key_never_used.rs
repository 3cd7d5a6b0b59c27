//! An active access key was never used, and is not new.
//!
//! Judged by its creation date: a key that was made yesterday is no finding.
//!
//! Source: CIS 1.12 (3.0)

use rolecall_roll::FactKind;

use super::benchmark::clauses;
use super::outcome::{RuleOutcome, Violation};
use super::rule::{Check, Rule};
use super::severity::Severity;
use crate::evidence::Evidence;
use crate::facts::KeyView;
use crate::remedy::Remedy;
use crate::remedy::aws_cli::deactivate_key;

/// The rule.
pub(crate) const RULE: Rule = Rule {
    id: "access-key-never-used",
    version: 1,
    title: "An active access key was never used",
    why: "It was made and lies somewhere; nothing breaks without it.",
    severity: Severity::Medium,
    days: Some(45),
    needs: &[&[FactKind::AccessKeys], &[FactKind::LastUsed]],
    benchmarks: &clauses("1.12", "1.11", "2.11", "2.11"),
    security_hub: &["IAM.22"],
    config_rule: Some("iam-user-unused-credentials-check"),
    check: Check::Key(check),
};

fn check(of: &KeyView<'_>, days: u32) -> RuleOutcome {
    if !of.is_active()? || of.is_newer_than(days) {
        return Ok(None);
    }
    let (None, source) = of.last_used()? else { return Ok(None) };
    let (created, _) = of.created()?;
    let age = of.of.days_idle(created);
    Ok((age >= i64::from(days)).then(|| Violation {
        message: format!("the key is {age} days old and was never used, the limit is {days}"),
        evidence: vec![
            Evidence::of_creation(created),
            Evidence::of(FactKind::LastUsed, "never used", source),
        ],
        remedy: Remedy::Commands(deactivate_key(of)),
    }))
}
