//! The settings of a report: rules and thresholds, exceptions, owners.

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
use crate::rules::{Benchmark, CATALOG, Rule, Severity};

/// The settings under which the rules are evaluated.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Overrides of rules, by rule id.
    pub rules: BTreeMap<&'static str, RuleOverride>,
    /// Evaluate only the rules that cover a clause of this benchmark; `None` for all rules.
    pub benchmark: Option<Benchmark>,
    /// Exceptions, which suppress findings until a day.
    pub exceptions: Vec<Exception>,
    /// Where the owner of a finding is looked up; the first source that names one counts.
    pub owners: Vec<OwnerSource>,
}

/// An override of a rule. `None` leaves the default of the catalog.
#[derive(Debug, Clone, Copy, Default)]
pub struct RuleOverride {
    /// Whether the rule is evaluated.
    pub enabled: Option<bool>,
    /// The threshold in days.
    pub days: Option<u32>,
    /// The severity of the findings.
    pub severity: Option<Severity>,
}

/// A rule with the threshold and severity that apply under the settings.
#[derive(Debug, Clone, Copy)]
pub struct EffectiveRule {
    /// The rule as the catalog has it.
    pub rule: &'static Rule,
    /// The threshold in days; 0 for a rule without a threshold.
    pub days: u32,
    /// The severity of its findings.
    pub severity: Severity,
}

impl Default for Settings {
    /// All rules with their defaults, no exceptions, and as owner the tag `Owner` or `owner` of the user or of the account,
    /// or else the e-mail address of the account.
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
    /// The rules that are enabled, in the order of the catalog.
    pub fn effective_rules(&self) -> impl Iterator<Item = EffectiveRule> + '_ {
        CATALOG.iter().filter_map(|rule| {
            let rule_override = self.rules.get(rule.id).copied().unwrap_or_default();
            let is_selected = self.benchmark.is_none_or(|benchmark| rule.clause_for(benchmark).is_some());
            let days = rule_override.days.or(rule.days).unwrap_or_default();
            let severity = rule_override.severity.unwrap_or(rule.severity);
            (is_selected && rule_override.enabled != Some(false)).then_some(EffectiveRule {
                rule,
                days,
                severity,
            })
        })
    }

    /// The threshold of a rule in days, whether the rule is enabled or not; 0 for a rule without a threshold.
    #[must_use]
    pub(crate) fn days(&self, rule: &Rule) -> u32 {
        self.rules.get(rule.id).and_then(|rule_override| rule_override.days).or(rule.days).unwrap_or_default()
    }

    /// The owner of a user, or of the root user where `user` is `None`.
    #[must_use]
    pub(crate) fn owner<'a>(
        &self,
        account: &'a AccountRecord,
        user: Option<&UserView<'a>>,
    ) -> Option<Owner<'a>> {
        let user_tags = user.map(|view| view.policies().known().map(|policies| &policies.tags));
        let mut is_uncertain = false;
        self.owners.iter().find_map(|source| {
            let name = match source {
                OwnerSource::UserTag(tag) => {
                    is_uncertain |= user_tags == Some(None);
                    user_tags.flatten().and_then(|tags| tags.get(tag))
                }
                OwnerSource::AccountTag(tag) => {
                    account.account().and_then(|it| it.tags.as_ref()).and_then(|tags| tags.get(tag))
                }
                OwnerSource::AccountEmail => account.account().and_then(|it| it.email.as_ref()),
            };
            let name = name.filter(|name| !name.trim().is_empty())?.into();
            Some(Owner { name, from: source.to_string().into(), is_uncertain })
        })
    }
}

/// Where the owner of a finding is looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnerSource {
    /// The value of this tag of the user.
    UserTag(String),
    /// The value of this tag of the account in AWS Organizations.
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

/// A text that is not a source of owners.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown owner source {0:?}; expected user_tag:NAME, account_tag:NAME or account_email")]
pub struct UnknownOwnerSource(String);

/// An exception: suppresses the findings that match all its criteria, until a day. A criterion that is `None` matches
/// everything; in the others, `*` and `?` are wildcards.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Exception {
    /// A pattern for the account's id or name.
    pub account: Option<String>,
    /// A pattern for the user's name; the root user is `<root_account>`.
    pub user: Option<String>,
    /// A pattern for the access key's id.
    pub key: Option<String>,
    /// A pattern for the rule's id.
    pub rule: Option<String>,
    /// A tag of the user or of the account: its key, and a pattern for its value.
    pub tag: Option<(String, String)>,
    /// Who is responsible for the exception.
    pub owner: String,
    /// Why the findings are accepted.
    pub reason: String,
    /// The last day on which it is active, in UTC.
    pub until: Date,
}

impl Exception {
    /// Whether it matches a finding; `None` where that depends on the tags of the user, and they are unknown.
    #[must_use]
    pub(crate) fn matches(
        &self,
        finding: &Finding<'_>,
        account: Option<&Account>,
        user: Option<&UserView<'_>>,
    ) -> Option<bool> {
        let matches_any = |pattern: &Option<String>, texts: &[Option<&str>]| {
            pattern.as_ref().is_none_or(|pattern| {
                let pattern = WildMatch::new(pattern);
                texts.iter().flatten().any(|text| pattern.matches(text))
            })
        };
        let subject = &finding.subject;
        let user_name = subject.user_name.as_deref().unwrap_or("<root_account>");
        let user_tags = user.and_then(|view| view.policies().known().map(|policies| &policies.tags));
        let account_tags = account.and_then(|account| account.tags.as_ref());
        let mut tags = user_tags.into_iter().chain(account_tags).flatten();
        let is_match =
            matches_any(&self.account, &[Some(subject.account_id.as_str()), subject.account_name.as_deref()])
                && matches_any(&self.user, &[Some(user_name)])
                && matches_any(&self.key, &[subject.access_key_id.as_ref().map(AccessKeyId::as_str)])
                && matches_any(&self.rule, &[Some(finding.rule.id)]);
        let Some((key, value)) = self.tag.as_ref().filter(|_| is_match) else { return Some(is_match) };
        let value = WildMatch::new(value);
        let has_tag = tags.any(|tag| tag.0 == key && value.matches(tag.1));
        (has_tag || user.is_none() || user_tags.is_some()).then_some(has_tag)
    }

    /// Whether its last day is past at this time.
    #[must_use]
    pub(crate) fn is_expired(&self, as_of: Timestamp) -> bool {
        Offset::UTC.to_datetime(as_of).date() > self.until
    }

    /// The criteria for people: `user legacy-*, rule access-key-*`.
    #[must_use]
    pub(crate) fn criteria(&self) -> String {
        let patterns =
            [("account", &self.account), ("user", &self.user), ("key", &self.key), ("rule", &self.rule)];
        let patterns =
            patterns.into_iter().filter_map(|(name, pattern)| Some(format!("{name} {}", pattern.as_ref()?)));
        let tag = self.tag.iter().map(|(key, value)| format!("tag {key}={value}"));
        patterns.chain(tag).collect::<Vec<_>>().join(", ")
    }

    /// What a finding that falls under the exception carries of it.
    #[must_use]
    pub(crate) fn to_suppression(&self, as_of: Timestamp) -> Suppression<'_> {
        let Self { owner, reason, until, .. } = self;
        let (owner, reason, until) = (owner.into(), reason.into(), *until);
        Suppression { owner, reason, until, is_expired: self.is_expired(as_of) }
    }
}
