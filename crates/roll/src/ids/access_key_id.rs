use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{ParseIdError, impl_text_id};

/// The id of an access key, `AKIA…`: 16 to 128 of `[\w]`, where `\w` is ASCII. The id is not a secret. But an invalid
/// id may be a secret access key that was passed by mistake, so no error repeats the text.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKeyMetadata.html>
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccessKeyId(String);

impl_text_id!(AccessKeyId);

/// The type of the IAM entity that an id belongs to, by the prefix of the id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessKeyIdKind {
    /// A long-term access key of an IAM user or the root user.
    LongTerm,
    /// A temporary access key, which STS issued for a session.
    Session,
    /// Not an access key but another IAM entity, with its name, such as `role`.
    Other(&'static str),
    /// No known prefix: ids that are older than the prefixes have none.
    Unknown,
}

/// The prefixes of ids, and the entities that they stand for.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids>
const PREFIXES: [(&str, AccessKeyIdKind); 13] = [
    ("AKIA", AccessKeyIdKind::LongTerm),
    ("ASIA", AccessKeyIdKind::Session),
    ("ABIA", AccessKeyIdKind::Other("service bearer token of STS")),
    ("ACCA", AccessKeyIdKind::Other("context-specific credential")),
    ("AGPA", AccessKeyIdKind::Other("group")),
    ("AIDA", AccessKeyIdKind::Other("user")),
    ("AIPA", AccessKeyIdKind::Other("instance profile")),
    ("ANPA", AccessKeyIdKind::Other("managed policy")),
    ("ANVA", AccessKeyIdKind::Other("version of a managed policy")),
    ("APKA", AccessKeyIdKind::Other("public key")),
    ("AROA", AccessKeyIdKind::Other("role")),
    ("ASCA", AccessKeyIdKind::Other("certificate")),
    // LocalStack's prefix.
    ("LKIA", AccessKeyIdKind::LongTerm),
];

/// The number of characters in a secret access key.
const SECRET_LENGTH: usize = 40;

impl AccessKeyId {
    /// The type of the entity, by the prefix of the id.
    #[must_use]
    pub fn kind(&self) -> AccessKeyIdKind {
        let found = PREFIXES.iter().find(|(prefix, _)| self.0.starts_with(prefix));
        found.map_or(AccessKeyIdKind::Unknown, |(_, kind)| *kind)
    }

    /// Parses an id that a person typed or pasted: removes white space around it, and converts it to upper case, as AWS
    /// writes ids.
    ///
    /// # Errors
    /// The text is not a valid id, or may be a secret access key. Neither error repeats the text.
    pub fn from_input(text: &str) -> Result<Self, ParseIdError> {
        let id: Self = text.trim().to_ascii_uppercase().parse()?;
        if id.0.len() == SECRET_LENGTH && id.kind() == AccessKeyIdKind::Unknown {
            return Err(ParseIdError(format!(
                "the text has the length of a secret access key, which rolecall never needs; {EXPECTED}"
            )));
        }
        Ok(id)
    }
}

const EXPECTED: &str = "an access key id has 16 to 128 letters, digits and _, such as AKIAIOSFODNN7EXAMPLE";

impl FromStr for AccessKeyId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let invalid = |problem: String| Err(ParseIdError(format!("the access key id {problem}; {EXPECTED}")));
        if let Some(problem) = unprintable_in(text) {
            return invalid(format!("has {problem}"));
        }
        if let Some(index) = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            return invalid(format!("has an invalid character at position {}", index + 1));
        }
        if !(16..=128).contains(&text.len()) {
            return invalid(format!("has {} characters", text.len()));
        }
        Ok(Self(text.to_owned()))
    }
}

/// Describes the first character of a text that is not a visible ASCII character, and its position, such as `a tab at
/// its end`; `None` where there is no such character. The text itself may be a secret, so it is not in the description.
///
/// AWS credentials contain only visible ASCII characters, and others are not allowed in an HTTP header.
#[must_use]
pub fn unprintable_in(text: &str) -> Option<String> {
    let (position, c) = (1..).zip(text.chars()).find(|(_, c)| !c.is_ascii_graphic())?;
    let description = match c {
        '\r' => "a carriage return (from a Windows line ending?)",
        '\n' => "a line break",
        '\t' => "a tab",
        ' ' => "a space",
        '\u{feff}' => "a byte order mark",
        c if c.is_whitespace() => "white space",
        c if c.is_control() => "a control character",
        _ => "a character that is not ASCII",
    };
    let is_last = text.chars().skip(position).all(|c| !c.is_ascii_graphic());
    Some(match (position, is_last) {
        (1, false) => format!("{description} at its beginning"),
        (_, true) => format!("{description} at its end"),
        _ => format!("{description} at position {position}"),
    })
}

#[cfg(test)]
mod tests {
    use super::{AccessKeyId, AccessKeyIdKind, PREFIXES, unprintable_in};

    #[test]
    fn an_invalid_character_is_described_and_the_text_is_not_repeated() {
        for (text, expected) in [
            ("", "has 0 characters"),
            ("AKIA", "has 4 characters"),
            ("AKIAIOSFODNN7EXAMPLE\r", "a carriage return (from a Windows line ending?) at its end"),
            ("AKIAIOSFODNN7EXAMPLE\r\n", "a carriage return (from a Windows line ending?) at its end"),
            ("AKIAIOSFO\nDNN7EXAMPLE", "a line break at position 10"),
            (" AKIAIOSFODNN7EXAMPLE", "a space at its beginning"),
            ("\u{feff}AKIAIOSFODNN7EXAMPLE", "a byte order mark at its beginning"),
            ("AKIAIOSFODNN7\0EXAMPLE", "a control character at position 14"),
            ("AKIAIOSFODNN7ÉXAMPLE", "not ASCII at position 14"),
            ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "an invalid character at position 14"),
            (&"A".repeat(129), "has 129 characters"),
        ] {
            let problem = text.parse::<AccessKeyId>().unwrap_err().to_string();
            assert!(problem.contains(expected), "{expected} is not in {problem}");
            assert!(problem.contains("such as AKIAIOSFODNN7EXAMPLE"), "{problem}");
            assert!(text.trim().len() < 16 || text.contains("IOSFO") || !problem.contains(text), "{problem}");
        }
        assert_eq!(unprintable_in("visible"), None);
        let carriage_return = unprintable_in("\r").unwrap();
        assert_eq!(carriage_return, "a carriage return (from a Windows line ending?) at its end");
    }

    #[test]
    fn typed_input_is_trimmed_and_a_secret_is_neither_accepted_nor_repeated() {
        let id = AccessKeyId::from_input("\u{a0} akiaIOSFODNN7EXAMPLE\r\n").unwrap();
        assert_eq!((id.as_str(), id.kind()), ("AKIAIOSFODNN7EXAMPLE", AccessKeyIdKind::LongTerm));
        for secret in ["wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalrXUtnFEMIaK7MDENGabPxRfiCYEXAMPLEKEY"]
        {
            let error = format!("{:?}", AccessKeyId::from_input(secret));
            assert!(error.starts_with("Err") && !error.contains("FEMI"), "{error}");
        }
    }

    #[test]
    fn each_prefix_has_its_kind_and_other_ids_are_unknown() {
        for (prefix, kind) in PREFIXES {
            assert_eq!(format!("{prefix}IOSFODNN7EXAMPLE").parse::<AccessKeyId>().unwrap().kind(), kind);
        }
        assert_eq!("0123456789ABCDEF".parse::<AccessKeyId>().unwrap().kind(), AccessKeyIdKind::Unknown);
    }
}
