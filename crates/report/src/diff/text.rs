//! A comparison in words, for those who render it.

use rolecall_roll::{LastUsed, Outcome};

use super::{AccountChange, Diff, KeyChange, KeyName, KeyUse, RollSide, UserChange, UserName};
use crate::facts;
use crate::finding::Finding;

/// A part of the comparison in words: what it is of, and a row for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// What they have in common: `Findings that are new`.
    pub title: &'static str,
    /// What the cells are.
    pub columns: &'static [&'static str],
    /// A row for each.
    pub rows: Vec<Vec<String>>,
}

impl Diff {
    /// What differs, in words; parts in which nothing does are left out.
    #[must_use]
    pub fn sections(&self) -> Vec<Section> {
        let mut sections = vec![
            section("Accounts", ACCOUNT, &self.accounts, account),
            section("Findings that are new", FINDING, &self.opened, finding),
            section(
                "Findings that somebody answered for, and nobody does now",
                FINDING,
                &self.reopened,
                finding,
            ),
            section("Findings that are mended", FINDING, &self.resolved, finding),
            section("Findings that somebody answers for now", FINDING, &self.answered_for, finding),
            section("Findings about which nothing was known before", FINDING, &self.newly_known, finding),
            section("Findings about which nothing is known now", FINDING, &self.now_unknown, finding),
            section("Users that came", USER, &self.users_came, user),
            section("Users that went", USER, &self.users_went, user),
            section("Users that changed", CHANGED_USER, &self.users_changed, changed_user),
            section("Access keys that came", KEY, &self.keys_came, key),
            section("Access keys that went", KEY, &self.keys_went, key),
            section("Access keys of another status", CHANGED_KEY, &self.keys_changed, changed_key),
            section("Access keys that were used since", CHANGED_KEY, &self.keys_used, used_key),
        ];
        sections.retain(|section| !section.rows.is_empty());
        sections
    }

    /// The comparison in a line, and what it leaves out.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let side = |side: &RollSide| {
            let cut = if side.is_complete { "" } else { ", incomplete" };
            format!("{} (run {}{cut})", side.as_of, side.run_id)
        };
        let mut notes = vec![format!("from {} to {}", side(&self.old), side(&self.new))];
        for (rule, number) in &self.not_compared {
            let (findings, are) = if *number == 1 { ("finding", "is") } else { ("findings", "are") };
            notes.push(format!(
                "{number} {findings} of {rule} {are} not compared: one of the rolls did not ask for what that needs"
            ));
        }
        match self.accounts_not_compared {
            0 => {}
            1 => notes.push("1 account is not compared whole: it was read whole in neither roll".to_owned()),
            several => notes.push(format!(
                "{several} accounts are not compared whole: they were read whole in neither roll"
            )),
        }
        notes
    }
}

fn section<T>(
    title: &'static str,
    columns: &'static [&'static str],
    of: &[T],
    row: fn(&T) -> Vec<String>,
) -> Section {
    Section { title, columns, rows: of.iter().map(row).collect() }
}

const ACCOUNT: &[&str] = &["account", "name", "before", "now", "why"];

fn account(it: &AccountChange) -> Vec<String> {
    let outcome = |outcome: Option<Outcome>| {
        outcome.map_or("not in the roll".to_owned(), |it| it.to_string().to_lowercase())
    };
    let name = it.account_name.clone().unwrap_or_default();
    let why = it.why.clone().unwrap_or_default();
    vec![it.account_id.to_string(), name, outcome(it.before), outcome(it.now), why]
}

const FINDING: &[&str] = &["severity", "account", "user", "access key", "finding"];

fn finding(it: &Finding) -> Vec<String> {
    let subject = &it.subject;
    vec![
        it.severity.to_string(),
        subject.account_label(),
        subject.user_name.clone().unwrap_or_else(|| "root user".to_owned()),
        subject.access_key_id.clone().map(String::from).unwrap_or_default(),
        it.message.clone(),
    ]
}

const USER: &[&str] = &["account", "user"];

fn user(it: &UserName) -> Vec<String> {
    vec![it.account_id.to_string(), it.user_name.clone()]
}

const CHANGED_USER: &[&str] = &["account", "user", "what", "before", "now"];

fn changed_user(it: &UserChange) -> Vec<String> {
    let none_or = |text: &str| if text.is_empty() { "none" } else { text }.to_owned();
    let mut row = user(&it.user);
    row.extend([it.what.to_owned(), none_or(&it.before), none_or(&it.now)]);
    row
}

const KEY: &[&str] = &["account", "user", "access key", "status"];

fn key(it: &KeyName) -> Vec<String> {
    vec![it.account_id.to_string(), it.user_name.clone(), it.access_key_id.to_string(), it.status.clone()]
}

const CHANGED_KEY: &[&str] = &["account", "user", "access key", "before", "now"];

fn changed_key(it: &KeyChange) -> Vec<String> {
    let mut row = key(&it.key);
    row.insert(3, it.before.clone());
    row
}

fn used_key(it: &KeyUse) -> Vec<String> {
    let date = |last: &LastUsed| facts::date(last.date);
    let mut row = key(&it.key);
    row.truncate(3);
    row.extend([it.before.as_ref().map_or("never".to_owned(), date), date(&it.now)]);
    row
}
