//! IAM operations on users, their access keys, passwords and MFA devices.

use std::sync::Arc;

use super::{Page, authorization_request, date};
use crate::authorization::AuthorizationRequest;
use crate::call::Call;
use crate::protocol::{ApiError, NAME, TextConstraint, Xml};
use crate::world::{AccessKey, MfaDevice, User};

/// `iam:ListUsers`.
pub(crate) fn list_users(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let prefix = call.parameters.get("PathPrefix").unwrap_or("/");
    let violated = if prefix.len() > 512 {
        Some("Member must have length less than or equal to 512")
    } else if !prefix.starts_with('/') || !prefix.chars().all(|c| c.is_ascii_graphic()) {
        Some("Member must satisfy regular expression pattern: \\u002F[\\u0021-\\u007F]*")
    } else {
        None
    };
    if let Some(constraint) = violated {
        return Err(ApiError::invalid("PathPrefix", Some(prefix), constraint));
    }
    let page = Page::from_request(call, "ListUsers")?;
    let account_id = call.caller.account_id().to_owned();
    let resource = format!("arn:aws:iam::{account_id}:user{prefix}");
    call.allow(&authorization_request("iam:ListUsers", &resource, &resource))?;
    let account = call.world.account(&account_id);
    let users =
        account.iter().flat_map(|account| &account.users).filter(|(_, user)| user.path.starts_with(prefix));
    Ok(page.render("Users", users.map(|(name, user)| (name.as_str(), member(name, user)))))
}

/// `iam:GetUser`.
pub(crate) fn get_user(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let (name, user) = requested_user(call, "iam:GetUser")?;
    let tag = |(key, value): (&String, &String)| Xml::new().text("Key", key).text("Value", value);
    let member = member(&name, &user);
    let member = if user.tags.is_empty() { member } else { member.list("Tags", user.tags.iter().map(tag)) };
    Ok(Xml::new().element("User", &member))
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
    let keys = keys.into_iter();
    Ok(page.render("AccessKeyMetadata", keys).text("UserName", &name))
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
    call.allow(&authorization_request("iam:GetAccessKeyLastUsed", &resource, &format!("access key {id}")))?;
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
fn requested_user(call: &mut Call<'_>, action: &str) -> Result<(String, Arc<User>), ApiError> {
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
        ..authorization_request(action, &resource, &format!("user {name}"))
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
