//! What a roll is compared with: each account as it was last read.
//!
//! An account that denies access today, or of which a fact is unknown, keeps what was known of it before, so that the next roll that
//! reads it is compared with that, account by account and fact by fact.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use rolecall_report::diff::NotComparable;
use rolecall_report::{Diff, Settings};
use rolecall_roll::{AccountRecord, FactKind, Facts, Outcome, RollFile, RollWriter, Statistics, User};

use super::MergeError;
use crate::run_key::RunKey;
use crate::store::Store;

/// The object with the accounts that a run did not read completely, as they were last known.
pub(super) const BASELINE: &str = "baseline.jsonl";

/// A roll compared with what was known before.
#[derive(Debug)]
pub(super) struct Comparison {
    /// The differences; `None` where there is nothing to compare with.
    pub(super) diff: Option<Diff>,
    /// Why the rolls could not be compared.
    pub(super) not_compared: Option<NotComparable>,
    /// What was known before.
    before: Option<RollFile>,
}

impl Comparison {
    /// That of the first roll.
    pub(super) fn first() -> Self {
        Self { diff: None, not_compared: None, before: None }
    }

    /// Writes the accounts that the roll did not read completely, as they are last known.
    pub(super) fn write_baseline(&self, roll: &RollFile, out: impl Write) -> io::Result<()> {
        let mut writer = RollWriter::new(BufWriter::new(out), &roll.header)?;
        for today in roll.accounts() {
            let today = today?;
            if matches!(today.outcome(), Outcome::Complete | Outcome::Skipped) {
                continue;
            }
            let before = self.before.as_ref().map(|before| before.account(today.account_id()));
            if let Some(before) = before.transpose()?.flatten().filter(|before| before.users().is_some()) {
                writer.write_account(&last_known(&today, before))?;
            }
        }
        writer.finish(Statistics::default())?.flush()
    }
}

/// Compares a roll with what was known after the run `previous`.
pub(super) async fn compare(
    store: &Store,
    previous: &RunKey,
    roll: &RollFile,
    settings: &Settings,
    folder: &Path,
) -> Result<Comparison, MergeError> {
    let path = folder.join("before.jsonl");
    let mut file = File::options().append(true).create_new(true).open(&path)?;
    if !store.get_file(&previous.object("roll.jsonl"), &mut file).await? {
        return Ok(Comparison::first());
    }
    let last = RollFile::read(File::open(&path)?)?;
    // As if the last run had been resumed: of two lines of an account, the one with more of it counts. The lines of the last roll
    // stay where they are.
    store.get_file(&previous.object(BASELINE), &mut file).await?;
    let before = RollFile::read(File::open(&path)?)?;
    match Diff::compare(&before, roll, settings, false) {
        Ok(diff) => {
            let diff = Some(diff.with_outcomes_since(&last, roll)?);
            Ok(Comparison { diff, not_compared: None, before: Some(before) })
        }
        Err(NotComparable::Io(error)) => Err(error.into()),
        Err(other) => Ok(Comparison { not_compared: Some(other), ..Comparison::first() }),
    }
}

/// An account as it is last known: what was read today, and where that is unknown, what was known before.
fn last_known(today: &AccountRecord, before: AccountRecord) -> AccountRecord {
    let (Some(users), Some(users_before)) = (today.users(), before.users()) else { return before };
    let mut by_id: BTreeMap<&str, &User> =
        users_before.iter().map(|user| (user.user_id.as_str(), user)).collect();
    let mut known: Vec<User> =
        users.iter().map(|user| last_known_user(user, by_id.remove(user.user_id.as_str()))).collect();
    // Where not all users were listed, one that is not there may still exist.
    let is_listed = !today.gaps().iter().any(|gap| gap.stage == FactKind::Users.into());
    if !is_listed {
        known.extend(by_id.into_values().cloned());
    }
    let (facts, facts_before) = (today.facts().clone(), before.facts().clone());
    let facts = Facts {
        alias: facts.alias.or(facts_before.alias),
        summary: facts.summary.or(facts_before.summary),
        root: facts.root.or(facts_before.root),
        root_credentials_managed: facts.root_credentials_managed.or(facts_before.root_credentials_managed),
    };
    let target =
        rolecall_roll::Target { account_id: today.account_id().clone(), role_arn: today.role_arn().cloned() };
    let record = AccountRecord::read(target, known, today.gaps().to_vec(), Vec::new());
    let record = record.with_facts(facts).with_account(today.account().cloned());
    match today.as_of() {
        Some(as_of) => record.with_as_of(as_of),
        None => record,
    }
}

fn last_known_user(today: &User, before: Option<&User>) -> User {
    let mut user = today.clone();
    let Some(before) = before.cloned() else { return user };
    match &mut user.access_keys {
        None => {
            (user.access_keys, user.no_access_keys_source) =
                (before.access_keys, before.no_access_keys_source);
        }
        Some(keys) => {
            for key in keys {
                let same =
                    before.access_keys.iter().flatten().find(|it| it.access_key_id == key.access_key_id);
                if let Some(same) = same {
                    key.last_used = std::mem::take(&mut key.last_used).or(same.last_used.clone());
                }
            }
        }
    }
    user.console_password = user.console_password.or(before.console_password);
    user.mfa_devices = user.mfa_devices.or(before.mfa_devices);
    user.policies = user.policies.or(before.policies);
    user.report = user.report.or(before.report);
    user
}
