//! What is known of something, from where; or that it is unknown, and why.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What is known of something. Unknown is never "none", "never" or zero.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Fact<T> {
    /// It is known.
    Known {
        /// What is known.
        value: T,
        /// Where from.
        source: Source,
    },
    /// It was asked for and is unknown.
    Unknown {
        /// Why; the account's gaps tell more.
        unknown: String,
    },
    /// Nobody asked for it. Not written.
    #[default]
    #[serde(skip)]
    NotRequested,
}

/// Where a fact is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Asked for in this run.
    Live,
    /// The account's credential report, made at this time.
    CredentialReport(Timestamp),
}

impl<T> Fact<T> {
    /// A fact that was asked for in this run.
    pub fn live(value: T) -> Self {
        Self::Known { value, source: Source::Live }
    }

    /// The same of a reference.
    pub fn as_ref(&self) -> Fact<&T> {
        match self {
            Self::Known { value, source } => Fact::Known { value, source: *source },
            Self::Unknown { unknown } => Fact::Unknown { unknown: unknown.clone() },
            Self::NotRequested => Fact::NotRequested,
        }
    }

    /// What follows from it.
    pub fn map<U>(self, of: impl FnOnce(T) -> U) -> Fact<U> {
        match self {
            Self::Known { value, source } => Fact::Known { value: of(value), source },
            Self::Unknown { unknown } => Fact::Unknown { unknown },
            Self::NotRequested => Fact::NotRequested,
        }
    }

    /// It, or where it is not known, the other.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match (&self, &other) {
            (Self::Known { .. }, _) | (Self::Unknown { .. }, Self::NotRequested | Self::Unknown { .. }) => {
                self
            }
            _ => other,
        }
    }

    /// What is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known { value, .. } => Some(value),
            Self::Unknown { .. } | Self::NotRequested => None,
        }
    }

    /// Whether it was asked for and is unknown.
    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown { .. })
    }

    /// Whether nobody asked for it.
    pub fn is_not_requested(&self) -> bool {
        matches!(self, Self::NotRequested)
    }
}

#[cfg(test)]
mod tests {
    use super::{Fact, Source};

    #[test]
    fn what_is_known_unknown_and_not_asked_is_told_apart() {
        let made = "2026-11-24T08:00:00Z".parse().unwrap();
        for (fact, text) in [
            (Fact::live(Some(1)), r#"{"value":1,"source":"live"}"#),
            (Fact::live(None), r#"{"value":null,"source":"live"}"#),
            (
                Fact::Known { value: Some(2), source: Source::CredentialReport(made) },
                r#"{"value":2,"source":{"credential_report":"2026-11-24T08:00:00Z"}}"#,
            ),
            (Fact::Unknown { unknown: "throttled".to_owned() }, r#"{"unknown":"throttled"}"#),
        ] {
            assert_eq!(serde_json::to_string(&fact).unwrap(), text);
            assert_eq!(serde_json::from_str::<Fact<Option<i32>>>(text).unwrap(), fact);
        }
    }
}
