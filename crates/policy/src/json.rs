//! Parses JSON in which no object has a name twice.
//!
//! Most parsers keep the last of two equal names, so one statement of a policy would be lost without an error. AWS rejects
//! such a document.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Parses a value. Ignores a byte order mark, which some editors write at the beginning of a file.
///
/// # Errors
/// The text is not JSON, is not a value of this type, or has a name twice in one object. The error has the line and the
/// column.
pub fn parse<T: DeserializeOwned>(text: &str) -> serde_json::Result<T> {
    let text = text.trim_start_matches('\u{feff}');
    serde_json::from_str::<DistinctNames>(text)?;
    serde_json::from_str(text)
}

/// Any JSON value in which no object has a name twice. Keeps nothing of the value.
struct DistinctNames;

impl<'de> Deserialize<'de> for DistinctNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for DistinctNames {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self, A::Error> {
        let mut names = BTreeSet::new();
        while let Some(name) = object.next_key::<String>()? {
            if names.contains(&name) {
                return Err(A::Error::custom(format_args!("duplicate name {name:?} in an object")));
            }
            names.insert(name);
            object.next_value::<Self>()?;
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::parse;

    #[test]
    fn a_duplicate_name_is_an_error_with_the_line() {
        let text = "\u{feff}{\"a\": [null, true, 1, -1, 1.5, {\"a\": \"\"}]}";
        assert_eq!(parse::<Value>(text).unwrap(), json!({ "a": [null, true, 1, -1, 1.5, { "a": "" }] }));
        let problem = parse::<Value>("{\"a\": 1,\n \"b\": {\"c\": 1, \"c\": 2}}").unwrap_err().to_string();
        assert!(problem.contains("duplicate name \"c\"") && problem.contains("line 2"), "{problem}");
        assert!(parse::<Value>("{").is_err());
    }
}
