//! From a decision about policy documents to its link, its causes and their cures.
//!
//! The documents are evaluated by `crates/policy`, which names the nearest statement of a document that has no effect, and the
//! elements that did not match.

use std::collections::{BTreeMap, BTreeSet};

use rolecall_policy::{
    Context, Decision, DocumentEffect, Element, Explanation, Mismatch, NamedPolicy, NearestStatement,
    ParsePrincipalError, Policy, PolicySet, PolicyType, Principal, Request, explain,
};
use rolecall_roll::{Cause, Link, Terms};
use serde_json::{Value, json};

use super::answers::candidate;
use super::cure::{self, Cure, Paste, SessionRequest, last_segment};
use super::{Candidate, Evidence};
use crate::request_keys::is_of_request;
use crate::samples::account_of;
use crate::statement::{Conditions, PolicyDocument};
use crate::statement_view::{self, StatementView};

/// The condition keys of these policies of which it is not known whether a request has them, and with which value. `known` are those
/// that were given.
pub(super) fn unknown_keys<'a>(
    policies: impl IntoIterator<Item = &'a NamedPolicy>,
    known: &BTreeMap<String, Vec<String>>,
) -> BTreeSet<String> {
    let statements =
        policies.into_iter().flat_map(|policy| statement_view::statements(policy.policy.source()));
    let keys = statements.flat_map(|statement| statement.deciding_keys());
    let mut unknown: BTreeSet<String> = keys.filter(|key| !is_of_request(key)).map(str::to_owned).collect();
    unknown.retain(|key| !known.keys().any(|given| given.eq_ignore_ascii_case(key)));
    unknown
}

/// Permissions that allow everything: the caller's side is not in question.
///
/// # Errors
/// Why it is no policy, in a few words.
pub(super) fn all_permissions() -> Result<NamedPolicy, String> {
    policy_of_statement(&json!({ "Effect": "Allow", "Action": "*", "Resource": "*" }), PolicyType::Identity)
}

/// A trust policy that leaves it to an account which of its principals may assume the role: the role's side is not in question.
///
/// # Errors
/// Why it is no policy, in a few words.
pub(super) fn trust_in_account(account_id: &str) -> Result<NamedPolicy, String> {
    let principal = json!({ "AWS": account_id });
    policy_of_statement(
        &json!({ "Effect": "Allow", "Action": "sts:*", "Principal": principal }),
        PolicyType::Trust,
    )
}

fn policy_of_statement(statement: &Value, policy_type: PolicyType) -> Result<NamedPolicy, String> {
    let document = json!({ "Version": "2012-10-17", "Statement": statement });
    let policy = Policy::parse(&document, policy_type).map_err(|error| error.to_string())?;
    Ok(NamedPolicy { name: "everything".to_owned(), policy })
}

/// A denied request for a session.
pub(super) struct Denial {
    pub(super) link: Link,
    pub(super) candidate: Candidate,
    /// A condition key of which it is not known whether the request has it: the denial is not certain.
    pub(super) unknown_key: Option<String>,
}

/// Evaluates the policies for each action of a request for a session: the first denial, or `None` where all is allowed.
///
/// # Errors
/// Why nothing can be evaluated: the ARN is not that of a principal that makes requests, the role's ARN is that of another one, or
/// the policies decide by the path of the caller's role, which is not known.
pub(super) fn evaluate_session(
    request: &SessionRequest,
    policies: &PolicySet,
    more_keys: &BTreeMap<String, Vec<String>>,
    terms: &dyn Terms,
) -> Result<Option<Denial>, String> {
    evaluate_decided(request, policies, policies, more_keys, terms)
}

