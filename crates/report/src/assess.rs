//! Evaluating the rules over accounts.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rolecall_roll::{AccessKeyId, AccountId, AccountRecord, Coverage, FactKind, Header, Outcome};
use serde::Serialize;

use crate::advice::{self, Advice};
use crate::count::Count;
use crate::facts::{AccountView, KeyView, MissingFact, UserView, require};
use crate::finding::{Finding, FindingDetails, Subject, Text};
use crate::remedy::{self, AgeThresholds};
use crate::rules::{Check, Rule, Severity, access_key_age, access_key_unused};
use crate::rules::{RuleOutcome, Violation};
use crate::score::Score;
use crate::settings::{EffectiveRule, Exception, Settings};

/// Evaluates the rules over accounts, one account at a time, and counts the results. Several assessors of the same roll can evaluate
/// accounts at the same time; their results are added up.
#[derive(Debug, Clone)]
pub(crate) struct Assessor<'a> {
    header: &'a Header,
    settings: &'a Settings,
    /// What findings have beside their subject and message.
    pub(crate) details: FindingDetails,
    thresholds: AgeThresholds,
    rules: Vec<EffectiveRule>,
    /// The results of `rules`, in the same order.
    results: Vec<RuleResult>,
    unknown: Vec<Undetermined>,
    /// For each exception, how many findings it matches, and for how many the match is unknown.
    exception_counts: Vec<(usize, usize)>,
    owners_uncertain: usize,
}

/// The result of a rule over all accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleResult {
    /// The rule as the catalog has it.
    #[serde(flatten)]
    pub rule: &'static Rule,
    /// The threshold that was applied, in days; `None` for a rule without one.
    #[serde(rename = "days")]
    pub applied_days: Option<u32>,
    /// The severity that was applied: the default or that of the settings.
    #[serde(rename = "severity")]
    pub applied_severity: Severity,
    /// How many keys, users or root users were evaluated.
    pub evaluated: usize,
    /// The number of open findings; not evaluated where the rule was evaluated for nothing.
    pub open: Count,
    /// The number of findings that an exception suppresses.
    pub suppressed: usize,
    /// How many keys, users or root users could not be evaluated because a requested fact is unknown.
    pub unknown: usize,
    /// How many keys, users or root users could not be evaluated because the run did not request a fact.
    pub not_collected: usize,
    /// A fact that the rule needs and the run did not request; `None` where the run requested all that the rule needs.
    pub missing_fact: Option<FactKind>,
    /// The number of accounts of which nothing was read, or whose users could not all be listed.
    pub accounts_not_read: usize,
}

/// What a rule could not evaluate in one account, for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Undetermined {
    /// The account's id of 12 digits.
    pub account_id: AccountId,
    /// The name in AWS Organizations; `None` where it is unknown.
    pub account_name: Option<String>,
    /// The id of the rule.
    pub rule: &'static str,
    /// The kind of fact that is missing.
    pub fact: FactKind,
    /// What exactly is missing, for people: `key age`.
    pub missing: &'static str,
    /// Why it is unknown, such as `denied` or `throttled`.
    pub reason: String,
    /// How many keys, users or root users could not be evaluated.
    pub count: usize,
    /// The key ids or user names of at most five of them.
    pub examples: Vec<String>,
}

/// An exception and what it matched.
#[derive(Debug, Clone, Serialize)]
pub struct ExceptionUse {
    /// The exception as the settings have it.
    #[serde(flatten)]
    pub exception: Exception,
    /// The number of findings that it matches.
    pub matched: usize,
    /// The number of findings for which a match is unknown, because the user's tags are unknown.
    pub undetermined: usize,
    /// Whether its last day is past, so that it suppresses nothing any more.
    pub is_expired: bool,
}

/// The results of all rules, without the findings themselves.
#[derive(Debug, Clone, Serialize)]
pub struct Assessment {
    /// The result of each rule that is enabled.
    pub rules: Vec<RuleResult>,
    /// What could not be evaluated, and why.
    pub unknown: Vec<Undetermined>,
    /// The exceptions, and what they matched.
    pub exceptions: Vec<ExceptionUse>,
    /// The number of findings whose owner is uncertain: a later source names it, and the user's tags are unknown.
    pub owners_uncertain: usize,
}

impl Assessment {
    /// The number of open findings of a severity, with what is known about it.
    #[must_use]
    pub(crate) fn open_of(&self, severity: Severity, number: usize) -> Count {
        let rules = self.rules.iter().filter(|result| result.applied_severity == severity);
        Count::combined(number, rules.map(|result| result.open))
    }
}

