//! Counts the calls to AWS by operation, and reports each attempt to the rate limiter.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::FinalizerInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, Metadata};
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use rolecall_roll::Calls;

use super::RateLimiter;

/// The calls that a run makes, by operation.
#[derive(Debug, Clone, Default)]
pub struct CallMetrics(Arc<Mutex<BTreeMap<String, Calls>>>);

impl CallMetrics {
    /// The calls so far, by API operation.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<String, Calls> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The calls so far, summed over all operations.
    #[must_use]
    pub fn total(&self) -> Calls {
        let mut total = Calls::default();
        for calls in self.0.lock().unwrap_or_else(PoisonError::into_inner).values() {
            total.attempts += calls.attempts;
            total.throttled += calls.throttled;
            total.retries += calls.retries;
        }
        total
    }

    fn add(&self, operation: &str, is_retry: bool, is_throttled: bool) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
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
