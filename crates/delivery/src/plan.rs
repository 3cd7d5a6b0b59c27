//! The first step of a run: settles the targets, and stores them in batches.

use jiff::Timestamp;
use rolecall_core::cancellation::Cancellation;
use rolecall_core::run::{CanaryDenial, RunError, RunStart};
use rolecall_core::targets::{Access, TargetPlan};
use rolecall_core::{Run, Scanner, Settings, Target};
use rolecall_roll::{
    AcceptedGap, Account, AccountId, FactSelection, Header, RoleArn, RoleSessionName, RunId, Statistics,
};
use serde::{Deserialize, Serialize};

use crate::run_key::RunKey;
use crate::store::{Store, StoreError, to_json};

/// The `AssumeRole` calls per second that STS allows an account in a Region, for all its callers together.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const STS_RATE: f64 = 600.0;

/// What a plan is made from, besides the targets.
#[derive(Debug, Clone)]
pub struct PlanRequest {
    /// The id of the run, unless the claim was made before.
    pub run_id: RunId,
    /// The time of the run.
    pub as_of: Timestamp,
    /// The accepted gaps of the configuration.
    pub accepted: Vec<AcceptedGap>,
    /// What this run is for, so that it is planned once; `None` for a run that nothing repeats.
    pub claim: Option<Claim>,
    /// The number of accounts of a batch.
    pub batch_size: usize,
    /// The number of batches that are collected at the same time: each gets its share of the rate that STS allows.
    pub concurrent_batches: usize,
}

/// What a run is for: a time of the schedule, or an execution of the state machine. Only one run is planned for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What is claimed, such as `schedule=2026-11-26T03:00:00Z`.
    pub name: String,
    /// Who claims it: the same execution may plan again, and gets the same run.
    pub execution: String,
}

/// A planned run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Planned {
    /// The run.
    pub run: RunKey,
    /// The bucket; `None` for a folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// The key of the list of batches in the bucket.
    pub key: String,
    /// The number of target accounts.
    pub accounts: usize,
    /// The number of batches.
    pub batches: usize,
    /// Whether another execution has planned this run: nothing is left to do.
    pub duplicate: bool,
    /// Notes for the user: filters that match nothing, for example.
    #[serde(skip)]
    pub notes: Vec<String>,
}

/// Why no run was planned.
#[derive(Debug, thiserror::Error)]
pub enum PlanFailure {
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The targets are unknown.
    #[error(transparent)]
    Run(#[from] RunError),
    /// All canary accounts were denied, and so probably all others would be.
    #[error("none of the first {} accounts could be read", .0.denied)]
    Denied(Box<CanaryDenial>),
}

/// The plan of a run, as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// The header of the roll.
    pub(crate) header: Header,
    /// The accounts of each batch, in the order of the batches.
    pub(crate) batches: Vec<Vec<AccountId>>,
    /// The calls of the plan.
    pub(crate) statistics: Statistics,
}

/// A batch, as it is stored. It has no external ids: [`mod@crate::collect`] has them from its own options.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Batch {
    pub(crate) as_of: Timestamp,
    pub(crate) session_name: Option<RoleSessionName>,
    pub(crate) collect: FactSelection,
    /// The share of the batch of the rate that STS allows, in calls per second.
    pub(crate) sts_rate: f64,
    pub(crate) targets: Vec<BatchTarget>,
}

/// A target account of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BatchTarget {
    pub(crate) account_id: AccountId,
    pub(crate) account: Option<Account>,
    #[serde(flatten)]
    pub(crate) access: BatchAccess,
}

/// How a target of a batch is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "access", rename_all = "snake_case")]
pub(crate) enum BatchAccess {
    /// Through a role. Its external id is not stored, only whether it needs one.
    Role { role_arn: RoleArn, via: Vec<RoleArn>, needs_external_id: bool },
    /// With the caller's own credentials.
    CallerCredentials,
    /// Not at all.
    Skipped { reason: String },
}

/// An entry of the list of batches.
#[derive(Serialize, Deserialize)]
struct BatchEntry {
    batch: usize,
    accounts: usize,
}

/// A claim, as it is stored.
#[derive(Serialize, Deserialize)]
struct StoredClaim {
    execution: String,
    run: RunKey,
}

