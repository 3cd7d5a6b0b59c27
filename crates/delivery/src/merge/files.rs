//! The objects that a merge stores: an evidence bundle, and what changed.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use rolecall_report::bundle::{self, BundleContents, SUMS_FILE};
use rolecall_report::report::FindingLimit;
use rolecall_report::{Report, render};
use rolecall_roll::{RollFile, json};

use super::baseline::{BASELINE, Comparison};
use super::{MergeError, MergeRequest, Merged};
use crate::run_key::RunKey;
use crate::store::{Store, StoreError, to_json};

/// The object with the result of the merge.
pub(super) const MERGED: &str = "merged.json";

/// The files of a merge on this machine, and the report that they were made from.
#[derive(Debug)]
pub(super) struct Written {
    folder: PathBuf,
    pub(super) report: Report,
}

/// Writes all files into a folder below `folder`.
pub(super) fn write(
    folder: &Path,
    roll: &RollFile,
    roll_path: &Path,
    comparison: &Comparison,
    request: &MergeRequest<'_>,
) -> Result<Written, MergeError> {
    let files = folder.join("files");
    let contents = BundleContents {
        roll,
        roll_file: roll_path,
        settings: request.settings,
        configuration: request.configuration,
        program: request.program.clone(),
    };
    bundle::write(&files, &contents)?;
    let report = Report::from_file(roll, request.settings, FindingLimit::Stored)?;
    let mut sums = File::options().append(true).open(files.join(SUMS_FILE))?;
    let mut add = |name: &str, write: &dyn Fn(&mut BufWriter<File>) -> io::Result<()>| -> io::Result<()> {
        let path = files.join(name);
        let mut out = BufWriter::new(File::create_new(&path)?);
        write(&mut out)?;
        out.flush()?;
        writeln!(sums, "{}  {name}", bundle::sha256(File::open(&path)?)?)
    };
    let diff = comparison.diff.as_ref();
    add("findings.ocsf.json", &|out| render::ocsf::render_changes(out, roll, &report, diff))?;
    add(BASELINE, &|out| comparison.write_baseline(roll, out))?;
    if let Some(diff) = diff {
        add("diff.json", &|out| {
            json::to_writer_pretty(&mut *out, diff)?;
            out.write_all(b"\n")
        })?;
    }
    Ok(Written { folder: files, report })
}

/// Stores all files, the checksums last. Returns their keys.
pub(super) async fn store(
    store: &Store,
    run: &RunKey,
    written: &Written,
    merged: &Merged,
) -> Result<Vec<String>, StoreError> {
    let failure = |error: io::Error| StoreError {
        place: written.folder.display().to_string(),
        problem: error.to_string(),
        remedy: None,
    };
    let mut names = Vec::new();
    for entry in fs::read_dir(&written.folder).map_err(failure)? {
        names.push(entry.map_err(failure)?.file_name().to_string_lossy().into_owned());
    }
    names.sort_by_key(|name| (name == SUMS_FILE, name.clone()));
    let mut keys = Vec::new();
    for name in names {
        let key = run.object(&name);
        store.put_file(&key, &written.folder.join(name)).await?;
        keys.push(key);
    }
    keys.push(run.object(MERGED));
    let merged = Merged { files: keys.clone(), ..merged.clone() };
    store.put(&run.object(MERGED), to_json(&merged)).await?;
    Ok(keys)
}
