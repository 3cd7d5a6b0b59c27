//! Runs within the test process: the canary, resuming, and stopping.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot continue fails; it may read the clock"
)]

mod common;

use std::fs::OpenOptions;
use std::time::{Duration, SystemTime};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use common::{TestScanner, scanner, settings};
use jiff::Timestamp;
use rolecall_core::cancellation::Cancellation;
use rolecall_core::options::row::{OptionSet, Origin};
use rolecall_core::options::targets::TargetOptions;
use rolecall_core::run::{RunError, RunStart};
use rolecall_core::targets::TargetPlan;
use rolecall_core::{Run, Settings};
use rolecall_roll::continuation::Discontinuity;
use rolecall_roll::{AccountRecord, Counts, ErrorKind, Outcome, ResumableRoll, RunId};
use rolecall_testkit::{FakeAws, User, xml};
use wiremock::ResponseTemplate;

/// A fake AWS with this number of accounts, each with one user, and their ids.
async fn aws(accounts: usize) -> (FakeAws, Vec<String>) {
    let ids: Vec<String> = (1..=accounts).map(|number| format!("{number:012}")).collect();
    let users = || vec![User::new("alice", &[(1, "Active")])];
    (FakeAws::with_accounts(ids.iter().map(|id| (id.as_str(), users())), 10).await, ids)
}

fn plan(ids: &[String]) -> TargetPlan {
    let mut options = TargetOptions::default();
    options.set("account", ids, Origin::Flag).unwrap();
    options.set("role_name", &["IAMListRole".to_owned()], Origin::Flag).unwrap();
    TargetPlan::new(options, None, &[]).unwrap()
}

fn start() -> RunStart {
    let as_of = "2026-11-25T08:00:00Z".parse().unwrap();
    RunStart { run_id: RunId::random(), as_of, accepted: Vec::new() }
}

async fn prepare<'a>(test: &'a TestScanner, ids: &[String]) -> Run<'a> {
    let settings = test.context.settings.clone();
    Run::prepare(&test.scanner, &plan(ids), settings, start(), &Cancellation::new(None)).await.unwrap()
}

/// The records of a run; if all canary accounts were denied, also their number and the number of accounts not read.
async fn records(run: &Run<'_>) -> (Vec<AccountRecord>, Option<(usize, usize)>) {
    let cancellation = Cancellation::new(None);
    let mut stream = run.records(&cancellation);
    let mut records = Vec::new();
    while let Some(record) = stream.next().await {
        records.push(record);
    }
    (records, stream.denial().map(|denial| (denial.denied, denial.not_read)))
}

fn with_canary(canary: usize) -> Settings {
    let mut settings = settings();
    settings.limits.canary = canary;
    settings
}

#[tokio::test]
async fn every_target_has_one_record_with_the_time_of_the_run() {
    let (aws, ids) = aws(12).await;
    let test = scanner(&aws.uri(), with_canary(5)).await;
    let run = prepare(&test, &ids).await;
    let (mut records, denial) = records(&run).await;
    assert_eq!(denial, None);
    records.sort_by(|a, b| a.account_id().cmp(b.account_id()));
    let read: Vec<&str> = records.iter().map(|record| record.account_id().as_str()).collect();
    assert_eq!(read, ids);
    let as_of: Timestamp = "2026-11-25T08:00:00Z".parse().unwrap();
    assert!(records.iter().all(|it| it.outcome() == Outcome::Complete && it.as_of() == Some(as_of)));
    assert_eq!(run.header().targets.len(), 12);
    assert_eq!(run.statistics().calls["AssumeRole"].attempts, 12);
}

#[tokio::test]
async fn if_all_canary_accounts_are_denied_the_others_are_not_read() {
    let (aws, ids) = aws(12).await;
    aws.respond_with_error("AssumeRole", 403, "AccessDenied", "no").await;
    let test = scanner(&aws.uri(), with_canary(5)).await;
    let (read, denial) = records(&prepare(&test, &ids).await).await;
    assert_eq!((read.len(), denial), (5, Some((5, 7))));
    assert_eq!(aws.calls("AssumeRole").await, 5);
    let test = scanner(&aws.uri(), with_canary(0)).await;
    let (read, denial) = records(&prepare(&test, &ids).await).await;
    assert_eq!((read.len(), denial), (12, None), "without a canary all are read");
}

#[tokio::test]
async fn the_callers_own_account_is_no_canary() {
    let (aws, mut ids) = aws(8).await;
    aws.respond_with_error("AssumeRole", 403, "AccessDenied", "no").await;
    // The caller's own account, as the fake's GetCallerIdentity returns it.
    ids.push("222222222222".to_owned());
    let test = scanner(&aws.uri(), with_canary(3)).await;
    let run = prepare(&test, &ids).await;
    assert!(
        run.targets().as_slice().iter().any(|target| target.role().is_none()),
        "one target is the caller's own account"
    );
    let (read, denial) = records(&run).await;
    assert_eq!((read.len(), denial), (3, Some((3, 6))));
}

#[tokio::test]
async fn if_one_canary_account_is_read_all_others_are_read() {
    let (aws, ids) = aws(12).await;
    let denied = ids.iter().take(4).cloned().collect::<Vec<_>>();
    for id in denied {
        aws.deny_role(&format!("arn:aws:iam::{id}:role/IAMListRole"));
    }
    let test = scanner(&aws.uri(), with_canary(5)).await;
    let (read, denial) = records(&prepare(&test, &ids).await).await;
    assert_eq!(denial, None);
    let failed = read.iter().filter(|it| it.outcome() == Outcome::Failed).count();
    assert_eq!((read.len(), failed), (12, 4));
}

