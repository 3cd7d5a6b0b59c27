//! The findings as JSON data for the script of the page. Values that many findings share, of users, rules and scores, are
//! written once and referred to by their index.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::Hash;
use std::io::{self, BufWriter, Write};

use foldhash::fast::RandomState;
use jiff::Timestamp;
use rolecall_roll::{AccessKeyId, AccountId, FactKind, Source, json};
use serde::ser::{Error, SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use crate::finding::Finding;
use crate::remedy::BLOCK_END;
use crate::render::{sanitize, sanitize_lines};
use crate::report::{FindingList, Report};
use crate::rules::Severity;

type Text<'a> = Cow<'a, str>;

/// The values that findings share, each with its index.
#[derive(Default)]
struct Shared {
    /// Rule id, title, reason why it is a risk, clauses.
    rules: IndexTable<&'static str, (&'static str, &'static str, &'static str, String)>,
    /// By account id, user id and advice, which the findings of a root user do not share: account id, account name,
    /// organizational unit, owner, user name, ARN, advice, reason of the advice.
    users: IndexTable<(AccountId, String, &'static str), [String; 8]>,
    /// The titles of steps, each with whether the step cannot be undone.
    titles: IndexTable<String, (String, bool)>,
    /// The beginnings of blocks of commands, which stop where the credentials are of another account.
    openings: IndexTable<String, String>,
    /// The reasons of score components.
    reasons: IndexTable<String, String>,
    /// The fact and the source of evidence, by the time of the credential report where it is one.
    sources: IndexTable<(FactKind, Option<Timestamp>), String>,
}

/// A finding: score, severity, rule, user, key, message, evidence with source, score components with reason, steps of the
/// remedy (title, opening, commands), exception. Severity, rule, user, source, reason, title and opening are indexes.
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
    Vec<(usize, usize, Text<'a>)>,
    Option<String>,
);

/// Distinct values, each with its index in `values`.
struct IndexTable<K, V> {
    values: Vec<V>,
    indexes: HashMap<K, usize, RandomState>,
}

impl<K, V> Default for IndexTable<K, V> {
    fn default() -> Self {
        Self { values: Vec::new(), indexes: HashMap::default() }
    }
}

impl<K: Hash + Eq, V> IndexTable<K, V> {
    /// The index of the value of this key; the first call for a key adds the value.
    fn index_of(&mut self, key: K, value: impl FnOnce() -> V) -> usize {
        let next = self.values.len();
        *self.indexes.entry(key).or_insert_with(|| {
            self.values.push(value());
            next
        })
    }
}

/// Writes the data, as the content of a `script` element.
pub(super) fn write(out: impl Write, report: &Report) -> io::Result<()> {
    // A large buffer, since searching for tags is faster in many bytes at a time.
    let mut out = BufWriter::with_capacity(1 << 16, WithoutTags(out));
    json::to_writer(&mut out, &Data(report))?;
    out.flush()
}

/// The findings one by one, followed by the values that they share.
struct Data<'a>(&'a Report);

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let shared = RefCell::new(Shared::default());
        let mut data = serializer.serialize_map(None)?;
        data.serialize_entry("severities", &Severity::ALL.map(Severity::as_str))?;
        data.serialize_entry("findings", &StreamedRows { report: self.0, shared: &shared })?;
        let Shared { rules, users, titles, openings, reasons, sources } = shared.take();
        data.serialize_entry("rules", &rules.values)?;
        data.serialize_entry("users", &users.values)?;
        data.serialize_entry("titles", &titles.values)?;
        data.serialize_entry("openings", &openings.values)?;
        data.serialize_entry("block_end", BLOCK_END)?;
        data.serialize_entry("reasons", &reasons.values)?;
        data.serialize_entry("sources", &sources.values)?;
        data.end()
    }
}

/// The rows of all findings, which are made while they are serialized.
struct StreamedRows<'a> {
    report: &'a Report,
    shared: &'a RefCell<Shared>,
}

