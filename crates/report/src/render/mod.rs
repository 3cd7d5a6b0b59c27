//! A roll and what it means, in the forms that people and programs read. Names are other people's: in every form they
//! are text and steer nothing. Every form carries what the roll does not cover.

pub mod csv;
pub mod html;
pub mod json;
pub mod markdown;
pub mod ocsf;
pub mod roll_csv;

use rolecall_roll::json::steers;

/// The text without what would steer whoever shows it.
#[must_use]
pub fn harmless(text: &str) -> String {
    text.chars().map(|c| if steers(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The same, but lines stay lines.
#[must_use]
pub fn harmless_lines(text: &str) -> String {
    let steering = |c: char| steers(c) && c != '\n';
    text.chars().map(|c| if steering(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
