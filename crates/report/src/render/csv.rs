//! Findings as RFC 4180, a row each; and as rows of their own what somebody answers for, what could not be judged, which
//! accounts could not be read, and what the roll covers: whoever counts rows does not miss what is missing.

use std::io::{self, Write};

use csv::{Terminator, Writer, WriterBuilder};
use rolecall_roll::{AccountRoll, Gap, Outcome, Stored};

use super::harmless_lines;
use crate::finding::Finding;
use crate::report::Report;
use crate::statement::Statement;

/// The columns. `record` is `finding`, `excepted`, `unknown`, `not_read` or `coverage`.
const COLUMNS: [&str; 22] = [
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
];

/// Writes them.
///
/// # Errors
/// Those of `out` and of the roll file.
pub fn render(out: &mut impl Write, stored: &Stored, report: &Report) -> io::Result<()> {
    let mut rows = Rows::new(out, &COLUMNS);
    let as_of = stored.header.as_of.to_string();
    rows.header()?;
    for (record, findings) in [("finding", &report.findings), ("excepted", &report.excepted)] {
        for finding in findings {
            of_finding(&mut rows, record, finding, &as_of)?;
        }
    }
    for unknown in &report.assessment.unknown {
        let some = unknown.some.join(", ");
        rows.write(&[
            ("record", "unknown"),
            ("rule", unknown.rule),
            ("account_id", unknown.account_id.as_str()),
            (
                "message",
                &format!(
                    "{} unknown for {}: {}; {some}",
                    unknown.fact.what(),
                    unknown.number,
                    unknown.reason
                ),
            ),
            ("as_of", &as_of),
        ])?;
    }
    for account in stored.accounts() {
        let account = account?;
        for gap in not_read(&account) {
            rows.write(&[
                ("record", "not_read"),
                ("account_id", account.account_id().as_str()),
                ("account_name", name(&account)),
                ("organizational_unit", unit(&account)),
                ("user_name", gap.user_name.as_deref().unwrap_or_default()),
                ("message", &in_words(gap)),
                ("remedy", &gap.remedy),
                ("as_of", &as_of),
            ])?;
        }
    }
    let statement = Statement::of(stored, &report.coverage, Some(report)).in_a_line();
    rows.write(&[("record", "coverage"), ("message", &statement), ("as_of", &as_of)])?;
    rows.finish()
}

fn of_finding<W: Write>(rows: &mut Rows<W>, record: &str, finding: &Finding, as_of: &str) -> io::Result<()> {
    let subject = &finding.subject;
    let clauses: Vec<String> =
        finding.rule.benchmarks.iter().map(|(benchmark, clause)| format!("{benchmark} {clause}")).collect();
    let evidence: Vec<String> = finding.evidence.iter().map(ToString::to_string).collect();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let advice = finding.advice.as_ref().map(|it| format!("{}: {}", it.action, it.because));
    let exception = finding.exception.as_ref();
    let of_exception = |of: fn(&crate::finding::Excepted) -> String| exception.map(of).unwrap_or_default();
    rows.write(&[
        ("record", record),
        ("id", &finding.id),
        ("score", &finding.score.points.to_string()),
        ("severity", finding.severity.as_str()),
        ("rule", finding.rule.id),
        ("account_id", subject.account_id.as_str()),
        ("account_name", &text(&subject.account_name)),
        ("organizational_unit", &text(&subject.organizational_unit)),
        ("owner", finding.owner.as_ref().map_or("", |owner| &owner.name)),
        ("user_name", &text(&subject.user_name)),
        ("user_arn", &subject.user_arn),
        ("access_key_id", &text(&subject.access_key_id)),
        ("message", &finding.message),
        ("evidence", &evidence.join("; ")),
        ("advice", &advice.unwrap_or_default()),
        ("remedy", &finding.remedy),
        ("clauses", &clauses.join(", ")),
        ("security_hub", &finding.rule.security_hub.join(", ")),
        ("exception_owner", &of_exception(|it| it.owner.clone())),
        ("exception_reason", &of_exception(|it| it.reason.clone())),
        ("exception_until", &of_exception(|it| it.until.to_string())),
        ("as_of", as_of),
    ])
}

/// What of an account was not read.
pub(super) fn not_read(account: &AccountRoll) -> &[Gap] {
    match account.outcome() {
        Outcome::Partial | Outcome::Failed => account.gaps(),
        Outcome::Complete | Outcome::Skipped => &[],
    }
}

/// A gap in a line.
pub(super) fn in_words(gap: &Gap) -> String {
    let call: Vec<&str> = gap.operation.iter().chain(&gap.code).map(String::as_str).collect();
    let call = if call.is_empty() { String::new() } else { format!("{}: ", call.join(": ")) };
    format!("{} unknown: {call}{}", gap.step.what(), gap.message)
}

pub(super) fn name(account: &AccountRoll) -> &str {
    account.account().and_then(|account| account.name.as_deref()).unwrap_or_default()
}

pub(super) fn unit(account: &AccountRoll) -> &str {
    account.account().and_then(|account| account.organizational_unit.as_deref()).unwrap_or_default()
}

/// Rows of the same columns, cells named by their columns.
pub(super) struct Rows<W: Write> {
    out: Writer<W>,
    columns: &'static [&'static str],
}

impl<W: Write> Rows<W> {
    pub(super) fn new(out: W, columns: &'static [&'static str]) -> Self {
        Self { out: WriterBuilder::new().terminator(Terminator::CRLF).from_writer(out), columns }
    }

    pub(super) fn header(&mut self) -> io::Result<()> {
        self.out.write_record(self.columns).map_err(io::Error::from)
    }

    pub(super) fn write(&mut self, cells: &[(&str, &str)]) -> io::Result<()> {
        for column in self.columns {
            let cell = cells.iter().find(|(name, _)| name == column).map_or("", |(_, text)| text);
            self.out.write_field(cell_of(cell)).map_err(io::Error::from)?;
        }
        self.out.write_record(None::<&[u8]>).map_err(io::Error::from)
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The text, which no spreadsheet takes for a formula: that is what a cell that begins with one of these is to it.
///
/// Source: <https://owasp.org/www-community/attacks/CSV_Injection>
fn cell_of(text: &str) -> String {
    let text = harmless_lines(text);
    if text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) || text.starts_with('\'')
    {
        return format!("'{text}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::cell_of;

    #[test]
    fn no_cell_is_a_formula() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "＝1", " =1", "\n=1", "'=1"] {
            assert_eq!(cell_of(text), format!("'{text}"), "{text:?}");
        }
        assert_eq!(cell_of("\t=1"), "\u{fffd}=1");
        assert_eq!(cell_of("a=1"), "a=1");
        assert_eq!(cell_of(""), "");
    }
}