impl Serialize for StreamedRows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rows = serializer.serialize_seq(None)?;
        for list in [FindingList::Open, FindingList::Suppressed] {
            self.report.for_each_finding(list, usize::MAX, |finding| {
                let finding = finding.map_err(S::Error::custom)?;
                rows.serialize_element(&row(&mut self.shared.borrow_mut(), &finding))
            })?;
        }
        rows.end()
    }
}

fn row<'a>(shared: &mut Shared, finding: &'a Finding<'_>) -> Row<'a> {
    let Finding { rule, subject, score, .. } = finding;
    let advice = finding.advice.as_ref().map(|it| it.action.as_str()).unwrap_or_default();
    let user_id = finding.user_id.as_deref().unwrap_or_default().to_owned();
    let user_key = (subject.account_id.clone(), user_id, advice);
    let steps = finding.remedy.steps.iter().map(|step| {
        let (title, opening) = (step.title(), step.opening());
        (
            shared.titles.index_of(title.clone(), || (sanitize_owned(title), step.cannot_be_undone)),
            shared.openings.index_of(opening.clone(), || opening),
            Cow::Owned(sanitize_lines(&step.body()).into_owned()),
        )
    });
    let steps: Vec<_> = steps.collect();
    let components = score
        .components
        .iter()
        .map(|it| (it.points, shared.reasons.index_of(it.reason.to_string(), || it.reason.to_string())));
    let evidence = finding.evidence.iter().map(|it| {
        let generated = match it.source {
            Source::Live => None,
            Source::CredentialReport(generated) => Some(generated),
        };
        (sanitize(&it.value), shared.sources.index_of((it.fact, generated), || it.origin()))
    });
    Row(
        score.points,
        Severity::ALL.iter().position(|it| *it == finding.severity).unwrap_or_default(),
        shared.rules.index_of(rule.id, || (rule.id, rule.title, rule.why, clauses(finding))),
        shared.users.index_of(user_key, || user_cells(finding)),
        sanitize(subject.access_key_id.as_ref().map(AccessKeyId::as_str).unwrap_or_default()),
        sanitize(&finding.message),
        evidence.collect(),
        components.collect(),
        steps,
        finding.exception.as_ref().map(|it| {
            let state = if it.is_expired { "expired exception" } else { "suppressed" };
            sanitize_owned(format!("{state}: {}, {}, until {}", it.owner, it.reason, it.until))
        }),
    )
}

/// As [`sanitize`], for a text that is owned.
fn sanitize_owned(text: String) -> String {
    match sanitize(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(sanitized) => sanitized,
    }
}

fn user_cells(finding: &Finding<'_>) -> [String; 8] {
    let (subject, advice) = (&finding.subject, finding.advice.as_ref());
    let text = |text: Option<&str>| sanitize(text.unwrap_or_default()).into_owned();
    [
        text(Some(subject.account_id.as_str())),
        text(subject.account_name.as_deref()),
        text(subject.organizational_unit.as_deref()),
        text(finding.owner.as_ref().map(|owner| &*owner.name)),
        text(subject.user_name.as_deref()),
        text(Some(&subject.user_arn)),
        text(advice.map(|it| it.action.as_str())),
        text(advice.map(|it| &*it.reason)),
    ]
}

fn clauses(finding: &Finding<'_>) -> String {
    let benchmarks =
        finding.rule.benchmarks.iter().map(|(benchmark, clause)| format!("{benchmark} {clause}"));
    let security_hub = finding.rule.security_hub.iter().map(|control| format!("Security Hub {control}"));
    benchmarks.chain(security_hub).collect::<Vec<_>>().join(", ")
}

/// Writes JSON as the content of a `script` element: `<`, `>` and `&`, which occur only in JSON strings, are written as
/// `\u…`, so that no tag begins or ends in it.
struct WithoutTags<W>(W);

impl<W: Write> Write for WithoutTags<W> {
    fn write(&mut self, json: &[u8]) -> io::Result<usize> {
        let mut rest = json;
        while let Some(at) = memchr::memchr3(b'<', b'>', b'&', rest) {
            let (plain, from) = rest.split_at(at);
            self.0.write_all(plain)?;
            if let [byte, after @ ..] = from {
                write!(self.0, "\\u{byte:04x}")?;
                rest = after;
            }
        }
        self.0.write_all(rest)?;
        Ok(json.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
