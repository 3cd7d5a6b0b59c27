//! The evidence for a finding: facts, each with its source.

use std::fmt;

use jiff::Timestamp;
use rolecall_roll::{FactKind, Source};
use serde::Serialize;

use crate::facts::date;
use crate::finding::{Text, owned};

/// A fact that proves a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence<'a> {
    /// The kind of fact.
    pub fact: FactKind,
    /// The value for people: `created 2025-01-31`.
    pub value: Text<'a>,
    /// Where the fact was read; for a credential report, with the time when AWS generated it.
    pub source: Source,
}

impl<'a> Evidence<'a> {
    pub(crate) fn new(fact: FactKind, value: impl Into<Text<'a>>, source: Source) -> Self {
        Self { fact, value: value.into(), source }
    }

    /// The creation date of an access key, read live.
    pub(crate) fn from_creation_date(created: Timestamp) -> Self {
        Self::new(FactKind::AccessKeys, format!("created {}", date(created)), Source::Live)
    }

    pub(crate) fn into_owned(self) -> Evidence<'static> {
        Evidence { fact: self.fact, value: owned(self.value), source: self.source }
    }

    /// The kind of fact and its source: `last_used, live`.
    #[must_use]
    pub(crate) fn origin(&self) -> String {
        match self.source {
            Source::Live => format!("{}, live", self.fact),
            Source::CredentialReport(generated) => {
                format!("{}, credential report of {generated:.0}", self.fact)
            }
        }
    }
}

impl fmt::Display for Evidence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.value)?;
        match self.source {
            Source::Live => write!(f, " ({}, live)", self.fact.name()),
            Source::CredentialReport(_) => write!(f, " ({})", self.origin()),
        }
    }
}
