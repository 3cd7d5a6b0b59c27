//! Why a request was decided as it was: what each document contributed, and what came closest in one that contributed
//! nothing.
//!
//! It evaluates nothing by itself: the decision is that of [`authorize`], and whether an element matches is decided by the
//! functions that the decision uses.

use std::cmp::Reverse;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::authorize::{
    Decision, NamedPolicy, PolicySet, Request, authorize, closest_allow, decide_without_policies,
    evaluation_context, exemption_from, is_of_other_partition,
};
use crate::condition::Condition;
use crate::context::{is_secret_key, shown_values};
use crate::document::{Effect, EvaluationContext, Match, Policy, PolicyType, PrincipalValue, Statement};

/// The decision about a request, and what each document contributed to it.
///
/// ```
/// use rolecall_policy::{Case, DocumentEffect};
///
/// let case: Case = rolecall_json::parse(
///     r#"{
///         "name": "an external id that differs",
///         "identityPolicies": [
///             {"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}}
///         ],
///         "trustPolicy": {"Statement": {
///             "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "222222222222"},
///             "Condition": {"StringEquals": {"sts:ExternalId": "between-us"}}
///         }},
///         "request": {
///             "principal": "arn:aws:iam::222222222222:role/LambdaRole",
///             "action": "sts:AssumeRole",
///             "resource": "arn:aws:iam::111111111111:role/IAMListRole"
///         }
///     }"#,
/// )?;
/// let explanation = case.explain()?;
/// assert!(!explanation.decision.is_allowed());
/// let DocumentEffect::NoEffect { nearest: Some(nearest) } = &explanation.documents[1].effect else { unreachable!() };
/// assert_eq!(
///     nearest.mismatches[0].to_string(),
///     "Condition.StringEquals.sts:ExternalId: the request has no external id, and the policy requires one",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The decision; one that is implicit names the type of the policies that had to allow and did not.
    #[serde(serialize_with = "as_displayed")]
    pub decision: Decision,
    /// What each document contributed, in the order of [`PolicySet`]. Empty where no policy can change the decision.
    pub documents: Vec<DocumentExplanation>,
}

/// What a document contributed to a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DocumentExplanation {
    /// The type of the policy.
    #[serde(rename = "policy_type")]
    pub kind: PolicyType,
    /// [`NamedPolicy::name`] of the policy.
    pub document: String,
    /// What it contributed.
    #[serde(flatten)]
    pub effect: DocumentEffect,
}

/// The effect of a document on a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "effect")]
pub enum DocumentEffect {
    /// A statement allows the request, and none denies it.
    Allows {
        /// The statement by its index and `Sid`, such as `Statement[0] (AllowList)`.
        statement: String,
    },
    /// A statement denies the request.
    Denies {
        /// The statement by its index and `Sid`.
        statement: String,
    },
    /// No statement matches the request.
    NoEffect {
        /// The statement with `Allow` that comes closest; `None` where there is no `Allow`.
        nearest: Option<NearestStatement>,
    },
    /// Policies of the type do not apply to the request, whatever they say.
    DoesNotApply {
        /// Why not, in a few words.
        reason: &'static str,
    },
}

/// The statement with `Allow` that comes closest to a request, and what in it does not match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NearestStatement {
    /// The index in `Statement`, counted from 0.
    pub index: usize,
    /// The statement by its index and `Sid`, such as `Statement[0] (AllowList)`.
    pub statement: String,
    /// All elements that do not match, one at least: principal, action, resource, then the conditions.
    pub mismatches: Vec<Mismatch>,
}

/// An element of a statement that does not match a request, with both values. The values of `sts:ExternalId` are redacted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// The element.
    pub element: Element,
    /// The values in the policy, as it has them.
    pub in_policy: Vec<String>,
    /// The values in the request; empty where the request does not have the condition key. A session whose role is known
    /// has two: its own ARN, and that of the role.
    pub in_request: Vec<String>,
}

/// An element of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Element {
    /// `Principal`.
    Principal,
    /// `NotPrincipal`.
    NotPrincipal,
    /// `Action`.
    Action,
    /// `NotAction`.
    NotAction,
    /// `Resource`.
    Resource,
    /// `NotResource`.
    NotResource,
    /// A key of `Condition`.
    Condition {
        /// The operator, such as `StringEquals`.
        operator: String,
        /// The key, such as `sts:ExternalId`.
        key: String,
    },
}

