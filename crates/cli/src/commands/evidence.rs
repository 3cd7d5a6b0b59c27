//! `rolecall evidence`: a folder for an auditor, with checksums. `rolecall verify` checks it.

use std::fs::File;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use rolecall_report::bundle::{self, Bundle, Program, SUMS_FILE, WriteError};

use crate::args::ConfigurationArgs;
use crate::configuration;
use crate::exit_code::{self, RolecallExitCode};
use crate::failure::Failure;
use crate::output;
use crate::roll_file;

const HELP: &str = "\
Example:
  rolecall evidence roll.jsonl --out evidence-2026-11

The folder holds the roll, the accounts as AWS Organizations listed them, the configuration without external ids, the rules \
with their versions, exceptions and accepted gaps, the coverage, request ids, the report, this program's version and \
checksum, and SHA256SUMS with the checksums of all files: sign that one file.";

const EXIT_CODES: [(RolecallExitCode, &str); 2] = [
    (RolecallExitCode::Success, "evidence written"),
    (RolecallExitCode::Usage, "invalid arguments, or not a roll file"),
];

/// The arguments of `rolecall evidence`.
#[derive(Debug, Args)]
#[command(after_help = exit_code::help(HELP, &EXIT_CODES))]
pub(crate) struct EvidenceArgs {
    /// Roll file
    #[arg(value_name = "ROLL")]
    pub(crate) roll: PathBuf,

    /// Folder to create; it must not exist, and is written atomically
    #[arg(long, short, value_name = "DIR")]
    pub(crate) out: PathBuf,

    #[command(flatten)]
    pub(crate) configuration: ConfigurationArgs,
}

/// Writes the folder atomically.
pub(crate) fn run(arguments: &EvidenceArgs) -> Result<ExitCode, Failure> {
    let configuration = configuration::read(&arguments.configuration)?;
    let mut roll = roll_file::read(&arguments.roll)?;
    if configuration.path.is_some() {
        roll.header.accepted_gaps.clone_from(&configuration.accepted_gaps);
    }
    let this_program = std::env::current_exe().and_then(File::open).and_then(bundle::sha256);
    let program = Program {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        sha256: this_program.map_err(Failure::unexpected)?,
    };
    let bundle = Bundle::new(roll, &configuration.judging, configuration.without_secrets, program);
    let bundle = bundle.map_err(|error| output::not_written(&error))?;
    let out = &arguments.out;
    let number = bundle.write(out).map_err(|error| match error {
        WriteError::Exists => Failure::usage(format!("--out {}: {error}", out.display()))
            .with_remedy("name a folder that does not exist yet: evidence is not overwritten"),
        WriteError::Parent(error) => output::cannot_write("--out", out, &error),
        WriteError::Io(error) => output::not_written(&error),
    })?;
    if !bundle.report.coverage.is_complete {
        output::say("note: the roll is incomplete; coverage.json lists what is missing, and why");
    }
    output::say(&format!(
        "wrote {} and their checksums to {}; sign {SUMS_FILE}, and check the folder with `rolecall verify {}`",
        output::count_of(number, "file"),
        out.display(),
        out.display()
    ));
    Ok(ExitCode::SUCCESS)
}
