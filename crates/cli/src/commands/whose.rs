//! `rolecall whose`: from an access key's id to its user.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use rolecall_core::targets::Access;
use rolecall_core::whose;
use rolecall_core::{CallError, Settings};
use rolecall_report::facts::days;
use rolecall_roll::{AccessKey, AccountRoll, Class, Coverage, Fact, Header};
use serde_json::json;

use crate::args::{Caller, Rendering, Through, Unparsed};
use crate::environment;
use crate::exit_code::{self, RolecallExitCode};
use crate::failure::Failure;
use crate::output;
use crate::roll_file;
use crate::runtime::in_runtime;
use crate::terms::FlagTerms;
use crate::whom::{Plan, no_caller};

const HELP: &str = "\
Examples:
  rolecall whose AKIAIOSFODNN7EXAMPLE --role-name IAMListRole
  rolecall whose AKIAIOSFODNN7EXAMPLE --roll roll.jsonl      asks nobody

Live it needs sts:GetAccessKeyInfo, and in the key's account iam:GetAccessKeyLastUsed and iam:ListAccessKeys.";

/// What its exit codes mean.
const EXIT_CODES: [(RolecallExitCode, &str); 3] = [
    (RolecallExitCode::Success, "found"),
    (RolecallExitCode::Findings, "there is no such key"),
    (RolecallExitCode::Incomplete, "that cannot be told"),
];

/// The arguments of `rolecall whose`.
#[derive(Debug, Args)]
#[command(after_help = exit_code::help(HELP, &EXIT_CODES))]
pub(crate) struct WhoseArgs {
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

/// What was found.
struct Found {
    account_id: String,
    account_name: Option<String>,
    user_name: String,
    access_key: AccessKey,
    as_of: Timestamp,
    source: &'static str,
}

/// How ids begin that are of something else.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html>
const OTHER_IDS: [(&str, &str); 5] = [
    ("AIDA", "user"),
    ("AROA", "role"),
    ("AGPA", "group"),
    ("AIPA", "instance profile"),
    ("ANPA", "managed policy"),
];

/// Finds it, and shows it.
pub(crate) fn run(arguments: &WhoseArgs) -> Result<ExitCode, Failure> {
    let id = &arguments.access_key_id.0.to_ascii_uppercase();
    // https://docs.aws.amazon.com/STS/latest/APIReference/API_GetAccessKeyInfo.html
    if !(16..=128).contains(&id.len()) || !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        // It is not repeated: it may be the secret key.
        let problem = "what was typed is no access key id, one is like AKIAIOSFODNN7EXAMPLE";
        return Err(Failure::usage(problem));
    }
    if let Some((_, of)) = OTHER_IDS.iter().find(|(prefix, _)| id.starts_with(prefix)) {
        return Err(Failure::usage(format!("{id} is the id of a {of}, and no access key's")));
    }
    if id.starts_with("ASIA") {
        // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
        let problem = format!("{id} is the key of a session, which ends by itself, and no user's access key");
        return Err(Failure::incomplete(problem).with_remedy(
            "CloudTrail tells whose session: look for it as userIdentity.accessKeyId; `aws sts get-access-key-info` \
             tells the account",
        ));
    }
    in_runtime(async {
        let found = match &arguments.roll {
            Some(file) => in_roll(file, id)?,
            None => live(arguments, id).await?,
        };
        output::to_stdout(show(&found, arguments.format).as_bytes())?;
        Ok(ExitCode::SUCCESS)
    })
}

fn in_roll(file: &Path, access_key_id: &str) -> Result<Found, Failure> {
    let stored = roll_file::read(file)?;
    let unexpected = |error: std::io::Error| Failure::unexpected(error);
    for account in stored.accounts() {
        let account = account.map_err(unexpected)?;
        if let Some((user_name, key)) = key_in(&account, access_key_id) {
            return Ok(Found {
                account_id: account.account_id().to_string(),
                account_name: account.account().and_then(|account| account.name.clone()),
                user_name: user_name.to_owned(),
                access_key: key.clone(),
                as_of: account.as_of().unwrap_or(stored.header.as_of),
                source: "roll",
            });
        }
    }
    let coverage = stored.coverage().map_err(unexpected)?;
    if let Some(why) = may_hold_others(&stored.header, &coverage) {
        let problem = format!("access key {access_key_id} is not in the roll, which {why}");
        return Err(Failure::incomplete(problem).with_remedy("ask live, without --roll"));
    }
    let problem =
        format!("no account of the roll of {:.0} has access key {access_key_id}", stored.header.as_of);
    Err(Failure::new(RolecallExitCode::Findings, problem)
        .with_remedy("it may be younger, or of another organisation: without --roll AWS is asked"))
}

