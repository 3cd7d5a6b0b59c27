//! Tables that fit the width of a terminal. Ids and ARNs are never broken over lines, so that they can be copied. Columns that are
//! empty in all rows are dropped; in one row, a text and an account name take the room of the empty cells after them. A text that
//! does not fit beside the other columns goes on a line of its own below them.
//!
//! No table crate does this: to fit a width, they break whatever is too wide.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};

use anstyle::{AnsiColor, Effects, Style};
use rolecall_report::Severity;
use rolecall_report::render::sanitize;

use super::sink::TerminalStyle;
use super::wrap::{longest_part, text_width, wrap};

/// The number of spaces between two columns.
const GAP: usize = 2;

/// The indent of the further lines of a row.
const INDENT: usize = 4;

/// The minimum width of a text beside other columns. With less room it goes below them.
const MESSAGE: usize = 30;

/// The width of an account id.
const ACCOUNT_ID: usize = 12;

/// The maximum widths of columns of ids and of accounts, if the room is short. A row with a wider id continues on the next
/// line; an account name is shortened.
const NARROW: (usize, usize) = (32, 24);

/// The steps by which they are narrowed further, to fit all columns on one line. A column of ids keeps its usual width: narrower,
/// most rows would take two lines.
const FOR_ONE_LINE: [(Kind, usize); 3] = [(Kind::Id, 24), (Kind::Account, 20), (Kind::Id, 8)];

/// The same steps for the columns before a text that goes below them.
const FOR_A_TEXT_BELOW: [(Kind, usize); 3] =
    [(Kind::Id, SHORT_ID), (Kind::Account, ACCOUNT_ID), (Kind::Id, 8)];

/// The width to which a column of ids is narrowed before an account name beside it is cut.
const SHORT_ID: usize = 16;

/// Which columns get the room that is left in a line, and up to which width: a name that is cut has lost something, a text that
/// wraps has not.
const SHARES: [(Kind, usize); 4] =
    [(Kind::Account, 40), (Kind::Text, usize::MAX), (Kind::Account, usize::MAX), (Kind::Id, usize::MAX)];

/// How a column may be narrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Never broken.
    Id,
    /// Never broken, aligned to the right.
    Number,
    /// An account id and name. The name may be shortened, the id never.
    Account,
    /// Wrapped.
    Text,
}

/// A column.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    name: Cow<'static, str>,
    kind: Kind,
}

impl Column {
    /// A column of ids, names, dates or other values that are never broken.
    pub(crate) fn id(name: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), kind: Kind::Id }
    }

    /// A column of numbers, aligned to the right.
    pub(crate) fn number(name: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), kind: Kind::Number }
    }

    /// A column of account ids with their names.
    pub(crate) fn account(name: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), kind: Kind::Account }
    }

    /// A column of texts, which wrap.
    pub(crate) fn text(name: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), kind: Kind::Text }
    }
}

/// A cell. Its text has no control characters.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell<'a> {
    text: Cow<'a, str>,
    style: Style,
}

impl<'a> Cell<'a> {
    pub(crate) fn new(text: impl std::fmt::Display) -> Self {
        let text = text.to_string();
        let text = match sanitize(&text) {
            Cow::Borrowed(_) => text,
            Cow::Owned(printable) => printable,
        };
        Self { text: text.into(), style: Style::new() }
    }

    /// A cell that borrows its text: a large table has millions of them.
    pub(crate) fn borrowed(text: &'a str) -> Self {
        Self { text: sanitize(text), style: Style::new() }
    }

    pub(crate) fn styled(text: impl std::fmt::Display, style: Style) -> Self {
        Self { style, ..Self::new(text) }
    }

    pub(crate) fn dim(text: impl std::fmt::Display) -> Self {
        Self::styled(text, Style::new().effects(Effects::DIMMED))
    }

    pub(crate) fn bold(text: impl std::fmt::Display) -> Self {
        Self::styled(text, Style::new().bold())
    }

