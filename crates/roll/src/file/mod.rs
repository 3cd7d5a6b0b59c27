//! The roll file: JSON lines, one record per line. A header, then one line per account in order of completion, then a
//! trailer. `schema/roll.schema.json` describes each record.
//!
//! A line is valid once its newline is written, so a file that was cut off at any byte still has all accounts before
//! that byte.
//!
//! A run that resumes a file appends a header, the accounts that it read again, and a trailer. Where an account has two
//! lines, the later one counts, unless the earlier one has more of the account.

mod counts;
mod reader;
mod statistics;
mod writer;

use std::collections::BTreeMap;
use std::io::BufRead;

use serde::{Deserialize, Serialize};

use crate::account::AccountRecord;
use crate::header::Header;
use crate::ids::AccountId;

pub(crate) use counts::AccountIndex;
pub use counts::Counts;
pub(crate) use reader::{AccountLine, CheckedLine, Headers, ParsedFile, check_records, read_records};
pub use reader::{LineProblem, ReadError, Run};
pub use statistics::{Calls, IntermediateSession, Statistics, clock_difference};
pub use writer::RollWriter;

/// The last record. It is written when the run has finished, so its absence means that the run was interrupted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trailer {
    /// The sums of the lines before the trailer; a reader compares them.
    pub counts: Counts,
    /// The duration and calls of the run.
    pub statistics: Statistics,
}

/// A roll in memory, of a finished or an interrupted run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roll {
    /// The header of the last run.
    pub header: Header,
    /// One record per account, in the order of the file.
    pub accounts: Vec<AccountRecord>,
    /// The trailer of the last run; `None` where that run was interrupted.
    pub trailer: Option<Trailer>,
}

impl Roll {
    /// Creates the roll of a finished run.
    #[must_use]
    pub fn new(header: Header, accounts: Vec<AccountRecord>, statistics: Statistics) -> Self {
        let trailer = Trailer { counts: accounts.iter().collect(), statistics };
        Self { header, accounts, trailer: Some(trailer) }
    }

    /// The sums of the accounts.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.accounts.iter().collect()
    }

    /// Reads a roll file. Ignores a last line without a newline: the run was interrupted while it wrote the line.
    ///
    /// # Errors
    /// [`ReadError`] names the line, and the column where there is one.
    pub fn read(input: impl BufRead) -> Result<Self, ReadError> {
        let mut accounts: Vec<AccountRecord> = Vec::new();
        let mut indexes: BTreeMap<AccountId, usize> = BTreeMap::new();
        let file = read_records(input, |AccountLine { account, counts, .. }| {
            if !counts {
                return;
            }
            let next = accounts.len();
            let index = *indexes.entry(account.account_id().clone()).or_insert(next);
            match accounts.get_mut(index) {
                Some(previous) => *previous = account,
                None => accounts.push(account),
            }
        })?;
        Ok(Self { header: file.header, accounts, trailer: file.trailer })
    }
}
