//! What the fuzzer calls: one function for each kind of bytes that come from outside. None may panic, whatever the bytes are.
//!
//! `corpus/NAME` has the seeds of each. `tests/corpora.rs` runs them with `cargo test`, and `make fuzz TARGET=NAME` goes on
//! from there; its programs are in `libfuzzer/`, which needs a nightly toolchain.
//!
//! ```
//! for (name, call) in rolecall_fuzz::TARGETS {
//!     call(name.as_bytes());
//! }
//! ```

#![allow(clippy::expect_used, reason = "the fuzzer is to find what panics")]

use std::io::{self, Write};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rolecall::configuration;
use rolecall_chaos::{IAM, ORGANIZATIONS, scan_with_answer};
use rolecall_core::RunOptions;
use rolecall_emulator::World;
use rolecall_lambda::event::{self, Request};
use rolecall_policy::{Case, Policy, PolicyType};
use rolecall_report::cloudtrail;
use rolecall_roll::{Header, Roll, RollFile, RollWriter, RunId, Statistics};

/// A function that the fuzzer calls, and the name of its corpus.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 11] = [
    ("iam_answer", iam_answer),
    ("organizations_answer", organizations_answer),
    ("credential_report", credential_report),
    ("roll_file", roll_file),
    ("accounts_file", accounts_file),
    ("world_file", world_file),
    ("policy_case", policy_case),
    ("policy_document", policy_document),
    ("cloudtrail", cloudtrail),
    ("rolecall_toml", rolecall_toml),
    ("lambda_event", lambda_event),
];

fn scan(operations: &[&'static str], data: &[u8]) {
    let Some((first, body)) = data.split_first() else { return };
    let index = usize::from(first.saturating_sub(b'a')) % operations.len();
    if let Some(operation) = operations.get(index) {
        scan_with_answer(operation, body);
    }
}

/// A scan gets this answer of IAM or STS. The first byte, from `a`, picks the operation.
pub fn iam_answer(data: &[u8]) {
    scan(&IAM, data);
}

/// A scan gets this answer of AWS Organizations. The first byte, from `a`, picks the operation.
pub fn organizations_answer(data: &[u8]) {
    scan(&ORGANIZATIONS, data);
}

/// A scan gets this credential report.
pub fn credential_report(data: &[u8]) {
    let content = STANDARD.encode(data);
    let answer = format!(
        "<GetCredentialReportResponse><GetCredentialReportResult><Content>{content}</Content><ReportFormat>text/csv\
         </ReportFormat><GeneratedTime>2026-11-25T06:00:00Z</GeneratedTime></GetCredentialReportResult>\
         </GetCredentialReportResponse>"
    );
    scan_with_answer("GetCredentialReport", answer.as_bytes());
}

/// A roll that can be read is the same after it was written again.
///
/// # Panics
/// Where it is not.
pub fn roll_file(data: &[u8]) {
    let Ok(roll) = Roll::read(data) else { return };
    let mut writer = RollWriter::new(Vec::new(), &roll.header).expect("memory");
    for account in &roll.accounts {
        writer.write_account(account).expect("memory");
    }
    let written = writer.finish(Statistics::default()).expect("memory");
    let again = Roll::read(&written[..]).expect("what was written can be read");
    assert_eq!((again.header, again.accounts), (roll.header, roll.accounts));
}

/// An accounts file, CSV or JSON lines.
pub fn accounts_file(data: &[u8]) {
    let _ = rolecall_core::targets::accounts_file::parse(&String::from_utf8_lossy(data));
}

/// A world file of the emulator, without policies in other files.
pub fn world_file(data: &[u8]) {
    let no_file = |_: &str| Err(io::Error::from(io::ErrorKind::NotFound));
    let _ = World::parse(&String::from_utf8_lossy(data), no_file);
}

/// A case of `rolecall policy evaluate` and `rolecall policy explain`.
pub fn policy_case(data: &[u8]) {
    if let Ok(case) = serde_json::from_slice::<Case>(data) {
        let _ = case.decide();
        let _ = case.explain();
        let _ = case.warnings();
    }
}

/// A policy of each type.
pub fn policy_document(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for policy_type in [PolicyType::Identity, PolicyType::Trust] {
        let Ok(policy) = Policy::parse_text(&text, policy_type) else { continue };
        let _ = policy.errors(policy_type);
        let _ = policy.lints(policy_type);
    }
}

/// CloudTrail events, compared with a roll without accounts.
///
/// # Panics
/// Where this machine has no temporary files.
pub fn cloudtrail(data: &[u8]) {
    let run_id: RunId = "8a6f0c1e-52d1-4b7e-9f0e-6a2b3c4d5e6f".parse().expect("an id");
    let as_of = "2026-11-25T08:00:00Z".parse().expect("a time");
    let header = Header::new(run_id, as_of, None, Vec::new());
    let written =
        RollWriter::new(Vec::new(), &header).and_then(|writer| writer.finish(Statistics::default()));
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(&written.expect("memory")).expect("a file");
    io::Seek::rewind(&mut file).expect("a file");
    let roll = RollFile::read(file).expect("a roll");
    let mut reconciler = cloudtrail::Reconciler::new(&roll).expect("a roll");
    let _ = reconciler.add_file("events.json", data);
    let _ = reconciler.finish();
}

/// An external id. The colons are in no name of a role.
const SECRET: &str = ":zq7S3CR3T:";
/// An external id that somebody wrote as a number.
const SECRET_NUMBER: &str = "4917350286";

/// The text with a secret at the beginning of each value of `external_id`.
fn with_secrets(text: &str) -> String {
    let mut parts = text.split("external_id");
    let mut changed = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let value = part.trim_start_matches(|c: char| c.is_whitespace() || "\"'=:[".contains(c));
        let before = part.strip_suffix(value).unwrap_or_default();
        let is_number = value.starts_with(|c: char| c.is_ascii_digit()) && !before.contains(['"', '\'']);
        let secret = if is_number { SECRET_NUMBER } else { SECRET };
        let secret = if before.contains(['=', ':']) { secret } else { "" };
        changed.extend(["external_id", before, secret, value]);
    }
    changed
}

