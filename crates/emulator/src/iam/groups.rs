//! IAM operations on groups.

use std::sync::Arc;

use super::{
    Page, account, allow_on_path, attached_policies, date, encoded, inline_policy, inline_policy_names,
    path_prefix, required_name, users,
};
use crate::authorization::AuthorizationRequest;
use crate::call::Call;
use crate::protocol::{ApiError, Xml};
use crate::world::Group;

/// `iam:ListGroups`.
pub(crate) fn list_groups(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let prefix = path_prefix(call)?;
    let page = Page::from_request(call, "ListGroups")?;
    allow_on_path(call, "iam:ListGroups", &format!("group{prefix}"))?;
    let account = account(call);
    let groups = account.groups.iter().filter(|(_, group)| group.path.starts_with(prefix));
    Ok(page.render("Groups", groups.map(|(name, group)| (name.as_str(), member(name, group)))))
}

/// `iam:GetGroup`: a group with its users.
pub(crate) fn get_group(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let page = Page::from_request(call, "GetGroup")?;
    let (name, group) = requested_group(call, "iam:GetGroup")?;
    let account = account(call);
    let of_group = account.users.iter().filter(|(_, user)| user.groups.contains(&name));
    let users = of_group.map(|(name, user)| (name.as_str(), users::member(name, user)));
    Ok(Xml::new().element("Group", &member(&name, &group)).append(&page.render("Users", users)))
}

/// `iam:ListGroupPolicies`.
pub(crate) fn list_group_policies(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let page = Page::from_request(call, "ListGroupPolicies")?;
    let (_, group) = requested_group(call, "iam:ListGroupPolicies")?;
    Ok(inline_policy_names(&page, &group.inline_policies))
}

/// `iam:GetGroupPolicy`.
pub(crate) fn get_group_policy(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let (name, group) = requested_group(call, "iam:GetGroupPolicy")?;
    let (policy, document) = inline_policy(call, &group.inline_policies, "group")?;
    let xml = Xml::new().text("GroupName", name).text("PolicyName", policy);
    Ok(xml.text("PolicyDocument", encoded(document)))
}

/// `iam:ListAttachedGroupPolicies`.
pub(crate) fn list_attached_group_policies(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let page = Page::from_request(call, "ListAttachedGroupPolicies")?;
    let (_, group) = requested_group(call, "iam:ListAttachedGroupPolicies")?;
    attached_policies(call, &page, &group.attached_policies)
}

/// The group that a request names.
///
/// # Errors
/// `AccessDenied` comes before `NoSuchEntity`: a caller without the permission does not learn whether the group exists.
fn requested_group(call: &mut Call<'_>, action: &str) -> Result<(String, Arc<Group>), ApiError> {
    let name = required_name(call, "GroupName")?;
    let group = account(call).groups.get(name).cloned();
    let missing_arn = || format!("arn:aws:iam::{}:group/{name}", call.caller.account_id());
    let resource = group.as_ref().map_or_else(missing_arn, |group| group.arn.clone());
    call.allow(&AuthorizationRequest::new(action, &resource, &format!("group {name}")))?;
    let group = group
        .ok_or_else(|| ApiError::no_such_entity(format!("The group with name {name} cannot be found.")))?;
    Ok((name.to_owned(), group))
}

/// The fields of a group that every list of groups has.
pub(super) fn member(name: &str, group: &Group) -> Xml {
    Xml::new()
        .text("Path", &group.path)
        .text("GroupName", name)
        .text("GroupId", &group.unique_id)
        .text("Arn", &group.arn)
        .text("CreateDate", date(group.create_date))
}
