//! The command line of Rolecall.
//!
//! The binary `rolecall` calls [`main`]. The reader of `rolecall.toml` is public so that the fuzzer reaches it.
//!
//! ```
//! use std::path::Path;
//!
//! use rolecall::configuration;
//!
//! let problem = configuration::parse("role_name = 7\n", Path::new("rolecall.toml")).unwrap_err();
//! assert!(problem.starts_with("rolecall.toml:1:"), "{problem}");
//! ```

#![expect(
    clippy::doc_markdown,
    reason = "doc comments of arguments are help texts, which show backticks as they are"
)]

mod args;
mod aws;
mod aws_files;
mod commands;
pub mod configuration;
mod environment;
mod event_files;
mod exit_code;
mod failure;
mod hints;
mod input_file;
mod output;
mod roll_file;
mod runtime;
mod targets;
mod terms;

use std::process::ExitCode;

use clap::Parser;

/// Runs the command of this process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = commands::Arguments::try_parse()
        .unwrap_or_else(|error| hints::explain(error, std::env::args_os()).exit());
    failure::catching_panics(|| arguments.run()).unwrap_or_else(failure::Failure::report)
}
