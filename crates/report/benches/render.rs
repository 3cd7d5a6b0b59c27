//! The cost of rendering compared with plain writing: the report of 20,000 keys in each format, and the same bytes written
//! field by field through the same buffer into a file that is synced to disk; for Markdown, whose rows are short, with
//! `writeln!` from the same findings.
//!
//! Rendering and plain writing run alternately, so that other load on the machine affects both. Printed is the pair with the
//! median ratio.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a program for people to run"
)]

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::{Timestamp, ToSpan};
use rolecall_report::render;
use rolecall_report::report::FindingLimit;
use rolecall_report::{Report, Settings};
use rolecall_roll::{
    AccessKey, AccessKeyId, Account, AccountRecord, Fact, FactKind, FactSelection, Header, LastUsed,
    Policies, RoleArn, RollFile, RollWriter, RunId, Statistics, User,
};

const ACCOUNTS: u32 = 100;
const USERS: u32 = 100;
const ROUNDS: usize = 15;

/// The characters that separate fields in one of the formats.
const SEPARATORS: [char; 4] = ['"', ',', '|', '\n'];

/// Formats that contain the roll itself. Rendering them reads the roll file, so plain writing reads it too.
const ROLL_FORMATS: [&str; 2] = ["json", "roll-csv"];

type Render = fn(&mut BufWriter<File>, &RollFile, &Report) -> io::Result<()>;

const FORMATS: [(&str, Render); 6] = [
    ("json", |out, roll, report| render::json::render(out, roll, &report.coverage, Some(report))),
    ("csv", |out, roll, report| render::csv::render(out, roll, report)),
    ("roll-csv", |out, roll, report| render::roll_csv::render(out, roll, &report.coverage)),
    ("markdown", |out, roll, report| render::markdown::render(out, roll, report, None)),
    ("html", |out, roll, report| render::html::render(out, roll, report)),
    ("ocsf", |out, roll, report| render::ocsf::render(out, roll, report)),
];

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let roll = write_roll(&folder.path().join("roll.jsonl"));
    let began = Instant::now();
    let report = Report::from_file(&roll, &Settings::default(), FindingLimit::All).unwrap();
    let evaluated = began.elapsed();
    println!(
        "{} accounts, {} users, {} keys, {} findings; evaluated in {evaluated:.0?}; {ROUNDS} pairs, median",
        ACCOUNTS,
        ACCOUNTS * USERS,
        roll.counts.access_keys,
        report.open_count()
    );
    let filter = std::env::args().nth(1).unwrap_or_default();
    for (name, render) in FORMATS
        .into_iter()
        .filter(|(name, _)| filter.starts_with("--") || filter.is_empty() || *name == filter)
    {
        let (rendered_path, plain_path) = (folder.path().join(name), folder.path().join("plain"));
        write_time(&rendered_path, |out| render(out, &roll, &report));
        let text = std::fs::read_to_string(&rendered_path).unwrap();
        let mut pairs: Vec<(Duration, Duration)> = (0..ROUNDS)
            .map(|_| {
                let rendered = write_time(&rendered_path, |out| render(out, &roll, &report));
                let plain = write_time(&plain_path, |out| {
                    if ROLL_FORMATS.contains(&name) {
                        assert!(roll.accounts().all(|account| account.is_ok()));
                    }
                    if name == "markdown" {
                        return write_markdown(out, &text, &report);
                    }
                    text.split_inclusive(SEPARATORS).try_for_each(|field| write!(out, "{field}"))
                });
                (rendered, plain)
            })
            .collect();
        assert_eq!(std::fs::read_to_string(&plain_path).unwrap(), text, "the same bytes");
        let ratio = |(rendered, plain): &(Duration, Duration)| rendered.as_secs_f64() / plain.as_secs_f64();
        pairs.sort_by(|a, b| ratio(a).total_cmp(&ratio(b)));
        let median = pairs[ROUNDS / 2];
        println!(
            "  {name:<9} {:>6.1} MB  rendered in {:>6.1} ms, written plainly in {:>6.1} ms: {:.2} times",
            text.len() as f64 / 1e6,
            median.0.as_secs_f64() * 1e3,
            median.1.as_secs_f64() * 1e3,
            ratio(&median)
        );
    }
}

