//! The actions of a distributed run: plan, collect and merge, and all of them in one invocation.

use rolecall_core::cancellation::Cancellation;
use rolecall_core::options::delivery::DeliveryOptions;
use rolecall_core::targets::TargetPlan;
use rolecall_core::{RunOptions, Scanner, Settings};
use rolecall_delivery::merge::MergeRequest;
use rolecall_delivery::notify::Addresses;
use rolecall_delivery::plan::Claim;
use rolecall_delivery::{
    CollectError, CollectRequest, Collected, Cursor, MergeError, Merged, PlanFailure, PlanRequest, Planned,
    Recipients, RunKey, Store, StoreError,
};
use rolecall_report::bundle::Program;
use rolecall_roll::RunId;
use serde::Serialize;

use crate::event::{EventPlan, PlanEvent};
use crate::failure::Failure;
use crate::function::{StopReasonTerms, run_failure, with_remedy};
use crate::{answer, environment, event};

/// An invocation that uses the store.
#[derive(Debug)]
pub(crate) struct StoreInvocation<'a> {
    options: &'a RunOptions,
    settings: Settings,
    scanner: &'a Scanner,
    store: Store,
    cancellation: &'a Cancellation,
    stop_terms: StopReasonTerms,
}

impl<'a> StoreInvocation<'a> {
    /// Opens the store that the settings name.
    pub(crate) fn open(
        options: &'a RunOptions,
        settings: Settings,
        scanner: &'a Scanner,
        cancellation: &'a Cancellation,
        stop_terms: StopReasonTerms,
    ) -> Result<Self, Failure> {
        let DeliveryOptions { store, bucket_owner, .. } = &options.delivery;
        let Some(location) = store else {
            return Err(Failure::InvalidSettings(
                "there is no store for a distributed run: set ROLECALL_STORE=s3://BUCKET".to_owned(),
            ));
        };
        let owner = bucket_owner.as_ref().map(|given| given.value.as_str());
        let store = Store::open(&location.value, scanner, owner);
        Ok(Self { options, settings, scanner, store, cancellation, stop_terms })
    }

    /// Plans, collects and merges. What is not read in time is a gap in the roll.
    pub(crate) async fn run_all(
        &self,
        event: &EventPlan,
        claim: Option<Claim>,
    ) -> Result<RunAnswer, Failure> {
        // One batch, so that all accounts share the limits of this process.
        let planned = self.plan_run(event, claim, usize::MAX, 1).await?;
        if planned.duplicate {
            return Ok(RunAnswer::Duplicate(planned));
        }
        let request = CollectRequest { run: planned.run, batch: 0, cursor: Cursor::default() };
        self.collect_with(&event.plan, &request).await?;
        self.merge(planned.run).await.map(RunAnswer::Merged)
    }

    pub(crate) async fn plan(&self, request: &PlanEvent) -> Result<Planned, Failure> {
        let event = event::plan(request.targets.as_str(), self.options)?;
        let batch_size = request.batch.unwrap_or_else(|| self.options.delivery.batch_size());
        if !(1..=1000).contains(&batch_size) {
            return Err(Failure::InvalidEvent("input.batch is not a number from 1 to 1000".to_owned()));
        }
        let claim = match (request.scheduled_time.as_deref(), &request.execution) {
            (None, Some(execution)) => {
                Some(Claim { name: format!("execution={execution}"), execution: execution.clone() })
            }
            (time, execution) => claim(time, execution.as_deref().unwrap_or_default())?,
        };
        self.plan_run(&event, claim, batch_size, request.max_concurrency.unwrap_or(1)).await
    }

    async fn plan_run(
        &self,
        event: &EventPlan,
        claim: Option<Claim>,
        batch_size: usize,
        concurrent_batches: usize,
    ) -> Result<Planned, Failure> {
        let request = PlanRequest {
            run_id: RunId::random(),
            as_of: environment::now(),
            accepted: Vec::new(),
            claim,
            batch_size,
            concurrent_batches,
        };
        let (store, scanner) = (&self.store, self.scanner);
        let planned = rolecall_delivery::plan(
            store,
            scanner,
            &event.plan,
            self.settings.clone(),
            request,
            self.cancellation,
        );
        let planned = planned.await.map_err(|error| match error {
            PlanFailure::Store(error) => store_failure(&error),
            PlanFailure::Run(error) => run_failure(&error, event, self.stop_terms),
            PlanFailure::Denied(denial) => answer::canary_denied(&denial),
        })?;
        for note in &planned.notes {
            tracing::warn!("{note}");
        }
        Ok(planned)
    }

