//! What a verdict follows from: facts, each with its source.

use std::fmt;

use jiff::Timestamp;
use rolecall_roll::{FactKind, Source};
use serde::Serialize;

use crate::facts::date;

/// A fact that a finding follows from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// Which.
    pub fact: FactKind,
    /// What it says.
    pub value: String,
    /// Where it is from; a credential report with the time when it was made.
    pub source: Source,
}

impl Evidence {
    /// What a fact says, and where from.
    pub(crate) fn of(fact: FactKind, value: impl Into<String>, source: Source) -> Self {
        Self { fact, value: value.into(), source }
    }

    /// That an access key was made then.
    pub(crate) fn of_creation(created: Timestamp) -> Self {
        Self::of(FactKind::AccessKeys, format!("created {}", date(created)), Source::Live)
    }

    /// Which fact it is, and where from: `last_used, live`.
    #[must_use]
    pub(crate) fn origin(&self) -> String {
        match self.source {
            Source::Live => format!("{}, live", self.fact),
            Source::CredentialReport(made) => format!("{}, credential report of {made:.0}", self.fact),
        }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.value, self.origin())
    }
}
