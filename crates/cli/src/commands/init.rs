//! `rolecall init`: writes a commented configuration file.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::configuration;
use crate::exit_code::{self, RolecallExitCode};
use crate::failure::Failure;
use crate::output;

const EXIT_CODES: [(RolecallExitCode, &str); 2] = [
    (RolecallExitCode::Success, "file written"),
    (RolecallExitCode::Usage, "invalid arguments, or the file already exists"),
];

/// The arguments of `rolecall init`.
#[derive(Debug, Args)]
#[command(after_help = exit_code::help("", &EXIT_CODES))]
pub(crate) struct InitArgs {
    /// File to write; `-` prints it to stdout
    #[arg(value_name = "FILE", default_value = "rolecall.toml")]
    pub(crate) file: PathBuf,
}

/// Writes the file. An existing file is not overwritten.
pub(crate) fn run(arguments: &InitArgs) -> Result<ExitCode, Failure> {
    let file = &arguments.file;
    if file == Path::new("-") {
        output::to_stdout(configuration::example().as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let cannot_write = |error: &std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::usage(format!("{} already exists; not overwritten", file.display()))
                .with_remedy("name another file (rolecall init FILE), or print it (rolecall init -)")
        }
        _ => output::cannot_write("init", file, error),
    };
    let mut opened =
        OpenOptions::new().write(true).create_new(true).open(file).map_err(|error| cannot_write(&error))?;
    opened.write_all(configuration::example().as_bytes()).map_err(|error| cannot_write(&error))?;
    output::say(&format!("wrote {}; `rolecall accounts` lists its targets", file.display()));
    Ok(ExitCode::SUCCESS)
}
