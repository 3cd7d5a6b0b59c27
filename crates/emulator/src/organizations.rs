//! The Organizations operations.
//!
//! Source: <https://docs.aws.amazon.com/organizations/latest/APIReference/API_Operations.html>

use std::collections::BTreeMap;

use rolecall_policy::PolicyType;
use serde_json::{Value, json};

use crate::authorization::AuthorizationRequest;
use crate::call::Call;
use crate::protocol::ApiError;
use crate::world::{Member, Organization, OrganizationPolicy, Unit};

/// The service and API version that `X-Amz-Target` names.
pub(crate) const VERSION: &str = "AWSOrganizationsV20161128";

/// The largest page that AWS returns, and the default.
const MAX_RESULTS: usize = 20;

/// The types of policies that a world does not have.
const OTHER_POLICY_TYPES: [&str; 12] = [
    "AISERVICES_OPT_OUT_POLICY",
    "BACKUP_POLICY",
    "BEDROCK_POLICY",
    "CHATBOT_POLICY",
    "DECLARATIVE_POLICY_EC2",
    "GUARDDUTY_POLICY",
    "INSPECTOR_POLICY",
    "NETWORK_SECURITY_DIRECTOR_POLICY",
    "S3_POLICY",
    "SECURITYHUB_POLICY",
    "TAG_POLICY",
    "UPGRADE_ROLLOUT_POLICY",
];

/// `organizations:DescribeOrganization`, the only operation here that any member account may call.
pub(crate) fn describe_organization(call: &mut Call<'_>) -> Result<Value, ApiError> {
    allow(call, "organizations:DescribeOrganization", "*")?;
    let organization = organization(call)?;
    let Organization { id, management_account, members, .. } = organization;
    let email = members.get(management_account).map(|member| member.email.clone());
    Ok(json!({ "Organization": {
        "Id": id,
        "Arn": format!("arn:aws:organizations::{management_account}:organization/{id}"),
        "FeatureSet": "ALL",
        "MasterAccountId": management_account,
        "MasterAccountArn": account_arn(organization, management_account),
        "MasterAccountEmail": email,
    } }))
}

/// `organizations:ListAccounts`.
pub(crate) fn list_accounts(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let organization = administered_organization(call, "organizations:ListAccounts", "*")?;
    let old_status = call.world.fault_injection.old_status;
    let accounts =
        organization.members.iter().map(|(id, member)| account(organization, id, member, old_status));
    page(call, "Accounts", accounts)
}

/// `organizations:ListAccountsForParent`.
pub(crate) fn list_accounts_for_parent(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let (organization, parent) = parent(call, "organizations:ListAccountsForParent")?;
    let old_status = call.world.fault_injection.old_status;
    let children = organization.members.iter().filter(|(_, member)| member.unit == parent);
    page(call, "Accounts", children.map(|(id, member)| account(organization, id, member, old_status)))
}

/// `organizations:ListOrganizationalUnitsForParent`.
pub(crate) fn list_organizational_units_for_parent(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let (organization, parent) = parent(call, "organizations:ListOrganizationalUnitsForParent")?;
    let children = organization.units.iter().filter(|unit| unit.parent == Some(parent));
    page(call, "OrganizationalUnits", children.map(|unit| unit_summary(organization, unit)))
}

/// `organizations:ListChildren`.
pub(crate) fn list_children(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let child_type = required(call, "ChildType")?;
    let (organization, parent) = parent(call, "organizations:ListChildren")?;
    let child = |id: &String| json!({ "Id": id, "Type": child_type });
    match child_type.as_str() {
        "ACCOUNT" => {
            let accounts = organization.members.iter().filter(|(_, member)| member.unit == parent);
            page(call, "Children", accounts.map(|(id, _)| child(id)))
        }
        "ORGANIZATIONAL_UNIT" => {
            let units = organization.units.iter().filter(|unit| unit.parent == Some(parent));
            page(call, "Children", units.map(|unit| child(&unit.id)))
        }
        _ => Err(invalid("ChildType")),
    }
}

