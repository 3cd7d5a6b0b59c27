//! The coverage summary: what a roll covers, and what it does not cover and why, for people. Every output carries it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use rolecall_roll::{Coverage, FactKind, Header, Missing, RollFile, Statistics, Terms, clock_difference};

use crate::assess::RuleResult;
use crate::count::Count;
use crate::report::Report;
use crate::rules::{CATALOG, Severity};

/// The coverage summary of a roll. Its texts contain words from AWS and from people unchanged: pass them through
/// [`sanitize`](crate::render::sanitize) before showing them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoverageSummary {
    /// Whether there is no gap except accepted ones.
    pub is_complete: bool,
    /// What the verdict is about: the facts, how many of the rules, and each limit of the roll.
    pub scope: Vec<String>,
    /// Whether the verdict is true only within limits: the roll is narrowed, a gap is accepted, a rule was not evaluated, or
    /// the clock was wrong.
    pub is_limited: bool,
    /// The organization's id; `None` where the run did not read AWS Organizations.
    pub organization: Option<String>,
    /// The run's id, a UUID.
    pub run_id: String,
    /// The time of the roll in UTC: `2026-11-25T03:23Z`.
    pub as_of: String,
    /// How long the run took; `None` where it was interrupted.
    pub elapsed: Option<String>,
    /// The caller identity: the account id and the resource part of the ARN; `None` where it is unknown.
    pub caller: Option<String>,
    /// The numbers of accounts, findings and rules, each with details.
    pub rows: Vec<SummaryRow>,
    /// Notes on limits of the roll, on expired and unused accepted gaps and exceptions, on uncertain owners, and on rules that
    /// are less strict than the benchmark.
    pub notes: Vec<String>,
}

/// A row of the summary: a number, what it counts, and details.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SummaryRow {
    /// The number, or that it is unknown.
    pub count: Count,
    /// What is counted: `complete`, `denied`.
    pub label: &'static str,
    /// The details; where they are reasons, the most frequent first.
    pub details: Vec<String>,
}

impl CoverageSummary {
    /// The summary of a roll and, where rules were evaluated, of their findings and of what they could not evaluate. `terms`
    /// gives the names of settings in the front end: flags or keys.
    #[must_use]
    pub fn new(roll: &RollFile, coverage: &Coverage, report: Option<&Report>, terms: &dyn Terms) -> Self {
        let header = &roll.header;
        let mut rows = account_rows(coverage, &header.collect.user_limits());
        let mut notes = Vec::new();
        for gap in &coverage.expired_accepted_gaps {
            let (account, owner, until) = (&gap.account_id, &gap.owner, gap.until);
            notes.push(format!("accepted gap expired on {until}: account {account}, owner {owner}"));
        }
        for gap in &coverage.unused_accepted_gaps {
            let (account, owner, until) = (&gap.account_id, &gap.owner, gap.until);
            notes.push(format!(
                "accepted gap is unused: account {account} has no gap in this roll; owner {owner}, until {until}"
            ));
        }
        if let (Some(user), Some(0)) = (&header.collect.user_name, coverage.users) {
            notes.push(format!("no account that was read has a user {user}"));
        }
        if let Some(report) = report {
            let mut finding_rows = finding_rows(report, coverage, terms);
            report.filter.iter().for_each(|filter| filter.add_to(&mut finding_rows));
            rows.extend(finding_rows);
            notes.extend(exception_notes(report));
            notes.extend(benchmark_notes(report));
            let uncertain = report.assessment.owners_uncertain;
            if uncertain > 0 {
                let findings = count_of(uncertain, "finding");
                notes.push(format!(
                    "the owners of {findings} are those of the accounts: the users' tags, which take precedence, are unknown{}",
                    if header.reads(FactKind::Policies) {
                        String::new()
                    } else {
                        format!("; {} reads them", terms.assignment("collect", "recommended"))
                    }
                ));
            }
        }
        Self {
            is_complete: coverage.is_complete,
            scope: clock_limit(roll).into_iter().chain(scope(header, coverage, report)).collect(),
            is_limited: is_limited(coverage, report) || clock_limit(roll).is_some(),
            organization: header.organization.as_ref().map(|it| it.id.clone()),
            run_id: header.run_id.to_string(),
            as_of: header.as_of.strftime("%Y-%m-%dT%H:%MZ").to_string(),
            elapsed: roll
                .statistics
                .as_ref()
                .map(|Statistics { elapsed_ms, .. }| elapsed_text(*elapsed_ms, coverage)),
            caller: header
                .caller
                .as_ref()
                .map(|caller| format!("{} {}", caller.account_id, arn_resource(&caller.arn))),
            rows,
            notes,
        }
    }

