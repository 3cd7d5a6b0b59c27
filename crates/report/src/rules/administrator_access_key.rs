//! A user with administrator access has an active access key.
//!
//! Administrator access is found where it is recognised; that it is not does not say that there is none.

use rolecall_roll::FactKind;

use super::outcome::{RuleOutcome, Violation};
use super::rule::{Check, Rule};
use super::severity::Severity;
use crate::evidence::Evidence;
use crate::facts::{KeyView, MissingFact, require};
use crate::remedy::Remedy;
use crate::remedy::aws_cli::deactivate_key;

/// The rule.
pub(crate) const RULE: Rule = Rule {
    id: "administrator-access-key",
    version: 1,
    title: "A user with administrator access has an active access key",
    why: "Whoever finds the key has the account.",
    severity: Severity::High,
    days: None,
    needs: &[&[FactKind::AccessKeys], &[FactKind::Policies]],
    benchmarks: &[],
    security_hub: &[],
    config_rule: None,
    check: Check::Key(check),
};

fn check(of: &KeyView<'_>, _: u32) -> RuleOutcome {
    if !of.is_active()? {
        return Ok(None);
    }
    let (policies, source) = require(of.of.policies(), FactKind::Policies)?;
    if !of.of.is_administrator() {
        let none = policies.attached_policies.is_empty()
            && policies.inline_policies.is_empty()
            && policies.groups.is_empty();
        if none {
            return Ok(None);
        }
        let reason = match policies.is_administrator {
            Some(true) => "a permissions boundary limits it".to_owned(),
            _ => "none of its policies is recognised as one that allows all".to_owned(),
        };
        let what = "administrator access";
        return Err(MissingFact { missing: what, ..MissingFact::because(FactKind::Policies, reason) });
    }
    let remedy = Remedy::Commands(format!("# let what uses it assume a role, then:\n{}", deactivate_key(of)));
    let evidence = vec![Evidence::of(FactKind::Policies, "administrator access", source)];
    Ok(Some(Violation { message: "the key is an administrator's".to_owned(), evidence, remedy }))
}
