//! One advice a user: what its keys and password, taken together, call for.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::facts::{KeyView, Password, UserView};
use crate::remedy::AgeThresholds;

/// What to do with a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// What.
    pub action: Action,
    /// Why.
    pub reason: String,
}

/// What can be done with a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Nothing of it is in use.
    DeleteUser,
    /// A key works and is not in use, something else is.
    Deactivate,
    /// The password is not in use, a key is.
    RemovePassword,
    /// A key is in use and old.
    Rotate,
    /// A key is off and left over.
    DeleteKey,
    /// Nothing calls for more, or what would tell is unknown.
    Leave,
}

impl Action {
    /// The words for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DeleteUser => "delete the user",
            Self::Deactivate => "deactivate",
            Self::RemovePassword => "remove the password",
            Self::Rotate => "rotate",
            Self::DeleteKey => "delete the key",
            Self::Leave => "leave",
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

/// The advice. What is unknown is never taken for unused: a user is deleted where all is known, and an old key is rotated
/// where nobody knows whether it is used.
#[must_use]
pub(crate) fn advise(of: &UserView<'_>, patience: AgeThresholds) -> Advice {
    let because = |action, because: &str| Advice { action, reason: because.to_owned() };
    let AgeThresholds { idle, age } = patience;
    let long = idle.max(age);
    let password = of.password();
    let password_idle = |days: u32| {
        password.known().map(|password| password.map(|password| since(of, password) >= i64::from(days)))
    };
    let Some(keys) = of.access_keys().known().copied() else {
        return match password_idle(idle) {
            Some(Some(true)) => because(Action::RemovePassword, "the password is not in use"),
            _ => because(Action::Leave, "which keys there are is unknown"),
        };
    };
    let keys = || keys.iter().map(|key| KeyView { of: *of, key });
    // To delete is for good: all must be known, and idle for as long as a key may be old; those too that are off.
    if keys().all(|key| key.is_active().is_ok() && key.is_idle(long) == Some(true))
        && password_idle(long).is_some_and(|idle| idle != Some(false))
    {
        return if of.days_since(of.user.create_date) < i64::from(long) {
            because(Action::Leave, "the user is new")
        } else {
            because(
                Action::DeleteUser,
                "no key or password of it is in use; SSH keys, certificates and service-specific credentials are not read",
            )
        };
    }
    if keys().any(|key| key.is_idle_and_works(idle)) {
        return because(Action::Deactivate, "a key works that is not in use");
    }
    if password_idle(idle) == Some(Some(true)) {
        return because(Action::RemovePassword, "the password is not in use");
    }
    let is_old = |key: &KeyView<'_>| key.created().is_ok_and(|(_, days)| days > i64::from(age));
    if keys().any(|key| key.is_active() != Ok(false) && is_old(&key)) {
        return because(Action::Rotate, "a key is older than allowed, and not known to be idle");
    }
    if keys().any(|key| key.is_active() == Ok(false) && key.is_idle(long) == Some(true)) {
        return because(Action::DeleteKey, "a key is off, and nobody missed it");
    }
    if keys().any(|key| key.is_active().is_err()) {
        return because(Action::Leave, "whether a key works is unknown");
    }
    if keys().any(|key| key.is_idle(idle).is_none()) {
        return because(Action::Leave, "when a key was last used is unknown");
    }
    if password.known().is_none() {
        return because(Action::Leave, "whether there is a password is unknown");
    }
    because(Action::Leave, "no key or password is old or idle")
}

/// For how many days a password was not used.
fn since(of: &UserView<'_>, password: Password) -> i64 {
    of.days_idle(of.password_last_used().max(password.made).unwrap_or(of.user.create_date))
}
