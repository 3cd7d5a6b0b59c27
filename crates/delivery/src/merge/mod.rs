//! The last step of a run: checks the records against the plan, and stores the roll, its reports, and what changed since the last roll.
//!
//! `latest.json` is written last. Whoever reads it finds a run that is whole.

mod baseline;
mod files;
mod parts;

use std::fs::File;
use std::io;
use std::sync::Arc;

use jiff::Timestamp;
use rolecall_report::bundle::{Bundle, Program};
use rolecall_report::{Settings, coverage_summary};
use rolecall_roll::{AcceptedGap, Counts, ReadError, RollFile};
use serde::{Deserialize, Serialize};

use crate::metrics::Metrics;
use crate::notify::{Message, NotifyError, Recipients};
use crate::plan::Plan;
use crate::run_key::RunKey;
use crate::store::{Store, StoreError, to_json};
use files::Files;

pub(crate) use baseline::Comparison;
pub use parts::MissingPart;

/// What to merge, and how it is evaluated.
#[derive(Debug)]
pub struct MergeRequest<'a> {
    /// The run.
    pub run: RunKey,
    /// The settings under which rules are evaluated.
    pub settings: &'a Settings,
    /// The accepted gaps of the configuration; `None` for those of the plan.
    pub accepted: Option<&'a [AcceptedGap]>,
    /// The text of the configuration file without its secrets; `None` where there is none.
    pub configuration: Option<&'a str>,
    /// The program that merges.
    pub program: Program,
    /// The time now.
    pub now: Timestamp,
    /// Who is notified; `None` for nobody.
    pub recipients: Option<&'a Recipients>,
}

/// A merged run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Merged {
    /// The run.
    pub run: RunKey,
    /// Whether the roll has no gap except accepted ones.
    pub complete: bool,
    /// The coverage in one line.
    pub coverage: String,
    /// The accounts by outcome, the users and the keys.
    pub counts: Counts,
    /// The run before, which it was compared with; `None` where there was none, or a later run was merged first.
    pub previous: Option<RunKey>,
    /// What changed since that run; `None` where there is none to compare with.
    pub changes: Option<Changes>,
    /// The checksum of the records that were merged: with others, the run is merged again.
    #[serde(default)]
    pub records: String,
    /// The keys of the objects that were stored.
    pub files: Vec<String>,
    /// What the user should know: why there is no comparison, for example.
    pub notes: Vec<String>,
    /// The metrics of the roll.
    pub metrics: Metrics,
}

/// The numbers of findings that changed since the last roll.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// New findings.
    pub opened: usize,
    /// Findings that were suppressed before and are open now.
    pub reopened: usize,
    /// Resolved findings.
    pub resolved: usize,
    /// Accounts that the last roll read and this one did not, or only in part.
    pub became_unreadable: usize,
}

/// The last merged run, as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Latest {
    run: RunKey,
    as_of: Timestamp,
    complete: bool,
    /// The run that was the latest before, which it was compared with.
    previous: Option<RunKey>,
}

const LATEST: &str = "latest.json";

/// The number of attempts to write `latest.json` while other runs are merged.
const LATEST_ATTEMPTS: usize = 10;

