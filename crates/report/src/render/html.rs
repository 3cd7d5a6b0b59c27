//! The report to read, sort and filter in a browser: one file that makes no network requests.
//!
//! The page is a template that escapes all values. The findings are JSON data in the page; its script shows a hundred at a
//! time, so that tens of thousands stay fast. The most urgent findings are also in the HTML, for browsers without JavaScript.
//! A content security policy allows only this style and this script, by their hashes.

mod data;

use std::io::{self, Write};

use askama::Template;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rolecall_roll::{AccessKeyId, FactKind, NeutralTerms, RollFile};
use sha2::{Digest, Sha256};

use super::sanitize;
use crate::count::Count;
use crate::coverage_summary::{CoverageSummary, with_thousands_separator};
use crate::distribution::Bar;
use crate::finding::{Finding, FindingDetails};
use crate::report::{FindingList, Report};
use crate::rules::Severity;

/// What the format shows of a finding beside its subject and message.
pub const DETAILS: FindingDetails = FindingDetails::ALL;

const STYLE: &str = include_str!("../../templates/report.css");
const SCRIPT: &str = include_str!("../../templates/report.js");

/// The placeholder for the data in the rendered page. No other text contains it: control characters are replaced in them.
const DATA: &str = "\u{0}data\u{0}";

/// How many findings are in the HTML itself, for browsers without JavaScript.
const WITHOUT_SCRIPTS: usize = 50;

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    content_security_policy: String,
    style: &'static str,
    script: &'static str,
    version: &'a str,
    summary: CoverageSummary,
    severities: Vec<Tile>,
    /// What stands for the findings where there are none.
    no_findings: &'static str,
    not_read: Vec<UnreadRow>,
    charts: Vec<Chart>,
    /// Why there are no charts, or what they do not count.
    charts_note: Option<String>,
    first: Vec<Row>,
    /// The number of findings that the page has.
    shown: usize,
    report: &'a Report,
    /// The placeholder [`DATA`]: most of the page is data, which is written to the output without rendering it first.
    data: &'static str,
}

/// The number of findings of a severity.
struct Tile {
    severity: &'static str,
    count: Count,
    /// Why the number is unknown, or only a lower bound.
    note: &'static str,
}

/// A row about something that could not be read.
struct UnreadRow {
    account: String,
    user: String,
    fact: String,
    message: String,
    request_id: String,
    remedy: String,
}

/// A finding in the HTML itself.
struct Row {
    finding: Finding<'static>,
    account: String,
    user: String,
    key: String,
}

/// A bar chart of a distribution.
struct Chart {
    id: &'static str,
    title: &'static str,
    height: usize,
    bars: Vec<ChartBar>,
}

/// A bar of a chart, with its position and size in SVG units.
struct ChartBar {
    label: String,
    number: String,
    y: usize,
    width: usize,
    /// The x position of the number after the bar.
    number_x: usize,
    class: &'static str,
}

/// Writes the report as one HTML page.
///
/// # Errors
/// The first error of `out` or of reading the roll file.
pub fn render(out: &mut impl Write, roll: &RollFile, report: &Report) -> io::Result<()> {
    let unread = report.not_read.iter().map(|it| {
        let gap = &it.gap;
        let call: Vec<&str> = gap.operation.iter().chain(&gap.code).map(String::as_str).collect();
        let name = it.account_name.as_deref().unwrap_or_default();
        let text = |text: &str| sanitize(text).into_owned();
        UnreadRow {
            account: text(format!("{} {name}", it.account_id).trim_end()),
            user: text(gap.user_name.as_deref().unwrap_or_default()),
            fact: text(&format!("{} {}", gap.stage.label(), call.join(": "))),
            message: text(&gap.message),
            request_id: text(gap.request_id.as_deref().unwrap_or_default()),
            remedy: text(&it.advice(&roll.header)),
        }
    });
    let mut first = Vec::new();
    report.for_each_finding(FindingList::Open, WITHOUT_SCRIPTS, |finding| -> io::Result<()> {
        first.push(Row::from_finding(finding?.into_owned().into_owned()));
        Ok(())
    })?;
    let page = Page {
        content_security_policy: content_security_policy(),
        style: STYLE,
        script: SCRIPT,
        version: &roll.header.rolecall_version,
        summary: CoverageSummary::new(roll, &report.coverage, Some(report), &NeutralTerms),
        severities: severities(report),
        no_findings: no_findings(report),
        not_read: unread.collect(),
        charts: charts(report),
        charts_note: charts_note(roll, report),
        first,
        shown: report.shown_count(),
        report,
        data: DATA,
    };
    let page = page.render().map_err(io::Error::other)?;
    let (before, after) =
        page.split_once(DATA).ok_or_else(|| io::Error::other("the page has no placeholder for the data"))?;
    out.write_all(before.as_bytes())?;
    data::write(&mut *out, report)?;
    out.write_all(after.as_bytes())
}

