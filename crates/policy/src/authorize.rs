//! Evaluates all policies that apply to a request to one decision.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>

use std::cmp::Reverse;
use std::fmt;

use crate::context::Context;
use crate::document::{Effect, EvaluationContext, Policy, PolicyType, Statement};
use crate::principal::{Principal, PrincipalMatch, is_service_linked_role};
use crate::rcp_services::is_limited_by_rcps;

/// A request to authorize.
#[derive(Debug, Clone)]
pub struct Request {
    /// The principal that makes the request.
    pub principal: Principal,
    /// The action, such as `sts:AssumeRole`.
    pub action: String,
    /// The ARN of the resource; `*` where the action has no specific resource.
    pub resource: String,
    /// The id of the account that owns the resource.
    pub resource_account: String,
    /// The request context: condition keys and their values.
    pub context: Context,
}

/// A policy with a name by which a decision refers to it.
#[derive(Debug, Clone)]
pub struct NamedPolicy {
    /// The name of the policy, its file, or its field in a file.
    pub name: String,
    /// The parsed document.
    pub policy: Policy,
}

/// The policies that apply to a request, by type.
#[derive(Debug, Clone, Default)]
pub struct PolicySet {
    /// The identity-based policies of the principal; for a session, those of its role.
    pub identity: Vec<NamedPolicy>,
    /// The trust policy of the role to assume; `None` where the resource is not a role.
    pub trust: Option<NamedPolicy>,
    /// The session policies of the principal's session, inline and managed; one of them must allow. `None` where the
    /// session has none.
    pub session: Option<Vec<NamedPolicy>>,
    /// The permissions boundary of the principal; `None` where it has none.
    pub boundaries: Option<Vec<NamedPolicy>>,
    /// The service control policies of the principal's organization, one list for each level: root, units, account.
    /// Each level must allow. `None` where there is no organization, or the principal is in its management account.
    /// They do not apply to service-linked roles, which the evaluation knows.
    pub scps: Option<Vec<Vec<NamedPolicy>>>,
    /// The resource control policies of the resource's organization; empty where the resource is in its management
    /// account. They only deny: `RCPFullAWSAccess`, which cannot be detached, is not in the list. They apply to the
    /// actions of some services and not to service-linked roles, which the evaluation knows.
    pub rcps: Vec<NamedPolicy>,
}

/// The decision about a request, with the statements or the policy type that determined it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// These statements allow the request; none, where the action needs no permission.
    Allowed(Vec<DeterminingStatement>),
    /// This statement denies the request, whatever other statements allow.
    ExplicitlyDenied(DeterminingStatement),
    /// No policy of this type allows the request, though one must.
    ImplicitlyDenied(PolicyType),
    /// AWS allows this principal no such request, whatever the policies say; a sentence says why.
    NeverAllowed(&'static str),
}

/// A statement that determined a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeterminingStatement {
    /// The type of the policy.
    pub kind: PolicyType,
    /// [`NamedPolicy::name`] of the policy.
    pub document: String,
    /// The statement by its index and `Sid`, such as `Statement[0] (AllowList)`.
    pub statement: String,
}

impl Decision {
    /// Whether the request is allowed.
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
            Self::Allowed(statements) if statements.is_empty() => f.write_str("no permission is needed"),
            Self::Allowed(statements) => {
                let statements: Vec<String> = statements.iter().map(ToString::to_string).collect();
                write!(f, "allowed by {}", statements.join(" and "))
            }
            Self::ExplicitlyDenied(statement) => write!(f, "denied by {statement}"),
            Self::ImplicitlyDenied(policy_type) => write!(f, "no {policy_type} allows it"),
            Self::NeverAllowed(reason) => f.write_str(reason),
        }
    }
}

/// Decides a request by AWS's policy evaluation logic.
#[must_use]
pub fn authorize(request: &Request, policies: &PolicySet) -> Decision {
    if let Some(decision) = decide_without_policies(request) {
        return decision;
    }
    let evaluation = evaluation_context(request, policies);
    let mut applicable =
        policies.all().filter(|(policy_type, _)| exemption_from(*policy_type, request).is_none());
    let deny = applicable.find_map(|(policy_type, policy)| {
        first_matching_statement(evaluation, Effect::Deny, policy_type, policy)
    });
    if let Some(deny) = deny {
        return Decision::ExplicitlyDenied(deny);
    }
    if policies.trust.is_some() && is_of_other_partition(request) {
        return Decision::ImplicitlyDenied(PolicyType::Trust);
    }
    match find_allowing_statements(evaluation, request, policies) {
        Ok(statements) => Decision::Allowed(statements),
        Err(policy_type) => Decision::ImplicitlyDenied(policy_type),
    }
}

