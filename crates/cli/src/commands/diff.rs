//! `rolecall diff`: compares two rolls.

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

Both rolls are evaluated with the current rolecall.toml, each at its own time. What is unknown in one of them is reported \
as unknown, not as added or removed. Facts that one of them did not request are not compared, and neither are accounts that \
neither read completely.";

const EXIT_CODES: [(RolecallExitCode, &str); 4] = [
    (RolecallExitCode::Success, "no differences"),
    (RolecallExitCode::Usage, "invalid arguments, or not a roll file"),
    (RolecallExitCode::Findings, "differences"),
    (
        RolecallExitCode::Incomplete,
        "no differences in what was compared, but not everything could be compared",
    ),
];

/// The arguments of `rolecall diff`.
#[derive(Debug, Args)]
#[command(after_help = exit_code::help(HELP, &EXIT_CODES))]
pub(crate) struct DiffArgs {
    /// Roll file of the previous run
    #[arg(value_name = "OLD")]
    pub(crate) old: PathBuf,

    /// Roll file of the later run
    #[arg(value_name = "NEW")]
    pub(crate) new: PathBuf,

    #[command(flatten)]
    pub(crate) output: OutputArgs<Comparison>,

    /// Also list access keys whose last-used date changed
    #[arg(long)]
    pub(crate) last_used: bool,

    #[command(flatten)]
    pub(crate) benchmark: BenchmarkArgs,

    #[command(flatten)]
    pub(crate) configuration: ConfigurationArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Comparison {
    /// For a terminal
    Table,
    /// One JSON document
    Json,
    /// Markdown, for tickets and wikis
    Markdown,
}

/// Compares two rolls and writes the differences.
pub(crate) fn run(arguments: &DiffArgs) -> Result<ExitCode, Failure> {
    let configuration = configuration::read(&arguments.configuration)?;
    for roll in [&arguments.old, &arguments.new] {
        roll_file::ensure_distinct("a roll file", roll, arguments.output.out.as_slice())?;
    }
    let spinner = Spinner::start("Comparing two rolls");
    let (old, new) = (roll_file::read(&arguments.old)?, roll_file::read(&arguments.new)?);
    let settings = arguments.benchmark.apply_to(configuration.judging);
    let diff = Diff::compare(&old, &new, &settings, arguments.last_used).map_err(|error| match error {
        NotComparable::Io(error) => Failure::unexpected(error),
        other => Failure::usage(format!("these rolls cannot be compared: {other}")),
    })?;
    drop(spinner);
    let (format, mut sink) = arguments.output.open()?;
    let write = || {
        match format {
            Comparison::Table => {
                let terminal = sink.terminal_style();
                sink.write_all(output::diff(&diff, terminal).as_bytes())?;
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