    /// A severity in its color, the same in every table.
    pub(crate) fn severity(severity: Severity) -> Self {
        let style = match severity {
            Severity::Critical => AnsiColor::Red.on_default().bold(),
            Severity::High => AnsiColor::Red.on_default(),
            Severity::Medium => AnsiColor::Yellow.on_default(),
            Severity::Low | Severity::Informational => Style::new(),
        };
        Self { style, ..Self::borrowed(severity.as_str()) }
    }
}

/// How wide the cells of a column are.
#[derive(Debug, Clone, Default)]
struct CellWidths {
    widest: usize,
    /// The number of cells by the width of what is never broken in them; without empty cells.
    unbroken: BTreeMap<usize, usize>,
}

impl CellWidths {
    fn add(&mut self, kind: Kind, text: &str) {
        let width = text_width(text);
        self.widest = self.widest.max(width);
        if width > 0 {
            let unbroken = if kind == Kind::Text { longest_part(text) } else { width };
            *self.unbroken.entry(unbroken).or_default() += 1;
        }
    }

    /// The width that is enough for at least half of the cells.
    fn usual(&self) -> usize {
        let cells: usize = self.unbroken.values().sum();
        let mut fitting = 0;
        let is_enough = |(_, number): &(&usize, &usize)| {
            fitting += **number;
            2 * fitting >= cells
        };
        self.unbroken.iter().find(is_enough).map_or(0, |(width, _)| *width)
    }
}

/// What was measured of all rows, before the first is written.
#[derive(Debug)]
pub(crate) struct Measured {
    columns: Vec<(Column, CellWidths)>,
    pub(crate) rows: usize,
}

impl Measured {
    pub(crate) fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        let columns = columns.into_iter().map(|column| (column, CellWidths::default())).collect();
        Self { columns, rows: 0 }
    }

    pub(crate) fn add(&mut self, row: &[Cell<'_>]) {
        self.rows += 1;
        for ((column, widths), cell) in self.columns.iter_mut().zip(row) {
            widths.add(column.kind, &cell.text);
        }
    }

    /// Adds the rows that were measured elsewhere, of the same columns.
    pub(crate) fn add_all(&mut self, other: Self) {
        self.rows += other.rows;
        for ((_, widths), (_, others)) in self.columns.iter_mut().zip(other.columns) {
            widths.widest = widths.widest.max(others.widest);
            for (width, number) in others.unbroken {
                *widths.unbroken.entry(width).or_default() += number;
            }
        }
    }
}

/// A column in its place.
#[derive(Debug)]
struct Placed {
    /// Its place in the rows.
    index: usize,
    column: Column,
    natural: usize,
    /// The width that is enough for at least half of the cells.
    usual: usize,
    width: usize,
    /// The line of the row that it is in.
    line: usize,
    start: usize,
}

/// A cell beside others in a line: where it starts, its style, and its lines.
type Beside<'a> = (usize, Style, Lines<'a>);

/// The lines of a cell. Nearly all cells have one line, which takes no memory of its own.
struct Lines<'a> {
    first: Cow<'a, str>,
    further: Vec<Cow<'a, str>>,
}

impl<'a> Lines<'a> {
    fn one(line: impl Into<Cow<'a, str>>) -> Self {
        Self { first: line.into(), further: Vec::new() }
    }

    fn wrapped(text: &str, width: usize) -> Self {
        let mut lines = wrap(text, width).into_iter().map(Cow::Owned);
        Self { first: lines.next().unwrap_or_default(), further: lines.collect() }
    }

    fn get(&self, number: usize) -> Option<&Cow<'a, str>> {
        number.checked_sub(1).map_or(Some(&self.first), |further| self.further.get(further))
    }

    fn width(&self) -> usize {
        let further = self.further.iter().map(|line| text_width(line)).max();
        text_width(&self.first).max(further.unwrap_or_default())
    }
}

/// Columns in their places.
#[derive(Debug)]
pub(crate) struct Layout {
    columns: Vec<Placed>,
    terminal: TerminalStyle,
}

