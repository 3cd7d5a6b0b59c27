//! Writes the records of a roll file.

use std::io::{self, Write};

use serde::Serialize;

use super::{AccountIndex, Counts, Statistics, Trailer};
use crate::account::AccountRecord;
use crate::header::Header;
use crate::json;

/// Writes a roll file. Each record is written in one call, and flushed, so an interrupted run leaves whole lines.
#[derive(Debug)]
pub struct RollWriter<W> {
    out: W,
    index: AccountIndex,
}

impl<W: Write> RollWriter<W> {
    /// Begins a roll file: writes the header.
    ///
    /// # Errors
    /// The I/O errors of `out`.
    pub fn new(out: W, header: &Header) -> io::Result<Self> {
        Self::resume(out, AccountIndex::default(), header)
    }

    /// Resumes a roll file: writes the header of another run. `index` has the accounts that are in the file already.
    pub(crate) fn resume(out: W, index: AccountIndex, header: &Header) -> io::Result<Self> {
        let mut writer = Self { out, index };
        writer.write_line(&RecordRef::Header(header))?;
        Ok(writer)
    }

    /// Writes an account. Returns the length of its line in bytes, and whether the line counts.
    ///
    /// # Errors
    /// The I/O errors of `out`.
    pub fn write_account(&mut self, account: &AccountRecord) -> io::Result<(usize, bool)> {
        let length = self.write_line(&RecordRef::Account(account))?;
        Ok((length, self.index.add(account.account_id(), account.into())))
    }

    pub(crate) fn file(&self) -> &W {
        &self.out
    }

    pub(crate) fn out(&mut self) -> &mut W {
        &mut self.out
    }

    /// The sums of the accounts so far.
    #[must_use]
    pub(crate) fn counts(&self) -> Counts {
        self.index.counts()
    }

    /// Writes the trailer, and returns `out`.
    ///
    /// # Errors
    /// The I/O errors of `out`.
    pub fn finish(self, statistics: Statistics) -> io::Result<W> {
        let counts = self.index.counts();
        self.finish_with(counts, statistics)
    }

    /// Writes the trailer with these sums of accounts, and returns `out`.
    pub(crate) fn finish_with(mut self, counts: Counts, statistics: Statistics) -> io::Result<W> {
        self.write_line(&RecordRef::Trailer(&Trailer { counts, statistics }))?;
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
