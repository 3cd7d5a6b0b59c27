//! The second step of a run: reads the accounts of a batch, and stores a record for each.
//!
//! A finished account is stored once, as `complete.json`. An account that is not finished is stored as an attempt, so that no
//! attempt hides a better one. An account that denies access is data, and no failure.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, TryStreamExt, stream};
use rolecall_core::call::CallError;
use rolecall_core::cancellation::Cancellation;
use rolecall_core::run::RunSpan;
use rolecall_core::scan::ScanContext;
use rolecall_core::targets::{Access, TargetPlan, target_spec};
use rolecall_core::{Scanner, Settings, Target};
use rolecall_roll::{AccountId, AccountRecord, ErrorKind, FactKind, Outcome, Remedy, RunId, User};
use serde::{Deserialize, Serialize};

use crate::plan::{Batch, BatchAccess, BatchTarget};
use crate::run_key::RunKey;
use crate::store::{Store, StoreError, to_json};

/// The number of objects that are read or written at the same time.
pub(crate) const CONCURRENT_OBJECTS: usize = 16;

/// How often an account is read again that does not get further: it hangs, or is throttled all the time.
const MAX_STALLED: u32 = 3;

/// What to collect.
#[derive(Debug, Clone)]
pub struct CollectRequest {
    /// The run.
    pub run: RunKey,
    /// The number of the batch, from 0.
    pub batch: usize,
    /// What an earlier invocation left; empty for the whole batch.
    pub cursor: Cursor,
}

/// The accounts of a batch that are left to read. Front ends pass it on as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(BTreeMap<AccountId, AccountCursor>);

/// How far the attempts at an account came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountCursor {
    /// The number of users that were read completely.
    users: usize,
    /// The number of attempts that did not increase it.
    stalled: u32,
}

/// The result of an invocation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Collected {
    /// The number of accounts that are left to read.
    pub left: usize,
    /// These accounts, for the next invocation.
    pub cursor: Cursor,
    /// The number of accounts that this invocation finished.
    pub complete: usize,
    /// The number of accounts that this invocation did not finish: denied, throttled, out of time.
    pub incomplete: usize,
}

/// Why a batch was not collected. An account that cannot be read is no such failure.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The run has no such batch.
    #[error("run {0} has no batch {1}")]
    NoBatch(RunKey, usize),
    /// The cursor names an account that is not in the batch.
    #[error("the cursor has account {0}, which is not in the batch")]
    NoAccount(AccountId),
    /// A role needs an external id, and the options have none.
    #[error("the role in account {0} needs an external id, and none is set")]
    NoExternalId(AccountId),
    /// The caller identity is unknown: no credentials, none that AWS accepts, or no response.
    #[error(transparent)]
    Caller(CallError),
}