    pub(crate) async fn collect(&self, request: &CollectRequest) -> Result<Collected, Failure> {
        let plan = TargetPlan::for_one_account(self.options.targets.clone(), &[]);
        self.collect_with(&plan, request).await
    }

    async fn collect_with(&self, plan: &TargetPlan, request: &CollectRequest) -> Result<Collected, Failure> {
        let settings = self.settings.clone();
        let collected =
            rolecall_delivery::collect(&self.store, self.scanner, plan, settings, request, self.cancellation);
        collected.await.map_err(|error| match error {
            CollectError::Store(error) => store_failure(&error),
            CollectError::Caller(error) => Failure::NoCaller(with_remedy(&error)),
            CollectError::NoBatch(..) | CollectError::NoAccount(_) => {
                Failure::InvalidEvent(error.to_string())
            }
            CollectError::NoExternalId(_) => {
                Failure::InvalidSettings(format!("{error}: set ROLECALL_EXTERNAL_ID, as for the plan"))
            }
        })
    }

    pub(crate) async fn merge(&self, run: RunKey) -> Result<Merged, Failure> {
        let delivery = &self.options.delivery;
        let recipients = Recipients::new(self.scanner, Addresses::from(delivery));
        let sha256 = environment::checksum_of_this_program();
        let now = environment::now();
        let request = MergeRequest {
            run,
            settings: &rolecall_report::Settings::default(),
            accepted: None,
            configuration: None,
            program: Program {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                sha256: sha256.map_err(|error| Failure::Internal(error.to_string()))?,
            },
            now,
            recipients: recipients.as_ref(),
        };
        let merged = rolecall_delivery::merge(&self.store, &request).await;
        let merged = merged.map_err(|error| merge_failure(&error, run))?;
        for note in &merged.notes {
            tracing::warn!("{note}");
        }
        if delivery.prints_metrics() {
            environment::print_metrics(&merged.metrics, now);
        }
        Ok(merged)
    }
}

/// The answer of an invocation that does everything.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum RunAnswer {
    Merged(Merged),
    /// Another invocation has the run of this time.
    Duplicate(Planned),
}

/// Claims the time of a schedule, which delivers at least once. A retry with the name of the same execution, or of the same
/// request, gets the same run.
pub(crate) fn claim(scheduled_time: Option<&str>, execution: &str) -> Result<Option<Claim>, Failure> {
    let Some(time) = scheduled_time else { return Ok(None) };
    let time: jiff::Timestamp = time.parse().map_err(|_| {
        let problem = "scheduled_time is not a time such as 2026-11-26T03:00:00Z; in a schedule, write \
                       <aws.scheduler.scheduled-time>";
        Failure::InvalidEvent(problem.to_owned())
    })?;
    Ok(Some(Claim { name: format!("schedule={time:.0}"), execution: execution.to_owned() }))
}

fn merge_failure(error: &MergeError, run: RunKey) -> Failure {
    match error {
        MergeError::Store(error) => store_failure(error),
        MergeError::NoPlan(_) => Failure::InvalidEvent(error.to_string()),
        MergeError::PartsMissing { .. } => Failure::PartsMissing(format!(
            "{error}; collect these batches again with `rolecall sweep collect --run {run}`, then redrive the execution, or run \
             `rolecall sweep merge --run {run}`"
        )),
        MergeError::Notify(notify) => Failure::StoreUnavailable(match &notify.remedy {
            Some(remedy) => format!("{notify}; {remedy}"),
            None => notify.to_string(),
        }),
        MergeError::OtherPart(_) | MergeError::Roll(_) | MergeError::Io(_) => {
            Failure::Internal(error.to_string())
        }
    }
}

fn store_failure(error: &StoreError) -> Failure {
    Failure::StoreUnavailable(error.to_line())
}
