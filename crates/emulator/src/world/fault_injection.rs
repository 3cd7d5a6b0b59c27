//! Fault injection: latency, throttling, errors and other behavior that AWS shows at times.

use std::time::Duration;

use serde::Deserialize;

/// The faults that a world injects. The default injects none.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FaultInjection {
    /// The latency of each response, in milliseconds.
    pub latency_ms: u64,
    /// The requests per second that IAM answers in one account; it throttles more. `None`: it never throttles.
    pub iam_rate: Option<f64>,
    /// The same for STS, by the account of the caller.
    pub sts_rate: Option<f64>,
    /// The same for Organizations, by the account of the caller.
    pub organizations_rate: Option<f64>,
    /// The fraction of requests that get `ServiceUnavailable`, from 0 to 1.
    pub error_rate: f64,
    /// The fraction of requests that get no response because the connection is reset, from 0 to 1.
    pub reset_rate: f64,
    /// How long IAM takes to generate a credential report, in milliseconds.
    pub report_ms: u64,
    /// The number of users that `GetAccountSummary` counts but `ListUsers` does not list.
    pub users_hidden: u64,
    /// How far the emulator's clock is ahead of the machine's, in seconds; below 0, it is behind.
    pub clock_offset_s: i64,
    /// Whether Organizations returns empty pages between the others, which its API allows.
    pub empty_pages: bool,
    /// Whether Organizations returns `Status`, as it did until September 2026, in place of `State`.
    pub old_status: bool,
}

/// The error for a field of [`FaultInjection`] that is out of range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FaultInjectionError {
    /// A fraction that is below 0, above 1 or not a number.
    #[error(
        "{field}: {value} is not a fraction from 0 to 1; for example, 0.01 means one request in a hundred"
    )]
    Fraction {
        /// `error_rate` or `reset_rate`.
        field: &'static str,
        /// As given.
        value: f64,
    },
    /// A rate that is 0, below 0 or not a number.
    #[error("{field}: {value} is not a rate above 0; give requests per second, for example 20")]
    Rate {
        /// `iam_rate`, `sts_rate` or `organizations_rate`.
        field: &'static str,
        /// As given.
        value: f64,
    },
}

impl FaultInjection {
    /// The latency of each response.
    #[must_use]
    pub(crate) fn latency(&self) -> Duration {
        Duration::from_millis(self.latency_ms)
    }

    /// Returns the faults if every field is in range.
    ///
    /// # Errors
    /// [`FaultInjectionError`] names the first field that is out of its range.
    pub fn validated(self) -> Result<Self, FaultInjectionError> {
        let fractions = [("error_rate", self.error_rate), ("reset_rate", self.reset_rate)];
        if let Some((field, value)) = fractions.into_iter().find(|(_, value)| !(0.0..=1.0).contains(value)) {
            return Err(FaultInjectionError::Fraction { field, value });
        }
        let rates = [
            ("iam_rate", self.iam_rate),
            ("sts_rate", self.sts_rate),
            ("organizations_rate", self.organizations_rate),
        ];
        let out_of_range = |(field, rate): (&'static str, Option<f64>)| {
            rate.filter(|rate| rate.is_nan() || *rate <= 0.0).map(|value| (field, value))
        };
        let invalid = rates.into_iter().find_map(out_of_range);
        invalid.map_or(Ok(self), |(field, value)| Err(FaultInjectionError::Rate { field, value }))
    }
}