impl Row {
    fn from_finding(finding: Finding<'static>) -> Self {
        let subject = &finding.subject;
        let account = sanitize(&subject.account_label()).into_owned();
        let user = sanitize(subject.user_name.as_deref().unwrap_or("root user")).into_owned();
        let key = subject.access_key_id.as_ref().map(AccessKeyId::as_str).unwrap_or_default();
        let key = sanitize(key).into_owned();
        Self { finding, account, user, key }
    }
}

/// The number of findings of each severity on the page, which is what a tile shows and filters.
fn severities(report: &Report) -> Vec<Tile> {
    let shown =
        |severity: Severity| report.findings.iter().filter(|finding| finding.severity == severity).count();
    let is_enabled =
        |severity: Severity| report.assessment.rules.iter().any(|rule| rule.applied_severity == severity);
    let tile = |(severity, open): (&Severity, &Count)| {
        let count = match open {
            Count::Exact(_) if report.filter.is_some() => Count::Exact(shown(*severity)),
            Count::AtLeast(_) if report.filter.is_some() => Count::AtLeast(shown(*severity)),
            open => *open,
        };
        let note = match open {
            Count::Exact(_) => "",
            Count::AtLeast(_) => "not all evaluated",
            Count::NotEvaluated if is_enabled(*severity) => "not evaluated",
            Count::NotEvaluated => "no rule enabled",
        };
        Tile { severity: severity.as_str(), count, note }
    };
    report.open.iter().rev().map(tile).collect()
}

/// What stands for the findings where there are none: that nothing was evaluated must not read as nothing wrong.
fn no_findings(report: &Report) -> &'static str {
    match report.open_total() {
        Count::NotEvaluated => "No rule was evaluated",
        _ if report.filter.is_some() => "No findings match the filter",
        Count::Exact(_) => "No findings",
        Count::AtLeast(_) => "No findings in what was evaluated",
    }
}

/// Why there are no charts of the keys, or which keys they do not count.
fn charts_note(roll: &RollFile, report: &Report) -> Option<String> {
    let coverage = &report.coverage;
    if report.distributions.is_some() {
        let (read, accounts) = [coverage.read, coverage.accounts].map(with_thousands_separator).into();
        return coverage.access_keys_at_least.then(|| {
            format!("The charts count only the keys that were read, in {read} of {accounts} accounts.")
        });
    }
    Some(if roll.header.reads(FactKind::AccessKeys) {
        "Keys by age and last use are unknown: no account was read.".to_owned()
    } else {
        "Keys by age and last use are unknown: access keys were not requested.".to_owned()
    })
}

/// The content security policy of the page: nothing but its own style and script.
fn content_security_policy() -> String {
    let hash = |text: &str| BASE64_STANDARD.encode(Sha256::digest(text.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

/// The height of a bar with the space around it, in SVG units as all of these.
const BAR_HEIGHT: usize = 26;
/// The width of the widest bar.
const MAX_BAR_WIDTH: usize = 260;
/// The width of the labels in front of the bars.
const LABEL_WIDTH: usize = 150;

fn charts(report: &Report) -> Vec<Chart> {
    let threshold_days = |id: &str| {
        let rule = report.assessment.rules.iter().find(|result| result.rule.id == id);
        rule.and_then(|result| result.applied_days).map(i64::from)
    };
    // An age may reach its threshold; the time without use may not.
    let too_old = threshold_days("access-key-age").map(|days| days + 1);
    let too_idle = threshold_days("access-key-unused");
    let Some(distributions) = &report.distributions else { return Vec::new() };
    vec![
        chart("age", "Active keys by age", &distributions.age, too_old),
        chart("last-use", "Active keys by last use", &distributions.last_use, too_idle),
    ]
}

fn chart(id: &'static str, title: &'static str, bars: &[Bar], limit: Option<i64>) -> Chart {
    let shown: Vec<&Bar> = bars.iter().filter(|bar| bar.from_days.is_some() || bar.number > 0).collect();
    let most = shown.iter().map(|bar| bar.number).max().unwrap_or_default().max(1);
    let chart_bars = shown.iter().enumerate().map(|(index, bar)| {
        let width = (bar.number * MAX_BAR_WIDTH).div_ceil(most);
        let is_over = bar.from_days.zip(limit).is_some_and(|(from, limit)| from >= limit);
        let class = match bar.from_days {
            Some(_) if is_over => "over",
            None if bar.is_unused => "over",
            Some(_) => "within",
            None => "unknown",
        };
        let (label, number) = (bar.label.clone(), with_thousands_separator(bar.number));
        ChartBar { label, number, y: index * BAR_HEIGHT, width, number_x: LABEL_WIDTH + width + 8, class }
    });
    Chart { id, title, height: shown.len() * BAR_HEIGHT, bars: chart_bars.collect() }
}
