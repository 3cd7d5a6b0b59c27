//! Connecting to AWS, and the failures of doing so.

use aws_config::profile;
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_types::os_shim_internal::{Env, Fs};
use rolecall_core::RunOptions;
use rolecall_core::call::CallError;
use rolecall_core::cancellation::StopReason;
use rolecall_core::connect::{ClientConfig, RootCertificates, http_client};
use rolecall_core::options::settings::Limits;
use rolecall_core::run::{CanaryDenial, RunError};
use rolecall_core::scan::Scanner;
use rolecall_core::targets::TargetPlan;
use rolecall_core::targets::organization::OrganizationError;
use rolecall_report::coverage_summary::with_thousands_separator;
use rolecall_roll::{ErrorKind, Terms};

use crate::args::CallerArgs;
use crate::aws_files::AwsFiles;
use crate::environment;
use crate::failure::Failure;
use crate::targets;
use crate::terms::{FlagTerms, GivenTerms};

/// A scanner with the caller's credentials.
pub(crate) async fn connect(
    caller: &CallerArgs,
    plan: &TargetPlan,
    limits: &Limits,
) -> Result<Scanner, Failure> {
    environment::check_addresses()?;
    let files = check_credentials_source(caller).await?;
    log_credentials_source(caller)?;
    let roots =
        RootCertificates::from_ca_bundle(environment::ca_bundle().as_deref()).map_err(Failure::usage)?;
    let config = ClientConfig {
        http_client: http_client(roots),
        region: caller.region.clone(),
        profile: caller.profile.clone(),
        credentials: None,
        partition: plan.partition(None),
        time: SharedTimeSource::new(SystemTimeSource::new()),
    };
    let sdk_config = config.sdk_config(limits).await.map_err(Failure::usage)?;
    let scanner = Scanner::new(sdk_config, limits);
    // The SDK uses these itself, so that nothing else records them.
    let profile_secrets = files.iter().flat_map(|(files, profile)| files.secrets(profile));
    profile_secrets.for_each(|secret| scanner.secrets().add(secret));
    for password in environment::proxy_passwords() {
        scanner.secrets().add(&password);
    }
    Ok(scanner)
}

/// Refuses variables and a profile whose credentials cannot be used. Returns the AWS configuration files and the profile, if its
/// credentials are used.
pub(crate) async fn check_credentials_source(
    caller: &CallerArgs,
) -> Result<Option<(AwsFiles, String)>, Failure> {
    if caller.profile.is_none() {
        environment::check_credentials()?;
    }
    check_profile(caller).await
}

/// Refuses a profile that the AWS configuration files do not have, and one whose credentials cannot be used. Returns the files
/// and the profile, if its credentials are used.
async fn check_profile(caller: &CallerArgs) -> Result<Option<(AwsFiles, String)>, Failure> {
    let (profile, source) = match (&caller.profile, environment::profile()?) {
        (Some(profile), _) => (profile.clone(), "--profile"),
        (None, Some(profile)) => (profile, "AWS_PROFILE"),
        (None, None) => ("default".to_owned(), ""),
    };
    let is_used = caller.profile.is_some() || !environment::has_credentials();
    if !is_used && source.is_empty() {
        return Ok(None);
    }
    let [config, credentials] = environment::aws_files();
    let own = AwsFiles::read(&config, &credentials)?;
    if is_used {
        own.check(&profile)?;
    }
    if source.is_empty() {
        return Ok(Some((own, profile)));
    }
    let files = EnvConfigFiles::default();
    let profiles = profile::load(&Fs::real(), &Env::real(), &files, None).await;
    let profiles =
        profiles.map_err(|error| Failure::usage(format!("the AWS configuration files: {error}")))?;
    if profiles.get_profile(&profile).is_some() {
        return Ok(is_used.then_some((own, profile)));
    }
    if let Some(reason) = own.why_ignored(&profile) {
        return Err(Failure::usage(format!("{source} {profile}: {reason}")));
    }
    let mut names: Vec<&str> = profiles.profiles().collect();
    names.sort_unstable();
    let remedy = if names.is_empty() {
        "the AWS configuration files have no profiles; `aws configure` creates one".to_owned()
    } else {
        format!("the AWS configuration files have the profiles {}", names.join(", "))
    };
    Err(Failure::usage(format!("{source} {profile}: no such profile")).with_remedy(remedy))
}

/// The failure for a run that could not begin.
pub(crate) fn run_failure(error: &RunError, caller: &CallerArgs, options: &RunOptions) -> Failure {
    match error {
        RunError::Plan(error) => targets::failure(error, options),
        RunError::Caller(error) => no_caller(error, caller),
        RunError::Organization(error) => organization_failure(error, options),
        RunError::Stopped(reason) => Failure::incomplete(format!("no account was read: {error}"))
            .with_remedy(match reason {
                StopReason::Deadline(_) => "nothing was written; raise --deadline",
                StopReason::AccountTimeout(_) | StopReason::Cancelled => "nothing was written; run it again",
            }),
    }
}

