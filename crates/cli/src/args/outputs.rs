//! Output formats, and the files that they are written to.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use rolecall_report::{FindingDetails, render};

use crate::failure::Failure;
use crate::output::{self, Sink};

/// The formats to write, each to a file or to stdout.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct Outputs {
    /// Output format; for several, give --format and --out in pairs [default: by the extension of --out, else table]
    #[arg(long, value_enum)]
    pub(crate) format: Vec<Format>,

    /// Write output to FILE atomically; `-` is stdout [default: -]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Vec<PathBuf>,

    /// List all findings and keys on a terminal; without it, only the most urgent findings and the first 50 keys
    #[arg(long)]
    pub(crate) all: bool,

    /// The AWS CLI's name for --format: refused, with the flag to use.
    #[arg(long, hide = true, value_parser = refuse_output)]
    output: Option<String>,
}

impl Outputs {
    /// The formats, each with its file or `-`. A format that is not given follows from its file's extension.
    pub(crate) fn pairs(&self) -> Result<Vec<(Format, PathBuf)>, Failure> {
        let Self { format: formats, out: files, .. } = self;
        match (formats.as_slice(), files.as_slice()) {
            ([], []) => Ok(vec![(Format::Table, PathBuf::from("-"))]),
            ([format], []) => Ok(vec![(*format, PathBuf::from("-"))]),
            ([], files) => files.iter().map(|file| Ok((by_extension(file)?, file.clone()))).collect(),
            (formats, files) if formats.len() == files.len() => {
                let pairs: Vec<(Format, PathBuf)> =
                    formats.iter().copied().zip(files.iter().cloned()).collect();
                for (format, file) in &pairs {
                    warn_of_extension(format, file);
                }
                Ok(pairs)
            }
            (formats, files) => {
                let problem = format!("{} --format but {} --out", formats.len(), files.len());
                Err(Failure::usage(problem)
                    .with_remedy("each --format needs its own --out, in the same order; `-` is stdout"))
            }
        }
    }
}

/// Warns where a file's extension names another format than the one that it gets.
fn warn_of_extension<F: ValueEnum + Clone>(format: &F, file: &Path) {
    /// Formats whose files commonly have an extension that names another format.
    const COMMON: [(&str, &str); 5] =
        [("schema", "json"), ("roll-csv", "csv"), ("ocsf", "jsonl"), ("ocsf", "json"), ("jsonl", "ocsf")];
    let name =
        |format: &F| format.to_possible_value().map_or_else(String::new, |it| it.get_name().to_owned());
    let Ok(named) = file.extension().map_or(Ok(format.clone()), |_| by_extension::<F>(file)) else { return };
    let (format, named) = (name(format), name(&named));
    if format != named && !COMMON.contains(&(format.as_str(), named.as_str())) {
        output::say(&format!(
            "warning: --out {}: the file gets the format {format}, as --format says, but its extension names the format {named}",
            file.display()
        ));
    }
}

/// Extensions that name a format by another name than its own.
const EXTENSIONS: [(&str, &str); 4] =
    [("md", "markdown"), ("htm", "html"), ("txt", "table"), ("ndjson", "jsonl")];

/// The format that a file's extension names; the default one for stdout and for a file without an extension.
fn by_extension<F: ValueEnum + Clone>(file: &Path) -> Result<F, Failure> {
    let extension = file.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    let name = match &extension {
        None => "table",
        Some(extension) => {
            let other = EXTENSIONS.iter().find(|(it, _)| it == extension);
            other.map_or(extension.as_str(), |(_, name)| name)
        }
    };
    F::from_str(name, false).map_err(|_| {
        let names = F::value_variants().iter().filter_map(F::to_possible_value);
        let names: Vec<String> = names.map(|value| value.get_name().to_owned()).collect();
        Failure::usage(format!("--out {}: the extension names no output format", file.display()))
            .with_remedy(format!("pass --format, one of {}", names.join(", ")))
    })
}

