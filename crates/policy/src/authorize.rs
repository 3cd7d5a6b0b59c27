//! From all policies that have a say in a request to one decision.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>

use std::fmt;

use crate::context::Context;
use crate::document::{Effect, EvaluationContext, Policy, PolicyType, Statement};
use crate::principal::{Principal, PrincipalMatch};

/// A request to decide.
#[derive(Debug, Clone)]
pub struct Request {
    /// The principal that makes it.
    pub principal: Principal,
    /// The action, as `sts:AssumeRole`.
    pub action: String,
    /// The ARN of what it is done to; `*` where the action is on nothing in particular.
    pub resource: String,
    /// The account that it is done in.
    pub resource_account: String,
    /// The condition keys.
    pub context: Context,
}

/// A policy and where it was found.
#[derive(Debug, Clone)]
pub struct NamedPolicy {
    /// A name for people: a policy's name, a file, a place in one.
    pub name: String,
    /// The policy.
    pub policy: Policy,
}

/// The policies that have a say.
#[derive(Debug, Clone, Default)]
pub struct PolicySet {
    /// Of the principal. For a session, those of its role.
    pub identity: Vec<NamedPolicy>,
    /// Of the role that is asked for.
    pub trust: Option<NamedPolicy>,
    /// What the principal's session was narrowed to, where it was.
    pub session: Option<NamedPolicy>,
    /// The principal's permissions boundary, where there is one.
    pub boundaries: Option<Vec<NamedPolicy>>,
    /// The service control policies of the principal's organisation, a list for each of its root, units and account; each
    /// of these levels must allow. `None` where there is no organisation, or it does not bind the principal.
    pub scps: Option<Vec<Vec<NamedPolicy>>>,
    /// The resource control policies of the organisation that the resource is in. `RCPFullAWSAccess`, which nobody can
    /// take away, is not among them: they only deny.
    pub rcps: Vec<NamedPolicy>,
}

/// What was decided, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// By these statements; by none where no permission is needed.
    Allowed(Vec<DeterminingStatement>),
    /// A statement denies it, and what allows it does not matter.
    ExplicitlyDenied(DeterminingStatement),
    /// No policy of this kind allows it.
    ImplicitlyDenied(PolicyType),
}

/// The statement that decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeterminingStatement {
    /// The kind of the policy.
    pub kind: PolicyType,
    /// The document's name.
    pub document: String,
    /// The statement, by its place and its `Sid`.
    pub statement: String,
}

impl Decision {
    /// Whether the request may be done.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }
}

impl fmt::Display for DeterminingStatement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.document, self.statement)
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allowed(by) if by.is_empty() => f.write_str("no permission is needed"),
            Self::Allowed(by) => {
                let by: Vec<String> = by.iter().map(ToString::to_string).collect();
                write!(f, "allowed by {}", by.join(" and "))
            }
            Self::ExplicitlyDenied(by) => write!(f, "denied by {by}"),
            Self::ImplicitlyDenied(kind) => write!(f, "no {kind} allows it"),
        }
    }
}

/// Decides a request.
#[must_use]
pub fn authorize(request: &Request, policies: &PolicySet) -> Decision {
    // https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    if request.action.eq_ignore_ascii_case("sts:GetCallerIdentity") {
        return Decision::Allowed(Vec::new());
    }
    let Request { principal, action, resource, context, .. } = request;
    let asked = EvaluationContext {
        principal,
        has_boundary: policies.boundaries.is_some(),
        action,
        resource,
        context,
    };
    // Neither the principal's policies nor its organisation's speak of AWS's services.
    let speaks = |kind| !principal.is_service() || matches!(kind, PolicyType::Trust | PolicyType::Rcp);
    let mut speaking = policies.all().filter(|(kind, _)| speaks(*kind));
    if let Some(deny) = speaking.find_map(|(kind, document)| first(asked, Effect::Deny, kind, document)) {
        return Decision::ExplicitlyDenied(deny);
    }
    // No partition's principals are known in another.
    // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
    let partition = resource.split(':').nth(1).unwrap_or_default();
    let is_elsewhere = !principal.is_service() && !["", "*", principal.partition()].contains(&partition);
    if policies.trust.is_some() && is_elsewhere {
        return Decision::ImplicitlyDenied(PolicyType::Trust);
    }
    match allowed(asked, &request.resource_account, policies) {
        Ok(by) => Decision::Allowed(by),
        Err(kind) => Decision::ImplicitlyDenied(kind),
    }
}

