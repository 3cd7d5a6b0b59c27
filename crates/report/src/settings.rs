//! What a team decides: thresholds, exceptions, owners.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use rolecall_roll::{AccessKeyId, Account, AccountRecord};
use serde::Serialize;
use wildmatch::WildMatch;

use crate::facts::UserView;
use crate::finding::{Finding, Owner, Suppression};
use crate::rules::{Benchmark, CATALOGUE, Rule, Severity};

/// How a roll is judged.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What is changed of rules, by their ids.
    pub rules: BTreeMap<&'static str, RuleOverride>,
    /// Only the rules that a benchmark has.
    pub benchmark: Option<Benchmark>,
    /// Findings that somebody answers for.
    pub exceptions: Vec<Exception>,
    /// What tells who is to act; the first that tells it counts.
    pub owners: Vec<OwnerSource>,
}

/// What is changed of a rule.
#[derive(Debug, Clone, Copy, Default)]
pub struct RuleOverride {
    /// Whether it is applied.
    pub enabled: Option<bool>,
    /// The threshold.
    pub days: Option<u32>,
    /// The severity.
    pub severity: Option<Severity>,
}

/// A rule as it is applied.
#[derive(Debug, Clone, Copy)]
pub struct EffectiveRule {
    /// The rule.
    pub rule: &'static Rule,
    /// Its threshold; 0 where it has none.
    pub days: u32,
    /// Its severity.
    pub severity: Severity,
}

impl Default for Settings {
    /// The catalogue as it is, no exceptions, and for owners what most organisations tag with.
    fn default() -> Self {
        let owners = vec![
            OwnerSource::UserTag("Owner".to_owned()),
            OwnerSource::UserTag("owner".to_owned()),
            OwnerSource::AccountTag("Owner".to_owned()),
            OwnerSource::AccountTag("owner".to_owned()),
            OwnerSource::AccountEmail,
        ];
        Self { rules: BTreeMap::new(), benchmark: None, exceptions: Vec::new(), owners }
    }
}

impl Settings {
    /// The rules that are applied, in the order of the catalogue.
    pub fn effective_rules(&self) -> impl Iterator<Item = EffectiveRule> + '_ {
        CATALOGUE.iter().filter_map(|rule| {
            let change = self.rules.get(rule.id).copied().unwrap_or_default();
            let is_wanted = self.benchmark.is_none_or(|benchmark| rule.clause_for(benchmark).is_some());
            let days = change.days.or(rule.days).unwrap_or_default();
            let severity = change.severity.unwrap_or(rule.severity);
            (is_wanted && change.enabled != Some(false)).then_some(EffectiveRule { rule, days, severity })
        })
    }

    /// The threshold of a rule, applied or not.
    #[must_use]
    pub(crate) fn days(&self, rule: &Rule) -> u32 {
        self.rules.get(rule.id).and_then(|change| change.days).or(rule.days).unwrap_or_default()
    }

    /// Who is to act on a user; on a root user where there is none.
    #[must_use]
    pub(crate) fn owner(&self, account: &AccountRecord, user: Option<&UserView<'_>>) -> Option<Owner> {
        let tags_of_user = user.map(|of| of.policies().known().map(|policies| &policies.tags));
        let mut is_uncertain = false;
        self.owners.iter().find_map(|source| {
            let name = match source {
                OwnerSource::UserTag(tag) => {
                    is_uncertain |= tags_of_user == Some(None);
                    tags_of_user.flatten().and_then(|tags| tags.get(tag))
                }
                OwnerSource::AccountTag(tag) => {
                    account.account().and_then(|it| it.tags.as_ref()).and_then(|tags| tags.get(tag))
                }
                OwnerSource::AccountEmail => account.account().and_then(|it| it.email.as_ref()),
            };
            let name = name.filter(|name| !name.trim().is_empty())?.clone();
            Some(Owner { name, from: source.to_string(), is_uncertain })
        })
    }
}

/// What tells who is to act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnerSource {
    /// This tag of the user.
    UserTag(String),
    /// This tag of the account.
    AccountTag(String),
    /// The e-mail address of the account's root user.
    AccountEmail,
}

