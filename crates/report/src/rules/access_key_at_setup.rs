//! An access key was made together with a user who has a console password.
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
use crate::remedy::Remedy;
use crate::remedy::aws_cli::deactivate_key;

/// The console makes user and key within moments.
const TOGETHER: SignedDuration = SignedDuration::from_secs(60);

/// The rule.
pub(crate) const RULE: Rule = Rule {
    id: "access-key-at-setup",
    version: 1,
    title: "An access key was made when the console user was set up",
    why: "It was made in case, and such keys lie unused.",
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

fn check(of: &KeyView<'_>, _: u32) -> RuleOutcome {
    if !of.is_active()? {
        return Ok(None);
    }
    let (created, _) = of.created()?;
    let user = of.of.user;
    if created.duration_since(user.create_date).abs() > TOGETHER {
        return Ok(None);
    }
    // One that is used is not one that was made in case.
    let (None, from) = of.last_used()? else { return Ok(None) };
    let (password, source) = require(of.of.password(), FactKind::ConsolePassword)?;
    Ok(password.map(|_| Violation {
        message: "the key was made when the user was, who has a console password, and was never used"
            .to_owned(),
        evidence: vec![
            Evidence::of_creation(created),
            Evidence::of(FactKind::Users, format!("user created {}", date(user.create_date)), source),
            Evidence::of(FactKind::ConsolePassword, "has a console password", source),
            Evidence::of(FactKind::LastUsed, "never used", from),
        ],
        remedy: Remedy::Commands(format!("# where nobody is about to use it:\n{}", deactivate_key(of))),
    }))
}
