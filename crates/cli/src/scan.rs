//! `rolecall scan`: from what was typed to targets, through the scan, to the output.

use std::fmt::Display;
use std::process::ExitCode;

use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use futures_util::StreamExt;
use rolecall_core::connect::{Connect, Roots, http_client};
use rolecall_core::scan::Scanner;
use rolecall_core::targets::{Target, Targets};
use rolecall_roll::{Class, Counts, ExternalId, Header, Partition, RoleArn, RunId, Statistics, Step};
use tokio::signal::unix::{SignalKind, signal};

use crate::args::Scan;
use crate::environment;
use crate::failure::{Code, Failure};
use crate::output::{self, Renderer};

/// Reads the accounts that were asked for, and shows the roll.
pub(crate) fn run(arguments: &Scan) -> Result<ExitCode, Failure> {
    // Current-thread: an account's work is waiting, and on two cores one thread measured faster than two.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Code::Unexpected, error))?;
    runtime.block_on(async {
        let mut terminate =
            signal(SignalKind::terminate()).map_err(|error| Failure::new(Code::Unexpected, error))?;
        let interrupted = || {
            let failure = Failure::new(Code::Incomplete, "interrupted before all accounts were read");
            match &arguments.out {
                Some(path) => failure.with_remedy(format!("{} was not touched", path.display())),
                None => failure,
            }
        };
        tokio::select! {
            ended = Box::pin(scan(arguments)) => ended,
            _ = tokio::signal::ctrl_c() => Err(interrupted()),
            _ = terminate.recv() => Err(interrupted()),
        }
    })
}

async fn scan(arguments: &Scan) -> Result<ExitCode, Failure> {
    let region = arguments.region.clone().map_or_else(environment::region, |region| Ok(Some(region)))?;
    let targets = targets(arguments, region.as_deref())?;
    environment::check_addresses()?;
    // Before anything is asked: a file that cannot be written is heard of now, not after an hour.
    let out = output::open(arguments.out.as_deref())?;

    let roots = Roots::of_bundle(environment::ca_bundle().as_deref()).map_err(|error| usage(&error))?;
    let settings = arguments.how.over(environment::settings()?);
    let connect = Connect {
        http_client: http_client(roots),
        region: arguments.region.clone(),
        profile: arguments.profile.clone(),
        credentials: None,
        partition: targets.partition(),
        time: SharedTimeSource::new(SystemTimeSource::new()),
    };
    let sdk_config = connect.load(&settings.limits).await.map_err(|error| usage(&error))?;
    let region = sdk_config.region().map_or("", AsRef::as_ref);
    targets.fit_region(region).map_err(|error| usage(&error))?;
    let scanner = Scanner::new(sdk_config, settings);

    let as_of = environment::now();
    let caller = scanner.caller().await.map_err(|error| {
        let why = match error.class {
            Class::Credentials => match &arguments.profile {
                Some(profile) => format!("profile {profile:?} gives no credentials that AWS accepts"),
                None => "the caller has no credentials that AWS accepts".to_owned(),
            },
            _ => "AWS did not answer".to_owned(),
        };
        let remedy = match (&arguments.profile, error.class) {
            (Some(_), Class::Credentials) => format!(
                "{}; `aws configure list-profiles` shows which there are",
                error.remedy(Step::Session)
            ),
            _ => error.remedy(Step::Session).to_owned(),
        };
        Failure::new(Code::Incomplete, format!("no account was asked, {why}: {error}")).with_remedy(remedy)
    })?;
    let header = Header::new(RunId::random(), as_of, caller, targets.for_header());

    let mut counts = Counts::default();
    let mut renderer = Renderer::begin(arguments.format, out, header)?;
    let mut accounts = std::pin::pin!(scanner.scan(&targets, None));
    while let Some(account) = accounts.next().await {
        counts.add(&account);
        renderer.account(account)?;
    }
    let elapsed_ms = environment::now().duration_since(as_of).as_millis();
    let statistics = Statistics { elapsed_ms: u64::try_from(elapsed_ms).unwrap_or_default() };
    renderer.finish(statistics)?;

    if let (Some(path), false) = (&arguments.out, arguments.quiet) {
        output::say(&format!("{}; written to {}", output::summary(&counts), path.display()));
    }
    Ok(if counts.is_complete() { ExitCode::SUCCESS } else { Code::Incomplete.into() })
}

fn usage(error: &dyn Display) -> Failure {
    Failure::new(Code::Usage, error)
}

fn targets(arguments: &Scan, region: Option<&str>) -> Result<Targets, Failure> {
    let typed = arguments.external_id.as_ref().map(|id| id.0.clone());
    let external_id = typed.map_or_else(environment::external_id, |id| Ok(Some(id)))?;
    let external_id: Option<ExternalId> = external_id
        .map(|id| id.parse())
        .transpose()
        .map_err(|error| usage(&error).with_remedy("it came from --external-id or ROLECALL_EXTERNAL_ID"))?;
    let partition = region.map_or(Partition::Aws, Partition::of_region);
    let whom = &arguments.whom;
    let by_name = whom
        .account
        .iter()
        .zip(std::iter::repeat(&whom.role_name))
        .filter_map(|(account, name)| Some(RoleArn::new(partition, account.clone(), name.clone()?)));
    let role_arns = whom.role_arn.iter().cloned().chain(by_name);
    let targets = role_arns.map(|role_arn| Target { role_arn, external_id: external_id.clone() });
    Targets::new(targets).map_err(|error| usage(&error))
}
