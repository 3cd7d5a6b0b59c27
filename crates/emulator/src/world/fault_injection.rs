//! How slow a world is, and what goes wrong in it.

use std::time::Duration;

use serde::Deserialize;

/// How slow a world is, and what goes wrong in it. By default nothing does.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FaultInjection {
    /// How long each answer takes, in milliseconds.
    pub latency_ms: u64,
    /// How many calls a second IAM answers in one account; more are throttled. Without it, any number.
    pub iam_rate: Option<f64>,
    /// How many calls a second STS answers to one account.
    pub sts_rate: Option<f64>,
    /// How many calls a second Organizations answers to one account.
    pub organizations_rate: Option<f64>,
    /// The part of requests that are answered with `ServiceUnavailable`, from 0 to 1.
    pub error_rate: f64,
    /// The part of requests that are not answered, their connection cut, from 0 to 1.
    pub reset_rate: f64,
    /// How long IAM takes to make a credential report, in milliseconds.
    pub report_ms: u64,
    /// How many users `GetAccountSummary` counts that `ListUsers` does not list.
    pub users_hidden: u64,
    /// Whether Organizations gives empty pages among the others, as it may.
    pub empty_pages: bool,
    /// Whether Organizations says `Status`, as it did until September 2026, and not `State`.
    pub old_status: bool,
}

/// A field of [`FaultInjection`] that is out of its range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FaultInjectionError {
    /// A part of the requests that is below 0 or above 1, or no number.
    #[error("{field} is {value}, and is a part, from 0 to 1")]
    Fraction {
        /// The field's name.
        field: &'static str,
        /// Its value.
        value: f64,
    },
    /// A rate that is not above 0; the field's name.
    #[error("{0} is a number of calls a second, above 0")]
    Rate(&'static str),
}

impl FaultInjection {
    /// How long each answer takes.
    #[must_use]
    pub(crate) fn latency(&self) -> Duration {
        Duration::from_millis(self.latency_ms)
    }

    /// The same, if it can be.
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
        let wrong = rates.iter().find(|(_, rate)| rate.is_some_and(|rate| rate.is_nan() || rate <= 0.0));
        wrong.map_or(Ok(self), |(field, _)| Err(FaultInjectionError::Rate(field)))
    }
}
