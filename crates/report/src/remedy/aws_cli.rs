//! Commands of the AWS CLI, and their words as a POSIX shell takes them.

use crate::facts::{AccountView, KeyView, UserView};

/// The command that switches a key off.
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
        user_name_option(&key.of),
        cli_option("--access-key-id", key.key.access_key_id.as_str())
    )
}

/// The option that names a user.
pub(crate) fn user_name_option(user: &UserView<'_>) -> String {
    cli_option("--user-name", &user.user.user_name)
}

/// How to become the root user of a member account without its credentials, to delete them; `None` where nobody but
/// the root user can.
pub(crate) fn assume_root(account: &AccountView<'_>) -> Option<String> {
    account.organization.filter(|_| !account.is_management())?;
    let enable = if account.root_is_managed().known() == Some(&true) {
        ""
    } else {
        "# in the management account, once for all members:\naws iam enable-organizations-root-credentials-management\n"
    };
    let partition = account.roll.role_arn().map_or("aws", |role_arn| role_arn.partition().as_str());
    Some(format!(
        "{enable}# in the management account, or IAM's delegated administrator, for this member:\n\
         aws sts assume-root --target-principal {} --task-policy-arn \
         arn=arn:{partition}:iam::aws:policy/root-task/IAMDeleteRootUserCredentials\n\
         # with the credentials that it gives:",
        account.roll.account_id()
    ))
}

/// An option and its value, as a POSIX shell and the AWS CLI take them: what begins with a dash would be an option too.
pub(crate) fn cli_option(name: &str, value: &str) -> String {
    let between = if value.starts_with('-') { '=' } else { ' ' };
    format!("{name}{between}{}", shell_quote(value))
}

/// A word, as a POSIX shell takes it.
fn shell_quote(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-/:".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    // What would break the line, or steer a terminal, is no part of a name that AWS allows.
    let shown: String =
        word.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect();
    format!("'{}'", shown.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::{cli_option, shell_quote};

    #[test]
    fn words_are_quoted_where_a_shell_would_read_more_into_them() {
        assert_eq!(shell_quote("a+b=c,d.e@f_g-h"), "a+b=c,d.e@f_g-h");
        assert_eq!(shell_quote("$(rm -r ~)'\n"), "'$(rm -r ~)'\\''\u{fffd}'");
        assert_eq!(shell_quote(""), "''");
        assert_eq!(cli_option("--user-name", "ann"), "--user-name ann");
        assert_eq!(cli_option("--user-name", "-rf"), "--user-name=-rf");
    }
}
