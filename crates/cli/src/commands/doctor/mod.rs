//! `rolecall doctor`: why access to an account is denied, and what heals it.

mod documents;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::Args;
use futures_util::{StreamExt, stream};
use rolecall_access::doctor::{CallerCheck, Doctor, TargetCheck};
use rolecall_core::cancellation::Cancellation;
use rolecall_core::options::row::Origin;
use rolecall_core::options::selection::parse_user_name;
use rolecall_core::run::{RunError, RunStart, session_name_from};
use rolecall_core::scan::ScanContext;
use rolecall_core::targets::TargetConflict;
use rolecall_core::targets::organization::OrganizationError;
use rolecall_core::targets::plan::PlanError;
use rolecall_core::{Run, RunOptions};
use rolecall_roll::{
    AccountId, Cause, ErrorKind, FactSelection, Gap, Outcome, RoleArn, RunId, SessionParameters,
};
use serde_json::json;
use tokio::time::Instant;

use crate::args::{CallerArgs, OutputArgs, OutputFormat, ScanOptionArgs};
use crate::configuration::Configuration;
use crate::exit_code::{self, RolecallExitCode};
use crate::failure::Failure;
use crate::output::{self, Spinner};
use crate::runtime::in_runtime;
use crate::terms::{FlagTerms, GivenTerms};
use crate::{aws, configuration, environment, roll_file, targets};

const HELP: &str = "\
Examples:
  rolecall doctor --role-arn arn:aws:iam::111111111111:role/IAMListRole
  rolecall doctor --from roll.jsonl        (accounts that a scan could not read)
  rolecall doctor --organization --role-name IAMListRole
  rolecall doctor --documents policies \\
    --role-arn arn:aws:iam::111111111111:role/IAMListRole \\
    --caller-arn arn:aws:iam::222222222222:role/LambdaRole    (without AWS)

The doctor walks from the caller to the facts of an account, and stops at the first broken link. It needs no permission \
that a scan does not need. With iam:SimulatePrincipalPolicy and iam:GetRequestAuthorizationDetails it can say more; \
--member-profile lets it read the role and its trust policy.

A statement to paste has a placeholder for the external id; --show-external-id prints the external id in its place.";

const EXIT_CODES: [(RolecallExitCode, &str); 4] = [
    (RolecallExitCode::Success, "every link was tested and holds"),
    (RolecallExitCode::Usage, "invalid arguments, configuration or document"),
    (RolecallExitCode::Findings, "AWS refused a request, or a document does"),
    (RolecallExitCode::Incomplete, "a link could not be tested: no credentials, no network, throttled"),
];

/// Targets are checked concurrently: most of the time is waiting.
const CONCURRENCY: usize = 8;

/// The arguments of `rolecall doctor`.
#[derive(Debug, Args)]
#[command(after_help = exit_code::help(HELP, &EXIT_CODES))]
pub(crate) struct DoctorArgs {
    /// Check the accounts that this roll could not read
    #[arg(long, value_name = "ROLL", conflicts_with_all = ["role_arn", "account", "accounts_file", "organization"])]
    pub(crate) from: Option<PathBuf>,

    /// Profile with credentials of the member account, which may call iam:GetRole
    #[arg(long, value_name = "NAME")]
    pub(crate) member_profile: Option<String>,

    /// Evaluate the policy documents in this folder, without AWS
    #[arg(long, value_name = "DIR", requires = "caller_arn", conflicts_with_all = ["from", "member_profile", "profile"])]
    pub(crate) documents: Option<PathBuf>,

    /// With --documents: ARN of the role or user that runs Rolecall
    #[arg(long, value_name = "ARN", requires = "documents")]
    pub(crate) caller_arn: Option<String>,

    /// With --documents: a condition key of the request and its value, such as aws:PrincipalOrgID=o-a1b2c3d4e5
    #[arg(long, value_name = "KEY=VALUE", requires = "documents")]
    pub(crate) context: Vec<String>,

    /// Test the actions about one user with this user too
    #[arg(long, value_name = "NAME", value_parser = parse_user_name, conflicts_with_all = ["documents", "user"])]
    pub(crate) test_user: Vec<String>,

    /// Print the external id in statements, in place of a placeholder
    #[arg(long)]
    pub(crate) show_external_id: bool,

    #[command(flatten)]
    pub(crate) output: OutputArgs<OutputFormat>,

    #[command(flatten)]
    scan: ScanOptionArgs,
}

