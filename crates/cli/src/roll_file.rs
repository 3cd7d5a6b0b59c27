//! Roll files: opening one to read, on disk or in S3, or to resume, and keeping outputs from overwriting it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rolecall_core::Limits;
use rolecall_core::options::targets::TargetOptions;
use rolecall_core::targets::TargetPlan;
use rolecall_delivery::{Store, StoreError, StoreLocation};
use rolecall_roll::{OpenRoll, ReadError, ResumableRoll, RollFile};

use crate::args::CallerArgs;
use crate::failure::Failure;
use crate::runtime::in_runtime;
use crate::{aws, output};

/// Reads a roll file; `-` is stdin, and `s3://…` an object.
pub(crate) fn read(path: &Path) -> Result<RollFile, Failure> {
    RollFile::read(regular_file(path)?).map_err(|error| not_a_roll(path, error))
}

/// Opens a roll file, to work on its accounts while they are read; `-` is stdin, and `s3://…` an object.
pub(crate) fn open(path: &Path) -> Result<OpenRoll, Failure> {
    OpenRoll::new(regular_file(path)?).map_err(|error| not_a_roll(path, error))
}

const REMEDY: &str = "name a roll file: `rolecall scan --roll FILE` or --format jsonl writes one";

fn regular_file(path: &Path) -> Result<File, Failure> {
    if let Some(address) = s3_address(path) {
        return copy_of_object(address);
    }
    let file = if path == Path::new("-") { copy_of_stdin() } else { File::open(path) };
    let file = file.map_err(|error| Failure::cannot_read("", path, &error))?;
    if file.metadata().is_ok_and(|there| !there.is_file()) {
        return Err(Failure::usage(format!("{}: not a regular file", path.display())).with_remedy(REMEDY));
    }
    Ok(file)
}

/// The address of an object in S3: `s3://BUCKET/KEY`.
fn s3_address(path: &Path) -> Option<&str> {
    path.to_str().filter(|path| path.starts_with("s3://"))
}

/// An object of S3 in an unnamed temporary file.
fn copy_of_object(address: &str) -> Result<File, Failure> {
    let location: StoreLocation =
        address.parse().map_err(|problem| Failure::usage(format!("{address}: {problem}")))?;
    let StoreLocation::S3 { bucket, prefix: key } = location else {
        return Err(Failure::usage(format!("{address}: not an object in S3")));
    };
    let bucket = StoreLocation::S3 { bucket, prefix: String::new() };
    let download = async || {
        let caller = CallerArgs::default();
        let plan = TargetPlan::for_one_account(TargetOptions::default(), &[]);
        let scanner = aws::connect(&caller, &plan, &Limits::default()).await?;
        let mut file = tempfile::tempfile().map_err(Failure::unexpected)?;
        let found = Store::open(&bucket, &scanner, None).get_file(&key, &mut file).await;
        if !found.map_err(|error| store_failure(&error))? {
            return Err(
                Failure::usage(format!("{address}: there is no such object")).with_remedy("check the key")
            );
        }
        file.rewind().map_err(Failure::unexpected)?;
        Ok(file)
    };
    // A thread of its own: the command may be in a runtime already.
    let downloaded = std::thread::scope(|scope| scope.spawn(|| in_runtime(download())).join());
    downloaded
        .unwrap_or_else(|_| Err(Failure::unexpected("internal error in rolecall while an object was read")))
}

/// The failure for a store that cannot be used.
pub(crate) fn store_failure(error: &StoreError) -> Failure {
    let failure = Failure::incomplete(error);
    match &error.remedy {
        Some(remedy) => failure.with_remedy(remedy),
        None => failure,
    }
}

/// The failure for a file that cannot be read as a roll.
pub(crate) fn not_a_roll(path: &Path, error: ReadError) -> Failure {
    unreadable("", path, error, REMEDY)
}

/// The failure for a file that is no roll, or a damaged one. `remedy` is for the former.
fn unreadable(name: &str, path: &Path, error: ReadError, remedy: &str) -> Failure {
    let place = format!("{name} {}", path.display());
    let failure = Failure::usage(format!("{}: {error}", place.trim_start()));
    match error {
        ReadError::Io(error) => Failure::cannot_read(name, path, &error),
        ReadError::Line { line: 2.., .. } => failure.with_remedy(
            "the file was changed after Rolecall wrote it: use an unchanged copy, or scan again into another file",
        ),
        // The error names the remedy itself.
        ReadError::Locked | ReadError::Version(_) => failure,
        ReadError::Empty | ReadError::Line { .. } => failure.with_remedy(remedy),
    }
}

