//! How patiently AWS is asked, and how much at once.

use std::time::Duration;

/// Patience and pace. All of it is set here: the SDK's defaults change between its versions.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How often a call is made at most, the first time included.
    pub max_attempts: u32,
    /// The pause before the second attempt; it doubles with each, with jitter.
    pub initial_backoff: Duration,
    /// The longest pause between attempts.
    pub max_backoff: Duration,
    /// For a TCP and TLS connection to stand.
    pub connect_timeout: Duration,
    /// From a request sent to the first byte of its answer.
    pub read_timeout: Duration,
    /// For one attempt, answer read.
    pub attempt_timeout: Duration,
    /// For a whole account. What it has by then is kept.
    pub account_timeout: Duration,
    /// Accounts that are read side by side.
    pub accounts_at_once: usize,
    /// Calls that are made side by side in one account.
    pub calls_at_once: usize,
    /// Sessions that are asked for in a second. STS answers 600 calls a second to an account, whoever in it asks.
    pub sts_rate: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // IAM throttles long before it tires; ten attempts lost no user under 20 calls a second.
            max_attempts: 10,
            initial_backoff: Duration::from_millis(200),
            max_backoff: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(20),
            attempt_timeout: Duration::from_secs(30),
            account_timeout: Duration::from_mins(10),
            // Best on two cores; memory grows with calls in flight.
            accounts_at_once: 64,
            calls_at_once: 8,
            sts_rate: 600.0,
        }
    }
}
