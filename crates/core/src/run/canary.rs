//! The canary: a few accounts are read first. If all of them are denied or unreachable, the others would be too, and the
//! run would report the same error for each of them; so the others are not read. As soon as one account is read, all are.

use std::pin::Pin;
use std::time::Duration;

use futures_util::stream::{Fuse, FusedStream, LocalBoxStream};
use futures_util::{FutureExt, StreamExt};
use jiff::Timestamp;
use rolecall_roll::{AccountId, AccountRecord, ErrorKind, Gap, Outcome};

use crate::cancellation::Cancellation;
use crate::scan::{ScanContext, Scanner};
use crate::targets::{Access, Target};

/// The maximum time that the other accounts wait for the canary accounts, in case these hang.
const CANARY_TIMEOUT: Duration = Duration::from_secs(10);

/// The records of a run's accounts, each as soon as the account is read.
pub struct AccountRecords<'r> {
    as_of: Timestamp,
    canaries: Fuse<LocalBoxStream<'r, AccountRecord>>,
    others: Fuse<LocalBoxStream<'r, AccountRecord>>,
    timeout: Pin<Box<dyn Future<Output = ()> + 'r>>,
    canary_count: usize,
    /// The number of other accounts to read, without skipped ones.
    waiting_count: usize,
    /// The canary accounts that were denied or unreachable.
    denied: Vec<AccountRecord>,
    /// Whether the other accounts are read.
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
        // The caller's own account is read with the caller's credentials, which says nothing about the others' roles.
        let (by_role, others): (Vec<&Target>, Vec<&Target>) =
            missing.into_iter().partition(|target| matches!(target.access, Access::Role(_)));
        let canary = context.settings.limits.canary;
        let canary_count = if by_role.len() > canary { canary } else { 0 };
        let (canaries, by_role) = by_role.split_at(canary_count);
        let others: Vec<&Target> = by_role.iter().copied().chain(others).collect();
        let is_to_be_read = |target: &&&Target| !matches!(target.access, Access::Skipped(_));
        let timeout = tokio::time::timeout(CANARY_TIMEOUT, context.wait_for_first_success());
        Self {
            as_of,
            canary_count,
            waiting_count: others.iter().filter(is_to_be_read).count(),
            is_open: canaries.is_empty(),
            canaries: scanner.scan(context, canaries.to_vec(), cancellation).boxed_local().fuse(),
            others: scanner.scan(context, others, cancellation).boxed_local().fuse(),
            timeout: timeout.map(|_| ()).boxed_local(),
            denied: Vec::new(),
            denial: None,
        }
    }

    /// The next record; `None` after the last one, or where all canary accounts were denied.
    pub async fn next(&mut self) -> Option<AccountRecord> {
        let record = loop {
            if self.denial.is_some() || (self.canaries.is_terminated() && self.others.is_terminated()) {
                return None;
            }
            tokio::select! {
                biased;
                Some(record) = self.canaries.next() => {
                    self.check_canary(&record);
                    break record;
                }
                Some(record) = self.others.next(), if self.is_open => break record,
                () = &mut self.timeout, if !self.is_open => self.is_open = true,
                else => return None,
            }
        };
        Some(record.with_as_of(self.as_of))
    }

    /// Opens the other accounts after the first canary that was not denied; records the denial after the last that was.
    fn check_canary(&mut self, record: &AccountRecord) {
        if is_denied(record) {
            self.denied.push(record.clone());
        } else {
            self.is_open = true;
        }
        if !self.is_open && self.denied.len() == self.canary_count {
            let first = self.denied.first().and_then(|it| Some((it.account_id(), it.gaps().first()?)));
            self.denial = first.map(|(account_id, gap)| CanaryDenial {
                denied: self.canary_count,
                not_read: self.waiting_count,
                account_id: account_id.clone(),
                gap: gap.clone(),
            });
        }
    }

    /// Whether the other accounts are not read yet, because no canary was.
    pub(super) fn waits_for_canaries(&self) -> bool {
        !self.is_open
    }

    /// Why the other accounts were not read; `None` where they were.
    #[must_use]
    pub fn denial(&self) -> Option<&CanaryDenial> {
        self.denial.as_ref()
    }
}

/// All canary accounts were denied or unreachable, and the other accounts were not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanaryDenial {
    /// The number of canary accounts, all of which were denied or unreachable.
    pub denied: usize,
    /// The number of other accounts, which were not read.
    pub not_read: usize,
    /// The canary account that was denied first.
    pub account_id: AccountId,
    /// The gap of that account, with AWS's message.
    pub gap: Gap,
}

/// Whether an account was not read at all, for a reason that the other accounts probably share.
fn is_denied(account: &AccountRecord) -> bool {
    let gap = account.gaps().first();
    account.outcome() == Outcome::Failed
        && gap.is_some_and(|gap| {
            matches!(gap.error_kind, ErrorKind::Denied | ErrorKind::Credentials | ErrorKind::Transport)
        })
}
