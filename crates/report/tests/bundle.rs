//! An evidence bundle: unchanged as written, or checking it reports what was changed.
#![allow(clippy::unwrap_used, reason = "a test that cannot continue fails")]

mod common;

use std::fs;
use std::path::Path;

use common::{account, header, key, roll_file_of, user};
use rolecall_report::Settings;
use rolecall_report::bundle::{
    self, BundleContents, CheckError, Program, REQUIRED_FILES, SUMS_FILE, WriteError,
};

/// Writes a bundle of one account to `folder`.
fn write(folder: &Path, roll_file: &Path) -> Result<usize, WriteError> {
    let roll = roll_file_of(
        &header(),
        &[account("111111111111", vec![user("alice", vec![key("AKIAIOSFODNN7EXAMPLE", 400, None)])])],
    );
    let contents = BundleContents {
        roll: &roll,
        roll_file,
        settings: &Settings::default(),
        configuration: Some("role_name = \"IAMListRole\"\n"),
        program: Program { version: "1.2.3", sha256: "0".repeat(64) },
    };
    bundle::write(folder, &contents)
}

#[test]
fn a_bundle_is_unchanged_as_written_and_has_the_same_bytes_each_time() {
    let parent = tempfile::tempdir().unwrap();
    let roll_file = parent.path().join("roll.jsonl");
    fs::write(&roll_file, "any bytes\n").unwrap();
    let (first, second) = (parent.path().join("first"), parent.path().join("second"));
    assert_eq!(write(&first, &roll_file).unwrap(), REQUIRED_FILES.len() + 1);
    write(&second, &roll_file).unwrap();
    let checked = bundle::check(&first).unwrap();
    assert!(checked.is_unchanged(), "{checked:?}");
    assert_eq!(fs::read(first.join(SUMS_FILE)).unwrap(), fs::read(second.join(SUMS_FILE)).unwrap());
    assert_eq!(fs::read(first.join("roll.jsonl")).unwrap(), b"any bytes\n");
    let program = fs::read_to_string(first.join("rolecall.json")).unwrap();
    assert!(program.contains("\"version\": \"1.2.3\"") && program.contains(&"0".repeat(64)), "{program}");
}

#[test]
fn a_bundle_is_not_overwritten_and_a_failed_one_leaves_nothing() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("bundle");
    assert!(matches!(write(&folder, Path::new("/no/such/roll")), Err(WriteError::Io(_))));
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    // A dangling link exists too.
    std::os::unix::fs::symlink("nowhere", &folder).unwrap();
    assert!(matches!(write(&folder, Path::new("/dev/null")), Err(WriteError::Exists)));
    let nowhere = parent.path().join("no/such/bundle");
    assert!(matches!(write(&nowhere, Path::new("/dev/null")), Err(WriteError::Parent(_))));
}

#[test]
fn every_change_of_a_file_is_reported() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("bundle");
    write(&folder, Path::new("/dev/null")).unwrap();
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
