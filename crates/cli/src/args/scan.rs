//! `rolecall scan`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use rolecall_core::settings;

use super::how::How;
use super::outputs::Outputs;
use super::report::Judging;
use super::whom::{Caller, Whom};

pub(super) const USAGE: &str = "\
rolecall scan [OPTIONS] --role-arn <ARN>...
       rolecall scan [OPTIONS] --account <ID>... --role-name <NAME>
       rolecall scan [OPTIONS] --accounts <FILE>
       rolecall scan [OPTIONS] --organization";

pub(super) const HELP: &str = "\
Examples:
  rolecall scan --role-arn arn:aws:iam::111111111111:role/IAMListRole
  rolecall scan --account 111111111111 333333333333 --role-name IAMListRole
  rolecall scan --organization --role-name IAMListRole --roll roll.jsonl
  rolecall scan                                   whom rolecall.toml names

Credentials, region, proxy (HTTPS_PROXY, NO_PROXY), AWS_CA_BUNDLE and AWS_ENDPOINT_URL are taken as by the AWS CLI. \
Data goes to stdout, all else to stderr.

A TIME is written as 90s, 500ms, 10m or 1h30m; a bare number is seconds. What is not typed under \"What to read, session, pace and patience\" is taken from the \
environment: --max-attempts from ROLECALL_MAX_ATTEMPTS, and so on.

FACTS are users, access_keys (the two of `default`), last_used, control_total, console_password, mfa_devices, policies, \
credential_report (all of `recommended`), account_alias, root_credentials. Each needs its IAM actions; sessions are \
narrowed to those.

Exit codes: 0 all was read, 1 something unexpected, 2 wrong usage, 10 a finding as bad as --fail-on says, 11 not all \
was read, whatever was found.";

fn path_prefix(text: &str) -> Result<String, String> {
    // https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListUsers.html
    if text.len() <= 512 && text.starts_with('/') && text.chars().all(|c| ('!'..='\u{7f}').contains(&c)) {
        return Ok(text.to_owned());
    }
    Err("a path begins with /, as /ci/".to_owned())
}

#[derive(Debug, Args)]
pub(crate) struct Scan {
    #[command(flatten)]
    pub(crate) outputs: Outputs,

    #[command(flatten)]
    pub(crate) judging: Judging,

    /// Apply no rules: the roll alone
    #[arg(long, conflicts_with_all = ["benchmark", "fail_on"])]
    pub(crate) no_rules: bool,

    /// Keep the roll in this file, an account a line as it is done; a run that finds the file there asks only what is
    /// missing in it
    #[arg(long, value_name = "FILE")]
    pub(crate) roll: Option<PathBuf>,

    /// Of the users this one alone, by name
    #[arg(long, value_name = "NAME", conflicts_with = "path_prefix")]
    pub(crate) user: Option<String>,

    /// Of the users those below this path, as /ci/
    #[arg(long, value_name = "PATH", value_parser = path_prefix)]
    pub(crate) path_prefix: Option<String>,

    /// Ask so many accounts first, and no more where all of them refuse; 0 asks all regardless
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) canary: usize,

    /// For the whole run; what was read by then is kept
    #[arg(long, value_name = "TIME", value_parser = settings::duration)]
    pub(crate) deadline: Option<Duration>,

    /// Say nothing on stderr but errors
    #[arg(long, short)]
    pub(crate) quiet: bool,

    #[command(flatten)]
    pub(crate) whom: Whom,

    #[command(flatten)]
    pub(crate) caller: Caller,

    #[command(flatten)]
    pub(crate) how: How,

    /// What the AWS CLI calls --format.
    #[arg(long, short, hide = true, value_parser = output_of_the_aws_cli)]
    output: Option<String>,
}

fn output_of_the_aws_cli(text: &str) -> Result<String, String> {
    let hint = match text {
        "json" | "table" | "jsonl" | "csv" => format!("--format {text}"),
        "text" | "yaml" | "yaml-stream" => "--format table, json or csv".to_owned(),
        _ => format!("--out {text}"),
    };
    Err(format!(
        "there is no --output; use {hint} (--format says how to show the roll, --out FILE where to write it)"
    ))
}
