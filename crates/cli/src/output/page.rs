//! The end of a roll on one page: what it covers, and of what it does not how much for which reason.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use rolecall_report::coverage_summary::{CoverageSummary, with_thousands_separator};

use super::sink::TerminalStyle;
use super::{hanging, printable};

/// Where the details of a row begin.
const DETAILS: usize = 19;

/// The page. `retry` is what to do where something is missing.
pub(super) fn render(statement: &CoverageSummary, retry: Option<&str>, look: TerminalStyle) -> String {
    let mut page = String::new();
    let color = if statement.is_complete { AnsiColor::Green } else { AnsiColor::Red };
    let style = if look.colours { color.on_default().bold() } else { Style::new() };
    let (verdict, origin) = (statement.verdict(), printable(&statement.origin().join("   ")));
    // The style takes no room: it is put in where the line is wrapped.
    let first = hanging(&format!("{verdict}   {origin}"), look.width, 2);
    let rest = first.strip_prefix(verdict).unwrap_or(&first);
    // Writing to a String does not fail.
    let _ = writeln!(page, "{style}{verdict}{style:#}{rest}");
    let mut write = |text: &str, indent| {
        let _ = writeln!(page, "{}", hanging(text, look.width, indent).trim_end());
    };
    if let Some(caller) = &statement.caller {
        write(&format!("caller {}", printable(caller)), 7);
    }
    for row in &statement.rows {
        let mut label = format!("{:>7} {:<9}  ", with_thousands_separator(row.count), row.label);
        if row.details.is_empty() {
            write(&label, DETAILS);
        }
        for detail in &row.details {
            write(&format!("{label}{}", printable(detail)), DETAILS);
            label = " ".repeat(DETAILS);
        }
    }
    if let (Some(retry), false) = (retry, statement.is_complete) {
        write(&format!("{:>7} {retry}", "retry"), 8);
    }
    for note in &statement.notes {
        write(&printable(note), 2);
    }
    page
}
