//! Checking an evidence bundle against its checksums.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::Path;

use serde::Serialize;

use super::{LISTED_OF_RUN, REQUIRED_FILES, SUMS_FILE, WORKING_FILES, sha256};
use crate::render::sanitize;

/// The result of checking a bundle: the names of its files by state.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct CheckedBundle {
    /// Files with the checksum that [`SUMS_FILE`] lists.
    pub unchanged: Vec<String>,
    /// Files with another checksum, and entries that are not regular files: a link could point to another file after the
    /// check.
    pub changed: Vec<String>,
    /// Files that [`SUMS_FILE`] lists or every bundle has, and that do not exist.
    pub missing: Vec<String>,
    /// Files that do not belong to the bundle. A signature of [`SUMS_FILE`] beside it does belong.
    pub added: Vec<String>,
    /// Files that every bundle has and that exist, but that [`SUMS_FILE`] does not list.
    pub unlisted: Vec<String>,
    /// Working files and folders of a run in a store, which [`SUMS_FILE`] does not cover.
    pub not_covered: Vec<String>,
}

impl CheckedBundle {
    /// Whether all files are as they were written, and none was added.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        let Self { unchanged: _, changed, missing, added, unlisted, not_covered: _ } = self;
        [changed, missing, added, unlisted].iter().all(|names| names.is_empty())
    }
}

/// Why a directory could not be checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The file of checksums does not exist, is not a regular file or is not text.
    #[error("{SUMS_FILE}: {0}")]
    Sums(String),
    /// A line of the checksums, counted from 1, is not valid.
    #[error("{SUMS_FILE}: line {0}: {1}")]
    Line(usize, String),
    /// A file of the directory could not be read.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Compares the files of a directory with the checksums in its [`SUMS_FILE`].
///
/// # Errors
/// See [`CheckError`].
pub fn check(folder: &Path) -> Result<CheckedBundle, CheckError> {
    let sums = read_sums(&folder.join(SUMS_FILE))?;
    let mut present = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        present.insert(entry?.file_name().to_string_lossy().into_owned());
    }
    let mut checked = CheckedBundle::default();
    // A signature, or the certificate to verify it with, is beside the checksums: SHA256SUMS.asc, SHA256SUMS.pem.
    let is_signature = |name: &String| {
        let extension = name.strip_prefix(SUMS_FILE).and_then(|rest| rest.strip_prefix('.'));
        extension.is_some_and(|extension| SIGNATURE_EXTENSIONS.contains(&extension))
            && is_regular_file(&folder.join(name))
    };
    let is_expected = |name: &String| sums.contains_key(name) || REQUIRED_FILES.contains(&name.as_str());
    let is_known = |name: &String| is_expected(name) || name == SUMS_FILE || is_signature(name);
    let is_of_run = sums.contains_key(LISTED_OF_RUN);
    let others = present.iter().filter(|name| !is_known(name)).cloned();
    (checked.not_covered, checked.added) =
        others.partition(|name| is_of_run && WORKING_FILES.contains(&name.as_str()));
    // A required file is also missing where its line was deleted with it.
    let unlisted =
        REQUIRED_FILES.iter().map(|name| (*name).to_owned()).filter(|name| !sums.contains_key(name));
    (checked.unlisted, checked.missing) = unlisted.partition(|name| present.contains(name));
    for (name, sum) in &sums {
        let path = folder.join(name);
        if !present.contains(name) {
            checked.missing.push(name.clone());
        } else if is_regular_file(&path) && sha256(File::open(&path)?)? == *sum {
            checked.unchanged.push(name.clone());
        } else {
            checked.changed.push(name.clone());
        }
    }
    Ok(checked)
}

/// The checksums by file name.
fn read_sums(path: &Path) -> Result<BTreeMap<String, String>, CheckError> {
    if !is_regular_file(path) {
        return Err(CheckError::Sums("the file does not exist or is not a regular file".to_owned()));
    }
    let text = fs::read_to_string(path).map_err(|error| CheckError::Sums(error.to_string()))?;
    let mut sums = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        let parsed = line.split_once("  ").filter(|(sum, name)| {
            sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_hexdigit()) && is_file_name(name)
        });
        let invalid = |problem: String| CheckError::Line(number, problem);
        let (sum, name) = parsed
            .ok_or_else(|| invalid("expected a SHA-256 checksum, two spaces and a file name".to_owned()))?;
        if sums.insert(name.to_owned(), sum.to_ascii_lowercase()).is_some() {
            return Err(invalid(format!("{} is listed twice", sanitize(name))));
        }
    }
    Ok(sums)
}

/// The file name extensions of signatures, and of what they are verified with.
const SIGNATURE_EXTENSIONS: [&str; 8] =
    ["asc", "sig", "gpg", "pem", "crt", "bundle", "sigstore", "sigstore.json"];

fn is_regular_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file())
}

/// Whether this is the name of a file in the directory itself, not a path that leads elsewhere.
fn is_file_name(name: &str) -> bool {
    !name.is_empty() && !name.contains('/') && name != "." && name != ".."
}
