//! What a roll is compared with: each account as it was last read.
//!
//! An account that denies access today, or of which a fact is unknown, keeps what was known of it before, so that the next roll that
//! reads it is compared with that, account by account and fact by fact.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::Path;

use rolecall_report::bundle::{SUMS_FILE, has_sum, sha256};
use rolecall_report::diff::NotComparable;
use rolecall_report::{Diff, Settings};
use rolecall_roll::{
    AccountRecord, FactKind, Facts, Outcome, ReadError, ResumableRoll, RollFile, RollWriter, Statistics, User,
};

use super::MergeError;
use crate::run_key::RunKey;
use crate::store::Store;

const ROLL: &str = "roll.jsonl";

/// The object with the accounts that a run did not read completely, as they were last known.
pub(super) const BASELINE: &str = "baseline.jsonl";

/// A roll compared with what was known before.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// The differences; `None` where there is nothing to compare with.
    pub(crate) diff: Option<Diff>,
    /// Why the roll could not be compared with the last one.
    pub(crate) not_compared: Option<String>,
    /// What was known before.
    before: Option<RollFile>,
}

impl Comparison {
    /// That of the first roll.
    pub(super) fn first() -> Self {
        Self { diff: None, not_compared: None, before: None }
    }

    pub(super) fn not_compared(reason: String) -> Self {
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
    let [roll_key, baseline_key, sums_key] = [ROLL, BASELINE, SUMS_FILE].map(|name| previous.object(name));
    let path = folder.join("before.jsonl");
    if !store.get_file(&roll_key, &mut File::create_new(&path)?).await? {
        return Ok(Comparison::not_compared(format!("the roll of the last run, {roll_key}, does not exist")));
    }
    let mut known = tempfile::tempfile_in(folder)?;
    let has_baseline = store.get_file(&baseline_key, &mut known).await?;
    known.rewind()?;
    let sums = store.get(&sums_key).await?.map(|object| object.bytes).unwrap_or_default();
    let sums = String::from_utf8_lossy(&sums);
    // A file that was edited would open and resolve findings that did not change.
    for (name, key, sum) in [
        (ROLL, &roll_key, Some(sha256(File::open(&path)?)?)),
        (BASELINE, &baseline_key, has_baseline.then(|| sha256(&known)).transpose()?),
    ] {
        if sum.is_some_and(|sum| !has_sum(&sums, name, &sum)) {
            return Ok(Comparison::not_compared(format!(
                "{key} was changed: its checksum is not in {sums_key}"
            )));
        }
    }
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;
    use proptest::collection::vec;
    use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
    use rolecall_roll::{
        AccessKey, AccessKeyStatus, AccountRecord, ConsolePassword, ErrorKind, Fact, FactKind, Facts, Gap,
        LastUsed, MfaDevice, Outcome, Policies, Remedy, RoleArn, Stage, User,
    };

    use super::last_known;

    fn fact<T: Clone + std::fmt::Debug + 'static>(
        value: impl Strategy<Value = T>,
    ) -> impl Strategy<Value = Fact<T>> {
        prop_oneof![
            3 => value.prop_map(Fact::live),
            2 => Just(Fact::Unknown { unknown: "denied".to_owned() }),
            1 => Just(Fact::Unavailable { unavailable: "too young".to_owned() }),
            1 => Just(Fact::NotRequested),
        ]
    }

    fn key() -> impl Strategy<Value = AccessKey> {
        let used = any::<bool>().prop_map(|is_used| {
            is_used.then_some(LastUsed { date: Timestamp::UNIX_EPOCH, service: None, region: None })
        });
        (0..3_u8, any::<bool>(), fact(used)).prop_map(|(number, is_active, last_used)| AccessKey {
            access_key_id: format!("{:X<20}", format!("AKIA{number}")).parse().unwrap(),
            status: if is_active { AccessKeyStatus::Active } else { AccessKeyStatus::Inactive },
            create_date: None,
            last_used,
        })
    }

    fn user() -> impl Strategy<Value = User> {
        let keys = vec(key(), 0..3).prop_map(|keys| {
            let keys: BTreeMap<_, _> = keys.into_iter().map(|key| (key.access_key_id.clone(), key)).collect();
            keys.into_values().collect::<Vec<_>>()
        });
        let password = any::<Option<bool>>().prop_map(|reset| {
            reset.map(|reset| ConsolePassword { create_date: None, password_reset_required: reset })
        });
        let devices = (0..2_usize).prop_map(|number| {
            vec![MfaDevice { serial_number: "phone".to_owned(), enable_date: None }; number]
        });
        let policies = "[ab]".prop_map(|group| Policies { groups: vec![group], ..Policies::default() });
        let keys = prop_oneof![3 => keys.prop_map(Some), 1 => Just(None)];
        (0..4_u8, "[xy]", keys, fact(password), fact(devices), fact(policies)).prop_map(
            |(id, name, access_keys, console_password, mfa_devices, policies)| User {
                access_keys,
                console_password,
                mfa_devices,
                policies,
                ..User::new(
                    format!("{name}{id}"),
                    format!("AIDA{id}"),
                    String::new(),
                    "/".to_owned(),
                    Timestamp::UNIX_EPOCH,
                )
            },
        )
    }

