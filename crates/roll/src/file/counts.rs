//! What the lines of a roll file add up to.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::account::{AccountRecord, Outcome};
use crate::ids::AccountId;

/// What the lines of a roll add up to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Accounts in the roll.
    pub accounts: usize,
    /// Accounts that were read whole.
    pub complete: usize,
    /// Accounts that were read in part.
    pub partial: usize,
    /// Accounts of which nothing was read.
    pub failed: usize,
    /// Accounts that were not asked, for a reason that their lines tell.
    #[serde(default)]
    pub skipped: usize,
    /// Users that were read.
    pub users: usize,
    /// Access keys that were read.
    pub access_keys: usize,
}

impl Counts {
    /// Adds an account.
    pub fn add(&mut self, account: &AccountRecord) {
        let (users, access_keys) = account.count();
        self.plus(AccountCounts { as_of: account.as_of(), outcome: account.outcome(), users, access_keys });
    }

    fn plus(&mut self, share: AccountCounts) {
        self.accounts += 1;
        self.users += share.users;
        self.access_keys += share.access_keys;
        *self.count_mut(share.outcome) += 1;
    }

    fn subtract(&mut self, share: AccountCounts) {
        self.accounts -= 1;
        self.users -= share.users;
        self.access_keys -= share.access_keys;
        *self.count_mut(share.outcome) -= 1;
    }

    fn count_mut(&mut self, outcome: Outcome) -> &mut usize {
        match outcome {
            Outcome::Complete => &mut self.complete,
            Outcome::Partial => &mut self.partial,
            Outcome::Failed => &mut self.failed,
            Outcome::Skipped => &mut self.skipped,
        }
    }

    /// Whether every account that was asked was read whole.
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

/// What one account adds to the counts.
#[derive(Debug, Clone, Copy)]
struct AccountCounts {
    as_of: Option<Timestamp>,
    outcome: Outcome,
    users: usize,
    access_keys: usize,
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

/// What the lines so far say, as far as the next one needs to be held against it.
#[derive(Debug, Default)]
pub(crate) struct AccountIndex {
    shares: BTreeMap<AccountId, AccountCounts>,
    counts: Counts,
}

impl AccountIndex {
    /// Takes note of an account, unless more of it was read before; tells whether it counts.
    pub(super) fn add(&mut self, account: &AccountRecord) -> bool {
        let (users, access_keys) = account.count();
        let share = AccountCounts { as_of: account.as_of(), outcome: account.outcome(), users, access_keys };
        let rank = |outcome| match outcome {
            Outcome::Complete => 2,
            Outcome::Partial => 1,
            Outcome::Failed | Outcome::Skipped => 0,
        };
        if let Some(earlier) = self.shares.get(account.account_id()) {
            if rank(earlier.outcome) > rank(share.outcome) {
                return false;
            }
            self.counts.subtract(*earlier);
        }
        self.counts.plus(share);
        self.shares.insert(account.account_id().clone(), share);
        true
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// The moment of the earliest run whose lines count.
    pub(crate) fn as_of(&self) -> Option<Timestamp> {
        self.shares.values().filter_map(|share| share.as_of).min()
    }

    /// Whether an account need not be asked again.
    pub(crate) fn is_done(&self, account_id: &AccountId) -> bool {
        let outcome = self.shares.get(account_id).map(|share| share.outcome);
        matches!(outcome, Some(Outcome::Complete | Outcome::Skipped))
    }
}
