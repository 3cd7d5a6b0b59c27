//! Writes a roll file.

use std::io::{self, Write};

use serde::Serialize;

use super::{AccountIndex, Counts, Statistics, Trailer};
use crate::account::AccountRecord;
use crate::header::Header;
use crate::json;

/// Writes a roll file, a whole line at a time.
#[derive(Debug)]
pub struct RollWriter<W> {
    out: W,
    known: AccountIndex,
}

impl<W: Write> RollWriter<W> {
    /// Begins a roll file.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn new(out: W, header: &Header) -> io::Result<Self> {
        Self::resume(out, AccountIndex::default(), header)
    }

    /// Goes on with a roll file that holds what is known.
    pub(crate) fn resume(out: W, known: AccountIndex, header: &Header) -> io::Result<Self> {
        let mut writer = Self { out, known };
        writer.write_line(&RecordRef::Header(header))?;
        Ok(writer)
    }

    /// Adds an account, and tells how long its line is, and whether it counts.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_account(&mut self, account: &AccountRecord) -> io::Result<(usize, bool)> {
        let length = self.write_line(&RecordRef::Account(account))?;
        Ok((length, self.known.add(account)))
    }

    pub(crate) fn file(&self) -> &W {
        &self.out
    }

    pub(crate) fn out(&mut self) -> &mut W {
        &mut self.out
    }

    /// What the accounts add up to.
    #[must_use]
    pub(crate) fn counts(&self) -> Counts {
        self.known.counts()
    }

    /// Ends the file, and gives `out` back.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn finish(mut self, statistics: Statistics) -> io::Result<W> {
        self.write_line(&RecordRef::Trailer(&Trailer { counts: self.known.counts(), statistics }))?;
        Ok(self.out)
    }

    fn write_line(&mut self, record: &RecordRef<'_>) -> io::Result<usize> {
        let mut line = Vec::new();
        json::to_writer(&mut line, record)?;
        line.push(b'\n');
        self.out.write_all(&line)?;
        self.out.flush()?;
        Ok(line.len())
    }
}

#[derive(Serialize)]
#[serde(tag = "record", rename_all = "snake_case")]
enum RecordRef<'a> {
    Header(&'a Header),
    Account(&'a AccountRecord),
    Trailer(&'a Trailer),
}
