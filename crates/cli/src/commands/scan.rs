//! `rolecall scan`: reads accounts into a roll, judges it, and writes what was asked for.

use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;

use clap::Args;
use rolecall_core::cancellation::Cancellation;
use rolecall_core::collect::{Collector, collectors, expected_calls};
use rolecall_core::run::{CanaryDenial, RunStart};
use rolecall_core::targets::TargetPlan;
use rolecall_core::{Run, RunOptions, Settings};
use rolecall_report::coverage_summary::with_thousands_separator;
use rolecall_roll::{ResumableRoll, RunId};
use tokio::signal::unix::SignalKind;

use crate::args::{
    CallerArgs, FilterArgs, Flags, JudgingArgs, Outputs, SelectionFlags, SettingFlags, TargetFlags,
};
use crate::configuration::{self, Configuration};
use crate::exit_code::{self, RolecallExitCode};
use crate::failure::Failure;
use crate::output::{
    self, Destinations, OutputWriter, Progress, RenderOptions, ResumedCounts, Spinner, count_of,
};
use crate::runtime::{StopSignals, in_runtime};
use crate::terms::FlagTerms;
use crate::{aws, environment, roll_file, targets};

const USAGE: &str = "\
rolecall scan [OPTIONS] --role-arn <ARN>...
       rolecall scan [OPTIONS] --account <ID>... --role-name <NAME>
       rolecall scan [OPTIONS] --accounts-file <FILE>
       rolecall scan [OPTIONS] --organization";

const HELP: &str = "\
Examples:
  rolecall scan --role-arn arn:aws:iam::111111111111:role/IAMListRole
  rolecall scan --account 111111111111 333333333333 --role-name IAMListRole
  rolecall scan --organization --role-name IAMListRole --roll roll.jsonl
  rolecall scan                                   the targets of rolecall.toml

Credentials, region, proxy (HTTPS_PROXY, NO_PROXY), AWS_CA_BUNDLE and AWS_ENDPOINT_URL are taken as by the AWS CLI. \
Data goes to stdout, all else to stderr.

A TIME is written as 90s, 500ms, 10m or 1h30m; a bare number is seconds. Each flag below \"Targets\", \"Facts\" and \"Session \
and limits\" is a variable too, and a key of rolecall.toml: --max-attempts is ROLECALL_MAX_ATTEMPTS. `rolecall config` \
shows them as they are set.";

/// The help, with the facts that can be read.
fn help() -> String {
    let facts = collectors().map(|collector| {
        let Collector { fact, set, description, .. } = collector;
        format!("\n  {:<18} {:<12} {description}", fact.name(), set.name())
    });
    let facts: String = facts.collect();
    format!(
        "{HELP}\n\nFACTS, with the smallest set that each is in: default, recommended (default, too) or all. Sessions are \
         narrowed to the IAM actions that they need.{facts}"
    )
}

/// What its exit codes mean.
const EXIT_CODES: [(RolecallExitCode, &str); 2] = [
    (RolecallExitCode::Findings, "a finding as bad as --fail-on says"),
    (RolecallExitCode::Incomplete, "not all was read, whatever was found"),
];

/// The arguments of `rolecall scan`.
#[derive(Debug, Args)]
#[command(override_usage = USAGE, after_help = exit_code::help(&help(), &EXIT_CODES))]
pub(crate) struct ScanArgs {
    #[command(flatten)]
    pub(crate) outputs: Outputs,

    #[command(flatten)]
    pub(crate) judging: JudgingArgs,

    #[command(flatten)]
    pub(crate) filters: FilterArgs,

    /// Apply no rules: the roll alone
    #[arg(long, conflicts_with_all = ["benchmark", "fail_on", "FilterArgs"])]
    pub(crate) no_rules: bool,

    /// Write results to this roll file as accounts complete; if it exists, resume, and scan only what is missing
    #[arg(long, value_name = "FILE")]
    pub(crate) roll: Option<PathBuf>,

    /// Say nothing on stderr but errors
    #[arg(long, short)]
    pub(crate) quiet: bool,

