//! Runs of the built binaries: with signals, kills, full disks and closed pipes, and the function in its runtime.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rolecall_roll::RollFile;
use rolecall_testkit::process::caller_environment;
use rolecall_testkit::runtime_api::RuntimeApi;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::check;
use crate::fault::Plan;
use crate::outcome::Outcome;
use crate::scenario::Scenario;
use crate::secrets;
use crate::selection::List;
use crate::server::{CALLER_KEY, Server};

/// What happens to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Disturbance {
    None,
    Signal(Signal),
    Killed,
    FullDisk,
    FileSizeLimit,
    ClosedStdout,
}

impl Disturbance {
    fn name(self) -> &'static str {
        match self {
            Self::None => "binary",
            Self::Signal(_) => "binary with a signal",
            Self::Killed => "binary that is killed",
            Self::FullDisk => "binary with a full disk",
            Self::FileSizeLimit => "binary with a limit of the file size",
            Self::ClosedStdout => "binary with stdout closed",
        }
    }
}

/// The name of the accounts file.
const ACCOUNTS_FILE: &str = "accounts";
/// The longest time that a process may take.
const LONGEST: Duration = Duration::from_mins(4);

fn in_runtime(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(work);
}

/// Runs a seed with the binary `rolecall` of a folder.
pub(crate) fn binary(seed: u64, folder: &Path) -> Outcome {
    let mut outcome = Outcome::default();
    in_runtime(async {
        let mut test = Test::begin(seed, folder.join("rolecall"), &mut outcome).await;
        test.run().await;
        test.end();
    });
    outcome
}

/// Runs a seed with the binary `rolecall-lambda` of a folder.
pub(crate) fn function(seed: u64, folder: &Path) -> Outcome {
    let mut outcome = Outcome::default();
    in_runtime(async {
        let mut test = Test::begin(seed, folder.join("rolecall-lambda"), &mut outcome).await;
        test.invoke().await;
        test.end();
    });
    outcome
}

struct Test<'a> {
    scenario: Scenario,
    server: Server,
    endpoint: String,
    program: PathBuf,
    folder: tempfile::TempDir,
    is_faultless: bool,
    outcome: &'a mut Outcome,
}

impl<'a> Test<'a> {
    async fn begin(seed: u64, program: PathBuf, outcome: &'a mut Outcome) -> Self {
        let mut scenario = Scenario::generate(seed, true);
        let plan = std::mem::replace(&mut scenario.plan, Plan::none(seed));
        let is_faultless = plan.rules.is_empty();
        let server = Server::new(Arc::clone(&scenario.world), plan, jiff::Timestamp::now());
        let endpoint = format!("http://{}", server.clone().listen().await.expect("loopback"));
        let folder = tempfile::tempdir().expect("a folder");
        if let Some(text) = scenario.selection.file(&scenario.world) {
            fs::write(folder.path().join(ACCOUNTS_FILE), text).expect("a file");
        }
        Self { scenario, server, endpoint, program, folder, is_faultless, outcome }
    }

    fn end(self) {
        self.outcome.figures.requests += self.server.requests();
        for (fault, count) in self.server.happened() {
            *self.outcome.figures.faults.entry(format!("{fault:?}")).or_default() += count;
        }
    }