fn refuse_output(text: &str) -> Result<String, String> {
    let flag = match text {
        "json" | "table" | "jsonl" | "csv" => format!("--format {text}"),
        "text" | "yaml" | "yaml-stream" => "--format table, json or csv".to_owned(),
        _ => format!("--out {text}"),
    };
    Err(format!("rolecall has no --output; use {flag} (--format sets the format, --out the file)"))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Tables and the coverage summary, for a terminal
    Table,
    /// One JSON document: the roll, sorted, and the findings
    Json,
    /// The roll file, as JSON lines: a header, a line for each account as it completes, a trailer
    Jsonl,
    /// Findings as CSV, one row for each, and rows for what is unknown or not evaluated
    Csv,
    /// The roll as CSV, one row for each access key, and rows for users without keys and for what is unknown
    RollCsv,
    /// Findings as Markdown, for tickets and wikis
    Markdown,
    /// Findings as one HTML file, to read, sort and filter in a browser
    Html,
    /// Findings as OCSF Compliance Findings, JSON lines
    Ocsf,
}

impl Format {
    /// Whether it shows only findings, so that without rules there is nothing to write.
    pub(crate) fn needs_rules(self) -> bool {
        match self {
            Self::Csv | Self::Markdown | Self::Html | Self::Ocsf => true,
            Self::Table | Self::Json | Self::Jsonl | Self::RollCsv => false,
        }
    }

    /// Whether it can group findings.
    pub(crate) fn groups(self) -> bool {
        matches!(self, Self::Table | Self::Markdown)
    }

    /// Whether it shows findings, and not only the roll.
    pub(crate) fn shows_findings(self) -> bool {
        match self {
            Self::Table | Self::Json | Self::Csv | Self::Markdown | Self::Html | Self::Ocsf => true,
            Self::Jsonl | Self::RollCsv => false,
        }
    }

    /// Whether it shows all findings, and not only the most urgent.
    pub(crate) fn shows_all_findings(self) -> bool {
        match self {
            Self::Json | Self::Csv | Self::Markdown | Self::Html | Self::Ocsf => true,
            Self::Table | Self::Jsonl | Self::RollCsv => false,
        }
    }

    /// What it shows of a finding beside its subject and message.
    pub(crate) fn finding_details(self) -> FindingDetails {
        match self {
            Self::Table => output::TABLE_DETAILS,
            Self::Json => render::json::DETAILS,
            Self::Csv => render::csv::DETAILS,
            Self::Markdown => render::markdown::DETAILS,
            Self::Html => render::html::DETAILS,
            Self::Ocsf => render::ocsf::DETAILS,
            Self::Jsonl | Self::RollCsv => FindingDetails::default(),
        }
    }

    /// The name that --format takes.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// The names of the formats that do not need rules, separated by commas.
    pub(crate) fn names_without_rules() -> String {
        let without: Vec<String> = Self::value_variants()
            .iter()
            .filter(|format| !format.needs_rules())
            .map(|it| it.name())
            .collect();
        without.join(", ")
    }
}

/// The format and the file of a command that writes one document.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs<F: ValueEnum + Clone + Send + Sync + 'static> {
    /// Output format [default: by the extension of --out, else table]
    #[arg(long, value_enum)]
    format: Option<F>,

    /// Write output to FILE atomically; `-` is stdout [default: -]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,

    /// The AWS CLI's name for --format: refused, with the flag to use.
    #[arg(long, hide = true, value_parser = refuse_output)]
    output: Option<String>,
}

impl<F: ValueEnum + Clone + Send + Sync + 'static> OutputArgs<F> {
    /// The format, and the open file or stdout. It is opened before the work begins, so that a file that cannot be written
    /// is reported at once.
    pub(crate) fn open(&self) -> Result<(F, Sink), Failure> {
        let stdout = Path::new("-");
        let file = self.out.as_deref().unwrap_or(stdout);
        if let Some(format) = &self.format {
            warn_of_extension(format, file);
        }
        let format = self.format.clone().map_or_else(|| by_extension(file), Ok)?;
        Ok((format, output::open(Some(file))?))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// For a terminal
    Table,
    /// One JSON document
    Json,
}
