//! A comparison as titles, columns and rows, for all renderings.

use std::collections::BTreeSet;

use rolecall_roll::{FactKind, LastUsed, Outcome};

use super::{AccountChange, Diff, KeyChange, KeyName, KeyUse, RollSide, UserChange, UserName};
use crate::coverage_summary::{count_of, first_of};
use crate::facts;
use crate::finding::{Finding, account_label};
use crate::last_use::NoLastUse;

/// A section of the comparison, as a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// What the rows have in common: `New findings`.
    pub title: &'static str,
    /// The names of the columns.
    pub columns: &'static [&'static str],
    /// The rows, each with a cell per column.
    pub rows: Vec<Vec<String>>,
}

impl Diff {
    /// The differences as sections; empty sections are left out.
    #[must_use]
    pub fn sections(&self) -> Vec<Section> {
        let mut sections = vec![
            section("Accounts", ACCOUNT, &self.accounts, account),
            section("New findings", FINDING, &self.opened, finding),
            section("Reopened findings, no longer suppressed", FINDING, &self.reopened, finding),
            section("Resolved findings", FINDING, &self.resolved, finding),
            section("Newly suppressed findings", FINDING, &self.newly_suppressed, finding),
            section("Findings that were unknown before", FINDING, &self.newly_known, finding),
            section("Findings that are unknown now", FINDING, &self.now_unknown, finding),
            section("Added users", USER, &self.users_added, user),
            section("Removed users", USER, &self.users_removed, user),
            section("Changed users", CHANGED_USER, &self.users_changed, changed_user),
            section("Added access keys", KEY, &self.keys_added, key),
            section("Removed access keys", KEY, &self.keys_removed, key),
            section("Access keys with a changed status", CHANGED_KEY, &self.keys_changed, changed_key),
            section("Access keys with a changed last use", CHANGED_KEY, &self.keys_used, used_key),
        ];
        sections.retain(|section| !section.rows.is_empty());
        sections
    }

    /// Which rolls are compared, and what could not be compared.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let side = |side: &RollSide| {
            let incomplete = if side.is_complete { "" } else { ", incomplete" };
            format!("{} (run {}{incomplete})", side.as_of, side.run_id)
        };
        let mut notes = vec![format!("from {} to {}", side(&self.old), side(&self.new))];
        notes.extend(self.account_notes());
        notes.extend(self.fact_notes());
        if !self.not_compared.is_empty() {
            let findings: usize = self.not_compared.values().map(|it| it.findings).sum();
            let needs: BTreeSet<FactKind> =
                self.not_compared.values().flat_map(|it| &it.needs).copied().collect();
            let rules: Vec<&str> = self.not_compared.keys().copied().collect();
            notes.push(format!(
                "{} not compared: {} {}, which one of the rolls did not request ({}: {})",
                count_of(rules.len(), "rule"),
                if rules.len() == 1 { "it needs" } else { "they need" },
                names(needs),
                count_of(findings, "finding"),
                first_of(&rules)
            ));
        }
        match self.accounts_not_compared {
            0 => {}
            1 => notes.push("1 account is not fully compared: neither roll read it completely".to_owned()),
            several => notes.push(format!(
                "{} are not fully compared: neither roll read them completely",
                count_of(several, "account")
            )),
        }
        notes
    }

    /// Which accounts only one of the rolls has.
    fn account_notes(&self) -> Vec<String> {
        let only = [(self.accounts_only_in_old, "first"), (self.accounts_only_in_new, "second")];
        let [(old, _), (new, _)] = only;
        if self.accounts_in_common == 0 && old + new > 0 {
            let (old, new) = (count_of(old, "account"), count_of(new, "account"));
            return vec![format!(
                "warning: the rolls have no account in common (first: {old}, second: {new}), so no user and no key is compared"
            )];
        }
        let only = only.into_iter().filter(|(number, _)| *number > 0);
        only.map(|(number, roll)| {
            format!("warning: {} only in the {roll} roll, not compared", count_of(number, "account"))
        })
        .collect()
    }

    /// Which facts only one of the rolls requested.
    fn fact_notes(&self) -> Vec<String> {
        let only = [(&self.facts_only_in_old, "first"), (&self.facts_only_in_new, "second")];
        let only = only.into_iter().filter(|(facts, _)| !facts.is_empty());
        only.map(|(facts, roll)| {
            format!("warning: only the {roll} roll requested {}: not compared", names(facts.iter().copied()))
        })
        .collect()
    }
}

fn names(facts: impl IntoIterator<Item = FactKind>) -> String {
    facts.into_iter().map(|fact| fact.to_string()).collect::<Vec<_>>().join(", ")
}

fn section<T>(
    title: &'static str,
    columns: &'static [&'static str],
    items: &[T],
    row: fn(&T) -> Vec<String>,
) -> Section {
    Section { title, columns, rows: items.iter().map(row).collect() }
}

const ACCOUNT: &[&str] = &["account", "name", "before", "now", "why"];

fn account(change: &AccountChange) -> Vec<String> {
    let outcome = |outcome: Option<Outcome>| {
        outcome.map_or("not in the roll".to_owned(), |it| it.to_string().to_lowercase())
    };
    let name = change.account_name.clone().unwrap_or_default();
    let why = change.why.clone().unwrap_or_default();
    vec![change.account_id.to_string(), name, outcome(change.before), outcome(change.now), why]
}

const FINDING: &[&str] = &["severity", "account", "user", "access key", "finding"];

fn finding(finding: &Finding<'_>) -> Vec<String> {
    let subject = &finding.subject;
    vec![
        finding.severity.to_string(),
        subject.account_label(),
        subject.user_name.as_deref().unwrap_or("root user").to_owned(),
        subject.access_key_id.clone().map(String::from).unwrap_or_default(),
        finding.message.to_string(),
    ]
}

const USER: &[&str] = &["account", "user"];

fn user(user: &UserName) -> Vec<String> {
    vec![account_label(&user.account_id, user.account_name.as_deref()), user.user_name.clone()]
}

const CHANGED_USER: &[&str] = &["account", "user", "changed", "before", "now"];

fn changed_user(change: &UserChange) -> Vec<String> {
    let none_or = |text: &str| if text.is_empty() { "none" } else { text }.to_owned();
    let mut row = user(&change.user);
    row.extend([change.what.to_owned(), none_or(&change.before), none_or(&change.now)]);
    row
}

const KEY: &[&str] = &["account", "user", "access key", "status"];

fn key(key: &KeyName) -> Vec<String> {
    vec![
        account_label(&key.account_id, key.account_name.as_deref()),
        key.user_name.clone(),
        key.access_key_id.to_string(),
        key.status.clone(),
    ]
}

const CHANGED_KEY: &[&str] = &["account", "user", "access key", "before", "now"];

fn changed_key(change: &KeyChange) -> Vec<String> {
    let mut row = key(&change.key);
    row.insert(3, change.before.clone());
    row
}

fn used_key(key_use: &KeyUse) -> Vec<String> {
    let date = |last: &LastUsed| facts::date(last.date);
    let mut row = key(&key_use.key);
    row.truncate(3);
    let no_use = NoLastUse::of_access_key(key_use.created);
    row.extend([key_use.before.as_ref().map_or_else(|| no_use.short(), date), date(&key_use.now)]);
    row
}
