//! `iam:SimulatePrincipalPolicy`: what the policies of a user, a group or a role decide, without a request.
//!
//! As at AWS, the simulation knows the identity-based policies, the permissions boundary and the service control policies,
//! and what the request passes. It knows neither the policies of resources, such as trust policies, nor resource control
//! policies, session policies and VPC endpoint policies.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>

use std::collections::BTreeSet;

use rolecall_policy::{Decision, NamedPolicy, Policy, PolicySet, PolicyType, Principal, Request, authorize};
use serde_json::Value;

use super::{Page, account};
use crate::authorization::{AuthorizationRequest, owner, user_policies};
use crate::call::Call;
use crate::context_keys::ContextKeys;
use crate::protocol::{ApiError, Xml};
use crate::statements::{matched_statements, permissive_policies, statements};
use crate::world::{Account, World};

/// The values of `ContextKeyType`.
const KEY_TYPES: [&str; 12] = [
    "string",
    "stringList",
    "numeric",
    "numericList",
    "boolean",
    "booleanList",
    "ip",
    "ipList",
    "binary",
    "binaryList",
    "date",
    "dateList",
];

/// `iam:SimulatePrincipalPolicy`.
pub(crate) fn simulate_principal_policy(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let parameters = call.parameters;
    let source_arn = parameters.required("PolicySourceArn")?;
    if parameters.texts("ActionNames").is_empty() {
        return Err(ApiError::invalid("ActionNames", None, "Member must not be null"));
    }
    let page = Page::from_request(call, "SimulatePrincipalPolicy")?;
    let entity = EntityArn::parse(source_arn)?;
    call.allow(&AuthorizationRequest::new("iam:SimulatePrincipalPolicy", source_arn, source_arn))?;
    let simulation = Simulation::new(call, &entity)?;
    let actions = action_names(call)?;
    let resources = resource_arns(call)?;
    let results = actions.iter().map(|action| simulation.result(action, &resources));
    let numbered: Vec<(String, Xml)> =
        results.enumerate().map(|(number, result)| (format!("{number:06}"), result)).collect();
    Ok(page.render("EvaluationResults", numbered.iter().map(|(key, result)| (key.as_str(), result.clone()))))
}

/// The ARN of a user, a group or a role.
#[derive(Debug, Clone, Copy)]
struct EntityArn<'a> {
    arn: &'a str,
    account_id: &'a str,
    /// `user`, `group` or `role`.
    kind: &'a str,
    name: &'a str,
}

impl<'a> EntityArn<'a> {
    /// # Errors
    /// `InvalidInput`, with AWS's message: for a session too, whose role is what can be simulated.
    fn parse(arn: &'a str) -> Result<Self, ApiError> {
        let fields: Vec<&str> = arn.splitn(6, ':').collect();
        if let ["arn", _, "iam", "", account_id, resource] = *fields.as_slice()
            && let Some((kind, path_and_name)) = resource.split_once('/')
            && ["user", "group", "role"].contains(&kind)
            && let Some(name) = path_and_name.rsplit('/').next().filter(|name| !name.is_empty())
        {
            return Ok(Self { arn, account_id, kind, name });
        }
        Err(invalid_input(format!("Invalid Entity Arn: {arn} does not clearly define entity type and name.")))
    }

    /// The caller that the simulation assumes. A group calls nothing; its policies decide as those of a user without other
    /// policies.
    fn principal(&self) -> Result<Principal, ApiError> {
        let arn = match self.kind {
            "group" => format!("arn:aws:iam::{}:user/{}", self.account_id, self.name),
            _ => self.arn.to_owned(),
        };
        arn.parse().map_err(|problem| invalid_input(format!("{problem}")))
    }

    fn no_such_entity(&self) -> ApiError {
        ApiError::no_such_entity(format!("The {} with name {} cannot be found.", self.kind, self.name))
    }
}

/// The policies and the caller of a simulation.
struct Simulation {
    principal: Principal,
    policies: Vec<SourcePolicy>,
    /// The permissions boundary; `None` if the entity has none and the request passes none.
    boundary: Option<NamedPolicy>,
    /// `ResourcePolicy` of the request.
    resource_policy: Option<SourcePolicy>,
    /// The account of resources whose ARN has none.
    resource_owner: String,
    keys: ContextKeys,
    /// The service control policies; `None` if none limits the caller.
    scps: Option<Vec<Vec<NamedPolicy>>>,
    is_in_organization: bool,
}

