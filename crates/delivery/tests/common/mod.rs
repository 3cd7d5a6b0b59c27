//! Distributed runs over a fake AWS, with a folder as the store.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "each test file uses some of these; a test that cannot continue fails, and may use the clock"
)]

// The scanner of core's tests.
#[path = "../../../core/tests/common/mod.rs"]
mod scanner;

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::read::GzDecoder;
use jiff::Timestamp;
use rolecall_core::cancellation::Cancellation;
use rolecall_core::options::row::{OptionSet, Origin};
use rolecall_core::options::targets::TargetOptions;
use rolecall_core::run::RunStart;
use rolecall_core::targets::TargetPlan;
use rolecall_core::{Run, Scanner, Settings};
use rolecall_delivery::merge::MergeRequest;
use rolecall_delivery::plan::Claim;
use rolecall_delivery::store::StoreLocation;
use rolecall_delivery::{
    CollectError, CollectRequest, Collected, Cursor, MergeError, Merged, PlanFailure, PlanRequest, Planned,
    Recipients, RunKey, Store, collect, merge, plan,
};
use rolecall_report::bundle::Program;
use rolecall_roll::{AccountRecord, Roll, RunId};
use rolecall_testkit::secrets::assert_no_secret_in;
use rolecall_testkit::{FakeAws, User};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const FIRST_NIGHT: &str = "2026-11-25T03:00:00Z";
pub(crate) const SECOND_NIGHT: &str = "2026-11-26T03:00:00Z";
pub(crate) const THIRD_NIGHT: &str = "2026-11-27T03:00:00Z";

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The ids of this number of accounts.
pub(crate) fn ids(accounts: usize) -> Vec<String> {
    (1..=accounts).map(|number| format!("{number:012}")).collect()
}

/// This number of users, each with a key.
pub(crate) fn users(number: usize) -> Vec<User> {
    (1..=number).map(|number| User::new(&format!("user{number:03}"), &[(1, "Active")])).collect()
}

/// A fake AWS with these accounts, each with this number of users.
pub(crate) async fn aws(ids: &[String], users_of_each: usize) -> FakeAws {
    FakeAws::with_accounts(ids.iter().map(|id| (id.as_str(), users(users_of_each))), 10).await
}

/// A store in a temporary folder, and how runs read into it.
pub(crate) struct Sweep {
    pub(crate) folder: TempDir,
    pub(crate) settings: Settings,
    pub(crate) options: TargetOptions,
}

impl Sweep {
    /// Reads these accounts, without a canary.
    pub(crate) fn new(ids: &[String]) -> Self {
        let mut options = TargetOptions::default();
        options.set("account", ids, Origin::Flag).unwrap();
        options.set("role_name", &["IAMListRole".to_owned()], Origin::Flag).unwrap();
        let mut settings = scanner::settings();
        settings.limits.canary = 0;
        Self { folder: tempfile::tempdir().unwrap(), settings, options }
    }

    pub(crate) fn set(&mut self, key: &str, value: &str) {
        self.options.set(key, &[value.to_owned()], Origin::Flag).unwrap();
    }

    pub(crate) fn target_plan(&self) -> TargetPlan {
        TargetPlan::new(self.options.clone(), None, &[]).unwrap()
    }

    /// The options of an invocation that collects: it has no targets.
    pub(crate) fn role_plan(&self) -> TargetPlan {
        TargetPlan::for_one_account(self.options.clone(), &[])
    }