impl Layout {
    pub(crate) fn new(measured: Measured, terminal: TerminalStyle) -> Self {
        let has_rows = measured.rows > 0;
        let limit = terminal.width.map(usize::from);
        let mut columns: Vec<Placed> = Vec::new();
        for (index, (column, widths)) in measured.columns.into_iter().enumerate() {
            if has_rows && widths.widest == 0 {
                continue;
            }
            let name = text_width(&column.name);
            let (natural, usual) = (widths.widest.max(name), widths.usual());
            let narrowest = match column.kind {
                Kind::Number => natural,
                Kind::Id => natural.min(NARROW.0.max(usual)),
                Kind::Account => natural.min(NARROW.1),
                Kind::Text => {
                    let room = limit.map_or(usize::MAX, |limit| limit.saturating_sub(INDENT));
                    natural.min(usual.max(MESSAGE).min(room))
                }
            };
            let width = narrowest.max(name);
            columns.push(Placed { index, column, natural, usual, width, line: 0, start: 0 });
        }
        let mut layout = Self { columns, terminal };
        layout.fit(limit.unwrap_or(usize::MAX));
        layout
    }

    /// Puts the columns on one line where all have room, else on as many as they take, and shares out what room is left.
    fn fit(&mut self, limit: usize) {
        let gaps = self.columns.len().saturating_sub(1) * GAP;
        if self.columns.iter().map(|column| column.natural).sum::<usize>() + gaps <= limit {
            self.columns.iter_mut().for_each(|column| column.width = column.natural);
        } else {
            let is_text = |column: &Placed| column.column.kind == Kind::Text;
            let before_text = self.columns.iter().position(is_text).unwrap_or(self.columns.len());
            let has_text = before_text < self.columns.len();
            if !narrow(&mut self.columns, &FOR_ONE_LINE, limit)
                && let Some(columns) = self.columns.get_mut(..before_text).filter(|_| has_text)
            {
                narrow(columns, &FOR_A_TEXT_BELOW, limit);
            }
            self.break_lines(limit);
            if !has_text {
                self.balance_lines(limit);
                self.make_room_for_names();
            }
            for line in 0..=self.columns.last().map_or(0, |column| column.line) {
                self.share_room(line, limit);
            }
        }
        let (mut line, mut next) = (0, 0);
        for column in &mut self.columns {
            if column.line > line {
                (line, next) = (column.line, INDENT);
            }
            column.start = next;
            next += column.width + GAP;
        }
    }

    /// Gives each column the first line that has room for it.
    fn break_lines(&mut self, limit: usize) {
        let (mut line, mut used) = (0, 0);
        for place in 0..self.columns.len() {
            let before = place.checked_sub(1).and_then(|before| {
                let it = self.columns.get(before)?;
                let is_first =
                    before == 0 || self.columns.get(before - 1).is_some_and(|other| other.line < line);
                (it.line == line && it.column.kind == Kind::Text && !is_first).then_some((before, it.width))
            });
            let Some(column) = self.columns.get_mut(place) else { return };
            if used > 0 && used + GAP + column.width > limit {
                line += 1;
                used = INDENT + column.width;
                column.line = line;
                // What follows a text stays beside it: alone on the line below, it would have no context.
                if let Some((before, width)) = before
                    && let Some(text) = self.columns.get_mut(before)
                    && used + GAP + width <= limit
                {
                    text.line = line;
                    used += GAP + width;
                }
            } else {
                column.line = line;
                used += column.width + if used > 0 { GAP } else { 0 };
            }
        }
    }

    /// Moves columns to the line below while a name is cut above them and there is room below.
    fn balance_lines(&mut self, limit: usize) {
        for place in (1..self.columns.len()).rev() {
            let Some(line) = self.columns.get(place).map(|column| column.line) else { return };
            let in_line = |line| self.columns.iter().filter(move |column| column.line == line);
            let is_cut = in_line(line)
                .any(|column| column.column.kind == Kind::Account && column.width < column.natural);
            let is_last = in_line(line)
                .next_back()
                .is_some_and(|last| self.columns.get(place).is_some_and(|it| it.index == last.index));
            let below: usize = in_line(line + 1).map(|column| column.width + GAP).sum();
            if let Some(column) = self.columns.get_mut(place)
                && is_cut
                && is_last
                && below > 0
                && INDENT + column.width + below <= limit
            {
                column.line += 1;
            }
        }
    }

