//! Which rules are applied, and which findings fail a run.

use clap::Args;
use rolecall_report::{Benchmark, Settings, Severity};

/// Which rules are applied.
#[derive(Debug, Args)]
#[command(next_help_heading = "Rules")]
pub(crate) struct BenchmarkArgs {
    /// Apply only the rules of this benchmark: cis-3.0, cis-4.0.1, cis-5.0, cis-6.0 or cis-7.0
    #[arg(long, value_name = "BENCHMARK")]
    pub(crate) benchmark: Option<Benchmark>,
}

impl BenchmarkArgs {
    /// The settings, with this benchmark where one is given.
    pub(crate) fn apply_to(&self, settings: Settings) -> Settings {
        Settings { benchmark: self.benchmark.or(settings.benchmark), ..settings }
    }
}

/// Which rules are applied, and which of their findings fail a run.
#[derive(Debug, Args)]
#[command(next_help_heading = "Rules")]
pub(crate) struct JudgingArgs {
    #[command(flatten)]
    pub(crate) benchmark: BenchmarkArgs,

    /// Exit with code 10 if a finding has this severity or a worse one: critical, high, medium, low or informational
    #[arg(long, value_name = "SEVERITY")]
    pub(crate) fail_on: Option<Severity>,
}
