//! The names of settings in this front end: the environment variables of the function.

use rolecall_roll::Terms;

/// Settings as environment variables.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VariableTerms;

impl Terms for VariableTerms {
    fn setting(&self, key: &str) -> String {
        // The region is a setting of the AWS SDK, not of Rolecall.
        if key == "region" { "AWS_REGION".to_owned() } else { format!("ROLECALL_{}", key.to_uppercase()) }
    }

    fn assignment(&self, key: &str, value: &str) -> String {
        let value = if value == "true" { "1" } else { value };
        format!("{}={value}", self.setting(key))
    }

    fn resume(&self) -> &'static str {
        "invoke the function again for the missing accounts, or increase its timeout"
    }

    fn renew_credentials(&self) -> &'static str {
        "AWS does not accept the credentials of the function's role: check that the role exists, then invoke the function \
         again"
    }
}
