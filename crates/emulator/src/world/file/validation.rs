//! Rejects what AWS would not store: names, paths, tags, access keys and account ids that are not valid.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::InvalidWorld;
use crate::world::{AccessKey, Account};

/// Whether a text has the 12 digits of an account id.
pub(super) fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Checks that no two names differ only in case. IAM requires this of user names, role names and tag keys.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub(super) fn check_distinct<'a>(
    at: &str,
    names: impl Iterator<Item = &'a String>,
) -> Result<(), InvalidWorld> {
    let mut names_by_lowercase = BTreeMap::new();
    for name in names {
        if let Some(other) = names_by_lowercase.insert(name.to_ascii_lowercase(), name) {
            return Err(InvalidWorld::new(format!(
                "{at}: {other:?} and {name:?} differ only in case, which AWS does not allow; rename one of them"
            )));
        }
    }
    Ok(())
}

/// Checks the name of a role or a user.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub(super) fn check_name(at: &str, name: &str) -> Result<(), InvalidWorld> {
    let is_name_character = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if name.is_empty() || name.chars().count() > 64 || !name.chars().all(is_name_character) {
        return Err(InvalidWorld::new(format!(
            "{at}: {name:?} is not a valid name; use 1 to 64 letters, digits and the characters _+=,.@-"
        )));
    }
    Ok(())
}

/// Checks the path of a role or a user.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-friendly-names>
pub(super) fn check_path(at: &str, path: &str) -> Result<(), InvalidWorld> {
    let is_valid = path.starts_with('/')
        && path.ends_with('/')
        && path != "//"
        && path.len() <= 512
        && path.chars().all(|c| c.is_ascii_graphic());
    if is_valid {
        return Ok(());
    }
    Err(InvalidWorld::new(format!(
        "{at}.path: {path:?} is not a valid path; begin and end it with a slash, for example \"/\" or \"/ci/\""
    )))
}

/// Checks tags: their keys, and the length of their values.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html>
pub(super) fn check_tags(at: &str, tags: &BTreeMap<String, String>) -> Result<(), InvalidWorld> {
    check_distinct(&format!("{at}.tags"), tags.keys())?;
    let is_invalid = |(key, value): &(&String, &String)| {
        let length = key.chars().count();
        !(1..=128).contains(&length)
            || value.chars().count() > 256
            || key.to_ascii_lowercase().starts_with("aws:")
    };
    tags.iter().find(is_invalid).map_or(Ok(()), |(key, _)| {
        Err(InvalidWorld::new(format!(
            "{at}.tags: the tag {key:?} is not valid; use a key of 1 to 128 characters that does not begin with aws:, \
             and a value of at most 256 characters"
        )))
    })
}

/// Checks the maximum session duration of a role.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>
pub(super) fn check_session_duration(at: &str, seconds: u32) -> Result<(), InvalidWorld> {
    if (3600..=43_200).contains(&seconds) {
        return Ok(());
    }
    Err(InvalidWorld::new(format!(
        "{at}.max_session_duration: {seconds} is out of range; IAM allows 3600 to 43200 seconds"
    )))
}

/// Checks that no two users have the same access key id.
pub(super) fn check_access_keys(accounts: &BTreeMap<String, Arc<Account>>) -> Result<(), InvalidWorld> {
    let mut owners = BTreeMap::new();
    for (account_id, account) in accounts {
        for (name, user) in &account.users {
            let owner = format!("accounts.{account_id}.users.{name}");
            for AccessKey { access_key_id, .. } in &user.access_keys {
                if let Some(other) = owners.insert(access_key_id, owner.clone()) {
                    let problem = format!(
                        "{owner}: {other} has the access key {access_key_id} too; give each key its own id"
                    );
                    return Err(InvalidWorld::new(problem));
                }
            }
        }
    }
    Ok(())
}

impl AccessKey {
    /// Checks the id, the status and the length of the secret.
    ///
    /// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKey.html>
    pub(super) fn check(&self, at: &str) -> Result<(), InvalidWorld> {
        let id = &self.access_key_id;
        if !(16..=128).contains(&id.len()) || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(InvalidWorld::new(format!(
                "{at}.access_key_id: {id:?} is not a valid access key id; use 16 to 128 letters and digits, such as \
                 AKIAIOSFODNN7EXAMPLE"
            )));
        }
        if !["Active", "Inactive", "Expired"].contains(&self.status.as_str()) {
            let status = &self.status;
            return Err(InvalidWorld::new(format!(
                "{at}.status: unknown status {status:?}; expected one of Active, Inactive, Expired"
            )));
        }
        // The message is without the value, because it may be a real secret.
        if let Some(secret) = self.secret_access_key.as_ref().filter(|secret| secret.chars().count() != 40) {
            let length = secret.chars().count();
            return Err(InvalidWorld::new(format!(
                "{at}.secret_access_key: the secret has {length} characters; a valid one has 40"
            )));
        }
        Ok(())
    }
}
