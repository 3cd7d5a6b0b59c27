//! When a run ends before all is read: its deadline, or somebody who cancels it.

use std::fmt;
use std::time::Duration;

use rolecall_roll::ErrorKind;
use tokio::sync::watch;
use tokio::time::Instant;

/// Ends a run at its deadline, or when it is cancelled. What is not read by then stays unread.
#[derive(Debug)]
pub struct Cancellation {
    deadline: Option<(Instant, Duration)>,
    is_cancelled: watch::Sender<bool>,
}

/// Why a run, or an account of it, ended before all was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The account's timeout was over.
    AccountTimeout(Duration),
    /// The run's deadline was over.
    Deadline(Duration),
    /// Somebody cancelled the run.
    Cancelled,
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // In whole milliseconds: what is below says nothing to a person.
        let whole =
            |time: &Duration| Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        match self {
            Self::AccountTimeout(time) => write!(f, "the {:?} for this account ran out", whole(time)),
            Self::Deadline(time) => write!(f, "the {:?} for this run ran out", whole(time)),
            Self::Cancelled => f.write_str("the run was interrupted"),
        }
    }
}

impl StopReason {
    /// The kind of obstacle that it is.
    #[must_use]
    pub fn error_kind(self) -> ErrorKind {
        match self {
            Self::AccountTimeout(_) | Self::Deadline(_) => ErrorKind::TimedOut,
            Self::Cancelled => ErrorKind::Interrupted,
        }
    }
}

impl Cancellation {
    /// With a deadline `within` from now; without one, only [`Cancellation::cancel`] ends the run.
    #[must_use]
    pub fn new(within: Option<Duration>) -> Self {
        let deadline = within.map(|within| (Instant::now() + within, within));
        Self { deadline, is_cancelled: watch::Sender::new(false) }
    }

    /// Ends the run now.
    pub fn cancel(&self) {
        self.is_cancelled.send_replace(true);
    }

    /// Why the run is over; `None` while it is not.
    #[must_use]
    pub fn stop_reason(&self) -> Option<StopReason> {
        if *self.is_cancelled.borrow() {
            return Some(StopReason::Cancelled);
        }
        self.deadline.filter(|(at, _)| Instant::now() >= *at).map(|(_, within)| StopReason::Deadline(within))
    }

    /// Waits until the run is over.
    pub async fn cancelled(&self) -> StopReason {
        let mut is_cancelled = self.is_cancelled.subscribe();
        let deadline = async {
            match self.deadline {
                Some((at, within)) => {
                    tokio::time::sleep_until(at).await;
                    StopReason::Deadline(within)
                }
                None => std::future::pending().await,
            }
        };
        let cancelled = async {
            match is_cancelled.wait_for(|is_cancelled| *is_cancelled).await {
                Ok(_) => StopReason::Cancelled,
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            reason = deadline => reason,
            reason = cancelled => reason,
        }
    }
}
