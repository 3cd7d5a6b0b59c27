//! Findings as CSV (RFC 4180), a row each. Suppressed findings, what could not be evaluated, what could not be read, and the
//! coverage have rows of their own, so that a program that counts rows does not miss them. The row of the coverage has it twice:
//! in words for people, and as JSON for programs, since words have no separators that names and reasons could not contain.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use csv::{Terminator, Writer, WriterBuilder};
use rolecall_roll::{AccessKeyId, Coverage, Gap, NeutralTerms, RollFile, json};

use super::sanitize_lines;
use crate::assess::RuleResult;
use crate::coverage_summary::{CoverageSummary, with_thousands_separator};
use crate::facts::seconds;
use crate::finding::{Finding, FindingDetails, Suppression};
use crate::report::{FindingIterator, FindingList, Report};
use crate::rules::Rule;

/// What the format shows of a finding beside its subject and message.
pub const DETAILS: FindingDetails = FindingDetails { evidence: true, score_components: false, remedy: true };

/// The names of the columns, in the order of [`Row::cells`].
const COLUMNS: [&str; 23] = [
    "record",
    "id",
    "score",
    "severity",
    "rule",
    "account_id",
    "account_name",
    "organizational_unit",
    "owner",
    "user_name",
    "user_arn",
    "access_key_id",
    "message",
    "evidence",
    "advice",
    "remedy",
    "clauses",
    "security_hub",
    "exception_owner",
    "exception_reason",
    "exception_until",
    "as_of",
    "coverage",
];

/// A row. `record` is `finding`, `suppressed`, `unknown`, `not_evaluated`, `not_read` or `coverage`.
#[derive(Default)]
struct Row<'a> {
    record: &'a str,
    id: &'a str,
    score: &'a str,
    severity: &'a str,
    rule: &'a str,
    account_id: &'a str,
    account_name: &'a str,
    organizational_unit: &'a str,
    owner: &'a str,
    user_name: &'a str,
    user_arn: &'a str,
    access_key_id: &'a str,
    message: &'a str,
    evidence: &'a str,
    advice: &'a str,
    remedy: &'a str,
    clauses: &'a str,
    security_hub: &'a str,
    exception: Option<&'a Suppression<'a>>,
    coverage: &'a str,
}

/// Writes the report as CSV.
///
/// # Errors
/// The first error of `out`.
pub fn render(out: &mut impl Write, roll: &RollFile, report: &Report) -> io::Result<()> {
    let as_of = seconds(roll.header.as_of);
    Rows::write_to(&mut *out, |rows| rows.write(COLUMNS))?;
    let clauses = |rule: &Rule| {
        let clauses = rule.benchmarks.iter().map(|(benchmark, clause)| format!("{benchmark} {clause}"));
        (clauses.collect::<Vec<_>>().join(", "), rule.security_hub.join(", "))
    };
    let rules: HashMap<&str, (String, String)> =
        report.assessment.rules.iter().map(|it| (it.rule.id, clauses(it.rule))).collect();
    for (record, list) in [("finding", FindingList::Open), ("suppressed", FindingList::Suppressed)] {
        let render = |findings: &mut FindingIterator<'_>| -> io::Result<Vec<u8>> {
            let mut text = Vec::new();
            Rows::write_to(&mut text, |rows| {
                findings.try_for_each(|finding| {
                    let finding = finding?;
                    let clauses =
                        rules.get(finding.rule.id).map_or(("", ""), |(clauses, hub)| (clauses, hub));
                    let mut write = |row: &Row<'_>| rows.write(row.cells(&as_of));
                    write_finding(record, &finding, clauses, &mut write)
                })
            })?;
            Ok(text)
        };
        report.map_findings(list, usize::MAX, render, |text| out.write_all(&text?))?;
    }
    let summary = CoverageSummary::new(roll, &report.coverage, Some(report), &NeutralTerms).to_one_line();
    Rows::write_to(out, |rows| {
        let mut write = |row: &Row<'_>| rows.write(row.cells(&as_of));
        write_others(roll, report, &mut write)?;
        let json = coverage_json(&report.coverage)?;
        write(&Row { record: "coverage", message: &summary, coverage: &json, ..Row::default() })
    })
}