    #[command(flatten)]
    pub(crate) targets: Flags<TargetFlags>,

    #[command(flatten)]
    pub(crate) caller: CallerArgs,

    #[command(flatten)]
    pub(crate) selection: Flags<SelectionFlags>,

    #[command(flatten)]
    pub(crate) settings: Flags<SettingFlags>,

    /// What the AWS CLI calls --format.
    #[arg(long, short, hide = true, value_parser = output_of_the_aws_cli)]
    output: Option<String>,
}

impl ScanArgs {
    /// The options that were given as flags.
    pub(crate) fn options(&self) -> Result<RunOptions, Failure> {
        Ok(RunOptions {
            settings: self.settings.options()?,
            selection: self.selection.options()?,
            targets: self.targets.options()?,
        })
    }

    fn say(&self, line: &str) {
        if !self.quiet {
            output::say(line);
        }
    }
}

/// Reads the accounts, and shows the roll.
pub(crate) fn run(arguments: &ScanArgs) -> Result<ExitCode, Failure> {
    let configuration = configuration::read(arguments.caller.config.as_deref())?;
    let options = targets::options(arguments.options()?, &configuration)?;
    let settings = options.resolve().map_err(Failure::usage)?;
    let plan = targets::plan(&options, &configuration, &arguments.caller)?;
    if let Some(roll) = &arguments.roll {
        roll_file::is_apart("--roll", roll, &arguments.outputs.out)?;
    }
    let destinations = Destinations::open(&arguments.outputs, arguments.no_rules)?;
    let earlier = roll_file::open_to_resume(arguments.roll.as_deref())?;
    in_runtime(async {
        let mut interruptions = StopSignals::listen(&[SignalKind::interrupt(), SignalKind::terminate()])?;
        let cancellation = Cancellation::new(settings.limits.deadline);
        let scan =
            Scan { arguments, configuration: &configuration, plan: &plan, cancellation: &cancellation };
        let mut scanning = pin!(scan.run(settings, destinations, earlier));
        // The first time what was read is written down; the second time it ends at once.
        tokio::select! {
            ended = &mut scanning => return ended,
            _ = interruptions.next() => cancellation.cancel(),
        }
        arguments.say("interrupted: writing what was read; once more ends it at once");
        tokio::select! {
            biased;
            _ = interruptions.next() => Err(cut_short(arguments)),
            ended = &mut scanning => ended,
        }
    })
}

fn cut_short(arguments: &ScanArgs) -> Failure {
    let failure = Failure::incomplete("interrupted before all accounts were read");
    match (&arguments.roll, arguments.outputs.out.first()) {
        (Some(roll), _) => failure.with_remedy(format!("what was read is in {}", roll.display())),
        (None, Some(out)) => failure.with_remedy(format!("{} was not touched", out.display())),
        (None, None) => failure,
    }
}

/// A scan from the terminal: one run, said on stderr, written to its destinations.
struct Scan<'a> {
    arguments: &'a ScanArgs,
    configuration: &'a Configuration,
    plan: &'a TargetPlan,
    cancellation: &'a Cancellation,
}

/// Of more accounts than these the progress is said.
const FEW: usize = 5;

/// What to do where something is missing of several accounts.
const RETRY: &str = "the same command scans what is missing, and that alone";
const KEEP: &str = "with --roll FILE another run would scan what is missing, and that alone";

