//! The rules over an account.

use std::collections::BTreeMap;

use rolecall_roll::{AccessKeyId, AccountId, AccountRecord, FactKind, Header, Outcome};
use serde::Serialize;

use crate::advice::{self, Advice};
use crate::facts::{AccountView, KeyView, MissingFact, UserView, require};
use crate::finding::{Finding, Subject};
use crate::remedy::{self, AgeThresholds};
use crate::rules::{Check, Rule, Severity, access_key_age, access_key_unused};
use crate::rules::{RuleOutcome, Violation};
use crate::score::Score;
use crate::settings::{EffectiveRule, Exception, Settings};

/// Judges accounts one by one.
#[derive(Debug)]
pub(crate) struct Assessor<'a> {
    header: &'a Header,
    settings: &'a Settings,
    patience: AgeThresholds,
    applied: Vec<EffectiveRule>,
    results: Vec<RuleResult>,
    unknown: Vec<Undetermined>,
    /// How often each exception matched, and of how many findings that is not known.
    matched: Vec<(usize, usize)>,
    owners_uncertain: usize,
}

/// What came of a rule over all accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleResult {
    /// The rule.
    #[serde(flatten)]
    pub rule: &'static Rule,
    /// The threshold that was applied, in days.
    #[serde(rename = "days")]
    pub applied_days: Option<u32>,
    /// The severity that was applied.
    #[serde(rename = "severity")]
    pub applied_severity: Severity,
    /// How many keys, users or root users were judged.
    pub evaluated: usize,
    /// Findings, those aside that somebody answers for.
    pub open: usize,
    /// Findings that somebody answers for.
    pub suppressed: usize,
    /// Keys, users or root users that could not be judged, since what was asked for is unknown.
    pub unknown: usize,
    /// Those that could not be judged since nobody asked for what would tell.
    pub not_collected: usize,
    /// What would tell.
    pub missing_fact: Option<FactKind>,
    /// Accounts of which nothing was read, or whose users could not all be listed.
    pub accounts_not_read: usize,
}

/// What could not be judged in an account, by a rule, for a reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Undetermined {
    /// The account.
    pub account_id: AccountId,
    /// Its name.
    pub account_name: Option<String>,
    /// The rule.
    pub rule: &'static str,
    /// What would tell.
    pub fact: FactKind,
    /// What it is that is not known.
    pub missing: &'static str,
    /// Why it is unknown.
    pub reason: String,
    /// How many keys, users or root users it is about.
    pub count: usize,
    /// The names of some of them.
    pub examples: Vec<String>,
}

/// How often an exception matched.
#[derive(Debug, Clone, Serialize)]
pub struct ExceptionUse {
    /// The exception.
    #[serde(flatten)]
    pub exception: Exception,
    /// How many findings it matches.
    pub matched: usize,
    /// Of how many findings it is not known whether it matches, since the user's tags are not.
    pub undetermined: usize,
    /// Whether its last day is over.
    pub is_expired: bool,
}

/// What was judged, the findings themselves aside.
#[derive(Debug, Clone, Serialize)]
pub struct Assessment {
    /// What came of each rule.
    pub rules: Vec<RuleResult>,
    /// What could not be judged.
    pub unknown: Vec<Undetermined>,
    /// The exceptions, and how often they matched.
    pub exceptions: Vec<ExceptionUse>,
    /// Findings whose owner another source tells, since the user's tags are not known.
    pub owners_uncertain: usize,
}

/// The user, or the key, that is judged.
#[derive(Clone, Copy)]
struct EvaluatedSubject<'a> {
    user: Option<&'a UserView<'a>>,
    key: Option<&'a KeyView<'a>>,
    advice: Option<&'a Advice>,
}

/// How many names are kept of what could not be judged.
const SOME: usize = 5;

impl<'a> Assessor<'a> {
    /// Judges the accounts of this roll.
    #[must_use]
    pub(crate) fn new(header: &'a Header, settings: &'a Settings) -> Self {
        let applied: Vec<EffectiveRule> = settings.effective_rules().collect();
        let results = applied.iter().map(RuleResult::of).collect();
        let matched = vec![(0, 0); settings.exceptions.len()];
        let patience = AgeThresholds {
            idle: settings.days(&access_key_unused::RULE),
            age: settings.days(&access_key_age::RULE),
        };
        let (unknown, owners_uncertain) = (Vec::new(), 0);
        Self { header, settings, patience, applied, results, unknown, matched, owners_uncertain }
    }