/// The statements that allow, or the kind of policy that does not.
fn allowed(
    asked: EvaluationContext<'_>,
    resource_account: &str,
    policies: &PolicySet,
) -> Result<Vec<DeterminingStatement>, PolicyType> {
    let principal = asked.principal;
    let is_own_account = principal.account_id() == resource_account;
    let trust = policies.trust.as_ref();
    let nearest = trust.and_then(|document| {
        let allows = document.policy.matching(Effect::Allow, asked);
        allows
            .max_by_key(|(_, principal_match)| *principal_match)
            .map(|(statement, principal_match)| (by(PolicyType::Trust, document, statement), principal_match))
    });
    // https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html: "You cannot call AssumeRole by using AWS
    // account root user credentials; access is denied."
    if principal.is_root() && is_of_assume_role(asked.action) {
        return Err(PolicyType::Identity);
    }
    if principal.is_service() {
        return nearest.map(|(by, _)| vec![by]).ok_or(PolicyType::Trust);
    }
    let mut allowing = Vec::new();
    for level in policies.scps.iter().flatten() {
        allowing.push(any_allows(asked, PolicyType::Scp, level)?);
    }
    // What names the principal in its own account allows by itself, and the closer it matches, the fewer limits hold it.
    let own_policies: &[PolicyType] = match &nearest {
        Some((_, PrincipalMatch::Exact)) if is_own_account => &[],
        Some((_, PrincipalMatch::Anyone)) if is_own_account => &[PolicyType::Session],
        Some((_, PrincipalMatch::Role)) if is_own_account => &[PolicyType::Boundary, PolicyType::Session],
        // Across accounts, or where only the account is named, the principal's own policies must allow too.
        _ => &[PolicyType::Identity, PolicyType::Boundary, PolicyType::Session],
    };
    for kind in own_policies {
        allowing.extend(own_policies_allow(asked, policies, *kind)?);
    }
    match nearest {
        Some((by, _)) => allowing.push(by),
        // It is no role that is asked for.
        None if trust.is_none() && is_own_account => {}
        None => return Err(PolicyType::Trust),
    }
    Ok(allowing)
}

/// The statement by which the principal's own policies of a kind allow; `None` where there are none that could not.
fn own_policies_allow(
    asked: EvaluationContext<'_>,
    policies: &PolicySet,
    kind: PolicyType,
) -> Result<Option<DeterminingStatement>, PolicyType> {
    let documents = match kind {
        // The root user may do all that is done in its account.
        PolicyType::Identity if asked.principal.is_root() => None,
        PolicyType::Identity => Some(policies.identity.as_slice()),
        PolicyType::Boundary => policies.boundaries.as_deref(),
        _ => policies.session.as_ref().map(std::slice::from_ref),
    };
    documents.map(|documents| any_allows(asked, kind, documents)).transpose()
}

fn any_allows(
    asked: EvaluationContext<'_>,
    kind: PolicyType,
    documents: &[NamedPolicy],
) -> Result<DeterminingStatement, PolicyType> {
    documents.iter().find_map(|document| first(asked, Effect::Allow, kind, document)).ok_or(kind)
}

/// The first statement of a document that matches.
fn first(
    asked: EvaluationContext<'_>,
    effect: Effect,
    kind: PolicyType,
    document: &NamedPolicy,
) -> Option<DeterminingStatement> {
    document.policy.matching(effect, asked).next().map(|(statement, _)| by(kind, document, statement))
}

