//! The command line.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use jiff::SignedDuration;
use rolecall_core::{Limits, Settings};
use rolecall_roll::{AccountId, RoleArn, RoleName, RoleSessionName};

/// Takes the roll of IAM users and access keys across AWS accounts: which users, which keys, and which accounts could
/// not be read, and why.
#[derive(Debug, Parser)]
#[command(name = "rolecall", version, max_term_width = 110)]
#[command(
    after_help = "Exit codes: 0 all was read, 1 something unexpected, 2 wrong usage, 11 not all was read."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read the users and access keys of accounts, each through a role in it
    #[command(override_usage = SCAN_USAGE, after_help = SCAN_HELP)]
    Scan(Box<Scan>),
    /// Print the completion script of a shell
    #[command(
        after_help = "For bash: rolecall completions bash > ~/.local/share/bash-completion/completions/rolecall"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
}

const SCAN_USAGE: &str = "\
rolecall scan [OPTIONS] --role-arn <ARN>...
       rolecall scan [OPTIONS] --account <ID>... --role-name <NAME>";

const SCAN_HELP: &str = "\
Examples:
  rolecall scan --role-arn arn:aws:iam::111111111111:role/IAMListRole
  rolecall scan --account 111111111111 333333333333 --role-name IAMListRole

Credentials, region, proxy (HTTPS_PROXY, NO_PROXY), AWS_CA_BUNDLE and AWS_ENDPOINT_URL are taken as by the AWS CLI. \
Data goes to stdout, all else to stderr.

A TIME is written as 90s, 500ms, 10m or 1h30m.

Exit codes: 0 all was read, 1 something unexpected, 2 wrong usage, 11 not all was read.";

#[derive(Debug, Args)]
pub(crate) struct Scan {
    #[command(flatten)]
    pub(crate) whom: Whom,

    /// The external id that the roles' trust policies ask for; better set as `ROLECALL_EXTERNAL_ID`, since flags show
    /// in `ps`
    #[arg(long, value_name = "ID")]
    pub(crate) external_id: Option<Unparsed>,

    /// The profile of the AWS configuration files
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// The region whose STS is asked; IAM has one endpoint for all regions of a partition
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,

    /// How to show the roll
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,

    /// Write to this file, whole or not at all, and not to stdout, which is `-`
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,

    /// Say nothing on stderr but errors
    #[arg(long, short)]
    pub(crate) quiet: bool,

    #[command(flatten)]
    pub(crate) how: How,

    /// What the AWS CLI calls --format.
    #[arg(long, short, hide = true, value_parser = output_of_the_aws_cli)]
    output: Option<String>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct Whom {
    /// A role to become, by its ARN; may be given more than once
    #[arg(long, value_name = "ARN", num_args = 1..)]
    pub(crate) role_arn: Vec<RoleArn>,

    /// An account to read, through its role of the name --role-name; may be given more than once
    #[arg(long, value_name = "ID", num_args = 1.., requires = "role_name")]
    pub(crate) account: Vec<AccountId>,

    /// The name of the role to become in each --account
    #[arg(long, value_name = "NAME", requires = "account")]
    pub(crate) role_name: Option<RoleName>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Session, pace and patience")]
pub(crate) struct How {
    /// The session's name, as CloudTrail shows it
    #[arg(long, value_name = "NAME", default_value_t)]
    session_name: RoleSessionName,

    /// How long a session is asked to last, 15m to 12h
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = session_duration)]
    session_duration: Duration,

    /// Do not narrow the session to the actions that are needed
    #[arg(long)]
    no_session_policy: bool,

    /// Accounts that are read side by side
    #[arg(long, value_name = "N", default_value_t = Limits::default().accounts_at_once, value_parser = at_once)]
    concurrency: usize,

    /// Calls that are made side by side in one account at most; a small account is read with fewer
    #[arg(long, value_name = "N", default_value_t = Limits::default().calls_at_once, value_parser = at_once)]
    account_concurrency: usize,

