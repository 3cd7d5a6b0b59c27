//! How a roll is taken, and how that is written: in the terminal as flags, in the environment as variables.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use rolecall_roll::{FactSelection, RoleSessionName, UserSource};

use crate::collect::{self, parse_facts};
use crate::limits::Limits;
use crate::session::SessionSettings;

/// What every account's session and reading has in common.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// How sessions are asked for.
    pub session: SessionSettings,
    /// Which facts are read, of which users.
    pub selection: FactSelection,
    /// Patience and pace.
    pub limits: Limits,
}

impl Settings {
    /// The IAM actions that a session needs.
    #[must_use]
    pub fn actions(&self) -> Vec<&'static str> {
        collect::actions(&self.selection)
    }

    /// The defaults, but for what `variable` gives: `ROLECALL_MAX_ATTEMPTS` and so on, a variable for each setting. An
    /// empty one counts as not set.
    ///
    /// # Errors
    /// Which variable cannot be read, and how it is written.
    pub fn of_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, BadVariable> {
        Self::default().over(variable)
    }

    /// These, but for what `variable` gives.
    ///
    /// # Errors
    /// Which variable cannot be read, and how it is written.
    pub fn over(self, variable: impl Fn(&str) -> Option<String>) -> Result<Self, BadVariable> {
        let variables = Variables(variable);
        let mut settings = self;
        let session = &mut settings.session;
        let mut wide = !session.narrow;
        variables.set(&mut session.name, "ROLECALL_SESSION_NAME", RoleSessionName::from_str)?;
        variables.set(&mut session.duration, "ROLECALL_SESSION_DURATION", session_duration)?;
        variables.set(&mut wide, "ROLECALL_NO_SESSION_POLICY", switch)?;
        variables
            .set(&mut session.source_identity, "ROLECALL_SOURCE_IDENTITY", |text| text.parse().map(Some))?;
        variables.set(&mut session.tags, "ROLECALL_SESSION_TAG", |text| {
            text.split(',').map(tag).collect::<Result<Vec<_>, _>>()
        })?;
        session.narrow = !wide;
        variables.set(&mut settings.selection.facts, "ROLECALL_COLLECT", parse_facts)?;
        variables.set(&mut settings.selection.reads, "ROLECALL_READS", UserSource::from_str)?;
        let limits = &mut settings.limits;
        variables.set(&mut limits.accounts_at_once, "ROLECALL_CONCURRENCY", at_once)?;
        variables.set(&mut limits.calls_at_once, "ROLECALL_ACCOUNT_CONCURRENCY", at_once)?;
        variables.set(&mut limits.sts_rate, "ROLECALL_STS_RATE", rate)?;
        variables.set(&mut limits.max_attempts, "ROLECALL_MAX_ATTEMPTS", attempts)?;
        variables.set(&mut limits.initial_backoff, "ROLECALL_INITIAL_BACKOFF", duration)?;
        variables.set(&mut limits.max_backoff, "ROLECALL_MAX_BACKOFF", duration)?;
        variables.set(&mut limits.connect_timeout, "ROLECALL_CONNECT_TIMEOUT", duration)?;
        variables.set(&mut limits.read_timeout, "ROLECALL_READ_TIMEOUT", duration)?;
        variables.set(&mut limits.attempt_timeout, "ROLECALL_ATTEMPT_TIMEOUT", duration)?;
        variables.set(&mut limits.account_timeout, "ROLECALL_ACCOUNT_TIMEOUT", duration)?;
        Ok(settings)
    }
}

/// A setting in the environment that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadVariable(String);

struct Variables<F>(F);

impl<F: Fn(&str) -> Option<String>> Variables<F> {
    fn set<T, E: Display>(
        &self,
        setting: &mut T,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<(), BadVariable> {
        if let Some(text) = (self.0)(name).filter(|text| !text.is_empty()) {
            *setting =
                parse(&text).map_err(|problem| BadVariable(format!("{name} is {text:?}: {problem}")))?;
        }
        Ok(())
    }
}

/// A time, written as `90`, `90s`, `500ms`, `10m` or `1h30m`.
///
/// # Errors
/// Where it is no time, or out of range.
pub fn duration(text: &str) -> Result<Duration, String> {
    let duration = time(text)?;
    if duration.is_zero() || duration > Duration::from_hours(24) {
        return Err("out of range, 1ms to 24h are allowed".into());
    }
    Ok(duration)
}

fn time(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(Duration::from_secs(seconds));
    }
    let duration = text.parse::<SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok());
    duration.ok_or_else(|| "not a time; write it as 90s, 500ms, 10m or 1h30m".to_owned())
}

