//! The function's own surroundings. No other module of this binary reads an environment variable or the clock.

#![expect(clippy::disallowed_methods, reason = "this is where settings and time come in")]

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use rolecall_core::{RunOptions, connect, logs};
use tracing_subscriber::filter::{FilterFn, Targets};
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::failure::Failure;

/// What the function's environment variables say.
#[derive(Debug)]
pub(crate) struct Environment {
    /// `ROLECALL_ROLE_ARN`, `ROLECALL_MAX_ATTEMPTS` and so on, a variable for each option.
    pub(crate) options: RunOptions,
    /// `AWS_CA_BUNDLE`.
    pub(crate) ca_bundle: Option<PathBuf>,
    /// `AWS_REGION`; Lambda always sets it.
    pub(crate) region: Option<String>,
    /// Whether the credentials are in the environment, as on Lambda. Under `cargo lambda watch` they may be a
    /// profile's.
    pub(crate) has_credentials: bool,
}

impl Environment {
    pub(crate) fn read() -> Result<Self, Failure> {
        connect::check_addresses(|name| env::var(name).ok())
            .map_err(|error| Failure::InvalidSettings(error.to_string()))?;
        Ok(Self {
            options: options()?,
            ca_bundle: text("AWS_CA_BUNDLE")?.map(PathBuf::from),
            region: text("AWS_REGION")?.or(text("AWS_DEFAULT_REGION")?),
            has_credentials: text("AWS_ACCESS_KEY_ID")?.is_some(),
        })
    }
}

fn options() -> Result<RunOptions, Failure> {
    // What is not UTF-8 is no value of any, and is told so by its name.
    let variable = |name: &str| env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    RunOptions::from_variables(variable).map_err(|error| Failure::InvalidSettings(error.to_string()))
}

/// Sets up JSON logs, and refuses to run where the SDK would print secrets.
pub(crate) fn prepare() -> Result<(), Failure> {
    let level = text("RUST_LOG")?
        .or(text("AWS_LAMBDA_LOG_LEVEL")?)
        .unwrap_or_else(|| format!("info,{}", logs::DEFAULT_DIRECTIVE));
    let filter: Result<Targets, _> = level.parse();
    let problem = filter.as_ref().err().map(ToString::to_string);
    let info = || Targets::new().with_default(tracing::Level::INFO);
    tracing_subscriber::registry()
        .with(
            layer()
                .json()
                .flatten_event(true)
                .with_current_span(true)
                .with_span_list(false)
                .with_filter(filter.unwrap_or_else(|_| info()))
                .with_filter(FilterFn::new(logs::is_loggable)),
        )
        .init();
    logs::install_redacting_panic_hook();
    if env::var_os(logs::LOG_SENSITIVE_BODIES).is_some_and(|value| !value.is_empty()) {
        return Err(Failure::InvalidSettings(logs::LOG_SENSITIVE_BODIES_ERROR.to_owned()));
    }
    if let Some(problem) = problem {
        tracing::warn!("RUST_LOG is {level:?}: {problem}; logging at info");
    }
    Ok(())
}

/// Whether there is a Lambda to take invocations from.
pub(crate) fn is_on_lambda() -> bool {
    env::var_os("AWS_LAMBDA_RUNTIME_API").is_some()
}

/// The time.
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// The time from now until `deadline`, in milliseconds since 1970. `None` where it is over already: `cargo lambda watch`
/// gives every invocation a deadline in 1970.
pub(crate) fn until(deadline: u64) -> Option<Duration> {
    let now = u64::try_from(now().as_millisecond()).unwrap_or_default();
    deadline.checked_sub(now).map(Duration::from_millis)
}

fn text(name: &str) -> Result<Option<String>, Failure> {
    match env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => {
            Err(Failure::InvalidSettings(format!("{name} is not UTF-8; set it anew")))
        }
    }
}
