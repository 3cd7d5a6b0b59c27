//! The roll as RFC 4180: a row a key, one for each user without, one for each account without users, skipped or not read;
//! and at the end what the roll covers.
//!
//! An empty cell is a fact that nobody asked for, or that there is none of; one that is unknown says so, and why.

use std::fmt::Display;
use std::io::{self, Write};

use jiff::Timestamp;
use rolecall_roll::{AccessKey, AccountRoll, Coverage, Fact, Gap, Stored, User};

use super::csv::{Rows, in_words, name, not_read, unit};
use crate::case::days;
use crate::statement::Statement;

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

/// Writes it.
///
/// # Errors
/// Those of `out` and of the roll file.
pub fn render(out: &mut impl Write, stored: &Stored, coverage: &Coverage) -> io::Result<()> {
    let mut rows = Rows::new(out, &COLUMNS);
    rows.header()?;
    for account in stored.accounts() {
        of_account(&mut rows, &account?, stored.header.as_of)?;
    }
    let statement = Statement::of(stored, coverage, None).in_a_line();
    rows.write(&[("record", "coverage"), ("message", &statement)])?;
    rows.finish()
}

fn of_account<W: Write>(rows: &mut Rows<W>, account: &AccountRoll, as_of: Timestamp) -> io::Result<()> {
    let outcome = account.outcome().to_string();
    let common = [
        ("account_id", account.account_id().as_str()),
        ("account_name", name(account)),
        ("organizational_unit", unit(account)),
        ("outcome", outcome.as_str()),
    ];
    for user in account.users().unwrap_or_default() {
        let of_user = cells_of_user(user);
        let of_user: Vec<(&str, &str)> = of_user.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let user_cells = [&common[..], &of_user[..]].concat();
        match user.access_keys.as_deref() {
            None => {
                let cells = [("record", "user"), ("access_key_id", "unknown")];
                rows.write(&[&user_cells[..], &cells[..]].concat())?;
            }
            Some([]) => rows.write(&[&user_cells[..], &[("record", "user")]].concat())?,
            Some(keys) => {
                for key in keys {
                    let cells = cells_of_key(key, as_of);
                    let cells: Vec<(&str, &str)> =
                        cells.iter().map(|(name, text)| (*name, text.as_str())).collect();
                    rows.write(&[&[("record", "access_key")], &user_cells[..], &cells[..]].concat())?;
                }
            }
        }
    }
    if account.users().is_none_or(<[User]>::is_empty) {
        let why = account.why_skipped().unwrap_or_default();
        rows.write(&[&common[..], &[("record", "account"), ("message", why)]].concat())?;
    }
    for gap in not_read(account) {
        let Gap { user_name, .. } = gap;
        let message = in_words(gap);
        let user_name = user_name.as_deref().unwrap_or_default();
        let cells = [("record", "not_read"), ("user_name", user_name), ("message", &message)];
        rows.write(&[&common[..], &cells[..]].concat())?;
    }
    Ok(())
}

type Cells = Vec<(&'static str, String)>;

fn cells_of_user(user: &User) -> Cells {
    let policies = |of: fn(&rolecall_roll::Policies) -> String| fact(&user.policies, of);
    vec![
        ("user_name", user.user_name.clone()),
        ("user_arn", user.arn.clone()),
        ("user_id", user.user_id.clone()),
        ("user_created", user.create_date.to_string()),
        ("password_last_used", optional(user.password_last_used)),
        ("console_password", fact(&user.console_password, |it| it.is_some().to_string())),
        ("mfa_devices", fact(&user.mfa_devices, |it| it.len().to_string())),
        ("groups", policies(|it| it.groups.join(", "))),
        ("attached_policies", policies(|it| it.attached_policies.join(", "))),
        ("inline_policies", policies(|it| it.inline_policies.join(", "))),
        (
            "administrator",
            policies(|it| it.is_administrator.map_or("unknown".to_owned(), |it| it.to_string())),
        ),
        (
            "tags",
            policies(|it| {
                it.tags.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
            }),
        ),
    ]
}

fn cells_of_key(key: &AccessKey, as_of: Timestamp) -> Cells {
    let last = |of: fn(&rolecall_roll::LastUsed) -> String| {
        fact(&key.last_used, |last| last.as_ref().map(of).unwrap_or_default())
    };
    vec![
        ("access_key_id", key.access_key_id.clone()),
        ("status", key.status.as_str().to_owned()),
        ("created", optional(key.create_date)),
        ("age_days", optional(key.create_date.map(|created| days(created, as_of)))),
        (
            "last_used",
            fact(&key.last_used, |it| it.as_ref().map_or("never".to_owned(), |it| it.date.to_string())),
        ),
        ("last_used_service", last(|it| it.service.clone().unwrap_or_default())),
        ("last_used_region", last(|it| it.region.clone().unwrap_or_default())),
    ]
}

fn optional(value: Option<impl Display>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn fact<T>(fact: &Fact<T>, of: impl FnOnce(&T) -> String) -> String {
    match fact {
        Fact::Known { value, .. } => of(value),
        Fact::Unknown { unknown } => format!("unknown: {unknown}"),
        Fact::NotAsked => String::new(),
    }
}
