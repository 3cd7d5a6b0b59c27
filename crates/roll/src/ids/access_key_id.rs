use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{ParseIdError, shown_as_text};

/// The id of an access key, `AKIA…`: 16 to 128 of `[\w]`, where `\w` is ASCII. It is not a secret; but a text that was
/// given as one and is none may be the secret key, so no error repeats it.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKeyMetadata.html>
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccessKeyId(String);

shown_as_text!(AccessKeyId);

/// What an id is of, by the letters that it begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessKeyIdKind {
    /// A long-term access key of a user or the root user.
    LongTerm,
    /// The temporary access key of a session, which STS issued.
    Session,
    /// No access key: another thing in IAM, by its name.
    Other(&'static str),
    /// Not known from the letters, as ids from before they had a meaning.
    Unknown,
}

/// How ids begin, and what they are of.
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
    // What LocalStack gives.
    ("LKIA", AccessKeyIdKind::LongTerm),
];

/// How long secret access keys are.
const SECRET_LENGTH: usize = 40;

impl AccessKeyId {
    /// What the id is of.
    #[must_use]
    pub fn kind(&self) -> AccessKeyIdKind {
        let found = PREFIXES.iter().find(|(prefix, _)| self.0.starts_with(prefix));
        found.map_or(AccessKeyIdKind::Unknown, |(_, kind)| *kind)
    }

    /// The id that a person typed: without white space around it, and in capitals, as AWS writes it.
    ///
    /// # Errors
    /// Where it is none, and where it may be a secret access key. Neither repeats it.
    pub fn from_input(text: &str) -> Result<Self, ParseIdError> {
        let id: Self = text.trim().to_ascii_uppercase().parse()?;
        if id.0.len() == SECRET_LENGTH && id.kind() == AccessKeyIdKind::Unknown {
            return Err(ParseIdError(format!(
                "it is as long as a secret access key, which nobody needs to give; {EXPECTED}"
            )));
        }
        Ok(id)
    }
}

/// What would be right.
const EXPECTED: &str = "an access key id has 16 to 128 letters, digits and _, as AKIAIOSFODNN7EXAMPLE";

impl FromStr for AccessKeyId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let wrong = |problem: String| Err(ParseIdError(format!("the access key id {problem}; {EXPECTED}")));
        if let Some(problem) = unprintable_in(text) {
            return wrong(format!("has {problem}"));
        }
        if let Some(index) = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            return wrong(format!("has a character that none has, at position {}", index + 1));
        }
        if !(16..=128).contains(&text.len()) {
            return wrong(format!("has {} characters", text.len()));
        }
        Ok(Self(text.to_owned()))
    }
}

/// The first character of a text that is no visible ASCII one, and where it is, without the text, which may be a secret:
/// `a tab at its end`. No part of AWS credentials has one, and none can stand in the header of a request.
#[must_use]
pub fn unprintable_in(text: &str) -> Option<String> {
    let (position, c) = (1..).zip(text.chars()).find(|(_, c)| !c.is_ascii_graphic())?;
    let what = match c {
        '\r' => "a carriage return (of a Windows line end?)",
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
        (1, false) => format!("{what} at its beginning"),
        (_, true) => format!("{what} at its end"),
        _ => format!("{what} at position {position}"),
    })
}

#[cfg(test)]
mod tests {
    use super::{AccessKeyId, AccessKeyIdKind, PREFIXES, unprintable_in};

    #[test]
    fn what_is_odd_is_named_and_the_text_is_not_repeated() {
        for (text, words) in [
            ("", "has 0 characters"),
            ("AKIA", "has 4 characters"),
            ("AKIAIOSFODNN7EXAMPLE\r", "a carriage return (of a Windows line end?) at its end"),
            ("AKIAIOSFODNN7EXAMPLE\r\n", "a carriage return (of a Windows line end?) at its end"),
            ("AKIAIOSFO\nDNN7EXAMPLE", "a line break at position 10"),
            (" AKIAIOSFODNN7EXAMPLE", "a space at its beginning"),
            ("\u{feff}AKIAIOSFODNN7EXAMPLE", "a byte order mark at its beginning"),
            ("AKIAIOSFODNN7\0EXAMPLE", "a control character at position 14"),
            ("AKIAIOSFODNN7ÉXAMPLE", "not ASCII at position 14"),
            ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "none has, at position 14"),
            (&"A".repeat(129), "has 129 characters"),
        ] {
            let problem = text.parse::<AccessKeyId>().unwrap_err().to_string();
            assert!(problem.contains(words), "{words} is not in {problem}");
            assert!(problem.contains("as AKIAIOSFODNN7EXAMPLE"), "{problem}");
            assert!(text.trim().len() < 16 || text.contains("IOSFO") || !problem.contains(text), "{problem}");
        }
        assert_eq!(unprintable_in("visible"), None);
        assert_eq!(unprintable_in("\r").unwrap(), "a carriage return (of a Windows line end?) at its end");
    }

    #[test]
    fn what_a_person_typed_is_trimmed_and_a_secret_is_neither_taken_nor_repeated() {
        let id = AccessKeyId::from_input("\u{a0} akiaIOSFODNN7EXAMPLE\r\n").unwrap();
        assert_eq!((id.as_str(), id.kind()), ("AKIAIOSFODNN7EXAMPLE", AccessKeyIdKind::LongTerm));
        for secret in ["wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalrXUtnFEMIaK7MDENGabPxRfiCYEXAMPLEKEY"]
        {
            let refused = format!("{:?}", AccessKeyId::from_input(secret));
            assert!(refused.starts_with("Err") && !refused.contains("FEMI"), "{refused}");
        }
    }

    #[test]
    fn each_prefix_has_its_kind_and_others_have_none() {
        for (prefix, kind) in PREFIXES {
            assert_eq!(format!("{prefix}IOSFODNN7EXAMPLE").parse::<AccessKeyId>().unwrap().kind(), kind);
        }
        assert_eq!("0123456789ABCDEF".parse::<AccessKeyId>().unwrap().kind(), AccessKeyIdKind::Unknown);
    }
}
