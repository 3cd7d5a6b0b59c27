//! An inactive access key was not deleted.
//!
//! IAM does not report since when a key is inactive. The rule therefore counts from its last use, or from its creation
//! where it has no recorded use.

use rolecall_roll::{AccessKeyStatus, FactKind};

use super::outcome::{RuleOutcome, Violation};
use super::rule::{Check, Rule};
use super::severity::Severity;
use crate::evidence::Evidence;
use crate::facts::{KeyView, date};
use crate::last_use::NoLastUse;
use crate::remedy::Remedy;

pub(crate) const RULE: Rule = Rule {
    id: "access-key-inactive",
    version: 1,
    title: "An inactive access key was not deleted",
    why: "Anyone with iam:UpdateAccessKey can activate the key again, and nobody watches an inactive key.",
    severity: Severity::Low,
    days: Some(90),
    needs: &[&[FactKind::AccessKeys], &[FactKind::LastUsed]],
    benchmarks: &[],
    security_hub: &[],
    config_rule: None,
    check: Check::Key(check),
};

fn check(key: &KeyView<'_>, days: u32) -> RuleOutcome {
    if key.is_active()? || key.key.status != AccessKeyStatus::Inactive {
        return Ok(None);
    }
    let (last, source) = key.last_used()?;
    let no_use = NoLastUse::of_access_key(key.key.create_date);
    let (since, evidence) = if let Some(last) = last {
        let evidence = Evidence::new(FactKind::LastUsed, format!("last used {}", date(last.date)), source);
        (last.date, vec![evidence])
    } else {
        let (created, _) = key.created()?;
        (
            created,
            vec![
                Evidence::from_creation_date(created),
                Evidence::new(FactKind::LastUsed, no_use.to_string(), source),
            ],
        )
    };
    let idle = key.user.days_idle(since);
    let message = if last.is_some() {
        format!("the inactive key was last used {idle} days ago; the limit is {days} days")
    } else {
        format!("the inactive key was created {idle} days ago and was {no_use}; the limit is {days} days")
    };
    Ok((idle >= i64::from(days)).then_some(Violation { message, evidence, remedy: Remedy::DeleteKey }))
}
