//! The requests that a scan makes, as the evaluator takes them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use rolecall_policy::{
    Context, Decision, DocumentEffect, NamedPolicy, NearestStatement, Policy, PolicySet, PolicyType,
    Principal, Request,
};
use rolecall_roll::{RoleArn, RoleSessionName};
use serde_json::{Value, json};

use crate::documents::{DocumentName, KEY_LOOKUP_ACTION, MemberRoles, OrganizationId, RequiredAccess, Trust};
use crate::request_keys::{is_of_principal_alone, is_of_request};
use crate::samples::{self, Filler, account_of};
use crate::statement::{Conditions, OneOrMany, PolicyDocument};
use crate::statement_view::StatementView;

/// What a document must allow.
pub(super) struct Needs<'a> {
    pub(super) name: DocumentName,
    pub(super) access: &'a RequiredAccess,
    pub(super) all: Vec<Need>,
    /// Condition keys whose values were given.
    context: &'a ConditionKeys,
    /// The sessions of the hub role that the policy names.
    named_sessions: Vec<RoleSessionName>,
    pub(super) filler: Filler,
}

/// An action that is needed.
pub(super) struct Need {
    pub(super) action: String,
    /// The patterns of the resources; empty in a trust policy.
    pub(super) resources: Vec<String>,
    /// The conditions of the generated statement.
    pub(super) conditions: Conditions,
}

/// A request that a policy is evaluated with.
#[derive(Clone)]
pub(super) struct SampleRequest {
    pub(super) request: Request,
    /// The principal in words: an ARN.
    pub(super) principal: String,
    /// The resources for which that of the request stands, as a pattern.
    pub(super) resources: String,
    /// The condition keys of the request.
    pub(super) keys: ConditionKeys,
    pub(super) policy_type: PolicyType,
}

/// Condition keys and their values.
pub type ConditionKeys = BTreeMap<String, Vec<String>>;

impl<'a> Needs<'a> {
    /// The needs that the generated document fulfills, for the check of a policy with this source.
    pub(super) fn new(
        name: DocumentName,
        needed: &PolicyDocument,
        access: &'a RequiredAccess,
        context: &'a ConditionKeys,
        source: &Value,
    ) -> Self {
        let statements = needed.statement.iter();
        let all = statements.flat_map(|statement| {
            statement.action.values().iter().map(|action| Need {
                action: action.clone(),
                resources: statement.resource.iter().flat_map(OneOrMany::values).cloned().collect(),
                conditions: statement.condition.clone(),
            })
        });
        let named_sessions = named_sessions(source, access.hub_role.role_name().as_str());
        Self { name, access, all: all.collect(), context, named_sessions, filler: Filler::new([source]) }
    }

    /// Whether the value of a condition key is known, or that no request has the key.
    pub(super) fn knows(&self, key: &str) -> bool {
        // Only a user's own requests have `aws:username`, and all of these are made by sessions of roles. STS has
        // `sts:DurationSeconds` for other requests only.
        const OF_OTHER_REQUESTS: [&str; 2] = ["aws:username", "sts:DurationSeconds"];
        let is_given = || self.context.keys().any(|given| given.eq_ignore_ascii_case(key));
        let is_organization = || {
            let keys = ["aws:PrincipalOrgID", "aws:ResourceOrgID"];
            self.organization().is_some() && keys.iter().any(|it| it.eq_ignore_ascii_case(key))
        };
        is_of_request(key)
            || OF_OTHER_REQUESTS.iter().any(|it| it.eq_ignore_ascii_case(key))
            || self.session_attributes().iter().any(|(it, _)| it.eq_ignore_ascii_case(key))
            || is_organization()
            || is_given()
    }

    /// What a session of the member role has by the tags and the source identity with which it is requested.
    fn session_attributes(&self) -> Vec<(String, String)> {
        if self.name != DocumentName::MemberPermissions {
            return Vec::new();
        }
        let RequiredAccess { source_identity, session_tags, .. } = self.access;
        let identity = source_identity.iter().map(|it| ("aws:SourceIdentity".to_owned(), it.to_string()));
        let tags = session_tags.iter().map(|(key, value)| (format!("aws:PrincipalTag/{key}"), value.clone()));
        identity.chain(tags).collect()
    }

    pub(super) fn policy_type(&self) -> PolicyType {
        self.name.policy_type()
    }