    fn gap(stage: Stage) -> Gap {
        Gap {
            stage,
            operation: None,
            user_name: None,
            error_kind: ErrorKind::Denied,
            code: None,
            message: String::new(),
            request_id: None,
            remedy: Remedy::RetryLater,
        }
    }

    fn role_arn() -> RoleArn {
        "arn:aws:iam::111111111111:role/R".parse().unwrap()
    }

    /// A record that was read, of which the users may not all be listed.
    fn read_record() -> impl Strategy<Value = AccountRecord> {
        let alias = any::<Option<bool>>().prop_map(|alias| alias.map(|alias| alias.to_string()));
        (vec(user(), 0..4), any::<bool>(), fact(alias), fact(any::<bool>())).prop_map(
            |(users, is_listed, alias, root_credentials_managed)| {
                let users: BTreeMap<String, User> =
                    users.into_iter().map(|user| (user.user_id.clone(), user)).collect();
                let gaps = if is_listed { Vec::new() } else { vec![gap(FactKind::Users.into())] };
                let facts = Facts { alias, root_credentials_managed, ..Facts::default() };
                AccountRecord::read(role_arn(), users.into_values().collect(), gaps, Vec::new())
                    .with_facts(facts)
            },
        )
    }

    fn record() -> impl Strategy<Value = AccountRecord> {
        let failed = Just(()).prop_map(|()| AccountRecord::failed(role_arn(), gap(Stage::Session)));
        prop_oneof![4 => read_record(), 1 => failed]
    }

    /// A fact is that of today where that is known, and otherwise that of today or of before.
    fn assert_kept<T: PartialEq + std::fmt::Debug>(
        fact: &Fact<T>,
        today: &Fact<T>,
        before: Option<&Fact<T>>,
    ) {
        if today.known().is_some() {
            assert_eq!(fact, today);
        } else if let Some(before) = before.filter(|before| before.known().is_some()) {
            assert_eq!(fact, before, "what was known is lost");
        } else {
            assert!(fact.known().is_none(), "{fact:?} is invented");
        }
    }

    fn of<'a>(record: &'a AccountRecord, user_id: &str) -> Option<&'a User> {
        record.users()?.iter().find(|user| user.user_id == user_id)
    }

    fn assert_user_kept(user: &User, today: &User, before: Option<&User>) {
        assert_eq!(user.user_name, today.user_name);
        assert_kept(&user.console_password, &today.console_password, before.map(|it| &it.console_password));
        assert_kept(&user.mfa_devices, &today.mfa_devices, before.map(|it| &it.mfa_devices));
        assert_kept(&user.policies, &today.policies, before.map(|it| &it.policies));
        let keys_before = before.and_then(|before| before.access_keys.as_ref());
        let Some(keys_today) = &today.access_keys else {
            return assert_eq!(user.access_keys.as_ref(), keys_before);
        };
        let keys = user.access_keys.as_ref().unwrap();
        assert_eq!(keys.len(), keys_today.len());
        for (key, today) in keys.iter().zip(keys_today) {
            assert_eq!((&key.access_key_id, &key.status), (&today.access_key_id, &today.status));
            let before = keys_before.into_iter().flatten().find(|it| it.access_key_id == key.access_key_id);
            assert_kept(&key.last_used, &today.last_used, before.map(|it| &it.last_used));
        }
    }

    proptest! {
        #[test]
        fn what_is_last_known_was_read_today_or_before(today in record(), before in read_record()) {
            let known = last_known(&today, before.clone());
            if today.users().is_none() {
                assert_eq!(known, before);
                return Ok(());
            }
            // A gap of today stays one.
            assert!(known.outcome() == Outcome::Partial || today.outcome() == Outcome::Complete);
            let is_listed = !today.gaps().iter().any(|gap| gap.stage == FactKind::Users.into());
            for user in known.users().unwrap() {
                match (of(&today, &user.user_id), of(&before, &user.user_id)) {
                    (Some(today), before) => assert_user_kept(user, today, before),
                    (None, Some(before)) => assert!(!is_listed && user == before, "{user:?} was deleted"),
                    (None, None) => panic!("{user:?} is invented"),
                }
            }
            let lost = |user: &&User| of(&known, &user.user_id).is_none();
            assert_eq!(today.users().unwrap().iter().find(lost), None);
            assert!(is_listed || before.users().unwrap().iter().find(lost).is_none());
            let (facts, facts_today, facts_before) = (known.facts(), today.facts(), before.facts());
            assert_kept(&facts.alias, &facts_today.alias, Some(&facts_before.alias));
            let managed = |facts: &Facts| facts.root_credentials_managed.clone();
            assert_kept(&managed(facts), &managed(facts_today), Some(&managed(facts_before)));
        }
    }
}
