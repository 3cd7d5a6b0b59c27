//! One advice a user: what its credentials, taken together, call for.

use std::fmt;

use rolecall_roll::{AccessKey, AccessKeyStatus};
use serde::{Serialize, Serializer};

use crate::case::{OfKey, OfUser, Password};

/// What to do with a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// What.
    pub action: Action,
    /// Why.
    pub because: String,
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

/// How long a credential may lie idle, and how old an active key may be, in days.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For a credential that is not used, or never was.
    pub idle: u32,
    /// For an active key.
    pub age: u32,
}

/// The advice. What is unknown is never taken for unused: a user is deleted where all is known, and an old key is rotated
/// where nobody knows whether it is used.
#[must_use]
pub fn of(of: &OfUser<'_>, patience: Patience) -> Advice {
    let because = |action, because: &str| Advice { action, because: because.to_owned() };
    let idle = i64::from(patience.idle);
    let Some(keys) = of.access_keys().known().copied() else {
        return because(Action::Leave, "which keys there are is unknown");
    };
    let active: Vec<OfKey<'_>> =
        keys.iter().filter(|key| is_active(key)).map(|key| OfKey { of: *of, key }).collect();
    let idle_keys: Vec<Option<bool>> = active.iter().map(|key| is_idle(key, idle)).collect();
    let password = of.password();
    let is_password_idle =
        password.known().map(|password| password.map(|password| since(of, password) >= idle));
    let age = i64::from(patience.age);
    // To delete is for good: all must be known, and idle for as long as a key may be old.
    let is_long_idle = |key: &OfKey<'_>| is_idle(key, idle.max(age)) == Some(true);
    let is_password_long_idle =
        password.known().map(|password| password.is_none_or(|password| since(of, password) >= idle.max(age)));
    if active.iter().all(is_long_idle) && is_password_long_idle == Some(true) {
        if of.days_since(of.user.create_date) < idle.max(age) {
            return because(Action::Leave, "the user is new");
        }
        return because(Action::DeleteUser, "no key or password of it is in use");
    }
    if idle_keys.contains(&Some(true)) {
        return because(Action::Deactivate, "a key works that is not in use");
    }
    if is_password_idle == Some(Some(true)) {
        return because(Action::RemovePassword, "the password is not in use");
    }
    if active.iter().any(|key| key.created().is_ok_and(|(_, days)| days > age)) {
        return because(Action::Rotate, "a key is older than allowed, and not known to be idle");
    }
    if idle_keys.contains(&None) {
        return because(Action::Leave, "when a key was last used is unknown");
    }
    if is_password_idle.is_none() {
        return because(Action::Leave, "whether there is a password is unknown");
    }
    because(Action::Leave, "nothing is old or idle")
}

/// What to do with a key that works and is known to be idle, whatever else is wrong with it: nobody needs a new one.
#[must_use]
pub fn of_idle(key: &OfKey<'_>, patience: Patience) -> Option<String> {
    let is_it = key.is_active() == Ok(true) && is_idle(key, i64::from(patience.idle)) == Some(true);
    is_it.then(|| format!("{}\n# a week later, where nobody missed it:\n{}", key.deactivate(), key.delete()))
}

/// For how many days a password was not used.
fn since(of: &OfUser<'_>, password: Password) -> i64 {
    of.days_idle(of.password_last_used().or(password.made).unwrap_or(of.user.create_date))
}

fn is_active(key: &AccessKey) -> bool {
    // One of a status that this version does not know may work.
    !matches!(key.status, AccessKeyStatus::Inactive | AccessKeyStatus::Expired)
}

/// Whether a key is not in use; `None` where that is unknown.
fn is_idle(of: &OfKey<'_>, idle: i64) -> Option<bool> {
    of.is_active().ok()?;
    let last = of.key.last_used.known()?;
    let since = last.as_ref().map(|last| last.date).or(of.key.create_date)?;
    Some(of.of.days_idle(since) >= idle)
}
