//! The gaps and the notes of each account, and the table of access keys.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use rolecall_report::coverage_summary::{first_of, no_users, with_thousands_separator};
use rolecall_report::facts::days;
use rolecall_report::finding::account_label;
use rolecall_report::last_use::NoLastUse;
use rolecall_roll::diagnosis::{SAME_EXTERNAL_ID, doctor_command};
use rolecall_roll::{AccessKey, AccessKeyStatus, AccountRecord, Fact, Gap, Header, Outcome, RollFile, User};

use super::count_of;
use super::grid::{self, Cell, Column, Layout, Measured};
use super::sink::TerminalStyle;
use crate::terms::FlagTerms;

/// The number of rows (keys, and users without keys) that a terminal lists without --all. More would scroll the coverage
/// summary and the findings away.
const MOST_KEYS: usize = 50;

/// Which access keys are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyListing {
    None,
    /// All, unless there are more than [`MOST_KEYS`] on a terminal.
    Few,
    All,
}

/// Writes the gaps and the notes.
pub(super) fn render_unread(
    out: &mut impl Write,
    roll: &RollFile,
    terminal: TerminalStyle,
) -> io::Result<()> {
    render_gaps(out, roll, terminal)?;
    for account in roll.accounts_with_remarks() {
        let account = account?;
        if !account.notes().is_empty() {
            writeln!(out, "{}", notes(&account, terminal))?;
        }
    }
    Ok(())
}

/// Writes the gaps of each account. Accounts in which nothing was read for the same reason, such as a service control policy, are
/// written together, with the message for the first of them.
fn render_gaps(out: &mut impl Write, roll: &RollFile, terminal: TerminalStyle) -> io::Result<()> {
    let mut alike: Vec<(AccountRecord, Vec<String>)> = Vec::new();
    let mut indexes: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    for account in roll.accounts_with_remarks() {
        let account = account?;
        match account.outcome() {
            Outcome::Failed => {
                let id = account.account_id().to_string();
                let index = *indexes.entry(causes(&account)).or_insert(alike.len());
                match alike.get_mut(index) {
                    Some((_, ids)) => ids.push(id),
                    None => alike.push((account, vec![id])),
                }
            }
            Outcome::Partial => {
                writeln!(out, "{}", not_read(&account, &subject(&account), &roll.header, terminal))?;
            }
            Outcome::Complete | Outcome::Skipped => {}
        }
    }
    for (account, ids) in alike {
        let subject = match ids.as_slice() {
            [_] => subject(&account),
            ids => {
                let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
                format!("{}: {}", count_of(ids.len(), "account"), first_of(&ids))
            }
        };
        writeln!(out, "{}", not_read(&account, &subject, &roll.header, terminal))?;
    }
    Ok(())
}

/// Why nothing was read in an account, without what differs in each account: its id, and the ids of requests.
fn causes(account: &AccountRecord) -> Vec<String> {
    let cause = |gap: &Gap| {
        let text = format!("{} {} {}", gap.stage, gap.to_line(), gap.remedy.to_text(&FlagTerms));
        text.replace(account.account_id().as_str(), "")
    };
    account.gaps().iter().map(cause).collect()
}

/// The account and its role, as a heading of its gaps.
fn subject(account: &AccountRecord) -> String {
    let account_id = account.account_id();
    let role_arn = account.role_arn().map_or(format!("{account_id}, own credentials"), ToString::to_string);
    let name = account.account().and_then(|account| account.name.as_deref());
    format!("{role_arn}{}", name.map_or(String::new(), |name| format!(" ({name})")))
}

/// Writes the users and their keys, if they are listed. Reads the accounts twice, to measure the rows and to write them: a roll may
/// be larger than the memory.
pub(super) fn render_keys(
    out: &mut impl Write,
    roll: &RollFile,
    keys: KeyListing,
    terminal: TerminalStyle,
) -> io::Result<()> {
    if keys == KeyListing::None {
        return Ok(());
    }
    let mut measured = Measured::new(columns());
    for account in roll.accounts() {
        add_rows(&account?, &roll.header, &mut |row| {
            measured.add(&row);
            Ok(())
        })?;
    }
    match measured.rows {
        0 => return Ok(()),
        rows if terminal.is_terminal && keys == KeyListing::Few && rows > MOST_KEYS => {
            let rows = with_thousands_separator(rows);
            writeln!(out, "{rows} rows of users and access keys are not listed. To see them:")?;
            return writeln!(out, "  --all, or --format roll-csv --out FILE\n");
        }
        _ => {}
    }
    let layout = Layout::new(measured, terminal);
    layout.write_header(out)?;
    for account in roll.accounts() {
        add_rows(&account?, &roll.header, &mut |row| layout.write_row(out, &row))?;
    }
    writeln!(out)
}

fn columns() -> [Column; 7] {
    [
        Column::account("ACCOUNT"),
        Column::id("USER"),
        Column::id("ACCESS KEY"),
        Column::id("STATUS"),
        Column::id("CREATED"),
        Column::number("AGE"),
        Column::id("LAST USED"),
    ]
}

