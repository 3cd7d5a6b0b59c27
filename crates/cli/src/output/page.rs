//! The coverage summary that a table begins with.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use rolecall_report::coverage_summary::{CoverageSummary, summary as accounts_users_keys};
use rolecall_roll::Coverage;

use super::sink::TerminalStyle;
use super::{hanging, printable};

/// The minimum width of the numbers, and the width of the labels.
const NUMBER: usize = 7;
const LABEL: usize = 10;

/// Renders the summary. `retry` says how to scan the missing accounts.
pub(super) fn render(summary: &CoverageSummary, retry: Option<&str>, terminal: TerminalStyle) -> String {
    let mut page = String::new();
    let style = verdict_style(summary, terminal);
    let (verdict, origin) = (summary.verdict(), printable(&summary.origin().join("   ")));
    // The style has no width, so it is added after wrapping.
    let first = hanging(&format!("{verdict}   {origin}"), terminal.width, 2);
    let rest = first.strip_prefix(verdict).unwrap_or(&first);
    // Writing to a String does not fail.
    let _ = writeln!(page, "{style}{verdict}{style:#}{rest}");
    let mut write = |text: &str, indent| {
        let _ = writeln!(page, "{}", hanging(text, terminal.width, indent).trim_end());
    };
    for part in &summary.scope {
        write(&format!("  {}", printable(part)), 4);
    }
    if let Some(caller) = &summary.caller {
        write(&format!("caller {}", printable(caller)), 7);
    }
    let counts: Vec<String> = summary.rows.iter().map(|row| row.count.to_string()).collect();
    let number = counts.iter().map(|count| count.chars().count()).max().unwrap_or_default().max(NUMBER);
    let details_at = number + LABEL + 3;
    for (row, count) in summary.rows.iter().zip(&counts) {
        let mut label = format!("{count:>number$} {:<LABEL$}  ", row.label);
        if row.details.is_empty() {
            write(&label, details_at);
        }
        for detail in &row.details {
            write(&format!("{label}{}", printable(detail)), details_at);
            label = " ".repeat(details_at);
        }
    }
    if let (Some(retry), false) = (retry, summary.is_complete) {
        write(&format!("{:>number$} {retry}", "next"), number + 1);
    }
    for note in &summary.notes {
        write(&printable(note), 2);
    }
    page.push('\n');
    page
}

/// The verdict again, with the numbers of accounts, users and keys, for the end of a terminal's output.
pub(super) fn last_line(summary: &CoverageSummary, coverage: &Coverage, terminal: TerminalStyle) -> String {
    let style = verdict_style(summary, terminal);
    let verdict = summary.verdict();
    let text =
        hanging(&printable(&format!("{verdict}: {}", accounts_users_keys(coverage))), terminal.width, 2);
    let rest = text.strip_prefix(verdict).unwrap_or(&text);
    format!("{style}{verdict}{style:#}{rest}\n")
}

fn verdict_style(summary: &CoverageSummary, terminal: TerminalStyle) -> Style {
    let color = match (summary.is_complete, summary.is_limited) {
        (false, _) => AnsiColor::Red,
        (true, true) => AnsiColor::Yellow,
        (true, false) => AnsiColor::Green,
    };
    if terminal.colors { color.on_default().bold() } else { Style::new() }
}
