//! How fast an account may be asked, found from its throttles; how often it was, [`CallMetrics`] counts.
//!
//! IAM does not say how many calls a second it answers in an account. What is known is that it is a token bucket: some
//! calls at once, then so many a second. So the first calls go as they come, the next ones few at a time, so that the
//! throttle that ends them hits few; if none does, the account takes what it is given. After a throttle the bucket is
//! empty, and between two throttles as many calls were answered as it was filled with: that is its rate, measured.
//!
//! Neither the SDK's adaptive mode nor `governor` does that. The first halves its rate at each throttle and takes
//! twice as long for the same calls; the second holds a rate that one knows already.

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

/// The calls that go as they come: what a bucket holds at least.
const AT_ONCE: u64 = 20;
/// After those, how many calls are under way until so many were answered; then the account is taken for one that does not
/// throttle at this pace.
const PROBE_STEPS: [(u64, usize); 2] = [(28, 2), (36, 4)];
/// The pace after a first throttle, in calls a second: of the order that IAM is known to give an account.
const FIRST_RATE: f64 = 19.0;
/// Of a rate that is known, how much of it may go at once.
const BURST_WINDOW: Duration = Duration::from_millis(100);
/// The slowest pace.
const SLOWEST: f64 = 1.0;
/// Throttles that come together are one: they were under way when the first of them was answered.
const THROTTLE_DEBOUNCE: Duration = Duration::from_millis(500);
/// A rate is measured over this time at least.
const MEASURED_OVER: Duration = Duration::from_millis(400);
/// And is one to be relied on over this time.
const RELIABLE_OVER: Duration = Duration::from_secs(3);
/// Without a throttle for so long the first rate is taken for too slow.
const SPEED_UP_AFTER: Duration = Duration::from_secs(10);

/// The pace at which an account is asked.
#[derive(Debug)]
pub struct RateLimiter {
    state: Mutex<State>,
    returned: Notify,
}

#[derive(Debug)]
struct State {
    /// Calls a second; `None` as long as nothing throttles.
    rate: Option<f64>,
    /// When the next call may go.
    next: Instant,
    /// How far behind its time a call may go: so many calls go at once after a pause.
    slack: Duration,
    sent: u64,
    answered: u64,
    under_way: usize,
    /// Since when the bucket was empty, and how many calls were answered before.
    empty: Option<(Instant, u64)>,
    throttled: Option<Instant>,
    /// Whether the rate was measured, and not assumed.
    is_measured: bool,
    raised: Instant,
}

/// What a call has to wait for.
enum Wait {
    /// Its time, and when the last throttle was.
    Until(Instant, Option<Instant>),
    ForAnother,
}

impl Default for RateLimiter {
    fn default() -> Self {
        Self::new(None)
    }
}

impl RateLimiter {
    /// A pace that is to be found.
    #[must_use]
    pub(crate) fn new(rate: Option<f64>) -> Self {
        let now = Instant::now();
        let state = State {
            rate,
            next: now,
            // Where the rate is known, so is that there is a bucket behind it; one that was found is empty.
            slack: if rate.is_some() { BURST_WINDOW } else { Duration::ZERO },
            sent: 0,
            answered: 0,
            under_way: 0,
            empty: None,
            throttled: None,
            is_measured: rate.is_some(),
            raised: now,
        };
        Self { state: Mutex::new(state), returned: Notify::new() }
    }

    /// Waits until a call may go. It is under way until [`RateLimiter::returned`].
    pub(crate) async fn acquire(&self) {
        loop {
            let another = self.returned.notified();
            let wait = self.state().acquire(Instant::now());
            match wait {
                None => return,
                Some(Wait::Until(at, throttled)) => {
                    sleep_until(at).await;
                    let mut state = self.state();
                    // A throttle since then makes the places of all who wait anew.
                    if state.throttled == throttled {
                        state.depart();
                        return;
                    }
                }
                Some(Wait::ForAnother) => another.await,
            }
        }
    }

    /// A call has come back, or was given up.
    pub(crate) fn release(&self) {
        let mut state = self.state();
        state.under_way = state.under_way.saturating_sub(1);
        drop(state);
        self.returned.notify_one();
    }

    /// A call was answered.
    pub(crate) fn on_success(&self) {
        self.state().answered += 1;
        self.returned.notify_one();
    }

