//! Words of commands that people paste into a shell.

use std::borrow::Cow;

/// A word, quoted for bash and zsh where it needs to be.
#[must_use]
pub fn quote(word: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-/:".contains(&byte);
    // zsh replaces a word that begins with `=` by the path of a command.
    if !word.is_empty() && !word.starts_with('=') && word.bytes().all(is_plain) {
        return word.into();
    }
    // AWS allows no control characters in names; here they could break the line or control a terminal.
    let printable: String =
        word.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect();
    format!("'{}'", printable.replace('\'', r"'\''")).into()
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn words_are_quoted_where_a_shell_would_interpret_them() {
        assert_eq!(quote("a+b=c,d.e@f_g-h"), "a+b=c,d.e@f_g-h");
        assert_eq!(quote("$(rm -r ~)'\n"), "'$(rm -r ~)'\\''\u{fffd}'");
        assert_eq!(quote(""), "''");
        assert_eq!(quote("=ls"), "'=ls'");
    }
}
