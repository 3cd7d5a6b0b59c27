//! Writing a bundle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rolecall_roll::{Account, AccountId, Organization, Outcome, RollFile, json};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{HashingWriter, SUMS_FILE};
use crate::report::FindingLimit;
use crate::{Report, Settings, render};

/// What a bundle is made of.
#[derive(Debug)]
pub struct BundleContents<'a> {
    /// The roll.
    pub stored: &'a RollFile,
    /// The file that the roll was read from, which is copied byte by byte.
    pub roll_file: &'a Path,
    /// How the roll is judged.
    pub settings: &'a Settings,
    /// The text of the configuration, its secrets left out; `None` where there is none.
    pub configuration: Option<&'a str>,
    /// The program that makes the bundle.
    pub program: Program<'a>,
}

/// Which program makes a bundle.
#[derive(Debug, Clone)]
pub struct Program<'a> {
    /// Its version.
    pub version: &'a str,
    /// The SHA-256 checksum of its executable, in hexadecimal digits.
    pub sha256: String,
}

/// Why no bundle was written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// There is something of that name. A bundle is not written over.
    #[error("it is there already")]
    Exists,
    /// In the folder that the bundle is to stand in nothing can be written.
    #[error("{0}")]
    Parent(io::Error),
    /// A file of the roll's or of the bundle's could not be read or written.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Writes a bundle into a folder that is not there yet, whole or not at all. Gives the number of files, [`SUMS_FILE`] not
/// counted.
///
/// # Errors
/// See [`WriteError`].
pub fn write(folder: &Path, contents: &BundleContents<'_>) -> Result<usize, WriteError> {
    if folder.symlink_metadata().is_ok() {
        return Err(WriteError::Exists);
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let unfinished = tempfile::Builder::new().prefix(".rolecall-").tempdir_in(parent);
    let unfinished = unfinished.map_err(WriteError::Parent)?;
    let number = write_files(unfinished.path(), contents)?;
    // As any new folder: others may read it.
    fs::set_permissions(unfinished.path(), Permissions::from_mode(0o755))?;
    fs::rename(unfinished.path(), folder)?;
    // It is no temporary folder any more.
    let _ = unfinished.keep();
    Ok(number)
}

fn write_files(folder: &Path, contents: &BundleContents<'_>) -> io::Result<usize> {
    let BundleContents { stored, roll_file, settings, configuration, program } = contents;
    let report = Report::from_file(stored, settings, FindingLimit::All)?;
    let mut sums: BTreeMap<String, String> = BTreeMap::new();
    let mut put = |name: &str, write: &mut dyn FnMut(&mut Output) -> io::Result<()>| -> io::Result<()> {
        let inner = File::create_new(folder.join(name))?;
        let mut file = BufWriter::new(HashingWriter { inner, sum: Sha256::new() });
        write(&mut file)?;
        let (file, sum) = file.into_inner().map_err(io::IntoInnerError::into_error)?.finish();
        file.sync_all()?;
        sums.insert(name.to_owned(), sum);
        Ok(())
    };
    put("roll.jsonl", &mut |out| io::copy(&mut File::open(roll_file)?, out).map(|_| ()))?;
    put("accounts.json", &mut |out| in_json(out, &Accounts::of(stored)?))?;
    put("coverage.json", &mut |out| in_json(out, &report.coverage))?;
    put("rules.json", &mut |out| {
        let rules = json!({
            "benchmark": report.benchmark, "rules": report.assessment.rules, "unknown": report.assessment.unknown,
        });
        in_json(out, &rules)
    })?;
    put("exceptions.json", &mut |out| {
        let exceptions = json!({
            "exceptions": report.assessment.exceptions, "accepted_gaps": stored.header.accepted_gaps,
        });
        in_json(out, &exceptions)
    })?;
    put("requests.json", &mut |out| in_json(out, &requests(stored)?))?;
    put("rolecall.json", &mut |out| in_json(out, &origin(stored, program)))?;
    if let Some(text) = configuration {
        put("rolecall.toml", &mut |out| out.write_all(text.as_bytes()))?;
    }
    put("report.json", &mut |out| render::json::render(out, stored, &report.coverage, Some(&report)))?;
    put("report.html", &mut |out| render::html::render(out, stored, &report))?;
    put("findings.csv", &mut |out| render::csv::render(out, stored, &report))?;
    let lines: String = sums.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect();
    let mut file = File::create_new(folder.join(SUMS_FILE))?;
    file.write_all(lines.as_bytes())?;
    file.sync_all()?;
    Ok(sums.len())
}

/// A file of the bundle, while it is written.
type Output = BufWriter<HashingWriter<File>>;

fn in_json(out: &mut Output, value: &impl Serialize) -> io::Result<()> {
    json::to_writer_pretty(&mut *out, value)?;
    out.write_all(b"\n")
}

/// The accounts as AWS Organizations gave them, or as they were named.
#[derive(Serialize)]
struct Accounts {
    organization: Option<Organization>,
    accounts: Vec<Listed>,
}

#[derive(Serialize)]
struct Listed {
    account_id: AccountId,
    #[serde(flatten)]
    account: Account,
    outcome: Option<Outcome>,
    skipped: Option<String>,
}

impl Accounts {
    fn of(stored: &RollFile) -> io::Result<Self> {
        let mut accounts = Vec::new();
        let mut seen = BTreeSet::new();
        for account in stored.accounts() {
            let account = account?;
            seen.insert(account.account_id().clone());
            accounts.push(Listed {
                account_id: account.account_id().clone(),
                account: account.account().cloned().unwrap_or_default(),
                outcome: Some(account.outcome()),
                skipped: account.why_skipped().map(str::to_owned),
            });
        }
        let missing = stored.header.targets.iter().filter(|target| !seen.contains(&target.account_id));
        accounts.extend(missing.map(|target| Listed {
            account_id: target.account_id.clone(),
            account: Account::default(),
            outcome: None,
            skipped: None,
        }));
        Ok(Self { organization: stored.header.organization.clone(), accounts })
    }
}

/// The ids by which CloudTrail and AWS support know the calls that gave sessions, and those that went wrong.
fn requests(stored: &RollFile) -> io::Result<serde_json::Value> {
    let mut accounts = Vec::new();
    // A line that another one took the place of tells of calls too.
    let read = stored.history(|account| {
        let failed: Vec<_> = account
            .gaps()
            .iter()
            .filter(|gap| gap.request_id.is_some())
            .map(|gap| json!({"operation": gap.operation, "code": gap.code, "request_id": gap.request_id}))
            .collect();
        let line = json!({
            "account_id": account.account_id(), "assume_role": account.request_ids(), "failed": failed,
        });
        accounts.push((account.account_id().clone(), line));
    });
    read.map_err(io::Error::other)?;
    accounts.sort_by(|(one, _), (other, _)| one.cmp(other));
    let accounts: Vec<_> = accounts.into_iter().map(|(_, line)| line).collect();
    let hops = stored.statistics.as_ref().map(|statistics| &statistics.intermediate_sessions);
    Ok(json!({"session_name": stored.header.session_name, "accounts": accounts, "hops": hops}))
}

/// Which program made the bundle, of which run's roll.
fn origin(stored: &RollFile, program: &Program<'_>) -> serde_json::Value {
    json!({
        "version": program.version,
        "sha256": program.sha256,
        "run_id": stored.header.run_id,
        "as_of": stored.header.as_of,
        "roll_by_version": stored.header.rolecall_version,
    })
}
