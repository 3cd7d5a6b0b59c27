//! The findings as data for the page's script. Texts are kept once and named by their places: of fifty thousand findings
//! most say the same.

use std::collections::HashMap;
use std::io;

use rolecall_roll::json;
use serde::Serialize;

use super::push_escaped;
use crate::finding::Finding;
use crate::render::{harmless, harmless_lines};
use crate::report::Report;

#[derive(Default, Serialize)]
struct Data {
    texts: Vec<String>,
    /// The ids of the rules, then of each its title, why it is bad, and its clauses, as places in `texts`.
    rules: Vec<[usize; 4]>,
    findings: Vec<Row>,
}

/// A finding: score, severity, rule, account, its name, unit, owner, user, ARN, key, message, evidence, lines of the score,
/// advice, its reason, remedy, exception; texts as their places.
#[derive(Serialize)]
struct Row(
    u32,
    usize,
    usize,
    usize,
    usize,
    usize,
    usize,
    usize,
    usize,
    usize,
    usize,
    Vec<usize>,
    Vec<(u32, usize)>,
    usize,
    usize,
    usize,
    usize,
);

/// Texts, each with its place.
struct Texts<'a> {
    data: &'a mut Data,
    places: HashMap<String, usize>,
}

impl Texts<'_> {
    fn place(&mut self, text: String) -> usize {
        if let Some(place) = self.places.get(&text) {
            return *place;
        }
        let place = self.data.texts.len();
        self.data.texts.push(text.clone());
        self.places.insert(text, place);
        place
    }

    fn of(&mut self, text: Option<&str>) -> usize {
        self.place(harmless(text.unwrap_or_default()))
    }
}

/// The data, as the content of a `script` element.
pub(super) fn of(report: &Report) -> io::Result<String> {
    let mut data = Data::default();
    let mut texts = Texts { data: &mut data, places: HashMap::new() };
    let mut rules: HashMap<&str, usize> = HashMap::new();
    for result in &report.assessment.rules {
        let rule = result.rule;
        rules.insert(rule.id, texts.data.rules.len());
        let clauses: Vec<String> =
            rule.benchmarks.iter().map(|(benchmark, clause)| format!("{benchmark} {clause}")).collect();
        let clauses =
            clauses.into_iter().chain(rule.security_hub.iter().map(|it| format!("Security Hub {it}")));
        let clauses = clauses.collect::<Vec<_>>().join(", ");
        let rule = [
            texts.of(Some(rule.id)),
            texts.of(Some(rule.title)),
            texts.of(Some(rule.why)),
            texts.of(Some(&clauses)),
        ];
        texts.data.rules.push(rule);
    }
    for finding in report.findings.iter().chain(&report.excepted) {
        let rule = rules.get(finding.rule.id).copied().unwrap_or_default();
        let row = row(&mut texts, finding, rule);
        texts.data.findings.push(row);
    }
    let mut bytes = Vec::new();
    json::to_writer(&mut bytes, &data)?;
    let plain = String::from_utf8(bytes).map_err(io::Error::other)?;
    let mut escaped = String::with_capacity(plain.len() + plain.len() / 16);
    push_escaped(&mut escaped, &plain);
    Ok(escaped)
}

fn row(texts: &mut Texts<'_>, finding: &Finding, rule: usize) -> Row {
    let subject = &finding.subject;
    let advice = finding.advice.as_ref();
    let exception = finding.exception.as_ref().map(|it| {
        let word = if it.has_lapsed { "lapsed" } else { "excepted" };
        format!("{word}: {}, {}, until {}", it.owner, it.reason, it.until)
    });
    let evidence = finding.evidence.iter().map(|it| texts.place(harmless(&it.to_string()))).collect();
    let lines = finding.score.lines.iter().map(|line| (line.points, texts.of(Some(&line.because)))).collect();
    Row(
        finding.score.points,
        texts.of(Some(finding.severity.as_str())),
        rule,
        texts.of(Some(subject.account_id.as_str())),
        texts.of(subject.account_name.as_deref()),
        texts.of(subject.organizational_unit.as_deref()),
        texts.of(finding.owner.as_ref().map(|owner| owner.name.as_str())),
        texts.of(subject.user_name.as_deref()),
        texts.of(Some(&subject.user_arn)),
        texts.of(subject.access_key_id.as_deref()),
        texts.of(Some(&finding.message)),
        evidence,
        lines,
        texts.place(advice.map(|it| it.action.to_string()).unwrap_or_default()),
        texts.place(advice.map(|it| it.because.clone()).unwrap_or_default()),
        texts.place(harmless_lines(&finding.remedy)),
        texts.of(exception.as_deref()),
    )
}
