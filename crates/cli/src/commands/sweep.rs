//! `rolecall sweep`: a scan in steps, each of which may run in a process of its own, and the roll in a store.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use rolecall_core::cancellation::{Cancellation, StopReason};
use rolecall_core::options::delivery::DeliveryOptions;
use rolecall_core::targets::TargetPlan;
use rolecall_core::{RunOptions, Scanner, Settings};
use rolecall_delivery::merge::MergeRequest;
use rolecall_delivery::notify::Addresses;
use rolecall_delivery::{
    CollectError, CollectRequest, Collected, Cursor, MergeError, Merged, PlanFailure, PlanRequest, Planned,
    Recipients, RunKey, Store, StoreLocation,
};
use rolecall_report::bundle::{Program, sha256};
use rolecall_roll::{RunId, shell};

use crate::args::{
    BenchmarkArgs, CallerArgs, ConfigurationArgs, DeliveryFlags, ExternalIdFlags, Flags, PlanFlags,
    ScanOptionArgs, SettingFlags, StoreFlags,
};
use crate::configuration::{self, Configuration};
use crate::exit_code::{self, RolecallExitCode};
use crate::failure::Failure;
use crate::output::{self, Spinner, count_of};
use crate::roll_file::store_failure;
use crate::runtime::{StopSignals, in_runtime};
use crate::{aws, environment, targets};

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum SweepCommand {
    /// Settle the target accounts, and store them in batches
    Plan(Box<PlanArgs>),
    /// Read the accounts of one batch, and store a record for each
    Collect(Box<CollectArgs>),
    /// Check the records against the plan, and store the roll, its reports and what changed
    Merge(Box<MergeArgs>),
    /// Plan, collect and merge in this process
    Run(Box<RunArgs>),
}

const PLAN_HELP: &str = "\
Example:
  rolecall sweep plan --organization --role-name IAMListRole --store s3://BUCKET

Prints the run's key, which the next steps take as --run, and the number of batches, as JSON. The function's action `plan` does the same.";

const COLLECT_HELP: &str = "\
Example:
  rolecall sweep collect --store s3://BUCKET --run $RUN --batch 0

An account that denies access is stored with the reason. Accounts that are finished are not read again, so that a \
batch can be collected again at any time. External ids are not stored: pass them here, as to the plan.";

const MERGE_HELP: &str = "\
Example:
  rolecall sweep merge --store s3://BUCKET --run $RUN

Each account of the plan must have a record; otherwise nothing is merged. The roll is compared with the last merged one, \
account by account and fact by fact: what was not read is not resolved.";

const RUN_HELP: &str = "\
Example:
  rolecall sweep run --organization --role-name IAMListRole --store s3://BUCKET

Does what the function does without an action.";

const CODES: [(RolecallExitCode, &str); 1] =
    [(RolecallExitCode::Incomplete, "no account can be read, or the store cannot be used")];

const COLLECT_CODES: [(RolecallExitCode, &str); 2] = [
    (RolecallExitCode::Success, "each account of the batch has a record, or the reason for none"),
    (RolecallExitCode::Incomplete, "accounts are left, or the store cannot be used"),
];

const MERGE_CODES: [(RolecallExitCode, &str); 2] = [
    (RolecallExitCode::Success, "merged, and the roll is complete"),
    (RolecallExitCode::Incomplete, "incomplete, or accounts of the plan have no record"),
];

/// The arguments of `rolecall sweep plan`.
#[derive(Debug, Args)]
#[command(after_help = exit_code::help(PLAN_HELP, &CODES))]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    delivery: Flags<PlanFlags>,

    #[command(flatten)]
    scan: ScanOptionArgs,
}

/// The arguments of `rolecall sweep collect`.
#[derive(Debug, Args)]
#[command(after_help = exit_code::help(COLLECT_HELP, &COLLECT_CODES))]
pub(crate) struct CollectArgs {
    /// Key of the run, which `plan` prints
    #[arg(long, value_name = "KEY")]
    run: RunKey,

    /// Number of the batch, from 0
    #[arg(long, value_name = "N")]
    batch: usize,

    #[command(flatten)]
    external_id: Flags<ExternalIdFlags>,

    #[command(flatten)]
    delivery: Flags<StoreFlags>,

    #[command(flatten)]
    caller: CallerArgs,

    #[command(flatten)]
    settings: Flags<SettingFlags>,

    #[command(flatten)]
    configuration: ConfigurationArgs,
}

/// The arguments of `rolecall sweep merge`.
#[derive(Debug, Args)]
#[command(after_help = exit_code::help(MERGE_HELP, &MERGE_CODES))]
pub(crate) struct MergeArgs {
    /// Key of the run, which `plan` prints
    #[arg(long, value_name = "KEY")]
    run: RunKey,