/// As [`evaluate_session`], for policies of which `decided` are the bounds: these decide, and what a statement keeps is of the policies
/// themselves.
pub(super) fn evaluate_decided(
    request: &SessionRequest,
    decided: &PolicySet,
    policies: &PolicySet,
    more_keys: &BTreeMap<String, Vec<String>>,
    terms: &dyn Terms,
) -> Result<Option<Denial>, String> {
    let denied = first_denial(request, decided, more_keys)?;
    Ok(denied.and_then(|(request, action, explanation)| {
        denial(&explanation, policies, more_keys, &request, action, terms)
    }))
}

/// The first action that the policies deny: the request with the caller's role as it is evaluated, the action, and why.
///
/// # Errors
/// As those of [`evaluate_session`].
pub(super) fn first_denial(
    request: &SessionRequest,
    policies: &PolicySet,
    more_keys: &BTreeMap<String, Vec<String>>,
) -> Result<Option<(SessionRequest, &'static str, Explanation)>, String> {
    let evaluate = |request: SessionRequest| {
        for action in request.actions() {
            let explanation = explain(&policy_request(&request, action, more_keys)?, policies);
            if !explanation.decision.is_allowed() {
                return Ok(Some((request, action, explanation)));
            }
        }
        Ok(None)
    };
    let with_role =
        |role_arn: &String| SessionRequest { caller_role_arn: Some(role_arn.clone()), ..request.clone() };
    let (named, roles) = possible_roles(request, policies);
    if let Some(named) = &named {
        return evaluate(with_role(named));
    }
    if roles.is_empty() {
        return evaluate(request.clone());
    }
    let mut results =
        roles.iter().map(|role_arn| evaluate(with_role(role_arn))).collect::<Result<Vec<_>, String>>()?;
    if results.iter().any(Option::is_some) && results.iter().any(Option::is_none) {
        return Err(format!(
            "the policies decide by the path of role {}, which the ARN of its session does not have; pass --context \
             aws:PrincipalArn=ARN with the ARN of the role",
            last_segment(roles.first().map_or("", String::as_str))
        ));
    }
    if results.iter().all(Option::is_none) {
        return Ok(None);
    }
    // Without a role ARN, which is not known, unless the policies compare it.
    match evaluate(request.clone())? {
        Some((request, action, explanation)) if !compares_principal_arn(&explanation) => {
            Ok(Some((request, action, explanation)))
        }
        _ => Ok(results.swap_remove(0)),
    }
}

/// Whether the statement that comes closest to allowing the request has another value of `aws:PrincipalArn`.
fn compares_principal_arn(explanation: &Explanation) -> bool {
    let Decision::ImplicitlyDenied(kind) = &explanation.decision else { return false };
    nearest(explanation, *kind).is_some_and(|(_, statement)| {
        statement.mismatches.iter().any(|mismatch| match &mismatch.element {
            Element::Condition { key, .. } => key.eq_ignore_ascii_case("aws:PrincipalArn"),
            _ => false,
        })
    })
}

/// Where a caller is known by its session only: the ARN of its role in a trust policy that names it, since IAM accepts only principals
/// that exist, and names are unique in an account; otherwise the ARNs that it can have, one with each path by which the policies
/// decide, and one without a path.
fn possible_roles(request: &SessionRequest, policies: &PolicySet) -> (Option<String>, Vec<String>) {
    let none = (None, Vec::new());
    let session: Vec<&str> = request.caller_arn.splitn(6, ':').collect();
    let [_, partition, "sts", _, account_id, resource] = session.as_slice() else { return none };
    let name = resource.strip_prefix("assumed-role/").and_then(|rest| rest.split('/').next());
    let (Some(name), None) = (name, &request.caller_role_arn) else { return none };
    let prefix = format!("arn:{partition}:iam::{account_id}:role/");
    let sources: Vec<&Value> = policies.all().map(|(_, policy)| policy.policy.source()).collect();
    let statements: Vec<StatementView<'_>> =
        sources.into_iter().flat_map(statement_view::statements).collect();
    let principals = statements.iter().flat_map(StatementView::principals).map(|(_, value)| value);
    let mut named = principals.filter(|it| it.starts_with(&prefix) && last_segment(it) == name);
    if let Some(named) = named.next() {
        return (Some(named.to_owned()), Vec::new());
    }
    let conditions = statements.iter().flat_map(StatementView::conditions);
    let patterns = conditions.filter(|(_, key, _)| key.eq_ignore_ascii_case("aws:PrincipalArn"));
    let paths = patterns.flat_map(|(_, _, values)| values).filter_map(|pattern| {
        let (_, path) = pattern.split_once(":role/")?;
        let (path, _) = path.rsplit_once('/')?;
        Some(format!("{prefix}{}/{name}", path.replace(['*', '?'], "x")))
    });
    let mut roles: Vec<String> = paths.collect();
    roles.push(format!("{prefix}{name}"));
    roles.dedup();
    (None, roles)
}

