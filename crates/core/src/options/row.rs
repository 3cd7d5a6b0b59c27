//! Options: everything that a user can set. Each option is declared in one row, and the rest is derived from it: its flag,
//! its environment variable, its key in `rolecall.toml`, the file that `rolecall init` writes, the file's JSON Schema, and
//! the reference page. Each value records where it came from.
//!
//! The rows are declared next to what they set: [`crate::options::settings`], [`crate::options::selection`],
//! [`crate::options::targets`]. [`crate::options`] has all of them.

use std::fmt::Display;
use std::time::Duration;

use jiff::SignedDuration;
use rolecall_roll::RoleSessionName;

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

/// The value of an option that is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given<T> {
    /// The parsed value.
    pub value: T,
    /// The text that it was parsed from; `(secret)` for a secret.
    pub text: String,
    /// Where it came from.
    pub origin: Origin,
}

/// The declaration of an option: everything but its type.
#[derive(Debug)]
pub struct OptionRow {
    /// The option's key, such as `max_attempts`. The flag and the variable are derived from it.
    pub key: &'static str,
    /// The key in `rolecall.toml`, after its section: `limits.max_attempts`; `None` where the file cannot set it.
    pub toml: Option<&'static str>,
    /// The shape of its values.
    pub shape: Shape,
    /// The placeholder of a value in help texts, such as `N`; empty for a switch.
    pub value_name: &'static str,
    /// The help text. It may contain line breaks: [`OptionRow::help()`] has one line.
    pub help: &'static str,
    /// The default as a user would write it; `None` where there is none.
    pub default: fn() -> Option<String>,
    /// An example value in the syntax of `rolecall.toml`, for an option without a default.
    pub example: Option<&'static str>,
    /// The value that `rolecall init` sets in the file; `None` where it sets none.
    pub initial: Option<&'static str>,
    /// Whether the value is a secret, which is never printed.
    pub is_secret: bool,
    /// Whether the option hides accounts or users. The command line does not read such an option from its variable, which may
    /// be left over from another run; for the Lambda function, variables are its configuration.
    pub narrows: bool,
}

/// The shape of an option's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One text.
    Text,
    /// One number.
    Number,
    /// On or off.
    Switch,
    /// Several texts; a variable separates them by commas, a flag is repeated for each.
    List,
    /// As [`Shape::List`], but one flag also takes several, and a variable may also separate them by white space.
    Ids,
    /// Several ARNs; a variable separates them by commas or white space. A role name may contain a comma.
    Arns,
    /// As [`Shape::Arns`], but one flag also takes several.
    RoleArns,
    /// Several pairs of key and value; a variable separates them by commas.
    Pairs,
}

impl OptionRow {
    /// Its flag: `--max-attempts`.
    #[must_use]
    pub fn flag(&self) -> String {
        format!("--{}", self.flag_name())
    }

    /// Its flag without the dashes before it: `max-attempts`.
    #[must_use]
    pub fn flag_name(&self) -> String {
        self.key.replace('_', "-")
    }

    /// Its environment variable: `ROLECALL_MAX_ATTEMPTS`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("ROLECALL_{}", self.key.to_uppercase())
    }

    /// The section and the key in `rolecall.toml`; the section is empty for keys at the top of the file.
    #[must_use]
    pub fn section_and_key(&self) -> Option<(&'static str, &'static str)> {
        self.toml.map(|toml| toml.split_once('.').unwrap_or(("", toml)))
    }

    /// The help text in one line.
    #[must_use]
    pub fn help(&self) -> String {
        self.help.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Splits the value of an environment variable.
    fn split(&self, text: &str) -> Vec<String> {
        let split = |text: &str, is_end: fn(char) -> bool| {
            let parts = text.split(is_end).map(str::trim).filter(|part| !part.is_empty());
            parts.map(str::to_owned).collect()
        };
        match self.shape {
            Shape::Text | Shape::Number | Shape::Switch => vec![text.to_owned()],
            // A name or a value may contain a space.
            Shape::List | Shape::Pairs => split(text, |c| c == ','),
            Shape::Ids => split(text, |c| c == ',' || c.is_whitespace()),
            Shape::Arns | Shape::RoleArns => {
                // A comma ends an ARN only where another ARN follows.
                let text = text.replace(",arn:", " arn:");
                let parts = text.split_whitespace().map(|part| part.trim_matches(','));
                parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
            }
        }
    }
}

/// A set of options that belong together: their declarations, and the values that are set.
pub trait OptionSet: Clone + Default + std::fmt::Debug {
    /// The declarations of the options.
    fn rows() -> &'static [OptionRow];

    /// Sets an option from one text or several.
    ///
    /// # Errors
    /// Where there is no text, or one is not valid; the message says what is expected. A secret is not repeated.
    fn set(&mut self, key: &str, texts: &[String], origin: Origin) -> Result<(), String>;

