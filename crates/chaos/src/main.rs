//! `make chaos`: runs seeds, prints the figures, and for each failure the command that repeats it.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]

use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use clap::Parser;
use rolecall_chaos::{Figures, Outcome, run};

/// Scans seeded worlds under seeded faults, and checks the rolls against a reference model.
#[derive(Debug, Parser)]
struct Arguments {
    /// The first seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The number of seeds
    #[arg(long, default_value_t = 10_000)]
    count: u64,
    /// The folder of the binaries rolecall and rolecall-lambda [default: that of this program]
    #[arg(long)]
    binaries: Option<PathBuf>,
    /// Write seeds of the fuzzer to the folders of this folder, and run nothing
    #[arg(long)]
    seeds: Option<PathBuf>,
    /// The number of runs at a time
    #[arg(long, default_value_t = 3)]
    threads: usize,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(folder) = &arguments.seeds {
        return write_seeds(folder);
    }
    let own = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.to_owned()));
    let binaries = arguments.binaries.or(own).unwrap_or_default();
    let began = Instant::now();
    let next = AtomicU64::new(arguments.seed);
    let end = arguments.seed + arguments.count;
    let (figures, failed) = (Mutex::new(Figures::default()), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..arguments.threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let outcome = catch_unwind(|| run(seed, &binaries)).unwrap_or_else(|_| Outcome {
                        problems: vec!["panicked".to_owned()],
                        ..Outcome::default()
                    });
                    if !outcome.problems.is_empty() {
                        failed.fetch_add(1, Ordering::Relaxed);
                        let problems = outcome.problems.join("\n  ");
                        eprintln!("seed {seed}: make chaos SEED={seed} COUNT=1\n  {problems}");
                    }
                    if let Ok(mut figures) = figures.lock() {
                        *figures += outcome.figures;
                    }
                }
            });
        }
    });
    let failed = failed.into_inner();
    println!("{}", figures.into_inner().unwrap_or_default());
    println!("failed: {failed}; seconds: {}", began.elapsed().as_secs());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn write_seeds(folder: &Path) -> ExitCode {
    for (target, name, bytes) in rolecall_chaos::fuzz_seeds() {
        let folder = folder.join(target);
        let written =
            std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(folder.join(name), bytes));
        if let Err(error) = written {
            eprintln!("{}: {error}", folder.display());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
