//! Tables in the width of a terminal. Ids are never broken, since one that is broken cannot be copied; a column that is empty
//! in all rows is left out; what has no room beside the others stands on a line of its own below them.
//!
//! No table crate does that: those that fit a table into a width break whatever is too wide.

use std::borrow::Cow;
use std::io::{self, Write};

use anstyle::{AnsiColor, Effects, Style};
use rolecall_report::Severity;
use textwrap::core::display_width;

use super::sink::TerminalStyle;
use super::wrap::{longest_part, wrap};

/// The blanks between two columns.
const GAP: usize = 2;

/// How far the lines of a row are indented that are below its first.
const INDENT: usize = 4;

/// How wide a column of ids is at most where room is short; a row with a wider id goes on in the next line.
const WIDEST_ID: usize = 32;

/// How wide a column of text is at least, in blanks or where its content is narrower than that.
const MESSAGE: usize = 30;

/// How much of an account's name is kept in one piece where room is short.
const NAME: usize = 24;

/// How a column may be fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Never broken.
    Id,
    /// Never broken, and to the right.
    Number,
    /// An account's id and name: broken within the name alone.
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
    /// Ids, names, dates and whatever else is never broken.
    pub(crate) fn id(name: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), kind: Kind::Id }
    }

    /// Numbers, to the right.
    pub(crate) fn number(name: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), kind: Kind::Number }
    }

    /// Accounts, as [`account_label`] names them.
    pub(crate) fn account(name: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), kind: Kind::Account }
    }

    /// Sentences.
    pub(crate) fn text(name: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), kind: Kind::Text }
    }
}

/// An account's id, and its name where it is known: `111111111111 prod`.
pub(crate) fn account_label(account_id: impl std::fmt::Display, name: Option<&str>) -> String {
    name.filter(|name| !name.is_empty())
        .map_or_else(|| account_id.to_string(), |name| format!("{account_id} {name}"))
}

/// What stands in a column of a row. Its text steers no terminal.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    pub(crate) fn new(text: impl std::fmt::Display) -> Self {
        Self { text: super::printable(&text.to_string()), style: Style::new() }
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
        Self::styled(severity, style)
    }
}

/// How wide the cells of a column are.
#[derive(Debug, Clone, Copy, Default)]
struct CellWidths {
    widest: usize,
    longest_part: usize,
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

