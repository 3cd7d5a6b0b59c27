//! A run: from a target plan to the accounts' records and the statistics. The command line and the Lambda function are thin
//! layers over it.
//!
//! First prepare the run (caller identity, AWS Organizations, targets, the roll's header), then optionally resume a
//! previous roll, then take the accounts' records as they complete.

mod canary;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use rolecall_roll::continuation::{self, Discontinuity};
use rolecall_roll::{
    AcceptedGap, AccountId, Calls, Fact, FactKind, Header, ResumableRoll, RoleArn, RoleSessionName, RunId,
    SessionParameters, Statistics, clock_difference,
};
use tokio::time::Instant;

use crate::call::CallError;
use crate::cancellation::{Cancellation, StopReason};
use crate::collect;
use crate::options::settings::{SessionSettings, Settings};
use crate::scan::{ScanContext, Scanner};
use crate::targets::organization::{self, OrganizationAccounts, OrganizationError};
use crate::targets::plan::{OrganizationQuery, PlanError};
use crate::targets::{Access, Role, Target, TargetPlan, Targets};
pub use canary::{AccountRecords, CanaryDenial};

/// The inputs of a run that the front end provides: a run reads no clock and creates no id itself.
#[derive(Debug, Clone)]
pub struct RunStart {
    /// The id of the run, unique per run.
    pub run_id: RunId,
    /// The time of the run: its records and the ages in the report refer to it.
    pub as_of: Timestamp,
    /// The accepted gaps of the configuration.
    pub accepted: Vec<AcceptedGap>,
}

/// A prepared run: its target accounts are known, and how each is read.
#[derive(Debug)]
pub struct Run<'a> {
    scanner: &'a Scanner,
    context: ScanContext,
    header: Header,
    targets: Targets,
    notes: Vec<String>,
    /// The accounts that a previous run has read, which are not read again.
    done: BTreeSet<AccountId>,
    span: RunSpan,
}

impl<'a> Run<'a> {
    /// Gets the caller identity, lists the accounts of AWS Organizations where the plan says so, and resolves the targets.
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
        let span = RunSpan::begin(scanner);
        let preparing = Self::prepare_from(scanner, plan, settings, start, span).boxed_local();
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
        span: RunSpan,
    ) -> Result<Self, RunError> {
        scanner.set_sts_rate(settings.limits.sts_rate);
        let region = scanner.sdk_config().region().map_or("", AsRef::as_ref);
        // Conflicts are reported before the first call.
        plan.check(Some(region))?;
        let caller = scanner.caller().await.map_err(RunError::Caller)?;
        let own_account = caller.as_ref().map(|caller| &caller.account_id);
        let mut context = ScanContext::new(settings);
        let (mut listed, mut notes, mut organization) = (Vec::new(), Vec::new(), None);
        let mut plan = plan.clone();
        if let Some(query) = plan.organization() {
            // A session name per run, so that CloudTrail tells the runs over an organization apart.
            context.settings.session.name.get_or_insert_with(|| session_name_from(start.run_id));
            let found = list_organization(scanner, query, &mut context).await?;
            let (inside, outside) = plan.without_sections_of(&found.others);
            plan = inside;
            (listed, notes, organization) = (found.specs, found.notes, Some(found.organization));
            notes.extend(outside.iter().map(outside_units_note));
        }
        let targets = plan.resolve(listed.clone(), Some(region), own_account)?;
        let unmatched = plan.unmatched_excludes(listed);
        notes.extend(unmatched.iter().map(|name| format!("exclude {name}: no account has this id or name")));
        notes.extend(scanner.call_metrics().clock_ahead_s().map(clock_note));
        let mut header = Header::new(start.run_id, start.as_of, caller, targets.to_roll_targets());
        header.session_name = Some(context.settings.session.name.clone().unwrap_or_default());
        let roles = targets.as_slice().iter().filter_map(Target::role);
        header.session = session_parameters(&context.settings.session, roles);
        header.actions = declared(&collect::actions(&context.settings.selection));
        let reads_through_roles = plan.organization().is_some_and(|query| !query.via.is_empty());
        header.intermediate_actions = declared(if reads_through_roles { organization::ACTIONS } else { &[] });
        header.collect = context.settings.selection.clone();
        header.organization = organization;
        header.scope = plan.scope();
        header.accepted_gaps = start.accepted;
        Ok(Self { scanner, context, header, targets, notes, done: BTreeSet::new(), span })
    }

    /// The header of the roll that the run writes.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Notes for the user: filters that match nothing, and facts of the organization that are unknown.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// All targets, including those that a previous run has read.
    #[must_use]
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// The settings of the run.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.context.settings
    }

    /// Leaves out the accounts that a previous run has read. If it read one of them through its role, the canary is switched
    /// off: most of the remaining accounts were denied then, and probably will be again.
    ///
    /// # Errors
    /// [`Discontinuity`] where the run differs from the previous one, so that its records do not belong in the same roll.
    pub fn resume(&mut self, previous: &ResumableRoll) -> Result<(), Discontinuity> {
        let Some(header) = &previous.header else { return Ok(()) };
        continuation::check(header, &self.header)?;
        let max_age = SignedDuration::try_from(self.context.settings.limits.max_age);
        let max_age = max_age.unwrap_or(SignedDuration::MAX);
        continuation::check_age(previous.oldest_done(), self.header.as_of, max_age)?;
        let is_done = |target: &&Target| previous.is_done(&target.account_id);
        let done: Vec<&Target> = self.targets.as_slice().iter().filter(is_done).collect();
        if done.iter().any(|target| target.role().is_some()) {
            self.context.settings.limits.canary = 0;
        }
        self.done = done.into_iter().map(|target| target.account_id.clone()).collect();
        Ok(())
    }

    /// The targets that no previous run has read, including skipped ones.
    #[must_use]
    pub fn remaining_targets(&self) -> Vec<&Target> {
        self.targets.filter(|target| !self.done.contains(&target.account_id))
    }

    /// The number of targets that are still to be read, without skipped ones.
    #[must_use]
    pub fn remaining_count(&self) -> usize {
        self.remaining_targets().iter().filter(|target| !matches!(target.access, Access::Skipped(_))).count()
    }

    /// Reads the remaining accounts, the canary accounts first.
    #[must_use]
    pub fn records<'r>(&'r self, cancellation: &'r Cancellation) -> AccountRecords<'r> {
        AccountRecords::new(
            self.scanner,
            &self.context,
            self.remaining_targets(),
            cancellation,
            self.header.as_of,
        )
    }

    /// Reads canary accounts until one of them answers. Nothing of what was read is kept.
    ///
    /// Returns why no account would be read; `None` where accounts can be read, or the canaries take too long to say.
    pub async fn try_canaries(&self, cancellation: &Cancellation) -> Option<CanaryDenial> {
        let mut records = self.records(cancellation);
        let denial = async {
            while records.denial().is_none() && records.waits_for_canaries() {
                records.next().await?;
            }
            records.denial().cloned()
        };
        tokio::select! {
            denial = denial => denial,
            () = self.context.wait_for_first_success() => None,
            _ = cancellation.cancelled() => None,
        }
    }

    /// The time and the calls that the run has taken so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.span.statistics(self.scanner)
    }
}

