//! A roll and what it means, in the forms that people and programs read. Names are other people's: in every form they
//! are text and steer nothing. Every form carries what the roll does not cover.

pub mod csv;
pub mod html;
pub mod json;
pub mod markdown;
pub mod ocsf;
pub mod roll_csv;

use std::borrow::Cow;

use rolecall_roll::json::steers;

/// The text without what would steer whoever shows it.
#[must_use]
pub fn harmless(text: &str) -> Cow<'_, str> {
    without(text, steers)
}

/// The same, but lines stay lines.
#[must_use]
pub fn harmless_lines(text: &str) -> Cow<'_, str> {
    without(text, |c| steers(c) && c != '\n')
}

fn without(text: &str, is_bad: impl Fn(char) -> bool) -> Cow<'_, str> {
    // Nearly all texts are of plain characters, of which none steers.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) || !text.contains(&is_bad) {
        return Cow::Borrowed(text);
    }
    text.chars().map(|c| if is_bad(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