/// Reads the accounts of a batch until all are read or the deadline comes. `options` has the external ids.
///
/// # Errors
/// [`CollectError`]. What was read of an account is stored then, or read again by the next invocation.
pub async fn collect(
    store: &Store,
    scanner: &Scanner,
    options: &TargetPlan,
    mut settings: Settings,
    request: &CollectRequest,
    cancellation: &Cancellation,
) -> Result<Collected, CollectError> {
    let CollectRequest { run, batch: number, cursor } = request;
    let batch: Option<Batch> = store.get_json(&run.batch(*number)).await?;
    let batch = batch.ok_or(CollectError::NoBatch(*run, *number))?;
    let targets = targets(&batch, cursor, options)?;
    scanner.caller().await.map_err(CollectError::Caller)?;

    settings.selection = batch.collect.clone();
    settings.session.name.clone_from(&batch.session_name);
    scanner.set_sts_rate(settings.limits.sts_rate.min(batch.sts_rate));
    let facts = &batch.collect.facts;
    let earlier = stream::iter(&targets).map(|target| Earlier::read(store, run, &target.account_id, facts));
    let earlier: Vec<Earlier> = earlier.buffered(CONCURRENT_OBJECTS).try_collect().await?;
    let of_account: BTreeMap<&AccountId, &Earlier> =
        targets.iter().map(|target| &target.account_id).zip(&earlier).collect();
    let previous = |(account_id, earlier): (&&AccountId, &&Earlier)| {
        Some(((*account_id).clone(), earlier.best.as_ref()?.users()?.to_vec()))
    };
    let context = ScanContext::new(settings).continuing(of_account.iter().filter_map(previous).collect());
    let is_left =
        |target: &&Target| of_account.get(&target.account_id).is_none_or(|earlier| !earlier.is_finished);
    let left: Vec<&Target> = targets.iter().filter(is_left).collect();

    let span = RunSpan::begin(scanner);
    let store_record = async |record: AccountRecord| {
        let attempts = of_account.get(record.account_id()).map_or(0, |earlier| earlier.attempts);
        put_record(store, run, &record, attempts + 1).await.map(|()| record)
    };
    // The scanner takes a target when it begins to read it. Those that it takes after the end of the time are not read.
    let started = RefCell::new(BTreeSet::new());
    let left = left.into_iter().inspect(|target| {
        if cancellation.stop_reason().is_none() {
            started.borrow_mut().insert(&target.account_id);
        }
    });
    let mut collected = Collected::default();
    let mut records = scanner
        .scan(&context, left, cancellation)
        .map(|record| store_record(record.with_as_of(batch.as_of)))
        .buffer_unordered(CONCURRENT_OBJECTS)
        .boxed_local();
    let mut unfinished = Vec::new();
    while let Some(record) = records.next().await.transpose()? {
        if is_finished(&record) {
            collected.complete += 1;
        } else {
            unfinished.push(Unfinished::new(&record, facts));
        }
    }
    drop(records);
    collected.incomplete = unfinished.len();
    collected.cursor = next_cursor(cursor, unfinished, &started.borrow());
    collected.left = collected.cursor.0.len();
    let name = format!("{number:05}-{}.json", RunId::random());
    let statistics = format!("{}{name}", run.statistics());
    store.put(&statistics, to_json(&span.statistics(scanner))).await?;
    Ok(collected)
}

/// An account that an invocation did not finish.
struct Unfinished {
    account_id: AccountId,
    whole_users: usize,
    may_get_further: bool,
}

impl Unfinished {
    fn new(record: &AccountRecord, facts: &BTreeSet<FactKind>) -> Self {
        Self {
            account_id: record.account_id().clone(),
            whole_users: whole_users(record, facts),
            may_get_further: may_get_further(record),
        }
    }
}

/// The accounts that are left for the next invocation. An account that this one did not start has not stalled, as long as it
/// started any: each invocation brings at least one account nearer to its end.
fn next_cursor(before: &Cursor, unfinished: Vec<Unfinished>, started: &BTreeSet<&AccountId>) -> Cursor {
    let entry = |account: Unfinished| {
        let Unfinished { account_id, whole_users, may_get_further } = account;
        let AccountCursor { users, stalled } = before.0.get(&account_id).copied().unwrap_or_default();
        let stalled = match () {
            () if whole_users > users => 0,
            () if !started.is_empty() && !started.contains(&account_id) => stalled,
            () => stalled + 1,
        };
        // What a later attempt did not reach again is not lost.
        let users = users.max(whole_users);
        (may_get_further && stalled < MAX_STALLED).then_some((account_id, AccountCursor { users, stalled }))
    };
    Cursor(unfinished.into_iter().filter_map(entry).collect())
}

/// The number of users that have all these facts.
fn whole_users(record: &AccountRecord, facts: &BTreeSet<FactKind>) -> usize {
    let is_whole = |user: &&User| user.missing_facts(facts).is_empty();
    record.users().unwrap_or_default().iter().filter(is_whole).count()
}

/// The targets to read: those of the cursor, or all of the batch, the least stalled first.
fn targets(batch: &Batch, cursor: &Cursor, options: &TargetPlan) -> Result<Vec<Target>, CollectError> {
    let ids: BTreeSet<&AccountId> = batch.targets.iter().map(|target| &target.account_id).collect();
    if let Some(other) = cursor.0.keys().find(|account_id| !ids.contains(account_id)) {
        return Err(CollectError::NoAccount(other.clone()));
    }
    let is_left = |target: &&BatchTarget| cursor.0.is_empty() || cursor.0.contains_key(&target.account_id);
    let mut left: Vec<&BatchTarget> = batch.targets.iter().filter(is_left).collect();
    left.sort_by_key(|target| cursor.0.get(&target.account_id).map(|it| it.stalled));
    left.into_iter().map(|target| to_target(target, options)).collect()
}