/// The decision about a request that no policy can change; `None` where the policies decide.
pub(crate) fn decide_without_policies(request: &Request) -> Option<Decision> {
    // https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    if request.action.eq_ignore_ascii_case("sts:GetCallerIdentity") {
        return Some(Decision::Allowed(Vec::new()));
    }
    never_allowed(&request.principal, &request.action).map(Decision::NeverAllowed)
}

/// The parts of a request that its policies are evaluated against.
pub(crate) fn evaluation_context<'a>(request: &'a Request, policies: &PolicySet) -> EvaluationContext<'a> {
    let Request { principal, action, resource, context, .. } = request;
    EvaluationContext { principal, has_boundary: policies.boundaries.is_some(), action, resource, context }
}

/// Whether the principal is of another partition than the role, whose trust policy then cannot trust it.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>
pub(crate) fn is_of_other_partition(request: &Request) -> bool {
    let Request { principal, resource, .. } = request;
    let partition = resource.split(':').nth(1).unwrap_or_default();
    !principal.is_service() && !["", "*", principal.partition()].contains(&partition)
}

/// Why AWS allows a principal no such request, whatever the policies say; `None` where the policies decide.
fn never_allowed(principal: &Principal, action: &str) -> Option<&'static str> {
    let service = action.split(':').next().unwrap_or_default();
    let is_iam_or_sts = ["iam", "sts"].iter().any(|name| service.eq_ignore_ascii_case(name));
    // https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html: "You cannot call AssumeRole by using AWS
    // account root user credentials; access is denied."
    if principal.is_root() && is_assume_role_action(action) {
        return Some("the root user of an account cannot assume roles");
    }
    // https://docs.aws.amazon.com/STS/latest/APIReference/API_GetFederationToken.html
    (principal.is_federated_user() && is_iam_or_sts)
        .then_some("a session of GetFederationToken cannot call IAM, and of STS only GetCallerIdentity")
}

/// Why a request is exempt from the policies of a type; `None` where they apply to it.
///
/// Source: <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html>,
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html>
pub(crate) fn exemption_from(policy_type: PolicyType, request: &Request) -> Option<&'static str> {
    let Request { principal, action, resource, .. } = request;
    match policy_type {
        PolicyType::Trust => None,
        PolicyType::Rcp if !is_limited_by_rcps(action) => {
            Some("resource control policies do not apply to this action")
        }
        // Neither the calls of a service-linked role are limited, nor a service's ability to assume it.
        PolicyType::Rcp => (principal.is_service_linked_role() || is_service_linked_role(resource))
            .then_some("resource control policies do not apply to service-linked roles"),
        _ if principal.is_service() => Some("it does not apply to AWS services"),
        PolicyType::Scp => principal
            .is_service_linked_role()
            .then_some("service control policies do not apply to service-linked roles"),
        PolicyType::Identity | PolicyType::Boundary | PolicyType::Session => None,
    }
}

/// The statements that allow the request; as an error, the type of the policies that must allow it and do not.
fn find_allowing_statements(
    evaluation: EvaluationContext<'_>,
    request: &Request,
    policies: &PolicySet,
) -> Result<Vec<DeterminingStatement>, PolicyType> {
    let principal = evaluation.principal;
    let is_own_account = principal.account_id() == request.resource_account;
    let trust = policies.trust.as_ref();
    let closest_trust = trust.and_then(|policy| {
        let (statement, principal_match) = closest_allow(&policy.policy, evaluation)?;
        Some((determining_statement(PolicyType::Trust, policy, statement), principal_match))
    });
    if principal.is_service() {
        return closest_trust.map(|(statement, _)| vec![statement]).ok_or(PolicyType::Trust);
    }
    let mut allowing = Vec::new();
    let levels =
        policies.scps.iter().filter(|_| exemption_from(PolicyType::Scp, request).is_none()).flatten();
    for level in levels {
        allowing.push(find_allowing_statement(evaluation, PolicyType::Scp, level)?);
    }
    // In its own account, a trust policy that names the principal allows by itself. The more closely it matches the
    // principal, the fewer of the principal's policies must allow too.
    let required_types: &[PolicyType] = match &closest_trust {
        Some((_, PrincipalMatch::Exact)) if is_own_account => &[],
        Some((_, PrincipalMatch::Anyone)) if is_own_account => &[PolicyType::Session],
        Some((_, PrincipalMatch::Role)) if is_own_account => &[PolicyType::Boundary, PolicyType::Session],
        // Across accounts, or where only the account is named, the principal's own policies must allow too.
        _ => &[PolicyType::Identity, PolicyType::Boundary, PolicyType::Session],
    };
    for policy_type in required_types {
        allowing.extend(find_principal_allow(evaluation, policies, *policy_type)?);
    }
    match closest_trust {
        Some((statement, _)) => allowing.push(statement),
        // The resource is not a role.
        None if trust.is_none() && is_own_account => {}
        None => return Err(PolicyType::Trust),
    }
    Ok(allowing)
}