/// The failure for a caller identity that is unknown.
pub(crate) fn no_caller(error: &CallError, caller: &CallerArgs) -> Failure {
    if error.has_no_credentials {
        return no_credentials(caller);
    }
    let has_no_credentials = error.error_kind == ErrorKind::Credentials;
    let reason = match (has_no_credentials, &caller.profile) {
        // Without a code of AWS, the source of the credentials failed, and AWS was not called.
        (true, Some(profile)) if error.code.is_none() => format!("profile {profile:?} gives no credentials"),
        (true, Some(profile)) => format!("AWS does not accept the credentials of profile {profile:?}"),
        (true, None) if error.code.is_none() => "the caller has no credentials".to_owned(),
        (true, None) => "AWS does not accept the caller's credentials".to_owned(),
        (false, _) => "AWS did not answer".to_owned(),
    };
    let mut remedy = error.remedy().to_text(&FlagTerms);
    if has_no_credentials && caller.profile.is_some() {
        remedy += "; `aws configure list-profiles` lists the profiles";
    }
    Failure::incomplete(format!("no account was read: {reason}: {error}")).with_remedy(remedy)
}

/// The failure for a caller without credentials. Which source said what is logged by `core::call`.
fn no_credentials(caller: &CallerArgs) -> Failure {
    let variable = environment::profile().ok().flatten();
    let profile = caller.profile.as_deref().or(variable.as_deref()).unwrap_or("default");
    let sources = match &caller.profile {
        Some(_) => format!("profile {profile}"),
        None => format!("environment variables, profile {profile}, SSO, container, instance metadata"),
    };
    let message = format!("no account was read: no AWS credentials were found (looked for in: {sources})");
    Failure::incomplete(message).with_remedy(
        "sign in with `aws sso login` or `aws configure`, choose a profile with --profile NAME, or set AWS_ACCESS_KEY_ID and \
         AWS_SECRET_ACCESS_KEY; -v shows the details",
    )
}

/// Logs where the caller's credentials are looked for, in the SDK's order.
fn log_credentials_source(caller: &CallerArgs) -> Result<(), Failure> {
    let source = match (&caller.profile, environment::has_access_key(), environment::profile()?) {
        (Some(profile), ..) => format!("profile {profile} (--profile)"),
        (None, true, _) => "the environment variable AWS_ACCESS_KEY_ID".to_owned(),
        (None, false, Some(profile)) => format!("profile {profile} (AWS_PROFILE)"),
        (None, false, None) => {
            "profile default, the container or the instance metadata, the first that has any".to_owned()
        }
    };
    tracing::info!("the caller's credentials are those of {source}");
    Ok(())
}

fn organization_failure(error: &OrganizationError, options: &RunOptions) -> Failure {
    let terms = GivenTerms(options);
    match error {
        OrganizationError::NoUnit(unit, units) => {
            let ou = terms.assignment("ou", unit);
            let problem = format!("{ou}: the organization has no such organizational unit; it has {units}");
            Failure::usage(problem)
        }
        OrganizationError::Ambiguous(unit, number) => {
            let problem = format!("{}: {number} units have this name", terms.assignment("ou", unit));
            Failure::usage(problem).with_remedy("pass its id, or its path below the root: Workloads/Prod")
        }
        OrganizationError::Call(call) => organization_unknown(error, organization_advice(call)),
        OrganizationError::Unplaced(_) => organization_unknown(
            error,
            "run it again; an account may have moved. If it stays so, scan without --ou".to_owned(),
        ),
        OrganizationError::NoAccounts => {
            let ou = terms.setting("ou");
            let remedy = format!("check the organization and {ou} with `rolecall accounts`");
            organization_unknown(error, remedy)
        }
    }
}

fn organization_unknown(error: &OrganizationError, remedy: String) -> Failure {
    let message = format!("no account was read: the organization's accounts are unknown: {error}");
    Failure::incomplete(message).with_remedy(remedy)
}

/// What to do about a failed call to AWS Organizations.
pub(crate) fn organization_advice(error: &CallError) -> String {
    if error.code.as_deref() == Some("AWSOrganizationsNotInUseException") {
        return "the caller's account is not in an organization; pass the accounts: --accounts-file FILE"
            .to_owned();
    }
    if error.error_kind == ErrorKind::Denied && error.operation != "AssumeRole" {
        return "run in the management account or a delegated administrator account, or assume a role there: \
                --organization-role-arn ARN; its policies must allow organizations:DescribeOrganization, ListAccounts, ListRoots, \
                ListOrganizationalUnitsForParent, ListAccountsForParent, and for tags ListTagsForResource"
            .to_owned();
    }
    error.remedy().to_text(&FlagTerms)
}

/// The failure of a run whose first accounts were all denied.
pub(crate) fn canary_denied(denial: &CanaryDenial) -> Failure {
    let CanaryDenial { denied, not_read, account_id, gap } = denial;
    let [denied, not_read] = [denied, not_read].map(with_thousands_separator);
    let message = format!(
        "none of the first {denied} accounts could be read, so the other {not_read} were not tried; account {account_id}: {}",
        gap.to_line()
    );
    let remedy = gap.remedy.to_text(&FlagTerms);
    Failure::incomplete(message).with_remedy(format!(
        "the cause may be the same in all accounts: {remedy}; --canary 0 scans all accounts regardless"
    ))
}
