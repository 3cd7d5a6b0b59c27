//! The output formats of rolls and reports. Names come from other people: every format writes them as text, without control
//! characters and without markup. Every format contains what the roll does not cover.

pub mod cloudtrail;
pub mod csv;
pub mod html;
pub mod json;
pub mod markdown;
pub mod ocsf;
pub mod roll_csv;

use std::borrow::Cow;

use rolecall_roll::json::is_unsafe_char;

/// The text with every control and bidirectional character replaced, so that it cannot control a terminal or page.
#[must_use]
pub fn sanitize(text: &str) -> Cow<'_, str> {
    replace_unsafe(text, |byte| (b' '..=b'~').contains(&byte), is_unsafe_char)
}

/// As [`sanitize`], but keeps line feeds.
#[must_use]
pub fn sanitize_lines(text: &str) -> Cow<'_, str> {
    replace_unsafe(
        text,
        |byte| (b' '..=b'~').contains(&byte) || byte == b'\n',
        |c| is_unsafe_char(c) && c != '\n',
    )
}

/// Whether a predicate is true for all bytes of a text. It does not stop early, so that the compiler can vectorize the loop.
fn are_all(text: &str, predicate: impl Fn(u8) -> bool) -> bool {
    text.bytes().fold(true, |are, byte| are & predicate(byte))
}

fn replace_unsafe(
    text: &str,
    is_plain: impl Fn(u8) -> bool,
    is_unsafe: impl Fn(char) -> bool,
) -> Cow<'_, str> {
    // Nearly all texts have only plain characters.
    if are_all(text, is_plain) || !text.contains(&is_unsafe) {
        return Cow::Borrowed(text);
    }
    text.chars().map(|c| if is_unsafe(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
