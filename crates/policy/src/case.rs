//! A situation in a file: policies, a request, and what is to come of it.
//!
//! The form is that of a JSON list of objects:
//!
//! | field | meaning |
//! |---|---|
//! | `name` | for people |
//! | `identityPolicies` | the principal's policies |
//! | `trustPolicy` | that of the role that is asked for; absent where it is no role |
//! | `sessionPolicy`, `permissionBoundaries`, `rcps` | further limits, absent where none applies |
//! | `scps` | the same; a list of policies, or of lists: one for the root, each unit and the account |
//! | `request` | `principal` (an ARN), `action`, `resource` (an ARN or `*`), `resourceAccount` |
//! | `context` | condition keys and their values, those of the principal included |
//! | `expected` | `Allowed` or `Denied`, where somebody knows |
//!
//! A role is matched by its ARN, path and all. The ARN of a session lacks the path: `aws:PrincipalArn` tells it, and
//! without it the session is matched by its role's name. An `aws:PrincipalArn` of another principal is an error: AWS
//! has no such request, and a verdict on it would be one on a mistyped case.

use serde::Deserialize;
use serde_json::Value;

use crate::authorize::{Decision, NamedPolicy, PolicySet, Request, authorize};
use crate::context::Context;
use crate::document::{Policy, PolicyError, PolicyType};
use crate::principal::{ParsePrincipalError, Principal, PrincipalArnMismatch};

/// A situation, as it stands in a file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Case {
    /// For people.
    pub name: String,
    #[serde(default)]
    identity_policies: Vec<Value>,
    trust_policy: Option<Value>,
    session_policy: Option<Value>,
    permission_boundaries: Option<Vec<Value>>,
    scps: Option<Vec<Value>>,
    #[serde(default)]
    rcps: Vec<Value>,
    request: CaseRequest,
    #[serde(default)]
    context: Context,
    /// What is to come of it, where somebody knows.
    pub expected: Option<Verdict>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct CaseRequest {
    principal: String,
    action: String,
    resource: String,
    resource_account: Option<String>,
}

/// A decision without its reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize)]
pub enum Verdict {
    /// The request may be done.
    Allowed,
    /// It may not.
    Denied,
}

/// A field of a case that cannot be understood, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaseError {
    /// `request.principal` is not the principal of a request.
    #[error("request.principal: {0}")]
    Principal(ParsePrincipalError),
    /// `request.action` is not a service and a name.
    #[error("request.action: {0:?} is no action, one is like \"sts:AssumeRole\"")]
    Action(String),
    /// `request.resourceAccount` is missing, and the resource, which is told, has no account id.
    #[error("request.resourceAccount is missing, and resource {0:?} does not say the account")]
    MissingResourceAccount(String),
    /// `request.resourceAccount` is not an account id.
    #[error("request.resourceAccount: {0:?} is no account id of 12 digits")]
    ResourceAccount(String),
    /// `aws:PrincipalArn` of the context belongs to another principal.
    #[error("context \"aws:PrincipalArn\": {0}")]
    PrincipalArn(PrincipalArnMismatch),
    /// A policy is not a policy document of its type.
    #[error("{name}: {error}")]
    Policy {
        /// The field that the policy is in, and its place there.
        name: String,
        /// What is wrong with it.
        error: PolicyError,
    },
}

impl From<&Decision> for Verdict {
    fn from(decision: &Decision) -> Self {
        if decision.is_allowed() { Self::Allowed } else { Self::Denied }
    }
}

impl Case {
    /// Decides it.
    ///
    /// # Errors
    /// [`CaseError`] names the field that cannot be understood.
    pub fn decide(&self) -> Result<Decision, CaseError> {
        Ok(authorize(&self.request()?, &self.policies()?))
    }

