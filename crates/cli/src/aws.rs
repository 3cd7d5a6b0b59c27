//! How commands reach AWS, and what it means where they do not.

use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use rolecall_core::call::CallError;
use rolecall_core::connect::{ClientConfig, RootCertificates, http_client};
use rolecall_core::run::RunError;
use rolecall_core::scan::Scanner;
use rolecall_core::settings::Limits;
use rolecall_core::targets::TargetPlan;
use rolecall_core::targets::organization::OrganizationError;
use rolecall_roll::ErrorKind;

use crate::args::CallerArgs;
use crate::environment;
use crate::failure::Failure;
use crate::targets;
use crate::terms::FlagTerms;

/// A scanner that calls as the caller.
pub(crate) async fn connect(
    caller: &CallerArgs,
    plan: &TargetPlan,
    limits: &Limits,
) -> Result<Scanner, Failure> {
    environment::check_addresses()?;
    if caller.profile.is_none() {
        environment::check_credentials()?;
    }
    let roots =
        RootCertificates::from_ca_bundle(environment::ca_bundle().as_deref()).map_err(Failure::usage)?;
    let connect = ClientConfig {
        http_client: http_client(roots),
        region: caller.region.clone(),
        profile: caller.profile.clone(),
        credentials: None,
        partition: plan.partition(None),
        time: SharedTimeSource::new(SystemTimeSource::new()),
    };
    let sdk_config = connect.sdk_config(limits).await.map_err(Failure::usage)?;
    Ok(Scanner::new(sdk_config, limits))
}

/// Why no account can be read.
pub(crate) fn run_failure(error: &RunError, caller: &CallerArgs) -> Failure {
    match error {
        RunError::Plan(error) => targets::failure(error),
        RunError::Caller(error) => no_caller(error, caller),
        RunError::Organization(error) => organization_unknown(error),
        RunError::Stopped(_) => Failure::incomplete(format!("no account was read: {error}")),
    }
}

/// It is not known who calls.
pub(crate) fn no_caller(error: &CallError, caller: &CallerArgs) -> Failure {
    let is_refused = error.error_kind == ErrorKind::Credentials;
    let why = match (is_refused, &caller.profile) {
        (true, Some(profile)) => format!("profile {profile:?} gives no credentials that AWS accepts"),
        (true, None) => "the caller has no credentials that AWS accepts".to_owned(),
        (false, _) => "AWS did not answer".to_owned(),
    };
    let mut remedy = error.remedy().to_text(&FlagTerms);
    if is_refused && caller.profile.is_some() {
        remedy += "; `aws configure list-profiles` shows which there are";
    }
    Failure::incomplete(format!("no account was read, {why}: {error}")).with_remedy(remedy)
}

fn organization_unknown(error: &OrganizationError) -> Failure {
    let remedy = match error {
        OrganizationError::NoUnit(unit, units) => {
            let problem = format!("--ou {unit}: the organization has no such unit; it has {units}");
            return Failure::usage(problem);
        }
        OrganizationError::Ambiguous(unit, number) => {
            let problem = format!("--ou {unit}: {number} units have this name");
            return Failure::usage(problem)
                .with_remedy("name one by its id, or by the names from below the root on: Workloads/Prod");
        }
        OrganizationError::Call(error) if error.code.as_deref() == Some("AWSOrganizationsNotInUseException") => {
            "the caller's account is in no organization; name the accounts: --accounts-file FILE".to_owned()
        }
        OrganizationError::Call(error) if error.error_kind == ErrorKind::Denied && error.operation != "AssumeRole" => {
            "call from the management account or a delegated administrator, or as a role of one: --organization-role-arn \
             ARN; its policies must allow organizations:DescribeOrganization, ListAccounts, ListRoots, \
             ListOrganizationalUnitsForParent, ListAccountsForParent, and for tags ListTagsForResource"
                .to_owned()
        }
        OrganizationError::Call(error) => error.remedy().to_text(&FlagTerms),
        OrganizationError::NoAccounts => {
            "check that it is the right organization, and the right --ou: rolecall accounts".to_owned()
        }
    };
    let message = format!("no account was read, the organization's accounts are not known: {error}");
    Failure::incomplete(message).with_remedy(remedy)
}
