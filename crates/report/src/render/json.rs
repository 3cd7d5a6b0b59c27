//! The roll as one JSON document, followed by the report where rules were evaluated.

use std::io::{self, Write};

use rolecall_roll::{Coverage, Document, RollFile, json};
use serde::ser::{Error, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::assess::Assessment;
use crate::report::{FindingIterator, FindingList, Report};

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
    serialize_list(report, FindingList::Open, serializer)
}

fn serialize_suppressed<S: Serializer>(report: &Report, serializer: S) -> Result<S::Ok, S::Error> {
    serialize_list(report, FindingList::Suppressed, serializer)
}

fn serialize_list<S: Serializer>(
    report: &Report,
    list: FindingList,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut elements = serializer.serialize_seq(None)?;
    let write = |findings: &mut FindingIterator<'_>| -> io::Result<Vec<Box<RawValue>>> {
        findings.map(|finding| json::to_indented_element(finding?.as_ref())).collect()
    };
    report.map_findings(list, usize::MAX, write, |some| {
        let some = some.map_err(S::Error::custom)?;
        some.iter().try_for_each(|element| elements.serialize_element(element))
    })?;
    elements.end()
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
