//! An evidence bundle: unchanged as written, or checking it reports what was changed.
#![allow(clippy::unwrap_used, reason = "a test that cannot continue fails")]

mod common;

use std::fs;
use std::io::{Seek, Write};

use common::{account, header, key, roll_file_of, user};
use rolecall_report::Settings;
use rolecall_report::bundle::{self, Bundle, CheckError, Program, REQUIRED_FILES, SUMS_FILE, WriteError};
use rolecall_roll::RollFile;

/// A bundle of one account.
fn one_account() -> Bundle {
    let users = vec![user("alice", vec![key("AKIAIOSFODNN7EXAMPLE", 400, None)])];
    bundle_of(roll_file_of(&header(), &[account("111111111111", users)]))
}

fn bundle_of(roll: RollFile) -> Bundle {
    let program = Program { version: "1.2.3".to_owned(), sha256: "0".repeat(64) };
    let configuration = Some("role_name = \"IAMListRole\"\n".to_owned());
    Bundle::new(roll, &Settings::default(), configuration, program).unwrap()
}

#[test]
fn a_bundle_is_unchanged_as_written_and_has_the_same_bytes_each_time() {
    let parent = tempfile::tempdir().unwrap();
    let (first, second) = (parent.path().join("first"), parent.path().join("second"));
    let bundle = one_account();
    assert_eq!(bundle.write(&first).unwrap(), REQUIRED_FILES.len() + 1);
    bundle.write(&second).unwrap();
    let checked = bundle::check(&first).unwrap();
    assert!(checked.is_unchanged(), "{checked:?}");
    assert_eq!(fs::read(first.join(SUMS_FILE)).unwrap(), fs::read(second.join(SUMS_FILE)).unwrap());
    let mut roll = Vec::new();
    bundle.roll.copy_to(&mut roll).unwrap();
    assert_eq!(fs::read(first.join("roll.jsonl")).unwrap(), roll);
    let program = fs::read_to_string(first.join("rolecall.json")).unwrap();
    assert!(program.contains("\"version\": \"1.2.3\"") && program.contains(&"0".repeat(64)), "{program}");
}

#[test]
fn a_bundle_is_not_overwritten_and_a_failed_one_leaves_nothing() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("bundle");
    let mut roll = Vec::new();
    one_account().roll.copy_to(&mut roll).unwrap();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&roll).unwrap();
    file.rewind().unwrap();
    let broken = bundle_of(RollFile::read(file.try_clone().unwrap()).unwrap());
    file.set_len(10).unwrap();
    assert!(matches!(broken.write(&folder), Err(WriteError::Io(_))));
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    // A dangling link exists too.
    std::os::unix::fs::symlink("nowhere", &folder).unwrap();
    assert!(matches!(one_account().write(&folder), Err(WriteError::Exists)));
    let nowhere = parent.path().join("no/such/bundle");
    assert!(matches!(one_account().write(&nowhere), Err(WriteError::Parent(_))));
}

#[test]
fn every_change_of_a_file_is_reported() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("bundle");
    one_account().write(&folder).unwrap();
    for name in REQUIRED_FILES {
        let path = folder.join(name);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, [&bytes[..], b" "].concat()).unwrap();
        assert_eq!(bundle::check(&folder).unwrap().changed, [name]);
        fs::remove_file(&path).unwrap();
        assert_eq!(bundle::check(&folder).unwrap().missing, [name]);
        fs::write(&path, bytes).unwrap();
    }
    fs::write(folder.join("SHA256SUMS.sig"), "").unwrap();
    assert!(bundle::check(&folder).unwrap().is_unchanged());
    fs::write(folder.join("SHA256SUMS.exe"), "").unwrap();
    assert_eq!(bundle::check(&folder).unwrap().added, ["SHA256SUMS.exe"]);
}

#[test]
fn the_working_files_of_a_run_are_not_covered_and_those_of_a_bundle_are_additions() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("bundle");
    one_account().write(&folder).unwrap();
    fs::create_dir(folder.join("accounts")).unwrap();
    fs::write(folder.join("plan.json"), "{}").unwrap();
    assert_eq!(bundle::check(&folder).unwrap().added, ["accounts", "plan.json"]);

    fs::write(folder.join("baseline.jsonl"), "a roll\n").unwrap();
    let mut sums = fs::OpenOptions::new().append(true).open(folder.join(SUMS_FILE)).unwrap();
    bundle::write_sum(&mut sums, "baseline.jsonl", &bundle::sha256(&b"a roll\n"[..]).unwrap()).unwrap();
    let checked = bundle::check(&folder).unwrap();
    assert!(checked.is_unchanged(), "{checked:?}");
    assert_eq!(checked.not_covered, ["accounts", "plan.json"]);
    fs::write(folder.join("other.json"), "{}").unwrap();
    assert_eq!(bundle::check(&folder).unwrap().added, ["other.json"]);
}

#[test]
fn invalid_checksums_are_rejected_by_line() {
    let parent = tempfile::tempdir().unwrap();
    assert!(matches!(bundle::check(parent.path()), Err(CheckError::Sums(_))));
    let sum = "0".repeat(64);
    for (text, line) in [
        ("nonsense\n".to_owned(), 1),
        (format!("{sum}  a\n{sum}  a\n"), 2),
        (format!("{sum}  ../a\n"), 1),
        (format!("{sum}  ..\n"), 1),
        (format!("{sum}  \n"), 1),
        (format!("{sum} a\n"), 1),
        (format!("é{}  a\n", &sum[2..]), 1),
    ] {
        fs::write(parent.path().join(SUMS_FILE), &text).unwrap();
        let result = bundle::check(parent.path());
        assert!(matches!(result, Err(CheckError::Line(number, _)) if number == line), "{text}: {result:?}");
    }
}
