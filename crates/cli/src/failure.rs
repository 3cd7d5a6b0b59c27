//! A command that fails: its message, its remedy and its exit code.

use std::fmt::Display;
use std::io;
use std::panic::UnwindSafe;
use std::path::Path;
use std::process::ExitCode;

use rolecall_report::render::sanitize_lines;

use crate::exit_code::RolecallExitCode;
use crate::output;

/// A failed command. [`Failure::report`] writes it to stderr.
#[derive(Debug)]
pub(crate) struct Failure {
    code: RolecallExitCode,
    message: String,
    remedy: Option<String>,
}

impl Failure {
    pub(crate) fn new(code: RolecallExitCode, message: impl Display) -> Self {
        Self { code, message: message.to_string(), remedy: None }
    }

    /// A failure that should not happen, such as a full disk.
    pub(crate) fn unexpected(message: impl Display) -> Self {
        Self::new(RolecallExitCode::Unexpected, message)
    }

    /// Arguments, settings or files that cannot be used.
    pub(crate) fn usage(message: impl Display) -> Self {
        Self::new(RolecallExitCode::Usage, message)
    }

    /// A run that did not read everything.
    pub(crate) fn incomplete(message: impl Display) -> Self {
        Self::new(RolecallExitCode::Incomplete, message)
    }

    /// An input file that cannot be read. `name` is what names it, such as `--accounts-file`; empty for an argument without a
    /// flag.
    pub(crate) fn cannot_read(name: &str, path: &Path, error: &io::Error) -> Self {
        let name = format!("{name} {}", path.display());
        let failure = Self::usage(format!("{}: cannot be read: {error}", name.trim_start()));
        match error.kind() {
            io::ErrorKind::NotFound if path.is_relative() => {
                let folder = std::env::current_dir().unwrap_or_default();
                failure.with_remedy(format!("check the path; the current folder is {}", folder.display()))
            }
            io::ErrorKind::NotFound => failure.with_remedy("check the path"),
            io::ErrorKind::PermissionDenied => {
                failure.with_remedy("let this user read the file, and enter its folders")
            }
            _ => failure,
        }
    }

    /// The same failure about another flag than the one that the message begins with.
    pub(crate) fn about_flag(mut self, flag: &str, other: &str) -> Self {
        if let Some(rest) = self.message.strip_prefix(flag) {
            self.message = format!("{other}{rest}");
        }
        self
    }

    /// What happened.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it.
    pub(crate) fn remedy(&self) -> Option<&str> {
        self.remedy.as_deref()
    }

    /// A failure that prints nothing.
    pub(crate) fn silent(code: RolecallExitCode) -> Self {
        Self::new(code, "")
    }

    pub(crate) fn with_remedy(self, remedy: impl Display) -> Self {
        Self { remedy: Some(remedy.to_string()), ..self }
    }

    pub(crate) fn report(self) -> ExitCode {
        if self.message.is_empty() {
            return self.code.into();
        }
        let red = anstyle::AnsiColor::Red.on_default().bold();
        output::to_stderr(&format!("{red}error:{red:#} {}", sanitize_lines(&self.message)));
        if let Some(remedy) = self.remedy {
            output::to_stderr(&format!("  {}", sanitize_lines(&remedy)));
        }
        self.code.into()
    }
}

/// Runs `work`. A panic becomes a failure with an exit code.
pub(crate) fn catching_panics(
    work: impl FnOnce() -> Result<ExitCode, Failure> + UnwindSafe,
) -> Result<ExitCode, Failure> {
    std::panic::catch_unwind(work).unwrap_or_else(|_| {
        let failure = Failure::unexpected("internal error in rolecall (bug)");
        Err(failure.with_remedy("please report it, with the lines that RUST_LOG=error prints on stderr"))
    })
}
