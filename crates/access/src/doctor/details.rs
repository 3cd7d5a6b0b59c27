//! AWS's own authorization details of a denied request (a preview of 2026): which statements denied it.
//!
//! The message of a denial may have an authorization id. Whoever is in the organization of the principal and has
//! `iam:GetRequestAuthorizationDetails` may read the details, for at least 24 hours.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied-authorization-id.html>

use aws_sdk_iamtoolbox::operation::get_request_authorization_details::GetRequestAuthorizationDetailsOutput;
use aws_sdk_iamtoolbox::types::{EvaluatedEffect, PolicyType as DetailedPolicyType, StatementEffect};
use futures_util::FutureExt;
use rolecall_core::{CallError, Scanner};
use rolecall_roll::{Cause, PolicyType};

/// The statements that denied a request: the causes, each with its sentence. Empty for an implicit deny, for which AWS names no
/// statement.
///
/// # Errors
/// AWS's error: the caller may not read the details, or they are not kept any more.
pub(super) async fn read(
    scanner: &Scanner,
    authorization_id: &str,
) -> Result<Vec<(Cause, String)>, CallError> {
    let client = aws_sdk_iamtoolbox::Client::new(scanner.sdk_config());
    let request = client.get_request_authorization_details().authorization_id(authorization_id);
    let details = request.send().boxed_local().await;
    let details = details.map_err(|error| scanner.error("GetRequestAuthorizationDetails", &error))?;
    Ok(denying_statements(&details))
}

fn denying_statements(details: &GetRequestAuthorizationDetailsOutput) -> Vec<(Cause, String)> {
    let is_denied = |effect: Option<&EvaluatedEffect>| effect == Some(&EvaluatedEffect::ExplicitDeny);
    let evaluations = details.evaluations.iter().filter(|it| is_denied(it.evaluated_effect()));
    let mut causes = Vec::new();
    for evaluation in evaluations {
        for policy in evaluation.matched_policies() {
            let denying: Vec<&str> = policy
                .matched_statements()
                .iter()
                .filter(|statement| statement.evaluated_effect() != Some(&StatementEffect::Allow))
                .map(|statement| statement.sid().unwrap_or("without a Sid"))
                .collect();
            let info = details.policies.iter().find(|info| info.uri() == Some(policy.uri()));
            let Some(policy_type) = info.and_then(|info| policy_type(info.r#type()?)) else { continue };
            if denying.is_empty() {
                continue;
            }
            let is_arn = policy.uri().starts_with("arn:");
            let cause = Cause::ExplicitlyDenied {
                policy: policy_type,
                action: Some(evaluation.action().to_owned()),
                policy_arn: is_arn.then(|| policy.uri().to_owned()),
            };
            let attached = info.and_then(|info| info.attached_to().first()?.arn());
            let attached = attached.map_or_else(String::new, |arn| format!(", attached to {arn}"));
            let text = format!("{cause} (statement {}{attached})", denying.join(", "));
            causes.push((cause, text));
        }
    }
    causes
}

fn policy_type(policy_type: &DetailedPolicyType) -> Option<PolicyType> {
    match policy_type {
        DetailedPolicyType::IdentityBasedPolicy => Some(PolicyType::Identity),
        DetailedPolicyType::PermissionsBoundary => Some(PolicyType::PermissionsBoundary),
        DetailedPolicyType::ResourceBasedPolicy => Some(PolicyType::Resource),
        DetailedPolicyType::ResourceControlPolicy => Some(PolicyType::ResourceControl),
        DetailedPolicyType::ServiceControlPolicy => Some(PolicyType::ServiceControl),
        DetailedPolicyType::SessionPolicy => Some(PolicyType::Session),
        DetailedPolicyType::VpcEndpointPolicy => Some(PolicyType::VpcEndpoint),
        _ => None,
    }
}
