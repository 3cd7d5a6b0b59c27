//! The operations of IAM.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_Operations.html>

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use crate::authorization::Asked;
use crate::call::Call;
use crate::query::{NAME, Refusal, Rule, Xml};
use crate::world::{AccessKey, MfaDevice, User};

/// Its version.
pub(crate) const VERSION: &str = "2010-05-08";

/// The namespace of its answers.
pub(crate) const NAMESPACE: &str = "https://iam.amazonaws.com/doc/2010-05-08/";

/// `iam:ListUsers`.
pub(crate) fn list_users(call: &mut Call<'_>) -> Result<Xml, Refusal> {
    let prefix = call.parameters.get("PathPrefix").unwrap_or("/");
    let broken = if prefix.len() > 512 {
        Some("Member must have length less than or equal to 512")
    } else if !prefix.starts_with('/') || !prefix.chars().all(|c| c.is_ascii_graphic()) {
        Some("Member must satisfy regular expression pattern: \\u002F[\\u0021-\\u007F]*")
    } else {
        None
    };
    if let Some(rule) = broken {
        return Err(Refusal::invalid("PathPrefix", Some(prefix), rule));
    }
    let page = Page::asked(call, "ListUsers")?;
    let account_id = call.caller.account_id().to_owned();
    let resource = format!("arn:aws:iam::{account_id}:user{prefix}");
    call.allow(&asked("iam:ListUsers", &resource, &resource))?;
    let account = call.world.account(&account_id);
    let users =
        account.iter().flat_map(|account| &account.users).filter(|(_, user)| user.path.starts_with(prefix));
    Ok(page.answer("Users", users.map(|(name, user)| (name.as_str(), member(name, user)))))
}

/// `iam:GetUser`.
pub(crate) fn get_user(call: &mut Call<'_>) -> Result<Xml, Refusal> {
    let (name, user) = user_of(call, "iam:GetUser")?;
    let tag = |(key, value): (&String, &String)| Xml::new().text("Key", key).text("Value", value);
    let member = member(&name, &user);
    let member = if user.tags.is_empty() { member } else { member.list("Tags", user.tags.iter().map(tag)) };
    Ok(Xml::new().element("User", &member))
}

/// `iam:ListAccessKeys`.
pub(crate) fn list_access_keys(call: &mut Call<'_>) -> Result<Xml, Refusal> {
    let page = Page::asked(call, "ListAccessKeys")?;
    let (name, user) = user_of(call, "iam:ListAccessKeys")?;
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
    Ok(page.answer("AccessKeyMetadata", keys).text("UserName", &name))
}

/// `iam:GetLoginProfile`.
pub(crate) fn get_login_profile(call: &mut Call<'_>) -> Result<Xml, Refusal> {
    let (name, user) = user_of(call, "iam:GetLoginProfile")?;
    let profile = user.login_profile.as_ref();
    let profile = profile
        .ok_or_else(|| Refusal::no_such_entity(format!("Login Profile for User {name} cannot be found.")))?;
    let profile = Xml::new()
        .text("UserName", &name)
        .text("CreateDate", date(profile.create_date))
        .text("PasswordResetRequired", profile.password_reset_required.to_string());
    Ok(Xml::new().element("LoginProfile", &profile))
}

/// `iam:ListMFADevices`.
pub(crate) fn list_mfa_devices(call: &mut Call<'_>) -> Result<Xml, Refusal> {
    let page = Page::asked(call, "ListMFADevices")?;
    let (name, user) = user_of(call, "iam:ListMFADevices")?;
    let device = |device: &MfaDevice| {
        Xml::new()
            .text("UserName", &name)
            .text("SerialNumber", &device.serial_number)
            .text("EnableDate", date(device.enable_date))
    };
    let mut devices: Vec<(&str, Xml)> =
        user.mfa_devices.iter().map(|it| (it.serial_number.as_str(), device(it))).collect();
    devices.sort_by_key(|(serial_number, _)| *serial_number);
    Ok(page.answer("MFADevices", devices.into_iter()))
}

