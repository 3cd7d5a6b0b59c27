//! AWS CLI commands, with arguments quoted for bash and zsh.

use rolecall_roll::shell;

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
    line.push_str(&shell::quote(value));
}

#[cfg(test)]
mod tests {
    use super::cli_option;

    #[test]
    fn a_value_that_begins_with_a_dash_is_joined_to_its_option() {
        assert_eq!(cli_option("--user-name", "ann"), "--user-name ann");
        assert_eq!(cli_option("--user-name", "-rf"), "--user-name=-rf");
    }
}
