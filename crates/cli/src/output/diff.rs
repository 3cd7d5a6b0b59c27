//! The tables of differences between two rolls.

use rolecall_report::coverage_summary::with_thousands_separator;
use rolecall_report::{Diff, Severity};

use super::grid::{Cell, Column, table};
use super::sink::TerminalStyle;
use super::{hanging, printable};

/// A table for each kind of difference.
pub(crate) fn diff(diff: &Diff, terminal: TerminalStyle) -> String {
    let notes = diff.notes();
    let mut text: String =
        notes.iter().map(|note| format!("{}\n", hanging(&printable(note), terminal.width, 2))).collect();
    let sections = diff.sections();
    if sections.is_empty() {
        text += if diff.is_complete() { "no differences\n" } else { "no differences in what was compared\n" };
    }
    for section in sections {
        text += &format!("\n{}: {}\n", section.title, with_thousands_separator(section.rows.len()));
        let columns: Vec<Column> = section.columns.iter().map(|name| column(name)).collect();
        let cells = |row: &Vec<String>| section.columns.iter().zip(row).map(cell).collect();
        let rows: Vec<Vec<Cell<'_>>> = section.rows.iter().map(cells).collect();
        text += &table(terminal, columns, &rows);
    }
    text
}

fn column(name: &str) -> Column {
    let header = name.to_uppercase();
    match name {
        "account" => Column::account(header),
        "user" | "access key" | "rule" | "severity" | "status" => Column::id(header),
        _ => Column::text(header),
    }
}

fn cell((name, text): (&&str, &String)) -> Cell<'static> {
    match text.parse::<Severity>() {
        Ok(severity) if *name == "severity" => Cell::severity(severity),
        _ => Cell::new(text),
    }
}
