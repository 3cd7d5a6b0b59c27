//! Writes a roll to its file while a scan runs, and to the other outputs at the end.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use rolecall_report::coverage_summary::{CoverageSummary, summary};
use rolecall_report::render;
use rolecall_report::report::{FindingLimit, Grouping, ReportBuilder};
use rolecall_report::{FindingFilter, Report, Settings, Severity};
use rolecall_roll::parallel::lock;
use rolecall_roll::{
    AccountRecord, Coverage, CoverageBuilder, Header, RollAppender, RollFile, RollWriter, Statistics,
};

use super::sink::{Sink, TerminalStyle};
use super::table::KeyListing;
use super::{Destinations, Spinner, findings, not_written, page, table};
use crate::args::Format;
use crate::exit_code::RolecallExitCode;
use crate::failure::Failure;
use crate::terms::FlagTerms;

/// The number of findings that a terminal lists before the keys, without --all.
const MOST_URGENT_BEFORE_KEYS: usize = 20;

/// The number of findings that a terminal lists without keys after them.
const MOST_URGENT: usize = 50;

/// The outputs of a running scan.
pub(crate) struct OutputWriter {
    store: RollAppender,
    /// Outputs in the format jsonl, which get a line as each account completes.
    streams: Vec<RollWriter<Sink>>,
    final_outputs: Destinations,
}

impl OutputWriter {
    /// Begins with the accounts that previous runs read.
    pub(crate) fn begin(
        destinations: Destinations,
        header: &Header,
        store: RollAppender,
    ) -> Result<Self, Failure> {
        let Destinations { each, files } = destinations;
        let (jsonl, others): (Vec<_>, Vec<_>) =
            each.into_iter().partition(|(format, _)| *format == Format::Jsonl);
        let mut streams = Vec::new();
        for (_, sink) in jsonl {
            let mut writer = RollWriter::new(sink, header).map_err(|error| not_written(&error))?;
            for account in store.accounts() {
                account
                    .and_then(|account| writer.write_account(&account))
                    .map_err(|error| not_written(&error))?;
            }
            streams.push(writer);
        }
        Ok(Self { store, streams, final_outputs: Destinations { each: others, files } })
    }

    /// Adds an account.
    pub(crate) fn add_account(&mut self, account: &AccountRecord) -> Result<(), Failure> {
        let Self { store, streams, .. } = self;
        let added = store.add(account).and_then(|counts| {
            let mut streams = streams.iter_mut().filter(|_| counts);
            streams.try_for_each(|writer| writer.write_account(account).map(|_| ()))
        });
        added.map_err(|error: io::Error| not_written(&error))
    }

    /// Completes the roll file and writes the other outputs.
    pub(crate) fn finish(
        self,
        statistics: &Statistics,
        options: &RenderOptions<'_>,
    ) -> Result<RollOutcome, Failure> {
        let Self { store, streams, final_outputs, .. } = self;
        let finish = || {
            let roll = store.finish(statistics.clone())?;
            for writer in streams {
                writer.finish(statistics.clone()).and_then(Sink::finish)?;
            }
            Ok(roll)
        };
        let roll = finish().map_err(|error: io::Error| not_written(&error))?;
        evaluate_and_write(&roll, final_outputs, options)
    }
}

/// What the outputs show of a roll, in every format.
#[derive(Debug)]
pub(crate) struct RenderOptions<'a> {
    /// Rules, exceptions and owners; `None` with --no-rules.
    pub(crate) judging: Option<&'a Settings>,
    pub(crate) grouping: Option<Grouping>,
    /// Whether tables show the keys after the findings.
    pub(crate) keys: bool,
    /// Whether a terminal lists all keys and findings (--all).
    pub(crate) all: bool,
    /// The filter of the findings that are shown.
    pub(crate) filter: FindingFilter,
    /// How to scan the missing accounts.
    pub(crate) retry: Option<&'a str>,
}

impl RenderOptions<'_> {
    /// The number of findings that a table lists: all, but on a terminal without --all only the most urgent.
    fn limit(&self, terminal: TerminalStyle) -> usize {
        match (terminal.is_terminal && !self.all, self.keys) {
            (false, _) => usize::MAX,
            (true, true) => MOST_URGENT_BEFORE_KEYS,
            (true, false) => MOST_URGENT,
        }
    }

    /// The number of findings to keep for all outputs. A filter needs all of them.
    fn finding_limit(&self, destinations: &Destinations) -> FindingLimit {
        let tables = destinations.each.iter().filter(|(format, _)| *format == Format::Table);
        let most = tables.map(|(_, sink)| self.limit(sink.terminal_style())).max().unwrap_or_default();
        if destinations.show_all() || most == usize::MAX || !self.filter.is_empty() {
            // Groups and filters go through all findings in any order.
            let in_memory = self.grouping.is_some() || !self.filter.is_empty();
            if in_memory { FindingLimit::All } else { FindingLimit::Stored }
        } else {
            FindingLimit::MostUrgent(most)
        }
    }

    fn key_listing(&self) -> KeyListing {
        match (self.keys, self.all) {
            (false, _) => KeyListing::None,
            (true, false) => KeyListing::Few,
            (true, true) => KeyListing::All,
        }
    }
}

