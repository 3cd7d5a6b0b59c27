//! `rolecall policy evaluate`: decides the cases of a file as IAM does.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use rolecall_policy::Case;
use rolecall_policy::case::{CaseError, CaseWarning};

use super::cases::{self, CaseFile};
use crate::args::{OutputArgs, OutputFormat};
use crate::exit_code::{self, RolecallExitCode};
use crate::failure::Failure;
use crate::output::{self, CaseResult};

pub(super) const EXIT_CODES: [(RolecallExitCode, &str); 4] = [
    (RolecallExitCode::Success, "decided, as expected where the file says so"),
    (RolecallExitCode::Usage, "invalid arguments, or not a JSON list of cases"),
    (RolecallExitCode::Findings, "a verdict is not the expected one"),
    (RolecallExitCode::Incomplete, "a case is invalid; the others were decided"),
];

/// The arguments of `rolecall policy evaluate`.
#[derive(Debug, Args)]
#[command(after_help = exit_code::help(cases::FORMAT, &EXIT_CODES))]
pub(crate) struct EvaluateArgs {
    /// File of cases; `-` is stdin
    #[arg(value_name = "FILE.json")]
    pub(crate) file: PathBuf,

    #[command(flatten)]
    pub(crate) output: OutputArgs<OutputFormat>,
}

/// Decides the cases of a file. A case that is invalid has no verdict, and the others are decided.
pub(crate) fn run(arguments: &EvaluateArgs) -> Result<ExitCode, Failure> {
    let file = CaseFile::read(&arguments.file, "rolecall policy evaluate")?;
    let places = file.places();
    let mut results = Vec::with_capacity(file.cases.len());
    for (index, case) in file.cases.iter().enumerate() {
        let (result, warnings) = decide(case).unwrap_or_else(|error| {
            (CaseResult::invalid(case, cases::problem(&places, index, &error)), Vec::new())
        });
        for warning in warnings {
            let place = cases::place_of(&places, index, &warning);
            let (file, name) = (arguments.file.display(), &case.name);
            output::say(&format!("warning: {file}: {place}: [{index}] {name:?}: {warning}"));
        }
        results.push(result);
    }
    let (format, mut out) = arguments.output.open()?;
    let written = match format {
        OutputFormat::Table => out.write_all(output::verdicts(&results, out.terminal_style()).as_bytes()),
        OutputFormat::Json => output::write_json(&mut out, &results),
    };
    written.and_then(|()| out.finish()).map_err(|error| output::not_written(&error))?;
    Ok(exit_code(&results.iter().collect::<Vec<_>>()))
}

/// The exit code of a command that decided these cases.
pub(super) fn exit_code(results: &[&CaseResult]) -> ExitCode {
    if results.iter().any(|result| result.verdict.is_none()) {
        RolecallExitCode::Incomplete.into()
    } else if results.iter().all(|result| result.is_as_expected()) {
        ExitCode::SUCCESS
    } else {
        RolecallExitCode::Findings.into()
    }
}

/// The result of a valid case, and what should be corrected in its policies.
fn decide(case: &Case) -> Result<(CaseResult, Vec<CaseWarning>), CaseError> {
    Ok((CaseResult::new(case, &case.decide()?), case.warnings()?))
}