/// A policy of a simulation, with the id that the results name it by.
struct SourcePolicy {
    id: String,
    policy_type: PolicyType,
    policy: NamedPolicy,
}

/// The result for an action on a resource.
struct ResourceResult {
    decision: SimulatedDecision,
    matched_statements: Vec<Xml>,
    missing_keys: Vec<String>,
}

/// The values of `EvalDecision`, in ascending order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum SimulatedDecision {
    Allowed,
    ImplicitDeny,
    ExplicitDeny,
}

impl SimulatedDecision {
    fn name(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::ImplicitDeny => "implicitDeny",
            Self::ExplicitDeny => "explicitDeny",
        }
    }
}

impl From<&Decision> for SimulatedDecision {
    fn from(decision: &Decision) -> Self {
        match decision {
            Decision::Allowed(_) => Self::Allowed,
            Decision::ExplicitlyDenied(_) => Self::ExplicitDeny,
            Decision::ImplicitlyDenied(_) | Decision::NeverAllowed(_) => Self::ImplicitDeny,
        }
    }
}

impl Simulation {
    /// # Errors
    /// `NoSuchEntity` if the caller's account does not have the entity, `InvalidInput` for a parameter that is not valid.
    fn new(call: &Call<'_>, entity: &EntityArn<'_>) -> Result<Self, ApiError> {
        let (mut policies, mut boundary) =
            attached_policies(&account(call), entity, call).ok_or_else(|| entity.no_such_entity())?;
        for (number, text) in call.parameters.texts("PolicyInputList").into_iter().enumerate() {
            policies.push(input_policy(
                &format!("PolicyInputList.{}", number + 1),
                text,
                PolicyType::Identity,
            )?);
        }
        match call.parameters.texts("PermissionsBoundaryPolicyInputList").as_slice() {
            [] => {}
            [text] => {
                let id = "PermissionsBoundaryPolicyInputList.1";
                boundary = Some(input_policy(id, text, PolicyType::Boundary)?.policy);
            }
            _ => return Err(invalid_input("There can be only one permissions boundary.")),
        }
        let caller = call.parameters.get("CallerArn").map(EntityArn::parse).transpose()?.unwrap_or(*entity);
        let resource_policy = call.parameters.get("ResourcePolicy");
        if resource_policy.is_some() && caller.kind != "user" {
            let message = "Simulation of resource-based policies is supported for IAM users only. Pass the ARN of a \
                           user as CallerArn.";
            return Err(invalid_input(message));
        }
        let resource_policy = resource_policy
            .map(|text| input_policy("ResourcePolicy", text, PolicyType::Trust))
            .transpose()?;
        let owner = call.parameters.get("ResourceOwner").map(|owner| {
            owner.split(':').nth(4).filter(|account_id| !account_id.is_empty()).unwrap_or(owner).to_owned()
        });
        let mut keys = caller_keys(&caller, call.world);
        add_context_entries(call, &mut keys)?;
        Ok(Self {
            principal: caller.principal()?,
            policies,
            boundary,
            resource_policy,
            resource_owner: owner.unwrap_or_else(|| caller.account_id.to_owned()),
            keys,
            scps: call.world.scps_of_principal(caller.account_id),
            is_in_organization: call.world.organization_path(caller.account_id).is_some(),
        })
    }

    /// The member of `EvaluationResults` for an action. Since 2026, there is one for each action, whatever the resources.
    fn result(&self, action: &str, resources: &[&str]) -> Xml {
        let results: Vec<(&str, ResourceResult)> =
            resources.iter().map(|resource| (*resource, self.resource_result(action, resource))).collect();
        let decision = results.iter().map(|(_, result)| result.decision).max();
        let decision = decision.unwrap_or(SimulatedDecision::ImplicitDeny);
        let deciding = results.iter().filter(|(_, result)| result.decision == decision);
        let statements = deciding.flat_map(|(_, result)| result.matched_statements.iter().cloned());
        let missing: BTreeSet<&String> =
            results.iter().flat_map(|(_, result)| &result.missing_keys).collect();
        let missing: Vec<&str> = missing.into_iter().map(String::as_str).collect();
        let xml = Xml::new()
            .text("EvalActionName", action)
            .text("EvalResourceName", resource_template(action))
            .text("EvalDecision", decision.name())
            .list("MatchedStatements", statements)
            .texts("MissingContextValues", &missing);
        let xml = self.with_organization(xml, action, resources);
        let xml = self.with_boundary(xml, action, resources);
        let specific = results.iter().filter(|(resource, _)| *resource != "*");
        let specific: Vec<Xml> =
            specific.map(|(resource, result)| self.specific_result(action, resource, result)).collect();
        if specific.is_empty() { xml } else { xml.list("ResourceSpecificResults", specific) }
    }

