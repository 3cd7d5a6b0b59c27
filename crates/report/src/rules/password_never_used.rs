//! A console password has no recorded use, and is not new.
//!
//! The rule counts from the day on which the password was set: a user who was invited yesterday gives no finding.
//!
//! Source: CIS 1.12 (3.0)

use rolecall_roll::{FactKind, Source};

use super::benchmark::clauses;
use super::outcome::{RuleOutcome, Violation};
use super::rule::{Check, Rule};
use super::severity::Severity;
use crate::evidence::Evidence;
use crate::facts::{MissingFact, UserView, date, require};
use crate::last_use::NoLastUse;
use crate::remedy::Remedy;

pub(crate) const RULE: Rule = Rule {
    id: "password-never-used",
    version: 1,
    title: "A console password has no recorded use",
    why: "The password was sent to someone, and anyone who reads that message can sign in.",
    severity: Severity::Medium,
    days: Some(45),
    needs: &[&[FactKind::Users], &[FactKind::ConsolePassword, FactKind::CredentialReport]],
    benchmarks: &clauses("1.12", "1.11", "2.11", "2.11"),
    security_hub: &["IAM.22"],
    config_rule: Some("iam-user-unused-credentials-check"),
    check: Check::User(check),
};

fn check(user: &UserView<'_>, days: u32) -> RuleOutcome {
    let (Some(password), source) = require(user.password(), FactKind::ConsolePassword)? else {
        return Ok(None);
    };
    if user.password_last_used().is_some() {
        return Ok(None);
    }
    let set_date = password.set_date.ok_or_else(|| {
        let reason = "AWS did not return when the password was set";
        MissingFact::unknown(FactKind::ConsolePassword, reason)
    })?;
    let age = user.days_idle(set_date);
    let no_use = NoLastUse::of_password(Some(set_date));
    Ok((age >= i64::from(days)).then(|| Violation {
        message: format!("the password was set {age} days ago and was {no_use}; the limit is {days} days"),
        evidence: vec![
            Evidence::new(FactKind::ConsolePassword, format!("password set {}", date(set_date)), source),
            Evidence::new(FactKind::Users, format!("password {no_use}"), Source::Live),
        ],
        remedy: Remedy::RemovePassword,
    }))
}
