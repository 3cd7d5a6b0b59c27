//! Reads the records of a roll file and checks them against each other.

use std::collections::BTreeMap;
use std::io::{self, BufRead};

use serde::Deserialize;

use super::counts::AccountCounts;
use super::{AccountIndex, Counts, Statistics, Trailer};
use crate::account::{AccountRecord, Contradiction};
use crate::header::{Header, SCHEMA_VERSION};
use crate::ids::AccountId;
use crate::parallel::map_in_order;

/// A run that wrote to a roll file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The header of the run. Its `targets` are empty, to save memory.
    pub header: Header,
    /// The duration and calls of the run; `None` where it was interrupted. Accounts in progress then have no line.
    pub statistics: Option<Statistics>,
}

/// An account's line, and where it is in the file.
pub(crate) struct AccountLine {
    pub(crate) account: AccountRecord,
    /// The byte offset and the length of the line.
    pub(crate) range: (u64, usize),
    /// Whether the line counts so far: no earlier line has more of the account.
    pub(crate) counts: bool,
}

/// Everything in a roll file except its accounts.
pub(crate) struct ParsedFile {
    /// The header of the last run.
    pub(crate) header: Header,
    /// The trailer of the last run; `None` where that run was interrupted.
    pub(crate) trailer: Option<Trailer>,
    /// The line that counts for each account.
    pub(crate) index: AccountIndex,
    /// All runs that wrote to the file.
    pub(crate) runs: Vec<Run>,
    /// The number of bytes up to the last newline.
    pub(crate) length: u64,
}

/// Reads the records of a roll file, and calls `on_account` with each account line.
pub(crate) fn read_records(
    input: impl BufRead,
    mut on_account: impl FnMut(AccountLine),
) -> Result<ParsedFile, ReadError> {
    let mut records = Records::default();
    for line in lines(input) {
        let Line { number, begin, bytes } = line?;
        let line_error = |problem: LineProblem| ReadError::Line { line: number, problem };
        match parse_record(&bytes, number)? {
            Record::Header(header) => records.add_header(*header).map_err(line_error)?,
            Record::Account(account) => {
                let check = |header: &Header| account.check_against(header);
                let counts = records
                    .add_account(account.account_id(), (&*account).into(), check, number)
                    .map_err(line_error)?;
                on_account(AccountLine { account: *account, range: (begin, bytes.len()), counts });
            }
            Record::Trailer(trailer) => records.add_trailer(trailer).map_err(line_error)?,
        }
        records.length = begin + bytes.len() as u64;
    }
    records.finish()
}

/// An account's line that was parsed and given away, and where it is in the file.
pub(crate) struct CheckedLine {
    pub(crate) account_id: AccountId,
    /// The byte offset and the length of the line.
    pub(crate) range: (u64, usize),
    /// Whether the account has gaps or notes.
    pub(crate) has_remarks: bool,
    counts: AccountCounts,
    /// What the line says against the header of its run.
    contradiction: Result<(), Contradiction>,
}

/// A line that was parsed on any of the cores.
enum ParsedLine {
    Header(Box<Header>),
    Account(Box<CheckedLine>),
    Trailer(Trailer),
}

/// Reads the records of a roll file of a single run, whose header is known, on all cores. Calls `on_account` with each account, in
/// any order and before the lines in front of it are checked, and `on_line` with each account line in the order of the file.
pub(crate) fn check_records(
    input: impl BufRead,
    header: &Header,
    on_account: impl Fn(&AccountRecord) + Sync,
    mut on_line: impl FnMut(CheckedLine),
) -> Result<ParsedFile, ReadError> {
    let parse = |line: io::Result<Line>| -> Result<(usize, u64, ParsedLine), ReadError> {
        let Line { number, begin, bytes } = line?;
        let end = begin + bytes.len() as u64;
        let parsed = match parse_record(&bytes, number)? {
            Record::Header(header) => ParsedLine::Header(header),
            Record::Trailer(trailer) => ParsedLine::Trailer(trailer),
            Record::Account(account) => {
                on_account(&account);
                ParsedLine::Account(Box::new(CheckedLine {
                    account_id: account.account_id().clone(),
                    range: (begin, bytes.len()),
                    has_remarks: account.has_remarks(),
                    counts: (&*account).into(),
                    contradiction: account.check_against(header),
                }))
            }
        };
        Ok((number, end, parsed))
    };
    let mut records = Records::default();
    map_in_order(lines(input), parse, |parsed| -> Result<(), ReadError> {
        let (number, end, parsed) = parsed?;
        match parsed {
            ParsedLine::Header(header) => records.add_header(*header),
            ParsedLine::Trailer(trailer) => records.add_trailer(trailer),
            ParsedLine::Account(line) => {
                let check = |_: &Header| line.contradiction.clone();
                let added = records.add_account(&line.account_id, line.counts, check, number);
                added.map(|_| on_line(*line))
            }
        }
        .map_err(|problem| ReadError::Line { line: number, problem })?;
        records.length = end;
        Ok(())
    })?;
    records.finish()
}

