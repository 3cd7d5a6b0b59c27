//! `rolecall report`: a roll judged again, offline, with today's configuration.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use rolecall_report::report::Grouping;

use crate::args::{ConfigurationArgs, FilterArgs, Format, JudgingArgs, Outputs};
use crate::configuration;
use crate::exit_code::{self, RolecallExitCode};
use crate::failure::Failure;
use crate::output::{self, Destinations, RenderOptions, Spinner};
use crate::roll_file;

const HELP: &str = "\
Examples:
  rolecall report roll.jsonl
  rolecall report roll.jsonl --format html --out report.html --format csv --out findings.csv
  rolecall report roll.jsonl --benchmark cis-5.0 --fail-on high

Thresholds, exceptions and owners are those of rolecall.toml, and so are accepted gaps where there is one.";

/// What its exit codes mean.
const EXIT_CODES: [(RolecallExitCode, &str); 3] = [
    (RolecallExitCode::Usage, "wrong usage, or no roll"),
    (RolecallExitCode::Findings, "a finding as bad as --fail-on says"),
    (RolecallExitCode::Incomplete, "the roll does not cover all, whatever was found"),
];

/// The arguments of `rolecall report`.
#[derive(Debug, Args)]
#[command(after_help = exit_code::help(HELP, &EXIT_CODES))]
pub(crate) struct ReportArgs {
    /// The roll file, as --roll or --format jsonl wrote it
    #[arg(value_name = "ROLL")]
    pub(crate) roll: PathBuf,

    #[command(flatten)]
    pub(crate) outputs: Outputs,

    #[command(flatten)]
    pub(crate) judging: JudgingArgs,

    #[command(flatten)]
    pub(crate) filters: FilterArgs,

    /// Put findings together, in `table` and `markdown`
    #[arg(long, value_enum, value_name = "BY")]
    pub(crate) group_by: Option<GroupBy>,

    /// Count ages, and the days of exceptions, to this moment [default: that of the roll]
    #[arg(long, value_name = "TIMESTAMP", value_parser = moment)]
    pub(crate) as_of: Option<Timestamp>,

    #[command(flatten)]
    pub(crate) configuration: ConfigurationArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GroupBy {
    /// Who is to act
    Owner,
    Account,
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

/// Judges it, and shows what came of it.
pub(crate) fn run(arguments: &ReportArgs) -> Result<ExitCode, Failure> {
    let configuration = configuration::read(arguments.configuration.path.as_deref())?;
    roll_file::is_apart("ROLL", &arguments.roll, &arguments.outputs.out)?;
    let config = arguments.configuration.path.as_deref().unwrap_or(Path::new(configuration::FILE));
    roll_file::is_apart("--config", config, &arguments.outputs.out)?;
    let spinner = Spinner::start(format!("Reading {}", arguments.roll.display()), false);
    let mut stored = roll_file::read(&arguments.roll)?;
    drop(spinner);
    let destinations = Destinations::open(&arguments.outputs, false)?;
    if let Some(as_of) = arguments.as_of {
        let taken = stored.header.as_of;
        if as_of < taken {
            let problem = format!("--as-of {as_of} is before {taken:.0}, when the roll was taken");
            return Err(
                Failure::usage(problem).with_remedy("what was known before then stands in an earlier roll")
            );
        }
        if arguments.outputs.format.contains(&Format::Jsonl) {
            return Err(Failure::usage("a roll file stands for the moment that it was taken at")
                .with_remedy("leave --as-of out for --format jsonl"));
        }
        stored.header.as_of = as_of;
    }
    if configuration.is_there {
        stored.header.accepted_gaps.clone_from(&configuration.accepted);
    }
    let judging = arguments.judging.benchmark.apply_to(configuration.judging);
    let files = destinations.files.clone();
    let grouping = arguments.group_by.map(Into::into);
    let showing = RenderOptions {
        judging: Some(&judging),
        grouping,
        keys: false,
        all: arguments.outputs.all,
        filter: arguments.filters.filter(),
        quiet: false,
        retry: None,
    };
    let judged = output::show(&stored, destinations, &showing)?;
    judged.tell_of(&files, false);
    Ok(judged.exit_code(arguments.judging.fail_on))
}

fn moment(text: &str) -> Result<Timestamp, String> {
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    whole.parse().map_err(|_| "no moment, one is as 2027-01-31 or 2027-01-31T12:00:00Z".to_owned())
}
