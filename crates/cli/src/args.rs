//! The command line.

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use jiff::Timestamp;
use rolecall_core::collect::{Collect, Reads};
use rolecall_core::settings;
use rolecall_core::targets::Template;
use rolecall_core::{Limits, SessionSettings, Settings};
use rolecall_emulator::{Behaviour, Recipe};
use rolecall_report::report::Grouping;
use rolecall_report::{Benchmark, Severity};
use rolecall_roll::{AccountId, RoleArn, RoleName, RoleSessionName};

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
    #[command(override_usage = SCAN_USAGE, after_help = SCAN_HELP)]
    Scan(Box<Scan>),
    /// Judge a roll again, offline, with today's configuration
    #[command(after_help = REPORT_HELP)]
    Report(Box<Report>),
    /// Tell what differs between two rolls: users, keys, findings, accounts
    #[command(after_help = DIFF_HELP)]
    Diff(Diff),
    /// Write all that an auditor asks for into a folder, with its sums
    #[command(after_help = EVIDENCE_HELP)]
    Evidence(Evidence),
    /// Check that evidence is unchanged, or that a roll's calls are those in CloudTrail
    #[command(after_help = VERIFY_HELP)]
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
    #[command(override_usage = EMULATOR_USAGE, after_help = EMULATOR_HELP)]
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
context is taken as it is given: aws:PrincipalArn, aws:PrincipalAccount and the like are in it where AWS would put them.

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

const EMULATOR_USAGE: &str = "\
rolecall emulator [OPTIONS]
       rolecall emulator [OPTIONS] -- <COMMAND>...";

const EMULATOR_HELP: &str = "\
Without a world of your own it holds the two accounts of the flow: 111111111111 with IAMListRole and some users, and \
222222222222 with LambdaRole.

Examples:
  rolecall emulator -- rolecall scan --role-arn arn:aws:iam::111111111111:role/IAMListRole
  rolecall emulator -- aws iam list-users
  rolecall emulator --env-file aws.env      and in another terminal: . ./aws.env; aws sts get-caller-identity

With a COMMAND the exit code is the command's.";

fn address_and_port(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "it is an address and a port, as 127.0.0.1:4599 or [::1]:4599".to_owned())
}

#[derive(Debug, Args)]
pub(crate) struct Emulator {
    /// Where to listen [default: 127.0.0.1:4599; with a COMMAND, any free port of 127.0.0.1]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = address_and_port)]
    pub(crate) listen: Option<SocketAddr>,

    /// The accounts, roles, users and policies, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) world: Option<PathBuf>,

    /// Make a world and not read one: an organisation of so many accounts and users, the same each time for a seed; also
    /// `with_keys` (users of a hundred), `denied`, `suspended`, `hanging` (accounts of a thousand)
    #[arg(long, value_name = "accounts=600,users=50,seed=7", conflicts_with = "world")]
    pub(crate) generate: Option<Recipe>,

    /// How long each answer takes
    #[arg(long, value_name = "TIME", value_parser = settings::duration)]
    latency: Option<Duration>,

    /// How many calls a second IAM answers in one account; it throttles more
    #[arg(long, value_name = "CALLS")]
    iam_rate: Option<f64>,

    /// The part of requests that a service fails to answer, from 0 to 1
    #[arg(long, value_name = "PART")]
    error_rate: Option<f64>,

    /// The part of requests whose connection is cut, from 0 to 1
    #[arg(long, value_name = "PART")]
    reset_rate: Option<f64>,

    /// The role whose session the credentials are of, whomever it trusts; without this flag it is `LambdaRole` of
    /// account 222222222222, if that lets Lambda become it
    #[arg(long = "as", value_name = "ARN")]
    pub(crate) role_arn: Option<RoleArn>,

    /// Write the settings to ask it with to this file, as lines of a shell; it is taken away at the end
    #[arg(long, value_name = "FILE")]
    pub(crate) env_file: Option<PathBuf>,

