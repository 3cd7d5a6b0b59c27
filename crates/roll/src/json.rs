//! Writes JSON that is safe to display. Names come from other people, and may contain characters that control a
//! terminal, an editor or a line-based tool. Such characters are written as `\u…`, which parses to the same text.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter, PrettyFormatter};

/// Writes a value on one line.
///
/// # Errors
/// The I/O errors of `out`, and values that cannot be serialized as JSON.
pub fn to_writer(out: impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut serializer = Serializer::with_formatter(out, Escaping(CompactFormatter));
    value.serialize(&mut serializer).map_err(io::Error::from)
}

/// A value on one line, as text.
///
/// # Errors
/// Values that cannot be serialized as JSON.
pub fn to_string(value: &impl Serialize) -> io::Result<String> {
    let mut bytes = Vec::new();
    to_writer(&mut bytes, value)?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

/// Writes a value with indentation.
///
/// # Errors
/// The I/O errors of `out`, and values that cannot be serialized as JSON.
pub fn to_writer_pretty(out: impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut serializer = Serializer::with_formatter(out, Escaping(PrettyFormatter::new()));
    value.serialize(&mut serializer).map_err(io::Error::from)
}

/// Some elements of a list in an indented document, so that a long list can be rendered on several cores.
#[derive(Debug)]
pub struct Elements {
    /// The elements as those of a list in a list, where they have the same indentation as in a list in an object.
    nested: Vec<u8>,
}

impl Elements {
    /// Renders values as [`ObjectWriter::list`] writes them.
    ///
    /// # Errors
    /// Values that cannot be serialized as JSON.
    pub fn new(values: &[impl Serialize]) -> io::Result<Self> {
        let mut nested = Vec::new();
        to_writer_pretty(&mut nested, &[values])?;
        Ok(Self { nested })
    }

    /// The elements, separated by commas; `None` where there are none.
    fn text(&self) -> Option<&[u8]> {
        self.nested.strip_prefix(b"[\n  [\n    ")?.strip_suffix(b"\n  ]\n]")
    }
}

/// Writes an indented object, some members at a time.
#[derive(Debug)]
pub struct ObjectWriter<W> {
    out: W,
    is_empty: bool,
}

impl<W: Write> ObjectWriter<W> {
    /// Begins an object.
    pub fn new(out: W) -> Self {
        Self { out, is_empty: true }
    }

    /// Adds the members of a value that is an object itself.
    ///
    /// # Errors
    /// The I/O errors of `out`, and values that cannot be serialized as JSON.
    pub fn members(&mut self, value: &impl Serialize) -> io::Result<()> {
        let mut bytes = Vec::new();
        to_writer_pretty(&mut bytes, value)?;
        let members = bytes.strip_prefix(b"{\n").and_then(|rest| rest.strip_suffix(b"\n}"));
        members.map_or(Ok(()), |members| {
            self.separate()?;
            self.out.write_all(members)
        })
    }

    /// Adds a list, whose elements `write` passes to the function that it gets.
    ///
    /// # Errors
    /// The I/O errors of `out`, and the error of `write`.
    pub fn list(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut dyn FnMut(&Elements) -> io::Result<()>) -> io::Result<()>,
    ) -> io::Result<()> {
        self.separate()?;
        write!(self.out, "  \"{name}\": [")?;
        let mut separator = "\n    ";
        write(&mut |elements| {
            let Some(elements) = elements.text() else { return Ok(()) };
            self.out.write_all(separator.as_bytes())?;
            separator = ",\n    ";
            self.out.write_all(elements)
        })?;
        self.out.write_all(if separator.starts_with(',') { b"\n  ]" } else { b"]" })
    }

    /// Ends the object.
    ///
    /// # Errors
    /// The I/O errors of `out`.
    pub fn finish(mut self) -> io::Result<()> {
        self.out.write_all(if self.is_empty { b"{}" } else { b"\n}" })
    }

    fn separate(&mut self) -> io::Result<()> {
        let separator: &[u8] = if self.is_empty { b"{\n" } else { b",\n" };
        self.is_empty = false;
        self.out.write_all(separator)
    }
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
        // Without stopping early, so that the compiler can vectorize the loop.
        if fragment.bytes().fold(0, u8::max) < 0x7f {
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
    use serde_json::{Value, json};

    use super::{Elements, ObjectWriter, to_writer, to_writer_pretty};

    #[test]
    fn an_object_in_parts_equals_the_whole() {
        let values = [json!({"a": [1, {"b": "\u{202e}\n"}], "c": {}}), json!([]), json!(1), json!([[]])];
        let whole = |value: &Value| {
            let mut bytes = Vec::new();
            to_writer_pretty(&mut bytes, value).unwrap();
            String::from_utf8(bytes).unwrap()
        };
        for (list, middle) in [(&values[..], json!({})), (&[], json!({"b": 2, "c": [{}]})), (&[], json!({}))]
        {
            let mut bytes = Vec::new();
            let mut object = ObjectWriter::new(&mut bytes);
            object.members(&middle).unwrap();
            object
                .list("list", |add| list.chunks(3).try_for_each(|some| add(&Elements::new(some)?)))
                .unwrap();
            object.list("none", |add| add(&Elements::new(&[] as &[Value])?)).unwrap();
            object.members(&json!({"z": 1})).unwrap();
            object.finish().unwrap();
            let mut expected = middle.as_object().unwrap().clone();
            expected.extend([
                ("list".into(), list.into()),
                ("none".into(), json!([])),
                ("z".into(), 1.into()),
            ]);
            assert_eq!(String::from_utf8(bytes).unwrap(), whole(&expected.into()));
        }
        let mut bytes = Vec::new();
        ObjectWriter::new(&mut bytes).finish().unwrap();
        assert_eq!(bytes, b"{}");
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
