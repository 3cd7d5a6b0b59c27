//! The roll file: JSON lines, one record a line. A header, then one account a line in order of completion, then a
//! trailer. `schema/roll.schema.json` describes each record.
//!
//! A line counts once its newline is there, so a file that was cut at any byte reads as the accounts that were whole.

use std::collections::HashMap;
use std::io::{self, BufRead, Write};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::account::{AccountRoll, Outcome};
use crate::ids::{AccountId, RoleArn, RunId};

/// The version of the format that this crate writes, and the newest that it reads.
pub const SCHEMA_VERSION: u32 = 1;

/// The first record: who asked whom, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the format: [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The version of Rolecall that wrote it.
    pub rolecall_version: String,
    /// The id of the run.
    pub run_id: RunId,
    /// The moment that the run stands for; ages are counted to it.
    pub as_of: Timestamp,
    /// Who asked; `None` where AWS would not say.
    pub caller: Option<Caller>,
    /// Who was asked, sorted.
    pub targets: Vec<Target>,
}

impl Header {
    /// A header of the present format and version. Targets come out sorted.
    #[must_use]
    pub fn new(run_id: RunId, as_of: Timestamp, caller: Option<Caller>, mut targets: Vec<Target>) -> Self {
        targets.sort();
        let rolecall_version = env!("CARGO_PKG_VERSION").to_owned();
        Self { schema_version: SCHEMA_VERSION, rolecall_version, run_id, as_of, caller, targets }
    }
}

/// The identity that asked, as `sts:GetCallerIdentity` gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// The caller's account.
    pub account_id: AccountId,
    /// The caller's ARN; for a role, that of its session.
    pub arn: String,
}

/// An account that was asked for, through one role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The account.
    pub account_id: AccountId,
    /// The role to become in it.
    pub role_arn: RoleArn,
}

impl From<RoleArn> for Target {
    fn from(role_arn: RoleArn) -> Self {
        Self { account_id: role_arn.account_id().clone(), role_arn }
    }
}

/// The last record: the run came to its end, with these counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Users that were read.
    pub users: usize,
    /// Access keys that were read.
    pub access_keys: usize,
}

impl Counts {
    /// Adds an account.
    pub fn add(&mut self, account: &AccountRoll) {
        let (users, access_keys) = account.count();
        self.accounts += 1;
        self.users += users;
        self.access_keys += access_keys;
        match account.outcome() {
            Outcome::Complete => self.complete += 1,
            Outcome::Partial => self.partial += 1,
            Outcome::Failed => self.failed += 1,
        }
    }

    /// Whether every account was read whole.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete == self.accounts
    }
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statistics {
    /// Wall-clock time of the run, in milliseconds.
    pub elapsed_ms: u64,
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
    Header(Header),
    Account(AccountRoll),
    Trailer(Trailer),
}

/// Writes a roll file, a whole line at a time.
#[derive(Debug)]
pub struct RollWriter<W> {
    out: W,
    counts: Counts,
}

impl<W: Write> RollWriter<W> {
    /// Begins a roll file.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn new(out: W, header: &Header) -> io::Result<Self> {
        let mut writer = Self { out, counts: Counts::default() };
        writer.line(&RecordRef::Header(header))?;
        Ok(writer)
    }

    /// Adds an account.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn account(&mut self, account: &AccountRoll) -> io::Result<()> {
        self.line(&RecordRef::Account(account))?;
        self.counts.add(account);
        Ok(())
    }

    /// Ends the file, and gives `out` back.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn finish(mut self, statistics: Statistics) -> io::Result<W> {
        self.line(&RecordRef::Trailer(&Trailer { counts: self.counts, statistics }))?;
        Ok(self.out)
    }

    fn line(&mut self, record: &RecordRef<'_>) -> io::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        self.out.write_all(&line)?;
        self.out.flush()
    }
}

/// A roll, whole or cut short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roll {
    /// Who asked whom, and when.
    pub header: Header,
    /// The accounts, in order of completion.
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
    pub fn read(mut input: impl BufRead) -> Result<Self, ReadError> {
        let mut header = None;
        let mut accounts: Vec<AccountRoll> = Vec::new();
        let mut line_of: HashMap<RoleArn, usize> = HashMap::new();
        let mut counts = Counts::default();
        let mut trailer = None;
        let mut line = Vec::new();
        let mut number = 0;
        loop {
            line.clear();
            if input.read_until(b'\n', &mut line)? == 0 || line.last() != Some(&b'\n') {
                break;
            }
            number += 1;
            let wrong = |problem: String| ReadError::Line { line: number, problem };
            if trailer.is_some() {
                return Err(wrong("there is a record behind the trailer".into()));
            }
            match (serde_json::from_slice::<Record>(&line), &header) {
                (Err(e), _) => return Err(wrong(e.to_string())),
                (Ok(Record::Header(found)), None) => {
                    if found.schema_version > SCHEMA_VERSION {
                        return Err(ReadError::Newer(found.schema_version));
                    }
                    header = Some(found);
                }
                (Ok(_), None) => return Err(wrong("the first record is no header".into())),
                (Ok(Record::Header(_)), Some(_)) => return Err(wrong("there is a second header".into())),
                (Ok(Record::Account(account)), Some(_)) => {
                    if let Some(first) = line_of.insert(account.role_arn().clone(), number) {
                        let role_arn = account.role_arn();
                        return Err(wrong(format!("{role_arn} stands on line {first} already")));
                    }
                    counts.add(&account);
                    accounts.push(account);
                }
                (Ok(Record::Trailer(found)), Some(_)) => {
                    if found.counts != counts {
                        return Err(wrong(format!(
                            "the trailer counts {:?}, the lines before it {counts:?}",
                            found.counts
                        )));
                    }
                    trailer = Some(found);
                }
            }
        }
        let header = header.ok_or(ReadError::Empty)?;
        Ok(Self { header, accounts, trailer })
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
    /// A newer Rolecall wrote it.
    #[error("the roll has schema version {0}, this Rolecall reads up to {SCHEMA_VERSION}; use a newer one")]
    Newer(u32),
    /// A line is not what it should be.
    #[error("line {line}: {problem}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
}
