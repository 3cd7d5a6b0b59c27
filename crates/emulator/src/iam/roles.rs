//! IAM operations on roles.

use std::sync::Arc;

use super::{
    Page, account, allow_on_path, attached_policies, date, encoded, inline_policy, inline_policy_names,
    path_prefix, permissions_boundary, required_name, tag_list, tags,
};
use crate::authorization::AuthorizationRequest;
use crate::call::Call;
use crate::protocol::{ApiError, Xml};
use crate::world::Role;

/// `iam:ListRoles`. Like AWS's, the list has neither tags nor boundary nor last use of a role.
pub(crate) fn list_roles(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let prefix = path_prefix(call)?;
    let page = Page::from_request(call, "ListRoles")?;
    allow_on_path(call, "iam:ListRoles", &format!("role{prefix}"))?;
    let account = account(call);
    let roles = account.roles.iter().filter(|(_, role)| role.path.starts_with(prefix));
    Ok(page.render("Roles", roles.map(|(name, role)| (name.as_str(), member(name, role)))))
}

/// `iam:GetRole`.
pub(crate) fn get_role(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let (name, role) = requested_role(call, "iam:GetRole")?;
    let account_id = call.caller.account_id();
    let xml = permissions_boundary(member(&name, &role), role.permissions_boundary.as_ref(), account_id);
    let xml = if role.tags.is_empty() { xml } else { xml.list("Tags", tags(&role.tags)) };
    Ok(Xml::new().element("Role", &xml.element("RoleLastUsed", &last_used(&role))))
}

/// `iam:ListRoleTags`.
pub(crate) fn list_role_tags(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let page = Page::from_request(call, "ListRoleTags")?;
    let (_, role) = requested_role(call, "iam:ListRoleTags")?;
    Ok(tag_list(&page, &role.tags))
}

/// `iam:ListRolePolicies`.
pub(crate) fn list_role_policies(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let page = Page::from_request(call, "ListRolePolicies")?;
    let (_, role) = requested_role(call, "iam:ListRolePolicies")?;
    Ok(inline_policy_names(&page, &role.inline_policies))
}

/// `iam:GetRolePolicy`.
pub(crate) fn get_role_policy(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let (name, role) = requested_role(call, "iam:GetRolePolicy")?;
    let (policy, document) = inline_policy(call, &role.inline_policies, "role")?;
    let xml = Xml::new().text("RoleName", name).text("PolicyName", policy);
    Ok(xml.text("PolicyDocument", encoded(document)))
}

/// `iam:ListAttachedRolePolicies`.
pub(crate) fn list_attached_role_policies(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let page = Page::from_request(call, "ListAttachedRolePolicies")?;
    let (_, role) = requested_role(call, "iam:ListAttachedRolePolicies")?;
    attached_policies(call, &page, &role.attached_policies)
}

/// `iam:ListInstanceProfiles`: a world has none.
pub(crate) fn list_instance_profiles(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let prefix = path_prefix(call)?;
    let page = Page::from_request(call, "ListInstanceProfiles")?;
    allow_on_path(call, "iam:ListInstanceProfiles", &format!("instance-profile{prefix}"))?;
    Ok(page.render("InstanceProfiles", std::iter::empty()))
}

/// The role that a request names.
///
/// # Errors
/// `AccessDenied` comes before `NoSuchEntity`: a caller without the permission does not learn whether the role exists.
fn requested_role(call: &mut Call<'_>, action: &str) -> Result<(String, Arc<Role>), ApiError> {
    let name = required_name(call, "RoleName")?;
    let role = account(call).roles.get(name).cloned();
    let missing_arn = || format!("arn:aws:iam::{}:role/{name}", call.caller.account_id());
    let resource = role.as_ref().map_or_else(missing_arn, |role| role.arn.clone());
    call.allow(&AuthorizationRequest::new(action, &resource, &format!("role {name}")))?;
    let role =
        role.ok_or_else(|| ApiError::no_such_entity(format!("The role with name {name} cannot be found.")))?;
    Ok((name.to_owned(), role))
}

/// The fields of a role that every list has, also that of `GetAccountAuthorizationDetails`.
pub(super) fn summary(name: &str, role: &Role) -> Xml {
    let trust_policy = encoded(&role.trust_policy.policy.source().to_string());
    Xml::new()
        .text("Path", &role.path)
        .text("RoleName", name)
        .text("RoleId", &role.unique_id)
        .text("Arn", &role.arn)
        .text("CreateDate", date(role.create_date))
        .text("AssumeRolePolicyDocument", trust_policy)
}

fn member(name: &str, role: &Role) -> Xml {
    summary(name, role)
        .optional("Description", role.description.as_ref())
        .text("MaxSessionDuration", role.max_session_duration.to_string())
}

/// The fields of `RoleLastUsed`; none if the role was not used.
pub(super) fn last_used(role: &Role) -> Xml {
    role.last_used.as_ref().map_or_else(Xml::new, |last_used| {
        Xml::new().text("LastUsedDate", date(last_used.date)).text("Region", &last_used.region)
    })
}
