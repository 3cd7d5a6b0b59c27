//! `rolecall doctor`: why access to an account is denied, and what heals it.

mod documents;
mod scanned;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::Args;
use futures_util::{StreamExt, stream};
use rolecall_access::doctor::{CallerCheck, Doctor, TargetCheck};
use rolecall_core::cancellation::Cancellation;
use rolecall_core::options::selection::parse_user_name;
use rolecall_core::run::{RunError, RunStart, session_name_from};
use rolecall_core::scan::ScanContext;
use rolecall_core::targets::TargetConflict;
use rolecall_core::targets::organization::OrganizationError;
use rolecall_core::targets::plan::PlanError;
use rolecall_core::{Run, RunOptions};
use rolecall_roll::{AccountId, Cause, RunId};
use serde_json::json;
use tokio::time::Instant;

use crate::args::{CallerArgs, OutputArgs, OutputFormat, ScanOptionArgs};
use crate::configuration::Configuration;
use crate::exit_code::{self, RolecallExitCode};
use crate::failure::Failure;
use crate::output::{self, Spinner};
use crate::runtime::in_runtime;
use crate::terms::{FlagTerms, GivenTerms};
use crate::{aws, configuration, environment, targets};
use scanned::ScannedAccounts;

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
        Some(roll) => ScannedAccounts::read(roll, &mut flags)?,
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
