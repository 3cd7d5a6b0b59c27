//! The time that it is in a world.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// The time that it is in a world. It can be moved, so that nobody has to wait for a session to end.
#[derive(Debug)]
pub struct Clock {
    now: fn() -> Timestamp,
    ahead_s: AtomicI64,
}

impl Clock {
    /// A clock that shows what `now` says.
    #[must_use]
    pub fn new(now: fn() -> Timestamp) -> Self {
        Self { now, ahead_s: AtomicI64::new(0) }
    }

    /// The time.
    #[must_use]
    pub(crate) fn now(&self) -> Timestamp {
        let now = (self.now)();
        now.saturating_add(SignedDuration::from_secs(self.ahead_s.load(Ordering::Relaxed))).unwrap_or(now)
    }

    /// Lets time go by.
    pub fn advance(&self, by: Duration) {
        self.ahead_s.fetch_add(i64::try_from(by.as_secs()).unwrap_or(i64::MAX), Ordering::Relaxed);
    }
}
