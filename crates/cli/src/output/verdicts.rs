//! Verdicts for people: a row a situation.

use anstyle::AnsiColor;
use rolecall_policy::case::Verdict;
use rolecall_report::coverage_summary::with_thousands_separator;
use serde::Serialize;

use super::grid::{Cell, Column, table};
use super::sink::TerminalStyle;

/// What became of a situation.
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

/// A row for each.
pub(crate) fn verdicts(answers: &[CaseResult], look: TerminalStyle) -> String {
    let columns = [Column::id("VERDICT"), Column::text("SITUATION"), Column::text("DECIDED BY")];
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
    let rows: Vec<Vec<Cell>> = answers.iter().map(row).collect();
    let unexpected = answers.iter().filter(|case| !case.is_as_expected()).count();
    let allowed = answers.iter().filter(|case| case.verdict == Verdict::Allowed).count();
    let [all, allowed, denied, unexpected] =
        [answers.len(), allowed, answers.len() - allowed, unexpected].map(with_thousands_separator);
    let situations = if answers.len() == 1 { "situation" } else { "situations" };
    let mut summary = format!("{all} {situations}: {allowed} allowed, {denied} denied");
    if unexpected != "0" {
        summary += &format!("; {unexpected} not as expected");
    }
    format!("{}\n{summary}\n", table(look, columns, &rows))
}
