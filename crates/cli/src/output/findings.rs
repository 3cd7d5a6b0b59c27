//! Findings for people: a row each, the most urgent first.

use std::io::{self, Write};

use comfy_table::{Attribute, Cell, CellAlignment, Color};
use rolecall_report::coverage_summary::with_thousands_separator;
use rolecall_report::report::Grouping;
use rolecall_report::{Finding, Report, Severity};
use rolecall_roll::AccessKeyId;

use super::printable;
use super::sink::TerminalStyle;
use super::table::{lines, table};

const HEADER: [&str; 7] =
    ["SCORE", "SEVERITY", "ACCOUNT", "USER", "ACCESS KEY", "FINDING", "KEYS AND PASSWORD"];

/// Writes the most urgent, in groups if one likes.
pub(super) fn render(
    out: &mut impl Write,
    report: &Report,
    grouping: Option<Grouping>,
    most: usize,
    look: TerminalStyle,
) -> io::Result<()> {
    for (group, findings) in report.groups(grouping) {
        if findings.is_empty() {
            continue;
        }
        if let Some(group) = group {
            writeln!(out, "{}", printable(&group))?;
        }
        let mut table = table(look, HEADER.map(|name| Cell::new(name).add_attribute(Attribute::Bold)));
        for finding in findings.into_iter().take(most) {
            table.add_row(row(finding));
        }
        if let Some(score) = table.column_mut(0) {
            score.set_cell_alignment(CellAlignment::Right);
        }
        writeln!(out, "{}", lines(table))?;
    }
    let more = report.open_count().saturating_sub(most);
    if more > 0 {
        let more = with_thousands_separator(more);
        writeln!(
            out,
            "… and {more} more, less urgent: --format csv, html or json --out FILE has all of them\n"
        )?;
    }
    Ok(())
}

fn row(finding: &Finding) -> Vec<Cell> {
    let subject = &finding.subject;
    let account = subject.account_name.clone().unwrap_or_else(|| subject.account_id.to_string());
    let severity = Cell::new(finding.severity);
    let severity = match finding.severity {
        Severity::Critical => severity.fg(Color::Red).add_attribute(Attribute::Bold),
        Severity::High => severity.fg(Color::Red),
        Severity::Medium => severity.fg(Color::Yellow),
        Severity::Low | Severity::Informational => severity,
    };
    let text = |text: Option<&str>| Cell::new(printable(text.unwrap_or_default()));
    let advice = finding.advice.as_ref().map(|advice| advice.action.to_string());
    let lapsed = finding.exception.as_ref().map_or(String::new(), |exception| {
        format!(" (the exception of {} ended {})", exception.owner, exception.until)
    });
    vec![
        Cell::new(finding.score.points),
        severity,
        text(Some(&account)),
        text(Some(subject.user_name.as_deref().unwrap_or("root user"))),
        text(subject.access_key_id.as_ref().map(AccessKeyId::as_str)),
        text(Some(&format!("{}{lapsed}", finding.message))),
        text(advice.as_deref()),
    ]
}