    /// What AWS calls an error in its policies, though they can be decided.
    ///
    /// # Errors
    /// [`CaseError`] names the field that cannot be understood.
    pub fn policy_errors(&self) -> Result<Vec<String>, CaseError> {
        let policies = self.policies()?;
        let errors_of = |(kind, NamedPolicy { name, policy }): (_, &NamedPolicy)| {
            policy.errors(kind).into_iter().map(|error| format!("{name}: {error}")).collect::<Vec<_>>()
        };
        Ok(policies.all().flat_map(errors_of).collect())
    }

    fn request(&self) -> Result<Request, CaseError> {
        let CaseRequest { principal, action, resource, resource_account } = &self.request;
        let of_resource = || resource.split(':').nth(4).filter(|id| !id.is_empty());
        let resource_account = resource_account.as_deref().or_else(of_resource);
        let resource_account =
            resource_account.ok_or_else(|| CaseError::MissingResourceAccount(resource.clone()))?;
        if resource_account.len() != 12 || !resource_account.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(CaseError::ResourceAccount(resource_account.to_owned()));
        }
        let is_action = action.split_once(':').is_some_and(|(service, name)| {
            let is_word =
                |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            is_word(service) && is_word(name)
        });
        if !is_action {
            return Err(CaseError::Action(action.clone()));
        }
        Ok(Request {
            principal: self.principal(principal)?,
            action: action.clone(),
            resource: resource.clone(),
            resource_account: resource_account.to_owned(),
            context: self.context.clone(),
        })
    }

    /// The principal, and the path of its role where `aws:PrincipalArn` tells it.
    fn principal(&self, text: &str) -> Result<Principal, CaseError> {
        let principal: Principal = text.parse().map_err(CaseError::Principal)?;
        let principal_arns = self.context.get("aws:PrincipalArn").unwrap_or_default();
        principal_arns.iter().try_fold(principal, |principal, principal_arn| {
            principal.with_principal_arn(principal_arn).map_err(CaseError::PrincipalArn)
        })
    }

    fn policies(&self) -> Result<PolicySet, CaseError> {
        let one = |name: &str, policy: &Option<Value>, kind| {
            policy.as_ref().map(|policy| document(name.to_owned(), policy, kind)).transpose()
        };
        let all = |name: &str, policies: &[Value], kind| {
            let numbered = policies.iter().enumerate();
            numbered.map(|(n, policy)| document(format!("{name}[{n}]"), policy, kind)).collect()
        };
        let some = |name: &str, policies: &Option<Vec<Value>>, kind| {
            policies.as_ref().map(|policies| all(name, policies, kind)).transpose()
        };
        Ok(PolicySet {
            identity: all("identityPolicies", &self.identity_policies, PolicyType::Identity)?,
            trust: one("trustPolicy", &self.trust_policy, PolicyType::Trust)?,
            session: one("sessionPolicy", &self.session_policy, PolicyType::Session)?,
            boundaries: some("permissionBoundaries", &self.permission_boundaries, PolicyType::Boundary)?,
            scps: self.scps.as_deref().map(levels).transpose()?,
            rcps: all("rcps", &self.rcps, PolicyType::Rcp)?,
        })
    }
}

/// The policies of an organisation's levels; written as one list they are one level.
fn levels(scps: &[Value]) -> Result<Vec<Vec<NamedPolicy>>, CaseError> {
    let level = |name: &str, scps: &[Value]| {
        let numbered = scps.iter().enumerate();
        numbered.map(|(n, policy)| document(format!("{name}[{n}]"), policy, PolicyType::Scp)).collect()
    };
    let nested: Option<Vec<&Vec<Value>>> = scps.iter().map(Value::as_array).collect();
    match nested {
        Some(levels) if !levels.is_empty() => {
            levels.into_iter().enumerate().map(|(n, scps)| level(&format!("scps[{n}]"), scps)).collect()
        }
        _ => Ok(vec![level("scps", scps)?]),
    }
}

fn document(name: String, policy: &Value, kind: PolicyType) -> Result<NamedPolicy, CaseError> {
    match Policy::parse(policy, kind) {
        Ok(policy) => Ok(NamedPolicy { name, policy }),
        Err(error) => Err(CaseError::Policy { name, error }),
    }
}
