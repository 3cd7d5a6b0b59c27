//! Measures the request rate that an account allows, from its throttles. [`CallMetrics`] counts the calls.
//!
//! AWS does not document how many IAM calls per second an account allows. It is known to be a token bucket: a burst of
//! calls, then a fixed number of calls per second. So the limiter sends the first calls at once, and the next ones with
//! few in flight, so that the first throttle hits few of them. If no call is throttled, it sends without limit. After a
//! throttle the bucket is empty, and the calls that succeed until the next throttle are the tokens that were refilled
//! in that time: that is the account's rate, measured.
//!
//! Neither the SDK's adaptive mode nor `governor` does this. The first halves its rate at each throttle and takes twice
//! as long for the same calls; the second needs a rate that is known already.

mod call_metrics;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

pub use call_metrics::CallMetrics;
pub(crate) use call_metrics::MetricsInterceptor;

/// The number of first calls that are sent at once: every account's bucket holds at least as many tokens.
const INITIAL_BURST: u64 = 20;
/// After those, the maximum number of calls in flight until a number of calls succeeded, as (succeeded, in flight). After
/// the last step the account counts as one that does not throttle at this rate.
const PROBE_STEPS: [(u64, usize); 2] = [(28, 2), (36, 4)];
/// The rate after the first throttle, in calls per second: about what IAM is known to allow an account.
const FIRST_RATE: f64 = 19.0;
/// Where the rate is known, the calls of this time may be sent at once.
const BURST_WINDOW: Duration = Duration::from_millis(100);
/// The lowest rate, in calls per second.
const MIN_RATE: f64 = 1.0;
/// Throttles within this time count as one: those calls were in flight when the first of them was throttled.
const THROTTLE_DEBOUNCE: Duration = Duration::from_millis(500);
/// The minimum time over which a rate is measured.
const MIN_MEASURING_TIME: Duration = Duration::from_millis(400);
/// The minimum time after which a measured rate is reliable.
const RELIABLE_MEASURING_TIME: Duration = Duration::from_secs(3);
/// The time without a throttle after which the rate is raised.
const SPEED_UP_AFTER: Duration = Duration::from_secs(10);

/// Limits the rate of calls to one account, or of `AssumeRole` to STS.
#[derive(Debug)]
pub struct RateLimiter {
    state: Mutex<State>,
    /// Notified when a call succeeded or left the in-flight calls.
    changed: Notify,
}

#[derive(Debug)]
struct State {
    /// The rate that was given; `None` where it is measured.
    given: Option<f64>,
    /// Calls per second; `None` until the first throttle.
    rate: Option<f64>,
    /// When the next call may be sent.
    next: Instant,
    /// After a pause, the calls of this time are sent at once.
    burst_window: Duration,
    sent: u64,
    succeeded: u64,
    in_flight: usize,
    /// When the bucket was last empty, and how many calls had succeeded before.
    emptied: Option<(Instant, u64)>,
    last_throttle: Option<Instant>,
    /// Whether the rate was measured or given; an assumed rate may be far off.
    is_measured: bool,
    /// When the rate was last changed.
    changed_at: Instant,
}

/// What a call has to wait for.
enum Wait {
    /// The time at which it may be sent, and when the last throttle was.
    Until(Instant, Option<Instant>),
    /// A call that succeeds or leaves the in-flight calls.
    ForChange,
}

impl Default for RateLimiter {
    fn default() -> Self {
        Self::new(None)
    }
}

impl RateLimiter {
    /// A limiter with this rate, in calls per second; with `None` it measures the rate.
    #[must_use]
    pub(crate) fn new(rate: Option<f64>) -> Self {
        let now = Instant::now();
        let state = State {
            given: rate,
            rate,
            next: now,
            // A known rate means that the bucket is full. Where the rate is measured, the bucket is empty.
            burst_window: if rate.is_some() { BURST_WINDOW } else { Duration::ZERO },
            sent: 0,
            succeeded: 0,
            in_flight: 0,
            emptied: None,
            last_throttle: None,
            is_measured: rate.is_some(),
            changed_at: now,
        };
        Self { state: Mutex::new(state), changed: Notify::new() }
    }

    /// Replaces the given rate, in calls per second. If it is the same as before, a rate that was measured since stays.
    pub(crate) fn set_given(&self, rate: f64) {
        let mut state = self.state();
        if state.given != Some(rate) {
            (state.given, state.rate) = (Some(rate), Some(rate));
        }
    }