    /// Write every request to this file, as JSON lines: who asked for what, and which statement decided; `-` for stderr
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,

    /// How to write what --log asks for
    #[arg(long, value_enum, default_value_t = LogFormat::Lines, requires = "log")]
    pub(crate) log_format: LogFormat,

    /// Run this in the emulator's environment, and end with it
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

impl Emulator {
    /// What was typed of how slow the world is and what goes wrong, over what its file says.
    pub(crate) fn over(&self, behaviour: &Behaviour) -> Behaviour {
        let latency_ms = self.latency.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        Behaviour {
            latency_ms: latency_ms.unwrap_or(behaviour.latency_ms),
            iam_rate: self.iam_rate.or(behaviour.iam_rate),
            error_rate: self.error_rate.unwrap_or(behaviour.error_rate),
            reset_rate: self.reset_rate.unwrap_or(behaviour.reset_rate),
            ..behaviour.clone()
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// With the statements that decided, which AWS does not tell
    Lines,
    /// As `CloudTrail` would record it
    Cloudtrail,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rendering {
    /// For people
    Table,
    /// For machines
    Json,
}

const SCAN_USAGE: &str = "\
rolecall scan [OPTIONS] --role-arn <ARN>...
       rolecall scan [OPTIONS] --account <ID>... --role-name <NAME>
       rolecall scan [OPTIONS] --accounts <FILE>
       rolecall scan [OPTIONS] --organization";

const ACCOUNTS_HELP: &str = "\
Examples:
  rolecall accounts --organization --role-name IAMListRole --ou Workloads/Prod
  rolecall accounts --accounts accounts.csv --format json

Exit codes: 0 shown, 1 something unexpected, 2 wrong usage, 11 AWS Organizations could not be asked.";

const SCAN_HELP: &str = "\
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

const REPORT_HELP: &str = "\
Examples:
  rolecall report roll.jsonl
  rolecall report roll.jsonl --format html --out report.html --format csv --out findings.csv
  rolecall report roll.jsonl --benchmark cis-5.0 --fail-on high

Thresholds, exceptions and owners are those of rolecall.toml, and so are accepted gaps where there is one.

Exit codes: 0 all was read, 1 something unexpected, 2 wrong usage or no roll, 10 a finding as bad as --fail-on says, 11 \
the roll does not cover all, whatever was found.";

/// What to write, and where.
#[derive(Debug, Args)]
pub(crate) struct Outputs {
    /// How to show it; may be given more than once, each with its --out [default: table]
    #[arg(long, value_enum)]
    pub(crate) format: Vec<Format>,

    /// Write to this file, whole or not at all, and not to stdout, which is `-`
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Vec<PathBuf>,
}

/// How to judge a roll.
#[derive(Debug, Args)]
pub(crate) struct Judging {
    /// Apply the rules that this benchmark has, and no others: cis-3.0, cis-4.0.1, cis-5.0, cis-6.0, cis-7.0
    #[arg(long, value_name = "BENCHMARK")]
    pub(crate) benchmark: Option<Benchmark>,

    /// End with code 10 where a finding is as bad as this or worse: critical, high, medium, low, informational
    #[arg(long, value_name = "SEVERITY")]
    pub(crate) fail_on: Option<Severity>,
}

impl Judging {
    /// These settings, but for what was typed.
    pub(crate) fn over(&self, judging: rolecall_report::Settings) -> rolecall_report::Settings {
        rolecall_report::Settings { benchmark: self.benchmark.or(judging.benchmark), ..judging }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    /// The roll file, as --roll or --format jsonl wrote it
    #[arg(value_name = "ROLL")]
    pub(crate) roll: PathBuf,

    #[command(flatten)]
    pub(crate) outputs: Outputs,

    #[command(flatten)]
    pub(crate) judging: Judging,

    /// Put findings together, in `table` and `markdown`
    #[arg(long, value_enum, value_name = "BY")]
    pub(crate) group_by: Option<GroupBy>,

    /// Count ages, and the days of exceptions, to this moment [default: that of the roll]
    #[arg(long, value_name = "TIMESTAMP", value_parser = moment)]
    pub(crate) as_of: Option<Timestamp>,

    /// What a person would else type each time [default: rolecall.toml, where there is one]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

const EVIDENCE_HELP: &str = "\
Example:
  rolecall evidence roll.jsonl --out evidence-2026-11

The folder holds the roll, the accounts as AWS Organizations gave them, the configuration without its external ids, rules \
with their versions, exceptions and accepted gaps, coverage, request ids, the report, this program's version and sum, and \
SHA256SUMS over all of them: the one file to sign.

Exit codes: 0 written, 1 something unexpected, 2 wrong usage or no roll.";

#[derive(Debug, Args)]
pub(crate) struct Evidence {
    /// The roll file
    #[arg(value_name = "ROLL")]
    pub(crate) roll: PathBuf,

    /// The folder, which is not there yet; it is written whole or not at all
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,

    /// What a person would else type each time [default: rolecall.toml, where there is one]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

const VERIFY_HELP: &str = "\
Examples:
  rolecall verify evidence-2026-11
  rolecall verify roll.jsonl --cloudtrail events.json

Events are a log file of CloudTrail's, gunzipped; what `aws cloudtrail lookup-events` prints as JSON; or an event a line.

Exit codes: 0 all is as it was, 1 something unexpected, 2 wrong usage, 10 something was changed, is missing, or was added.";

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// A folder of evidence; or a roll file, with --cloudtrail
    #[arg(value_name = "DIR|ROLL")]
    pub(crate) path: PathBuf,

    /// Hold the roll's calls of `AssumeRole` against these events
    #[arg(long, value_name = "FILE")]
    pub(crate) cloudtrail: Option<PathBuf>,

    /// How to show it
    #[arg(long, value_enum, default_value_t = Rendering::Table)]
    pub(crate) format: Rendering,
}

const DIFF_HELP: &str = "\
Examples:
  rolecall diff roll-2026-11-01.jsonl roll-2026-12-01.jsonl
  rolecall diff old.jsonl new.jsonl --format markdown --out changes.md

Both are judged by the rules with today's rolecall.toml, each as of its own moment. What is unknown in one of them is \
neither gone nor new, and is told as what it is. With --benchmark the rules of that benchmark alone.

Exit codes: 0 nothing differs, 1 something unexpected, 2 wrong usage or no roll, 10 something differs.";

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The earlier roll file
    #[arg(value_name = "OLD")]
    pub(crate) old: PathBuf,

    /// The later one
    #[arg(value_name = "NEW")]
    pub(crate) new: PathBuf,

    /// How to show it
    #[arg(long, value_enum, default_value_t = Comparison::Table)]
    pub(crate) format: Comparison,

    /// Write to this file, whole or not at all, and not to stdout, which is `-`
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,

    /// Tell of each key that was used since, too
    #[arg(long)]
    pub(crate) last_used: bool,

    /// Apply the rules that this benchmark has, and no others
    #[arg(long, value_name = "BENCHMARK")]
    pub(crate) benchmark: Option<Benchmark>,

    /// What a person would else type each time [default: rolecall.toml, where there is one]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Comparison {
    /// For people
    Table,
    /// For machines
    Json,
    /// For tickets and wikis
    Markdown,
}

fn path_prefix(text: &str) -> Result<String, String> {
    // https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListUsers.html
    if text.len() <= 512 && text.starts_with('/') && text.chars().all(|c| ('!'..='\u{7f}').contains(&c)) {
        return Ok(text.to_owned());
    }
    Err("a path begins with /, as /ci/".to_owned())
}

fn moment(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "no moment, one is as 2027-01-31T12:00:00Z".to_owned())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GroupBy {
    /// Who is to act
    Owner,
    Account,
    Rule,
}

impl From<GroupBy> for Grouping {
    fn from(by: GroupBy) -> Self {
        match by {
            GroupBy::Owner => Self::Owner,
            GroupBy::Account => Self::Account,
            GroupBy::Rule => Self::Rule,
        }
    }
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

/// Who asks, from where.
#[derive(Debug, Args)]
#[command(next_help_heading = "Who asks")]
pub(crate) struct Caller {
    /// The profile of the AWS configuration files
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// The region whose STS is asked; IAM has one endpoint for all regions of a partition
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,

    /// What a person would else type each time [default: rolecall.toml, where there is one]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// Whom to ask.
#[derive(Debug, Args)]
#[command(next_help_heading = "Whom to ask")]
pub(crate) struct Whom {
    /// A role to become, by its ARN; may be given more than once
    #[arg(long, value_name = "ARN", num_args = 1..)]
    pub(crate) role_arn: Vec<RoleArn>,

    /// An account to read, through its role of the name --role-name; may be given more than once
    #[arg(long, value_name = "ID", num_args = 1..)]
    pub(crate) account: Vec<AccountId>,

    /// The accounts of a file, CSV or JSON lines: `account_id`, `role_arn` or `role_name`, `external_id`, `via`, `name`,
    /// `email`, `tags`; `-` for stdin
    #[arg(long, value_name = "FILE")]
    pub(crate) accounts: Option<PathBuf>,

    /// All accounts that AWS Organizations lists
    #[arg(long)]
    pub(crate) organization: bool,

    /// The role to ask AWS Organizations as: of the management account or a delegated administrator
    #[arg(long, value_name = "ARN")]
    pub(crate) organization_role_arn: Option<RoleArn>,

    /// Of the organisation, what is in this unit and below: its id, or its names from below the root on, as
    /// Workloads/Prod; may be given more than once
    #[arg(long, value_name = "OU")]
    pub(crate) ou: Vec<String>,

    /// Of all accounts, those that carry this tag; given more than once, all of them
    #[arg(long, value_name = "KEY=VALUE", value_parser = settings::tag)]
    pub(crate) account_tag: Vec<(String, String)>,

    /// Ask for the tags of the organisation's accounts, a call for each
    #[arg(long)]
    pub(crate) account_tags: bool,

    /// Of all accounts, those of this id or name, `*` standing for any characters; may be given more than once
    #[arg(long, value_name = "ACCOUNT")]
    pub(crate) include: Vec<String>,

    /// Not these
    #[arg(long, value_name = "ACCOUNT")]
    pub(crate) exclude: Vec<String>,

    #[command(flatten)]
    pub(crate) through: Through,
}

/// Through which roles.
#[derive(Debug, Args)]
#[command(next_help_heading = "Whom to ask")]
pub(crate) struct Through {
    /// The name of the role to become in each account
    #[arg(long, value_name = "NAME")]
    pub(crate) role_name: Option<RoleName>,

    /// How its ARN is made [default: `arn:{partition}:iam::{account_id}:role/{role_name}`]
    #[arg(long, value_name = "ARN")]
    pub(crate) role_template: Option<Template>,

    /// A role to become on the way to all of them; may be given more than once, the first first
    #[arg(long, value_name = "ARN")]
    pub(crate) via: Vec<RoleArn>,

    /// The external id that the roles' trust policies ask for; better set as `ROLECALL_EXTERNAL_ID`, since flags show
    /// in `ps`
    #[arg(long, value_name = "ID")]
    pub(crate) external_id: Option<Unparsed>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "What to read, session, pace and patience")]
pub(crate) struct How {
    #[arg(
        long,
        value_name = "NAME",
        help = "The session's name, as CloudTrail shows it; over an organisation it is rolecall- and the run's id \
                [default: cross_acct_lambda]"
    )]
    session_name: Option<RoleSessionName>,

    /// How long a session is asked to last, 15m to 12h [default: 1h]
    #[arg(long, value_name = "TIME", value_parser = settings::session_duration)]
    session_duration: Option<Duration>,

    /// Do not narrow the session to the actions that are needed
    #[arg(long)]
    no_session_policy: bool,

    /// Which facts to read, with commas between, or `default`, `recommended`, `all`; see below [default: default]
    #[arg(long, value_name = "FACTS")]
    collect: Option<Collect>,

    /// Each user live, or from the credential report, and live only those who have keys there or are younger; keys made
    /// since are missing then [default: exact]
    #[arg(long, value_name = "exact|report")]
    reads: Option<Reads>,

    /// Who is behind it, as CloudTrail shows it; the roles' trust policies must allow sts:SetSourceIdentity
    #[arg(long, value_name = "NAME")]
    source_identity: Option<RoleSessionName>,

    /// A tag of each session; the roles' trust policies must allow sts:TagSession; may be given more than once
    #[arg(long, value_name = "KEY=VALUE", value_parser = settings::tag)]
    session_tag: Vec<(String, String)>,

    /// Accounts that are read side by side [default: 64]
    #[arg(long, value_name = "N", value_parser = settings::at_once)]
    concurrency: Option<usize>,

    /// Calls that are made side by side in one account at most; a small account is read with fewer [default: 8]
    #[arg(long, value_name = "N", value_parser = settings::at_once)]
    account_concurrency: Option<usize>,

    /// Sessions that are asked for in a second; STS answers so many calls to an account, whoever in it asks [default: 600]
    #[arg(long, value_name = "N", value_parser = settings::rate)]
    sts_rate: Option<f64>,

    /// How often a call is made at most [default: 10]
    #[arg(long, value_name = "N", value_parser = settings::attempts)]
    max_attempts: Option<u32>,

    /// The pause before a second attempt; it doubles with each [default: 200ms]
    #[arg(long, value_name = "TIME", value_parser = settings::duration)]
    initial_backoff: Option<Duration>,

    /// The longest pause between attempts [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = settings::duration)]
    max_backoff: Option<Duration>,

    /// For a connection to stand [default: 5s]
    #[arg(long, value_name = "TIME", value_parser = settings::duration)]
    connect_timeout: Option<Duration>,

    /// For the first byte of an answer [default: 20s]
    #[arg(long, value_name = "TIME", value_parser = settings::duration)]
    read_timeout: Option<Duration>,

    /// For one attempt at a call [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = settings::duration)]
    attempt_timeout: Option<Duration>,

    /// For all of an account; what was read by then is kept [default: 10m]
    #[arg(long, value_name = "TIME", value_parser = settings::duration)]
    account_timeout: Option<Duration>,
}

impl How {
    /// These settings, but for what was typed.
    pub(crate) fn over(&self, settings: Settings) -> Settings {
        let Settings { limits, session, .. } = settings;
        Settings {
            session: SessionSettings {
                name: self.session_name.clone().unwrap_or(session.name),
                duration: self.session_duration.unwrap_or(session.duration),
                narrow: session.narrow && !self.no_session_policy,
                source_identity: self.source_identity.clone().or(session.source_identity),
                tags: if self.session_tag.is_empty() { session.tags } else { self.session_tag.clone() },
            },
            collect: self.collect.clone().unwrap_or(settings.collect),
            reads: self.reads.unwrap_or(settings.reads),
            user: settings.user,
            path_prefix: settings.path_prefix,
            limits: Limits {
                max_attempts: self.max_attempts.unwrap_or(limits.max_attempts),
                initial_backoff: self.initial_backoff.unwrap_or(limits.initial_backoff),
                max_backoff: self.max_backoff.unwrap_or(limits.max_backoff),
                connect_timeout: self.connect_timeout.unwrap_or(limits.connect_timeout),
                read_timeout: self.read_timeout.unwrap_or(limits.read_timeout),
                attempt_timeout: self.attempt_timeout.unwrap_or(limits.attempt_timeout),
                account_timeout: self.account_timeout.unwrap_or(limits.account_timeout),
                accounts_at_once: self.concurrency.unwrap_or(limits.accounts_at_once),
                calls_at_once: self.account_concurrency.unwrap_or(limits.calls_at_once),
                sts_rate: self.sts_rate.unwrap_or(limits.sts_rate),
            },
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// One document: the roll, sorted, and the findings
    Json,
    /// The roll file: header, an account a line as it is done, trailer
    Jsonl,
    /// Findings, a row each
    Csv,
    /// The roll, a row a key
    RollCsv,
    /// Findings for tickets and wikis
    Markdown,
    /// A report to read, sort and filter in a browser, in one file
    Html,
    /// Findings as OCSF Compliance Findings, a JSON document a line
    Ocsf,
}

impl Format {
    /// Whether it shows findings and nothing else.
    pub(crate) fn is_of_findings(self) -> bool {
        matches!(self, Self::Csv | Self::Markdown | Self::Html | Self::Ocsf)
    }
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
        "json" | "table" | "jsonl" | "csv" => format!("--format {text}"),
        "text" | "yaml" | "yaml-stream" => "--format table, json or csv".to_owned(),
        _ => format!("--out {text}"),
    };
    Err(format!(
        "there is no --output; use {hint} (--format says how to show the roll, --out FILE where to write it)"
    ))
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command as Clap, CommandFactory, Parser};
    use rolecall_core::Settings;

    use super::{Arguments, Command, How};

    fn over_the_defaults(typed: &[String]) -> String {
        let scan = ["rolecall", "scan", "--role-arn", "arn:aws:iam::111111111111:role/R"].map(str::to_owned);
        let Command::Scan(scan) = Arguments::parse_from(scan.iter().chain(typed)).command else {
            panic!("not a scan")
        };
        format!("{:?}", scan.how.over(Settings::default()))
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_defaults_that_the_help_tells_are_those_of_the_settings() {
        let default = format!("{:?}", Settings::default());
        for flag in How::augment_args(Clap::new("")).get_arguments() {
            let (name, help) = (flag.get_long().unwrap(), flag.get_help().unwrap().to_string());
            let told = help.split_once("[default: ").map(|(_, told)| told.trim_end_matches(']').to_owned());
            let without = ["no-session-policy", "source-identity", "session-tag"];
            assert!(told.is_some() || without.contains(&name), "{name}");
            let typed: Vec<String> =
                told.map(|told| [format!("--{name}"), told]).into_iter().flatten().collect();
            assert_eq!(over_the_defaults(&typed), default, "{typed:?}");
        }
    }

    #[test]
    fn every_flag_is_a_variable_too() {
        for flag in How::augment_args(Clap::new("")).get_arguments() {
            let name = flag.get_long().unwrap();
            let variable = format!("ROLECALL_{}", name.replace('-', "_").to_uppercase());
            let takes = flag.get_action().takes_values().then(|| flag.get_value_names().unwrap()[0].as_str());
            let text = match takes {
                None => "1",
                Some("TIME") => "17m",
                Some("KEY=VALUE") => "team=17",
                Some("FACTS") => "all",
                Some("exact|report") => "report",
                Some(_) => "17",
            };
            let typed =
                [vec![format!("--{name}")], takes.map(|_| text.to_owned()).into_iter().collect()].concat();
            let set = Settings::of_variables(|asked| (asked == variable).then(|| text.to_owned())).unwrap();
            assert_eq!(format!("{set:?}"), over_the_defaults(&typed), "{variable}");
            assert_ne!(format!("{set:?}"), over_the_defaults(&[]), "{variable}");
        }
    }
}
