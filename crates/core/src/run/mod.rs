//! A run: from a plan of targets to the records of accounts and the statistics. The command line and the Lambda function
//! are thin over it.
//!
//! Prepare it (who calls, AWS Organizations, the targets, the roll's header), let it resume an earlier roll, then take the
//! accounts' records as they are done.

mod canary;

use std::collections::BTreeSet;

use futures_util::FutureExt;
use jiff::Timestamp;
use rolecall_roll::continuation::{self, Discontinuity};
use rolecall_roll::{
    AcceptedGap, AccountId, Fact, FactKind, Header, ResumableRoll, RoleSessionName, RunId, Statistics,
};
use tokio::time::Instant;

use crate::call::CallError;
use crate::cancellation::{Cancellation, StopReason};
use crate::scan::{ScanContext, Scanner};
use crate::settings::Settings;
use crate::targets::organization::OrganizationError;
use crate::targets::plan::{OrganizationQuery, PlanError};
use crate::targets::{Access, Target, TargetPlan, Targets};
pub use canary::{AccountRecords, CanaryDenial};

/// What a run is told from outside: it reads no clock and makes no id of its own.
#[derive(Debug, Clone)]
pub struct RunStart {
    /// The id of the run.
    pub run_id: RunId,
    /// The moment that it stands for.
    pub as_of: Timestamp,
    /// Gaps that somebody answers for.
    pub accepted: Vec<AcceptedGap>,
}

/// A run that is prepared: it is known which accounts it reads, and how.
#[derive(Debug)]
pub struct Run<'a> {
    scanner: &'a Scanner,
    context: ScanContext,
    header: Header,
    targets: Targets,
    notes: Vec<String>,
    /// The accounts of an earlier run that need not be read again.
    done: BTreeSet<AccountId>,
    began: Instant,
}

impl<'a> Run<'a> {
    /// Finds out who calls, asks AWS Organizations where the plan wants it, and settles the targets.
    ///
    /// # Errors
    /// [`RunError`] where no account can be read.
    pub async fn prepare(
        scanner: &'a Scanner,
        plan: &TargetPlan,
        settings: Settings,
        start: RunStart,
        cancellation: &Cancellation,
    ) -> Result<Self, RunError> {
        let began = Instant::now();
        let preparing = Self::prepare_from(scanner, plan, settings, start, began).boxed_local();
        tokio::select! {
            run = preparing => run,
            reason = cancellation.cancelled() => Err(RunError::Stopped(reason)),
        }
    }

    async fn prepare_from(
        scanner: &'a Scanner,
        plan: &TargetPlan,
        settings: Settings,
        start: RunStart,
        began: Instant,
    ) -> Result<Self, RunError> {
        let region = scanner.sdk_config().region().map_or("", AsRef::as_ref);
        // What contradicts itself is said before anything is asked.
        plan.check(Some(region))?;
        let caller = scanner.caller().await.map_err(RunError::Caller)?;
        let own_account = caller.as_ref().map(|caller| &caller.account_id);
        let mut context = ScanContext::new(settings);
        let (mut listed, mut notes, mut organization) = (Vec::new(), Vec::new(), None);
        if let Some(query) = plan.organization() {
            // So that CloudTrail tells the runs over an organization apart.
            context.settings.session.name.get_or_insert_with(|| session_name_of(start.run_id));
            (listed, notes, organization) = list_organization(scanner, query, &mut context).await?;
        }
        let targets = plan.resolve(listed.clone(), Some(region), own_account)?;
        let unmatched = plan.unmatched_excludes(listed);
        notes.extend(unmatched.iter().map(|name| format!("exclude {name}: no account has this id or name")));
        let mut header = Header::new(start.run_id, start.as_of, caller, targets.to_roll_targets());
        header.session_name = Some(context.settings.session.name.clone().unwrap_or_default());
        header.collect = context.settings.selection.clone();
        header.organization = organization;
        header.scope = plan.scope();
        header.accepted_gaps = start.accepted;
        Ok(Self { scanner, context, header, targets, notes, done: BTreeSet::new(), began })
    }

