//! One recommendation per user or root user, from all its access keys and its password together.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::facts::{AccountView, KeyView, Password, UserView};
use crate::remedy::AgeThresholds;
use crate::remedy::aws_cli::assume_root;

/// What to do with a user or a root user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// The recommended action.
    pub action: Action,
    /// Why it is recommended, for people.
    pub reason: String,
}

/// An action that can be recommended for a user or a root user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Delete the user: no key and no password is in use.
    DeleteUser,
    /// Deactivate an active key that is not in use, while another credential is.
    Deactivate,
    /// Delete the console password, which is not in use.
    RemovePassword,
    /// Rotate a key that is older than allowed and not known to be idle.
    Rotate,
    /// Assign an MFA device: the console password needs no second factor.
    AssignMfa,
    /// Delete a key that is inactive and has not been used for a long time, or that is the root user's.
    DeleteKey,
    /// Change nothing: no action is needed, or a fact that would justify one is unknown.
    Leave,
}

impl Action {
    /// All actions.
    pub(crate) const ALL: [Self; 7] = [
        Self::DeleteUser,
        Self::Deactivate,
        Self::RemovePassword,
        Self::Rotate,
        Self::AssignMfa,
        Self::DeleteKey,
        Self::Leave,
    ];

    /// The action in words, as outputs show it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DeleteUser => "delete the user",
            Self::Deactivate => "deactivate",
            Self::RemovePassword => "remove the password",
            Self::Rotate => "rotate",
            Self::AssignMfa => "assign MFA",
            Self::DeleteKey => "delete the key",
            Self::Leave => "keep",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Action {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Recommends an action for a user. Unknown never counts as unused: deleting the user is recommended only where all facts
/// are known, and an old key whose last use is unknown is to be rotated.
#[must_use]
pub(crate) fn advise(user: &UserView<'_>, thresholds: AgeThresholds) -> Advice {
    let advice = |action, reason: &str| Advice { action, reason: reason.to_owned() };
    let AgeThresholds { idle, age } = thresholds;
    let long = idle.max(age);
    let password = user.password();
    let password_idle = |days: u32| {
        password
            .known()
            .map(|password| password.map(|password| password_days_idle(user, password) >= i64::from(days)))
    };
    let Some(keys) = user.access_keys().known().copied() else {
        return match password_idle(idle) {
            Some(Some(true)) => advice(Action::RemovePassword, "the password is not in use"),
            Some(Some(false)) if user.has_mfa().known() == Some(&false) => {
                advice(Action::AssignMfa, "no MFA device protects the password")
            }
            _ => advice(Action::Leave, "the user's access keys are unknown"),
        };
    };
    let keys = || keys.iter().map(|key| KeyView { user: *user, key });
    // A deletion cannot be undone: all must be known, and idle for the longer of the two thresholds, inactive keys too.
    if keys().all(|key| key.is_active().is_ok() && key.is_idle(long) == Some(true))
        && password_idle(long).is_some_and(|idle| idle != Some(false))
    {
        return if user.days_since(user.user.create_date) < i64::from(long) {
            advice(Action::Leave, "the user is new")
        } else {
            advice(
                Action::DeleteUser,
                "no access key and no password is in use; SSH keys, certificates and service-specific credentials are not read",
            )
        };
    }
    if keys().any(|key| key.is_active_and_idle(idle)) {
        return advice(Action::Deactivate, "an active key is not in use");
    }
    if password_idle(idle) == Some(Some(true)) {
        return advice(Action::RemovePassword, "the password is not in use");
    }
    let is_old = |key: &KeyView<'_>| key.created().is_ok_and(|(_, days)| days > i64::from(age));
    if keys().any(|key| key.is_active() != Ok(false) && is_old(&key)) {
        return advice(Action::Rotate, "a key is older than allowed and is not known to be unused");
    }
    if password.known().is_some_and(Option::is_some) && user.has_mfa().known() == Some(&false) {
        return advice(Action::AssignMfa, "no MFA device protects the password");
    }
    if keys().any(|key| key.is_active() == Ok(false) && key.is_idle(long) == Some(true)) {
        return advice(Action::DeleteKey, "an inactive key has not been used for a long time");
    }
    if keys().any(|key| key.is_active().is_err()) {
        return advice(Action::Leave, "whether a key is active is unknown");
    }
    if keys().any(|key| key.is_idle(idle).is_none()) {
        return advice(Action::Leave, "when a key was last used is unknown");
    }
    if password.known().is_none() {
        return advice(Action::Leave, "whether the user has a password is unknown");
    }
    advice(Action::Leave, "no key or password is old or unused")
}

/// Recommends an action for the root user of an account. Unknown never counts as a problem that is solved: no finding is made
/// from it.
#[must_use]
pub(crate) fn advise_root(account: &AccountView<'_>) -> Advice {
    let is_unprotected = account.is_root_protected().is_ok_and(|(is_protected, _)| !is_protected);
    let (action, reason) = match account.root_has_keys() {
        Ok((true, _)) if is_unprotected => (
            Action::DeleteKey,
            "no IAM policy limits a root user's key; the root user also has no MFA device",
        ),
        Ok((true, _)) => (Action::DeleteKey, "no IAM policy limits a root user's key"),
        // In a member account the password can be deleted instead: then nobody can sign in as the root user.
        _ if is_unprotected && assume_root(account).is_some() => {
            (Action::RemovePassword, "the root user of a member account needs no password")
        }
        _ if is_unprotected => (Action::AssignMfa, "the root user has no MFA device"),
        _ => (Action::Leave, "the root user has no key, and no password without MFA, as far as it is known"),
    };
    Advice { action, reason: reason.to_owned() }
}

/// For how many whole days a password has not been used, nor set.
fn password_days_idle(user: &UserView<'_>, password: Password) -> i64 {
    user.days_idle(user.password_last_used().max(password.set_date).unwrap_or(user.user.create_date))
}
