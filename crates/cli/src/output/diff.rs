//! What became of a roll, for people.

use comfy_table::{Attribute, Cell};
use rolecall_report::Diff;
use rolecall_report::coverage_summary::with_thousands_separator;

use super::printable;
use super::sink::TerminalStyle;
use super::table::{lines, table};

/// A table for each kind of difference.
pub(crate) fn diff(diff: &Diff, look: TerminalStyle) -> String {
    let mut text: String = diff.notes().iter().map(|note| format!("{}\n", printable(note))).collect();
    let sections = diff.sections();
    if sections.is_empty() {
        text +=
            if diff.is_complete() { "nothing differs\n" } else { "nothing differs in what was compared\n" };
    }
    for section in sections {
        text += &format!("\n{}: {}\n", section.title, with_thousands_separator(section.rows.len()));
        let header =
            section.columns.iter().map(|name| Cell::new(name.to_uppercase()).add_attribute(Attribute::Bold));
        let mut shown = table(look, header);
        for row in section.rows {
            shown.add_row(row.iter().map(|cell| Cell::new(printable(cell))).collect::<Vec<_>>());
        }
        text += &lines(shown);
    }
    text
}
