//! What to do about a finding, as commands of the AWS CLI.
//!
//! What is to become of a user's keys is settled here and not rule by rule, so that what is done about one finding does
//! not undo what is done about another: of the keys that are in use one is kept, and what is idle is switched off.

pub(crate) mod aws_cli;

use rolecall_roll::AccessKeyStatus;

use self::aws_cli::{cli_option, deactivate_key, delete_key, user_name_option};
use crate::facts::{KeyView, UserView};

/// What to do about a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// These commands.
    Commands(String),
    /// To put another key in the place of this one; which, this module knows.
    Rotate,
    /// To keep one of the user's active keys; which, this module knows.
    KeepOne,
}

/// How long a credential may lie idle, and how old an active key may be, in days.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AgeThresholds {
    /// For a credential that is not used, or never was.
    pub idle: u32,
    /// For an active key.
    pub age: u32,
}

/// What a user may have besides keys and a password, none of which is read.
const UNREAD: &[&str] =
    &["list-ssh-public-keys", "list-service-specific-credentials", "list-signing-certificates"];

/// The commands of a remedy: about a key, about a user, or about neither.
#[must_use]
pub(crate) fn commands(
    remedy: Remedy,
    user: Option<&UserView<'_>>,
    key: Option<&KeyView<'_>>,
    patience: AgeThresholds,
) -> String {
    if let Some(key) = key.filter(|key| key.is_idle_and_works(patience.idle)) {
        return deactivate_commands(key);
    }
    match (remedy, user, key) {
        (Remedy::Commands(commands), ..) => commands,
        (Remedy::Rotate, _, Some(key)) => rotate_commands(key, patience),
        (Remedy::KeepOne, Some(user), _) => keep_one_commands(user, patience),
        (Remedy::Rotate, _, None) | (Remedy::KeepOne, None, _) => String::new(),
    }
}

fn deactivate_commands(key: &KeyView<'_>) -> String {
    format!("{}\n# a week later, where nobody missed it:\n{}", deactivate_key(key), delete_key(key))
}

/// A key of which another takes the place: one that the user has already, or else a new one.
fn rotate_commands(key: &KeyView<'_>, patience: AgeThresholds) -> String {
    let id = &key.key.access_key_id;
    let kept = key_to_keep(&key.of, patience);
    if let Some(kept) = kept.filter(|kept| &kept.key.access_key_id != id) {
        return format!(
            "# once what uses it has gone over to {}:\n{}",
            kept.key.access_key_id,
            deactivate_commands(key)
        );
    }
    let mut commands = String::new();
    for other in keys(&key.of).filter(|other| &other.key.access_key_id != id) {
        // Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
        commands += &match other.key.status {
            AccessKeyStatus::Inactive | AccessKeyStatus::Expired => {
                format!(
                    "# IAM allows two keys a user; where nobody misses the one that is off:\n{}\n",
                    delete_key(&other)
                )
            }
            _ => format!("# IAM allows two keys a user; once {} is deleted:\n", other.key.access_key_id),
        };
    }
    let create = format!("aws iam create-access-key {}", user_name_option(&key.of));
    format!(
        "{commands}{create}\n# once what uses it has gone over to the new one:\n{}",
        deactivate_commands(key)
    )
}

/// All active keys but one switched off.
fn keep_one_commands(user: &UserView<'_>, patience: AgeThresholds) -> String {
    let kept = key_to_keep(user, patience);
    let others = keys(user)
        .filter(|key| key.is_active() == Ok(true))
        .filter(|key| kept.as_ref().is_none_or(|kept| kept.key.access_key_id != key.key.access_key_id));
    let lines = others.map(|key| match &kept {
        Some(kept) if !key.is_idle_and_works(patience.idle) => {
            format!(
                "# once what uses it has gone over to {}:\n{}",
                kept.key.access_key_id,
                deactivate_key(&key)
            )
        }
        _ => deactivate_key(&key),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The key that is kept: of those that work and are not known to be idle the youngest, which is the one that the others
/// are to be rotated into.
fn key_to_keep<'a>(user: &UserView<'a>, patience: AgeThresholds) -> Option<KeyView<'a>> {
    let in_use =
        keys(user).filter(|key| key.is_active() == Ok(true) && !key.is_idle_and_works(patience.idle));
    in_use.max_by_key(|key| (key.key.create_date, &key.key.access_key_id))
}

fn keys<'a>(user: &UserView<'a>) -> impl Iterator<Item = KeyView<'a>> {
    let user = *user;
    let keys = user.access_keys().known().copied().unwrap_or_default();
    keys.iter().map(move |key| KeyView { of: user, key })
}

/// A user deleted, with what IAM wants taken from it before, as far as that is known.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteUser.html>
#[must_use]
pub(crate) fn delete_user_commands(user: &UserView<'_>) -> String {
    let named = user_name_option(user);
    let mut lines = vec!["# where these show nothing that is in use:".to_owned()];
    lines.extend(UNREAD.iter().map(|list| format!("aws iam {list} {named}")));
    let devices = user.user.mfa_devices.known();
    let policies = user.policies();
    if devices.is_none() || policies.known().is_none() {
        lines.push("# once its groups, policies and MFA devices are taken from it:".to_owned());
    }
    let mut take = |command: &str, name: &str, of: &str| {
        lines.push(format!("aws iam {command} {named} {}", cli_option(name, of)));
    };
    for device in devices.into_iter().flatten() {
        take("deactivate-mfa-device", "--serial-number", &device.serial_number);
    }
    if let Some(policies) = policies.known() {
        policies.groups.iter().for_each(|group| take("remove-user-from-group", "--group-name", group));
        policies.attached_policies.iter().for_each(|arn| take("detach-user-policy", "--policy-arn", arn));
        policies.inline_policies.iter().for_each(|name| take("delete-user-policy", "--policy-name", name));
    }
    lines.push(format!("aws iam delete-user {named}"));
    lines.join("\n")
}