/// One action of a request for a session, as it is evaluated.
fn policy_request(
    request: &SessionRequest,
    action: &str,
    more_keys: &BTreeMap<String, Vec<String>>,
) -> Result<Request, String> {
    Ok(Request {
        principal: principal(&request.caller_arn, request.caller_role_arn.as_deref())?,
        action: action.to_owned(),
        resource: request.role_arn.as_str().to_owned(),
        resource_account: account_of(request.role_arn.as_str()).to_owned(),
        context: context(request, more_keys),
    })
}

/// A caller as policies match it: a session with the path of its role, where that is known.
///
/// # Errors
/// Why it is no principal, in a few words.
pub(super) fn principal(arn: &str, role_arn: Option<&str>) -> Result<Principal, String> {
    let principal: Principal = arn.parse().map_err(|error: ParsePrincipalError| error.to_string())?;
    match role_arn {
        Some(role_arn) if role_arn != arn => {
            principal.with_principal_arn(role_arn).map_err(|error| error.to_string())
        }
        _ => Ok(principal),
    }
}

/// The condition keys that the request has, as far as they are known here.
fn context(request: &SessionRequest, more_keys: &BTreeMap<String, Vec<String>>) -> Context {
    let role_account = account_of(request.role_arn.as_str());
    let mut context = principal_context(&request.principal_arn(), role_account, more_keys);
    context.set("sts:RoleSessionName", &request.session_name);
    if let Some(external_id) = &request.external_id {
        context.set("sts:ExternalId", external_id.expose());
    }
    if let Some(source_identity) = &request.source_identity {
        context.set("sts:SourceIdentity", source_identity);
    }
    for (key, value) in &request.tags {
        context.set(&format!("aws:RequestTag/{key}"), value);
    }
    if !request.tags.is_empty() {
        context.set_all("aws:TagKeys", request.tags.iter().map(|(key, _)| key.clone()));
    }
    context
}

/// The condition keys of any request of a role or a user, and those that were given.
pub(super) fn principal_context(
    principal_arn: &str,
    resource_account: &str,
    given: &BTreeMap<String, Vec<String>>,
) -> Context {
    let mut context = given_context(given);
    let principal_type = if principal_arn.contains(":user/") { "User" } else { "AssumedRole" };
    context.set("aws:PrincipalArn", principal_arn);
    context.set("aws:PrincipalAccount", account_of(principal_arn));
    context.set("aws:PrincipalType", principal_type);
    context.set("aws:PrincipalIsAWSService", "false");
    context.set("aws:ResourceAccount", resource_account);
    context
}

/// The condition keys that were given, and those that every request has in the same way. An empty value means that the request does
/// not have the key.
pub(super) fn given_context(given: &BTreeMap<String, Vec<String>>) -> Context {
    let mut context = Context::default();
    context.set("aws:SecureTransport", "true");
    context.set("aws:ViaAWSService", "false");
    for (key, values) in given {
        let values: Vec<String> = values.iter().filter(|value| !value.is_empty()).cloned().collect();
        if !values.is_empty() {
            context.set_all(key, values);
        }
    }
    context
}

