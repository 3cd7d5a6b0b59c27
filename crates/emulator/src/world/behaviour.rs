//! How slow a world is, and what goes wrong in it.

use std::time::Duration;

use serde::Deserialize;

/// How slow a world is, and what goes wrong in it. By default nothing does.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Behaviour {
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

impl Behaviour {
    /// How long each answer takes.
    #[must_use]
    pub(crate) fn latency(&self) -> Duration {
        Duration::from_millis(self.latency_ms)
    }

    /// The same, if it can be.
    ///
    /// # Errors
    /// What cannot be, and what could.
    pub fn checked(self) -> Result<Self, String> {
        let rates = [("error_rate", self.error_rate), ("reset_rate", self.reset_rate)];
        let rate = rates.iter().find(|(_, rate)| !(0.0..=1.0).contains(rate));
        let paces = [
            ("iam_rate", self.iam_rate),
            ("sts_rate", self.sts_rate),
            ("organizations_rate", self.organizations_rate),
        ];
        let pace = paces.iter().find(|(_, pace)| pace.is_some_and(|pace| pace.is_nan() || pace <= 0.0));
        match (rate, pace) {
            (Some((name, rate)), _) => Err(format!("{name} is {rate}, and is a part, from 0 to 1")),
            (_, Some((name, _))) => Err(format!("{name} is a number of calls a second, above 0")),
            (None, None) => Ok(self),
        }
    }
}
