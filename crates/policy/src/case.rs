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

use crate::authorize::{Decision, Document, Policies, Request, authorize};
use crate::context::Context;
use crate::document::{Kind, Policy};
use crate::principal::Principal;

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
    request: Asked,
    #[serde(default)]
    context: Context,
    /// What is to come of it, where somebody knows.
    pub expected: Option<Verdict>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Asked {
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

impl From<&Decision> for Verdict {
    fn from(decision: &Decision) -> Self {
        if decision.is_allowed() { Self::Allowed } else { Self::Denied }
    }
}

impl Case {
    /// Decides it.
    ///
    /// # Errors
    /// The field that cannot be understood, and why.
    pub fn decide(&self) -> Result<Decision, String> {
        Ok(authorize(&self.request()?, &self.policies()?))
    }

    /// What AWS calls an error in its policies, though they can be decided.
    ///
    /// # Errors
    /// The field that cannot be understood, and why.
    pub fn policy_errors(&self) -> Result<Vec<String>, String> {
        let policies = self.policies()?;
        let errors_of = |(kind, Document { name, policy }): (_, &Document)| {
            policy.errors(kind).into_iter().map(|error| format!("{name}: {error}")).collect::<Vec<_>>()
        };
        Ok(policies.all().flat_map(errors_of).collect())
    }

    fn request(&self) -> Result<Request, String> {
        let Asked { principal, action, resource, resource_account } = &self.request;
        let of_resource = || resource.split(':').nth(4).filter(|id| !id.is_empty());
        let resource_account = resource_account.as_deref().or_else(of_resource).ok_or_else(|| {
            format!("request.resourceAccount is missing, and resource {resource:?} does not say the account")
        })?;
        if resource_account.len() != 12 || !resource_account.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!(
                "request.resourceAccount: {resource_account:?} is no account id of 12 digits"
            ));
        }
        let is_action = action.split_once(':').is_some_and(|(service, name)| {
            let is_word =
                |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            is_word(service) && is_word(name)
        });
        if !is_action {
            return Err(format!("request.action: {action:?} is no action, one is like \"sts:AssumeRole\""));
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
    fn principal(&self, text: &str) -> Result<Principal, String> {
        let principal: Principal = text.parse().map_err(|problem| format!("request.principal: {problem}"))?;
        let principal_arns = self.context.get("aws:PrincipalArn").unwrap_or_default();
        principal_arns.iter().try_fold(principal, |principal, principal_arn| {
            principal
                .with_principal_arn(principal_arn)
                .map_err(|mismatch| format!("context \"aws:PrincipalArn\": {mismatch}"))
        })
    }

    fn policies(&self) -> Result<Policies, String> {
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
        Ok(Policies {
            identity: all("identityPolicies", &self.identity_policies, Kind::Identity)?,
            trust: one("trustPolicy", &self.trust_policy, Kind::Trust)?,
            session: one("sessionPolicy", &self.session_policy, Kind::Session)?,
            boundaries: some("permissionBoundaries", &self.permission_boundaries, Kind::Boundary)?,
            scps: self.scps.as_deref().map(levels).transpose()?,
            rcps: all("rcps", &self.rcps, Kind::Rcp)?,
        })
    }
}

/// The policies of an organisation's levels; written as one list they are one level.
fn levels(scps: &[Value]) -> Result<Vec<Vec<Document>>, String> {
    let level = |name: &str, scps: &[Value]| {
        let numbered = scps.iter().enumerate();
        numbered.map(|(n, policy)| document(format!("{name}[{n}]"), policy, Kind::Scp)).collect()
    };
    let nested: Option<Vec<&Vec<Value>>> = scps.iter().map(Value::as_array).collect();
    match nested {
        Some(levels) if !levels.is_empty() => {
            levels.into_iter().enumerate().map(|(n, scps)| level(&format!("scps[{n}]"), scps)).collect()
        }
        _ => Ok(vec![level("scps", scps)?]),
    }
}

fn document(name: String, policy: &Value, kind: Kind) -> Result<Document, String> {
    let policy = Policy::parse(policy, kind).map_err(|problem| format!("{name}: {problem}"))?;
    Ok(Document { name, policy })
}
