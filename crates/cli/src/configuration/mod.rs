//! `rolecall.toml`: options, and sections that are not options: accounts with their own settings, accepted gaps, rules,
//! exceptions, owners. Flags and variables take precedence over it.

mod example;
mod find;
mod judging;
mod option_keys;
mod reference;
mod schema;
mod sections;
mod unquoted;

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use rolecall_core::RunOptions;
use rolecall_core::targets::TargetSpec;
use rolecall_roll::AcceptedGap;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

use crate::args::ConfigurationArgs;
use crate::failure::Failure;
use crate::{environment, output};
pub(crate) use example::example;
pub(crate) use reference::reference;
pub(crate) use schema::schema;
use sections::Sections;

/// The name of the file that is looked for.
pub(crate) const FILE: &str = "rolecall.toml";

/// The contents of the file; the default where there is none.
#[derive(Debug, Default)]
pub struct Configuration {
    /// The path of the file; `None` where there is none.
    pub path: Option<PathBuf>,
    /// The options that it sets.
    pub options: RunOptions,
    /// Accounts with their own settings, or accounts that are listed nowhere else.
    pub accounts: Vec<TargetSpec>,
    /// Gaps that do not make a roll incomplete.
    pub accepted_gaps: Vec<AcceptedGap>,
    /// Rules, exceptions and owners.
    pub judging: rolecall_report::Settings,
    /// The file without its secrets and its comments.
    pub without_secrets: Option<String>,
}

/// An error, and the bytes of the file that it is about.
type Problem = (Range<usize>, String);

impl Configuration {
    /// The folder of the file: paths in the file are relative to it.
    pub(crate) fn folder(&self) -> &Path {
        self.path.as_deref().and_then(Path::parent).unwrap_or(Path::new(""))
    }
}

/// Reads the file that is given, else the one that is found; see [`ConfigurationArgs`].
pub(crate) fn read(arguments: &ConfigurationArgs) -> Result<Configuration, Failure> {
    let given = arguments.path.clone().or_else(environment::config_file);
    let Some(path) = given.or_else(find::find) else { return Ok(Configuration::default()) };
    let text = fs::read_to_string(&path);
    let text = text.map_err(|error| {
        let failure = Failure::cannot_read("configuration file", &path, &error);
        match error.kind() {
            std::io::ErrorKind::NotFound => {
                failure.with_remedy("check the path; `rolecall init FILE` writes a new file")
            }
            _ => failure,
        }
    })?;
    output::say(&format!("using {}", path.display()));
    parse(&text, &path).map_err(|problem| {
        Failure::usage(problem).with_remedy("`rolecall init -` prints a file with all sections and keys")
    })
}

/// A message of the TOML reader without the names of Rust's types, and without the value that has the wrong type: it may be
/// an external id in the wrong place.
fn in_toml_terms(message: &str) -> String {
    const KINDS: [(&str, &str); 4] = [
        ("string", "a text"),
        ("integer", "a number"),
        ("floating point", "a number"),
        ("boolean", "true or false"),
    ];
    let wrong_type = message.strip_prefix("invalid type: ").and_then(|it| it.rsplit_once(", expected "));
    let message = match wrong_type {
        Some((found, expected)) => {
            let kind = KINDS.iter().find(|(name, _)| found.starts_with(name)).map_or(found, |(_, kind)| kind);
            format!("found {kind}, expected {expected}")
        }
        None => message.to_owned(),
    };
    let names = [
        ("expected i64", "expected a number without quotes"),
        ("expected usize", "expected a number without quotes"),
        ("expected u64", "expected a number without quotes"),
        ("expected f64", "expected a number without quotes"),
        ("expected a boolean", "expected true or false, without quotes"),
        ("expected a sequence", "expected a list, such as [\"a\", \"b\"]"),
        ("expected a string", "expected a text in quotes"),
        ("sequence", "list"),
    ];
    names.iter().fold(message, |text, (from, to)| text.replace(from, to))
}

