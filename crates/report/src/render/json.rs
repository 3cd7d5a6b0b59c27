//! The roll as one JSON document, followed by the report where rules were evaluated.

use std::io::{self, Write};

use rolecall_roll::{Coverage, Document, RollFile, json};
use serde::Serialize;

use crate::report::Report;

#[derive(Serialize)]
struct JsonDocument<'a, D> {
    #[serde(flatten)]
    document: D,
    #[serde(flatten)]
    report: Option<&'a Report>,
}

/// Writes the roll, and the report where there is one, as one JSON document.
///
/// # Errors
/// The first error of `out` or of reading the roll file.
pub fn render(
    out: &mut impl Write,
    roll: &RollFile,
    coverage: &Coverage,
    report: Option<&Report>,
) -> io::Result<()> {
    let document = Document::from_file(roll, coverage.clone());
    json::to_writer_pretty(&mut *out, &JsonDocument { document, report })?;
    out.write_all(b"\n")
}
