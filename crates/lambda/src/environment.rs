//! The environment of the function. Only this module of the binary reads environment variables and the clock.

#![expect(clippy::disallowed_methods, reason = "only this module reads environment variables and the clock")]

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use rolecall_core::{RunOptions, connect, logs};
use rolecall_delivery::metrics::Metrics;
use rolecall_report::bundle::sha256;
use tracing_subscriber::filter::{FilterExt, FilterFn, LevelFilter, Targets};
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::failure::Failure;

/// The settings in the function's environment variables.
#[derive(Debug)]
pub(crate) struct Environment {
    /// `ROLECALL_ROLE_ARN`, `ROLECALL_MAX_ATTEMPTS` and so on, one variable per option.
    pub(crate) options: RunOptions,
    /// `AWS_CA_BUNDLE`.
    pub(crate) ca_bundle: Option<PathBuf>,
    /// `AWS_REGION`, which Lambda always sets, or `AWS_DEFAULT_REGION`.
    pub(crate) region: Option<String>,
    /// Whether the environment has credentials, as on Lambda. With `cargo lambda watch`, they may come from a profile.
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
    // A value that is not UTF-8 is invalid for every option; the error names the variable.
    let variable = |name: &str| env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    RunOptions::from_variables(variable).map_err(|error| Failure::InvalidSettings(error.to_string()))
}

/// Sets up JSON logs.
///
/// # Errors
/// The SDK would log secrets with these settings.
pub(crate) fn init_logs() -> Result<(), Failure> {
    let level = text("RUST_LOG")?
        .or(text("AWS_LAMBDA_LOG_LEVEL")?)
        .unwrap_or_else(|| format!("info,{}", logs::DEFAULT_DIRECTIVE));
    let filter: Result<Targets, _> = level.parse();
    let problem = filter.as_ref().err().map(ToString::to_string);
    let info = || Targets::new().with_default(tracing::Level::INFO);
    // One filter, with the highest level: a filter in front of another would make the SDK's spans that neither needs.
    let is_loggable = FilterFn::new(logs::is_loggable).with_max_level_hint(LevelFilter::TRACE);
    tracing_subscriber::registry()
        .with(
            layer()
                .json()
                .flatten_event(true)
                .with_current_span(true)
                .with_span_list(false)
                .with_filter(filter.unwrap_or_else(|_| info()).and(is_loggable)),
        )
        .init();
    logs::install_redacting_panic_hook();
    if env::var_os(logs::LOG_SENSITIVE_BODIES).is_some_and(|value| !value.is_empty()) {
        return Err(Failure::InvalidSettings(logs::LOG_SENSITIVE_BODIES_ERROR.to_owned()));
    }
    if let Some(problem) = problem {
        tracing::warn!("invalid log level {level:?}: {problem}; the log level is info");
    }
    Ok(())
}

/// Whether the process runs in Lambda, or in an emulation of its runtime API.
pub(crate) fn is_on_lambda() -> bool {
    env::var_os("AWS_LAMBDA_RUNTIME_API").is_some()
}

pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// The time that is left until `deadline`, which is in milliseconds since 1970: zero where it has passed. `None` for a deadline
/// in 1970, which `cargo lambda watch` sets for every invocation.
pub(crate) fn time_left(deadline: u64) -> Option<Duration> {
    const YEAR_MS: u64 = 365 * 24 * 60 * 60 * 1000;
    let now = u64::try_from(now().as_millisecond()).unwrap_or_default();
    (deadline > YEAR_MS).then(|| Duration::from_millis(deadline.saturating_sub(now)))
}

/// Writes metrics to the standard output, where CloudWatch finds them in the function's log.
#[expect(clippy::print_stdout, reason = "the log of a function is its standard output")]
pub(crate) fn print_metrics(metrics: &Metrics, now: Timestamp) {
    println!("{}", metrics.to_line(now));
}

/// The SHA-256 checksum of this program, in hexadecimal digits.
pub(crate) fn checksum_of_this_program() -> std::io::Result<String> {
    env::current_exe().and_then(std::fs::File::open).and_then(sha256)
}

/// The value of an environment variable; `None` where it is empty or not set.
fn text(name: &str) -> Result<Option<String>, Failure> {
    match env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => {
            Err(Failure::InvalidSettings(format!("the value of {name} is not UTF-8; set it again")))
        }
    }
}