/// The target with its external id.
fn to_target(target: &BatchTarget, options: &TargetPlan) -> Result<Target, CollectError> {
    let BatchTarget { account_id, account, access } = target.clone();
    let access = match access {
        BatchAccess::Role { role_arn, via, needs_external_id } => {
            let external_id = options.external_id_of(&account_id).filter(|_| needs_external_id).cloned();
            if needs_external_id && external_id.is_none() {
                return Err(CollectError::NoExternalId(account_id));
            }
            Access::Role(rolecall_core::targets::Role { role_arn, external_id, via })
        }
        BatchAccess::CallerCredentials => Access::CallerCredentials,
        BatchAccess::Skipped { reason } => Access::Skipped(reason),
    };
    Ok(Target { account_id, access, account, source: None::<target_spec::TargetSource> })
}

/// What earlier invocations have stored of an account.
#[derive(Debug, Default)]
struct Earlier {
    is_finished: bool,
    attempts: usize,
    /// The best of the attempts.
    best: Option<AccountRecord>,
}

impl Earlier {
    async fn read(
        store: &Store,
        run: &RunKey,
        account_id: &AccountId,
        facts: &BTreeSet<FactKind>,
    ) -> Result<Self, StoreError> {
        let keys = store.list(&run.account(account_id)).await?;
        if keys.iter().any(|key| key.ends_with(COMPLETE)) {
            return Ok(Self { is_finished: true, ..Self::default() });
        }
        let best = best_record(store, &keys, facts).await?;
        Ok(Self { is_finished: false, attempts: keys.len(), best })
    }
}

/// The name of the object of a finished account.
pub(crate) const COMPLETE: &str = "/complete.json";

/// The best record among these objects of one account; `None` where there is none.
pub(crate) async fn best_record(
    store: &Store,
    keys: &[String],
    facts: &BTreeSet<FactKind>,
) -> Result<Option<AccountRecord>, StoreError> {
    let finished: Vec<&String> = keys.iter().filter(|key| key.ends_with(COMPLETE)).collect();
    let keys = if finished.is_empty() { keys.iter().collect() } else { finished };
    let mut best: Option<AccountRecord> = None;
    for key in keys {
        let Some(record) = store.get_json::<AccountRecord>(key).await? else { continue };
        if best.as_ref().is_none_or(|best| rank(&record, facts) >= rank(best, facts)) {
            best = Some(record);
        }
    }
    Ok(best)
}

/// How much of an account a record has; of two with equally much, the later counts. Users that were read completely come first: a
/// list of many users whose keys are unknown is less than one without a user who was deleted since.
fn rank(record: &AccountRecord, facts: &BTreeSet<FactKind>) -> impl Ord + use<> {
    let outcome = match record.outcome() {
        Outcome::Complete | Outcome::Skipped => 2,
        Outcome::Partial => 1,
        Outcome::Failed => 0,
    };
    let (users, keys) = record.count();
    let missing = |user: &User| user.missing_facts(facts).len();
    let missing: usize = record.users().unwrap_or_default().iter().map(missing).sum();
    (outcome, whole_users(record, facts), users, keys, Reverse(missing), Reverse(record.gaps().len()))
}

/// Whether an account need not be read again.
fn is_finished(record: &AccountRecord) -> bool {
    matches!(record.outcome(), Outcome::Complete | Outcome::Skipped)
}

/// Whether another attempt may read more: the deadline came, or what failed may pass.
fn may_get_further(record: &AccountRecord) -> bool {
    record.gaps().iter().any(|gap| {
        let passes =
            matches!(gap.error_kind, ErrorKind::Throttled | ErrorKind::TimedOut | ErrorKind::Transport);
        passes || gap.remedy == Remedy::ResumeRun
    })
}

async fn put_record(
    store: &Store,
    run: &RunKey,
    record: &AccountRecord,
    attempt: usize,
) -> Result<(), StoreError> {
    let folder = run.account(record.account_id());
    let folder = folder.trim_end_matches('/');
    if is_finished(record) {
        // Where another invocation was faster, its record stays.
        store.put_new(&format!("{folder}{COMPLETE}"), to_json(record)).await.map(|_| ())
    } else {
        let key = format!("{folder}/attempt-{attempt:04}-{}.json", RunId::random());
        store.put(&key, to_json(record)).await
    }
}