/// Adds a row for each key of an account, and one for each user without keys.
fn add_rows(
    account: &AccountRecord,
    header: &Header,
    add: &mut dyn FnMut(Vec<Cell<'_>>) -> io::Result<()>,
) -> io::Result<()> {
    let name = account.account().and_then(|account| account.name.as_deref());
    let label = Cell::new(account_label(account.account_id(), name));
    match account.users() {
        None => Ok(()),
        Some([]) => add(vec![label, Cell::dim(no_users(header))]),
        Some(users) => users.iter().try_for_each(|user| add_user(add, &label, user, header.as_of)),
    }
}

fn add_user(
    add: &mut dyn FnMut(Vec<Cell<'_>>) -> io::Result<()>,
    account: &Cell,
    user: &User,
    as_of: Timestamp,
) -> io::Result<()> {
    // The name without the path, as in --user, exceptions and findings.
    let row = |cells: Vec<Cell<'static>>| {
        [account.clone(), Cell::new(&user.user_name)].into_iter().chain(cells).collect()
    };
    match user.access_keys.as_deref() {
        None => add(row(vec![Cell::styled("unknown", red())])),
        Some([]) => add(row(vec![Cell::dim("no keys")])),
        Some(keys) => keys.iter().try_for_each(|key| add(row(key_cells(key, as_of)))),
    }
}

fn key_cells(key: &AccessKey, as_of: Timestamp) -> Vec<Cell<'static>> {
    let status = key.status.as_str();
    let status = match key.status {
        AccessKeyStatus::Active => Cell::new(status),
        _ => Cell::dim(status),
    };
    let day = |date: Timestamp| date.strftime("%Y-%m-%d").to_string();
    let last = match &key.last_used {
        Fact::Known { value: Some(last), .. } => Cell::new(day(last.date)),
        Fact::Known { value: None, .. } => Cell::new(NoLastUse::of_access_key(key.create_date).short()),
        Fact::Unknown { .. } => Cell::styled("unknown", red()),
        Fact::Unavailable { .. } => Cell::new("unavailable"),
        Fact::NotRequested => Cell::default(),
    };
    vec![
        Cell::new(key.access_key_id.as_str()),
        status,
        Cell::new(key.create_date.map_or_else(|| "unknown".to_owned(), day)),
        // Ages are counted in whole days.
        Cell::new(key.create_date.map_or(String::new(), |date| format!("{} d", days(date, as_of)))),
        last,
    ]
}

/// The gaps of an account: the message of AWS and the remedy.
fn not_read(account: &AccountRecord, subject: &str, header: &Header, terminal: TerminalStyle) -> String {
    let outcome = if account.is_denied() { "Denied".to_owned() } else { account.outcome().to_string() };
    let mut rows = vec![vec![Cell::styled(outcome, red().bold()), Cell::bold(subject)]];
    for gap in group_gaps(account.gaps()) {
        let Gap { stage, operation, code, message, request_id, remedy, .. } = gap.first;
        let call = operation.iter().chain(code).map(String::as_str).collect::<Vec<_>>().join(": ");
        let call = if gap.users.is_empty() { call } else { format!("{call} for {}", first_of(&gap.users)) };
        // A gap without a call has only its message.
        let texts = [call.as_str(), message.as_str()].into_iter().filter(|text| !text.is_empty());
        let labels = std::iter::once(Cell::new(stage)).chain(std::iter::repeat_with(Cell::default));
        rows.extend(labels.zip(texts).map(|(label, text)| vec![label, Cell::new(text)]));
        if let Some(request_id) = request_id {
            rows.push(vec![Cell::dim("request"), Cell::dim(request_id)]);
        }
        if let Some(diagnosis) = gap.first.diagnosis() {
            rows.push(vec![Cell::new("because"), Cell::new(diagnosis.to_string())]);
        }
        let to_do = Cell::styled("to do", AnsiColor::Yellow.on_default());
        rows.push(vec![to_do, Cell::new(remedy.to_text(&FlagTerms))]);
    }
    let is_diagnosed = account.gaps().iter().any(|gap| gap.diagnosis().is_some());
    if let Some(role_arn) = account.role_arn().filter(|_| is_diagnosed) {
        let denied = account.gaps().iter().filter(|gap| gap.diagnosis().is_some());
        let users: BTreeSet<&str> = denied.filter_map(|gap| gap.user_name.as_deref()).collect();
        let users: Vec<&str> = users.into_iter().collect();
        let command =
            doctor_command(role_arn, &header.collect, &header.session, header.session_name.as_ref(), &users);
        rows.push(vec![Cell::new("more"), Cell::new(command)]);
        if header.session.has_external_id {
            rows.push(vec![Cell::default(), Cell::new(SAME_EXTERNAL_ID)]);
        }
    }
    labeled(terminal, &rows)
}

fn notes(account: &AccountRecord, terminal: TerminalStyle) -> String {
    let mut rows = vec![vec![Cell::new("Note"), Cell::new(account.account_id())]];
    for note in account.notes() {
        let user = note.user_name.as_deref().unwrap_or_default();
        rows.push(vec![Cell::default(), Cell::new(format!("{user} {}", note.message).trim_start())]);
    }
    labeled(terminal, &rows)
}

/// Rows of a label and a text.
fn labeled(terminal: TerminalStyle, rows: &[Vec<Cell<'_>>]) -> String {
    grid::table(terminal, [Column::id(""), Column::text("")], rows)
}

/// Gaps that differ in nothing but the user.
struct GapGroup<'a> {
    first: &'a Gap,
    users: Vec<&'a str>,
}

fn group_gaps(gaps: &[Gap]) -> Vec<GapGroup<'_>> {
    let kind = |gap: &Gap| (gap.stage, gap.operation.clone(), gap.error_kind, gap.code.clone());
    let mut kinds: Vec<GapGroup<'_>> = Vec::new();
    for gap in gaps {
        let users = gap.user_name.as_deref();
        match kinds.iter_mut().find(|earlier| kind(earlier.first) == kind(gap)) {
            // A user with a gap for each key is named once.
            Some(earlier) => {
                let new = users.filter(|user| !earlier.users.contains(user));
                earlier.users.extend(new);
            }
            None => kinds.push(GapGroup { first: gap, users: users.into_iter().collect() }),
        }
    }
    kinds
}

fn red() -> Style {
    AnsiColor::Red.on_default()
}