/// The headers of a roll file.
pub(crate) struct Headers {
    /// The header of the last run.
    pub(crate) last: Header,
    /// Whether no other run wrote to the file.
    pub(crate) is_only: bool,
    /// The number of bytes up to the last newline.
    pub(crate) length: u64,
}

impl Headers {
    /// Finds the headers without parsing the accounts; `None` where the file has no header. Nothing else is checked.
    pub(crate) fn find(input: impl BufRead) -> io::Result<Option<Self>> {
        let (mut last, mut count, mut length) = (None, 0, 0);
        for line in lines(input) {
            let Line { number, begin, bytes } = line?;
            length = begin + bytes.len() as u64;
            if !bytes.starts_with(ACCOUNT)
                && let Ok(Record::Header(header)) = parse_record(&bytes, number)
            {
                last = Some(*header);
                count += 1;
            }
        }
        Ok(last.map(|last| Self { last, is_only: count == 1, length }))
    }
}

/// A line of a roll file, and where it is.
struct Line {
    /// The line number, counted from 1.
    number: usize,
    /// The byte offset.
    begin: u64,
    /// With the newline.
    bytes: Vec<u8>,
}

/// The lines up to the last newline: a run that was interrupted may have written a part of a line after it.
fn lines(mut input: impl BufRead) -> impl Iterator<Item = io::Result<Line>> {
    let (mut number, mut end) = (0, 0);
    std::iter::from_fn(move || {
        let mut bytes = Vec::new();
        match input.read_until(b'\n', &mut bytes) {
            Err(error) => Some(Err(error)),
            Ok(_) if bytes.last() != Some(&b'\n') => None,
            Ok(length) => {
                number += 1;
                let begin = end;
                end += length as u64;
                Some(Ok(Line { number, begin, bytes }))
            }
        }
    })
}

/// The name of the field that says what a line is, and how the line of an account begins.
const RECORD: &[u8] = b"\"record\"";
const ACCOUNT: &[u8] = b"{\"record\":\"account\",";