/// Runs with a roll file; returns the number of the run's records, and the roll's counts.
async fn run_with(
    test: &TestScanner,
    path: &std::path::Path,
    ids: &[String],
) -> Result<(usize, Counts), Discontinuity> {
    let mut run = prepare(test, ids).await;
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).unwrap();
    let previous = ResumableRoll::read(file).unwrap();
    run.resume(&previous)?;
    let (records, _) = records(&run).await;
    let mut appender = previous.resume(run.header()).unwrap();
    for record in &records {
        appender.add(record).unwrap();
    }
    Ok((records.len(), appender.finish(run.statistics()).unwrap().counts))
}

#[tokio::test]
async fn a_resumed_run_reads_only_what_is_missing_and_without_a_canary() {
    let (aws, ids) = aws(9).await;
    for id in ids.iter().skip(1) {
        aws.deny_role(&format!("arn:aws:iam::{id}:role/IAMListRole"));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roll.jsonl");
    let test = scanner(&aws.uri(), with_canary(3)).await;
    let (read, counts) = run_with(&test, &path, &ids).await.unwrap();
    assert_eq!((read, counts.complete), (9, 1));
    let (read, counts) = run_with(&test, &path, &ids).await.unwrap();
    assert_eq!((read, counts.complete, counts.failed), (8, 1, 8), "only what is missing is read");
    aws.allow_roles();
    let (read, counts) = run_with(&test, &path, &ids).await.unwrap();
    assert_eq!((read, counts.complete), (8, 9));
    assert_eq!(run_with(&test, &path, &ids).await.unwrap().0, 0, "nothing is missing");
    let fewer = run_with(&test, &path, &ids[..3]).await;
    assert!(
        matches!(fewer, Err(Discontinuity::Targets { .. })),
        "a run with other targets does not resume the roll"
    );
}

#[tokio::test]
async fn the_deadline_stops_a_run_and_what_was_read_is_kept() {
    let (aws, ids) = aws(3).await;
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_mins(1));
    aws.answer("ListAccessKeys", slow).await;
    let test = scanner(&aws.uri(), with_canary(0)).await;
    let run = prepare(&test, &ids).await;
    let cancellation = Cancellation::new(Some(Duration::from_millis(500)));
    let mut stream = run.records(&cancellation);
    let mut records = Vec::new();
    while let Some(record) = stream.next().await {
        records.push(record);
    }
    assert_eq!(records.len(), 3);
    for record in records {
        assert_eq!(record.outcome(), Outcome::Partial);
        assert_eq!(record.gaps()[0].error_kind, ErrorKind::TimedOut);
        assert_eq!(record.users().unwrap().len(), 1, "the users were listed");
    }
}

#[tokio::test]
async fn a_run_whose_caller_is_unknown_reads_nothing() {
    let (aws, ids) = aws(1).await;
    aws.respond_with_error("GetCallerIdentity", 403, "ExpiredToken", "The security token is expired").await;
    let test = scanner(&aws.uri(), settings()).await;
    let cancelled = Cancellation::new(None);
    let error = Run::prepare(&test.scanner, &plan(&ids), settings(), start(), &cancelled).await.unwrap_err();
    assert!(
        matches!(&error, RunError::Caller(error) if error.error_kind == ErrorKind::Credentials),
        "{error}"
    );
    cancelled.cancel();
    let stopped = Run::prepare(&test.scanner, &plan(&ids), settings(), start(), &cancelled).await;
    assert!(stopped.is_err());
    assert_eq!(aws.calls("AssumeRole").await, 0);
}

#[tokio::test]
async fn a_wrong_clock_is_noticed_and_recorded() {
    for (offset_minutes, words) in [
        (0, None),
        (4, None),
        (-7, Some("clock is 7 minutes ahead of that of AWS")),
        (60 * 30, Some("clock is 30 hours behind that of AWS")),
        (60 * 24 * 800, Some("clock is 800 days behind that of AWS")),
    ] {
        let (aws, ids) = aws(1).await;
        let date = DateTime::from_secs(DateTime::from(SystemTime::now()).secs() + offset_minutes * 60);
        let date = date.fmt(Format::HttpDate).unwrap();
        let answer =
            |body: String| ResponseTemplate::new(200).insert_header("date", &*date).set_body_string(body);
        aws.answer("GetCallerIdentity", answer(xml::get_caller_identity())).await;
        aws.answer("ListAccessKeys", answer(xml::list_access_keys(&User::new("alice", &[]), None))).await;
        let test = scanner(&aws.uri(), settings()).await;
        let run = prepare(&test, &ids).await;
        let notes = run.notes().join("\n");
        assert_eq!(notes.contains(words.unwrap_or("clock")), words.is_some(), "{offset_minutes}: {notes}");
        records(&run).await;
        let ahead = run.statistics().clock_ahead_s;
        assert_eq!(ahead.is_some(), words.is_some(), "{offset_minutes}: {ahead:?}");
        assert!(ahead.is_none_or(|ahead| (ahead + offset_minutes * 60).abs() < 60), "{ahead:?}");
    }
}
