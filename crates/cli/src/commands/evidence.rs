//! `rolecall evidence`: all that an auditor asks for, in one folder, with its checksums. `rolecall verify` checks it.

use std::fs::File;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use rolecall_report::bundle::{self, BundleContents, Program, SUMS_FILE, WriteError};

use crate::args::ConfigurationArgs;
use crate::configuration;
use crate::exit_code::{self, RolecallExitCode};
use crate::failure::Failure;
use crate::output;
use crate::roll_file;

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
        stored.header.accepted_gaps.clone_from(&configuration.accepted);
    }
    let this_program = std::env::current_exe().and_then(File::open).and_then(bundle::sha256);
    let contents = BundleContents {
        stored: &stored,
        roll_file: &arguments.roll,
        settings: &configuration.judging,
        configuration: configuration.without_secrets.as_deref(),
        program: Program {
            version: env!("CARGO_PKG_VERSION"),
            sha256: this_program.map_err(Failure::unexpected)?,
        },
    };
    let out = &arguments.out;
    let number = bundle::write(out, &contents).map_err(|error| match error {
        WriteError::Exists => Failure::usage(format!("--out {}: {error}", out.display()))
            .with_remedy("name a folder that is not there yet: evidence is not written over"),
        WriteError::Parent(error) => output::not_there("--out", out, &error),
        WriteError::Io(error) => output::not_written(&error),
    })?;
    if !stored.coverage().map_err(|error| output::not_written(&error))?.is_complete {
        output::say("note: the roll is incomplete; coverage.json says what is missing, and why");
    }
    output::say(&format!(
        "{} and their sums are in {}; sign {SUMS_FILE}, and check all of it with `rolecall verify {}`",
        output::count_of(number, "file"),
        out.display(),
        out.display()
    ));
    Ok(ExitCode::SUCCESS)
}
