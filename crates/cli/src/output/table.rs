//! The roll for people: a row a key, then what was not read and why.

use std::io::{self, Write};

use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Table, Width, presets,
};
use jiff::Timestamp;
use rolecall_report::facts::days;
use rolecall_roll::{AccessKeyStatus, AccountRecord, Fact, FactKind, Gap, Header, Outcome, RollFile, User};

use super::printable;
use super::sink::TerminalStyle;
use crate::terms::FlagTerms;

/// The place of the column of ages.
const AGE: usize = 5;

/// How many rows are laid out at a time: a roll may have more than there is memory for.
const ROWS: usize = 500;

/// Writes the rows of all keys, where they are wanted, then what was not read and why.
pub(super) fn render(
    out: &mut impl Write,
    stored: &RollFile,
    keys: bool,
    look: TerminalStyle,
) -> io::Result<()> {
    let widths = if keys { Widths::of(stored)? } else { Widths::default() };
    if widths.rows > 0 {
        let mut block = Block::new(&widths, look);
        for account in stored.accounts() {
            rows(&account?, stored.header.as_of, &mut |row| block.add(row, out))?;
        }
        block.write(out)?;
        writeln!(out)?;
    }
    for account in stored.accounts() {
        let account = account?;
        if matches!(account.outcome(), Outcome::Partial | Outcome::Failed) {
            writeln!(out, "{}", lines(not_read(&account, look)))?;
        }
    }
    for account in stored.accounts() {
        let account = account?;
        if !account.notes().is_empty() {
            writeln!(out, "{}", lines(notes(&account, look)))?;
        }
    }
    Ok(())
}

const HEADER: [&str; 7] = ["ACCOUNT", "USER", "ACCESS KEY", "STATUS", "CREATED", "AGE", "LAST USED"];

/// The columns that are shown: the last use where it was asked for.
fn columns(header: &Header) -> usize {
    if header.reads(FactKind::LastUsed) { HEADER.len() } else { HEADER.len() - 1 }
}

/// How wide the columns are, over all accounts.
#[derive(Default)]
struct Widths {
    columns: Vec<u16>,
    rows: usize,
}

impl Widths {
    fn of(stored: &RollFile) -> io::Result<Self> {
        let width = |text: &str| u16::try_from(text.chars().count()).unwrap_or(u16::MAX);
        let shown = columns(&stored.header);
        let mut widths = Self { columns: HEADER.into_iter().take(shown).map(width).collect(), rows: 0 };
        for account in stored.accounts() {
            // Ages have up to five digits; what they are counted to is of no account here.
            rows(&account?, Timestamp::MAX, &mut |row| {
                widths.rows += 1;
                for (column, cell) in widths.columns.iter_mut().zip(&row) {
                    *column = (*column).max(width(&cell.content()));
                }
                Ok(())
            })?;
        }
        if let Some(age) = widths.columns.get_mut(AGE) {
            *age = 7;
        }
        Ok(widths)
    }

    /// The columns are as wide in each block.
    fn constraints(&self, look: TerminalStyle) -> Vec<ColumnConstraint> {
        let [account, user, rest @ ..] = self.columns.as_slice() else { return Vec::new() };
        let others: u16 = rest.iter().chain([account]).map(|width| width.saturating_add(2)).sum();
        // In a narrow terminal the names give way: an id that is broken cannot be copied.
        let user = look.width.map_or(*user, |width| (*user).min(width.saturating_sub(others + 2).max(8)));
        let widths = [*account, user].into_iter().chain(rest.iter().copied());
        widths.map(|width| ColumnConstraint::Absolute(Width::Fixed(width.saturating_add(2)))).collect()
    }
}

/// Some rows, laid out together.
struct Block<'a> {
    widths: &'a Widths,
    look: TerminalStyle,
    table: Table,
    rows: usize,
}

impl<'a> Block<'a> {
    fn new(widths: &'a Widths, look: TerminalStyle) -> Self {
        let names = HEADER.into_iter().take(widths.columns.len());
        let header = names.map(|name| Cell::new(name).add_attribute(Attribute::Bold));
        // Below this there is no room left for names; a terminal that is narrower breaks the lines itself.
        let look = TerminalStyle { width: look.width.map(|width| width.max(78)), ..look };
        Self { widths, look, table: table(look, header), rows: 0 }
    }

    fn add(&mut self, mut row: Vec<Cell>, out: &mut impl Write) -> io::Result<()> {
        row.truncate(self.widths.columns.len());
        self.table.add_row(row);
        self.rows += 1;
        if self.rows == ROWS { self.write(out) } else { Ok(()) }
    }

    fn write(&mut self, out: &mut impl Write) -> io::Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut table = std::mem::replace(&mut self.table, table(self.look, []));
        self.rows = 0;
        // Columns are there once rows are.
        table.set_constraints(self.widths.constraints(self.look));
        if let Some(column) = table.column_mut(AGE) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        out.write_all(lines(table).as_bytes())
    }
}