/// The coverage of a roll, and its report unless --no-rules was given.
#[derive(Debug)]
pub(crate) struct RollOutcome {
    pub(crate) coverage: Coverage,
    pub(crate) report: Option<Report>,
    /// The only user that was requested, by name; `None` for all users.
    pub(crate) requested_user: Option<String>,
}

impl RollOutcome {
    /// Prints which files were written, with a summary of the coverage.
    pub(crate) fn report_files(&self, files: &[PathBuf]) {
        if files.is_empty() {
            return;
        }
        let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        super::say(&format!("{}; written to {}", summary(&self.coverage), files.join(", ")));
    }

    /// The exit code. A finding of the severity of `--fail-on` takes precedence over an incomplete roll: what could not be
    /// read cannot take it back. A rule that was not evaluated counts as incomplete.
    pub(crate) fn exit_code(&self, fail_on: Option<Severity>) -> ExitCode {
        if let (Some(severity), Some(report)) = (fail_on, &self.report)
            && report.has_open_at_least(severity)
        {
            if !self.coverage.is_complete {
                super::say(&format!(
                    "--fail-on {severity}: exits with 10 for the findings; the roll is incomplete, so there may be more"
                ));
            }
            return RolecallExitCode::Findings.into();
        }
        if !self.coverage.is_complete {
            return RolecallExitCode::Incomplete.into();
        }
        if let (Some(user), Some(0)) = (&self.requested_user, self.coverage.users) {
            super::say(&format!("error: no account that was read has a user {user}"));
            return RolecallExitCode::Findings.into();
        }
        let (Some(severity), Some(report)) = (fail_on, &self.report) else { return ExitCode::SUCCESS };
        if self.coverage.read == 0 {
            super::say(&format!("--fail-on {severity} cannot be evaluated: no account was read"));
            return RolecallExitCode::Incomplete.into();
        }
        let rules = || report.assessment.rules.iter().filter(|rule| rule.applied_severity >= severity);
        let Some(rule) = rules().find(|rule| rule.lacks_facts()) else {
            let unknown: usize = rules().map(|rule| rule.unknown).sum();
            // AWS's answers do not have it: another run would not know it either.
            if unknown > 0 {
                super::say(&format!(
                    "--fail-on {severity}: no finding of this severity or a worse one, but {} of such rules unknown",
                    super::count_of(unknown, "result")
                ));
            }
            return ExitCode::SUCCESS;
        };
        let fact = rule.missing_fact.map_or(String::new(), |fact| fact.to_string());
        super::say(&format!(
            "--fail-on {severity} cannot be evaluated: rule {} needs {fact}, which was not requested; pass --collect recommended",
            rule.rule.id
        ));
        RolecallExitCode::Incomplete.into()
    }
}

/// The evaluation of a roll: its coverage, and its report unless no rules are to be evaluated. Accounts are added in any order and
/// from several threads.
pub(crate) enum Evaluation<'a> {
    Coverage(Box<Mutex<CoverageBuilder>>),
    Report(Box<ReportBuilder<'a>>, &'a FindingFilter),
}

/// What the evaluation of a roll resulted in.
pub(crate) struct Evaluated {
    coverage: Coverage,
    report: Option<Report>,
}

impl<'a> Evaluation<'a> {
    /// Begins with what the outputs will show.
    pub(crate) fn begin(
        header: &'a Header,
        destinations: &Destinations,
        options: &'a RenderOptions<'_>,
    ) -> Result<Self, Failure> {
        let Some(settings) = options.judging else {
            return Ok(Self::Coverage(Box::new(Mutex::new(CoverageBuilder::new(header)))));
        };
        let builder = ReportBuilder::new(header, settings, options.finding_limit(destinations));
        let builder =
            builder.map_err(|error| not_written(&error))?.with_details(destinations.finding_details());
        Ok(Self::Report(Box::new(builder), &options.filter))
    }

