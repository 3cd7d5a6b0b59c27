//! The table of verdicts, a row for each case.

use anstyle::{AnsiColor, Style};
use rolecall_policy::case::Verdict;
use rolecall_policy::{Case, Decision};
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
    /// The result of a valid case.
    pub(crate) fn new(case: &Case, decision: &Decision) -> Self {
        Self {
            name: case.name.clone(),
            verdict: Some(Verdict::from(decision)),
            decided_by: Some(decision.to_string()),
            problem: None,
            expected: case.expected,
        }
    }

    /// The result of an invalid case.
    pub(crate) fn invalid(case: &Case, problem: String) -> Self {
        let name = case.name.clone();
        Self { name, verdict: None, decided_by: None, problem: Some(problem), expected: None }
    }

    /// The verdict in words, and its style.
    pub(super) fn verdict_text(&self) -> (String, Style) {
        let (verdict, color) = match self.verdict {
            Some(Verdict::Allowed) => ("Allowed", AnsiColor::Green),
            Some(Verdict::Denied) => ("Denied", AnsiColor::Red),
            None => ("Invalid", AnsiColor::Yellow),
        };
        let unexpected = if self.is_as_expected() { "" } else { " (not as expected)" };
        (format!("{verdict}{unexpected}"), color.on_default())
    }

    /// What decided a valid case, or what is wrong with an invalid one.
    pub(super) fn reason(&self) -> &str {
        self.problem.as_ref().or(self.decided_by.as_ref()).map_or("", String::as_str)
    }

    pub(crate) fn is_as_expected(&self) -> bool {
        self.expected.is_none_or(|expected| Some(expected) == self.verdict)
    }
}

/// Renders the table and its summary.
pub(crate) fn verdicts(results: &[CaseResult], terminal: TerminalStyle) -> String {
    let columns = [Column::id("VERDICT"), Column::text("CASE"), Column::text("DECIDED BY")];
    let row = |case: &CaseResult| {
        let (verdict, style) = case.verdict_text();
        vec![Cell::styled(verdict, style), Cell::new(&case.name), Cell::new(case.reason())]
    };
    let rows: Vec<Vec<Cell<'_>>> = results.iter().map(row).collect();
    let summary = summary(&results.iter().collect::<Vec<_>>());
    format!("{}\n{summary}\n", table(terminal, columns, &rows))
}

/// `2 cases: 1 allowed, 1 denied`.
pub(super) fn summary(results: &[&CaseResult]) -> String {
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
    summary
}