/// Explains the decision of [`authorize`].
#[must_use]
pub fn explain(request: &Request, policies: &PolicySet) -> Explanation {
    let decision = authorize(request, policies);
    if decide_without_policies(request).is_some() {
        return Explanation { decision, documents: Vec::new() };
    }
    let evaluation = evaluation_context(request, policies);
    let explain_document = |(kind, NamedPolicy { name, policy }): (PolicyType, &NamedPolicy)| {
        let effect = exemption_from(kind, request).map_or_else(
            || effect_of(policy, evaluation, kind == PolicyType::Trust && is_of_other_partition(request)),
            |reason| DocumentEffect::DoesNotApply { reason },
        );
        DocumentExplanation { kind, document: name.clone(), effect }
    };
    Explanation { decision, documents: policies.all().map(explain_document).collect() }
}

/// The effect of a document that applies to the request. `cannot_allow` is set for a trust policy that can only deny.
fn effect_of(policy: &Policy, evaluation: EvaluationContext<'_>, cannot_allow: bool) -> DocumentEffect {
    if let Some((statement, _)) = policy.matching(Effect::Deny, evaluation).next() {
        return DocumentEffect::Denies { statement: statement.to_string() };
    }
    if cannot_allow {
        return DocumentEffect::DoesNotApply { reason: "a role trusts no principal of another partition" };
    }
    match closest_allow(policy, evaluation) {
        Some((statement, _)) => DocumentEffect::Allows { statement: statement.to_string() },
        None => DocumentEffect::NoEffect { nearest: find_nearest(policy, evaluation) },
    }
}

/// The statement with `Allow` that comes closest: the one that matches furthest in the order principal, action, resource,
/// conditions. Among equals, the one with fewer conditions that do not match, then one about the account of the principal
/// or the service of the action, then the first.
fn find_nearest(policy: &Policy, evaluation: EvaluationContext<'_>) -> Option<NearestStatement> {
    let allows = policy.statements.iter().filter(|statement| statement.effect == Effect::Allow);
    let candidates = allows.map(|statement| (statement, find_mismatches(policy, statement, evaluation)));
    let rank = |(statement, mismatches): &(&Statement, Vec<Mismatch>)| {
        let differs = |order: usize| mismatches.iter().any(|mismatch| mismatch.element.order() == order);
        let elements = [0, 1, 2].map(differs);
        (elements, mismatches.len(), Reverse(is_related(statement, evaluation)))
    };
    let (statement, mismatches) = candidates.min_by_key(rank)?;
    Some(NearestStatement { index: statement.index, statement: statement.to_string(), mismatches })
}

/// The number of elements in which the statement is about the account of the principal, or the service of the action.
fn is_related(statement: &Statement, evaluation: EvaluationContext<'_>) -> usize {
    let EvaluationContext { principal, action, .. } = evaluation;
    let account_id = principal.account_id();
    let names_account =
        |value: &PrincipalValue| !account_id.is_empty() && value.parts().1.contains(account_id);
    let service_of = |action: &str| action.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let has_account = statement.principals.as_ref().is_some_and(|all| all.all().iter().any(names_account));
    let has_service = statement.actions.all().iter().any(|pattern| service_of(pattern) == service_of(action));
    usize::from(has_account) + usize::from(has_service)
}

/// The elements of a statement that do not match the request.
fn find_mismatches(
    policy: &Policy,
    statement: &Statement,
    evaluation: EvaluationContext<'_>,
) -> Vec<Mismatch> {
    let EvaluationContext { principal, action, resource, context, .. } = evaluation;
    let variables = policy.variables(context);
    let mut mismatches = Vec::new();
    if let Some(principals) = &statement.principals
        && statement.match_principal(&evaluation).is_none()
    {
        let in_policy = principals.all().iter().map(|value| value.parts().1.to_owned()).collect();
        let in_request = principal.arns().map(str::to_owned).collect();
        let element = element(principals, Element::Principal, Element::NotPrincipal);
        mismatches.push(Mismatch { element, in_policy, in_request });
    }
    if !statement.matches_action(action) {
        let element = element(&statement.actions, Element::Action, Element::NotAction);
        let in_policy = statement.actions.all().to_vec();
        mismatches.push(Mismatch { element, in_policy, in_request: vec![action.to_owned()] });
    }
    if let Some(resources) = &statement.resources
        && !statement.matches_resource(resource, variables)
    {
        let element = element(resources, Element::Resource, Element::NotResource);
        let in_policy = resources.all().to_vec();
        mismatches.push(Mismatch { element, in_policy, in_request: vec![resource.to_owned()] });
    }
    let unmet = statement.conditions.iter().filter(|condition| !condition.evaluate(context, variables));
    mismatches.extend(unmet.map(|Condition { operator_name, key, values, .. }| Mismatch {
        element: Element::Condition { operator: operator_name.clone(), key: key.clone() },
        in_policy: shown_values(key, values),
        in_request: shown_values(key, context.get(key).unwrap_or_default()),
    }));
    mismatches
}

