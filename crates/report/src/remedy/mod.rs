//! The remediation of a finding, as AWS CLI commands.
//!
//! This module decides the remediation for all of a user's keys, not rule by rule, so that the commands for one finding do
//! not undo those for another: one of the keys in use is kept, and idle keys are deactivated.

pub(crate) mod aws_cli;

use rolecall_roll::AccessKeyStatus;

use self::aws_cli::{cli_option, deactivate_key, delete_key, user_name_option};
use crate::facts::{KeyView, UserView};

/// How to fix a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// With these AWS CLI commands.
    Commands(String),
    /// By replacing the key; this module chooses the replacement.
    Rotate,
    /// By keeping one of the user's active keys; this module chooses which.
    KeepOne,
}

/// The thresholds that remediation and advice go by, in days.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AgeThresholds {
    /// From this many days without use on, a credential is idle; a credential that was never used counts from its creation.
    pub idle: u32,
    /// The greatest age that an active key may have.
    pub age: u32,
}

/// The `aws iam` commands that list other credentials of a user, which Rolecall does not read.
const UNREAD_CREDENTIALS: &[&str] =
    &["list-ssh-public-keys", "list-service-specific-credentials", "list-signing-certificates"];

/// The commands that fix a finding about a key, about a user, or about the root user (neither).
#[must_use]
pub(crate) fn commands(
    remedy: Remedy,
    user: Option<&UserView<'_>>,
    key: Option<&KeyView<'_>>,
    thresholds: AgeThresholds,
) -> String {
    if let Some(key) = key.filter(|key| key.is_active_and_idle(thresholds.idle)) {
        return deactivate_commands(key);
    }
    match (remedy, user, key) {
        (Remedy::Commands(commands), ..) => commands,
        (Remedy::Rotate, _, Some(key)) => rotate_commands(key, thresholds),
        (Remedy::KeepOne, Some(user), _) => keep_one_commands(user, thresholds),
        (Remedy::Rotate, _, None) | (Remedy::KeepOne, None, _) => String::new(),
    }
}

/// Deactivates a key, and deletes it later.
fn deactivate_commands(key: &KeyView<'_>) -> String {
    format!("{}\n# a week later, if nothing has failed without it:\n{}", deactivate_key(key), delete_key(key))
}

/// Replaces a key by another one that the user already has, or else by a new one.
fn rotate_commands(key: &KeyView<'_>, thresholds: AgeThresholds) -> String {
    let id = &key.key.access_key_id;
    let kept = key_to_keep(&key.user, thresholds);
    if let Some(kept) = kept.filter(|kept| &kept.key.access_key_id != id) {
        return format!(
            "# once the workload uses {} instead:\n{}",
            kept.key.access_key_id,
            deactivate_commands(key)
        );
    }
    let mut commands = String::new();
    for other in keys(&key.user).filter(|other| &other.key.access_key_id != id) {
        // Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
        commands += &match other.key.status {
            AccessKeyStatus::Inactive | AccessKeyStatus::Expired => {
                format!(
                    "# IAM allows two access keys per user; if the inactive one is not needed:\n{}\n",
                    delete_key(&other)
                )
            }
            _ => format!(
                "# IAM allows two access keys per user; once {} is deleted:\n",
                other.key.access_key_id
            ),
        };
    }
    let create = format!("aws iam create-access-key {}", user_name_option(&key.user));
    format!("{commands}{create}\n# once the workload uses the new key instead:\n{}", deactivate_commands(key))
}

/// Deactivates all active keys except one.
fn keep_one_commands(user: &UserView<'_>, thresholds: AgeThresholds) -> String {
    let kept = key_to_keep(user, thresholds);
    let others = keys(user)
        .filter(|key| key.is_active() == Ok(true))
        .filter(|key| kept.as_ref().is_none_or(|kept| kept.key.access_key_id != key.key.access_key_id));
    let commands = others.map(|key| match &kept {
        Some(kept) if !key.is_active_and_idle(thresholds.idle) => {
            format!("# once the workload uses {} instead:\n{}", kept.key.access_key_id, deactivate_key(&key))
        }
        _ => deactivate_key(&key),
    });
    commands.collect::<Vec<_>>().join("\n")
}

/// The key to keep: the newest of the active keys that are not known to be idle, which replaces the others. `None` where
/// there is no such key.
fn key_to_keep<'a>(user: &UserView<'a>, thresholds: AgeThresholds) -> Option<KeyView<'a>> {
    let in_use =
        keys(user).filter(|key| key.is_active() == Ok(true) && !key.is_active_and_idle(thresholds.idle));
    in_use.max_by_key(|key| (key.key.create_date, &key.key.access_key_id))
}

fn keys<'a>(user: &UserView<'a>) -> impl Iterator<Item = KeyView<'a>> {
    let user = *user;
    let keys = user.access_keys().known().copied().unwrap_or_default();
    keys.iter().map(move |key| KeyView { user, key })
}

/// Deletes a user, after removing what IAM requires to be removed first, as far as it is known.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteUser.html>
#[must_use]
pub(crate) fn delete_user_commands(user: &UserView<'_>) -> String {
    let option = user_name_option(user);
    let mut lines = vec!["# if these list no credential that is in use:".to_owned()];
    lines.extend(UNREAD_CREDENTIALS.iter().map(|command| format!("aws iam {command} {option}")));
    let devices = user.user.mfa_devices.known();
    let policies = user.policies();
    if devices.is_none() || policies.known().is_none() {
        lines.push("# once its groups, policies and MFA devices are removed:".to_owned());
    }
    let mut remove = |command: &str, name: &str, value: &str| {
        lines.push(format!("aws iam {command} {option} {}", cli_option(name, value)));
    };
    for device in devices.into_iter().flatten() {
        remove("deactivate-mfa-device", "--serial-number", &device.serial_number);
    }
    if let Some(policies) = policies.known() {
        policies.groups.iter().for_each(|group| remove("remove-user-from-group", "--group-name", group));
        policies.attached_policies.iter().for_each(|arn| remove("detach-user-policy", "--policy-arn", arn));
        policies.inline_policies.iter().for_each(|name| remove("delete-user-policy", "--policy-name", name));
    }
    lines.push(format!("aws iam delete-user {option}"));
    lines.join("\n")
}