    /// Fills the options that are not set with those of `lower`.
    #[must_use]
    fn combine(self, lower: Self) -> Self;

    /// The text that an option was set from, and where it came from; `None` where it is not set.
    fn given(&self, key: &str) -> Option<(&str, Origin)>;

    /// Reads the options from the environment. An empty variable counts as not set.
    ///
    /// # Errors
    /// [`InvalidVariable`] names the variable that cannot be parsed, and why.
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

/// An environment variable cannot be parsed. The message names it, and its value unless that is a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct InvalidVariable {
    problem: String,
}

/// Declares a set of options, one row for each:
///
/// `/// help` `key: Type = default, Shape("VALUE"), toml "section.key", parse expression [, example "…"] [, initial "…"] [, secret true] [, narrows true];`
macro_rules! options {
    (
        $(#[$attribute:meta])*
        $options:ident {
            $(
                $(#[doc = $help:literal])+
                $key:ident: $type:ty = $default:expr, $shape:ident($value_name:literal), $toml:expr, $parse:expr
                $(, example $example:literal)? $(, initial $initial:literal)? $(, secret $secret:literal)?
                $(, narrows $narrows:literal)?;
            )+
        }
    ) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Default)]
        pub struct $options {
            $($(#[doc = $help])+ pub $key: Option<$crate::options::row::Given<$type>>,)+
        }

        impl $crate::options::row::OptionSet for $options {
            fn rows() -> &'static [$crate::options::row::OptionRow] {
                &[$($crate::options::row::OptionRow {
                    key: stringify!($key),
                    toml: $toml,
                    shape: $crate::options::row::Shape::$shape,
                    value_name: $value_name,
                    help: concat!($($help),+),
                    default: || $crate::options::row::ToText::to_text(&$default),
                    example: $crate::options::row::literal!($($example)?),
                    initial: $crate::options::row::literal!($($initial)?),
                    is_secret: $crate::options::row::is_true!($($secret)?),
                    narrows: $crate::options::row::is_true!($($narrows)?),
                },)+]
            }

            fn set(
                &mut self,
                key: &str,
                texts: &[String],
                origin: $crate::options::row::Origin,
            ) -> Result<(), String> {
                if texts.is_empty() {
                    // If an empty filter counted as no filter, it would select every account.
                    return Err("the list is empty; give a value or leave the option out".to_owned());
                }
                $(if key == stringify!($key) {
                    let parse: fn(&[String]) -> Result<$type, String> = $parse;
                    let value = parse(texts)?;
                    let is_secret: bool = $crate::options::row::is_true!($($secret)?);
                    let text = if is_secret { "(secret)".to_owned() } else { texts.join(", ") };
                    self.$key = Some($crate::options::row::Given { value, text, origin });
                    return Ok(());
                })+
                Err(format!("unknown option {key}"))
            }

            fn combine(self, lower: Self) -> Self {
                Self { $($key: self.$key.or(lower.$key),)+ }
            }

            fn given(&self, key: &str) -> Option<(&str, $crate::options::row::Origin)> {
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

macro_rules! is_true {
    () => {
        false
    };
    ($is_true:literal) => {
        $is_true
    };
}
pub(crate) use is_true;

/// Parses an option that takes one text.
pub(crate) fn one<T, E: Display>(
    texts: &[String],
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, String> {
    match texts {
        [text] => parse(text).map_err(|problem| problem.to_string()),
        texts => Err(format!("{} values are given; give only one", texts.len())),
    }
}

/// Parses each text of an option that takes several.
pub(crate) fn each<T, E: Display>(
    texts: &[String],
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Vec<T>, String> {
    texts.iter().map(|text| parse(text).map_err(|problem| problem.to_string())).collect()
}

/// Parses a switch.
pub(crate) fn switch(texts: &[String]) -> Result<bool, String> {
    one(texts, |text| match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err("expected true or false"),
    })
}

/// A default value as a user would write it.
pub(crate) trait ToText {
    /// The text; `None` where there is no default.
    fn to_text(&self) -> Option<String>;
}

/// Implements [`ToText`] with the type's `Display`.
macro_rules! to_text_by_display {
    ($($type:ty),+) => {
        $(impl $crate::options::row::ToText for $type {
            fn to_text(&self) -> Option<String> {
                Some(self.to_string())
            }
        })+
    };
}
pub(crate) use to_text_by_display;
to_text_by_display!(u32, usize, f64, RoleSessionName);

impl ToText for Duration {
    fn to_text(&self) -> Option<String> {
        SignedDuration::try_from(*self).ok().map(|time| format!("{time:#}").replace(' ', ""))
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

/// Stands for "no default" in a row.
impl ToText for () {
    fn to_text(&self) -> Option<String> {
        None
    }
}
