//! Writing an evidence bundle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rolecall_roll::{Account, AccountId, Organization, Outcome, RollFile, json};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{HashingWriter, SUMS_FILE};
use crate::report::FindingLimit;
use crate::{Report, Settings, render};

/// What a bundle is made from.
#[derive(Debug)]
pub struct BundleContents<'a> {
    /// The roll, parsed.
    pub roll: &'a RollFile,
    /// The path of the file that the roll was read from; the bundle contains an exact copy.
    pub roll_file: &'a Path,
    /// The settings under which the rules are evaluated.
    pub settings: &'a Settings,
    /// The text of the configuration file without its secrets; `None` where there is no configuration file.
    pub configuration: Option<&'a str>,
    /// The Rolecall program that writes the bundle.
    pub program: Program<'a>,
}

/// The identity of the program that writes a bundle.
#[derive(Debug, Clone)]
pub struct Program<'a> {
    /// The version of Rolecall.
    pub version: &'a str,
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

/// Writes a bundle into a new directory, completely or not at all. Returns the number of files without [`SUMS_FILE`].
///
/// # Errors
/// See [`WriteError`].
pub fn write(folder: &Path, contents: &BundleContents<'_>) -> Result<usize, WriteError> {
    if folder.symlink_metadata().is_ok() {
        return Err(WriteError::Exists);
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Only the owner can read it, and the files in it: a bundle names users and keys.
    let private = Permissions::from_mode(0o700);
    let unfinished = tempfile::Builder::new().prefix(".rolecall-").permissions(private).tempdir_in(parent);
    let unfinished = unfinished.map_err(WriteError::Parent)?;
    let file_count = write_files(unfinished.path(), contents)?;
    fs::rename(unfinished.path(), folder)?;
    // The directory was renamed, so there is nothing to delete.
    let _ = unfinished.keep();
    Ok(file_count)
}

fn write_files(folder: &Path, contents: &BundleContents<'_>) -> io::Result<usize> {
    let BundleContents { roll, roll_file, settings, configuration, program } = contents;
    let report = Report::from_file(roll, settings, FindingLimit::All)?;
    let mut sums: BTreeMap<String, String> = BTreeMap::new();
    let mut write_file =
        |name: &str, write: &mut dyn FnMut(&mut Output) -> io::Result<()>| -> io::Result<()> {
            let inner = create(&folder.join(name))?;
            let mut file = BufWriter::new(HashingWriter { inner, sum: Sha256::new() });
            write(&mut file)?;
            let (file, sum) = file.into_inner().map_err(io::IntoInnerError::into_error)?.finish();
            file.sync_all()?;
            sums.insert(name.to_owned(), sum);
            Ok(())
        };
    write_file("roll.jsonl", &mut |out| io::copy(&mut File::open(roll_file)?, out).map(|_| ()))?;
    write_file("accounts.json", &mut |out| write_json(out, &Accounts::from_roll(roll)?))?;
    write_file("coverage.json", &mut |out| write_json(out, &report.coverage))?;
    write_file("rules.json", &mut |out| {
        let rules = json!({
            "benchmark": report.benchmark, "rules": report.assessment.rules, "unknown": report.assessment.unknown,
        });
        write_json(out, &rules)
    })?;
    write_file("exceptions.json", &mut |out| {
        let exceptions = json!({
            "exceptions": report.assessment.exceptions, "accepted_gaps": roll.header.accepted_gaps,
        });
        write_json(out, &exceptions)
    })?;
    write_file("requests.json", &mut |out| write_json(out, &requests(roll)?))?;
    write_file("rolecall.json", &mut |out| write_json(out, &origin(roll, program)))?;
    if let Some(text) = configuration {
        write_file("rolecall.toml", &mut |out| out.write_all(text.as_bytes()))?;
    }
    write_file("report.json", &mut |out| render::json::render(out, roll, &report.coverage, Some(&report)))?;
    write_file("report.html", &mut |out| render::html::render(out, roll, &report))?;
    write_file("findings.csv", &mut |out| render::csv::render(out, roll, &report))?;
    let lines: String = sums.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect();
    let mut file = create(&folder.join(SUMS_FILE))?;
    file.write_all(lines.as_bytes())?;
    file.sync_all()?;
    Ok(sums.len())
}

/// Creates a file that only its owner can read.
fn create(path: &Path) -> io::Result<File> {
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

/// A file of the bundle while it is written, with its checksum.
type Output = BufWriter<HashingWriter<File>>;

fn write_json(out: &mut Output, value: &impl Serialize) -> io::Result<()> {
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
fn origin(roll: &RollFile, program: &Program<'_>) -> serde_json::Value {
    json!({
        "version": program.version,
        "sha256": program.sha256,
        "run_id": roll.header.run_id,
        "as_of": roll.header.as_of,
        "roll_by_version": roll.header.rolecall_version,
    })
}