/// The statement with `Allow` that matches the principal most closely; the first of several.
pub(crate) fn closest_allow<'a>(
    policy: &'a Policy,
    evaluation: EvaluationContext<'a>,
) -> Option<(&'a Statement, PrincipalMatch)> {
    let allows = policy.matching(Effect::Allow, evaluation);
    allows.max_by_key(|(statement, principal_match)| (*principal_match, Reverse(statement.index)))
}

/// The statement that allows in the principal's own policies of a type; `None` where no policy of the type limits the
/// principal, so none needs to allow.
fn find_principal_allow(
    evaluation: EvaluationContext<'_>,
    policies: &PolicySet,
    policy_type: PolicyType,
) -> Result<Option<DeterminingStatement>, PolicyType> {
    let policies = match policy_type {
        // The root user has access to everything in its account.
        PolicyType::Identity if evaluation.principal.is_root() => None,
        PolicyType::Identity => Some(policies.identity.as_slice()),
        PolicyType::Boundary => policies.boundaries.as_deref(),
        // Without a session policy, a session of GetFederationToken has no permissions of its own.
        // https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_getfederationtoken.html
        _ if evaluation.principal.is_federated_user() => {
            Some(policies.session.as_deref().unwrap_or_default())
        }
        _ => policies.session.as_deref(),
    };
    policies.map(|policies| find_allowing_statement(evaluation, policy_type, policies)).transpose()
}

/// The first statement in these policies that allows; as an error, their type where none does.
fn find_allowing_statement(
    evaluation: EvaluationContext<'_>,
    policy_type: PolicyType,
    policies: &[NamedPolicy],
) -> Result<DeterminingStatement, PolicyType> {
    policies
        .iter()
        .find_map(|policy| first_matching_statement(evaluation, Effect::Allow, policy_type, policy))
        .ok_or(policy_type)
}

fn first_matching_statement(
    evaluation: EvaluationContext<'_>,
    effect: Effect,
    policy_type: PolicyType,
    policy: &NamedPolicy,
) -> Option<DeterminingStatement> {
    let (statement, _) = policy.policy.matching(effect, evaluation).next()?;
    Some(determining_statement(policy_type, policy, statement))
}

fn determining_statement(
    policy_type: PolicyType,
    policy: &NamedPolicy,
    statement: &Statement,
) -> DeterminingStatement {
    DeterminingStatement {
        kind: policy_type,
        document: policy.name.clone(),
        statement: statement.to_string(),
    }
}

impl PolicySet {
    /// All policies with their types. Where several deny, AWS names the type that comes first here.
    pub fn all(&self) -> impl Iterator<Item = (PolicyType, &NamedPolicy)> {
        let scps = self.scps.iter().flatten().flatten().map(|policy| (PolicyType::Scp, policy));
        let rcps = self.rcps.iter().map(|policy| (PolicyType::Rcp, policy));
        let identity = self.identity.iter().map(|policy| (PolicyType::Identity, policy));
        let boundaries = self.boundaries.iter().flatten().map(|policy| (PolicyType::Boundary, policy));
        let session = self.session.iter().flatten().map(|policy| (PolicyType::Session, policy));
        let trust = self.trust.iter().map(|policy| (PolicyType::Trust, policy));
        scps.chain(rcps).chain(identity).chain(boundaries).chain(session).chain(trust)
    }
}

