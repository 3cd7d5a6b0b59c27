//! The report to read, sort and filter in a browser: one file that asks nothing of any network.
//!
//! The page is a template that escapes by itself; the findings are data in it, which its script shows a hundred at a
//! time, so that tens of thousands stay fluent. The most urgent are in the page itself, for those who run no scripts.
//! A content security policy lets in this style and this script, by their hashes, and nothing else.

mod data;

use std::io::{self, Write};

use askama::Template;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rolecall_roll::{AccessKeyId, NeutralTerms, RollFile};
use sha2::{Digest, Sha256};

use super::sanitize;
use crate::coverage_summary::{CoverageSummary, with_thousands_separator};
use crate::distribution::Bar;
use crate::finding::Finding;
use crate::report::Report;
use crate::rules::Severity;

const STYLE: &str = include_str!("../../templates/report.css");
const SCRIPT: &str = include_str!("../../templates/report.js");

/// What stands in the page where the data go. No text of the page is like it: what steers is taken out of them.
const DATA: &str = "\u{0}data\u{0}";

/// How many findings are in the page itself, for those who run no scripts.
const WITHOUT_SCRIPTS: usize = 50;

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    policy: String,
    style: &'static str,
    script: &'static str,
    version: &'a str,
    statement: CoverageSummary,
    severities: Vec<(&'static str, usize)>,
    not_read: Vec<UnreadItem>,
    charts: Vec<Chart>,
    first: Vec<Row<'a>>,
    report: &'a Report,
    /// The place of the data, which are written and not rendered: they are most of the page.
    data: &'static str,
}

/// Something that could not be read.
struct UnreadItem {
    account: String,
    user: String,
    what: String,
    message: String,
    request_id: String,
    remedy: String,
}

/// A row of the page itself.
struct Row<'a> {
    finding: &'a Finding,
    account: String,
    user: String,
    key: String,
}

/// A distribution, drawn.
struct Chart {
    id: &'static str,
    title: &'static str,
    height: usize,
    bars: Vec<ChartBar>,
}

/// A bar with its place.
struct ChartBar {
    label: String,
    number: String,
    y: usize,
    width: usize,
    after: usize,
    class: &'static str,
}

/// Writes it.
///
/// # Errors
/// Those of `out` and of the roll file.
pub fn render(out: &mut impl Write, stored: &RollFile, report: &Report) -> io::Result<()> {
    let unread = report.not_read.iter().map(|it| {
        let gap = &it.gap;
        let call: Vec<&str> = gap.operation.iter().chain(&gap.code).map(String::as_str).collect();
        let name = it.account_name.as_deref().unwrap_or_default();
        let text = |text: &str| sanitize(text).into_owned();
        UnreadItem {
            account: text(format!("{} {name}", it.account_id).trim_end()),
            user: text(gap.user_name.as_deref().unwrap_or_default()),
            what: text(&format!("{} {}", gap.stage.label(), call.join(": "))),
            message: text(&gap.message),
            request_id: text(gap.request_id.as_deref().unwrap_or_default()),
            remedy: text(&gap.remedy.to_text(&NeutralTerms)),
        }
    });
    let page = Page {
        policy: policy(),
        style: STYLE,
        script: SCRIPT,
        version: &stored.header.rolecall_version,
        statement: CoverageSummary::new(stored, &report.coverage, Some(report), &NeutralTerms),
        severities: severities(report),
        not_read: unread.collect(),
        charts: charts(report),
        first: report.findings.iter().take(WITHOUT_SCRIPTS).map(Row::of).collect(),
        report,
        data: DATA,
    };
    let page = page.render().map_err(io::Error::other)?;
    let (before, after) =
        page.split_once(DATA).ok_or_else(|| io::Error::other("the page has no place for data"))?;
    out.write_all(before.as_bytes())?;
    data::write(&mut *out, report)?;
    out.write_all(after.as_bytes())
}

impl<'a> Row<'a> {
    fn of(finding: &'a Finding) -> Self {
        let subject = &finding.subject;
        Self {
            finding,
            account: sanitize(&subject.account_label()).into_owned(),
            user: sanitize(subject.user_name.as_deref().unwrap_or("root user")).into_owned(),
            key: sanitize(subject.access_key_id.as_ref().map(AccessKeyId::as_str).unwrap_or_default())
                .into_owned(),
        }
    }
}

/// How many of the page's findings are of each severity: what a tile shows is what it filters.
fn severities(report: &Report) -> Vec<(&'static str, usize)> {
    let number_of = |severity: Severity, number: usize| match report.filter {
        Some(_) => report.findings.iter().filter(|finding| finding.severity == severity).count(),
        None => number,
    };
    let open = report.open.iter().rev();
    open.map(|(severity, number)| (severity.as_str(), number_of(*severity, *number))).collect()
}

/// What a browser lets this page do: show itself.
fn policy() -> String {
    let hash = |text: &str| BASE64_STANDARD.encode(Sha256::digest(text.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

/// The height of a bar with the room around it, and the widths that bars and labels have.
const STEP: usize = 26;
const WIDEST: usize = 260;
const LABELS: usize = 150;

fn charts(report: &Report) -> Vec<Chart> {
    let days_of = |id: &str| {
        let rule = report.assessment.rules.iter().find(|result| result.rule.id == id);
        rule.and_then(|result| result.applied_days).map(i64::from)
    };
    // A key may be as old as its threshold, and not as idle.
    let too_old = days_of("access-key-age").map(|days| days + 1);
    let too_idle = days_of("access-key-unused");
    let distributions = &report.distributions;
    vec![
        chart("age", "Active keys by age", &distributions.age, too_old),
        chart("last-use", "Active keys by last use", &distributions.last_use, too_idle),
    ]
}

fn chart(id: &'static str, title: &'static str, bars: &[Bar], limit: Option<i64>) -> Chart {
    let shown: Vec<&Bar> = bars.iter().filter(|bar| bar.from_days.is_some() || bar.number > 0).collect();
    let most = shown.iter().map(|bar| bar.number).max().unwrap_or_default().max(1);
    let drawn = shown.iter().enumerate().map(|(place, bar)| {
        let width = (bar.number * WIDEST).div_ceil(most);
        let is_over = bar.from_days.zip(limit).is_some_and(|(from, limit)| from >= limit);
        let class = match bar.from_days {
            Some(_) if is_over => "over",
            None if bar.label == "never used" => "over",
            Some(_) => "within",
            None => "unknown",
        };
        let (label, number) = (bar.label.clone(), with_thousands_separator(bar.number));
        ChartBar { label, number, y: place * STEP, width, after: LABELS + width + 8, class }
    });
    Chart { id, title, height: shown.len() * STEP, bars: drawn.collect() }
}
