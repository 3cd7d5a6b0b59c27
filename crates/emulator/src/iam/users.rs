//! IAM operations on users, their access keys, passwords and MFA devices.

use std::sync::Arc;

use super::{
    Page, account, allow_on_path, attached_policies, date, encoded, groups, inline_policy,
    inline_policy_names, path_prefix, permissions_boundary, required_name, tag_list, tags,
};
use crate::authorization::AuthorizationRequest;
use crate::call::Call;
use crate::protocol::{ApiError, NAME, TextConstraint, Xml};
use crate::world::{AccessKey, MfaDevice, User};

/// `iam:ListUsers`.
pub(crate) fn list_users(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let prefix = path_prefix(call)?;
    let page = Page::from_request(call, "ListUsers")?;
    allow_on_path(call, "iam:ListUsers", &format!("user{prefix}"))?;
    let account = account(call);
    let users = account.users.iter().filter(|(_, user)| user.path.starts_with(prefix));
    Ok(page.render("Users", users.map(|(name, user)| (name.as_str(), member(name, user)))))
}

/// `iam:GetUser`.
pub(crate) fn get_user(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let (name, user) = requested_user(call, "iam:GetUser")?;
    let account_id = call.caller.account_id();
    let member = permissions_boundary(member(&name, &user), user.permissions_boundary.as_ref(), account_id);
    let member = if user.tags.is_empty() { member } else { member.list("Tags", tags(&user.tags)) };
    Ok(Xml::new().element("User", &member))
}

/// `iam:ListUserTags`.
pub(crate) fn list_user_tags(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let page = Page::from_request(call, "ListUserTags")?;
    let (_, user) = requested_user(call, "iam:ListUserTags")?;
    Ok(tag_list(&page, &user.tags))
}

/// `iam:ListUserPolicies`.
pub(crate) fn list_user_policies(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let page = Page::from_request(call, "ListUserPolicies")?;
    required_name(call, "UserName")?;
    let (_, user) = requested_user(call, "iam:ListUserPolicies")?;
    Ok(inline_policy_names(&page, &user.inline_policies))
}

/// `iam:GetUserPolicy`.
pub(crate) fn get_user_policy(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    required_name(call, "UserName")?;
    let (name, user) = requested_user(call, "iam:GetUserPolicy")?;
    let (policy, document) = inline_policy(call, &user.inline_policies, "user")?;
    let xml = Xml::new().text("UserName", name).text("PolicyName", policy);
    Ok(xml.text("PolicyDocument", encoded(document)))
}

/// `iam:ListAttachedUserPolicies`.
pub(crate) fn list_attached_user_policies(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let page = Page::from_request(call, "ListAttachedUserPolicies")?;
    required_name(call, "UserName")?;
    let (_, user) = requested_user(call, "iam:ListAttachedUserPolicies")?;
    attached_policies(call, &page, &user.attached_policies)
}

/// `iam:ListGroupsForUser`.
pub(crate) fn list_groups_for_user(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let page = Page::from_request(call, "ListGroupsForUser")?;
    required_name(call, "UserName")?;
    let (_, user) = requested_user(call, "iam:ListGroupsForUser")?;
    let account = account(call);
    let groups = account.groups.iter().filter(|(name, _)| user.groups.contains(name));
    Ok(page.render("Groups", groups.map(|(name, group)| (name.as_str(), groups::member(name, group)))))
}

/// `iam:ListAccessKeys`.
pub(crate) fn list_access_keys(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let page = Page::from_request(call, "ListAccessKeys")?;
    let (name, user) = requested_user(call, "iam:ListAccessKeys")?;
    let key = |key: &AccessKey| {
        Xml::new()
            .text("UserName", &name)
            .text("AccessKeyId", &key.access_key_id)
            .text("Status", &key.status)
            .text("CreateDate", date(key.create_date))
    };
    let mut keys: Vec<(&str, Xml)> =
        user.access_keys.iter().map(|k| (k.access_key_id.as_str(), key(k))).collect();
    keys.sort_by_key(|(id, _)| *id);
    Ok(page.render("AccessKeyMetadata", keys.into_iter()))
}

