//! `rolecall verify`: checks evidence against its checksums, or a roll against CloudTrail. Both work offline.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use rolecall_report::bundle::{self, CheckError, CheckedBundle, SUMS_FILE};
use rolecall_report::cloudtrail::{EventsError, Reconciler};
use rolecall_report::render;

use crate::args::{OutputArgs, OutputFormat};
use crate::event_files;
use crate::exit_code::{self, RolecallExitCode};
use crate::failure::Failure;
use crate::output::{self, Sink};
use crate::roll_file;

const HELP: &str = "\
Examples:
  rolecall verify evidence-2026-11
  rolecall verify roll.jsonl --cloudtrail AWSLogs
  rolecall verify roll.jsonl --cloudtrail hub.json member.json.gz
  rolecall verify roll.jsonl --other-roll yesterday.jsonl --cloudtrail AWSLogs

A folder of events is read with its subfolders: files named .json, .jsonl or .ndjson, and the same with .gz. A file holds \
CloudTrail log files, output of `aws cloudtrail lookup-events`, or events, one or many of them; `-` is stdin.";

const EXIT_CODES: [(RolecallExitCode, &str); 3] = [
    (RolecallExitCode::Success, "unchanged, or CloudTrail agrees with the roll"),
    (RolecallExitCode::Findings, "a file was changed, added or removed; or CloudTrail contradicts the roll"),
    (RolecallExitCode::Incomplete, "CloudTrail does not contradict the roll, and a part is unknown"),
];

/// The arguments of `rolecall verify`.
#[derive(Debug, Args)]
#[command(after_help = exit_code::help(HELP, &EXIT_CODES))]
pub(crate) struct VerifyArgs {
    /// Folder of evidence; with --cloudtrail, a roll file
    #[arg(value_name = "DIR|ROLL")]
    pub(crate) path: PathBuf,

    /// Files or folders with CloudTrail events to compare the roll with
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub(crate) cloudtrail: Vec<PathBuf>,

    /// Roll of another run with the same session name, to explain its calls; repeat for several
    #[arg(long, value_name = "ROLL", requires = "cloudtrail")]
    pub(crate) other_roll: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) output: OutputArgs<OutputFormat>,
}

/// Checks the folder or the roll.
pub(crate) fn run(arguments: &VerifyArgs) -> Result<ExitCode, Failure> {
    let path = &arguments.path;
    if !arguments.cloudtrail.is_empty() {
        return check_roll(arguments);
    }
    if path.is_dir() {
        return check_folder(path, &arguments.output);
    }
    if let Err(error) = path.metadata() {
        return Err(Failure::cannot_read("", path, &error));
    }
    let problem = format!("{}: not a folder of evidence", path.display());
    Err(Failure::usage(problem).with_remedy(
        "name the folder that `rolecall evidence ROLL --out DIR` wrote, or pass CloudTrail events: --cloudtrail PATH",
    ))
}

fn check_folder(folder: &Path, output: &OutputArgs<OutputFormat>) -> Result<ExitCode, Failure> {
    let checked = bundle::check(folder).map_err(|error| {
        let problem = format!("{}: {error}", folder.display());
        match error {
            CheckError::Io(_) => Failure::unexpected(problem),
            CheckError::Sums(_) | CheckError::Line(..) => {
                Failure::usage(problem).with_remedy(
                    "SHA256SUMS was changed, or `rolecall evidence` did not write this folder: use an unchanged copy",
                )
            }
        }
    })?;
    let (format, mut out) = output.open()?;
    let write = || {
        match format {
            OutputFormat::Json => output::write_json(&mut out, &checked)?,
            OutputFormat::Table => write_hanging(&mut out, to_text(&checked).as_bytes(), LABEL_WIDTH)?,
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
    if !checked.not_covered.is_empty() {
        text += &format!("not covered by {SUMS_FILE}: {}\n", checked.not_covered.join(", "));
    }
    text
}

/// The width of the labels before the files of a folder.
const LABEL_WIDTH: usize = 8;

/// Writes lines that begin with a label; the text wraps beside the label.
fn write_hanging(out: &mut Sink, text: &[u8], label_width: usize) -> io::Result<()> {
    let terminal = out.terminal_style();
    out.write_all(output::hanging_lines(&String::from_utf8_lossy(text), terminal, label_width + 1).as_bytes())
}

fn check_roll(arguments: &VerifyArgs) -> Result<ExitCode, Failure> {
    let VerifyArgs { path, cloudtrail, other_roll, output } = arguments;
    roll_file::ensure_distinct("the roll file", path, output.out.as_slice())?;
    let mut reconciler = Reconciler::new(&roll_file::read(path)?).map_err(Failure::unexpected)?;
    for other in other_roll {
        roll_file::ensure_distinct("--other-roll", other, output.out.as_slice())?;
        reconciler.explain(&roll_file::read(other)?).map_err(Failure::unexpected)?;
    }
    let files = event_files::list(cloudtrail)?;
    for file in &files {
        roll_file::ensure_distinct("--cloudtrail", file, output.out.as_slice())?;
    }
    // Opened before the events are read, so that a file that cannot be written is reported at once.
    let (format, mut out) = output.open()?;
    for file in &files {
        let name = file.display().to_string();
        let added = event_files::open(file).map_err(EventsError::Io);
        let added = added.and_then(|input| reconciler.add_file(&name, input));
        added.map_err(|error| match &error {
            EventsError::Io(error) => Failure::cannot_read("--cloudtrail", file, error),
            EventsError::Json(_) => event_files::invalid(&name, &error),
        })?;
    }
    if !reconciler.has_events() {
        return Err(event_files::without_events(cloudtrail));
    }
    let reconciliation = reconciler.finish();
    let write = || {
        match format {
            OutputFormat::Json => output::write_json(&mut out, &reconciliation)?,
            OutputFormat::Table => {
                let mut text = Vec::new();
                render::cloudtrail::render(&mut text, &reconciliation)?;
                write_hanging(&mut out, &text, render::cloudtrail::LABEL_WIDTH)?;
            }
        }
        out.finish()
    };
    write().map_err(|error| output::not_written(&error))?;
    Ok(match (reconciliation.is_reconciled(), reconciliation.is_complete()) {
        (true, true) => ExitCode::SUCCESS,
        (true, false) => RolecallExitCode::Incomplete.into(),
        (false, _) => RolecallExitCode::Findings.into(),
    })
}