/// Makes each value of `external_id` a secret.
fn set_secrets(table: &mut toml::Table) {
    for (name, value) in table.iter_mut() {
        match value {
            toml::Value::Integer(number) if name == "external_id" => {
                *number = SECRET_NUMBER.parse().expect("a number");
            }
            toml::Value::String(text) if name == "external_id" => *text = SECRET.to_owned(),
            toml::Value::Table(table) => set_secrets(table),
            toml::Value::Array(values) => {
                values.iter_mut().filter_map(toml::Value::as_table_mut).for_each(set_secrets);
            }
            _ => {}
        }
    }
}

fn assert_no_secret(output: &str) {
    let has_secret = [SECRET, SECRET_NUMBER].iter().any(|secret| output.contains(secret));
    assert!(!has_secret, "it holds an external id: {output}");
}

/// `rolecall.toml`. No error repeats an external id, and neither does what `rolecall config` shows.
///
/// # Panics
/// Where one does.
pub fn rolecall_toml(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let parse = |text: &str| configuration::parse(text, Path::new("rolecall.toml"));
    let _ = parse(&text);
    // In a file that is valid TOML, the values are known; in another one, no message repeats any value.
    let changed = match text.parse::<toml::Table>() {
        Ok(mut table) => {
            set_secrets(&mut table);
            table.to_string()
        }
        Err(_) => with_secrets(&text),
    };
    match parse(&changed) {
        Ok(configuration) => assert_no_secret(&configuration.without_secrets.unwrap_or_default()),
        Err(problem) => assert_no_secret(&problem),
    }
}

/// An event of the Lambda function. No error repeats a text of the event.
///
/// # Panics
/// Where one does.
pub fn lambda_event(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let environment = RunOptions::default();
    for text in [&*text, &with_secrets(&text)] {
        let targets = event::plan(text, &environment).and_then(|event| {
            event.plan.resolve(Vec::new(), None, None).map_err(|error| event.failure(&error))
        });
        assert_no_secret(&format!("{targets:?}"));
        match event::request(text) {
            Ok(Request::Plan(request)) => {
                let plan = event::plan(request.targets.as_str(), &environment);
                assert_no_secret(&format!("{plan:?}"));
            }
            Ok(_) => {}
            Err(failure) => assert_no_secret(&format!("{failure:?} {failure}")),
        }
    }
}
