//! Reads JSON that people write: a file of cases, a world of the emulator, a line of an accounts file.
//!
//! 1. `distinct_names`: no object has a name twice;
//! 2. `wording`: what is wrong, in words that need no knowledge of Rust;
//! 3. `path`, `place`: the line and column of a value, for an error that is found after the text was parsed.
//!
//! ```
//! let problem = rolecall_json::parse::<Vec<u8>>("[1,\n \"two\"]").unwrap_err().to_string();
//! assert_eq!(problem, "line 2, column 6: [1]: found a string, expected a whole number, 0 or more; remove the quotes");
//! ```

mod distinct_names;
mod path;
mod place;
mod wording;

use std::fmt;

use serde::de::DeserializeOwned;

use distinct_names::DistinctNames;
pub use path::JsonPath;
pub use place::{Place, Places};

/// Why a text is not valid: the place, what was found there and what is expected. It never repeats the value of a string,
/// which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct JsonError {
    line: usize,
    column: usize,
    path: Option<String>,
    problem: String,
}

impl JsonError {
    /// Whether the error is about the text as a whole, and not about a field in it.
    #[must_use]
    pub fn is_about_the_text(&self) -> bool {
        self.path.is_none()
    }

    /// The error of one line of a file, with the line's number in the file.
    #[must_use]
    pub fn on_line(self, line: usize) -> Self {
        Self { line, ..self }
    }
}

/// `line 3, column 5: [0].request: the field "action" is missing`.
impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, path, problem } = self;
        match (line, column) {
            (0, _) => {}
            (line, 0) => write!(f, "line {line}: ")?,
            (line, column) => write!(f, "line {line}, column {column}: ")?,
        }
        if let Some(path) = path {
            write!(f, "{path}: ")?;
        }
        f.write_str(problem)
    }
}

/// Parses a value. Ignores a byte order mark, which some editors write at the beginning of a file.
///
/// # Errors
/// The text is not JSON, is not a value of this type, or has a name twice in one object.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, JsonError> {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim().is_empty() {
        return Err(JsonError { line: 0, column: 0, path: None, problem: "it is empty".to_owned() });
    }
    parse_as::<DistinctNames>(text)?;
    parse_as(text)
}

fn parse_as<T: DeserializeOwned>(text: &str) -> Result<T, JsonError> {
    let mut json = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        describe(Some(path).filter(|path| path != "."), error.inner())
    })?;
    json.end().map_err(|error| describe(None, &error))?;
    Ok(value)
}

fn describe(path: Option<String>, error: &serde_json::Error) -> JsonError {
    let text = error.to_string();
    // The place is the error's own; serde writes it again at the end of the message.
    let message = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message);
    let problem = if error.is_data() { wording::of_value(message) } else { wording::of_syntax(message) };
    // Where the syntax is wrong, serde does not always know the field.
    let path = path.filter(|path| !path.contains('?'));
    JsonError { line: error.line(), column: error.column(), path, problem }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::parse;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "read by serde only")]
    struct Case {
        name: String,
        number: Option<u32>,
        share: Option<f64>,
        is_on: Option<bool>,
        list: Option<Vec<String>>,
        two: Option<[bool; 2]>,
        tags: Option<BTreeMap<String, String>>,
        verdict: Option<Verdict>,
    }

    #[derive(Debug, Deserialize)]
    enum Verdict {
        Allowed,
        Denied,
    }

    #[test]
    fn an_error_names_line_column_and_field_and_what_is_expected() {
        for (text, words) in [
            ("", "it is empty"),
            ("{\"name\": \"a\"}", "line 1: found an object, expected a list"),
            ("[[]]", "[0]: found a list, expected an object"),
            ("[7]", "line 1, column 2: [0]: found a number, expected an object"),
            ("[\n {}]", "line 2, column 3: [0]: the field \"name\" is missing"),
            ("[{\"name\": 111111111111}]", "[0].name: found a number, expected a string; put it in quotes"),
            ("[{\"name\": null}]", "[0].name: found null, expected a string"),
            (
                "[{\"name\": \"a\", \"number\": \"s3cret\"}]",
                "[0].number: found a string, expected a whole number",
            ),
            ("[{\"name\": \"a\", \"number\": -1}]", "[0].number: -1: expected a whole number, 0 or more"),
            ("[{\"name\": \"a\", \"share\": true}]", "[0].share: found true or false, expected a number"),
            (
                "[{\"name\": \"a\", \"is_on\": \"s3cret\"}]",
                "[0].is_on: found a string, expected true or false",
            ),
            ("[{\"name\": \"a\", \"list\": \"s3cret\"}]", "[0].list: found a string, expected a list"),
            ("[{\"name\": \"a\", \"list\": [{}]}]", "[0].list[0]: found an object, expected a string"),
            ("[{\"name\": \"a\", \"two\": [true]}]", "[0].two: found 1 value, expected a list of 2 values"),
            ("[{\"name\": \"a\", \"tags\": [1]}]", "[0].tags: found a list, expected an object"),
            (
                "[{\"name\": \"a\", \"verdict\": \"Alowed\"}]",
                "[0].verdict: \"Alowed\" is not valid; expected \"Allowed\" or \"Denied\"",
            ),
            (
                "[{\"nam\": \"s3cret\"}]",
                "unknown field \"nam\"; expected one of \"name\", \"number\", \"share\"",
            ),
            ("[{", "line 1, column 2: not valid JSON: the text ends within an object"),
            ("[{\"name\": \"a\"", "not valid JSON: the text ends within an object"),
            ("[{\"name\": \"a\",}]", "not valid JSON: a comma before the closing bracket; remove it"),
            ("[{\"name\": 'a'}]", "not valid JSON: a value is expected here; strings are in double quotes"),
            ("[{name: \"a\"}]", "not valid JSON: a field name must be in double quotes"),
            ("[{\"name\": \"a\"}] x", "not valid JSON: more text follows after the end"),
            ("[{\"name\": \"a\" \"b\"}]", "not valid JSON: `,` or `}` is expected here"),
            ("[{\"name\": \"a\", \"name\": \"s3cret\"}]", "[0]: the field \"name\" is given twice"),
        ] {
            let problem = parse::<Vec<Case>>(text).unwrap_err().to_string();
            assert!(problem.contains(words), "{words} is not in {problem}");
            assert!(!problem.contains("s3cret"), "{problem}");
        }
        assert_eq!(parse::<u8>("\n\n\"a\"").unwrap_err().on_line(7).to_string().get(..7), Some("line 7,"));
    }

    #[test]
    fn a_byte_order_mark_is_ignored_and_a_name_may_be_in_several_objects() {
        let text = "\u{feff}{\"a\": [null, true, 1, -1, 1.5, {\"a\": \"\"}]}";
        assert_eq!(parse::<Value>(text).unwrap(), json!({ "a": [null, true, 1, -1, 1.5, { "a": "" }] }));
        let problem = parse::<Value>("{\"a\": 1,\n \"b\": {\"c\": 1, \"c\": 2}}").unwrap_err().to_string();
        assert!(
            problem.contains("line 2") && problem.contains("b: the field \"c\" is given twice"),
            "{problem}"
        );
    }
}
