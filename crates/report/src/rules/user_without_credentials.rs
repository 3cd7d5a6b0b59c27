//! A user has neither an access key nor a console password.

use rolecall_roll::FactKind;

use super::outcome::{RuleOutcome, Violation};
use super::rule::{Check, Rule};
use super::severity::Severity;
use crate::evidence::Evidence;
use crate::facts::{UserView, require};
use crate::remedy::Remedy;

pub(crate) const RULE: Rule = Rule {
    id: "user-without-credentials",
    version: 1,
    title: "A user has neither an access key nor a password",
    why: "The user has no purpose without credentials, and someone could add new ones unnoticed.",
    severity: Severity::Informational,
    days: None,
    needs: &[&[FactKind::AccessKeys], &[FactKind::ConsolePassword, FactKind::CredentialReport]],
    benchmarks: &[],
    security_hub: &[],
    config_rule: None,
    check: Check::User(check),
};

fn check(user: &UserView<'_>, _: u32) -> RuleOutcome {
    if user.password().known().is_some_and(Option::is_some) {
        return Ok(None);
    }
    let (keys, keys_source) = require(user.access_keys(), FactKind::AccessKeys)?;
    if !keys.is_empty() {
        return Ok(None);
    }
    let (password, password_source) = require(user.password(), FactKind::ConsolePassword)?;
    Ok(password.is_none().then(|| Violation {
        message: "the user has neither an access key nor a password".to_owned(),
        evidence: vec![
            Evidence::new(FactKind::AccessKeys, "no access keys", keys_source),
            Evidence::new(FactKind::ConsolePassword, "no console password", password_source),
        ],
        remedy: Remedy::DeleteUser,
    }))
}
