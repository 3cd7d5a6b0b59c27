//! The sections for rules, exceptions and owners.

use std::collections::BTreeMap;
use std::ops::Range;

use rolecall_core::options::settings;
use rolecall_report::rules::{self, Severity};
use rolecall_report::settings::{Exception, OwnerSource, RuleOverride};
use rolecall_roll::AccountId;
use serde::Deserialize;
use toml::Spanned;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a section, such as [rules.access-key-age] with days = 60")]
pub(super) struct RuleChange {
    enabled: Option<bool>,
    days: Option<Spanned<i64>>,
    severity: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a section [[exception]]")]
pub(super) struct ExceptionSection {
    account: Option<String>,
    user: Option<String>,
    key: Option<String>,
    rule: Option<Spanned<String>>,
    tag: Option<Spanned<String>>,
    owner: Spanned<String>,
    reason: Spanned<String>,
    until: Spanned<toml::Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct OwnersSection {
    order: Option<Vec<Spanned<String>>>,
}

/// The settings for rules, exceptions and owners.
pub(super) fn settings(
    rules_changed: &BTreeMap<Spanned<String>, RuleChange>,
    exceptions: &[Spanned<ExceptionSection>],
    owners: &OwnersSection,
) -> Result<rolecall_report::Settings, (Range<usize>, String)> {
    let mut judging = rolecall_report::Settings::default();
    for (id, change) in rules_changed {
        let rule = rules::find(id.get_ref()).map_err(|problem| (id.span(), problem.to_string()))?;
        let mut changed = RuleOverride { enabled: change.enabled, ..RuleOverride::default() };
        if let Some(days) = &change.days {
            let problem = |problem: String| (days.span(), format!("{}: {problem}", days.get_ref()));
            if rule.days.is_none() {
                return Err(problem(format!("rule {} has no threshold in days", rule.id)));
            }
            let number = u32::try_from(*days.get_ref()).ok().filter(|days| *days <= 36_500);
            changed.days =
                Some(number.ok_or_else(|| problem("not a number of days from 0 to 36500".to_owned()))?);
        }
        if let Some(severity) = &change.severity {
            let parsed = severity.get_ref().parse::<Severity>();
            changed.severity = Some(parsed.map_err(|problem| (severity.span(), problem.to_string()))?);
        }
        judging.rules.insert(rule.id, changed);
    }
    judging.exceptions = exceptions.iter().map(parse_exception).collect::<Result<_, _>>()?;
    if let Some(order) = &owners.order {
        let parse = |source: &Spanned<String>| {
            source.get_ref().parse::<OwnerSource>().map_err(|problem| (source.span(), problem.to_string()))
        };
        judging.owners = order.iter().map(parse).collect::<Result<_, _>>()?;
    }
    Ok(judging)
}

fn parse_exception(spanned: &Spanned<ExceptionSection>) -> Result<Exception, (Range<usize>, String)> {
    let one = spanned.get_ref();
    let ExceptionSection { account, user, key, rule, tag, owner, reason, until } = one;
    if account.is_none() && user.is_none() && key.is_none() && rule.is_none() && tag.is_none() {
        let problem = "the exception would match all findings; set account, user, key, rule or tag";
        return Err((spanned.span(), problem.to_owned()));
    }
    for (name, pattern) in [("account", account), ("user", user), ("key", key)] {
        if pattern.as_ref().is_some_and(|pattern| pattern.trim().is_empty()) {
            return Err((spanned.span(), format!("{name} is empty and would match nothing; remove it")));
        }
    }
    require_text("owner", owner)?;
    require_text("reason", reason)?;
    if let Some(rule) = rule {
        rules::validate_pattern(rule.get_ref()).map_err(|problem| (rule.span(), problem.to_string()))?;
    }
    let tag =
        tag.as_ref().map(|tag| settings::parse_tag(tag.get_ref()).map_err(|problem| (tag.span(), problem)));
    Ok(Exception {
        account: account.as_deref().map(AccountId::normalize_pattern),
        user: user.clone(),
        key: key.clone(),
        rule: rule.as_ref().map(|rule| rule.get_ref().clone()),
        tag: tag.transpose()?,
        owner: owner.get_ref().clone(),
        reason: reason.get_ref().clone(),
        until: date(until)?,
    })
}

/// Refuses an empty owner or reason.
pub(super) fn require_text(name: &str, text: &Spanned<String>) -> Result<(), (Range<usize>, String)> {
    if text.get_ref().trim().is_empty() {
        return Err((
            text.span(),
            format!("{name} is empty; an exception or accepted gap needs an owner and a reason"),
        ));
    }
    Ok(())
}

/// A date, as a TOML date or in quotes.
pub(super) fn date(value: &Spanned<toml::Value>) -> Result<jiff::civil::Date, (Range<usize>, String)> {
    let text = match value.get_ref() {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    // Only a date: the end of a timestamp's day depends on the time zone.
    let date = (text.len() == 10).then(|| text.parse().ok()).flatten();
    date.ok_or_else(|| (value.span(), format!("{text:?} is not a date; expected a date such as 2027-01-31")))
}
