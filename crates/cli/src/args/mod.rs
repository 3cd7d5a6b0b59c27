//! The command line, a file for each large part of it.

mod emulator;
mod how;
mod outputs;
mod report;
mod scan;
mod whom;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

pub(crate) use emulator::{Emulator, LogFormat};
pub(crate) use outputs::{Format, Outputs, Rendering};
pub(crate) use report::{Comparison, Diff, Evidence, Report, Rules, Verify};
pub(crate) use scan::Scan;
pub(crate) use whom::{Caller, Through, Unparsed, Whom};

/// Takes the roll of IAM users and access keys across AWS accounts: which users, which keys, and which accounts could
/// not be read, and why.
#[derive(Debug, Parser)]
#[command(name = "rolecall", version, max_term_width = 110)]
#[command(
    after_help = "Exit codes: 0 all was read, 1 something unexpected, 2 wrong usage, 10 something was found, 11 not all was \
                  read; each command's help says more."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read the users and access keys of accounts, each through a role in it
    #[command(override_usage = scan::USAGE, after_help = scan::HELP)]
    Scan(Box<Scan>),
    /// Judge a roll again, offline, with today's configuration
    #[command(after_help = report::REPORT_HELP)]
    Report(Box<Report>),
    /// Show the rules that a roll is judged by, with today's thresholds
    Rules(Rules),
    /// Tell what differs between two rolls: users, keys, findings, accounts
    #[command(after_help = report::DIFF_HELP)]
    Diff(Diff),
    /// Write all that an auditor asks for into a folder, with its sums
    #[command(after_help = report::EVIDENCE_HELP)]
    Evidence(Evidence),
    /// Check that evidence is unchanged, or that a roll's calls are those in CloudTrail
    #[command(after_help = report::VERIFY_HELP)]
    Verify(Verify),
    /// Show which accounts a scan would ask, and how, and ask none of them
    #[command(after_help = ACCOUNTS_HELP)]
    Accounts(Box<Accounts>),
    /// Find the account and the user of an access key, its status, age and last use
    #[command(after_help = WHOSE_HELP)]
    Whose(Box<Whose>),
    /// Write a rolecall.toml with all that may stand in it
    Init(Init),
    /// Decide situations as IAM does, without asking AWS
    Policy {
        #[command(subcommand)]
        command: Policy,
    },
    /// Show the flow between two accounts, and what becomes of it when a permission is missing
    Demo,
    /// Run an AWS on this machine that enforces signatures, trust and permissions: STS, IAM and Organizations
    #[command(override_usage = emulator::USAGE, after_help = emulator::HELP)]
    Emulator(Box<Emulator>),
    /// Print the completion script of a shell
    #[command(
        after_help = "For bash: rolecall completions bash > ~/.local/share/bash-completion/completions/rolecall"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Say of each situation in a file whether IAM allows it, and which statement decides
    #[command(after_help = EVALUATE_HELP)]
    Evaluate(Evaluate),
}

const EVALUATE_HELP: &str = "\
The file is a JSON list of situations, such as

  [{\"name\": \"LambdaRole becomes IAMListRole\",
    \"identityPolicies\": [{\"Version\": \"2012-10-17\", \"Statement\": [
      {\"Effect\": \"Allow\", \"Action\": \"sts:AssumeRole\", \"Resource\": \"*\"}]}],
    \"trustPolicy\": {\"Version\": \"2012-10-17\", \"Statement\": [
      {\"Effect\": \"Allow\", \"Action\": \"sts:AssumeRole\", \"Principal\": {\"AWS\": \"222222222222\"}}]},
    \"request\": {\"principal\": \"arn:aws:sts::222222222222:assumed-role/LambdaRole/s\",
                \"action\": \"sts:AssumeRole\", \"resource\": \"arn:aws:iam::111111111111:role/IAMListRole\"},
    \"context\": {\"sts:ExternalId\": \"…\"}, \"expected\": \"Allowed\"}]

with sessionPolicy (a policy), permissionBoundaries, scps and rcps (lists; scps may be a list of lists, one for each level of an organisation) where \
there are any, request.resourceAccount where the resource does not say it, and \"Denied\" where that is expected. The \
context is taken as it is given: aws:PrincipalArn, aws:PrincipalAccount and the like are in it where AWS would put them. \
A session's ARN lacks the path of its role, which aws:PrincipalArn tells.

Exit codes: 0 decided, 2 wrong usage or a file that is none, 10 a verdict is not the one that was expected.";

#[derive(Debug, Args)]
pub(crate) struct Evaluate {
    /// The situations; `-` for stdin
    #[arg(value_name = "FILE.json")]
    pub(crate) file: PathBuf,

    /// How to show the verdicts
    #[arg(long, value_enum, default_value_t = Rendering::Table)]
    pub(crate) format: Rendering,

    /// Write to this file, whole or not at all, and not to stdout, which is `-`
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

const ACCOUNTS_HELP: &str = "\
Examples:
  rolecall accounts --organization --role-name IAMListRole --ou Workloads/Prod
  rolecall accounts --accounts accounts.csv --format json

Exit codes: 0 shown, 1 something unexpected, 2 wrong usage, 11 AWS Organizations could not be asked.";

#[derive(Debug, Args)]
pub(crate) struct Accounts {
    /// How to show the accounts
    #[arg(long, value_enum, default_value_t = Rendering::Table)]
    pub(crate) format: Rendering,

    /// Write to this file, whole or not at all, and not to stdout, which is `-`
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) whom: Whom,

    #[command(flatten)]
    pub(crate) caller: Caller,
}

const WHOSE_HELP: &str = "\
Examples:
  rolecall whose AKIAIOSFODNN7EXAMPLE --role-name IAMListRole
  rolecall whose AKIAIOSFODNN7EXAMPLE --roll roll.jsonl      asks nobody

Live it needs sts:GetAccessKeyInfo, and in the key's account iam:GetAccessKeyLastUsed and iam:ListAccessKeys.

Exit codes: 0 found, 1 something unexpected, 2 wrong usage, 10 there is no such key, 11 that cannot be told.";

#[derive(Debug, Args)]
pub(crate) struct Whose {
    /// The access key's id
    #[arg(value_name = "AKIA…")]
    pub(crate) access_key_id: Unparsed,

    /// Look it up in this roll file, and ask nobody
    #[arg(long, value_name = "FILE")]
    pub(crate) roll: Option<PathBuf>,

    /// How to show it
    #[arg(long, value_enum, default_value_t = Rendering::Table)]
    pub(crate) format: Rendering,

    #[command(flatten)]
    pub(crate) through: Through,

    #[command(flatten)]
    pub(crate) caller: Caller,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The file
    #[arg(value_name = "FILE", default_value = "rolecall.toml")]
    pub(crate) file: PathBuf,
}
