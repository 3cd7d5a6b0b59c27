//! The line and column at which a value begins.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::value::RawValue;

use crate::path::{JsonPath, Part};

/// A place in a text, as editors count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
}

/// `line 7, column 15`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// The places of the values in a JSON text.
///
/// ```
/// use rolecall_json::{JsonPath, Places};
///
/// let text = "{\n  \"Statement\": [{ \"Effect\": \"Alow\" }]\n}";
/// let effect = JsonPath::root().field("Statement").item(0).field("Effect");
/// assert_eq!(Places::new(text).place(&effect).to_string(), "line 2, column 29");
/// ```
#[derive(Clone)]
pub struct Places<'a> {
    text: &'a str,
    /// The index of the first byte of each line.
    lines: Vec<usize>,
}

/// Without the text, which may hold a secret.
impl fmt::Debug for Places<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Places").field("lines", &self.lines.len()).finish_non_exhaustive()
    }
}

impl<'a> Places<'a> {
    /// The places in a text that [`parse`](crate::parse) accepts.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        let text = text.trim_start_matches('\u{feff}');
        let after_breaks = text.match_indices('\n').map(|(index, _)| index + 1);
        Self { text, lines: [0].into_iter().chain(after_breaks).collect() }
    }

    /// The place of the value at a path. Where the document has no such value, the place of the value that should hold it,
    /// such as the statement without the `Effect`. A value that is in no list counts as a list of one.
    #[must_use]
    pub fn place(&self, path: &JsonPath) -> Place {
        let value = raw::<&RawValue>(self.text).map_or(self.text, RawValue::get);
        self.place_of(find(value, path.parts()))
    }

    /// The place of a part of the text.
    fn place_of(&self, part: &str) -> Place {
        let offset = part.as_ptr().addr().saturating_sub(self.text.as_ptr().addr());
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or_default();
        let before = self.text.get(start..offset).unwrap_or_default();
        Place { line, column: before.chars().count() + 1 }
    }
}

/// The text of the value at a path, or of the last value above it that is there.
fn find<'a>(value: &'a str, path: &[Part]) -> &'a str {
    let Some((part, rest)) = path.split_first() else { return value };
    let child = match part {
        Part::Field(name) => {
            raw::<BTreeMap<String, &RawValue>>(value).and_then(|fields| fields.get(name).copied())
        }
        Part::Item(index) => match raw::<Vec<&RawValue>>(value) {
            Some(items) => items.get(*index).copied(),
            None if *index == 0 => return find(value, rest),
            None => None,
        },
    };
    child.map_or(value, |child| find(child.get(), rest))
}

fn raw<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Option<T> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{JsonPath, Places};

    const POLICY: &str = r#"
{ "Version": "2012-10-17",
  "Statement": [
    { "Sid": "é", "Effect": "Alow",
      "Condition": { "StringEquals": { "token.actions.githubusercontent.com:aud": ["a",
        "b"] } } },
    { "Action" : "sts:AssumeRole" }
  ]
}"#;

    fn place(text: &str, path: &JsonPath) -> String {
        let place = Places::new(text).place(path);
        format!("{}:{}", place.line, place.column)
    }

    #[test]
    fn a_value_is_found_by_its_path() {
        let root = JsonPath::root();
        let statements = root.field("Statement");
        let first = statements.item(0);
        let key = "token.actions.githubusercontent.com:aud";
        let audience = first.field("Condition").field("StringEquals").field(key);
        for (path, expected) in [
            (root.clone(), "2:1"),
            (root.field("Version"), "2:14"),
            (statements.clone(), "3:16"),
            (first.clone(), "4:5"),
            (first.field("Effect"), "4:29"),
            (audience.clone(), "5:83"),
            (audience.item(1), "6:9"),
            (statements.item(1).field("Action"), "7:18"),
        ] {
            assert_eq!(place(POLICY, &path), expected, "{path}");
        }
        assert_eq!(audience.item(1).to_string(), format!("Statement[0].Condition.StringEquals.{key}[1]"));
    }

    #[test]
    fn a_value_that_is_missing_has_the_place_of_what_should_hold_it() {
        let statements = JsonPath::root().field("Statement");
        assert_eq!(place(POLICY, &statements.item(1).field("Effect")), "7:5");
        assert_eq!(place(POLICY, &statements.item(9).field("Effect")), "3:16");
        assert_eq!(place("not JSON", &statements), "1:1");
        assert_eq!(place("", &statements), "1:1");
    }

    #[test]
    fn a_value_that_is_in_no_list_is_the_first_item_and_a_byte_order_mark_is_no_character() {
        let text = "\u{feff}{\"Statement\": {\"Action\": \"*\"}}";
        let action = JsonPath::root().field("Statement").item(0).field("Action");
        assert_eq!(place(text, &action), "1:26");
        assert_eq!(place(text, &action.item(0)), "1:26");
    }

    /// Any JSON value.
    fn value() -> impl Strategy<Value = Value> {
        let scalar =
            prop_oneof![any::<i32>().prop_map(Value::from), "[a-z\"\\\\\n{\\[é]{0,4}".prop_map(Value::from)];
        scalar.prop_recursive(3, 20, 4, |inner| {
            let names = "[a-c\"\n\\[.é]{0,2}";
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(names, inner, 0..4).prop_map(|map| json!(map)),
            ]
        })
    }

    /// All paths of a value, each with its value.
    fn all_paths<'a>(path: &JsonPath, value: &'a Value, all: &mut Vec<(JsonPath, &'a Value)>) {
        all.push((path.clone(), value));
        match value {
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(index, item)| all_paths(&path.item(index), item, all));
            }
            Value::Object(fields) => {
                fields.iter().for_each(|(name, field)| all_paths(&path.field(name), field, all));
            }
            _ => {}
        }
    }

    proptest! {
        #[test]
        fn at_each_place_the_text_goes_on_with_the_value(value in value(), is_pretty: bool) {
            let text = if is_pretty { serde_json::to_string_pretty(&value).unwrap() } else { value.to_string() };
            let places = Places::new(&text);
            let mut all = Vec::new();
            all_paths(&JsonPath::root(), &value, &mut all);
            for (path, expected) in all {
                let place = places.place(&path);
                let line = text.split_inclusive('\n').nth(place.line - 1).unwrap();
                let start: usize = text.split_inclusive('\n').take(place.line - 1).map(str::len).sum();
                let column: usize = line.chars().take(place.column - 1).map(char::len_utf8).sum();
                let rest = text.get(start + column..).unwrap();
                let found = serde_json::Deserializer::from_str(rest).into_iter::<Value>().next().unwrap().unwrap();
                prop_assert_eq!(&found, expected, "{}", path);
            }
        }
    }
}
