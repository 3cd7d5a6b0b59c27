//! `rolecall report`: re-evaluates a saved roll, offline, with the current configuration.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use rolecall_report::report::Grouping;

use crate::args::{ConfigurationArgs, FilterArgs, Format, JudgingArgs, Outputs};
use crate::configuration;
use crate::exit_code::{self, RolecallExitCode};
use crate::failure::Failure;
use crate::output::{self, Destinations, Evaluation, RenderOptions, Spinner};
use crate::roll_file;

const HELP: &str = "\
Examples:
  rolecall report roll.jsonl
  rolecall report roll.jsonl --out report.html --out findings.csv
  rolecall report roll.jsonl --benchmark cis-5.0 --fail-on high

Thresholds, exceptions, owners and accepted gaps are taken from rolecall.toml. Without that file, the accepted gaps of the \
roll apply.";

const EXIT_CODES: [(RolecallExitCode, &str); 3] = [
    (RolecallExitCode::Usage, "invalid arguments, or not a roll file"),
    (RolecallExitCode::Findings, "a finding at or above --fail-on, also in an incomplete roll"),
    (RolecallExitCode::Incomplete, "the roll is incomplete, or a rule for --fail-on was not evaluated"),
];

/// The arguments of `rolecall report`.
#[derive(Debug, Args)]
#[command(after_help = exit_code::help(HELP, &EXIT_CODES))]
pub(crate) struct ReportArgs {
    /// Roll file, as --roll or --format jsonl writes it; `-` is stdin
    #[arg(value_name = "ROLL")]
    pub(crate) roll: PathBuf,

    #[command(flatten)]
    pub(crate) outputs: Outputs,

    #[command(flatten)]
    pub(crate) judging: JudgingArgs,

    #[command(flatten)]
    pub(crate) filters: FilterArgs,

    /// Group findings, in the formats table and markdown
    #[arg(long, value_enum, value_name = "BY")]
    pub(crate) group_by: Option<GroupBy>,

    /// Time to evaluate ages and exceptions at, such as 2027-01-31 [default: the time of the roll]
    #[arg(long, value_name = "TIMESTAMP", value_parser = parse_as_of)]
    pub(crate) as_of: Option<Timestamp>,

    #[command(flatten)]
    pub(crate) configuration: ConfigurationArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GroupBy {
    /// By owner
    Owner,
    /// By account
    Account,
    /// By rule
    Rule,
}

impl From<GroupBy> for Grouping {
    fn from(by: GroupBy) -> Self {
        match by {
            GroupBy::Owner => Self::Owner,
            GroupBy::Account => Self::Account,
            GroupBy::Rule => Self::Rule,
        }
    }
}

/// Evaluates the roll and writes the outputs.
pub(crate) fn run(arguments: &ReportArgs) -> Result<ExitCode, Failure> {
    let configuration = configuration::read(&arguments.configuration)?;
    roll_file::ensure_distinct("ROLL", &arguments.roll, &arguments.outputs.out)?;
    if let Some(path) = &configuration.path {
        roll_file::ensure_distinct("the configuration file", path, &arguments.outputs.out)?;
    }
    let spinner = Spinner::start(format!("Reading {}", arguments.roll.display()));
    let roll = roll_file::open(&arguments.roll)?;
    let mut header = roll.header.clone();
    let destinations = Destinations::open(&arguments.outputs, false)?;
    if let Some(formats) = destinations.formats_without_groups().filter(|_| arguments.group_by.is_some()) {
        return Err(Failure::usage(format!("--group-by has no effect on the output ({formats})"))
            .with_remedy("remove it, or use one of the formats that it groups: table, markdown"));
    }
    if let Some(as_of) = arguments.as_of {
        let taken = header.as_of;
        if as_of < taken {
            let problem = format!("--as-of {as_of} is before the time of the roll, {taken:.0}");
            return Err(
                Failure::usage(problem).with_remedy("report on a roll of that time, or pass a later time")
            );
        }
        if destinations.has(Format::Jsonl) {
            return Err(Failure::usage(
                "--as-of cannot change a roll file: it keeps the time it was taken at",
            )
            .with_remedy("pass --as-of without --format jsonl"));
        }
        header.as_of = as_of;
    }
    if configuration.path.is_some() {
        header.accepted_gaps.clone_from(&configuration.accepted_gaps);
    }
    let judging = arguments.judging.benchmark.apply_to(configuration.judging);
    let files = destinations.files.clone();
    let grouping = arguments.group_by.map(Into::into);
    let filter = arguments.filters.filter();
    // Rules take longer than reading the roll.
    let needs_report =
        destinations.show_findings() || arguments.judging.fail_on.is_some() || !filter.is_empty();
    let options = RenderOptions {
        judging: needs_report.then_some(&judging),
        grouping,
        keys: false,
        all: arguments.outputs.all,
        filter,
        retry: None,
    };
    let evaluation = Evaluation::begin(&header, &destinations, &options)?;
    let read = roll.read(|account| evaluation.add(account));
    let mut roll = read.map_err(|error| roll_file::not_a_roll(&arguments.roll, error))?;
    let evaluated = evaluation.finish()?;
    drop(spinner);
    roll.header = header;
    let outcome = output::write(&roll, evaluated, destinations, &options)?;
    outcome.report_files(&files);
    Ok(outcome.exit_code(arguments.judging.fail_on))
}

fn parse_as_of(text: &str) -> Result<Timestamp, String> {
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    whole.parse().map_err(|_| {
        "not a time; expected a date or a timestamp, such as 2027-01-31 or 2027-01-31T12:00:00Z".to_owned()
    })
}