    /// Narrows the ids beside a name that is cut, so that the name gets their room first.
    fn make_room_for_names(&mut self) {
        let is_cut = |it: &&Placed| it.column.kind == Kind::Account && it.width < it.natural;
        let lines: Vec<usize> = self.columns.iter().filter(is_cut).map(|it| it.line).collect();
        let ids = self.columns.iter_mut().filter(|it| it.column.kind == Kind::Id && lines.contains(&it.line));
        for id in ids {
            id.width = id.width.min(SHORT_ID.max(id.usual));
        }
    }

    /// Shares out what room is left in a line.
    fn share_room(&mut self, line: usize, limit: usize) {
        let in_line = || self.columns.iter().filter(|column| column.line == line);
        let indent = if line == 0 { 0 } else { INDENT };
        let used = indent + in_line().map(|column| column.width).sum::<usize>();
        let mut room = limit.saturating_sub(used + in_line().count().saturating_sub(1) * GAP);
        for (kind, most) in SHARES {
            for column in &mut self.columns {
                if column.line == line && column.column.kind == kind {
                    let more = room.min(column.natural.min(most).saturating_sub(column.width));
                    column.width += more;
                    room -= more;
                }
            }
        }
    }

    /// Writes the names of the columns, if they have names.
    pub(crate) fn write_header(&self, out: &mut impl Write) -> io::Result<()> {
        if self.columns.iter().all(|column| column.column.name.is_empty()) {
            return Ok(());
        }
        let names: Vec<Cell<'_>> = self.columns.iter().map(|it| Cell::bold(&it.column.name)).collect();
        self.write_cells(out, &self.columns.iter().zip(&names).collect::<Vec<_>>())
    }

