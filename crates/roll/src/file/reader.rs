//! Reads a roll file.

use std::collections::BTreeMap;
use std::io::{self, BufRead};

use serde::Deserialize;

use super::{Known, Statistics, Trailer};
use crate::account::AccountRoll;
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
    pub(crate) account: AccountRoll,
    /// Where it begins, and how long it is.
    pub(crate) place: (u64, usize),
    /// Whether it counts: none does before or behind which more was read.
    pub(crate) counts: bool,
}

/// What a roll file says besides its accounts.
pub(crate) struct Frame {
    /// The last header.
    pub(crate) header: Header,
    /// The last trailer, if nothing came behind it.
    pub(crate) trailer: Option<Trailer>,
    /// The lines together.
    pub(crate) known: Known,
    /// All runs that added to it.
    pub(crate) runs: Vec<Run>,
    /// How many bytes of whole lines there are.
    pub(crate) length: u64,
}

/// Reads the records of a roll file, and gives `take` each line of an account.
pub(crate) fn read_records(
    mut input: impl BufRead,
    mut take: impl FnMut(AccountLine),
) -> Result<Frame, ReadError> {
    let mut header: Option<Header> = None;
    let mut runs: Vec<Run> = Vec::new();
    let mut trailer: Option<Trailer> = None;
    let mut known = Known::default();
    let mut lines_of_run: BTreeMap<AccountId, usize> = BTreeMap::new();
    let mut line = Vec::new();
    let (mut number, mut length) = (0, 0);
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 || line.last() != Some(&b'\n') {
            break;
        }
        number += 1;
        let wrong = |problem: String| ReadError::Line { line: number, problem };
        match (serde_json::from_slice::<Record>(&line), &header) {
            (Err(e), _) => match other_version(&line) {
                Some(version) => return Err(ReadError::Version(version)),
                None => return Err(wrong(what_is_wrong(&line, &e))),
            },
            (Ok(Record::Header(found)), _) => {
                if found.schema_version != SCHEMA_VERSION {
                    return Err(ReadError::Version(found.schema_version));
                }
                let id = |header: &Header| header.organization.as_ref().map(|it| it.id.clone());
                if header.as_ref().is_some_and(|before| id(before) != id(&found)) {
                    return Err(wrong("this run is of another organisation than the one before it".into()));
                }
                runs.push(Run {
                    header: Header { targets: Vec::new(), ..(*found).clone() },
                    statistics: None,
                });
                header = Some(*found);
                trailer = None;
                lines_of_run.clear();
            }
            (Ok(_), None) => return Err(wrong("the first record is no header".into())),
            (Ok(_), Some(_)) if trailer.is_some() => {
                return Err(wrong("there is a record behind the trailer".into()));
            }
            (Ok(Record::Account(account)), Some(header)) => {
                account.holds(header).map_err(wrong)?;
                let account_id = account.account_id();
                if let Some(first) = lines_of_run.insert(account_id.clone(), number) {
                    return Err(wrong(format!("account {account_id} stands on line {first} already")));
                }
                let counts = known.add(&account);
                take(AccountLine { account: *account, place: (length, line.len()), counts });
            }
            (Ok(Record::Trailer(found)), Some(_)) => {
                if found.counts != known.counts() {
                    return Err(wrong(format!(
                        "the trailer counts {}, the lines before it {}; a line was lost, or edited",
                        found.counts,
                        known.counts()
                    )));
                }
                if let Some(run) = runs.last_mut() {
                    run.statistics = Some(found.statistics.clone());
                }
                trailer = Some(found);
            }
        }
        length += u64::try_from(line.len()).unwrap_or_default();
    }
    let header = header.ok_or(ReadError::Empty)?;
    Ok(Frame { header, trailer, known, runs, length })
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
fn what_is_wrong(line: &[u8], error: &serde_json::Error) -> String {
    if !line.starts_with(b"{") {
        return "it is no record, which is a JSON object on a line of its own".to_owned();
    }
    if line.trim_ascii() == b"{" {
        return "a record is one line; the json document is another format, of which no roll can be read"
            .to_owned();
    }
    let text = error.to_string();
    let problem = text.rsplit_once(" at line ").map_or(text.as_str(), |(problem, _)| problem);
    match error.column() {
        0 => problem.to_owned(),
        column => format!("column {column}: {problem}"),
    }
}

#[derive(Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
enum Record {
    Header(Box<Header>),
    Account(Box<AccountRoll>),
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
        problem: String,
    },
}
