//! How far a run is, on stderr: a line that moves in a terminal, else one every half minute.

use std::cell::RefCell;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use rolecall_core::rate_limiter::CallMetrics;
use rolecall_roll::{AccountRecord, ErrorKind, Outcome};

use super::say;
use rolecall_report::coverage_summary::{format_elapsed, with_thousands_separator};

/// How often a line is said where nobody looks at a terminal.
const EVERY: Duration = Duration::from_secs(30);

/// How far a run is.
pub(crate) struct Progress(Option<RefCell<State>>);

struct State {
    /// In a terminal.
    bar: Option<ProgressBar>,
    all: usize,
    done: usize,
    partial: usize,
    denied: usize,
    failed: usize,
    skipped: usize,
    users: usize,
    meter: CallMetrics,
    began: Instant,
    said: Instant,
}

impl Progress {
    /// Begins, where somebody wants to hear of it.
    pub(crate) fn begin(all: usize, is_wanted: bool, meter: CallMetrics) -> Self {
        if !is_wanted {
            return Self(None);
        }
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(u64::try_from(all).unwrap_or_default());
            let style = ProgressStyle::with_template("{bar:24} {pos}/{len} accounts  {msg}  {eta} left");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        let now = now();
        Self(Some(RefCell::new(State {
            bar,
            all,
            done: 0,
            partial: 0,
            denied: 0,
            failed: 0,
            skipped: 0,
            users: 0,
            meter,
            began: now,
            said: now,
        })))
    }

    /// An account is done.
    pub(crate) fn done(&self, account: &AccountRecord) {
        let Some(state) = &self.0 else { return };
        let mut state = state.borrow_mut();
        let is_denied = account.gaps().first().is_some_and(|gap| gap.error_kind == ErrorKind::Denied);
        state.done += 1;
        state.users += account.count().0;
        match account.outcome() {
            Outcome::Complete => {}
            Outcome::Partial => state.partial += 1,
            Outcome::Failed if is_denied => state.denied += 1,
            Outcome::Failed => state.failed += 1,
            Outcome::Skipped => state.skipped += 1,
        }
        match &state.bar {
            Some(bar) => {
                bar.set_message(state.words());
                bar.inc(1);
            }
            None if state.said.elapsed() >= EVERY => {
                state.said = now();
                let elapsed = u64::try_from(state.began.elapsed().as_millis()).unwrap_or_default();
                say(&format!(
                    "{} of {} accounts after {}: {}",
                    state.done,
                    state.all,
                    format_elapsed(elapsed),
                    state.words()
                ));
            }
            None => {}
        }
    }

    /// All is done.
    pub(crate) fn end(&self) {
        if let Some(bar) = self.0.as_ref().and_then(|state| state.borrow().bar.clone()) {
            bar.finish_and_clear();
        }
    }
}

impl State {
    fn words(&self) -> String {
        let mut words = format!("{} users", with_thousands_separator(self.users));
        let others = [
            (self.partial, "partial"),
            (self.denied, "denied"),
            (self.failed, "failed"),
            (self.skipped, "skipped"),
        ];
        for (number, word) in others.iter().filter(|(number, _)| *number > 0) {
            words += &format!(", {number} {word}");
        }
        let calls = self.meter.total();
        let seconds = self.began.elapsed().as_secs().max(1);
        words += &format!(
            ", {} calls a second",
            with_thousands_separator(usize::try_from(calls.attempts / seconds).unwrap_or_default())
        );
        if calls.throttled > 0 {
            words += &format!(", {} throttled", calls.throttled);
        }
        words
    }
}

fn now() -> Instant {
    Instant::now()
}
