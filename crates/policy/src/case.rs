//! A test case in a file: policies, a request, and the expected decision.
//!
//! A file is a JSON list of objects with these fields:
//!
//! | field | meaning |
//! |---|---|
//! | `name` | a name for reports |
//! | `identityPolicies` | the identity-based policies of the principal |
//! | `trustPolicy` | the trust policy of the role to assume; absent where the resource is not a role |
//! | `sessionPolicy`, `permissionBoundaries`, `rcps` | further policies that limit access; absent where none applies |
//! | `scps` | the same; a list of policies, or a list of lists: one for the root, each unit and the account |
//! | `request` | `principal` (an ARN), `action`, `resource` (an ARN or `*`), `resourceAccount` |
//! | `context` | condition keys and their values, including those of the principal |
//! | `expected` | `Allowed` or `Denied`; absent where the decision is not known |
//!
//! A role is matched by its ARN with the path. The ARN of a session has no path: `aws:PrincipalArn` in the context has it,
//! and without that key a session is matched by the name of its role. An `aws:PrincipalArn` of another principal is an
//! error: AWS never sends such a request, so the case must be mistyped.

use std::fmt;

use rolecall_json::JsonPath;
use serde::Deserialize;
use serde_json::Value;

use crate::authorize::{Decision, NamedPolicy, PolicySet, Request, authorize};
use crate::context::Context;
use crate::document::{Policy, PolicyError, PolicyType};
use crate::explain::{Explanation, explain};
use crate::principal::{ParsePrincipalError, Principal, PrincipalArnMismatch};

/// A test case of a file.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Case {
    /// A name for reports.
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
    /// The expected decision; `None` where it is not known.
    pub expected: Option<Verdict>,
}

/// Without the policies and the context, which may hold an external id.
impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, request, expected, .. } = self;
        let mut debug = f.debug_struct("Case");
        debug.field("name", name).field("request", request).field("expected", expected);
        debug.finish_non_exhaustive()
    }
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
    /// The request is allowed.
    Allowed,
    /// The request is denied, explicitly or implicitly.
    Denied,
}

/// A field of a case that is invalid, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaseError {
    /// `request.principal` cannot make a request.
    #[error("request.principal: {0}")]
    Principal(ParsePrincipalError),
    /// `request.action` is not of the form `service:Name`.
    #[error("request.action: invalid action {0:?}; expected for example \"sts:AssumeRole\"")]
    Action(String),
    /// `request.resourceAccount` is missing, and the resource (in the variant) has no account id.
    #[error("request.resourceAccount is required, because resource {0:?} has no account id")]
    MissingResourceAccount(String),
    /// `request.resourceAccount` is not an account id.
    #[error("request.resourceAccount: {0:?} is not an account id of 12 digits")]
    ResourceAccount(String),
    /// `aws:PrincipalArn` of the context belongs to another principal.
    #[error("context \"aws:PrincipalArn\": {0}")]
    PrincipalArn(PrincipalArnMismatch),
    /// A policy is not a valid document of its type.
    #[error("{name}: {error}")]
    Policy {
        /// The field of the policy, with its index in a list, such as `identityPolicies[0]`.
        name: String,
        /// What is wrong with the policy.
        error: PolicyError,
    },
}

impl CaseError {
    /// The path in the case to the value that is invalid.
    #[must_use]
    pub fn path(&self) -> JsonPath {
        let request = JsonPath::root().field("request");
        match self {
            Self::Principal(_) => request.field("principal"),
            Self::Action(_) => request.field("action"),
            Self::MissingResourceAccount(_) => request.field("resource"),
            Self::ResourceAccount(_) => request.field("resourceAccount"),
            Self::PrincipalArn(_) => JsonPath::root().field("context"),
            Self::Policy { name, error } => path_of(name).join(error.culprit()),
        }
    }
}

/// Something in a policy of a case that should be corrected, though the case can be evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseWarning {
    path: JsonPath,
    message: String,
}

impl CaseWarning {
    /// The path in the case to the element.
    #[must_use]
    pub fn path(&self) -> &JsonPath {
        &self.path
    }
}

/// `trustPolicy: Statement[0].Sid: "a b" has other characters than letters and digits (AWS rejects such a policy)`.
impl fmt::Display for CaseWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<&Decision> for Verdict {
    fn from(decision: &Decision) -> Self {
        if decision.is_allowed() { Self::Allowed } else { Self::Denied }
    }
}

impl Case {
    /// Evaluates the policies for the request.
    ///
    /// # Errors
    /// [`CaseError`] names the invalid field.
    pub fn decide(&self) -> Result<Decision, CaseError> {
        Ok(authorize(&self.request()?, &self.policies()?))
    }

    /// Evaluates the policies for the request, and says what each of them contributed.
    ///
    /// # Errors
    /// [`CaseError`] names the invalid field.
    pub fn explain(&self) -> Result<Explanation, CaseError> {
        Ok(explain(&self.request()?, &self.policies()?))
    }