/// `iam:GetLoginProfile`.
pub(crate) fn get_login_profile(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let (name, user) = requested_user(call, "iam:GetLoginProfile")?;
    let profile = user.login_profile.as_ref();
    let profile = profile
        .ok_or_else(|| ApiError::no_such_entity(format!("Login Profile for User {name} cannot be found.")))?;
    let profile = Xml::new()
        .text("UserName", &name)
        .text("CreateDate", date(profile.create_date))
        .text("PasswordResetRequired", profile.password_reset_required.to_string());
    Ok(Xml::new().element("LoginProfile", &profile))
}

/// `iam:ListMFADevices`.
pub(crate) fn list_mfa_devices(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let page = Page::from_request(call, "ListMFADevices")?;
    let (name, user) = requested_user(call, "iam:ListMFADevices")?;
    let device = |device: &MfaDevice| {
        Xml::new()
            .text("UserName", &name)
            .text("SerialNumber", &device.serial_number)
            .text("EnableDate", date(device.enable_date))
    };
    let mut devices: Vec<(&str, Xml)> =
        user.mfa_devices.iter().map(|it| (it.serial_number.as_str(), device(it))).collect();
    devices.sort_by_key(|(serial_number, _)| *serial_number);
    Ok(page.render("MFADevices", devices.into_iter()))
}

/// `iam:GetAccessKeyLastUsed`.
pub(crate) fn get_access_key_last_used(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let parameters = call.parameters;
    parameters.required("AccessKeyId")?;
    let constraint =
        TextConstraint { min_length: 16, max_length: 128, other_characters: "_", pattern: "[\\w]+" };
    let id = parameters.text("AccessKeyId", constraint)?.unwrap_or_default();
    let account_id = call.caller.account_id().to_owned();
    let world = call.world;
    let account = world.account(&account_id);
    let found = account.iter().flat_map(|account| &account.users).find_map(|(name, user)| {
        Some((name, user, user.access_keys.iter().find(|key| key.access_key_id == id)?))
    });
    let resource = found.map_or(format!("arn:aws:iam::{account_id}:user/*"), |(_, user, _)| user.arn.clone());
    let in_message = format!("access key {id}");
    call.allow(&AuthorizationRequest::new("iam:GetAccessKeyLastUsed", &resource, &in_message))?;
    let (name, _, key) = found
        .ok_or_else(|| ApiError::no_such_entity(format!("The Access Key with id {id} cannot be found.")))?;
    let last_used = match &key.last_used {
        Some(last_used) => Xml::new()
            .text("LastUsedDate", date(last_used.date))
            .text("ServiceName", &last_used.service)
            .text("Region", &last_used.region),
        None => Xml::new().text("ServiceName", "N/A").text("Region", "N/A"),
    };
    Ok(Xml::new().text("UserName", name).element("AccessKeyLastUsed", &last_used))
}

/// The user that a request names; if it names none, the caller, who must be a user.
///
/// # Errors
/// `AccessDenied` comes before `NoSuchEntity`: a caller without the permission does not learn whether the user exists.
pub(super) fn requested_user(call: &mut Call<'_>, action: &str) -> Result<(String, Arc<User>), ApiError> {
    let parameters = call.parameters;
    let name = match (parameters.text("UserName", NAME)?, &call.caller.user_name) {
        (Some(name), _) => name.to_owned(),
        (None, Some(name)) => name.clone(),
        (None, None) => {
            let message = "Must specify userName when calling with non-User credentials";
            return Err(ApiError::new(400, "ValidationError", message));
        }
    };
    let account_id = call.caller.account_id().to_owned();
    let world = call.world;
    let user = world.user(&account_id, &name);
    let resource =
        user.as_ref().map_or(format!("arn:aws:iam::{account_id}:user/{name}"), |user| user.arn.clone());
    let tags = user.as_ref().map(|user| user.tags.clone()).unwrap_or_default();
    call.allow(&AuthorizationRequest {
        resource_tags: tags,
        ..AuthorizationRequest::new(action, &resource, &format!("user {name}"))
    })?;
    let message = || format!("The user with name {name} cannot be found.");
    user.map(|user| (name.clone(), user)).ok_or_else(|| ApiError::no_such_entity(message()))
}

/// The fields of a user that every list of users has.
pub(super) fn member(name: &str, user: &User) -> Xml {
    Xml::new()
        .text("Path", &user.path)
        .text("UserName", name)
        .text("UserId", &user.user_id)
        .text("Arn", &user.arn)
        .text("CreateDate", date(user.create_date))
        .optional("PasswordLastUsed", user.password_last_used.map(date))
}
