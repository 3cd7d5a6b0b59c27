//! What a run took: its time, its calls, its sessions on the way.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::RoleArn;

/// What a run took. It differs from run to run over the same world.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statistics {
    /// Wall-clock time of the run, in milliseconds.
    pub elapsed_ms: u64,
    /// The calls that were made, by operation.
    #[serde(default)]
    pub calls: BTreeMap<String, Calls>,
    /// The sessions of roles on the way to the accounts' roles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub intermediate_sessions: Vec<IntermediateSession>,
}

/// A session of a role on the way to the accounts' roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntermediateSession {
    /// The role.
    pub role_arn: RoleArn,
    /// The id by which CloudTrail knows the call that gave it.
    pub request_id: Option<String>,
}

/// How often an operation was called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    /// Attempts, the first of each call and all after it.
    pub attempts: u64,
    /// Attempts that AWS throttled.
    pub throttled: u64,
    /// Attempts after the first.
    pub retries: u64,
}
