//! The settings of a run: sessions and limits, with the options that set them.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use rolecall_roll::{FactSelection, NeutralTerms, RoleSessionName, Terms};

use crate::options::row::{each, one, options, switch};

/// The settings of a run, which apply to all accounts.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The options of `AssumeRole`.
    pub session: SessionSettings,
    /// Which facts are read, of which users.
    pub selection: FactSelection,
    /// Concurrency, rates, attempts and timeouts.
    pub limits: Limits,
}

/// Two options that cannot be combined, by their keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.to_text(&NeutralTerms))]
pub struct ConflictingOptions(pub &'static str, pub &'static str);

impl ConflictingOptions {
    /// The error message, with options named as the front end names them.
    #[must_use]
    pub fn to_text(&self, terms: &dyn Terms) -> String {
        let [first, second] = [self.0, self.1].map(|key| terms.setting(key));
        format!("{first} and {second} cannot be combined; give only one of them")
    }
}

/// Declares settings, one row for each: field, key, type and default, then the rest of the row as in [`options!`]. It makes
/// the structs with their defaults, the options that set them, and [`SettingOptions::resolve`].
macro_rules! settings {
    ($(
        $(#[$attribute:meta])*
        $group:ident in $place:ident {
            $(
                $(#[doc = $help:literal])+
                $field:ident ($key:ident): $type:ty = $default:expr, $shape:ident($value_name:literal), $toml:literal,
                $parse:expr $(, example $example:literal)?;
            )+
        }
    )+) => {
        $(
            $(#[$attribute])*
            #[derive(Debug, Clone)]
            pub struct $group {
                $($(#[doc = $help])+ pub $field: $type,)+
            }

            impl Default for $group {
                fn default() -> Self {
                    Self { $($field: $default,)+ }
                }
            }
        )+

        options! {
            /// The options of sessions and limits.
            SettingOptions {
                $($(
                    $(#[doc = $help])+
                    $key: $type = { let default: $type = $default; default }, $shape($value_name), Some($toml), $parse $(, example $example)?;
                )+)+
            }
        }

        impl SettingOptions {
            /// The settings: the options that are set, and the defaults of the others.
            #[must_use]
            pub fn resolve(self) -> Settings {
                let mut settings = Settings::default();
                $($(if let Some(given) = self.$key {
                    settings.$place.$field = given.value;
                })+)+
                settings
            }
        }
    };
}

settings! {
    /// The options of `AssumeRole`, for all sessions.
    SessionSettings in session {
        /// Role session name to set, as CloudTrail shows it; if not set, it is `cross_acct_lambda`, or with an organization
        /// `rolecall-` and the run id
        name (session_name): Option<RoleSessionName> = None, Text("NAME"), "session.name",
            |texts| one(texts, |text| text.parse().map(Some)), example "\"rolecall\"";

        /// Duration of a session, 15m to 12h, up to the role's maximum session duration; 1h at most with role chaining: if
        /// the caller is itself an assumed role (Lambda, SSO), or with an intermediate role
        duration (session_duration): Duration = Duration::from_hours(1), Text("TIME"), "session.duration",
            |texts| one(texts, parse_session_duration);

        /// Send no session policy: the session may do all that the role allows, not only what the scan needs
        no_policy (no_session_policy): bool = false, Switch(""), "session.no_policy", switch;

        /// Source identity to set on the session, as CloudTrail shows it; the caller's policies and the roles' trust policies
        /// must allow sts:SetSourceIdentity
        source_identity (source_identity): Option<RoleSessionName> = None, Text("NAME"), "session.source_identity",
            |texts| one(texts, |text| text.parse().map(Some)), example "\"j.ruiz\"";

        /// Session tag to set; the caller's policies and the roles' trust policies must allow sts:TagSession
        tags (session_tag): Vec<(String, String)> = Vec::new(), Pairs("KEY=VALUE"), "session.tags",
            parse_session_tags, example "{ purpose = \"roll-call\" }";
    }

    /// Concurrency, rates, attempts and timeouts. Rolecall sets all of them, since the SDK's defaults change between versions.
    Limits in limits {
        // 64 measured best on two cores; memory use grows with the calls in flight.
        /// Maximum number of accounts to read at a time
        concurrency (concurrency): usize = 64, Number("N"), "limits.concurrency", |texts| one(texts, parse_concurrency);

        /// Maximum number of calls in flight in one account
        account_concurrency (account_concurrency): usize = 8, Number("N"), "limits.account_concurrency",
            |texts| one(texts, parse_concurrency);

        /// Maximum number of `AssumeRole` calls per second; STS allows an account 600 per second, for all its callers
        /// together
        sts_rate (sts_rate): f64 = 600.0, Number("N"), "limits.sts_rate", |texts| one(texts, parse_rate);

        // IAM throttles early; with ten attempts no user was lost at a limit of 20 calls per second.
        /// Maximum number of attempts at one call, including the first
        max_attempts (max_attempts): u32 = 10, Number("N"), "limits.max_attempts", |texts| one(texts, parse_attempts);

        /// Pause before the second attempt; doubles with each further attempt, with jitter
        initial_backoff (initial_backoff): Duration = Duration::from_millis(200), Text("TIME"), "limits.initial_backoff",
            |texts| one(texts, parse_duration);

        /// Longest pause between two attempts
        max_backoff (max_backoff): Duration = Duration::from_secs(10), Text("TIME"), "limits.max_backoff",
            |texts| one(texts, parse_duration);

        /// Timeout for opening a TCP and TLS connection
        connect_timeout (connect_timeout): Duration = Duration::from_secs(5), Text("TIME"), "limits.connect_timeout",
            |texts| one(texts, parse_duration);

        /// Timeout for the first byte of a response
        read_timeout (read_timeout): Duration = Duration::from_secs(20), Text("TIME"), "limits.read_timeout",
            |texts| one(texts, parse_duration);

        /// Timeout for one attempt at a call, including its response
        attempt_timeout (attempt_timeout): Duration = Duration::from_secs(30), Text("TIME"), "limits.attempt_timeout",
            |texts| one(texts, parse_duration);

        /// Timeout for one account; what was read by then is kept
        account_timeout (account_timeout): Duration = Duration::from_mins(10), Text("TIME"), "limits.account_timeout",
            |texts| one(texts, parse_duration);

        /// Time limit for the whole run; what was read by then is kept
        deadline (deadline): Option<Duration> = None, Text("TIME"), "limits.deadline",
            |texts| one(texts, |text| parse_duration(text).map(Some)), example "\"14m\"";

        /// Number of accounts to read first; if all of them are denied or unreachable, the others are not read. 0 switches this
        /// check off
        canary (canary): usize = 5, Number("N"), "limits.canary", |texts| one(texts, parse_canary);

        /// Refuse to resume a roll file that has an account which was read longer ago than this: resuming does not read it
        /// again
        max_age (max_age): Duration = Duration::from_hours(24), Text("TIME"), "limits.max_age",
            |texts| one(texts, parse_age);
    }
}

/// Parses a time, written as `90` (seconds), `90s`, `500ms`, `10m` or `1h30m`.
///
/// # Errors
/// Where the text is not a time, or the time is less than 1 ms or more than 24 h.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let duration = parse_timeout(text)?;
    if duration < Duration::from_millis(1) || duration > Duration::from_hours(24) {
        return Err("out of range; expected 1ms to 24h".into());
    }
    Ok(duration)
}

/// Parses an age, written as a time or as `7d`.
fn parse_age(text: &str) -> Result<Duration, String> {
    const DAY: Duration = Duration::from_hours(24);
    let days = text.strip_suffix('d').and_then(|days| days.parse::<u32>().ok());
    let age = match days {
        Some(days) => DAY.checked_mul(days).unwrap_or(Duration::MAX),
        None => parse_timeout(text).map_err(|error| format!("{error} or 7d"))?,
    };
    if age < Duration::from_mins(1) || age > DAY * 3650 {
        return Err("out of range; expected 1m to 3650d".into());
    }
    Ok(age)
}

fn parse_timeout(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(Duration::from_secs(seconds));
    }
    let duration = text.parse::<SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok());
    duration.ok_or_else(|| "not a time; write it as 90s, 500ms, 10m or 1h30m".to_owned())
}

/// Parses a tag, written as `key=value`.
///
/// # Errors
/// Where the text has no `=`, or the key or the value is longer than any that AWS accepts.
pub fn parse_tag(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("not a tag; write it as key=value")?;
    let (key, value) = (key.trim(), value.trim());
    // https://docs.aws.amazon.com/STS/latest/APIReference/API_Tag.html
    if !(1..=128).contains(&key.chars().count()) || value.chars().count() > 256 {
        return Err("not a valid tag; a key has 1 to 128 characters and a value at most 256".to_owned());
    }
    Ok((key.to_owned(), value.to_owned()))
}

/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html>
fn parse_session_tags(texts: &[String]) -> Result<Vec<(String, String)>, String> {
    let tags = each(texts, parse_tag)?;
    if tags.len() > 50 {
        return Err(format!("{} session tags; STS allows 50", tags.len()));
    }
    let mut keys = BTreeSet::new();
    for (key, value) in &tags {
        // https://docs.aws.amazon.com/STS/latest/APIReference/API_Tag.html
        let is_tag_character = |c: char| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c);
        if let Some(other) = key.chars().chain(value.chars()).find(|c| !is_tag_character(*c)) {
            return Err(format!(
                "the session tag has {other:?}; STS allows letters, digits, spaces and _.:/=+-@"
            ));
        }
        let lower = key.to_ascii_lowercase();
        if lower.starts_with("aws:") {
            return Err(format!("the tag key {key:?} begins with aws:, which AWS reserves"));
        }
        if !keys.insert(lower) {
            return Err(format!("the tag key {key:?} occurs twice; STS ignores its case"));
        }
    }
    Ok(tags)
}

/// Source: <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
fn parse_session_duration(text: &str) -> Result<Duration, String> {
    let duration = parse_timeout(text)?;
    if duration < Duration::from_mins(15)
        || duration > Duration::from_hours(12)
        || duration.subsec_nanos() != 0
    {
        return Err(
            "out of range; STS allows 15m to 12h in whole seconds, and at most 1h with role chaining".into(),
        );
    }
    Ok(duration)
}

fn parse_concurrency(text: &str) -> Result<usize, String> {
    parse_number(text, 1..=1000)
}

fn parse_canary(text: &str) -> Result<usize, String> {
    parse_number(text, 0..=1000)
}

fn parse_rate(text: &str) -> Result<f64, String> {
    parse_number(text, 1.0..=100_000.0)
}

fn parse_attempts(text: &str) -> Result<u32, String> {
    parse_number(text, 1..=100)
}

fn parse_number<T: FromStr + PartialOrd + Display>(
    text: &str,
    range: RangeInclusive<T>,
) -> Result<T, String> {
    match text.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => Err(format!("not a number from {} to {}", range.start(), range.end())),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{parse_age, parse_duration, parse_session_tags};

    #[test]
    fn times_are_parsed_in_all_their_notations() {
        for (text, seconds) in
            [("90", 90.0), ("90s", 90.0), ("500ms", 0.5), ("10m", 600.0), ("1h30m", 5400.0)]
        {
            assert_eq!(parse_duration(text).unwrap(), Duration::from_secs_f64(seconds), "{text}");
        }
        for text in ["", "0", "0s", "1ns", "-1s", "25h", "soon", "99999999999999999999"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        for (text, hours) in [("24h", 24), ("7d", 168), ("960h", 960), ("3650d", 87600)] {
            assert_eq!(parse_age(text).unwrap(), Duration::from_hours(hours), "{text}");
        }
        for text in ["", "0d", "1s", "d", "-1d", "3651d", "99999999999d", "a week"] {
            assert!(parse_age(text).is_err(), "{text}");
        }
    }

    #[test]
    fn session_tags_that_sts_rejects_are_errors() {
        let parse =
            |texts: &[&str]| parse_session_tags(&texts.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>());
        let tags = parse(&["team=a b", "Größe=1/2", "empty="]).unwrap();
        assert_eq!(tags.last(), Some(&("empty".to_owned(), String::new())));
        for (texts, words) in [
            (vec!["team=${aws:username}"], "the session tag has '$'"),
            (vec!["te,am=x"], "has ','"),
            (vec!["team=a\tb"], "has '\\t'"),
            (vec!["=x"], "1 to 128 characters"),
            (vec!["AWS:team=x"], "begins with aws:"),
            (vec!["team=x", "Team=y"], "\"Team\" occurs twice"),
        ] {
            let problem = parse(&texts).unwrap_err();
            assert!(problem.contains(words), "{texts:?}: {problem}");
        }
        let many: Vec<String> = (0..51).map(|index| format!("key{index}=x")).collect();
        assert!(parse_session_tags(&many).unwrap_err().contains("STS allows 50"));
    }
}
