//! The process's own surroundings. No other module of this binary reads an environment variable or the clock.

#![expect(clippy::disallowed_methods, reason = "this is where settings and time come in")]

use std::env;
use std::io::stderr;
use std::path::PathBuf;

use jiff::Timestamp;
use tracing_subscriber::filter::{FilterFn, Targets};
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use rolecall_core::{RunOptions, connect, logs};
use rolecall_roll::unprintable_in;

use crate::failure::Failure;

/// Sets up logging on stderr, and refuses to run where the SDK would print secrets.
pub(crate) fn prepare(quiet: bool) -> Result<(), Failure> {
    if env::var_os(logs::LOG_SENSITIVE_BODIES).is_some_and(|value| !value.is_empty()) {
        return Err(Failure::usage(logs::LOG_SENSITIVE_BODIES_ERROR));
    }
    let level = if quiet { "error" } else { "warn" };
    let directives = text("RUST_LOG")?.unwrap_or_else(|| format!("{level},{}", logs::DEFAULT_DIRECTIVE));
    let filter: Targets = directives.parse().map_err(|error| {
        Failure::usage(format!("RUST_LOG is {directives:?}: {error}")).with_remedy(
            "use a level, such as RUST_LOG=info, or levels by module: RUST_LOG=warn,rolecall_core=debug",
        )
    })?;
    tracing_subscriber::registry()
        .with(
            layer()
                .with_writer(stderr)
                .with_ansi(anstream::AutoStream::choice(&stderr()) != anstream::ColorChoice::Never)
                .with_filter(filter)
                .with_filter(FilterFn::new(logs::is_loggable)),
        )
        .init();
    logs::install_redacting_panic_hook();
    Ok(())
}

/// The options that the environment sets.
pub(crate) fn options() -> Result<RunOptions, Failure> {
    // What is not UTF-8 is no value of any, and is told so by its name.
    let variable = |name: &str| env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    RunOptions::from_variables(variable).map_err(Failure::usage)
}

/// Refuses addresses that cannot be ones.
pub(crate) fn check_addresses() -> Result<(), Failure> {
    connect::check_addresses(|name| env::var(name).ok()).map_err(Failure::usage)
}

/// Refuses credentials in the environment that cannot be sent, or not be signed with as they were meant.
pub(crate) fn check_credentials() -> Result<(), Failure> {
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] {
        if let Some(problem) = text(name)?.as_deref().and_then(unprintable_in) {
            return Err(Failure::usage(format!("{name} has {problem}")).with_remedy("set it without"));
        }
    }
    Ok(())
}

/// The file that `AWS_CA_BUNDLE` names.
pub(crate) fn ca_bundle() -> Option<PathBuf> {
    env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// The region that the environment names.
pub(crate) fn region() -> Result<Option<String>, Failure> {
    Ok(text("AWS_REGION")?.or(text("AWS_DEFAULT_REGION")?))
}

/// The variables that set what `rolecall scan` does.
pub(crate) fn own_variables() -> Vec<std::ffi::OsString> {
    let is_own = |name: &std::ffi::OsString| {
        let name = name.to_string_lossy();
        name.starts_with("ROLECALL_") || name == "RUST_LOG"
    };
    env::vars_os().map(|(name, _)| name).filter(is_own).collect()
}

/// The time.
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

fn text(name: &str) -> Result<Option<String>, Failure> {
    match env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(Failure::usage(format!("{name} is not UTF-8; set it anew"))),
    }
}
