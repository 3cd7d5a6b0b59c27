//! Wrapping text to the width of a terminal.

use textwrap::WordSeparator;
use textwrap::core::{Word, display_width};
use textwrap::wrap_algorithms::wrap_first_fit;

/// Wraps a text into lines of at most `width` columns. Words are never broken: an ARN that is wider than a line has a line of its
/// own, which the terminal continues on the next, so that it can be copied.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    wrap_with_indent(text, width, 0)
}

/// Wraps a text, with `indent` spaces before the lines that follow. Without a width, it returns the text unchanged.
pub(crate) fn hanging(text: &str, width: Option<u16>, indent: usize) -> String {
    let Some(width) = width else { return text.to_owned() };
    wrap_with_indent(text, usize::from(width), indent).join(&format!("\n{:indent$}", ""))
}

/// The number of columns that a text without control characters takes.
pub(super) fn text_width(text: &str) -> usize {
    // Nearly all texts are ASCII, and need no table of characters.
    if text.is_ascii() { text.len() } else { display_width(text) }
}

/// The width of the widest word of a text, which [`wrap`] keeps whole.
pub(super) fn longest_part(text: &str) -> usize {
    text.split(' ').map(text_width).max().unwrap_or_default()
}

/// Wraps a text; the lines after the first are `indent` columns narrower.
fn wrap_with_indent(text: &str, width: usize, indent: usize) -> Vec<String> {
    let width = width.max(1);
    let further = width.saturating_sub(indent).max(1);
    let words: Vec<Word<'_>> = WordSeparator::AsciiSpace.find_words(text).collect();
    #[expect(clippy::cast_precision_loss, reason = "terminals have fewer than 2^52 columns")]
    let widths = [width as f64, further as f64];
    let line = |words: &[Word<'_>]| {
        let last = words.len().saturating_sub(1);
        let with_blanks = |(place, word): (usize, &Word<'_>)| {
            [word.word, if place < last { word.whitespace } else { "" }].concat()
        };
        words.iter().enumerate().map(with_blanks).collect::<String>()
    };
    wrap_first_fit(&words, &widths).into_iter().map(line).collect()
}
