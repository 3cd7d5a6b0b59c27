//! The roll as one JSON document, followed by the report where rules were evaluated.

use std::borrow::Cow;
use std::io::{self, Write};

use rolecall_roll::{Coverage, Document, RollFile, json};
use serde::ser::{Error, SerializeSeq};
use serde::{Serialize, Serializer};

use crate::assess::Assessment;
use crate::finding::Finding;
use crate::report::Report;

#[derive(Serialize)]
struct JsonDocument<'a, D> {
    #[serde(flatten)]
    document: D,
    #[serde(flatten)]
    report: Option<&'a Report>,
    #[serde(flatten)]
    findings: Option<Findings<'a>>,
    #[serde(flatten)]
    assessment: Option<&'a Assessment>,
}

/// The findings, read while they are serialized: there may be more than fit in memory.
#[derive(Serialize)]
struct Findings<'a> {
    #[serde(serialize_with = "serialize_open")]
    findings: &'a Report,
    #[serde(serialize_with = "serialize_suppressed")]
    suppressed: &'a Report,
}

fn serialize_open<S: Serializer>(report: &Report, serializer: S) -> Result<S::Ok, S::Error> {
    serialize_list(report.open_findings(), serializer)
}

fn serialize_suppressed<S: Serializer>(report: &Report, serializer: S) -> Result<S::Ok, S::Error> {
    serialize_list(report.suppressed_findings(), serializer)
}

fn serialize_list<'a, S: Serializer>(
    findings: impl Iterator<Item = io::Result<Cow<'a, Finding>>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_seq(None)?;
    for finding in findings {
        list.serialize_element(finding.map_err(S::Error::custom)?.as_ref())?;
    }
    list.end()
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
    let findings = report.map(|report| Findings { findings: report, suppressed: report });
    let assessment = report.map(|report| &report.assessment);
    json::to_writer_pretty(&mut *out, &JsonDocument { document, report, findings, assessment })?;
    out.write_all(b"\n")
}
