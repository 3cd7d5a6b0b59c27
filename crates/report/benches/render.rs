//! What rendering costs over writing: the report of 20,000 keys in each format, and the same bytes written plainly: field by
//! field as they stand, through the same buffer into a file that is put on the disk; for Markdown, whose rows are short,
//! with `writeln!` from the same findings.
//!
//! Each pair runs in turn, so that what else the machine does weighs on both; the median of the ratios is told.
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

/// What stands between the fields of a row, in one format or another.
const BETWEEN: [char; 4] = ['"', ',', '|', '\n'];

/// Formats that hold the roll itself: what they write is read from its file, and so it is here.
const FROM_THE_ROLL: [&str; 2] = ["json", "roll-csv"];

type Render = fn(&mut BufWriter<File>, &RollFile, &Report) -> io::Result<()>;

const FORMATS: [(&str, Render); 6] = [
    ("json", |out, stored, report| render::json::render(out, stored, &report.coverage, Some(report))),
    ("csv", |out, stored, report| render::csv::render(out, stored, report)),
    ("roll-csv", |out, stored, report| render::roll_csv::render(out, stored, &report.coverage)),
    ("markdown", |out, stored, report| render::markdown::render(out, stored, report, None)),
    ("html", |out, stored, report| render::html::render(out, stored, report)),
    ("ocsf", |out, stored, report| render::ocsf::render(out, stored, report)),
];

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let stored = roll(&folder.path().join("roll.jsonl"));
    let began = Instant::now();
    let report = Report::from_file(&stored, &Settings::default(), FindingLimit::All).unwrap();
    let judged = began.elapsed();
    println!(
        "{} accounts, {} users, {} keys, {} findings; judged in {judged:.0?}; {ROUNDS} pairs, median",
        ACCOUNTS,
        ACCOUNTS * USERS,
        stored.counts.access_keys,
        report.number()
    );
    let wanted = std::env::args().nth(1).unwrap_or_default();
    for (name, render) in FORMATS
        .into_iter()
        .filter(|(name, _)| wanted.starts_with("--") || wanted.is_empty() || *name == wanted)
    {
        let (at, plain) = (folder.path().join(name), folder.path().join("plain"));
        written(&at, |out| render(out, &stored, &report));
        let text = std::fs::read_to_string(&at).unwrap();
        let mut pairs: Vec<(Duration, Duration)> = (0..ROUNDS)
            .map(|_| {
                let rendered = written(&at, |out| render(out, &stored, &report));
                let lines = written(&plain, |out| {
                    if FROM_THE_ROLL.contains(&name) {
                        assert!(stored.accounts().all(|account| account.is_ok()));
                    }
                    if name == "markdown" {
                        return markdown(out, &text, &report);
                    }
                    text.split_inclusive(BETWEEN).try_for_each(|field| write!(out, "{field}"))
                });
                (rendered, lines)
            })
            .collect();
        assert_eq!(std::fs::read_to_string(&plain).unwrap(), text, "the same bytes");
        let ratio = |(rendered, lines): &(Duration, Duration)| rendered.as_secs_f64() / lines.as_secs_f64();
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

/// The rows of Markdown from the findings themselves, in whose order they lie about in memory, and what is before them.
fn markdown(out: &mut BufWriter<File>, text: &str, report: &Report) -> io::Result<()> {
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

/// How long it takes until the file is on the disk.
fn written(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Duration {
    let began = Instant::now();
    let mut out = BufWriter::new(File::create(path).unwrap());
    write(&mut out).unwrap();
    out.into_inner().unwrap().sync_all().unwrap();
    began.elapsed()
}

fn roll(path: &Path) -> RollFile {
    let as_of: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
    let role_arn = |number: u32| -> RoleArn { format!("arn:aws:iam::{number:012}:role/R").parse().unwrap() };
    let targets = (0..ACCOUNTS).map(|number| role_arn(number).into()).collect();
    let mut header = Header::new(RunId::random(), as_of, None, targets);
    let facts = [FactKind::Users, FactKind::AccessKeys, FactKind::LastUsed, FactKind::Policies].into();
    header.collect = FactSelection { facts, ..FactSelection::default() };
    let mut writer = RollWriter::new(File::create(path).unwrap(), &header).unwrap();
    for number in 0..ACCOUNTS {
        let users = (0..USERS).map(|user| person(number * USERS + user, as_of)).collect();
        let account = AccountRecord::read(role_arn(number), users, Vec::new(), Vec::new());
        let known = Account { name: Some(format!("account-{number}")), ..Account::default() };
        writer.write_account(&account.with_account(Some(known))).unwrap();
    }
    writer.finish(Statistics::default()).unwrap();
    RollFile::read(File::open(path).unwrap()).unwrap()
}

fn person(number: u32, as_of: Timestamp) -> User {
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