    #[command(flatten)]
    delivery: Flags<DeliveryFlags>,

    #[command(flatten)]
    benchmark: BenchmarkArgs,

    #[command(flatten)]
    caller: CallerArgs,

    #[command(flatten)]
    configuration: ConfigurationArgs,
}

/// The arguments of `rolecall sweep run`.
#[derive(Debug, Args)]
#[command(after_help = exit_code::help(RUN_HELP, &MERGE_CODES))]
pub(crate) struct RunArgs {
    #[command(flatten)]
    delivery: Flags<DeliveryFlags>,

    #[command(flatten)]
    benchmark: BenchmarkArgs,

    #[command(flatten)]
    scan: ScanOptionArgs,
}

/// Runs the subcommand.
pub(crate) fn run(command: &SweepCommand) -> Result<ExitCode, Failure> {
    match command {
        SweepCommand::Plan(arguments) => plan(arguments),
        SweepCommand::Collect(arguments) => collect(arguments),
        SweepCommand::Merge(arguments) => merge(arguments),
        SweepCommand::Run(arguments) => run_all(arguments),
    }
}

fn plan(arguments: &PlanArgs) -> Result<ExitCode, Failure> {
    let flags = RunOptions { delivery: arguments.delivery.options()?, ..arguments.scan.options()? };
    let sweep = Sweep::new(flags, &arguments.scan.configuration, &arguments.scan.caller)?;
    let plan = targets::plan(&sweep.options, &sweep.configuration, &arguments.scan.caller)?;
    sweep.with_store(&plan, async |opened| {
        let size = sweep.options.delivery.batch_size();
        let planned = sweep.plan(opened, &plan, size).await?;
        print(&planned)?;
        Ok(ExitCode::SUCCESS)
    })
}

fn collect(arguments: &CollectArgs) -> Result<ExitCode, Failure> {
    let flags = RunOptions {
        settings: arguments.settings.options()?,
        targets: arguments.external_id.options()?,
        delivery: arguments.delivery.options()?,
        ..RunOptions::default()
    };
    let sweep = Sweep::new(flags, &arguments.configuration, &arguments.caller)?;
    let plan = TargetPlan::for_one_account(sweep.options.targets.clone(), &sweep.configuration.accounts);
    sweep.with_store(&plan, async |opened| {
        let collected = sweep.collect(opened, &plan, arguments.run, arguments.batch).await?;
        print(&collected)?;
        Ok(if collected.left == 0 { ExitCode::SUCCESS } else { RolecallExitCode::Incomplete.into() })
    })
}

fn merge(arguments: &MergeArgs) -> Result<ExitCode, Failure> {
    let flags = RunOptions { delivery: arguments.delivery.options()?, ..RunOptions::default() };
    let sweep = Sweep::new(flags, &arguments.configuration, &arguments.caller)?;
    let plan = TargetPlan::for_one_account(sweep.options.targets.clone(), &[]);
    sweep.with_store(&plan, async |opened| sweep.merge(opened, arguments.run, &arguments.benchmark).await)
}

fn run_all(arguments: &RunArgs) -> Result<ExitCode, Failure> {
    let flags = RunOptions { delivery: arguments.delivery.options()?, ..arguments.scan.options()? };
    let sweep = Sweep::new(flags, &arguments.scan.configuration, &arguments.scan.caller)?;
    let plan = targets::plan(&sweep.options, &sweep.configuration, &arguments.scan.caller)?;
    sweep.with_store(&plan, async |opened| {
        // One batch, so that all accounts share the limits of this process.
        let planned = sweep.plan(opened, &plan, usize::MAX).await?;
        output::say(&format!("reading {} into {}", count_of(planned.accounts, "account"), planned.run));
        let collected = sweep.collect(opened, &plan, planned.run, 0).await?;
        // A deadline is one of the run's gaps. Who interrupts it wants it to go on later, and not to be the latest as it is.
        if collected.left > 0 && opened.cancellation.stop_reason() == Some(StopReason::Cancelled) {
            return Err(sweep.interrupted(&planned, &collected));
        }
        sweep.merge(opened, planned.run, &arguments.benchmark).await
    })
}

/// What the steps share: the options, from flags, variables and the configuration file.
struct Sweep<'a> {
    configuration: Configuration,
    options: RunOptions,
    settings: Settings,
    caller: &'a CallerArgs,
}

/// The connection to AWS and the open store.
struct Opened {
    scanner: Scanner,
    store: Store,
    cancellation: Cancellation,
}

