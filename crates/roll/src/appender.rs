//! The roll file on a disk: appended to as accounts are done, gone on with by a later run, and read account by account,
//! so that a roll takes no more memory the more accounts it has.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;

use jiff::Timestamp;

use crate::account::AccountRecord;
use crate::coverage::{Coverage, CoverageBuilder};
use crate::file::{
    AccountIndex, AccountLine, Counts, ParsedFile, ReadError, RollWriter, Run, Statistics, read_records,
};
use crate::header::Header;
use crate::ids::AccountId;

/// A roll file that a run may go on with.
#[derive(Debug)]
pub struct ResumableRoll {
    file: File,
    /// The header of the last run; `None` where the file is empty.
    pub header: Option<Header>,
    known: AccountIndex,
    lines: BTreeMap<AccountId, (u64, usize)>,
    length: u64,
}

/// A roll file that a run is adding to.
#[derive(Debug)]
pub struct RollAppender {
    header: Header,
    writer: RollWriter<File>,
    /// Of each account, where its line begins and how long it is.
    lines: BTreeMap<AccountId, (u64, usize)>,
    length: u64,
}

impl ResumableRoll {
    /// Reads what a file holds: nothing, or the roll of earlier runs. Nobody else goes on with it at the same time.
    ///
    /// # Errors
    /// [`ReadError::Locked`] where another run adds to it; else those of reading it.
    pub fn read(file: File) -> Result<Self, ReadError> {
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ReadError::Locked),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let mut lines = BTreeMap::new();
        let read = read_records(BufReader::new(&file), |line| insert(&mut lines, &line));
        let (header, known, length) = match read {
            Ok(ParsedFile { header, known, length, .. }) => (Some(header), known, length),
            Err(ReadError::Empty) => {
                // What was cut before its first line ended may be one of ours; anything else is somebody's.
                let begin = first_bytes(&file)?;
                if !MAGIC.starts_with(&begin) && !begin.starts_with(MAGIC) {
                    return Err(ReadError::Empty);
                }
                (None, AccountIndex::default(), 0)
            }
            Err(error) => return Err(error),
        };
        Ok(Self { file, header, known, lines, length })
    }

    /// Whether an account need not be asked again.
    #[must_use]
    pub fn is_done(&self, account_id: &AccountId) -> bool {
        self.known.is_done(account_id)
    }

    /// The moment of the earliest run whose lines count; `None` where none counts.
    #[must_use]
    pub fn as_of(&self) -> Option<Timestamp> {
        self.known.as_of()
    }

    /// Goes on with the file, behind its last whole line.
    ///
    /// # Errors
    /// Those of the file.
    pub fn resume(self, header: &Header) -> io::Result<RollAppender> {
        let Self { mut file, known, lines, length, .. } = self;
        file.set_len(length)?;
        file.seek(SeekFrom::Start(length))?;
        let writer = RollWriter::resume(file, known, header)?;
        RollAppender::new(header.clone(), writer, lines)
    }
}

/// How a roll file begins.
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
        lines: BTreeMap<AccountId, (u64, usize)>,
    ) -> io::Result<Self> {
        let length = writer.out().stream_position()?;
        Ok(Self { header, writer, lines, length })
    }

    /// Adds an account, and tells whether its line counts.
    ///
    /// # Errors
    /// Those of the file.
    pub fn add(&mut self, account: &AccountRecord) -> io::Result<bool> {
        let (length, counts) = self.writer.write_account(account)?;
        if counts {
            self.lines.insert(account.account_id().clone(), (self.length, length));
        }
        self.length += u64::try_from(length).unwrap_or_default();
        Ok(counts)
    }

    /// The accounts so far by id, each read when it is its turn.
    pub fn accounts(&self) -> impl Iterator<Item = io::Result<AccountRecord>> + '_ {
        self.lines.values().map(|(begin, length)| read_line(self.writer.file(), *begin, *length))
    }

    /// Ends the run.
    ///
    /// # Errors
    /// Those of the file.
    pub fn finish(self, statistics: Statistics) -> io::Result<RollFile> {
        let Self { header, writer, lines, .. } = self;
        let counts = writer.counts();
        let file = writer.finish(statistics.clone())?;
        Ok(RollFile { header, counts, statistics: Some(statistics), file, lines })
    }
}

