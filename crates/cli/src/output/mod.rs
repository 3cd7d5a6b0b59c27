//! Outputs: results go to stdout or to a file, notes and errors to stderr.

mod accounts;
mod destinations;
mod diff;
mod doctor;
mod explanations;
mod findings;
mod grid;
mod page;
mod progress;
mod sink;
mod table;
#[cfg(test)]
mod tests;
mod verdicts;
mod wrap;
mod writer;

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use rolecall_core::collect::ExpectedCalls;
pub(crate) use rolecall_report::coverage_summary::count_of;
use rolecall_report::coverage_summary::with_thousands_separator;
use rolecall_roll::{Header, json};
use serde::Serialize;

use crate::exit_code::RolecallExitCode;
use crate::failure::Failure;
pub(crate) use accounts::accounts;
pub(crate) use destinations::Destinations;
pub(crate) use diff::diff;
pub(crate) use doctor::doctor;
pub(crate) use explanations::{ExplainedCase, explanations};
pub(crate) use findings::DETAILS as TABLE_DETAILS;
pub(crate) use grid::{Cell, Column, table};
pub(crate) use progress::{LogWriter, Progress, Spinner};
pub(crate) use sink::{Sink, TerminalStyle};
pub(crate) use verdicts::{CaseResult, verdicts};
pub(crate) use wrap::hanging;
pub(crate) use writer::{Evaluation, OutputWriter, RenderOptions, write};

/// Opens an output file, or stdout for `-`.
pub(crate) fn open(path: Option<&Path>) -> Result<Sink, Failure> {
    match path {
        None => Ok(Sink::stdout()),
        Some(path) if path == Path::new("-") => Ok(Sink::stdout()),
        Some(path) => Sink::file(path).map_err(|error| cannot_write("--out", path, &error)),
    }
}

/// The failure for a file that cannot be written; `flag` named it.
pub(crate) fn cannot_write(flag: &str, path: &Path, error: &io::Error) -> Failure {
    let problem = match error.kind() {
        io::ErrorKind::NotFound => "no such directory".to_owned(),
        kind => io::Error::from(kind).to_string(),
    };
    Failure::usage(format!("{flag} {}: {problem}", path.display()))
        .with_remedy("name a file in an existing directory that you can write to")
}

/// The text without control characters that a terminal would obey.
pub(crate) fn printable(text: &str) -> String {
    rolecall_report::render::sanitize(text).into_owned()
}

/// Whether `--quiet` was given.
static QUIET: AtomicBool = AtomicBool::new(false);

/// Sets whether [`say`] is silent.
pub(crate) fn set_quiet(is_quiet: bool) {
    QUIET.store(is_quiet, Ordering::Relaxed);
}

/// Whether `--quiet` was given.
pub(crate) fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Writes a note or a warning to stderr, unless `--quiet` was given.
pub(crate) fn say(line: &str) {
    if !is_quiet() {
        to_stderr(line);
    }
}

/// Writes a message to stderr, wrapped to the terminal, above the line of a running spinner or progress bar.
pub(crate) fn to_stderr(text: &str) {
    let stderr = io::stderr();
    let width = terminal_size::terminal_size_of(&stderr).filter(|_| stderr.is_terminal());
    let width = width.map(|(width, _)| width.0);
    let lines: String = text.lines().map(|line| format!("{}\n", hanging(line, width, 2))).collect();
    // A closed stderr cannot be reported.
    let _ = progress::above(|| anstream::stderr().write_all(lines.as_bytes()));
}

/// Writes bytes to stdout.
pub(crate) fn to_stdout(bytes: &[u8]) -> Result<(), Failure> {
    let mut sink = Sink::stdout();
    sink.write_all(bytes).and_then(|()| sink.finish()).map_err(|error| not_written(&error))
}

/// Writes a value as an indented JSON document.
pub(crate) fn write_json(sink: &mut Sink, value: &impl Serialize) -> io::Result<()> {
    json::to_writer_pretty(&mut *sink, value)?;
    sink.write_all(b"\n")
}

/// The lines of a text, each wrapped to the terminal, with `indent` spaces before the lines that follow.
pub(crate) fn hanging_lines(text: &str, terminal: TerminalStyle, indent: usize) -> String {
    text.lines().map(|line| format!("{}\n", hanging(line, terminal.width, indent))).collect()
}

/// The accounts of a resumed run, in numbers that add up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResumedCounts {
    /// Accounts that AWS Organizations lists; `None` without an organization.
    pub(crate) listed: Option<usize>,
    pub(crate) targets: usize,
    pub(crate) read_before: usize,
    pub(crate) to_read: usize,
    /// Targets that are not read, such as suspended accounts.
    pub(crate) skipped: usize,
    /// The time of the first run that read some of the accounts.
    pub(crate) since: Option<Timestamp>,
}

impl ResumedCounts {
    /// `302 accounts listed, 4 excluded by filters, 298 targets: 290 read by previous runs, 8 to read`.
    pub(crate) fn to_text(self) -> String {
        let Self { listed, targets, read_before, to_read, skipped, since } = self;
        let mut text = String::from("resuming: ");
        if let Some((listed, excluded)) = listed.and_then(|it| Some((it, it.checked_sub(targets)?))) {
            text += &format!("{} listed, ", count_of(listed, "account"));
            if excluded > 0 {
                text += &format!("{} excluded by filters, ", with_thousands_separator(excluded));
            }
        }
        let since =
            since.map_or(String::new(), |as_of| format!(" since {}", as_of.strftime("%Y-%m-%dT%H:%MZ")));
        let counts = [read_before, to_read].map(with_thousands_separator);
        let [read_before, to_read] = counts;
        text += &format!(
            "{}: {read_before} read by previous runs{since}, {to_read} to read",
            count_of(targets, "target")
        );
        if skipped > 0 {
            text += &format!(", {} skipped", with_thousands_separator(skipped));
        }
        text
    }
}

/// The line that a long scan begins with.
pub(crate) fn scan_announcement(header: &Header, accounts: usize, calls: ExpectedCalls) -> String {
    let caller = header.caller.as_ref().map_or("an unknown caller", |caller| caller.arn.as_str());
    let organization =
        header.organization.as_ref().map_or(String::new(), |it| format!(" of organization {}", it.id));
    let ExpectedCalls { per_account, per_user } = calls;
    format!(
        "scanning {}{organization} as {}: at least {} API calls, and {per_user} for each user",
        count_of(accounts, "account"),
        printable(caller),
        with_thousands_separator(accounts * per_account)
    )
}

pub(crate) fn not_written(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        // The reader, such as `head`, stopped reading.
        return Failure::silent(RolecallExitCode::Unexpected);
    }
    Failure::unexpected(format!("the output could not be written: {error}"))
}
