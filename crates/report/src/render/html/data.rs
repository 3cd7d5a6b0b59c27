//! The findings as data for the page's script. What is of a user, of a rule, or of a score is told once, and named by its
//! place: of fifty thousand findings most share it.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::Hash;
use std::io::{self, BufWriter, Write};

use foldhash::fast::RandomState;
use jiff::Timestamp;
use rolecall_roll::{AccessKeyId, FactKind, Source, json};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::finding::Finding;
use crate::render::{sanitize, sanitize_lines};
use crate::report::Report;
use crate::rules::Severity;

type Text<'a> = Cow<'a, str>;

/// What findings share, each with its place.
#[derive(Default)]
struct Shared<'a> {
    /// Id, title, why it is bad, clauses.
    rules: IndexTable<&'a str, (&'a str, &'a str, &'a str, String)>,
    /// Account, its name, unit, owner, user, ARN, advice, its reason. Of users of one name, one after the other, each has an
    /// id of its own.
    users: IndexTable<(&'a str, &'a str), [Text<'a>; 8]>,
    /// What adds to scores.
    reasons: IndexTable<&'a str, &'a str>,
    /// Which fact evidence is of, and where it is from.
    sources: IndexTable<(FactKind, Option<Timestamp>), String>,
}

/// A finding: score, severity, rule, user, key, message, evidence with its source, lines of the score, remedy, exception.
#[derive(Serialize)]
struct Row<'a>(
    u32,
    usize,
    usize,
    usize,
    Text<'a>,
    Text<'a>,
    Vec<(Text<'a>, usize)>,
    Vec<(u32, usize)>,
    Text<'a>,
    Option<String>,
);

/// Things, each with its place.
struct IndexTable<K, V> {
    all: Vec<V>,
    places: HashMap<K, usize, RandomState>,
}

impl<K, V> Default for IndexTable<K, V> {
    fn default() -> Self {
        Self { all: Vec::new(), places: HashMap::default() }
    }
}

impl<K: Hash + Eq, V> IndexTable<K, V> {
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
    // Tags are looked for in many bytes at a time.
    let mut out = BufWriter::with_capacity(1 << 16, WithoutTags(out));
    json::to_writer(&mut out, &Data(report))?;
    out.flush()
}

/// The findings one by one, and behind them what they share.
struct Data<'a>(&'a Report);

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let shared = RefCell::new(Shared::default());
        let findings = self.0.findings.iter().chain(&self.0.suppressed);
        let rows = findings.map(|finding| row(&mut shared.borrow_mut(), finding));
        let mut data = serializer.serialize_map(None)?;
        data.serialize_entry("severities", &Severity::ALL.map(Severity::as_str))?;
        data.serialize_entry("findings", &StreamedRows(RefCell::new(rows)))?;
        let Shared { rules, users, reasons, sources } = shared.into_inner();
        data.serialize_entry("rules", &rules.all)?;
        data.serialize_entry("users", &users.all)?;
        data.serialize_entry("reasons", &reasons.all)?;
        data.serialize_entry("sources", &sources.all)?;
        data.end()
    }
}

/// A list that is made as it is written.
struct StreamedRows<I>(RefCell<I>);

impl<T: Serialize, I: Iterator<Item = T>> Serialize for StreamedRows<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&mut *self.0.borrow_mut())
    }
}

fn row<'a>(shared: &mut Shared<'a>, finding: &'a Finding) -> Row<'a> {
    let Finding { rule, subject, score, .. } = finding;
    let of_user = (subject.account_id.as_str(), finding.user_id.as_deref().unwrap_or_default());
    let lines = score
        .components
        .iter()
        .map(|line| (line.points, shared.reasons.of(line.reason.as_str(), || line.reason.as_str())));
    let evidence = finding.evidence.iter().map(|it| {
        let made = match it.source {
            Source::Live => None,
            Source::CredentialReport(made) => Some(made),
        };
        (sanitize(&it.value), shared.sources.of((it.fact, made), || it.origin()))
    });
    Row(
        score.points,
        Severity::ALL.iter().position(|it| *it == finding.severity).unwrap_or_default(),
        shared.rules.of(rule.id, || (rule.id, rule.title, rule.why, clauses(finding))),
        shared.users.of(of_user, || user(finding)),
        sanitize(subject.access_key_id.as_ref().map(AccessKeyId::as_str).unwrap_or_default()),
        sanitize(&finding.message),
        evidence.collect(),
        lines.collect(),
        sanitize_lines(&finding.remedy),
        finding.exception.as_ref().map(|it| {
            let word = if it.is_expired { "expired" } else { "suppressed" };
            owned(format!("{word}: {}, {}, until {}", it.owner, it.reason, it.until))
        }),
    )
}

/// A text that was made here of what others chose.
fn owned(text: String) -> String {
    match sanitize(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(harmless) => harmless,
    }
}

fn user(finding: &Finding) -> [Text<'_>; 8] {
    let (subject, advice) = (&finding.subject, finding.advice.as_ref());
    let text =
        |text: Option<&'_ str>| -> Text<'_> { Cow::Owned(sanitize(text.unwrap_or_default()).into_owned()) };
    [
        text(Some(subject.account_id.as_str())),
        text(subject.account_name.as_deref()),
        text(subject.organizational_unit.as_deref()),
        text(finding.owner.as_ref().map(|owner| owner.name.as_str())),
        text(subject.user_name.as_deref()),
        text(Some(&subject.user_arn)),
        text(advice.map(|it| it.action.as_str())),
        text(advice.map(|it| it.reason.as_str())),
    ]
}

fn clauses(finding: &Finding) -> String {
    let of_benchmarks =
        finding.rule.benchmarks.iter().map(|(benchmark, clause)| format!("{benchmark} {clause}"));
    let of_hub = finding.rule.security_hub.iter().map(|control| format!("Security Hub {control}"));
    of_benchmarks.chain(of_hub).collect::<Vec<_>>().join(", ")
}

/// Writes JSON as the content of a `script` element: no tag ends or begins in it, since what one needs is written as
/// `\u…`, which only texts hold.
struct WithoutTags<W>(W);

impl<W: Write> Write for WithoutTags<W> {
    fn write(&mut self, json: &[u8]) -> io::Result<usize> {
        let mut rest = json;
        while let Some(at) = memchr::memchr3(b'<', b'>', b'&', rest) {
            let (plain, from) = rest.split_at(at);
            self.0.write_all(plain)?;
            if let [byte, behind @ ..] = from {
                write!(self.0, "\\u{byte:04x}")?;
                rest = behind;
            }
        }
        self.0.write_all(rest)?;
        Ok(json.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
