//! The environment variables of a spawned binary: the caller's credentials, and nothing from this machine.

use crate::secrets::{CALLER_SECRET_ACCESS_KEY, CALLER_SESSION_TOKEN};

/// The environment variables of a process that calls `endpoint` as the caller. Clear all others.
pub fn caller_environment(endpoint: &str) -> Vec<(&'static str, String)> {
    let variables = [
        ("AWS_ACCESS_KEY_ID", "ASIACALLER"),
        ("AWS_SECRET_ACCESS_KEY", CALLER_SECRET_ACCESS_KEY),
        ("AWS_SESSION_TOKEN", CALLER_SESSION_TOKEN),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    variables.map(|(name, value)| (name, value.to_owned())).to_vec()
}
