//! An active access key was used once, but not recently.
//!
//! Source: CIS 1.12 (3.0): credentials unused for 45 days or more are disabled

use rolecall_roll::FactKind;

use super::benchmark::clauses;
use super::outcome::{RuleOutcome, Violation};
use super::rule::{Check, Rule};
use super::severity::Severity;
use crate::evidence::Evidence;
use crate::facts::{KeyView, date};
use crate::remedy::Remedy;

pub(crate) const RULE: Rule = Rule {
    id: "access-key-unused",
    version: 1,
    title: "An active access key has not been used recently",
    why: "Nothing depends on the key, and nobody would notice if someone else used it.",
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
    let (Some(last), source) = key.last_used()? else { return Ok(None) };
    let idle = key.user.days_idle(last.date);
    let service = last.service.as_ref().map_or(String::new(), |service| format!(" ({service})"));
    Ok((idle >= i64::from(days)).then(|| Violation {
        message: format!("the key was last used {idle} days ago; the limit is {days} days"),
        evidence: vec![Evidence::new(
            FactKind::LastUsed,
            format!("last used {}{service}", date(last.date)),
            source,
        )],
        remedy: Remedy::DeactivateKey,
    }))
}