/// The user or key that is evaluated; the root user where both are `None`.
#[derive(Clone, Copy)]
struct EvaluatedSubject<'a, 'r> {
    user: Option<&'a UserView<'r>>,
    key: Option<&'a KeyView<'r>>,
    /// The advice for the user; that for the root user depends on the finding.
    advice: Option<&'a Advice<'static>>,
}

/// How many examples are kept of what could not be evaluated.
const MAX_EXAMPLES: usize = 5;

impl<'a> Assessor<'a> {
    /// An assessor for the accounts of the roll with this header.
    #[must_use]
    pub(crate) fn new(header: &'a Header, settings: &'a Settings) -> Self {
        let rules: Vec<EffectiveRule> = settings.effective_rules().collect();
        let results = rules.iter().map(|rule| RuleResult::new(rule, header)).collect();
        let exception_counts = vec![(0, 0); settings.exceptions.len()];
        let thresholds = AgeThresholds {
            idle: settings.days(&access_key_unused::RULE),
            age: settings.days(&access_key_age::RULE),
        };
        let (unknown, owners_uncertain) = (Vec::new(), 0);
        let details = FindingDetails::ALL;
        Self {
            header,
            settings,
            details,
            thresholds,
            rules,
            results,
            unknown,
            exception_counts,
            owners_uncertain,
        }
    }

    /// The findings of an account, suppressed ones included.
    pub(crate) fn assess_account<'r>(&mut self, record: &'r AccountRecord) -> Vec<Finding<'r>>
    where
        'a: 'r,
    {
        match record.outcome() {
            Outcome::Skipped => return Vec::new(),
            Outcome::Failed => {
                self.results.iter_mut().for_each(|result| result.accounts_not_read += 1);
                return Vec::new();
            }
            Outcome::Complete | Outcome::Partial => {}
        }
        if record.gaps().iter().any(|gap| gap.stage == FactKind::Users.into()) {
            let user_rules = self.results.iter_mut().filter(|result| !result.rule.applies_to_root());
            user_rules.for_each(|result| result.accounts_not_read += 1);
        }
        let account = AccountView::new(self.header, record);
        let mut evaluation = AccountEvaluation { findings: Vec::new(), unknown: BTreeMap::new() };
        let root_user = EvaluatedSubject { user: None, key: None, advice: None };
        for index in 0..self.rules.len() {
            if let Some(EffectiveRule { rule: Rule { check: Check::Root(check), .. }, .. }) =
                self.rules.get(index)
            {
                self.record(index, &account, check(&account), root_user, &mut evaluation);
            }
        }
        for user in record.users().unwrap_or_default() {
            let user = UserView { account, user };
            let advice = advice::advise(&user, self.thresholds);
            let subject = EvaluatedSubject { user: Some(&user), key: None, advice: Some(&advice) };
            for index in 0..self.rules.len() {
                let Some(EffectiveRule { rule, days, .. }) = self.rules.get(index).copied() else {
                    continue;
                };
                match rule.check {
                    Check::Root(_) => {}
                    Check::User(check) => {
                        self.record(index, &account, check(&user, days), subject, &mut evaluation);
                    }
                    Check::Key(check) => match require(user.access_keys(), FactKind::AccessKeys) {
                        Ok((keys, _)) => {
                            for key in keys {
                                let key = KeyView { user, key };
                                let subject = EvaluatedSubject { key: Some(&key), ..subject };
                                self.record(index, &account, check(&key, days), subject, &mut evaluation);
                            }
                        }
                        Err(missing) => self.record(index, &account, Err(missing), subject, &mut evaluation),
                    },
                }
            }
        }
        self.unknown.extend(evaluation.unknown.into_values());
        evaluation.findings
    }

    /// Adds the results of another assessor, for other accounts of the same roll.
    pub(crate) fn add_results(&mut self, other: Self) {
        let Self { results, unknown, exception_counts, owners_uncertain, .. } = other;
        self.results.iter_mut().zip(results).for_each(|(sums, result)| sums.add(&result));
        self.unknown.extend(unknown);
        for (sums, (matched, undetermined)) in self.exception_counts.iter_mut().zip(exception_counts) {
            sums.0 += matched;
            sums.1 += undetermined;
        }
        self.owners_uncertain += owners_uncertain;
    }

    /// The results of all rules over the accounts that were assessed, `assessed` in number.
    #[must_use]
    pub(crate) fn finish(mut self, assessed: usize, coverage: &Coverage) -> Assessment {
        self.unknown.sort_by(|a, b| a.account_id.cmp(&b.account_id));
        let pending = coverage.accounts.saturating_sub(assessed);
        self.results.iter_mut().for_each(|result| result.conclude(pending, coverage.read > 0));
        let as_of = self.header.as_of;
        let exception_use =
            |(exception, (matched, undetermined)): (&Exception, (usize, usize))| ExceptionUse {
                exception: exception.clone(),
                matched,
                undetermined,
                is_expired: exception.is_expired(as_of),
            };
        let exceptions =
            self.settings.exceptions.iter().zip(self.exception_counts).map(exception_use).collect();
        Assessment {
            rules: self.results,
            unknown: self.unknown,
            exceptions,
            owners_uncertain: self.owners_uncertain,
        }
    }

    /// Counts the outcome of the rule at this index for a subject, and keeps the finding or the reason why there is none.
    fn record<'r>(
        &mut self,
        index: usize,
        account: &AccountView<'r>,
        outcome: RuleOutcome,
        subject: EvaluatedSubject<'_, 'r>,
        evaluation: &mut AccountEvaluation<'r>,
    ) where
        'a: 'r,
    {
        let (Some(rule), Some(result)) = (self.rules.get(index).copied(), self.results.get_mut(index)) else {
            return;
        };
        match outcome {
            Ok(None) => result.evaluated += 1,
            Ok(Some(violation)) => {
                result.evaluated += 1;
                let (settings, thresholds, details) = (self.settings, self.thresholds, self.details);
                let mut finding =
                    new_finding(rule, account, violation, subject, settings, thresholds, details);
                let exceptions = &self.settings.exceptions;
                apply_exceptions(exceptions, &mut self.exception_counts, &mut finding, account, subject.user);
                self.owners_uncertain +=
                    usize::from(finding.owner.as_ref().is_some_and(|owner| owner.is_uncertain));
                if finding.is_open() {
                    result.open = Count::Exact(result.open.number() + 1);
                } else {
                    result.suppressed += 1;
                }
                evaluation.findings.push(finding);
            }
            Err(MissingFact { fact, reason: None, .. }) => {
                result.add_not_collected(1, Some(fact));
            }
            Err(MissingFact { fact, missing, reason: Some(reason) }) => {
                result.unknown += 1;
                let key = (index, missing, reason.clone());
                let undetermined = evaluation.unknown.entry(key).or_insert_with(|| Undetermined {
                    account_id: account.record.account_id().clone(),
                    account_name: account.record.account().and_then(|account| account.name.clone()),
                    rule: rule.rule.id,
                    fact,
                    missing,
                    reason: reason.into_owned(),
                    count: 0,
                    examples: Vec::new(),
                });
                undetermined.count += 1;
                if undetermined.examples.len() < MAX_EXAMPLES {
                    let key = subject.key.map(|view| view.key.access_key_id.as_str());
                    let user = subject.user.map(|view| view.user.user_name.as_str());
                    undetermined.examples.push(key.or(user).unwrap_or("the root user").to_owned());
                }
            }
        }
    }
}

