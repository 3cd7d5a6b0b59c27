//! The canary: a few accounts are read first. Where all of those are denied, or out of reach, so will be the others, and
//! nobody wants to read that six hundred times. As soon as one is read, all others are.

use std::pin::Pin;
use std::time::Duration;

use futures_util::stream::{Fuse, FusedStream, LocalBoxStream};
use futures_util::{FutureExt, StreamExt};
use jiff::Timestamp;
use rolecall_roll::{AccountId, AccountRecord, ErrorKind, Gap, Outcome};

use crate::cancellation::Cancellation;
use crate::scan::{ScanContext, Scanner};
use crate::targets::{Access, Target};

/// How long the first few accounts are waited for at most, should they hang.
const CANARY_TIMEOUT: Duration = Duration::from_secs(10);

/// The records of accounts, each as it is done.
pub struct AccountRecords<'r> {
    as_of: Timestamp,
    first: Fuse<LocalBoxStream<'r, AccountRecord>>,
    others: Fuse<LocalBoxStream<'r, AccountRecord>>,
    timeout: Pin<Box<dyn Future<Output = ()> + 'r>>,
    /// How many accounts are read first.
    waits_for: usize,
    /// How many wait for them.
    not_read: usize,
    /// Those of the first that were denied, or out of reach.
    denied: Vec<AccountRecord>,
    /// Whether the others are read.
    is_open: bool,
    denial: Option<CanaryDenial>,
}

impl std::fmt::Debug for AccountRecords<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccountRecords").field("denial", &self.denial).finish_non_exhaustive()
    }
}

impl<'r> AccountRecords<'r> {
    pub(super) fn new(
        scanner: &'r Scanner,
        context: &'r ScanContext,
        missing: Vec<&'r Target>,
        cancellation: &'r Cancellation,
        as_of: Timestamp,
    ) -> Self {
        // The caller's own account is read with the caller's own credentials, and tells nothing of the others' roles.
        let (by_role, others): (Vec<&Target>, Vec<&Target>) =
            missing.into_iter().partition(|target| matches!(target.access, Access::Role(_)));
        let canary = context.settings.limits.canary;
        let first = if by_role.len() > canary { canary } else { 0 };
        let (first, by_role) = by_role.split_at(first);
        let others: Vec<&Target> = by_role.iter().copied().chain(others).collect();
        let is_read = |target: &&&Target| !matches!(target.access, Access::Skipped(_));
        let timeout = tokio::time::timeout(CANARY_TIMEOUT, context.wait_for_first_success());
        Self {
            as_of,
            waits_for: first.len(),
            not_read: others.iter().filter(is_read).count(),
            is_open: first.is_empty(),
            first: scanner.scan(context, first.to_vec(), cancellation).boxed_local().fuse(),
            others: scanner.scan(context, others, cancellation).boxed_local().fuse(),
            timeout: timeout.map(|_| ()).boxed_local(),
            denied: Vec::new(),
            denial: None,
        }
    }

    /// The next record; `None` where all are done, or the first few were all denied.
    pub async fn next(&mut self) -> Option<AccountRecord> {
        let record = loop {
            if self.denial.is_some() || (self.first.is_terminated() && self.others.is_terminated()) {
                return None;
            }
            tokio::select! {
                biased;
                Some(record) = self.first.next() => {
                    self.read_canaries(&record);
                    break record;
                }
                Some(record) = self.others.next(), if self.is_open => break record,
                () = &mut self.timeout, if !self.is_open => self.is_open = true,
                else => return None,
            }
        };
        Some(record.with_as_of(self.as_of))
    }

    fn read_canaries(&mut self, record: &AccountRecord) {
        if is_denied(record) {
            self.denied.push(record.clone());
        } else {
            self.is_open = true;
        }
        if !self.is_open && self.denied.len() == self.waits_for {
            let first = self.denied.first().and_then(|it| Some((it.account_id(), it.gaps().first()?)));
            self.denial = first.map(|(account_id, gap)| CanaryDenial {
                denied: self.waits_for,
                not_read: self.not_read,
                account_id: account_id.clone(),
                gap: gap.clone(),
            });
        }
    }

    /// Why the others were not read, where the first few were all denied.
    #[must_use]
    pub fn denial(&self) -> Option<&CanaryDenial> {
        self.denial.as_ref()
    }
}

/// The first few accounts were all denied, or out of reach, and the others were not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanaryDenial {
    /// How many were denied.
    pub denied: usize,
    /// How many were not read.
    pub not_read: usize,
    /// The first that was denied.
    pub account_id: AccountId,
    /// What AWS said of it.
    pub gap: Gap,
}

/// Whether an account was not read at all, in a way that the others will share.
fn is_denied(account: &AccountRecord) -> bool {
    let gap = account.gaps().first();
    account.outcome() == Outcome::Failed
        && gap.is_some_and(|gap| {
            matches!(gap.error_kind, ErrorKind::Denied | ErrorKind::Credentials | ErrorKind::Transport)
        })
}
