//! The process's environment variables and clock. No other module of this binary reads them.

#![expect(clippy::disallowed_methods, reason = "the one module that reads them")]

use std::env;
use std::io::stderr;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use tracing_subscriber::filter::{FilterExt, FilterFn, LevelFilter, Targets};
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use rolecall_core::options::row::OptionRow;
use rolecall_core::{RunOptions, connect, logs};
use rolecall_roll::unprintable_in;

use crate::args::GlobalArgs;
use crate::failure::Failure;
use crate::output;

/// Sets up what goes to stderr, and refuses to run if the SDK would print secrets.
pub(crate) fn prepare(arguments: &GlobalArgs) -> Result<(), Failure> {
    output::set_quiet(arguments.quiet);
    if env::var_os(logs::LOG_SENSITIVE_BODIES).is_some_and(|value| !value.is_empty()) {
        return Err(Failure::usage(logs::LOG_SENSITIVE_BODIES_ERROR));
    }
    let level = match (arguments.quiet, arguments.verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "info",
        (false, _) => "debug",
    };
    let directives = text("RUST_LOG")?.unwrap_or_else(|| format!("{level},{}", logs::DEFAULT_DIRECTIVE));
    let filter: Targets = directives.parse().map_err(|error| {
        Failure::usage(format!("RUST_LOG is {directives:?}: {error}")).with_remedy(
            "use a level, such as RUST_LOG=info, or levels by module: RUST_LOG=warn,rolecall_core=debug",
        )
    })?;
    // One filter, with the highest level: a filter in front of another would make the SDK's spans that neither needs.
    let is_loggable = FilterFn::new(logs::is_loggable).with_max_level_hint(LevelFilter::TRACE);
    tracing_subscriber::registry()
        .with(
            layer()
                .with_writer(output::LogWriter::default)
                .with_ansi(anstream::AutoStream::choice(&stderr()) != anstream::ColorChoice::Never)
                .with_filter(filter.and(is_loggable)),
        )
        .init();
    logs::install_redacting_panic_hook();
    Ok(())
}

/// The variables of the command line that are not those of an option.
const OTHER_VARIABLES: [&str; 1] = ["ROLECALL_CONFIG"];

/// Warns of each `ROLECALL_…` variable that has no effect: one that is misspelled, or one that would hide accounts or users.
pub(crate) fn warn_of_unknown_variables() {
    let names: Vec<String> = RunOptions::rows().map(OptionRow::variable).collect();
    let known = || names.iter().map(String::as_str).chain(OTHER_VARIABLES);
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if let Some(row) = narrowing_option(&name) {
            let flag = row.flag();
            output::say(&format!(
                "warning: {name} is ignored, because it would hide accounts or users; pass {flag} instead"
            ));
        } else if name.starts_with("ROLECALL_") && !known().any(|it| it == name) {
            let hint = nearest(&name, known()).map_or(String::new(), |it| format!("; did you mean {it}?"));
            output::say(&format!("warning: unknown variable {name} is ignored{hint}"));
        }
    }
}

/// The option of this variable, if it hides accounts or users, so that the command line ignores the variable.
fn narrowing_option(variable: &str) -> Option<&'static OptionRow> {
    RunOptions::rows().find(|row| row.narrows && row.variable() == variable)
}

/// The name that is most similar to `name`, if one is similar enough to be what was meant.
pub(crate) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let own = |it: &'a str| it.strip_prefix("ROLECALL_").unwrap_or(it);
    let name = name.strip_prefix("ROLECALL_").unwrap_or(name);
    let most = (name.chars().count() / 4).max(1);
    let with_distance = names.map(|it| (strsim::osa_distance(name, own(it)), it));
    with_distance
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= most)
        .map(|(_, it)| it)
}

/// The options that the environment sets.
pub(crate) fn options() -> Result<RunOptions, Failure> {
    // A value that is not UTF-8 is not valid for any option; the error names the variable.
    let variable = |name: &str| {
        let value = env::var_os(name).filter(|_| narrowing_option(name).is_none());
        value.map(|value| value.to_string_lossy().into_owned())
    };
    RunOptions::from_variables(variable).map_err(Failure::usage)
}

/// Refuses invalid proxy and endpoint addresses.
pub(crate) fn check_addresses() -> Result<(), Failure> {
    connect::check_addresses(|name| env::var(name).ok()).map_err(Failure::usage)
}