impl Scan<'_> {
    async fn run(
        &self,
        settings: Settings,
        destinations: Destinations,
        earlier: ResumableRoll,
    ) -> Result<ExitCode, Failure> {
        let Self { arguments, configuration, plan, cancellation } = self;
        let doing = match plan.organization() {
            Some(_) => "Listing accounts from AWS Organizations",
            None => "Checking the caller identity",
        };
        let spinner = Spinner::start(doing, arguments.quiet);
        let scanner = aws::connect(&arguments.caller, plan, &settings.limits).await?;
        let accepted = configuration.accepted.clone();
        let start = RunStart { run_id: RunId::random(), as_of: environment::now(), accepted };
        let run = Run::prepare(&scanner, plan, settings, start, cancellation).await;
        let mut run = run.map_err(|error| aws::run_failure(&error, &arguments.caller))?;
        drop(spinner);
        self.resume(&mut run, &earlier)?;
        let is_long = self.announce(&run, &earlier);

        let files = destinations.files.clone();
        let store = earlier.resume(run.header()).map_err(|error| output::not_written(&error))?;
        let progress = Progress::begin(
            run.remaining_count().len(),
            is_long && !arguments.quiet,
            scanner.call_metrics().clone(),
        );
        let mut shown = OutputWriter::begin(destinations, run.header(), store)?;
        let reading = format!("Reading {}", count_of(run.remaining_targets(), "account"));
        let spinner = (!is_long).then(|| Spinner::start(reading, arguments.quiet));
        let mut records = run.records(cancellation);
        while let Some(account) = records.next().await {
            progress.done(&account);
            shown.account(&account)?;
        }
        progress.end();
        drop(spinner);
        if let Some(denial) = records.denial() {
            return Err(canary_denied(denial));
        }

        let judging = arguments.judging.benchmark.apply_to(configuration.judging.clone());
        let retry = if arguments.roll.is_some() { RETRY } else { KEEP };
        let showing = RenderOptions {
            judging: (!arguments.no_rules).then_some(&judging),
            grouping: None,
            keys: true,
            all: arguments.outputs.all,
            filter: arguments.filters.filter(),
            quiet: arguments.quiet,
            retry: (run.targets().as_slice().len() > 1).then_some(retry),
        };
        let judged = shown.finish(&run.statistics(), &showing)?;
        judged.tell_of(&files, arguments.quiet);
        Ok(judged.exit_code(arguments.judging.fail_on))
    }

    fn resume(&self, run: &mut Run<'_>, earlier: &ResumableRoll) -> Result<(), Failure> {
        run.resume(earlier).map_err(|problem| {
            let roll = self.arguments.roll.iter().map(|roll| roll.display().to_string()).collect::<String>();
            Failure::usage(format!("--roll {roll}: {problem}"))
                .with_remedy("name another file, or give the options that the roll was begun with")
        })
    }

    /// Says what is about to be done; tells whether that takes so long that its progress is worth a line.
    fn announce(&self, run: &Run<'_>, earlier: &ResumableRoll) -> bool {
        for note in run.notes() {
            self.arguments.say(&format!("note: {note}"));
        }
        let (targets, missing) = (run.targets().as_slice().len(), run.remaining_count().len());
        let to_read = run.remaining_targets();
        if missing < targets {
            let counts = ResumedCounts {
                listed: run.header().organization.as_ref().map(|it| it.accounts),
                targets,
                read_before: targets - missing,
                to_read,
                skipped: missing - to_read,
                since: earlier.as_of(),
            };
            self.arguments.say(&format!("{}; a new roll file reads all again", counts.to_text()));
        }
        let is_long = to_read > FEW;
        if is_long {
            let calls = expected_calls(&run.settings().selection);
            self.arguments.say(&output::about_to_ask(run.header(), to_read, calls));
        }
        is_long
    }
}

fn canary_denied(denial: &CanaryDenial) -> Failure {
    let CanaryDenial { denied, not_read, account_id, gap } = denial;
    let [denied, not_read] = [denied, not_read].map(with_thousands_separator);
    let message = format!(
        "the first {denied} accounts could all not be read, and the other {not_read} were left alone; account {account_id}: {}",
        gap.to_line()
    );
    let remedy = gap.remedy.to_text(&FlagTerms);
    Failure::incomplete(message).with_remedy(format!("{remedy}; --canary 0 reads all of them regardless"))
}

fn output_of_the_aws_cli(text: &str) -> Result<String, String> {
    let hint = match text {
        "json" | "table" | "jsonl" | "csv" => format!("--format {text}"),
        "text" | "yaml" | "yaml-stream" => "--format table, json or csv".to_owned(),
        _ => format!("--out {text}"),
    };
    Err(format!(
        "there is no --output; use {hint} (--format says how to show the roll, --out FILE where to write it)"
    ))
}
