//! What AWS simulates on the hub side: `iam:SimulatePrincipalPolicy` for the caller's role or user.
//!
//! It evaluates the identity-based policies, the permissions boundary and the service control policies. It leaves out the trust
//! policy of the role, resource control policies, session policies and the policies of VPC endpoints.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>

use aws_sdk_iam::types::{EvaluationResult, PolicyEvaluationDecisionType, ResourceSpecificResult};
use futures_util::FutureExt;
use rolecall_core::{CallError, Scanner};
use rolecall_roll::{Cause, PolicyType};

use super::cure::SessionRequest;
use crate::samples::account_of;

/// What a simulation leaves out, for the output.
pub(super) const LIMITS: &str = "the simulation leaves out the trust policy, resource control policies, session policies and VPC \
                                 endpoint policies";

/// The result of a simulation.
pub(super) enum Simulation {
    /// The caller's side allows all actions.
    Allowed,
    /// The caller's side denies an action.
    Denied(Cause),
    /// It depends on this condition key, whose value is not known here.
    Undecided(String),
}

/// Simulates the actions of the request on the role.
///
/// # Errors
/// AWS's error. Most callers may not simulate, which is no fault of theirs.
pub(super) async fn simulate(scanner: &Scanner, request: &SessionRequest) -> Result<Simulation, CallError> {
    const SIMULATE: &str = "SimulatePrincipalPolicy";
    let iam = scanner.iam();
    let source = request.principal_arn();
    let simulation = iam
        .simulate_principal_policy()
        .policy_source_arn(source)
        .set_action_names(Some(request.actions().into_iter().map(str::to_owned).collect()))
        .resource_arns(request.role_arn.as_str())
        .send()
        .boxed_local()
        .await
        .map_err(|error| scanner.error(SIMULATE, &error))?;
    let results = simulation.evaluation_results();
    let of_action =
        |action: &&str| results.iter().find(|result| result.eval_action_name.eq_ignore_ascii_case(action));
    let actions = request.actions();
    let results: Vec<&EvaluationResult> = actions.iter().filter_map(of_action).collect();
    if results.len() < actions.len() {
        let message = "the response has no decision about one of the actions";
        return Err(CallError::malformed(SIMULATE, message, None));
    }
    if let Some(key) = results.iter().find_map(|result| missing_key(result)) {
        return Ok(Simulation::Undecided(key.to_owned()));
    }
    let is_denied = |result: &&&EvaluationResult| *decision(result) != PolicyEvaluationDecisionType::Allowed;
    Ok(results.iter().find(is_denied).map_or(Simulation::Allowed, |result| Simulation::Denied(cause(result))))
}

/// A condition key that the policies use and the simulation does not know.
fn missing_key(result: &EvaluationResult) -> Option<&str> {
    let of_resource =
        result.resource_specific_results().first().map(ResourceSpecificResult::missing_context_values);
    let keys = of_resource.unwrap_or_else(|| result.missing_context_values());
    keys.first().map(String::as_str)
}

/// The ARN of the caller's role with its path, which the ARN of a session lacks. `None` where the caller is a user, may not call
/// `iam:GetRole`, or is a session of a role in another account than the one whose credentials are used.
pub(super) async fn caller_role_arn(scanner: &Scanner, caller_arn: &str) -> Option<String> {
    let (_, rest) = caller_arn.split_once(":assumed-role/")?;
    let role_name = rest.split('/').next()?;
    let role = scanner.iam().get_role().role_name(role_name).send().boxed_local().await;
    let arn = role.ok()?.role?.arn;
    // An intermediate role may have the name of another role in the account of the first caller.
    (account_of(&arn) == account_of(caller_arn)).then_some(arn)
}

/// The decision about the one resource that was simulated.
fn decision(result: &EvaluationResult) -> &PolicyEvaluationDecisionType {
    let of_resource = result.resource_specific_results().first();
    of_resource.map_or(&result.eval_decision, |resource| &resource.eval_resource_decision)
}

fn cause(result: &EvaluationResult) -> Cause {
    let action = Some(result.eval_action_name.clone());
    let is_explicit = *decision(result) == PolicyEvaluationDecisionType::ExplicitDeny;
    let is_by_organization =
        result.organizations_decision_detail().is_some_and(|detail| !detail.allowed_by_organizations());
    let is_by_boundary = result
        .permissions_boundary_decision_detail()
        .is_some_and(|detail| !detail.allowed_by_permissions_boundary());
    let policy = match (is_by_organization, is_by_boundary) {
        (true, _) => PolicyType::ServiceControl,
        (false, true) => PolicyType::PermissionsBoundary,
        (false, false) => PolicyType::Identity,
    };
    if !is_explicit {
        return Cause::NotAllowed { policy, action };
    }
    // AWS returns the statements that decided: of an explicit deny, those that deny.
    let of_resource =
        result.resource_specific_results().first().map(ResourceSpecificResult::matched_statements);
    let statements = of_resource.unwrap_or_else(|| result.matched_statements());
    let source = statements.first().and_then(|statement| statement.source_policy_id());
    let policy_arn = source.filter(|id| id.starts_with("arn:")).map(str::to_owned);
    Cause::ExplicitlyDenied { policy, action, policy_arn }
}
