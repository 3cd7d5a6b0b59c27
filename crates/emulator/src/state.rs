//! The world, and what its requests leave behind: sessions, reports, what is left of each account's calls, the log.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::authentication::Sessions;
use crate::clock::Clock;
use crate::log::RequestLogEntry;
use crate::world::World;

/// Hears of every request when it is answered.
pub type RequestObserver = Box<dyn Fn(&RequestLogEntry) + Send + Sync>;

/// What all connections have in common.
pub(crate) struct Shared {
    pub(crate) world: World,
    state: Mutex<State>,
    pub(crate) clock: Clock,
    pub(crate) told: Option<RequestObserver>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("clock", &self.clock).finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn new(world: World, clock: Clock, told: Option<RequestObserver>) -> Self {
        Self { world, state: Mutex::default(), clock, told }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What changes with every request.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) sessions: Sessions,
    /// What is left of how many calls a service answers to an account, and since when.
    buckets: BTreeMap<(&'static str, String), (f64, Timestamp)>,
    /// Of each account, when its credential report is ready.
    pub(crate) reports: BTreeMap<String, Timestamp>,
    pub(crate) lines: VecDeque<RequestLogEntry>,
    /// How many requests there were.
    count: u64,
}

impl State {
    /// The lines that are kept for whoever asks for them.
    const LINES: usize = 100_000;

    pub(crate) fn record(&mut self, line: RequestLogEntry) {
        if self.lines.len() == Self::LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    /// A number from 0 to 1 for the next request, the same each time for the first, the second and so on.
    pub(crate) fn next_fraction(&mut self) -> f64 {
        self.count += 1;
        f64::from(u32::try_from(crate::world::splitmix64(self.count) >> 32).unwrap_or_default())
            / f64::from(u32::MAX)
    }

    /// Whether a service still answers a call to an account: so many a second, and so many at once after a pause.
    pub(crate) fn try_take_token(
        &mut self,
        service: &'static str,
        account_id: &str,
        rate: f64,
        now: Timestamp,
    ) -> bool {
        let burst = rate.max(1.0);
        let bucket = self.buckets.entry((service, account_id.to_owned())).or_insert((burst, now));
        let passed = now.duration_since(bucket.1).as_secs_f64().max(0.0);
        *bucket = ((bucket.0 + passed * rate).min(burst), now);
        let has_left = bucket.0 >= 1.0;
        if has_left {
            bucket.0 -= 1.0;
        }
        has_left
    }
}
