//! The roll file: JSON lines, one record a line. A header, then one account a line in order of completion, then a
//! trailer. `schema/roll.schema.json` describes each record.
//!
//! A line counts once its newline is there, so a file that was cut at any byte reads as the accounts that were whole.
//!
//! A run that goes on with a file adds a header, the accounts that it asked again, and a trailer. Of two lines of one
//! account the later counts, unless the earlier one holds more.

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
pub(crate) use reader::{AccountLine, ParsedFile, read_records};
pub use reader::{LineProblem, ReadError, Run};
pub use statistics::{Calls, IntermediateSession, Statistics};
pub use writer::RollWriter;

/// The last record: the run came to its end, with these counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trailer {
    /// What the lines before it add up to.
    pub counts: Counts,
    /// What the run took.
    pub statistics: Statistics,
}

/// A roll, whole or cut short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roll {
    /// Who asked whom, and when; of several runs, the last.
    pub header: Header,
    /// The accounts, each once.
    pub accounts: Vec<AccountRecord>,
    /// The end of the run; `None` where the file was cut before it.
    pub trailer: Option<Trailer>,
}

impl Roll {
    /// A roll whose run came to its end.
    #[must_use]
    pub fn new(header: Header, accounts: Vec<AccountRecord>, statistics: Statistics) -> Self {
        let trailer = Trailer { counts: accounts.iter().collect(), statistics };
        Self { header, accounts, trailer: Some(trailer) }
    }

    /// What its accounts add up to.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.accounts.iter().collect()
    }

    /// Reads a roll file. A last line without its newline was being written when the run was cut; it does not count.
    ///
    /// # Errors
    /// [`ReadError`] names the line, and the column where it has one.
    pub fn read(input: impl BufRead) -> Result<Self, ReadError> {
        let mut accounts: Vec<AccountRecord> = Vec::new();
        let mut places: BTreeMap<AccountId, usize> = BTreeMap::new();
        let frame = read_records(input, |AccountLine { account, counts, .. }| {
            if !counts {
                return;
            }
            let next = accounts.len();
            let place = *places.entry(account.account_id().clone()).or_insert(next);
            match accounts.get_mut(place) {
                Some(earlier) => *earlier = account,
                None => accounts.push(account),
            }
        })?;
        Ok(Self { header: frame.header, accounts, trailer: frame.trailer })
    }
}