/// Why a key that is not in the roll may be there all the same; `None` where the roll has all keys of an organisation.
fn may_hold_others(header: &Header, coverage: &Coverage) -> Option<String> {
    if coverage.access_keys.is_none() {
        return Some("holds no access keys: they were not asked for".to_owned());
    }
    if let [first, ..] = coverage.narrowed.as_slice() {
        return Some(format!("is {first} alone"));
    }
    match coverage.listed {
        None => {
            return Some(format!(
                "is of {} accounts that were named, and of no organisation",
                coverage.accounts
            ));
        }
        Some(listed) if listed > coverage.accounts => {
            return Some(format!("is of {} accounts of {listed} of the organisation", coverage.accounts));
        }
        Some(_) => {}
    }
    if !coverage.is_complete || !coverage.accepted.is_empty() {
        return Some(format!("does not cover everything: {}", output::summary(coverage)));
    }
    // Not asked, and not empty for all that: a suspended account keeps its keys.
    (!coverage.skipped.is_empty() && header.organization.is_some())
        .then(|| format!("leaves out accounts that were not asked: {}", output::summary(coverage)))
}

fn key_in<'a>(account: &'a AccountRoll, access_key_id: &str) -> Option<(&'a str, &'a AccessKey)> {
    account.users()?.iter().find_map(|user| {
        let key = user.access_keys.iter().flatten().find(|key| key.access_key_id == access_key_id)?;
        Some((user.user_name.as_str(), key))
    })
}

async fn live(arguments: &WhoseArgs, id: &str) -> Result<Found, Failure> {
    let mut plan = Plan::of_nobody(&arguments.through, &arguments.caller)?;
    let settings = environment::over(plan.configuration.settings(Settings::default()))?;
    let scanner = plan.connect(&arguments.caller, settings).await?;
    let profile = arguments.caller.profile.as_deref();
    let caller = scanner.caller().await.map_err(|error| no_caller(&error, profile))?;
    let account_id = whose::account_of(&scanner, id).await.map_err(|error| not_told(&error, id))?;
    let target = plan.target_of(account_id.clone(), &scanner, caller.as_ref())?;
    let owner = whose::owner(&scanner, &target, id).await.map_err(|error| {
        let remedy = match (&target.access, error.class) {
            (Access::Role(role), Class::Denied) => {
                format!("{}; it was asked as {}", error.remedy().to_text(&FlagTerms), role.role_arn)
            }
            _ => error.remedy().to_text(&FlagTerms),
        };
        let problem =
            format!("access key {id} is of account {account_id}, which does not say whose: {error}");
        Failure::incomplete(problem).with_remedy(remedy)
    })?;
    let owner = owner.ok_or_else(|| {
        let problem =
            format!("access key {id} is of account {account_id}, and of no user there: it was deleted");
        Failure::new(RolecallExitCode::Findings, problem).with_remedy("CloudTrail knows what it did before")
    })?;
    Ok(Found {
        account_id: account_id.to_string(),
        account_name: target.account.and_then(|account| account.name),
        user_name: owner.user_name,
        access_key: owner.access_key,
        as_of: environment::now(),
        source: "live",
    })
}

fn not_told(error: &CallError, access_key_id: &str) -> Failure {
    if error.class == Class::Other {
        let problem = format!("AWS knows no account of access key {access_key_id}: {error}");
        return Failure::new(RolecallExitCode::Findings, problem)
            .with_remedy("look at it once more, letter by letter");
    }
    Failure::incomplete(error).with_remedy(error.remedy().to_text(&FlagTerms))
}

fn show(found: &Found, format: Rendering) -> String {
    let Found { account_id, account_name, user_name, access_key, as_of, source } = found;
    if format == Rendering::Json {
        let document = json!({
            "account_id": account_id, "account_name": account_name, "user_name": user_name,
            "access_key": access_key, "as_of": as_of, "source": source,
        });
        return format!("{document:#}\n");
    }
    let day = |date: Timestamp| format!("{}, {} days ago", date.strftime("%Y-%m-%d"), days(date, *as_of));
    let last = match &access_key.last_used {
        Fact::Known { value: Some(last), .. } => {
            let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
            format!("{}, for {} in {}", day(last.date), text(&last.service), text(&last.region))
        }
        Fact::Known { value: None, .. } => "never, or not since AWS records it".to_owned(),
        Fact::Unknown { unknown } => format!("unknown: {unknown}"),
        Fact::NotAsked => "not asked".to_owned(),
    };
    let name = account_name.as_ref().map_or(String::new(), |name| format!(" ({name})"));
    let lines = [
        ("access key", access_key.access_key_id.clone()),
        ("account", format!("{account_id}{name}")),
        ("user", user_name.clone()),
        ("status", access_key.status.as_str().to_owned()),
        ("created", access_key.create_date.map_or("unknown".to_owned(), day)),
        ("last used", last),
        ("as of", format!("{as_of:.0} ({source})")),
    ];
    lines.iter().map(|(name, value)| format!("{name:<11} {}\n", output::printable(value))).collect()
}
