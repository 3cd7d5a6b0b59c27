//! The roll file on disk. A run appends each account as it completes, a later run can resume the file, and readers load
//! one account at a time, so that memory use does not grow with the number of accounts.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use crate::account::AccountRecord;
use crate::coverage::{Coverage, CoverageBuilder};
use crate::file::{
    AccountIndex, AccountLine, CheckedLine, Counts, Headers, ParsedFile, ReadError, RollWriter, Run,
    Statistics, check_records, read_records,
};
use crate::header::Header;
use crate::ids::AccountId;
use crate::parallel::{lock, map_in_order};

/// A roll file that a run can resume: locked, and read.
#[derive(Debug)]
pub struct ResumableRoll {
    file: File,
    /// The header of the last run; `None` where the file is empty.
    pub header: Option<Header>,
    index: AccountIndex,
    lines: BTreeMap<AccountId, Line>,
    length: u64,
}

/// Where the line of an account is in the file.
#[derive(Debug, Clone, Copy)]
struct Line {
    /// The byte offset.
    begin: u64,
    /// The number of bytes, with the newline.
    length: usize,
    /// Whether the account has gaps or notes.
    has_remarks: bool,
}

impl Line {
    fn new(account: &AccountRecord, (begin, length): (u64, usize)) -> Self {
        Self { begin, length, has_remarks: account.has_remarks() }
    }
}

/// A roll file to which a run appends accounts.
#[derive(Debug)]
pub struct RollAppender {
    header: Header,
    writer: RollWriter<File>,
    /// For each account, the byte offset and the length of its line.
    lines: BTreeMap<AccountId, Line>,
    length: u64,
}

impl ResumableRoll {
    /// Locks a file and reads it: it is empty, or holds the roll of previous runs. The lock keeps a second run from
    /// appending to the same file.
    ///
    /// # Errors
    /// [`ReadError::Locked`] where another run holds the lock; otherwise the errors of reading the file.
    pub fn read(file: File) -> Result<Self, ReadError> {
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ReadError::Locked),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let mut lines = BTreeMap::new();
        let read = read_records(BufReader::new(&file), |line| insert(&mut lines, &line));
        let (header, index, length) = match read {
            Ok(ParsedFile { header, index, length, .. }) => (Some(header), index, length),
            Err(ReadError::Empty) => {
                // A run that was interrupted during its first line leaves a part of a header. Any other content is not
                // a roll, and must not be overwritten.
                let begin = first_bytes(&file)?;
                if !MAGIC.starts_with(&begin) && !begin.starts_with(MAGIC) {
                    return Err(ReadError::Empty);
                }
                (None, AccountIndex::default(), 0)
            }
            Err(error) => return Err(error),
        };
        Ok(Self { file, header, index, lines, length })
    }

    /// Whether an account is complete or skipped, so that it need not be read again.
    #[must_use]
    pub fn is_done(&self, account_id: &AccountId) -> bool {
        self.index.is_done(account_id)
    }

    /// Of the accounts that need not be read again, the one that was read first, and the `as_of` of that run. One whose line
    /// has no time comes before all others.
    #[must_use]
    pub fn oldest_done(&self) -> Option<(&AccountId, Option<Timestamp>)> {
        self.index.oldest_done()
    }

    /// The `as_of` of the earliest run with a line that counts; `None` where no line counts.
    #[must_use]
    pub fn as_of(&self) -> Option<Timestamp> {
        self.index.as_of()
    }

    /// Cuts off an incomplete last line, then writes the header of the new run.
    ///
    /// # Errors
    /// The I/O errors of the file.
    pub fn resume(self, header: &Header) -> io::Result<RollAppender> {
        let Self { mut file, index, lines, length, .. } = self;
        file.set_len(length)?;
        file.seek(SeekFrom::Start(length))?;
        let writer = RollWriter::resume(file, index, header)?;
        RollAppender::new(header.clone(), writer, lines)
    }
}

/// The first bytes of every roll file.
const MAGIC: &[u8] = b"{\"record\":\"header\"";

fn first_bytes(mut file: &File) -> io::Result<Vec<u8>> {
    let mut begin = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(u64::try_from(MAGIC.len()).unwrap_or_default()).read_to_end(&mut begin)?;
    Ok(begin)
}

impl RollAppender {
    fn new(
        header: Header,
        mut writer: RollWriter<File>,
        lines: BTreeMap<AccountId, Line>,
    ) -> io::Result<Self> {
        let length = writer.out().stream_position()?;
        Ok(Self { header, writer, lines, length })
    }

