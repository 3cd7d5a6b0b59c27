//! Statistics of a run: its duration, its API calls and its intermediate sessions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::account::IssuedSession;
use crate::ids::RoleArn;

/// The duration and the API calls of a run. They differ between runs over the same accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statistics {
    /// Wall-clock time of the run, in milliseconds.
    pub elapsed_ms: u64,
    /// The number of calls by API operation, such as `ListUsers`.
    #[serde(default)]
    pub calls: BTreeMap<String, Calls>,
    /// The sessions of intermediate roles (role chaining).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub intermediate_sessions: Vec<IntermediateSession>,
    /// How many seconds the clock of the machine was ahead of that of AWS, and negative if it was behind: `as_of` and all ages
    /// are wrong by as much. `None` where it was right within five minutes, or AWS returned no date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_ahead_s: Option<i64>,
}

/// A wrong clock for people, such as `2 hours ahead of that of AWS`: by `ahead_s` seconds, or behind if that is negative.
#[must_use]
pub fn clock_difference(ahead_s: i64) -> String {
    let rounded = |seconds: u64| (ahead_s.unsigned_abs() + seconds / 2) / seconds;
    let (minutes, hours, days) = (rounded(60), rounded(60 * 60), rounded(24 * 60 * 60));
    let difference = match (days, hours) {
        (0, 0..=2) => format!("{minutes} minutes"),
        (0..=2, hours) => format!("{hours} hours"),
        (days, _) => format!("{days} days"),
    };
    let direction = if ahead_s > 0 { "ahead of" } else { "behind" };
    format!("{difference} {direction} that of AWS")
}

/// A session of an intermediate role in a role chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntermediateSession {
    /// The intermediate role that was assumed.
    pub role_arn: RoleArn,
    /// The ids of the session.
    #[serde(flatten)]
    pub session: IssuedSession,
}

/// The number of attempts for one API operation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    /// All attempts: the first of each call, and its retries.
    pub attempts: u64,
    /// Attempts that AWS throttled.
    pub throttled: u64,
    /// Attempts after the first.
    pub retries: u64,
}

impl Calls {
    /// The attempts since an earlier count.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            attempts: self.attempts.saturating_sub(before.attempts),
            throttled: self.throttled.saturating_sub(before.throttled),
            retries: self.retries.saturating_sub(before.retries),
        }
    }
}
