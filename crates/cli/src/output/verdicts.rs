//! Verdicts for people: a row a situation.

use comfy_table::{Attribute, Cell, Color};
use rolecall_policy::case::Verdict;
use serde::Serialize;

use super::printable;
use super::sink::TerminalStyle;
use super::table::{lines, table};

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
    let header = ["VERDICT", "SITUATION", "DECIDED BY"];
    let mut rows = table(look, header.map(|name| Cell::new(name).add_attribute(Attribute::Bold)));
    for case in answers {
        let (verdict, colour) = match case.verdict {
            Verdict::Allowed => ("Allowed", Color::Green),
            Verdict::Denied => ("Denied", Color::Red),
        };
        let unexpected = if case.is_as_expected() { "" } else { " (not as expected)" };
        rows.add_row([
            Cell::new(format!("{verdict}{unexpected}")).fg(colour),
            Cell::new(printable(&case.name)),
            Cell::new(printable(&case.decided_by)),
        ]);
    }
    let unexpected = answers.iter().filter(|case| !case.is_as_expected()).count();
    let allowed = answers.iter().filter(|case| case.verdict == Verdict::Allowed).count();
    let mut summary =
        format!("{} situations: {allowed} allowed, {} denied", answers.len(), answers.len() - allowed);
    if unexpected > 0 {
        summary += &format!("; {unexpected} not as expected");
    }
    format!("{}\n{summary}\n", lines(rows))
}
