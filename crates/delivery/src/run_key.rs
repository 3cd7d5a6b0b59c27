//! Where the objects of a run are.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use rolecall_roll::{AccountId, RunId};
use serde::{Deserialize, Serialize};

/// The day and the id of a run, as in the keys of its objects: `dt=2026-11-26/run=UUID`. Athena and Glue read `dt` and `run` as
/// partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunKey {
    date: Date,
    run_id: RunId,
}

/// A text is not the key of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the key of a run; expected dt=YYYY-MM-DD/run=UUID, which plan returns")]
pub struct InvalidRunKey;

impl RunKey {
    /// The key of a run that starts at this time. The day is that in UTC.
    #[must_use]
    pub fn new(as_of: Timestamp, run_id: RunId) -> Self {
        Self { date: Offset::UTC.to_datetime(as_of).date(), run_id }
    }

    /// The id of the run.
    #[must_use]
    pub fn run_id(&self) -> RunId {
        self.run_id
    }

    /// The key of an object of the run.
    #[must_use]
    pub fn object(&self, name: &str) -> String {
        format!("rolls/{self}/{name}")
    }

    pub(crate) fn plan(&self) -> String {
        self.object("plan.json")
    }

    /// The list of batches, which the state machine's map reads.
    pub(crate) fn batches(&self) -> String {
        self.object("batches.json")
    }

    pub(crate) fn batch(&self, number: usize) -> String {
        self.object(&format!("batches/{number:05}.json"))
    }

    /// The folder of all records.
    pub(crate) fn accounts(&self) -> String {
        self.object("accounts/")
    }

    /// Whether an object is a record of an account.
    pub(crate) fn is_record(key: &str) -> bool {
        key.contains("/accounts/")
    }

    /// The folder of an account's records.
    pub(crate) fn account(&self, account_id: &AccountId) -> String {
        format!("{}{account_id}/", self.accounts())
    }

    /// The folder of the statistics of all invocations.
    pub(crate) fn statistics(&self) -> String {
        self.object("statistics/")
    }
}

impl fmt::Display for RunKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dt={}/run={}", self.date, self.run_id)
    }
}

impl FromStr for RunKey {
    type Err = InvalidRunKey;

    fn from_str(text: &str) -> Result<Self, InvalidRunKey> {
        let parsed = || {
            let (date, run_id) = text.strip_prefix("dt=")?.split_once("/run=")?;
            let key = Self { date: date.parse().ok()?, run_id: run_id.parse().ok()? };
            // One run has one key.
            (key.to_string() == text).then_some(key)
        };
        parsed().ok_or(InvalidRunKey)
    }
}

impl TryFrom<String> for RunKey {
    type Error = InvalidRunKey;

    fn try_from(text: String) -> Result<Self, InvalidRunKey> {
        text.parse()
    }
}

impl From<RunKey> for String {
    fn from(key: RunKey) -> Self {
        key.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::RunKey;

    #[test]
    fn a_key_has_one_form_and_leads_to_no_other_folder() {
        let text = "dt=2026-11-26/run=6c1e5f52-8c5e-4f0c-9d5c-0e6f7a8b9c0d";
        let key: RunKey = text.parse().unwrap();
        assert_eq!(key.to_string(), text);
        assert_eq!(key.batch(7), format!("rolls/{text}/batches/00007.json"));
        for other in [
            "",
            "dt=2026-11-26",
            "dt=2026-11-26/run=..",
            "dt=2026-11-26/run=6C1E5F52-8c5e-4f0c-9d5c-0e6f7a8b9c0d",
            "dt=2026-11-26/run=6c1e5f52-8c5e-4f0c-9d5c-0e6f7a8b9c0d/x",
            "dt=../run=6c1e5f52-8c5e-4f0c-9d5c-0e6f7a8b9c0d",
        ] {
            assert!(other.parse::<RunKey>().is_err(), "{other}");
        }
    }
}
