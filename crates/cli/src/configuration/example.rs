//! The file that `rolecall init` writes: every section and key, the usual ones set and the others as comments.

use rolecall_core::options::row::{OptionRow, Shape};

use super::option_keys::{rows_of, sections};

const HEAD: &str = "\
# Configuration of rolecall. Flags and ROLECALL_… variables take precedence over this file. Without --config, rolecall looks for
# rolecall.toml in the current folder, in its parents up to the repository root or your home folder, and in
# ~/.config/rolecall. To set an option, remove the `#` before its key.
";

/// The sections that are not options.
const SECTIONS: &str = include_str!("sections.toml");

/// A comment for each section.
const TITLES: [(&str, &str); 4] = [
    ("organization", "AWS Organizations: used if no other target accounts are given."),
    ("session", "The sessions in the accounts."),
    ("limits", "Rates, attempts and timeouts."),
    (
        "delivery",
        "Runs that are distributed over invocations (`rolecall sweep`), and the delivery of their rolls.",
    ),
];

/// The file.
pub(crate) fn example() -> String {
    let mut file = HEAD.to_owned();
    for section in std::iter::once("").chain(sections()) {
        if !section.is_empty() {
            let title = TITLES.iter().find(|(name, _)| *name == section).map_or("", |(_, title)| title);
            file += &format!("\n# {title}\n[{section}]\n");
        }
        for (key, row) in rows_of(section) {
            file += &format!("\n{}", comment(&row.help()));
            match row.initial {
                Some(value) => file += &format!("{key} = {value}\n"),
                None => file += &format!("#{key} = {}\n", value(row)),
            }
        }
    }
    format!("{file}\n{SECTIONS}")
}

/// A valid value: an example, or the default.
pub(super) fn value(row: &OptionRow) -> String {
    match (row.example.or(row.initial), (row.default)(), row.shape) {
        (Some(example), ..) => example.to_owned(),
        (None, Some(default), Shape::Number | Shape::Switch) => default,
        (None, Some(default), _) => format!("{default:?}"),
        (None, None, _) => "false".to_owned(),
    }
}

/// The lines of a comment, at most 120 characters each.
fn comment(text: &str) -> String {
    let mut lines = vec![String::from("#")];
    for word in text.split(' ') {
        if lines.last().is_some_and(|line| line.chars().count() + word.chars().count() >= 119) {
            lines.push(String::from("#"));
        }
        if let Some(line) = lines.last_mut() {
            *line += &format!(" {word}");
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}