    /// A call was throttled.
    pub(crate) fn on_throttled(&self) {
        self.state().throttled_at(Instant::now());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn acquire(&mut self, now: Instant) -> Option<Wait> {
        let Some(mut rate) = self.rate else {
            let probe = PROBE_STEPS.iter().find(|(answered, _)| self.answered < *answered);
            if self.sent >= AT_ONCE && probe.is_some_and(|(_, under_way)| self.under_way >= *under_way) {
                return Some(Wait::ForAnother);
            }
            self.depart();
            return None;
        };
        let calm = self.throttled.is_none_or(|throttled| now.duration_since(throttled) >= SPEED_UP_AFTER);
        if now.duration_since(self.raised) >= Duration::from_secs(1) {
            // A measured rate is the right one but for what the world changes; an assumed one may be far off.
            rate *= match (calm, self.is_measured) {
                (false, _) => 1.0,
                (true, true) => 1.003,
                (true, false) => 1.06,
            };
            (self.rate, self.raised) = (Some(rate), now);
        }
        let at = self.next.max(now.checked_sub(self.slack).unwrap_or(now));
        self.next = at + Duration::from_secs_f64(1.0 / rate);
        if at <= now {
            // Not even for a moment: the timer's moments are milliseconds.
            self.depart();
            return None;
        }
        Some(Wait::Until(at, self.throttled))
    }

    fn depart(&mut self) {
        self.sent += 1;
        self.under_way += 1;
    }

    fn throttled_at(&mut self, now: Instant) {
        let is_another = self.throttled.is_none_or(|last| now.duration_since(last) >= THROTTLE_DEBOUNCE);
        if !is_another {
            return;
        }
        self.throttled = Some(now);
        let measured = self.empty.and_then(|(since, before)| {
            let time = now.duration_since(since);
            #[expect(clippy::cast_precision_loss, reason = "no account is asked 2^52 times")]
            let calls = (self.answered - before) as f64;
            (time >= MEASURED_OVER && calls > 0.0)
                .then(|| (calls / time.as_secs_f64(), time >= RELIABLE_OVER))
        });
        let rate = match (self.rate, measured) {
            // The bucket was full for a while, and what flowed over was not counted: the truth lies between.
            (Some(rate), Some((measured, true))) if rate > measured * 1.6 => {
                self.is_measured = false;
                (rate * measured).sqrt()
            }
            (_, Some((measured, true))) => {
                self.is_measured = true;
                // A little less than the bucket gets, so that it fills again.
                measured * 0.97
            }
            (Some(rate), Some((measured, false))) => rate.min(measured) * 0.9,
            (Some(rate), None) => rate * 0.6,
            (None, _) => FIRST_RATE,
        };
        self.rate = Some(rate.max(SLOWEST));
        self.slack = Duration::ZERO;
        self.empty = Some((now, self.answered));
        self.raised = now;
        // What was reserved before holds no more, and the bucket is empty: one call's time to fill it.
        self.next = now + Duration::from_secs_f64(1.0 / rate.max(SLOWEST));
    }
}

/// An HTTP client that lets requests go at a pace.
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

/// A call that is under way, until it is dropped.
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
            let _under_way = InFlightGuard(rate_limiter);
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

    /// A token bucket as IAM has one.
    struct Bucket {
        rate: f64,
        tokens: f64,
        at: Instant,
    }

    impl Bucket {
        fn gives(&mut self) -> bool {
            let now = Instant::now();
            let filled = self.tokens + now.duration_since(self.at).as_secs_f64() * self.rate;
            (self.tokens, self.at) = (filled.min(self.rate), now);
            let gives = self.tokens >= 1.0;
            if gives {
                self.tokens -= 1.0;
            }
            gives
        }
    }

    /// How long so many calls take, eight side by side and 20 ms each, and how many are throttled on the way.
    async fn take(calls: usize, rate: f64) -> (f64, usize) {
        let rate_limiter = RateLimiter::default();
        let bucket = RefCell::new(Bucket { rate, tokens: rate, at: Instant::now() });
        let throttled = RefCell::new(0);
        let began = Instant::now();
        stream::iter(0..calls)
            .for_each_concurrent(8, async |_| {
                loop {
                    rate_limiter.acquire().await;
                    sleep(Duration::from_millis(20)).await;
                    let gives = bucket.borrow_mut().gives();
                    rate_limiter.release();
                    if gives {
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
    async fn the_pace_of_an_account_is_found_with_few_throttles() {
        for (rate, calls, seconds, most) in [
            (20.0, 201, 11.0, 2),
            (20.0, 5_000, 262.0, 25),
            (10.0, 1_000, 110.0, 20),
            (5.0, 1_000, 216.0, 20),
            (50.0, 10_000, 216.0, 20),
        ] {
            let (took, throttled) = take(calls, rate).await;
            assert!(took <= seconds, "{calls} calls at {rate} a second took {took} s");
            assert!(throttled <= most, "of {calls} calls at {rate} a second {throttled} were throttled");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_account_that_throttles_nobody_is_held_back_for_a_moment_alone() {
        let (took, throttled) = take(2_000, 1e9).await;
        assert_eq!(throttled, 0);
        assert!(took < 2_000.0 / 8.0 * 0.020 + 0.5, "{took}");
    }
}
