//! The roll as one document, with the findings behind it where rules were applied.

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

/// Writes it.
///
/// # Errors
/// Those of `out` and of the roll file.
pub fn render(
    out: &mut impl Write,
    stored: &RollFile,
    coverage: &Coverage,
    report: Option<&Report>,
) -> io::Result<()> {
    let document = Document::from_file(stored, coverage.clone());
    json::to_writer_pretty(&mut *out, &JsonDocument { document, report })?;
    out.write_all(b"\n")
}
