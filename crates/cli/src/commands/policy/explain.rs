//! `rolecall policy explain`: why the cases of a file are decided as they are.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use rolecall_json::Places;
use rolecall_policy::Case;
use rolecall_policy::case::CaseError;

use super::cases::{self, CaseFile};
use super::evaluate;
use crate::args::{OutputArgs, OutputFormat};
use crate::exit_code;
use crate::failure::Failure;
use crate::output::{self, CaseResult, ExplainedCase};

const HELP: &str = "\
For each case, a row for each of its policies says what the policy contributes: the statement that allows or denies, or, \
where no statement matches, the statement with Allow that comes closest and the first of its elements that does not match, \
with the values in the policy and in the request. External ids are not shown.

Warnings below the rows name what AWS rejects in the policies, and what AWS accepts though it never works.";

/// The arguments of `rolecall policy explain`.
#[derive(Debug, Args)]
#[command(after_help = exit_code::help(&format!("{HELP}\n\n{}", cases::FORMAT), &evaluate::EXIT_CODES))]
pub(crate) struct ExplainArgs {
    /// File of cases; `-` is stdin
    #[arg(value_name = "FILE.json")]
    pub(crate) file: PathBuf,

    #[command(flatten)]
    pub(crate) output: OutputArgs<OutputFormat>,
}

/// Explains the cases of a file. A case that is invalid has no verdict, and the others are explained.
pub(crate) fn run(arguments: &ExplainArgs) -> Result<ExitCode, Failure> {
    let file = CaseFile::read(&arguments.file, "rolecall policy explain")?;
    let places = file.places();
    let explain = |(index, case): (usize, &Case)| {
        explain(case, index, &places).unwrap_or_else(|error| {
            let result = CaseResult::invalid(case, cases::problem(&places, index, &error));
            ExplainedCase { result, documents: Vec::new(), warnings: Vec::new() }
        })
    };
    let explained: Vec<ExplainedCase> = file.cases.iter().enumerate().map(explain).collect();
    let (format, mut out) = arguments.output.open()?;
    let written = match format {
        OutputFormat::Table => {
            out.write_all(output::explanations(&explained, out.terminal_style()).as_bytes())
        }
        OutputFormat::Json => output::write_json(&mut out, &explained),
    };
    written.and_then(|()| out.finish()).map_err(|error| output::not_written(&error))?;
    Ok(evaluate::exit_code(&explained.iter().map(|case| &case.result).collect::<Vec<_>>()))
}

fn explain(case: &Case, index: usize, places: &Places<'_>) -> Result<ExplainedCase, CaseError> {
    let explanation = case.explain()?;
    let warnings = case.warnings()?.into_iter();
    let warnings = warnings.map(|warning| format!("{}: {warning}", cases::place_of(places, index, &warning)));
    Ok(ExplainedCase {
        result: CaseResult::new(case, &explanation.decision),
        warnings: warnings.collect(),
        documents: explanation.documents,
    })
}
