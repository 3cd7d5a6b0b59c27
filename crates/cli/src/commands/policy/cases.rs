//! A file of cases, which several subcommands read.

use std::path::Path;

use rolecall_json::{JsonPath, Places};
use rolecall_policy::Case;
use rolecall_policy::case::{CaseError, CaseWarning};

use crate::failure::Failure;
use crate::input_file;

/// The cases of a file, and its text.
pub(super) struct CaseFile {
    text: String,
    pub(super) cases: Vec<Case>,
}

/// How the file of cases looks, for the help of a command.
pub(super) const FORMAT: &str = "\
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

impl CaseFile {
    /// Reads a file of cases; `-` is stdin. The remedy of a failure names the command.
    pub(super) fn read(file: &Path, command: &str) -> Result<Self, Failure> {
        let text = input_file::read_text("", file)?;
        let not_cases = |problem: &dyn std::fmt::Display| {
            Failure::usage(format!("{}: {problem}", file.display()))
                .with_remedy(format!("write a JSON list of cases; `{command} --help` shows one"))
        };
        let cases: Vec<Case> = rolecall_json::parse(&text).map_err(|error| not_cases(&error))?;
        if cases.is_empty() {
            return Err(not_cases(&"the list has no cases, so nothing was evaluated"));
        }
        Ok(Self { text, cases })
    }

    /// The places of the values in the file.
    pub(super) fn places(&self) -> Places<'_> {
        Places::new(&self.text)
    }
}

/// What is wrong with a case, with its place in the file: `line 7, column 15: [0]: trustPolicy: …`.
pub(super) fn problem(places: &Places<'_>, index: usize, error: &CaseError) -> String {
    let place = places.place(&JsonPath::root().item(index).join(&error.path()));
    format!("{place}: [{index}]: {error}")
}

/// The line and column of what should be corrected in a policy of a case.
pub(super) fn place_of(places: &Places<'_>, index: usize, warning: &CaseWarning) -> rolecall_json::Place {
    places.place(&JsonPath::root().item(index).join(warning.path()))
}