    /// What should be corrected in the policies, though they can be evaluated: what AWS reports as errors, and what AWS
    /// accepts though it never works.
    ///
    /// # Errors
    /// [`CaseError`] names the invalid field.
    pub fn warnings(&self) -> Result<Vec<CaseWarning>, CaseError> {
        let policies = self.policies()?;
        let warnings = policies.all().flat_map(|(policy_type, NamedPolicy { name, policy })| {
            let document = path_of(name);
            let warning = |path: &JsonPath, message| CaseWarning { path: document.join(path), message };
            let errors = policy.errors(policy_type).into_iter().map(|error| {
                warning(error.culprit(), format!("{name}: {error} (AWS rejects such a policy)"))
            });
            let lints = policy.lints(policy_type).into_iter();
            let lints = lints.map(|lint| warning(&lint.culprit(), format!("{name}: {lint}")));
            errors.chain(lints).collect::<Vec<_>>()
        });
        Ok(warnings.collect())
    }

    /// What AWS reports as errors in the policies, though they can be evaluated.
    ///
    /// # Errors
    /// [`CaseError`] names the invalid field.
    pub fn policy_errors(&self) -> Result<Vec<String>, CaseError> {
        let policies = self.policies()?;
        let find_errors = |(policy_type, NamedPolicy { name, policy }): (_, &NamedPolicy)| {
            policy.errors(policy_type).into_iter().map(|error| format!("{name}: {error}")).collect::<Vec<_>>()
        };
        Ok(policies.all().flat_map(find_errors).collect())
    }

    fn request(&self) -> Result<Request, CaseError> {
        let CaseRequest { principal, action, resource, resource_account } = &self.request;
        let account_in_arn = || resource.split(':').nth(4).filter(|id| !id.is_empty());
        let resource_account = resource_account.as_deref().or_else(account_in_arn);
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

    /// The principal, with the path of its role where the context has `aws:PrincipalArn`.
    fn principal(&self, text: &str) -> Result<Principal, CaseError> {
        let principal: Principal = text.parse().map_err(CaseError::Principal)?;
        let principal_arns = self.context.get("aws:PrincipalArn").unwrap_or_default();
        principal_arns.iter().try_fold(principal, |principal, principal_arn| {
            principal.with_principal_arn(principal_arn).map_err(CaseError::PrincipalArn)
        })
    }

    fn policies(&self) -> Result<PolicySet, CaseError> {
        let parse_optional = |name: &str, policy: &Option<Value>, policy_type| {
            policy.as_ref().map(|policy| parse_policy(name.to_owned(), policy, policy_type)).transpose()
        };
        let parse_optional_list = |name: &str, policies: &Option<Vec<Value>>, policy_type| {
            policies.as_ref().map(|policies| parse_list(name, policies, policy_type)).transpose()
        };
        Ok(PolicySet {
            identity: parse_list("identityPolicies", &self.identity_policies, PolicyType::Identity)?,
            trust: parse_optional("trustPolicy", &self.trust_policy, PolicyType::Trust)?,
            session: parse_optional("sessionPolicy", &self.session_policy, PolicyType::Session)?
                .map(|policy| vec![policy]),
            boundaries: parse_optional_list(
                "permissionBoundaries",
                &self.permission_boundaries,
                PolicyType::Boundary,
            )?,
            scps: self.scps.as_deref().map(parse_scp_levels).transpose()?,
            rcps: parse_list("rcps", &self.rcps, PolicyType::Rcp)?,
        })
    }
}

/// The path in a case to a policy with this name, such as `scps[0][1]`.
fn path_of(name: &str) -> JsonPath {
    let mut parts = name.split('[');
    let field = JsonPath::root().field(parts.next().unwrap_or_default());
    let indexes = parts.filter_map(|part| part.strip_suffix(']')?.parse().ok());
    indexes.fold(field, |path, index| path.item(index))
}

/// The service control policies of each level of the organization. A flat list is a single level.
fn parse_scp_levels(scps: &[Value]) -> Result<Vec<Vec<NamedPolicy>>, CaseError> {
    let nested: Option<Vec<&Vec<Value>>> = scps.iter().map(Value::as_array).collect();
    match nested {
        Some(levels) if !levels.is_empty() => {
            let levels = levels.into_iter().enumerate();
            levels.map(|(n, scps)| parse_list(&format!("scps[{n}]"), scps, PolicyType::Scp)).collect()
        }
        _ => Ok(vec![parse_list("scps", scps, PolicyType::Scp)?]),
    }
}

fn parse_list(
    name: &str,
    policies: &[Value],
    policy_type: PolicyType,
) -> Result<Vec<NamedPolicy>, CaseError> {
    let numbered = policies.iter().enumerate();
    numbered.map(|(n, policy)| parse_policy(format!("{name}[{n}]"), policy, policy_type)).collect()
}

fn parse_policy(name: String, policy: &Value, policy_type: PolicyType) -> Result<NamedPolicy, CaseError> {
    match Policy::parse(policy, policy_type) {
        Ok(policy) => Ok(NamedPolicy { name, policy }),
        Err(error) => Err(CaseError::Policy { name, error }),
    }
}