    fn specific_result(&self, action: &str, resource: &str, result: &ResourceResult) -> Xml {
        let missing: Vec<&str> = result.missing_keys.iter().map(String::as_str).collect();
        let xml = Xml::new()
            .text("EvalResourceName", resource)
            .text("EvalResourceDecision", result.decision.name())
            .list("MatchedStatements", result.matched_statements.iter().cloned())
            .texts("MissingContextValues", &missing);
        self.with_boundary(xml, action, &[resource])
    }

    fn resource_result(&self, action: &str, resource: &str) -> ResourceResult {
        let request = self.request(action, resource);
        let policies = PolicySet {
            identity: self.policies.iter().map(|source| source.policy.clone()).collect(),
            trust: self.resource_policy.as_ref().map(|source| source.policy.clone()),
            boundaries: self.boundary.clone().map(|boundary| vec![boundary]),
            scps: self.scps.clone(),
            ..PolicySet::default()
        };
        let decision = SimulatedDecision::from(&authorize(&request, &policies));
        ResourceResult {
            decision,
            matched_statements: self.statements_for(decision, &request),
            missing_keys: self.missing_keys(),
        }
    }

    fn request(&self, action: &str, resource: &str) -> Request {
        let mut keys = self.keys.clone();
        let resource_account = match &self.resource_policy {
            // Nobody but the owner of a resource could allow it to another account, and the simulation does not know what
            // the owner allows. So the caller's policies decide alone.
            None => self.principal.account_id(),
            Some(_) => owner(resource).unwrap_or(&self.resource_owner),
        };
        if !keys.contains("aws:ResourceAccount") {
            keys.set("aws:ResourceAccount", owner(resource).unwrap_or(&self.resource_owner));
        }
        Request {
            principal: self.principal.clone(),
            action: action.to_owned(),
            resource: resource.to_owned(),
            resource_account: resource_account.to_owned(),
            context: keys.to_context(),
        }
    }

    /// The statements of identity-based and resource-based policies that contributed to a decision: those that deny if one
    /// does, and those that allow if all is allowed.
    fn statements_for(&self, decision: SimulatedDecision, request: &Request) -> Vec<Xml> {
        let is_deny = match decision {
            SimulatedDecision::Allowed => false,
            SimulatedDecision::ExplicitDeny => true,
            SimulatedDecision::ImplicitDeny => return Vec::new(),
        };
        let sources = self.policies.iter().chain(&self.resource_policy);
        let matched = sources.flat_map(|source| {
            let matched = matched_statements(request, &source.policy.policy, source.policy_type);
            matched.into_iter().map(move |statement| (source, statement))
        });
        matched
            .filter(|(_, matched)| matched.is_deny == is_deny)
            .map(|(source, matched)| source.statement(matched.statement))
            .collect()
    }

    /// The condition keys that the identity-based and resource-based policies refer to and the request lacks.
    fn missing_keys(&self) -> Vec<String> {
        let mut missing: Vec<String> = Vec::new();
        for source in self.policies.iter().chain(&self.resource_policy) {
            for key in condition_keys(&source.policy.policy) {
                if !self.keys.contains(&key) && !missing.iter().any(|it| it.eq_ignore_ascii_case(&key)) {
                    missing.push(key);
                }
            }
        }
        missing
    }

    /// Adds whether the service control policies allow the action on all of the resources.
    fn with_organization(&self, xml: Xml, action: &str, resources: &[&str]) -> Xml {
        if !self.is_in_organization {
            return xml;
        }
        let policies = PolicySet { scps: self.scps.clone(), ..permissive_policies() };
        let detail = Xml::new().text("AllowedByOrganizations", self.allows(&policies, action, resources));
        xml.element("OrganizationsDecisionDetail", &detail)
    }

