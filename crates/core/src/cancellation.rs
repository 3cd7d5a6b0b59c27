//! Stops a run before everything is read: at its deadline, or when it is canceled.

use std::fmt;
use std::time::Duration;

use rolecall_roll::ErrorKind;
use tokio::sync::watch;
use tokio::time::Instant;

/// Stops a run at its deadline, or when it is canceled. What is not read by then becomes a gap.
#[derive(Debug)]
pub struct Cancellation {
    /// The deadline, and the time limit that it was computed from.
    deadline: Option<(Instant, Duration)>,
    cancelled: watch::Sender<bool>,
}

/// Why a run, or the scan of one account, stopped before everything was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The account's timeout expired (`account_timeout`).
    AccountTimeout(Duration),
    /// The run's time limit was reached (`deadline`).
    Deadline(Duration),
    /// The run was canceled, by a signal for example.
    Cancelled,
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // In whole milliseconds: a smaller unit does not help the reader.
        let rounded =
            |time: &Duration| Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        match self {
            Self::AccountTimeout(time) => write!(f, "the account timeout of {:?} expired", rounded(time)),
            Self::Deadline(time) => {
                write!(f, "the time limit of {:?} for the run was reached", rounded(time))
            }
            Self::Cancelled => f.write_str("the run was interrupted"),
        }
    }
}

impl StopReason {
    /// The error kind of the gaps that the stop leaves.
    #[must_use]
    pub fn error_kind(self) -> ErrorKind {
        match self {
            Self::AccountTimeout(_) | Self::Deadline(_) => ErrorKind::TimedOut,
            Self::Cancelled => ErrorKind::Interrupted,
        }
    }
}

impl Cancellation {
    /// Sets the deadline to now plus `time_limit`; with `None`, only [`Cancellation::cancel`] stops the run.
    #[must_use]
    pub fn new(time_limit: Option<Duration>) -> Self {
        let deadline = time_limit.map(|time_limit| (Instant::now() + time_limit, time_limit));
        Self { deadline, cancelled: watch::Sender::new(false) }
    }

    /// Stops the run now.
    pub fn cancel(&self) {
        self.cancelled.send_replace(true);
    }

    /// Why the run stopped; `None` while it is running.
    #[must_use]
    pub fn stop_reason(&self) -> Option<StopReason> {
        if *self.cancelled.borrow() {
            return Some(StopReason::Cancelled);
        }
        let reached = self.deadline.filter(|(at, _)| Instant::now() >= *at);
        reached.map(|(_, time_limit)| StopReason::Deadline(time_limit))
    }

    /// Waits until the run is canceled or its deadline is reached.
    pub async fn cancelled(&self) -> StopReason {
        let mut cancelled = self.cancelled.subscribe();
        let deadline = async {
            match self.deadline {
                Some((at, time_limit)) => {
                    tokio::time::sleep_until(at).await;
                    StopReason::Deadline(time_limit)
                }
                None => std::future::pending().await,
            }
        };
        let cancelled = async {
            match cancelled.wait_for(|is_cancelled| *is_cancelled).await {
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
