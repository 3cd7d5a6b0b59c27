//! The checks of an authorization and the policies of each, as the authorization details show them.
//!
//! Source: <https://docs.aws.amazon.com/iam-toolbox/latest/APIReference/API_Evaluation.html>

use rolecall_policy::{NamedPolicy, Policy, PolicySet, PolicyType, Request};
use serde_json::{Value, json};

use crate::authorization::{AuthenticatedCaller, AuthorizationRequest, boundary_arn, owner};
use crate::organizations::target_arn;
use crate::statements::{MatchedStatement, is_limited_by, matched_statements, must_allow};
use crate::world::{Organization, VpcEndpoint, World};

/// A requirement of an authorization, with the policies that decide it.
#[derive(Debug)]
pub(crate) struct Check {
    /// `checkType` of the API.
    name: &'static str,
    /// `ALLOW`, `NO_IMPACT`, `IMPLICIT_DENY` or `EXPLICIT_DENY`.
    pub(crate) effect: &'static str,
    /// The root, the unit or the account that the policies are attached to; `None` for policies of no organization.
    target_arn: Option<String>,
    pub(crate) policies: Vec<EvaluatedPolicy>,
}

/// A policy that was evaluated for a request.
#[derive(Debug, Clone)]
pub(crate) struct EvaluatedPolicy {
    policy_type: &'static str,
    is_inline: bool,
    /// The ARN of a managed policy, an opaque text for an inline one.
    pub(crate) uri: String,
    /// ARNs.
    pub(crate) attached_to: Vec<String>,
    /// Whether the organization of the principal may see it.
    pub(crate) is_visible: bool,
    pub(crate) policy: Policy,
    /// The statements that match: index, `Sid`, whether it denies.
    matched: Vec<Matched>,
}

/// A statement that matches the request.
#[derive(Debug, Clone)]
pub(crate) struct Matched {
    sid: String,
    pub(crate) is_deny: bool,
}

impl From<MatchedStatement<'_>> for Matched {
    fn from(matched: MatchedStatement<'_>) -> Self {
        let MatchedStatement { index, statement, is_deny } = matched;
        let sid = statement.get("Sid").and_then(Value::as_str).map(str::to_owned);
        // "If the statement has no Sid, one is generated for reference."
        Self { sid: sid.unwrap_or_else(|| format!("Statement{}", index + 1)), is_deny }
    }
}

impl Check {
    /// A check that policies must allow, unless `is_required` says that something else allows.
    fn new(name: &'static str, policies: Vec<EvaluatedPolicy>, is_required: impl Fn() -> bool) -> Self {
        let has = |is_deny: bool| policies.iter().any(|it| it.matched.iter().any(|it| it.is_deny == is_deny));
        let effect = if has(true) {
            "EXPLICIT_DENY"
        } else if has(false) {
            "ALLOW"
        } else if is_required() {
            "IMPLICIT_DENY"
        } else {
            "NO_IMPACT"
        };
        Self { name, effect, target_arn: None, policies }
    }

    /// The member of `checks`.
    pub(crate) fn to_json(&self) -> Value {
        let mut check = json!({
            "checkType": self.name,
            "evaluatedEffect": self.effect,
            "relevantPolicyTypes": [relevant_policy_type(self.name)],
            "matchedPolicies": self.matched_policies(|_| true),
        });
        if let (Some(target_arn), Some(object)) = (&self.target_arn, check.as_object_mut()) {
            object.insert("targetArn".to_owned(), json!(target_arn));
        }
        check
    }

    /// The check without what the organization of the principal may not see.
    fn hidden(mut self) -> Self {
        self.target_arn = None;
        self.policies.iter_mut().for_each(|policy| policy.is_visible = false);
        self
    }

    /// The visible policies with the statements that match, of those that are selected.
    pub(crate) fn matched_policies(&self, is_selected: impl Fn(&Matched) -> bool) -> Vec<Value> {
        let visible = self.policies.iter().filter(|policy| policy.is_visible);
        let matched = visible.filter_map(|policy| {
            let statements: Vec<Value> = policy
                .matched
                .iter()
                .filter(|matched| is_selected(matched))
                .map(|it| json!({ "sid": it.sid, "evaluatedEffect": if it.is_deny { "DENY" } else { "ALLOW" } }))
                .collect();
            let is_matched = !statements.is_empty();
            is_matched.then(|| json!({ "uri": policy.uri, "matchedStatements": statements }))
        });
        matched.collect()
    }
}