    /// `ROLL COMPLETE` or `ROLL INCOMPLETE`.
    #[must_use]
    pub fn verdict(&self) -> &'static str {
        if self.is_complete { "ROLL COMPLETE" } else { "ROLL INCOMPLETE" }
    }

    /// The origin of the roll: organization, run, time, duration.
    #[must_use]
    pub fn origin(&self) -> Vec<String> {
        let run = format!("run {}", self.run_id);
        let elapsed =
            self.elapsed.clone().unwrap_or_else(|| "duration unknown: the roll has no trailer".to_owned());
        self.organization.iter().cloned().chain([run, self.as_of.clone(), elapsed]).collect()
    }

    /// The verdict, its scope and all rows in one line, without the notes.
    #[must_use]
    pub(crate) fn to_one_line(&self) -> String {
        let text = |row: &SummaryRow| {
            let details = row.details.join("; ");
            let separator = if details.is_empty() { "" } else { ": " };
            format!("{} {}{separator}{details}", row.count, row.label)
        };
        let rows: Vec<String> = self.rows.iter().map(text).collect();
        format!("{} ({}) | {}", self.verdict(), self.scope.join("; "), rows.join(" | "))
    }
}

/// The coverage of a roll in one line: accounts by outcome, users, access keys.
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
    for (number, outcome) in others.iter().filter(|(number, _)| *number > 0) {
        text += &format!(", {} {outcome}", with_thousands_separator(number));
    }
    if !coverage.organization_gaps.is_empty() {
        text += &format!(", {} of the organization", count_of(coverage.organization_gaps.len(), "gap"));
    }
    format!("{text}: {}", users_and_keys(coverage, "access key", false, &coverage.narrowed_by))
}

/// The numbers of users and keys, each only as exact as it is known, and to what they are limited. `is_exact` is for those of
/// complete accounts. `limits` are what is counted, where that is not all.
fn users_and_keys(coverage: &Coverage, key: &str, is_exact: bool, limits: &[String]) -> String {
    let Some(users) = coverage.users else {
        return format!("users and {key}s unknown: no account was read");
    };
    let users = Count::new(users, is_exact || !coverage.users_at_least).of("user");
    format!("{users}, {}{}", access_keys(coverage, key, is_exact), counting_only(limits))
}

fn access_keys(coverage: &Coverage, key: &str, is_exact: bool) -> String {
    match coverage.access_keys {
        None => format!("{key}s not requested"),
        Some(keys) => Count::new(keys, is_exact || !coverage.access_keys_at_least).of(key),
    }
}

fn counting_only(limits: &[String]) -> String {
    if limits.is_empty() { String::new() } else { format!(", counting only {}", limits.join(", ")) }
}

/// What a verdict is about: which facts, how many of the rules, and each limit of the roll.
fn scope(header: &Header, coverage: &Coverage, report: Option<&Report>) -> Vec<String> {
    let mut scope: Vec<String> = oldest_account(header, coverage).into_iter().collect();
    scope.push(format!("facts: {}", header.collect.names().replace(',', ", ")));
    if let Some(report) = report {
        scope.push(format!(
            "rules: {} of {} evaluated{}",
            report.evaluated_rules(),
            report.assessment.rules.len(),
            match report.rules_evaluated_in_part() {
                0 => String::new(),
                in_part => format!(", {in_part} of them in part"),
            }
        ));
    }
    scope.extend(coverage.narrowed_by.iter().map(|to| format!("narrowed: this roll covers only {to}")));
    let accepted: Vec<&str> = coverage.accepted_gaps.iter().map(|gap| gap.account_id.as_str()).collect();
    if !accepted.is_empty() {
        let accounts = count_of(accepted.len(), "account");
        scope.push(format!("accepted gaps: {accounts} ({})", first_of(&accepted)));
    }
    scope
}

