//! A console password was used once, but not recently.
//!
//! Source: CIS 1.12 (3.0): credentials unused for 45 days or more are disabled

use rolecall_roll::{FactKind, Source};

use super::benchmark::clauses;
use super::outcome::{RuleOutcome, Violation};
use super::rule::{Check, Rule};
use super::severity::Severity;
use crate::evidence::Evidence;
use crate::facts::{UserView, date, require};
use crate::last_use::missing_after_password_use;
use crate::remedy::Remedy;

pub(crate) const RULE: Rule = Rule {
    id: "password-unused",
    version: 1,
    title: "A console password has not been used recently",
    why: "Nobody needs the password, and nobody would notice if someone else signed in.",
    severity: Severity::Medium,
    days: Some(45),
    needs: &[&[FactKind::Users], &[FactKind::ConsolePassword, FactKind::CredentialReport]],
    benchmarks: &clauses("1.12", "1.11", "2.11", "2.11"),
    security_hub: &["IAM.22"],
    config_rule: Some("iam-user-unused-credentials-check"),
    check: Check::User(check),
};

fn check(user: &UserView<'_>, days: u32) -> RuleOutcome {
    let Some(last) = user.password_last_used() else { return Ok(None) };
    let idle = user.days_idle(last);
    if idle < i64::from(days) {
        return Ok(None);
    }
    let (Some(password), source) = require(user.password(), FactKind::ConsolePassword)? else {
        return Ok(None);
    };
    // CIS counts only the last use. IAM keeps it when the password is replaced, so a newer password is mentioned.
    let set_date = password.set_date.filter(|set_date| *set_date > last);
    let newer =
        set_date.map_or(String::new(), |date| format!("; it was set {} days ago", user.days_idle(date)));
    let missing = missing_after_password_use(last).map_or(String::new(), |missing| format!("; {missing}"));
    Ok(Some(Violation {
        message: format!(
            "the password was last used {idle} days ago; the limit is {days} days{newer}{missing}"
        ),
        evidence: vec![
            Evidence::new(FactKind::ConsolePassword, "has a console password", source),
            Evidence::new(FactKind::Users, format!("password last used {}", date(last)), Source::Live),
        ],
        remedy: Remedy::RemovePassword,
    }))
}
