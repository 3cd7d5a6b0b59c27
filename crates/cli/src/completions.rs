use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::args::Arguments;
use crate::failure::Failure;
use crate::output;

/// Writes the completion script of a shell to stdout.
pub(crate) fn run(shell: Shell) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    generate(shell, &mut Arguments::command(), "rolecall", &mut script);
    output::to_stdout(&script)?;
    Ok(ExitCode::SUCCESS)
}
