//! Steps about users as a whole: password, MFA, policies, deletion.

use super::aws_cli::{cli_option, delete_key, key_last_used, user_name_option};
use super::guard;
use super::keys::keys;
use super::step::Step;
use crate::facts::UserView;

/// The `aws iam` commands that list other credentials of a user, which Rolecall does not read.
const UNREAD_CREDENTIALS: [&str; 3] =
    ["list-ssh-public-keys", "list-service-specific-credentials", "list-signing-certificates"];

/// Deletes a console password that is not in use.
pub(super) fn remove_password(user: &UserView<'_>) -> Vec<Step<'static>> {
    let option = user_name_option(user);
    vec![
        Step::new(
            "Check that the password was not used or set again since the report",
            guard(user),
            [format!("aws iam get-user {option}"), format!("aws iam get-login-profile {option}")],
        ),
        Step::deleting(
            "If nobody needs the password, delete it",
            guard(user),
            [format!("aws iam delete-login-profile {option}")],
        ),
    ]
}

/// Lets a user register an MFA device, which takes codes that only the user has.
pub(super) fn assign_mfa(user: &UserView<'_>) -> Vec<Step<'static>> {
    vec![Step::new(
        "Let the user register an MFA device in the console, under Security credentials. Then this lists it",
        guard(user),
        [format!("aws iam list-mfa-devices {}", user_name_option(user))],
    )]
}

/// Gives a user permissions through a group, and then removes the policies from the user.
pub(super) fn move_policies_to_group(user: &UserView<'_>) -> Vec<Step<'static>> {
    let option = user_name_option(user);
    let mut steps = vec![Step::new(
        "Put the user into a group that has the permissions. Replace GROUP_NAME by its name",
        guard(user),
        [format!("aws iam add-user-to-group {option} --group-name GROUP_NAME")],
    )];
    let policies = user.policies();
    let Some(policies) = policies.known() else { return steps };
    let for_inline = |command: &str| -> Vec<String> {
        let names = policies.inline_policies.iter();
        names
            .map(|name| format!("aws iam {command} {option} {}", cli_option("--policy-name", name)))
            .collect()
    };
    if !policies.attached_policies.is_empty() {
        let arns = policies.attached_policies.iter();
        let detach = arns
            .map(|arn| format!("aws iam detach-user-policy {option} {}", cli_option("--policy-arn", arn)));
        steps.push(Step::new(
            "Once the group has the permissions, detach the managed policies from the user",
            guard(user),
            detach,
        ));
    }
    if !policies.inline_policies.is_empty() {
        steps.push(Step::new(
            "Keep a copy of the inline policies",
            guard(user),
            for_inline("get-user-policy"),
        ));
        steps.push(Step::deleting(
            "Once the group has the permissions, delete the inline policies",
            guard(user),
            for_inline("delete-user-policy"),
        ));
    }
    steps
}

/// Lists the credentials of a user that Rolecall does not read.
pub(super) fn list_unread_credentials(user: &UserView<'_>) -> Vec<Step<'static>> {
    let option = user_name_option(user);
    let lists = UNREAD_CREDENTIALS.iter().map(|command| format!("aws iam {command} {option}"));
    let last_uses = keys(user).map(|key| key_last_used(&key));
    vec![Step::new(
        "List the credentials that Rolecall does not read: SSH keys, service-specific credentials and signing certificates",
        guard(user),
        lists.chain(last_uses),
    )]
}

/// Deletes a user, after removing what IAM requires to be removed first, as far as it is known. Where the user has one of
/// the credentials that Rolecall does not read, IAM refuses.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteUser.html>
pub(super) fn delete(user: &UserView<'_>) -> Vec<Step<'static>> {
    let option = user_name_option(user);
    let devices = user.user.mfa_devices.known();
    let policies = user.policies();
    let mut commands: Vec<String> = keys(user).map(|key| delete_key(&key)).collect();
    let mut remove = |command: &str, name: &str, value: &str| {
        commands.push(format!("aws iam {command} {option} {}", cli_option(name, value)));
    };
    for device in devices.into_iter().flatten() {
        remove("deactivate-mfa-device", "--serial-number", &device.serial_number);
    }
    if let Some(policies) = policies.known() {
        policies.groups.iter().for_each(|group| remove("remove-user-from-group", "--group-name", group));
        policies.attached_policies.iter().for_each(|arn| remove("detach-user-policy", "--policy-arn", arn));
        policies.inline_policies.iter().for_each(|name| remove("delete-user-policy", "--policy-name", name));
    }
    commands.push(format!("aws iam delete-user {option}"));
    let title = if devices.is_none() || policies.known().is_none() {
        "If none of these is in use, and once its groups, policies and MFA devices are removed, delete the user"
    } else {
        "If none of these is in use, delete the user with all that belongs to it"
    };
    let mut steps = list_unread_credentials(user);
    steps.push(Step::deleting(title, guard(user), commands));
    steps
}