fn element<T>(values: &Match<T>, any: Element, not_any: Element) -> Element {
    match values {
        Match::Any(_) => any,
        Match::NotAny(_) => not_any,
    }
}

impl Element {
    /// The order in which the elements are compared.
    const fn order(&self) -> usize {
        match self {
            Self::Principal | Self::NotPrincipal => 0,
            Self::Action | Self::NotAction => 1,
            Self::Resource | Self::NotResource => 2,
            Self::Condition { .. } => 3,
        }
    }

    const fn is_negated(&self) -> bool {
        matches!(self, Self::NotPrincipal | Self::NotAction | Self::NotResource)
    }
}

/// `Principal`, or `Condition.StringEquals.sts:ExternalId`.
impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Principal => "Principal",
            Self::NotPrincipal => "NotPrincipal",
            Self::Action => "Action",
            Self::NotAction => "NotAction",
            Self::Resource => "Resource",
            Self::NotResource => "NotResource",
            Self::Condition { operator, key } => return write!(f, "Condition.{operator}.{key}"),
        })
    }
}

impl Serialize for Element {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// `Resource: the policy has "arn:aws:iam::111111111111:role/Other", the request has "arn:aws:iam::111111111111:role/R"`.
impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { element, in_policy, in_request } = self;
        write!(f, "{element}: ")?;
        match element {
            Element::Condition { key, .. } if is_secret_key(key) => f.write_str(if in_request.is_empty() {
                "the request has no external id, and the policy requires one"
            } else {
                "the request has an external id that the policy does not accept; external ids are not shown"
            }),
            Element::Condition { .. } if in_request.is_empty() => {
                write!(f, "the policy has {}, the request does not have the key", list(in_policy, "or"))
            }
            element if element.is_negated() => {
                write!(
                    f,
                    "the policy excludes {}, the request has {}",
                    list(in_policy, "or"),
                    list(in_request, "and")
                )
            }
            _ => write!(
                f,
                "the policy has {}, the request has {}",
                list(in_policy, "or"),
                list(in_request, "and")
            ),
        }
    }
}

/// The most values of an element that a text shows.
const MOST_VALUES: usize = 4;

/// Values in quotes, with a word before the last.
fn list(values: &[String], word: &str) -> String {
    let quoted: Vec<String> = values.iter().take(MOST_VALUES).map(|value| format!("{value:?}")).collect();
    match values.len().checked_sub(MOST_VALUES) {
        _ if values.is_empty() => "no value".to_owned(),
        None | Some(0) => quoted.join(&format!(" {word} ")),
        Some(more) => format!("{} {word} {more} more", quoted.join(", ")),
    }
}

/// `nearest is Statement[0]: Resource: …`.
impl fmt::Display for NearestStatement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mismatches: Vec<String> = self.mismatches.iter().map(ToString::to_string).collect();
        write!(f, "nearest is {}: {}", self.statement, mismatches.join("; "))
    }
}

impl fmt::Display for DocumentEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allows { statement } => write!(f, "allows by {statement}"),
            Self::Denies { statement } => write!(f, "denies by {statement}"),
            Self::NoEffect { nearest: Some(nearest) } => write!(f, "no effect; {nearest}"),
            Self::NoEffect { nearest: None } => f.write_str("no effect; it has no Allow"),
            Self::DoesNotApply { reason } => write!(f, "does not apply: {reason}"),
        }
    }
}

/// The decision, then a line for each document.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.decision)?;
        self.documents.iter().try_for_each(|it| write!(f, "\n{}: {}", it.document, it.effect))
    }
}

fn as_displayed<S: Serializer>(value: &impl fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}