/// Whether an action is one of those that `AssumeRole` needs.
fn is_assume_role_action(action: &str) -> bool {
    let action = action.to_ascii_lowercase();
    ["sts:assumerole", "sts:tagsession", "sts:setsourceidentity"].contains(&action.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::case::Case;

    #[test]
    fn each_level_of_an_organization_must_allow_and_none_applies_to_services() {
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

    fn decide(principal: &str, action: &str, more: &serde_json::Value) -> String {
        let everything = json!({ "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" } });
        let mut case = json!({
            "name": "case",
            "identityPolicies": [everything],
            "request": { "principal": principal, "action": action,
                         "resource": "arn:aws:iam::111111111111:role/R" },
        });
        for (field, value) in more.as_object().unwrap() {
            case[field] = value.clone();
        }
        serde_json::from_value::<Case>(case).unwrap().decide().unwrap().to_string()
    }

    #[test]
    fn scps_and_rcps_do_not_limit_service_linked_roles() {
        let linked = "arn:aws:iam::111111111111:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX";
        let session = "arn:aws:sts::111111111111:assumed-role/AWSServiceRoleForX/s";
        let deny = json!({ "Statement": { "Effect": "Deny", "Action": "sqs:*", "Resource": "*" } });
        let deny_all = json!({ "Statement": { "Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "*" } });
        let limits = [("scps", json!([deny])), ("scps", json!([])), ("rcps", json!([deny_all]))];
        for (field, policies) in limits {
            for (principal, context, is_limited) in [
                (linked, json!({}), false),
                (session, json!({ "aws:PrincipalArn": linked }), false),
                (
                    session,
                    json!({ "aws:PrincipalArn": "arn:aws:iam::111111111111:role/AWSServiceRoleForX" }),
                    true,
                ),
                ("arn:aws:iam::111111111111:role/service-role/R", json!({}), true),
                ("arn:aws:iam::111111111111:user/aws-service-role/x", json!({}), true),
            ] {
                let more = json!({ field: policies, "context": context });
                let decision = decide(principal, "sqs:SendMessage", &more);
                assert_eq!(!decision.starts_with("allowed"), is_limited, "{field} {principal}: {decision}");
            }
        }
    }

    #[test]
    fn rcps_limit_the_services_that_support_them_and_not_the_assumption_of_service_linked_roles() {
        let deny = |action: &str| json!([{ "Statement": { "Effect": "Deny", "Principal": "*", "Action": action, "Resource": "*" } }]);
        let user = "arn:aws:iam::111111111111:user/u";
        for (action, pattern, is_limited) in [
            ("sqs:SendMessage", "sqs:*", true),
            ("SQS:sendmessage", "sqs:*", true),
            ("iam:ListUsers", "iam:*", false),
            ("organizations:ListAccounts", "organizations:*", false),
            ("kms:Decrypt", "kms:*", true),
            ("kms:RetireGrant", "kms:*", false),
        ] {
            let decision = decide(user, action, &json!({ "rcps": deny(pattern) }));
            assert_eq!(decision.starts_with("denied by rcps[0]"), is_limited, "{action}: {decision}");
        }
        for (role, is_limited) in [("role/R", true), ("role/aws-service-role/x.amazonaws.com/R", false)] {
            let trust = json!({ "Statement": { "Effect": "Allow", "Action": "sts:AssumeRole",
                                               "Principal": { "Service": "x.amazonaws.com" } } });
            let resource = format!("arn:aws:iam::111111111111:{role}");
            let request =
                json!({ "principal": "x.amazonaws.com", "action": "sts:AssumeRole", "resource": resource });
            let more = json!({ "rcps": deny("sts:*"), "trustPolicy": trust, "request": request });
            let decision = decide("x.amazonaws.com", "sts:AssumeRole", &more);
            assert_eq!(decision.starts_with("denied by rcps[0]"), is_limited, "{role}: {decision}");
        }
    }

    #[test]
    fn a_session_of_get_federation_token_has_what_user_and_session_policy_allow_and_no_iam_and_sts() {
        let federated = "arn:aws:sts::111111111111:federated-user/bob";
        let allow =
            |action: &str| json!({ "Statement": { "Effect": "Allow", "Action": action, "Resource": "*" } });
        for (action, session_policy, expected) in [
            ("sqs:SendMessage", None, "no session policy allows it"),
            ("sqs:SendMessage", Some("s3:*"), "no session policy allows it"),
            ("sqs:SendMessage", Some("sqs:*"), "allowed by"),
            ("iam:ListUsers", Some("*"), "cannot call IAM"),
            ("STS:AssumeRole", Some("*"), "cannot call IAM, and of STS"),
            ("sts:GetCallerIdentity", None, "no permission is needed"),
        ] {
            let more = session_policy.map_or(json!({}), |action| json!({ "sessionPolicy": allow(action) }));
            let decision = decide(federated, action, &more);
            assert!(decision.contains(expected), "{action} {session_policy:?}: {decision}");
        }
        let nothing = json!({ "identityPolicies": [], "sessionPolicy": allow("*") });
        assert_eq!(decide(federated, "sqs:SendMessage", &nothing), "no identity-based policy allows it");
    }

    #[test]
    fn the_root_user_cannot_assume_a_role_and_has_all_other_access_in_its_account() {
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
