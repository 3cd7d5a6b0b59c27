use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{ParseIdError, impl_text_id, is_name_character, quoted};

/// The name of a role session, which CloudTrail records: 2 to 64 of `[\w+=,.@-]`.
///
/// Source: <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoleSessionName(String);

impl_text_id!(RoleSessionName);

impl Default for RoleSessionName {
    fn default() -> Self {
        Self("cross_acct_lambda".to_owned())
    }
}

impl FromStr for RoleSessionName {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        if !(2..=64).contains(&text.len()) || !text.chars().all(is_name_character) {
            return Err(ParseIdError(format!(
                "invalid session name {}; AWS allows 2 to 64 letters, digits and any of _+=,.@-",
                quoted(text)
            )));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::RoleSessionName;

    #[test]
    fn the_default_is_a_valid_name() {
        let name = RoleSessionName::default();
        assert_eq!(name.as_str().parse::<RoleSessionName>().unwrap(), name);
    }

    #[test]
    fn names_that_sts_does_not_accept_are_errors() {
        for text in ["", "x", "a b", "a/b", "ü2", &"x".repeat(65)] {
            assert!(text.parse::<RoleSessionName>().is_err(), "{text:?}");
        }
    }
}