impl EvaluatedPolicy {
    /// A policy of a request. One without an ARN is inline; its URI is made from its name and from what it is attached to.
    fn new(policy_type: PolicyType, named: &NamedPolicy, attached_to: &str, request: &Request) -> Self {
        let is_inline = !named.name.starts_with("arn:");
        let uri = if is_inline {
            let text = format!("{attached_to}/{}", named.name);
            let id = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, text.as_bytes());
            format!("inline-{}", id.simple())
        } else {
            named.name.clone()
        };
        let matched = matched_statements(request, &named.policy, policy_type);
        Self {
            policy_type: policy_type_name(policy_type),
            is_inline,
            uri,
            attached_to: vec![attached_to.to_owned()],
            is_visible: true,
            matched: matched.into_iter().map(Matched::from).collect(),
            policy: named.policy.clone(),
        }
    }

    /// The member of `policies`.
    pub(crate) fn to_json(&self) -> Value {
        let attached_to: Vec<Value> = self.attached_to.iter().map(|arn| json!({ "arn": arn })).collect();
        json!({ "type": self.policy_type, "inline": self.is_inline, "uri": self.uri, "attachedTo": attached_to })
    }
}

/// All checks of a request, in AWS's order.
pub(crate) fn checks(
    caller: &AuthenticatedCaller,
    request: &AuthorizationRequest<'_>,
    policy_request: &Request,
    world: &World,
) -> Vec<Check> {
    let mut checks = Vec::new();
    let resource_account = owner(request.resource).unwrap_or(caller.account_id());
    let is_visible = world.is_same_owner(caller.account_id(), resource_account);
    if let Some(organization) = &world.organization {
        if request.trust.is_some() && world.is_limited_by_rcps(resource_account) {
            let rcps =
                organization_checks(organization, PolicyType::Rcp, resource_account, policy_request, world);
            checks.extend(rcps.into_iter().map(|check| if is_visible { check } else { check.hidden() }));
        }
        if world.scps_of_principal(caller.account_id()).is_some() {
            let account_id = caller.account_id();
            checks.extend(organization_checks(
                organization,
                PolicyType::Scp,
                account_id,
                policy_request,
                world,
            ));
        }
    }
    checks.extend(endpoint_check(caller, request, policy_request, world));
    if let Some(trust) = request.trust {
        let policy = EvaluatedPolicy::new(PolicyType::Trust, trust, request.resource, policy_request);
        // A role that does not exist has no trust policy.
        let exists = world.role(request.resource).is_some();
        let policies = exists.then_some(EvaluatedPolicy { is_visible, ..policy }).into_iter().collect();
        checks.push(Check::new("RESOURCE", policies, || true));
    }
    let policies = caller.policy_set(request, world);
    let required = |policy_type: PolicyType| must_allow(policy_request, &policies, policy_type);
    checks.push(Check::new("PRINCIPAL", identity_policies(caller, policy_request, world), || {
        required(PolicyType::Identity)
    }));
    checks.extend(principal_checks(caller, policy_request, &policies, &required));
    checks
}

/// The checks of the policies of one type at each level of an organization above an account, and at the account itself.
fn organization_checks(
    organization: &Organization,
    policy_type: PolicyType,
    account_id: &str,
    request: &Request,
    world: &World,
) -> Vec<Check> {
    if !is_limited_by(request, policy_type) {
        return Vec::new();
    }
    let check_type = policy_type_name(policy_type);
    let units = world.units_above(account_id).into_iter().map(|unit| unit.id.clone());
    let targets = units.chain([account_id.to_owned()]);
    let check = |target: String| {
        let target_arn = target_arn(organization, &target)?;
        let attached = organization.policies_of(&target, policy_type)?;
        let policies = attached.into_iter().filter_map(|attached| {
            let policy = Policy::parse(&attached.content, policy_type).ok()?;
            let named = NamedPolicy { name: attached.arn, policy };
            Some(EvaluatedPolicy::new(policy_type, &named, &target_arn, request))
        });
        let check = Check::new(check_type, policies.collect(), || true);
        Some(Check { target_arn: Some(target_arn), ..check })
    };
    targets.filter_map(check).collect()
}