/// That the clock of the last run was wrong: `as_of` and all ages are, too.
fn clock_limit(roll: &RollFile) -> Option<String> {
    let difference = clock_difference(roll.statistics.as_ref()?.clock_ahead_s?);
    Some(format!(
        "clock: that of the scanning machine was {difference}, so the time of the roll and all ages are wrong"
    ))
}

/// The age of the oldest account at the time of the roll, from one hour on.
fn oldest_account(header: &Header, coverage: &Coverage) -> Option<String> {
    let as_of = coverage.resumed?.as_of;
    let hours = header.as_of.duration_since(as_of).as_hours();
    let age = match hours {
        ..=0 => return None,
        1..48 => count_of(usize::try_from(hours).ok()?, "hour"),
        _ => count_of(usize::try_from(hours / 24).ok()?, "day"),
    };
    Some(format!("oldest account: read {age} before this run, at {}", as_of.strftime("%Y-%m-%dT%H:%MZ")))
}

/// Whether a verdict is true only within limits.
fn is_limited(coverage: &Coverage, report: Option<&Report>) -> bool {
    !coverage.narrowed_by.is_empty()
        || !coverage.accepted_gaps.is_empty()
        || report.is_some_and(|report| report.evaluated_rules() < report.assessment.rules.len())
}

/// What an account without users in the roll has none of: `no users`, or of a narrowed roll `no user alice`.
#[must_use]
pub fn no_users(header: &Header) -> String {
    match header.collect.user_limits().as_slice() {
        [] => "no users".to_owned(),
        limits => format!("no {}", limits.join(", no ")),
    }
}

/// The names, of more than three only the first two and how many more there are.
#[must_use]
pub fn first_of(names: &[&str]) -> String {
    match names {
        [first, second, _, rest @ ..] if !rest.is_empty() => {
            format!("{first}, {second} and {} more", with_thousands_separator(names.len() - 2))
        }
        _ => names.join(", "),
    }
}

/// Why an access key that is not in a roll may exist all the same, as a predicate of "the roll"; `None` where the roll has
/// all keys of the organization.
#[must_use]
pub fn may_hold_other_keys(header: &Header, coverage: &Coverage) -> Option<String> {
    if !header.reads(FactKind::AccessKeys) {
        return Some("contains no access keys: they were not requested".to_owned());
    }
    // Filters may select all accounts; the numbers of accounts say whether they do.
    let is_narrowed_by_filters_only = !header.scope.is_all() && coverage.narrowed_by.len() == 1;
    if let ([first, ..], false) = (coverage.narrowed_by.as_slice(), is_narrowed_by_filters_only) {
        return Some(format!("covers only {first}"));
    }
    match coverage.listed {
        None => {
            let accounts = count_of(coverage.accounts, "listed account");
            return Some(format!("covers only {accounts}, not an organization"));
        }
        Some(listed) if listed > coverage.accounts => {
            let (accounts, listed) =
                (count_of(coverage.accounts, "account"), with_thousands_separator(listed));
            return Some(format!("covers only {accounts} of the {listed} in the organization"));
        }
        Some(_) => {}
    }
    // A fact of the organization that is unknown hides no key.
    if coverage.complete + coverage.skipped.values().sum::<usize>() < coverage.accounts {
        return Some(format!("is not complete: {}", summary(coverage)));
    }
    // A skipped account is not an empty one: a suspended account keeps its keys.
    (!coverage.skipped.is_empty() && header.organization.is_some())
        .then(|| format!("does not cover skipped accounts: {}", summary(coverage)))
}

