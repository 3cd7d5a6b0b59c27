//! Options: all that a person can set. Each is one row, and what follows from the row is not written again: its flag, its
//! environment variable, its key in `rolecall.toml`, the file that `rolecall init` writes, the file's JSON Schema, the
//! reference page. Each value knows where it came from.
//!
//! The rows stand where what they set is: [`crate::settings`], [`crate::collect::options`], [`crate::targets::options`].

use std::collections::BTreeSet;
use std::fmt::Display;
use std::time::Duration;

use jiff::SignedDuration;
use rolecall_roll::{FactKind, FactSelection, RoleSessionName, UserSource};

use crate::collect::FactSet;
use crate::collect::options::SelectionOptions;
use crate::settings::{SettingOptions, Settings};
use crate::targets::options::TargetOptions;

/// Where a value came from. A later one takes precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The configuration file.
    File,
    /// An environment variable.
    Variable,
    /// The event of the Lambda function.
    Event,
    /// A flag of the command line.
    Flag,
}

/// A value that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given<T> {
    /// The value.
    pub value: T,
    /// The text it was given as; of a secret, `(secret)`.
    pub text: String,
    /// Where it came from.
    pub origin: Origin,
}

/// The row of an option: all that follows from it but its type.
#[derive(Debug)]
pub struct OptionRow {
    /// The key: `max_attempts`.
    pub key: &'static str,
    /// The key in `rolecall.toml`, the section before it: `limits.max_attempts`; `None` where the file has no such key.
    pub toml: Option<&'static str>,
    /// What shape its values have.
    pub shape: Shape,
    /// What a value is called in help texts: `N`; empty for a switch.
    pub value_name: &'static str,
    /// What it does, for people.
    pub help: &'static str,
    /// The default as a person would write it; `None` where there is none.
    pub default: fn() -> Option<String>,
    /// A value as `rolecall.toml` writes it, for a row without a default.
    pub example: Option<&'static str>,
    /// The value that `rolecall init` sets.
    pub initial: Option<&'static str>,
    /// Whether its value is printed nowhere.
    pub is_secret: bool,
}

/// What shape the values of an option have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One text.
    Text,
    /// One number.
    Number,
    /// On or off.
    Switch,
    /// Several texts; a variable separates them by commas or white space, a flag is given once for each.
    List,
    /// Several ARNs: as [`Shape::List`], but a role's name may hold a comma.
    Arns,
    /// As [`Shape::Arns`] and [`Shape::List`], but a flag takes several, too.
    Targets,
    /// Several pairs of key and value; a variable separates them by commas.
    Pairs,
}

impl OptionRow {
    /// Its flag: `--max-attempts`.
    #[must_use]
    pub fn flag(&self) -> String {
        format!("--{}", self.key.replace('_', "-"))
    }

    /// Its environment variable: `ROLECALL_MAX_ATTEMPTS`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("ROLECALL_{}", self.key.to_uppercase())
    }

    /// The section and the key in `rolecall.toml`; the section is empty for the file's first keys.
    #[must_use]
    pub fn section_and_key(&self) -> Option<(&'static str, &'static str)> {
        self.toml.map(|toml| toml.split_once('.').unwrap_or(("", toml)))
    }

    /// What it does, in one line.
    #[must_use]
    pub fn help(&self) -> String {
        self.help.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The texts of a variable's value.
    fn split(&self, text: &str) -> Vec<String> {
        let split = |text: &str, is_end: fn(char) -> bool| {
            let parts = text.split(is_end).map(str::trim).filter(|part| !part.is_empty());
            parts.map(str::to_owned).collect()
        };
        match self.shape {
            Shape::Text | Shape::Number | Shape::Switch => vec![text.to_owned()],
            Shape::List => split(text, |c| c == ',' || c.is_whitespace()),
            // A value may hold a blank.
            Shape::Pairs => split(text, |c| c == ','),
            Shape::Arns | Shape::Targets => {
                // A comma ends an ARN where another begins behind it.
                let text = text.replace(",arn:", " arn:");
                let parts = text.split_whitespace().map(|part| part.trim_matches(','));
                parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
            }
        }
    }
}

/// A set of options: the rows of one room, and what was given of them.
pub trait OptionSet: Clone + Default + std::fmt::Debug {
    /// The rows.
    fn rows() -> &'static [OptionRow];

    /// Sets an option to what was given, one text or several.
    ///
    /// # Errors
    /// What is wrong with a text, and what would be right. A secret is not repeated.
    fn set(&mut self, key: &str, texts: &[String], origin: Origin) -> Result<(), String>;

