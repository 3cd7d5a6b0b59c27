//! What AWS would not store: names, paths, tags, access keys and account ids that it does not have.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::InvalidWorld;
use crate::world::{AccessKey, Account};

/// Whether a text is an account id.
pub(super) fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Names are unique in their account, whatever their case.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub(super) fn check_distinct<'a>(
    at: &str,
    names: impl Iterator<Item = &'a String>,
) -> Result<(), InvalidWorld> {
    let mut known = BTreeMap::new();
    for name in names {
        if let Some(other) = known.insert(name.to_ascii_lowercase(), name) {
            return Err(InvalidWorld::new(format!(
                "{at}: {other:?} and {name:?} differ in case alone, and AWS has one of them"
            )));
        }
    }
    Ok(())
}

/// A name that IAM allows a role or a user.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub(super) fn check_name(at: &str, name: &str) -> Result<(), InvalidWorld> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if name.is_empty() || name.chars().count() > 64 || !name.chars().all(is_name) {
        return Err(InvalidWorld::new(format!(
            "{at}: a name has 1 to 64 letters, digits and any of _+=,.@-"
        )));
    }
    Ok(())
}

/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-friendly-names>
pub(super) fn check_path(at: &str, path: &str) -> Result<(), InvalidWorld> {
    let is_path = path.starts_with('/')
        && path.ends_with('/')
        && path != "//"
        && path.len() <= 512
        && path.chars().all(|c| c.is_ascii_graphic());
    if is_path {
        return Ok(());
    }
    Err(InvalidWorld::new(format!("{at}.path: {path:?} is no path, one is like \"/\" or \"/ci/\"")))
}

/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html>
pub(super) fn check_tags(at: &str, tags: &BTreeMap<String, String>) -> Result<(), InvalidWorld> {
    check_distinct(&format!("{at}.tags"), tags.keys())?;
    let is_wrong = |(key, value): &(&String, &String)| {
        let length = key.chars().count();
        !(1..=128).contains(&length)
            || value.chars().count() > 256
            || key.to_ascii_lowercase().starts_with("aws:")
    };
    tags.iter().find(is_wrong).map_or(Ok(()), |(key, _)| {
        let rule =
            "a tag has a key of 1 to 128 characters, not beginning with aws:, and a value of up to 256";
        Err(InvalidWorld::new(format!("{at}.tags.{key}: {rule}")))
    })
}

/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>
pub(super) fn check_session_duration(at: &str, seconds: u32) -> Result<(), InvalidWorld> {
    if (3600..=43_200).contains(&seconds) {
        return Ok(());
    }
    Err(InvalidWorld::new(format!(
        "{at}.max_session_duration: {seconds} is out of range, IAM allows 3600 to 43200 seconds"
    )))
}

/// An access key belongs to one user.
pub(super) fn check_access_keys(accounts: &BTreeMap<String, Arc<Account>>) -> Result<(), InvalidWorld> {
    let mut owners = BTreeMap::new();
    for (account_id, account) in accounts {
        for (name, user) in &account.users {
            let owner = format!("accounts.{account_id}.users.{name}");
            for AccessKey { access_key_id, .. } in &user.access_keys {
                if let Some(other) = owners.insert(access_key_id, owner.clone()) {
                    let problem = format!("{owner}: access key {access_key_id} is one of {other} too");
                    return Err(InvalidWorld::new(problem));
                }
            }
        }
    }
    Ok(())
}

impl AccessKey {
    /// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKey.html>
    pub(super) fn check(&self, at: &str) -> Result<(), InvalidWorld> {
        let id = &self.access_key_id;
        if !(16..=128).contains(&id.len()) || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(InvalidWorld::new(format!(
                "{at}.access_key_id: {id:?} is not 16 to 128 letters and digits"
            )));
        }
        if !["Active", "Inactive", "Expired"].contains(&self.status.as_str()) {
            let status = &self.status;
            return Err(InvalidWorld::new(format!(
                "{at}.status: {status:?} is none of Active, Inactive, Expired"
            )));
        }
        // It is not repeated: somebody may have put a real one here.
        if self.secret_access_key.as_ref().is_some_and(|secret| secret.chars().count() != 40) {
            return Err(InvalidWorld::new(format!("{at}.secret_access_key: one has 40 characters")));
        }
        Ok(())
    }
}
