//! The remediation of a finding, as steps with AWS CLI commands.
//!
//! This module decides the remediation for all of a user's keys, not rule by rule, so that the commands for one finding do
//! not undo those for another, nor contradict the advice for the user: one of the keys in use is kept, idle keys are
//! deactivated before anything is deleted, and a user is deleted only where that is the advice.

pub(crate) mod aws_cli;
mod keys;
mod root;
mod step;
mod user;

pub(crate) use self::step::{BLOCK_END, Guard};
pub use self::step::{Remediation, Step};
use crate::advice::{Action, Advice};
use crate::facts::{AccountView, KeyView, UserView};

/// What a finding calls for; this module decides on the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Deactivate a key that is not in use, and delete it later.
    DeactivateKey,
    /// Deactivate a key that was created at setup, unless someone plans to use it.
    DeactivateUnplannedKey,
    /// Let the workload assume a role instead of using the key.
    ReplaceKeyByRole,
    /// Replace a key by another one.
    RotateKey,
    /// Keep one of the user's active keys.
    KeepOneKey,
    /// Delete an inactive key.
    DeleteKey,
    /// Delete a console password that is not in use.
    RemovePassword,
    /// Let the user register an MFA device; where the password is not in use, delete it instead.
    AssignMfa,
    /// Give the user permissions through a group.
    MovePoliciesToGroup,
    /// Delete a user without credentials.
    DeleteUser,
    /// Delete the access keys of the root user.
    DeleteRootKeys,
    /// Assign an MFA device to the root user, or delete its password.
    ProtectRoot,
}

/// The thresholds that remediation and advice go by, in days.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AgeThresholds {
    /// From this many days without use on, a credential is idle; a credential without a recorded use counts from its
    /// creation.
    pub idle: u32,
    /// The greatest age that an active key may have.
    pub age: u32,
}

/// The steps that fix a finding about a key, about a user, or about the root user (neither).
#[must_use]
pub(crate) fn remediation(
    remedy: Remedy,
    account: &AccountView<'_>,
    user: Option<&UserView<'_>>,
    key: Option<&KeyView<'_>>,
    advice: &Advice,
    thresholds: AgeThresholds,
) -> Remediation<'static> {
    let steps = match user {
        None => root::steps(remedy, account),
        Some(user) if advice.action == Action::DeleteUser => user::delete(user),
        Some(user) => match (key, remedy) {
            (Some(key), _) if key.is_active_and_idle(thresholds.idle) => keys::deactivate(key),
            (Some(key), Remedy::DeactivateUnplannedKey) => keys::deactivate_unplanned(key),
            (Some(key), Remedy::ReplaceKeyByRole) => keys::replace_by_role(key),
            (Some(key), Remedy::RotateKey) => keys::rotate(key, thresholds),
            (Some(key), Remedy::DeleteKey) => keys::delete_inactive(key),
            (Some(key), _) => keys::deactivate(key),
            (None, Remedy::KeepOneKey) => keys::keep_one(user, thresholds),
            (None, Remedy::RemovePassword) => user::remove_password(user),
            (None, Remedy::AssignMfa) if user.is_password_idle(thresholds.idle) == Some(true) => {
                user::remove_password(user)
            }
            (None, Remedy::AssignMfa) => user::assign_mfa(user),
            (None, Remedy::MovePoliciesToGroup) => user::move_policies_to_group(user),
            (None, _) => user::list_unread_credentials(user),
        },
    };
    Remediation { steps }
}

/// The guard for commands in the account of a user.
fn guard(user: &UserView<'_>) -> Guard<'static> {
    Guard::Account(user.account.record.account_id().clone())
}
