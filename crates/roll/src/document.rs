//! The roll as one JSON document: the fields of the header, the coverage, the accounts and the fields of the trailer.
//! It is sorted, so two runs over unchanged accounts differ only in `as_of`, `run_id`, `request_id` and `statistics`.

use serde::ser::{Error, SerializeSeq};
use serde::{Serialize, Serializer};

use crate::account::AccountRecord;
use crate::appender::RollFile;
use crate::coverage::Coverage;
use crate::file::{Counts, Roll, Statistics};
use crate::header::Header;
use crate::json;

/// The document that the output format `json` writes.
#[derive(Debug, Serialize)]
pub struct Document<'a, A> {
    #[serde(flatten)]
    header: &'a Header,
    coverage: Coverage,
    accounts: A,
    counts: Counts,
    /// `null` where the run was interrupted.
    statistics: Option<&'a Statistics>,
}

impl<'a> From<&'a Roll> for Document<'a, Vec<&'a AccountRecord>> {
    fn from(roll: &'a Roll) -> Self {
        let mut accounts: Vec<_> = roll.accounts.iter().collect();
        accounts.sort_by(|a, b| a.account_id().cmp(b.account_id()));
        let statistics = roll.trailer.as_ref().map(|trailer| &trailer.statistics);
        let coverage = Coverage::from_accounts(&roll.header, accounts.iter().copied());
        Self { header: &roll.header, coverage, accounts, counts: roll.counts(), statistics }
    }
}

impl<'a> Document<'a, StreamedAccounts<'a>> {
    /// Creates the document of a roll file, to be written with [`json::to_writer_pretty`]. Serializing it reads some accounts at
    /// a time, on all cores.
    #[must_use]
    pub fn from_file(file: &'a RollFile, coverage: Coverage) -> Self {
        let RollFile { header, counts, statistics, .. } = file;
        Self {
            header,
            coverage,
            accounts: StreamedAccounts(file),
            counts: *counts,
            statistics: statistics.as_ref(),
        }
    }
}

/// The accounts of a roll file, read while they are serialized.
#[derive(Debug)]
pub struct StreamedAccounts<'a>(&'a RollFile);

impl Serialize for StreamedAccounts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        let write = |account| json::to_indented_element(&account);
        self.0.map_accounts(write, |account| list.serialize_element(&account.map_err(S::Error::custom)?))?;
        list.end()
    }
}