/// The accounts by outcome, and the users and keys. The numbers of accounts below the first row add up to it.
fn account_rows(coverage: &Coverage, user_limits: &[String]) -> Vec<SummaryRow> {
    let mut rows = Vec::new();
    let mut add_row = |count, label, details: Vec<String>| {
        rows.push(SummaryRow { count: Count::Exact(count), label, details });
    };
    let accounts = |count| if count == 1 { "account" } else { "accounts" };
    match coverage.listed {
        Some(listed) if listed != coverage.accounts => {
            let selected = with_thousands_separator(coverage.accounts);
            let details = format!("listed by AWS Organizations, {selected} selected");
            add_row(listed, accounts(listed), vec![details]);
        }
        Some(listed) => add_row(listed, accounts(listed), vec!["listed by AWS Organizations".to_owned()]),
        None => add_row(coverage.accounts, accounts(coverage.accounts), Vec::new()),
    }
    // The users and keys of the roll are those of the complete accounts, unless others were read too: then they have a row.
    let are_all_complete = coverage.read == coverage.complete;
    let mut details = Vec::new();
    if are_all_complete {
        details.push(users_and_keys(coverage, "key", true, user_limits) + &control_total(coverage));
    }
    if let Some(resumed) = coverage.resumed {
        let (read, time) = (count_of(coverage.read, "account"), resumed.as_of.strftime("%Y-%m-%dT%H:%MZ"));
        let by =
            if resumed.accounts == 1 { "was read by a previous run" } else { "were read by previous runs" };
        details.push(format!(
            "{} of {read} {by}, the first at {time}",
            with_thousands_separator(resumed.accounts)
        ));
    }
    add_row(coverage.complete, "complete", details);
    if coverage.partial > 0 {
        // The most frequent reason first; a reason may be that of some of these accounts only.
        let mut reasons: Vec<(&String, &Missing)> = coverage.partial_reasons.iter().collect();
        reasons.sort_by_key(|(_, missing)| std::cmp::Reverse(missing.accounts));
        let reasons = reasons
            .into_iter()
            .map(|(reason, missing)| with_unknown_count(reason, *missing, coverage.access_keys_at_least));
        add_row(coverage.partial, "partial", reasons.collect());
    }
    let groups = [("denied", &coverage.denied), ("failed", &coverage.failed), ("skipped", &coverage.skipped)];
    for (outcome, reasons) in groups.into_iter().filter(|(_, reasons)| !reasons.is_empty()) {
        let details = sorted(reasons.iter().map(|(reason, number)| (reason.clone(), *number)));
        add_row(reasons.values().sum(), outcome, details);
    }
    if !coverage.accepted_gaps.is_empty() {
        let gaps = coverage.accepted_gaps.iter();
        let gaps = gaps.map(|gap| format!("gap: {}, owner {}, until {}", gap.reason, gap.owner, gap.until));
        add_row(coverage.accepted_gaps.len(), "accepted", gaps.collect());
    }
    let organization_gaps =
        coverage.organization_gaps.iter().map(|gap| format!("of the organization: {gap}"));
    if !coverage.organization_gaps.is_empty() {
        let label = if coverage.organization_gaps.len() == 1 { "gap" } else { "gaps" };
        add_row(coverage.organization_gaps.len(), label, organization_gaps.collect());
    }
    if let (false, Some(users)) = (are_all_complete, coverage.users) {
        let keys = access_keys(coverage, "key", false);
        let details = format!("{keys}{}{}", counting_only(user_limits), control_total(coverage));
        let label = if users == 1 { "user" } else { "users" };
        rows.push(SummaryRow {
            count: Count::new(users, !coverage.users_at_least),
            label,
            details: vec![details],
        });
    }
    rows
}

/// How many users the accounts themselves count: another number than that of the roll needs an explanation.
fn control_total(coverage: &Coverage) -> String {
    let (Some(total), Some(users)) = (coverage.control_total, coverage.users) else { return String::new() };
    if u64::try_from(users) == Ok(total) {
        "; GetAccountSummary counts the same number of users".to_owned()
    } else {
        let users = count_of(usize::try_from(total).unwrap_or(usize::MAX), "user");
        format!("; GetAccountSummary counts {users}")
    }
}