    /// The requests that must be allowed for one need: for each principal, and for the resources among which the statements
    /// distinguish.
    pub(super) fn requests_of(&self, need: &Need, statements: &[StatementView<'_>]) -> Vec<SampleRequest> {
        let patterns = samples::distinguished(&self.resource_patterns(need), statements, &self.filler);
        let callers = self.callers();
        let pairs = callers.iter().flat_map(|caller| patterns.iter().map(move |pattern| (caller, pattern)));
        // Each member role reads its own account.
        let is_own = |(caller, pattern): &(&Caller, &String)| {
            let account = account_of(pattern);
            self.name != DocumentName::MemberPermissions
                || account.is_empty()
                || caller.account_id().is_none_or(|id| id == account)
        };
        pairs
            .filter(is_own)
            .filter_map(|(caller, pattern)| self.request(&need.action, pattern, caller))
            .collect()
    }

    /// A request of any principal for a resource that a pattern matches.
    pub(super) fn request(&self, action: &str, resources: &str, caller: &Caller) -> Option<SampleRequest> {
        let principal = caller.principal()?;
        let resource = &self.sample(resources);
        let account = principal.account_id().to_owned();
        // What the other side allows is not the question: a policy that is attached to the principal is evaluated as for a
        // resource of its own account.
        let owner = if self.name.is_trust() { account_of(resource).to_owned() } else { account };
        let keys = self.keys(action, resource, caller);
        let request = Request {
            context: to_context(&keys),
            principal,
            action: action.to_owned(),
            resource: resource.to_owned(),
            resource_account: owner,
        };
        Some(SampleRequest {
            request,
            principal: caller.to_string(),
            resources: resources.to_owned(),
            keys,
            policy_type: self.policy_type(),
        })
    }

    /// The principals that must be allowed.
    pub(super) fn callers(&self) -> Vec<Caller> {
        let access = self.access;
        let of = Caller::any_session_of;
        match self.name {
            DocumentName::HubTrust => vec![Caller::Lambda],
            DocumentName::HubPermissions => vec![of(access.hub_role.as_str())],
            DocumentName::MemberTrust | DocumentName::OrganizationTrust => {
                let hub = access.hub_role.as_str();
                let of_hub = |name: &RoleSessionName| Caller::Role {
                    role: hub.to_owned(),
                    session: Some(name.clone()),
                };
                let all = [of(hub)].into_iter().chain(permission_set_role(access).map(|role| of(&role)));
                all.chain(self.named_sessions.iter().map(of_hub)).collect()
            }
            DocumentName::MemberPermissions => self.member_roles().iter().map(|role| of(role)).collect(),
            DocumentName::OrganizationPermissions => {
                access.organization_role.iter().map(|role| of(role.as_str())).collect()
            }
        }
    }

    /// The resources of a need, as patterns.
    pub(super) fn resource_patterns(&self, need: &Need) -> Vec<String> {
        match self.name {
            DocumentName::HubTrust => vec![self.access.hub_role.to_string()],
            DocumentName::MemberTrust => self.access.member_patterns(),
            DocumentName::OrganizationTrust => {
                self.access.organization_role.iter().map(RoleArn::to_string).collect()
            }
            _ => need.resources.iter().flat_map(|pattern| self.resources_of(&need.action, pattern)).collect(),
        }
    }

    /// A resource that a pattern matches, and no narrower pattern of the policy.
    pub(super) fn sample(&self, pattern: &str) -> String {
        self.filler.resource(pattern, self.access.partition())
    }

    /// The resources of an action that is needed on a pattern; where that is `*`, those with which IAM authorizes the read.
    fn resources_of(&self, action: &str, pattern: &str) -> BTreeSet<String> {
        if pattern != "*" {
            return BTreeSet::from([pattern.to_owned()]);
        }
        let accounts = match self.name {
            DocumentName::MemberPermissions => {
                self.member_roles().iter().map(|role| account_of(role).to_owned()).collect()
            }
            _ => vec![self.access.hub_role.account_id().to_string()],
        };
        let (partition, selection) = (self.access.partition(), &self.access.selection);
        let resources =
            accounts.iter().map(|id| samples::resources_of_read(action, partition, id, selection));
        resources.collect()
    }

    /// The member roles, or those that stand for them: of an organization, one in each account that the policy names, and one in
    /// another account.
    fn member_roles(&self) -> Vec<String> {
        let patterns = samples::distinguished(&self.access.member_patterns(), &[], &self.filler);
        patterns.iter().map(|pattern| self.sample(pattern)).collect()
    }

    /// The condition keys of a request.
    fn keys(&self, action: &str, resource: &str, caller: &Caller) -> ConditionKeys {
        let is_service = if *caller == Caller::Lambda { "true" } else { "false" };
        let mut keys = ConditionKeys::new();
        let mut set = |key: &str, value: &str| keys.insert(key.to_owned(), vec![value.to_owned()]);
        set("aws:SecureTransport", "true");
        set("aws:ViaAWSService", "false");
        set("aws:PrincipalIsAWSService", is_service);
        set("aws:ResourceAccount", account_of(resource));
        if let Some(id) = self.organization() {
            set("aws:PrincipalOrgID", id.as_str());
            set("aws:ResourceOrgID", id.as_str());
        }
        if let Caller::Role { role, .. } = caller {
            set("aws:PrincipalArn", role);
            set("aws:PrincipalAccount", account_of(role));
            set("aws:PrincipalType", "AssumedRole");
        }
        if action.starts_with("sts:") && action != KEY_LOOKUP_ACTION {
            self.add_session_keys(&mut keys);
        }
        keys.extend(self.session_attributes().into_iter().map(|(key, value)| (key, vec![value])));
        // An empty value means that the request does not have the key.
        let given = self.context.iter().filter(|(_, values)| values.iter().any(|value| !value.is_empty()));
        // The values are those of the caller, and not of the member's session.
        let is_of_session = self.name == DocumentName::MemberPermissions;
        let given = given.filter(|(key, _)| !is_of_session || !is_of_principal_alone(key));
        keys.extend(given.map(|(key, values)| (key.clone(), values.clone())));
        keys
    }

    /// The organization of all accounts; `None` where it is not known.
    fn organization(&self) -> Option<&OrganizationId> {
        match (&self.access.trust, &self.access.members) {
            (Trust::Organization { id, .. }, _) | (Trust::Role, MemberRoles::Organization { id, .. }) => {
                Some(id)
            }
            (Trust::Role, MemberRoles::Listed(_)) => self.access.organization_id.as_ref(),
        }
    }

    /// Adds the keys of an `AssumeRole` of the hub role.
    fn add_session_keys(&self, keys: &mut ConditionKeys) {
        let RequiredAccess { session_name, external_id, source_identity, session_tags, .. } = self.access;
        let mut set = |key: &str, value: &str| keys.insert(key.to_owned(), vec![value.to_owned()]);
        set("sts:RoleSessionName", session_name.clone().unwrap_or_default().as_str());
        // The role that lists the accounts is assumed without the external id, which is for the member roles.
        if let Some(id) = external_id.as_ref().filter(|_| self.name != DocumentName::OrganizationTrust) {
            set("sts:ExternalId", id.expose());
        }
        if let Some(identity) = source_identity {
            set("sts:SourceIdentity", identity.as_str());
        }
        for (key, value) in session_tags {
            set(&format!("aws:RequestTag/{key}"), value);
        }
        if !session_tags.is_empty() {
            keys.insert("aws:TagKeys".to_owned(), session_tags.iter().map(|(key, _)| key.clone()).collect());
        }
    }
}

fn to_context(keys: &ConditionKeys) -> Context {
    let mut context = Context::default();
    for (key, values) in keys {
        context.set_all(key, values.iter().cloned());
    }
    context
}

/// Who makes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Caller {
    /// The Lambda service.
    Lambda,
    /// A session of a role; `None` where its name is not known: whoever uses the role names it.
    Role { role: String, session: Option<RoleSessionName> },
}

