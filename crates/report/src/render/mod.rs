//! A roll and what it means, in the forms that people and programs read. Names are other people's: in every form they
//! are text and steer nothing. Every form carries what the roll does not cover.

pub mod cloudtrail;
pub mod csv;
pub mod html;
pub mod json;
pub mod markdown;
pub mod ocsf;
pub mod roll_csv;

use std::borrow::Cow;

use rolecall_roll::json::is_unsafe_char;

/// The text without what would steer whoever shows it.
#[must_use]
pub fn sanitize(text: &str) -> Cow<'_, str> {
    without(text, |byte| (b' '..=b'~').contains(&byte), is_unsafe_char)
}

/// The same, but lines stay lines.
#[must_use]
pub fn sanitize_lines(text: &str) -> Cow<'_, str> {
    without(text, |byte| (b' '..=b'~').contains(&byte) || byte == b'\n', |c| is_unsafe_char(c) && c != '\n')
}

/// Whether all bytes of a text are of a kind. All are looked at, since that is done many at a time.
fn are_all(text: &str, is_of_it: impl Fn(u8) -> bool) -> bool {
    text.bytes().fold(true, |are, byte| are & is_of_it(byte))
}

fn without(text: &str, is_plain: impl Fn(u8) -> bool, is_bad: impl Fn(char) -> bool) -> Cow<'_, str> {
    // Nearly all texts are of plain characters, of which none steers.
    if are_all(text, is_plain) || !text.contains(&is_bad) {
        return Cow::Borrowed(text);
    }
    text.chars().map(|c| if is_bad(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
