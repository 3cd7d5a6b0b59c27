//! The function: made once when the sandbox starts, invoked any number of times.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use futures_util::FutureExt;
use futures_util::future::ready;
use lambda_runtime::{Context, LambdaEvent, service_fn};
use rolecall_core::cancellation::Cancellation;
use rolecall_core::connect::{ClientConfig, RootCertificates, http_client};
use rolecall_core::run::{RunError, RunStart};
use rolecall_core::scan::Scanner;
use rolecall_core::targets::organization::OrganizationError;
use rolecall_core::{CallError, Run};
use rolecall_roll::{Partition, Roll, RunId};
use serde_json::value::RawValue;
use tokio::signal::unix::{SignalKind, signal};

use crate::environment::{self, Environment};
use crate::event::EventPlan;
use crate::failure::Failure;
use crate::terms::VariableTerms;
use crate::{answer, event};

/// Kept back of an invocation's time: to write the roll of what was read by then.
const TO_ANSWER: Duration = Duration::from_secs(2);

/// Takes invocations until Lambda ends the sandbox. Where the settings are wrong, each is answered with what is wrong:
/// who invokes hears of it, and not only who reads the log.
pub(crate) fn serve() -> Result<(), lambda_runtime::Error> {
    let prepared = environment::prepare();
    if !environment::is_on_lambda() {
        return Err(
            "there is no Lambda to run in here; `make watch` runs the function on this machine".into()
        );
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // Before the first invocation, where Lambda gives a function the most of a processor.
        let function = match prepared {
            Ok(()) => Function::new().boxed_local().await,
            Err(failure) => Err(failure),
        };
        if let Err(failure) = &function {
            tracing::error!(error = %failure, "every invocation is answered with this");
        }
        let handler = service_fn(|event: LambdaEvent<Box<RawValue>>| match &function {
            Ok(function) => function.invoke(event.payload, event.context).boxed_local(),
            Err(failure) => ready(Err(failure.clone())).boxed_local(),
        });
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            ended = lambda_runtime::run(handler) => ended,
            _ = terminate.recv() => {
                tracing::info!("terminated");
                Ok(())
            }
        }
    })
}

struct Function {
    environment: Environment,
    scanner: Scanner,
}

impl Function {
    async fn new() -> Result<Self, Failure> {
        let environment = Environment::read()?;
        let roots = RootCertificates::from_ca_bundle(environment.ca_bundle.as_deref());
        let settings = environment.options.resolve();
        let limits = settings.map_err(|error| Failure::InvalidSettings(error.to_string()))?.limits;
        let from_environment =
            || SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new());
        let connect = ClientConfig {
            http_client: http_client(roots.map_err(|error| Failure::InvalidSettings(error.to_string()))?),
            region: environment.region.clone(),
            profile: None,
            credentials: environment.has_credentials.then(from_environment),
            partition: environment.region.as_deref().map_or(Partition::Aws, Partition::from_region),
            time: SharedTimeSource::new(SystemTimeSource::new()),
        };
        let sdk_config = connect.sdk_config(&limits).await;
        let sdk_config = sdk_config.map_err(|error| Failure::InvalidSettings(error.to_string()))?;
        Ok(Self { environment, scanner: Scanner::new(sdk_config, &limits) })
    }

    async fn invoke(&self, event: Box<RawValue>, context: Context) -> Result<Box<RawValue>, Failure> {
        let invalid = |error: &dyn std::fmt::Display| Failure::InvalidSettings(error.to_string());
        let event = event::plan(event.get(), &self.environment.options)?;
        let settings = self.environment.options.resolve().map_err(|error| invalid(&error))?;
        let time = environment::until(context.deadline).map(|time| time.saturating_sub(TO_ANSWER));
        let deadline = time.into_iter().chain(settings.limits.deadline).min();
        let cancellation = Cancellation::new(deadline);
        let start = RunStart { run_id: RunId::random(), as_of: environment::now(), accepted: Vec::new() };
        let run = Run::prepare(&self.scanner, &event.plan, settings, start, &cancellation).await;
        let run = run.map_err(|error| run_failure(&error, &event))?;
        for note in run.notes() {
            tracing::warn!("{note}");
        }
        let mut records = run.records(&cancellation);
        let mut accounts = Vec::new();
        while let Some(account) = records.next().await {
            accounts.push(account);
        }
        if let Some(denial) = records.denial() {
            return Err(answer::canary_denied(denial));
        }
        answer::of(&Roll::new(run.header().clone(), accounts, run.statistics()))
    }
}

/// Why no account can be read.
fn run_failure(error: &RunError, event: &EventPlan) -> Failure {
    let with_remedy = |error: &CallError| format!("{error}; {}", error.remedy().to_text(&VariableTerms));
    match error {
        RunError::Plan(error) => event.failure(error),
        RunError::Caller(error) => Failure::NoCaller(with_remedy(error)),
        RunError::Organization(OrganizationError::Call(error)) => {
            Failure::OrganizationUnknown(with_remedy(error))
        }
        RunError::Organization(error) => Failure::OrganizationUnknown(error.to_string()),
        RunError::Stopped(_) => Failure::OutOfTime(error.to_string()),
    }
}