impl Caller {
    /// The account of the role; `None` for a service.
    fn account_id(&self) -> Option<&str> {
        match self {
            Self::Lambda => None,
            Self::Role { role, .. } => Some(account_of(role)),
        }
    }

    fn principal(&self) -> Option<Principal> {
        match self {
            Self::Lambda => "lambda.amazonaws.com".parse().ok(),
            Self::Role { role, session } => {
                let name = session.as_ref().map_or(UNNAMED_SESSION, RoleSessionName::as_str);
                session_arn(role, name)?.parse::<Principal>().ok()?.with_principal_arn(role).ok()
            }
        }
    }

    /// A session whose name is not known.
    pub(super) fn any_session_of(role: &str) -> Self {
        Self::Role { role: role.to_owned(), session: None }
    }
}

/// The name of a session whose name is not known. No policy has it.
const UNNAMED_SESSION: &str = "rolecall=any=session";

fn session_arn(role: &str, session: &str) -> Option<String> {
    let name = role.rsplit('/').next()?;
    let mut fields = role.split(':').skip(1);
    let (partition, account) = (fields.next()?, fields.nth(2)?);
    Some(format!("arn:{partition}:sts::{account}:assumed-role/{name}/{session}"))
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lambda => f.write_str("lambda.amazonaws.com"),
            Self::Role { role, session: None } => f.write_str(role),
            Self::Role { role, session: Some(session) } => {
                f.write_str(&session_arn(role, session.as_str()).unwrap_or_else(|| role.clone()))
            }
        }
    }
}

