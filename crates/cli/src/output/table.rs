//! The roll for people: a row a key, then what was not read and why, then what it adds up to.

use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Table, presets,
};
use jiff::Timestamp;
use rolecall_roll::{AccessKeyStatus, AccountRoll, Gap, Outcome, Roll, User};

use super::sink::Look;
use super::summary;

pub(super) fn render(roll: &Roll, look: Look) -> String {
    let mut accounts: Vec<&AccountRoll> = roll.accounts.iter().collect();
    accounts.sort_by(|a, b| a.role_arn().cmp(b.role_arn()));
    let counts = roll.counts();

    let mut parts = Vec::new();
    if accounts.iter().any(|account| account.users().is_some()) {
        parts.push(keys(&accounts, roll.header.as_of, look));
    }
    let incomplete = accounts.iter().filter(|account| account.outcome() != Outcome::Complete);
    parts.extend(incomplete.map(|account| not_read(account, look)));
    let noted = accounts.iter().filter(|account| !account.notes().is_empty());
    parts.extend(noted.map(|account| notes(account, look)));
    let colour = if counts.is_complete() { Color::Green } else { Color::Red };
    parts.push(table(look, [Cell::new(summary(&counts)).fg(colour)]));
    parts.into_iter().map(lines).collect::<Vec<_>>().join("\n")
}

/// A row for each key, and one for each user without.
fn keys(accounts: &[&AccountRoll], as_of: Timestamp, look: Look) -> Table {
    let header = ["ACCOUNT", "USER", "ACCESS KEY", "STATUS", "CREATED", "AGE"];
    // Below this there is no room left for names; a terminal that is narrower breaks the lines itself.
    let look = Look { width: look.width.map(|width| width.max(78)), ..look };
    let mut table = table(look, header.map(|name| Cell::new(name).add_attribute(Attribute::Bold)));
    for account in accounts {
        let account_id = Cell::new(account.account_id());
        match account.users() {
            None => {}
            Some([]) => {
                table.add_row([account_id, dim("no users")]);
            }
            Some(users) => {
                for user in users {
                    add_user(&mut table, &account_id, user, as_of);
                }
            }
        }
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        // In a narrow terminal the names give way: an id that is broken cannot be copied.
        if index != 1 {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
        if index == 5 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn add_user(table: &mut Table, account_id: &Cell, user: &User, as_of: Timestamp) {
    let name = printable(&format!("{}{}", user.path.trim_start_matches('/'), user.user_name));
    let user_cells = || [account_id.clone(), Cell::new(&name)];
    match user.access_keys.as_deref() {
        None => {
            table.add_row(user_cells().into_iter().chain([Cell::new("unknown").fg(Color::Red)]));
        }
        Some([]) => {
            table.add_row(user_cells().into_iter().chain([dim("no keys")]));
        }
        Some(keys) => {
            for key in keys {
                let status = printable(key.status.as_str());
                let status = match key.status {
                    AccessKeyStatus::Active => Cell::new(status),
                    _ => dim(&status),
                };
                let created =
                    key.create_date.map_or("unknown".into(), |date| date.strftime("%Y-%m-%d").to_string());
                let age = key.create_date.map_or(String::new(), |date| age(date, as_of));
                table.add_row(user_cells().into_iter().chain([
                    Cell::new(printable(&key.access_key_id)),
                    status,
                    Cell::new(created),
                    Cell::new(age),
                ]));
            }
        }
    }
}

/// What of an account was not read: what AWS said, and what to do.
fn not_read(account: &AccountRoll, look: Look) -> Table {
    let outcome = Cell::new(account.outcome()).fg(Color::Red).add_attribute(Attribute::Bold);
    let role_arn = Cell::new(account.role_arn()).add_attribute(Attribute::Bold);
    let mut table = table(look, [outcome, role_arn]);
    for gap in of_a_kind(account.gaps()) {
        let Gap { step, operation, code, message, request_id, remedy, .. } = gap.first;
        let call = operation.iter().chain(code).map(String::as_str).collect::<Vec<_>>().join(": ");
        let call = if gap.users.is_empty() { call } else { format!("{call} for {}", some_of(&gap.users)) };
        table.add_row([step.to_string(), printable(&call)].map(Cell::new));
        table.add_row([Cell::new(""), Cell::new(printable(message))]);
        if let Some(request_id) = request_id {
            table.add_row([dim("request"), dim(&printable(request_id))]);
        }
        table.add_row([Cell::new("to do").fg(Color::Yellow), Cell::new(remedy)]);
    }
    table
}

fn notes(account: &AccountRoll, look: Look) -> Table {
    let mut table = table(look, [Cell::new("Note"), Cell::new(account.account_id())]);
    for note in account.notes() {
        let user = note.user_name.as_deref().unwrap_or_default();
        table.add_row([Cell::new(""), Cell::new(printable(&format!("{user} {}", note.message)))]);
    }
    table
}

/// Gaps that differ in nothing but the user.
struct OfAKind<'a> {
    first: &'a Gap,
    users: Vec<&'a str>,
}

fn of_a_kind(gaps: &[Gap]) -> Vec<OfAKind<'_>> {
    let kind = |gap: &Gap| (gap.step, gap.operation.clone(), gap.class, gap.code.clone());
    let mut kinds: Vec<OfAKind<'_>> = Vec::new();
    for gap in gaps {
        let users = gap.user_name.as_deref();
        match kinds.iter_mut().find(|earlier| kind(earlier.first) == kind(gap)) {
            Some(earlier) => earlier.users.extend(users),
            None => kinds.push(OfAKind { first: gap, users: users.into_iter().collect() }),
        }
    }
    kinds
}

fn some_of(users: &[&str]) -> String {
    match users {
        [first, second, _, rest @ ..] if !rest.is_empty() => {
            format!("{first}, {second} and {} more", users.len() - 2)
        }
        _ => users.join(", "),
    }
}

pub(super) fn table(look: Look, header: impl IntoIterator<Item = Cell>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.into_iter().collect::<Vec<_>>());
    match look.width {
        Some(width) => {
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        }
        None => {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
    }
    if look.colours {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table
}

/// The table's lines, its columns two blanks apart.
pub(super) fn lines(mut table: Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn dim(text: &str) -> Cell {
    Cell::new(text).add_attribute(Attribute::Dim)
}

/// Whole days, which is how key ages are told.
fn age(date: Timestamp, as_of: Timestamp) -> String {
    format!("{} d", as_of.duration_since(date).as_hours() / 24)
}

/// The text without what would steer a terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