/// Reads the text of a file. The path is for messages.
///
/// # Errors
/// Where the text is not valid. The message names the place, and never repeats an external id.
pub fn parse(text: &str, path: &Path) -> Result<Configuration, String> {
    // The line itself is not printed: it may hold an external id.
    let at = |span: Option<Range<usize>>, problem: &str| {
        let before = span.and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("{}:{line}:{column}: {problem}", path.display())
    };
    let toml_error = |error: Error| {
        let unquoted = error.span().and_then(|span| unquoted::key_of_unquoted_text(text, span.start));
        match unquoted {
            Some(key) => at(error.span(), &format!("{key}: text must be in quotes: {key} = \"…\"")),
            None => at(error.span(), &in_toml_terms(error.message())),
        }
    };
    let own_error = |(span, problem): Problem| at(Some(span), &problem);
    let mut table = DeTable::parse(text).map_err(toml_error)?;
    let options = option_keys::take(table.get_mut()).map_err(own_error)?;
    let span = table.span();
    let sections = Spanned::new(span, DeValue::Table(table.into_inner()));
    let sections = Sections::read(sections).map_err(toml_error)?;
    Ok(Configuration {
        path: Some(path.to_owned()),
        options,
        accounts: sections.accounts().map_err(own_error)?,
        accepted_gaps: sections.accepted_gaps().map_err(own_error)?,
        judging: sections.judging().map_err(own_error)?,
        without_secrets: toml::from_str::<toml::Table>(text).ok().map(|mut table| {
            table.iter_mut().for_each(|(name, value)| redact(name, value));
            table.to_string()
        }),
    })
}

