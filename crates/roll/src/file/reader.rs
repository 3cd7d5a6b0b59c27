//! Reads a roll file.

use std::collections::BTreeMap;
use std::io::{self, BufRead};

use serde::Deserialize;

use super::{AccountIndex, Counts, Statistics, Trailer};
use crate::account::{AccountRecord, Contradiction};
use crate::header::{Header, SCHEMA_VERSION};
use crate::ids::AccountId;

/// A run that added to a roll file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its header, without the targets.
    pub header: Header,
    /// What it took; `None` where it was cut short, so that what was under way left no line.
    pub statistics: Option<Statistics>,
}

/// A line of an account.
pub(crate) struct AccountLine {
    pub(crate) account: AccountRecord,
    /// Where it begins, and how long it is.
    pub(crate) place: (u64, usize),
    /// Whether it counts: none does before or behind which more was read.
    pub(crate) counts: bool,
}

/// What a roll file says besides its accounts.
pub(crate) struct ParsedFile {
    /// The last header.
    pub(crate) header: Header,
    /// The last trailer, if nothing came behind it.
    pub(crate) trailer: Option<Trailer>,
    /// The lines together.
    pub(crate) known: AccountIndex,
    /// All runs that added to it.
    pub(crate) runs: Vec<Run>,
    /// How many bytes of whole lines there are.
    pub(crate) length: u64,
}

/// Reads the records of a roll file, and gives `take` each line of an account.
pub(crate) fn read_records(
    mut input: impl BufRead,
    mut take: impl FnMut(AccountLine),
) -> Result<ParsedFile, ReadError> {
    let mut records = Records::default();
    let mut line = Vec::new();
    let (mut number, mut length) = (0, 0);
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 || line.last() != Some(&b'\n') {
            break;
        }
        number += 1;
        let wrong = |problem: LineProblem| ReadError::Line { line: number, problem };
        match parse_record(&line, number)? {
            Record::Header(header) => records.add_header(*header).map_err(wrong)?,
            Record::Account(account) => {
                let counts = records.add_account(&account, number).map_err(wrong)?;
                take(AccountLine { account: *account, place: (length, line.len()), counts });
            }
            Record::Trailer(trailer) => records.add_trailer(trailer).map_err(wrong)?,
        }
        length += u64::try_from(line.len()).unwrap_or_default();
    }
    let Records { header, trailer, known, runs, .. } = records;
    Ok(ParsedFile { header: header.ok_or(ReadError::Empty)?, trailer, known, runs, length })
}

/// The record on a line, of the version that this Rolecall writes.
fn parse_record(line: &[u8], number: usize) -> Result<Record, ReadError> {
    match serde_json::from_slice::<Record>(line) {
        Ok(Record::Header(header)) if header.schema_version != SCHEMA_VERSION => {
            Err(ReadError::Version(header.schema_version))
        }
        Ok(record) => Ok(record),
        Err(error) => Err(match other_version(line) {
            Some(version) => ReadError::Version(version),
            None => ReadError::Line { line: number, problem: describe_error(line, &error) },
        }),
    }
}

/// What the records so far say, with which the next one must agree.
#[derive(Default)]
struct Records {
    header: Option<Header>,
    trailer: Option<Trailer>,
    known: AccountIndex,
    runs: Vec<Run>,
    /// The accounts of the last run, and on which line each stands.
    lines_of_run: BTreeMap<AccountId, usize>,
}

impl Records {
    /// Begins a run.
    fn add_header(&mut self, header: Header) -> Result<(), LineProblem> {
        let organization_id = |header: &Header| header.organization.as_ref().map(|it| it.id.clone());
        let before = self.header.as_ref();
        if before.is_some_and(|before| organization_id(before) != organization_id(&header)) {
            return Err(LineProblem::OtherOrganization);
        }
        let without_targets = Header { targets: Vec::new(), ..header.clone() };
        self.runs.push(Run { header: without_targets, statistics: None });
        self.header = Some(header);
        self.trailer = None;
        self.lines_of_run.clear();
        Ok(())
    }

