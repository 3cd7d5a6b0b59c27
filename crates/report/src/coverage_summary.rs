//! What a roll covers, and what not and why, in words: the statement that every output carries.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use rolecall_roll::{Coverage, FactKind, Header, Missing, RollFile, Statistics, Terms};

use crate::report::Report;
use crate::rules::CATALOGUE;

/// The statement. Its texts hold what AWS and people said, as they said it: who shows it takes the sting out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoverageSummary {
    /// Whether nothing is missing but what somebody answers for.
    pub is_complete: bool,
    /// The organisation.
    pub organization: Option<String>,
    /// The run's id.
    pub run_id: String,
    /// The moment that the roll stands for: `2026-11-25T03:23Z`.
    pub as_of: String,
    /// How long the run took; `None` where it was cut short.
    pub elapsed: Option<String>,
    /// Who asked: account, and what the ARN says behind it.
    pub caller: Option<String>,
    /// How many of what.
    pub rows: Vec<SummaryRow>,
    /// Gaps that were accepted until a day that is over, exceptions that have lapsed or match nothing.
    pub notes: Vec<String>,
}

/// How many of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SummaryRow {
    /// How many.
    pub count: usize,
    /// Of what: `complete`, `denied`.
    pub label: &'static str,
    /// What more there is to say; of reasons the most frequent first.
    pub details: Vec<String>,
}

impl CoverageSummary {
    /// What a roll covers, and where rules were applied, what they found and could not judge; settings are called as a
    /// front end calls them.
    #[must_use]
    pub fn new(stored: &RollFile, coverage: &Coverage, report: Option<&Report>, terms: &dyn Terms) -> Self {
        let header = &stored.header;
        let mut lines = account_rows(coverage);
        let mut notes: Vec<String> =
            coverage.narrowed_by.iter().map(|to| format!("narrowed: this roll is {to} alone")).collect();
        for gap in &coverage.expired_accepted_gaps {
            let (account, owner, until) = (&gap.account_id, &gap.owner, gap.until);
            notes.push(format!(
                "the gap of {account}, owner {owner}, was accepted until {until}, and is no more"
            ));
        }
        for gap in &coverage.unused_accepted_gaps {
            let (account, owner, until) = (&gap.account_id, &gap.owner, gap.until);
            notes.push(format!(
                "a gap of {account} is accepted, owner {owner}, until {until}, and there is none"
            ));
        }
        if let Some(report) = report {
            let mut of_findings = finding_rows(report, coverage, terms);
            report.filter.iter().for_each(|filter| filter.add_to(&mut of_findings));
            lines.extend(of_findings);
            notes.extend(exception_notes(report));
            notes.extend(benchmark_notes(report));
            let uncertain = report.assessment.owners_uncertain;
            if uncertain > 0 {
                let of = count_of(uncertain, "finding");
                notes.push(format!("who is to act on {of} is not certain: the users' tags are not known"));
            }
        }
        Self {
            is_complete: coverage.is_complete,
            organization: header.organization.as_ref().map(|it| it.id.clone()),
            run_id: header.run_id.to_string(),
            as_of: header.as_of.strftime("%Y-%m-%dT%H:%MZ").to_string(),
            elapsed: stored
                .statistics
                .as_ref()
                .map(|Statistics { elapsed_ms, .. }| elapsed_text(*elapsed_ms, coverage)),
            caller: header
                .caller
                .as_ref()
                .map(|caller| format!("{} {}", caller.account_id, of_arn(&caller.arn))),
            rows: lines,
            notes,
        }
    }

    /// `ROLL COMPLETE`, or not.
    #[must_use]
    pub fn verdict(&self) -> &'static str {
        if self.is_complete { "ROLL COMPLETE" } else { "ROLL INCOMPLETE" }
    }

    /// Where the roll is from: organisation, run, moment, time.
    #[must_use]
    pub fn origin(&self) -> Vec<String> {
        let run = format!("run {}", self.run_id);
        let elapsed = self.elapsed.clone().unwrap_or_else(|| "its end is not recorded".to_owned());
        self.organization.iter().cloned().chain([run, self.as_of.clone(), elapsed]).collect()
    }

    /// All of it in one line.
    #[must_use]
    pub(crate) fn to_one_line(&self) -> String {
        let of = |line: &SummaryRow| {
            format!("{} {} {}", with_thousands_separator(line.count), line.label, line.details.join(", "))
                .trim_end()
                .to_owned()
        };
        let lines: Vec<String> = self.rows.iter().map(of).collect();
        format!("{}: {}", self.verdict(), lines.join("; "))
    }
}

