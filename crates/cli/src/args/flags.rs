//! Flags that follow from the rows of options: each row has a flag, with its help, its default and its variable.

use std::fmt::Debug;

use clap::builder::{StringValueParser, TypedValueParser};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};
use rolecall_core::options::delivery::DeliveryOptions;
use rolecall_core::options::row::{OptionRow, OptionSet, Origin, Shape};
use rolecall_core::options::selection::SelectionOptions;
use rolecall_core::options::settings::SettingOptions;
use rolecall_core::options::targets::TargetOptions;

use crate::failure::Failure;

/// Which options a command takes as flags, and how its help shows them.
pub(crate) trait FlagSet: Debug + Clone {
    /// The options.
    type Options: OptionSet + Send + Sync + 'static;

    /// The heading of a row in the help.
    fn heading(row: &OptionRow) -> &'static str;

    /// Whether the command takes the option.
    fn has(_key: &str) -> bool {
        true
    }

    /// Whether `-h` shows the flag; `--help` shows all.
    fn is_common(_key: &str) -> bool {
        true
    }
}

/// Sessions, rates and timeouts.
#[derive(Debug, Clone)]
pub(crate) struct SettingFlags;

/// What is read of each account.
#[derive(Debug, Clone)]
pub(crate) struct SelectionFlags;

/// Where rolls are stored.
#[derive(Debug, Clone)]
pub(crate) struct StoreFlags;

/// Where rolls are stored, and in what parts they are read.
#[derive(Debug, Clone)]
pub(crate) struct PlanFlags;

/// Where rolls are stored, and who is notified of them.
#[derive(Debug, Clone)]
pub(crate) struct DeliveryFlags;

/// The target accounts and the roles to assume in them.
#[derive(Debug, Clone)]
pub(crate) struct TargetFlags;

/// The role to assume in an account that is found later.
#[derive(Debug, Clone)]
pub(crate) struct RoleFlags;

/// What a planned run lacks to assume its roles: an external id is in no store.
#[derive(Debug, Clone)]
pub(crate) struct ExternalIdFlags;

/// The roles whose policies are made or checked.
#[derive(Debug, Clone)]
pub(crate) struct MemberRoleFlags;

/// What is sent with `AssumeRole`, and trust policies may have conditions for.
#[derive(Debug, Clone)]
pub(crate) struct SessionFlags;

impl FlagSet for SettingFlags {
    type Options = SettingOptions;

    fn heading(row: &OptionRow) -> &'static str {
        match row.section_and_key() {
            Some(("session", _)) => "Session options",
            _ => "Concurrency, retries and timeouts",
        }
    }

    fn is_common(key: &str) -> bool {
        key == "deadline"
    }
}

impl FlagSet for SelectionFlags {
    type Options = SelectionOptions;

    fn heading(_row: &OptionRow) -> &'static str {
        "Collection options"
    }

    fn is_common(key: &str) -> bool {
        key == "collect"
    }
}

const STORE_HEADING: &str = "Store and recipients";

impl FlagSet for StoreFlags {
    type Options = DeliveryOptions;

    fn heading(_row: &OptionRow) -> &'static str {
        STORE_HEADING
    }

    fn has(key: &str) -> bool {
        ["store", "bucket_owner"].contains(&key)
    }
}

impl FlagSet for PlanFlags {
    type Options = DeliveryOptions;

    fn heading(_row: &OptionRow) -> &'static str {
        STORE_HEADING
    }

    fn has(key: &str) -> bool {
        ["store", "bucket_owner", "batch_size"].contains(&key)
    }
}

impl FlagSet for DeliveryFlags {
    type Options = DeliveryOptions;

    fn heading(_row: &OptionRow) -> &'static str {
        STORE_HEADING
    }

    fn has(key: &str) -> bool {
        key != "batch_size"
    }
}

const ROLE_KEYS: [&str; 4] = ["role_name", "role_template", "via", "external_id"];

impl FlagSet for TargetFlags {
    type Options = TargetOptions;

