//! A roll on its way into its file, and into what is shown of it.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use rolecall_report::coverage_summary::{CoverageSummary, summary, with_thousands_separator};
use rolecall_report::render;
use rolecall_report::report::{FindingLimit, Grouping};
use rolecall_report::{FindingFilter, Report, Settings, Severity};
use rolecall_roll::{AccountRecord, Coverage, Header, RollAppender, RollFile, RollWriter, Statistics};

use super::sink::{Sink, TerminalStyle};
use super::table::KeyListing;
use super::{Destinations, Spinner, findings, not_written, page, table};
use crate::args::Format;
use crate::exit_code::RolecallExitCode;
use crate::failure::Failure;
use crate::terms::FlagTerms;

/// How many findings a terminal lists behind the keys, where nobody asks for all.
const MOST_URGENT_BEHIND_KEYS: usize = 20;

/// How many it lists where there are no keys before them.
const MOST_URGENT: usize = 50;

/// A roll on its way.
pub(crate) struct OutputWriter {
    store: RollAppender,
    /// What gets a line as each account is done.
    lines: Vec<RollWriter<Sink>>,
    at_the_end: Destinations,
}

impl OutputWriter {
    /// Begins with what the store holds already.
    pub(crate) fn begin(
        destinations: Destinations,
        header: &Header,
        store: RollAppender,
    ) -> Result<Self, Failure> {
        let Destinations { each, files } = destinations;
        let (jsonl, others): (Vec<_>, Vec<_>) =
            each.into_iter().partition(|(format, _)| *format == Format::Jsonl);
        let mut lines = Vec::new();
        for (_, sink) in jsonl {
            let mut writer = RollWriter::new(sink, header).map_err(|error| not_written(&error))?;
            for account in store.accounts() {
                account
                    .and_then(|account| writer.write_account(&account))
                    .map_err(|error| not_written(&error))?;
            }
            lines.push(writer);
        }
        Ok(Self { store, lines, at_the_end: Destinations { each: others, files } })
    }

    /// Adds an account.
    pub(crate) fn account(&mut self, account: &AccountRecord) -> Result<(), Failure> {
        let Self { store, lines, .. } = self;
        let added = store.add(account).and_then(|counts| {
            let mut lines = lines.iter_mut().filter(|_| counts);
            lines.try_for_each(|writer| writer.write_account(account).map(|_| ()))
        });
        added.map_err(|error: io::Error| not_written(&error))
    }

    /// Ends the roll file, and shows what is shown at the end.
    pub(crate) fn finish(
        self,
        statistics: &Statistics,
        showing: &RenderOptions<'_>,
    ) -> Result<RollOutcome, Failure> {
        let Self { store, lines, at_the_end, .. } = self;
        let finish = || {
            let stored = store.finish(statistics.clone())?;
            for writer in lines {
                writer.finish(statistics.clone()).and_then(Sink::finish)?;
            }
            Ok(stored)
        };
        let stored = finish().map_err(|error: io::Error| not_written(&error))?;
        show(&stored, at_the_end, showing)
    }
}

/// What is shown of a roll besides what its formats are.
#[derive(Debug)]
pub(crate) struct RenderOptions<'a> {
    /// How it is judged; `None` where it is not.
    pub(crate) judging: Option<&'a Settings>,
    pub(crate) grouping: Option<Grouping>,
    /// Whether tables show the keys before the findings.
    pub(crate) keys: bool,
    /// Whether a terminal lists all keys and findings, however many they are.
    pub(crate) all: bool,
    /// Which findings are shown.
    pub(crate) filter: FindingFilter,
    /// Whether nothing but errors is said on stderr.
    pub(crate) quiet: bool,
    /// What to do where something is missing.
    pub(crate) retry: Option<&'a str>,
}