    /// These, and where one is not given, that of `lower`.
    #[must_use]
    fn combine(self, lower: Self) -> Self;

    /// The text of what was given of an option, and where it came from.
    fn given(&self, key: &str) -> Option<(&str, Origin)>;

    /// Reads the options from the environment. An empty variable counts as not set.
    ///
    /// # Errors
    /// Which variable cannot be read, and why.
    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidVariable> {
        let mut options = Self::default();
        for row in Self::rows() {
            let name = row.variable();
            let Some(text) = variable(&name).filter(|text| !text.is_empty()) else { continue };
            options.set(row.key, &row.split(&text), Origin::Variable).map_err(|problem| {
                let value = if row.is_secret { "set".to_owned() } else { format!("{text:?}") };
                InvalidVariable { problem: format!("{name} is {value}: {problem}") }
            })?;
        }
        Ok(options)
    }
}

/// An environment variable that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct InvalidVariable {
    problem: String,
}

/// All options of a run.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// How a roll is taken.
    pub settings: SettingOptions,
    /// What is read of each account.
    pub selection: SelectionOptions,
    /// Which accounts are read, and through which roles.
    pub targets: TargetOptions,
}

impl RunOptions {
    /// The rows of all options.
    pub fn rows() -> impl Iterator<Item = &'static OptionRow> {
        TargetOptions::rows().iter().chain(SelectionOptions::rows()).chain(SettingOptions::rows())
    }

    /// Reads the options from the environment.
    ///
    /// # Errors
    /// Which variable cannot be read, and why.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidVariable> {
        Ok(Self {
            settings: SettingOptions::from_variables(&variable)?,
            selection: SelectionOptions::from_variables(&variable)?,
            targets: TargetOptions::from_variables(&variable)?,
        })
    }

    /// Sets an option of whichever room.
    ///
    /// # Errors
    /// What is wrong with a text, and what would be right.
    pub fn set(&mut self, key: &str, texts: &[String], origin: Origin) -> Result<(), String> {
        let is_in = |rows: &[OptionRow]| rows.iter().any(|row| row.key == key);
        if is_in(SelectionOptions::rows()) {
            self.selection.set(key, texts, origin)
        } else if is_in(TargetOptions::rows()) {
            self.targets.set(key, texts, origin)
        } else {
            self.settings.set(key, texts, origin)
        }
    }

    /// These, and where one is not given, that of `lower`: `flags.combine(variables).combine(file)`.
    #[must_use]
    pub fn combine(self, lower: Self) -> Self {
        Self {
            settings: self.settings.combine(lower.settings),
            selection: self.selection.combine(lower.selection),
            targets: self.targets.combine(lower.targets),
        }
    }

    /// The text of what was given of an option, and where it came from.
    #[must_use]
    pub fn given(&self, key: &str) -> Option<(&str, Origin)> {
        let of_targets = || self.targets.given(key);
        self.settings.given(key).or_else(|| self.selection.given(key)).or_else(of_targets)
    }

    /// How a roll is taken: what was given, and the defaults of the rest.
    ///
    /// # Errors
    /// Where two options exclude each other.
    pub fn resolve(&self) -> Result<Settings, ConflictingOptions> {
        let selection = self.selection.clone().resolve()?;
        Ok(Settings { selection, ..self.settings.clone().resolve() })
    }
}

/// Two options that exclude each other, by their keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} and {1} exclude each other; give one of them")]
pub struct ConflictingOptions(pub &'static str, pub &'static str);

