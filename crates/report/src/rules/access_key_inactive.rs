//! An inactive access key was left over.
//!
//! IAM does not say since when a key is inactive: it is judged by its last use, or where it was never used by its
//! creation.

use rolecall_roll::{AccessKeyStatus, FactKind};

use super::outcome::{RuleOutcome, Violation};
use super::rule::{Check, Rule};
use super::severity::Severity;
use crate::evidence::Evidence;
use crate::facts::{KeyView, date};
use crate::remedy::Remedy;
use crate::remedy::aws_cli::delete_key;

/// The rule.
pub(crate) const RULE: Rule = Rule {
    id: "access-key-inactive",
    version: 1,
    title: "An inactive access key was left over",
    why: "Whoever may can switch it on again; nobody would look for it.",
    severity: Severity::Low,
    days: Some(90),
    needs: &[&[FactKind::AccessKeys], &[FactKind::LastUsed]],
    benchmarks: &[],
    security_hub: &[],
    config_rule: None,
    check: Check::Key(check),
};

fn check(of: &KeyView<'_>, days: u32) -> RuleOutcome {
    if of.is_active()? || of.key.status != AccessKeyStatus::Inactive {
        return Ok(None);
    }
    let (last, source) = of.last_used()?;
    let (since, evidence) = if let Some(last) = last {
        let evidence = Evidence::of(FactKind::LastUsed, format!("last used {}", date(last.date)), source);
        (last.date, vec![evidence])
    } else {
        let (created, _) = of.created()?;
        (
            created,
            vec![Evidence::of_creation(created), Evidence::of(FactKind::LastUsed, "never used", source)],
        )
    };
    let idle = of.of.days_idle(since);
    let was = if last.is_some() { "was last used" } else { "was never used, and made" };
    Ok((idle >= i64::from(days)).then(|| Violation {
        message: format!("the inactive key {was} {idle} days ago, the limit is {days}"),
        evidence,
        remedy: Remedy::Commands(delete_key(of)),
    }))
}
