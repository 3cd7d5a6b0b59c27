//! Principals that match nobody, or that cannot call the action.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>

use crate::arn::Arn;
use crate::document::{Match, PolicyType, PrincipalValue, Statement};

use super::{Lint, LintSeverity, arns};

pub(super) fn lints(statement: &Statement, policy_type: PolicyType) -> Vec<Lint> {
    let values = statement.principal_values().into_iter();
    let mut lints: Vec<Lint> = values
        .filter_map(|(element, item, value)| {
            let (_, text) = value.parts();
            let lint = match value {
                PrincipalValue::Aws(_) if is_unique_id(text) => deleted_principal(text),
                PrincipalValue::Aws(_) | PrincipalValue::Federated(_) => arns::problem_of(text)?,
                PrincipalValue::Service(_) | PrincipalValue::CanonicalUser(_) => return None,
            };
            let (severity, problem, remedy) = lint;
            Some(Lint::new(element, problem, remedy).with_value(item, text).with_severity(severity))
        })
        .collect();
    if policy_type == PolicyType::Trust {
        lints.extend(mismatched_actions(statement));
    }
    lints
}

/// Whether a text is the unique id of a user or a role, such as `AROAEXAMPLEEXAMPLE`.
fn is_unique_id(text: &str) -> bool {
    text.len() >= 16 && text.starts_with('A') && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-roles>
fn deleted_principal(text: &str) -> arns::Problem {
    let kind = if text.starts_with("AROA") { "role" } else { "user" };
    let problem = format!(
        "AWS shows the unique id of a {kind} that was deleted; the policy does not match a {kind} of the same name \
         that was created since"
    );
    let remedy = format!("if the {kind} exists again, write its ARN and save the policy");
    (LintSeverity::Warning, problem, remedy)
}

/// Actions that no principal of the statement can call: identities of a provider assume a role with other actions than
/// principals of AWS.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html#access-analyzer-reference-policy-checks-error-mismatched-action-for-principal>
fn mismatched_actions(statement: &Statement) -> Vec<Lint> {
    let (Some(Match::Any(principals)), Match::Any(actions)) = (&statement.principals, &statement.actions)
    else {
        return Vec::new();
    };
    let is_anyone = |value: &PrincipalValue| matches!(value, PrincipalValue::Aws(value) if value == "*");
    if principals.is_empty() || principals.iter().any(is_anyone) {
        return Vec::new();
    }
    let element = statement.path().field("Action");
    let lints = actions.iter().enumerate().filter_map(|(item, action)| {
        let (can_call, expected) = callers_of(action)?;
        let problem = "no principal of the statement can call it";
        let remedy = format!("{action} is called by {expected}; change the action or the principal");
        let lint = Lint::new(element.clone(), problem, remedy).with_value(item, action);
        (!principals.iter().any(can_call)).then_some(lint)
    });
    lints.collect()
}

/// Which principals call an action, and how to name them.
type Callers = (fn(&PrincipalValue) -> bool, &'static str);

/// Who calls an action; `None` for an action that all can call.
fn callers_of(action: &str) -> Option<Callers> {
    match action.to_ascii_lowercase().as_str() {
        "sts:assumerole" => Some((
            |value| matches!(value, PrincipalValue::Aws(_) | PrincipalValue::Service(_)),
            "principals under \"AWS\" and \"Service\"",
        )),
        "sts:assumerolewithsaml" => Some((
            |value| matches!(value, PrincipalValue::Federated(arn) if is_saml_provider(arn)),
            "a SAML provider under \"Federated\"",
        )),
        "sts:assumerolewithwebidentity" => Some((
            |value| matches!(value, PrincipalValue::Federated(name) if !is_saml_provider(name)),
            "an OIDC provider under \"Federated\"",
        )),
        _ => None,
    }
}

fn is_saml_provider(value: &str) -> bool {
    Arn::parse(value).is_some_and(|arn| arn.resource.starts_with("saml-provider/"))
}