/// Declares a set of options, a row each:
///
/// `/// help` `key: Type = default, Shape("VALUE"), toml "section.key", parse expression [, example "…"] [, initial "…"] [, secret true];`
macro_rules! options {
    (
        $(#[$attribute:meta])*
        $options:ident {
            $(
                $(#[doc = $help:literal])+
                $key:ident: $type:ty = $default:expr, $shape:ident($value_name:literal), $toml:expr, $parse:expr
                $(, example $example:literal)? $(, initial $initial:literal)? $(, secret $secret:literal)?;
            )+
        }
    ) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Default)]
        pub struct $options {
            $($(#[doc = $help])+ pub $key: Option<$crate::options::Given<$type>>,)+
        }

        impl $crate::options::OptionSet for $options {
            fn rows() -> &'static [$crate::options::OptionRow] {
                &[$($crate::options::OptionRow {
                    key: stringify!($key),
                    toml: $toml,
                    shape: $crate::options::Shape::$shape,
                    value_name: $value_name,
                    help: concat!($($help),+),
                    default: || $crate::options::ToText::to_text(&$default),
                    example: $crate::options::literal!($($example)?),
                    initial: $crate::options::literal!($($initial)?),
                    is_secret: $crate::options::is_secret!($($secret)?),
                },)+]
            }

            fn set(
                &mut self,
                key: &str,
                texts: &[String],
                origin: $crate::options::Origin,
            ) -> Result<(), String> {
                $(if key == stringify!($key) {
                    let parse: fn(&[String]) -> Result<$type, String> = $parse;
                    let value = parse(texts)?;
                    let is_secret: bool = $crate::options::is_secret!($($secret)?);
                    let text = if is_secret { "(secret)".to_owned() } else { texts.join(", ") };
                    self.$key = Some($crate::options::Given { value, text, origin });
                    return Ok(());
                })+
                Err(format!("there is no option {key}"))
            }

            fn combine(self, lower: Self) -> Self {
                Self { $($key: self.$key.or(lower.$key),)+ }
            }

            fn given(&self, key: &str) -> Option<(&str, $crate::options::Origin)> {
                $(if key == stringify!($key) {
                    return self.$key.as_ref().map(|given| (given.text.as_str(), given.origin));
                })+
                None
            }
        }
    };
}
pub(crate) use options;

macro_rules! literal {
    () => {
        None
    };
    ($literal:literal) => {
        Some($literal)
    };
}
pub(crate) use literal;

macro_rules! is_secret {
    () => {
        false
    };
    ($is_secret:literal) => {
        $is_secret
    };
}
pub(crate) use is_secret;

