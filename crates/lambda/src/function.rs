//! The function: made once when the sandbox starts, invoked any number of times.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use futures_util::future::ready;
use futures_util::{FutureExt, StreamExt};
use lambda_runtime::{Context, LambdaEvent, service_fn};
use rolecall_core::connect::{Connect, Roots, http_client};
use rolecall_core::scan::{Scanner, Until};
use rolecall_core::targets::Contradiction;
use rolecall_roll::{Header, Partition, Roll, RunId, Statistics};
use serde_json::value::RawValue;
use tokio::signal::unix::{SignalKind, signal};

use crate::environment::{self, Environment};
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
        let roots = Roots::of_bundle(environment.ca_bundle.as_deref());
        let settings = environment.settings.clone();
        let from_environment =
            || SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new());
        let connect = Connect {
            http_client: http_client(roots.map_err(|error| Failure::InvalidSettings(error.to_string()))?),
            region: environment.region.clone(),
            profile: None,
            credentials: environment.has_credentials.then(from_environment),
            partition: environment.region.as_deref().map_or(Partition::Aws, Partition::of_region),
            time: SharedTimeSource::new(SystemTimeSource::new()),
        };
        let sdk_config = connect.load(&settings.limits).await;
        let sdk_config = sdk_config.map_err(|error| Failure::InvalidSettings(error.to_string()))?;
        Ok(Self { environment, scanner: Scanner::new(sdk_config, settings) })
    }

    async fn invoke(&self, event: Box<RawValue>, context: Context) -> Result<Box<RawValue>, Failure> {
        let targets = event::targets(event.get(), &self.environment)?;
        let region = self.scanner.sdk_config().region().map_or("", AsRef::as_ref);
        targets.fit_region(region).map_err(|error| match error {
            Contradiction::NoRegion(_) => Failure::InvalidSettings(format!("AWS_REGION: {error}")),
            error => Failure::InvalidEvent(error.to_string()),
        })?;

        let as_of = environment::now();
        let caller = self.scanner.caller().await.map_err(|error| {
            Failure::NoCaller(format!("{error}; {}", error.remedy().to_text(&VariableTerms)))
        })?;
        let mut header = Header::new(RunId::random(), as_of, caller, targets.for_header());
        header.session_name = Some(self.scanner.settings.session.name.clone());
        header.collect = self.scanner.settings.selection.clone();
        let time = environment::until(context.deadline).map(|time| time.saturating_sub(TO_ANSWER));
        let until = Until::new(time);
        let accounts = self.scanner.scan(targets.as_slice(), &until);
        let accounts: Vec<_> = accounts.map(|account| account.of_run(as_of)).collect().await;

        let elapsed_ms = environment::now().duration_since(as_of).as_millis();
        let elapsed_ms = u64::try_from(elapsed_ms).unwrap_or_default();
        let statistics =
            Statistics { elapsed_ms, calls: self.scanner.meter().calls(), hops: self.scanner.hops() };
        answer::of(&Roll::new(header, accounts, statistics))
    }
}
