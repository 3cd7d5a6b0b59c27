//! `rolecall init`: a configuration file to start from.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::configuration::EXAMPLE;
use crate::exit_code::{self, RolecallExitCode};
use crate::failure::Failure;
use crate::output;

/// What its exit codes mean.
const EXIT_CODES: [(RolecallExitCode, &str); 2] = [
    (RolecallExitCode::Success, "written"),
    (RolecallExitCode::Usage, "wrong usage, or the file is there already"),
];

/// The arguments of `rolecall init`.
#[derive(Debug, Args)]
#[command(after_help = exit_code::help("", &EXIT_CODES))]
pub(crate) struct InitArgs {
    /// The file; `-` for stdout
    #[arg(value_name = "FILE", default_value = "rolecall.toml")]
    pub(crate) file: PathBuf,
}

/// Writes it, where there is none.
pub(crate) fn run(arguments: &InitArgs) -> Result<ExitCode, Failure> {
    let file = &arguments.file;
    if file.as_path() == Path::new("-") {
        output::to_stdout(EXAMPLE.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let wrong = |error: &std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::usage(format!("{}: it is there, and stays as it is", file.display()))
                .with_remedy("name another file: rolecall init FILE")
        }
        _ => output::not_there("init", file, error),
    };
    let mut opened =
        OpenOptions::new().write(true).create_new(true).open(file).map_err(|error| wrong(&error))?;
    opened.write_all(EXAMPLE.as_bytes()).map_err(|error| wrong(&error))?;
    output::say(&format!("{} is written; `rolecall accounts` shows whom it names", file.display()));
    Ok(ExitCode::SUCCESS)
}
