//! Writing an evidence bundle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rolecall_roll::{Account, AccountId, Organization, Outcome, RollFile, json};
use serde::Serialize;
use serde_json::json;

use super::{HashingWriter, REQUIRED_FILES, SUMS_FILE, write_sum};
use crate::report::FindingLimit;
use crate::{Report, Settings, render};

/// A bundle that is ready to be written, file by file.
#[derive(Debug)]
pub struct Bundle {
    /// The roll; the bundle has an exact copy of its file.
    pub roll: RollFile,
    /// The report of the roll.
    pub report: Report,
    configuration: Option<String>,
    program: Program,
}

/// The identity of the program that writes a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The version of Rolecall.
    pub version: String,
    /// The SHA-256 checksum of its executable, in hexadecimal digits.
    pub sha256: String,
}

/// Why no bundle was written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The destination exists. A bundle is never overwritten.
    #[error("already exists")]
    Exists,
    /// The parent directory of the bundle cannot be written to.
    #[error("{0}")]
    Parent(io::Error),
    /// A file of the roll or of the bundle could not be read or written.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl Bundle {
    /// Evaluates the rules over a roll, with these settings. `configuration` is the text of the configuration file without its
    /// secrets; `None` where there is none.
    ///
    /// # Errors
    /// Where the roll cannot be read.
    pub fn new(
        roll: RollFile,
        settings: &Settings,
        configuration: Option<String>,
        program: Program,
    ) -> io::Result<Self> {
        let report = Report::from_file(&roll, settings, FindingLimit::All)?;
        Ok(Self { roll, report, configuration, program })
    }

    /// The names of the files, without [`SUMS_FILE`].
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        let configuration = self.configuration.is_some().then_some(CONFIGURATION);
        REQUIRED_FILES.into_iter().chain(configuration).collect()
    }

    /// Writes the file of this name.
    ///
    /// # Errors
    /// Where the roll cannot be read, `out` cannot be written, or the bundle has no such file.
    pub fn write_file(&self, name: &str, mut out: &mut dyn Write) -> io::Result<()> {
        let Self { roll, report, configuration, program } = self;
        let out = &mut out;
        match name {
            "roll.jsonl" => roll.copy_to(out),
            "accounts.json" => write_json(out, &Accounts::from_roll(roll)?),
            "coverage.json" => write_json(out, &report.coverage),
            "rules.json" => {
                let rules = json!({
                    "benchmark": report.benchmark,
                    "rules": report.assessment.rules,
                    "unknown": report.assessment.unknown,
                });
                write_json(out, &rules)
            }
            "exceptions.json" => {
                let exceptions = json!({
                    "exceptions": report.assessment.exceptions, "accepted_gaps": roll.header.accepted_gaps,
                });
                write_json(out, &exceptions)
            }
            "requests.json" => write_json(out, &requests(roll)?),
            "rolecall.json" => write_json(out, &origin(roll, program)),
            "report.json" => render::json::render(out, roll, &report.coverage, Some(report)),
            "report.html" => render::html::render(out, roll, report),
            "findings.csv" => render::csv::render(out, roll, report),
            CONFIGURATION => out.write_all(configuration.as_deref().unwrap_or_default().as_bytes()),
            other => Err(io::Error::new(io::ErrorKind::NotFound, format!("a bundle has no file {other}"))),
        }
    }

    /// Writes the bundle into a new directory, completely or not at all. Returns the number of files without [`SUMS_FILE`].
    ///
    /// # Errors
    /// See [`WriteError`].
    pub fn write(&self, folder: &Path) -> Result<usize, WriteError> {
        if folder.symlink_metadata().is_ok() {
            return Err(WriteError::Exists);
        }
        let parent =
            folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Only the owner can read it, and the files in it: a bundle names users and keys.
        let private = Permissions::from_mode(0o700);
        let unfinished =
            tempfile::Builder::new().prefix(".rolecall-").permissions(private).tempdir_in(parent);
        let unfinished = unfinished.map_err(WriteError::Parent)?;
        let file_count = self.write_files(unfinished.path())?;
        fs::rename(unfinished.path(), folder)?;
        // The directory was renamed, so there is nothing to delete.
        let _ = unfinished.keep();
        Ok(file_count)
    }

    fn write_files(&self, folder: &Path) -> io::Result<usize> {
        let mut sums: BTreeMap<&str, String> = BTreeMap::new();
        for name in self.names() {
            let inner = create(&folder.join(name))?;
            let mut file = BufWriter::new(HashingWriter::new(inner));
            self.write_file(name, &mut file)?;
            let (file, sum) = file.into_inner().map_err(io::IntoInnerError::into_error)?.finish();
            file.sync_all()?;
            sums.insert(name, sum);
        }
        let mut file = create(&folder.join(SUMS_FILE))?;
        sums.iter().try_for_each(|(name, sum)| write_sum(&mut file, name, sum))?;
        file.sync_all()?;
        Ok(sums.len())
    }
}