    /// A new invocation, with a scanner of its own.
    pub(crate) async fn invocation(&self, aws: &FakeAws) -> Invocation<'_> {
        let scanner = scanner::scanner(&aws.uri(), self.settings.clone()).await.scanner;
        let store = Store::open(&StoreLocation::Folder(self.folder.path().to_owned()), &scanner, None);
        Invocation { sweep: self, scanner, store }
    }

    pub(crate) async fn plan(&self, aws: &FakeAws, as_of: &str, batch_size: usize) -> RunKey {
        self.invocation(aws).await.plan(request(as_of, batch_size)).await.unwrap().run
    }

    /// Plans and collects a run.
    pub(crate) async fn collected(&self, aws: &FakeAws, as_of: &str, batch_size: usize) -> RunKey {
        let planned = self.invocation(aws).await.plan(request(as_of, batch_size)).await.unwrap();
        for batch in 0..planned.batches {
            self.invocation(aws).await.collect(planned.run, batch).await.unwrap();
        }
        planned.run
    }

    pub(crate) async fn merge(&self, aws: &FakeAws, run: RunKey) -> Result<Merged, MergeError> {
        self.invocation(aws).await.merge(run, None).await
    }

    /// A whole run.
    pub(crate) async fn run(&self, aws: &FakeAws, as_of: &str, batch_size: usize) -> Merged {
        let run = self.collected(aws, as_of, batch_size).await;
        self.merge(aws, run).await.unwrap()
    }

    pub(crate) fn path(&self, key: &str) -> PathBuf {
        self.folder.path().join(key)
    }

    pub(crate) fn read(&self, key: &str) -> String {
        let bytes = fs::read(self.path(key)).unwrap_or_else(|error| panic!("{key}: {error}"));
        let mut text = String::new();
        let is_compressed = Path::new(key).extension().is_some_and(|extension| extension == "gz");
        let read = if is_compressed {
            GzDecoder::new(&bytes[..]).read_to_string(&mut text)
        } else {
            (&bytes[..]).read_to_string(&mut text)
        };
        read.unwrap_or_else(|error| panic!("{key}: {error}"));
        text
    }

    pub(crate) fn json(&self, key: &str) -> Value {
        serde_json::from_str(&self.read(key)).unwrap()
    }

    pub(crate) fn latest(&self) -> Option<String> {
        let latest = fs::read_to_string(self.path("latest.json")).ok()?;
        Some(serde_json::from_str::<Value>(&latest).unwrap()["run"].as_str().unwrap().to_owned())
    }

    /// The keys of all objects.
    pub(crate) fn keys(&self) -> BTreeSet<String> {
        let mut keys = BTreeSet::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let key = path.strip_prefix(self.folder.path()).unwrap();
                    keys.insert(key.to_str().unwrap().to_owned());
                }
            }
        }
        keys
    }

    pub(crate) fn roll(&self, run: RunKey) -> Roll {
        Roll::read(self.read(&run.object("roll.jsonl")).as_bytes()).unwrap()
    }

    /// What a roll says, without what differs between two runs over the same accounts.
    pub(crate) fn content(&self, run: RunKey) -> Content {
        content(self.roll(run))
    }

    /// No object of the store has a secret in it.
    pub(crate) fn assert_no_secret(&self) {
        for key in self.keys() {
            assert_no_secret_in(&key);
            assert_no_secret_in(&String::from_utf8_lossy(&fs::read(self.path(&key)).unwrap()));
        }
    }

    /// What one run over all accounts in a single process says.
    pub(crate) async fn plain_run(&self, aws: &FakeAws, as_of: &str) -> Content {
        let scanner = scanner::scanner(&aws.uri(), self.settings.clone()).await.scanner;
        let start = RunStart { run_id: RunId::random(), as_of: at(as_of), accepted: Vec::new() };
        let never = Cancellation::new(None);
        let plan = self.target_plan();
        let run = Run::prepare(&scanner, &plan, self.settings.clone(), start, &never).await.unwrap();
        let (mut records, mut accounts) = (run.records(&never), Vec::new());
        while let Some(record) = records.next().await {
            accounts.push(record);
        }
        content(Roll::new(run.header().clone(), accounts, run.statistics()))
    }
}

