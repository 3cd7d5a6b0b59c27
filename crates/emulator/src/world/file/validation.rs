//! Rejects what AWS would not store: names, paths, tags, access keys and account ids that are not valid.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::InvalidWorld;
use super::format::FileAccount;
use crate::ec2::is_opt_in;
use crate::world::{AccessKey, Account, PasswordPolicy};

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
        if let Some(other) = names_by_lowercase.insert(name.to_lowercase(), name) {
            return Err(InvalidWorld::new(format!(
                "{at}: {other:?} and {name:?} differ only in case, which AWS does not allow; rename one of them"
            )));
        }
    }
    Ok(())
}

/// The longest name of a user or a role.
pub(super) const MAX_NAME: usize = 64;
/// The longest name of a group.
pub(super) const MAX_GROUP_NAME: usize = 128;
/// The longest name of a managed policy.
pub(super) const MAX_POLICY_NAME: usize = 128;

/// Checks the name of a role, a user, a group or a policy.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub(super) fn check_name(at: &str, name: &str, max_length: usize) -> Result<(), InvalidWorld> {
    let is_name_character = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if name.is_empty() || name.chars().count() > max_length || !name.chars().all(is_name_character) {
        return Err(InvalidWorld::new(format!(
            "{at}: {name:?} is not a valid name; use 1 to {max_length} letters, digits and the characters _+=,.@-"
        )));
    }
    Ok(())
}

/// Checks the alias, the name, the email address and the tags of an account.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateAccountAlias.html>,
/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_CreateAccount.html>
pub(super) fn check_account(at: &str, account: &FileAccount) -> Result<(), InvalidWorld> {
    let invalid = |field: &str, value: &str, remedy: &str| {
        Err(InvalidWorld::new(format!("{at}.{field}: {value:?} is not valid; {remedy}")))
    };
    if let Some(alias) = &account.alias {
        let is_alias_character = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let is_valid = (3..=63).contains(&alias.len())
            && alias.chars().all(is_alias_character)
            && !alias.starts_with('-')
            && !alias.ends_with('-')
            && !alias.contains("--");
        if !is_valid {
            return invalid(
                "alias",
                alias,
                "use 3 to 63 lowercase letters, digits and single hyphens within",
            );
        }
    }
    if let Some(name) = &account.name
        && (!(1..=50).contains(&name.chars().count()) || name.chars().any(|c| !(' '..='~').contains(&c)))
    {
        return invalid("name", name, "use 1 to 50 printable ASCII characters");
    }
    if let Some(email) = &account.email {
        let is_address =
            email.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.'));
        if !is_address || !(6..=64).contains(&email.len()) || email.contains(char::is_whitespace) {
            return invalid("email", email, "use an address of 6 to 64 characters, such as aws@example.com");
        }
    }
    check_tag_texts(at, &account.tags)
}

/// Checks the password policy of an account.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAccountPasswordPolicy.html>
pub(super) fn check_password_policy(at: &str, policy: &PasswordPolicy) -> Result<(), InvalidWorld> {
    let ranges = [
        ("minimum_password_length", Some(policy.minimum_password_length), 6, 128),
        ("max_password_age", policy.max_password_age, 1, 1095),
        ("password_reuse_prevention", policy.password_reuse_prevention, 1, 24),
    ];
    for (field, value, min, max) in ranges {
        if let Some(value) = value.filter(|value| !(min..=max).contains(value)) {
            return Err(InvalidWorld::new(format!(
                "{at}.{field}: {value} is out of range; IAM allows {min} to {max}"
            )));
        }
    }
    Ok(())
}

/// Checks the status of a user's credential.
pub(super) fn check_status(at: &str, status: &str) -> Result<(), InvalidWorld> {
    if ["Active", "Inactive", "Expired"].contains(&status) {
        return Ok(());
    }
    Err(InvalidWorld::new(format!(
        "{at}.status: unknown status {status:?}; expected one of Active, Inactive, Expired"
    )))
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

/// Checks the tags of an IAM resource. Unlike AWS Organizations, IAM ignores case in tag keys.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html>
pub(super) fn check_tags(at: &str, tags: &BTreeMap<String, String>) -> Result<(), InvalidWorld> {
    check_distinct(&format!("{at}.tags"), tags.keys())?;
    check_tag_texts(at, tags)
}

/// Checks the number of tags, and the length and the characters of keys and values.
fn check_tag_texts(at: &str, tags: &BTreeMap<String, String>) -> Result<(), InvalidWorld> {
    if tags.len() > 50 {
        let count = tags.len();
        return Err(InvalidWorld::new(format!("{at}.tags: {count} tags are too many; AWS allows 50")));
    }
    let is_tag_character = |c: char| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c);
    let is_invalid = |(key, value): &(&String, &String)| {
        !(1..=128).contains(&key.chars().count())
            || value.chars().count() > 256
            || !key.chars().chain(value.chars()).all(is_tag_character)
            || key.to_ascii_lowercase().starts_with("aws:")
    };
    tags.iter().find(is_invalid).map_or(Ok(()), |(key, value)| {
        Err(InvalidWorld::new(format!(
            "{at}.tags: the tag {key:?} with value {value:?} is not valid; use a key of 1 to 128 characters that does \
             not begin with aws:, a value of at most 256 characters, and in both only letters, digits, spaces and \
             _.:/=+-@"
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

/// Checks the regions in which STS is not active, and those that the account has not enabled.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_enable-regions.html>
pub(super) fn check_regions(
    at: &str,
    sts_inactive: &BTreeSet<String>,
    disabled: &BTreeSet<String>,
) -> Result<(), InvalidWorld> {
    let invalid = |field: &str, region: &String, problem: &str| {
        Err(InvalidWorld::new(format!("{at}.{field}: {region:?} {problem}")))
    };
    for region in sts_inactive {
        if region == "us-east-1" {
            return invalid("sts_inactive_regions", region, "cannot be deactivated; remove it");
        }
        if is_opt_in(region).is_none() {
            return invalid("sts_inactive_regions", region, "is not a region; write one such as eu-west-1");
        }
    }
    let enabled = disabled.iter().find(|region| is_opt_in(region) != Some(true));
    enabled.map_or(Ok(()), |region| {
        let problem = "is not a region that an account must opt in to; write one such as eu-south-1";
        invalid("disabled_regions", region, problem)
    })
}

/// Checks that no two users have the same access key id.
pub(super) fn check_access_keys(accounts: &BTreeMap<String, Arc<Account>>) -> Result<(), InvalidWorld> {
    let mut owners = BTreeMap::new();
    for (account_id, account) in accounts {
        let users = account.users.iter().map(|(name, user)| (format!("users.{name}"), &user.access_keys));
        for (name, keys) in users.chain([("root".to_owned(), &account.root.access_keys)]) {
            let owner = format!("accounts.{account_id}.{name}");
            for AccessKey { access_key_id, .. } in keys {
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
        check_status(at, &self.status)?;
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