impl fmt::Display for OwnerSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UserTag(tag) => write!(f, "user_tag:{tag}"),
            Self::AccountTag(tag) => write!(f, "account_tag:{tag}"),
            Self::AccountEmail => f.write_str("account_email"),
        }
    }
}

impl FromStr for OwnerSource {
    type Err = UnknownOwnerSource;

    fn from_str(text: &str) -> Result<Self, UnknownOwnerSource> {
        match text.split_once(':') {
            Some(("user_tag", tag)) if !tag.is_empty() => Ok(Self::UserTag(tag.to_owned())),
            Some(("account_tag", tag)) if !tag.is_empty() => Ok(Self::AccountTag(tag.to_owned())),
            None if text == "account_email" => Ok(Self::AccountEmail),
            _ => Err(UnknownOwnerSource(text.to_owned())),
        }
    }
}

/// A text that names nothing that tells who is to act.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is none of user_tag:NAME, account_tag:NAME, account_email")]
pub struct UnknownOwnerSource(String);

/// Findings that somebody answers for, until a day. What it does not name matches; `*` and `?` are wildcards.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Exception {
    /// The account's id or name.
    pub account: Option<String>,
    /// The user's name.
    pub user: Option<String>,
    /// The access key's id.
    pub key: Option<String>,
    /// The rule's id.
    pub rule: Option<String>,
    /// A tag of the user or of the account: key and value.
    pub tag: Option<(String, String)>,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// The last day on which it holds.
    pub until: Date,
}

impl Exception {
    /// Whether it matches a finding; `None` where that hangs on tags of the user, and those are not known.
    #[must_use]
    pub(crate) fn matches(
        &self,
        finding: &Finding,
        account: Option<&Account>,
        user: Option<&UserView<'_>>,
    ) -> Option<bool> {
        let is = |pattern: &Option<String>, texts: &[Option<&str>]| {
            pattern.as_ref().is_none_or(|pattern| {
                let pattern = WildMatch::new(pattern);
                texts.iter().flatten().any(|text| pattern.matches(text))
            })
        };
        let subject = &finding.subject;
        let user_name = subject.user_name.as_deref().unwrap_or("<root_account>");
        let tags_of_user = user.and_then(|of| of.policies().known().map(|policies| &policies.tags));
        let tags_of_account = account.and_then(|account| account.tags.as_ref());
        let mut tags = tags_of_user.into_iter().chain(tags_of_account).flatten();
        let is_it = is(&self.account, &[Some(subject.account_id.as_str()), subject.account_name.as_deref()])
            && is(&self.user, &[Some(user_name)])
            && is(&self.key, &[subject.access_key_id.as_ref().map(AccessKeyId::as_str)])
            && is(&self.rule, &[Some(finding.rule.id)]);
        let Some((key, value)) = self.tag.as_ref().filter(|_| is_it) else { return Some(is_it) };
        let value = WildMatch::new(value);
        let has = tags.any(|tag| tag.0 == key && value.matches(tag.1));
        (has || user.is_none() || tags_of_user.is_some()).then_some(has)
    }

    /// Whether its last day is over.
    #[must_use]
    pub(crate) fn is_expired(&self, as_of: Timestamp) -> bool {
        Offset::UTC.to_datetime(as_of).date() > self.until
    }

    /// What it is of, in words: `user legacy-*, rule access-key-*`.
    #[must_use]
    pub(crate) fn criteria(&self) -> String {
        let of = [("account", &self.account), ("user", &self.user), ("key", &self.key), ("rule", &self.rule)];
        let of = of.into_iter().filter_map(|(name, pattern)| Some(format!("{name} {}", pattern.as_ref()?)));
        let tag = self.tag.iter().map(|(key, value)| format!("tag {key}={value}"));
        of.chain(tag).collect::<Vec<_>>().join(", ")
    }

    /// What of it stands beside a finding.
    #[must_use]
    pub(crate) fn to_suppression(&self, as_of: Timestamp) -> Suppression {
        let Self { owner, reason, until, .. } = self;
        let (owner, reason, until) = (owner.clone(), reason.clone(), *until);
        Suppression { owner, reason, until, is_expired: self.is_expired(as_of) }
    }
}