/// The denial of one action; `None` where it is allowed.
fn denial(
    explanation: &Explanation,
    policies: &PolicySet,
    more_keys: &BTreeMap<String, Vec<String>>,
    request: &SessionRequest,
    action: &str,
    terms: &dyn Terms,
) -> Option<Denial> {
    let (link, candidate) = match &explanation.decision {
        Decision::Allowed(_) => return None,
        Decision::NeverAllowed(_) => {
            let cause = Cause::RootUser;
            (Link::Caller, candidate(cause.clone(), Cure::Step(cause.to_do(terms))))
        }
        Decision::ExplicitlyDenied(statement) => {
            let policy = named(statement.kind);
            let cause = Cause::ExplicitlyDenied { policy, action: Some(action.to_owned()), policy_arn: None };
            let text = format!("{statement} denies {action}");
            (link(statement.kind), with_text(cause.clone(), Some(text), Cure::Step(cause.to_do(terms))))
        }
        Decision::ImplicitlyDenied(kind) => {
            let nearest = nearest(explanation, *kind);
            let found = match kind {
                PolicyType::Trust => trust_candidate(nearest, policies, more_keys, request, action, terms),
                kind => limit_candidate(*kind, nearest, policies, request, action, terms),
            };
            (link(*kind), found)
        }
    };
    let is_about_session = action != "sts:AssumeRole";
    let link = if is_about_session { Link::Session } else { link };
    Some(Denial { link, candidate, unknown_key: unknown_key(explanation) })
}

/// The key of the condition that denies, if only AWS knows its value.
fn unknown_key(explanation: &Explanation) -> Option<String> {
    let Decision::ImplicitlyDenied(kind) = &explanation.decision else { return None };
    let (_, statement) = nearest(explanation, *kind)?;
    match statement.mismatches.first()? {
        Mismatch { element: Element::Condition { key, .. }, in_request, .. } if in_request.is_empty() => {
            (!is_of_request(key)).then(|| key.clone())
        }
        _ => None,
    }
}

/// A candidate with a sentence of its own, if it has one.
fn with_text(cause: Cause, text: Option<String>, cure: Cure) -> Candidate {
    let candidate = candidate(cause, cure);
    Candidate { text: text.unwrap_or_else(|| candidate.text.clone()), ..candidate }
}

/// The document and the statement that came closest to allowing the request, among the documents of a type.
pub(super) fn nearest(explanation: &Explanation, kind: PolicyType) -> Option<(&str, &NearestStatement)> {
    let of_kind = explanation.documents.iter().filter(|document| document.kind == kind);
    let nearest = of_kind.filter_map(|document| match &document.effect {
        DocumentEffect::NoEffect { nearest } => Some((document.document.as_str(), nearest.as_ref()?)),
        DocumentEffect::Allows { .. }
        | DocumentEffect::Denies { .. }
        | DocumentEffect::DoesNotApply { .. } => None,
    });
    nearest.min_by_key(|(_, statement)| statement.mismatches.len())
}

