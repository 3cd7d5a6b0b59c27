//! The table of findings, the most urgent first.

use std::io::{self, Write};

use rolecall_report::coverage_summary::with_thousands_separator;
use rolecall_report::finding::Suppression;
use rolecall_report::report::{FindingIterator, FindingList, Grouping};
use rolecall_report::{Finding, FindingDetails, Report};
use rolecall_roll::AccessKeyId;

use super::grid::{Cell, Column, Layout, Measured};
use super::sink::TerminalStyle;
use super::{hanging, printable};

/// What the table shows of a finding beside its subject and message.
pub(crate) const DETAILS: FindingDetails =
    FindingDetails { evidence: false, score_components: false, remedy: false };

/// Writes at most `limit` findings, the most urgent first, in groups if a grouping is given.
pub(super) fn render(
    out: &mut impl Write,
    report: &Report,
    grouping: Option<Grouping>,
    limit: usize,
    terminal: TerminalStyle,
) -> io::Result<()> {
    if grouping.is_none() {
        write_most_urgent(out, report, limit, terminal)?;
    }
    for (group, findings) in report.most_urgent_groups(grouping, limit) {
        let Some(group) = group else { continue };
        writeln!(out, "{}", hanging(&printable(&group), terminal.width, 2))?;
        let mut measured = Measured::new(columns());
        for finding in &findings {
            measured.add(&row(finding));
        }
        let layout = Layout::new(measured, terminal);
        layout.write_header(out)?;
        findings.iter().try_for_each(|finding| layout.write_row(out, &row(finding)))?;
        writeln!(out)?;
    }
    // Filtered findings are all kept, not only the most urgent.
    let shown = if report.filter.is_some() { report.findings.len() } else { report.open_count() };
    let more = shown.saturating_sub(limit);
    if more > 0 {
        let findings = if more == 1 { "finding" } else { "findings" };
        let more = with_thousands_separator(more);
        writeln!(out, "… and {more} more {findings}, less urgent. To see all of them:")?;
        writeln!(out, "  --all, or --format csv --out FILE\n")?;
    }
    Ok(())
}

/// Reads the findings twice, to measure the rows and to write them: all rows may need more memory than there is.
fn write_most_urgent(
    out: &mut impl Write,
    report: &Report,
    limit: usize,
    terminal: TerminalStyle,
) -> io::Result<()> {
    let measure = |findings: &mut FindingIterator<'_>| -> io::Result<Measured> {
        let mut measured = Measured::new(columns());
        findings.try_for_each(|finding| finding.map(|finding| measured.add(&row(&finding))))?;
        Ok(measured)
    };
    let mut measured = Measured::new(columns());
    report.map_findings_unordered(FindingList::Open, limit, measure, |some| {
        some.map(|some| measured.add_all(some))
    })?;
    if measured.rows == 0 {
        return Ok(());
    }
    let layout = Layout::new(measured, terminal);
    layout.write_header(out)?;
    let write_rows = |findings: &mut FindingIterator<'_>| -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        findings.try_for_each(|finding| layout.write_row(&mut text, &row(finding?.as_ref())))?;
        Ok(text)
    };
    report.map_findings(FindingList::Open, limit, write_rows, |text| out.write_all(&text?))?;
    writeln!(out)
}

fn columns() -> [Column; 7] {
    [
        Column::number("SCORE"),
        Column::id("SEVERITY"),
        Column::account("ACCOUNT"),
        Column::id("USER"),
        Column::id("ACCESS KEY"),
        Column::text("FINDING"),
        Column::id("ADVICE"),
    ]
}

fn row<'a>(finding: &'a Finding<'_>) -> [Cell<'a>; 7] {
    let subject = &finding.subject;
    let key = subject.access_key_id.as_ref().map(AccessKeyId::as_str);
    let message = match &finding.exception {
        None => Cell::borrowed(&finding.message),
        Some(Suppression { owner, until, .. }) => {
            Cell::new(format!("{} (the exception of {owner} expired on {until})", finding.message))
        }
    };
    [
        Cell::new(finding.score.points),
        Cell::severity(finding.severity),
        Cell::new(subject.account_label()),
        Cell::borrowed(subject.user_name.as_deref().unwrap_or("root user")),
        Cell::borrowed(key.unwrap_or_default()),
        message,
        Cell::borrowed(finding.advice.as_ref().map_or("", |advice| advice.action.as_str())),
    ]
}