/// Writes what could not be evaluated, and what could not be read.
fn write_others(
    roll: &RollFile,
    report: &Report,
    write: &mut impl FnMut(&Row<'_>) -> io::Result<()>,
) -> io::Result<()> {
    for unknown in &report.assessment.unknown {
        let more = if unknown.count > unknown.examples.len() { ", …" } else { "" };
        let (missing, examples) = (unknown.missing, unknown.examples.join(", "));
        let message = format!(
            "{missing} unknown for {}: {}; {examples}{more}",
            with_thousands_separator(unknown.count),
            unknown.reason
        );
        write(&Row {
            record: "unknown",
            rule: unknown.rule,
            account_id: unknown.account_id.as_str(),
            account_name: unknown.account_name.as_deref().unwrap_or_default(),
            message: &message,
            ..Row::default()
        })?;
    }
    for result in report.assessment.rules.iter().filter(|result| !result.is_evaluated()) {
        write(&Row {
            record: "not_evaluated",
            rule: result.rule.id,
            severity: result.applied_severity.as_str(),
            message: &why_not_evaluated(result),
            ..Row::default()
        })?;
    }
    for it in &report.not_read {
        write(&Row {
            record: "not_read",
            account_id: it.account_id.as_str(),
            account_name: it.account_name.as_deref().unwrap_or_default(),
            organizational_unit: it.organizational_unit.as_deref().unwrap_or_default(),
            user_name: it.gap.user_name.as_deref().unwrap_or_default(),
            message: &gap_text(&it.gap),
            remedy: &it.advice(&roll.header),
            ..Row::default()
        })?;
    }
    Ok(())
}

/// The coverage as the `json` document has it, in one line.
pub(super) fn coverage_json(coverage: &Coverage) -> io::Result<String> {
    json::to_string(coverage)
}

/// Why a rule was evaluated for nothing.
pub(super) fn why_not_evaluated(result: &RuleResult) -> String {
    match result.missing_fact.filter(|_| result.lacks_facts()) {
        Some(fact) => format!("not evaluated: the rule needs {fact}, which was not requested"),
        None => "not evaluated: what the rule needs could not be read".to_owned(),
    }
}

fn write_finding(
    record: &str,
    finding: &Finding<'_>,
    (clauses, security_hub): (&str, &str),
    write: &mut impl FnMut(&Row<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let Finding { rule, subject, .. } = finding;
    let mut evidence = String::new();
    for it in &finding.evidence {
        let separator = if evidence.is_empty() { "" } else { "; " };
        // Writing to a String does not fail.
        let _ = write!(evidence, "{separator}{it}");
    }
    let advice = finding.advice.as_ref().map(|it| [it.action.as_str(), ": ", &it.reason].concat());
    write(&Row {
        record,
        id: &finding.id,
        score: &finding.score.points.to_string(),
        severity: finding.severity.as_str(),
        rule: rule.id,
        account_id: subject.account_id.as_str(),
        account_name: subject.account_name.as_deref().unwrap_or_default(),
        organizational_unit: subject.organizational_unit.as_deref().unwrap_or_default(),
        owner: finding.owner.as_ref().map_or("", |owner| &owner.name),
        user_name: subject.user_name.as_deref().unwrap_or_default(),
        user_arn: &subject.user_arn,
        access_key_id: subject.access_key_id.as_ref().map(AccessKeyId::as_str).unwrap_or_default(),
        message: &finding.message,
        evidence: &evidence,
        advice: &advice.unwrap_or_default(),
        remedy: &finding.remedy.to_text(),
        clauses,
        security_hub,
        exception: finding.exception.as_ref(),
        coverage: "",
    })
}

impl Row<'_> {
    fn cells<'b>(&'b self, as_of: &'b str) -> [Cow<'b, str>; 23] {
        let until = self.exception.map(|it| it.until.to_string()).unwrap_or_default();
        [
            self.record.into(),
            self.id.into(),
            self.score.into(),
            self.severity.into(),
            self.rule.into(),
            self.account_id.into(),
            self.account_name.into(),
            self.organizational_unit.into(),
            self.owner.into(),
            self.user_name.into(),
            self.user_arn.into(),
            self.access_key_id.into(),
            self.message.into(),
            self.evidence.into(),
            self.advice.into(),
            self.remedy.into(),
            self.clauses.into(),
            self.security_hub.into(),
            self.exception.map_or("", |it| &it.owner).into(),
            self.exception.map_or("", |it| &it.reason).into(),
            until.into(),
            as_of.into(),
            self.coverage.into(),
        ]
    }
}

/// A gap in one line: what is unknown, and why.
pub(super) fn gap_text(gap: &Gap) -> String {
    let call: Vec<&str> = gap.operation.iter().chain(&gap.code).map(String::as_str).collect();
    let call = if call.is_empty() { String::new() } else { format!("{}: ", call.join(": ")) };
    format!("{} unknown: {call}{}", gap.stage.label(), gap.message)
}

/// A CSV writer that makes every cell safe for terminals and spreadsheets.
pub(super) struct Rows<W: Write>(Writer<W>);

impl<W: Write> Rows<W> {
    /// Writes rows that `write` adds.
    pub(super) fn write_to(out: W, write: impl FnOnce(&mut Self) -> io::Result<()>) -> io::Result<()> {
        let writer =
            WriterBuilder::new().terminator(Terminator::CRLF).buffer_capacity(1 << 16).from_writer(out);
        let mut rows = Self(writer);
        write(&mut rows)?;
        rows.0.flush()
    }

    pub(super) fn write<'a, T: Into<Cow<'a, str>>>(
        &mut self,
        cells: impl IntoIterator<Item = T>,
    ) -> io::Result<()> {
        for cell in cells {
            self.0.write_field(safe_cell(&cell.into()).as_bytes()).map_err(io::Error::from)?;
        }
        self.0.write_record(None::<&[u8]>).map_err(io::Error::from)
    }
}

/// The text, changed so that no spreadsheet takes it for a formula: a cell that begins with one of these characters gets an
/// apostrophe in front.
///
/// Source: <https://owasp.org/www-community/attacks/CSV_Injection>
fn safe_cell(text: &str) -> Cow<'_, str> {
    let text = sanitize_lines(text);
    // Most texts begin with a letter or digit, which begins no formula.
    if text.as_bytes().first().is_none_or(u8::is_ascii_alphanumeric) {
        return text;
    }
    if text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) || text.starts_with('\'')
    {
        return format!("'{text}").into();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::safe_cell;

    #[test]
    fn no_cell_is_a_formula() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "＝1", " =1", "\n=1", "'=1"] {
            assert_eq!(safe_cell(text), format!("'{text}"), "{text:?}");
        }
        assert_eq!(safe_cell("\t=1"), "\u{fffd}=1");
        assert_eq!(safe_cell("a=1"), "a=1");
        assert_eq!(safe_cell(""), "");
    }
}