/// A roll file to which nothing is added any more.
#[derive(Debug)]
pub struct RollFile {
    /// Who asked whom, and when; of several runs, the last.
    pub header: Header,
    /// What its lines add up to.
    pub counts: Counts,
    /// What the last run took; `None` where it was cut short.
    pub statistics: Option<Statistics>,
    file: File,
    lines: BTreeMap<AccountId, (u64, usize)>,
}

impl RollFile {
    /// Reads what a roll file holds, of a run that is over or one that still adds to it.
    ///
    /// # Errors
    /// [`ReadError`] names the line.
    pub fn read(file: File) -> Result<Self, ReadError> {
        let mut lines = BTreeMap::new();
        let read = read_records(BufReader::new(&file), |line| insert(&mut lines, &line))?;
        let ParsedFile { header, trailer, known, .. } = read;
        let statistics = trailer.map(|trailer| trailer.statistics);
        Ok(Self { header, counts: known.counts(), statistics, file, lines })
    }

    /// The ids of the accounts, sorted.
    pub fn account_ids(&self) -> impl Iterator<Item = &AccountId> {
        self.lines.keys()
    }

    /// An account; `None` where it has no line.
    ///
    /// # Errors
    /// Those of the file.
    pub fn account(&self, account_id: &AccountId) -> io::Result<Option<AccountRecord>> {
        let line = self.lines.get(account_id);
        line.map(|(begin, length)| read_line(&self.file, *begin, *length)).transpose()
    }

    /// All that the file holds, from its beginning: the runs that added to it, and to `take` every line of an account,
    /// those too that another one took the place of.
    ///
    /// # Errors
    /// [`ReadError`] names the line.
    pub fn history(&self, mut take: impl FnMut(&AccountRecord)) -> Result<Vec<Run>, ReadError> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(0))?;
        Ok(read_records(BufReader::new(file), |line| take(&line.account))?.runs)
    }

    /// Writes the file as of one run that came to its end, or was cut short: the accounts by id.
    ///
    /// # Errors
    /// Those of either file.
    pub fn write_compacted(&self, out: &mut impl io::Write) -> io::Result<()> {
        let mut writer = RollWriter::new(out, &self.header)?;
        for account in self.accounts() {
            writer.write_account(&account?)?;
        }
        match &self.statistics {
            Some(statistics) => writer.finish(statistics.clone()).map(|_| ()),
            None => Ok(()),
        }
    }

    /// What it covers.
    ///
    /// # Errors
    /// Those of the file.
    pub fn coverage(&self) -> io::Result<Coverage> {
        let mut covering = CoverageBuilder::new(&self.header);
        for account in self.accounts() {
            covering.add(&account?);
        }
        Ok(covering.finish())
    }

    /// The accounts by id, each read when it is its turn.
    pub fn accounts(&self) -> impl Iterator<Item = io::Result<AccountRecord>> + '_ {
        self.lines.values().map(|(begin, length)| read_line(&self.file, *begin, *length))
    }
}

fn insert(lines: &mut BTreeMap<AccountId, (u64, usize)>, line: &AccountLine) {
    if line.counts {
        lines.insert(line.account.account_id().clone(), line.place);
    }
}

/// The account whose line begins there. Read at its place, so that what is written goes on at the end.
fn read_line(file: &File, begin: u64, length: usize) -> io::Result<AccountRecord> {
    let mut line = vec![0; length];
    file.read_exact_at(&mut line, begin)?;
    serde_json::from_slice(&line).map_err(io::Error::from)
}
