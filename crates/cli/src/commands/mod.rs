//! The commands, a file each: arguments, help and what it does.

mod accounts;
mod completions;
mod config;
mod demo;
mod diff;
mod doctor;
mod emulator;
mod evidence;
mod find_key;
mod init;
mod man;
mod policy;
mod report;
mod rules;
mod scan;
mod sweep;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::args::GlobalArgs;
use crate::environment;
use crate::exit_code;
use crate::failure::Failure;

/// Inventory IAM users and access keys across AWS accounts
///
/// Which users and access keys are there, how old and how dangerous are they, and which accounts could not be read, and
/// why?
#[derive(Debug, Parser)]
#[command(name = "rolecall", version, max_term_width = 110)]
#[command(after_help = exit_code::help_of_all("`rolecall COMMAND --help` explains a command."))]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) global: GlobalArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read users and access keys, assuming a role in each account
    Scan(Box<scan::ScanArgs>),
    /// Report on a roll (the saved inventory of a scan), offline
    Report(Box<report::ReportArgs>),
    /// List the rules, with their thresholds
    Rules(rules::RulesArgs),
    /// Compare two rolls: users, access keys, findings, accounts
    Diff(diff::DiffArgs),
    /// Write a folder of evidence for an auditor, with SHA-256 checksums
    Evidence(evidence::EvidenceArgs),
    /// Check evidence against its checksums, or a roll against CloudTrail
    Verify(verify::VerifyArgs),
    /// Find out why access to an account is denied, and the policy statement that heals it
    Doctor(Box<doctor::DoctorArgs>),
    /// List the target accounts of a scan, without scanning them
    Accounts(Box<accounts::AccountsArgs>),
    /// Scan in steps that run in several invocations, and store the roll with its reports
    Sweep {
        #[command(subcommand)]
        command: sweep::SweepCommand,
    },
    /// Find the account and the user of an access key
    #[command(visible_alias = "whose")]
    FindKey(Box<find_key::FindKeyArgs>),
    /// Write a commented rolecall.toml
    Init(init::InitArgs),
    /// Show all options, their values and where each was set
    Config(config::ConfigArgs),
    /// Generate, check and evaluate IAM policies, offline
    Policy {
        #[command(subcommand)]
        command: policy::PolicyCommand,
    },
    /// Show the flow between two accounts, and what fails when a permission is missing
    Demo,
    /// Run a local AWS emulator that enforces signatures, trust and permissions (STS, IAM, Organizations)
    Emulator(Box<emulator::EmulatorArgs>),
    /// Print the completion script for a shell
    Completions(completions::CompletionsArgs),
    /// Print manual pages, or the command-line reference as Markdown
    Man(man::ManArgs),
}

impl Arguments {
    /// Runs the command.
    pub(crate) fn run(&self) -> Result<ExitCode, Failure> {
        self.global.color.write_global();
        environment::prepare(&self.global)?;
        // The commands that these two run warn by themselves.
        if !matches!(self.command, Command::Emulator(_) | Command::Demo) {
            environment::warn_of_unknown_variables();
        }
        match &self.command {
            Command::Scan(arguments) => scan::run(arguments),
            Command::Report(arguments) => report::run(arguments),
            Command::Rules(arguments) => rules::run(arguments),
            Command::Diff(arguments) => diff::run(arguments),
            Command::Evidence(arguments) => evidence::run(arguments),
            Command::Verify(arguments) => verify::run(arguments),
            Command::Doctor(arguments) => doctor::run(arguments),
            Command::Accounts(arguments) => accounts::run(arguments),
            Command::Sweep { command } => sweep::run(command),
            Command::FindKey(arguments) => find_key::run(arguments),
            Command::Init(arguments) => init::run(arguments),
            Command::Config(arguments) => config::run(arguments),
            Command::Policy { command } => policy::run(command),
            Command::Demo => demo::run(),
            Command::Emulator(arguments) => emulator::run(arguments),
            Command::Completions(arguments) => completions::run(arguments),
            Command::Man(arguments) => man::run(arguments),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory};

    use super::Arguments;

    fn check(command: &Command, problems: &mut Vec<String>) {
        let texts = [command.get_after_help(), command.get_after_long_help()].into_iter().flatten();
        for text in texts.map(ToString::to_string) {
            // Examples, JSON and lists are indented; clap wraps them without their indentation.
            let is_too_wide = |line: &&str| line.starts_with(' ') && line.chars().count() > 80;
            problems.extend(
                text.lines().filter(is_too_wide).map(|line| format!("{}: {line}", command.get_name())),
            );
        }
        command.get_subcommands().for_each(|command| check(command, problems));
    }

    #[test]
    fn examples_and_lists_in_the_help_fit_into_80_columns() {
        let mut problems = Vec::new();
        check(&Arguments::command(), &mut problems);
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }
}