    /// Appends an account. Returns whether its line counts: it does not where an earlier line has more of the account.
    ///
    /// # Errors
    /// The I/O errors of the file.
    pub fn add(&mut self, account: &AccountRecord) -> io::Result<bool> {
        let (length, counts) = self.writer.write_account(account)?;
        if counts {
            let line = Line::new(account, (self.length, length));
            self.lines.insert(account.account_id().clone(), line);
        }
        self.length += u64::try_from(length).unwrap_or_default();
        Ok(counts)
    }

    /// The accounts so far, sorted by id. Each is read from the file when the iterator reaches it.
    pub fn accounts(&self) -> impl Iterator<Item = io::Result<AccountRecord>> + '_ {
        self.lines.values().map(|line| read_account(self.writer.file(), *line))
    }

    /// Writes the trailer.
    ///
    /// # Errors
    /// The I/O errors of the file.
    pub fn finish(self, statistics: Statistics) -> io::Result<RollFile> {
        let Self { header, writer, lines, .. } = self;
        let counts = writer.counts();
        let file = writer.finish(statistics.clone())?;
        Ok(RollFile { header, counts, statistics: Some(statistics), file, lines })
    }
}

/// A roll file that is open to be read; of its contents, only the header is known.
#[derive(Debug)]
pub struct OpenRoll {
    file: File,
    /// The header of the last run.
    pub header: Header,
    /// Whether no other run wrote to the file.
    is_of_one_run: bool,
    /// The number of bytes up to the last newline. A run may append more meanwhile.
    length: u64,
}

impl OpenRoll {
    /// Finds the header of the last run.
    ///
    /// # Errors
    /// Those of [`RollFile::read`], where there is no header. Other damage is found by [`OpenRoll::read`].
    pub fn new(file: File) -> Result<Self, ReadError> {
        let found = Headers::find(BufReader::new(&file))?;
        (&file).rewind()?;
        match found {
            Some(Headers { last, is_only, length }) => {
                Ok(Self { file, header: last, is_of_one_run: is_only, length })
            }
            None => Err(RollFile::read(file).err().unwrap_or(ReadError::Empty)),
        }
    }

    /// Reads the file as [`RollFile::read`] does, on all cores, and calls `on_account` with each account, in any order. What
    /// was made of the accounts is worth nothing if there is an error: it may be about a line before theirs.
    ///
    /// # Errors
    /// [`ReadError`] names the line.
    pub fn read(self, on_account: impl Fn(&AccountRecord) + Sync) -> Result<RollFile, ReadError> {
        let Self { file, header, is_of_one_run, length } = self;
        if !is_of_one_run {
            // Which line of an account counts is known at the end.
            let roll = RollFile::read_up_to(length, file)?;
            roll.for_each_account(on_account)?;
            return Ok(roll);
        }
        let mut lines = BTreeMap::new();
        let read = check_records(BufReader::new((&file).take(length)), &header, on_account, |line| {
            let CheckedLine { account_id, range: (begin, length), has_remarks, .. } = line;
            lines.insert(account_id, Line { begin, length, has_remarks });
        })?;
        Ok(RollFile::new(read, file, lines))
    }
}

/// A roll file that is only read.
#[derive(Debug)]
pub struct RollFile {
    /// The header of the last run.
    pub header: Header,
    /// The sums of the lines that count.
    pub counts: Counts,
    /// The duration and calls of the last run; `None` where the run was interrupted.
    pub statistics: Option<Statistics>,
    file: File,
    lines: BTreeMap<AccountId, Line>,
}

impl RollFile {
    /// Reads a roll file, of a finished run or of one that still appends to it. Takes no lock.
    ///
    /// # Errors
    /// [`ReadError`] names the line.
    pub fn read(file: File) -> Result<Self, ReadError> {
        Self::read_up_to(u64::MAX, file)
    }

    /// As [`RollFile::read`], but only this number of bytes.
    fn read_up_to(length: u64, file: File) -> Result<Self, ReadError> {
        let mut lines = BTreeMap::new();
        let read = read_records(BufReader::new((&file).take(length)), |line| insert(&mut lines, &line))?;
        Ok(Self::new(read, file, lines))
    }

    fn new(read: ParsedFile, file: File, lines: BTreeMap<AccountId, Line>) -> Self {
        let ParsedFile { header, trailer, index, .. } = read;
        let statistics = trailer.map(|trailer| trailer.statistics);
        Self { header, counts: index.counts(), statistics, file, lines }
    }

    /// The ids of the accounts that have a line, sorted.
    pub fn account_ids(&self) -> impl Iterator<Item = &AccountId> {
        self.lines.keys()
    }

