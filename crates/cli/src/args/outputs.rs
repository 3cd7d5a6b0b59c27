//! How things are shown, and where.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::failure::Failure;
use crate::output::{self, Sink};

/// What to write, and where.
#[derive(Debug, Args)]
pub(crate) struct Outputs {
    /// How to show it; may be given more than once, each with its --out [default: table]
    #[arg(long, value_enum)]
    pub(crate) format: Vec<Format>,

    /// Write to this file, whole or not at all, and not to stdout, which is `-`
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Vec<PathBuf>,

    /// List everything on a terminal too, however long it is
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// One document: the roll, sorted, and the findings
    Json,
    /// The roll file: header, an account a line as it is done, trailer
    Jsonl,
    /// Findings, a row each
    Csv,
    /// The roll, a row a key
    RollCsv,
    /// Findings for tickets and wikis
    Markdown,
    /// A report to read, sort and filter in a browser, in one file
    Html,
    /// Findings as OCSF Compliance Findings, a JSON document a line
    Ocsf,
}

impl Format {
    /// Whether it shows findings and nothing else, so that without rules there is nothing to show.
    pub(crate) fn needs_rules(self) -> bool {
        match self {
            Self::Csv | Self::Markdown | Self::Html | Self::Ocsf => true,
            Self::Table | Self::Json | Self::Jsonl | Self::RollCsv => false,
        }
    }

    /// Whether it shows all findings, and not the most urgent alone.
    pub(crate) fn shows_all_findings(self) -> bool {
        match self {
            Self::Json | Self::Csv | Self::Markdown | Self::Html | Self::Ocsf => true,
            Self::Table | Self::Jsonl | Self::RollCsv => false,
        }
    }

    /// Its name, as --format takes it.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// The names of those that show something without rules, with commas between.
    pub(crate) fn names_without_rules() -> String {
        let without: Vec<String> = Self::value_variants()
            .iter()
            .filter(|format| !format.needs_rules())
            .map(|it| it.name())
            .collect();
        without.join(", ")
    }
}

/// How one document is written, and where.
#[derive(Debug, Args)]
pub(crate) struct OutputArgs<F: ValueEnum + Clone + Send + Sync + 'static> {
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) format: F,

    /// Write to this file, whole or not at all, and not to stdout, which is `-`
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

impl<F: ValueEnum + Clone + Send + Sync + 'static> OutputArgs<F> {
    /// Opens the file, or stdout, before the work begins: one that cannot be written is heard of at once.
    pub(crate) fn open(&self) -> Result<Sink, Failure> {
        output::open(self.out.as_deref())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// For people
    Table,
    /// For machines
    Json,
}
