//! Runs of `rolecall_core::Run` in this process: in memory with a simulated clock, or over TCP with Rolecall's own client.

use std::fs::{File, OpenOptions};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use rolecall_core::cancellation::Cancellation;
use rolecall_core::connect::{RootCertificates, http_client};
use rolecall_core::run::RunStart;
use rolecall_core::{Run, Scanner, logs};
use rolecall_report::report::{FindingLimit, Grouping};
use rolecall_report::{Report, render};
use rolecall_roll::{Fact, ResumableRoll, Roll, RollFile, RunId};
use serde_json::Value;
use tracing_subscriber::filter::FilterFn;
use tracing_subscriber::layer::{Layer, SubscriberExt};

use crate::check;
use crate::fault::Plan;
use crate::outcome::Outcome;
use crate::scenario::{Scenario, Stop, in_memory};
use crate::server::Server;
use crate::world;

/// Simulated hours after which a run counts as one that never ends.
const FOREVER: Duration = Duration::from_hours(24);

/// Runs a seed in memory.
pub(crate) fn simulated(seed: u64) -> Outcome {
    run(seed, false)
}

/// Runs a seed over TCP.
pub(crate) fn over_tcp(seed: u64) -> Outcome {
    run(seed, true)
}

fn run(seed: u64, is_real_time: bool) -> Outcome {
    fastrand::seed(seed);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(!is_real_time).build();
    let mut outcome = Outcome::default();
    // Logs take most of the time of a run, so that few runs have them.
    let logs = (seed.is_multiple_of(8) || is_real_time).then(Logs::default);
    let guard = logs.as_ref().map(|logs| tracing::subscriber::set_default(logs.subscriber()));
    let run =
        async { tokio::time::timeout(FOREVER, disturbed(seed, is_real_time, &mut outcome)).await.is_ok() };
    let ended = runtime.expect("a runtime").block_on(run);
    drop(guard);
    if !ended {
        outcome.add_problems(["the run never ends".to_owned()]);
    }
    if let Some(logs) = logs {
        outcome.search("the log", &logs.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
    outcome
}

/// The log lines of a thread, at the lowest level that a binary prints.
#[derive(Default)]
struct Logs(Arc<Mutex<Vec<u8>>>);

impl Logs {
    fn subscriber(&self) -> impl tracing::Subscriber + Send + Sync + use<> {
        let writer = Writer(Arc::clone(&self.0));
        let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(move || writer.clone());
        tracing_subscriber::registry().with(layer.with_filter(FilterFn::new(logs::is_loggable)))
    }
}

#[derive(Clone)]
struct Writer(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The roll file that a seed leaves.
pub(crate) fn roll_of(seed: u64) -> Vec<u8> {
    fastrand::seed(seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(disturbed(seed, false, &mut Outcome::default()))
}

/// Runs a scenario, and resumes it where it was killed. Returns the roll file.
async fn disturbed(seed: u64, is_real_time: bool, outcome: &mut Outcome) -> Vec<u8> {
    let mut scenario = Scenario::generate(seed, is_real_time);
    let begin = if is_real_time { jiff::Timestamp::now() } else { world::begin() };
    let plan = std::mem::replace(&mut scenario.plan, Plan::none(seed));
    let is_undisturbed = scenario.is_undisturbed() && plan.rules.is_empty();
    let faults = format!("the plan: {:?}, {:?}", plan.rules, scenario.stop);
    let server = Server::new(Arc::clone(&scenario.world), plan, begin);
    let (client, endpoint) = if is_real_time {
        let address = server.clone().listen().await.expect("loopback");
        (http_client(RootCertificates::system()), format!("http://{address}"))
    } else {
        (in_memory(&server), "http://aws.test".to_owned())
    };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("roll.jsonl");
    let mut test = Test { scenario, server, client, endpoint, path: &path, outcome };
    test.outcome.figures.runs.insert(if is_real_time { "over TCP" } else { "in memory" }, 1);
    let stop = test.scenario.stop;
    let is_whole = test.run_once(stop).await;
    test.check(is_whole, is_undisturbed);
    if let Stop::Killed(_) = stop {
        test.cut_file();
        test.server.set_plan(Plan::none(seed));
        test.scenario.skew = 0;
        test.scenario.settings.limits.account_timeout = Duration::from_mins(10);
        test.scenario.settings.limits.attempt_timeout = Duration::from_secs(30);
        *test.outcome.figures.runs.entry("resumed").or_default() += 1;
        let is_whole = test.run_once(Stop::Never).await;
        test.check(is_whole, true);
    }
    test.outcome.figures.requests += test.server.requests();
    for (fault, count) in test.server.happened() {
        *test.outcome.figures.faults.entry(format!("{fault:?}")).or_default() += count;
    }
    if !test.outcome.problems.is_empty() {
        test.outcome.add_problems([faults]);
    }
    std::fs::read(&path).unwrap_or_default()
}

struct Test<'a> {
    scenario: Scenario,
    server: Server,
    client: SharedHttpClient,
    endpoint: String,
    path: &'a Path,
    outcome: &'a mut Outcome,
}

impl Test<'_> {
    fn file(&self) -> File {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).open(self.path).expect("a file")
    }

    /// Runs until `stop`. Returns whether the roll must have every target.
    async fn run_once(&mut self, stop: Stop) -> bool {
        let scanner = self.scenario.scanner(self.client.clone(), &self.endpoint, &self.server).await;
        let ended = self.run_with(&scanner, stop).await;
        self.outcome.search("the debug output", format!("{scanner:?}").as_bytes());
        match ended {
            Ok(is_whole) => is_whole,
            Err(error) => {
                self.outcome.search("the error", error.as_bytes());
                *self.outcome.figures.records.entry("none: the run failed".to_owned()).or_default() += 1;
                false
            }
        }
    }

    async fn run_with(&mut self, scanner: &Scanner, stop: Stop) -> Result<bool, String> {
        let deadline = if let Stop::Deadline(time) = stop { Some(time) } else { None };
        let cancellation = Cancellation::new(deadline);
        let start = RunStart { run_id: RunId::random(), as_of: self.server.now(), accepted: Vec::new() };
        let settings = self.scenario.settings.clone();
        let targets = self.scenario.targets();
        let run = Run::prepare(scanner, &targets, settings, start, &cancellation).await;
        let mut run = run.map_err(|error| error.to_string())?;
        self.outcome.search("the notes", run.notes().join("\n").as_bytes());
        let previous =
            ResumableRoll::read(self.file()).map_err(|error| self.broken("cannot be resumed", &error))?;
        run.resume(&previous).map_err(|error| self.broken("cannot be resumed", &error))?;
        let mut appender = previous.resume(run.header()).map_err(|error| error.to_string())?;
        let mut records = run.records(&cancellation);
        let mut count = 0;
        while let Some(record) = records.next().await {
            appender.add(&record).map_err(|error| error.to_string())?;
            count += 1;
            match stop {
                Stop::Killed(after) if count > after => return Ok(false),
                Stop::Cancelled(after) if count > after => cancellation.cancel(),
                _ => {}
            }
        }
        let is_whole = records.denial().is_none();
        appender.finish(run.statistics()).map_err(|error| error.to_string())?;
        Ok(is_whole)
    }

    fn broken(&mut self, what: &str, error: &dyn std::fmt::Display) -> String {
        self.outcome.add_problems([format!("the roll {what}: {error}")]);
        error.to_string()
    }

    /// Cuts the file at any byte, as a kill may.
    fn cut_file(&mut self) {
        let file = self.file();
        let length = file.metadata().expect("a file").len();
        // Mostly near the end, where the last line is.
        let end = if self.scenario.rng.bool() {
            self.scenario.rng.u64(..=length)
        } else {
            length.saturating_sub(3)
        };
        file.set_len(end).expect("a file");
    }

    /// Checks what the run wrote. With `must_be_complete`, every account must be.
    fn check(&mut self, is_whole: bool, must_be_complete: bool) {
        let text = std::fs::read(self.path).unwrap_or_default();
        self.outcome.search("the roll", &text);
        let roll = match Roll::read(&text[..]) {
            Ok(roll) => roll,
            Err(error) if is_whole => {
                self.broken("cannot be read", &error);
                return;
            }
            Err(_) => return,
        };
        let records: Vec<Value> =
            roll.accounts.iter().map(|account| serde_json::to_value(account).expect("JSON")).collect();
        self.outcome.count_records(&records);
        let problems = check::records(
            &self.scenario.world,
            &self.scenario.selection,
            &records,
            &self.scenario.requested(),
            !is_whole,
        );
        self.outcome.add_problems(problems);
        let is_complete = records
            .iter()
            .all(|it| ["Complete", "Skipped"].contains(&it["outcome"].as_str().unwrap_or_default()));
        // A fact of the organization has no account's line.
        let managed = roll.header.organization.as_ref().map(|it| &it.root_credentials_managed);
        let is_complete = is_complete && !matches!(managed, Some(Fact::Unknown { .. }));
        if must_be_complete && !(is_whole && is_complete) {
            let gaps: Vec<&Value> = records.iter().filter_map(|it| it["gaps"].as_array()).flatten().collect();
            self.outcome
                .add_problems([format!("without a fault, not everything was read: {is_whole} {gaps:?}")]);
        }
        let is_internal = |gap: &Value| gap["error_kind"] == "internal";
        if records.iter().filter_map(|it| it["gaps"].as_array()).flatten().any(is_internal) {
            self.outcome.add_problems(["an account has an internal error".to_owned()]);
        }
        let roll = RollFile::read(self.file()).expect("it was just read");
        let coverage = roll.coverage().expect("it was just read");
        if coverage.is_complete != (is_complete && records.len() == roll.header.targets.len()) {
            self.outcome.add_problems([format!("the coverage does not follow from the lines: {coverage:?}")]);
        }
        if self.scenario.rng.u8(..8) == 0 {
            self.search_reports(&roll);
        }
    }

    /// Searches the reports in all formats for secrets.
    fn search_reports(&mut self, roll: &RollFile) {
        let report = Report::from_file(roll, &rolecall_report::Settings::default(), FindingLimit::All)
            .expect("a report");
        let mut out = Vec::new();
        let coverage = &report.coverage;
        render::json::render(&mut out, roll, coverage, Some(&report)).expect("memory");
        render::csv::render(&mut out, roll, &report).expect("memory");
        render::roll_csv::render(&mut out, roll, coverage).expect("memory");
        render::markdown::render(&mut out, roll, &report, Some(Grouping::Owner)).expect("memory");
        render::html::render(&mut out, roll, &report).expect("memory");
        render::ocsf::render(&mut out, roll, &report).expect("memory");
        self.outcome.search("a report", &out);
    }
}

/// Runs a small world in memory, where every answer to an operation is `body`.
///
/// # Panics
/// Where the roll of the run cannot be read, or holds a secret.
pub(crate) fn with_answer(operation: &'static str, body: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let mut outcome = Outcome::default();
    runtime.expect("a runtime").block_on(async {
        let scenario =
            Scenario::small(crate::fault::OPERATIONS.iter().position(|it| *it == operation) > Some(13));
        let server = Server::new(Arc::clone(&scenario.world), Plan::none(0), world::begin());
        server.set_answer(operation, body.to_vec());
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("roll.jsonl");
        let (client, endpoint) = (in_memory(&server), "http://aws.test".to_owned());
        let mut test = Test { scenario, server, client, endpoint, path: &path, outcome: &mut outcome };
        if test.run_once(Stop::Never).await {
            Roll::read(&std::fs::read(&path).expect("a file")[..]).expect("a roll");
        }
    });
    assert!(outcome.problems.is_empty(), "{:?}", outcome.problems);
}
