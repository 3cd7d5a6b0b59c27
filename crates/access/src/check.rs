//! What a policy grants beyond and short of what a scan needs.
//!
//! A policy is compared with the generated document of the same name. *Short* is decided by the evaluator of
//! `rolecall-policy`: each needed request must be allowed, so that a `Deny` or a condition counts as AWS counts it. *Beyond*
//! is found in two ways: the texts of the statements must be covered by what is needed (`grants`), and requests that must
//! be denied are evaluated, such as one without the external id (`probes`).
//!
//! No text of a result has a value of a condition for `sts:ExternalId`.

mod grants;
mod parse;
mod probes;
mod requests;

use rolecall_policy::{Decision, Element, Mismatch, NearestStatement, Policy};
use serde::Serialize;

use crate::documents::{DocumentName, InvalidAccess, RequiredAccess, documents};
use crate::purpose::purpose;
use crate::statement_view;
use requests::{Needs, SampleRequest};

pub use parse::{InvalidPolicy, recognize};

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyCheck {
    /// The document that the policy was compared with.
    pub document: DocumentName,
    /// What AWS rejects in the policy, each with its place.
    pub errors: Vec<String>,
    /// What AWS accepts in the policy though it never works, each with its place.
    pub warnings: Vec<String>,
    /// What it grants beyond what a scan needs.
    pub beyond: Vec<Beyond>,
    /// What it does not grant, and a scan needs.
    pub short: Vec<Short>,
}

/// Something that a policy grants and a scan does not need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Beyond {
    /// The statement, such as `Statement[0] (AllowList)`.
    pub statement: String,
    /// The element, such as `Action`.
    pub element: &'static str,
    /// The value in the policy, or the condition key that is missing; `None` where the whole element is meant.
    pub value: Option<String>,
    /// What it grants.
    pub problem: String,
}

/// A request that a scan makes and a policy does not allow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Short {
    /// The action.
    pub action: String,
    /// The resource of the evaluated request; `None` in a trust policy, whose resource is its role.
    pub resource: Option<String>,
    /// The principal of the evaluated request; `None` in a policy that is attached to the principal.
    pub principal: Option<String>,
    /// Why it is not allowed.
    pub reason: String,
    /// What the scan needs it for.
    pub needed_for: String,
}

impl PolicyCheck {
    /// Whether it allows all that a scan needs, and nothing else.
    #[must_use]
    pub fn is_least_privilege(&self) -> bool {
        self.beyond.is_empty() && self.short.is_empty()
    }
}

/// Why a policy cannot be checked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// The text is not a policy of this type.
    #[error(transparent)]
    Policy(#[from] InvalidPolicy),
    /// No policy could give the access that it is compared with.
    #[error(transparent)]
    Access(#[from] InvalidAccess),
    /// The access needs no such document.
    #[error("a scan with these options needs no {0} document")]
    NoDocument(DocumentName),
}

/// Compares the text of a policy with the document that a scan needs.
///
/// # Errors
/// [`CheckError`] where the text is not a policy of the document's type, or there is nothing to compare it with.
pub fn check(text: &str, name: DocumentName, access: &RequiredAccess) -> Result<PolicyCheck, CheckError> {
    let parsed = parse::parse(text, name)?;
    let documents = documents(access)?;
    let needed = documents.get(name).ok_or(CheckError::NoDocument(name))?;
    let needs = Needs::new(name, needed, access);
    let statements = statement_view::statements(parsed.policy.source());
    let mut beyond = grants::beyond(&statements, &needs);
    beyond.extend(probes::beyond(&parsed.policy, &needs, &beyond));
    let short = short(&parsed.policy, &needs);
    Ok(PolicyCheck { document: name, errors: parsed.errors, warnings: parsed.warnings, beyond, short })
}

/// The needed requests that the policy does not allow, one for each action and principal.
fn short(policy: &Policy, needs: &Needs<'_>) -> Vec<Short> {
    let mut all: Vec<Short> = Vec::new();
    for request in needs.requests() {
        let decision = request.decide(policy);
        let principal = needs.name.is_trust().then(|| request.request.principal.as_str().to_owned());
        let action = &request.request.action;
        let is_known = |it: &Short| it.action == *action && it.principal == principal;
        if decision.is_allowed() || all.iter().any(is_known) {
            continue;
        }
        all.push(Short {
            action: action.clone(),
            resource: (!needs.name.is_trust()).then(|| request.request.resource.clone()),
            principal,
            reason: reason(&decision, policy, &request),
            needed_for: purpose(action, &needs.access.selection),
        });
    }
    all
}

/// Why a request is not allowed: the statement that denies it, or the one that would allow it but for one element.
fn reason(decision: &Decision, policy: &Policy, request: &SampleRequest) -> String {
    match decision {
        Decision::ExplicitlyDenied(denying) => return format!("{} denies it", denying.statement),
        Decision::NeverAllowed(reason) => return (*reason).to_owned(),
        Decision::Allowed(_) | Decision::ImplicitlyDenied(_) => {}
    }
    let Some(NearestStatement { statement, mismatches, .. }) = request.nearest(policy) else {
        return "no statement allows it".to_owned();
    };
    let is_condition = |mismatch: &&Mismatch| condition_key(mismatch).is_some();
    let (conditions, others): (Vec<&Mismatch>, Vec<&Mismatch>) = mismatches.iter().partition(is_condition);
    match others.as_slice() {
        [] => {
            let keys: Vec<&str> = conditions.iter().filter_map(|mismatch| condition_key(mismatch)).collect();
            format!(
                "{statement} allows it under a condition that the scan does not meet: {}",
                keys.join(", ")
            )
        }
        [Mismatch { element: element @ (Element::Resource | Element::Principal), in_policy, .. }] => {
            format!("{statement} allows it for another {element}: {}", in_policy.join(", "))
        }
        _ => "no statement allows it".to_owned(),
    }
}

fn condition_key(mismatch: &Mismatch) -> Option<&str> {
    match &mismatch.element {
        Element::Condition { key, .. } => Some(key),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
