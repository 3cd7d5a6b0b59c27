//! Where the roll goes, and how it looks there. Data goes to stdout or a file, all else to stderr.

mod accounts;
mod destinations;
mod diff;
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

use jiff::Timestamp;
use rolecall_core::collect::ExpectedCalls;
use rolecall_report::coverage_summary::with_thousands_separator;
use rolecall_roll::{Header, json};
use serde::Serialize;

use crate::exit_code::RolecallExitCode;
use crate::failure::Failure;
pub(crate) use accounts::accounts;
pub(crate) use destinations::Destinations;
pub(crate) use diff::diff;
pub(crate) use grid::{Cell, Column, table};
pub(crate) use progress::{Progress, Spinner};
pub(crate) use sink::{Sink, TerminalStyle};
pub(crate) use verdicts::{CaseResult, verdicts};
pub(crate) use wrap::hanging;
pub(crate) use writer::{OutputWriter, RenderOptions, show};

/// Opens the file that the roll goes to, or stdout.
pub(crate) fn open(path: Option<&Path>) -> Result<Sink, Failure> {
    match path {
        None => Ok(Sink::stdout()),
        Some(path) if path == Path::new("-") => Ok(Sink::stdout()),
        Some(path) => Sink::file(path).map_err(|error| not_there("--out", path, &error)),
    }
}

/// A file, named by a flag, that cannot be written to.
pub(crate) fn not_there(flag: &str, path: &Path, error: &io::Error) -> Failure {
    let problem = match error.kind() {
        io::ErrorKind::NotFound => "the folder is not there".to_owned(),
        kind => io::Error::from(kind).to_string(),
    };
    Failure::usage(format!("{flag} {}: {problem}", path.display()))
        .with_remedy("name a file in a folder that is there and can be written")
}

/// The text without what would steer a terminal.
pub(crate) fn printable(text: &str) -> String {
    rolecall_report::render::sanitize(text).into_owned()
}

/// A line for a person, on stderr.
pub(crate) fn say(line: &str) {
    let stderr = io::stderr();
    let width = terminal_size::terminal_size_of(&stderr).filter(|_| stderr.is_terminal());
    let line = hanging(line, width.map(|(width, _)| width.0), 2);
    // Nobody is left to tell where stderr is closed.
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// Writes what is no roll to stdout.
pub(crate) fn to_stdout(bytes: &[u8]) -> Result<(), Failure> {
    let mut sink = Sink::stdout();
    sink.write_all(bytes).and_then(|()| sink.finish()).map_err(|error| not_written(&error))
}

/// Writes a value as an indented JSON document.
pub(crate) fn write_json(sink: &mut Sink, value: &impl Serialize) -> io::Result<()> {
    json::to_writer_pretty(&mut *sink, value)?;
    sink.write_all(b"\n")
}

/// The lines of a text, each wrapped to the terminal with its further lines `indent` blanks to the right.
pub(crate) fn hanging_lines(text: &str, look: TerminalStyle, indent: usize) -> String {
    text.lines().map(|line| format!("{}\n", hanging(line, look.width, indent))).collect()
}

/// A number, and the noun in its number: `1 account`, `1,200 accounts`.
pub(crate) fn count_of(number: usize, noun: &str) -> String {
    format!("{} {noun}{}", with_thousands_separator(number), if number == 1 { "" } else { "s" })
}

/// What a run goes on with, in numbers that add up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResumedCounts {
    /// Accounts that AWS Organizations lists; `None` where it was not asked.
    pub(crate) listed: Option<usize>,
    pub(crate) targets: usize,
    pub(crate) read_before: usize,
    pub(crate) to_read: usize,
    /// Targets that are not read, suspended ones for example.
    pub(crate) skipped: usize,
    /// The moment of the earliest run that read some of them.
    pub(crate) since: Option<Timestamp>,
}

impl ResumedCounts {
    /// `302 accounts listed, 4 excluded by filters, 298 targets: 290 read by previous runs, 8 to read`.
    pub(crate) fn to_text(self) -> String {
        let Self { listed, targets, read_before, to_read, skipped, since } = self;
        let mut text = String::new();
        if let Some((listed, excluded)) = listed.and_then(|it| Some((it, it.checked_sub(targets)?))) {
            text += &format!("{} listed, ", count_of(listed, "account"));
            if excluded > 0 {
                text += &format!("{} excluded by filters, ", with_thousands_separator(excluded));
            }
        }
        let since =
            since.map_or(String::new(), |as_of| format!(" since {}", as_of.strftime("%Y-%m-%dT%H:%MZ")));
        let [read_before, to_read, skipped] = [read_before, to_read, skipped].map(with_thousands_separator);
        text += &format!(
            "{}: {read_before} read by previous runs{since}, {to_read} to read",
            count_of(targets, "target")
        );
        if skipped != "0" {
            text += &format!(", {skipped} skipped");
        }
        text
    }
}

/// What is about to be done, in a line.
pub(crate) fn about_to_ask(header: &Header, asked: usize, calls: ExpectedCalls) -> String {
    let caller = header.caller.as_ref().map_or("an unknown caller", |caller| caller.arn.as_str());
    let organization =
        header.organization.as_ref().map_or(String::new(), |it| format!(" of organization {}", it.id));
    let ExpectedCalls { per_account, per_user } = calls;
    format!(
        "reading {}{organization} as {}: {} calls at least, and {per_user} for each user",
        count_of(asked, "account"),
        printable(caller),
        with_thousands_separator(asked * per_account)
    )
}

pub(crate) fn not_written(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        // Whoever was reading, `head` for one, has enough.
        return Failure::silent(RolecallExitCode::Unexpected);
    }
    Failure::unexpected(format!("the output could not be written: {error}"))
}