    /// Adds whether the permissions boundary allows the action on all of the resources.
    fn with_boundary(&self, xml: Xml, action: &str, resources: &[&str]) -> Xml {
        let Some(boundary) = &self.boundary else { return xml };
        let policies = PolicySet { boundaries: Some(vec![boundary.clone()]), ..permissive_policies() };
        let allows = self.allows(&policies, action, resources);
        let detail = Xml::new().text("AllowedByPermissionsBoundary", allows);
        xml.element("PermissionsBoundaryDecisionDetail", &detail)
    }

    fn allows(&self, policies: &PolicySet, action: &str, resources: &[&str]) -> &'static str {
        let resource_account = self.principal.account_id();
        let is_allowed = resources.iter().all(|resource| {
            let resource_account = resource_account.to_owned();
            let request = Request { resource_account, ..self.request(action, resource) };
            authorize(&request, policies).is_allowed()
        });
        if is_allowed { "true" } else { "false" }
    }
}

impl SourcePolicy {
    /// A member of `MatchedStatements`. The documents of a world have one line each.
    fn statement(&self, statement: &Value) -> Xml {
        let (document, statement) = (self.policy.policy.source().to_string(), statement.to_string());
        let start = document.find(&statement).unwrap_or_default();
        let position = |column: usize| Xml::new().text("Line", "1").text("Column", column.to_string());
        Xml::new()
            .text("SourcePolicyId", &self.id)
            .text("SourcePolicyType", "IAM Policy")
            .element("StartPosition", &position(start + 1))
            .element("EndPosition", &position(start + statement.len() + 1))
    }
}

/// The identity-based policies and the permissions boundary of an entity; `None` if the account does not have it.
fn attached_policies(
    account: &Account,
    entity: &EntityArn<'_>,
    call: &Call<'_>,
) -> Option<(Vec<SourcePolicy>, Option<NamedPolicy>)> {
    match entity.kind {
        "user" => {
            let user = account.users.get(entity.name).filter(|user| user.arn == entity.arn)?;
            let all = user_policies(user, entity.account_id, call.world).identity;
            let groups = user.groups.iter().filter_map(|name| account.groups.get(name));
            let inline = groups.flat_map(|group| &group.inline_policies);
            let inline: Vec<_> = user.inline_policies.iter().chain(inline).cloned().collect();
            Some((source_policies(all, &inline), user.permissions_boundary.clone()))
        }
        "group" => {
            let group = account.groups.get(entity.name).filter(|group| group.arn == entity.arn)?;
            Some((source_policies(group.policies.clone(), &group.inline_policies), None))
        }
        _ => {
            let role = account.roles.get(entity.name).filter(|role| role.arn == entity.arn)?;
            let policies = source_policies(role.policies.clone(), &role.inline_policies);
            Some((policies, role.permissions_boundary.clone()))
        }
    }
}

/// The policies with their ids: the name of a managed policy, or of an inline one.
fn source_policies(policies: Vec<NamedPolicy>, inline: &[(String, String)]) -> Vec<SourcePolicy> {
    let mut inline_names = inline.iter().map(|(name, _)| name);
    let id = |policy: &NamedPolicy| match policy.name.strip_prefix("arn:") {
        Some(arn) => arn.rsplit('/').next().unwrap_or_default().to_owned(),
        None => inline_names.next().unwrap_or(&policy.name).clone(),
    };
    let ids: Vec<String> = policies.iter().map(id).collect();
    let policy_type = PolicyType::Identity;
    ids.into_iter().zip(policies).map(|(id, policy)| SourcePolicy { id, policy_type, policy }).collect()
}

/// A policy that a request passes as text.
///
/// # Errors
/// `InvalidInput`, with the place in the policy.
fn input_policy(id: &str, text: &str, policy_type: PolicyType) -> Result<SourcePolicy, ApiError> {
    let value: Value = rolecall_json::parse(text)
        .map_err(|problem| invalid_input(format!("Invalid JSON in {id}: {problem}")))?;
    let policy = Policy::parse(&value, policy_type)
        .map_err(|problem| invalid_input(format!("Syntax errors in policy {id}. {problem}")))?;
    Ok(SourcePolicy { id: id.to_owned(), policy_type, policy: NamedPolicy { name: id.to_owned(), policy } })
}