/// `organizations:ListPoliciesForTarget`. A world has SCPs and RCPs, and no policies of the other types.
pub(crate) fn list_policies_for_target(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let (target, filter) = (required(call, "TargetId")?, required(call, "Filter")?);
    let resource = organization(call).ok().and_then(|it| target_arn(it, &target));
    let resource_arn = resource.as_deref().unwrap_or("*");
    let mut request =
        AuthorizationRequest::new("organizations:ListPoliciesForTarget", resource_arn, resource_arn);
    request.context.extend(policy_type_key(&filter));
    let organization = administered_organization_of(call, &request)?;
    let policies = match filter.as_str() {
        "SERVICE_CONTROL_POLICY" => organization.policies_of(&target, PolicyType::Scp),
        "RESOURCE_CONTROL_POLICY" => organization.policies_of(&target, PolicyType::Rcp),
        other if OTHER_POLICY_TYPES.contains(&other) => resource.map(|_| Vec::new()),
        _ => return Err(invalid("Filter")),
    };
    page(call, "Policies", policies.ok_or_else(target_not_found)?.iter().map(policy_summary))
}

/// `organizations:DescribePolicy`.
pub(crate) fn describe_policy(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let policy_id = required(call, "PolicyId")?;
    let policy = organization(call).ok().and_then(|it| it.policy(&policy_id));
    let resource = policy.as_ref().map_or("*", |policy| policy.arn.as_str());
    let policy_type = policy.as_ref().map(|policy| policy_type_key(policy.type_name()));
    let mut request = AuthorizationRequest::new("organizations:DescribePolicy", resource, resource);
    request.context.extend(policy_type.into_iter().flatten());
    administered_organization_of(call, &request)?;
    let policy = policy.ok_or_else(|| {
        let message = "You specified a policy that doesn't exist.";
        ApiError::new(400, "PolicyNotFoundException", message)
    })?;
    let content = policy.content.to_string();
    Ok(json!({ "Policy": { "PolicySummary": policy_summary(&policy), "Content": content } }))
}

/// `organizations:ListRoots`.
pub(crate) fn list_roots(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let organization = administered_organization(call, "organizations:ListRoots", "*")?;
    let root = organization.units.iter().take(1);
    let root = root.map(|unit| {
        let policy_types = ["SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"];
        let policy_types = policy_types.map(|name| json!({ "Type": name, "Status": "ENABLED" }));
        json!({ "Id": unit.id, "Arn": unit_arn(organization, unit), "Name": unit.name, "PolicyTypes": policy_types })
    });
    page(call, "Roots", root)
}

/// `organizations:ListParents`.
pub(crate) fn list_parents(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let child = required(call, "ChildId")?;
    let organization = administered_organization(call, "organizations:ListParents", "*")?;
    let child_unit = organization.units.iter().find(|unit| unit.id == child);
    let parent = match (child_unit, organization.members.get(&child)) {
        (Some(unit), _) => unit.parent,
        (None, Some(member)) => Some(member.unit),
        (None, None) => {
            let message = "You specified an organizational unit or account that doesn't exist.";
            return Err(ApiError::new(400, "ChildNotFoundException", message));
        }
    };
    let parent = parent.and_then(|parent| Some((parent, organization.units.get(parent)?)));
    let parents = parent.map(|(number, unit)| {
        json!({ "Id": unit.id, "Type": if number == 0 { "ROOT" } else { "ORGANIZATIONAL_UNIT" } })
    });
    page(call, "Parents", parents.into_iter())
}

/// `organizations:DescribeAccount`.
pub(crate) fn describe_account(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let account_id = required(call, "AccountId")?;
    let organization = administered_organization(call, "organizations:DescribeAccount", "*")?;
    let member = organization.members.get(&account_id).ok_or_else(|| {
        let message = "You specified an account that doesn't exist.";
        ApiError::new(400, "AccountNotFoundException", message)
    })?;
    Ok(
        json!({ "Account": account(organization, &account_id, member, call.world.fault_injection.old_status) }),
    )
}

/// `organizations:DescribeOrganizationalUnit`.
pub(crate) fn describe_organizational_unit(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let unit_id = required(call, "OrganizationalUnitId")?;
    let organization = administered_organization(call, "organizations:DescribeOrganizationalUnit", "*")?;
    let unit = organization.units.iter().find(|unit| unit.id == unit_id && unit.parent.is_some());
    let unit = unit.ok_or_else(|| {
        let message = "You specified an organizational unit that doesn't exist.";
        ApiError::new(400, "OrganizationalUnitNotFoundException", message)
    })?;
    Ok(json!({ "OrganizationalUnit": unit_summary(organization, unit) }))
}

