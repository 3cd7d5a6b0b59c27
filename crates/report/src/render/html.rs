//! The report to read, sort and filter in a browser, in one file.

use std::io::{self, Write};

use rolecall_roll::Stored;

use crate::report::Report;

/// Writes it.
///
/// # Errors
/// Those of `out` and of the roll file.
pub fn render(_out: &mut impl Write, _stored: &Stored, _report: &Report) -> io::Result<()> {
    Ok(())
}