    /// The findings of an account, those among them that somebody answers for.
    pub(crate) fn assess_account(&mut self, roll: &AccountRecord) -> Vec<Finding> {
        match roll.outcome() {
            Outcome::Skipped => return Vec::new(),
            Outcome::Failed => {
                self.results.iter_mut().for_each(|result| result.accounts_not_read += 1);
                return Vec::new();
            }
            Outcome::Complete | Outcome::Partial => {}
        }
        if roll.gaps().iter().any(|gap| gap.stage == FactKind::Users.into()) {
            let of_users = self.results.iter_mut().filter(|result| !result.rule.applies_to_root());
            of_users.for_each(|result| result.accounts_not_read += 1);
        }
        let of = AccountView::new(self.header, roll);
        let mut judging = AccountEvaluation { findings: Vec::new(), unknown: BTreeMap::new() };
        let nobody = EvaluatedSubject { user: None, key: None, advice: None };
        for index in 0..self.applied.len() {
            if let Some(EffectiveRule { rule: Rule { check: Check::Root(check), .. }, .. }) =
                self.applied.get(index)
            {
                self.take(index, &of, check(&of), nobody, &mut judging);
            }
        }
        for user in roll.users().unwrap_or_default() {
            let user = UserView { account: of, user };
            let advice = advice::advise(&user, self.patience);
            let judged = EvaluatedSubject { user: Some(&user), key: None, advice: Some(&advice) };
            for index in 0..self.applied.len() {
                let Some(EffectiveRule { rule, days, .. }) = self.applied.get(index).copied() else {
                    continue;
                };
                match rule.check {
                    Check::Root(_) => {}
                    Check::User(check) => self.take(index, &of, check(&user, days), judged, &mut judging),
                    Check::Key(check) => match require(user.access_keys(), FactKind::AccessKeys) {
                        Ok((keys, _)) => {
                            for key in keys {
                                let key = KeyView { of: user, key };
                                let judged = EvaluatedSubject { key: Some(&key), ..judged };
                                self.take(index, &of, check(&key, days), judged, &mut judging);
                            }
                        }
                        Err(untold) => self.take(index, &of, Err(untold), judged, &mut judging),
                    },
                }
            }
        }
        self.unknown.extend(judging.unknown.into_values());
        judging.findings
    }

    /// What was judged, the findings themselves aside.
    #[must_use]
    pub(crate) fn finish(self) -> Assessment {
        let as_of = self.header.as_of;
        let used = |(exception, (matched, untold)): (&Exception, (usize, usize))| ExceptionUse {
            exception: exception.clone(),
            matched,
            undetermined: untold,
            is_expired: exception.is_expired(as_of),
        };
        let exceptions = self.settings.exceptions.iter().zip(self.matched).map(used).collect();
        Assessment {
            rules: self.results,
            unknown: self.unknown,
            exceptions,
            owners_uncertain: self.owners_uncertain,
        }
    }

    fn take(
        &mut self,
        index: usize,
        of: &AccountView<'_>,
        checked: RuleOutcome,
        judged: EvaluatedSubject<'_>,
        judging: &mut AccountEvaluation,
    ) {
        let (Some(applied), Some(result)) = (self.applied.get(index).copied(), self.results.get_mut(index))
        else {
            return;
        };
        match checked {
            Ok(None) => result.evaluated += 1,
            Ok(Some(failed)) => {
                result.evaluated += 1;
                let mut finding = finding(applied, of, failed, judged, self.settings, self.patience);
                apply_exceptions(&self.settings.exceptions, &mut self.matched, &mut finding, of, judged.user);
                self.owners_uncertain +=
                    usize::from(finding.owner.as_ref().is_some_and(|it| it.is_uncertain));
                *(if finding.is_open() { &mut result.open } else { &mut result.suppressed }) += 1;
                judging.findings.push(finding);
            }
            Err(MissingFact { fact, reason: None, .. }) => {
                result.not_collected += 1;
                result.missing_fact = Some(fact);
            }
            Err(MissingFact { fact, missing: what, reason: Some(reason) }) => {
                result.unknown += 1;
                let unknown =
                    judging.unknown.entry((index, what, reason.clone())).or_insert_with(|| Undetermined {
                        account_id: of.roll.account_id().clone(),
                        account_name: of.roll.account().and_then(|account| account.name.clone()),
                        rule: applied.rule.id,
                        fact,
                        missing: what,
                        reason,
                        count: 0,
                        examples: Vec::new(),
                    });
                unknown.count += 1;
                if unknown.examples.len() < SOME {
                    let key = judged.key.map(|of| of.key.access_key_id.as_str());
                    let user = judged.user.map(|of| of.user.user_name.as_str());
                    unknown.examples.push(key.or(user).unwrap_or("the root user").to_owned());
                }
            }
        }
    }
}

