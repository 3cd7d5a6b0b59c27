//! `rolecall scan`: reads accounts into a roll, evaluates the rules, and writes the outputs.

use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;

use clap::Args;
use rolecall_core::cancellation::Cancellation;
use rolecall_core::collect::{Collector, collectors, expected_calls};
use rolecall_core::run::RunStart;
use rolecall_core::targets::{Access, TargetPlan};
use rolecall_core::{Run, RunOptions, Settings, Target};
use rolecall_roll::continuation::{Discontinuity, OptionDifference};
use rolecall_roll::{ResumableRoll, RunId, Terms};

use crate::args::{FilterArgs, JudgingArgs, Outputs, ScanOptionArgs};
use crate::configuration::{self, Configuration};
use crate::exit_code::{self, RolecallExitCode};
use crate::failure::Failure;
use crate::output::{
    self, Destinations, OutputWriter, Progress, RenderOptions, ResumedCounts, Spinner, count_of,
};
use crate::runtime::{StopSignals, in_runtime};
use crate::terms::{FlagTerms, GivenTerms};
use crate::{aws, environment, roll_file, targets};

const USAGE: &str = "\
rolecall scan [OPTIONS] --role-arn <ARN>...
       rolecall scan [OPTIONS] --account <ID>... --role-name <NAME>
       rolecall scan [OPTIONS] --accounts-file <FILE>
       rolecall scan [OPTIONS] --organization --role-name <NAME>";

const EXAMPLES: &str = "\
Examples:
  rolecall scan --role-arn arn:aws:iam::111111111111:role/IAMListRole
  rolecall scan --account 111111111111 333333333333 --role-name IAMListRole
  rolecall scan --organization --role-name IAMListRole --roll roll.jsonl
  rolecall scan                         (scans the targets of rolecall.toml)";

const NOTES: &str = "\
Credentials, region, proxies (HTTPS_PROXY, NO_PROXY), AWS_CA_BUNDLE and AWS_ENDPOINT_URL are read as the AWS CLI reads \
them. Results go to stdout, notes and errors to stderr.

A TIME is written as 90s, 500ms, 10m or 1h30m; a bare number is seconds. Most flags can also be set by a variable, shown as \
[env: …], or in rolecall.toml. A flag takes precedence over a variable, and a variable over rolecall.toml; what a row of --accounts-file or an \
[[account]] section sets for its account takes precedence over all of them. `rolecall config` \
lists all options, their values and where each was set.";

/// The columns that fit every terminal.
const HELP_WIDTH: u16 = 80;

/// The short help.
fn help() -> String {
    format!("{EXAMPLES}\n\n`rolecall scan --help` explains all flags, the facts and the exit codes.")
}

/// The long help, with the facts that can be read.
fn long_help() -> String {
    let facts = collectors().map(|collector| {
        let Collector { fact, set, description, .. } = collector;
        let line = format!("  {:<18} {:<12} {description}", fact.name(), set.name());
        format!("\n{}", output::hanging(&line, Some(HELP_WIDTH), 34))
    });
    let facts: String = facts.collect();
    format!(
        "{EXAMPLES}\n\n{NOTES}\n\nFACTS for --collect. The second column is the smallest set that includes the fact (recommended includes default, all \
         includes recommended). The session policy of each session allows only the IAM actions that the facts need.{facts}"
    )
}

const EXIT_CODES: [(RolecallExitCode, &str); 2] = [
    (RolecallExitCode::Findings, "a finding at or above --fail-on, or no account has the user of --user"),
    (RolecallExitCode::Incomplete, "not everything could be read, or a rule for --fail-on was not evaluated"),
];

/// The arguments of `rolecall scan`.
#[derive(Debug, Args)]
#[command(override_usage = USAGE, after_help = help(), after_long_help = exit_code::help(&long_help(), &EXIT_CODES))]
pub(crate) struct ScanArgs {
    #[command(flatten)]
    pub(crate) outputs: Outputs,

    #[command(flatten)]
    pub(crate) judging: JudgingArgs,

    #[command(flatten)]
    pub(crate) filters: FilterArgs,

    /// Write the roll without evaluating rules
    #[arg(long, help_heading = "Rules", conflicts_with_all = ["benchmark", "fail_on", "FilterArgs"])]
    pub(crate) no_rules: bool,

    /// Write results to this roll file as accounts complete; if it exists, resume: read only the accounts that are not complete in it
    #[arg(long, help_heading = "Output", value_name = "FILE")]
    pub(crate) roll: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) scan: ScanOptionArgs,
}