/// What a scanner has done since the span began: several runs use the same scanner, one after the other.
#[derive(Debug)]
pub struct RunSpan {
    started: Instant,
    calls_before: BTreeMap<String, Calls>,
    sessions_before: usize,
}

impl RunSpan {
    /// Begins a span now.
    #[must_use]
    pub fn begin(scanner: &Scanner) -> Self {
        Self {
            started: Instant::now(),
            calls_before: scanner.call_metrics().calls(),
            sessions_before: scanner.role_chain().len(),
        }
    }

    /// The time, the calls and the intermediate sessions since the span began.
    #[must_use]
    pub fn statistics(&self, scanner: &Scanner) -> Statistics {
        let elapsed_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut calls = scanner.call_metrics().calls();
        for (operation, before) in &self.calls_before {
            if let Some(calls) = calls.get_mut(operation) {
                *calls = calls.since(*before);
            }
        }
        calls.retain(|_, calls| calls.attempts > 0);
        let intermediate_sessions = scanner.role_chain().split_off(self.sessions_before);
        let clock_ahead_s = scanner.call_metrics().clock_ahead_s();
        Statistics { elapsed_ms, calls, intermediate_sessions, clock_ahead_s }
    }
}

/// The note about an account that has a section in the configuration, and is not in the selected units.
fn outside_units_note(account_id: &AccountId) -> String {
    format!("account {account_id} of the configuration is not in the selected organizational units: not read")
}

async fn list_organization(
    scanner: &Scanner,
    query: &OrganizationQuery,
    context: &mut ScanContext,
) -> Result<OrganizationAccounts, RunError> {
    let client = scanner
        .organization(&query.via, context)
        .await
        .map_err(|error| RunError::Organization(error.into()))?;
    let mut found = client.list(&query.reads).await.map_err(RunError::Organization)?;
    // Read once for the organization, and not in each account.
    if context.settings.selection.facts.remove(&FactKind::RootCredentials) {
        found.organization.root_credentials_managed = client.root_credentials_managed().await;
        if let Fact::Unknown { unknown } = &found.organization.root_credentials_managed {
            found.notes.push(format!("whether root credentials are managed centrally is unknown: {unknown}"));
        }
    }
    Ok(found)
}

/// The warning about a clock that is wrong by `ahead_s` seconds: all ages are computed with it.
fn clock_note(ahead_s: i64) -> String {
    let difference = clock_difference(ahead_s);
    format!(
        "this machine's clock is {difference}, so ages and the time of the run are wrong: synchronize it \
         (NTP; `timedatectl set-ntp true` with systemd), then scan again"
    )
}

fn declared(actions: &[&str]) -> BTreeSet<String> {
    actions.iter().map(|action| (*action).to_owned()).collect()
}

/// What a run sends to assume these roles, as far as a roll has it.
pub fn session_parameters<'a>(
    settings: &SessionSettings,
    roles: impl IntoIterator<Item = &'a Role>,
) -> SessionParameters {
    let roles: Vec<&Role> = roles.into_iter().collect();
    let chains: BTreeSet<&[RoleArn]> = roles.iter().map(|role| role.via.as_slice()).collect();
    let chain = if chains.len() == 1 { chains.first().copied() } else { None };
    let default_duration = SessionSettings::default().duration;
    SessionParameters {
        duration_s: (settings.duration != default_duration).then_some(settings.duration.as_secs()),
        via: chain.unwrap_or_default().to_vec(),
        source_identity: settings.source_identity.clone(),
        tags: settings.tags.clone(),
        has_external_id: roles.iter().any(|role| role.external_id.is_some()),
    }
}

/// `rolecall-` and the run id, which together are shorter than the 64 characters that a session name may have.
#[must_use]
pub fn session_name_from(run_id: RunId) -> RoleSessionName {
    format!("rolecall-{run_id}").parse().unwrap_or_default()
}

/// Why no account can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The options give no targets that can be read in one run.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The caller identity is unknown: no credentials, none that AWS accepts, or no response.
    #[error(transparent)]
    Caller(CallError),
    /// The accounts of the organization could not be listed.
    #[error(transparent)]
    Organization(OrganizationError),
    /// The run was stopped before the targets were known.
    #[error("{0} before the target accounts were known")]
    Stopped(StopReason),
}
