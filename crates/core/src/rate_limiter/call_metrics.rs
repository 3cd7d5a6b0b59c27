//! Counts the calls to AWS by operation, and reports each attempt to the rate limiter.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::FinalizerInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, Metadata};
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::Format;
use rolecall_roll::Calls;

use super::RateLimiter;

/// The calls that a run makes, by operation, and what they tell about the clock.
#[derive(Debug, Clone, Default)]
pub struct CallMetrics {
    calls: Arc<Mutex<BTreeMap<String, Calls>>>,
    /// Of the last response with a date: the seconds that this machine's clock is ahead of it.
    clock_ahead_s: Arc<Mutex<Option<i64>>>,
}

/// A smaller difference is no reason for a warning: AWS accepts signatures within five minutes of its own time.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html>
const MAX_CLOCK_DIFFERENCE_S: i64 = 5 * 60;

impl CallMetrics {
    /// The calls so far, by API operation.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<String, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The calls so far, summed over all operations.
    #[must_use]
    pub fn total(&self) -> Calls {
        let mut total = Calls::default();
        for calls in self.calls.lock().unwrap_or_else(PoisonError::into_inner).values() {
            total.attempts += calls.attempts;
            total.throttled += calls.throttled;
            total.retries += calls.retries;
        }
        total
    }

    /// How many seconds this machine's clock is ahead of that of AWS, and negative if it is behind; `None` where it is right
    /// within five minutes, or no response has a date.
    #[must_use]
    pub fn clock_ahead_s(&self) -> Option<i64> {
        self.clock_difference_s().filter(|ahead| ahead.abs() > MAX_CLOCK_DIFFERENCE_S)
    }

    /// How many seconds this machine's clock is ahead of that of AWS, and negative if it is behind, to the second; `None` where no
    /// response has a date.
    #[must_use]
    pub fn clock_difference_s(&self) -> Option<i64> {
        *self.clock_ahead_s.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Compares the `Date` header of a response with this machine's clock.
    fn compare_clocks(&self, response: &HttpResponse, components: &RuntimeComponents) {
        let date = response.headers().get("date");
        let date = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        let now = components.time_source().map(|source| DateTime::from(source.now()));
        if let (Some(date), Some(now)) = (date, now) {
            let mut ahead = self.clock_ahead_s.lock().unwrap_or_else(PoisonError::into_inner);
            *ahead = Some(now.secs().saturating_sub(date.secs()));
        }
    }

    fn add(&self, operation: &str, is_retry: bool, is_throttled: bool) {
        let mut all = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains_key(operation) {
            all.insert(operation.to_owned(), Calls::default());
        }
        if let Some(calls) = all.get_mut(operation) {
            calls.attempts += 1;
            calls.retries += u64::from(is_retry);
            calls.throttled += u64::from(is_throttled);
        }
    }
}

/// Counts each attempt at a call, and reports its result to the rate limiter.
#[derive(Debug)]
pub(crate) struct MetricsInterceptor {
    pub(crate) call_metrics: CallMetrics,
    pub(crate) rate_limiter: Option<Arc<RateLimiter>>,
}

#[dyn_dispatch_hint]
impl Intercept for MetricsInterceptor {
    fn name(&self) -> &'static str {
        "MetricsInterceptor"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(response) = context.response() {
            self.call_metrics.compare_clocks(response, components);
        }
        let is_throttled = context.response().is_some_and(is_throttled);
        let is_retry = cfg.load::<RequestAttempts>().is_some_and(|attempts| attempts.attempts() > 1);
        let operation = cfg.load::<Metadata>().map_or("", Metadata::name);
        self.call_metrics.add(operation, is_retry, is_throttled);
        match &self.rate_limiter {
            Some(rate_limiter) if is_throttled => rate_limiter.on_throttled(),
            Some(rate_limiter) if context.response().is_some() => rate_limiter.on_success(),
            _ => {}
        }
        Ok(())
    }
}

/// Whether AWS throttled the request.
fn is_throttled(response: &HttpResponse) -> bool {
    let status = response.status().as_u16();
    let body_contains = |text: &str| {
        let body = response.body().bytes().unwrap_or_default();
        body.windows(text.len()).any(|part| part == text.as_bytes())
    };
    let codes = ["Throttl", "TooManyRequests", "RequestLimitExceeded"];
    status == 429
        || ((400..600).contains(&status) && status != 403 && codes.iter().any(|code| body_contains(code)))
}