    /// Adds an account, and tells whether its line counts.
    fn add_account(&mut self, account: &AccountRecord, line: usize) -> Result<bool, LineProblem> {
        account.check_against(self.run_header()?)?;
        let account_id = account.account_id();
        if let Some(first) = self.lines_of_run.insert(account_id.clone(), line) {
            return Err(LineProblem::Repeated { account_id: account_id.clone(), first });
        }
        Ok(self.known.add(account))
    }

    /// Ends a run, with counts that must be those of the lines.
    fn add_trailer(&mut self, trailer: Trailer) -> Result<(), LineProblem> {
        self.run_header()?;
        if trailer.counts != self.known.counts() {
            let (trailer, lines) = (Box::new(trailer.counts), Box::new(self.known.counts()));
            return Err(LineProblem::Counts { trailer, lines });
        }
        if let Some(run) = self.runs.last_mut() {
            run.statistics = Some(trailer.statistics.clone());
        }
        self.trailer = Some(trailer);
        Ok(())
    }

    /// The header of the run to which a record may be added.
    fn run_header(&self) -> Result<&Header, LineProblem> {
        let header = self.header.as_ref().ok_or(LineProblem::NoHeader)?;
        if self.trailer.is_some() { Err(LineProblem::BehindTrailer) } else { Ok(header) }
    }
}

/// The version of a header that another version of Rolecall wrote, whose fields may be others.
fn other_version(line: &[u8]) -> Option<u32> {
    #[derive(Deserialize)]
    struct Version {
        record: String,
        schema_version: u32,
    }
    let header: Version = serde_json::from_slice(line).ok()?;
    (header.record == "header" && header.schema_version != SCHEMA_VERSION).then_some(header.schema_version)
}

/// What is wrong with a line, without the line that it is within itself.
fn describe_error(line: &[u8], error: &serde_json::Error) -> LineProblem {
    if !line.starts_with(b"{") {
        return LineProblem::NoObject;
    }
    if line.trim_ascii() == b"{" {
        return LineProblem::OpenObject;
    }
    let text = error.to_string();
    let problem = text.rsplit_once(" at line ").map_or(text.as_str(), |(problem, _)| problem);
    LineProblem::Malformed(match error.column() {
        0 => problem.to_owned(),
        column => format!("column {column}: {problem}"),
    })
}

#[derive(Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
enum Record {
    Header(Box<Header>),
    Account(Box<AccountRecord>),
    Trailer(Trailer),
}

/// Why a roll file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file itself could not be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// There is not even a header.
    #[error("no roll: the file ends before its header does; take the roll again")]
    Empty,
    /// Another run adds to it.
    #[error("another run is adding to it; wait for that, or name another file")]
    Locked,
    /// Another version of Rolecall wrote it.
    #[error(
        "the roll has schema version {0}, this Rolecall reads version {SCHEMA_VERSION}; {remedy}",
        remedy = if *.0 > SCHEMA_VERSION { "use a newer one" } else { "take the roll again" }
    )]
    Version(u32),
    /// A line is not what it should be.
    #[error("line {line}: {problem}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        problem: LineProblem,
    },
}

/// What is wrong with a line of a roll file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineProblem {
    /// It is no JSON object.
    #[error("it is no record, which is a JSON object on a line of its own")]
    NoObject,
    /// A JSON object begins on it and does not end.
    #[error("a record is one line; the json document is another format, of which no roll can be read")]
    OpenObject,
    /// It is no record that Rolecall writes: what is wrong, and from which column on.
    #[error("{0}")]
    Malformed(String),
    /// There is no header before it.
    #[error("the first record is no header")]
    NoHeader,
    /// It adds to a run that has its trailer.
    #[error("there is a record behind the trailer")]
    BehindTrailer,
    /// A run that goes on with the file is of another organisation.
    #[error("this run is of another organisation than the one before it")]
    OtherOrganization,
    /// The run has a line of this account already.
    #[error("account {account_id} stands on line {first} already")]
    Repeated {
        /// The account.
        account_id: AccountId,
        /// Counted from 1.
        first: usize,
    },
    /// An account contradicts what was asked of it.
    #[error(transparent)]
    Account(#[from] Contradiction),
    /// The trailer contradicts the lines before it.
    #[error("the trailer counts {trailer}, the lines before it {lines}; a line was lost, or edited")]
    Counts {
        /// What the trailer says.
        trailer: Box<Counts>,
        /// What the lines add up to.
        lines: Box<Counts>,
    },
}
