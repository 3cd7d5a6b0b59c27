//! Text in the width of a terminal.

use textwrap::WordSeparator;
use textwrap::core::{Word, break_words, display_width};
use textwrap::wrap_algorithms::wrap_first_fit;

/// The lines of a text, none of them wider than `width`. Words stay whole while they have room; one that is wider, an ARN
/// for example, is broken behind `/` or `:`, which no account id, key id or user name has in it.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    wrap_with_indent(text, width, 0)
}

/// The text wrapped to a terminal's width, each further line `indent` blanks to the right; as it is where there is no width.
pub(crate) fn hanging(text: &str, width: Option<u16>, indent: usize) -> String {
    let Some(width) = width else { return text.to_owned() };
    wrap_with_indent(text, usize::from(width), indent).join(&format!("\n{:indent$}", ""))
}

/// The widest part of a text that [`wrap`] keeps whole where it can.
pub(super) fn longest_part(text: &str) -> usize {
    text.split(' ').flat_map(parts).map(display_width).max().unwrap_or_default()
}

/// The lines of a text; those behind the first are `indent` narrower.
fn wrap_with_indent(text: &str, width: usize, indent: usize) -> Vec<String> {
    let width = width.max(1);
    let further = width.saturating_sub(indent).max(1);
    let words = WordSeparator::AsciiSpace.find_words(text).flat_map(|word| {
        if display_width(word.word) <= further {
            return vec![word];
        }
        let mut split: Vec<Word<'_>> = parts(word.word).map(Word::from).collect();
        if let Some(last) = split.last_mut() {
            last.whitespace = word.whitespace;
        }
        split
    });
    let words = break_words(words, further);
    #[expect(clippy::cast_precision_loss, reason = "a terminal is no 2^52 columns wide")]
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

/// A word in parts, each but the last with the `/` or `:` that it ends in.
fn parts(word: &str) -> impl Iterator<Item = &str> {
    word.split_inclusive(['/', ':'])
}
