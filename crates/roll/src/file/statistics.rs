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