/// A row for each key of an account, and one for each user without.
fn rows(
    account: &AccountRecord,
    as_of: Timestamp,
    add: &mut dyn FnMut(Vec<Cell>) -> io::Result<()>,
) -> io::Result<()> {
    let account_id = Cell::new(account.account_id());
    match account.users() {
        None => Ok(()),
        Some([]) => add(vec![account_id, dim("no users")]),
        Some(users) => users.iter().try_for_each(|user| add_user(add, &account_id, user, as_of)),
    }
}

fn add_user(
    add: &mut dyn FnMut(Vec<Cell>) -> io::Result<()>,
    account_id: &Cell,
    user: &User,
    as_of: Timestamp,
) -> io::Result<()> {
    let name = printable(&format!("{}{}", user.path.trim_start_matches('/'), user.user_name));
    let row = |cells: Vec<Cell>| [account_id.clone(), Cell::new(&name)].into_iter().chain(cells).collect();
    match user.access_keys.as_deref() {
        None => add(row(vec![Cell::new("unknown").fg(Color::Red)])),
        Some([]) => add(row(vec![dim("no keys")])),
        Some(keys) => keys.iter().try_for_each(|key| {
            let status = printable(key.status.as_str());
            let status = match key.status {
                AccessKeyStatus::Active => Cell::new(status),
                _ => dim(&status),
            };
            let created =
                key.create_date.map_or("unknown".into(), |date| date.strftime("%Y-%m-%d").to_string());
            let age = key.create_date.map_or(String::new(), |date| age(date, as_of));
            let id = Cell::new(printable(key.access_key_id.as_str()));
            let last = match &key.last_used {
                Fact::Known { value: Some(last), .. } => Cell::new(last.date.strftime("%Y-%m-%d")),
                Fact::Known { value: None, .. } => Cell::new("never"),
                Fact::Unknown { .. } => Cell::new("unknown").fg(Color::Red),
                Fact::NotRequested => Cell::new(""),
            };
            add(row(vec![id, status, Cell::new(created), Cell::new(age), last]))
        }),
    }
}

/// What of an account was not read: what AWS said, and what to do.
fn not_read(account: &AccountRecord, look: TerminalStyle) -> Table {
    let outcome = Cell::new(account.outcome()).fg(Color::Red).add_attribute(Attribute::Bold);
    let account_id = account.account_id();
    let role_arn = account.role_arn().map_or(format!("{account_id}, own credentials"), ToString::to_string);
    let name = account.account().and_then(|account| account.name.as_deref());
    let name = name.map_or(String::new(), |name| format!(" ({})", printable(name)));
    let role_arn = Cell::new(format!("{role_arn}{name}")).add_attribute(Attribute::Bold);
    let mut table = table(look, [outcome, role_arn]);
    for gap in of_a_kind(account.gaps()) {
        let Gap { stage: step, operation, code, message, request_id, remedy, .. } = gap.first;
        let call = operation.iter().chain(code).map(String::as_str).collect::<Vec<_>>().join(": ");
        let call = if gap.users.is_empty() { call } else { format!("{call} for {}", some_of(&gap.users)) };
        table.add_row([step.to_string(), printable(&call)].map(Cell::new));
        table.add_row([Cell::new(""), Cell::new(printable(message))]);
        if let Some(request_id) = request_id {
            table.add_row([dim("request"), dim(&printable(request_id))]);
        }
        table.add_row([
            Cell::new("to do").fg(Color::Yellow),
            Cell::new(printable(&remedy.to_text(&FlagTerms))),
        ]);
    }
    table
}

fn notes(account: &AccountRecord, look: TerminalStyle) -> Table {
    let mut table = table(look, [Cell::new("Note"), Cell::new(account.account_id())]);
    for note in account.notes() {
        let user = note.user_name.as_deref().unwrap_or_default();
        table.add_row([Cell::new(""), Cell::new(printable(&format!("{user} {}", note.message)))]);
    }
    table
}

/// Gaps that differ in nothing but the user.
struct GapGroup<'a> {
    first: &'a Gap,
    users: Vec<&'a str>,
}

fn of_a_kind(gaps: &[Gap]) -> Vec<GapGroup<'_>> {
    let kind = |gap: &Gap| (gap.stage, gap.operation.clone(), gap.error_kind, gap.code.clone());
    let mut kinds: Vec<GapGroup<'_>> = Vec::new();
    for gap in gaps {
        let users = gap.user_name.as_deref();
        match kinds.iter_mut().find(|earlier| kind(earlier.first) == kind(gap)) {
            Some(earlier) => earlier.users.extend(users),
            None => kinds.push(GapGroup { first: gap, users: users.into_iter().collect() }),
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

pub(super) fn table(look: TerminalStyle, header: impl IntoIterator<Item = Cell>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let header: Vec<Cell> = header.into_iter().collect();
    // Without names it would be a line of blanks.
    if !header.is_empty() {
        table.set_header(header);
    }
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
    format!("{} d", days(date, as_of))
}
