//! How this front end calls settings: by their flags.

use rolecall_roll::Terms;

/// Settings as flags of the command line.
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
        "scan what is missing, and that alone: the same command with --roll FILE"
    }

    fn renew_credentials(&self) -> &'static str {
        "the caller's credentials are missing or not accepted: `aws sts get-caller-identity` with the same profile shows \
         whether they work; `aws sso login` renews those of SSO"
    }
}
