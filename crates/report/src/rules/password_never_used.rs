//! A console password was never used, and is not new.
//!
//! Judged by when it was made: a user who was invited yesterday is no finding.
//!
//! Source: CIS 1.12 (3.0)

use rolecall_roll::{FactKind, Source};

use super::benchmark::clauses;
use super::outcome::{RuleOutcome, Violation};
use super::rule::{Check, Rule};
use super::severity::Severity;
use crate::evidence::Evidence;
use crate::facts::{MissingFact, UserView, date, require};
use crate::remedy::Remedy;
use crate::remedy::aws_cli::user_name_option;

/// The rule.
pub(crate) const RULE: Rule = Rule {
    id: "password-never-used",
    version: 1,
    title: "A console password was never used",
    why: "It was sent to somebody once, and whoever reads that can sign in.",
    severity: Severity::Medium,
    days: Some(45),
    needs: &[&[FactKind::Users], &[FactKind::ConsolePassword, FactKind::CredentialReport]],
    benchmarks: &clauses("1.12", "1.11", "2.11", "2.11"),
    security_hub: &["IAM.22"],
    config_rule: Some("iam-user-unused-credentials-check"),
    check: Check::User(check),
};

fn check(of: &UserView<'_>, days: u32) -> RuleOutcome {
    let (Some(password), from) = require(of.password(), FactKind::ConsolePassword)? else { return Ok(None) };
    if of.password_last_used().is_some() {
        return Ok(None);
    }
    let made = password.made.ok_or_else(|| {
        MissingFact::because(
            FactKind::ConsolePassword,
            "AWS does not say when the password was made".to_owned(),
        )
    })?;
    let age = of.days_idle(made);
    Ok((age >= i64::from(days)).then(|| Violation {
        message: format!("the password was made {age} days ago and never used, the limit is {days}"),
        evidence: vec![
            Evidence::of(FactKind::ConsolePassword, format!("password made {}", date(made)), from),
            Evidence::of(FactKind::Users, "password never used", Source::Live),
        ],
        remedy: Remedy::Commands(format!("aws iam delete-login-profile {}", user_name_option(of))),
    }))
}