/// Why a run was not merged.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no plan of this run.
    #[error("there is no plan of run {0}")]
    NoPlan(RunKey),
    /// Accounts of the plan have no record, so the run is not whole.
    #[error("{}", parts::describe(.missing, *.accounts))]
    PartsMissing {
        /// The accounts without a record, with their batches.
        missing: Vec<MissingPart>,
        /// The number of accounts of the plan.
        accounts: usize,
    },
    /// A record is of an account or a role that the plan does not have.
    #[error("{0}")]
    OtherPart(String),
    /// The merged roll is not valid.
    #[error("the merged roll: {0}")]
    Roll(#[from] ReadError),
    /// A temporary file could not be read or written.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A recipient could not be notified.
    #[error(transparent)]
    Notify(#[from] NotifyError),
}

/// Merges a run. A run that is merged again keeps its objects and notifies nobody, once `latest.json` names it or a later run. Where more
/// of its accounts were collected since, it is merged anew, and compared with the same run as before.
///
/// # Errors
/// [`MergeError`]. `latest.json` still names the run before.
pub async fn merge(store: &Store, request: &MergeRequest<'_>) -> Result<Merged, MergeError> {
    let MergeRequest { run, now, .. } = request;
    let plan: Plan = store.get_json(&run.plan()).await?.ok_or(MergeError::NoPlan(*run))?;
    let LatestObject { latest, version, problem } = read_latest(store).await?;
    let keys = parts::list_records(store, run, &plan).await?;
    let records = keys.checksum()?;
    // A run that ends after a later one is stored, and changes nothing else.
    let is_superseded = latest.as_ref().is_some_and(|latest| latest.as_of > plan.header.as_of);
    let is_latest = latest.as_ref().is_some_and(|latest| latest.run == *run);
    let merged_before: Option<Merged> =
        if is_latest || is_superseded { store.get_json(&run.object(files::MERGED)).await? } else { None };
    if let Some(merged) = merged_before.as_ref().filter(|merged| merged.records == records) {
        return Ok(merged.clone());
    }

    let folder = tempfile::tempdir()?;
    let roll_path = folder.path().join("roll.jsonl");
    parts::write_roll(store, run, &plan, &keys, *now, &roll_path).await?;
    let mut roll = RollFile::read(File::open(&roll_path)?)?;
    let of_plan = std::mem::take(&mut roll.header.accepted_gaps);
    roll.header.accepted_gaps = request.accepted.map_or(of_plan, <[AcceptedGap]>::to_vec);
    let previous = match (&merged_before, &latest) {
        (Some(merged), _) => merged.previous,
        (None, _) if is_superseded => None,
        (None, Some(latest)) if is_latest => latest.previous,
        (None, latest) => latest.as_ref().map(|latest| latest.run),
    };
    let mut notes = Vec::new();
    if is_superseded && previous.is_none() {
        notes.push("a later run was merged before, so this one is compared with none".to_owned());
    }
    let comparison = match (previous, problem) {
        (Some(previous), _) => {
            baseline::compare(store, &previous, &roll, request.settings, folder.path()).await?
        }
        // There may be an earlier roll: this one is not called the first.
        (None, Some(problem)) => Comparison::not_compared(problem.to_string()),
        (None, None) => Comparison::first(),
    };
    let not_compared = comparison.not_compared.as_ref();
    notes.extend(not_compared.map(|reason| format!("compared with no earlier roll: {reason}")));

    let configuration = request.configuration.map(str::to_owned);
    let bundle = Bundle::new(roll, request.settings, configuration, request.program.clone())?;
    let files = Arc::new(Files { bundle, comparison });
    let Files { bundle: Bundle { roll, report, .. }, comparison } = &*files;
    let mut merged = Merged { previous, records, ..Merged::new(*run, &files, notes) };
    merged.files = files::store(store, run, &files, &merged).await?;
    if !is_superseded {
        if let Some(recipients) = request.recipients {
            recipients.notify(&Message { roll, report, comparison, merged: &merged }).await?;
        }
        let (as_of, complete) = (plan.header.as_of, merged.complete);
        let latest = Latest { run: *run, as_of, complete, previous };
        set_latest(store, &latest, version).await?;
    }
    Ok(merged)
}

impl Merged {
    fn new(run: RunKey, files: &Files, notes: Vec<String>) -> Self {
        let Files { bundle: Bundle { roll, report, .. }, comparison } = files;
        Self {
            run,
            complete: report.coverage.is_complete,
            coverage: coverage_summary::summary(&report.coverage),
            counts: roll.counts,
            previous: None,
            changes: comparison.diff.as_ref().map(Changes::from),
            records: String::new(),
            files: Vec::new(),
            notes,
            metrics: Metrics::new(roll, report),
        }
    }
}

/// `latest.json`, as it is in the store.
#[derive(Default)]
struct LatestObject {
    /// The run that was merged last; `None` where none was.
    latest: Option<Latest>,
    /// The version of the object.
    version: Option<String>,
    /// Why the object cannot be read. It is replaced then, as if no run had been merged.
    problem: Option<StoreError>,
}

async fn read_latest(store: &Store) -> Result<LatestObject, StoreError> {
    let Some(object) = store.get(LATEST).await? else { return Ok(LatestObject::default()) };
    let version = Some(object.version);
    Ok(match serde_json::from_slice(&object.bytes) {
        Ok(latest) => LatestObject { latest: Some(latest), version, problem: None },
        Err(error) => LatestObject { latest: None, version, problem: Some(store.damaged(LATEST, &error)) },
    })
}

/// Writes `latest.json`. Where another merge did meanwhile, the later of the two runs is the latest.
async fn set_latest(store: &Store, latest: &Latest, mut version: Option<String>) -> Result<(), StoreError> {
    for _ in 0..LATEST_ATTEMPTS {
        let is_written = match &version {
            Some(version) => store.replace(LATEST, to_json(latest), version).await?,
            None => store.put_new(LATEST, to_json(latest)).await?,
        };
        if is_written {
            return Ok(());
        }
        let other = read_latest(store).await?;
        if let Some(other) = other.latest.filter(|other| other.as_of > latest.as_of) {
            tracing::warn!(run = %other.run, "a later run was merged at the same time");
            return Ok(());
        }
        version = other.version;
    }
    Err(store.failure(LATEST, "other runs are merged all the time"))
}

impl From<&rolecall_report::Diff> for Changes {
    fn from(diff: &rolecall_report::Diff) -> Self {
        Self {
            opened: diff.opened.len() + diff.newly_known.len(),
            reopened: diff.reopened.len(),
            resolved: diff.resolved.len(),
            became_unreadable: diff.accounts.iter().filter(|account| account.became_unreadable()).count(),
        }
    }
}
