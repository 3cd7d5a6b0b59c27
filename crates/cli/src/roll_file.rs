//! Roll files on this machine: one that is read, one that is added to, and that no output takes the place of either.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use rolecall_roll::{ReadError, ResumableRoll, RollFile};

use crate::failure::Failure;
use crate::output;

/// Reads a roll file.
pub(crate) fn read(path: &Path) -> Result<RollFile, Failure> {
    let wrong = |problem: &dyn std::fmt::Display| {
        Failure::usage(format!("{}: {problem}", path.display()))
            .with_remedy("name a roll file, as `rolecall scan --roll FILE` or --format jsonl writes it")
    };
    let file = File::open(path).map_err(|error| wrong(&error))?;
    if file.metadata().is_ok_and(|there| !there.is_file()) {
        return Err(wrong(&"it is no ordinary file"));
    }
    RollFile::read(file).map_err(|error| wrong(&error))
}

/// The roll file to add to; one that nobody named is in no folder and gone at the end.
pub(crate) fn open_to_resume(named: Option<&Path>) -> Result<ResumableRoll, Failure> {
    let unexpected = |error: std::io::Error| Failure::unexpected(error);
    let Some(path) = named else {
        let file: File = tempfile::tempfile().map_err(unexpected)?;
        return ResumableRoll::read(file).map_err(Failure::unexpected);
    };
    let is_special = std::fs::metadata(path).is_ok_and(|there| !there.is_file());
    if is_special || path == Path::new("-") {
        let problem = format!("--roll {}: it is no ordinary file", path.display());
        return Err(Failure::usage(problem).with_remedy(
            "name a file, which later runs go on with; --format jsonl writes a roll to stdout",
        ));
    }
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    let file = file.map_err(|error| output::not_there("--roll", path, &error))?;
    ResumableRoll::read(file).map_err(|error| {
        let failure = Failure::usage(format!("--roll {}: {error}", path.display()));
        match error {
            ReadError::Locked => failure,
            _ => failure.with_remedy("name a roll file of an earlier run, or one that is not there yet"),
        }
    })
}

/// What is read, or added to, goes into no output's place.
pub(crate) fn is_apart(what: &str, input: &Path, outs: &[PathBuf]) -> Result<(), Failure> {
    let real = |path: &Path| {
        let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let real = std::fs::canonicalize(folder).ok().zip(path.file_name()).map(|(it, name)| it.join(name));
        std::fs::canonicalize(path).ok().or(real).unwrap_or_else(|| path.to_owned())
    };
    if outs.iter().any(|out| real(out) == real(input)) {
        let problem = format!("{what} and --out are both {}", input.display());
        return Err(Failure::usage(problem)
            .with_remedy("name two files: what is shown of a roll is none, and would take its place"));
    }
    Ok(())
}
