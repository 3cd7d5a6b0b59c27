//! Files of CloudTrail events on disk: finding those in a folder, and opening one.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The files to read, in order: those that are named, and all files of events in the folders that are named.
pub(crate) fn list(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let before = files.len();
        add_folder(path, &mut files)
            .map_err(|(folder, error)| Failure::cannot_read("--cloudtrail", &folder, &error))?;
        if files.len() == before {
            let problem = format!("--cloudtrail {}: no file of events in this folder", path.display());
            return Err(Failure::usage(problem).with_remedy(REMEDY));
        }
    }
    Ok(files)
}

const REMEDY: &str = "name CloudTrail log files (.json or .json.gz), a folder of them, or output of `aws cloudtrail lookup-events`";

/// A trail's bucket has folders by account, Region and day.
fn add_folder(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), (PathBuf, io::Error)> {
    let failed = |error| (folder.to_owned(), error);
    let entries: io::Result<Vec<_>> = fs::read_dir(folder).map_err(failed)?.collect();
    let mut entries = entries.map_err(failed)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        // A link to a folder is not followed: it may lead back.
        if entry.file_type().map_err(failed)?.is_dir() {
            add_folder(&entry.path(), files)?;
        } else if is_of_events(&entry.path()) {
            files.push(entry.path());
        }
    }
    Ok(())
}

fn is_of_events(path: &Path) -> bool {
    let is_compressed = path.extension() == Some(OsStr::new("gz"));
    let stem = if is_compressed { path.with_extension("") } else { path.to_owned() };
    stem.extension().is_some_and(|it| ["json", "jsonl", "ndjson"].iter().any(|known| it == OsStr::new(known)))
}

/// Opens a file; `-` is stdin.
pub(crate) fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    Ok(Box::new(File::open(path)?))
}

/// The failure for a file that is not one of events.
pub(crate) fn invalid(name: &str, problem: &dyn std::fmt::Display) -> Failure {
    Failure::usage(format!("--cloudtrail {name}: {problem}")).with_remedy(REMEDY)
}

/// The failure where no file has an event.
pub(crate) fn without_events(paths: &[PathBuf]) -> Failure {
    let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    Failure::usage(format!("--cloudtrail {}: no CloudTrail event", names.join(" "))).with_remedy(REMEDY)
}