    /// How often a call is made at most
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_attempts,
          value_parser = clap::value_parser!(u32).range(1..=100))]
    max_attempts: u32,

    /// The pause before a second attempt; it doubles with each
    #[arg(long, value_name = "TIME", default_value = "200ms", value_parser = duration)]
    initial_backoff: Duration,

    /// The longest pause between attempts
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    max_backoff: Duration,

    /// For a connection to stand
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    connect_timeout: Duration,

    /// For the first byte of an answer
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = duration)]
    read_timeout: Duration,

    /// For one attempt at a call
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    attempt_timeout: Duration,

    /// For all of an account; what was read by then is kept
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
    account_timeout: Duration,
}

impl How {
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            role_session_name: self.session_name.clone(),
            session_duration: self.session_duration,
            narrow_session: !self.no_session_policy,
            limits: Limits {
                max_attempts: self.max_attempts,
                initial_backoff: self.initial_backoff,
                max_backoff: self.max_backoff,
                connect_timeout: self.connect_timeout,
                read_timeout: self.read_timeout,
                attempt_timeout: self.attempt_timeout,
                account_timeout: self.account_timeout,
                accounts_at_once: self.concurrency,
                calls_at_once: self.account_concurrency,
            },
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// One document, sorted
    Json,
    /// The roll file: header, an account a line as it is done, trailer
    Jsonl,
}

/// A text that is parsed later, since the command line's own errors repeat what they refuse.
#[derive(Clone)]
pub(crate) struct Unparsed(pub(crate) String);

impl From<String> for Unparsed {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Unparsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unparsed(redacted)")
    }
}

fn output_of_the_aws_cli(text: &str) -> Result<String, String> {
    let hint = match text {
        "json" | "table" | "jsonl" => format!("--format {text}"),
        "text" | "yaml" | "yaml-stream" => "--format table, json or jsonl".to_owned(),
        _ => format!("--out {text}"),
    };
    Err(format!(
        "there is no --output; use {hint} (--format says how to show the roll, --out FILE where to write it)"
    ))
}

/// `90`, `90s`, `500ms`, `10m`, `1h30m`.
fn duration(text: &str) -> Result<Duration, String> {
    let duration = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => text
            .parse::<SignedDuration>()
            .ok()
            .and_then(|duration| Duration::try_from(duration).ok())
            .ok_or("not a time; write it as 90s, 500ms, 10m or 1h30m")?,
    };
    if duration.is_zero() || duration > Duration::from_hours(24) {
        return Err("out of range, 1ms to 24h are allowed".into());
    }
    Ok(duration)
}

fn session_duration(text: &str) -> Result<Duration, String> {
    let duration = duration(text)?;
    if duration < Duration::from_mins(15)
        || duration > Duration::from_hours(12)
        || duration.subsec_nanos() != 0
    {
        return Err(
            "out of range, STS allows 15m to 12h in whole seconds (and 1h where roles are chained)".into()
        );
    }
    Ok(duration)
}

fn at_once(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=1000) => Ok(number),
        _ => Err("not a number from 1 to 1000".into()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::{CommandFactory, Parser};

    use super::{Arguments, Command, duration};

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, seconds) in
            [("90", 90.0), ("90s", 90.0), ("500ms", 0.5), ("10m", 600.0), ("1h30m", 5400.0)]
        {
            assert_eq!(duration(text).unwrap(), Duration::from_secs_f64(seconds), "{text}");
        }
        for text in ["", "0", "0s", "-1s", "25h", "soon", "99999999999999999999"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_defaults_of_the_flags_are_those_of_the_settings() {
        let typed = ["rolecall", "scan", "--role-arn", "arn:aws:iam::111111111111:role/R"];
        let Command::Scan(scan) = Arguments::parse_from(typed).command else { panic!("not a scan") };
        let defaults = rolecall_core::Settings::default();
        assert_eq!(format!("{:?}", scan.how.settings()), format!("{defaults:?}"));
    }
}