/// Why a trust policy does not allow the caller the action.
fn trust_candidate(
    nearest: Option<(&str, &NearestStatement)>,
    policies: &PolicySet,
    more_keys: &BTreeMap<String, Vec<String>>,
    request: &SessionRequest,
    action: &str,
    terms: &dyn Terms,
) -> Candidate {
    let not_trusted = Cause::CallerNotTrusted { action: action.to_owned() };
    let pasted = |cause: Cause, text: Option<String>, existing: &Conditions| {
        let also = unmet_key(request, action, existing, policies, more_keys).map(|key| {
            let step = Cause::TrustConditionNotMet { key: Some(key.clone()) }.to_do(terms);
            kept_condition(&key, &step)
        });
        let paste = cure::trust_paste(request, action, existing, true).map(|paste| Paste { also, ..paste });
        let cure = paste.map_or_else(|| Cure::Step(cause.to_do(terms)), |paste| Cure::Paste(Box::new(paste)));
        with_text(cause, text, cure)
    };
    let trust = policies.trust.as_ref().map(|trust| statement_view::statements(trust.policy.source()));
    let statements = trust.unwrap_or_default();
    let found = nearest.and_then(|(document, it)| Some((document, it, it.mismatches.first()?)));
    let Some((document, statement, mismatch)) = found else {
        return pasted(not_trusted, None, &strictest_conditions(&statements));
    };
    // Where no statement names the caller, it is held to what the strictest of the others requires.
    let conditions = match mismatch.element {
        Element::Principal | Element::NotPrincipal => strictest_conditions(&statements),
        _ => statements.get(statement.index).map(|it| it.to_conditions()).unwrap_or_default(),
    };
    let text = Some(format!("{document} {}: {mismatch}", statement.statement));
    match &mismatch.element {
        Element::Condition { key, .. } => {
            let cause = Cause::TrustConditionNotMet { key: Some(key.clone()) };
            let step = cause.to_do(terms);
            with_text(cause, text, Cure::Step(step))
        }
        Element::Principal if mismatch.in_policy.iter().any(|id| is_unique_id(id)) => {
            let mut candidate = pasted(Cause::TrustedPrincipalDeleted, text, &conditions);
            // AWS saves no document with the id of an entity that is gone.
            if let Cure::Paste(paste) = &mut candidate.cure {
                paste.into = match mismatch.in_policy.as_slice() {
                    [_] => format!("{}, in place of {}", paste.into, statement.statement),
                    _ => format!(
                        "{}; and remove the ids that begin with AROA or AIDA from the Principal of {}, which names others too",
                        paste.into, statement.statement
                    ),
                };
            }
            candidate
        }
        _ => pasted(not_trusted, text, &conditions),
    }
}

/// The condition key of a pasted statement that the request does not meet, as far as that is known. The external id is told apart: a
/// statement has its placeholder.
fn unmet_key(
    request: &SessionRequest,
    action: &str,
    existing: &Conditions,
    policies: &PolicySet,
    more_keys: &BTreeMap<String, Vec<String>>,
) -> Option<String> {
    let mut statement = request.trust_statement(action, existing)?;
    statement.remove_external_id();
    let document = serde_json::to_value(PolicyDocument::new(vec![statement])).ok()?;
    let policy = Policy::parse(&document, PolicyType::Trust).ok()?;
    let trust = Some(NamedPolicy { name: String::new(), policy });
    let policies = PolicySet { trust, ..policies.clone() };
    let explanation = explain(&policy_request(request, action, more_keys).ok()?, &policies);
    let (_, statement) = nearest(&explanation, PolicyType::Trust)?;
    let mut keys = statement.mismatches.iter().filter_map(|mismatch| match &mismatch.element {
        Element::Condition { key, .. }
            if !mismatch.in_request.is_empty()
                || is_of_request(key)
                || more_keys.keys().any(|given| given.eq_ignore_ascii_case(key)) =>
        {
            Some(key)
        }
        _ => None,
    });
    keys.next().cloned()
}

/// What AWS accepts in a policy though it never works, as notes.
pub(super) fn lint_notes(policy: &NamedPolicy, policy_type: PolicyType) -> Vec<String> {
    let lints = policy.policy.lints(policy_type);
    lints.iter().map(|lint| format!("{}: {lint}", policy.name)).collect()
}