/// `organizations:ListDelegatedAdministrators`. Of a world's delegated administrators it is not known for which
/// services they are, so `ServicePrincipal` selects all of them.
pub(crate) fn list_delegated_administrators(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let organization = administered_organization(call, "organizations:ListDelegatedAdministrators", "*")?;
    let old_status = call.world.fault_injection.old_status;
    let administrator = |id: &String| {
        let member = organization.members.get(id)?;
        let mut account = account(organization, id, member, old_status);
        // A world does not say when; the account was a member by then.
        let enabled = json!(member.joined.as_second());
        account.as_object_mut()?.insert("DelegationEnabledDate".to_owned(), enabled);
        Some(account)
    };
    page(
        call,
        "DelegatedAdministrators",
        organization.delegated_administrators.iter().filter_map(administrator),
    )
}

/// `organizations:ListTagsForResource`.
pub(crate) fn list_tags_for_resource(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let resource_id = required(call, "ResourceId")?;
    let organization = administered_organization(call, "organizations:ListTagsForResource", "*")?;
    let is_unit = organization.units.iter().any(|unit| unit.id == resource_id);
    let tags = organization.members.get(&resource_id).map(|member| member.tags.clone());
    let tags = tags.or_else(|| is_unit.then(BTreeMap::new)).ok_or_else(target_not_found)?;
    page(call, "Tags", tags.into_iter().map(|(key, value)| json!({ "Key": key, "Value": value })))
}

fn allow(call: &mut Call<'_>, action: &str, resource: &str) -> Result<(), ApiError> {
    call.allow(&AuthorizationRequest::new(action, resource, resource))
}

/// The organization of the caller's account.
fn organization<'a>(call: &Call<'a>) -> Result<&'a Organization, ApiError> {
    let account_id = call.caller.account_id();
    let organization = call.world.organization.as_ref();
    organization.filter(|organization| organization.members.contains_key(account_id)).ok_or_else(|| {
        let message = "Your account is not a member of an organization.";
        ApiError::new(400, "AWSOrganizationsNotInUseException", message)
    })
}

/// The caller's organization, if the account may read all of it: the management account or a delegated administrator.
fn administered_organization<'a>(
    call: &mut Call<'a>,
    action: &str,
    resource: &str,
) -> Result<&'a Organization, ApiError> {
    administered_organization_of(call, &AuthorizationRequest::new(action, resource, resource))
}

/// The same, with the condition keys of a request.
fn administered_organization_of<'a>(
    call: &mut Call<'a>,
    request: &AuthorizationRequest<'_>,
) -> Result<&'a Organization, ApiError> {
    call.allow(request)?;
    let organization = organization(call)?;
    let Organization { management_account, delegated_administrators, .. } = organization;
    let account_id = call.caller.account_id();
    if account_id == management_account || delegated_administrators.iter().any(|id| id == account_id) {
        return Ok(organization);
    }
    Err(ApiError::new(400, "AccessDeniedException", "You don't have permissions to access this resource."))
}

/// The condition key of the operations about policies.
///
/// Source: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsorganizations.html>
fn policy_type_key(type_name: &str) -> BTreeMap<String, Vec<String>> {
    BTreeMap::from([("organizations:PolicyType".to_owned(), vec![type_name.to_owned()])])
}

fn target_not_found() -> ApiError {
    ApiError::new(400, "TargetNotFoundException", "You specified a target that doesn't exist.")
}

fn invalid(name: &str) -> ApiError {
    ApiError::new(400, "InvalidInputException", format!("You specified an invalid value for {name}."))
}

fn required(call: &Call<'_>, name: &str) -> Result<String, ApiError> {
    let value = call.parameters.get(name).map(str::to_owned);
    value.ok_or_else(|| {
        let message = "You specified an invalid value: a required parameter is missing.";
        ApiError::new(400, "InvalidInputException", format!("{message} {name}"))
    })
}

