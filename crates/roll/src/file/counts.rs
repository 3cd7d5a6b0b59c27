//! The sums of the lines of a roll file.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::account::{AccountRecord, Outcome};
use crate::ids::AccountId;

/// The sums of the lines of a roll: accounts by outcome, users and access keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// All accounts of the roll, whatever their outcome.
    pub accounts: usize,
    /// Accounts with the outcome `Complete`.
    pub complete: usize,
    /// Accounts with the outcome `Partial`.
    pub partial: usize,
    /// Accounts with the outcome `Failed`.
    pub failed: usize,
    /// Accounts with the outcome `Skipped`; their lines have the reason.
    #[serde(default)]
    pub skipped: usize,
    /// Users that were read.
    pub users: usize,
    /// Access keys that were read.
    pub access_keys: usize,
}

impl Counts {
    /// Adds an account, its users and its keys.
    pub fn add(&mut self, account: &AccountRecord) {
        self.add_counts(account.into());
    }

    fn add_counts(&mut self, account: AccountCounts) {
        self.accounts += 1;
        self.users += account.users;
        self.access_keys += account.access_keys;
        *self.outcome_mut(account.outcome) += 1;
    }

    fn subtract(&mut self, account: AccountCounts) {
        self.accounts -= 1;
        self.users -= account.users;
        self.access_keys -= account.access_keys;
        *self.outcome_mut(account.outcome) -= 1;
    }

    fn outcome_mut(&mut self, outcome: Outcome) -> &mut usize {
        match outcome {
            Outcome::Complete => &mut self.complete,
            Outcome::Partial => &mut self.partial,
            Outcome::Failed => &mut self.failed,
            Outcome::Skipped => &mut self.skipped,
        }
    }

    /// Whether every account is complete or was skipped.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete + self.skipped == self.accounts
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { accounts, complete, partial, failed, skipped, users, access_keys } = self;
        write!(
            f,
            "{accounts} accounts ({complete} complete, {partial} partial, {failed} failed, {skipped} skipped), \
             {users} users and {access_keys} keys"
        )
    }
}

/// What one account adds to the counts, and when it was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct AccountCounts {
    as_of: Option<Timestamp>,
    outcome: Outcome,
    users: usize,
    access_keys: usize,
}

impl From<&AccountRecord> for AccountCounts {
    fn from(account: &AccountRecord) -> Self {
        let (users, access_keys) = account.count();
        Self { as_of: account.as_of(), outcome: account.outcome(), users, access_keys }
    }
}

impl<'a> FromIterator<&'a AccountRecord> for Counts {
    fn from_iter<I: IntoIterator<Item = &'a AccountRecord>>(accounts: I) -> Self {
        let mut counts = Self::default();
        for account in accounts {
            counts.add(account);
        }
        counts
    }
}

/// The line that counts for each account so far, as counts, and their sums.
#[derive(Debug, Default)]
pub(crate) struct AccountIndex {
    accounts: BTreeMap<AccountId, AccountCounts>,
    sums: Counts,
}

impl AccountIndex {
    /// Adds a line of an account. Returns whether it counts: it does not where an earlier line has more of the account.
    pub(super) fn add(&mut self, account_id: &AccountId, counts: AccountCounts) -> bool {
        let rank = |outcome| match outcome {
            Outcome::Complete => 2,
            Outcome::Partial => 1,
            Outcome::Failed | Outcome::Skipped => 0,
        };
        if let Some(previous) = self.accounts.get(account_id) {
            if rank(previous.outcome) > rank(counts.outcome) {
                return false;
            }
            self.sums.subtract(*previous);
        }
        self.sums.add_counts(counts);
        self.accounts.insert(account_id.clone(), counts);
        true
    }

    pub(crate) fn counts(&self) -> Counts {
        self.sums
    }

    /// The `as_of` of the earliest run with a line that counts.
    pub(crate) fn as_of(&self) -> Option<Timestamp> {
        self.accounts.values().filter_map(|counts| counts.as_of).min()
    }

    /// Of the accounts whose line is kept, complete or skipped, the one that was read first, and the `as_of` of that run. A
    /// line without a time is of unknown age, and comes before all others.
    pub(crate) fn oldest_done(&self) -> Option<(&AccountId, Option<Timestamp>)> {
        let is_done = |counts: &AccountCounts| matches!(counts.outcome, Outcome::Complete | Outcome::Skipped);
        let done = self.accounts.iter().filter(|(_, counts)| is_done(counts));
        done.map(|(account_id, counts)| (account_id, counts.as_of)).min_by_key(|(_, as_of)| *as_of)
    }

    /// Whether an account is complete or skipped, so that it need not be read again.
    pub(crate) fn is_done(&self, account_id: &AccountId) -> bool {
        let outcome = self.accounts.get(account_id).map(|counts| counts.outcome);
        matches!(outcome, Some(Outcome::Complete | Outcome::Skipped))
    }
}
