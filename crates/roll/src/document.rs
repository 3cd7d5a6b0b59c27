//! The roll as one JSON document: the fields of the header, the coverage, the accounts and the fields of the trailer.
//! It is sorted, so two runs over unchanged accounts differ only in `as_of`, `run_id`, `request_id` and `statistics`.

use std::io::{self, Write};

use serde::Serialize;

use crate::account::AccountRecord;
use crate::appender::RollFile;
use crate::coverage::Coverage;
use crate::file::{Counts, Roll, Statistics};
use crate::header::Header;
use crate::json::{Elements, ObjectWriter};

/// The document that the output format `json` writes.
#[derive(Debug, Serialize)]
pub struct Document<'a> {
    #[serde(flatten)]
    before: BeforeAccounts<'a>,
    accounts: Vec<&'a AccountRecord>,
    #[serde(flatten)]
    after: AfterAccounts<'a>,
}

#[derive(Debug, Serialize)]
struct BeforeAccounts<'a> {
    #[serde(flatten)]
    header: &'a Header,
    coverage: Coverage,
}

#[derive(Debug, Serialize)]
struct AfterAccounts<'a> {
    counts: Counts,
    /// `null` where the run was interrupted.
    statistics: Option<&'a Statistics>,
}

impl<'a> From<&'a Roll> for Document<'a> {
    fn from(roll: &'a Roll) -> Self {
        let mut accounts: Vec<_> = roll.accounts.iter().collect();
        accounts.sort_by(|a, b| a.account_id().cmp(b.account_id()));
        let statistics = roll.trailer.as_ref().map(|trailer| &trailer.statistics);
        let coverage = Coverage::from_accounts(&roll.header, accounts.iter().copied());
        let before = BeforeAccounts { header: &roll.header, coverage };
        Self { before, accounts, after: AfterAccounts { counts: roll.counts(), statistics } }
    }
}

/// Adds the members of the document of a roll file to an object. Some accounts at a time are read and rendered, on all cores.
///
/// # Errors
/// The I/O errors of the object and of the roll file.
pub fn write_members(
    object: &mut ObjectWriter<impl Write>,
    roll: &RollFile,
    coverage: Coverage,
) -> io::Result<()> {
    let RollFile { header, counts, statistics, .. } = roll;
    object.members(&BeforeAccounts { header, coverage })?;
    object.list("accounts", |add| {
        roll.map_accounts(|account| Elements::new(&[account]), |elements| add(&elements?))
    })?;
    object.members(&AfterAccounts { counts: *counts, statistics: statistics.as_ref() })
}
