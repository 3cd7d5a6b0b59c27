//! A user has a console password and no MFA device.
//!
//! Source: CIS 1.10 (3.0)

use rolecall_roll::FactKind;

use super::benchmark::clauses;
use super::outcome::{RuleOutcome, Violation};
use super::rule::{Check, Rule};
use super::severity::Severity;
use crate::evidence::Evidence;
use crate::facts::{UserView, require};
use crate::remedy::Remedy;

pub(crate) const RULE: Rule = Rule {
    id: "console-without-mfa",
    version: 1,
    title: "A user has a console password and no MFA device",
    why: "A password alone can be guessed, phished or reused.",
    severity: Severity::High,
    days: None,
    needs: &[
        &[FactKind::ConsolePassword, FactKind::CredentialReport],
        &[FactKind::MfaDevices, FactKind::CredentialReport],
    ],
    benchmarks: &clauses("1.10", "1.9", "2.9", "2.10"),
    security_hub: &["IAM.5", "IAM.19"],
    config_rule: Some("mfa-enabled-for-iam-console-access"),
    check: Check::User(check),
};

fn check(user: &UserView<'_>, _: u32) -> RuleOutcome {
    if user.has_mfa().known() == Some(&true) {
        return Ok(None);
    }
    let (password, password_source) = require(user.password(), FactKind::ConsolePassword)?;
    if password.is_none() {
        return Ok(None);
    }
    let (has_mfa, mfa_source) = require(user.has_mfa(), FactKind::MfaDevices)?;
    Ok((!has_mfa).then(|| Violation {
        message: "the user has a console password and no MFA device".to_owned(),
        evidence: vec![
            Evidence::new(FactKind::ConsolePassword, "has a console password", password_source),
            Evidence::new(FactKind::MfaDevices, "no MFA device", mfa_source),
        ],
        remedy: Remedy::AssignMfa,
    }))
}
