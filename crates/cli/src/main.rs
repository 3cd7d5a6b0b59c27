//! `rolecall`: takes the roll of IAM users and access keys across AWS accounts.

mod args;
mod completions;
mod environment;
mod failure;
mod output;
mod policy;
mod scan;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = args::Arguments::parse();
    let ended = environment::prepare().and_then(|()| match arguments.command {
        args::Command::Scan(arguments) => scan::run(&arguments),
        args::Command::Policy { command: args::Policy::Evaluate(arguments) } => policy::evaluate(&arguments),
        args::Command::Completions { shell } => completions::run(shell),
    });
    ended.unwrap_or_else(failure::Failure::report)
}
