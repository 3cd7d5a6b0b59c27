//! Writes JSON that is safe to display. Names come from other people, and may contain characters that control a
//! terminal, an editor or a line-based tool. Such characters are written as `\u…`, which parses to the same text.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter, PrettyFormatter};
use serde_json::value::RawValue;

/// Writes a value on one line.
///
/// # Errors
/// The I/O errors of `out`, and values that cannot be serialized as JSON.
pub fn to_writer(out: impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut serializer = Serializer::with_formatter(out, Escaping(CompactFormatter));
    value.serialize(&mut serializer).map_err(io::Error::from)
}

/// Writes a value with indentation.
///
/// # Errors
/// The I/O errors of `out`, and values that cannot be serialized as JSON.
pub fn to_writer_pretty(out: impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut serializer = Serializer::with_formatter(out, Escaping(PrettyFormatter::new()));
    value.serialize(&mut serializer).map_err(io::Error::from)
}

/// Writes a value as an element of a list in an indented document, with the indentation that it has there. So the elements of a long
/// list can be written on several cores.
///
/// # Errors
/// Values that cannot be serialized as JSON.
pub fn to_indented_element(value: &impl Serialize) -> io::Result<Box<RawValue>> {
    let mut bytes = Vec::new();
    // An element of a list in a list has the same indentation as one of a list in an object.
    to_writer_pretty(&mut bytes, &[[value]])?;
    let list = String::from_utf8(bytes).map_err(io::Error::other)?;
    let element = list.strip_prefix("[\n  [\n    ").and_then(|rest| rest.strip_suffix("\n  ]\n]"));
    RawValue::from_string(element.unwrap_or(&list).to_owned()).map_err(io::Error::from)
}

/// Whether a character can change how the text around it is displayed: control characters, line separators, and the
/// bidirectional marks and overrides, which reverse the direction of text.
///
/// Source: <https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing>
#[must_use]
pub fn is_unsafe_char(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A formatter that escapes unsafe characters.
struct Escaping<F>(F);

impl<F: Formatter> Formatter for Escaping<F> {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        if fragment.bytes().all(|byte| byte < 0x7f) {
            return self.0.write_string_fragment(out, fragment);
        }
        let mut rest = fragment;
        // serde_json has already escaped the ASCII control characters except DEL, so an unsafe character here is DEL or
        // not ASCII.
        while let Some((index, c)) = rest.char_indices().find(|(_, c)| is_unsafe_char(*c)) {
            let (safe, unsafe_and_rest) = rest.split_at(index);
            self.0.write_string_fragment(out, safe)?;
            write!(out, "\\u{:04x}", u32::from(c))?;
            rest = unsafe_and_rest.get(c.len_utf8()..).unwrap_or_default();
        }
        self.0.write_string_fragment(out, rest)
    }

    fn write_char_escape<W: ?Sized + Write>(&mut self, out: &mut W, escape: CharEscape) -> io::Result<()> {
        self.0.write_char_escape(out, escape)
    }

    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_array(out)
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array(out)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(out, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array_value(out)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object(out)
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object(out)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(out, first)
    }

    fn end_object_key<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object_key(out)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object_value(out)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object_value(out)
    }
}

#[cfg(test)]
mod tests {
    use super::{to_indented_element, to_writer, to_writer_pretty};

    #[test]
    fn an_element_is_indented_as_in_its_document() {
        let values = [
            serde_json::json!({"a": [1, {"b": "\u{202e}\n"}], "c": {}}),
            serde_json::json!([]),
            serde_json::json!(1),
        ];
        let elements: Vec<_> = values.iter().map(|value| to_indented_element(value).unwrap()).collect();
        let (mut expected, mut written) = (Vec::new(), Vec::new());
        to_writer_pretty(&mut expected, &std::collections::BTreeMap::from([("list", &values)])).unwrap();
        to_writer_pretty(&mut written, &std::collections::BTreeMap::from([("list", &elements)])).unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), String::from_utf8(expected).unwrap());
    }

    #[test]
    fn unsafe_characters_are_escaped_and_parse_to_the_same_text() {
        let text = "a\"\\\u{1b}[2J\n\u{9b}31m\u{7f}\u{202e}gpj\u{2028}é日";
        let mut line = Vec::new();
        to_writer(&mut line, &[text]).unwrap();
        let line = String::from_utf8(line).unwrap();
        assert_eq!(line, "[\"a\\\"\\\\\\u001b[2J\\n\\u009b31m\\u007f\\u202egpj\\u2028é日\"]");
        assert_eq!(serde_json::from_str::<[String; 1]>(&line).unwrap(), [text]);
        let mut pretty = Vec::new();
        to_writer_pretty(&mut pretty, &[text]).unwrap();
        assert!(String::from_utf8(pretty).unwrap().starts_with("[\n  \"a"));
    }
}
