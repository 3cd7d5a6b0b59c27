//! Text files that people name: `-` is stdin, and what is no regular file is refused.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::failure::Failure;

/// The largest text that is read. A policy has at most 10,240 characters; a file of cases has many policies.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Reads a text file; `name` is the flag that names it, and empty for an argument without a flag.
pub(crate) fn read_text(name: &str, path: &Path) -> Result<String, Failure> {
    let cannot_read = |error: &io::Error| Failure::cannot_read(name, path, error);
    if path == Path::new("-") {
        return text_of(io::stdin(), name, path);
    }
    // Opening a named pipe would wait for its writer.
    let metadata = std::fs::metadata(path).map_err(|error| cannot_read(&error))?;
    if !metadata.is_file() {
        let place = format!("{name} {}", path.display());
        return Err(Failure::usage(format!("{}: not a regular file", place.trim_start()))
            .with_remedy("name a file, or `-` for stdin"));
    }
    let file = File::open(path).map_err(|error| cannot_read(&error))?;
    text_of(file, name, path)
}

fn text_of(input: impl Read, name: &str, path: &Path) -> Result<String, Failure> {
    let place = format!("{name} {}", path.display());
    let place = place.trim_start();
    let mut bytes = Vec::new();
    input
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::cannot_read(name, path, &error))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Failure::usage(format!("{place}: the file has more than 64 MiB")));
    }
    String::from_utf8(bytes).map_err(|_| {
        Failure::usage(format!("{place}: the file is not UTF-8"))
            .with_remedy("save it as UTF-8; PowerShell writes UTF-16 unless told otherwise")
    })
}
