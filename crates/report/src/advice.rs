//! One recommendation per user, from all its access keys and its password together, and one per finding about a root user.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::facts::{AccountView, KeyView, UserView};
use crate::finding::{Text, owned};
use crate::remedy::{AgeThresholds, Remedy};

/// What to do with a user or a root user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Advice<'a> {
    /// The recommended action.
    pub action: Action,
    /// Why it is recommended, for people.
    pub reason: Text<'a>,
}

impl Advice<'_> {
    pub(crate) fn into_owned(self) -> Advice<'static> {
        Advice { action: self.action, reason: owned(self.reason) }
    }
}

/// An action that can be recommended for a user or a root user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Delete the user: it has no active key and no password, and shows no use.
    DeleteUser,
    /// Deactivate an active key that is not in use.
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

/// After this many days without a use of any credential a user counts as unused: a job that runs once a year leaves a trace
/// within them.
const USER_IDLE_DAYS: u32 = 365;

/// Recommends an action for a user. Unknown never counts as unused: deleting the user is recommended only where all facts
/// are known, and an old key whose last use is unknown is to be rotated.
#[must_use]
pub(crate) fn advise(user: &UserView<'_>, thresholds: AgeThresholds) -> Advice<'static> {
    let AgeThresholds { idle, age } = thresholds;
    let long = idle.max(age);
    let password = user.password();
    let is_password_idle = user.is_password_idle(idle) == Some(true);
    let has_no_mfa = password.known().is_some_and(Option::is_some) && user.has_mfa().known() == Some(&false);
    let Some(keys) = user.access_keys().known().copied() else {
        return if is_password_idle {
            advice(Action::RemovePassword, "the password is not in use")
        } else if has_no_mfa {
            advice(Action::AssignMfa, "no MFA device protects the password")
        } else {
            advice(Action::Leave, "the user's access keys are unknown")
        };
    };
    let keys = || keys.iter().map(|key| KeyView { user: *user, key });
    if keys().all(|key| key.is_active() == Ok(false)) && password.known() == Some(&None) {
        return advise_without_active_credentials(user, keys, long);
    }
    if keys().any(|key| key.is_active_and_idle(idle)) {
        return advice(Action::Deactivate, "an active key is not in use");
    }
    if is_password_idle {
        return advice(Action::RemovePassword, "the password is not in use");
    }
    let is_old = |key: &KeyView<'_>| key.created().is_ok_and(|(_, days)| days > i64::from(age));
    if keys().any(|key| key.is_active() != Ok(false) && is_old(&key)) {
        return advice(Action::Rotate, "a key is older than allowed and is not known to be unused");
    }
    if has_no_mfa {
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

/// Recommends an action for a user who has no active key and no password. A deletion cannot be undone: it is recommended only
/// where all is known and idle for the longer of the two thresholds, and nothing shows a use within a year.
fn advise_without_active_credentials<'a, K: Iterator<Item = KeyView<'a>>>(
    user: &UserView<'_>,
    keys: impl Fn() -> K,
    long: u32,
) -> Advice<'static> {
    let is_in_use = user.latest_use().is_some_and(|last| user.days_idle(last) < i64::from(USER_IDLE_DAYS));
    if keys().all(|key| key.is_idle(long) == Some(true)) && !is_in_use {
        return if user.days_since(user.user.create_date) < i64::from(long) {
            advice(Action::Leave, "the user is new")
        } else {
            advice(
                Action::DeleteUser,
                "no active key, no password, and no use within a year that the roll shows; SSH keys, certificates \
                 and service-specific credentials are not read: list them first",
            )
        };
    }
    if keys().any(|key| key.is_idle(long) == Some(true)) {
        return advice(Action::DeleteKey, "an inactive key has not been used for a long time");
    }
    if keys().any(|key| key.is_idle(long).is_none()) {
        return advice(Action::Leave, "when an inactive key was last used is unknown");
    }
    advice(Action::Leave, "the user has no active credentials, and one was used or created recently")
}

/// Recommends an action for the root user of an account, for a finding with this remedy.
#[must_use]
pub(crate) fn advise_root(account: &AccountView<'_>, remedy: Remedy) -> Advice<'static> {
    match remedy {
        Remedy::DeleteRootKeys => advice(Action::DeleteKey, "no IAM policy limits a root user's key"),
        // In a member account the password can be deleted instead: then nobody can sign in as the root user.
        _ if account.management_account_of_member().is_some() => {
            advice(Action::RemovePassword, "the root user of a member account needs no password")
        }
        _ => advice(Action::AssignMfa, "the root user has no MFA device"),
    }
}

fn advice(action: Action, reason: &'static str) -> Advice<'static> {
    Advice { action, reason: reason.into() }
}
