//! `rolecall policy request`: the page for the person who must approve the access.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use rolecall_access::request::{self, RequestDetails};

use super::access::{self, AccessArgs};
use crate::exit_code::{self, RolecallExitCode};
use crate::failure::Failure;
use crate::output;

const HELP: &str = "\
Example:
  rolecall policy request \\
      --hub-role-arn arn:aws:iam::222222222222:role/LambdaRole \\
      --role-arn arn:aws:iam::111111111111:role/IAMListRole \\
      --collect recommended --frequency \"every Monday\" --out request.md

The page is Markdown. It says who asks, which actions in which account and why, what is never asked, how often, how it is visible in \
CloudTrail and how to withdraw it, and it has the policy documents in full. It has a placeholder instead of the external id, \
since it is mailed.";

const EXIT_CODES: [(RolecallExitCode, &str); 1] = [(RolecallExitCode::Success, "page written")];

/// The arguments of `rolecall policy request`.
#[derive(Debug, Args)]
#[command(after_help = exit_code::help(HELP, &EXIT_CODES))]
pub(crate) struct RequestArgs {
    #[command(flatten)]
    access: AccessArgs,

    /// How often the accounts are read, as the page says it
    #[arg(long, value_name = "TEXT", default_value = "once a day", help_heading = "Output")]
    frequency: String,

    /// Write output to FILE atomically; `-` is stdout [default: -]
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    out: Option<PathBuf>,
}

/// Writes the page.
pub(crate) fn run(arguments: &RequestArgs) -> Result<ExitCode, Failure> {
    let given = arguments.access.read()?;
    let details = RequestDetails {
        frequency: arguments.frequency.clone(),
        session_duration: given.settings.session.duration,
        has_session_policy: !given.settings.session.no_policy,
    };
    let page = request::page(given.complete()?, &details).map_err(|error| access::invalid(&error))?;
    let mut out = output::open(arguments.out.as_deref())?;
    let written = out.write_all(page.as_bytes());
    written.and_then(|()| out.finish()).map_err(|error| output::not_written(&error))?;
    Ok(ExitCode::SUCCESS)
}