/// Plans a run: gets the caller identity, settles the targets, tries the first few of them, and stores all in batches.
///
/// # Errors
/// [`PlanFailure`]. Nothing is collected then.
pub async fn plan(
    store: &Store,
    scanner: &Scanner,
    targets: &TargetPlan,
    settings: Settings,
    request: PlanRequest,
    cancellation: &Cancellation,
) -> Result<Planned, PlanFailure> {
    let PlanRequest { run_id, as_of, accepted, claim, batch_size, concurrent_batches } = request;
    let mut key = RunKey::new(as_of, run_id);
    if let Some(claim) = claim {
        let own = StoredClaim { execution: claim.execution, run: key };
        let holder = hold(store, &claim.name, own).await?;
        key = holder.run;
        if !holder.is_own {
            return Ok(Planned { duplicate: true, ..planned(store, key, 0, 0) });
        }
        // This execution was here before.
        if let Some(plan) = store.get_json::<Plan>(&key.plan()).await? {
            return Ok(planned(store, key, plan.header.targets.len(), plan.batches.len()));
        }
    }
    let start = RunStart { run_id: key.run_id(), as_of, accepted };
    let run = Run::prepare(scanner, targets, settings, start, cancellation).await?;
    if let Some(denial) = run.try_canaries(cancellation).await {
        return Err(PlanFailure::Denied(Box::new(denial)));
    }
    let batches: Vec<&[Target]> = run.targets().as_slice().chunks(batch_size.max(1)).collect();
    let share = STS_RATE / f64::from(u32::try_from(concurrent_batches.max(1)).unwrap_or(u32::MAX));
    for (number, targets) in batches.iter().enumerate() {
        let header = run.header();
        let batch = Batch {
            as_of,
            session_name: header.session_name.clone(),
            collect: header.collect.clone(),
            sts_rate: share.min(run.settings().limits.sts_rate),
            targets: targets.iter().map(BatchTarget::from).collect(),
        };
        store.put(&key.batch(number), to_json(&batch)).await?;
    }
    let entries: Vec<BatchEntry> =
        (0..).zip(&batches).map(|(batch, targets)| BatchEntry { batch, accounts: targets.len() }).collect();
    store.put(&key.batches(), to_json(&entries)).await?;
    let ids = |targets: &&[Target]| targets.iter().map(|target| target.account_id.clone()).collect();
    let plan = Plan {
        header: run.header().clone(),
        batches: batches.iter().map(ids).collect(),
        statistics: run.statistics(),
    };
    // Written last: a plan that is there is whole.
    store.put(&key.plan(), to_json(&plan)).await?;
    let notes = run.notes().to_vec();
    Ok(Planned { notes, ..planned(store, key, run.targets().as_slice().len(), batches.len()) })
}

struct Holder {
    run: RunKey,
    is_own: bool,
}

/// Claims a name for an execution, unless another one has it.
async fn hold(store: &Store, name: &str, own: StoredClaim) -> Result<Holder, StoreError> {
    let key = format!("claims/{name}.json");
    if store.put_new(&key, to_json(&own)).await? {
        return Ok(Holder { run: own.run, is_own: true });
    }
    let holder: StoredClaim =
        store.get_json(&key).await?.ok_or_else(|| store.damaged(&key, &"it was deleted"))?;
    Ok(Holder { is_own: holder.execution == own.execution, run: holder.run })
}

fn planned(store: &Store, run: RunKey, accounts: usize, batches: usize) -> Planned {
    let (bucket, key) = store.address(&run.batches()).unzip();
    Planned {
        run,
        bucket: bucket.map(str::to_owned),
        key: key.unwrap_or_else(|| run.batches()),
        accounts,
        batches,
        duplicate: false,
        notes: Vec::new(),
    }
}

impl From<&Target> for BatchTarget {
    fn from(target: &Target) -> Self {
        let access = match &target.access {
            Access::Role(role) => BatchAccess::Role {
                role_arn: role.role_arn.clone(),
                via: role.via.clone(),
                needs_external_id: role.external_id.is_some(),
            },
            Access::CallerCredentials => BatchAccess::CallerCredentials,
            Access::Skipped(reason) => BatchAccess::Skipped { reason: reason.clone() },
        };
        Self { account_id: target.account_id.clone(), account: target.account.clone(), access }
    }
}
