//! `rolecall policy`: IAM policies: those that a scan needs, and what policies decide.

mod access;
mod cases;
mod check;
mod evaluate;
mod explain;
mod generate;
mod request;

use std::process::ExitCode;

use clap::Subcommand;

use crate::failure::Failure;

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Print the least-privilege policies of the hub role and the member roles
    Generate(Box<generate::GenerateArgs>),
    /// Write the page for the person who must approve these policies
    Request(Box<request::RequestArgs>),
    /// Compare policies with what a scan needs: what they grant beyond it, and what is missing
    Check(Box<check::CheckArgs>),
    /// Decide whether IAM allows the request of each case in a file, and which statement decides
    Evaluate(evaluate::EvaluateArgs),
    /// Explain the decision of each case in a file: what each policy contributes, and what does not match
    Explain(explain::ExplainArgs),
}

/// Runs the subcommand.
pub(crate) fn run(command: &PolicyCommand) -> Result<ExitCode, Failure> {
    match command {
        PolicyCommand::Generate(arguments) => generate::run(arguments),
        PolicyCommand::Request(arguments) => request::run(arguments),
        PolicyCommand::Check(arguments) => check::run(arguments),
        PolicyCommand::Evaluate(arguments) => evaluate::run(arguments),
        PolicyCommand::Explain(arguments) => explain::run(arguments),
    }
}