fn finding_rows(report: &Report, coverage: &Coverage, terms: &dyn Terms) -> Vec<SummaryRow> {
    let by_severity = report.open.iter().rev().filter(|(_, count)| count.number() > 0);
    let by_severity: Vec<String> = by_severity
        .map(|(severity, count)| format!("{} {severity}", with_thousands_separator(count.number())))
        .collect();
    let causes = not_evaluated(&report.assessment.rules, coverage, terms);
    let all = report.assessment.rules.len();
    let evaluated = report.evaluated_rules();
    let is_any_read = coverage.read > 0;
    let benchmark = report.benchmark.map_or(String::new(), |benchmark| format!(" of {benchmark}"));
    let details = match by_severity.as_slice() {
        // Without the cause, no findings would read as nothing wrong. The rows below say which rules were not evaluated.
        [] if !is_any_read => "no rule was evaluated: no account was read".to_owned(),
        [] if all == 0 => format!("no rule{benchmark} is enabled"),
        [] if evaluated == 0 => format!("no rule{benchmark} was evaluated"),
        [] if matches!(report.open_total(), Count::AtLeast(_)) => format!(
            "none was found by the {}{benchmark} that {} evaluated",
            count_of(evaluated, "rule"),
            if evaluated == 1 { "was" } else { "were" }
        ),
        [] if evaluated == all => format!("by {}{benchmark}", count_of(all, "rule")),
        [] => format!(
            "by the {}{benchmark} that {} evaluated",
            count_of(evaluated, "rule"),
            if evaluated == 1 { "was" } else { "were" }
        ),
        some if evaluated == all => format!("{}, by {}{benchmark}", some.join(", "), count_of(all, "rule")),
        some => format!("{}, by {evaluated} of {all} rules{benchmark}", some.join(", ")),
    };
    let mut rows = vec![SummaryRow {
        count: report.open_total(),
        label: if report.open_total().number() == 1 { "finding" } else { "findings" },
        details: std::iter::once(details).chain(severities_not_evaluated(report)).collect(),
    }];
    if report.suppressed_count > 0 {
        let findings = if report.suppressed_count == 1 { "finding" } else { "findings" };
        let details = vec![format!("{findings} with an exception")];
        rows.push(SummaryRow { count: Count::Exact(report.suppressed_count), label: "suppressed", details });
    }
    rows.extend(unknown_row(report));
    if is_any_read {
        rows.extend(causes.into_iter().map(|(count, cause)| SummaryRow {
            count: Count::Exact(count),
            label: if count == 1 { "rule" } else { "rules" },
            details: vec![format!("not evaluated: {cause}")],
        }));
    }
    rows
}

/// Names in a sentence: `critical`, `critical and high`, `critical, high and low`.
fn enumerate(names: &[&str]) -> String {
    match names {
        [others @ .., last] if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        _ => names.concat(),
    }
}

/// Of which severities no rule was evaluated, although some are enabled.
fn severities_not_evaluated(report: &Report) -> Option<String> {
    if report.evaluated_rules() == 0 {
        return None;
    }
    let is_enabled =
        |severity: Severity| report.assessment.rules.iter().any(|rule| rule.applied_severity == severity);
    let severities = |is_meant: &dyn Fn(Severity, Count) -> bool| -> Vec<&str> {
        let all = report.open.iter().rev().map(|(severity, count)| (*severity, *count));
        let meant = all.filter(|(severity, count)| is_enabled(*severity) && is_meant(*severity, *count));
        meant.map(|(severity, _)| severity.as_str()).collect()
    };
    // Unknown results and accounts that were not read have rows of their own.
    let lacks_a_rule = |severity: Severity| {
        let mut rules = report.assessment.rules.iter().filter(|rule| rule.applied_severity == severity);
        rules.any(|rule| rule.lacks_facts() || !rule.is_evaluated())
    };
    let none = severities(&|_, count| count == Count::NotEvaluated);
    let in_part = severities(&|severity, count| count != Count::NotEvaluated && lacks_a_rule(severity));
    let texts = [("no rule was evaluated for", none), ("some rules were not evaluated for", in_part)];
    let texts = texts.iter().filter(|(_, names)| !names.is_empty());
    let texts: Vec<String> =
        texts.map(|(text, names)| format!("{text} {} findings", enumerate(names))).collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}