    /// Waits until a call may be sent. It counts as in flight until [`RateLimiter::release`].
    pub(crate) async fn acquire(&self) {
        loop {
            let change = self.changed.notified();
            let wait = self.state().acquire(Instant::now());
            match wait {
                None => return,
                Some(Wait::Until(at, last_throttle)) => {
                    sleep_until(at).await;
                    let mut state = self.state();
                    // A throttle since then resets the times of all waiting calls.
                    if state.last_throttle == last_throttle {
                        state.send();
                        return;
                    }
                }
                Some(Wait::ForChange) => change.await,
            }
        }
    }

    /// Records that a call is no longer in flight: it has a response, or was dropped.
    pub(crate) fn release(&self) {
        let mut state = self.state();
        state.in_flight = state.in_flight.saturating_sub(1);
        drop(state);
        self.changed.notify_one();
    }

    /// Records a call with a response that is no throttle.
    pub(crate) fn on_success(&self) {
        self.state().succeeded += 1;
        self.changed.notify_one();
    }

    /// Records a throttled call.
    pub(crate) fn on_throttled(&self) {
        self.state().on_throttled(Instant::now());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Sends a call if it may be sent now; otherwise returns what it has to wait for.
    fn acquire(&mut self, now: Instant) -> Option<Wait> {
        let Some(mut rate) = self.rate else {
            let probe = PROBE_STEPS.iter().find(|(succeeded, _)| self.succeeded < *succeeded);
            if self.sent >= INITIAL_BURST && probe.is_some_and(|(_, in_flight)| self.in_flight >= *in_flight)
            {
                return Some(Wait::ForChange);
            }
            self.send();
            return None;
        };
        let may_speed_up =
            self.last_throttle.is_none_or(|throttled| now.duration_since(throttled) >= SPEED_UP_AFTER);
        if now.duration_since(self.changed_at) >= Duration::from_secs(1) {
            // A measured rate is right until the load on the account changes; an assumed one may be far off.
            rate *= match (may_speed_up, self.is_measured) {
                (false, _) => 1.0,
                (true, true) => 1.003,
                (true, false) => 1.06,
            };
            (self.rate, self.changed_at) = (Some(rate), now);
        }
        let at = self.next.max(now.checked_sub(self.burst_window).unwrap_or(now));
        self.next = at + Duration::from_secs_f64(1.0 / rate);
        if at <= now {
            // Do not sleep at all: the timer's resolution is a millisecond.
            self.send();
            return None;
        }
        Some(Wait::Until(at, self.last_throttle))
    }

    fn send(&mut self) {
        self.sent += 1;
        self.in_flight += 1;
    }

    fn on_throttled(&mut self, now: Instant) {
        let is_new = self.last_throttle.is_none_or(|last| now.duration_since(last) >= THROTTLE_DEBOUNCE);
        if !is_new {
            return;
        }
        self.last_throttle = Some(now);
        let measured = self.emptied.and_then(|(since, before)| {
            let time = now.duration_since(since);
            #[expect(clippy::cast_precision_loss, reason = "no account gets 2^52 calls")]
            let calls = (self.succeeded - before) as f64;
            (time >= MIN_MEASURING_TIME && calls > 0.0)
                .then(|| (calls / time.as_secs_f64(), time >= RELIABLE_MEASURING_TIME))
        });
        let rate = match (self.rate, measured) {
            // The bucket was full for a while, and the tokens that overflowed were not counted: the rate lies between.
            (Some(rate), Some((measured, true))) if rate > measured * 1.6 => {
                self.is_measured = false;
                (rate * measured).sqrt()
            }
            (_, Some((measured, true))) => {
                self.is_measured = true;
                // A little less than the refill rate, so that the bucket fills again.
                measured * 0.97
            }
            (Some(rate), Some((measured, false))) => rate.min(measured) * 0.9,
            (Some(rate), None) => rate * 0.6,
            (None, _) => FIRST_RATE,
        };
        self.rate = Some(rate.max(MIN_RATE));
        self.burst_window = Duration::ZERO;
        self.emptied = Some((now, self.succeeded));
        self.changed_at = now;
        // Earlier reservations are void, and the bucket is empty: wait for one token.
        self.next = now + Duration::from_secs_f64(1.0 / rate.max(MIN_RATE));
    }
}

/// An HTTP client that sends each request when the rate limiter allows it.
#[derive(Debug)]
pub(crate) struct RateLimitedClient {
    pub(crate) client: SharedHttpClient,
    pub(crate) rate_limiter: Arc<RateLimiter>,
}

impl HttpClient for RateLimitedClient {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let connector = self.client.http_connector(settings, components);
        SharedHttpConnector::new(RateLimitedConnector {
            connector,
            rate_limiter: Arc::clone(&self.rate_limiter),
        })
    }
}