/// Reads the one text that was given.
pub(crate) fn one<T, E: Display>(
    texts: &[String],
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, String> {
    match texts {
        [text] => parse(text).map_err(|problem| problem.to_string()),
        texts => Err(format!("there are {} values; give one", texts.len())),
    }
}

/// Reads each text that was given.
pub(crate) fn each<T, E: Display>(
    texts: &[String],
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Vec<T>, String> {
    texts.iter().map(|text| parse(text).map_err(|problem| problem.to_string())).collect()
}

/// Reads a switch.
pub(crate) fn switch(texts: &[String]) -> Result<bool, String> {
    one(texts, |text| match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err("not a switch; set it to 1, or unset it"),
    })
}

/// A default as a person would write it.
pub(crate) trait ToText {
    /// The text; `None` where there is nothing to write.
    fn to_text(&self) -> Option<String>;
}

/// Defaults that are written as they are displayed.
macro_rules! to_text_by_display {
    ($($type:ty),+) => {
        $(impl ToText for $type {
            fn to_text(&self) -> Option<String> {
                Some(self.to_string())
            }
        })+
    };
}
to_text_by_display!(u32, usize, f64, RoleSessionName, crate::targets::Template);

impl ToText for Duration {
    fn to_text(&self) -> Option<String> {
        SignedDuration::try_from(*self).ok().map(|time| format!("{time:#}").replace(' ', ""))
    }
}

impl ToText for BTreeSet<FactKind> {
    fn to_text(&self) -> Option<String> {
        let set = FactSet::ALL.into_iter().find(|set| set.facts().collect::<Self>() == *self);
        let names = || FactSelection { facts: self.clone(), ..FactSelection::default() }.names();
        Some(set.map_or_else(names, |set| set.name().to_owned()))
    }
}

impl ToText for UserSource {
    fn to_text(&self) -> Option<String> {
        Some(self.name().to_owned())
    }
}

impl ToText for bool {
    fn to_text(&self) -> Option<String> {
        self.then(|| "true".to_owned())
    }
}

impl<T: ToText> ToText for Option<T> {
    fn to_text(&self) -> Option<String> {
        self.as_ref().and_then(ToText::to_text)
    }
}

impl<T> ToText for Vec<T> {
    fn to_text(&self) -> Option<String> {
        None
    }
}

/// No default.
impl ToText for () {
    fn to_text(&self) -> Option<String> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{OptionRow, OptionSet, Origin, RunOptions, Shape};
    use crate::settings::SettingOptions;

    fn variables(values: &[(&str, &str)]) -> Result<RunOptions, String> {
        let variable =
            |name: &str| values.iter().find(|(of, _)| *of == name).map(|(_, value)| (*value).to_owned());
        RunOptions::from_variables(variable).map_err(|error| error.to_string())
    }

    #[test]
    fn every_row_has_a_key_of_its_own_and_says_what_it_does() {
        let rows: Vec<&OptionRow> = RunOptions::rows().collect();
        let keys: BTreeSet<&str> = rows.iter().map(|row| row.key).collect();
        let toml: BTreeSet<&str> = rows.iter().filter_map(|row| row.toml).collect();
        assert_eq!(keys.len(), rows.len());
        assert_eq!(toml.len(), rows.iter().filter(|row| row.toml.is_some()).count());
        for row in rows {
            assert!(row.help().len() > 10, "{}", row.key);
            assert_eq!(row.value_name.is_empty(), row.shape == Shape::Switch, "{}", row.key);
            let is_written = row.example.or(row.initial).is_some()
                || (row.default)().is_some()
                || row.shape == Shape::Switch;
            assert!(row.toml.is_none() || is_written, "{} has nothing to write in a file", row.key);
        }
    }

    #[test]
    fn the_default_of_each_row_is_read_and_is_the_default() {
        let default = format!("{:?}", RunOptions::default().resolve().unwrap());
        for row in SettingOptions::rows() {
            let Some(text) = (row.default)() else { continue };
            let options = variables(&[(&row.variable(), &text)]).unwrap();
            assert_eq!(format!("{:?}", options.resolve().unwrap()), default, "{} {text}", row.key);
        }
    }

    #[test]
    fn flags_come_before_variables_and_those_before_the_file_and_each_value_knows_its_origin() {
        let mut layers =
            [Origin::Flag, Origin::Variable, Origin::File].into_iter().enumerate().map(|(n, origin)| {
                let mut options = RunOptions::default();
                let keys = ["max_attempts", "concurrency", "sts_rate"];
                for key in &keys[..=n] {
                    options.set(key, &[format!("{}", n + 1)], origin).unwrap();
                }
                options
            });
        let (flags, variables, file) =
            (layers.next().unwrap(), layers.next().unwrap(), layers.next().unwrap());
        let options = flags.combine(variables).combine(file);
        assert_eq!(options.given("max_attempts"), Some(("1", Origin::Flag)));
        assert_eq!(options.given("concurrency"), Some(("2", Origin::Variable)));
        assert_eq!(options.given("sts_rate"), Some(("3", Origin::File)));
        assert_eq!(options.given("read_timeout"), None);
        let limits = options.resolve().unwrap().limits;
        assert_eq!((limits.max_attempts, limits.concurrency), (1, 2));
    }

    #[test]
    fn what_a_variable_says_wrong_is_named_and_a_secret_is_not_repeated() {
        for (name, value, words) in [
            ("ROLECALL_MAX_ATTEMPTS", "many", "1 to 100"),
            ("ROLECALL_SESSION_DURATION", "5m", "15m to 12h"),
            ("ROLECALL_ACCOUNT_TIMEOUT", "soon", "10m"),
            ("ROLECALL_NO_SESSION_POLICY", "maybe", "unset it"),
            ("ROLECALL_SESSION_NAME", "a b", "2 to 64"),
            ("ROLECALL_COLLECT", "keys", "none of default"),
        ] {
            let problem = variables(&[(name, value)]).unwrap_err();
            assert!([name, value, words].iter().all(|part| problem.contains(part)), "{problem}");
        }
        let problem = variables(&[("ROLECALL_EXTERNAL_ID", "s3cret id")]).unwrap_err();
        assert!(problem.contains("ROLECALL_EXTERNAL_ID") && !problem.contains("s3cret"), "{problem}");
        let options =
            variables(&[("ROLECALL_EXTERNAL_ID", "s3cret"), ("ROLECALL_MAX_ATTEMPTS", "")]).unwrap();
        assert_eq!(options.given("external_id"), Some(("(secret)", Origin::Variable)));
        assert_eq!(options.given("max_attempts"), None);
        assert!(!format!("{options:?}").contains("s3cret"));
    }

    #[test]
    fn arns_with_commas_in_their_names_are_told_apart() {
        let two = "arn:aws:iam::111111111111:role/a,b,arn:aws:iam::222222222222:role/R,";
        let options = variables(&[("ROLECALL_ROLE_ARN", two)]).unwrap();
        let role_arns = options.targets.role_arn.unwrap().value;
        assert_eq!(role_arns.iter().map(|arn| arn.role_name().as_str()).collect::<Vec<_>>(), ["a,b", "R"]);
        let tags =
            variables(&[("ROLECALL_SESSION_TAG", "team=a b, purpose=roll")]).unwrap().settings.session_tag;
        assert_eq!(tags.unwrap().value[0], ("team".to_owned(), "a b".to_owned()));
    }
}
