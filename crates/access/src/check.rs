//! What a policy grants beyond and short of what a scan needs.
//!
//! A policy is compared with the generated document of the same name. *Short* is decided by the evaluator of
//! `rolecall-policy`: each needed request must be allowed, so that a `Deny` or a condition counts as AWS counts it. *Beyond*
//! is found in two ways: the texts of the statements must be covered by what is needed (`grants`), and requests that must
//! be denied are evaluated, such as one without the external id (`probes`). The evaluated requests have the values among which the
//! policy distinguishes, and values that no policy names (`requests`). A condition key whose value is not known here counts both
//! ways (`bounds`): where the decision depends on it, the check says so and concludes nothing.
//!
//! No text of a result has a value of a condition for `sts:ExternalId`.

pub(crate) mod bounds;
mod grants;
mod parse;
mod probes;
mod requests;

use std::collections::BTreeSet;

use rolecall_policy::{Decision, Element, Mismatch, NearestStatement, Policy, is_condition_key};
use serde::Serialize;

use crate::documents::{DocumentName, InvalidAccess, RequiredAccess, documents};
use crate::purpose::purpose;
use crate::statement_view::{self, StatementView};
use bounds::Bounds;
use requests::{Needs, SampleRequest};

pub use crate::samples::named_accounts;
pub use parse::{InvalidPolicy, recognize};
pub use requests::ConditionKeys;

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
    /// What a scan needs, and it grants depending on what is not known here.
    pub undecided: Vec<Undecided>,
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

/// A request that a scan makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NeededRequest {
    /// The action.
    pub action: String,
    /// The resources, as a pattern; `None` in a trust policy, whose resource is its role.
    pub resource: Option<String>,
    /// The principal; `None` in a policy that is attached to the principal.
    pub principal: Option<String>,
    /// What the scan needs it for.
    pub needed_for: String,
}

/// A request that a policy does not allow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Short {
    /// The request.
    #[serde(flatten)]
    pub request: NeededRequest,
    /// Why it is not allowed.
    pub reason: String,
}

/// A request that a policy allows or denies depending on condition keys whose values are not known here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Undecided {
    /// The request.
    #[serde(flatten)]
    pub request: NeededRequest,
    /// The statements that decide.
    pub statements: Vec<String>,
    /// The condition keys.
    pub keys: Vec<String>,
}

impl PolicyCheck {
    /// Whether it allows all that a scan needs, and nothing else.
    #[must_use]
    pub fn is_least_privilege(&self) -> bool {
        self.beyond.is_empty() && self.short.is_empty() && self.undecided.is_empty()
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

/// Compares the text of a policy with the document that a scan needs. `context` has values of condition keys that only the caller
/// knows, such as `aws:SourceIp`.
///
/// # Errors
/// [`CheckError`] where the text is not a policy of the document's type, or there is nothing to compare it with.
pub fn check(
    text: &str,
    name: DocumentName,
    access: &RequiredAccess,
    context: &ConditionKeys,
) -> Result<PolicyCheck, CheckError> {
    let parsed = parse::parse(text, name)?;
    let documents = documents(access)?;
    let needed = documents.get(name).ok_or(CheckError::NoDocument(name))?;
    let generated = parse::generated(needed, name)?;
    let policy = &parsed.policy;
    let mut check = PolicyCheck {
        document: name,
        errors: parsed.errors,
        warnings: parsed.warnings,
        beyond: Vec::new(),
        short: Vec::new(),
        undecided: Vec::new(),
    };
    if policy.is_larger_than_any_quota(name.policy_type()) {
        // To compare it would take minutes, and no role can have it.
        return Ok(check);
    }
    let needs = Needs::new(name, needed, access, context, policy.source());
    let statements = statement_view::statements(policy.source());
    let bounds = Bounds::new(policy, needs.policy_type(), &|key| !needs.knows(key));
    check.beyond = grants::beyond(&statements, &needs);
    let probed = probes::beyond(&bounds.most, &generated, &statements, &needs, &check.beyond);
    check.beyond.extend(probed);
    for need in &needs.all {
        for request in needs.requests_of(need, &statements) {
            check.add_request(&request, policy, &bounds, &statements, &needs);
        }
    }
    Ok(check)
}

impl PolicyCheck {
    /// Adds a needed request that the policy does not allow, or of which that is not known: one for each action and principal.
    fn add_request(
        &mut self,
        request: &SampleRequest,
        policy: &Policy,
        bounds: &Bounds,
        statements: &[StatementView<'_>],
        needs: &Needs<'_>,
    ) {
        let is_trust = needs.name.is_trust();
        let action = &request.request.action;
        let needed = NeededRequest {
            action: action.clone(),
            resource: (!is_trust).then(|| request.resources.clone()),
            principal: is_trust.then(|| request.principal.clone()),
            needed_for: purpose(action, &needs.access.selection),
        };
        let known = self.short.iter().map(|it| &it.request);
        let mut known = known.chain(self.undecided.iter().map(|it| &it.request));
        let is_known = known.any(|it| (&it.action, &it.principal) == (&needed.action, &needed.principal));
        if is_known || request.decide(&bounds.least).is_allowed() {
            return;
        }
        let most = request.decide(&bounds.most);
        if !most.is_allowed() {
            self.short.push(Short { request: needed, reason: reason(&most, policy, request) });
            return;
        }
        let is_unknown = |key: &str| !needs.knows(key);
        let deciding = statements.iter().enumerate().filter(|(index, statement)| {
            !bounds::unknown_keys(statement, &is_unknown).is_empty()
                && bounds::alone(policy, needs.policy_type(), *index, &is_unknown)
                    .is_some_and(|alone| request.decide(&alone).is_allowed())
        });
        let deciding: Vec<&StatementView<'_>> = deciding.map(|(_, statement)| statement).collect();
        let keys: BTreeSet<&str> =
            deciding.iter().flat_map(|statement| bounds::unknown_keys(statement, &is_unknown)).collect();
        self.undecided.push(Undecided {
            request: needed,
            statements: deciding.iter().map(ToString::to_string).collect(),
            keys: keys.into_iter().map(shown_key).collect(),
        });
    }
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
            let keys = conditions.iter().filter_map(|mismatch| condition_key(mismatch)).map(shown_key);
            let keys: Vec<String> = keys.collect();
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

/// A condition key as it is shown. What has not the form of one may be a value in the key's place.
fn shown_key(key: &str) -> String {
    if is_condition_key(key) { key.to_owned() } else { "an invalid condition key".to_owned() }
}

#[cfg(test)]
mod tests;
