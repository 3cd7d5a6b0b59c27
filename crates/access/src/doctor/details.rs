//! AWS's own authorization details of a denied request (a preview of 2026): each type of policy that took part, and what it said.
//!
//! The message of a denial may have an authorization id. Whoever is in the organization of the principal and has
//! `iam:GetRequestAuthorizationDetails` may read the details, for at least 24 hours.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied-authorization-id.html>

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_iamtoolbox::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_iamtoolbox::config::{ConfigBag, Intercept, Region, RuntimeComponents};
use aws_sdk_iamtoolbox::error::BoxError;
use futures_util::FutureExt;
use rolecall_core::{CallError, Scanner};
use rolecall_roll::{Cause, PolicyType};
use serde::Deserialize;

const GET_DETAILS: &str = "GetRequestAuthorizationDetails";

/// Why a request was denied, by type of policy: all causes, each with its sentence. Empty where the details name none.
///
/// # Errors
/// AWS's error: the caller may not read the details, or they are not kept any more.
pub(super) async fn read(
    scanner: &Scanner,
    authorization_id: &str,
    message: &str,
) -> Result<Vec<(Cause, String)>, CallError> {
    let mut config = aws_sdk_iamtoolbox::config::Builder::from(scanner.sdk_config());
    if let Some(region) = region_in(message) {
        config = config.region(Region::new(region.to_owned()));
    }
    let client = aws_sdk_iamtoolbox::Client::from_conf(config.build());
    let body = ResponseBody::default();
    let request = client.get_request_authorization_details().authorization_id(authorization_id);
    let response = request.customize().interceptor(body.clone()).send().boxed_local().await;
    response.map_err(|error| scanner.error(GET_DETAILS, &error))?;
    let malformed = || CallError::malformed(GET_DETAILS, "the response has no evaluations", None);
    let details: Details = serde_json::from_slice(&body.take()).map_err(|_| malformed())?;
    Ok(details.causes())
}

/// The region of the denial, which the link to the console in the message has. Other regions do not have the details.
fn region_in(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("/iam/home?region=")?;
    let region = rest.split(['#', '&', ' ']).next()?;
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (!region.is_empty() && region.bytes().all(is_name)).then_some(region)
}

/// The body of the response: the SDK's version of the preview does not have its `checks`.
#[derive(Debug, Clone, Default)]
struct ResponseBody(Arc<Mutex<Vec<u8>>>);

impl ResponseBody {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Intercept for ResponseBody {
    fn name(&self) -> &'static str {
        "ResponseBody"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response().body().bytes().unwrap_or_default();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = body.to_vec();
        Ok(())
    }
}

/// The parts of the details that name policies. The request context is left out: it has the external id.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    evaluations: Vec<Evaluation>,
    #[serde(default)]
    policies: Vec<PolicyInfo>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Evaluation {
    action: String,
    #[serde(default)]
    checks: Vec<Check>,
    /// In the first version of the preview, which has no checks.
    #[serde(default)]
    evaluated_effect: String,
    #[serde(default)]
    matched_policies: Vec<MatchedPolicy>,
}

/// What the policies of one type said.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Check {
    #[serde(rename = "checkType")]
    of: String,
    #[serde(default)]
    evaluated_effect: String,
    #[serde(default)]
    matched_policies: Vec<MatchedPolicy>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MatchedPolicy {
    /// The ARN of a managed policy; of others an opaque id.
    uri: String,
    #[serde(default)]
    matched_statements: Vec<MatchedStatement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MatchedStatement {
    sid: Option<String>,
    #[serde(default)]
    evaluated_effect: String,
}

#[derive(Deserialize)]
struct PolicyInfo {
    r#type: Option<String>,
    uri: Option<String>,
}

impl Details {
    fn causes(&self) -> Vec<(Cause, String)> {
        self.evaluations
            .iter()
            .flat_map(|evaluation| {
                if evaluation.checks.is_empty() {
                    self.causes_without_checks(evaluation)
                } else {
                    evaluation.checks.iter().flat_map(|check| check.causes(&evaluation.action)).collect()
                }
            })
            .collect()
    }

    fn causes_without_checks(&self, evaluation: &Evaluation) -> Vec<(Cause, String)> {
        if evaluation.evaluated_effect != "EXPLICIT_DENY" {
            return Vec::new();
        }
        let policy_type_of = |uri: &str| {
            let info = self.policies.iter().find(|info| info.uri.as_deref() == Some(uri));
            policy_type(info?.r#type.as_deref()?)
        };
        let cause = |policy: &MatchedPolicy| policy.denies(policy_type_of(&policy.uri)?, &evaluation.action);
        evaluation.matched_policies.iter().filter_map(cause).collect()
    }
}

impl Check {
    fn causes(&self, action: &str) -> Vec<(Cause, String)> {
        let Some(policy) = policy_type(&self.of) else { return Vec::new() };
        match self.evaluated_effect.as_str() {
            "EXPLICIT_DENY" => {
                let denying: Vec<_> =
                    self.matched_policies.iter().filter_map(|it| it.denies(policy, action)).collect();
                // AWS does not name the policies of another organization.
                let unnamed = || {
                    let action = Some(action.to_owned());
                    vec![with_text(Cause::ExplicitlyDenied { policy, action, policy_arn: None })]
                };
                if denying.is_empty() { unnamed() } else { denying }
            }
            "IMPLICIT_DENY" if policy == PolicyType::RoleTrust => {
                vec![with_text(Cause::CallerNotTrusted { action: action.to_owned() })]
            }
            "IMPLICIT_DENY" => {
                vec![with_text(Cause::NotAllowed { policy, action: Some(action.to_owned()) })]
            }
            _ => Vec::new(),
        }
    }
}

impl MatchedPolicy {
    /// The cause, if a statement of the policy denies.
    fn denies(&self, policy: PolicyType, action: &str) -> Option<(Cause, String)> {
        let denying = self.matched_statements.iter().filter(|it| it.evaluated_effect != "ALLOW");
        let sids: Vec<&str> = denying.map(|it| it.sid.as_deref().unwrap_or("without a Sid")).collect();
        if sids.is_empty() {
            return None;
        }
        let policy_arn = self.uri.starts_with("arn:").then(|| self.uri.clone());
        let cause = Cause::ExplicitlyDenied { policy, action: Some(action.to_owned()), policy_arn };
        let text = format!("{cause} (statement {})", sids.join(", "));
        Some((cause, text))
    }
}

fn with_text(cause: Cause) -> (Cause, String) {
    let text = cause.to_string();
    (cause, text)
}

/// The type of policy of a check, or of a policy in the first version of the preview.
fn policy_type(name: &str) -> Option<PolicyType> {
    match name {
        "PRINCIPAL" | "IDENTITY_BASED_POLICY" => Some(PolicyType::Identity),
        "PERMISSIONS_BOUNDARY" => Some(PolicyType::PermissionsBoundary),
        // The resource of AssumeRole is the role, and its policy is the trust policy.
        "RESOURCE" | "RESOURCE_BASED_POLICY" => Some(PolicyType::RoleTrust),
        "RESOURCE_CONTROL_POLICY" => Some(PolicyType::ResourceControl),
        "SERVICE_CONTROL_POLICY" => Some(PolicyType::ServiceControl),
        "SESSION" | "SESSION_POLICY" => Some(PolicyType::Session),
        "VPC_ENDPOINT" | "VPC_ENDPOINT_POLICY" => Some(PolicyType::VpcEndpoint),
        _ => None,
    }
}
