//! An access key was created together with a user who has a console password, and has no recorded use.
//!
//! Source: CIS 1.11 (3.0): no access keys during initial setup for users with a console password

use super::benchmark::clauses_to_6;
use super::rule::{Check, Rule};
use super::severity::Severity;
use jiff::SignedDuration;
use rolecall_roll::FactKind;

use super::outcome::{RuleOutcome, Violation};
use crate::evidence::Evidence;
use crate::facts::{KeyView, date, require};
use crate::last_use::NoLastUse;
use crate::remedy::Remedy;

/// The time within which a user and a key count as created together: the console creates both within moments.
const SETUP_TIME: SignedDuration = SignedDuration::from_secs(60);

pub(crate) const RULE: Rule = Rule {
    id: "access-key-at-setup",
    version: 1,
    title: "An access key was created together with a console user",
    why: "Keys that are created by default are often not needed.",
    severity: Severity::Low,
    days: None,
    needs: &[
        &[FactKind::AccessKeys],
        &[FactKind::LastUsed],
        &[FactKind::ConsolePassword, FactKind::CredentialReport],
    ],
    benchmarks: &clauses_to_6("1.11", "1.10", "2.10"),
    security_hub: &[],
    config_rule: None,
    check: Check::Key(check),
};

fn check(key: &KeyView<'_>, _: u32) -> RuleOutcome {
    if !key.is_active()? {
        return Ok(None);
    }
    let (created, _) = key.created()?;
    let user = key.user.user;
    if created.duration_since(user.create_date).abs() > SETUP_TIME {
        return Ok(None);
    }
    // A key that was used was created for a purpose.
    let (None, last_used_source) = key.last_used()? else { return Ok(None) };
    let no_use = NoLastUse::of_access_key(Some(created));
    let (password, password_source) = require(key.user.password(), FactKind::ConsolePassword)?;
    Ok(password.map(|_| Violation {
        message: format!(
            "the key was created together with the user, who has a console password, and was {no_use}"
        ),
        evidence: vec![
            Evidence::from_creation_date(created),
            Evidence::new(
                FactKind::Users,
                format!("user created {}", date(user.create_date)),
                password_source,
            ),
            Evidence::new(FactKind::ConsolePassword, "has a console password", password_source),
            Evidence::new(FactKind::LastUsed, no_use.to_string(), last_used_source),
        ],
        remedy: Remedy::DeactivateUnplannedKey,
    }))
}