/// The condition keys that follow from who calls.
fn caller_keys(caller: &EntityArn<'_>, world: &World) -> ContextKeys {
    let EntityArn { arn, account_id, kind, name } = *caller;
    let mut keys = ContextKeys::from_iter([("aws:PrincipalArn", arn), ("aws:PrincipalAccount", account_id)]);
    let account = world.account(account_id).unwrap_or_default();
    let tags = match kind {
        "user" => {
            keys.set("aws:PrincipalType", "User");
            keys.set("aws:username", name);
            let user = account.users.get(name);
            user.map(|user| {
                keys.set("aws:userid", &user.user_id);
                user.tags.clone()
            })
        }
        "role" => {
            keys.set("aws:PrincipalType", "AssumedRole");
            account.roles.get(name).map(|role| role.tags.clone())
        }
        _ => None,
    };
    for (key, value) in tags.iter().flatten() {
        keys.set(&format!("aws:PrincipalTag/{key}"), value);
    }
    if let Some((id, path)) = world.organization_path(account_id) {
        keys.set("aws:PrincipalOrgID", id);
        keys.set_all("aws:PrincipalOrgPaths", [path]);
    }
    keys
}

/// Adds `ContextEntries` of the request, which take precedence.
///
/// # Errors
/// `InvalidInput` for an entry without a name or without values, and for an unknown type.
fn add_context_entries(call: &Call<'_>, keys: &mut ContextKeys) -> Result<(), ApiError> {
    for (number, entry) in call.parameters.members("ContextEntries").into_iter().enumerate() {
        let number = number + 1;
        let name = entry.get("ContextKeyName").filter(|name| name.contains(':'));
        let name = name
            .ok_or_else(|| invalid_input(format!("ContextEntries.{number} has no valid ContextKeyName.")))?;
        let key_type = entry.get("ContextKeyType").unwrap_or(&"string");
        if !KEY_TYPES.contains(key_type) {
            let types = KEY_TYPES.join(", ");
            return Err(invalid_input(format!(
                "ContextEntries.{number} has the unknown ContextKeyType {key_type}; expected one of {types}."
            )));
        }
        let value = |number: usize| entry.get(format!("ContextKeyValues.member.{number}").as_str());
        let values: Vec<String> = (1..).map_while(value).map(|value| (*value).to_owned()).collect();
        if values.is_empty() {
            return Err(invalid_input(format!("ContextEntries.{number} has no ContextKeyValues.")));
        }
        keys.set_all(name, values);
    }
    Ok(())
}

/// `ActionNames` of the request.
///
/// # Errors
/// `InvalidInput` for a name without its service, or with a wildcard, which the simulator does not support.
fn action_names<'a>(call: &Call<'a>) -> Result<Vec<&'a str>, ApiError> {
    let actions = call.parameters.texts("ActionNames");
    let is_valid = |action: &&str| {
        action.split_once(':').is_some_and(|(service, name)| !service.is_empty() && !name.is_empty())
            && !action.contains(['*', '?'])
            && action.len() <= 128
    };
    match actions.iter().find(|action| !is_valid(action)) {
        Some(action) => Err(invalid_input(format!(
            "Invalid Action Name: {action}. Write the service and the operation, such as iam:ListUsers, without wildcards."
        ))),
        None => Ok(actions),
    }
}

/// `ResourceArns` of the request; `*` if it has none.
///
/// # Errors
/// `InvalidInput` for what is neither an ARN nor `*`.
fn resource_arns<'a>(call: &Call<'a>) -> Result<Vec<&'a str>, ApiError> {
    let resources = call.parameters.texts("ResourceArns");
    let is_valid = |arn: &&str| *arn == "*" || arn.starts_with("arn:") && arn.split(':').count() >= 6;
    match resources.iter().find(|arn| !is_valid(arn)) {
        Some(arn) => Err(invalid_input(format!("Invalid Resource Arn: {arn}"))),
        None if resources.is_empty() => Ok(vec!["*"]),
        None => Ok(resources),
    }
}