impl<'a> Sweep<'a> {
    fn new(
        flags: RunOptions,
        configuration: &ConfigurationArgs,
        caller: &'a CallerArgs,
    ) -> Result<Self, Failure> {
        let configuration = configuration::read(configuration)?;
        let options = targets::options(flags, &configuration)?;
        let settings = targets::settings(&options)?;
        Ok(Self { configuration, options, settings, caller })
    }

    /// Opens the store, and runs a step. The first signal stops reading accounts.
    fn with_store(
        &self,
        plan: &TargetPlan,
        step: impl AsyncFnOnce(&Opened) -> Result<ExitCode, Failure>,
    ) -> Result<ExitCode, Failure> {
        let DeliveryOptions { store, bucket_owner, .. } = &self.options.delivery;
        let Some(location) = store else {
            return Err(Failure::usage("there is no store").with_remedy(
                "pass --store s3://BUCKET or --store FOLDER, or set ROLECALL_STORE, or store in [delivery] of rolecall.toml",
            ));
        };
        ensure_folder(&location.value)?;
        in_runtime(async {
            let scanner = aws::connect(self.caller, plan, &self.settings.limits).await?;
            let owner = bucket_owner.as_ref().map(|given| given.value.as_str());
            let store = Store::open(&location.value, &scanner, owner);
            let cancellation = Cancellation::new(self.settings.limits.deadline);
            let opened = Opened { scanner, store, cancellation };
            let mut signals = StopSignals::listen_to_stop()?;
            let mut stepping = std::pin::pin!(step(&opened));
            tokio::select! {
                ended = &mut stepping => return ended,
                _ = signals.next() => opened.cancellation.cancel(),
            }
            output::say("interrupted: storing what was read; interrupt again to end at once");
            tokio::select! {
                biased;
                _ = signals.next() => Err(Failure::incomplete("interrupted before all accounts were read")),
                ended = &mut stepping => ended,
            }
        })
    }

    async fn plan(&self, opened: &Opened, plan: &TargetPlan, batch_size: usize) -> Result<Planned, Failure> {
        let Opened { scanner, store, cancellation } = opened;
        let request = PlanRequest {
            run_id: RunId::random(),
            as_of: environment::now(),
            accepted: self.configuration.accepted_gaps.clone(),
            claim: None,
            batch_size,
            concurrent_batches: 1,
        };
        let spinner = Spinner::preparing(plan, scanner);
        let planned =
            rolecall_delivery::plan(store, scanner, plan, self.settings.clone(), request, cancellation).await;
        drop(spinner);
        let planned = planned.map_err(|error| match error {
            PlanFailure::Store(error) => store_failure(&error),
            PlanFailure::Run(error) => aws::run_failure(&error, self.caller, &self.options),
            PlanFailure::Denied(denial) => aws::canary_denied(&denial),
        })?;
        planned.notes.iter().for_each(|note| output::say(&format!("note: {note}")));
        Ok(planned)
    }

    /// Collects a batch until nothing is left of it, or the step is stopped.
    async fn collect(
        &self,
        opened: &Opened,
        plan: &TargetPlan,
        run: RunKey,
        batch: usize,
    ) -> Result<Collected, Failure> {
        let Opened { scanner, store, cancellation } = opened;
        let mut request = CollectRequest { run, batch, cursor: Cursor::default() };
        let mut complete = 0;
        loop {
            let settings = self.settings.clone();
            let collected =
                rolecall_delivery::collect(store, scanner, plan, settings, &request, cancellation).await;
            let collected = collected.map_err(|error| self.collect_failure(&error))?;
            complete += collected.complete;
            if collected.left == 0 || cancellation.stop_reason().is_some() {
                return Ok(Collected { complete, ..collected });
            }
            request.cursor = collected.cursor;
        }
    }

    fn collect_failure(&self, error: &CollectError) -> Failure {
        match error {
            CollectError::Store(error) => store_failure(error),
            CollectError::Caller(error) => aws::no_caller(error, self.caller),
            CollectError::NoBatch(..) => Failure::usage(error)
                .with_remedy("check --run, --batch and --store against what `plan` printed"),
            CollectError::NoExternalId(_) => Failure::usage(error).with_remedy(
                "set ROLECALL_EXTERNAL_ID, or external_id of the account in rolecall.toml: the plan has none, not even that of an accounts file",
            ),
            CollectError::NoAccount(_) => Failure::usage(error),
        }
    }