/// What a roll covers, in a line.
#[must_use]
pub fn summary(coverage: &Coverage) -> String {
    let total = |reasons: &BTreeMap<String, usize>| reasons.values().sum::<usize>();
    let mut text = format!(
        "{} of {} complete",
        with_thousands_separator(coverage.complete),
        count_of(coverage.accounts, "account")
    );
    let others = [
        (coverage.partial, "partial"),
        (total(&coverage.denied), "denied"),
        (total(&coverage.failed), "failed"),
        (coverage.accepted_gaps.len(), "accepted"),
        (total(&coverage.skipped), "skipped"),
    ];
    for (number, what) in others.iter().filter(|(number, _)| *number > 0) {
        text += &format!(", {} {what}", with_thousands_separator(number));
    }
    let keys =
        coverage.access_keys.map_or("keys not asked for".to_owned(), |keys| count_of(keys, "access key"));
    format!("{text}: {}, {keys}", count_of(coverage.users, "user"))
}

/// Why an access key that is not in a roll may be there all the same, as what is said of the roll; `None` where the roll
/// has all keys of an organisation.
#[must_use]
pub fn may_hold_other_keys(header: &Header, coverage: &Coverage) -> Option<String> {
    if coverage.access_keys.is_none() {
        return Some("holds no access keys: they were not asked for".to_owned());
    }
    if let [first, ..] = coverage.narrowed_by.as_slice() {
        return Some(format!("is {first} alone"));
    }
    match coverage.listed {
        None => {
            return Some(format!(
                "is of {} accounts that were named, and of no organisation",
                coverage.accounts
            ));
        }
        Some(listed) if listed > coverage.accounts => {
            return Some(format!("is of {} accounts of {listed} of the organisation", coverage.accounts));
        }
        Some(_) => {}
    }
    if !coverage.is_complete || !coverage.accepted_gaps.is_empty() {
        return Some(format!("does not cover everything: {}", summary(coverage)));
    }
    // Not asked, and not empty for all that: a suspended account keeps its keys.
    (!coverage.skipped.is_empty() && header.organization.is_some())
        .then(|| format!("leaves out accounts that were not asked: {}", summary(coverage)))
}

fn account_rows(coverage: &Coverage) -> Vec<SummaryRow> {
    let mut lines = Vec::new();
    let mut line = |number, word, what: Vec<String>| {
        lines.push(SummaryRow { count: number, label: word, details: what });
    };
    match coverage.listed {
        Some(listed) if listed != coverage.accounts => {
            let chosen = with_thousands_separator(coverage.accounts);
            line(listed, "accounts", vec![format!("listed by AWS Organizations, {chosen} chosen")]);
        }
        Some(listed) => line(listed, "accounts", vec!["listed by AWS Organizations".to_owned()]),
        None => {
            line(coverage.accounts, if coverage.accounts == 1 { "account" } else { "accounts" }, Vec::new());
        }
    }
    let users = u64::try_from(coverage.users).unwrap_or(u64::MAX);
    let total = match coverage.control_total.filter(|_| coverage.complete + coverage.partial > 0) {
        None => String::new(),
        Some(total) if total == users => " (= account summaries)".to_owned(),
        Some(total) => format!(" (account summaries count {})", with_thousands_separator(total)),
    };
    let keys = coverage.access_keys.map_or("keys not asked for".to_owned(), |keys| count_of(keys, "key"));
    line(coverage.complete, "complete", vec![format!("{}{total}, {keys}", count_of(coverage.users, "user"))]);
    if coverage.partial > 0 {
        let reasons =
            coverage.partial_reasons.iter().map(|(reason, it)| (for_how_many(reason, *it), it.accounts));
        line(coverage.partial, "partial", sorted(reasons));
    }
    let groups = [("denied", &coverage.denied), ("failed", &coverage.failed), ("skipped", &coverage.skipped)];
    for (word, reasons) in groups.into_iter().filter(|(_, reasons)| !reasons.is_empty()) {
        let what = sorted(reasons.iter().map(|(reason, number)| (reason.clone(), *number)));
        line(reasons.values().sum(), word, what);
    }
    if let Some(earlier) = coverage.resumed {
        let of = format!("read earlier, from {} on", earlier.as_of.strftime("%Y-%m-%dT%H:%MZ"));
        line(earlier.accounts, "earlier", vec![of]);
    }
    if !coverage.accepted_gaps.is_empty() {
        let gaps = coverage.accepted_gaps.iter();
        let gaps = gaps.map(|gap| format!("gap: {}, owner {}, until {}", gap.reason, gap.owner, gap.until));
        line(coverage.accepted_gaps.len(), "accepted", gaps.collect());
    }
    lines
}

