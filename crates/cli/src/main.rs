//! `rolecall`: takes the roll of IAM users and access keys across AWS accounts.

mod args;
mod commands;
mod configuration;
mod environment;
mod exit_code;
mod failure;
mod output;
mod roll_file;
mod runtime;
mod terms;
mod whom;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = commands::Arguments::parse();
    failure::catching_panics(|| arguments.run()).unwrap_or_else(failure::Failure::report)
}
