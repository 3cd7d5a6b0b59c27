//! How this front end calls settings: by the function's environment variables.

use rolecall_roll::Terms;

/// Settings as environment variables.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VariableTerms;

impl Terms for VariableTerms {
    fn setting(&self, key: &str) -> String {
        // The region is the SDK's own.
        if key == "region" { "AWS_REGION".to_owned() } else { format!("ROLECALL_{}", key.to_uppercase()) }
    }

    fn assignment(&self, key: &str, value: &str) -> String {
        let value = if value == "true" { "1" } else { value };
        format!("{}={value}", self.setting(key))
    }

    fn resume(&self) -> &'static str {
        "invoke the function again for the missing accounts, or give it more time"
    }

    fn renew_credentials(&self) -> &'static str {
        "AWS does not accept the credentials of the function's role: check that the role exists, and invoke the function \
         again"
    }
}
