//! A few seeds of `make chaos`, in memory.

use std::sync::atomic::{AtomicU64, Ordering};

use rolecall_chaos::{Figures, run_in_memory};

/// The number of seeds: some seconds in a debug build.
const SEEDS: u64 = 60;

#[test]
fn what_a_roll_says_is_true_and_what_it_lacks_has_a_gap() {
    let next = AtomicU64::new(1);
    let work = || {
        let (mut figures, mut failed) = (Figures::default(), Vec::new());
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed > SEEDS {
                return (figures, failed);
            }
            let outcome = run_in_memory(seed);
            figures += outcome.figures;
            if !outcome.problems.is_empty() {
                let problems = outcome.problems.join("\n  ");
                failed.push(format!("make chaos SEED={seed} COUNT=1\n  {problems}"));
            }
        }
    };
    let (figures, failed) = std::thread::scope(|scope| {
        let other = scope.spawn(work);
        let (mut figures, mut failed) = work();
        let (other_figures, other_failed) = other.join().unwrap_or_default();
        figures += other_figures;
        failed.extend(other_failed);
        (figures, failed)
    });
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    // A test that reads nothing, or without a fault, would show nothing.
    let records = |outcome: &str| figures.records.get(outcome).copied().unwrap_or_default();
    for outcome in ["Complete", "Partial", "Failed", "Skipped"] {
        assert!(records(outcome) > 10, "{figures}");
    }
    assert!(figures.faults.len() > 20, "{figures}");
}
