//! Work on all cores, with the results in order and a bounded number of them in memory.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

/// The maximum number of threads: each holds an account, or the rows of some findings.
const MAX_WORKERS: usize = 8;

/// The number of items, and of results, that wait for each thread. With less, a thread would wait for the next item.
const WAITING: usize = 2;

/// Calls `work` for each item, on all cores, and `take` with each result, in the order of the items. `take` and the iterator run
/// on the calling thread.
///
/// # Errors
/// The first error of `take`; further items are not worked on.
pub fn map_in_order<I: Send, T: Send, E>(
    items: impl Iterator<Item = I>,
    work: impl Fn(I) -> T + Sync,
    mut take: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        // Each thread has its own two channels, and items are dealt in turn: so results come in order without sorting.
        let start_thread = |_| {
            let (send_item, items) = sync_channel(WAITING);
            let (send_result, results) = sync_channel(WAITING);
            let work = &work;
            let run = move || items.into_iter().map(work).try_for_each(|result| send_result.send(result));
            thread::Builder::new().spawn_scoped(scope, run).ok().map(|_| (send_item, results))
        };
        let lanes: Vec<(SyncSender<I>, Receiver<T>)> =
            (0..cores.min(MAX_WORKERS)).map_while(start_thread).collect();
        if lanes.len() < 2 {
            // On one core, or where the system allows no more threads.
            return items.map(&work).try_for_each(take);
        }
        let mut next_result = lanes.iter().map(|(_, results)| results).cycle();
        let mut take_next = || match next_result.next().map(Receiver::recv) {
            Some(Ok(result)) => take(result),
            // The thread panicked, and the scope will pass that on.
            Some(Err(_)) | None => Ok(()),
        };
        let mut pending = 0;
        for (item, (send_item, _)) in items.zip(lanes.iter().cycle()) {
            if pending == lanes.len() * WAITING {
                take_next()?;
                pending -= 1;
            }
            // It fails only where the thread panicked.
            let _ = send_item.send(item);
            pending += 1;
        }
        (0..pending).try_for_each(|_| take_next())
    })
}

/// Locks what several threads add to. A thread that panicked ends the work anyway.
pub fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::{MAX_WORKERS, WAITING, map_in_order};

    #[test]
    fn results_come_in_order_and_few_are_in_memory() {
        let (made, mut taken, mut most) = (AtomicUsize::new(0), 0, 0);
        let items = (0..1000_usize).inspect(|_| {
            made.fetch_add(1, Ordering::Relaxed);
        });
        // The first items take longest.
        let work = |item: usize| {
            std::thread::sleep(std::time::Duration::from_micros(u64::from(item < 3) * 5_000));
            item
        };
        map_in_order(items, work, |item| {
            assert_eq!(item, taken);
            taken += 1;
            most = most.max(made.load(Ordering::Relaxed) - taken);
            Ok::<_, ()>(())
        })
        .unwrap();
        assert_eq!(taken, 1000);
        assert!(most <= MAX_WORKERS * WAITING, "{most}");
    }

    #[test]
    fn an_error_ends_the_work() {
        let mut taken = 0;
        let error = map_in_order(
            0..,
            |item: u32| item,
            |item| {
                taken += 1;
                if item == 5 { Err("five") } else { Ok(()) }
            },
        );
        assert_eq!((error, taken), (Err("five"), 6));
    }

    #[test]
    #[should_panic = "panicked"]
    fn a_panic_of_the_work_is_passed_on() {
        let _ = map_in_order(0..10, |item: u32| assert!(item < 3), Ok::<_, ()>);
    }
}
