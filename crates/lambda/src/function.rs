//! The function: it is created once when the execution environment starts, and then invoked any number of times.

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
use rolecall_core::{CallError, Run, Settings};
use rolecall_roll::{Partition, Roll, RunId};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use tokio::signal::unix::{SignalKind, signal};

use crate::action::StoreInvocation;
use crate::environment::{self, Environment};
use crate::event::{EventPlan, Request};
use crate::failure::Failure;
use crate::terms::VariableTerms;
use crate::{answer, event};

/// The part of an invocation's time that is reserved for writing the roll.
const RESPONSE_TIME: Duration = Duration::from_secs(2);

/// Serves invocations until Lambda shuts the execution environment down. Where the settings are invalid, every
/// invocation returns the error, so that the invoker sees it, and not only the log.
///
/// # Errors
/// Where the program does not run in Lambda, or Lambda's runtime API fails.
pub fn serve() -> Result<(), lambda_runtime::Error> {
    let logs = environment::init_logs();
    if !environment::is_on_lambda() {
        return Err(
            "this program runs only in AWS Lambda; `make watch` runs the function on this machine".into()
        );
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // Before the first invocation: Lambda gives a function the most CPU during initialization.
        let function = match logs {
            Ok(()) => Function::new().boxed_local().await,
            Err(failure) => Err(failure),
        };
        if let Err(failure) = &function {
            tracing::error!(error = %failure, "every invocation returns this error");
        }
        let handler = service_fn(|event: LambdaEvent<Payload>| match &function {
            Ok(function) => function.invoke(event.payload, event.context).boxed_local(),
            Err(failure) => ready(Err(failure.clone())).boxed_local(),
        });
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            result = lambda_runtime::run(handler) => result,
            _ = terminate.recv() => {
                tracing::info!("terminated");
                Ok(())
            }
        }
    })
}

/// An event as it arrives. What is not JSON is an event too, which the function refuses: the runtime's own error has another
/// type, and repeats the text.
struct Payload(Option<Box<RawValue>>);

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Box::deserialize(deserializer).ok()))
    }
}

impl Payload {
    fn text(&self) -> &str {
        self.0.as_ref().map_or("", |event| event.get())
    }
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
        let client_config = ClientConfig {
            http_client: http_client(roots.map_err(|error| Failure::InvalidSettings(error.to_string()))?),
            region: environment.region.clone(),
            profile: None,
            credentials: environment.has_credentials.then(from_environment),
            partition: environment.region.as_deref().map_or(Partition::Aws, Partition::from_region),
            time: SharedTimeSource::new(SystemTimeSource::new()),
        };
        let sdk_config = client_config.sdk_config(&limits).await;
        let sdk_config = sdk_config.map_err(|error| Failure::InvalidSettings(error.to_string()))?;
        Ok(Self { environment, scanner: Scanner::new(sdk_config, &limits) })
    }

    async fn invoke(&self, event: Payload, context: Context) -> Result<Box<RawValue>, Failure> {
        let request = event::request(event.text())?;
        let options = &self.environment.options;
        let settings = options.resolve().map_err(|error| Failure::InvalidSettings(error.to_string()))?;
        let time_left = environment::time_left(context.deadline);
        let time_to_read = time_left.map(|time| time.saturating_sub(RESPONSE_TIME));
        let deadline = time_to_read.into_iter().chain(settings.limits.deadline).min();
        let stop_terms = StopReasonTerms { is_own_deadline: deadline == settings.limits.deadline };
        let cancellation = Cancellation::new(deadline);
        let scan_event = match &request {
            Request::Scan(event) => Some(event::plan(event.as_str(), options)?),
            _ => None,
        };
        if let Some(event) = scan_event.as_ref().filter(|_| options.delivery.store.is_none()) {
            return self.scan(event, settings, &cancellation, stop_terms).boxed_local().await;
        }
        let scanner = &self.scanner;
        let invocation = StoreInvocation::open(options, settings, scanner, &cancellation, stop_terms)?;
        match (&request, &scan_event) {
            (_, Some(event)) => answer::of_action(&invocation.run_all(event).boxed_local().await?),
            (Request::Plan(event), _) => answer::of_action(&invocation.plan(event).boxed_local().await?),
            (Request::Collect(request), _) => {
                answer::of_action(&invocation.collect(request).boxed_local().await?)
            }
            (Request::Merge(run), _) => answer::of_action(&invocation.merge(*run).boxed_local().await?),
            (Request::Scan(_), None) => Err(Failure::Internal("an event without a plan".to_owned())),
        }
    }

    /// Reads all accounts, and returns the roll.
    async fn scan(
        &self,
        event: &EventPlan,
        settings: Settings,
        cancellation: &Cancellation,
        stop_terms: StopReasonTerms,
    ) -> Result<Box<RawValue>, Failure> {
        let start = RunStart { run_id: RunId::random(), as_of: environment::now(), accepted: Vec::new() };
        let run = Run::prepare(&self.scanner, &event.plan, settings, start, cancellation).await;
        let run = run.map_err(|error| run_failure(&error, event, stop_terms))?;
        for note in run.notes() {
            tracing::warn!("{note}");
        }
        let mut records = run.records(cancellation);
        let mut accounts = Vec::new();
        while let Some(account) = records.next().await {
            accounts.push(account);
        }
        if let Some(denial) = records.denial() {
            return Err(answer::canary_denied(denial));
        }
        answer::to_json(&Roll::new(run.header().clone(), accounts, run.statistics()))
    }
}

/// How to say why an invocation had no more time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StopReasonTerms {
    /// Whether the deadline is that of the settings, and not that of the function.
    is_own_deadline: bool,
}

/// The error with its remedy.
pub(crate) fn with_remedy(error: &CallError) -> String {
    format!("{error}; {}", error.remedy().to_text(&VariableTerms))
}

/// The failure for an error that occurs before any account is read.
pub(crate) fn run_failure(error: &RunError, event: &EventPlan, stop_terms: StopReasonTerms) -> Failure {
    match error {
        RunError::Plan(error) => event.failure(error),
        RunError::Caller(error) => Failure::NoCaller(with_remedy(error)),
        RunError::Organization(OrganizationError::Call(error)) => {
            Failure::OrganizationUnknown(with_remedy(error))
        }
        RunError::Organization(error) => Failure::OrganizationUnknown(error.to_string()),
        RunError::Stopped(_) => Failure::OutOfTime(format!(
            "{error}; {}",
            if stop_terms.is_own_deadline {
                "increase ROLECALL_DEADLINE"
            } else {
                "increase the timeout of the function (`aws lambda update-function-configuration --timeout`), and check that it \
                 reaches AWS: in a VPC it needs a NAT gateway or interface endpoints"
            }
        )),
    }
}