/// The conditions of the statement of the trust policy that requires most of a principal of AWS.
fn strictest_conditions(statements: &[StatementView<'_>]) -> Conditions {
    let trusts_aws =
        |it: &&StatementView<'_>| it.is_allow() && it.principals().iter().any(|(kind, _)| *kind == "AWS");
    let conditions = statements.iter().filter(trusts_aws).map(|statement| statement.to_conditions());
    conditions.max_by_key(|it| it.values().map(BTreeMap::len).sum::<usize>()).unwrap_or_default()
}

/// Why a policy on the caller's side does not allow the action.
fn limit_candidate(
    kind: PolicyType,
    nearest: Option<(&str, &NearestStatement)>,
    policies: &PolicySet,
    request: &SessionRequest,
    action: &str,
    terms: &dyn Terms,
) -> Candidate {
    let cause = Cause::NotAllowed { policy: named(kind), action: Some(action.to_owned()) };
    let found = nearest.and_then(|(document, it)| Some((document, it, it.mismatches.first()?)));
    let text = found.map(|(document, it, mismatch)| format!("{document} {}: {mismatch}", it.statement));
    let is_condition = |mismatch: &&Mismatch| matches!(mismatch.element, Element::Condition { .. });
    let unmet = found.and_then(|(_, it, _)| it.mismatches.iter().find(is_condition));
    let unmet = unmet.and_then(|mismatch| match &mismatch.element {
        Element::Condition { key, .. } => {
            Some((key, Cause::TrustConditionNotMet { key: Some(key.clone()) }.to_do(terms)))
        }
        _ => None,
    });
    let cure = match (found, unmet) {
        // A statement without the condition would loosen what is there.
        (Some((.., mismatch)), Some((_, step))) if is_condition(&mismatch) => Cure::Step(step),
        (Some((document, it, _)), unmet) => {
            let conditions = conditions_of(policies, kind, document, it.index);
            let mut cure = cure::for_session_under(&cause, request, &conditions, true, terms);
            if let (Cure::Paste(paste), Some((key, step))) = (&mut cure, unmet) {
                paste.also = Some(kept_condition(key, &step));
            }
            cure
        }
        (None, _) => cure::for_session(&cause, request, true, terms),
    };
    with_text(cause, text, cure)
}

/// A statement to paste has a condition that is not met yet.
fn kept_condition(key: &str, step: &str) -> String {
    format!("the statement keeps the condition on {key}, which this run does not meet: {step}")
}

/// The conditions of the statement of a document.
pub(super) fn conditions_of(
    policies: &PolicySet,
    kind: PolicyType,
    document: &str,
    index: usize,
) -> Conditions {
    let mut documents = policies.all().filter(|(it, policy)| *it == kind && policy.name == document);
    let statements = documents.next().map(|(_, policy)| statement_view::statements(policy.policy.source()));
    let conditions = statements.and_then(|all| Some(all.get(index)?.to_conditions()));
    conditions.unwrap_or_default()
}

/// Whether a principal is the id of an entity that was deleted, as AWS shows it in place of the ARN.
fn is_unique_id(principal: &str) -> bool {
    ["AROA", "AIDA"].iter().any(|prefix| principal.starts_with(prefix))
}

/// The link whose side has policies of a type.
fn link(kind: PolicyType) -> Link {
    match kind {
        PolicyType::Trust | PolicyType::Rcp => Link::Member,
        PolicyType::Identity | PolicyType::Session | PolicyType::Boundary | PolicyType::Scp => Link::Hub,
    }
}

/// The type as a denial of AWS names it.
pub(super) fn named(kind: PolicyType) -> rolecall_roll::PolicyType {
    match kind {
        PolicyType::Identity => rolecall_roll::PolicyType::Identity,
        PolicyType::Trust => rolecall_roll::PolicyType::RoleTrust,
        PolicyType::Session => rolecall_roll::PolicyType::Session,
        PolicyType::Boundary => rolecall_roll::PolicyType::PermissionsBoundary,
        PolicyType::Scp => rolecall_roll::PolicyType::ServiceControl,
        PolicyType::Rcp => rolecall_roll::PolicyType::ResourceControl,
    }
}

impl Denial {
    /// The broken link.
    pub(super) fn into_broken(self, evidence: Evidence) -> (Link, super::BrokenLink) {
        let broken = super::BrokenLink {
            is_refused: true,
            said: None,
            evidence,
            candidates: vec![self.candidate],
            notes: Vec::new(),
        };
        (self.link, broken)
    }
}
