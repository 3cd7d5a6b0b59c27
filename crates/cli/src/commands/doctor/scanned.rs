//! `--from ROLL`: the accounts that a scan could not read, and what it sent to them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rolecall_core::RunOptions;
use rolecall_core::options::row::Origin;
use rolecall_core::options::selection::parse_user_name;
use rolecall_roll::{
    AccountId, AccountRecord, ErrorKind, FactSelection, Header, Outcome, RoleArn, RollFile, SessionParameters,
};

use crate::failure::Failure;
use crate::{output, roll_file};

/// What a roll tells the doctor beside its targets and settings.
#[derive(Default)]
pub(super) struct ScannedAccounts {
    /// Whether the scan sent an external id.
    pub(super) with_external_id: bool,
    /// The users in the denied requests.
    pub(super) denied_users: BTreeMap<AccountId, BTreeSet<String>>,
}

impl ScannedAccounts {
    /// Sets the targets to the accounts that a roll did not read completely because access was denied, or that it did not read at
    /// all; and the facts and what is sent to those of the roll, unless others are given.
    pub(super) fn read(roll: &Path, flags: &mut RunOptions) -> Result<Self, Failure> {
        let file = roll_file::read(roll)?;
        let UnreadAccounts { roles, without_role, left_out, mut denied_users } = UnreadAccounts::of(&file)?;
        if left_out > 0 {
            let (count, roll) = (output::count_of(left_out, "account"), roll.display());
            output::say(&format!(
                "note: the run of {roll} ended before it had read {count}; checked as well"
            ));
        }
        if without_role > 0 {
            let count = output::count_of(without_role, "account");
            output::say(&format!(
                "note: {count} without a role was not read with the caller's own credentials, and is not checked: --from checks \
                 roles"
            ));
        }
        if roles.is_empty() {
            let problem = format!("{}: no role of the roll was denied, failed or left out", roll.display());
            return Err(Failure::usage(problem).with_remedy("check a role with --role-arn ARN"));
        }
        flags.set("role_arn", &roles, Origin::Flag).map_err(Failure::usage)?;
        if flags.given("user").is_some() {
            denied_users.clear();
        }
        set_options(&file.header, flags)?;
        Ok(Self { with_external_id: file.header.session.has_external_id, denied_users })
    }
}

/// The accounts that a roll did not read, or not completely because access was denied.
#[derive(Default)]
struct UnreadAccounts {
    roles: Vec<String>,
    /// The number of accounts that the scan read, or was to read, with the caller's own credentials.
    without_role: usize,
    /// The number of roles among `roles` that the run ended before.
    left_out: usize,
    denied_users: BTreeMap<AccountId, BTreeSet<String>>,
}

impl UnreadAccounts {
    fn of(file: &RollFile) -> Result<Self, Failure> {
        let mut unread = Self::default();
        let targets = file.header.targets.iter();
        let mut pending: BTreeMap<_, _> =
            targets.map(|target| (&target.account_id, target.role_arn.as_ref())).collect();
        for account in file.accounts() {
            let account = account.map_err(Failure::unexpected)?;
            pending.remove(account.account_id());
            unread.add(&account);
        }
        unread.left_out = pending.values().flatten().count();
        for role_arn in pending.into_values() {
            unread.add_role(role_arn);
        }
        Ok(unread)
    }

    fn add(&mut self, account: &AccountRecord) {
        let mut denied = account.gaps().iter().filter(|gap| gap.error_kind == ErrorKind::Denied).peekable();
        if denied.peek().is_some() || account.outcome() == Outcome::Failed {
            self.add_role(account.role_arn());
        }
        let users: BTreeSet<_> = denied.filter_map(|gap| gap.user_name.clone()).collect();
        // A part of a hostile name is redacted in a roll: AWS does not accept what is left.
        let (users, redacted): (BTreeSet<_>, BTreeSet<_>) =
            users.into_iter().partition(|name| parse_user_name(name).is_ok());
        let account_id = account.account_id();
        if !redacted.is_empty() {
            let count = output::count_of(redacted.len(), "user");
            output::say(&format!(
                "note: {count} of account {account_id} not tested: the roll has no whole name"
            ));
        }
        self.denied_users.insert(account_id.clone(), users);
    }

    fn add_role(&mut self, role_arn: Option<&RoleArn>) {
        match role_arn {
            Some(role_arn) => self.roles.push(role_arn.to_string()),
            None => self.without_role += 1,
        }
    }
}

/// Sets the facts and what is sent to those of a run, unless others are given.
fn set_options(header: &Header, flags: &mut RunOptions) -> Result<(), Failure> {
    let facts: Vec<&str> = header.collect.facts.iter().map(|fact| fact.name()).collect();
    let FactSelection { user_name, path_prefix, .. } = &header.collect;
    let SessionParameters { duration_s, via, source_identity, tags, has_external_id: _ } = &header.session;
    for (key, texts) in [
        ("collect", vec![facts.join(",")]),
        ("session_name", header.session_name.iter().map(ToString::to_string).collect()),
        ("user", user_name.iter().cloned().collect()),
        ("path_prefix", path_prefix.iter().cloned().collect()),
        ("session_duration", duration_s.iter().map(|seconds| format!("{seconds}s")).collect()),
        ("via", via.iter().map(ToString::to_string).collect()),
        ("source_identity", source_identity.iter().map(ToString::to_string).collect()),
        ("session_tag", tags.iter().map(|(key, value)| format!("{key}={value}")).collect()),
    ] {
        if !texts.is_empty() && flags.given(key).is_none() {
            flags.set(key, &texts, Origin::Flag).map_err(Failure::usage)?;
        }
    }
    Ok(())
}
