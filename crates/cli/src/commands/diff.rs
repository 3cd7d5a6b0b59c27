//! `rolecall diff`: what became of a roll.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use rolecall_report::Diff;
use rolecall_report::diff::NotComparable;
use rolecall_report::render::markdown;

use crate::args::{BenchmarkArgs, ConfigurationArgs, OutputArgs};
use crate::configuration;
use crate::exit_code::{self, RolecallExitCode};
use crate::failure::Failure;
use crate::output::{self, Spinner};
use crate::roll_file;

const HELP: &str = "\
Examples:
  rolecall diff roll-2026-11-01.jsonl roll-2026-12-01.jsonl
  rolecall diff old.jsonl new.jsonl --format markdown --out changes.md

Both are judged by the rules with today's rolecall.toml, each as of its own moment. What is unknown in one of them is \
neither gone nor new, and is told as what it is. Not compared is what one of them did not request, and an account that \
neither read completely. With --benchmark the rules of that benchmark alone.";

/// What its exit codes mean.
const EXIT_CODES: [(RolecallExitCode, &str); 4] = [
    (RolecallExitCode::Success, "nothing differs"),
    (RolecallExitCode::Usage, "wrong usage, or no roll"),
    (RolecallExitCode::Findings, "something differs"),
    (RolecallExitCode::Incomplete, "nothing differs in what was compared, and not all was"),
];

/// The arguments of `rolecall diff`.
#[derive(Debug, Args)]
#[command(after_help = exit_code::help(HELP, &EXIT_CODES))]
pub(crate) struct DiffArgs {
    /// The earlier roll file
    #[arg(value_name = "OLD")]
    pub(crate) old: PathBuf,

    /// The later one
    #[arg(value_name = "NEW")]
    pub(crate) new: PathBuf,

    #[command(flatten)]
    pub(crate) output: OutputArgs<Comparison>,

    /// Tell of each key that was used since, too
    #[arg(long)]
    pub(crate) last_used: bool,

    #[command(flatten)]
    pub(crate) benchmark: BenchmarkArgs,

    #[command(flatten)]
    pub(crate) configuration: ConfigurationArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Comparison {
    /// For people
    Table,
    /// For machines
    Json,
    /// For tickets and wikis
    Markdown,
}

/// Compares two rolls, and shows what differs.
pub(crate) fn run(arguments: &DiffArgs) -> Result<ExitCode, Failure> {
    let configuration = configuration::read(arguments.configuration.path.as_deref())?;
    for roll in [&arguments.old, &arguments.new] {
        roll_file::is_apart("a roll", roll, arguments.output.out.as_slice())?;
    }
    let spinner = Spinner::start("Comparing two rolls", false);
    let (old, new) = (roll_file::read(&arguments.old)?, roll_file::read(&arguments.new)?);
    let settings = arguments.benchmark.apply_to(configuration.judging);
    let diff = Diff::compare(&old, &new, &settings, arguments.last_used).map_err(|error| match error {
        NotComparable::Io(error) => Failure::unexpected(error),
        other => Failure::usage(format!("these rolls cannot be compared: {other}"))
            .with_remedy("name two rolls of the same accounts, the earlier one first"),
    })?;
    drop(spinner);
    let mut sink = arguments.output.open()?;
    let write = || {
        match arguments.output.format {
            Comparison::Table => {
                let look = sink.look();
                sink.write_all(output::diff(&diff, look).as_bytes())?;
            }
            Comparison::Json => output::write_json(&mut sink, &diff)?,
            Comparison::Markdown => markdown::render_diff(&mut sink, &diff)?,
        }
        sink.finish()
    };
    write().map_err(|error| output::not_written(&error))?;
    Ok(match (diff.is_empty(), diff.is_complete()) {
        (false, _) => RolecallExitCode::Findings.into(),
        (true, false) => RolecallExitCode::Incomplete.into(),
        (true, true) => ExitCode::SUCCESS,
    })
}
