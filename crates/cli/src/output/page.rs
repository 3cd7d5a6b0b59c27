//! The end of a roll on one page: what it covers, and of what it does not how much for which reason.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use rolecall_report::coverage_summary::{CoverageSummary, with_thousands_separator};

use super::printable;
use super::sink::TerminalStyle;

/// The page. `retry` is what to do where something is missing.
pub(super) fn render(statement: &CoverageSummary, retry: Option<&str>, look: TerminalStyle) -> String {
    let mut page = String::new();
    let colour = if statement.is_complete { AnsiColor::Green } else { AnsiColor::Red };
    let style = if look.colours { colour.on_default().bold() } else { Style::new() };
    let (verdict, origin) = (statement.verdict(), printable(&statement.origin().join("   ")));
    // Writing to a String does not fail.
    let _ = writeln!(page, "{style}{verdict}{style:#}   {origin}");
    if let Some(caller) = &statement.caller {
        let _ = writeln!(page, "caller {}", printable(caller));
    }
    for line in &statement.rows {
        let what: Vec<String> = line.details.iter().map(|what| printable(what)).collect();
        let what = what.join(&format!("\n{:19}", ""));
        let _ = writeln!(
            page,
            "{}",
            format!("{:>7} {:<9}  {what}", with_thousands_separator(line.count), line.label).trim_end()
        );
    }
    if let (Some(retry), false) = (retry, statement.is_complete) {
        let _ = writeln!(page, "{:>7} {retry}", "retry");
    }
    for note in &statement.notes {
        let _ = writeln!(page, "{}", printable(note));
    }
    page
}
