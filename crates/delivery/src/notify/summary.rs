//! The summary for people: coverage, findings that changed, accounts that became unreadable.

use rolecall_report::coverage_summary::{CoverageSummary, count_of};
use rolecall_report::finding::account_label;
use rolecall_report::render::sanitize;
use rolecall_report::{Diff, Finding};
use rolecall_roll::NeutralTerms;

use super::Message;

/// The most characters of a subject.
///
/// Source: <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>
const MAX_SUBJECT: usize = 100;

/// The most bytes of a message: SNS takes 262,144, and the subject is not to be part of the question.
///
/// Source: <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>
const MAX_TEXT: usize = 262_144 - 1024;

/// The number of findings and of accounts that are listed; the report has all.
const LISTED: usize = 25;

/// The subject: ASCII, one line.
pub(super) fn subject(message: &Message<'_>) -> String {
    let verdict = if message.merged.complete { "ROLL COMPLETE" } else { "ROLL INCOMPLETE" };
    let changes = match (message.merged.changes, &message.comparison.not_compared) {
        (Some(changes), _) => {
            format!("{} new, {} resolved", changes.opened + changes.reopened, changes.resolved)
        }
        (None, None) => "first roll".to_owned(),
        (None, Some(_)) => "not compared with the last roll".to_owned(),
    };
    let text = format!("Rolecall: {verdict}, {changes}");
    text.chars().filter(|c| c.is_ascii() && !c.is_ascii_control()).take(MAX_SUBJECT).collect()
}

/// The text of the summary.
pub(super) fn text(message: &Message<'_>) -> String {
    let Message { roll, report, comparison, merged } = message;
    let summary = CoverageSummary::new(roll, &report.coverage, Some(report), &NeutralTerms);
    let mut lines = vec![
        format!("{} {}", summary.verdict(), summary.origin().join(", ")),
        summary.scope.join("; "),
        String::new(),
    ];
    for row in &summary.rows {
        let details =
            if row.details.is_empty() { String::new() } else { format!("  {}", row.details.join("; ")) };
        lines.push(format!("{:>8} {}{details}", row.count.to_string(), row.label));
    }
    match (&comparison.diff, &comparison.not_compared) {
        (Some(diff), _) => add_changes(&mut lines, diff),
        // A note of the merge says why.
        (None, Some(_)) => {}
        (None, None) => lines.extend([
            String::new(),
            "This is the first roll: there is nothing to compare it with.".to_owned(),
        ]),
    }
    for note in summary.notes.iter().chain(&merged.notes) {
        lines.extend([String::new(), format!("Note: {note}")]);
    }
    let mut text: String = lines.iter().map(|line| format!("{}\n", sanitize(line))).collect();
    let files = format!("\nFiles: rolls/{}/ (report.html, roll.jsonl, diff.json)\n", merged.run);
    if text.len() + files.len() > MAX_TEXT {
        const SHORTENED: &str = "...\n\nThe message was too long for SNS: the files have the rest.\n";
        text.truncate(text.floor_char_boundary(MAX_TEXT - files.len() - SHORTENED.len()));
        text += SHORTENED;
    }
    text + &files
}

fn add_changes(lines: &mut Vec<String>, diff: &Diff) {
    let lists = [
        ("New findings", [&diff.opened[..], &diff.newly_known[..]]),
        ("Findings that are open again", [&diff.reopened[..], &[]]),
        ("Resolved findings", [&diff.resolved[..], &[]]),
    ];
    for (title, findings) in lists {
        add_list(lines, title, findings.into_iter().flatten().map(finding_line));
    }
    let accounts = diff.accounts.iter().filter(|account| account.became_unreadable());
    let line = |account: &rolecall_report::diff::AccountChange| {
        let label = account_label(&account.account_id, account.account_name.as_deref());
        format!("{label}: {}", account.why.as_deref().unwrap_or_default())
    };
    add_list(lines, "Accounts that could not be read as before", accounts.map(line));
    if !diff.now_unknown.is_empty() {
        let number = count_of(diff.now_unknown.len(), "finding");
        lines.extend([
            String::new(),
            format!("{number} of before could not be evaluated; none of them counts as resolved."),
        ]);
    }
}

fn add_list(lines: &mut Vec<String>, title: &str, items: impl Iterator<Item = String>) {
    let items: Vec<String> = items.collect();
    if items.is_empty() {
        return;
    }
    lines.extend([String::new(), format!("{title} ({})", items.len())]);
    lines.extend(items.iter().take(LISTED).map(|item| format!("  {item}")));
    if items.len() > LISTED {
        lines.push(format!("  and {} more: see diff.json", items.len() - LISTED));
    }
}

fn finding_line(finding: &Finding) -> String {
    let subject = &finding.subject;
    let user = subject.user_name.as_deref().unwrap_or("root");
    let key = subject.access_key_id.as_ref().map_or(String::new(), |id| format!(" {}", id.as_str()));
    format!("{} {} {user}{key}: {}", finding.severity, subject.account_label(), finding.message)
}
