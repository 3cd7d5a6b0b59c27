//! Outputs: results go to stdout or to a file, notes and errors to stderr.

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
use std::sync::atomic::{AtomicBool, Ordering};

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
    if is_quiet() {
        return;
    }
    // A closed stderr cannot be reported.
    let _ = writeln!(anstream::stderr(), "{line}");
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

/// Renders rows as a table.
pub(crate) fn table(
    look: TerminalStyle,
    header: impl IntoIterator<Item = Cell>,
    rows: impl Iterator<Item = Vec<String>>,
) -> String {
    let mut table = table::table(look, header);
    for row in rows {
        table.add_row(row);
    }
    table::lines(table)
}

/// The line for accounts that are resumed from the roll file.
pub(crate) fn resumed_accounts(number: usize, previous: &ResumableRoll) -> String {
    let since = previous.as_of().map_or(String::new(), |as_of| format!(" (read at {as_of:.0} or later)"));
    let number = with_thousands_separator(number);
    format!(
        "resuming: {number} accounts are in the roll file already{since} and are not scanned again; a new file scans all"
    )
}

/// The line that a long scan begins with.
pub(crate) fn scan_announcement(header: &Header, accounts: usize, calls: ExpectedCalls) -> String {
    let caller = header.caller.as_ref().map_or("an unknown caller", |caller| caller.arn.as_str());
    let organization =
        header.organization.as_ref().map_or(String::new(), |it| format!(" of organization {}", it.id));
    let ExpectedCalls { per_account, per_user } = calls;
    format!(
        "scanning {} accounts{organization} as {}: at least {} API calls, and {per_user} for each user",
        with_thousands_separator(accounts),
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
