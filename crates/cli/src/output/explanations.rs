//! The explanation of each case: its verdict, and a row for each of its policies.

use anstyle::{AnsiColor, Style};
use rolecall_policy::{DocumentEffect, DocumentExplanation, NearestStatement};
use serde::Serialize;

use super::grid::{Cell, Column, table};
use super::sink::TerminalStyle;
use super::verdicts::summary;
use super::{CaseResult, hanging, hanging_lines, printable};

/// The result of a case, and why.
#[derive(Debug, Serialize)]
pub(crate) struct ExplainedCase {
    #[serde(flatten)]
    pub(crate) result: CaseResult,
    /// What each policy contributed; empty where the case is invalid, or no policy can change the decision.
    pub(crate) documents: Vec<DocumentExplanation>,
    /// What should be corrected in the policies, with the place in the file.
    pub(crate) warnings: Vec<String>,
}

/// Renders the explanations and their summary.
pub(crate) fn explanations(cases: &[ExplainedCase], terminal: TerminalStyle) -> String {
    let mut text: String = cases.iter().map(|case| explanation(case, terminal) + "\n").collect();
    text += &summary(&cases.iter().map(|case| &case.result).collect::<Vec<_>>());
    text.push('\n');
    text
}

fn explanation(case: &ExplainedCase, terminal: TerminalStyle) -> String {
    let mut text = heading(&case.result, terminal);
    if !case.documents.is_empty() {
        let columns = [
            Column::id("POLICY"),
            Column::id("EFFECT"),
            Column::id("STATEMENT"),
            Column::text("DOES NOT MATCH"),
        ];
        let rows: Vec<Vec<Cell<'_>>> = case.documents.iter().map(row).collect();
        text += &table(terminal, columns, &rows);
    }
    for warning in &case.warnings {
        text += &hanging_lines(&format!("warning: {}", printable(warning)), terminal, 2);
    }
    text
}

/// `Denied  LambdaRole assumes IAMListRole: no trust policy allows it`.
fn heading(result: &CaseResult, terminal: TerminalStyle) -> String {
    let (verdict, style) = result.verdict_text();
    let style = if terminal.colors { style } else { Style::new() };
    let line = printable(&format!("{verdict}  {}: {}", result.name, result.reason()));
    let line = hanging(&line, terminal.width, 2);
    // The style has no width, so it is added after wrapping.
    match line.strip_prefix(&verdict) {
        Some(rest) => format!("{style}{verdict}{style:#}{rest}\n"),
        None => format!("{line}\n"),
    }
}

fn row(document: &DocumentExplanation) -> Vec<Cell<'_>> {
    let (effect, style, statement, text) = match &document.effect {
        DocumentEffect::Allows { statement } => {
            ("allows", AnsiColor::Green.on_default(), statement.as_str(), String::new())
        }
        DocumentEffect::Denies { statement } => {
            ("denies", AnsiColor::Red.on_default(), statement.as_str(), String::new())
        }
        DocumentEffect::NoEffect { nearest: Some(nearest) } => {
            ("no effect", Style::new(), nearest.statement.as_str(), first_mismatch(nearest))
        }
        DocumentEffect::NoEffect { nearest: None } => {
            ("no effect", Style::new(), "", "it has no statement with Allow".to_owned())
        }
        DocumentEffect::DoesNotApply { reason } => ("not applied", Style::new(), "", (*reason).to_owned()),
    };
    vec![Cell::new(&document.document), Cell::styled(effect, style), Cell::new(statement), Cell::new(text)]
}

/// The first element that does not match, and how many more there are.
fn first_mismatch(nearest: &NearestStatement) -> String {
    let Some((first, more)) = nearest.mismatches.split_first() else { return String::new() };
    let more: Vec<String> = more.iter().map(|mismatch| mismatch.element.to_string()).collect();
    if more.is_empty() { first.to_string() } else { format!("{first}; also {}", more.join(", ")) }
}
