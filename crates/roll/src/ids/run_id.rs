use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{ParseIdError, quoted};

/// The id of a run of Rolecall: a random UUID (version 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(uuid::Uuid);

impl RunId {
    /// Creates a new random id.
    #[must_use]
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4())
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for RunId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        text.parse().map(Self).map_err(|_| {
            ParseIdError(format!("run id {} is not a UUID; the roll's header has the run id", quoted(text)))
        })
    }
}