/// `iam:GetAccessKeyLastUsed`.
pub(crate) fn get_access_key_last_used(call: &mut Call<'_>) -> Result<Xml, Refusal> {
    let parameters = call.parameters;
    parameters.required("AccessKeyId")?;
    let rule = Rule { least: 16, most: 128, also: "_", pattern: "[\\w]+" };
    let id = parameters.text("AccessKeyId", rule)?.unwrap_or_default();
    let account_id = call.caller.account_id().to_owned();
    let world = call.world;
    let account = world.account(&account_id);
    let found = account.iter().flat_map(|account| &account.users).find_map(|(name, user)| {
        Some((name, user, user.access_keys.iter().find(|key| key.access_key_id == id)?))
    });
    let resource = found.map_or(format!("arn:aws:iam::{account_id}:user/*"), |(_, user, _)| user.arn.clone());
    call.allow(&asked("iam:GetAccessKeyLastUsed", &resource, &format!("access key {id}")))?;
    let (name, _, key) = found
        .ok_or_else(|| Refusal::no_such_entity(format!("The Access Key with id {id} cannot be found.")))?;
    let used = match &key.last_used {
        Some(used) => Xml::new()
            .text("LastUsedDate", date(used.date))
            .text("ServiceName", &used.service)
            .text("Region", &used.region),
        None => Xml::new().text("ServiceName", "N/A").text("Region", "N/A"),
    };
    Ok(Xml::new().text("UserName", name).element("AccessKeyLastUsed", &used))
}

pub(crate) fn asked<'a>(action: &'a str, resource: &'a str, shown: &'a str) -> Asked<'a> {
    let (resource_tags, context) = (BTreeMap::new(), BTreeMap::new());
    Asked { action, resource, shown, trust: None, resource_tags, context }
}

/// The user that a request names, or the one that asks; only who may ask hears whether it is there.
fn user_of(call: &mut Call<'_>, action: &str) -> Result<(String, Arc<User>), Refusal> {
    let parameters = call.parameters;
    let name = match (parameters.text("UserName", NAME)?, &call.caller.user_name) {
        (Some(name), _) => name.to_owned(),
        (None, Some(name)) => name.clone(),
        (None, None) => {
            let message = "Must specify userName when calling with non-User credentials";
            return Err(Refusal::new(400, "ValidationError", message));
        }
    };
    let account_id = call.caller.account_id().to_owned();
    let world = call.world;
    let user = world.user(&account_id, &name);
    let resource =
        user.as_ref().map_or(format!("arn:aws:iam::{account_id}:user/{name}"), |user| user.arn.clone());
    let tags = user.as_ref().map(|user| user.tags.clone()).unwrap_or_default();
    call.allow(&Asked { resource_tags: tags, ..asked(action, &resource, &format!("user {name}")) })?;
    let message = || format!("The user with name {name} cannot be found.");
    user.map(|user| (name.clone(), user)).ok_or_else(|| Refusal::no_such_entity(message()))
}

pub(crate) fn member(name: &str, user: &User) -> Xml {
    Xml::new()
        .text("Path", &user.path)
        .text("UserName", name)
        .text("UserId", &user.user_id)
        .text("Arn", &user.arn)
        .text("CreateDate", date(user.create_date))
        .optional("PasswordLastUsed", user.password_last_used.map(date))
}

fn date(date: Timestamp) -> String {
    format!("{date:.0}")
}

/// A page of a list.
pub(crate) struct Page {
    max_items: usize,
    /// The list that it is of: a marker of another one is none.
    list: String,
    /// The name behind which it begins.
    after: Option<String>,
}

impl Page {
    pub(crate) fn asked(call: &Call<'_>, operation: &str) -> Result<Self, Refusal> {
        let parameters = call.parameters;
        let of = |name| parameters.get(name).unwrap_or_default();
        let list = format!("{operation}/{}/{}", of("UserName"), of("PathPrefix"));
        let max_items = parameters.number("MaxItems", 1, 1000)?.unwrap_or(100);
        let wrong = || Refusal::new(400, "ValidationError", "Invalid Marker.");
        let name_of = |marker: &str| {
            let text = String::from_utf8(STANDARD.decode(marker).ok()?).ok()?;
            text.strip_prefix(&list)?.strip_prefix('\n').map(str::to_owned)
        };
        let after = parameters.get("Marker").map(|marker| name_of(marker).ok_or_else(wrong)).transpose()?;
        Ok(Self { max_items: usize::try_from(max_items).unwrap_or(1000), list, after })
    }

    pub(crate) fn answer<'a>(&self, name: &str, items: impl Iterator<Item = (&'a str, Xml)>) -> Xml {
        let is_before = |name: &str| self.after.as_deref().is_some_and(|after| name <= after);
        let mut rest = items.skip_while(|(name, _)| is_before(name)).peekable();
        let (mut members, mut last) = (Vec::new(), "");
        while members.len() < self.max_items
            && let Some((name, member)) = rest.next()
        {
            members.push(member);
            last = name;
        }
        let is_truncated = rest.peek().is_some();
        let marker = is_truncated.then(|| STANDARD.encode(format!("{}\n{last}", self.list)));
        Xml::new()
            .list(name, members)
            .text("IsTruncated", is_truncated.to_string())
            .optional("Marker", marker)
    }
}