/// A tag, written as `key=value`.
///
/// # Errors
/// Where it is none.
pub fn tag(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("not a tag; write it as key=value")?;
    // https://docs.aws.amazon.com/STS/latest/APIReference/API_Tag.html
    if !(1..=128).contains(&key.trim().chars().count()) || value.trim().chars().count() > 256 {
        return Err("a tag has a key of 1 to 128 characters and a value of up to 256".to_owned());
    }
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

/// A session's duration.
///
/// Source: <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
///
/// # Errors
/// Where it is no time, or none that STS gives a session.
pub fn session_duration(text: &str) -> Result<Duration, String> {
    let duration = time(text)?;
    if duration < Duration::from_mins(15)
        || duration > Duration::from_hours(12)
        || duration.subsec_nanos() != 0
    {
        return Err(
            "out of range, STS allows 15m to 12h in whole seconds (and 1h where roles are chained)".into()
        );
    }
    Ok(duration)
}

/// How much is done side by side.
///
/// # Errors
/// Where it is no number, or out of range.
pub fn at_once(text: &str) -> Result<usize, String> {
    number(text, 1..=1000)
}

/// Calls a second.
///
/// # Errors
/// Where it is no number, or out of range.
pub fn rate(text: &str) -> Result<f64, String> {
    number(text, 1.0..=100_000.0)
}

/// How often a call is made.
///
/// # Errors
/// Where it is no number, or out of range.
pub fn attempts(text: &str) -> Result<u32, String> {
    number(text, 1..=100)
}

fn number<T: FromStr + PartialOrd + Display>(text: &str, range: RangeInclusive<T>) -> Result<T, String> {
    match text.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => Err(format!("not a number from {} to {}", range.start(), range.end())),
    }
}

fn switch(text: &str) -> Result<bool, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err("not a switch; set it to 1, or unset it"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Settings, duration};

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, seconds) in
            [("90", 90.0), ("90s", 90.0), ("500ms", 0.5), ("10m", 600.0), ("1h30m", 5400.0)]
        {
            assert_eq!(duration(text).unwrap(), Duration::from_secs_f64(seconds), "{text}");
        }
        for text in ["", "0", "0s", "-1s", "25h", "soon", "99999999999999999999"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_the_environment_leaves_out_is_the_default_and_what_it_says_wrong_is_named() {
        let of = |name: &'static str, value: &'static str| {
            Settings::of_variables(move |variable| (variable == name).then(|| value.to_owned()))
        };
        let default = format!("{:?}", Settings::default());
        assert_eq!(format!("{:?}", of("ROLECALL_MAX_ATTEMPTS", "").unwrap()), default);
        assert_eq!(of("ROLECALL_MAX_ATTEMPTS", "3").unwrap().limits.max_attempts, 3);
        assert!(!of("ROLECALL_NO_SESSION_POLICY", "1").unwrap().session.narrow);
        assert!(of("ROLECALL_NO_SESSION_POLICY", "false").unwrap().session.narrow);
        for (name, value, words) in [
            ("ROLECALL_MAX_ATTEMPTS", "many", "1 to 100"),
            ("ROLECALL_SESSION_DURATION", "5m", "15m to 12h"),
            ("ROLECALL_ACCOUNT_TIMEOUT", "soon", "10m"),
            ("ROLECALL_NO_SESSION_POLICY", "maybe", "unset it"),
            ("ROLECALL_SESSION_NAME", "a b", "2 to 64"),
        ] {
            let problem = of(name, value).unwrap_err().to_string();
            assert!([name, value, words].iter().all(|part| problem.contains(part)), "{problem}");
        }
    }
}
