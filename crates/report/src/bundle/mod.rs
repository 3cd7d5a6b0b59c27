//! Evidence bundles for an auditor: a directory with the roll, the report in all formats, and `SHA256SUMS` with the checksums
//! of all files, which is the one file to sign. [`Bundle`] writes one, [`check()`] finds what was changed since.
//!
//! The same roll, configuration and program give the same bytes.

mod check;
mod write;

use std::io::{self, Read, Write};

use sha2::{Digest, Sha256};

pub use check::{CheckError, CheckedBundle, check};
pub use write::{Bundle, Program, WriteError};

/// The file with the SHA-256 checksums, in the format that `sha256sum --check` reads.
pub const SUMS_FILE: &str = "SHA256SUMS";

/// The files of every bundle. A bundle that was written with a configuration file also has `rolecall.toml`.
pub const REQUIRED_FILES: [&str; 10] = [
    "accounts.json",
    "coverage.json",
    "exceptions.json",
    "findings.csv",
    "report.html",
    "report.json",
    "requests.json",
    "roll.jsonl",
    "rolecall.json",
    "rules.json",
];

/// A file that is listed in the checksums of each run in a store, and in those of no bundle of `rolecall evidence`.
const LISTED_OF_RUN: &str = "baseline.jsonl";

/// The files and folders of a run in a store that its bundle was made from, or that say that it is whole. A run that is repeated
/// adds records to them, so that no checksum covers them: what counts of them is in the roll.
const WORKING_FILES: [&str; 6] =
    ["accounts", "batches", "batches.json", "merged.json", "plan.json", "statistics"];

/// The SHA-256 checksum of everything that the reader gives, in hexadecimal digits.
///
/// # Errors
/// The first error of the reader.
pub fn sha256(mut bytes: impl Read) -> io::Result<String> {
    let mut sink = HashingWriter::new(io::sink());
    io::copy(&mut bytes, &mut sink)?;
    Ok(sink.finish().1)
}

/// Writes a line of [`SUMS_FILE`].
///
/// # Errors
/// Those of `out`.
pub fn write_sum(out: &mut impl Write, name: &str, sum: &str) -> io::Result<()> {
    writeln!(out, "{sum}  {name}")
}

/// Whether the text of [`SUMS_FILE`] has this checksum of the file.
#[must_use]
pub fn has_sum(sums: &str, name: &str, sum: &str) -> bool {
    sums.lines().any(|line| line.split_once("  ") == Some((sum, name)))
}

/// A writer that computes the checksum of what is written.
#[derive(Debug)]
pub struct HashingWriter<W> {
    inner: W,
    sum: Sha256,
}

impl<W> HashingWriter<W> {
    /// A writer to `inner`.
    pub fn new(inner: W) -> Self {
        Self { inner, sum: Sha256::new() }
    }

    /// The writer, and the checksum in hexadecimal digits.
    pub fn finish(self) -> (W, String) {
        let digits = self.sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        (self.inner, digits)
    }
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.sum.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
