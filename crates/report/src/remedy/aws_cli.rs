//! AWS CLI commands, with arguments quoted for a POSIX shell.

use crate::facts::{AccountView, KeyView, UserView};

/// The command that deactivates a key.
pub(crate) fn deactivate_key(key: &KeyView<'_>) -> String {
    format!("{} --status Inactive", key_command("update-access-key", key))
}

/// The command that deletes a key.
pub(crate) fn delete_key(key: &KeyView<'_>) -> String {
    key_command("delete-access-key", key)
}

fn key_command(command: &str, key: &KeyView<'_>) -> String {
    format!(
        "aws iam {command} {} {}",
        user_name_option(&key.user),
        cli_option("--access-key-id", key.key.access_key_id.as_str())
    )
}

/// The option that names a user.
pub(crate) fn user_name_option(user: &UserView<'_>) -> String {
    cli_option("--user-name", &user.user.user_name)
}

/// The commands that give a session as the root user of a member account, to delete its root credentials without knowing
/// them; `None` where only the root user can delete them: in the management account, and where the organization is unknown.
pub(crate) fn assume_root(account: &AccountView<'_>) -> Option<String> {
    account.organization.filter(|_| !account.is_management_account())?;
    let enable = if account.is_root_managed().known() == Some(&true) {
        ""
    } else {
        "# in the management account, once for all member accounts:\naws iam enable-organizations-root-credentials-management\n"
    };
    let partition = account.record.role_arn().map_or("aws", |role_arn| role_arn.partition().as_str());
    Some(format!(
        "{enable}# in the management account, or IAM's delegated administrator, for this member account:\n\
         aws sts assume-root --target-principal {} --task-policy-arn \
         arn=arn:{partition}:iam::aws:policy/root-task/IAMDeleteRootUserCredentials\n\
         # with the credentials that it returns:",
        account.record.account_id()
    ))
}

/// An option and its value, quoted for a POSIX shell. A value that begins with a dash is joined by `=`, since the AWS CLI
/// would take it for an option.
pub(crate) fn cli_option(name: &str, value: &str) -> String {
    let separator = if value.starts_with('-') { '=' } else { ' ' };
    format!("{name}{separator}{}", shell_quote(value))
}

/// A word, quoted for a POSIX shell where it needs to be.
fn shell_quote(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-/:".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    // AWS allows no control characters in names; here they could break the line or control a terminal.
    let printable: String =
        word.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect();
    format!("'{}'", printable.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::{cli_option, shell_quote};

    #[test]
    fn words_are_quoted_where_a_shell_would_interpret_them() {
        assert_eq!(shell_quote("a+b=c,d.e@f_g-h"), "a+b=c,d.e@f_g-h");
        assert_eq!(shell_quote("$(rm -r ~)'\n"), "'$(rm -r ~)'\\''\u{fffd}'");
        assert_eq!(shell_quote(""), "''");
        assert_eq!(cli_option("--user-name", "ann"), "--user-name ann");
        assert_eq!(cli_option("--user-name", "-rf"), "--user-name=-rf");
    }
}