/// The sessions of a role that a policy names.
fn named_sessions(source: &Value, role_name: &str) -> Vec<RoleSessionName> {
    let source = source.to_string();
    let before = format!("assumed-role/{role_name}/");
    let names = source.split(before.as_str()).skip(1).filter_map(|rest| rest.split('"').next());
    let unique: BTreeSet<&str> = names.collect();
    unique.into_iter().filter_map(|name| name.parse().ok()).collect()
}

/// A role of the trusted permission set; `None` where none is trusted.
fn permission_set_role(access: &RequiredAccess) -> Option<String> {
    let Trust::Organization { permission_set: Some(name), .. } = &access.trust else { return None };
    let (partition, account) = (access.partition(), access.hub_role.account_id());
    let region = partition.default_region();
    Some(format!(
        "arn:{partition}:iam::{account}:role/aws-reserved/sso.amazonaws.com/{region}/AWSReservedSSO_{name}_0123456789abcdef"
    ))
}

/// Whether the principal alone decides the value of a condition key.
pub(super) fn is_of_principal(key: &str) -> bool {
    const KEYS: [&str; 4] =
        ["aws:PrincipalAccount", "aws:PrincipalArn", "aws:PrincipalIsAWSService", "aws:PrincipalType"];
    KEYS.iter().any(|it| it.eq_ignore_ascii_case(key))
}

impl SampleRequest {
    /// The same request with another value of a condition key, or without the key.
    pub(super) fn with_key(&self, key: &str, value: Option<&str>) -> Self {
        self.with_values(key, value.map(|value| vec![value.to_owned()]))
    }

    /// The same, for a key that has several values.
    pub(super) fn with_values(&self, key: &str, values: Option<Vec<String>>) -> Self {
        let mut changed = self.clone();
        changed.keys.retain(|it, _| !it.eq_ignore_ascii_case(key));
        changed.keys.extend(values.map(|values| (key.to_owned(), values)));
        changed.request.context = to_context(&changed.keys);
        changed
    }

    /// The values of a condition key; `None` where the request does not have it.
    pub(super) fn values(&self, key: &str) -> Option<&Vec<String>> {
        self.keys.iter().find(|(it, _)| it.eq_ignore_ascii_case(key)).map(|(_, values)| values)
    }

    /// The request with the condition keys of another one, without those that the principal decides.
    pub(super) fn with_session_of(mut self, other: &Self) -> Self {
        self.keys.retain(|key, _| is_of_principal(key));
        let others = other.keys.iter().filter(|(key, _)| !is_of_principal(key));
        self.keys.extend(others.map(|(key, values)| (key.clone(), values.clone())));
        self.request.context = to_context(&self.keys);
        self
    }

    /// The decision of one policy, as if all others allowed everything.
    pub(super) fn decide(&self, policy: &Policy) -> Decision {
        rolecall_policy::authorize(&self.request, &self.policies(policy))
    }

    /// What in the policy comes closest to allowing the request.
    pub(super) fn nearest(&self, policy: &Policy) -> Option<NearestStatement> {
        let explanation = rolecall_policy::explain(&self.request, &self.policies(policy));
        explanation.documents.into_iter().find_map(|document| match document.effect {
            DocumentEffect::NoEffect { nearest } if document.kind == self.policy_type => nearest,
            _ => None,
        })
    }

    fn policies(&self, policy: &Policy) -> PolicySet {
        let named = |policy: Policy| NamedPolicy { name: String::new(), policy };
        match self.policy_type {
            PolicyType::Trust => PolicySet {
                identity: everything().map(named).into_iter().collect(),
                trust: Some(named(policy.clone())),
                ..PolicySet::default()
            },
            _ => PolicySet { identity: vec![named(policy.clone())], ..PolicySet::default() },
        }
    }
}

/// An identity policy that allows everything.
fn everything() -> Option<Policy> {
    let document = json!({ "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" } });
    Policy::parse(&document, PolicyType::Identity).ok()
}