/// The findings of one account, and what could not be evaluated in it by rule, missing fact and reason.
struct AccountEvaluation<'r> {
    findings: Vec<Finding<'r>>,
    unknown: BTreeMap<(usize, &'static str, Cow<'static, str>), Undetermined>,
}

impl RuleResult {
    /// Whether the rule was not evaluated, or not for every subject, because the run did not request a fact that it needs.
    #[must_use]
    pub fn lacks_facts(&self) -> bool {
        self.missing_fact.is_some() && (self.not_collected > 0 || self.open.number() + self.suppressed == 0)
    }

    /// Whether the rule was evaluated for something, or there was nothing to evaluate it for.
    #[must_use]
    pub fn is_evaluated(&self) -> bool {
        self.open != Count::NotEvaluated
    }

    /// Adds the result over other accounts.
    fn add(&mut self, other: &Self) {
        self.evaluated += other.evaluated;
        self.open = Count::Exact(self.open.number() + other.open.number());
        self.suppressed += other.suppressed;
        self.unknown += other.unknown;
        self.add_not_collected(other.not_collected, other.missing_fact);
        self.accounts_not_read += other.accounts_not_read;
    }

    /// Adds subjects for which a fact was not requested. What a subject lacks is said rather than what the header does not request; of
    /// several facts the first, so that the order of the accounts does not matter.
    fn add_not_collected(&mut self, number: usize, fact: Option<FactKind>) {
        if number > 0 {
            let others = self.missing_fact.filter(|_| self.not_collected > 0);
            self.missing_fact = others.into_iter().chain(fact).min();
            self.not_collected += number;
        }
    }

