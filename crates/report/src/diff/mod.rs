//! What became of a roll: who came and went, what was found and mended, which accounts opened up or closed.
//!
//! What is unknown on one side is never gone, and never new: it is told as what it is. The last use of keys moves on from
//! day to day, and is told only where somebody asks for it.

mod compare;
mod text;

use std::collections::BTreeMap;

use rolecall_roll::{AccessKeyId, AccountId, LastUsed, Outcome};
use serde::Serialize;

use crate::finding::Finding;

pub use compare::NotComparable;
pub use text::Section;

/// What differs between two rolls.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Diff {
    /// The earlier roll.
    pub old: RollSide,
    /// The later one.
    pub new: RollSide,
    /// Accounts.
    pub accounts: Vec<AccountChange>,
    /// Users that came.
    pub users_came: Vec<UserName>,
    /// Users that went.
    pub users_went: Vec<UserName>,
    /// Users of whom something is other than it was.
    pub users_changed: Vec<UserChange>,
    /// Access keys that came.
    pub keys_came: Vec<KeyName>,
    /// Access keys that went.
    pub keys_went: Vec<KeyName>,
    /// Access keys whose status is another.
    pub keys_changed: Vec<KeyChange>,
    /// Access keys that were used since; empty where nobody asked.
    pub keys_used: Vec<KeyUse>,
    /// Findings that were none before.
    pub opened: Vec<Finding>,
    /// Findings that somebody answered for before, and nobody does now.
    pub reopened: Vec<Finding>,
    /// Findings that are none any more, as they were.
    pub resolved: Vec<Finding>,
    /// Findings that somebody answers for now.
    pub answered_for: Vec<Finding>,
    /// Findings about which nothing was known before.
    pub newly_known: Vec<Finding>,
    /// Findings about which nothing is known now, as they were.
    pub now_unknown: Vec<Finding>,
    /// Rules whose findings were not compared, since one roll did not ask for a fact that they need, and for how many.
    pub not_compared: BTreeMap<&'static str, usize>,
    /// Accounts that were read whole in neither roll.
    pub accounts_not_compared: usize,
}

/// A roll that is compared.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RollSide {
    /// The run's id.
    pub run_id: String,
    /// The moment that it stands for.
    pub as_of: String,
    /// Whether nothing is missing in it but what somebody answers for.
    pub is_complete: bool,
}

/// What became of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountChange {
    /// The account.
    pub account_id: AccountId,
    /// Its name.
    pub account_name: Option<String>,
    /// What it was; `None` where it was not in the roll.
    pub before: Option<Outcome>,
    /// What it is.
    pub now: Option<Outcome>,
    /// Why it is not read whole now.
    pub why: Option<String>,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct UserName {
    /// The account.
    pub account_id: AccountId,
    /// The user.
    pub user_name: String,
    /// The user's id: of users of one name, one after the other, it tells which.
    pub user_id: String,
}

/// What is other of a user than it was, where both rolls know it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct UserChange {
    /// The user, as it is called now.
    #[serde(flatten)]
    pub user: UserName,
    /// What: `name`, `console password`, `MFA devices`, `groups`, `policies`, `permissions boundary`.
    pub what: &'static str,
    /// What it was; empty where it was none.
    pub before: String,
    /// What it is.
    pub now: String,
}

/// An access key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct KeyName {
    /// The account.
    pub account_id: AccountId,
    /// The user.
    pub user_name: String,
    /// The key.
    pub access_key_id: AccessKeyId,
    /// Its status.
    pub status: String,
}

/// An access key whose status is another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct KeyChange {
    /// The key, with its status now.
    #[serde(flatten)]
    pub key: KeyName,
    /// What it was.
    pub before: String,
}

/// An access key that was used since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyUse {
    /// The key.
    #[serde(flatten)]
    pub key: KeyName,
    /// Its last use then; `None` where it never was.
    pub before: Option<LastUsed>,
    /// Its last use now.
    pub now: LastUsed,
}

impl Diff {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let findings = [
            &self.opened,
            &self.reopened,
            &self.resolved,
            &self.answered_for,
            &self.newly_known,
            &self.now_unknown,
        ];
        self.accounts.is_empty()
            && self.users_came.is_empty()
            && self.users_went.is_empty()
            && self.users_changed.is_empty()
            && self.keys_came.is_empty()
            && self.keys_went.is_empty()
            && self.keys_changed.is_empty()
            && self.keys_used.is_empty()
            && findings.iter().all(|list| list.is_empty())
    }

    /// Whether all was compared that the rolls are of.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.not_compared.is_empty() && self.accounts_not_compared == 0
    }
}
