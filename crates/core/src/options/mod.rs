//! All options of a run, one row each:
//!
//! - [`targets`]: which accounts are read, through which roles;
//! - [`selection`]: which facts are read, of which users;
//! - [`settings`]: sessions, concurrency, rates, attempts and timeouts;
//! - [`delivery`]: where rolls are stored, and who is notified of them.
//!
//! [`row`] is what a row is: flag, variable, key of `rolecall.toml` and help are made from it.

pub mod delivery;
pub mod row;
pub mod selection;
pub mod settings;
pub mod targets;

use delivery::DeliveryOptions;
use row::{InvalidVariable, OptionRow, OptionSet, Origin};
use selection::SelectionOptions;
use settings::{ConflictingOptions, SettingOptions, Settings};
use targets::TargetOptions;

/// All options of a run, as far as they are set.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// Session and limits.
    pub settings: SettingOptions,
    /// Which facts are read, of which users.
    pub selection: SelectionOptions,
    /// Which accounts are read, through which roles.
    pub targets: TargetOptions,
    /// Where rolls are stored, and who is notified of them.
    pub delivery: DeliveryOptions,
}

impl RunOptions {
    /// The declarations of all options.
    pub fn rows() -> impl Iterator<Item = &'static OptionRow> {
        let reading =
            TargetOptions::rows().iter().chain(SelectionOptions::rows()).chain(SettingOptions::rows());
        reading.chain(DeliveryOptions::rows())
    }

    /// Reads the options from the environment.
    ///
    /// # Errors
    /// [`InvalidVariable`] names the variable that cannot be parsed, and why.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidVariable> {
        Ok(Self {
            settings: SettingOptions::from_variables(&variable)?,
            selection: SelectionOptions::from_variables(&variable)?,
            targets: TargetOptions::from_variables(&variable)?,
            delivery: DeliveryOptions::from_variables(&variable)?,
        })
    }

    /// Sets an option, by its key.
    ///
    /// # Errors
    /// Where a text is not valid; the message says what is expected.
    pub fn set(&mut self, key: &str, texts: &[String], origin: Origin) -> Result<(), String> {
        let has_key = |rows: &[OptionRow]| rows.iter().any(|row| row.key == key);
        if has_key(SelectionOptions::rows()) {
            self.selection.set(key, texts, origin)
        } else if has_key(TargetOptions::rows()) {
            self.targets.set(key, texts, origin)
        } else if has_key(DeliveryOptions::rows()) {
            self.delivery.set(key, texts, origin)
        } else {
            self.settings.set(key, texts, origin)
        }
    }

    /// Fills the options that are not set with those of `lower`: `flags.combine(variables).combine(file)`.
    #[must_use]
    pub fn combine(self, lower: Self) -> Self {
        Self {
            settings: self.settings.combine(lower.settings),
            selection: self.selection.combine(lower.selection),
            targets: self.targets.combine(lower.targets),
            delivery: self.delivery.combine(lower.delivery),
        }
    }

    /// The text that an option was set from, and where it came from; `None` where it is not set.
    #[must_use]
    pub fn given(&self, key: &str) -> Option<(&str, Origin)> {
        let of_run = self.settings.given(key).or_else(|| self.selection.given(key));
        of_run.or_else(|| self.targets.given(key)).or_else(|| self.delivery.given(key))
    }

    /// The settings: the options that are set, and the defaults of the others.
    ///
    /// # Errors
    /// Where two options cannot be combined.
    pub fn resolve(&self) -> Result<Settings, ConflictingOptions> {
        let selection = self.selection.clone().resolve()?;
        Ok(Settings { selection, ..self.settings.clone().resolve() })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::RunOptions;
    use super::row::{OptionRow, OptionSet, Origin, Shape};
    use crate::options::settings::SettingOptions;

    fn variables(values: &[(&str, &str)]) -> Result<RunOptions, String> {
        let variable =
            |name: &str| values.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        RunOptions::from_variables(variable).map_err(|error| error.to_string())
    }

    #[test]
    fn every_row_has_a_unique_key_and_a_help_text() {
        let rows: Vec<&OptionRow> = RunOptions::rows().collect();
        let keys: BTreeSet<&str> = rows.iter().map(|row| row.key).collect();
        let toml: BTreeSet<&str> = rows.iter().filter_map(|row| row.toml).collect();
        assert_eq!(keys.len(), rows.len());
        assert_eq!(toml.len(), rows.iter().filter(|row| row.toml.is_some()).count());
        for row in rows {
            assert!(row.help().len() > 10, "{}", row.key);
            assert_eq!(row.value_name.is_empty(), row.shape == Shape::Switch, "{}", row.key);
            let has_file_value = row.example.or(row.initial).is_some()
                || (row.default)().is_some()
                || row.shape == Shape::Switch;
            assert!(row.toml.is_none() || has_file_value, "{} has no value to write to the file", row.key);
        }
    }

    #[test]
    fn the_default_text_of_each_row_parses_to_the_default() {
        let default = format!("{:?}", RunOptions::default().resolve().unwrap());
        for row in SettingOptions::rows() {
            let Some(text) = (row.default)() else { continue };
            let options = variables(&[(&row.variable(), &text)]).unwrap();
            assert_eq!(format!("{:?}", options.resolve().unwrap()), default, "{} {text}", row.key);
        }
    }

    #[test]
    fn flags_take_precedence_over_variables_and_these_over_the_file_and_each_value_has_its_origin() {
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
    fn an_invalid_variable_is_named_and_a_secret_is_not_repeated() {
        for (name, value, message) in [
            ("ROLECALL_MAX_ATTEMPTS", "many", "1 to 100"),
            ("ROLECALL_SESSION_DURATION", "5m", "15m to 12h"),
            ("ROLECALL_ACCOUNT_TIMEOUT", "soon", "10m"),
            ("ROLECALL_NO_SESSION_POLICY", "maybe", "true or false"),
            ("ROLECALL_SESSION_NAME", "a b", "2 to 64"),
            ("ROLECALL_COLLECT", "keys", "expected one of default"),
        ] {
            let problem = variables(&[(name, value)]).unwrap_err();
            assert!([name, value, message].iter().all(|part| problem.contains(part)), "{problem}");
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
    fn an_empty_list_is_rejected_and_does_not_count_as_not_set() {
        for (name, value) in [("ROLECALL_INCLUDE", " , "), ("ROLECALL_OU", ","), ("ROLECALL_ROLE_ARN", ",")] {
            let problem = variables(&[(name, value)]).unwrap_err();
            assert!(problem.contains(name) && problem.contains("the list is empty"), "{problem}");
        }
        for row in RunOptions::rows() {
            assert!(RunOptions::default().set(row.key, &[], Origin::File).is_err(), "{}", row.key);
        }
    }

    #[test]
    fn arns_with_commas_in_role_names_are_separated() {
        let two = "arn:aws:iam::111111111111:role/a,b,arn:aws:iam::222222222222:role/R,";
        let options = variables(&[("ROLECALL_ROLE_ARN", two)]).unwrap();
        let role_arns = options.targets.role_arn.unwrap().value;
        assert_eq!(role_arns.iter().map(|arn| arn.role_name().as_str()).collect::<Vec<_>>(), ["a,b", "R"]);
        let ids = variables(&[("ROLECALL_ACCOUNT", "111111111111,222222222222 333333333333")]).unwrap();
        assert_eq!(ids.targets.account.unwrap().value.len(), 3);
        let names = variables(&[("ROLECALL_EXCLUDE", "Log Archive, sandbox-*")]).unwrap();
        assert_eq!(
            names.targets.exclude.unwrap().value,
            ["Log Archive", "sandbox-*"],
            "a name may contain a space"
        );
        let tags =
            variables(&[("ROLECALL_SESSION_TAG", "team=a b, purpose=roll")]).unwrap().settings.session_tag;
        assert_eq!(tags.unwrap().value[0], ("team".to_owned(), "a b".to_owned()));
    }
}
