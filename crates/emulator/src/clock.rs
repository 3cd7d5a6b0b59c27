//! The emulator's clock.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// The emulator's clock. It can be moved forward, so that a test need not wait until a session expires, and the fault
/// injection of a world can set it wrong.
#[derive(Debug)]
pub struct Clock {
    now: fn() -> Timestamp,
    ahead_s: AtomicI64,
    offset_s: i64,
}

impl Clock {
    /// A clock that reads the time from `now`, such as `jiff::Timestamp::now`.
    #[must_use]
    pub fn new(now: fn() -> Timestamp) -> Self {
        Self { now, ahead_s: AtomicI64::new(0), offset_s: 0 }
    }

    /// The same clock with an offset, in seconds; below 0, it is behind.
    #[must_use]
    pub(crate) fn with_offset(self, offset_s: i64) -> Self {
        Self { offset_s, ..self }
    }

    /// What the source says, plus the offset and all that the clock was advanced by.
    #[must_use]
    pub(crate) fn now(&self) -> Timestamp {
        self.after(self.offset_s.saturating_add(self.ahead_s.load(Ordering::Relaxed)))
    }

    /// Moves the clock forward, in whole seconds; the rest is dropped. The `Date` of responses does not change: clients
    /// that correct their clock by it would undo it.
    pub fn advance(&self, by: Duration) {
        self.ahead_s.fetch_add(i64::try_from(by.as_secs()).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// The time of the `Date` of responses: what the source says, plus the offset.
    #[must_use]
    pub(crate) fn date(&self) -> Timestamp {
        self.after(self.offset_s)
    }

    fn after(&self, seconds: i64) -> Timestamp {
        let now = (self.now)();
        now.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(now)
    }
}
