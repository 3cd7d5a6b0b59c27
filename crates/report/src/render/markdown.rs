//! The report as GitHub Flavored Markdown, for tickets and wikis. Names are escaped: they make no links, no formatting and
//! no mentions.
//!
//! Source: <https://github.github.com/gfm/>

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

use rolecall_roll::{AccessKeyId, NeutralTerms, RollFile};

use super::csv::gap_text;
use super::{are_all, sanitize};
use crate::count::Count;
use crate::coverage_summary::{CoverageSummary, with_thousands_separator};
use crate::diff::{Diff, Section};
use crate::finding::{Finding, FindingDetails};
use crate::report::{FindingIterator, FindingList, Grouping, Report};

/// What the format shows of a finding beside its subject and message.
pub const DETAILS: FindingDetails =
    FindingDetails { evidence: false, score_components: false, remedy: false };

/// Writes the report as Markdown, the findings in groups where a grouping is given.
///
/// # Errors
/// The first error of `out` or of reading the roll file.
pub fn render(
    out: &mut impl Write,
    roll: &RollFile,
    report: &Report,
    grouping: Option<Grouping>,
) -> io::Result<()> {
    let summary = CoverageSummary::new(roll, &report.coverage, Some(report), &NeutralTerms);
    writeln!(out, "# IAM users and access keys\n")?;
    writeln!(out, "**{}** {}\n", summary.verdict(), escaped(&summary.origin().join(" · ")))?;
    writeln!(out, "{}\n", escaped(&summary.scope.join(" · ")))?;
    if let Some(caller) = &summary.caller {
        writeln!(out, "Caller {}\n", escaped(caller))?;
    }
    writeln!(out, "| | | |\n|--:|---|---|")?;
    for row in &summary.rows {
        let details: Vec<Cow<'_, str>> = row.details.iter().map(|detail| escaped(detail)).collect();
        writeln!(out, "| {} | {} | {} |", row.count, row.label, details.join("<br>"))?;
    }
    for note in &summary.notes {
        writeln!(out, "\n{}", escaped(note))?;
    }
    if !report.not_read.is_empty() {
        writeln!(out, "\n## Not read\n\n| account | user | gap | remedy |\n|---|---|---|---|")?;
    }
    for it in &report.not_read {
        let account = format!("{} {}", it.account_id, it.account_name.as_deref().unwrap_or_default());
        let user = it.gap.user_name.as_deref().unwrap_or_default();
        let gap = gap_text(&it.gap);
        let remedy = it.advice(&roll.header);
        let cells = [account.trim(), user, &gap, &remedy].map(escaped);
        writeln!(out, "| {} |", cells.join(" | "))?;
    }
    let groups = report.groups(grouping);
    if grouping.is_none() || groups.is_empty() {
        writeln!(out, "\n## Open findings, most urgent first\n")?;
        match &report.filter {
            Some(filter) if report.shown_count() == 0 => writeln!(out, "{}", escaped(&filter.to_text()))?,
            _ if report.open_total() == Count::NotEvaluated => writeln!(out, "No rule was evaluated.")?,
            _ => write_open(out, report)?,
        }
    }
    for (group, findings) in groups {
        let Some(group) = group else { continue };
        writeln!(out, "\n## {}\n", escaped(&group))?;
        let mut rows = String::from(OPEN_HEADER);
        for finding in findings {
            push_open(&mut rows, finding);
        }
        out.write_all(rows.as_bytes())?;
    }
    write_rows(out, report, FindingList::Suppressed, SUPPRESSED_HEADER, push_suppressed).map(|_| ())
}

const OPEN_HEADER: &str = "\
| score | severity | account | user | access key | finding | owner | advice |
|--:|---|---|---|---|---|---|---|
";

const SUPPRESSED_HEADER: &str = "
## Suppressed findings

| account | user | access key | finding | exception owner | reason | until |
|---|---|---|---|---|---|---|
";

/// Writes the header, and a row for each finding of a list; nothing where there are none. Returns whether there are any.
fn write_rows(
    out: &mut impl Write,
    report: &Report,
    list: FindingList,
    header: &str,
    push: fn(&mut String, &Finding<'_>),
) -> io::Result<bool> {
    let mut has_rows = false;
    let render = |findings: &mut FindingIterator<'_>| -> io::Result<String> {
        let mut rows = String::new();
        findings.try_for_each(|finding| finding.map(|finding| push(&mut rows, &finding)))?;
        Ok(rows)
    };
    report.map_findings(list, usize::MAX, render, |rows| -> io::Result<()> {
        if !has_rows {
            out.write_all(header.as_bytes())?;
        }
        has_rows = true;
        out.write_all(rows?.as_bytes())
    })?;
    Ok(has_rows)
}

fn write_open(out: &mut impl Write, report: &Report) -> io::Result<()> {
    if !write_rows(out, report, FindingList::Open, OPEN_HEADER, push_open)? {
        writeln!(out, "No open findings by the rules that were evaluated.")?;
    }
    Ok(())
}

