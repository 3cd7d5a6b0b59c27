//! The command line's names for settings, in remedies: flags.

use rolecall_roll::Terms;

/// Names settings by their flags.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FlagTerms;

impl Terms for FlagTerms {
    fn setting(&self, key: &str) -> String {
        format!("--{}", key.replace('_', "-"))
    }

    fn assignment(&self, key: &str, value: &str) -> String {
        let flag = self.setting(key);
        if value == "true" { flag } else { format!("{flag} {value}") }
    }

    fn resume(&self) -> &'static str {
        "run the same command with --roll FILE: it scans only what is missing"
    }

    fn renew_credentials(&self) -> &'static str {
        "check the caller's credentials with `aws sts get-caller-identity` and the same profile; `aws sso login` renews \
         those of an SSO profile"
    }
}
