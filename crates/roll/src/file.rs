//! The roll file: JSON lines, one record a line. A header, then one account a line in order of completion, then a
//! trailer. `schema/roll.schema.json` describes each record.
//!
//! A line counts once its newline is there, so a file that was cut at any byte reads as the accounts that were whole.
//!
//! A run that goes on with a file adds a header, the accounts that it asked again, and a trailer. Of two lines of one
//! account the later counts, unless the earlier one holds more.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::account::{AccountRoll, Outcome};
use crate::header::{Header, SCHEMA_VERSION};
use crate::ids::{AccountId, RoleArn};
use crate::json;

/// The last record: the run came to its end, with these counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trailer {
    /// What the lines before it add up to.
    pub counts: Counts,
    /// What the run took.
    pub statistics: Statistics,
}

/// What the lines of a roll add up to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Accounts in the roll.
    pub accounts: usize,
    /// Accounts that were read whole.
    pub complete: usize,
    /// Accounts that were read in part.
    pub partial: usize,
    /// Accounts of which nothing was read.
    pub failed: usize,
    /// Accounts that were not asked, for a reason that their lines tell.
    #[serde(default)]
    pub skipped: usize,
    /// Users that were read.
    pub users: usize,
    /// Access keys that were read.
    pub access_keys: usize,
}

impl Counts {
    /// Adds an account.
    pub fn add(&mut self, account: &AccountRoll) {
        let (users, access_keys) = account.count();
        self.plus(Share { as_of: account.as_of(), outcome: account.outcome(), users, access_keys });
    }

    fn plus(&mut self, share: Share) {
        self.accounts += 1;
        self.users += share.users;
        self.access_keys += share.access_keys;
        *self.of(share.outcome) += 1;
    }

    fn minus(&mut self, share: Share) {
        self.accounts -= 1;
        self.users -= share.users;
        self.access_keys -= share.access_keys;
        *self.of(share.outcome) -= 1;
    }

    fn of(&mut self, outcome: Outcome) -> &mut usize {
        match outcome {
            Outcome::Complete => &mut self.complete,
            Outcome::Partial => &mut self.partial,
            Outcome::Failed => &mut self.failed,
            Outcome::Skipped => &mut self.skipped,
        }
    }

    /// Whether every account that was asked was read whole.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete + self.skipped == self.accounts
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { accounts, complete, partial, failed, skipped, users, access_keys } = self;
        write!(
            f,
            "{accounts} accounts ({complete} complete, {partial} partial, {failed} failed, {skipped} skipped), \
             {users} users and {access_keys} keys"
        )
    }
}

/// What one account adds to the counts.
#[derive(Debug, Clone, Copy)]
struct Share {
    as_of: Option<Timestamp>,
    outcome: Outcome,
    users: usize,
    access_keys: usize,
}

impl<'a> FromIterator<&'a AccountRoll> for Counts {
    fn from_iter<I: IntoIterator<Item = &'a AccountRoll>>(accounts: I) -> Self {
        let mut counts = Self::default();
        for account in accounts {
            counts.add(account);
        }
        counts
    }
}

/// What a run took. It differs from run to run over the same world.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statistics {
    /// Wall-clock time of the run, in milliseconds.
    pub elapsed_ms: u64,
    /// The calls that were made, by operation.
    #[serde(default)]
    pub calls: BTreeMap<String, Calls>,
    /// The sessions of roles on the way to the accounts' roles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hops: Vec<Hop>,
}

/// A session of a role on the way to the accounts' roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    /// The role.
    pub role_arn: RoleArn,
    /// The id by which CloudTrail knows the call that gave it.
    pub request_id: Option<String>,
}

/// How often an operation was called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    /// Attempts, the first of each call and all after it.
    pub attempts: u64,
    /// Attempts that AWS throttled.
    pub throttled: u64,
    /// Attempts after the first.
    pub retries: u64,
}

