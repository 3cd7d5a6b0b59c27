//! The root user has a password and no MFA device.
//!
//! A root user without a password needs no MFA device. Member accounts have such root users where the organization manages
//! root credentials centrally and has deleted them.
//!
//! Source: CIS 1.5 (3.0), <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_root-user.html>

use rolecall_roll::FactKind;

use super::benchmark::clauses;
use super::outcome::{RuleOutcome, Violation};
use super::rule::{Check, Rule};
use super::severity::Severity;
use crate::evidence::Evidence;
use crate::facts::AccountView;
use crate::remedy::Remedy;

pub(crate) const RULE: Rule = Rule {
    id: "root-without-mfa",
    version: 1,
    title: "The root user has no MFA device",
    why: "Anyone who has the password, or can reset it through the mailbox, controls the account.",
    severity: Severity::Critical,
    days: None,
    needs: &[&[FactKind::ControlTotal, FactKind::CredentialReport]],
    benchmarks: &clauses("1.5", "1.4", "2.4", "2.5"),
    security_hub: &["IAM.9"],
    config_rule: Some("root-account-mfa-enabled"),
    check: Check::Root(check),
};

fn check(account: &AccountView<'_>) -> RuleOutcome {
    let (is_protected, source) = account.is_root_protected()?;
    Ok((!is_protected).then(|| Violation {
        message: "the root user has no MFA device".to_owned(),
        evidence: vec![Evidence::new(FactKind::ControlTotal, "no MFA device", source)],
        remedy: Remedy::ProtectRoot,
    }))
}
