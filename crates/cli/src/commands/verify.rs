//! `rolecall verify`: checks evidence against its checksums, or a roll against CloudTrail. Both work offline.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use rolecall_report::bundle::{self, CheckError, CheckedBundle, SUMS_FILE};
use rolecall_report::cloudtrail;
use rolecall_report::render;

use crate::args::{OutputArgs, OutputFormat};
use crate::exit_code::{self, RolecallExitCode};
use crate::failure::Failure;
use crate::output::{self, Sink};
use crate::roll_file;

const HELP: &str = "\
Examples:
  rolecall verify evidence-2026-11
  rolecall verify roll.jsonl --cloudtrail events.json

The events are a CloudTrail log file (gunzipped), the JSON output of `aws cloudtrail lookup-events`, or one event per line.";

const EXIT_CODES: [(RolecallExitCode, &str); 3] = [
    (RolecallExitCode::Success, "unchanged, or all calls match"),
    (RolecallExitCode::Findings, "something was changed, is missing, or was added"),
    (RolecallExitCode::Incomplete, "CloudTrail has calls of an interrupted run that its roll does not have"),
];

/// The arguments of `rolecall verify`.
#[derive(Debug, Args)]
#[command(after_help = exit_code::help(HELP, &EXIT_CODES))]
pub(crate) struct VerifyArgs {
    /// Folder of evidence; with --cloudtrail, a roll file
    #[arg(value_name = "DIR|ROLL")]
    pub(crate) path: PathBuf,

    /// CloudTrail events to compare the roll's AssumeRole calls with
    #[arg(long, value_name = "FILE")]
    pub(crate) cloudtrail: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) output: OutputArgs<OutputFormat>,
}

/// Checks the folder or the roll.
pub(crate) fn run(arguments: &VerifyArgs) -> Result<ExitCode, Failure> {
    let path = &arguments.path;
    match &arguments.cloudtrail {
        Some(events) => check_roll(path, events, &arguments.output),
        None if path.is_dir() => check_folder(path, &arguments.output),
        None if !path.exists() => Err(Failure::usage(format!("{}: does not exist", path.display()))),
        None => {
            let problem = format!("{}: not a folder of evidence", path.display());
            Err(Failure::usage(problem).with_remedy(
                "name the folder that `rolecall evidence ROLL --out DIR` wrote, or pass CloudTrail events: --cloudtrail FILE",
            ))
        }
    }
}

fn check_folder(folder: &Path, output: &OutputArgs<OutputFormat>) -> Result<ExitCode, Failure> {
    let checked = bundle::check(folder).map_err(|error| {
        let problem = format!("{}: {error}", folder.display());
        match error {
            CheckError::Io(_) => Failure::unexpected(problem),
            CheckError::Sums(_) | CheckError::Line(..) => {
                Failure::usage(problem).with_remedy("name the folder that `rolecall evidence` wrote")
            }
        }
    })?;
    let (format, mut out) = output.open()?;
    let write = || {
        match format {
            OutputFormat::Json => output::write_json(&mut out, &checked)?,
            OutputFormat::Table => write_hanging(&mut out, to_text(&checked).as_bytes())?,
        }
        out.finish()
    };
    write().map_err(|error| output::not_written(&error))?;
    Ok(if checked.is_unchanged() { ExitCode::SUCCESS } else { RolecallExitCode::Findings.into() })
}

/// A line for each file that is not as listed, and the number of unchanged files.
fn to_text(checked: &CheckedBundle) -> String {
    let lists = [
        ("changed", &checked.changed),
        ("missing", &checked.missing),
        ("added", &checked.added),
        ("unlisted", &checked.unlisted),
    ];
    let mut text = String::new();
    for (label, names) in lists {
        for name in names {
            text += &format!("{label:<8} {}\n", output::printable(name));
        }
    }
    let number = checked.unchanged.len();
    let files = output::count_of(number, "file");
    text += &if checked.is_unchanged() {
        format!("unchanged: all {files} of {SUMS_FILE}\n")
    } else {
        format!("{files} {} unchanged\n", if number == 1 { "is" } else { "are" })
    };
    text
}

/// The width of the labels before each line.
const LABEL_WIDTH: usize = 8;

/// Writes lines that begin with a label; the text wraps beside the label.
fn write_hanging(out: &mut Sink, text: &[u8]) -> io::Result<()> {
    let terminal = out.terminal_style();
    out.write_all(output::hanging_lines(&String::from_utf8_lossy(text), terminal, LABEL_WIDTH + 1).as_bytes())
}

fn check_roll(path: &Path, events: &Path, output: &OutputArgs<OutputFormat>) -> Result<ExitCode, Failure> {
    roll_file::ensure_distinct("the roll file", path, output.out.as_slice())?;
    roll_file::ensure_distinct("--cloudtrail", events, output.out.as_slice())?;
    let roll = roll_file::read(path)?;
    let invalid = |problem: &dyn std::fmt::Display| {
        Failure::usage(format!("--cloudtrail {}: {problem}", events.display()))
    };
    let bytes = fs::read(events).map_err(|error| invalid(&error))?;
    let matched = cloudtrail::reconcile(&roll, &bytes)
        .map_err(Failure::unexpected)?
        .map_err(|error| invalid(&error))?;
    let (format, mut out) = output.open()?;
    let write = || {
        match format {
            OutputFormat::Json => output::write_json(&mut out, &matched)?,
            OutputFormat::Table => {
                let mut text = Vec::new();
                render::cloudtrail::render(&mut text, &matched)?;
                write_hanging(&mut out, &text)?;
            }
        }
        out.finish()
    };
    write().map_err(|error| output::not_written(&error))?;
    Ok(match (matched.is_reconciled(), matched.unrecorded.is_empty()) {
        (true, true) => ExitCode::SUCCESS,
        (true, false) => RolecallExitCode::Incomplete.into(),
        (false, _) => RolecallExitCode::Findings.into(),
    })
}