    /// The header of the roll.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What could not be learned besides, for a person.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The targets, those of an earlier run among them.
    #[must_use]
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// How the roll is taken.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.context.settings
    }

    /// Leaves out what an earlier run has read. Where one of its accounts was read through its role, no canary goes first:
    /// of those that are missing most will be denied again.
    ///
    /// # Errors
    /// [`Discontinuity`] where the run would make another roll of it.
    pub fn resume(&mut self, earlier: &ResumableRoll) -> Result<(), Discontinuity> {
        let Some(previous) = &earlier.header else { return Ok(()) };
        continuation::check(previous, &self.header)?;
        let is_done = |target: &&Target| earlier.is_done(&target.account_id);
        let done: Vec<&Target> = self.targets.as_slice().iter().filter(is_done).collect();
        if done.iter().any(|target| target.role().is_some()) {
            self.context.settings.limits.canary = 0;
        }
        self.done = done.into_iter().map(|target| target.account_id.clone()).collect();
        Ok(())
    }

    /// The targets that are not read yet.
    #[must_use]
    pub fn remaining_count(&self) -> Vec<&Target> {
        self.targets.filter(|target| !self.done.contains(&target.account_id))
    }

    /// How many of the missing are to be read, and not skipped.
    #[must_use]
    pub fn remaining_targets(&self) -> usize {
        self.remaining_count().iter().filter(|target| !matches!(target.access, Access::Skipped(_))).count()
    }

    /// Reads the missing accounts, a few of them first.
    #[must_use]
    pub fn records<'r>(&'r self, cancellation: &'r Cancellation) -> AccountRecords<'r> {
        AccountRecords::new(
            self.scanner,
            &self.context,
            self.remaining_count(),
            cancellation,
            self.header.as_of,
        )
    }

    /// What the run took so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let elapsed_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Statistics {
            elapsed_ms,
            calls: self.scanner.call_metrics().calls(),
            intermediate_sessions: self.scanner.role_chain(),
        }
    }
}

/// The accounts that AWS Organizations lists, notes about them, and the organization.
type OrganizationAccounts =
    (Vec<crate::targets::TargetSpec>, Vec<String>, Option<rolecall_roll::Organization>);

async fn list_organization(
    scanner: &Scanner,
    query: &OrganizationQuery,
    context: &mut ScanContext,
) -> Result<OrganizationAccounts, RunError> {
    let client = scanner
        .organization(&query.via, context)
        .await
        .map_err(|error| RunError::Organization(error.into()))?;
    let found = client.list(&query.reads).await.map_err(RunError::Organization)?;
    let (mut organization, mut notes) = (found.organization, found.notes);
    // Of the organization it is read once, and not in each account.
    if context.settings.selection.facts.remove(&FactKind::RootCredentials) {
        organization.root_credentials_managed = client.root_credentials_managed().await;
        if let Fact::Unknown { unknown } = &organization.root_credentials_managed {
            notes.push(format!("whether root credentials are managed centrally is unknown: {unknown}"));
        }
    }
    Ok((found.specs, notes, Some(organization)))
}

/// `rolecall-` and the run's id, which together are shorter than a session's name may be.
fn session_name_of(run_id: RunId) -> RoleSessionName {
    format!("rolecall-{run_id}").parse().unwrap_or_default()
}

/// Why no account can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The targets cannot be read in one run.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// It is not known who calls: no credentials that AWS accepts, or no answer.
    #[error(transparent)]
    Caller(CallError),
    /// The accounts of the organization are not known.
    #[error(transparent)]
    Organization(OrganizationError),
    /// The run was over before the targets were known.
    #[error("{0} before it was known which accounts to read")]
    Stopped(StopReason),
}