/// The results that are unknown, by missing fact and reason. The rules that were evaluated for nothing have a row of their own.
fn unknown_row(report: &Report) -> Option<SummaryRow> {
    let mut unknown: BTreeMap<(&str, &str), (usize, BTreeSet<&str>)> = BTreeMap::new();
    let is_evaluated =
        |id: &str| report.assessment.rules.iter().any(|result| result.rule.id == id && result.is_evaluated());
    for it in report.assessment.unknown.iter().filter(|it| is_evaluated(it.rule)) {
        let (number, rules) = unknown.entry((it.missing, &it.reason)).or_default();
        *number += it.count;
        rules.insert(it.rule);
    }
    if unknown.is_empty() {
        return None;
    }
    let count = unknown.values().map(|(number, _)| number).sum();
    let details = unknown.into_iter().map(|((missing, reason), (number, rules))| {
        let rules = match rules.len() {
            1 => format!("rule {}", rules.into_iter().collect::<String>()),
            several => format!("{several} rules"),
        };
        let results = if number == 1 { "result" } else { "results" };
        (format!("{results} of {rules}: {missing} unknown ({reason})"), number)
    });
    Some(SummaryRow { count: Count::Exact(count), label: "unknown", details: sorted(details) })
}

/// The number of rules that were not evaluated, by cause: the run did not request a fact that they need, or nothing that they
/// could be evaluated for was read.
fn not_evaluated(results: &[RuleResult], coverage: &Coverage, terms: &dyn Terms) -> Vec<(usize, String)> {
    let missing: Vec<FactKind> =
        results.iter().filter(|it| it.lacks_facts()).filter_map(|it| it.missing_fact).collect();
    let facts: BTreeSet<FactKind> = missing.iter().copied().collect();
    let facts: Vec<String> = facts.iter().map(ToString::to_string).collect();
    let they_need = if missing.len() == 1 { "it needs" } else { "they need" };
    let collect = terms.assignment("collect", "recommended");
    let others = || results.iter().filter(|it| !it.lacks_facts() && !it.is_evaluated());
    // Complete accounts without users have nothing that a rule could be evaluated for.
    let is_unread = |it: &&RuleResult| it.unknown > 0 || coverage.read > coverage.complete;
    let unread = others().filter(is_unread).count();
    let without_subjects = others().count() - unread;
    let causes = [
        (missing.len(), format!("{they_need} {}; use {collect}", facts.join(", "))),
        (unread, format!("what {} could not be read", if unread == 1 { "it needs" } else { "they need" })),
        (without_subjects, "the accounts that were read have nothing to evaluate".to_owned()),
    ];
    causes.into_iter().filter(|(count, _)| *count > 0).collect()
}

fn exception_notes(report: &Report) -> Vec<String> {
    let exceptions = report.assessment.exceptions.iter();
    let has_undetermined = report
        .assessment
        .rules
        .iter()
        .any(|result| result.unknown + result.not_collected + result.accounts_not_read > 0);
    let notes = exceptions.filter_map(|used| {
        let exception = &used.exception;
        let name = format!(
            "exception for {} (owner {}, \"{}\")",
            exception.criteria(),
            exception.owner,
            exception.reason
        );
        if used.is_expired && used.matched == 0 {
            Some(format!("{name} expired on {} and matches no finding", exception.until))
        } else if used.is_expired {
            let findings = count_of(used.matched, "finding");
            let are = if used.matched == 1 { "is" } else { "are" };
            Some(format!("{name} expired on {}: {findings} {are} open again", exception.until))
        } else {
            let undetermined = match used.undetermined {
                0 if has_undetermined => "; it may match what could not be evaluated".to_owned(),
                0 => String::new(),
                count => {
                    format!("; it may match {}: the users' tags are unknown", count_of(count, "finding"))
                }
            };
            (used.matched == 0)
                .then(|| format!("{name} until {} matches no finding{undetermined}", exception.until))
        }
    });
    notes.collect()
}