/// What comes of one account.
struct AccountEvaluation {
    findings: Vec<Finding>,
    unknown: BTreeMap<(usize, &'static str, String), Undetermined>,
}

impl RuleResult {
    fn of(applied: &EffectiveRule) -> Self {
        Self {
            rule: applied.rule,
            applied_days: applied.rule.days.map(|_| applied.days),
            applied_severity: applied.severity,
            evaluated: 0,
            open: 0,
            suppressed: 0,
            unknown: 0,
            not_collected: 0,
            missing_fact: None,
            accounts_not_read: 0,
        }
    }
}

fn finding(
    applied: EffectiveRule,
    of: &AccountView<'_>,
    failed: Violation,
    judged: EvaluatedSubject<'_>,
    settings: &Settings,
    patience: AgeThresholds,
) -> Finding {
    let EffectiveRule { rule, severity, .. } = applied;
    let account_id = of.roll.account_id();
    let account = of.roll.account();
    let user = judged.user.map(|of| of.user);
    let access_key_id = judged.key.map(|of| of.key.access_key_id.clone());
    let partition = of.roll.role_arn().map_or("aws", |role_arn| role_arn.partition().as_str());
    let mut score = Score::new(severity);
    match judged.user {
        None => score.add_root(),
        Some(user) => score.add_user(user),
    }
    if let Some(key) = judged.key {
        score.add_key(key);
    }
    // Users of one name, one after the other, are not one user: their ids tell them apart.
    let about = access_key_id
        .as_ref()
        .map(AccessKeyId::as_str)
        .or(user.map(|user| user.user_id.as_str()))
        .unwrap_or("root");
    Finding {
        id: format!("{account_id}/{}/{about}", rule.id),
        rule,
        title: rule.title,
        severity,
        subject: Subject {
            account_id: account_id.clone(),
            account_name: account.and_then(|account| account.name.clone()),
            organizational_unit: account.and_then(|account| account.organizational_unit.clone()),
            user_name: user.map(|user| user.user_name.clone()),
            user_arn: user
                .map_or_else(|| format!("arn:{partition}:iam::{account_id}:root"), |user| user.arn.clone()),
            access_key_id,
        },
        user_id: user.map(|user| user.user_id.clone()),
        message: failed.message,
        evidence: failed.evidence,
        remedy: remedy::commands(failed.remedy, judged.user, judged.key, patience),
        score,
        advice: judged.advice.cloned(),
        owner: settings.owner(of.roll, judged.user),
        exception: None,
        can_be_suppressed: false,
    }
}

/// Whether somebody answers for a finding; counts how often each exception does.
fn apply_exceptions(
    exceptions: &[Exception],
    counts: &mut [(usize, usize)],
    finding: &mut Finding,
    of: &AccountView<'_>,
    user: Option<&UserView<'_>>,
) {
    let account = of.roll.account();
    for (exception, (matched, untold)) in exceptions.iter().zip(counts) {
        match exception.matches(finding, account, user) {
            Some(false) => {}
            None => {
                *untold += 1;
                finding.can_be_suppressed = true;
            }
            Some(true) => {
                *matched += 1;
                // One that holds counts before one that has lapsed.
                let holds = finding.exception.as_ref().is_some_and(|earlier| !earlier.is_expired);
                if !holds {
                    finding.exception = Some(exception.to_suppression(of.as_of));
                }
            }
        }
    }
}