    pub(crate) fn add(&self, account: &AccountRecord) {
        match self {
            Self::Coverage(coverage) => lock(coverage).add(account),
            Self::Report(report, _) => report.add(account),
        }
    }

    pub(crate) fn finish(self) -> Result<Evaluated, Failure> {
        match self {
            Self::Coverage(coverage) => {
                let coverage = coverage.into_inner().unwrap_or_else(PoisonError::into_inner).finish();
                Ok(Evaluated { coverage, report: None })
            }
            Self::Report(report, filter) => {
                let mut report = report.finish().map_err(|error| not_written(&error))?;
                filter.apply_to(&mut report);
                Ok(Evaluated { coverage: report.coverage.clone(), report: Some(report) })
            }
        }
    }
}

/// Evaluates a roll, and writes it in all requested formats.
fn evaluate_and_write(
    roll: &RollFile,
    destinations: Destinations,
    options: &RenderOptions<'_>,
) -> Result<RollOutcome, Failure> {
    let spinner = Spinner::start("Evaluating the roll");
    let evaluation = Evaluation::begin(&roll.header, &destinations, options)?;
    roll.for_each_account(|account| evaluation.add(account)).map_err(|error| not_written(&error))?;
    let evaluated = evaluation.finish()?;
    drop(spinner);
    write(roll, evaluated, destinations, options)
}

/// Writes a roll in all requested formats.
pub(crate) fn write(
    roll: &RollFile,
    evaluated: Evaluated,
    destinations: Destinations,
    options: &RenderOptions<'_>,
) -> Result<RollOutcome, Failure> {
    let Evaluated { coverage, report } = evaluated;
    let write_all = || {
        let formats: Vec<Format> = destinations.each.iter().map(|(format, _)| *format).collect();
        for (format, mut sink) in destinations.each {
            let writing = format!("Writing {}", format.name());
            // stdout may be the same terminal.
            let spinner = (!sink.is_stdout()).then(|| Spinner::start(writing));
            write_format(&mut sink, format, roll, &coverage, report.as_ref(), options)?;
            sink.finish()?;
            drop(spinner);
        }
        note_filter(&formats, report.as_ref());
        let requested_user = roll.header.collect.user_name.clone();
        Ok(RollOutcome { coverage, report, requested_user })
    };
    write_all().map_err(|error: io::Error| not_written(&error))
}

/// Notes which outputs are filtered, if their format has no place to say so, and which are not.
fn note_filter(formats: &[Format], report: Option<&Report>) {
    let Some(filter) = report.and_then(|report| report.filter.as_ref()) else { return };
    for format in formats {
        match format {
            Format::Csv | Format::Ocsf => {
                super::say(&format!("note: {}: {}", format.name(), filter.to_text()));
            }
            Format::Jsonl | Format::RollCsv => {
                super::say(&format!("note: {}: the complete roll; filters do not apply", format.name()));
            }
            Format::Table | Format::Json | Format::Markdown | Format::Html => {}
        }
    }
}

fn write_format(
    sink: &mut Sink,
    format: Format,
    roll: &RollFile,
    coverage: &Coverage,
    report: Option<&Report>,
    options: &RenderOptions<'_>,
) -> io::Result<()> {
    // `Destinations::open` refuses formats that have only findings with --no-rules.
    let require_report = || report.ok_or_else(|| io::Error::other(format!("no rules for {}", format.name())));
    match format {
        Format::Json => render::json::render(sink, roll, coverage, report),
        Format::RollCsv => render::roll_csv::render(sink, roll, coverage),
        Format::Jsonl => roll.write_compacted(sink),
        Format::Csv => render::csv::render(sink, roll, require_report()?),
        Format::Markdown => render::markdown::render(sink, roll, require_report()?, options.grouping),
        Format::Html => render::html::render(sink, roll, require_report()?),
        Format::Ocsf => render::ocsf::render(sink, roll, require_report()?),
        Format::Table => {
            let terminal = sink.terminal_style();
            // What a reader needs first: what the roll covers, the most urgent findings, the gaps with their remedies, the keys.
            let summary = CoverageSummary::new(roll, coverage, report, &FlagTerms);
            sink.write_all(page::render(&summary, options.retry, terminal).as_bytes())?;
            if let Some(report) = report {
                findings::render(sink, report, options.grouping, options.limit(terminal), terminal)?;
            }
            table::render_unread(sink, roll, terminal)?;
            table::render_keys(sink, roll, options.key_listing(), terminal)?;
            // The first lines may have scrolled away.
            let last = if terminal.is_terminal {
                page::last_line(&summary, coverage, terminal)
            } else {
                String::new()
            };
            sink.write_all(last.as_bytes())
        }
    }
}