/// The configuration file, which a bundle only has if it was made with one.
const CONFIGURATION: &str = "rolecall.toml";

/// Creates a file that only its owner can read.
fn create(path: &Path) -> io::Result<File> {
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

fn write_json(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    json::to_writer_pretty(&mut *out, value)?;
    out.write_all(b"\n")
}

/// The accounts as AWS Organizations returned them, or as the targets list them.
#[derive(Serialize)]
struct Accounts {
    organization: Option<Organization>,
    accounts: Vec<ListedAccount>,
}

#[derive(Serialize)]
struct ListedAccount {
    account_id: AccountId,
    #[serde(flatten)]
    account: Account,
    outcome: Option<Outcome>,
    skipped: Option<String>,
}

impl Accounts {
    fn from_roll(roll: &RollFile) -> io::Result<Self> {
        let mut accounts = Vec::new();
        let mut recorded = BTreeSet::new();
        for account in roll.accounts() {
            let account = account?;
            recorded.insert(account.account_id().clone());
            accounts.push(ListedAccount {
                account_id: account.account_id().clone(),
                account: account.account().cloned().unwrap_or_default(),
                outcome: Some(account.outcome()),
                skipped: account.why_skipped().map(str::to_owned),
            });
        }
        let missing = roll.header.targets.iter().filter(|target| !recorded.contains(&target.account_id));
        accounts.extend(missing.map(|target| ListedAccount {
            account_id: target.account_id.clone(),
            account: Account::default(),
            outcome: None,
            skipped: None,
        }));
        Ok(Self { organization: roll.header.organization.clone(), accounts })
    }
}

/// The AWS request ids of the `AssumeRole` calls and of the failed calls, by which CloudTrail and AWS Support find them.
fn requests(roll: &RollFile) -> io::Result<serde_json::Value> {
    let mut accounts = Vec::new();
    // A record that a later run replaced has request ids too.
    let read = roll.history(|account| {
        let failed: Vec<_> = account
            .gaps()
            .iter()
            .filter(|gap| gap.request_id.is_some())
            .map(|gap| json!({"operation": gap.operation, "code": gap.code, "request_id": gap.request_id}))
            .collect();
        let record = json!({
            "account_id": account.account_id(), "sessions": account.sessions(), "failed": failed,
        });
        accounts.push((account.account_id().clone(), record));
    });
    read.map_err(io::Error::other)?;
    accounts.sort_by(|(one, _), (other, _)| one.cmp(other));
    let accounts: Vec<_> = accounts.into_iter().map(|(_, record)| record).collect();
    let sessions = roll.statistics.as_ref().map(|statistics| &statistics.intermediate_sessions);
    Ok(
        json!({"session_name": roll.header.session_name, "accounts": accounts, "intermediate_sessions": sessions}),
    )
}

/// The program that writes the bundle, and the run that the roll is from.
fn origin(roll: &RollFile, program: &Program) -> serde_json::Value {
    json!({
        "version": program.version,
        "sha256": program.sha256,
        "run_id": roll.header.run_id,
        "as_of": roll.header.as_of,
        "roll_by_version": roll.header.rolecall_version,
    })
}