/// The organization, and the index of the unit that the request names as `ParentId`. The action is on that unit.
fn parent<'a>(call: &mut Call<'a>, action: &str) -> Result<(&'a Organization, usize), ApiError> {
    let parent_id = required(call, "ParentId")?;
    let resource = organization(call).ok().and_then(|it| target_arn(it, &parent_id));
    let organization = administered_organization(call, action, resource.as_deref().unwrap_or("*"))?;
    let parent = organization.units.iter().position(|unit| unit.id == parent_id);
    let parent = parent.ok_or_else(|| {
        let message = "You specified a root or organizational unit that doesn't exist.";
        ApiError::new(400, "ParentNotFoundException", message)
    })?;
    Ok((organization, parent))
}

/// The ARN of the root, the organizational unit or the account with this id.
pub(crate) fn target_arn(organization: &Organization, id: &str) -> Option<String> {
    let unit = organization.units.iter().find(|unit| unit.id == id);
    let is_member = organization.members.contains_key(id);
    unit.map(|unit| unit_arn(organization, unit)).or_else(|| is_member.then(|| account_arn(organization, id)))
}

fn policy_summary(policy: &OrganizationPolicy) -> Value {
    json!({
        "Id": policy.id(),
        "Arn": policy.arn,
        "Name": policy.name,
        "Description": "",
        "Type": policy.type_name(),
        "AwsManaged": policy.is_aws_managed(),
    })
}

fn account(organization: &Organization, account_id: &str, member: &Member, old_status: bool) -> Value {
    let Member { name, email, state, joined, .. } = member;
    // https://docs.aws.amazon.com/organizations/latest/APIReference/API_Account.html
    let (state_field, state) = match state.as_str() {
        "PENDING_ACTIVATION" | "CLOSED" if old_status => ("Status", "SUSPENDED"),
        state if old_status => ("Status", state),
        state => ("State", state),
    };
    json!({
        "Id": account_id,
        "Arn": account_arn(organization, account_id),
        "Name": name,
        "Email": email,
        "JoinedMethod": "CREATED",
        "JoinedTimestamp": joined.as_second(),
        state_field: state,
    })
}

fn account_arn(organization: &Organization, account_id: &str) -> String {
    let Organization { id, management_account, .. } = organization;
    format!("arn:aws:organizations::{management_account}:account/{id}/{account_id}")
}

fn unit_summary(organization: &Organization, unit: &Unit) -> Value {
    json!({ "Id": unit.id, "Arn": unit_arn(organization, unit), "Name": unit.name })
}

fn unit_arn(organization: &Organization, unit: &Unit) -> String {
    let Organization { id, management_account, .. } = organization;
    let resource_type = if unit.parent.is_none() { "root" } else { "ou" };
    format!("arn:aws:organizations::{management_account}:{resource_type}/{id}/{}", unit.id)
}

/// The page of a list that a request asks for, with the token of the next page.
fn page(call: &Call<'_>, name: &str, items: impl Iterator<Item = Value>) -> Result<Value, ApiError> {
    let parameters = call.parameters;
    let size = match parameters.get("MaxResults").map(str::parse::<usize>) {
        None => MAX_RESULTS,
        Some(Ok(size @ 1..=MAX_RESULTS)) => size,
        Some(_) => return Err(invalid("MaxResults")),
    };
    // A token is the number of items before the page. With an `e` in front the page is empty, and that page comes next.
    let token = parameters.get("NextToken");
    let (is_empty, number) =
        match token.map(|token| token.strip_prefix('e').map_or((false, token), |n| (true, n))) {
            None => (false, Ok(0)),
            Some((is_empty, number)) => (is_empty, number.parse::<usize>()),
        };
    let from = number.map_err(|_| invalid("NextToken"))?;
    if is_empty {
        return Ok(json!({ name: [], "NextToken": from.to_string() }));
    }
    let mut rest = items.skip(from);
    let members: Vec<Value> = rest.by_ref().take(size).collect();
    if rest.next().is_none() {
        return Ok(json!({ name: members }));
    }
    let prefix = if call.world.fault_injection.empty_pages { "e" } else { "" };
    Ok(json!({ name: members, "NextToken": format!("{prefix}{}", from + size) }))
}
