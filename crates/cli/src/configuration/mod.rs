//! `rolecall.toml`: options, and what is no option: accounts that are read otherwise, accepted gaps, rules, exceptions,
//! owners. Flags and variables take precedence over it.

mod example;
mod judging;
mod options;
mod reference;
mod schema;
mod sections;

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use rolecall_core::RunOptions;
use rolecall_core::targets::TargetSpec;
use rolecall_roll::AcceptedGap;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

use crate::failure::Failure;
pub(crate) use example::example;
pub(crate) use reference::reference;
pub(crate) use schema::schema;
use sections::Sections;

/// Where it is looked for when nobody names it.
pub(crate) const FILE: &str = "rolecall.toml";

/// What the file says.
#[derive(Debug, Default)]
pub(crate) struct Configuration {
    /// Whether there is such a file.
    pub(crate) is_there: bool,
    /// The folder of the file, from which the paths in it are looked for.
    pub(crate) folder: PathBuf,
    /// The options that it gives.
    pub(crate) options: RunOptions,
    /// Accounts that are read otherwise than the others, or that nobody lists.
    pub(crate) named: Vec<TargetSpec>,
    /// Gaps that somebody answers for.
    pub(crate) accepted: Vec<AcceptedGap>,
    /// How a roll is judged.
    pub(crate) judging: rolecall_report::Settings,
    /// The file without its secrets and its comments.
    pub(crate) without_secrets: Option<String>,
}

/// What is wrong, and the bytes that are.
type Problem = (Range<usize>, String);

/// The file that is named, or `rolecall.toml` of the folder that one is in, where there is one.
pub(crate) fn read(named: Option<&Path>) -> Result<Configuration, Failure> {
    let path = named.unwrap_or(Path::new(FILE));
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => {
            return Ok(Configuration::default());
        }
        Err(error) => return Err(Failure::usage(format!("{}: {error}", path.display()))),
    };
    parse(&text, path).map_err(|problem| {
        Failure::usage(problem).with_remedy("`rolecall init -` prints a file with all that it may hold")
    })
}

pub(crate) fn parse(text: &str, path: &Path) -> Result<Configuration, String> {
    // The line itself is not shown, as the reader of TOML would: it may hold an external id.
    let at = |span: Option<Range<usize>>, problem: &str| {
        let before = span.and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("{}:{line}:{column}: {problem}", path.display())
    };
    let of_reader = |error: Error| at(error.span(), error.message());
    let of_ours = |(span, problem): Problem| at(Some(span), &problem);
    let mut table = DeTable::parse(text).map_err(of_reader)?;
    let options = options::take(table.get_mut()).map_err(of_ours)?;
    let span = table.span();
    let sections = Spanned::new(span, DeValue::Table(table.into_inner()));
    let sections = Sections::read(sections).map_err(of_reader)?;
    Ok(Configuration {
        is_there: true,
        folder: path.parent().map(Path::to_owned).unwrap_or_default(),
        options,
        named: sections.named().map_err(of_ours)?,
        accepted: sections.accepted().map_err(of_ours)?,
        judging: sections.judging().map_err(of_ours)?,
        without_secrets: toml::from_str::<toml::Table>(text).ok().map(|mut table| {
            table.iter_mut().for_each(|(name, value)| redact(name, value));
            table.to_string()
        }),
    })
}

/// Takes away what is secret.
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
    fn the_example_is_one_and_so_is_all_that_stands_in_it_as_a_comment() {
        let example = example();
        let configuration = parse(&example, Path::new("rolecall.toml")).unwrap();
        assert!(configuration.options.targets.organization.unwrap().value);
        // `#key = …` is what could stand there, `# …` is said about it.
        let uncommented: String = example
            .lines()
            .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with([' ', '#'])).unwrap_or(line))
            .map(|line| format!("{line}\n"))
            .collect();
        let whole = parse(&uncommented, Path::new("rolecall.toml")).unwrap();
        assert_eq!((whole.named.len(), whole.accepted.len()), (1, 1));
        assert_eq!((whole.judging.exceptions.len(), whole.judging.rules.len()), (1, 2));
        assert_eq!(whole.judging.owners, rolecall_report::Settings::default().owners);
        for row in rolecall_core::RunOptions::rows().filter(|row| row.toml.is_some()) {
            assert!(whole.options.given(row.key).is_some(), "{} is not in the example", row.key);
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_file_line_and_column_and_a_secret_is_not_repeated() {
        for (text, words) in [
            ("role_name = \"a/b\"", "rolecall.toml:1:13: "),
            ("\nrolename = \"a\"", "rolecall.toml:2:1: unknown field `rolename`"),
            ("[session]\nnaem = \"a\"", "rolecall.toml:2:1: unknown field `naem`, expected one of `name`"),
            ("session = 1", "rolecall.toml:1:11: session: it is no table"),
            ("external_id = \"s3cret id\"", "rolecall.toml:1:15: external_id: "),
            ("external_id = \"s3cret", "rolecall.toml:1:"),
            ("external_id = 73317331", "external_id: it is no text"),
            ("external_id = [\"s3cret\"]", "external_id: it is no text"),
            ("include = []", "rolecall.toml:1:11: include: it is an empty list"),
            ("[limits]\nconcurrency = 0", "rolecall.toml:2:15: 0: not a number from 1"),
            ("[limits]\nread_timeout = \"soon\"", "rolecall.toml:2:16: \"soon\": not a time"),
            ("[session]\nduration = \"1m\"", "rolecall.toml:2:12: \"1m\": out of range"),
            ("[session]\nno_policy = \"yes\"", "rolecall.toml:2:13: no_policy: it is neither true nor false"),
            (
                "[[accepted_gap]]\naccount_id = \"111111111111\"\nowner = \"j\"\nreason = \"r\"",
                "missing field `until`",
            ),
            ("[[account]]\naccount_id = \"42\"", "rolecall.toml:2:14: "),
            (
                "[[account]]\naccount_id = \"111111111111\"\nrole_arn = \"arn:aws:iam::333333333333:role/R\"",
                "rolecall.toml:3:12: role_arn: it is of account 333333333333, not of 111111111111",
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
            ("[rules.root-access-key]\ndays = 1", "rolecall.toml:2:8: 1: root-access-key counts no days"),
            ("[rules.access-key-age]\nday = 1", "rolecall.toml:2:1: unknown field `day`"),
            (
                "[[exception]]\nuser = \"a\"\nowner = \"j\"\nreason = \"r\"\nuntil = \"2027-02-29\"",
                "rolecall.toml:5:9: \"2027-02-29\" is no date",
            ),
            (
                "[[exception]]\nuser = \"a\"\nowner = \"j\"\nreason = \"r\"\nuntil = 2027-01-31T00:00:00Z",
                "rolecall.toml:5:9: ",
            ),
            ("[[exception]]\nuser = \"a\"\nowner = \"j\"\nuntil = 2027-01-31", "missing field `reason`"),
            (
                "[[exception]]\nowner = \"j\"\nreason = \"r\"\nuntil = 2027-01-31",
                "rolecall.toml:1:1: an exception of everything",
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
