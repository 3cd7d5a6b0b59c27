//! Text without quotes in TOML, which the TOML parser reports as an invalid number, boolean or date.

/// The key of the line, if its value looks like text that lacks its quotes. `at` is where the parser found the error.
pub(super) fn key_of_unquoted_text(text: &str, at: usize) -> Option<&str> {
    let begin = text.get(..at)?.rfind('\n').map_or(0, |newline| newline + 1);
    let line = text.get(begin..)?.lines().next()?;
    let (key, value) = line.split_once('=')?;
    let value = value.trim();
    let is_key = |c: char| c.is_ascii_alphanumeric() || ['_', '-', '.'].contains(&c);
    let key = key.trim();
    // The parser's own message about a boolean is better.
    let is_boolean = ["true", "false"].contains(&value.to_ascii_lowercase().as_str());
    let begins_as_text = value.starts_with(|c: char| c.is_alphabetic() || ['*', '/', ':'].contains(&c))
        || value.strip_prefix('[').is_some_and(|list| list.trim().starts_with(char::is_alphabetic));
    (!key.is_empty() && key.chars().all(is_key) && begins_as_text && !is_boolean).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::key_of_unquoted_text;

    #[test]
    fn text_without_quotes_is_recognized_and_its_key_is_named() {
        for (text, key) in [
            ("role_name = IAMListRole", Some("role_name")),
            ("a = 1\n  role_name=truex", Some("role_name")),
            ("include = [prod, dev]", Some("include")),
            ("organization = True", None),
            ("max_attempts = 1x", None),
            ("role_name = \"a", None),
            ("role_name", None),
        ] {
            assert_eq!(key_of_unquoted_text(text, text.len()), key, "{text}");
        }
    }
}