/// The check of the VPC endpoint policy; `None` if the request passes no endpoint.
fn endpoint_check(
    caller: &AuthenticatedCaller,
    request: &AuthorizationRequest<'_>,
    policy_request: &Request,
    world: &World,
) -> Option<Check> {
    let endpoint = world.vpc_endpoint_of(request.action)?;
    let policy_request = VpcEndpoint::forwarded(policy_request);
    let arn = endpoint.arn(caller.keys().get("aws:RequestedRegion")?, caller.account_id());
    let mut policy = EvaluatedPolicy::new(PolicyType::Trust, &endpoint.policy, &arn, &policy_request);
    policy.policy_type = "VPC_ENDPOINT_POLICY";
    Some(Check::new("VPC_ENDPOINT", vec![policy], || true))
}

/// The identity-based policies of the caller: its own, and those of its groups.
fn identity_policies(caller: &AuthenticatedCaller, request: &Request, world: &World) -> Vec<EvaluatedPolicy> {
    let new = |attached_to: &str, policies: &[NamedPolicy]| -> Vec<EvaluatedPolicy> {
        let new = |named| EvaluatedPolicy::new(PolicyType::Identity, named, attached_to, request);
        policies.iter().map(new).collect()
    };
    let Some(user_name) = &caller.user_name else {
        return new(&caller.policy_owner(), caller.identity_policies());
    };
    let account = world.account(caller.account_id()).unwrap_or_default();
    let Some(user) = account.users.get(user_name) else { return Vec::new() };
    let groups = user.groups.iter().filter_map(|name| account.groups.get(name));
    let of_groups = groups.flat_map(|group| new(&group.arn, &group.policies));
    new(&user.arn, &user.policies).into_iter().chain(of_groups).collect()
}

/// The checks of permissions boundary and session policies, which a principal need not have.
fn principal_checks(
    caller: &AuthenticatedCaller,
    request: &Request,
    policies: &PolicySet,
    required: &dyn Fn(PolicyType) -> bool,
) -> Vec<Check> {
    let owner = caller.policy_owner();
    let new = |policy_type: PolicyType, named: &NamedPolicy| {
        EvaluatedPolicy::new(policy_type, named, &owner, request)
    };
    let boundary = policies.boundaries.as_ref().map(|boundaries| {
        let policies = boundaries.iter().map(|boundary| {
            let name = boundary_arn(&boundary.name, caller.account_id());
            new(PolicyType::Boundary, &NamedPolicy { name, policy: boundary.policy.clone() })
        });
        Check::new("PERMISSIONS_BOUNDARY", policies.collect(), || required(PolicyType::Boundary))
    });
    let session = policies.session.as_ref().map(|session| {
        let policies = session.iter().map(|named| new(PolicyType::Session, named));
        Check::new("SESSION", policies.collect(), || required(PolicyType::Session))
    });
    boundary.into_iter().chain(session).collect()
}

fn policy_type_name(policy_type: PolicyType) -> &'static str {
    match policy_type {
        PolicyType::Identity => "IDENTITY_BASED_POLICY",
        PolicyType::Trust => "RESOURCE_BASED_POLICY",
        PolicyType::Session => "SESSION_POLICY",
        PolicyType::Boundary => "PERMISSIONS_BOUNDARY",
        PolicyType::Scp => "SERVICE_CONTROL_POLICY",
        PolicyType::Rcp => "RESOURCE_CONTROL_POLICY",
    }
}

/// The type of the policies that decide a check.
fn relevant_policy_type(check_type: &'static str) -> &'static str {
    match check_type {
        "PRINCIPAL" => "IDENTITY_BASED_POLICY",
        "RESOURCE" => "RESOURCE_BASED_POLICY",
        "SESSION" => "SESSION_POLICY",
        "VPC_ENDPOINT" => "VPC_ENDPOINT_POLICY",
        same => same,
    }
}
