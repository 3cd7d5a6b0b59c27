//! `rolecall find-key`: the account and the user of an access key.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use rolecall_core::options::settings::SessionSettings;
use rolecall_core::run::session_parameters;
use rolecall_core::scan::ScanContext;
use rolecall_core::targets::{Role, TargetPlan};
use rolecall_core::{CallError, RunOptions, key_lookup};
use rolecall_report::coverage_summary::{may_hold_other_keys, with_thousands_separator};
use rolecall_report::facts::days;
use rolecall_report::last_use::NoLastUse;
use rolecall_roll::diagnosis::{SAME_EXTERNAL_ID, doctor_command};
use rolecall_roll::{
    AccessKey, AccessKeyId, AccessKeyIdKind, AccountRecord, ErrorKind, Fact, FactKind, FactSelection, Stage,
};
use serde_json::json;

use crate::args::{CallerArgs, ConfigurationArgs, Flags, OutputArgs, OutputFormat, RoleFlags, SensitiveText};
use crate::exit_code::{self, RolecallExitCode};
use crate::failure::Failure;
use crate::output::{self, Spinner};
use crate::runtime::in_runtime;
use crate::terms::FlagTerms;
use crate::{aws, configuration, environment, roll_file, targets};

const HELP: &str = "\
Examples:
  rolecall find-key AKIAIOSFODNN7EXAMPLE --role-name IAMListRole
  rolecall find-key AKIAIOSFODNN7EXAMPLE --roll roll.jsonl    (without AWS)

Without --roll, the caller needs sts:GetAccessKeyInfo, and the role in the key's account needs \
iam:GetAccessKeyLastUsed and iam:ListAccessKeys.";

const EXIT_CODES: [(RolecallExitCode, &str); 3] = [
    (RolecallExitCode::Success, "the key was found"),
    (RolecallExitCode::Findings, "no such access key exists"),
    (RolecallExitCode::Incomplete, "the key may exist: not everything could be read"),
];

/// The arguments that only a call to AWS uses.
const UNUSED_WITH_ROLL: [&str; 7] =
    ["role_name", "role_template", "via", "external_id", "profile", "region", "path"];

/// The arguments of `rolecall find-key`.
#[derive(Debug, Args)]
#[command(after_help = exit_code::help(HELP, &EXIT_CODES))]
pub(crate) struct FindKeyArgs {
    /// Access key id, such as AKIAIOSFODNN7EXAMPLE
    #[arg(value_name = "ACCESS_KEY_ID")]
    pub(crate) access_key_id: SensitiveText,

    /// Look the key up in this roll file, without calling AWS
    #[arg(long, value_name = "FILE", conflicts_with_all = UNUSED_WITH_ROLL)]
    pub(crate) roll: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) output: OutputArgs<OutputFormat>,

    #[command(flatten)]
    pub(crate) role: Flags<RoleFlags>,

    #[command(flatten)]
    pub(crate) caller: CallerArgs,

    #[command(flatten)]
    pub(crate) configuration: ConfigurationArgs,
}

/// The width of the labels in the text output.
const LABELS: usize = 11;

/// An access key and its user.
struct FoundKey {
    account_id: String,
    account_name: Option<String>,
    user_name: String,
    access_key: AccessKey,
    as_of: Timestamp,
    source: &'static str,
}

/// Finds the key and writes what is known of it.
pub(crate) fn run(arguments: &FindKeyArgs) -> Result<ExitCode, Failure> {
    let typed = &arguments.access_key_id.0;
    let id = AccessKeyId::from_input(typed).map_err(|error| {
        let failure = Failure::usage(error);
        if roll_file::is_roll(Path::new(typed)) {
            return failure
                .with_remedy(format!("did you mean `rolecall find-key ACCESS_KEY_ID --roll {typed}`?"));
        }
        failure
    })?;
    match id.kind() {
        AccessKeyIdKind::LongTerm | AccessKeyIdKind::Unknown => {}
        AccessKeyIdKind::Session => {
            let problem = format!("{id} is the access key of a temporary session, not of a user");
            return Err(Failure::incomplete(problem).with_remedy(
                "search CloudTrail for it as userIdentity.accessKeyId to find the session; `aws sts get-access-key-info` \
                 returns its account",
            ));
        }
        AccessKeyIdKind::Other(kind) => {
            return Err(Failure::usage(format!("{id} is the id of a {kind}, not of an access key")));
        }
    }
    if let Some(roll) = &arguments.roll {
        roll_file::ensure_distinct("--roll", roll, arguments.output.out.as_slice())?;
    }
    let (format, mut out) = arguments.output.open()?;
    in_runtime(async move {
        let spinner = Spinner::start(format!("Looking for access key {id}"));
        let found = match &arguments.roll {
            Some(file) => find_in_roll(file, &id)?,
            None => Box::pin(find_live(arguments, &id)).await?,
        };
        drop(spinner);
        let written = match format {
            OutputFormat::Json => output::write_json(&mut out, &to_json(&found)),
            OutputFormat::Table => {
                let text = output::hanging_lines(&to_text(&found), out.terminal_style(), LABELS + 1);
                out.write_all(text.as_bytes())
            }
        };
        written.and_then(|()| out.finish()).map_err(|error| output::not_written(&error))?;
        Ok(ExitCode::SUCCESS)
    })
}

