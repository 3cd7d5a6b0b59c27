//! The world, and the state that requests change: sessions, credential reports, rate limits, the request log.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::authentication::Sessions;
use crate::clock::Clock;
use crate::denials::Denials;
use crate::log::RequestLogEntry;
use crate::world::World;

/// A callback that gets the log entry of every request, just before the response is sent.
pub type RequestObserver = Box<dyn Fn(&RequestLogEntry) + Send + Sync>;

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) world: World,
    state: Mutex<State>,
    pub(crate) clock: Clock,
    pub(crate) observer: Option<RequestObserver>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("clock", &self.clock).finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn new(world: World, clock: Clock, observer: Option<RequestObserver>) -> Self {
        let clock = clock.with_offset(world.fault_injection.clock_offset_s);
        Self { world, state: Mutex::default(), clock, observer }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A job of `GenerateServiceLastAccessedDetails`.
#[derive(Debug, Clone)]
pub(crate) struct AccessJob {
    /// The user, group, role or policy.
    pub(crate) arn: String,
    /// `SERVICE_LEVEL` or `ACTION_LEVEL`.
    pub(crate) granularity: String,
    pub(crate) created: Timestamp,
}

/// What requests change.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) sessions: Sessions,
    /// Token buckets of the rate limits, by service and account id: the tokens left, and when they were counted.
    buckets: BTreeMap<(&'static str, String), (f64, Timestamp)>,
    /// By account id, when the credential report is or was ready.
    pub(crate) reports: BTreeMap<String, Timestamp>,
    /// By the serial number of an MFA device, the time step of the last code that was used: a code is valid once.
    pub(crate) mfa_steps: BTreeMap<String, i64>,
    /// The jobs of `GenerateServiceLastAccessedDetails`, by job id.
    pub(crate) access_jobs: BTreeMap<String, AccessJob>,
    /// The denied requests whose details can be read.
    pub(crate) denials: Denials,
    pub(crate) request_log: VecDeque<RequestLogEntry>,
    /// The number of requests so far, from which `next_fraction` makes its numbers.
    count: u64,
}

impl State {
    /// How many entries the request log keeps; older ones are dropped.
    const MAX_LOG_ENTRIES: usize = 100_000;

    /// Adds an entry to the request log.
    pub(crate) fn record(&mut self, log_entry: RequestLogEntry) {
        if self.request_log.len() == Self::MAX_LOG_ENTRIES {
            self.request_log.pop_front();
        }
        self.request_log.push_back(log_entry);
    }

    /// A random number from 0 to 1 for the next request. Each run has the same sequence of numbers.
    pub(crate) fn next_fraction(&mut self) -> f64 {
        self.count += 1;
        f64::from(u32::try_from(crate::world::splitmix64(self.count) >> 32).unwrap_or_default())
            / f64::from(u32::MAX)
    }

    /// Takes a token from the bucket of a service and an account; `false` if it is empty, and the request is throttled.
    /// The bucket gets `rate` tokens per second and holds as many as one second gives, but at least one.
    pub(crate) fn try_take_token(
        &mut self,
        service: &'static str,
        account_id: &str,
        rate: f64,
        now: Timestamp,
    ) -> bool {
        let burst = rate.max(1.0);
        let bucket = self.buckets.entry((service, account_id.to_owned())).or_insert((burst, now));
        let elapsed_s = now.duration_since(bucket.1).as_secs_f64().max(0.0);
        *bucket = ((bucket.0 + elapsed_s * rate).min(burst), now);
        let has_token = bucket.0 >= 1.0;
        if has_token {
            bucket.0 -= 1.0;
        }
        has_token
    }
}