fn push_suppressed(rows: &mut String, finding: &Finding<'_>) {
    let exception = finding.exception.as_ref();
    let until = exception.map(|it| it.until.to_string()).unwrap_or_default();
    let (owner, reason) = exception.map_or(("", ""), |it| (&it.owner, &it.reason));
    let [account, user, key] = subject_cells(finding);
    let cells = [&*account, &user, &key, &finding.message, owner, reason, &until];
    rows.push_str(&format!("| {} |\n", cells.map(escaped).join(" | ")));
}

fn push_open(rows: &mut String, finding: &Finding<'_>) {
    let subject = &finding.subject;
    let (points, severity) = (finding.score.points, finding.severity.as_str());
    // Writing to a String does not fail.
    let _ = write!(rows, "| {points} | {severity} | {}", subject.account_id.as_str());
    let mut add_cell = |separator: &str, text: &str| {
        rows.push_str(separator);
        rows.push_str(&escaped(text));
    };
    if let Some(name) = &subject.account_name {
        add_cell(" ", name);
    }
    add_cell(" | ", subject.user_name.as_deref().unwrap_or("root user"));
    add_cell(" | ", subject.access_key_id.as_ref().map(AccessKeyId::as_str).unwrap_or_default());
    add_cell(" | ", &finding.message);
    add_cell(" | ", finding.owner.as_ref().map_or("", |owner| &owner.name));
    rows.push_str(" | ");
    rows.push_str(finding.advice.as_ref().map_or("", |advice| advice.action.as_str()));
    rows.push_str(" |\n");
}

/// Writes the differences between two rolls as Markdown.
///
/// # Errors
/// The first error of `out`.
pub fn render_diff(out: &mut impl Write, diff: &Diff) -> io::Result<()> {
    writeln!(out, "# IAM users and access keys: what changed\n")?;
    for note in diff.notes() {
        writeln!(out, "{}\n", escaped(&note))?;
    }
    let sections = diff.sections();
    if sections.is_empty() {
        let text =
            if diff.is_complete() { "No differences." } else { "No differences in what was compared." };
        writeln!(out, "{text}")?;
    }
    for Section { title, columns, rows } in sections {
        writeln!(out, "## {title} ({})\n", with_thousands_separator(rows.len()))?;
        writeln!(out, "| {} |", columns.join(" | "))?;
        writeln!(out, "|{}", "---|".repeat(columns.len()))?;
        for row in rows {
            let cells: Vec<Cow<'_, str>> = row.iter().map(|cell| escaped(cell)).collect();
            writeln!(out, "| {} |", cells.join(" | "))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// The account, user and key of a finding, as cells.
fn subject_cells(finding: &Finding<'_>) -> [String; 3] {
    let subject = &finding.subject;
    let name = subject.account_name.as_deref().unwrap_or_default();
    let account = format!("{} {name}", subject.account_id).trim_end().to_owned();
    let user = subject.user_name.as_deref().unwrap_or("root user").to_owned();
    [account, user, subject.access_key_id.clone().map(String::from).unwrap_or_default()]
}

/// Escapes a text for Markdown, so that it ends no table cell and begins no markup, HTML, link or mention.
#[must_use]
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    if is_plain_text(text) {
        return text.into();
    }
    let mut escaped = String::new();
    for c in sanitize(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // A backslash does not keep GitHub from linking an e-mail address or a mention.
            '@' => escaped.push_str("&#64;"),
            '|' => escaped.push_str("&#124;"),
            '`' => escaped.push_str("&#96;"),
            '\\' | '*' | '_' | '[' | ']' | '~' | '#' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c => escaped.push(c),
        }
    }
    escaped.replace("://", "&#58;//").replace("www.", "www&#46;").replace("WWW.", "WWW&#46;").into()
}

/// Whether a text needs no escaping: letters, spaces, and the ASCII characters from the comma to the nine.
fn is_plain_text(text: &str) -> bool {
    let is_plain = |byte: u8| {
        let is_letter = (byte | 0x20).wrapping_sub(b'a') < 26;
        is_letter || byte.wrapping_sub(b',') < 14 || byte == b' '
    };
    // Searching for one byte is fast, and without a dot there is no `www.`.
    are_all(text, is_plain) && (!text.contains('.') || !text.to_ascii_lowercase().contains("www."))
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn names_are_escaped_to_text() {
        assert_eq!(escaped("a|b"), "a&#124;b");
        assert_eq!(escaped("<img src=x>"), "&lt;img src=x&gt;");
        assert_eq!(escaped("[x](javascript:y)"), r"\[x\](javascript:y)");
        assert_eq!(escaped("@team `x` *y* _z_ \\"), r"&#64;team &#96;x&#96; \*y\* \_z\_ \\");
        assert_eq!(escaped("https://a.b www.c.d"), "https&#58;//a.b www&#46;c.d");
        assert_eq!(escaped("a\nb\u{1b}[1m"), "a\u{fffd}b\u{fffd}\\[1m");
    }
}
