//! The options in the file: each row's key, in its section.

use std::ops::Range;

use rolecall_core::RunOptions;
use rolecall_core::options::row::{OptionRow, Origin, Shape};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Problem;
use super::sections::NAMES;
use crate::environment::nearest;

/// Removes the options from the table; the other sections stay.
pub(super) fn take(table: &mut DeTable<'_>) -> Result<RunOptions, Problem> {
    let mut options = RunOptions::default();
    take_section("", table, &mut options)?;
    for section in sections() {
        let key = table.keys().find(|key| key.get_ref() == section).cloned();
        let Some(mut value) = key.and_then(|key| table.remove(&key)) else { continue };
        let span = value.span();
        let DeValue::Table(table) = value.get_mut() else {
            return Err((span, format!("{section}: not a table; write [{section}] on a line of its own")));
        };
        take_section(section, table, &mut options)?;
    }
    Ok(options)
}

/// The sections that hold options, each once.
pub(super) fn sections() -> Vec<&'static str> {
    let mut sections = Vec::new();
    for (section, _) in RunOptions::rows().filter_map(OptionRow::section_and_key) {
        if !section.is_empty() && !sections.contains(&section) {
            sections.push(section);
        }
    }
    sections
}

/// The rows of a section, with their keys; for an empty name, the rows outside all sections.
pub(super) fn rows_of(section: &str) -> impl Iterator<Item = (&'static str, &'static OptionRow)> + '_ {
    let with_place = RunOptions::rows().filter_map(|row| Some((row.section_and_key()?, row)));
    with_place.filter(move |((of, _), _)| *of == section).map(|((_, key), row)| (key, row))
}

fn take_section(section: &str, table: &mut DeTable<'_>, options: &mut RunOptions) -> Result<(), Problem> {
    let keys: Vec<_> = table.keys().cloned().collect();
    for key in keys {
        let Some((name, row)) = rows_of(section).find(|(name, _)| name == key.get_ref()) else {
            let is_section = |name: &str| sections().contains(&name) || NAMES.contains(&name);
            if section.is_empty() && is_section(key.get_ref()) {
                continue;
            }
            return Err((key.span(), unknown_key(key.get_ref(), section)));
        };
        let Some(value) = table.remove(&key) else { continue };
        let texts = texts(row, &value).map_err(|problem| (value.span(), format!("{name}: {problem}")))?;
        let set = options.set(row.key, &texts, Origin::File);
        set.map_err(|problem| match invalid_text(row, &value, &texts) {
            Some((span, text)) => (span, with_value(row, name, std::slice::from_ref(text), &problem)),
            None => (value.span(), with_value(row, name, &texts, &problem)),
        })?;
    }
    Ok(())
}

/// The text of a list that is not valid, and its place.
fn invalid_text<'a>(
    row: &OptionRow,
    value: &Spanned<DeValue<'_>>,
    texts: &'a [String],
) -> Option<(Range<usize>, &'a String)> {
    let is_invalid =
        |text: &String| RunOptions::default().set(row.key, std::slice::from_ref(text), Origin::File).is_err();
    let places = value.get_ref().as_array()?.iter().map(Spanned::span);
    places.zip(texts).find(|(_, text)| is_invalid(text))
}

fn unknown_key(key: &str, section: &str) -> String {
    let other_place = RunOptions::rows().filter(|row| row.key == key).find_map(OptionRow::section_and_key);
    if let Some((other, name)) = other_place.filter(|(other, _)| *other != section) {
        let place = if other.is_empty() { "before all sections".to_owned() } else { format!("in [{other}]") };
        return format!("unknown key `{key}`; it is written as `{name}` {place}");
    }
    let of_file = if section.is_empty() { [sections(), NAMES.to_vec()].concat() } else { Vec::new() };
    let names: Vec<&str> = rows_of(section).map(|(name, _)| name).chain(of_file).collect();
    if let Some(name) = nearest(key, names.iter().copied()) {
        return format!("unknown key `{key}`; did you mean `{name}`?");
    }
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    format!("unknown key `{key}`; expected one of {}", names.join(", "))
}

/// The problem, with the value that has it unless the value is secret.
fn with_value(row: &OptionRow, name: &str, texts: &[String], problem: &str) -> String {
    match texts {
        _ if row.is_secret => format!("{name}: {problem}"),
        [text] if row.shape == Shape::Number => format!("{text}: {problem}"),
        [text] => format!("{text:?}: {problem}"),
        _ => format!("{name}: {problem}"),
    }
}

/// The texts of a value, as flags and variables would give them.
fn texts(row: &OptionRow, value: &Spanned<DeValue<'_>>) -> Result<Vec<String>, &'static str> {
    const NO_TEXT: &str = "not a text; put it in quotes";
    let text = |value: &DeValue<'_>| value.as_str().map(str::to_owned).ok_or(NO_TEXT);
    let value = value.get_ref();
    let list = || value.as_array().into_iter().flat_map(|values| values.iter().map(|it| text(it.get_ref())));
    match row.shape {
        Shape::Text if value.is_array() => Err("not a text but a list; write one text, such as \"a,b\""),
        Shape::Text => Ok(vec![text(value)?]),
        Shape::Number => match value {
            DeValue::Integer(number) => Ok(vec![number.to_string()]),
            DeValue::Float(number) => Ok(vec![number.to_string()]),
            _ => Err("not a number"),
        },
        Shape::Switch => value.as_bool().map(|is_on| vec![is_on.to_string()]).ok_or("expected true or false"),
        Shape::List | Shape::Ids | Shape::Arns | Shape::RoleArns => match value {
            DeValue::Array(_) => list().collect(),
            _ => Ok(vec![text(value).map_err(|_| "not a list of texts")?]),
        },
        Shape::Pairs => match value {
            DeValue::Table(table) => {
                let pair = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
                    Ok(format!("{}={}", AsRef::<str>::as_ref(key.get_ref()), text(value.get_ref())?))
                };
                table.iter().map(pair).collect()
            }
            DeValue::Array(_) => list().collect(),
            _ => Ok(vec![text(value).map_err(|_| "not a table of texts")?]),
        },
    }
}