/// Checks the targets and writes what is broken, and what heals it.
pub(crate) fn run(arguments: &DoctorArgs) -> Result<ExitCode, Failure> {
    let configuration = configuration::read(&arguments.scan.configuration)?;
    let mut flags = arguments.scan.options()?;
    let scanned = match &arguments.from {
        Some(roll) => read_roll(roll, &mut flags)?,
        None => ScannedAccounts::default(),
    };
    let options = targets::options(flags, &configuration)?;
    if scanned.with_external_id && options.given("external_id").is_none() {
        output::say(
            "note: the scan sent an external id, which is in no roll: pass it with ROLECALL_EXTERNAL_ID or --external-id",
        );
    }
    let (format, mut out) = arguments.output.open()?;
    let checks = match &arguments.documents {
        Some(folder) => vec![documents::check(arguments, folder, &options)?],
        None => {
            in_runtime(Box::pin(check_targets(arguments, &options, &configuration, scanned.denied_users)))?
        }
    };
    let written = match format {
        OutputFormat::Table => {
            let text = output::doctor(&checks, out.terminal_style());
            out.write_all(text.as_bytes())
        }
        OutputFormat::Json => output::write_json(&mut out, &json!({ "targets": checks })),
    };
    written.and_then(|()| out.finish()).map_err(|error| output::not_written(&error))?;
    Ok(exit_code(&checks))
}

/// What a roll tells the doctor beside its targets and settings.
#[derive(Default)]
struct ScannedAccounts {
    /// Whether the scan sent an external id.
    with_external_id: bool,
    denied_users: BTreeMap<AccountId, BTreeSet<String>>,
}

/// Sets the targets to the accounts that a roll did not read completely because access was denied, or that it did not read at all;
/// and the facts and what is sent to those of the roll, unless others are given.
fn read_roll(roll: &Path, flags: &mut RunOptions) -> Result<ScannedAccounts, Failure> {
    let file = roll_file::read(roll)?;
    let mut roles = Vec::new();
    let mut scanned = ScannedAccounts::default();
    // Read, or to be read, with the caller's own credentials.
    let mut unread_without_role = 0;
    let mut pending: BTreeMap<&AccountId, Option<&RoleArn>> =
        file.header.targets.iter().map(|target| (&target.account_id, target.role_arn.as_ref())).collect();
    for account in file.accounts() {
        let account = account.map_err(Failure::unexpected)?;
        let denied: Vec<&Gap> =
            account.gaps().iter().filter(|gap| gap.error_kind == ErrorKind::Denied).collect();
        let is_unread = !denied.is_empty() || account.outcome() == Outcome::Failed;
        let users: BTreeSet<String> = denied.iter().filter_map(|gap| gap.user_name.clone()).collect();
        // A part of a hostile name is redacted in a roll: AWS does not accept what is left.
        let (users, redacted): (BTreeSet<_>, BTreeSet<_>) =
            users.into_iter().partition(|name| parse_user_name(name).is_ok());
        if !redacted.is_empty() {
            let count = output::count_of(redacted.len(), "user");
            let account_id = account.account_id();
            output::say(&format!(
                "note: {count} of account {account_id} not tested: the roll has no whole name"
            ));
        }
        scanned.denied_users.insert(account.account_id().clone(), users);
        pending.remove(account.account_id());
        match account.role_arn().filter(|_| is_unread) {
            Some(role_arn) => roles.push(role_arn.to_string()),
            None => unread_without_role += usize::from(is_unread),
        }
    }
    let unread: Vec<&RoleArn> = pending.values().copied().flatten().collect();
    unread_without_role += pending.len() - unread.len();
    if !unread.is_empty() {
        let count = output::count_of(unread.len(), "account");
        let roll = roll.display();
        output::say(&format!("note: the run of {roll} ended before it had read {count}; checked as well"));
        roles.extend(unread.into_iter().map(ToString::to_string));
    }
    if unread_without_role > 0 {
        let count = output::count_of(unread_without_role, "account");
        output::say(&format!(
            "note: {count} without a role was not read with the caller's own credentials, and is not checked: --from checks roles"
        ));
    }
    if roles.is_empty() {
        let problem = format!("{}: no role of the roll was denied, failed or left out", roll.display());
        return Err(Failure::usage(problem).with_remedy("check a role with --role-arn ARN"));
    }
    flags.set("role_arn", &roles, Origin::Flag).map_err(Failure::usage)?;
    let facts: Vec<&str> = file.header.collect.facts.iter().map(|fact| fact.name()).collect();
    if flags.given("user").is_some() {
        scanned.denied_users.clear();
    }
    let FactSelection { user_name, path_prefix, .. } = &file.header.collect;
    let SessionParameters { duration_s, via, source_identity, tags, has_external_id } = &file.header.session;
    for (key, texts) in [
        ("collect", vec![facts.join(",")]),
        ("session_name", file.header.session_name.iter().map(ToString::to_string).collect()),
        ("user", user_name.iter().cloned().collect()),
        ("path_prefix", path_prefix.iter().cloned().collect()),
        ("session_duration", duration_s.iter().map(|seconds| format!("{seconds}s")).collect()),
        ("via", via.iter().map(ToString::to_string).collect()),
        ("source_identity", source_identity.iter().map(ToString::to_string).collect()),
        ("session_tag", tags.iter().map(|(key, value)| format!("{key}={value}")).collect()),
    ] {
        if !texts.is_empty() && flags.given(key).is_none() {
            flags.set(key, &texts, Origin::Flag).map_err(Failure::usage)?;
        }
    }
    scanned.with_external_id = *has_external_id;
    Ok(scanned)
}

