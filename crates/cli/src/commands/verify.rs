//! `rolecall verify`: evidence against its checksums, a roll against CloudTrail. Offline, both.

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

Events are a log file of CloudTrail's, gunzipped; what `aws cloudtrail lookup-events` prints as JSON; or an event a line.";

/// What its exit codes mean.
const EXIT_CODES: [(RolecallExitCode, &str); 3] = [
    (RolecallExitCode::Success, "all is as it was"),
    (RolecallExitCode::Findings, "something was changed, is missing, or was added"),
    (RolecallExitCode::Incomplete, "a run was cut short, and calls bear its name of which it kept no record"),
];

/// The arguments of `rolecall verify`.
#[derive(Debug, Args)]
#[command(after_help = exit_code::help(HELP, &EXIT_CODES))]
pub(crate) struct VerifyArgs {
    /// A folder of evidence; or a roll file, with --cloudtrail
    #[arg(value_name = "DIR|ROLL")]
    pub(crate) path: PathBuf,

    /// Hold the roll's calls of `AssumeRole` against these events
    #[arg(long, value_name = "FILE")]
    pub(crate) cloudtrail: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) output: OutputArgs<OutputFormat>,
}

/// Checks one or the other.
pub(crate) fn run(arguments: &VerifyArgs) -> Result<ExitCode, Failure> {
    let path = &arguments.path;
    match &arguments.cloudtrail {
        Some(events) => roll(path, events, &arguments.output),
        None if path.is_dir() => folder(path, &arguments.output),
        None => {
            let problem = format!("{}: it is no folder of evidence", path.display());
            Err(Failure::usage(problem).with_remedy(
                "name the folder that `rolecall evidence ROLL --out DIR` wrote, or give events: --cloudtrail FILE",
            ))
        }
    }
}

fn folder(folder: &Path, output: &OutputArgs<OutputFormat>) -> Result<ExitCode, Failure> {
    let checked = bundle::check(folder).map_err(|error| {
        let problem = format!("{}: {error}", folder.display());
        match error {
            CheckError::Io(_) => Failure::unexpected(problem),
            CheckError::Sums(_) | CheckError::Line(..) => {
                Failure::usage(problem).with_remedy("name the folder that `rolecall evidence` wrote")
            }
        }
    })?;
    let mut out = output.open()?;
    let write = || {
        match output.format {
            OutputFormat::Json => output::write_json(&mut out, &checked)?,
            OutputFormat::Table => write_hanging(&mut out, in_words(&checked).as_bytes())?,
        }
        out.finish()
    };
    write().map_err(|error| output::not_written(&error))?;
    Ok(if checked.is_unchanged() { ExitCode::SUCCESS } else { RolecallExitCode::Findings.into() })
}

/// A line for each file that is not as it was, and how many are.
fn in_words(checked: &CheckedBundle) -> String {
    let lists = [
        ("changed", &checked.changed),
        ("missing", &checked.missing),
        ("added", &checked.added),
        ("unlisted", &checked.unlisted),
    ];
    let mut text = String::new();
    for (word, names) in lists {
        for name in names {
            text += &format!("{word:<8} {}\n", output::printable(name));
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

/// Writes lines that begin with a word, what has no room beside it behind that word.
fn write_hanging(out: &mut Sink, text: &[u8]) -> io::Result<()> {
    let look = out.look();
    out.write_all(output::hanging_lines(&String::from_utf8_lossy(text), look, 9).as_bytes())
}

fn roll(path: &Path, events: &Path, output: &OutputArgs<OutputFormat>) -> Result<ExitCode, Failure> {
    roll_file::is_apart("the roll", path, output.out.as_slice())?;
    roll_file::is_apart("--cloudtrail", events, output.out.as_slice())?;
    let stored = roll_file::read(path)?;
    let wrong = |problem: &dyn std::fmt::Display| {
        Failure::usage(format!("--cloudtrail {}: {problem}", events.display()))
    };
    let bytes = fs::read(events).map_err(|error| wrong(&error))?;
    let matched =
        cloudtrail::reconcile(&stored, &bytes).map_err(Failure::unexpected)?.map_err(|bad| wrong(&bad))?;
    let mut out = output.open()?;
    let write = || {
        match output.format {
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