/// Notes on rules that are disabled or less strict than the benchmark that selects them.
fn benchmark_notes(report: &Report) -> Vec<String> {
    let Some(benchmark) = report.benchmark else { return Vec::new() };
    let rules = CATALOG.iter().filter(|rule| rule.clause_for(benchmark).is_some());
    let notes = rules.filter_map(|rule| {
        let result = report.assessment.rules.iter().find(|result| result.rule.id == rule.id);
        let Some(result) = result else {
            return Some(format!("rule {} is disabled, but {benchmark} requires it", rule.id));
        };
        let (applied, required) = result.applied_days.zip(rule.days)?;
        (applied > required)
            .then(|| format!("rule {} allows {applied} days, {benchmark} only {required}", rule.id))
    });
    notes.collect()
}

/// Reasons with their numbers, the most frequent first; a single reason needs no number.
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

/// Adds to a reason for how many users or keys the fact is unknown, and in how many accounts: `last use unknown for 41 keys in
/// 2 accounts: throttled`.
fn with_unknown_count(reason: &str, missing: Missing, are_keys_at_least: bool) -> String {
    let (fact, cause) = reason.split_once(": ").unwrap_or((reason, ""));
    let accounts = count_of(missing.accounts, "account");
    let with_count = |count: String| format!("{fact} for {count} in {accounts}: {cause}");
    match missing {
        Missing { access_keys: keys @ 1.., .. } => with_count(Count::new(keys, !are_keys_at_least).of("key")),
        Missing { users: users @ 1.., .. } => with_count(count_of(users, "user")),
        _ => format!("{fact} in {accounts}: {cause}"),
    }
}

/// The time that the last run took. If previous runs read some of the accounts, it says for how many accounts that is.
fn elapsed_text(elapsed_ms: u64, coverage: &Coverage) -> String {
    let elapsed = format_elapsed(elapsed_ms);
    let skipped: usize = coverage.skipped.values().sum();
    let Some(resumed) = coverage.resumed else { return elapsed };
    match coverage.accounts.saturating_sub(skipped + resumed.accounts) {
        // Nothing was left to read, or `report --as-of` changed the time of the roll.
        0 => elapsed,
        last_run => format!(
            "{} tried in {elapsed}; {} read by previous runs since {}",
            count_of(last_run, "account"),
            with_thousands_separator(resumed.accounts),
            resumed.as_of.strftime("%Y-%m-%dT%H:%MZ")
        ),
    }
}

/// The resource part of an ARN.
fn arn_resource(arn: &str) -> &str {
    arn.splitn(6, ':').nth(5).unwrap_or(arn)
}

/// A number with its noun in singular or plural: `1 user`, `1,200 users`.
#[must_use]
pub fn count_of(number: usize, noun: &str) -> String {
    format!("{} {noun}{}", with_thousands_separator(number), if number == 1 { "" } else { "s" })
}

/// A duration for people: `9.9 s`, `108 s`, `2m05s`.
#[must_use]
pub fn format_elapsed(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match seconds {
        0..10 => format!("{}.{} s", seconds, milliseconds % 1000 / 100),
        10..120 => format!("{seconds} s"),
        _ => format!("{}m{:02}s", seconds / 60, seconds % 60),
    }
}

/// A whole number with commas between the thousands: `8,204,001`.
#[must_use]
pub fn with_thousands_separator(number: impl Display) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
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
    fn numbers_and_durations_are_formatted_for_people() {
        assert_eq!(
            [0, 999, 1_000, 8_204_001].map(with_thousands_separator),
            ["0", "999", "1,000", "8,204,001"]
        );
        assert_eq!([340, 9_999, 60_000, 108_000].map(format_elapsed), ["0.3 s", "9.9 s", "60 s", "108 s"]);
        assert_eq!(format_elapsed(125_000), "2m05s");
    }
}
