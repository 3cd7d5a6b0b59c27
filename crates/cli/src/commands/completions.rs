//! `rolecall completions`: the completion script for a shell.

use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use crate::commands::Arguments;
use crate::failure::Failure;
use crate::output;

const HELP: &str =
    "For bash: rolecall completions bash > ~/.local/share/bash-completion/completions/rolecall";

/// The arguments of `rolecall completions`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct CompletionsArgs {
    /// Shell to print the script for
    shell: Shell,
}

/// Writes the script to stdout.
pub(crate) fn run(arguments: &CompletionsArgs) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    generate(arguments.shell, &mut Arguments::command(), "rolecall", &mut script);
    output::to_stdout(&script)?;
    Ok(ExitCode::SUCCESS)
}
