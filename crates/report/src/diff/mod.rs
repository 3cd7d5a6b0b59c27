//! The differences between two rolls: added and removed users and keys, new and resolved findings, accounts whose outcome
//! changed.
//!
//! What is unknown in one of the rolls is never reported as removed, resolved or new, but as unknown. The last use of keys
//! changes from day to day, and is compared only on request.

mod compare;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use rolecall_roll::{AccessKeyId, AccountId, FactKind, LastUsed, Outcome};
use serde::Serialize;

use crate::finding::Finding;

pub use compare::NotComparable;
pub use text::Section;

/// The differences between two rolls.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Diff {
    /// The older roll.
    pub old: RollSide,
    /// The newer roll.
    pub new: RollSide,
    /// Accounts whose outcome changed.
    pub accounts: Vec<AccountChange>,
    /// Added users.
    pub users_added: Vec<UserName>,
    /// Removed users.
    pub users_removed: Vec<UserName>,
    /// Changes of users that both rolls have.
    pub users_changed: Vec<UserChange>,
    /// Added access keys.
    pub keys_added: Vec<KeyName>,
    /// Removed access keys.
    pub keys_removed: Vec<KeyName>,
    /// Access keys whose status changed.
    pub keys_changed: Vec<KeyChange>,
    /// Access keys whose last use changed; empty where last use is not compared.
    pub keys_used: Vec<KeyUse>,
    /// New findings.
    pub opened: Vec<Finding<'static>>,
    /// Findings that were suppressed before and are open now.
    pub reopened: Vec<Finding<'static>>,
    /// Resolved findings, as they were in the older roll.
    pub resolved: Vec<Finding<'static>>,
    /// Findings that were open before and are suppressed now.
    pub newly_suppressed: Vec<Finding<'static>>,
    /// Open findings that the older roll could not evaluate.
    pub newly_known: Vec<Finding<'static>>,
    /// Findings that the newer roll could not evaluate, as they were in the older roll.
    pub now_unknown: Vec<Finding<'static>>,
    /// By rule id, the findings that were not compared, because one of the rolls did not request a fact that the rule or an
    /// exception needs.
    pub not_compared: BTreeMap<&'static str, NotCompared>,
    /// The number of accounts that neither roll read completely.
    pub accounts_not_compared: usize,
    /// The number of accounts that both rolls have.
    pub accounts_in_common: usize,
    /// The number of accounts that only the older roll has.
    pub accounts_only_in_old: usize,
    /// The number of accounts that only the newer roll has.
    pub accounts_only_in_new: usize,
    /// The facts that only the older roll requested.
    pub facts_only_in_old: Vec<FactKind>,
    /// The facts that only the newer roll requested.
    pub facts_only_in_new: Vec<FactKind>,
}

/// The findings of a rule that were not compared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct NotCompared {
    /// Their number.
    pub findings: usize,
    /// The facts that one of the rolls did not request.
    pub needs: BTreeSet<FactKind>,
}

/// One of the two rolls that are compared.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RollSide {
    /// The run's id, a UUID.
    pub run_id: String,
    /// The time of the roll, in RFC 3339 and whole seconds.
    pub as_of: String,
    /// Whether the roll has no gap except accepted ones.
    pub is_complete: bool,
}

/// An account whose outcome changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountChange {
    /// The account's id of 12 digits.
    pub account_id: AccountId,
    /// The account's name in AWS Organizations; `None` where it is unknown.
    pub account_name: Option<String>,
    /// The outcome in the older roll; `None` where the account is not in it.
    pub before: Option<Outcome>,
    /// The outcome in the newer roll; `None` where the account is not in it.
    pub now: Option<Outcome>,
    /// Why the newer roll did not read the account completely; `None` where it did.
    pub why: Option<String>,
}

impl AccountChange {
    /// Whether the older roll read more of the account.
    #[must_use]
    pub fn became_unreadable(&self) -> bool {
        use Outcome::{Complete, Failed, Partial};
        matches!(
            (self.before, self.now),
            (Some(Complete), Some(Partial | Failed)) | (Some(Partial), Some(Failed))
        )
    }
}

/// The identity of a user.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct UserName {
    /// The account's id of 12 digits.
    pub account_id: AccountId,
    /// The account's name in AWS Organizations; `None` where it is unknown.
    pub account_name: Option<String>,
    /// The user's name.
    pub user_name: String,
    /// The user's unique id (`AIDA…`): a user that was created again under the same name has another one.
    pub user_id: String,
}

/// A change of a user. Only facts that both rolls know are compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct UserChange {
    /// The user, with the name in the newer roll.
    #[serde(flatten)]
    pub user: UserName,
    /// What changed: `name`, `console password`, `MFA devices`, `groups`, `policies`, `permissions boundary`.
    pub what: &'static str,
    /// The value in the older roll; empty where there was none.
    pub before: String,
    /// The value in the newer roll; empty where there is none.
    pub now: String,
}

/// The identity of an access key, with its status.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct KeyName {
    /// The account's id of 12 digits.
    pub account_id: AccountId,
    /// The account's name in AWS Organizations; `None` where it is unknown.
    pub account_name: Option<String>,
    /// The name of the user who has the key.
    pub user_name: String,
    /// The key's id (`AKIA…`).
    pub access_key_id: AccessKeyId,
    /// The status as AWS returned it: `Active`, `Inactive`.
    pub status: String,
}

/// An access key whose status changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct KeyChange {
    /// The key, with the status in the newer roll.
    #[serde(flatten)]
    pub key: KeyName,
    /// The status in the older roll.
    pub before: String,
}

/// An access key whose last use changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyUse {
    /// The key, with the status in the newer roll.
    #[serde(flatten)]
    pub key: KeyName,
    /// When the key was created; `None` where AWS did not return it.
    #[serde(skip)]
    pub created: Option<jiff::Timestamp>,
    /// The last use in the older roll; `None` where the key was never used, or not since AWS began to record it.
    pub before: Option<LastUsed>,
    /// The last use in the newer roll.
    pub now: LastUsed,
}

impl Diff {
    /// Whether no difference was found in what was compared.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let findings = [
            &self.opened,
            &self.reopened,
            &self.resolved,
            &self.newly_suppressed,
            &self.newly_known,
            &self.now_unknown,
        ];
        self.accounts.is_empty()
            && self.users_added.is_empty()
            && self.users_removed.is_empty()
            && self.users_changed.is_empty()
            && self.keys_added.is_empty()
            && self.keys_removed.is_empty()
            && self.keys_changed.is_empty()
            && self.keys_used.is_empty()
            && findings.iter().all(|list| list.is_empty())
    }

    /// Whether everything in the rolls was compared.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.not_compared.is_empty()
            && self.accounts_not_compared == 0
            && self.accounts_in_common > 0
            && self.facts_only_in_old.is_empty()
            && self.facts_only_in_new.is_empty()
    }
}
