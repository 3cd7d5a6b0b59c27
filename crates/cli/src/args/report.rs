//! What is made of a roll that is kept: `rolecall report`, `diff`, `evidence` and `verify`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use rolecall_report::report::Grouping;
use rolecall_report::{Benchmark, Severity};

use super::outputs::{Outputs, Rendering};

pub(super) const REPORT_HELP: &str = "\
Examples:
  rolecall report roll.jsonl
  rolecall report roll.jsonl --format html --out report.html --format csv --out findings.csv
  rolecall report roll.jsonl --benchmark cis-5.0 --fail-on high

Thresholds, exceptions and owners are those of rolecall.toml, and so are accepted gaps where there is one.

Exit codes: 0 all was read, 1 something unexpected, 2 wrong usage or no roll, 10 a finding as bad as --fail-on says, 11 \
the roll does not cover all, whatever was found.";

/// How to judge a roll.
#[derive(Debug, Args)]
pub(crate) struct Judging {
    /// Apply the rules that this benchmark has, and no others: cis-3.0, cis-4.0.1, cis-5.0, cis-6.0, cis-7.0
    #[arg(long, value_name = "BENCHMARK")]
    pub(crate) benchmark: Option<Benchmark>,

    /// End with code 10 where a finding is as bad as this or worse: critical, high, medium, low, informational
    #[arg(long, value_name = "SEVERITY")]
    pub(crate) fail_on: Option<Severity>,
}

impl Judging {
    /// These settings, but for what was typed.
    pub(crate) fn over(&self, judging: rolecall_report::Settings) -> rolecall_report::Settings {
        rolecall_report::Settings { benchmark: self.benchmark.or(judging.benchmark), ..judging }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    /// The roll file, as --roll or --format jsonl wrote it
    #[arg(value_name = "ROLL")]
    pub(crate) roll: PathBuf,

    #[command(flatten)]
    pub(crate) outputs: Outputs,

    #[command(flatten)]
    pub(crate) judging: Judging,

    /// Put findings together, in `table` and `markdown`
    #[arg(long, value_enum, value_name = "BY")]
    pub(crate) group_by: Option<GroupBy>,

    /// Count ages, and the days of exceptions, to this moment [default: that of the roll]
    #[arg(long, value_name = "TIMESTAMP", value_parser = moment)]
    pub(crate) as_of: Option<Timestamp>,

    /// What a person would else type each time [default: rolecall.toml, where there is one]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

pub(super) const EVIDENCE_HELP: &str = "\
Example:
  rolecall evidence roll.jsonl --out evidence-2026-11

The folder holds the roll, the accounts as AWS Organizations gave them, the configuration without its external ids, rules \
with their versions, exceptions and accepted gaps, coverage, request ids, the report, this program's version and sum, and \
SHA256SUMS over all of them: the one file to sign.

Exit codes: 0 written, 1 something unexpected, 2 wrong usage or no roll.";

#[derive(Debug, Args)]
pub(crate) struct Evidence {
    /// The roll file
    #[arg(value_name = "ROLL")]
    pub(crate) roll: PathBuf,

    /// The folder, which is not there yet; it is written whole or not at all
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,

    /// What a person would else type each time [default: rolecall.toml, where there is one]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

pub(super) const VERIFY_HELP: &str = "\
Examples:
  rolecall verify evidence-2026-11
  rolecall verify roll.jsonl --cloudtrail events.json

Events are a log file of CloudTrail's, gunzipped; what `aws cloudtrail lookup-events` prints as JSON; or an event a line.

Exit codes: 0 all is as it was, 1 something unexpected, 2 wrong usage, 10 something was changed, is missing, or was \
added, 11 a run was cut short, and calls bear its name of which it kept no record.";

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// A folder of evidence; or a roll file, with --cloudtrail
    #[arg(value_name = "DIR|ROLL")]
    pub(crate) path: PathBuf,

    /// Hold the roll's calls of `AssumeRole` against these events
    #[arg(long, value_name = "FILE")]
    pub(crate) cloudtrail: Option<PathBuf>,

    /// How to show it
    #[arg(long, value_enum, default_value_t = Rendering::Table)]
    pub(crate) format: Rendering,
}

#[derive(Debug, Args)]
pub(crate) struct Rules {
    /// Those that this benchmark has, and no others: cis-3.0, cis-4.0.1, cis-5.0, cis-6.0, cis-7.0
    #[arg(long, value_name = "BENCHMARK")]
    pub(crate) benchmark: Option<Benchmark>,

    /// How to show them; `json` has the clauses of all benchmarks, and the facts that each rule needs
    #[arg(long, value_enum, default_value_t = Rendering::Table)]
    pub(crate) format: Rendering,

    /// What a person would else type each time [default: rolecall.toml, where there is one]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

pub(super) const DIFF_HELP: &str = "\
Examples:
  rolecall diff roll-2026-11-01.jsonl roll-2026-12-01.jsonl
  rolecall diff old.jsonl new.jsonl --format markdown --out changes.md

Both are judged by the rules with today's rolecall.toml, each as of its own moment. What is unknown in one of them is \
neither gone nor new, and is told as what it is. With --benchmark the rules of that benchmark alone.

Exit codes: 0 nothing differs, 1 something unexpected, 2 wrong usage or no roll, 10 something differs, 11 nothing does in \
what was compared, and not all was: a roll did not ask for it, or an account was read whole in neither.";

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The earlier roll file
    #[arg(value_name = "OLD")]
    pub(crate) old: PathBuf,

    /// The later one
    #[arg(value_name = "NEW")]
    pub(crate) new: PathBuf,

    /// How to show it
    #[arg(long, value_enum, default_value_t = Comparison::Table)]
    pub(crate) format: Comparison,

    /// Write to this file, whole or not at all, and not to stdout, which is `-`
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,

    /// Tell of each key that was used since, too
    #[arg(long)]
    pub(crate) last_used: bool,

    /// Apply the rules that this benchmark has, and no others
    #[arg(long, value_name = "BENCHMARK")]
    pub(crate) benchmark: Option<Benchmark>,

    /// What a person would else type each time [default: rolecall.toml, where there is one]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Comparison {
    /// For people
    Table,
    /// For machines
    Json,
    /// For tickets and wikis
    Markdown,
}

fn moment(text: &str) -> Result<Timestamp, String> {
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    whole.parse().map_err(|_| "no moment, one is as 2027-01-31 or 2027-01-31T12:00:00Z".to_owned())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GroupBy {
    /// Who is to act
    Owner,
    Account,
    Rule,
}

impl From<GroupBy> for Grouping {
    fn from(by: GroupBy) -> Self {
        match by {
            GroupBy::Owner => Self::Owner,
            GroupBy::Account => Self::Account,
            GroupBy::Rule => Self::Rule,
        }
    }
}