    async fn merge(
        &self,
        opened: &Opened,
        run: RunKey,
        benchmark: &BenchmarkArgs,
    ) -> Result<ExitCode, Failure> {
        let Opened { scanner, store, .. } = opened;
        let this_program = std::env::current_exe().and_then(File::open).and_then(sha256);
        let judging = benchmark.apply_to(self.configuration.judging.clone());
        let recipients = Recipients::new(scanner, Addresses::from(&self.options.delivery));
        let now = environment::now();
        let request = MergeRequest {
            run,
            settings: &judging,
            accepted: self.configuration.path.is_some().then_some(&self.configuration.accepted_gaps),
            configuration: self.configuration.without_secrets.as_deref(),
            program: Program {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                sha256: this_program.map_err(Failure::unexpected)?,
            },
            now,
            recipients: recipients.as_ref(),
        };
        let spinner = Spinner::start("Merging");
        let merged = rolecall_delivery::merge(store, &request).await;
        drop(spinner);
        let merged = merged.map_err(|error| self.merge_failure(&error, run))?;
        merged.notes.iter().for_each(|note| output::say(&format!("note: {note}")));
        if self.options.delivery.prints_metrics() {
            output::to_stdout(format!("{}\n", merged.metrics.to_line(now)).as_bytes())?;
        }
        print(&merged)?;
        let Merged { complete, coverage, .. } = &merged;
        output::say(&format!("{coverage}; stored in {}", run.object("")));
        Ok(if *complete { ExitCode::SUCCESS } else { RolecallExitCode::Incomplete.into() })
    }

    /// The failure of a run that was interrupted while it collected.
    fn interrupted(&self, planned: &Planned, collected: &Collected) -> Failure {
        let accounts = count_of(planned.accounts, "account");
        let left = collected.left;
        Failure::incomplete(format!(
            "interrupted: {left} of {accounts} are left to read, and nothing was merged"
        ))
        .with_remedy(self.how_to_finish(planned.run, &BTreeSet::from([0])))
    }

    fn merge_failure(&self, error: &MergeError, run: RunKey) -> Failure {
        match error {
            MergeError::Store(error) => store_failure(error),
            MergeError::PartsMissing { missing, .. } => {
                let batches = missing.iter().map(|part| part.batch).collect();
                Failure::incomplete(error).with_remedy(self.how_to_finish(run, &batches))
            }
            MergeError::NoPlan(_) => {
                Failure::usage(error).with_remedy("check --run and --store against what `plan` printed")
            }
            MergeError::Notify(notify) => {
                let failure =
                    Failure::incomplete(format!("the roll is stored, but not yet the latest: {notify}"));
                match &notify.remedy {
                    Some(remedy) => failure.with_remedy(format!("{remedy}, then merge again")),
                    None => failure.with_remedy("merge again"),
                }
            }
            MergeError::OtherPart(_) | MergeError::Roll(_) => Failure::incomplete(error)
                .with_remedy("the store was changed after Rolecall wrote it: plan a new run"),
            MergeError::Io(_) => Failure::unexpected(error),
        }
    }

    /// The commands that read the rest of a run, and merge it.
    fn how_to_finish(&self, run: RunKey, batches: &BTreeSet<usize>) -> String {
        let store = self.options.delivery.store.as_ref();
        let store =
            store.map_or_else(String::new, |given| shell::quote(&given.value.to_string()).into_owned());
        let mut numbers = batches.iter();
        let first = numbers.next().copied().unwrap_or_default();
        let others: Vec<String> = numbers.map(|number| format!(", then with --batch {number}")).collect();
        let others = others.concat();
        format!(
            "run `rolecall sweep collect --run {run} --batch {first} --store {store}`{others}, and then \
             `rolecall sweep merge --run {run} --store {store}`, with the profile, the region, the configuration file \
             and the external ids of the plan"
        )
    }
}

/// Checks that a store on this machine is a folder, or can be created as one.
fn ensure_folder(location: &StoreLocation) -> Result<(), Failure> {
    let StoreLocation::Folder(folder) = location else { return Ok(()) };
    let existing = folder.ancestors().find(|part| part.exists());
    match existing.filter(|part| !part.is_dir()).map(Path::display) {
        None => Ok(()),
        Some(file) => {
            let problem = format!("--store {}: {file} is a file, not a folder", folder.display());
            Err(Failure::usage(problem)
                .with_remedy("name a folder, which is created if it does not exist, or s3://BUCKET"))
        }
    }
}

/// Prints the answer of a step, as the function returns it.
fn print(answer: &impl serde::Serialize) -> Result<(), Failure> {
    let mut sink = output::open(None)?;
    let written =
        output::write_json(&mut sink, answer).and_then(|()| sink.flush()).and_then(|()| sink.finish());
    written.map_err(|error| output::not_written(&error))
}