/// Parses a line, if it has the schema version that this Rolecall writes.
fn parse_record(line: &[u8], number: usize) -> Result<Record, ReadError> {
    match record_kind(line).and_then(|kind| kind.parse(line)) {
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

/// What a line is a record of. A line is read once for its kind and then for its fields: an enum with a tag would first copy all
/// values of the line, and would not say in which column an error is.
fn record_kind(line: &[u8]) -> serde_json::Result<RecordKind> {
    #[derive(Deserialize)]
    struct KindOf {
        record: RecordKind,
    }
    // Nearly all lines are accounts, and begin so.
    match line.strip_prefix(ACCOUNT) {
        Some(fields) if memchr::memmem::find(fields, RECORD).is_none() => Ok(RecordKind::Account),
        _ => serde_json::from_slice(line).map(|line: KindOf| line.record),
    }
}

/// The records so far; the next record must not contradict them.
#[derive(Default)]
struct Records {
    header: Option<Header>,
    trailer: Option<Trailer>,
    index: AccountIndex,
    runs: Vec<Run>,
    /// The accounts of the last run, with their line numbers.
    run_lines: BTreeMap<AccountId, usize>,
    /// The number of bytes so far.
    length: u64,
}

impl Records {
    /// Begins a run.
    fn add_header(&mut self, header: Header) -> Result<(), LineProblem> {
        let organization_id = |header: &Header| header.organization.as_ref().map(|it| it.id.clone());
        let previous = self.header.as_ref();
        if previous.is_some_and(|previous| organization_id(previous) != organization_id(&header)) {
            return Err(LineProblem::OtherOrganization);
        }
        let without_targets = Header { targets: Vec::new(), ..header.clone() };
        self.runs.push(Run { header: without_targets, statistics: None });
        self.header = Some(header);
        self.trailer = None;
        self.run_lines.clear();
        Ok(())
    }

    /// Adds an account, which `check` compares with the header of its run. Returns whether its line counts.
    fn add_account(
        &mut self,
        account_id: &AccountId,
        counts: AccountCounts,
        check: impl FnOnce(&Header) -> Result<(), Contradiction>,
        line: usize,
    ) -> Result<bool, LineProblem> {
        check(self.run_header()?)?;
        if let Some(first) = self.run_lines.insert(account_id.clone(), line) {
            return Err(LineProblem::DuplicateAccount { account_id: account_id.clone(), first });
        }
        Ok(self.index.add(account_id, counts))
    }

    /// Ends a run. The counts of the trailer must equal the sums of the lines.
    fn add_trailer(&mut self, trailer: Trailer) -> Result<(), LineProblem> {
        self.run_header()?;
        if trailer.counts != self.index.counts() {
            let (trailer, lines) = (Box::new(trailer.counts), Box::new(self.index.counts()));
            return Err(LineProblem::Counts { trailer, lines });
        }
        if let Some(run) = self.runs.last_mut() {
            run.statistics = Some(trailer.statistics.clone());
        }
        self.trailer = Some(trailer);
        Ok(())
    }

    fn finish(self) -> Result<ParsedFile, ReadError> {
        let Self { header, trailer, index, runs, length, .. } = self;
        Ok(ParsedFile { header: header.ok_or(ReadError::Empty)?, trailer, index, runs, length })
    }

    /// The header of the current run, to which a record may be added.
    fn run_header(&self) -> Result<&Header, LineProblem> {
        let header = self.header.as_ref().ok_or(LineProblem::MissingHeader)?;
        if self.trailer.is_some() { Err(LineProblem::AfterTrailer) } else { Ok(header) }
    }
}

/// The schema version of a header, if it is another one. Such a header may have other fields, so only these two are read.
fn other_version(line: &[u8]) -> Option<u32> {
    #[derive(Deserialize)]
    struct Version {
        record: String,
        schema_version: u32,
    }
    let header: Version = serde_json::from_slice(line).ok()?;
    (header.record == "header" && header.schema_version != SCHEMA_VERSION).then_some(header.schema_version)
}

/// What is wrong with a line. Serde's message ends with a line number within the line itself, always 1; it is cut off.
fn describe_error(line: &[u8], error: &serde_json::Error) -> LineProblem {
    if !line.starts_with(b"{") {
        return LineProblem::NotAnObject;
    }
    if line.trim_ascii() == b"{" {
        return LineProblem::UnclosedObject;
    }
    // The line has its line break, which ends the text of a record that was cut.
    if error.is_eof() || (error.is_syntax() && error.column() >= line.trim_ascii_end().len()) {
        return LineProblem::Cut;
    }
    let text = error.to_string();
    let problem = text.rsplit_once(" at line ").map_or(text.as_str(), |(problem, _)| problem);
    LineProblem::Malformed(match error.column() {
        0 => problem.to_owned(),
        column => format!("column {column}: {problem}"),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum RecordKind {
    Header,
    Account,
    Trailer,
}

impl RecordKind {
    fn parse(&self, line: &[u8]) -> serde_json::Result<Record> {
        Ok(match self {
            Self::Header => Record::Header(serde_json::from_slice(line)?),
            Self::Account => Record::Account(serde_json::from_slice(line)?),
            Self::Trailer => Record::Trailer(serde_json::from_slice(line)?),
        })
    }
}

enum Record {
    Header(Box<Header>),
    Account(Box<AccountRecord>),
    Trailer(Trailer),
}

/// Why a roll file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file could not be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file is empty, or ends within its first line.
    #[error("not a roll file: it ends before the end of its header")]
    Empty,
    /// Another run holds the lock of the file.
    #[error("another run is writing to this file; wait until it has finished, or use another file")]
    Locked,
    /// Another version of Rolecall wrote the file.
    #[error(
        "the roll has schema version {0}, but this Rolecall reads version {SCHEMA_VERSION}; {remedy}",
        remedy = if *.0 > SCHEMA_VERSION { "use a newer Rolecall" } else { "scan again" }
    )]
    Version(u32),
    /// A line is not a valid record.
    #[error("line {line}: {problem}")]
    Line {
        /// The line number, counted from 1.
        line: usize,
        /// What is wrong with the line.
        problem: LineProblem,
    },
}

/// What is wrong with a line of a roll file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineProblem {
    /// The line does not begin with `{`.
    #[error("not a record; a record is a JSON object on one line")]
    NotAnObject,
    /// The line has only `{`, as in an indented JSON document.
    #[error("a record is on one line; this looks like a json document, from which a roll cannot be read")]
    UnclosedObject,
    /// The line ends within a record.
    #[error("the line ends within a record: a part of it is missing")]
    Cut,
    /// The line is not a record that Rolecall writes. The text says what is wrong, and at which column.
    #[error("{0}")]
    Malformed(String),
    /// No header comes before the record.
    #[error("the first record is not a header")]
    MissingHeader,
    /// The run already has its trailer, which is its last record.
    #[error("there is a record after the trailer")]
    AfterTrailer,
    /// The run reads another organization than the previous run in the file.
    #[error("this run reads another organization than the run before it")]
    OtherOrganization,
    /// The run already has a line for this account.
    #[error("account {account_id} is already on line {first}")]
    DuplicateAccount {
        /// The account that has two lines.
        account_id: AccountId,
        /// The number of the first line, counted from 1.
        first: usize,
    },
    /// The account's line contradicts itself or the header.
    #[error(transparent)]
    Account(#[from] Contradiction),
    /// The trailer contradicts the lines before it.
    #[error("the trailer counts {trailer}, but the lines before it have {lines}; a line was lost or edited")]
    Counts {
        /// The counts in the trailer.
        trailer: Box<Counts>,
        /// The sums of the lines.
        lines: Box<Counts>,
    },
}
