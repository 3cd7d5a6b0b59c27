//! The roll as one JSON document, followed by the report where rules were evaluated.

use std::io::{self, Write};

use rolecall_roll::json::{Elements, ObjectWriter};
use rolecall_roll::{Coverage, RollFile, document};

use crate::finding::FindingDetails;
use crate::report::{FindingIterator, FindingList, Report};

/// What the format shows of a finding beside its subject and message.
pub const DETAILS: FindingDetails = FindingDetails::ALL;

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
    let mut object = ObjectWriter::new(&mut *out);
    document::write_members(&mut object, roll, coverage.clone())?;
    if let Some(report) = report {
        object.members(report)?;
        let render = |findings: &mut FindingIterator<'_>| {
            let findings = findings.collect::<io::Result<Vec<_>>>()?;
            Elements::new(&findings)
        };
        for (name, list) in [("findings", FindingList::Open), ("suppressed", FindingList::Suppressed)] {
            object.list(name, |add| {
                report.map_findings(list, usize::MAX, render, |elements| add(&elements?))
            })?;
        }
        object.members(&report.assessment)?;
    }
    object.finish()?;
    out.write_all(b"\n")
}
