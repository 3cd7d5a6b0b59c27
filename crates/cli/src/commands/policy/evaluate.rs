//! `rolecall policy evaluate`: decides the cases of a file as IAM does.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use rolecall_policy::Case;
use rolecall_policy::case::Verdict;

use crate::args::{OutputArgs, OutputFormat};
use crate::exit_code::{self, RolecallExitCode};
use crate::failure::Failure;
use crate::output::{self, CaseResult};

const HELP: &str = "\
The file is a JSON list of cases, such as

  [{
    \"name\": \"LambdaRole assumes IAMListRole\",
    \"identityPolicies\": [{\"Version\": \"2012-10-17\", \"Statement\": [{
      \"Effect\": \"Allow\", \"Action\": \"sts:AssumeRole\", \"Resource\": \"*\"}]}],
    \"trustPolicy\": {\"Version\": \"2012-10-17\", \"Statement\": [{
      \"Effect\": \"Allow\", \"Action\": \"sts:AssumeRole\",
      \"Principal\": {\"AWS\": \"222222222222\"}}]},
    \"request\": {
      \"principal\": \"arn:aws:sts::222222222222:assumed-role/LambdaRole/s\",
      \"action\": \"sts:AssumeRole\",
      \"resource\": \"arn:aws:iam::111111111111:role/IAMListRole\"},
    \"context\": {\"sts:ExternalId\": \"…\"},
    \"expected\": \"Allowed\"
  }]

Optional: sessionPolicy (a policy); permissionBoundaries, scps and rcps (lists; scps may be a list of lists, one for each \
level of the organization); request.resourceAccount, if the resource's ARN has no account; expected, \"Allowed\" or \
\"Denied\". The context is used as given: include aws:PrincipalArn, aws:PrincipalAccount and other keys that AWS would \
set. The ARN of a session lacks the path of its role; aws:PrincipalArn has it.";

const EXIT_CODES: [(RolecallExitCode, &str); 4] = [
    (RolecallExitCode::Success, "decided, as expected where the file says so"),
    (RolecallExitCode::Usage, "invalid arguments, or not a JSON list of cases"),
    (RolecallExitCode::Findings, "a verdict is not the expected one"),
    (RolecallExitCode::Incomplete, "a case is invalid; the others were decided"),
];

/// The arguments of `rolecall policy evaluate`.
#[derive(Debug, Args)]
#[command(after_help = exit_code::help(HELP, &EXIT_CODES))]
pub(crate) struct EvaluateArgs {
    /// File of cases; `-` is stdin
    #[arg(value_name = "FILE.json")]
    pub(crate) file: PathBuf,

    #[command(flatten)]
    pub(crate) output: OutputArgs<OutputFormat>,
}

/// Decides the cases of a file. A case that is invalid has no verdict, and the others are decided.
pub(crate) fn run(arguments: &EvaluateArgs) -> Result<ExitCode, Failure> {
    let file = arguments.file.display();
    let invalid = |problem: &dyn std::fmt::Display| Failure::usage(format!("{file}: {problem}"));
    let text = read(&arguments.file).map_err(|error| Failure::cannot_read("", &arguments.file, &error))?;
    let not_cases = |problem: &dyn std::fmt::Display| {
        invalid(problem)
            .with_remedy("write a JSON list of cases; `rolecall policy evaluate --help` shows one")
    };
    let cases: Vec<Case> = rolecall_json::parse(&text).map_err(|error| not_cases(&error))?;
    if cases.is_empty() {
        return Err(not_cases(&"the list has no cases, so nothing was evaluated"));
    }
    let mut results = Vec::with_capacity(cases.len());
    for (index, case) in cases.into_iter().enumerate() {
        let name = case.name.clone();
        let (result, warnings) = decide(&case).unwrap_or_else(|problem| {
            let problem = format!("[{index}]: {problem}");
            (
                CaseResult {
                    name: name.clone(),
                    verdict: None,
                    decided_by: None,
                    problem: Some(problem),
                    expected: None,
                },
                Vec::new(),
            )
        });
        for warning in warnings {
            output::say(&format!(
                "warning: {file}: [{index}] {name:?}: {warning} (AWS rejects such a policy)"
            ));
        }
        results.push(result);
    }
    let (format, mut out) = arguments.output.open()?;
    let written = match format {
        OutputFormat::Table => out.write_all(output::verdicts(&results, out.terminal_style()).as_bytes()),
        OutputFormat::Json => output::write_json(&mut out, &results),
    };
    written.and_then(|()| out.finish()).map_err(|error| output::not_written(&error))?;
    Ok(if results.iter().any(|result| result.verdict.is_none()) {
        RolecallExitCode::Incomplete.into()
    } else if results.iter().all(CaseResult::is_as_expected) {
        ExitCode::SUCCESS
    } else {
        RolecallExitCode::Findings.into()
    })
}

/// The result of a valid case, and what AWS reports as errors in its policies; as an error, what is wrong with the
/// case.
fn decide(case: &Case) -> Result<(CaseResult, Vec<String>), String> {
    let decision = case.decide().map_err(|error| error.to_string())?;
    let warnings = case.policy_errors().map_err(|error| error.to_string())?;
    let result = CaseResult {
        name: case.name.clone(),
        verdict: Some(Verdict::from(&decision)),
        decided_by: Some(decision.to_string()),
        problem: None,
        expected: case.expected,
    };
    Ok((result, warnings))
}

fn read(file: &Path) -> io::Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    fs::read_to_string(file)
}