/// Replaces external ids.
fn redact(name: &str, value: &mut toml::Value) {
    match value {
        _ if name == "external_id" => *value = toml::Value::String("redacted".to_owned()),
        toml::Value::Table(table) => table.iter_mut().for_each(|(name, value)| redact(name, value)),
        toml::Value::Array(values) => values.iter_mut().for_each(|value| redact("", value)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{example, parse};

    #[test]
    fn the_example_is_valid_and_so_are_its_commented_lines() {
        let example = example();
        let configuration = parse(&example, Path::new("rolecall.toml")).unwrap();
        assert!(configuration.options.targets.organization.unwrap().value);
        // `#key = …` is a valid line, `# …` a comment.
        let uncommented: String = example
            .lines()
            .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with([' ', '#'])).unwrap_or(line))
            .map(|line| format!("{line}\n"))
            .collect();
        let whole = parse(&uncommented, Path::new("rolecall.toml")).unwrap();
        assert_eq!((whole.accounts.len(), whole.accepted_gaps.len()), (1, 1));
        assert_eq!((whole.judging.exceptions.len(), whole.judging.rules.len()), (1, 2));
        assert_eq!(whole.judging.owners, rolecall_report::Settings::default().owners);
        for row in rolecall_core::RunOptions::rows().filter(|row| row.toml.is_some()) {
            assert!(whole.options.given(row.key).is_some(), "{} is not in the example", row.key);
        }
    }

    #[test]
    fn the_example_speaks_of_keys_and_not_of_flags() {
        for row in rolecall_core::RunOptions::rows().filter(|row| row.toml.is_some()) {
            let help = row.help();
            let of_flags = ["--", "repeat", "flag", "variable"].into_iter().find(|word| help.contains(word));
            assert_eq!(of_flags, None, "{}: {help}", row.key);
            assert!(example().replace("\n#", "").contains(&help), "{}: {help}", row.key);
        }
    }

    #[test]
    fn an_error_names_file_line_and_column_and_never_repeats_a_secret() {
        for (text, words) in [
            ("role_name = \"a/b\"", "rolecall.toml:1:13: "),
            ("\nrolename = \"a\"", "rolecall.toml:2:1: unknown key `rolename`"),
            ("[session]\nnaem = \"a\"", "rolecall.toml:2:1: unknown key `naem`; did you mean `name`?"),
            ("session = 1", "rolecall.toml:1:11: session: not a table"),
            ("external_id = \"s3cret id\"", "rolecall.toml:1:15: external_id: "),
            ("external_id = \"s3cret", "rolecall.toml:1:"),
            ("external_id = 73317331", "external_id: not a text"),
            ("external_id = [\"s3cret\"]", "external_id: not a text"),
            ("[rules]\nexternal_id = \"s3cret\"", "rolecall.toml:2:15: found a text, expected a section"),
            ("[rules]\nexternal_id = 73317331", "rolecall.toml:2:15: found a number, expected a section"),
            (
                "[[account]]\naccount_id = \"111111111111\"\ntags = { external_id = 73317331 }",
                "rolecall.toml:3:24: found a number, expected a text in quotes",
            ),
            ("include = []", "rolecall.toml:1:11: include: the list is empty"),
            ("[limits]\nconcurrency = 0", "rolecall.toml:2:15: 0: not a number from 1"),
            ("[limits]\nread_timeout = \"soon\"", "rolecall.toml:2:16: \"soon\": not a time"),
            ("[session]\nduration = \"1m\"", "rolecall.toml:2:12: \"1m\": out of range"),
            ("[session]\nno_policy = \"yes\"", "rolecall.toml:2:13: no_policy: expected true or false"),
            (
                "[[accepted_gap]]\naccount_id = \"111111111111\"\nowner = \"j\"\nreason = \"r\"",
                "missing field `until`",
            ),
            ("[[account]]\naccount_id = \"42\"", "rolecall.toml:2:14: "),
            (
                "[[account]]\naccount_id = \"111111111111\"\nrole_arn = \"arn:aws:iam::333333333333:role/R\"",
                "rolecall.toml:3:12: role_arn: the role is in account 333333333333, not in 111111111111",
            ),
            (
                "[[account]]\naccount_id = \"111111111111\"\nexternal_id = \"s3cret id\"",
                "rolecall.toml:3:15: ",
            ),
            (
                "[rules.access-key-agee]\ndays = 1",
                "rolecall.toml:1:8: unknown rule \"access-key-agee\"; expected one of ",
            ),
            ("[rules.access-key-age]\ndays = -1", "rolecall.toml:2:8: -1: not a number of days"),
            (
                "[rules.access-key-age]\nseverity = \"bad\"",
                "rolecall.toml:2:12: unknown severity \"bad\"; expected one of critical",
            ),
            (
                "[rules.root-access-key]\ndays = 1",
                "rolecall.toml:2:8: 1: rule root-access-key has no threshold in days",
            ),
            ("[rules.access-key-age]\nday = 1", "rolecall.toml:2:1: unknown field `day`"),
            (
                "[[exception]]\nuser = \"a\"\nowner = \"j\"\nreason = \"r\"\nuntil = \"2027-02-29\"",
                "rolecall.toml:5:9: \"2027-02-29\" is not a date",
            ),
            (
                "[[exception]]\nuser = \"a\"\nowner = \"j\"\nreason = \"r\"\nuntil = 2027-01-31T00:00:00Z",
                "rolecall.toml:5:9: ",
            ),
            ("[[exception]]\nuser = \"a\"\nowner = \"j\"\nuntil = 2027-01-31", "missing field `reason`"),
            (
                "[[exception]]\nowner = \"j\"\nreason = \"r\"\nuntil = 2027-01-31",
                "rolecall.toml:1:1: the exception would match all findings",
            ),
            (
                "[[exception]]\nrule = \"keys-*\"\nowner = \"j\"\nreason = \"r\"\nuntil = 2027-01-31",
                "rolecall.toml:2:8: unknown rule \"keys-*\"",
            ),
            (
                "[owners]\norder = [\"user_tag\"]",
                "rolecall.toml:2:10: unknown owner source \"user_tag\"; expected user_tag:NAME",
            ),
            ("role_template = \"x\"", "rolecall.toml:1:17: \"x\": role template"),
            ("[organization]\ninclude_tag = [\"search\"]", "rolecall.toml:2:16: \"search\": not a tag"),
        ] {
            let problem = parse(text, Path::new("rolecall.toml")).unwrap_err();
            assert!(problem.contains(words), "{words} is not in {problem}");
            assert!(!problem.contains("s3cret") && !problem.contains("73317331"), "{problem}");
        }
    }
}
