//! A user has neither a key nor a password.

use rolecall_roll::FactKind;

use super::outcome::{RuleOutcome, Violation};
use super::rule::{Check, Rule};
use super::severity::Severity;
use crate::evidence::Evidence;
use crate::facts::{UserView, require};
use crate::remedy;
use crate::remedy::Remedy;

/// The rule.
pub(crate) const RULE: Rule = Rule {
    id: "user-without-credentials",
    version: 1,
    title: "A user has neither an access key nor a password",
    why: "It can do nothing but come back to life with somebody else behind it.",
    severity: Severity::Informational,
    days: None,
    needs: &[&[FactKind::AccessKeys], &[FactKind::ConsolePassword, FactKind::CredentialReport]],
    benchmarks: &[],
    security_hub: &[],
    config_rule: None,
    check: Check::User(check),
};

fn check(of: &UserView<'_>, _: u32) -> RuleOutcome {
    if of.password().known().is_some_and(Option::is_some) {
        return Ok(None);
    }
    let (keys, source) = require(of.access_keys(), FactKind::AccessKeys)?;
    if !keys.is_empty() {
        return Ok(None);
    }
    let (password, from) = require(of.password(), FactKind::ConsolePassword)?;
    Ok(password.is_none().then(|| Violation {
        message: "the user has neither an access key nor a password".to_owned(),
        evidence: vec![
            Evidence::of(FactKind::AccessKeys, "no access keys", source),
            Evidence::of(FactKind::ConsolePassword, "no console password", from),
        ],
        remedy: Remedy::Commands(remedy::delete_user_commands(of)),
    }))
}
