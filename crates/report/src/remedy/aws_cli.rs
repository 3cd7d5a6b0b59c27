//! AWS CLI commands, with arguments quoted for bash and zsh.

use std::borrow::Cow;

use crate::facts::{KeyView, UserView};

/// The command that deactivates a key.
pub(crate) fn deactivate_key(key: &KeyView<'_>) -> String {
    key_command("update-access-key", key) + " --status Inactive"
}

/// The command that deletes a key.
pub(crate) fn delete_key(key: &KeyView<'_>) -> String {
    key_command("delete-access-key", key)
}

fn key_command(command: &str, key: &KeyView<'_>) -> String {
    // Long enough for the usual names: a large roll has a million commands.
    let mut line = String::with_capacity(128);
    line.push_str("aws iam ");
    line.push_str(command);
    line.push(' ');
    push_option(&mut line, "--user-name", &key.user.user.user_name);
    line.push(' ');
    push_option(&mut line, "--access-key-id", key.key.access_key_id.as_str());
    line
}

/// The option that names a user.
pub(crate) fn user_name_option(user: &UserView<'_>) -> String {
    cli_option("--user-name", &user.user.user_name)
}

/// The command that shows when a key was last used.
pub(crate) fn key_last_used(key: &KeyView<'_>) -> String {
    let mut line = String::from("aws iam get-access-key-last-used ");
    push_option(&mut line, "--access-key-id", key.key.access_key_id.as_str());
    line
}

/// An option and its value, quoted for a shell. A value that begins with a dash is joined by `=`, since the AWS CLI
/// would take it for an option.
pub(crate) fn cli_option(name: &str, value: &str) -> String {
    let mut option = String::with_capacity(name.len() + 1 + value.len());
    push_option(&mut option, name, value);
    option
}

fn push_option(line: &mut String, name: &str, value: &str) {
    line.push_str(name);
    line.push(if value.starts_with('-') { '=' } else { ' ' });
    line.push_str(&shell_quote(value));
}

/// A word, quoted for bash and zsh where it needs to be.
fn shell_quote(word: &str) -> Cow<'_, str> {
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
    use super::{cli_option, shell_quote};

    #[test]
    fn words_are_quoted_where_a_shell_would_interpret_them() {
        assert_eq!(shell_quote("a+b=c,d.e@f_g-h"), "a+b=c,d.e@f_g-h");
        assert_eq!(shell_quote("$(rm -r ~)'\n"), "'$(rm -r ~)'\\''\u{fffd}'");
        assert_eq!(shell_quote(""), "''");
        assert_eq!(shell_quote("=ls"), "'=ls'");
        assert_eq!(cli_option("--user-name", "ann"), "--user-name ann");
        assert_eq!(cli_option("--user-name", "-rf"), "--user-name=-rf");
    }
}
