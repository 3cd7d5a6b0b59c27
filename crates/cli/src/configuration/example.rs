//! The file that `rolecall init` writes: all that it may hold, what is usual set and the rest as it could be.

use rolecall_core::option_rows::{OptionRow, Shape};

use super::options::{rows_of, sections};

const HEAD: &str = "\
# Options of rolecall: flags and ROLECALL_… variables take precedence over this file, which is looked for in the current
# folder, or where --config says. A line that begins with `#key` could stand as it is.
";

/// The sections that hold no options.
const SECTIONS: &str = include_str!("sections.toml");

/// What each section is about.
const TITLES: [(&str, &str); 3] = [
    ("organization", "AWS Organizations, where no other target accounts are given."),
    ("session", "The sessions in the accounts."),
    ("limits", "Rates, attempts and timeouts."),
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

/// A value as it could stand: the default, or an example.
pub(super) fn value(row: &OptionRow) -> String {
    match (row.example.or(row.initial), (row.default)(), row.shape) {
        (Some(example), ..) => example.to_owned(),
        (None, Some(default), Shape::Number | Shape::Switch) => default,
        (None, Some(default), _) => format!("{default:?}"),
        (None, None, _) => "false".to_owned(),
    }
}

/// Lines of a comment, of 120 characters at most.
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