fn find_in_roll(file: &Path, access_key_id: &AccessKeyId) -> Result<FoundKey, Failure> {
    let roll = roll_file::read(file)?;
    let unexpected = |error: std::io::Error| Failure::unexpected(error);
    for account in roll.accounts() {
        let account = account.map_err(unexpected)?;
        if let Some((user_name, key)) = find_in_account(&account, access_key_id) {
            return Ok(FoundKey {
                account_id: account.account_id().to_string(),
                account_name: account.account().and_then(|account| account.name.clone()),
                user_name: user_name.to_owned(),
                access_key: key.clone(),
                as_of: account.as_of().unwrap_or(roll.header.as_of),
                source: "roll",
            });
        }
    }
    let coverage = roll.coverage().map_err(unexpected)?;
    if let Some(reason) = may_hold_other_keys(&roll.header, &coverage) {
        let problem = format!("access key {access_key_id} is not in the roll, which {reason}");
        return Err(
            Failure::incomplete(problem).with_remedy("call AWS instead: the same command without --roll")
        );
    }
    let problem =
        format!("access key {access_key_id} is in no account of the roll of {:.0}", roll.header.as_of);
    Err(Failure::new(RolecallExitCode::Findings, problem).with_remedy(
        "the key may be newer, or belong to another organization; without --roll, AWS is called",
    ))
}

fn find_in_account<'a>(
    account: &'a AccountRecord,
    access_key_id: &AccessKeyId,
) -> Option<(&'a str, &'a AccessKey)> {
    account.users()?.iter().find_map(|user| {
        let key = user.access_keys.iter().flatten().find(|key| key.access_key_id == *access_key_id)?;
        Some((user.user_name.as_str(), key))
    })
}

async fn find_live(arguments: &FindKeyArgs, id: &AccessKeyId) -> Result<FoundKey, Failure> {
    let configuration = configuration::read(&arguments.configuration)?;
    let flags = RunOptions { targets: arguments.role.options()?, ..RunOptions::default() };
    let options = targets::options(flags, &configuration)?;
    let settings = targets::settings(&options)?;
    let plan = TargetPlan::for_one_account(options.targets.clone(), &configuration.accounts);
    let scanner = aws::connect(&arguments.caller, &plan, &settings.limits).await?;
    let caller = scanner.caller().await.map_err(|error| aws::no_caller(&error, &arguments.caller))?;
    let account_id =
        key_lookup::find_account(&scanner, id).await.map_err(|error| account_unknown(&error, id))?;
    let region = scanner.sdk_config().region().map(AsRef::as_ref);
    let own_account = caller.as_ref().map(|caller| &caller.account_id);
    let target = plan.target(account_id.clone(), region, own_account);
    let target = target.map_err(|error| targets::failure(&error, &options))?;
    let context = ScanContext::new(settings);
    let owner = key_lookup::find_user(&scanner, &context, &target, id).await.map_err(|error| {
        let remedy = advice(&error, target.role(), &context.settings.session);
        let problem = format!(
            "access key {id} belongs to account {account_id}, but its user could not be read: {error}"
        );
        Failure::incomplete(problem).with_remedy(remedy)
    })?;
    let owner = owner.ok_or_else(|| {
        let problem = format!(
            "access key {id} belonged to account {account_id}, but no user there has it: it was deleted"
        );
        Failure::new(RolecallExitCode::Findings, problem)
            .with_remedy("search CloudTrail for what it was used for")
    })?;
    Ok(FoundKey {
        account_id: account_id.to_string(),
        account_name: target.account.and_then(|account| account.name),
        user_name: owner.user_name,
        access_key: owner.access_key,
        as_of: environment::now(),
        source: "live",
    })
}

