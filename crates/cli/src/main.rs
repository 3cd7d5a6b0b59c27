//! `rolecall`: an inventory of IAM users and access keys across AWS accounts.

#![expect(
    clippy::doc_markdown,
    reason = "doc comments of arguments are help texts, which show backticks as they are"
)]

mod args;
mod aws;
mod aws_files;
mod commands;
mod configuration;
mod environment;
mod event_files;
mod exit_code;
mod failure;
mod hints;
mod output;
mod roll_file;
mod runtime;
mod targets;
mod terms;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = commands::Arguments::try_parse()
        .unwrap_or_else(|error| hints::explain(error, std::env::args_os()).exit());
    failure::catching_panics(|| arguments.run()).unwrap_or_else(failure::Failure::report)
}
