//! The roll as RFC 4180: a row a key, one for each user without, one for each account without users, skipped or not read;
//! and at the end what the roll covers.
//!
//! An empty cell is a fact that nobody asked for, or that there is none of; one that is unknown says so, and why.

use std::fmt::Display;
use std::io::{self, Write};

use jiff::Timestamp;
use rolecall_roll::{
    AccessKey, AccountRecord, Coverage, Fact, LastUsed, NeutralTerms, Outcome, Policies, RollFile, User,
};

use super::csv::{Rows, in_words};
use crate::coverage_summary::CoverageSummary;
use crate::facts::days;

/// The columns. `record` is `access_key`, `user`, `account`, `not_read` or `coverage`.
const COLUMNS: [&str; 25] = [
    "record",
    "account_id",
    "account_name",
    "organizational_unit",
    "outcome",
    "user_name",
    "user_arn",
    "user_id",
    "user_created",
    "password_last_used",
    "console_password",
    "mfa_devices",
    "groups",
    "attached_policies",
    "inline_policies",
    "administrator",
    "tags",
    "access_key_id",
    "status",
    "created",
    "age_days",
    "last_used",
    "last_used_service",
    "last_used_region",
    "message",
];

/// What the columns of an account, of a user and of a key hold where there is none.
const NO_ACCOUNT: [&str; 4] = [""; 4];
const NO_USER: [&str; 12] = [""; 12];
const NO_KEY: [&str; 7] = [""; 7];

/// Writes it.
///
/// # Errors
/// Those of `out` and of the roll file.
pub fn render(out: &mut impl Write, stored: &RollFile, coverage: &Coverage) -> io::Result<()> {
    let mut table = Table(Rows::new(out));
    table.0.write(COLUMNS)?;
    for account in stored.accounts() {
        of_account(&mut table, &account?, stored.header.as_of)?;
    }
    let statement = CoverageSummary::new(stored, coverage, None, &NeutralTerms).to_one_line();
    table.row("coverage", &NO_ACCOUNT, &NO_USER, &NO_KEY, &statement)?;
    table.0.finish()
}

struct Table<W: Write>(Rows<W>);

impl<W: Write> Table<W> {
    fn row(
        &mut self,
        record: &str,
        account: &[impl AsRef<str>; 4],
        user: &[impl AsRef<str>; 12],
        key: &[impl AsRef<str>; 7],
        message: &str,
    ) -> io::Result<()> {
        let account = account.iter().map(AsRef::as_ref);
        let (user, key) = (user.iter().map(AsRef::as_ref), key.iter().map(AsRef::as_ref));
        self.0.write([record].into_iter().chain(account).chain(user).chain(key).chain([message]))
    }
}

fn of_account<W: Write>(table: &mut Table<W>, account: &AccountRecord, as_of: Timestamp) -> io::Result<()> {
    let known = account.account();
    let text = |text: Option<&String>| text.cloned().unwrap_or_default();
    let of_account = [
        account.account_id().to_string(),
        text(known.and_then(|it| it.name.as_ref())),
        text(known.and_then(|it| it.organizational_unit.as_ref())),
        account.outcome().to_string(),
    ];
    for user in account.users().unwrap_or_default() {
        let of_user = of_user(user);
        match user.access_keys.as_deref() {
            None => {
                let mut unknown = NO_KEY;
                unknown[0] = "unknown";
                table.row("user", &of_account, &of_user, &unknown, "")?;
            }
            Some([]) => table.row("user", &of_account, &of_user, &NO_KEY, "")?,
            Some(keys) => {
                for key in keys {
                    table.row("access_key", &of_account, &of_user, &of_key(key, as_of), "")?;
                }
            }
        }
    }
    if account.users().is_none_or(<[User]>::is_empty) {
        let why = account.why_skipped().unwrap_or_default();
        table.row("account", &of_account, &NO_USER, &NO_KEY, why)?;
    }
    if matches!(account.outcome(), Outcome::Partial | Outcome::Failed) {
        for gap in account.gaps() {
            let mut user = NO_USER;
            user[0] = gap.user_name.as_deref().unwrap_or_default();
            table.row("not_read", &of_account, &user, &NO_KEY, &in_words(gap))?;
        }
    }
    Ok(())
}

fn of_user(user: &User) -> [String; 12] {
    let policies = |of: fn(&Policies) -> String| fact(&user.policies, of);
    let tags = |policies: &Policies| {
        let tags = policies.tags.iter().map(|(key, value)| format!("{key}={value}"));
        tags.collect::<Vec<_>>().join(", ")
    };
    [
        user.user_name.clone(),
        user.arn.clone(),
        user.user_id.clone(),
        user.create_date.to_string(),
        optional(user.password_last_used),
        fact(&user.console_password, |it| it.is_some().to_string()),
        fact(&user.mfa_devices, |it| it.len().to_string()),
        policies(|it| it.groups.join(", ")),
        policies(|it| it.attached_policies.join(", ")),
        policies(|it| it.inline_policies.join(", ")),
        policies(|it| it.is_administrator.map_or("unknown".to_owned(), |it| it.to_string())),
        fact(&user.policies, tags),
    ]
}

fn of_key(key: &AccessKey, as_of: Timestamp) -> [String; 7] {
    let last =
        |of: fn(&LastUsed) -> String| fact(&key.last_used, |last| last.as_ref().map(of).unwrap_or_default());
    [
        key.access_key_id.to_string(),
        key.status.as_str().to_owned(),
        optional(key.create_date),
        optional(key.create_date.map(|created| days(created, as_of))),
        fact(&key.last_used, |it| it.as_ref().map_or("never".to_owned(), |it| it.date.to_string())),
        last(|it| it.service.clone().unwrap_or_default()),
        last(|it| it.region.clone().unwrap_or_default()),
    ]
}

fn optional(value: Option<impl Display>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn fact<T>(fact: &Fact<T>, of: impl FnOnce(&T) -> String) -> String {
    match fact {
        Fact::Known { value, .. } => of(value),
        Fact::Unknown { unknown } => format!("unknown: {unknown}"),
        Fact::NotRequested => String::new(),
    }
}