    /// The ids of the target accounts, and of all accounts that have a line.
    pub fn target_ids(&self) -> impl Iterator<Item = &AccountId> {
        self.header.targets.iter().map(|target| &target.account_id).chain(self.lines.keys())
    }

    /// Reads one account; `None` where the file has no line for it.
    ///
    /// # Errors
    /// The I/O errors of the file.
    pub fn account(&self, account_id: &AccountId) -> io::Result<Option<AccountRecord>> {
        let line = self.lines.get(account_id);
        line.map(|line| read_account(&self.file, *line)).transpose()
    }

    /// Reads the whole file again and returns all runs that wrote to it. Calls `on_account` with every account line,
    /// including the lines that a later line replaced.
    ///
    /// # Errors
    /// [`ReadError`] names the line.
    pub fn history(&self, mut on_account: impl FnMut(&AccountRecord)) -> Result<Vec<Run>, ReadError> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(0))?;
        Ok(read_records(BufReader::new(file), |line| on_account(&line.account))?.runs)
    }

    /// Writes the roll as the file of a single run: one header, one line per account sorted by id, and a trailer where
    /// the last run has one.
    ///
    /// # Errors
    /// The I/O errors of either file.
    pub fn write_compacted(&self, out: &mut impl io::Write) -> io::Result<()> {
        let mut writer = RollWriter::new(out, &self.header)?;
        for line in self.lines.values() {
            let bytes = read_line(&self.file, *line)?;
            // A line of an edited file may hold characters that a writer escapes.
            if bytes.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\n')) {
                writer.out().write_all(&bytes)?;
            } else {
                writer.write_account(&serde_json::from_slice(&bytes)?)?;
            }
        }
        match &self.statistics {
            Some(statistics) => writer.finish_with(self.counts, statistics.clone()).map(|_| ()),
            None => Ok(()),
        }
    }

    /// Copies the file as it is.
    ///
    /// # Errors
    /// The I/O errors of either file.
    pub fn copy_to(&self, out: &mut impl io::Write) -> io::Result<()> {
        let mut file = &self.file;
        file.rewind()?;
        io::copy(&mut file, out).map(|_| ())
    }

    /// Calculates the coverage of the roll; reads all accounts.
    ///
    /// # Errors
    /// The I/O errors of the file.
    pub fn coverage(&self) -> io::Result<Coverage> {
        let coverage = Mutex::new(CoverageBuilder::new(&self.header));
        self.for_each_account(|account| lock(&coverage).add(account))?;
        Ok(coverage.into_inner().unwrap_or_else(PoisonError::into_inner).finish())
    }

    /// Calls `on_account` with each account, on all cores and in any order.
    ///
    /// # Errors
    /// The I/O errors of the file.
    pub fn for_each_account(&self, on_account: impl Fn(&AccountRecord) + Sync) -> io::Result<()> {
        let work = |account| {
            on_account(&account);
            Ok(())
        };
        self.map_accounts(work, |result| result)
    }

    /// Calls `work` with each account, on all cores, and `take` with each result, in the order of the account ids.
    ///
    /// # Errors
    /// The first error of `take`, which also gets those of reading the file.
    pub fn map_accounts<T: Send, E>(
        &self,
        work: impl Fn(AccountRecord) -> io::Result<T> + Sync,
        take: impl FnMut(io::Result<T>) -> Result<(), E>,
    ) -> Result<(), E> {
        map_in_order(self.lines.values(), |line| read_account(&self.file, *line).and_then(&work), take)
    }

    /// The accounts, sorted by id. Each is read from the file when the iterator reaches it.
    pub fn accounts(&self) -> impl Iterator<Item = io::Result<AccountRecord>> + '_ {
        self.lines.values().map(|line| read_account(&self.file, *line))
    }

    /// The accounts that have gaps or notes, sorted by id. The others are not read again.
    pub fn accounts_with_remarks(&self) -> impl Iterator<Item = io::Result<AccountRecord>> + '_ {
        let lines = self.lines.values().filter(|line| line.has_remarks);
        lines.map(|line| read_account(&self.file, *line))
    }
}

fn insert(lines: &mut BTreeMap<AccountId, Line>, line: &AccountLine) {
    if line.counts {
        lines.insert(line.account.account_id().clone(), Line::new(&line.account, line.range));
    }
}

/// Reads the account line at a byte offset. `read_exact_at` does not move the file position, so appending continues at
/// the end.
fn read_line(file: &File, line: Line) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; line.length];
    file.read_exact_at(&mut bytes, line.begin)?;
    Ok(bytes)
}

fn read_account(file: &File, line: Line) -> io::Result<AccountRecord> {
    serde_json::from_slice(&read_line(file, line)?).map_err(io::Error::from)
}