impl RenderOptions<'_> {
    /// How many findings a table lists there: a terminal, where nobody asks for all, the most urgent alone.
    fn limit(&self, look: TerminalStyle) -> usize {
        match (look.is_terminal && !self.all, self.keys) {
            (false, _) => usize::MAX,
            (true, true) => MOST_URGENT_BEHIND_KEYS,
            (true, false) => MOST_URGENT,
        }
    }

    /// How many findings have to be kept for all destinations. A filter looks at all of them.
    fn finding_limit(&self, destinations: &Destinations) -> FindingLimit {
        let tables = destinations.each.iter().filter(|(format, _)| *format == Format::Table);
        let most = tables.map(|(_, sink)| self.limit(sink.look())).max().unwrap_or_default();
        if destinations.show_all() || most == usize::MAX || !self.filter.is_empty() {
            FindingLimit::All
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

/// What came of a roll.
#[derive(Debug)]
pub(crate) struct RollOutcome {
    pub(crate) coverage: Coverage,
    pub(crate) report: Option<Report>,
}

impl RollOutcome {
    /// Says what is in the files that were written.
    pub(crate) fn tell_of(&self, files: &[PathBuf], quiet: bool) {
        if files.is_empty() || quiet {
            return;
        }
        let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        super::say(&format!("{}; written to {}", summary(&self.coverage), files.join(", ")));
    }

    /// What is missing counts before what was found; and where nobody looked, nothing was found to be right.
    pub(crate) fn exit_code(&self, fail_on: Option<Severity>) -> ExitCode {
        if !self.coverage.is_complete {
            return RolecallExitCode::Incomplete.into();
        }
        let (Some(severity), Some(report)) = (fail_on, &self.report) else { return ExitCode::SUCCESS };
        if report.has_open_at_least(severity) {
            return RolecallExitCode::Findings.into();
        }
        let rules = || report.assessment.rules.iter().filter(|rule| rule.applied_severity >= severity);
        let Some(rule) = rules().find(|rule| rule.not_collected > 0) else {
            let unknown: usize = rules().map(|rule| rule.unknown).sum();
            // What AWS's answers do not tell, another run would not know either.
            if unknown > 0 {
                let verdicts = if unknown == 1 {
                    "verdict of rules that are stays"
                } else {
                    "verdicts of rules that are stay"
                };
                super::say(&format!(
                    "--fail-on {severity}: no finding is as bad, and {} {verdicts} unknown",
                    with_thousands_separator(unknown)
                ));
            }
            return ExitCode::SUCCESS;
        };
        let fact = rule.missing_fact.map_or(String::new(), |fact| fact.to_string());
        super::say(&format!(
            "--fail-on {severity} cannot be told: {} needs {fact}, which was not asked for: --collect recommended",
            rule.rule.id
        ));
        RolecallExitCode::Incomplete.into()
    }
}

/// Shows a roll in all formats that were asked for.
pub(crate) fn show(
    stored: &RollFile,
    destinations: Destinations,
    showing: &RenderOptions<'_>,
) -> Result<RollOutcome, Failure> {
    let show = || {
        let (coverage, report) = evaluate(stored, &destinations, showing)?;
        let formats: Vec<Format> = destinations.each.iter().map(|(format, _)| *format).collect();
        for (format, mut sink) in destinations.each {
            let writing = format!("Writing {}", format.name());
            // What goes to stdout may go to the same terminal.
            let spinner = (!sink.is_stdout()).then(|| Spinner::start(writing, showing.quiet));
            write(&mut sink, format, stored, &coverage, report.as_ref(), showing)?;
            sink.finish()?;
            drop(spinner);
        }
        if !showing.quiet {
            say_filtered(&formats, report.as_ref());
        }
        Ok(RollOutcome { coverage, report })
    };
    show().map_err(|error: io::Error| not_written(&error))
}

/// What the roll covers, and what is wrong by the rules, where it is judged.
fn evaluate(
    stored: &RollFile,
    destinations: &Destinations,
    showing: &RenderOptions<'_>,
) -> io::Result<(Coverage, Option<Report>)> {
    let _spinner = Spinner::start("Evaluating the roll", showing.quiet);
    let Some(settings) = showing.judging else { return Ok((stored.coverage()?, None)) };
    let mut report = Report::from_file(stored, settings, showing.finding_limit(destinations))?;
    showing.filter.apply_to(&mut report);
    Ok((report.coverage.clone(), Some(report)))
}

/// Says of formats that have no place for it that their findings are filtered, and of those that a filter does not change
/// that they are not.
fn say_filtered(formats: &[Format], report: Option<&Report>) {
    let Some(filter) = report.and_then(|report| report.filter.as_ref()) else { return };
    for format in formats {
        match format {
            Format::Csv | Format::Ocsf => {
                super::say(&format!("note: {}: {}", format.name(), filter.to_text()));
            }
            Format::Jsonl | Format::RollCsv => {
                super::say(&format!("note: {}: the whole roll, which no filter changes", format.name()));
            }
            Format::Table | Format::Json | Format::Markdown | Format::Html => {}
        }
    }
}

fn write(
    sink: &mut Sink,
    format: Format,
    stored: &RollFile,
    coverage: &Coverage,
    report: Option<&Report>,
    showing: &RenderOptions<'_>,
) -> io::Result<()> {
    // Without rules `Destinations::open` lets no format come here that shows findings and nothing else.
    let findings_of = || report.ok_or_else(|| io::Error::other(format!("no rules for {}", format.name())));
    match format {
        Format::Json => render::json::render(sink, stored, coverage, report),
        Format::RollCsv => render::roll_csv::render(sink, stored, coverage),
        Format::Jsonl => stored.write_compacted(sink),
        Format::Csv => render::csv::render(sink, stored, findings_of()?),
        Format::Markdown => render::markdown::render(sink, stored, findings_of()?, showing.grouping),
        Format::Html => render::html::render(sink, stored, findings_of()?),
        Format::Ocsf => render::ocsf::render(sink, stored, findings_of()?),
        Format::Table => {
            let of_sink = sink.look();
            table::render(sink, stored, showing.key_listing(), of_sink)?;
            if let Some(report) = report {
                findings::render(sink, report, showing.grouping, showing.limit(of_sink), of_sink)?;
            }
            let statement = CoverageSummary::new(stored, coverage, report, &FlagTerms);
            sink.write_all(page::render(&statement, showing.retry, of_sink).as_bytes())
        }
    }
}