/// Scans the accounts and writes the outputs.
pub(crate) fn run(arguments: &ScanArgs) -> Result<ExitCode, Failure> {
    let configuration = configuration::read(&arguments.scan.configuration)?;
    let options = targets::options(arguments.scan.options()?, &configuration)?;
    let settings = targets::settings(&options)?;
    let plan = targets::plan(&options, &configuration, &arguments.scan.caller)?;
    if let Some(roll) = &arguments.roll {
        roll_file::ensure_distinct("--roll", roll, &arguments.outputs.out)?;
    }
    let destinations = Destinations::open(&arguments.outputs, arguments.no_rules)?;
    let (earlier, _new_file) = roll_file::open_to_resume(arguments.roll.as_deref())?;
    in_runtime(async {
        let mut interruptions = StopSignals::listen_to_stop()?;
        let cancellation = Cancellation::new(settings.limits.deadline);
        let scan = Scan {
            arguments,
            configuration: &configuration,
            options: &options,
            plan: &plan,
            cancellation: &cancellation,
        };
        let mut scanning = pin!(scan.run(settings, destinations, earlier));
        // The first signal stops the scan and writes what was read; the second one ends the program at once.
        tokio::select! {
            ended = &mut scanning => return ended,
            _ = interruptions.next() => cancellation.cancel(),
        }
        output::say("interrupted: writing what was read; interrupt again to end at once");
        tokio::select! {
            biased;
            _ = interruptions.next() => Err(interrupted(arguments)),
            ended = &mut scanning => ended,
        }
    })
}

fn interrupted(arguments: &ScanArgs) -> Failure {
    let failure = Failure::incomplete("interrupted before all accounts were read");
    match (&arguments.roll, arguments.outputs.out.first()) {
        (Some(roll), _) => failure.with_remedy(format!("what was read is in {}", roll.display())),
        (None, Some(out)) => failure.with_remedy(format!("{} was not changed", out.display())),
        (None, None) => failure,
    }
}

/// One run, from the command line.
struct Scan<'a> {
    arguments: &'a ScanArgs,
    configuration: &'a Configuration,
    options: &'a RunOptions,
    plan: &'a TargetPlan,
    cancellation: &'a Cancellation,
}

/// Up to this number of accounts, no progress is printed.
const FEW: usize = 5;

/// How to scan the missing accounts.
const RETRY: &str = "correct the causes below and run the same command again: it reads only what is missing";
const KEEP: &str =
    "correct the causes below and scan again; with --roll FILE, later scans read only what is missing";

