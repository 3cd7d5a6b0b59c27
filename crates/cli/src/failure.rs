//! How a run ends when it does not end well.

use std::fmt::Display;
use std::io::Write;
use std::panic::UnwindSafe;
use std::process::ExitCode;

use rolecall_report::render::sanitize_lines;

use crate::exit_code::RolecallExitCode;

/// Why nothing came of it: said on stderr, with its exit code.
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

    /// One that should not happen.
    pub(crate) fn unexpected(message: impl Display) -> Self {
        Self::new(RolecallExitCode::Unexpected, message)
    }

    /// One of arguments, settings or files that cannot be used.
    pub(crate) fn usage(message: impl Display) -> Self {
        Self::new(RolecallExitCode::Usage, message)
    }

    /// One that leaves something unread.
    pub(crate) fn incomplete(message: impl Display) -> Self {
        Self::new(RolecallExitCode::Incomplete, message)
    }

    /// An end that needs no words.
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
        let mut stderr = anstream::stderr();
        // Nobody is left to tell where stderr is closed.
        let _ = writeln!(stderr, "{red}error:{red:#} {}", sanitize_lines(&self.message));
        if let Some(remedy) = self.remedy {
            let _ = writeln!(stderr, "  {}", sanitize_lines(&remedy));
        }
        self.code.into()
    }
}

/// What comes of the work. A panic is a failure too, with an exit code of the list.
pub(crate) fn catching_panics(
    work: impl FnOnce() -> Result<ExitCode, Failure> + UnwindSafe,
) -> Result<ExitCode, Failure> {
    std::panic::catch_unwind(work).unwrap_or_else(|_| {
        let failure = Failure::unexpected("rolecall went wrong");
        Err(failure.with_remedy("please report it, with what RUST_LOG=error says on stderr"))
    })
}
