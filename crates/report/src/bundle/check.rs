//! Checking a bundle against its checksums.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::Path;

use serde::Serialize;

use super::{REQUIRED_FILES, SUMS_FILE, sha256};
use crate::render::sanitize;

/// What became of the files of a bundle, by name.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct CheckedBundle {
    /// Those with the checksum that [`SUMS_FILE`] has.
    pub unchanged: Vec<String>,
    /// Those with another one, and what is no ordinary file: what a link points to can be another file after the check.
    pub changed: Vec<String>,
    /// Those that [`SUMS_FILE`] or every bundle has, and that are not there.
    pub missing: Vec<String>,
    /// Those that are there, and belong to no bundle. A signature beside [`SUMS_FILE`] does.
    pub added: Vec<String>,
    /// Those that every bundle has and that are there, but not in [`SUMS_FILE`].
    pub unlisted: Vec<String>,
}

impl CheckedBundle {
    /// Whether the bundle is as it was written.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        let Self { unchanged: _, changed, missing, added, unlisted } = self;
        [changed, missing, added, unlisted].iter().all(|names| names.is_empty())
    }
}

/// Why a folder could not be checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// It has no checksums, or they are no text.
    #[error("{SUMS_FILE}: {0}")]
    Sums(String),
    /// A line of the checksums, counted from 1, is none.
    #[error("{SUMS_FILE}: line {0}: {1}")]
    Line(usize, String),
    /// A file of the folder could not be read.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Compares the files of a folder with their checksums.
///
/// # Errors
/// See [`CheckError`].
pub fn check(folder: &Path) -> Result<CheckedBundle, CheckError> {
    let sums = read_sums(&folder.join(SUMS_FILE))?;
    let mut there = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        there.insert(entry?.file_name().to_string_lossy().into_owned());
    }
    let mut checked = CheckedBundle::default();
    // A signature, or what it is checked with, stands beside the sums: SHA256SUMS.asc, SHA256SUMS.sig.
    let is_signature = |name: &String| {
        let ending = name.strip_prefix(SUMS_FILE).and_then(|rest| rest.strip_prefix('.'));
        ending.is_some_and(|ending| SIGNATURES.contains(&ending)) && is_ordinary(&folder.join(name))
    };
    let is_expected = |name: &String| sums.contains_key(name) || REQUIRED_FILES.contains(&name.as_str());
    let is_known = |name: &String| is_expected(name) || name == SUMS_FILE || is_signature(name);
    checked.added = there.iter().filter(|name| !is_known(name)).cloned().collect();
    // What every folder holds is missing also where its line is gone with it.
    let without_sum =
        REQUIRED_FILES.iter().map(|name| (*name).to_owned()).filter(|name| !sums.contains_key(name));
    (checked.unlisted, checked.missing) = without_sum.partition(|name| there.contains(name));
    for (name, sum) in &sums {
        let path = folder.join(name);
        if !there.contains(name) {
            checked.missing.push(name.clone());
        } else if is_ordinary(&path) && sha256(File::open(&path)?)? == *sum {
            checked.unchanged.push(name.clone());
        } else {
            checked.changed.push(name.clone());
        }
    }
    Ok(checked)
}

/// The checksums by file name.
fn read_sums(path: &Path) -> Result<BTreeMap<String, String>, CheckError> {
    if !is_ordinary(path) {
        return Err(CheckError::Sums("it is no ordinary file, or not there".to_owned()));
    }
    let text = fs::read_to_string(path).map_err(|error| CheckError::Sums(error.to_string()))?;
    let mut sums = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        let parsed = line.split_once("  ").filter(|(sum, name)| {
            sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_hexdigit()) && is_plain(name)
        });
        let wrong = |problem: String| CheckError::Line(number, problem);
        let (sum, name) = parsed.ok_or_else(|| wrong("it is no sum and the name of a file".to_owned()))?;
        if sums.insert(name.to_owned(), sum.to_ascii_lowercase()).is_some() {
            return Err(wrong(format!("{} stands twice", sanitize(name))));
        }
    }
    Ok(sums)
}

/// How files end that signatures are in, or what they are checked with.
const SIGNATURES: [&str; 8] = ["asc", "sig", "gpg", "pem", "crt", "bundle", "sigstore", "sigstore.json"];

fn is_ordinary(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|there| there.is_file())
}

/// The name of a file in the folder itself, and of no other.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.contains('/') && name != "." && name != ".."
}
