//! Names that stand in policies, and in nothing else that Rolecall reads. Each is parsed once; a value is always valid.

use std::fmt;
use std::str::FromStr;

/// A text that is not a valid name of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {kind} {text:?}; expected {expected}")]
pub struct InvalidName {
    kind: &'static str,
    text: String,
    expected: &'static str,
}

/// Declares a name: what it is called, what is expected, and which texts are valid.
macro_rules! name {
    ($(#[$attribute:meta])* $name:ident, $kind:literal, $expected:literal, $is_valid:expr) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// The text in AWS's spelling.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                let is_valid: fn(&str) -> bool = $is_valid;
                if is_valid(text) {
                    return Ok(Self(text.to_owned()));
                }
                Err(InvalidName { kind: $kind, text: text.chars().take(200).collect(), expected: $expected })
            }
        }
    };
}

name! {
    /// The id of an organization: `o-` and 10 to 32 lower-case letters or digits.
    ///
    /// Source: <https://docs.aws.amazon.com/organizations/latest/APIReference/API_Organization.html>
    OrganizationId, "organization id", "an id such as o-a1b2c3d4e5, as `aws organizations describe-organization` prints it",
    |text| text.strip_prefix("o-").is_some_and(|id| {
        (10..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    })
}

name! {
    /// The name of a permission set of IAM Identity Center: 1 to 32 of `[\w+=,.@-]`.
    ///
    /// Source: <https://docs.aws.amazon.com/singlesignon/latest/APIReference/API_CreatePermissionSet.html>
    PermissionSetName, "permission set name",
    "1 to 32 letters, digits and the characters _+=,.@-, such as SecurityAudit; not the name of its role",
    |text| (1..=32).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c))
        && !text.starts_with("AWSReservedSSO_")
}

name! {
    /// The name of a Lambda function: 1 to 64 letters, digits, hyphens and underscores.
    ///
    /// Source: <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>
    FunctionName, "function name", "1 to 64 letters, digits, hyphens and underscores; not an ARN",
    |text| (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

impl Default for FunctionName {
    fn default() -> Self {
        Self("rolecall".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::{FunctionName, OrganizationId, PermissionSetName};

    #[test]
    fn a_name_with_a_wildcard_or_of_another_kind_is_rejected_with_the_value() {
        for text in ["o-*", "o-short", "r-abcd", "O-EXAMPLE001", ""] {
            let problem = text.parse::<OrganizationId>().unwrap_err().to_string();
            assert!(problem.contains(&format!("{text:?}")) && problem.contains("o-a1b2c3d4e5"), "{problem}");
        }
        assert_eq!("o-example001".parse::<OrganizationId>().unwrap().as_str(), "o-example001");
        for text in ["*", "Audit*", "Audit?", "a/b", "", "AWSReservedSSO_Audit_0123456789abcdef"] {
            assert!(text.parse::<PermissionSetName>().is_err(), "{text}");
        }
        assert!("SecurityAudit".parse::<PermissionSetName>().is_ok());
        assert!("a/b".parse::<FunctionName>().is_err() && "*".parse::<FunctionName>().is_err());
    }
}
