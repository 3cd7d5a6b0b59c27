//! `rolecall evidence`: all that an auditor asks for, in one folder, with its sums. `rolecall verify` holds it against them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use rolecall_report::Report;
use rolecall_report::render;
use rolecall_report::report::Keep;
use rolecall_roll::{Account, AccountId, Outcome, Stored, json};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::args::ConfigurationArgs;
use crate::configuration::{self, Configuration};
use crate::exit_code::{self, RolecallExitCode};
use crate::failure::Failure;
use crate::output;
use crate::roll_file;

/// The file of sums, in the form that `sha256sum --check` reads.
pub(crate) const SUMS: &str = "SHA256SUMS";

/// What each folder holds; with a configuration, that besides.
pub(crate) const ALWAYS: [&str; 10] = [
    "accounts.json",
    "coverage.json",
    "exceptions.json",
    "findings.csv",
    "report.html",
    "report.json",
    "requests.json",
    "roll.jsonl",
    "rolecall.json",
    "rules.json",
];

const HELP: &str = "\
Example:
  rolecall evidence roll.jsonl --out evidence-2026-11

The folder holds the roll, the accounts as AWS Organizations gave them, the configuration without its external ids, rules \
with their versions, exceptions and accepted gaps, coverage, request ids, the report, this program's version and sum, and \
SHA256SUMS over all of them: the one file to sign.";

/// What its exit codes mean.
const EXIT_CODES: [(RolecallExitCode, &str); 2] =
    [(RolecallExitCode::Success, "written"), (RolecallExitCode::Usage, "wrong usage, or no roll")];

/// The arguments of `rolecall evidence`.
#[derive(Debug, Args)]
#[command(after_help = exit_code::help(HELP, &EXIT_CODES))]
pub(crate) struct EvidenceArgs {
    /// The roll file
    #[arg(value_name = "ROLL")]
    pub(crate) roll: PathBuf,

    /// The folder, which is not there yet; it is written whole or not at all
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,

    #[command(flatten)]
    pub(crate) configuration: ConfigurationArgs,
}

/// Writes the folder, whole or not at all.
pub(crate) fn run(arguments: &EvidenceArgs) -> Result<ExitCode, Failure> {
    let configuration = configuration::read(arguments.configuration.path.as_deref())?;
    let mut stored = roll_file::read(&arguments.roll)?;
    if configuration.is_there {
        stored.header.accepted.clone_from(&configuration.accepted);
    }
    let out = &arguments.out;
    if out.exists() {
        return Err(Failure::usage(format!("--out {}: it is there already", out.display()))
            .with_remedy("name a folder that is not there yet: evidence is not written over"));
    }
    let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = tempfile::Builder::new().prefix(".rolecall-").tempdir_in(parent);
    let folder = folder.map_err(|error| output::not_there("--out", out, &error))?;
    let written = write(folder.path(), arguments, &configuration, &stored)
        .and_then(|number| {
            // As any new folder: others may read it.
            fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
            fs::rename(folder.path(), out)?;
            Ok(number)
        })
        .map_err(|error| output::not_written(&error))?;
    // It is no temporary folder any more.
    let _ = folder.keep();
    if !stored.coverage().map_err(|error| output::not_written(&error))?.is_complete {
        output::say("note: the roll is incomplete; coverage.json says what is missing, and why");
    }
    output::say(&format!(
        "{written} files and their sums are in {}; sign {SUMS}, and check all of it with `rolecall verify {}`",
        out.display(),
        out.display()
    ));
    Ok(ExitCode::SUCCESS)
}

fn write(
    folder: &Path,
    arguments: &EvidenceArgs,
    configuration: &Configuration,
    stored: &Stored,
) -> io::Result<usize> {
    let report = Report::of_file(stored, &configuration.judging, Keep::All)?;
    let mut sums: BTreeMap<String, String> = BTreeMap::new();
    let mut put = |name: &str,
                   write: &mut dyn FnMut(&mut BufWriter<Sum>) -> io::Result<()>|
     -> io::Result<()> {
        let mut file = BufWriter::new(Sum { file: File::create_new(folder.join(name))?, sum: Sha256::new() });
        write(&mut file)?;
        let Sum { file, sum } = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        sums.insert(name.to_owned(), hex(&sum.finalize()));
        Ok(())
    };
    put("roll.jsonl", &mut |out| io::copy(&mut File::open(&arguments.roll)?, out).map(|_| ()))?;
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
            "exceptions": report.assessment.exceptions, "accepted_gaps": stored.header.accepted,
        });
        in_json(out, &exceptions)
    })?;
    put("requests.json", &mut |out| in_json(out, &requests(stored)?))?;
    put("rolecall.json", &mut |out| in_json(out, &program(stored)?))?;
    if let Some(text) = configuration.without_secrets() {
        put("rolecall.toml", &mut |out| out.write_all(text.as_bytes()))?;
    }
    put("report.json", &mut |out| render::json::render(out, stored, &report.coverage, Some(&report)))?;
    put("report.html", &mut |out| render::html::render(out, stored, &report))?;
    put("findings.csv", &mut |out| render::csv::render(out, stored, &report))?;
    let lines: String = sums.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect();
    let mut file = File::create_new(folder.join(SUMS))?;
    file.write_all(lines.as_bytes())?;
    file.sync_all()?;
    Ok(sums.len())
}

/// A file, and the sum of what goes into it.
struct Sum {
    file: File,
    sum: Sha256,
}

impl Write for Sum {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.sum.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn in_json(out: &mut BufWriter<Sum>, value: &impl Serialize) -> io::Result<()> {
    json::to_writer_pretty(&mut *out, value)?;
    out.write_all(b"\n")
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The accounts as AWS Organizations gave them, or as they were named.
#[derive(Serialize)]
struct Accounts {
    organization: Option<rolecall_roll::Organization>,
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
    fn of(stored: &Stored) -> io::Result<Self> {
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
fn requests(stored: &Stored) -> io::Result<serde_json::Value> {
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
    let hops = stored.statistics.as_ref().map(|statistics| &statistics.hops);
    Ok(json!({"session_name": stored.header.session_name, "accounts": accounts, "hops": hops}))
}

/// Which program made it, of which run.
fn program(stored: &Stored) -> io::Result<serde_json::Value> {
    let mut sum = Sha256::new();
    io::copy(&mut File::open(std::env::current_exe()?)?, &mut Hashing(&mut sum))?;
    Ok(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "sha256": hex(&sum.finalize()),
        "run_id": stored.header.run_id,
        "as_of": stored.header.as_of,
        "roll_by_version": stored.header.rolecall_version,
    }))
}

/// Bytes on their way into a sum and nowhere else.
pub(crate) struct Hashing<'a>(pub(crate) &'a mut Sha256);

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