/// What to do about a failed call in the key's account: the diagnosis, the remedy, and the command that finds out more.
fn advice(error: &CallError, role: Option<&Role>, settings: &SessionSettings) -> String {
    let role_arn = role.map(|role| &role.role_arn);
    let stage =
        if error.operation == "AssumeRole" { Stage::Session } else { Stage::Fact(FactKind::LastUsed) };
    let diagnosis = error.clone().into_gap(stage, None).diagnosis();
    let remedy = error.remedy().to_text(&FlagTerms);
    let remedy = match role_arn.filter(|_| error.error_kind == ErrorKind::Denied) {
        Some(role_arn) => format!("{remedy} (the call was made as {role_arn})"),
        None => remedy,
    };
    let session = session_parameters(settings, role);
    let command = diagnosis.as_ref().and(role_arn).map(|role_arn| {
        let facts = BTreeSet::from([FactKind::Users, FactKind::AccessKeys, FactKind::LastUsed]);
        doctor_command(
            role_arn,
            &FactSelection { facts, ..FactSelection::default() },
            &session,
            settings.name.as_ref(),
            &[],
        )
    });
    let external_id = command.is_some() && session.has_external_id;
    let external_id = external_id.then(|| SAME_EXTERNAL_ID.to_owned());
    let parts = [diagnosis.map(|diagnosis| diagnosis.to_string()), Some(remedy), command, external_id];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn account_unknown(error: &CallError, access_key_id: &AccessKeyId) -> Failure {
    if error.error_kind == ErrorKind::Other {
        let problem = format!("AWS finds no account for access key {access_key_id}: {error}");
        return Failure::new(RolecallExitCode::Findings, problem)
            .with_remedy("check the id for typing errors");
    }
    Failure::incomplete(error).with_remedy(error.remedy().to_text(&FlagTerms))
}

fn to_json(found: &FoundKey) -> serde_json::Value {
    let FoundKey { account_id, account_name, user_name, access_key, as_of, source } = found;
    json!({
        "account_id": account_id, "account_name": account_name, "user_name": user_name,
        "access_key": access_key, "as_of": as_of, "source": source,
    })
}

fn to_text(found: &FoundKey) -> String {
    let FoundKey { account_id, account_name, user_name, access_key, as_of, source } = found;
    let day = |date: Timestamp| {
        let age = match days(date, *as_of) {
            1 => "1 day".to_owned(),
            several => format!("{} days", with_thousands_separator(several)),
        };
        format!("{}, {age} ago", date.strftime("%Y-%m-%d"))
    };
    let last = match &access_key.last_used {
        Fact::Known { value: Some(last), .. } => {
            let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
            format!("{}, for {} in {}", day(last.date), text(&last.service), text(&last.region))
        }
        Fact::Known { value: None, .. } => NoLastUse::of_access_key(access_key.create_date).long(),
        Fact::Unknown { unknown } => format!("unknown: {unknown}"),
        Fact::Unavailable { unavailable } => format!("unavailable: {unavailable}"),
        Fact::NotRequested => "not requested".to_owned(),
    };
    let name = account_name.as_ref().map_or(String::new(), |name| format!(" ({name})"));
    let lines = [
        ("access key", access_key.access_key_id.to_string()),
        ("account", format!("{account_id}{name}")),
        ("user", user_name.clone()),
        ("status", access_key.status.as_str().to_owned()),
        ("created", access_key.create_date.map_or("unknown".to_owned(), day)),
        ("last used", last),
        ("as of", format!("{as_of:.0} ({source})")),
    ];
    lines.iter().map(|(name, value)| format!("{name:<LABELS$} {}\n", output::printable(value))).collect()
}

#[cfg(test)]
mod tests {
    use rolecall_roll::{AccessKey, Fact};

    use super::{FoundKey, to_text};

    #[test]
    fn a_key_without_a_last_use_was_never_used_only_if_aws_has_recorded_uses_since_it_was_created() {
        let last_used = |created: Option<&str>| {
            let found = FoundKey {
                account_id: "111111111111".to_owned(),
                account_name: None,
                user_name: "ann".to_owned(),
                access_key: AccessKey {
                    access_key_id: "AKIAIOSFODNN7EXAMPLE".parse().unwrap(),
                    status: "Active".to_owned().into(),
                    create_date: created.map(|at| at.parse().unwrap()),
                    last_used: Fact::live(None),
                },
                as_of: "2026-11-25T12:00:00Z".parse().unwrap(),
                source: "live",
            };
            let text = to_text(&found);
            text.lines().find_map(|line| line.strip_prefix("last used")).unwrap().trim().to_owned()
        };
        assert_eq!(last_used(Some("2015-04-22T00:00:00Z")), "never");
        for older in [Some("2015-04-21T23:59:59Z"), None] {
            assert_eq!(last_used(older), "not since AWS began to record it (22 April 2015)");
        }
    }
}
