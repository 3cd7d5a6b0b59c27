//! The records of a run, checked against its plan.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use rolecall_report::bundle::sha256;
use rolecall_roll::{AccountId, AccountRecord, RollWriter, Statistics, Target};

use super::MergeError;
use crate::collect::{CONCURRENT_OBJECTS, best_record};
use crate::plan::Plan;
use crate::run_key::RunKey;
use crate::store::Store;

/// An account without a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingPart {
    /// The account.
    pub account_id: AccountId,
    /// The number of its batch.
    pub batch: usize,
}

/// The number of accounts that a message names.
const NAMED: usize = 20;

pub(super) fn describe(missing: &[MissingPart], accounts: usize) -> String {
    let named: Vec<String> = missing
        .iter()
        .take(NAMED)
        .map(|part| format!("{} (batch {})", part.account_id, part.batch))
        .collect();
    let others = match missing.len().saturating_sub(NAMED) {
        0 => String::new(),
        others => format!(" and {others} more"),
    };
    let has = if missing.len() == 1 { "has" } else { "have" };
    format!(
        "{} of {accounts} accounts of the plan {has} no record: {}{others}",
        missing.len(),
        named.join(", ")
    )
}

/// Writes the roll of a run: the best record of each account, in the order of their ids.
pub(super) async fn write_roll(
    store: &Store,
    run: &RunKey,
    plan: &Plan,
    keys: &RecordKeys,
    now: Timestamp,
    path: &Path,
) -> Result<(), MergeError> {
    let facts = &plan.header.collect.facts;
    let mut writer = RollWriter::new(BufWriter::new(File::create(path)?), &plan.header)?;
    let targets = plan.header.targets.iter();
    let mut records = stream::iter(targets)
        .map(async |target: &Target| {
            let keys = keys.0.get(&target.account_id).map_or(&[][..], Vec::as_slice);
            Ok::<_, MergeError>((target, keys.first(), best_record(store, keys, facts).await?))
        })
        .buffered(CONCURRENT_OBJECTS)
        .boxed_local();
    while let Some((target, key, record)) = records.try_next().await? {
        let gone = || store.damaged(key.map_or("", String::as_str), &"it was deleted");
        let record = record.ok_or_else(gone)?;
        check_target(target, &record)?;
        writer.write_account(&record)?;
    }
    drop(records);
    writer.finish(statistics(store, run, plan, now).await?)?;
    Ok(())
}

/// The keys of the records of each account.
#[derive(Debug)]
pub(super) struct RecordKeys(BTreeMap<AccountId, Vec<String>>);

impl RecordKeys {
    /// A checksum of the keys. It changes when there is another record: no record is written twice.
    pub(super) fn checksum(&self) -> io::Result<String> {
        let keys: String = self.0.values().flatten().map(|key| format!("{key}\n")).collect();
        sha256(keys.as_bytes())
    }
}

/// Lists the records. Each account of the plan must have one, and no other account.
pub(super) async fn list_records(store: &Store, run: &RunKey, plan: &Plan) -> Result<RecordKeys, MergeError> {
    let folder = run.accounts();
    let mut keys: BTreeMap<AccountId, Vec<String>> = BTreeMap::new();
    for key in store.list(&folder).await? {
        let account_id = key.strip_prefix(&folder).and_then(|rest| rest.split('/').next()?.parse().ok());
        let account_id = account_id.ok_or_else(|| store.damaged(&key, &"it is not of an account"))?;
        keys.entry(account_id).or_default().push(key);
    }
    let planned =
        || plan.batches.iter().enumerate().flat_map(|(batch, ids)| ids.iter().map(move |id| (batch, id)));
    let missing: Vec<MissingPart> = planned()
        .filter(|(_, account_id)| !keys.contains_key(*account_id))
        .map(|(batch, account_id)| MissingPart { account_id: account_id.clone(), batch })
        .collect();
    if !missing.is_empty() {
        return Err(MergeError::PartsMissing { missing, accounts: plan.header.targets.len() });
    }
    let is_planned: std::collections::BTreeSet<&AccountId> =
        planned().map(|(_, account_id)| account_id).collect();
    if let Some(other) = keys.keys().find(|account_id| !is_planned.contains(account_id)) {
        return Err(MergeError::OtherPart(format!(
            "there is a record of account {other}, which the plan does not have"
        )));
    }
    Ok(RecordKeys(keys))
}

/// Checks that a record is of this target.
fn check_target(target: &Target, record: &AccountRecord) -> Result<(), MergeError> {
    let is_same = *record.account_id() == target.account_id && record.role_arn() == target.role_arn.as_ref();
    if is_same {
        return Ok(());
    }
    Err(MergeError::OtherPart(format!(
        "a record of account {} is of another account or role than that of the plan",
        target.account_id
    )))
}

/// The sums of all invocations, and the time from the plan until now.
async fn statistics(
    store: &Store,
    run: &RunKey,
    plan: &Plan,
    now: Timestamp,
) -> Result<Statistics, MergeError> {
    let keys = store.list(&run.statistics()).await?;
    let read = async |key: &String| store.get_json::<Statistics>(key).await;
    let all: Vec<Option<Statistics>> =
        stream::iter(&keys).map(read).buffered(CONCURRENT_OBJECTS).try_collect().await?;
    let mut sum = plan.statistics.clone();
    for statistics in all.into_iter().flatten() {
        for (operation, calls) in statistics.calls {
            let total = sum.calls.entry(operation).or_default();
            total.attempts += calls.attempts;
            total.throttled += calls.throttled;
            total.retries += calls.retries;
        }
        sum.intermediate_sessions.extend(statistics.intermediate_sessions);
        sum.clock_ahead_s = sum.clock_ahead_s.or(statistics.clock_ahead_s);
    }
    let elapsed = now.duration_since(plan.header.as_of).as_millis();
    sum.elapsed_ms = u64::try_from(elapsed).unwrap_or_default();
    Ok(sum)
}
