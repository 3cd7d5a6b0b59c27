use std::fmt;
use std::str::FromStr;

use zeroize::Zeroizing;

use super::{ParseIdError, is_name_character};

/// The external id that a role's trust policy requires: 2 to 1,224 of `[\w+=,.@:/-]`.
///
/// It is treated as a secret: it has no `Display`, is not stored, its `Debug` is redacted, and an error does not repeat
/// the text.
///
/// Source: <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
#[derive(Clone, PartialEq, Eq)]
pub struct ExternalId(Zeroizing<String>);

impl ExternalId {
    /// The text, for the `AssumeRole` request only.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for ExternalId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let length = text.chars().count();
        if !(2..=1224).contains(&length) {
            return Err(ParseIdError(format!(
                "the length of the external id is {length}; AWS allows 2 to 1224 characters"
            )));
        }
        let is_allowed = |c| is_name_character(c) || c == ':' || c == '/';
        match text.chars().position(|c| !is_allowed(c)) {
            None => Ok(Self(Zeroizing::new(text.to_owned()))),
            Some(index) => Err(ParseIdError(format!(
                "the external id has an invalid character at position {}; AWS allows letters, digits and any of \
                 _+=,.@:/-",
                index + 1
            ))),
        }
    }
}

impl fmt::Debug for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExternalId(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::ExternalId;

    #[test]
    fn neither_debug_nor_an_error_repeats_it() {
        let id: ExternalId = "s3cret:id/1".parse().unwrap();
        assert_eq!(format!("{id:?}"), "ExternalId(redacted)");
        let error = "s3cret id".parse::<ExternalId>().unwrap_err();
        assert!(error.to_string().contains("position 7"), "{error}");
        assert!(!format!("{error} {error:?}").contains("s3cret"));
        assert!("x".parse::<ExternalId>().is_err());
        assert!("x".repeat(1225).parse::<ExternalId>().is_err());
        assert!("x".repeat(1224).parse::<ExternalId>().is_ok());
    }
}