/// The form of the ARNs that an action has as its resource; `*` for one without, and for actions of other services.
///
/// Source: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html>
fn resource_template(action: &str) -> &'static str {
    const ROLE: &str = "arn:${Partition}:iam::${Account}:role/${RoleNameWithPath}";
    const USER: &str = "arn:${Partition}:iam::${Account}:user/${UserNameWithPath}";
    const GROUP: &str = "arn:${Partition}:iam::${Account}:group/${GroupNameWithPath}";
    const OF_USERS: [&str; 4] =
        ["listaccesskeys", "getaccesskeylastused", "getloginprofile", "listmfadevices"];
    let (service, name) = action.split_once(':').unwrap_or_default();
    let (service, name) = (service.to_ascii_lowercase(), name.to_ascii_lowercase());
    match (service.as_str(), name.as_str()) {
        ("iam", "listusers" | "listgroups" | "listroles") => "*",
        ("sts", "assumerole" | "tagsession" | "setsourceidentity") => ROLE,
        ("iam", name) if name.contains("role") => ROLE,
        ("iam", name) if name.contains("user") || OF_USERS.contains(&name) => USER,
        ("iam", name) if name.contains("group") => GROUP,
        _ => "*",
    }
}

/// The condition keys that a policy refers to, in conditions and as policy variables.
fn condition_keys(policy: &Policy) -> Vec<String> {
    let mut keys = Vec::new();
    for statement in statements(policy) {
        let operators = statement.get("Condition").and_then(Value::as_object);
        for conditions in operators.into_iter().flat_map(|operators| operators.values()) {
            keys.extend(conditions.as_object().into_iter().flatten().map(|(key, _)| key.clone()));
        }
        let elements = ["Resource", "NotResource", "Condition"].map(|name| statement.get(name));
        for element in elements.into_iter().flatten() {
            keys.extend(variables(&element.to_string()));
        }
    }
    keys
}

/// The condition keys of the policy variables in a text, such as `aws:username` of `${aws:username}`.
fn variables(text: &str) -> Vec<String> {
    let parts = text.split("${").skip(1).filter_map(|part| part.split('}').next());
    // A variable can have a default, after a comma.
    let keys = parts.filter_map(|variable| variable.split(',').next());
    keys.filter(|key| key.contains(':')).map(str::to_owned).collect()
}

fn invalid_input(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "InvalidInput", message)
}

#[cfg(test)]
mod tests {
    use rolecall_policy::{Policy, PolicyType};
    use serde_json::json;

    use super::{condition_keys, resource_template};

    #[test]
    fn the_keys_of_conditions_and_variables_are_found() {
        let document = json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": "*", "Resource": "arn:aws:iam::*:user/${aws:username}",
              "Condition": { "StringEquals": { "sts:ExternalId": "${aws:PrincipalTag/id, 'none'}" },
                             "Bool": { "aws:MultiFactorAuthPresent": "true" } } },
            { "Effect": "Deny", "Action": "*", "Resource": "${*}" },
        ] });
        let policy = Policy::parse(&document, PolicyType::Identity).unwrap();
        let mut keys = condition_keys(&policy);
        keys.sort_unstable();
        assert_eq!(
            keys,
            ["aws:MultiFactorAuthPresent", "aws:PrincipalTag/id", "aws:username", "sts:ExternalId"]
        );
    }

    #[test]
    fn resources_are_named_by_the_form_of_their_arn() {
        for (action, expected) in [
            ("STS:assumerole", "arn:${Partition}:iam::${Account}:role/${RoleNameWithPath}"),
            ("iam:GetRole", "arn:${Partition}:iam::${Account}:role/${RoleNameWithPath}"),
            ("iam:ListAccessKeys", "arn:${Partition}:iam::${Account}:user/${UserNameWithPath}"),
            ("iam:GetUser", "arn:${Partition}:iam::${Account}:user/${UserNameWithPath}"),
            ("iam:GetGroup", "arn:${Partition}:iam::${Account}:group/${GroupNameWithPath}"),
            ("iam:ListUsers", "*"),
            ("iam:GetAccountSummary", "*"),
            ("organizations:ListAccounts", "*"),
        ] {
            assert_eq!(resource_template(action), expected, "{action}");
        }
    }
}