    /// Says how exact the number of findings is, when all accounts are assessed. `pending` targets have no record.
    fn conclude(&mut self, pending: usize, is_any_read: bool) {
        self.accounts_not_read += pending;
        let is_unknown = self.unknown + self.accounts_not_read > 0;
        // Where a fact was not requested, the rule passes only what it can without the fact, such as inactive keys.
        let is_without_facts = self.lacks_facts() && self.open.number() + self.suppressed == 0;
        let is_evaluated = is_any_read && !is_without_facts && (self.evaluated > 0 || !is_unknown);
        self.open = if is_evaluated {
            let is_exact = !is_unknown && self.not_collected == 0 && !self.lacks_facts();
            Count::new(self.open.number(), is_exact)
        } else {
            Count::NotEvaluated
        };
    }

    fn new(rule: &EffectiveRule, header: &Header) -> Self {
        let is_requested = |facts: &&&[FactKind]| facts.iter().any(|fact| header.reads(*fact));
        let missing = rule.rule.needs.iter().find(|facts| !is_requested(facts));
        Self {
            rule: rule.rule,
            applied_days: rule.rule.days.map(|_| rule.days),
            applied_severity: rule.severity,
            evaluated: 0,
            open: Count::Exact(0),
            suppressed: 0,
            unknown: 0,
            not_collected: 0,
            missing_fact: missing.and_then(|facts| facts.first().copied()),
            accounts_not_read: 0,
        }
    }
}

fn new_finding<'r>(
    rule: EffectiveRule,
    view @ AccountView { record, .. }: &AccountView<'r>,
    violation: Violation,
    subject: EvaluatedSubject<'_, 'r>,
    settings: &Settings,
    thresholds: AgeThresholds,
    FindingDetails { evidence, score_components, remedy }: FindingDetails,
) -> Finding<'r> {
    let EffectiveRule { rule, severity, .. } = rule;
    let account_id = record.account_id();
    let account = record.account();
    let user = subject.user.map(|view| view.user);
    let access_key_id = subject.key.map(|view| view.key.access_key_id.clone());
    let score = Score::new(severity, subject.user, subject.key, score_components);
    let advice = subject.advice.cloned().unwrap_or_else(|| advice::advise_root(view, violation.remedy));
    // A user that was deleted and created again under the same name is another user: only the id differs.
    let subject_id = access_key_id
        .as_ref()
        .map(AccessKeyId::as_str)
        .or(user.map(|user| user.user_id.as_str()))
        .unwrap_or("root");
    let remedy = remedy
        .then(|| remedy::remediation(violation.remedy, view, subject.user, subject.key, &advice, thresholds));
    Finding {
        id: [account_id.as_str(), "/", rule.id, "/", subject_id].concat().into(),
        rule,
        title: rule.title,
        severity,
        subject: Subject {
            account_id: account_id.clone(),
            account_name: account.and_then(|account| account.name.as_deref()).map(Text::from),
            organizational_unit: account
                .and_then(|account| account.organizational_unit.as_deref())
                .map(Text::from),
            user_name: user.map(|user| Text::from(&user.user_name)),
            user_arn: user.map_or_else(
                || format!("arn:{}:iam::{account_id}:root", view.partition()).into(),
                |user| Text::from(&user.arn),
            ),
            access_key_id,
        },
        user_id: user.map(|user| Text::from(&user.user_id)),
        message: violation.message.into(),
        evidence: if evidence { violation.evidence } else { Vec::new() },
        key_created: subject.key.and_then(|view| view.created().ok()).map(|(created, _)| created),
        remedy: remedy.unwrap_or_default(),
        score,
        advice: Some(advice),
        owner: settings.owner(record, subject.user),
        exception: None,
        can_be_suppressed: false,
    }
}

/// Sets the exception that a finding falls under, if any, and counts the matches of each exception.
fn apply_exceptions<'r>(
    exceptions: &'r [Exception],
    counts: &mut [(usize, usize)],
    finding: &mut Finding<'r>,
    account: &AccountView<'_>,
    user: Option<&UserView<'_>>,
) {
    for (exception, (matched, undetermined)) in exceptions.iter().zip(counts) {
        match exception.matches(finding, account.record.account(), user) {
            Some(false) => {}
            None => {
                *undetermined += 1;
                finding.can_be_suppressed = true;
            }
            Some(true) => {
                *matched += 1;
                // An active exception takes precedence over an expired one.
                let is_suppressed = finding.exception.as_ref().is_some_and(|exception| !exception.is_expired);
                if !is_suppressed {
                    finding.exception = Some(exception.to_suppression(account.as_of));
                }
            }
        }
    }
}
