//! The table of verdicts, a row for each case.

use anstyle::AnsiColor;
use rolecall_policy::case::Verdict;
use rolecall_report::coverage_summary::with_thousands_separator;
use serde::Serialize;

use super::grid::{Cell, Column, table};
use super::sink::TerminalStyle;

/// The verdict of a case, or what is wrong with the case.
#[derive(Debug, Serialize)]
pub(crate) struct CaseResult {
    pub(crate) name: String,
    /// `None` where the case is invalid.
    pub(crate) verdict: Option<Verdict>,
    /// `None` where the case is invalid.
    pub(crate) decided_by: Option<String>,
    /// The place in the file and what is wrong there; `None` where the case is valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
    #[serde(skip)]
    pub(crate) expected: Option<Verdict>,
}

impl CaseResult {
    pub(crate) fn is_as_expected(&self) -> bool {
        self.expected.is_none_or(|expected| Some(expected) == self.verdict)
    }
}

/// Renders the table and its summary.
pub(crate) fn verdicts(results: &[CaseResult], terminal: TerminalStyle) -> String {
    let columns = [Column::id("VERDICT"), Column::text("CASE"), Column::text("DECIDED BY")];
    let row = |case: &CaseResult| {
        let (verdict, color) = match case.verdict {
            Some(Verdict::Allowed) => ("Allowed", AnsiColor::Green),
            Some(Verdict::Denied) => ("Denied", AnsiColor::Red),
            None => ("Invalid", AnsiColor::Yellow),
        };
        let unexpected = if case.is_as_expected() { "" } else { " (not as expected)" };
        vec![
            Cell::styled(format!("{verdict}{unexpected}"), color.on_default()),
            Cell::new(&case.name),
            Cell::new(case.problem.as_ref().or(case.decided_by.as_ref()).map_or("", String::as_str)),
        ]
    };
    let rows: Vec<Vec<Cell<'_>>> = results.iter().map(row).collect();
    let unexpected = results.iter().filter(|case| !case.is_as_expected()).count();
    let count = |verdict| results.iter().filter(|case| case.verdict == verdict).count();
    let [all, allowed, denied, invalid, unexpected] =
        [results.len(), count(Some(Verdict::Allowed)), count(Some(Verdict::Denied)), count(None), unexpected]
            .map(with_thousands_separator);
    let cases = if results.len() == 1 { "case" } else { "cases" };
    let mut summary = format!("{all} {cases}: {allowed} allowed, {denied} denied");
    if invalid != "0" {
        summary += &format!(", {invalid} invalid");
    }
    if unexpected != "0" {
        summary += &format!("; {unexpected} not as expected");
    }
    format!("{}\n{summary}\n", table(terminal, columns, &rows))
}
