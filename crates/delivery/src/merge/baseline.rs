//! What a roll is compared with: each account as it was last read.
//!
//! An account that denies access today, or of which a fact is unknown, keeps what was known of it before, so that the next roll that
//! reads it is compared with that, account by account and fact by fact.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::Path;

use rolecall_report::diff::NotComparable;
use rolecall_report::{Diff, Settings};
use rolecall_roll::{
    AccountRecord, FactKind, Facts, Outcome, ReadError, ResumableRoll, RollFile, RollWriter, Statistics, User,
};

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
    /// Why the roll could not be compared with the last one.
    pub(super) not_compared: Option<String>,
    /// What was known before.
    before: Option<RollFile>,
}

impl Comparison {
    /// That of the first roll.
    pub(super) fn first() -> Self {
        Self { diff: None, not_compared: None, before: None }
    }

    fn not_compared(reason: String) -> Self {
        Self { not_compared: Some(reason), ..Self::first() }
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
    let [roll_key, baseline_key] = ["roll.jsonl", BASELINE].map(|name| previous.object(name));
    let path = folder.join("before.jsonl");
    if !store.get_file(&roll_key, &mut File::create_new(&path)?).await? {
        return Ok(Comparison::not_compared(format!("the roll of the last run, {roll_key}, does not exist")));
    }
    let mut known = tempfile::tempfile_in(folder)?;
    let has_baseline = store.get_file(&baseline_key, &mut known).await?;
    let last = match RollFile::read(File::open(&path)?) {
        Ok(last) => last,
        Err(error) => {
            return Ok(Comparison::not_compared(format!("the roll of the last run, {roll_key}: {error}")));
        }
    };
    let before = match last_known_roll(&path, has_baseline.then_some(known)) {
        Ok(before) => before,
        Err(error) => return Ok(Comparison::not_compared(format!("the last run, {baseline_key}: {error}"))),
    };
    match Diff::compare(&before, roll, settings, false) {
        Ok(diff) => {
            let diff = diff.with_outcomes_since(&last, roll)?;
            Ok(Comparison { diff: Some(diff), not_compared: None, before: Some(before) })
        }
        Err(NotComparable::Io(error)) => Err(error.into()),
        Err(other) => Ok(Comparison::not_compared(other.to_string())),
    }
}

/// The last roll, with what was known before of the accounts that it does not have completely. It is as if the run had been resumed: of
/// two lines of an account, the one with more of it counts.
fn last_known_roll(path: &Path, known: Option<File>) -> Result<RollFile, ReadError> {
    let Some(mut known) = known else { return RollFile::read(File::open(path)?) };
    known.rewind()?;
    let known = RollFile::read(known)?;
    let roll = ResumableRoll::read(File::options().read(true).write(true).open(path)?)?;
    let mut roll = roll.resume(&known.header)?;
    for account in known.accounts() {
        roll.add(&account?)?;
    }
    Ok(roll.finish(Statistics::default())?)
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
