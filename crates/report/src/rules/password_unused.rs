//! A console password was used, and not for long.
//!
//! Source: CIS 1.12 (3.0): credentials unused for 45 days or more are disabled

use rolecall_roll::{FactKind, Source};

use super::benchmark::clauses;
use super::outcome::{RuleOutcome, Violation};
use super::rule::{Check, Rule};
use super::severity::Severity;
use crate::evidence::Evidence;
use crate::facts::{UserView, date, require};
use crate::remedy::Remedy;
use crate::remedy::aws_cli::user_name_option;

/// The rule.
pub(crate) const RULE: Rule = Rule {
    id: "password-unused",
    version: 1,
    title: "A console password has not been used for long",
    why: "Nobody misses it, and nobody would notice who else signs in.",
    severity: Severity::Medium,
    days: Some(45),
    needs: &[&[FactKind::Users], &[FactKind::ConsolePassword, FactKind::CredentialReport]],
    benchmarks: &clauses("1.12", "1.11", "2.11", "2.11"),
    security_hub: &["IAM.22"],
    config_rule: Some("iam-user-unused-credentials-check"),
    check: Check::User(check),
};

fn check(of: &UserView<'_>, days: u32) -> RuleOutcome {
    let Some(last) = of.password_last_used() else { return Ok(None) };
    let idle = of.days_idle(last);
    if idle < i64::from(days) {
        return Ok(None);
    }
    let (Some(password), from) = require(of.password(), FactKind::ConsolePassword)? else { return Ok(None) };
    // CIS goes by the last use alone.
    let since = password.made.filter(|made| *made > last);
    let since = since.map_or(String::new(), |made| format!("; it was set {} days ago", of.days_idle(made)));
    Ok(Some(Violation {
        message: format!("the password was last used {idle} days ago, the limit is {days}{since}"),
        evidence: vec![
            Evidence::of(FactKind::ConsolePassword, "has a console password", from),
            Evidence::of(FactKind::Users, format!("password last used {}", date(last)), Source::Live),
        ],
        remedy: Remedy::Commands(format!("aws iam delete-login-profile {}", user_name_option(of))),
    }))
}