fn finding_rows(report: &Report, coverage: &Coverage, terms: &dyn Terms) -> Vec<SummaryRow> {
    let by_severity = report.open.iter().rev().filter(|(_, number)| **number > 0);
    let by_severity: Vec<String> = by_severity
        .map(|(severity, number)| format!("{} {severity}", with_thousands_separator(*number)))
        .collect();
    let benchmark = report.benchmark.map_or(String::new(), |benchmark| format!(" of {benchmark}"));
    let all = report.assessment.rules.len();
    let judged = report.assessment.rules.iter().filter(|result| result.not_collected == 0).count();
    let rules = if judged == all { format!("{all} rules") } else { format!("{judged} of {all} rules") };
    let found = match by_severity.as_slice() {
        // None found of nothing read would be a silent gap.
        [] if coverage.complete + coverage.partial == 0 => {
            "no rule was applied: no account was read".to_owned()
        }
        [] => format!("none by {rules}{benchmark}"),
        some => format!("{}, by {rules}{benchmark}", some.join(", ")),
    };
    let mut lines = vec![SummaryRow {
        count: report.number(),
        label: if report.number() == 1 { "finding" } else { "findings" },
        details: vec![found],
    }];
    if report.suppressed_count > 0 {
        let what = vec!["findings that somebody answers for".to_owned()];
        lines.push(SummaryRow { count: report.suppressed_count, label: "suppressed", details: what });
    }
    let mut unknown: BTreeMap<(&str, &str), (usize, BTreeSet<&str>)> = BTreeMap::new();
    for it in &report.assessment.unknown {
        let (number, rules) = unknown.entry((it.missing, &it.reason)).or_default();
        *number += it.count;
        rules.insert(it.rule);
    }
    if !unknown.is_empty() {
        let number = unknown.values().map(|(number, _)| number).sum();
        let what = unknown.into_iter().map(|((what, reason), (number, rules))| {
            let by = match rules.len() {
                1 => rules.into_iter().collect::<String>(),
                several => format!("{several} rules"),
            };
            let verdicts = if number == 1 { "verdict" } else { "verdicts" };
            (format!("{verdicts} of {by}: {what} unknown: {reason}"), number)
        });
        lines.push(SummaryRow { count: number, label: "unknown", details: sorted(what) });
    }
    let rules = report.assessment.rules.iter();
    let unasked: Vec<FactKind> =
        rules.filter_map(|result| result.missing_fact.filter(|_| result.not_collected > 0)).collect();
    if !unasked.is_empty() {
        let facts: BTreeSet<FactKind> = unasked.iter().copied().collect();
        let facts: Vec<String> = facts.iter().map(ToString::to_string).collect();
        let collect = terms.assignment("collect", "recommended");
        let what = format!("rules need {}: {collect}", facts.join(", "));
        lines.push(SummaryRow { count: unasked.len(), label: "unasked", details: vec![what] });
    }
    lines
}

fn exception_notes(report: &Report) -> Vec<String> {
    let used = report.assessment.exceptions.iter();
    let is_unjudged = report
        .assessment
        .rules
        .iter()
        .any(|result| result.unknown + result.not_collected + result.accounts_not_read > 0);
    let noted = used.filter_map(|used| {
        let exception = &used.exception;
        let of = format!(
            "the exception of {}, \"{}\", for {}",
            exception.owner,
            exception.reason,
            exception.criteria()
        );
        if used.is_expired && used.matched == 0 {
            Some(format!("{of}, was until {}, and matches no finding", exception.until))
        } else if used.is_expired {
            Some(format!(
                "{of}, was until {}: its findings, {}, are open again",
                exception.until,
                with_thousands_separator(used.matched)
            ))
        } else {
            let unjudged = match used.undetermined {
                0 if is_unjudged => "; what could not be judged may hold what it is of".to_owned(),
                0 => String::new(),
                untold => format!("; of {} the users' tags are not known", count_of(untold, "finding")),
            };
            (used.matched == 0)
                .then(|| format!("{of}, until {}, matches no finding{unjudged}", exception.until))
        }
    });
    noted.collect()
}