fn by(kind: PolicyType, document: &NamedPolicy, statement: &Statement) -> DeterminingStatement {
    DeterminingStatement { kind, document: document.name.clone(), statement: statement.to_string() }
}

impl PolicySet {
    /// All of them, those first whose denial AWS tells first.
    pub(crate) fn all(&self) -> impl Iterator<Item = (PolicyType, &NamedPolicy)> {
        let scps = self.scps.iter().flatten().flatten().map(|document| (PolicyType::Scp, document));
        let rcps = self.rcps.iter().map(|document| (PolicyType::Rcp, document));
        let identity = self.identity.iter().map(|document| (PolicyType::Identity, document));
        let boundaries = self.boundaries.iter().flatten().map(|document| (PolicyType::Boundary, document));
        let session = self.session.iter().map(|document| (PolicyType::Session, document));
        let trust = self.trust.iter().map(|document| (PolicyType::Trust, document));
        scps.chain(rcps).chain(identity).chain(boundaries).chain(session).chain(trust)
    }
}

/// Whether an action is one of those that become a role.
fn is_of_assume_role(action: &str) -> bool {
    let action = action.to_ascii_lowercase();
    ["sts:assumerole", "sts:tagsession", "sts:setsourceidentity"].contains(&action.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::case::Case;

    #[test]
    fn each_level_of_an_organisation_must_allow_and_none_speaks_of_services() {
        let statement = |effect: &str, action: &str| json!({ "Statement": { "Effect": effect, "Action": action, "Resource": "*" } });
        let (all, lists) = (statement("Allow", "*"), statement("Allow", "iam:*"));
        let case = |principal: &str, scps: serde_json::Value| {
            let case = json!({
                "name": "levels",
                "identityPolicies": [statement("Allow", "sts:AssumeRole")],
                "trustPolicy": { "Statement": { "Effect": "Allow", "Action": "sts:AssumeRole",
                    "Principal": { "AWS": "222222222222", "Service": "lambda.amazonaws.com" } } },
                "scps": scps,
                "request": { "principal": principal, "action": "sts:AssumeRole",
                             "resource": "arn:aws:iam::111111111111:role/R" },
            });
            serde_json::from_value::<Case>(case).unwrap().decide().unwrap().is_allowed()
        };
        let user = "arn:aws:iam::222222222222:user/u";
        assert!(case(user, json!([all, lists])), "one level");
        assert!(case(user, json!([[all], [all, lists]])));
        assert!(!case(user, json!([[all], [lists]])));
        assert!(!case("arn:aws-cn:iam::222222222222:user/u", json!([all])), "another partition");
        assert!(case("lambda.amazonaws.com", json!([statement("Deny", "*")])));
    }

    #[test]
    fn the_root_user_becomes_no_role_and_may_do_all_else_in_its_account() {
        let case = |principal: &str, action: &str, trust: bool| {
            let everything = json!({ "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" } });
            let mut case = json!({
                "name": "root",
                "identityPolicies": if trust { vec![everything] } else { vec![] },
                "request": {
                    "principal": principal, "action": action,
                    "resource": "arn:aws:iam::111111111111:role/R", "resourceAccount": "111111111111",
                },
            });
            if trust {
                case["trustPolicy"] =
                    json!({ "Statement": { "Effect": "Allow", "Action": "*", "Principal": { "AWS": "*" } } });
            }
            serde_json::from_value::<Case>(case).unwrap().decide().unwrap().is_allowed()
        };
        for account in ["111111111111", "222222222222"] {
            let root = format!("arn:aws:iam::{account}:root");
            assert!(!case(&root, "sts:AssumeRole", true), "{root}");
            assert_eq!(case(&root, "iam:GetRole", false), account == "111111111111", "{root}");
        }
    }
}