/// Writes the head of the Markdown from `text`, and its rows from the findings, so that memory is read as in rendering.
fn write_markdown(out: &mut BufWriter<File>, text: &str, report: &Report) -> io::Result<()> {
    let first = text.find("\n| --:").or(text.find("\n|--:|---|---|---|---|---|---|---|\n")).unwrap();
    let head = first + 1 + text[first + 1..].find('\n').unwrap() + 1;
    out.write_all(&text.as_bytes()[..head])?;
    for it in &report.findings {
        writeln!(
            out,
            "| {} | {} | {} {} | {} | {} | {} | {} | {} |",
            it.score.points,
            it.severity,
            it.subject.account_id,
            it.subject.account_name.as_deref().unwrap_or_default(),
            it.subject.user_name.as_deref().unwrap_or_default(),
            it.subject.access_key_id.as_ref().map(AccessKeyId::as_str).unwrap_or_default(),
            it.message,
            it.owner.as_ref().map_or("", |owner| &owner.name),
            it.advice.as_ref().map_or("", |advice| advice.action.as_str()),
        )?;
    }
    Ok(())
}

/// The time until the file is written and synced to disk.
fn write_time(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Duration {
    let began = Instant::now();
    let mut out = BufWriter::new(File::create(path).unwrap());
    write(&mut out).unwrap();
    out.into_inner().unwrap().sync_all().unwrap();
    began.elapsed()
}

fn write_roll(path: &Path) -> RollFile {
    let as_of: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
    let role_arn = |number: u32| -> RoleArn { format!("arn:aws:iam::{number:012}:role/R").parse().unwrap() };
    let targets = (0..ACCOUNTS).map(|number| role_arn(number).into()).collect();
    let mut header = Header::new(RunId::random(), as_of, None, targets);
    let facts = [FactKind::Users, FactKind::AccessKeys, FactKind::LastUsed, FactKind::Policies].into();
    header.collect = FactSelection { facts, ..FactSelection::default() };
    let mut writer = RollWriter::new(File::create(path).unwrap(), &header).unwrap();
    for number in 0..ACCOUNTS {
        let users = (0..USERS).map(|user| make_user(number * USERS + user, as_of)).collect();
        let account = AccountRecord::read(role_arn(number), users, Vec::new(), Vec::new());
        let details = Account { name: Some(format!("account-{number}")), ..Account::default() };
        writer.write_account(&account.with_account(Some(details))).unwrap();
    }
    writer.finish(Statistics::default()).unwrap();
    RollFile::read(File::open(path).unwrap()).unwrap()
}

fn make_user(number: u32, as_of: Timestamp) -> User {
    let ago = |days: u32| as_of - (24 * i64::from(days)).hours();
    let key = |second: u32| AccessKey {
        access_key_id: format!("AKIA{:016}", number * 2 + second).parse().unwrap(),
        status: "Active".to_owned().into(),
        create_date: Some(ago((number * 7 + second * 131) % 1500)),
        last_used: Fact::live((!number.is_multiple_of(3)).then(|| LastUsed {
            date: ago(number * 11 % 700),
            service: Some("s3".to_owned()),
            region: Some("eu-central-1".to_owned()),
        })),
    };
    let tags = [("Owner".to_owned(), format!("team-{}", number % 40))].into();
    let name = format!("user-{number:05}");
    let arn = format!("arn:aws:iam::{:012}:user/{name}", number / USERS);
    User {
        access_keys: Some(vec![key(0), key(1)]),
        policies: Fact::live(Policies { tags, ..Policies::default() }),
        ..User::new(name, format!("AIDA{number:016}"), arn, "/".to_owned(), ago(900))
    }
}