    fn heading(row: &OptionRow) -> &'static str {
        if ROLE_KEYS.contains(&row.key) {
            "Role to assume"
        } else {
            "Target accounts (these options may be combined)"
        }
    }

    fn is_common(key: &str) -> bool {
        !["organization_role_arn", "fetch_account_tags", "include_tag", "role_template", "via"].contains(&key)
    }
}

impl FlagSet for RoleFlags {
    type Options = TargetOptions;

    fn heading(_row: &OptionRow) -> &'static str {
        "Role to assume"
    }

    fn has(key: &str) -> bool {
        ROLE_KEYS.contains(&key)
    }
}

impl FlagSet for ExternalIdFlags {
    type Options = TargetOptions;

    fn heading(_row: &OptionRow) -> &'static str {
        "Role to assume"
    }

    fn has(key: &str) -> bool {
        key == "external_id"
    }
}

impl FlagSet for MemberRoleFlags {
    type Options = TargetOptions;

    fn heading(_row: &OptionRow) -> &'static str {
        "Roles"
    }

    fn has(key: &str) -> bool {
        ["role_arn", "account", "role_name", "role_template", "organization_role_arn", "external_id"]
            .contains(&key)
    }

    fn is_common(key: &str) -> bool {
        !["role_template", "organization_role_arn"].contains(&key)
    }
}

impl FlagSet for SessionFlags {
    type Options = SettingOptions;

    fn heading(_row: &OptionRow) -> &'static str {
        "Session options"
    }

    fn has(key: &str) -> bool {
        ["session_name", "source_identity", "session_tag"].contains(&key)
    }

    fn is_common(_key: &str) -> bool {
        false
    }
}

/// The flags of a set of options, and the values that were given.
#[derive(Debug, Clone)]
pub(crate) struct Flags<S: FlagSet> {
    given: S::Options,
    /// What is wrong with a secret. The command reports it: clap's own errors repeat the value.
    problem: Option<String>,
}

impl<S: FlagSet> Flags<S> {
    /// The options that were given as flags.
    pub(crate) fn options(&self) -> Result<S::Options, Failure> {
        self.problem.as_ref().map_or_else(|| Ok(self.given.clone()), |problem| Err(Failure::usage(problem)))
    }
}

impl<S: FlagSet> Args for Flags<S> {
    fn augment_args(command: Command) -> Command {
        let rows = S::Options::rows().iter().filter(|row| S::has(row.key));
        command.args(rows.map(|row| {
            flag::<S::Options>(row).help_heading(S::heading(row)).hide_short_help(!S::is_common(row.key))
        }))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<S: FlagSet> FromArgMatches for Flags<S> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut flags = Self { given: S::Options::default(), problem: None };
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        for row in S::Options::rows().iter().filter(|row| S::has(row.key)) {
            let texts: Vec<String> = match row.shape {
                Shape::Switch => matches.get_flag(row.key).then(|| "true".to_owned()).into_iter().collect(),
                _ => matches.get_many::<String>(row.key).into_iter().flatten().cloned().collect(),
            };
            if texts.is_empty() {
                continue;
            }
            // clap parsed every value but a secret already.
            if let Err(problem) = self.given.set(row.key, &texts, Origin::Flag) {
                self.problem.get_or_insert(format!("{}: {problem}", row.flag()));
            }
        }
        Ok(())
    }
}

/// The row's help, with what is special to flags.
fn help(row: &OptionRow) -> String {
    let several = match row.shape {
        Shape::Text | Shape::Number | Shape::Switch => "",
        Shape::List | Shape::Arns | Shape::Pairs | Shape::Ids | Shape::RoleArns => "; repeat for several",
    };
    let secret = if row.is_secret {
        format!("; prefer the variable {}, since `ps` shows flags", row.variable())
    } else {
        String::new()
    };
    format!("{}{several}{secret}", row.help())
}

