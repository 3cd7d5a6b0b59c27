//! A value that was typed without its flag: which flag, or which command, takes it.

use std::ffi::OsString;
use std::path::Path;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory, Error};
use rolecall_roll::{AccessKeyId, AccountId, RoleArn};

use crate::commands::Arguments;
use crate::roll_file;

/// Adds to clap's error what was probably meant. A value that may be a secret is not repeated.
pub(crate) fn explain(mut error: Error, arguments: impl Iterator<Item = OsString>) -> Error {
    let context = match error.kind() {
        ErrorKind::UnknownArgument => ContextKind::InvalidArg,
        ErrorKind::InvalidSubcommand => ContextKind::InvalidSubcommand,
        _ => return error,
    };
    let Some(ContextValue::String(text)) = error.get(context) else { return error };
    let text = text.clone();
    if text.starts_with('-') {
        // clap proposes to pass the flag as a value.
        error.remove(ContextKind::Suggested);
    }
    let tip = if may_be_secret(&text) {
        error.insert(context, ContextValue::String("(a value that may be a secret)".to_owned()));
        Some(
            "rolecall takes no secret access key or session token; set them as the AWS CLI reads them"
                .to_owned(),
        )
    } else {
        suggestion(&command_in(arguments), &text).map(|it| format!("did you mean `{it}`?"))
    };
    if let Some(tip) = tip {
        error.remove(ContextKind::SuggestedArg);
        error.remove(ContextKind::SuggestedSubcommand);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

/// A long text of letters and digits, and with the characters of base64: a secret access key has 40 of them.
fn may_be_secret(text: &str) -> bool {
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || "/+=".contains(c);
    let has_both =
        text.contains(|c: char| c.is_ascii_lowercase()) && text.contains(|c: char| c.is_ascii_uppercase());
    text.len() >= 40 && has_both && text.chars().all(is_base64) && !Path::new(text).exists()
}

/// The command that was typed; the program itself if none was.
fn command_in(arguments: impl Iterator<Item = OsString>) -> Command {
    let root = Arguments::command();
    let words: Vec<OsString> = arguments.skip(1).collect();
    let typed = words.iter().find_map(|word| root.find_subcommand(word)).cloned();
    typed.unwrap_or(root)
}

/// How to pass this value.
fn suggestion(command: &Command, text: &str) -> Option<String> {
    let name = command.get_name();
    let has = |flag: &&str| command.get_arguments().any(|it| it.get_long() == Some(flag));
    let flag = |flags: &[&'static str]| flags.iter().copied().find(has);
    if let Ok(account_id) = text.parse::<AccountId>() {
        return Some(match flag(&["account", "only-account"]) {
            Some(flag) => format!("--{flag} {account_id}"),
            None => format!("rolecall scan --account {account_id} --role-name NAME"),
        });
    }
    if let Ok(role_arn) = text.parse::<RoleArn>() {
        return Some(match flag(&["role-arn"]) {
            Some(flag) => format!("--{flag} {role_arn}"),
            None => format!("rolecall scan --role-arn {role_arn}"),
        });
    }
    if let Some(key) = text.starts_with("AKIA").then(|| AccessKeyId::from_input(text).ok()).flatten() {
        return Some(format!("rolecall find-key {key}"));
    }
    if !roll_file::is_roll(Path::new(text)) {
        return None;
    }
    Some(match (name, flag(&["roll"])) {
        ("scan", Some(_)) => format!("--roll {text}` to resume it, or `rolecall report {text}"),
        (_, Some(flag)) => format!("--{flag} {text}"),
        (_, None) => format!("rolecall report {text}"),
    })
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::{Arguments, explain};

    fn message(typed: &str) -> String {
        let words: Vec<String> = typed.split(' ').map(str::to_owned).collect();
        let error = Arguments::try_parse_from(&words).unwrap_err();
        explain(error, words.into_iter().map(Into::into)).to_string()
    }

    #[test]
    fn a_value_without_its_flag_gets_the_flag_or_the_command_that_takes_it() {
        for (typed, hint) in [
            ("rolecall scan 111111111111", "did you mean `--account 111111111111`?"),
            ("rolecall scan 1111-1111-1111", "did you mean `--account 111111111111`?"),
            ("rolecall -v scan -q 111111111111", "did you mean `--account 111111111111`?"),
            ("rolecall report roll.jsonl 111111111111", "did you mean `--only-account 111111111111`?"),
            (
                "rolecall 111111111111",
                "did you mean `rolecall scan --account 111111111111 --role-name NAME`?",
            ),
            (
                "rolecall accounts arn:aws:iam::111111111111:role/R",
                "did you mean `--role-arn arn:aws:iam::111111111111:role/R`?",
            ),
            (
                "rolecall arn:aws:iam::111111111111:role/R",
                "did you mean `rolecall scan --role-arn arn:aws:iam::111111111111:role/R`?",
            ),
            ("rolecall scan AKIAIOSFODNN7EXAMPLE", "did you mean `rolecall find-key AKIAIOSFODNN7EXAMPLE`?"),
            ("rolecall AKIAIOSFODNN7EXAMPLE", "did you mean `rolecall find-key AKIAIOSFODNN7EXAMPLE`?"),
            ("rolecall scam", "similar"),
        ] {
            let message = message(typed);
            assert!(message.contains(hint), "{typed}: {message}");
        }
        assert!(!message("rolecall scan prod").contains("did you mean"));
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_value_that_may_be_a_secret_is_not_repeated() {
        for typed in [
            "rolecall scan wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "rolecall wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        ] {
            let message = message(typed);
            assert!(!message.contains("wJalr") && message.contains("may be a secret"), "{message}");
        }
    }
}