/// Refuses credentials in the environment that contain characters that cannot be signed or sent.
pub(crate) fn check_credentials() -> Result<(), Failure> {
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] {
        if let Some(problem) = text(name)?.as_deref().and_then(unprintable_in) {
            return Err(Failure::usage(format!("{name} has {problem}"))
                .with_remedy("set the variable again, without that character"));
        }
    }
    // The SDK would ignore the one that is set.
    let names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    let [id, secret] = [text(names[0])?, text(names[1])?];
    match (id, secret) {
        (Some(_), None) => Err(lone_variable(names)),
        (None, Some(_)) => Err(lone_variable([names[1], names[0]])),
        _ => Ok(()),
    }
}

fn lone_variable([set, missing]: [&str; 2]) -> Failure {
    Failure::usage(format!("{set} is set, but {missing} is not")).with_remedy("set both, or neither")
}

/// Whether `AWS_ACCESS_KEY_ID` is set.
pub(crate) fn has_access_key() -> bool {
    env::var_os("AWS_ACCESS_KEY_ID").is_some_and(|value| !value.is_empty())
}

/// The file in `AWS_CA_BUNDLE`.
pub(crate) fn ca_bundle() -> Option<PathBuf> {
    path("AWS_CA_BUNDLE")
}

/// Whether the environment has credentials, which take precedence over the profile of `AWS_PROFILE`.
pub(crate) fn has_credentials() -> bool {
    ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].iter().all(|name| env::var_os(name).is_some())
}

/// The paths of the AWS configuration files `config` and `credentials`.
pub(crate) fn aws_files() -> [PathBuf; 2] {
    let file = |variable, name| {
        let given = path(variable).unwrap_or_else(|| Path::new("~/.aws").join(name));
        let below_home = given.strip_prefix("~").ok().zip(home()).map(|(rest, home)| home.join(rest));
        below_home.unwrap_or(given)
    };
    [file("AWS_CONFIG_FILE", "config"), file("AWS_SHARED_CREDENTIALS_FILE", "credentials")]
}

/// The passwords in the addresses of proxies, which no message may hold.
pub(crate) fn proxy_passwords() -> Vec<String> {
    let password = |name: &&str| {
        let address = env::var(name).ok()?;
        let (_, rest) = address.split_once("://").unwrap_or(("", &address));
        let (_, password) = rest.rsplit_once('@')?.0.split_once(':')?;
        Some(password.to_owned())
    };
    connect::PROXY_VARIABLES.iter().filter_map(password).collect()
}

/// The configuration file in `ROLECALL_CONFIG`.
pub(crate) fn config_file() -> Option<PathBuf> {
    path("ROLECALL_CONFIG")
}

/// The home folder.
pub(crate) fn home() -> Option<PathBuf> {
    path("HOME")
}

/// The folder of the user's configuration files: `XDG_CONFIG_HOME`, else `~/.config`.
pub(crate) fn config_home() -> Option<PathBuf> {
    path("XDG_CONFIG_HOME").or_else(|| home().map(|home| home.join(".config")))
}

/// The profile in `AWS_PROFILE`.
pub(crate) fn profile() -> Result<Option<String>, Failure> {
    text("AWS_PROFILE")
}

/// The region in `AWS_REGION`, else in `AWS_DEFAULT_REGION`.
pub(crate) fn region() -> Result<Option<String>, Failure> {
    Ok(text("AWS_REGION")?.or(text("AWS_DEFAULT_REGION")?))
}

/// The names of the variables that change what `rolecall scan` does.
pub(crate) fn own_variables() -> Vec<std::ffi::OsString> {
    let is_own = |name: &std::ffi::OsString| {
        let name = name.to_string_lossy();
        name.starts_with("ROLECALL_") || name == "RUST_LOG"
    };
    env::vars_os().map(|(name, _)| name).filter(is_own).collect()
}

/// Whether the program was started with this signal ignored. Where the system does not say so, it counts as ignored: the
/// signal then does what it did at the start.
pub(crate) fn ignores_signal(number: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_none_or(|mask| mask >> (number - 1) & 1 == 1)
}

/// The current time.
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

fn path(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from)
}

fn text(name: &str) -> Result<Option<String>, Failure> {
    match env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => {
            Err(Failure::usage(format!("{name} is not UTF-8; set it again")))
        }
    }
}
