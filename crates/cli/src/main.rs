//! `rolecall`: takes the roll of IAM users and access keys across AWS accounts.

mod accounts;
mod args;
mod completions;
mod configuration;
mod demo;
mod diff;
mod emulator;
mod environment;
mod evidence;
mod failure;
mod init;
mod output;
mod policy;
mod report;
mod rules;
mod scan;
mod terms;
mod verify;
mod whom;
mod whose;

use std::process::ExitCode;

use clap::Parser;

use crate::failure::{Code, Failure};

fn main() -> ExitCode {
    let arguments = args::Arguments::parse();
    // What falls over is told as what it is, with an exit code of the list.
    let ended = std::panic::catch_unwind(|| run(&arguments)).unwrap_or_else(|_| {
        let failure = Failure::new(Code::Unexpected, "rolecall went wrong");
        Err(failure.with_remedy("please report it, with what RUST_LOG=error says on stderr"))
    });
    ended.unwrap_or_else(Failure::report)
}

fn run(arguments: &args::Arguments) -> Result<ExitCode, Failure> {
    let quiet = matches!(&arguments.command, args::Command::Scan(scan) if scan.quiet);
    environment::prepare(quiet)?;
    match &arguments.command {
        args::Command::Scan(arguments) => scan::run(arguments),
        args::Command::Report(arguments) => report::run(arguments),
        args::Command::Rules(arguments) => rules::run(arguments),
        args::Command::Diff(arguments) => diff::run(arguments),
        args::Command::Evidence(arguments) => evidence::run(arguments),
        args::Command::Verify(arguments) => verify::run(arguments),
        args::Command::Accounts(arguments) => accounts::run(arguments),
        args::Command::Whose(arguments) => whose::run(arguments),
        args::Command::Init(arguments) => init::run(arguments),
        args::Command::Demo => demo::run(),
        args::Command::Emulator(arguments) => emulator::run(arguments),
        args::Command::Policy { command: args::Policy::Evaluate(arguments) } => policy::evaluate(arguments),
        args::Command::Completions { shell } => completions::run(*shell),
    }
}
