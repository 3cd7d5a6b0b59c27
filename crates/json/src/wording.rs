//! The messages of serde and of its JSON parser, in words that need no knowledge of Rust.
//!
//! Both crates give their messages only as text. A message that is not known here is kept as it is.

/// A value that is not of the expected type.
pub(crate) fn of_value(message: &str) -> String {
    if let Some((found, expected)) = split_at_expected(message, "invalid type: ") {
        let (found, expected) = (kind(found), expectation(expected));
        return format!("found {found}, expected {expected}{}", hint(found, &expected));
    }
    if let Some((found, expected)) = split_at_expected(message, "invalid value: ") {
        let number = ["integer `", "floating point `"].iter().find_map(|kind| found.strip_prefix(kind));
        let expected = expectation(expected);
        return match number {
            Some(number) => format!("{}: expected {expected}", number.trim_end_matches('`')),
            None => format!("found {}, expected {expected}", kind(found)),
        };
    }
    if let Some((number, expected)) = split_at_expected(message, "invalid length ") {
        let expected = expectation(expected);
        // Serde would take the values of a list as those of the object's fields.
        if expected == "an object" {
            return format!("found a list, expected {expected}");
        }
        let values = if number == "1" { "value" } else { "values" };
        return format!("found {number} {values}, expected {expected}");
    }
    if let Some(field) = message.strip_prefix("missing field ") {
        return format!("the field {} is missing", quoted(field));
    }
    if let Some((field, expected)) = split_at_comma(message, "unknown field ") {
        return format!("unknown field {}; {}", quoted(field), quoted(expected));
    }
    if let Some((value, expected)) = split_at_comma(message, "unknown variant ") {
        return format!("{} is not valid; {}", quoted(value), quoted(expected));
    }
    // jiff's parser of times.
    if message.starts_with("failed to parse") {
        return "not a time; expected one such as \"2024-01-31T08:00:00Z\"".to_owned();
    }
    message.to_owned()
}

/// A text that is not JSON.
pub(crate) fn of_syntax(message: &str) -> String {
    let problem = match message {
        "EOF while parsing a list" => "the text ends within a list",
        "EOF while parsing an object" => "the text ends within an object",
        "EOF while parsing a string" => "the text ends within a string; a closing quote is missing",
        "EOF while parsing a value" => "the text ends where a value is expected",
        "expected value" => "a value is expected here; strings are in double quotes",
        "expected ident" => {
            "a value is expected here: a string in double quotes, a number, true, false or null"
        }
        "trailing comma" => "a comma before the closing bracket; remove it",
        "trailing characters" => "more text follows after the end",
        "key must be a string" => "a field name must be in double quotes",
        "recursion limit exceeded" => "too many lists and objects within each other",
        message if message.starts_with("control character") => {
            "a line break or another control character within a string; write a line break as \\n"
        }
        message => match message.strip_prefix("expected ") {
            Some(expected) => return format!("not valid JSON: {expected} is expected here"),
            None => message,
        },
    };
    format!("not valid JSON: {problem}")
}

/// What was found and what is expected. The value that was found may contain the same words, what is expected does not.
fn split_at_expected<'a>(message: &'a str, start: &str) -> Option<(&'a str, &'a str)> {
    message.strip_prefix(start)?.rsplit_once(", expected ")
}

fn split_at_comma<'a>(message: &'a str, start: &str) -> Option<(&'a str, &'a str)> {
    message.strip_prefix(start)?.split_once("`, ")
}

/// The kind of a value, without the value.
fn kind(found: &str) -> &'static str {
    const KINDS: [(&str, &str); 8] = [
        ("boolean", "true or false"),
        ("integer", "a number"),
        ("floating point", "a number"),
        ("number", "a number"),
        ("string", "a string"),
        ("character", "a string"),
        ("sequence", "a list"),
        ("map", "an object"),
    ];
    KINDS.iter().find(|(start, _)| found.starts_with(start)).map_or("null", |(_, kind)| kind)
}

/// The expected type.
fn expectation(expected: &str) -> String {
    let text = match expected {
        "a sequence" => "a list",
        "a map" => "an object",
        "a string" | "string or map" | "a borrowed string" => "a string",
        "a boolean" => "true or false",
        "unit" => "null",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        expected if expected.starts_with("struct ") => "an object",
        expected => match expected.strip_prefix("an array of length ") {
            Some(number) => return format!("a list of {number} values"),
            None => expected,
        },
    };
    text.to_owned()
}

fn hint(found: &str, expected: &str) -> &'static str {
    match (found, expected) {
        ("a number" | "true or false", "a string") => "; put it in quotes",
        ("a string", "true or false") => "; remove the quotes",
        ("a string", expected) if expected.contains("number") => "; remove the quotes",
        _ => "",
    }
}

/// Serde's backquotes as JSON's quotes.
fn quoted(text: &str) -> String {
    let text =
        if text.starts_with('`') && !text.ends_with('`') { format!("{text}`") } else { text.to_owned() };
    text.replace('`', "\"")
}