#[derive(Debug)]
struct RateLimitedConnector {
    connector: SharedHttpConnector,
    rate_limiter: Arc<RateLimiter>,
}

/// Counts a call as in flight until it is dropped.
struct InFlightGuard(Arc<RateLimiter>);

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.0.release();
    }
}

impl HttpConnector for RateLimitedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (connector, rate_limiter) = (self.connector.clone(), Arc::clone(&self.rate_limiter));
        HttpConnectorFuture::new(async move {
            rate_limiter.acquire().await;
            let _in_flight = InFlightGuard(rate_limiter);
            connector.call(request).await
        })
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::time::Duration;

    use futures_util::{StreamExt, stream};
    use tokio::time::{Instant, sleep};

    use super::RateLimiter;

    /// A token bucket like IAM's.
    struct Bucket {
        rate: f64,
        tokens: f64,
        at: Instant,
    }

    impl Bucket {
        fn try_take(&mut self) -> bool {
            let now = Instant::now();
            let filled = self.tokens + now.duration_since(self.at).as_secs_f64() * self.rate;
            (self.tokens, self.at) = (filled.min(self.rate), now);
            let has_token = self.tokens >= 1.0;
            if has_token {
                self.tokens -= 1.0;
            }
            has_token
        }
    }

    /// The time that `calls` calls take, in seconds, with eight at a time and 20 ms each, and how many are throttled.
    async fn run_calls(calls: usize, rate: f64) -> (f64, usize) {
        let rate_limiter = RateLimiter::default();
        let bucket = RefCell::new(Bucket { rate, tokens: rate, at: Instant::now() });
        let throttled = RefCell::new(0);
        let began = Instant::now();
        stream::iter(0..calls)
            .for_each_concurrent(8, async |_| {
                loop {
                    rate_limiter.acquire().await;
                    sleep(Duration::from_millis(20)).await;
                    let has_token = bucket.borrow_mut().try_take();
                    rate_limiter.release();
                    if has_token {
                        rate_limiter.on_success();
                        return;
                    }
                    rate_limiter.on_throttled();
                    *throttled.borrow_mut() += 1;
                    sleep(Duration::from_millis(200)).await;
                }
            })
            .await;
        (began.elapsed().as_secs_f64(), throttled.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_of_an_account_is_measured_with_few_throttles() {
        for (rate, calls, max_seconds, max_throttled) in [
            (20.0, 201, 11.0, 2),
            (20.0, 5_000, 262.0, 25),
            (10.0, 1_000, 110.0, 20),
            (5.0, 1_000, 216.0, 20),
            (50.0, 10_000, 216.0, 20),
        ] {
            let (took, throttled) = run_calls(calls, rate).await;
            assert!(took <= max_seconds, "{calls} calls at {rate} per second took {took} s");
            assert!(
                throttled <= max_throttled,
                "{throttled} of {calls} calls at {rate} per second were throttled"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_account_that_does_not_throttle_is_slowed_down_only_for_a_moment() {
        let (took, throttled) = run_calls(2_000, 1e9).await;
        assert_eq!(throttled, 0);
        assert!(took < 2_000.0 / 8.0 * 0.020 + 0.5, "{took}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_given_rate_is_that_of_the_last_run_and_one_that_was_measured_since_stays() {
        let rate_limiter = RateLimiter::new(Some(600.0));
        let rate = || rate_limiter.state().rate.unwrap();
        rate_limiter.set_given(15.0);
        assert!((rate() - 15.0).abs() < f64::EPSILON);
        rate_limiter.set_given(600.0);
        assert!((rate() - 600.0).abs() < f64::EPSILON, "a share of one run is not that of the next");
        rate_limiter.state().rate = Some(100.0);
        rate_limiter.set_given(600.0);
        assert!((rate() - 100.0).abs() < f64::EPSILON);
    }
}
