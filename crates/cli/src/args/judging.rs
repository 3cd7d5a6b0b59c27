//! How a roll is judged.

use clap::Args;
use rolecall_report::{Benchmark, Settings, Severity};

/// Which rules are applied.
#[derive(Debug, Args)]
pub(crate) struct BenchmarkArgs {
    /// Apply the rules that this benchmark has, and no others: cis-3.0, cis-4.0.1, cis-5.0, cis-6.0, cis-7.0
    #[arg(long, value_name = "BENCHMARK")]
    pub(crate) benchmark: Option<Benchmark>,
}

impl BenchmarkArgs {
    /// These settings, but for the benchmark where one was given.
    pub(crate) fn apply_to(&self, settings: Settings) -> Settings {
        Settings { benchmark: self.benchmark.or(settings.benchmark), ..settings }
    }
}

/// Which rules are applied, and which of their findings fail a run.
#[derive(Debug, Args)]
pub(crate) struct JudgingArgs {
    #[command(flatten)]
    pub(crate) benchmark: BenchmarkArgs,

    /// End with code 10 where a finding is as bad as this or worse: critical, high, medium, low, informational
    #[arg(long, value_name = "SEVERITY")]
    pub(crate) fail_on: Option<Severity>,
}
