//! The findings as data for the page's script. What is of a user, of a rule, or of a score is told once, and named by its
//! place: of fifty thousand findings most share it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Write};

use rolecall_roll::json;
use serde::Serialize;

use crate::finding::Finding;
use crate::render::{harmless, harmless_lines};
use crate::report::Report;
use crate::rules::Severity;

type Text<'a> = Cow<'a, str>;

#[derive(Serialize)]
struct Data<'a> {
    severities: [&'static str; 5],
    /// Id, title, why it is bad, clauses.
    rules: Vec<(&'a str, &'a str, &'a str, String)>,
    /// Account, its name, unit, owner, user, ARN, advice, its reason.
    users: Vec<[Text<'a>; 8]>,
    /// What adds to scores.
    reasons: Vec<&'a str>,
    findings: Vec<Row<'a>>,
}

/// A finding: score, severity, rule, user, key, message, evidence, lines of the score, remedy, exception.
#[derive(Serialize)]
struct Row<'a>(
    u32,
    usize,
    usize,
    usize,
    Text<'a>,
    Text<'a>,
    Vec<String>,
    Vec<(u32, usize)>,
    Text<'a>,
    Option<String>,
);

/// Things, each with its place.
struct Places<K, V> {
    all: Vec<V>,
    places: HashMap<K, usize>,
}

impl<K: std::hash::Hash + Eq, V> Places<K, V> {
    fn new() -> Self {
        Self { all: Vec::new(), places: HashMap::new() }
    }

    fn of(&mut self, key: K, make: impl FnOnce() -> V) -> usize {
        let next = self.all.len();
        *self.places.entry(key).or_insert_with(|| {
            self.all.push(make());
            next
        })
    }
}

/// Writes the data, as the content of a `script` element.
pub(super) fn write(out: impl Write, report: &Report) -> io::Result<()> {
    let mut rules = Places::new();
    let (mut users, mut reasons) = (Places::new(), Places::new());
    let findings = report.findings.iter().chain(&report.excepted).map(|finding| {
        let Finding { rule, subject, score, .. } = finding;
        let lines = score.lines.iter();
        let lines = lines
            .map(|line| (line.points, reasons.of(line.because.as_str(), || line.because.as_str())))
            .collect();
        // Of users of one name, one after the other, each has an id of its own.
        let of_user = (subject.account_id.as_str(), finding.user_id.as_deref());
        Row(
            score.points,
            Severity::ALL.iter().position(|it| *it == finding.severity).unwrap_or_default(),
            rules.of(rule.id, || (rule.id, rule.title, rule.why, clauses(finding))),
            users.of(of_user, || user(finding)),
            harmless(subject.access_key_id.as_deref().unwrap_or_default()),
            harmless(&finding.message),
            finding.evidence.iter().map(|it| owned(it.to_string())).collect(),
            lines,
            harmless_lines(&finding.remedy),
            finding.exception.as_ref().map(|it| {
                let word = if it.has_lapsed { "lapsed" } else { "excepted" };
                owned(format!("{word}: {}, {}, until {}", it.owner, it.reason, it.until))
            }),
        )
    });
    let findings = findings.collect();
    let severities = Severity::ALL.map(Severity::as_str);
    let data = Data { severities, rules: rules.all, users: users.all, reasons: reasons.all, findings };
    let mut bytes = Vec::new();
    json::to_writer(&mut bytes, &data)?;
    write_without_tags(out, &bytes)
}

/// A text that was made here of what others chose.
fn owned(text: String) -> String {
    match harmless(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(harmless) => harmless,
    }
}

fn user(finding: &Finding) -> [Text<'_>; 8] {
    let (subject, advice) = (&finding.subject, finding.advice.as_ref());
    let text =
        |text: Option<&'_ str>| -> Text<'_> { Cow::Owned(harmless(text.unwrap_or_default()).into_owned()) };
    [
        text(Some(subject.account_id.as_str())),
        text(subject.account_name.as_deref()),
        text(subject.organizational_unit.as_deref()),
        text(finding.owner.as_ref().map(|owner| owner.name.as_str())),
        text(subject.user_name.as_deref()),
        text(Some(&subject.user_arn)),
        text(advice.map(|it| it.action.as_str())),
        text(advice.map(|it| it.because.as_str())),
    ]
}

fn clauses(finding: &Finding) -> String {
    let of_benchmarks =
        finding.rule.benchmarks.iter().map(|(benchmark, clause)| format!("{benchmark} {clause}"));
    let of_hub = finding.rule.security_hub.iter().map(|control| format!("Security Hub {control}"));
    of_benchmarks.chain(of_hub).collect::<Vec<_>>().join(", ")
}

/// JSON as the content of a `script` element: no tag ends or begins in it, since what one needs is written as `\u…`, which
/// only texts hold.
fn write_without_tags(mut out: impl Write, json: &[u8]) -> io::Result<()> {
    let mut rest = json;
    while let Some(at) = memchr::memchr3(b'<', b'>', b'&', rest) {
        let (plain, from) = rest.split_at(at);
        out.write_all(plain)?;
        if let [byte, behind @ ..] = from {
            write!(out, "\\u{byte:04x}")?;
            rest = behind;
        }
    }
    out.write_all(rest)
}
