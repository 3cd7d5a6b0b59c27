//! Progress on stderr: a progress bar on a terminal, else a line every half minute.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use rolecall_core::Scanner;
use rolecall_core::rate_limiter::CallMetrics;
use rolecall_core::targets::TargetPlan;
use rolecall_roll::{AccountRecord, Outcome};

use super::{count_of, say};
use rolecall_report::coverage_summary::{format_elapsed, with_thousands_separator};

/// The interval between lines, if stderr is not a terminal.
const EVERY: Duration = Duration::from_secs(30);

/// The progress of a scan.
pub(crate) struct Progress(Option<RefCell<State>>);

struct State {
    /// The progress bar, on a terminal.
    bar: Option<ProgressBar>,
    all: usize,
    done: usize,
    partial: usize,
    denied: usize,
    failed: usize,
    users: usize,
    meter: CallMetrics,
    began: Instant,
    said: Instant,
}

impl Progress {
    /// Begins to print progress, if it is wanted.
    pub(crate) fn begin(all: usize, is_wanted: bool, meter: CallMetrics) -> Self {
        if !is_wanted {
            return Self(None);
        }
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(u64::try_from(all).unwrap_or_default());
            bar.set_style(bar_style("{bar:16} {human_pos}/{human_len} accounts  {wide_msg}"));
            bar.set_message("reading the first accounts");
            bar.enable_steady_tick(Duration::from_millis(250));
            set_visible(Some(&bar));
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
            users: 0,
            meter,
            began: now,
            said: now,
        })))
    }

    /// Counts an account that was read.
    pub(crate) fn done(&self, account: &AccountRecord) {
        let Some(state) = &self.0 else { return };
        let mut state = state.borrow_mut();
        if account.outcome() == Outcome::Skipped {
            return;
        }
        state.done += 1;
        state.users += account.count().0;
        match account.outcome() {
            Outcome::Complete | Outcome::Skipped => {}
            Outcome::Partial => state.partial += 1,
            Outcome::Failed if account.is_denied() => state.denied += 1,
            Outcome::Failed => state.failed += 1,
        }
        match &state.bar {
            Some(bar) => {
                if state.done == 1 {
                    // Before the first account, the remaining time is unknown.
                    bar.set_style(bar_style("{bar:16} {human_pos}/{human_len} accounts {left} {wide_msg}"));
                }
                bar.set_message(state.words());
                bar.inc(1);
            }
            None if state.said.elapsed() >= EVERY => {
                state.said = now();
                let elapsed = u64::try_from(state.began.elapsed().as_millis()).unwrap_or_default();
                say(&format!(
                    "{} of {} after {}: {}",
                    with_thousands_separator(state.done),
                    count_of(state.all, "account"),
                    format_elapsed(elapsed),
                    state.words()
                ));
            }
            None => {}
        }
    }

    /// Ends the progress.
    pub(crate) fn end(&self) {
        if let Some(bar) = self.0.as_ref().and_then(|state| state.borrow().bar.clone()) {
            set_visible(None);
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    /// A run that ends early prints its failure below what was printed before, and not beside the bar.
    fn drop(&mut self) {
        self.end();
    }
}

/// The spinner or progress bar that is on the terminal.
static VISIBLE: Mutex<Option<ProgressBar>> = Mutex::new(None);

fn set_visible(bar: Option<&ProgressBar>) {
    *VISIBLE.lock().unwrap_or_else(PoisonError::into_inner) = bar.cloned();
}

/// Writes to stderr; a spinner or progress bar makes room first, so that both do not share a line.
pub(super) fn above<R>(write: impl FnOnce() -> R) -> R {
    match VISIBLE.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// Stderr, for log lines.
#[derive(Debug, Default)]
pub(crate) struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        above(|| io::stderr().write_all(bytes)).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn bar_style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    // Nothing while the estimate is zero: an account may hold up the run for any time.
    style.with_key("left", |state: &ProgressState, out: &mut dyn fmt::Write| {
        if state.eta().as_secs() > 0 {
            // The terminal's text is a string, to which writing does not fail.
            let _ = write!(out, " {} left ", HumanDuration(state.eta()));
        }
    })
}

impl State {
    fn words(&self) -> String {
        let mut words = count_of(self.users, "user");
        let others = [(self.partial, "partial"), (self.denied, "denied"), (self.failed, "failed")];
        for (number, word) in others.iter().filter(|(number, _)| *number > 0) {
            words += &format!(", {} {word}", with_thousands_separator(number));
        }
        let calls = self.meter.total();
        let seconds = self.began.elapsed().as_secs().max(1);
        words += &format!(
            ", {} calls per second",
            with_thousands_separator(usize::try_from(calls.attempts / seconds).unwrap_or_default())
        );
        if calls.throttled > 0 {
            words += &format!(", {} throttled", with_thousands_separator(calls.throttled));
        }
        words
    }
}

/// The time after which a step is shown: a shorter step is not.
const SOON: Duration = Duration::from_millis(300);

/// A line with the current activity, on a terminal, until this is dropped.
#[derive(Debug)]
pub(crate) struct Spinner {
    running: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Spinner {
    /// Starts, with an activity such as `Reading roll.jsonl`.
    pub(crate) fn start(activity: impl Into<String>) -> Self {
        let activity = activity.into();
        Self::start_with(move || activity.clone())
    }

    /// Starts, while the targets of a plan are found.
    pub(crate) fn preparing(plan: &TargetPlan, scanner: &Scanner) -> Self {
        if plan.organization().is_none() {
            return Self::start("Checking the caller identity");
        }
        let listed = Arc::clone(scanner.listed_accounts());
        Self::start_with(move || match listed.load(Ordering::Relaxed) {
            0 => "Listing accounts from AWS Organizations".to_owned(),
            listed => format!(
                "Listing accounts from AWS Organizations: {} so far",
                with_thousands_separator(listed)
            ),
        })
    }

    /// Starts, while accounts are checked; `checked` counts them.
    pub(crate) fn checking(all: usize, checked: &Arc<AtomicUsize>) -> Self {
        let checked = Arc::clone(checked);
        Self::start_with(move || match all {
            1 => "Checking the account".to_owned(),
            all => format!(
                "Checking {}: {} done",
                count_of(all, "account"),
                with_thousands_separator(checked.load(Ordering::Relaxed))
            ),
        })
    }

    /// Starts, with an activity whose text changes.
    fn start_with(activity: impl Fn() -> String + Send + 'static) -> Self {
        if super::is_quiet() || !std::io::stderr().is_terminal() {
            return Self { running: None };
        }
        let (stop, stopped) = mpsc::channel();
        let work = move || {
            let is_stopped = |wait| !matches!(stopped.recv_timeout(wait), Err(RecvTimeoutError::Timeout));
            if is_stopped(SOON) {
                return;
            }
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{spinner} {msg} ({elapsed})");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            set_visible(Some(&bar));
            loop {
                bar.set_message(super::printable(&activity()));
                bar.tick();
                if is_stopped(Duration::from_millis(120)) {
                    break;
                }
            }
            set_visible(None);
            bar.finish_and_clear();
        };
        // Without a thread, the work continues without the line.
        let thread = thread::Builder::new().name("spinner".to_owned()).spawn(work).ok();
        Self { running: thread.map(|thread| (stop, thread)) }
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            drop(stop);
            // The line is removed before anything else is printed.
            let _ = thread.join();
        }
    }
}

fn now() -> Instant {
    Instant::now()
}