    pub(crate) fn add(&mut self, row: &[Cell]) {
        self.rows += 1;
        for ((column, widths), cell) in self.columns.iter_mut().zip(row) {
            widths.widest = widths.widest.max(display_width(&cell.text));
            if matches!(column.kind, Kind::Account | Kind::Text) {
                widths.longest_part = widths.longest_part.max(longest_part(&cell.text));
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
    width: usize,
    /// The line of the row that it is in.
    line: usize,
    start: usize,
}

/// Columns in their places.
#[derive(Debug)]
pub(crate) struct Layout {
    columns: Vec<Placed>,
    look: TerminalStyle,
}

impl Layout {
    pub(crate) fn new(measured: Measured, look: TerminalStyle) -> Self {
        let has_rows = measured.rows > 0;
        let limit = look.width.map(usize::from);
        let mut columns: Vec<Placed> = Vec::new();
        for (index, (column, widths)) in measured.columns.into_iter().enumerate() {
            if has_rows && widths.widest == 0 {
                continue;
            }
            let name = display_width(&column.name);
            let natural = widths.widest.max(name);
            let narrowest = match column.kind {
                Kind::Number => natural,
                Kind::Id => natural.min(WIDEST_ID),
                Kind::Account => natural.min(widths.longest_part.clamp(12, NAME)),
                Kind::Text => {
                    let room = limit.map_or(usize::MAX, |limit| limit.saturating_sub(INDENT));
                    natural.min(widths.longest_part.max(MESSAGE).min(room))
                }
            };
            let width = narrowest.max(name);
            columns.push(Placed { index, column, natural, width, line: 0, start: 0 });
        }
        let mut layout = Self { columns, look };
        layout.fit(limit.unwrap_or(usize::MAX));
        layout
    }

    /// Puts the columns on one line where all have room, else on as many as they take, and shares out what room is left.
    fn fit(&mut self, limit: usize) {
        let gaps = self.columns.len().saturating_sub(1) * GAP;
        if self.columns.iter().map(|column| column.natural).sum::<usize>() + gaps <= limit {
            self.columns.iter_mut().for_each(|column| column.width = column.natural);
        } else {
            self.break_lines(limit);
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
                // What follows a text stays beside it: alone below, nobody would know what it is of.
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

    /// Texts get what room is left in a line, ids what those do not need.
    fn share_room(&mut self, line: usize, limit: usize) {
        let in_line = || self.columns.iter().filter(|column| column.line == line);
        let indent = if line == 0 { 0 } else { INDENT };
        let used = indent + in_line().map(|column| column.width).sum::<usize>();
        let mut room = limit.saturating_sub(used + in_line().count().saturating_sub(1) * GAP);
        for of_texts in [true, false] {
            let is_text = |kind| matches!(kind, Kind::Account | Kind::Text);
            for column in &mut self.columns {
                if column.line == line && is_text(column.column.kind) == of_texts {
                    let more = room.min(column.natural - column.width.min(column.natural));
                    column.width += more;
                    room -= more;
                }
            }
        }
    }

    /// Writes the names of the columns, where they have names.
    pub(crate) fn write_header(&self, out: &mut impl Write) -> io::Result<()> {
        if self.columns.iter().all(|column| column.column.name.is_empty()) {
            return Ok(());
        }
        let names = self.columns.iter().map(|it| (it, Cell::bold(&it.column.name)));
        self.write_cells(out, &names.collect::<Vec<_>>())
    }

    pub(crate) fn write_row(&self, out: &mut impl Write, row: &[Cell]) -> io::Result<()> {
        let cells = self.columns.iter().filter_map(|it| Some((it, row.get(it.index)?.clone())));
        self.write_cells(out, &cells.filter(|(_, cell)| !cell.text.is_empty()).collect::<Vec<_>>())
    }

    fn write_cells(&self, out: &mut impl Write, cells: &[(&Placed, Cell)]) -> io::Result<()> {
        let limit = self.look.width.map_or(usize::MAX, usize::from);
        // Cells that stand beside each other, each with its lines.
        let mut beside: Vec<(usize, Style, Vec<String>)> = Vec::new();
        let mut line = 0;
        for (place, cell) in cells {
            if place.line > line {
                self.flush(out, &mut beside)?;
                line = place.line;
            }
            let width = display_width(&cell.text);
            let is_text = matches!(place.column.kind, Kind::Account | Kind::Text);
            if is_text && width > place.width {
                beside.push((place.start, cell.style, wrap(&cell.text, place.width)));
                continue;
            }
            let is_too_wide = width > place.width;
            let start = if place.column.kind == Kind::Number {
                place.start + place.width.saturating_sub(width)
            } else if is_too_wide && place.start + width > limit {
                self.flush(out, &mut beside)?;
                INDENT.min(place.start)
            } else {
                place.start
            };
            beside.push((start, cell.style, vec![cell.text.clone()]));
            if is_too_wide {
                self.flush(out, &mut beside)?;
            }
        }
        self.flush(out, &mut beside)
    }

    fn flush(&self, out: &mut impl Write, beside: &mut Vec<(usize, Style, Vec<String>)>) -> io::Result<()> {
        let height = beside.iter().map(|(_, _, lines)| lines.len()).max().unwrap_or_default();
        for number in 0..height {
            let mut at = 0;
            for (start, style, lines) in beside.iter() {
                let Some(text) = lines.get(number) else { continue };
                let style = if self.look.colours { *style } else { Style::new() };
                write!(out, "{:1$}{style}{text}{style:#}", "", start.saturating_sub(at))?;
                at = start + display_width(text);
            }
            writeln!(out)?;
        }
        beside.clear();
        Ok(())
    }
}

/// A small table.
pub(crate) fn table(
    look: TerminalStyle,
    columns: impl IntoIterator<Item = Column>,
    rows: &[Vec<Cell>],
) -> String {
    let mut measured = Measured::new(columns);
    rows.iter().for_each(|row| measured.add(row));
    let layout = Layout::new(measured, look);
    let mut text = Vec::new();
    // Writing to a vector does not fail.
    let _ = layout.write_header(&mut text);
    for row in rows {
        let _ = layout.write_row(&mut text, row);
    }
    String::from_utf8_lossy(&text).into_owned()
}
