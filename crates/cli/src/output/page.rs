//! The coverage summary that a table ends with.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use rolecall_report::coverage_summary::{CoverageSummary, with_thousands_separator};

use super::sink::TerminalStyle;
use super::{hanging, printable};

/// The column in which the details of a row begin.
const DETAILS: usize = 20;

/// Renders the summary. `retry` says how to scan the missing accounts.
pub(super) fn render(summary: &CoverageSummary, retry: Option<&str>, terminal: TerminalStyle) -> String {
    let mut page = String::new();
    let color = if summary.is_complete { AnsiColor::Green } else { AnsiColor::Red };
    let style = if terminal.colors { color.on_default().bold() } else { Style::new() };
    let (verdict, origin) = (summary.verdict(), printable(&summary.origin().join("   ")));
    // The style has no width, so it is added after wrapping.
    let first = hanging(&format!("{verdict}   {origin}"), terminal.width, 2);
    let rest = first.strip_prefix(verdict).unwrap_or(&first);
    // Writing to a String does not fail.
    let _ = writeln!(page, "{style}{verdict}{style:#}{rest}");
    let mut write = |text: &str, indent| {
        let _ = writeln!(page, "{}", hanging(text, terminal.width, indent).trim_end());
    };
    if let Some(caller) = &summary.caller {
        write(&format!("caller {}", printable(caller)), 7);
    }
    for row in &summary.rows {
        let mut label = format!("{:>7} {:<10}  ", with_thousands_separator(row.count), row.label);
        if row.details.is_empty() {
            write(&label, DETAILS);
        }
        for detail in &row.details {
            write(&format!("{label}{}", printable(detail)), DETAILS);
            label = " ".repeat(DETAILS);
        }
    }
    if let (Some(retry), false) = (retry, summary.is_complete) {
        write(&format!("{:>7} {retry}", "retry"), 8);
    }
    for note in &summary.notes {
        write(&printable(note), 2);
    }
    page
}