/// A roll without its ids, its times and the ids of its sessions.
#[derive(Debug, PartialEq)]
pub(crate) struct Content {
    header: rolecall_roll::Header,
    pub(crate) accounts: Vec<AccountRecord>,
}

fn content(roll: Roll) -> Content {
    let mut header = roll.header;
    header.run_id = "8a6f0c1e-52d1-4b7e-9f0e-6a2b3c4d5e6f".parse().unwrap();
    let accounts = roll.accounts.into_iter().map(|account| account.with_sessions(Vec::new()));
    let mut accounts: Vec<AccountRecord> = accounts.collect();
    accounts.sort_by(|a, b| a.account_id().cmp(b.account_id()));
    Content { header, accounts }
}

pub(crate) fn request(as_of: &str, batch_size: usize) -> PlanRequest {
    PlanRequest {
        run_id: RunId::random(),
        as_of: at(as_of),
        accepted: Vec::new(),
        claim: None,
        batch_size,
        concurrent_batches: 1,
    }
}

pub(crate) fn claimed(as_of: &str, name: &str, execution: &str) -> PlanRequest {
    let claim = Some(Claim { name: name.to_owned(), execution: execution.to_owned() });
    PlanRequest { claim, ..request(as_of, 5) }
}

/// One invocation of the function.
pub(crate) struct Invocation<'a> {
    sweep: &'a Sweep,
    pub(crate) scanner: Scanner,
    pub(crate) store: Store,
}

impl Invocation<'_> {
    pub(crate) async fn plan(&self, request: PlanRequest) -> Result<Planned, PlanFailure> {
        let (plan_of_targets, settings) = (self.sweep.target_plan(), self.sweep.settings.clone());
        let never = Cancellation::new(None);
        plan(&self.store, &self.scanner, &plan_of_targets, settings, request, &never).await
    }

    pub(crate) async fn collect(&self, run: RunKey, batch: usize) -> Result<Collected, CollectError> {
        self.collect_until(run, batch, Cursor::default(), None).await
    }

    pub(crate) async fn collect_until(
        &self,
        run: RunKey,
        batch: usize,
        cursor: Cursor,
        deadline: Option<Duration>,
    ) -> Result<Collected, CollectError> {
        let (plan, settings) = (self.sweep.role_plan(), self.sweep.settings.clone());
        let request = CollectRequest { run, batch, cursor };
        collect(&self.store, &self.scanner, &plan, settings, &request, &Cancellation::new(deadline)).await
    }

    pub(crate) async fn merge(
        &self,
        run: RunKey,
        recipients: Option<&Recipients>,
    ) -> Result<Merged, MergeError> {
        let request = MergeRequest {
            run,
            settings: &rolecall_report::Settings::default(),
            accepted: None,
            configuration: None,
            program: Program { version: "0.0.0".to_owned(), sha256: "0".repeat(64) },
            now: Timestamp::now(),
            recipients,
        };
        merge(&self.store, &request).await
    }
}

/// Collects a batch, invocation by invocation, until nothing is left. Returns the number of invocations.
pub(crate) async fn collect_to_the_end(
    sweep: &Sweep,
    aws: &FakeAws,
    run: RunKey,
    batch: usize,
    deadline: Duration,
) -> usize {
    let mut cursor = Cursor::default();
    for number in 1..200 {
        let invocation = sweep.invocation(aws).await;
        let collected = invocation.collect_until(run, batch, cursor, Some(deadline)).await.unwrap();
        if collected.left == 0 {
            return number;
        }
        // As the state machine passes it on.
        let text = serde_json::to_string(&collected.cursor).unwrap();
        cursor = serde_json::from_str(&text).unwrap();
    }
    panic!("the batch does not end");
}

pub(crate) fn role_arn(account_id: &str) -> String {
    format!("arn:aws:iam::{account_id}:role/IAMListRole")
}

pub(crate) fn write(path: &Path, value: &impl serde::Serialize) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, serde_json::to_vec(value).unwrap()).unwrap();
}
