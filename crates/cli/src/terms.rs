//! The command line's names for settings: flags in remedies; in messages about a value, where the value was given.

use rolecall_core::RunOptions;
use rolecall_core::options::row::{OptionRow, Origin};
use rolecall_roll::{Terms, shell};

/// Names settings by their flags.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FlagTerms;

impl Terms for FlagTerms {
    fn setting(&self, key: &str) -> String {
        format!("--{}", key.replace('_', "-"))
    }

    fn assignment(&self, key: &str, value: &str) -> String {
        let flag = self.setting(key);
        if value == "true" { flag } else { format!("{flag} {}", shell::quote(value)) }
    }

    fn resume(&self) -> &'static str {
        "run the same command again: if both runs have the same --roll FILE, it scans only what is missing"
    }

    fn renew_credentials(&self) -> &'static str {
        "check the caller's credentials with `aws sts get-caller-identity` and the same profile; `aws sso login` renews \
         those of an SSO profile"
    }
}

/// Names settings by where their value was given: a variable, a key of `rolecall.toml`, else the flag.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GivenTerms<'a>(pub(crate) &'a RunOptions);

impl GivenTerms<'_> {
    fn given(self, key: &str) -> Option<(&'static OptionRow, Origin)> {
        let (_, origin) = self.0.given(key)?;
        RunOptions::rows().find(|row| row.key == key).map(|row| (row, origin))
    }
}

impl Terms for GivenTerms<'_> {
    fn setting(&self, key: &str) -> String {
        match self.given(key) {
            Some((row, Origin::Variable)) => row.variable(),
            Some((OptionRow { toml: Some(toml), .. }, Origin::File)) => format!("{toml} in rolecall.toml"),
            _ => FlagTerms.setting(key),
        }
    }

    fn assignment(&self, key: &str, value: &str) -> String {
        match self.given(key) {
            Some((row, Origin::Variable)) => format!("{}={}", row.variable(), shell::quote(value)),
            Some((OptionRow { toml: Some(toml), .. }, Origin::File)) => {
                format!("{toml} = {value:?} in rolecall.toml")
            }
            _ => FlagTerms.assignment(key, value),
        }
    }

    fn resume(&self) -> &'static str {
        FlagTerms.resume()
    }

    fn renew_credentials(&self) -> &'static str {
        FlagTerms.renew_credentials()
    }
}
