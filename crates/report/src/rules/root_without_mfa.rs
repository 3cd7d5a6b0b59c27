//! The root user has a password and no MFA device.
//!
//! A root user without a password, as members have where the organisation manages root credentials centrally and has
//! deleted them, has nothing to guard.
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
use crate::remedy::aws_cli::assume_root;

/// The rule.
pub(crate) const RULE: Rule = Rule {
    id: "root-without-mfa",
    version: 1,
    title: "The root user has no MFA device",
    why: "Whoever has the password, or the mailbox that resets it, has the account.",
    severity: Severity::Critical,
    days: None,
    needs: &[&[FactKind::ControlTotal, FactKind::CredentialReport]],
    benchmarks: &clauses("1.5", "1.4", "2.4", "2.5"),
    security_hub: &["IAM.9"],
    config_rule: Some("root-account-mfa-enabled"),
    check: Check::Root(check),
};

fn check(of: &AccountView<'_>) -> RuleOutcome {
    let (is_guarded, source) = of.root_is_guarded()?;
    let remedy = match assume_root(of) {
        Some(assume_root) => format!("{assume_root}\naws iam delete-login-profile"),
        None => format!(
            "# as the root user of {}, in the console: Security credentials, Assign MFA device",
            of.roll.account_id()
        ),
    };
    Ok((!is_guarded).then(|| Violation {
        message: "the root user has no MFA device".to_owned(),
        evidence: vec![Evidence::of(FactKind::ControlTotal, "root has no MFA device", source)],
        remedy: Remedy::Commands(remedy),
    }))
}
