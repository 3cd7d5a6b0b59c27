use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anstream::ColorChoice;
use tempfile::NamedTempFile;

use crate::roll_file::NEW_FILE_MODE;

/// Stdout, or a file that is written atomically.
pub(crate) enum Sink {
    Stdout(BufWriter<Stdout>),
    /// A temporary file, which is renamed to `path` at the end.
    Replaces {
        path: PathBuf,
        file: BufWriter<NamedTempFile>,
    },
    /// A pipe or a device, which cannot be replaced.
    Into(BufWriter<File>),
}

/// The terminal that an output goes to, if it is one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TerminalStyle {
    pub(crate) colors: bool,
    /// The number of columns; `None` if it is not a terminal, or its width is unknown.
    pub(crate) width: Option<u16>,
    pub(crate) is_terminal: bool,
}

impl Sink {
    pub(crate) fn stdout() -> Self {
        Self::Stdout(BufWriter::new(io::stdout()))
    }

    pub(crate) fn file(path: &Path) -> io::Result<Self> {
        // The target of a link is replaced, not the link.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        match fs::metadata(&path) {
            Ok(there) if there.is_dir() => Err(io::Error::from(io::ErrorKind::IsADirectory)),
            Ok(there) if !there.is_file() => {
                Ok(Self::Into(BufWriter::new(OpenOptions::new().write(true).open(&path)?)))
            }
            there => {
                let mode = there.map_or(NEW_FILE_MODE, |there| there.permissions().mode() & 0o777);
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                let file = tempfile::Builder::new()
                    .prefix(".rolecall-")
                    .permissions(Permissions::from_mode(mode))
                    .tempfile_in(folder.unwrap_or(Path::new(".")))?;
                Ok(Self::Replaces { path, file: BufWriter::new(file) })
            }
        }
    }

    pub(crate) fn terminal_style(&self) -> TerminalStyle {
        let Self::Stdout(stdout) = self else {
            return TerminalStyle { colors: false, width: None, is_terminal: false };
        };
        let stdout = stdout.get_ref();
        let colors = anstream::AutoStream::choice(stdout) != ColorChoice::Never;
        let width = terminal_size::terminal_size_of(stdout).map(|(width, _)| width.0);
        let is_terminal = stdout.is_terminal();
        TerminalStyle { colors, width: width.filter(|_| is_terminal), is_terminal }
    }

    pub(crate) fn is_stdout(&self) -> bool {
        matches!(self, Self::Stdout(_))
    }

    /// Completes the output: renames the temporary file to its path.
    pub(crate) fn finish(self) -> io::Result<()> {
        match self {
            Self::Stdout(mut out) => out.flush(),
            Self::Into(mut out) => out.flush(),
            Self::Replaces { path, file } => {
                let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
                file.as_file().sync_all()?;
                file.persist(path)?;
                Ok(())
            }
        }
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Stdout(out) => out,
            Self::Into(out) => out,
            Self::Replaces { file, .. } => file,
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer().flush()
    }
}