impl Scan<'_> {
    async fn run(
        &self,
        settings: Settings,
        destinations: Destinations,
        earlier: ResumableRoll,
    ) -> Result<ExitCode, Failure> {
        let Self { arguments, configuration, options, plan, cancellation } = self;
        let scanner = aws::connect(&arguments.scan.caller, plan, &settings.limits).await?;
        let spinner = Spinner::preparing(plan, &scanner);
        let accepted = configuration.accepted_gaps.clone();
        let start = RunStart { run_id: RunId::random(), as_of: environment::now(), accepted };
        let run = Run::prepare(&scanner, plan, settings, start, cancellation).await;
        let mut run = run.map_err(|error| aws::run_failure(&error, &arguments.scan.caller, options))?;
        drop(spinner);
        self.resume(&mut run, &earlier)?;
        let is_long = Self::announce(&run, &earlier);

        let files = destinations.files.clone();
        let store = earlier.resume(run.header()).map_err(|error| output::not_written(&error))?;
        let progress = Progress::begin(
            run.remaining_count(),
            is_long && !output::is_quiet(),
            scanner.call_metrics().clone(),
        );
        let mut writer = OutputWriter::begin(destinations, run.header(), store)?;
        let reading = format!("Reading {}", count_of(run.remaining_count(), "account"));
        let spinner = (!is_long).then(|| Spinner::start(reading));
        let mut records = run.records(cancellation);
        while let Some(account) = records.next().await {
            progress.done(&account);
            writer.add_account(&account)?;
        }
        progress.end();
        drop(spinner);
        if let Some(denial) = records.denial() {
            return Err(aws::canary_denied(denial));
        }

        let judging = arguments.judging.benchmark.apply_to(configuration.judging.clone());
        let retry = if arguments.roll.is_some() { RETRY } else { KEEP };
        let options = RenderOptions {
            judging: (!arguments.no_rules).then_some(&judging),
            grouping: None,
            keys: true,
            all: arguments.outputs.all,
            filter: arguments.filters.filter(),
            retry: (run.targets().as_slice().len() > 1).then_some(retry),
        };
        let outcome = writer.finish(&run.statistics(), &options)?;
        outcome.report_files(&files);
        Ok(outcome.exit_code(arguments.judging.fail_on))
    }

    fn resume(&self, run: &mut Run<'_>, earlier: &ResumableRoll) -> Result<(), Failure> {
        run.resume(earlier).map_err(|problem| {
            let roll = self.arguments.roll.iter().map(|roll| roll.display().to_string()).collect::<String>();
            let remedy = match problem {
                Discontinuity::TooOld { .. } => Some(
                    "for a current inventory, name another file; to resume this one, set a larger --max-age",
                ),
                Discontinuity::UnknownAge { .. } => Some("for a current inventory, name another file"),
                _ => None,
            };
            if let Some(remedy) = remedy {
                let problem = format!("--roll {roll}: {problem}, and would not be read again");
                return Failure::usage(problem).with_remedy(remedy);
            }
            let (problem, same_options) = other_options(&problem, self.options);
            Failure::usage(format!("--roll {roll} was written by a scan with other options: {problem}"))
                .with_remedy(format!("for a new roll, name another file; to resume this one, {same_options}"))
        })
    }

    /// Prints what is about to be read. Returns whether that takes long enough to print progress.
    fn announce(run: &Run<'_>, earlier: &ResumableRoll) -> bool {
        for note in run.notes() {
            output::say(&format!("note: {note}"));
        }
        log_targets(run);
        let (targets, missing) = (run.targets().as_slice().len(), run.remaining_targets().len());
        let to_read = run.remaining_count();
        let is_skipped = |target: &&Target| matches!(target.access, Access::Skipped(_));
        let all_skipped = run.targets().as_slice().iter().filter(is_skipped).count();
        let done_and_skipped = all_skipped - (missing - to_read);
        if missing < targets {
            let counts = ResumedCounts {
                listed: run.header().organization.as_ref().map(|it| it.accounts),
                targets,
                read_before: targets - missing - done_and_skipped,
                to_read,
                skipped: missing - to_read + done_and_skipped,
                since: earlier.as_of(),
            };
            let text = counts.to_text();
            output::say(&match to_read {
                0 => format!("{text}. Nothing is left to read: for a new inventory, name a new roll file"),
                _ => text,
            });
        }
        let is_long = to_read > FEW;
        if is_long {
            let calls = expected_calls(&run.settings().selection);
            output::say(&output::scan_announcement(run.header(), to_read, calls));
        }
        is_long
    }
}

/// Logs the target accounts, each with the role that is assumed in it.
fn log_targets(run: &Run<'_>) {
    for Target { account_id, access, source, .. } in run.targets().as_slice() {
        let how = match access {
            Access::Role(role) => format!("through {}", role.role_arn),
            Access::CallerCredentials => "with the caller's credentials".to_owned(),
            Access::Skipped(why) => format!("skipped, {why}"),
        };
        let source = source.map_or(String::new(), |source| format!(" (from {})", source.to_text(&FlagTerms)));
        tracing::info!("target account {account_id}{source}: {how}");
    }
}

/// What differs between the roll and this run, and how to run with the options of the roll.
fn other_options(problem: &Discontinuity, options: &RunOptions) -> (String, String) {
    let Discontinuity::Options(differences) = problem else {
        return (problem.to_string(), "pass the targets and roles that it was written with".to_owned());
    };
    let terms = GivenTerms(options);
    let value = |values: &[String]| if values.is_empty() { "not set".to_owned() } else { values.join(", ") };
    let describe = |OptionDifference { key, previous, next }: &OptionDifference| {
        format!("{} is {} in the roll, but {} in this run", terms.setting(key), value(previous), value(next))
    };
    let restore = |OptionDifference { key, previous, .. }: &OptionDifference| match previous.as_slice() {
        [] => format!("leave out {}", terms.setting(key)),
        values => {
            let flags: Vec<String> = values.iter().map(|value| FlagTerms.assignment(key, value)).collect();
            format!("pass {}", flags.join(" "))
        }
    };
    let join = |parts: Vec<String>, separator: &str| parts.join(separator);
    (
        join(differences.iter().map(describe).collect(), "; "),
        join(differences.iter().map(restore).collect(), " and "),
    )
}