/// Where the rules are not as strict as the benchmark by which they were picked.
fn benchmark_notes(report: &Report) -> Vec<String> {
    let Some(benchmark) = report.benchmark else { return Vec::new() };
    let of_benchmark = CATALOGUE.iter().filter(|rule| rule.clause_for(benchmark).is_some());
    let noted = of_benchmark.filter_map(|rule| {
        let result = report.assessment.rules.iter().find(|result| result.rule.id == rule.id);
        let Some(result) = result else {
            return Some(format!("{} is switched off, and of {benchmark}", rule.id));
        };
        let (applied, wanted) = result.applied_days.zip(rule.days)?;
        (applied > wanted)
            .then(|| format!("{} is set to {applied} days, {benchmark} asks for {wanted}", rule.id))
    });
    noted.collect()
}

/// Reasons with their numbers, the most frequent first; one alone needs no number.
fn sorted(reasons: impl Iterator<Item = (String, usize)>) -> Vec<String> {
    let mut reasons: Vec<(String, usize)> = reasons.collect();
    reasons.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    match reasons.as_slice() {
        [(reason, _)] => vec![reason.clone()],
        several => several
            .iter()
            .map(|(reason, number)| format!("{} {reason}", with_thousands_separator(*number)))
            .collect(),
    }
}

/// What is missing and why, with how many users or keys it is missing of: `last use unknown for 41 keys: throttled`.
fn for_how_many(reason: &str, missing: Missing) -> String {
    let (what, why) = reason.split_once(": ").unwrap_or((reason, ""));
    let of = |of: String| format!("{what} for {of}: {why}");
    match missing {
        Missing { access_keys: keys @ 1.., .. } => of(count_of(keys, "key")),
        Missing { users: users @ 1.., .. } => of(count_of(users, "user")),
        _ => reason.to_owned(),
    }
}

/// How long the last run took; where previous runs read some of the accounts, of how many accounts that is the time.
fn elapsed_text(elapsed_ms: u64, coverage: &Coverage) -> String {
    let elapsed = format_elapsed(elapsed_ms);
    let skipped: usize = coverage.skipped.values().sum();
    let Some(resumed) = coverage.resumed else { return elapsed };
    match coverage.accounts.saturating_sub(skipped + resumed.accounts) {
        // Nothing was left to read, or the moment that the roll stands for was moved (`report --as-of`).
        0 => elapsed,
        last_run => format!(
            "{} in {elapsed}; {} read by previous runs since {}",
            count_of(last_run, "account"),
            with_thousands_separator(resumed.accounts),
            resumed.as_of.strftime("%Y-%m-%dT%H:%MZ")
        ),
    }
}

/// What an ARN is of, without the account, which stands beside it.
fn of_arn(arn: &str) -> &str {
    arn.splitn(6, ':').nth(5).unwrap_or(arn)
}

/// So many of something.
fn count_of(number: usize, one: &str) -> String {
    format!("{} {one}{}", with_thousands_separator(number), if number == 1 { "" } else { "s" })
}

/// A time as people say it.
#[must_use]
pub fn format_elapsed(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match seconds {
        0..10 => format!("{}.{} s", seconds, milliseconds % 1000 / 100),
        10..120 => format!("{seconds} s"),
        _ => format!("{}m{:02}s", seconds / 60, seconds % 60),
    }
}

/// A whole number with its thousands apart.
#[must_use]
pub fn with_thousands_separator(number: impl Display) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{format_elapsed, with_thousands_separator};

    #[test]
    fn numbers_and_times_are_said_as_people_say_them() {
        assert_eq!(
            [0, 999, 1_000, 8_204_001].map(with_thousands_separator),
            ["0", "999", "1,000", "8,204,001"]
        );
        assert_eq!([340, 9_999, 60_000, 108_000].map(format_elapsed), ["0.3 s", "9.9 s", "60 s", "108 s"]);
        assert_eq!(format_elapsed(125_000), "2m05s");
    }
}
