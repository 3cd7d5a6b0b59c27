//! `rolecall policy`: IAM policies: what they decide.

mod cases;
mod evaluate;
mod explain;

use std::process::ExitCode;

use clap::Subcommand;

use crate::failure::Failure;

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Decide whether IAM allows the request of each case in a file, and which statement decides
    Evaluate(evaluate::EvaluateArgs),
    /// Explain the decision of each case in a file: what each policy contributes, and what does not match
    Explain(explain::ExplainArgs),
}

/// Runs the subcommand.
pub(crate) fn run(command: &PolicyCommand) -> Result<ExitCode, Failure> {
    match command {
        PolicyCommand::Evaluate(arguments) => evaluate::run(arguments),
        PolicyCommand::Explain(arguments) => explain::run(arguments),
    }
}
