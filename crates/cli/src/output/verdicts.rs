//! The table of verdicts, a row for each case.

use anstyle::AnsiColor;
use rolecall_policy::case::Verdict;
use rolecall_report::coverage_summary::with_thousands_separator;
use serde::Serialize;

use super::grid::{Cell, Column, table};
use super::sink::TerminalStyle;

/// The verdict of a case.
#[derive(Debug, Serialize)]
pub(crate) struct CaseResult {
    pub(crate) name: String,
    pub(crate) verdict: Verdict,
    pub(crate) decided_by: String,
    #[serde(skip)]
    pub(crate) expected: Option<Verdict>,
}

impl CaseResult {
    pub(crate) fn is_as_expected(&self) -> bool {
        self.expected.is_none_or(|expected| expected == self.verdict)
    }
}

/// Renders the table and its summary.
pub(crate) fn verdicts(results: &[CaseResult], terminal: TerminalStyle) -> String {
    let columns = [Column::id("VERDICT"), Column::text("CASE"), Column::text("DECIDED BY")];
    let row = |case: &CaseResult| {
        let (verdict, color) = match case.verdict {
            Verdict::Allowed => ("Allowed", AnsiColor::Green),
            Verdict::Denied => ("Denied", AnsiColor::Red),
        };
        let unexpected = if case.is_as_expected() { "" } else { " (not as expected)" };
        vec![
            Cell::styled(format!("{verdict}{unexpected}"), color.on_default()),
            Cell::new(&case.name),
            Cell::new(&case.decided_by),
        ]
    };
    let rows: Vec<Vec<Cell>> = results.iter().map(row).collect();
    let unexpected = results.iter().filter(|case| !case.is_as_expected()).count();
    let allowed = results.iter().filter(|case| case.verdict == Verdict::Allowed).count();
    let [all, allowed, denied, unexpected] =
        [results.len(), allowed, results.len() - allowed, unexpected].map(with_thousands_separator);
    let cases = if results.len() == 1 { "case" } else { "cases" };
    let mut summary = format!("{all} {cases}: {allowed} allowed, {denied} denied");
    if unexpected != "0" {
        summary += &format!("; {unexpected} not as expected");
    }
    format!("{}\n{summary}\n", table(terminal, columns, &rows))
}