    pub(crate) fn write_row(&self, out: &mut impl Write, row: &[Cell<'_>]) -> io::Result<()> {
        let cells = self.columns.iter().filter_map(|it| Some((it, row.get(it.index)?)));
        self.write_cells(out, &cells.filter(|(_, cell)| !cell.text.is_empty()).collect::<Vec<_>>())
    }

    fn write_cells(&self, out: &mut impl Write, cells: &[(&Placed, &Cell<'_>)]) -> io::Result<()> {
        let limit = self.terminal.width.map_or(usize::MAX, usize::from);
        // Cells beside each other, each with its lines.
        let mut beside: Vec<Beside<'_>> = Vec::new();
        let (mut line, mut end) = (0, 0);
        for (number, (place, cell)) in cells.iter().enumerate() {
            if place.line > line {
                self.flush(out, &mut beside)?;
                (line, end) = (place.line, 0);
            }
            let width = text_width(&cell.text);
            // Up to the next cell that is not empty.
            let next = cells.get(number + 1).filter(|(next, _)| next.line == place.line);
            let until = next.map_or(limit, |(next, _)| next.start.saturating_sub(GAP));
            let room = place.width.max(until.saturating_sub(place.start));
            let is_too_wide = width
                > if matches!(place.column.kind, Kind::Text | Kind::Account) { room } else { place.width };
            let (start, lines) = match place.column.kind {
                Kind::Number => (place.start + place.width.saturating_sub(width), Lines::one(&*cell.text)),
                // A word that has no room beside the other cells gets a line of its own.
                Kind::Text if is_too_wide && place.start + longest_part(&cell.text).max(1) > limit => {
                    self.flush(out, &mut beside)?;
                    let start = INDENT.min(place.start);
                    (start, Lines::wrapped(&cell.text, limit.saturating_sub(start)))
                }
                Kind::Text if is_too_wide => (place.start, Lines::wrapped(&cell.text, room)),
                Kind::Account if is_too_wide => (place.start, Lines::one(shorten(&cell.text, room))),
                Kind::Id if is_too_wide && place.start + width > limit => {
                    self.flush(out, &mut beside)?;
                    (INDENT.min(place.start), Lines::one(&*cell.text))
                }
                _ => (place.start, Lines::one(&*cell.text)),
            };
            // A wide cell before it may take its place.
            if start < end {
                self.flush(out, &mut beside)?;
            }
            end = start + lines.width() + GAP;
            beside.push((start, cell.style, lines));
        }
        self.flush(out, &mut beside)
    }

    fn flush(&self, out: &mut impl Write, beside: &mut Vec<Beside<'_>>) -> io::Result<()> {
        let height = beside.iter().map(|(_, _, lines)| 1 + lines.further.len()).max().unwrap_or_default();
        for number in 0..height {
            let mut at = 0;
            for (start, style, lines) in beside.iter() {
                let Some(text) = lines.get(number) else { continue };
                pad(out, start.saturating_sub(at))?;
                if self.terminal.colors {
                    write!(out, "{style}{text}{style:#}")?;
                } else {
                    out.write_all(text.as_bytes())?;
                }
                at = start + text_width(text);
            }
            out.write_all(b"\n")?;
        }
        beside.clear();
        Ok(())
    }
}

/// Writes spaces. A large table has millions of gaps, for which `{:width$}` would take a tenth of the time.
fn pad(out: &mut impl Write, width: usize) -> io::Result<()> {
    const SPACES: &[u8] = &[b' '; 64];
    match SPACES.get(..width) {
        Some(spaces) => out.write_all(spaces),
        None => write!(out, "{:width$}", ""),
    }
}

/// Narrows columns until they fit on one line. If that is not enough, it changes nothing.
fn narrow(columns: &mut [Placed], steps: &[(Kind, usize)], limit: usize) -> bool {
    let mut widths: Vec<usize> = columns.iter().map(|column| column.width).collect();
    let gaps = columns.len().saturating_sub(1) * GAP;
    let too_much = |widths: &[usize]| (widths.iter().sum::<usize>() + gaps).saturating_sub(limit);
    for (kind, least) in steps {
        for (place, column) in columns.iter().enumerate() {
            let usual = if *kind == Kind::Id { column.usual } else { 0 };
            let least = (*least).max(usual).max(text_width(&column.column.name));
            let excess = too_much(&widths);
            if let Some(width) = widths.get_mut(place).filter(|_| column.column.kind == *kind) {
                *width = (*width).min(least.max(width.saturating_sub(excess)));
            }
        }
    }
    let is_enough = too_much(&widths) == 0;
    if is_enough {
        for (column, width) in columns.iter_mut().zip(widths) {
            column.width = width;
        }
    }
    is_enough
}

/// The account id, and as much of the name as fits: `111111111111 Product…`.
fn shorten(text: &str, width: usize) -> String {
    if width <= ACCOUNT_ID + 2 {
        return text.split(' ').next().unwrap_or(text).to_owned();
    }
    let (mut shortened, mut used) = (String::new(), 1);
    for character in text.chars() {
        used += text_width(character.encode_utf8(&mut [0; 4]));
        if used > width {
            break;
        }
        shortened.push(character);
    }
    format!("{}…", shortened.trim_end())
}

/// A small table.
pub(crate) fn table(
    terminal: TerminalStyle,
    columns: impl IntoIterator<Item = Column>,
    rows: &[Vec<Cell<'_>>],
) -> String {
    let mut measured = Measured::new(columns);
    for row in rows {
        measured.add(row);
    }
    let layout = Layout::new(measured, terminal);
    let mut text = Vec::new();
    // Writing to a vector does not fail.
    let _ = layout.write_header(&mut text);
    for row in rows {
        let _ = layout.write_row(&mut text, row);
    }
    String::from_utf8_lossy(&text).into_owned()
}
