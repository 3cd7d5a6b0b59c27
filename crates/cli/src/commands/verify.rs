//! `rolecall verify`: evidence against its checksums, a roll against CloudTrail. Offline, both.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use rolecall_report::bundle::{self, CheckError, SUMS_FILE};
use rolecall_report::cloudtrail::{self, Matched};
use rolecall_report::statement::grouped;
use rolecall_roll::json;
use serde::Serialize;

use crate::args::Rendering;
use crate::exit_code::{self, RolecallExitCode};
use crate::failure::Failure;
use crate::output;
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

    /// How to show it
    #[arg(long, value_enum, default_value_t = Rendering::Table)]
    pub(crate) format: Rendering,
}

/// Checks one or the other.
pub(crate) fn run(arguments: &VerifyArgs) -> Result<ExitCode, Failure> {
    let path = &arguments.path;
    match &arguments.cloudtrail {
        Some(events) => roll(path, events, arguments.format),
        None if path.is_dir() => folder(path, arguments.format),
        None => {
            let problem = format!("{}: it is no folder of evidence", path.display());
            Err(Failure::usage(problem).with_remedy(
                "name the folder that `rolecall evidence ROLL --out DIR` wrote, or give events: --cloudtrail FILE",
            ))
        }
    }
}

fn folder(folder: &Path, format: Rendering) -> Result<ExitCode, Failure> {
    let checked = bundle::check(folder).map_err(|error| {
        let problem = format!("{}: {error}", folder.display());
        match error {
            CheckError::Io(_) => Failure::unexpected(problem),
            CheckError::Sums(_) | CheckError::Line(..) => {
                Failure::usage(problem).with_remedy("name the folder that `rolecall evidence` wrote")
            }
        }
    })?;
    let lists = [
        ("changed", &checked.changed),
        ("missing", &checked.missing),
        ("added", &checked.added),
        ("unlisted", &checked.unlisted),
    ];
    if format == Rendering::Json {
        show(&checked)?;
    } else {
        let mut text = String::new();
        for (word, names) in lists {
            for name in names {
                text += &format!("{word:<8} {}\n", output::printable(name));
            }
        }
        let number = checked.unchanged.len();
        text += &if checked.is_unchanged() {
            format!("unchanged: all {number} files of {SUMS_FILE}\n")
        } else {
            format!("{number} files are unchanged\n")
        };
        output::to_stdout(text.as_bytes())?;
    }
    Ok(if checked.is_unchanged() { ExitCode::SUCCESS } else { RolecallExitCode::Findings.into() })
}

fn roll(path: &Path, events: &Path, format: Rendering) -> Result<ExitCode, Failure> {
    let stored = roll_file::read(path)?;
    let wrong = |problem: &dyn std::fmt::Display| {
        Failure::usage(format!("--cloudtrail {}: {problem}", events.display()))
    };
    let bytes = fs::read(events).map_err(|error| wrong(&error))?;
    let matched =
        cloudtrail::hold_against(&stored, &bytes).map_err(Failure::unexpected)?.map_err(|bad| wrong(&bad))?;
    if format == Rendering::Json {
        show(&matched)?;
    } else {
        output::to_stdout(in_words(&matched).as_bytes())?;
    }
    Ok(match (matched.is_whole(), matched.unrecorded.is_empty()) {
        (true, true) => ExitCode::SUCCESS,
        (true, false) => RolecallExitCode::Incomplete.into(),
        (false, _) => RolecallExitCode::Findings.into(),
    })
}

fn in_words(matched: &Matched) -> String {
    let mut text = String::new();
    let or = |text: &Option<String>| text.as_deref().map_or("unknown".to_owned(), output::printable);
    for call in &matched.missing {
        let of = call.account_id.as_ref().map_or("a role on the way".to_owned(), ToString::to_string);
        let refused = if call.is_refused { ", refused" } else { "" };
        text += &format!(
            "missing  {of}  {}  request {}{refused}\n",
            or(&call.role_arn),
            output::printable(&call.request_id)
        );
    }
    for it in &matched.differing {
        let of = it.call.account_id.as_ref().map_or("a role on the way".to_owned(), ToString::to_string);
        let outcome = |is_refused| if is_refused { "refused" } else { "granted" };
        text += &format!(
            "differs  {of}  in {}: the roll has {}, {}; CloudTrail {}, session {}, {}; request {}\n",
            it.what.join(", "),
            or(&it.call.role_arn),
            outcome(it.call.is_refused),
            or(&it.recorded.role_arn),
            or(&it.recorded.session_name),
            outcome(it.recorded.error_code.is_some()),
            output::printable(&it.call.request_id)
        );
    }
    let foreign = matched.foreign.iter().map(|record| ("foreign", record));
    let unrecorded = matched.unrecorded.iter().map(|record| ("unrecorded", record));
    for (word, record) in foreign.chain(unrecorded) {
        let error = record.error_code.as_ref().map_or(String::new(), |code| format!("  {code}"));
        text += &format!(
            "{word:<8} {}  {} from {}  became {}  request {}{}\n",
            record.time,
            or(&record.principal),
            or(&record.source_ip),
            or(&record.role_arn),
            or(&record.request_id),
            output::printable(&error)
        );
    }
    let again = match matched.turned_away {
        0 => String::new(),
        number => format!(", {} attempts that AWS turned away and that were made again", grouped(number)),
    };
    text += &format!(
        "{} AssumeRole calls of the roll are in CloudTrail, {} of them otherwise, {} are missing, {} under its session name are \
         not its own{again}\n",
        grouped(matched.matched),
        grouped(matched.differing.len()),
        grouped(matched.missing.len()),
        grouped(matched.foreign.len())
    );
    if !matched.unrecorded.is_empty() {
        text += &format!(
            "{} more are under the name of a run that was cut short: of what was under way then the roll has no record\n",
            grouped(matched.unrecorded.len())
        );
    }
    if matched.records == 0 {
        text +=
            "the file holds no AssumeRole event: CloudTrail records them in the region whose STS was asked\n";
    }
    text
}

fn show(value: &impl Serialize) -> Result<(), Failure> {
    let mut bytes = Vec::new();
    json::to_writer_pretty(&mut bytes, value).map_err(|error| output::not_written(&error))?;
    bytes.push(b'\n');
    output::to_stdout(&bytes)
}
