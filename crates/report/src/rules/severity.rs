//! The severity of a finding.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// The severity of a finding; a later variant is worse. The names are those of AWS Security Hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// No risk by itself, but worth knowing.
    Informational,
    /// A small risk: clean up when convenient.
    Low,
    /// Fix as part of regular work.
    Medium,
    /// Fix soon.
    High,
    /// Fix now.
    Critical,
}

impl Severity {
    /// All severities, the worst first.
    pub(crate) const ALL: [Self; 5] =
        [Self::Critical, Self::High, Self::Medium, Self::Low, Self::Informational];

    /// The name in settings, flags and outputs, in lower case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
            Self::Informational => "informational",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Severity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl FromStr for Severity {
    type Err = UnknownSeverity;

    fn from_str(text: &str) -> Result<Self, UnknownSeverity> {
        Self::ALL
            .into_iter()
            .find(|severity| severity.as_str() == text)
            .ok_or_else(|| UnknownSeverity(text.to_owned()))
    }
}

/// A text that is not the name of a severity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown severity {0:?}; expected one of {names}", names = Severity::ALL.map(Severity::as_str).join(", "))]
pub struct UnknownSeverity(String);