    /// The variables with which both binaries read the scenario.
    fn variables(&self) -> Vec<(&'static str, String)> {
        let limits = &self.scenario.settings.limits;
        let selection = &self.scenario.settings.selection;
        let mut variables = caller_environment(&self.endpoint);
        variables.extend([
            ("AWS_ACCESS_KEY_ID", CALLER_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", secrets::caller_secret_access_key()),
            ("AWS_SESSION_TOKEN", secrets::caller_session_token()),
            ("ROLECALL_EXTERNAL_ID", secrets::external_id()),
            ("ROLECALL_COLLECT", selection.names()),
            ("ROLECALL_USER_SOURCE", selection.user_source.name().to_owned()),
            ("ROLECALL_CONCURRENCY", limits.concurrency.to_string()),
            ("ROLECALL_ACCOUNT_CONCURRENCY", limits.account_concurrency.to_string()),
            ("ROLECALL_MAX_ATTEMPTS", limits.max_attempts.to_string()),
            ("ROLECALL_CANARY", limits.canary.to_string()),
            ("ROLECALL_INITIAL_BACKOFF", "1ms".to_owned()),
            ("ROLECALL_MAX_BACKOFF", "5ms".to_owned()),
            ("ROLECALL_ATTEMPT_TIMEOUT", format!("{}ms", limits.attempt_timeout.as_millis())),
            ("ROLECALL_ACCOUNT_TIMEOUT", format!("{}ms", limits.account_timeout.as_millis())),
            ("RUST_LOG", "trace".to_owned()),
            ("PATH", "/usr/bin:/bin".to_owned()),
        ]);
        variables
    }

    /// The flags that give the targets.
    fn flags(&self) -> Vec<String> {
        let mut options = self.scenario.selection.options(&self.scenario.world);
        if self.path(ACCOUNTS_FILE).exists() {
            options.push(("accounts_file", vec![ACCOUNTS_FILE.to_owned()]));
        }
        let flag = |(key, values): (&str, Vec<String>)| {
            let flag = format!("--{}", key.replace('_', "-"));
            let is_switch = values == ["true"];
            values
                .into_iter()
                .map(move |value| if is_switch { flag.clone() } else { format!("{flag}={value}") })
        };
        options.into_iter().flat_map(flag).collect()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command whose stdout and stderr go to files of these names.
    fn command(&self, program: &Path, arguments: &[&str], name: &str) -> Command {
        let file = |suffix: &str| File::create(self.path(&format!("{name}.{suffix}"))).expect("a file");
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(self.variables()).current_dir(self.folder.path());
        command.stdin(Stdio::null()).stdout(file("out")).stderr(file("err")).kill_on_drop(true);
        command
    }

    /// Waits for the end of a process.
    async fn wait(&mut self, mut child: Child) -> Option<ExitStatus> {
        match tokio::time::timeout(LONGEST, child.wait()).await {
            Ok(status) => Some(status.expect("a status")),
            Err(_) => {
                self.outcome
                    .add_problems([format!("{} did not end within {LONGEST:?}", self.program.display())]);
                None
            }
        }
    }

    /// Searches what a process of this name has printed.
    fn search(&mut self, name: &str) {
        for suffix in ["out", "err"] {
            let printed = fs::read(self.path(&format!("{name}.{suffix}"))).unwrap_or_default();
            self.outcome.search(&format!("{name}.{suffix}"), &printed);
            if memchr::memmem::find(&printed, b"internal error in rolecall").is_some() {
                self.outcome.add_problems([format!("{name}.{suffix} has an internal error")]);
            }
        }
    }

    async fn run(&mut self) {
        let rng = &mut self.scenario.rng;
        let after = Duration::from_millis(rng.u64(..1500));
        let disturbance = match rng.u8(..8) {
            0 => Disturbance::Signal(Signal::TERM),
            1 => Disturbance::Signal(Signal::INT),
            2 | 3 => Disturbance::Killed,
            4 => Disturbance::FullDisk,
            5 => Disturbance::FileSizeLimit,
            6 => Disturbance::ClosedStdout,
            _ => Disturbance::None,
        };
        self.outcome.figures.runs.insert(disturbance.name(), 1);
        let status = self.disturbed(disturbance, after).await;
        self.search("scan");
        let is_undisturbed = disturbance == Disturbance::None && self.is_faultless;
        self.check(status, is_undisturbed);
        if matches!(disturbance, Disturbance::FullDisk | Disturbance::ClosedStdout)
            && status.and_then(|status| status.code()) == Some(0)
        {
            self.outcome.add_problems([format!("{disturbance:?} ends with exit code 0")]);
        }
        // The same command again, without faults, completes the roll.
        self.server.set_plan(Plan::none(0));
        self.scenario.settings.limits.account_timeout = Duration::from_mins(2);
        self.scenario.settings.limits.attempt_timeout = Duration::from_secs(20);
        *self.outcome.figures.runs.entry("binary that resumes").or_default() += 1;
        let status = self.disturbed(Disturbance::None, after).await;
        self.search("scan");
        self.check(status, true);
        self.reports().await;
    }

    async fn disturbed(&mut self, disturbance: Disturbance, after: Duration) -> Option<ExitStatus> {
        let out = if disturbance == Disturbance::FullDisk { "/dev/full" } else { "-" };
        let flags = self.flags();
        let mut arguments = vec!["scan", "-vvv", "--roll", "roll.jsonl", "--format", "json", "--out", out];
        arguments.extend(flags.iter().map(String::as_str));
        let program = self.program.clone();
        let mut command = match disturbance {
            Disturbance::FileSizeLimit => {
                let limit = "ulimit -f 8; exec \"$0\" \"$@\"";
                let program = program.display().to_string();
                let all = [&["-c", limit, &program], &arguments[..]].concat();
                self.command(Path::new("/bin/sh"), &all, "scan")
            }
            _ => self.command(&program, &arguments, "scan"),
        };
        if disturbance == Disturbance::ClosedStdout {
            command.stdout(Stdio::piped());
        }
        let mut child = command.spawn().expect("the program starts");
        drop(child.stdout.take());
        let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        match disturbance {
            Disturbance::Signal(signal) => {
                tokio::time::sleep(after).await;
                if let Some(pid) = pid {
                    // The process may have ended.
                    let _ = kill_process(pid, signal);
                }
            }
            Disturbance::Killed => {
                tokio::time::sleep(after).await;
                let _ = child.start_kill();
            }
            _ => {}
        }
        self.wait(child).await
    }

    /// Checks the roll file, and that the exit code follows from its lines.
    fn check(&mut self, status: Option<ExitStatus>, must_be_complete: bool) {
        let code = status.and_then(|status| status.code());
        self.outcome.search("the roll", &fs::read(self.path("roll.jsonl")).unwrap_or_default());
        let file = File::open(self.path("roll.jsonl")).ok().map(RollFile::read);
        let Some(Ok(roll)) = file else {
            if must_be_complete || matches!(code, Some(0 | 10)) {
                self.outcome.add_problems([format!("exit code {code:?} without a roll")]);
            }
            return;
        };
        let accounts = roll.accounts().map(|account| serde_json::to_value(account.expect("a line")));
        let records: Vec<Value> = accounts.map(|account| account.expect("JSON")).collect();
        self.outcome.count_records(&records);
        let is_finished = matches!(code, Some(0 | 10));
        let problems = check::records(
            &self.scenario.world,
            &self.scenario.selection,
            &records,
            &self.scenario.requested(),
            !is_finished,
        );
        self.outcome.add_problems(problems);
        let is_complete = roll.coverage().expect("lines").is_complete;
        let is_true = match code {
            Some(0 | 10) => is_complete,
            Some(11) => !is_complete,
            _ => !must_be_complete,
        };
        if !is_true || (must_be_complete && code != Some(0)) {
            let complete = if is_complete { "complete" } else { "not complete" };
            self.outcome.add_problems([format!("exit code {code:?} of a roll that is {complete}")]);
        }
    }

    /// Searches the reports in all formats, and an evidence bundle.
    async fn reports(&mut self) {
        let program = self.program.clone();
        for format in ["table", "json", "jsonl", "csv", "roll-csv", "markdown", "html", "ocsf"] {
            let arguments = ["report", "roll.jsonl", "--format", format];
            let child = self.command(&program, &arguments, format).spawn().expect("the program starts");
            let status = self.wait(child).await;
            if !matches!(status.and_then(|status| status.code()), Some(0 | 10)) {
                self.outcome.add_problems([format!("report --format {format} ends with {status:?}")]);
            }
            self.search(format);
        }
        let arguments = ["evidence", "roll.jsonl", "--out", "bundle"];
        let child = self.command(&program, &arguments, "evidence").spawn().expect("the program starts");
        let status = self.wait(child).await;
        let files: Vec<PathBuf> = fs::read_dir(self.path("bundle"))
            .map(|files| files.flatten().map(|file| file.path()).collect())
            .unwrap_or_default();
        if files.is_empty() {
            self.outcome.add_problems([format!("evidence ends with {status:?} and without a file")]);
        }
        for file in files {
            self.outcome.search("the evidence bundle", &fs::read(file).unwrap_or_default());
        }
        self.search("evidence");
    }

    /// Invokes the function, and checks its response.
    async fn invoke(&mut self) {
        self.outcome.figures.runs.insert("function", 1);
        let Scenario { world, selection, .. } = &mut self.scenario;
        if selection.is_file() {
            // The function reads no files, and an event has no tags.
            (selection.team, selection.list) = (None, List::Event);
        }
        let event = selection.event(world);
        let options = selection
            .options(world)
            .into_iter()
            .map(|(key, values)| (format!("ROLECALL_{}", key.to_uppercase()), values.join(",")));
        let options: Vec<(String, String)> = options.collect();
        let api = RuntimeApi::start(&[event.as_str()], Duration::from_secs(30)).await;
        let program = self.program.clone();
        let mut command = self.command(&program, &[], "function");
        let child = command.envs(options).envs(api.environment()).spawn().expect("the program starts");
        let answers = api.answers(1).await;
        drop(child);
        self.search("function");
        let answer = answers.first().expect("the function answers");
        self.outcome.search("the response of the function", answer.body.as_bytes());
        if answer.is_error {
            *self.outcome.figures.records.entry("none: the run failed".to_owned()).or_default() += 1;
            if self.is_faultless {
                self.outcome.add_problems([format!("without a fault: {}", answer.body)]);
            }
            return;
        }
        let document: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let records = document["accounts"].as_array().cloned().unwrap_or_default();
        self.outcome.count_records(&records);
        let problems = check::records(
            &self.scenario.world,
            &self.scenario.selection,
            &records,
            &self.scenario.requested(),
            false,
        );
        self.outcome.add_problems(problems);
    }
}
