//! The emulator's clock.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// The emulator's clock. It can be moved forward, so that a test need not wait until a session expires.
#[derive(Debug)]
pub struct Clock {
    now: fn() -> Timestamp,
    ahead_s: AtomicI64,
}

impl Clock {
    /// A clock that reads the time from `now`, such as `jiff::Timestamp::now`.
    #[must_use]
    pub fn new(now: fn() -> Timestamp) -> Self {
        Self { now, ahead_s: AtomicI64::new(0) }
    }

    /// What the source says, plus all that the clock was advanced by.
    #[must_use]
    pub(crate) fn now(&self) -> Timestamp {
        let now = (self.now)();
        now.saturating_add(SignedDuration::from_secs(self.ahead_s.load(Ordering::Relaxed))).unwrap_or(now)
    }

    /// Moves the clock forward, in whole seconds; the rest is dropped.
    pub fn advance(&self, by: Duration) {
        self.ahead_s.fetch_add(i64::try_from(by.as_secs()).unwrap_or(i64::MAX), Ordering::Relaxed);
    }
}
