//! The commands, a file each: its arguments, its help and what it does.

mod accounts;
mod completions;
mod config;
mod demo;
mod diff;
mod emulator;
mod evidence;
mod find_key;
mod init;
mod policy;
mod report;
mod rules;
mod scan;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::environment;
use crate::exit_code;
use crate::failure::Failure;

/// Takes the roll of IAM users and access keys across AWS accounts: which users, which keys, and which accounts could
/// not be read, and why.
#[derive(Debug, Parser)]
#[command(name = "rolecall", version, max_term_width = 110)]
#[command(after_help = exit_code::help_of_all("Each command's help says more."))]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read the users and access keys of accounts, each through a role in it
    Scan(Box<scan::ScanArgs>),
    /// Judge a roll again, offline, with today's configuration
    Report(Box<report::ReportArgs>),
    /// Show the rules that a roll is judged by, with today's thresholds
    Rules(rules::RulesArgs),
    /// Tell what differs between two rolls: users, keys, findings, accounts
    Diff(diff::DiffArgs),
    /// Write all that an auditor asks for into a folder, with its sums
    Evidence(evidence::EvidenceArgs),
    /// Check that evidence is unchanged, or that a roll's calls are those in CloudTrail
    Verify(verify::VerifyArgs),
    /// Show which accounts a scan would ask, and how, and ask none of them
    Accounts(Box<accounts::AccountsArgs>),
    /// Find the account and the user of an access key, its status, age and last use
    #[command(visible_alias = "whose")]
    FindKey(Box<find_key::FindKeyArgs>),
    /// Write a rolecall.toml with all that it may hold
    Init(init::InitArgs),
    /// Show the options as they are set, and where each was set
    Config(config::ConfigArgs),
    /// Decide situations as IAM does, without asking AWS
    Policy {
        #[command(subcommand)]
        command: policy::PolicyCommand,
    },
    /// Show the flow between two accounts, and what becomes of it when a permission is missing
    Demo,
    /// Run an AWS on this machine that enforces signatures, trust and permissions: STS, IAM and Organizations
    Emulator(Box<emulator::EmulatorArgs>),
    /// Print the completion script of a shell
    Completions(completions::CompletionsArgs),
}

impl Arguments {
    /// Runs the command.
    pub(crate) fn run(&self) -> Result<ExitCode, Failure> {
        let is_quiet = matches!(&self.command, Command::Scan(scan) if scan.quiet);
        environment::prepare(is_quiet)?;
        match &self.command {
            Command::Scan(arguments) => scan::run(arguments),
            Command::Report(arguments) => report::run(arguments),
            Command::Rules(arguments) => rules::run(arguments),
            Command::Diff(arguments) => diff::run(arguments),
            Command::Evidence(arguments) => evidence::run(arguments),
            Command::Verify(arguments) => verify::run(arguments),
            Command::Accounts(arguments) => accounts::run(arguments),
            Command::FindKey(arguments) => find_key::run(arguments),
            Command::Init(arguments) => init::run(arguments),
            Command::Config(arguments) => config::run(arguments),
            Command::Policy { command } => policy::run(command),
            Command::Demo => demo::run(),
            Command::Emulator(arguments) => emulator::run(arguments),
            Command::Completions(arguments) => completions::run(arguments),
        }
    }
}
