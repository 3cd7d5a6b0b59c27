//! `rolecall policy`: what IAM would decide.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use rolecall_policy::Case;
use rolecall_policy::case::Verdict;

use crate::args::{OutputArgs, OutputFormat};
use crate::exit_code::{self, RolecallExitCode};
use crate::failure::Failure;
use crate::output::{self, CaseResult};

/// What is done with policies.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Say of each situation in a file whether IAM allows it, and which statement decides
    Evaluate(EvaluateArgs),
}

const HELP: &str = "\
The file is a JSON list of situations, such as

  [{\"name\": \"LambdaRole becomes IAMListRole\",
    \"identityPolicies\": [{\"Version\": \"2012-10-17\", \"Statement\": [
      {\"Effect\": \"Allow\", \"Action\": \"sts:AssumeRole\", \"Resource\": \"*\"}]}],
    \"trustPolicy\": {\"Version\": \"2012-10-17\", \"Statement\": [
      {\"Effect\": \"Allow\", \"Action\": \"sts:AssumeRole\", \"Principal\": {\"AWS\": \"222222222222\"}}]},
    \"request\": {\"principal\": \"arn:aws:sts::222222222222:assumed-role/LambdaRole/s\",
                \"action\": \"sts:AssumeRole\", \"resource\": \"arn:aws:iam::111111111111:role/IAMListRole\"},
    \"context\": {\"sts:ExternalId\": \"…\"}, \"expected\": \"Allowed\"}]

with sessionPolicy (a policy), permissionBoundaries, scps and rcps (lists; scps may be a list of lists, one for each level of an organisation) where \
there are any, request.resourceAccount where the resource does not say it, and \"Denied\" where that is expected. The \
context is taken as it is given: aws:PrincipalArn, aws:PrincipalAccount and the like are in it where AWS would put them. \
A session's ARN lacks the path of its role, which aws:PrincipalArn tells.";

/// What its exit codes mean.
const EXIT_CODES: [(RolecallExitCode, &str); 3] = [
    (RolecallExitCode::Success, "decided"),
    (RolecallExitCode::Usage, "wrong usage, or a file that is none"),
    (RolecallExitCode::Findings, "a verdict is not the one that was expected"),
];

/// The arguments of `rolecall policy evaluate`.
#[derive(Debug, Args)]
#[command(after_help = exit_code::help(HELP, &EXIT_CODES))]
pub(crate) struct EvaluateArgs {
    /// The situations; `-` for stdin
    #[arg(value_name = "FILE.json")]
    pub(crate) file: PathBuf,

    #[command(flatten)]
    pub(crate) output: OutputArgs<OutputFormat>,
}

/// Does it.
pub(crate) fn run(command: &PolicyCommand) -> Result<ExitCode, Failure> {
    match command {
        PolicyCommand::Evaluate(arguments) => evaluate(arguments),
    }
}

/// Decides the situations of a file.
fn evaluate(arguments: &EvaluateArgs) -> Result<ExitCode, Failure> {
    let shown = arguments.file.display();
    let wrong = |problem: &dyn std::fmt::Display| Failure::usage(format!("{shown}: {problem}"));
    let text = read(&arguments.file).map_err(|error| wrong(&error))?;
    let cases: Vec<Case> = rolecall_policy::json::parse(&text).map_err(|error| {
        wrong(&error).with_remedy("`rolecall policy evaluate --help` shows what is expected")
    })?;
    let mut answers = Vec::with_capacity(cases.len());
    for (index, case) in cases.into_iter().enumerate() {
        let place = format!("[{index}] {:?}", case.name);
        let no_situation = |problem| wrong(&format!("{place}: {problem}"));
        let decision = case.decide().map_err(no_situation)?;
        for error in case.policy_errors().map_err(no_situation)? {
            output::say(&format!("{shown}: {place}: {error} (AWS calls it an error)"));
        }
        answers.push(CaseResult {
            verdict: Verdict::from(&decision),
            decided_by: decision.to_string(),
            expected: case.expected,
            name: case.name,
        });
    }
    let mut out = arguments.output.open()?;
    let written = match arguments.output.format {
        OutputFormat::Table => out.write_all(output::verdicts(&answers, out.look()).as_bytes()),
        OutputFormat::Json => output::write_json(&mut out, &answers),
    };
    written.and_then(|()| out.finish()).map_err(|error| output::not_written(&error))?;
    let all_as_expected = answers.iter().all(CaseResult::is_as_expected);
    Ok(if all_as_expected { ExitCode::SUCCESS } else { RolecallExitCode::Findings.into() })
}

fn read(file: &Path) -> io::Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    fs::read_to_string(file)
}
