//! `rolecall`: an inventory of IAM users and access keys across AWS accounts.

#![expect(
    clippy::doc_markdown,
    reason = "doc comments of arguments are help texts, which show backticks as they are"
)]

mod args;
mod aws;
mod commands;
mod configuration;
mod environment;
mod event_files;
mod exit_code;
mod failure;
mod output;
mod roll_file;
mod runtime;
mod targets;
mod terms;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = commands::Arguments::parse();
    failure::catching_panics(|| arguments.run()).unwrap_or_else(failure::Failure::report)
}
