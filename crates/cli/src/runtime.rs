//! The async runtime of commands that call AWS, and the signals that interrupt them.

use std::future::{Future, poll_fn};
use std::task::Poll;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::environment;
use crate::failure::Failure;

/// Runs a command's work on one thread: the work is mostly waiting, and on two cores one thread measured faster than two.
pub(crate) fn in_runtime<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(Failure::unexpected)?;
    runtime.block_on(Box::pin(work))
}

/// Ctrl-C, and the other signals that ask a program to stop.
pub(crate) struct StopSignals {
    signals: Vec<(SignalKind, Signal)>,
}

impl StopSignals {
    /// Listens for the signals that ask a scan to stop: of Ctrl-C, of `kill`, and of a terminal that is closed, unless the
    /// program was started with `nohup` or in another way that ignores the last one.
    pub(crate) fn listen_to_stop() -> Result<Self, Failure> {
        let mut kinds = vec![SignalKind::interrupt(), SignalKind::terminate()];
        if !environment::ignores_signal(SignalKind::hangup().as_raw_value()) {
            kinds.push(SignalKind::hangup());
        }
        Self::listen(&kinds)
    }

    /// Listens for these signals. From now on, they no longer end the program by themselves.
    pub(crate) fn listen(kinds: &[SignalKind]) -> Result<Self, Failure> {
        let listen = |kind: &SignalKind| Ok((*kind, signal(*kind)?));
        let signals = kinds.iter().map(listen).collect::<std::io::Result<_>>();
        Ok(Self { signals: signals.map_err(Failure::unexpected)? })
    }

    /// Waits for the next signal.
    pub(crate) async fn next(&mut self) -> SignalKind {
        poll_fn(|context| {
            let mut signals = self.signals.iter_mut();
            let arrived =
                signals.find_map(|(kind, signal)| signal.poll_recv(context).is_ready().then_some(*kind));
            arrived.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}