async fn check_targets(
    arguments: &DoctorArgs,
    options: &RunOptions,
    configuration: &Configuration,
    denied_users: BTreeMap<AccountId, BTreeSet<String>>,
) -> Result<Vec<TargetCheck>, Failure> {
    let settings = targets::settings(options)?;
    let plan = targets::plan_in_any_region(options, configuration)?;
    match plan.check(targets::region(&arguments.scan.caller)?.as_deref()) {
        Ok(()) => {}
        Err(error @ PlanError::TargetConflict(TargetConflict::Region { .. })) => {
            let problem = error.to_text(&GivenTerms(options));
            let to_do = Cause::OtherPartition.to_do(&FlagTerms);
            return Ok(vec![CallerCheck::unusable(Cause::OtherPartition, problem, to_do)]);
        }
        Err(error) => return Err(targets::failure(&error, options)),
    }
    // What is wrong with the source of the credentials is the first link.
    if let Err(failure) = aws::check_credentials_source(&arguments.scan.caller).await {
        let to_do = failure.remedy().unwrap_or_default().to_owned();
        let problem = failure.message().to_owned();
        return Ok(vec![CallerCheck::unusable(Cause::CredentialsMissing, problem, to_do)]);
    }
    let scanner = aws::connect(&arguments.scan.caller, &plan, &settings.limits).await?;
    let member = match &arguments.member_profile {
        None => None,
        Some(profile) => {
            let caller =
                CallerArgs { profile: Some(profile.clone()), region: arguments.scan.caller.region.clone() };
            let member = aws::connect(&caller, &plan, &settings.limits).await;
            Some(member.map_err(|failure| failure.about_flag("--profile", "--member-profile"))?)
        }
    };
    let start = RunStart { run_id: RunId::random(), as_of: environment::now(), accepted: Vec::new() };
    let mut settings = settings;
    if plan.organization().is_some() {
        // As a scan of an organization: a trust policy may require it.
        settings.session.name.get_or_insert_with(|| session_name_from(start.run_id));
    }
    let spinner = Spinner::preparing(&plan, &scanner);
    let deadline = settings.limits.deadline.map(|limit| Instant::now() + limit);
    let cancellation = Cancellation::new(settings.limits.deadline);
    let context = ScanContext::new(settings.clone());
    let doctor = Doctor {
        scanner: &scanner,
        context: &context,
        member: member.as_ref(),
        shows_external_id: arguments.show_external_id,
        denied_users,
        test_users: arguments.test_user.iter().cloned().collect(),
        deadline,
        terms: &FlagTerms,
    };
    let caller = doctor.check_caller().await;
    if let Some(check) = caller.clone().into_broken_target() {
        return Ok(vec![check]);
    }
    let run = Run::prepare(&scanner, &plan, settings, start, &cancellation).await;
    let run = match run {
        Ok(run) => run,
        Err(RunError::Organization(OrganizationError::Call(error))) => {
            let advice = aws::organization_advice(&error);
            return Ok(vec![caller.with_organization_error(&error, advice)]);
        }
        Err(error) => return Err(aws::run_failure(&error, &arguments.scan.caller, options)),
    };
    drop(spinner);
    for note in run.notes() {
        output::say(&format!("note: {note}"));
    }
    let targets = run.targets().as_slice();
    let checked = Arc::new(AtomicUsize::new(0));
    let _spinner = Spinner::checking(targets.len(), &checked);
    let check = async |target| {
        let check = Box::pin(doctor.check(target, &caller)).await;
        checked.fetch_add(1, Ordering::Relaxed);
        check
    };
    Ok(stream::iter(targets).map(check).buffered(CONCURRENCY).collect().await)
}

/// 10 if anything was refused, 11 if something could not be tested. An account that a scan skips is neither.
fn exit_code(checks: &[TargetCheck]) -> ExitCode {
    let is_refused = |check: &TargetCheck| check.broken_link().is_some_and(|(_, broken)| broken.is_refused);
    if checks.iter().any(is_refused) {
        RolecallExitCode::Findings.into()
    } else if checks.iter().all(|check| check.is_healthy() || check.is_skipped()) {
        ExitCode::SUCCESS
    } else {
        RolecallExitCode::Incomplete.into()
    }
}