/// Whether the file begins as a roll file does.
pub(crate) fn is_roll(path: &Path) -> bool {
    const BEGIN: &[u8] = b"{\"record\":\"header\"";
    let mut begin = [0; BEGIN.len()];
    File::open(path).and_then(|mut file| file.read_exact(&mut begin)).is_ok() && begin == BEGIN
}

/// The contents of stdin in an unnamed temporary file: accounts are read from their places in it.
fn copy_of_stdin() -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    if io::copy(&mut io::stdin().lock(), &mut file)? == 0 {
        return Err(io::Error::other("stdin is empty"));
    }
    file.rewind()?;
    Ok(file)
}

/// A roll file that this run created. It is removed if nothing was written: after a wrong option, for example.
pub(crate) struct NewFile(PathBuf);

impl Drop for NewFile {
    fn drop(&mut self) {
        if std::fs::metadata(&self.0).is_ok_and(|file| file.len() == 0) {
            // An empty file that stays is no error: a later run can use it.
            let _ = std::fs::remove_file(&self.0);
        }
    }
}

/// Only the owner can read a new file: a roll names users and keys. The umask still applies, and an existing file keeps its
/// mode, as with `ssh-keygen`.
pub(crate) const NEW_FILE_MODE: u32 = 0o600;

/// Opens the roll file to write or resume. Without a path it is an unnamed temporary file. A file that does not exist is created
/// at once, so that one that cannot be written is reported before the first call.
pub(crate) fn open_to_resume(named: Option<&Path>) -> Result<(ResumableRoll, Option<NewFile>), Failure> {
    let unexpected = |error: std::io::Error| Failure::unexpected(error);
    let Some(path) = named else {
        let file: File = tempfile::tempfile().map_err(unexpected)?;
        return ResumableRoll::read(file).map(|roll| (roll, None)).map_err(Failure::unexpected);
    };
    if s3_address(path).is_some() {
        let problem =
            format!("--roll {}: a scan appends to its roll file, and S3 cannot append", path.display());
        return Err(Failure::usage(problem)
            .with_remedy("name a local file; `rolecall sweep run --store s3://BUCKET` scans into a bucket"));
    }
    let is_special = std::fs::metadata(path).is_ok_and(|there| !there.is_file());
    if is_special || path == Path::new("-") {
        let problem = format!("--roll {}: not a regular file", path.display());
        return Err(Failure::usage(problem).with_remedy(
            "name a file, which later runs can resume; --format jsonl writes a roll to stdout",
        ));
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(NEW_FILE_MODE);
    let (file, new_file) = match options.clone().create_new(true).open(path) {
        Ok(file) => (Ok(file), Some(NewFile(path.to_owned()))),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            (options.create(true).truncate(false).open(path), None)
        }
        Err(error) => (Err(error), None),
    };
    let file = file.map_err(|error| output::cannot_write("--roll", path, &error))?;
    let read = ResumableRoll::read(file).map(|roll| (roll, new_file));
    read.map_err(|error| {
        unreadable(
            "--roll",
            path,
            error,
            "name the roll file of a previous run, or a file that does not exist yet",
        )
    })
}

/// Refuses an output file that is also an input: the output would overwrite it.
pub(crate) fn ensure_distinct(name: &str, input: &Path, outs: &[PathBuf]) -> Result<(), Failure> {
    let real = |path: &Path| {
        let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let real = std::fs::canonicalize(folder).ok().zip(path.file_name()).map(|(it, name)| it.join(name));
        std::fs::canonicalize(path).ok().or(real).unwrap_or_else(|| path.to_owned())
    };
    if outs.iter().any(|out| real(out) == real(input)) {
        let problem = format!("{name} and --out are both {}", input.display());
        return Err(
            Failure::usage(problem).with_remedy("name two files: the output would overwrite the input")
        );
    }
    Ok(())
}