fn flag<O: OptionSet + 'static>(row: &'static OptionRow) -> Arg {
    let default = (row.default)().map_or(String::new(), |default| format!(" [default: {default}]"));
    let variable = if row.narrows { String::new() } else { format!(" [env: {}]", row.variable()) };
    let help = help(row);
    // The first clause says what the flag does; what follows it explains.
    let (summary, _) = help.split_once("; ").or_else(|| help.split_once(". ")).unwrap_or((&help, ""));
    let arg = Arg::new(row.key)
        .long(row.flag_name())
        .help(format!("{summary}{default}"))
        .long_help(format!("{help}{default}{variable}"));
    let arg = match row.shape {
        Shape::Switch => return arg.action(ArgAction::SetTrue),
        Shape::Text | Shape::Number => arg.action(ArgAction::Set),
        Shape::List | Shape::Arns | Shape::Pairs => arg.action(ArgAction::Append),
        Shape::Ids | Shape::RoleArns => arg.action(ArgAction::Append).num_args(1..),
    };
    let arg = arg.value_name(row.value_name);
    if row.is_secret {
        // clap's own errors repeat the value.
        return arg.value_parser(StringValueParser::new());
    }
    arg.value_parser(StringValueParser::new().try_map(move |text: String| {
        O::default().set(row.key, std::slice::from_ref(&text), Origin::Flag).map(|()| text)
    }))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};
    use rolecall_core::RunOptions;
    use rolecall_core::options::row::{OptionRow, Shape};

    use crate::commands::{Arguments, Command};

    fn settings(typed: &[String]) -> String {
        let scan = ["rolecall", "scan", "--account", "111111111111"].map(str::to_owned);
        let Command::Scan(arguments) = Arguments::parse_from(scan.iter().chain(typed)).command else {
            panic!("not a scan")
        };
        format!("{:?}", arguments.scan.options().unwrap().resolve().unwrap())
    }

    fn rows_of_settings() -> impl Iterator<Item = &'static OptionRow> {
        use rolecall_core::options::row::OptionSet;
        use rolecall_core::options::settings::SettingOptions;
        super::SelectionOptions::rows().iter().chain(SettingOptions::rows())
    }

    fn example(row: &OptionRow) -> &'static str {
        match (row.key, row.value_name) {
            (_, "TIME") => "17m",
            (_, "KEY=VALUE") => "team=17",
            (_, "FACTS") => "all",
            (_, "live|credential-report") => "credential-report",
            (_, "PATH") => "/ci/",
            _ => "17",
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_defaults_that_the_help_tells_are_those_of_the_settings() {
        for row in rows_of_settings() {
            let Some(default) = (row.default)() else { continue };
            assert_eq!(settings(&[row.flag(), default.clone()]), settings(&[]), "{} {default}", row.flag());
        }
    }

    #[test]
    fn every_flag_is_a_variable_and_a_key_of_the_file_too() {
        for row in rows_of_settings() {
            let text = if row.shape == Shape::Switch { "1" } else { example(row) };
            let typed = match row.shape {
                Shape::Switch => vec![row.flag()],
                _ => vec![row.flag(), text.to_owned()],
            };
            let variable = |name: &str| (name == row.variable()).then(|| text.to_owned());
            let set = RunOptions::from_variables(variable).unwrap().resolve().unwrap();
            assert_eq!(format!("{set:?}"), settings(&typed), "{}", row.variable());
            assert_ne!(format!("{set:?}"), settings(&[]), "{}", row.variable());
            let Some((section, key)) = row.section_and_key() else { continue };
            let value = match row.shape {
                Shape::Switch => "true".to_owned(),
                Shape::Number => text.to_owned(),
                Shape::Pairs => "{ team = \"17\" }".to_owned(),
                _ => format!("{text:?}"),
            };
            let header = if section.is_empty() { String::new() } else { format!("[{section}]\n") };
            let file = format!("{header}{key} = {value}\n");
            let configuration = crate::configuration::parse(&file, "rolecall.toml".as_ref()).unwrap();
            let set = configuration.options.resolve().unwrap();
            assert_eq!(format!("{set:?}"), settings(&typed), "{file}");
        }
    }
}
