//! A value with its source, or the reason why it is unknown.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A value that may be known, unknown or not requested. Unknown is never "none", "never" or zero.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Fact<T> {
    /// The value was read.
    Known {
        /// The value; its type says what `None` means.
        value: T,
        /// Where the value was read.
        source: Source,
    },
    /// The value was requested and could not be read. A gap of the account says so too.
    Unknown {
        /// The reason in a few words; the gaps of the account have the details.
        unknown: String,
    },
    /// The value was requested, and AWS has none for this account or user: another call would not change that, so it is no
    /// gap. Rules treat it as unknown.
    Unavailable {
        /// The reason in a few words.
        unavailable: String,
    },
    /// The value was not requested. It is absent from the file.
    #[default]
    #[serde(skip)]
    NotRequested,
}

/// Where a fact was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A call to the IAM API in this run.
    Live,
    /// The account's credential report, which AWS generated at this time.
    CredentialReport(Timestamp),
}

impl<T> Fact<T> {
    /// Creates a known fact with the source [`Source::Live`].
    pub fn live(value: T) -> Self {
        Self::Known { value, source: Source::Live }
    }

    /// Converts from `&Fact<T>` to `Fact<&T>`.
    pub fn as_ref(&self) -> Fact<&T> {
        match self {
            Self::Known { value, source } => Fact::Known { value, source: *source },
            Self::Unknown { unknown } => Fact::Unknown { unknown: unknown.clone() },
            Self::Unavailable { unavailable } => Fact::Unavailable { unavailable: unavailable.clone() },
            Self::NotRequested => Fact::NotRequested,
        }
    }

    /// Applies a function to the value, if it is known. The source stays the same.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Fact<U> {
        match self {
            Self::Known { value, source } => Fact::Known { value: f(value), source },
            Self::Unknown { unknown } => Fact::Unknown { unknown },
            Self::Unavailable { unavailable } => Fact::Unavailable { unavailable },
            Self::NotRequested => Fact::NotRequested,
        }
    }

    /// Returns `self` if it is known, otherwise `other`; of two facts that are not known, one with a reason before one that
    /// was not requested, and `self` before `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let is_other_better = match &self {
            Self::Known { .. } => false,
            Self::Unknown { .. } | Self::Unavailable { .. } => matches!(other, Self::Known { .. }),
            Self::NotRequested => true,
        };
        if is_other_better { other } else { self }
    }

    /// The value, if it is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known { value, .. } => Some(value),
            Self::Unknown { .. } | Self::Unavailable { .. } | Self::NotRequested => None,
        }
    }

    /// Why the value is not known, where it was requested.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Unknown { unknown: reason } | Self::Unavailable { unavailable: reason } => Some(reason),
            Self::Known { .. } | Self::NotRequested => None,
        }
    }

    /// Why the value could not be read, for a value that a gap must explain.
    pub(crate) fn unknown(&self) -> Option<&str> {
        match self {
            Self::Unknown { unknown } => Some(unknown),
            _ => None,
        }
    }

    /// Whether the value was not requested.
    pub fn is_not_requested(&self) -> bool {
        matches!(self, Self::NotRequested)
    }
}

#[cfg(test)]
mod tests {
    use super::{Fact, Source};

    #[test]
    fn a_known_value_an_unknown_one_and_none_are_distinct_in_json() {
        let generated = "2026-11-24T08:00:00Z".parse().unwrap();
        for (fact, text) in [
            (Fact::live(Some(1)), r#"{"value":1,"source":"live"}"#),
            (Fact::live(None), r#"{"value":null,"source":"live"}"#),
            (
                Fact::Known { value: Some(2), source: Source::CredentialReport(generated) },
                r#"{"value":2,"source":{"credential_report":"2026-11-24T08:00:00Z"}}"#,
            ),
            (Fact::Unknown { unknown: "throttled".to_owned() }, r#"{"unknown":"throttled"}"#),
            (Fact::Unavailable { unavailable: "too young".to_owned() }, r#"{"unavailable":"too young"}"#),
        ] {
            assert_eq!(serde_json::to_string(&fact).unwrap(), text);
            assert_eq!(serde_json::from_str::<Fact<Option<i32>>>(text).unwrap(), fact);
        }
    }
}
