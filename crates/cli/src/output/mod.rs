//! Where the roll goes, and how it looks there. Data goes to stdout or a file, all else to stderr.

mod accounts;
mod destinations;
mod diff;
mod findings;
mod page;
mod progress;
mod sink;
mod table;
mod verdicts;
mod writer;

use std::io::{self, Write};
use std::path::Path;

use comfy_table::Cell;
use rolecall_core::collect::ExpectedCalls;
use rolecall_report::coverage_summary::with_thousands_separator;
use rolecall_roll::{Header, ResumableRoll, json};
use serde::Serialize;

use crate::exit_code::RolecallExitCode;
use crate::failure::Failure;
pub(crate) use accounts::accounts;
pub(crate) use destinations::Destinations;
pub(crate) use diff::diff;
pub(crate) use progress::Progress;
pub(crate) use sink::{Sink, TerminalStyle};
pub(crate) use verdicts::{CaseResult, verdicts};
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

/// Rows as a table that looks so.
pub(crate) fn table(
    look: TerminalStyle,
    header: impl IntoIterator<Item = Cell>,
    rows: impl Iterator<Item = Vec<String>>,
) -> String {
    let mut shown = table::table(look, header);
    for row in rows {
        shown.add_row(row);
    }
    table::lines(shown)
}

/// What is not asked, since the roll file has it; and of when that is.
pub(crate) fn read_before(number: usize, earlier: &ResumableRoll) -> String {
    let of = earlier.as_of().map_or(String::new(), |as_of| format!(", read {as_of:.0} or later"));
    let number = with_thousands_separator(number);
    format!(
        "{number} accounts are in the roll file already{of}, and are not asked again; a new file asks all"
    )
}

/// What is about to be done, in a line.
pub(crate) fn about_to_ask(header: &Header, asked: usize, calls: ExpectedCalls) -> String {
    let caller =
        header.caller.as_ref().map_or("somebody whom AWS does not name", |caller| caller.arn.as_str());
    let organization =
        header.organization.as_ref().map_or(String::new(), |it| format!(" of organisation {}", it.id));
    let ExpectedCalls { per_account, per_user } = calls;
    format!(
        "asking {} accounts{organization} as {}: {} calls at least, and {per_user} for each user",
        with_thousands_separator(asked),
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
