//! A comparison in words, for those who render it.

use rolecall_roll::{LastUsed, Outcome};

use super::{Diff, KeyName, Name, Side, UserChange};
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
        let outcome = |outcome: Option<Outcome>| {
            outcome.map_or("not in the roll".to_owned(), |it| it.to_string().to_lowercase())
        };
        let accounts = self.accounts.iter().map(|it| {
            let name = it.account_name.clone().unwrap_or_default();
            let why = it.why.clone().unwrap_or_default();
            vec![it.account_id.to_string(), name, outcome(it.before), outcome(it.now), why]
        });
        let user = |it: &Name| vec![it.account_id.to_string(), it.user_name.clone()];
        let none_or = |text: &str| if text.is_empty() { "none" } else { text }.to_owned();
        let changed_user = |it: &UserChange| {
            let mut row = user(&it.user);
            row.extend([it.what.to_owned(), none_or(&it.before), none_or(&it.now)]);
            row
        };
        let key = |it: &KeyName| {
            vec![it.account_id.to_string(), it.user_name.clone(), it.access_key_id.clone(), it.status.clone()]
        };
        let changed = self.keys_changed.iter().map(|it| {
            let mut row = key(&it.key);
            row.insert(3, it.before.clone());
            row
        });
        let date = |last: &LastUsed| crate::facts::date(last.date);
        let since = self.keys_used.iter().map(|it| {
            let mut row = key(&it.key);
            row.truncate(3);
            row.push(it.before.as_ref().map_or("never".to_owned(), date));
            row.push(date(&it.now));
            row
        });
        let mut sections = vec![
            Section {
                title: "Accounts",
                columns: &["account", "name", "before", "now", "why"],
                rows: accounts.collect(),
            },
            of_findings("Findings that are new", &self.opened),
            of_findings("Findings that somebody answered for, and nobody does now", &self.reopened),
            of_findings("Findings that are mended", &self.resolved),
            of_findings("Findings that somebody answers for now", &self.answered_for),
            of_findings("Findings about which nothing was known before", &self.newly_known),
            of_findings("Findings about which nothing is known now", &self.now_unknown),
            Section {
                title: "Users that came",
                columns: &["account", "user"],
                rows: self.users_came.iter().map(user).collect(),
            },
            Section {
                title: "Users that went",
                columns: &["account", "user"],
                rows: self.users_went.iter().map(user).collect(),
            },
            Section {
                title: "Users that changed",
                columns: &["account", "user", "what", "before", "now"],
                rows: self.users_changed.iter().map(changed_user).collect(),
            },
            Section {
                title: "Access keys that came",
                columns: KEY,
                rows: self.keys_came.iter().map(key).collect(),
            },
            Section {
                title: "Access keys that went",
                columns: KEY,
                rows: self.keys_went.iter().map(key).collect(),
            },
            Section {
                title: "Access keys of another status",
                columns: &["account", "user", "access key", "before", "now"],
                rows: changed.collect(),
            },
            Section {
                title: "Access keys that were used since",
                columns: &["account", "user", "access key", "before", "now"],
                rows: since.collect(),
            },
        ];
        sections.retain(|section| !section.rows.is_empty());
        sections
    }

    /// The comparison in a line, and what it leaves out.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let side = |side: &Side| {
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

const KEY: &[&str] = &["account", "user", "access key", "status"];

fn of_findings(title: &'static str, findings: &[Finding]) -> Section {
    let row = |finding: &Finding| {
        let subject = &finding.subject;
        vec![
            finding.severity.to_string(),
            subject.account_name.clone().unwrap_or_else(|| subject.account_id.to_string()),
            subject.user_name.clone().unwrap_or_else(|| "root user".to_owned()),
            subject.access_key_id.clone().unwrap_or_default(),
            finding.message.clone(),
        ]
    };
    let columns = &["severity", "account", "user", "access key", "finding"];
    Section { title, columns, rows: findings.iter().map(row).collect() }
}
