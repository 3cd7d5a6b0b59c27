//! A user with administrator access has an active access key.
//!
//! The rule reports administrator access that it recognizes. Where it recognizes none, the user may have it all the same:
//! the result is then unknown.

use rolecall_roll::FactKind;

use super::outcome::{RuleOutcome, Violation};
use super::rule::{Check, Rule};
use super::severity::Severity;
use crate::evidence::Evidence;
use crate::facts::{KeyView, MissingFact, require};
use crate::remedy::Remedy;

pub(crate) const RULE: Rule = Rule {
    id: "administrator-access-key",
    version: 1,
    title: "A user with administrator access has an active access key",
    why: "Anyone who obtains the key controls the account.",
    severity: Severity::High,
    days: None,
    needs: &[&[FactKind::AccessKeys], &[FactKind::Policies]],
    benchmarks: &[],
    security_hub: &[],
    config_rule: None,
    check: Check::Key(check),
};

fn check(key: &KeyView<'_>, _: u32) -> RuleOutcome {
    if !key.is_active()? {
        return Ok(None);
    }
    let (policies, source) = require(key.user.policies(), FactKind::Policies)?;
    if !key.user.is_administrator() {
        let has_no_permissions = policies.attached_policies.is_empty()
            && policies.inline_policies.is_empty()
            && policies.groups.is_empty();
        if has_no_permissions {
            return Ok(None);
        }
        let reason = match policies.is_administrator {
            Some(true) => {
                "a permissions boundary limits the administrator policy; to which actions is not evaluated"
            }
            _ => {
                "whether the user's policies together give administrator access is not evaluated; only a policy that gives \
                  it alone is recognized, and another scan does not change this"
            }
        };
        let missing = "administrator access";
        return Err(MissingFact { missing, ..MissingFact::unknown(FactKind::Policies, reason) });
    }
    let evidence = vec![Evidence::new(FactKind::Policies, "administrator access", source)];
    Ok(Some(Violation {
        message: "the key belongs to a user with administrator access".to_owned(),
        evidence,
        remedy: Remedy::ReplaceKeyByRole,
    }))
}
