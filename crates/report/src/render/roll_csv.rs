//! The roll as CSV (RFC 4180): a row for each access key, for each user without keys, and for each account without users,
//! skipped or not read. The last row is the coverage, in words and as JSON.
//!
//! An empty cell is a fact that was not requested, or a value that does not exist. An unknown fact has the text `unknown`,
//! with the reason where there is one.

use std::fmt::Display;
use std::io::{self, Write};

use jiff::Timestamp;
use rolecall_roll::{
    AccessKey, AccountRecord, Coverage, Fact, Header, LastUsed, NeutralTerms, Outcome, Policies, RollFile,
    User,
};

use super::csv::{Rows, coverage_json, gap_text};
use crate::coverage_summary::{CoverageSummary, no_users};
use crate::facts::days;
use crate::last_use::NoLastUse;

/// The names of the columns. `record` is `access_key`, `user`, `account`, `not_read` or `coverage`.
const COLUMNS: [&str; 26] = [
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
    "coverage",
];

/// The cells of an account, of a user and of a key in rows that have none.
const NO_ACCOUNT: [&str; 4] = [""; 4];
const NO_USER: [&str; 12] = [""; 12];
const NO_KEY: [&str; 7] = [""; 7];

/// Writes the roll as CSV.
///
/// # Errors
/// The first error of `out` or of reading the roll file.
pub fn render(out: &mut impl Write, roll: &RollFile, coverage: &Coverage) -> io::Result<()> {
    Rows::write_to(&mut *out, |rows| rows.write(COLUMNS))?;
    let render = |account: AccountRecord| -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        Rows::write_to(&mut text, |rows| write_account(&mut Table(rows), &account, &roll.header))?;
        Ok(text)
    };
    roll.map_accounts(render, |text| out.write_all(&text?))?;
    let summary = CoverageSummary::new(roll, coverage, None, &NeutralTerms).to_one_line();
    let json = coverage_json(coverage)?;
    let cells = ["coverage"].into_iter().chain(NO_ACCOUNT).chain(NO_USER).chain(NO_KEY);
    Rows::write_to(out, |rows| rows.write(cells.chain([summary.as_str(), json.as_str()])))
}

struct Table<'a, W: Write>(&'a mut Rows<W>);

impl<W: Write> Table<'_, W> {
    fn write_row(
        &mut self,
        record: &str,
        account: &[impl AsRef<str>; 4],
        user: &[impl AsRef<str>; 12],
        key: &[impl AsRef<str>; 7],
        message: &str,
    ) -> io::Result<()> {
        let account = account.iter().map(AsRef::as_ref);
        let (user, key) = (user.iter().map(AsRef::as_ref), key.iter().map(AsRef::as_ref));
        self.0.write([record].into_iter().chain(account).chain(user).chain(key).chain([message, ""]))
    }
}

fn write_account<W: Write>(
    table: &mut Table<'_, W>,
    account: &AccountRecord,
    header: &Header,
) -> io::Result<()> {
    let details = account.account();
    let text = |text: Option<&String>| text.cloned().unwrap_or_default();
    let account_cells = [
        account.account_id().to_string(),
        text(details.and_then(|it| it.name.as_ref())),
        text(details.and_then(|it| it.organizational_unit.as_ref())),
        account.outcome().to_string(),
    ];
    for user in account.users().unwrap_or_default() {
        let user_cells = user_cells(user);
        match user.access_keys.as_deref() {
            None => {
                let mut unknown_key = NO_KEY;
                unknown_key[0] = "unknown";
                table.write_row("user", &account_cells, &user_cells, &unknown_key, "")?;
            }
            Some([]) => table.write_row("user", &account_cells, &user_cells, &NO_KEY, "")?,
            Some(keys) => {
                for key in keys {
                    table.write_row(
                        "access_key",
                        &account_cells,
                        &user_cells,
                        &key_cells(key, header.as_of),
                        "",
                    )?;
                }
            }
        }
    }
    if account.users().is_none_or(<[User]>::is_empty) {
        let is_read = account.users().is_some();
        let none = is_read.then(|| no_users(header));
        let reason = account.why_skipped().map(str::to_owned).or(none).unwrap_or_default();
        table.write_row("account", &account_cells, &NO_USER, &NO_KEY, &reason)?;
    }
    if matches!(account.outcome(), Outcome::Partial | Outcome::Failed) {
        for gap in account.gaps() {
            let mut user_cells = NO_USER;
            user_cells[0] = gap.user_name.as_deref().unwrap_or_default();
            table.write_row("not_read", &account_cells, &user_cells, &NO_KEY, &gap_text(gap))?;
        }
    }
    Ok(())
}

fn user_cells(user: &User) -> [String; 12] {
    let policies = |text: fn(&Policies) -> String| fact_text(&user.policies, text);
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
        fact_text(&user.console_password, |it| it.is_some().to_string()),
        fact_text(&user.mfa_devices, |it| it.len().to_string()),
        policies(|it| it.groups.join(", ")),
        policies(|it| it.attached_policies.join(", ")),
        policies(|it| it.inline_policies.join(", ")),
        policies(|it| it.is_administrator.map_or("unknown".to_owned(), |it| it.to_string())),
        fact_text(&user.policies, tags),
    ]
}

fn key_cells(key: &AccessKey, as_of: Timestamp) -> [String; 7] {
    let no_use = NoLastUse::of_access_key(key.create_date);
    let last = |text: fn(&LastUsed) -> String| {
        fact_text(&key.last_used, |last| last.as_ref().map(text).unwrap_or_default())
    };
    [
        key.access_key_id.to_string(),
        key.status.as_str().to_owned(),
        optional(key.create_date),
        optional(key.create_date.map(|created| days(created, as_of))),
        fact_text(&key.last_used, |it| it.as_ref().map_or_else(|| no_use.long(), |it| it.date.to_string())),
        last(|it| it.service.clone().unwrap_or_default()),
        last(|it| it.region.clone().unwrap_or_default()),
    ]
}

fn optional(value: Option<impl Display>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn fact_text<T>(fact: &Fact<T>, text: impl FnOnce(&T) -> String) -> String {
    match fact {
        Fact::Known { value, .. } => text(value),
        Fact::Unknown { unknown } => format!("unknown: {unknown}"),
        Fact::Unavailable { unavailable } => format!("unavailable: {unavailable}"),
        Fact::NotRequested => String::new(),
    }
}
