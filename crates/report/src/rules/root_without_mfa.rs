//! The root user has a password and no MFA device.
//!
//! Where the organisation manages root credentials centrally, a member's root user has none to guard.
//!
//! Source: CIS 1.5 (3.0), <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_root-user.html>

use rolecall_roll::Step;

use super::benchmark::clauses;
use super::rule::{Check, Rule};
use super::severity::Severity;
use crate::case::{Checked, Failed, OfAccount, told};
use crate::evidence::Evidence;

/// The rule.
pub const RULE: Rule = Rule {
    id: "root-without-mfa",
    version: 1,
    title: "The root user has no MFA device",
    why: "Whoever has the password, or the mailbox that resets it, has the account.",
    severity: Severity::Critical,
    days: None,
    needs: &[&[Step::ControlTotal, Step::CredentialReport]],
    benchmarks: &clauses("1.5", "1.4", "2.4", "2.5"),
    security_hub: &["IAM.9"],
    config_rule: Some("root-account-mfa-enabled"),
    check: Check::Root(check),
};

fn check(of: &OfAccount<'_>) -> Checked {
    if of.root_is_managed().known() == Some(&true) {
        return Ok(None);
    }
    let (is_guarded, source) = told(of.root_is_guarded(), Step::ControlTotal)?;
    let account_id = of.roll.account_id();
    let remedy = if of.organization.is_some() && !of.is_management() {
        "# in the management account, once for all members:\naws iam enable-organizations-root-credentials-management"
            .to_owned()
    } else {
        format!("# as the root user of {account_id}, in the console: Security credentials, Assign MFA device")
    };
    Ok((!is_guarded).then(|| Failed {
        message: "the root user has no MFA device".to_owned(),
        evidence: vec![Evidence::of(Step::ControlTotal, "root has no MFA device", source)],
        remedy,
    }))
}