#[derive(Serialize)]
#[serde(tag = "record", rename_all = "snake_case")]
enum RecordRef<'a> {
    Header(&'a Header),
    Account(&'a AccountRoll),
    Trailer(&'a Trailer),
}

#[derive(Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
enum Record {
    Header(Box<Header>),
    Account(Box<AccountRoll>),
    Trailer(Trailer),
}

/// Writes a roll file, a whole line at a time.
#[derive(Debug)]
pub struct RollWriter<W> {
    out: W,
    known: Known,
}

impl<W: Write> RollWriter<W> {
    /// Begins a roll file.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn new(out: W, header: &Header) -> io::Result<Self> {
        Self::go_on(out, Known::default(), header)
    }

    /// Goes on with a roll file that holds what is known.
    pub(crate) fn go_on(out: W, known: Known, header: &Header) -> io::Result<Self> {
        let mut writer = Self { out, known };
        writer.line(&RecordRef::Header(header))?;
        Ok(writer)
    }

    /// Adds an account, and tells how long its line is, and whether it counts.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn account(&mut self, account: &AccountRoll) -> io::Result<(usize, bool)> {
        let length = self.line(&RecordRef::Account(account))?;
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
    pub fn counts(&self) -> Counts {
        self.known.counts
    }

    /// Ends the file, and gives `out` back.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn finish(mut self, statistics: Statistics) -> io::Result<W> {
        self.line(&RecordRef::Trailer(&Trailer { counts: self.known.counts, statistics }))?;
        Ok(self.out)
    }

    fn line(&mut self, record: &RecordRef<'_>) -> io::Result<usize> {
        let mut line = Vec::new();
        json::to_writer(&mut line, record)?;
        line.push(b'\n');
        self.out.write_all(&line)?;
        self.out.flush()?;
        Ok(line.len())
    }
}

/// What the lines so far say, as far as the next one needs to be held against it.
#[derive(Debug, Default)]
pub(crate) struct Known {
    shares: BTreeMap<AccountId, Share>,
    counts: Counts,
}

impl Known {
    /// Takes note of an account, unless more of it was read before; tells whether it counts.
    fn add(&mut self, account: &AccountRoll) -> bool {
        let (users, access_keys) = account.count();
        let share = Share { as_of: account.as_of(), outcome: account.outcome(), users, access_keys };
        let rank = |outcome| match outcome {
            Outcome::Complete => 2,
            Outcome::Partial => 1,
            Outcome::Failed | Outcome::Skipped => 0,
        };
        if let Some(earlier) = self.shares.get(account.account_id()) {
            if rank(earlier.outcome) > rank(share.outcome) {
                return false;
            }
            self.counts.minus(*earlier);
        }
        self.counts.plus(share);
        self.shares.insert(account.account_id().clone(), share);
        true
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// The moment of the earliest run whose lines count.
    pub(crate) fn as_of(&self) -> Option<Timestamp> {
        self.shares.values().filter_map(|share| share.as_of).min()
    }

    /// Whether an account need not be asked again.
    pub(crate) fn is_done(&self, account_id: &AccountId) -> bool {
        let outcome = self.shares.get(account_id).map(|share| share.outcome);
        matches!(outcome, Some(Outcome::Complete | Outcome::Skipped))
    }
}

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
                if found.counts != known.counts {
                    return Err(wrong(format!(
                        "the trailer counts {}, the lines before it {}; a line was lost, or edited",
                        found.counts, known.counts
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

/// A roll, whole or cut short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roll {
    /// Who asked whom, and when; of several runs, the last.
    pub header: Header,
    /// The accounts, each once.
    pub accounts: Vec<AccountRoll>,
    /// The end of the run; `None` where the file was cut before it.
    pub trailer: Option<Trailer>,
}

impl Roll {
    /// A roll whose run came to its end.
    #[must_use]
    pub fn new(header: Header, accounts: Vec<AccountRoll>, statistics: Statistics) -> Self {
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
        let mut accounts: Vec<AccountRoll> = Vec::new();
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
