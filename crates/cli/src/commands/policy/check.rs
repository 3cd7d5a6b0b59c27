//! `rolecall policy check`: what policies grant beyond and short of what a scan needs.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use rolecall_access::check::{
    self, Beyond, CheckError, ConditionKeys, NeededRequest, PolicyCheck, Short, Undecided,
};
use rolecall_access::documents::{DocumentName, RequiredAccess};
use serde::Serialize;

use super::access::{self, AccessArgs, GivenAccess};
use super::generate::DocumentChoice;
use crate::args::{self, OutputArgs, OutputFormat};
use crate::exit_code::{self, RolecallExitCode};
use crate::failure::Failure;
use crate::input_file;
use crate::output;

const HELP: &str = "\
Examples:
  rolecall policy check member-permissions.json --collect recommended
  rolecall policy check member-trust.json \\
      --hub-role-arn arn:aws:iam::222222222222:role/LambdaRole
  aws iam get-role --role-name R --query Role.AssumeRolePolicyDocument |
      rolecall policy check - \\
      --hub-role-arn arn:aws:iam::222222222222:role/LambdaRole

Each file is one policy document, and is compared with the document of the same name that `rolecall policy generate` \
prints for the same options. A policy with Principal is a trust policy; one that allows sts:AssumeRole is of the hub role, and any \
other of the member role. --type says it if that is wrong. If several policies of a role allow what a scan needs only together, put \
their statements into one file.

What is missing is decided as IAM decides it, with Deny and conditions, for every user and account that a scan may read. With an \
external id, a trust policy must require it. Where a decision depends on a condition key whose value only the request has, such as \
aws:SourceIp, the check says so; --context gives the value.";

const EXIT_CODES: [(RolecallExitCode, &str); 5] = [
    (RolecallExitCode::Success, "each policy allows what a scan needs, and nothing else"),
    (RolecallExitCode::Usage, "invalid arguments, or a file is not a policy that AWS accepts"),
    (RolecallExitCode::Findings, "a policy grants more than a scan needs, or less"),
    (RolecallExitCode::Incomplete, "what a policy grants depends on unknown condition keys"),
    (RolecallExitCode::Unexpected, "unexpected error, such as a full disk"),
];

/// The arguments of `rolecall policy check`.
#[derive(Debug, Args)]
#[command(after_help = exit_code::help(HELP, &EXIT_CODES))]
pub(crate) struct CheckArgs {
    /// Files with a policy document each; `-` is stdin
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// The document that the files are [default: recognized by their elements]
    #[arg(long = "type", value_enum, value_name = "NAME", help_heading = "Policies")]
    document: Option<DocumentChoice>,

    /// A condition key of the requests and its value, such as aws:SourceIp=10.0.0.1
    #[arg(long, value_name = "KEY=VALUE", help_heading = "Policies")]
    context: Vec<String>,

    #[command(flatten)]
    output: OutputArgs<OutputFormat>,

    #[command(flatten)]
    access: AccessArgs,
}

/// The result of one file.
#[derive(Debug, Serialize)]
struct CheckedFile {
    file: String,
    verdict: CheckVerdict,
    /// Why it could not be checked; `None` where it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    #[serde(flatten)]
    check: Option<PolicyCheck>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum CheckVerdict {
    /// It allows what a scan needs, and nothing else.
    LeastPrivilege,
    /// It allows more than what a scan needs, and is not known to be short of it.
    Beyond,
    /// It does not allow all that a scan needs, and nothing else.
    Short,
    /// Both.
    BeyondAndShort,
    /// It allows nothing else, and what a scan needs depending on unknown condition keys.
    Undecided,
    /// It is not a policy that AWS accepts.
    Invalid,
}

impl CheckVerdict {
    fn of(check: &PolicyCheck) -> Self {
        match (check.errors.is_empty(), check.beyond.is_empty(), check.short.is_empty()) {
            (false, ..) => Self::Invalid,
            (_, true, true) if !check.undecided.is_empty() => Self::Undecided,
            (_, true, true) => Self::LeastPrivilege,
            (_, false, true) => Self::Beyond,
            (_, true, false) => Self::Short,
            (_, false, false) => Self::BeyondAndShort,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::LeastPrivilege => "allows what a scan needs, and nothing else",
            Self::Beyond => "allows more than what a scan needs",
            Self::Short => "does not allow all that a scan needs",
            Self::BeyondAndShort => "does not allow all that a scan needs, and allows more",
            Self::Undecided => "may not allow all that a scan needs",
            Self::Invalid => "invalid",
        }
    }
}

/// Checks the files. One that is invalid does not keep the others from being checked.
pub(crate) fn run(arguments: &CheckArgs) -> Result<ExitCode, Failure> {
    let given = arguments.access.read()?;
    let context = args::condition_keys(&arguments.context)?;
    let mut results = Vec::with_capacity(arguments.files.len());
    for file in &arguments.files {
        results.push(check_file(file, arguments.document.map(|choice| choice.0), &given, &context)?);
    }
    let (format, mut out) = arguments.output.open()?;
    let written = match format {
        OutputFormat::Json => output::write_json(&mut out, &results),
        OutputFormat::Table => {
            let text: String = results.iter().map(CheckedFile::to_text).collect();
            out.write_all(output::hanging_lines(&text, out.terminal_style(), INDENT).as_bytes())
        }
    };
    written.and_then(|()| out.finish()).map_err(|error| output::not_written(&error))?;
    let has = |verdict| results.iter().any(|result| result.verdict == verdict);
    let is_fulfilled = |it: &CheckedFile| it.verdict == CheckVerdict::LeastPrivilege;
    Ok(if has(CheckVerdict::Invalid) {
        RolecallExitCode::Usage.into()
    } else if results.iter().all(is_fulfilled) {
        ExitCode::SUCCESS
    } else if results.iter().all(|it| is_fulfilled(it) || it.verdict == CheckVerdict::Undecided) {
        RolecallExitCode::Incomplete.into()
    } else {
        RolecallExitCode::Findings.into()
    })
}

fn check_file(
    path: &Path,
    document: Option<DocumentName>,
    given: &GivenAccess,
    context: &ConditionKeys,
) -> Result<CheckedFile, Failure> {
    let text = input_file::read_text("", path)?;
    let file = path.display().to_string();
    let invalid = |problem: String| CheckedFile {
        file: file.clone(),
        verdict: CheckVerdict::Invalid,
        problem: Some(problem),
        check: None,
    };
    // A file that has the name of a document is meant to be it.
    let named = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
    let name = match document.or(named).map_or_else(|| check::recognize(&text), Ok) {
        Ok(name) => name,
        Err(error) => return Ok(invalid(error.to_string())),
    };
    let access = access_for(name, given, &file)?;
    // Without a member role, the policy itself says which accounts it is for, if it does.
    let named = check::named_accounts(&text);
    let is_of_sample = !given.has_members();
    let of_named = (is_of_sample && name == DocumentName::MemberPermissions)
        .then(|| given.with_samples_in(&named))
        .transpose()?;
    match check::check(&text, name, of_named.as_ref().unwrap_or(access), context) {
        Ok(mut check) => {
            if is_of_sample && (named.is_empty() || of_named.is_none()) {
                without_sample_account(&mut check);
            }
            Ok(CheckedFile { file, verdict: CheckVerdict::of(&check), problem: None, check: Some(check) })
        }
        Err(CheckError::Policy(error)) => Ok(invalid(error.to_string())),
        Err(CheckError::Access(error)) => Err(access::invalid(&error)),
        Err(error @ CheckError::NoDocument(_)) => Err(Failure::usage(format!("{file}: {error}"))
            .with_remedy("pass --organization-role-arn ARN, or say with --type what the policy is")),
    }
}

/// The access that the document depends on must be given.
fn access_for<'a>(
    name: DocumentName,
    given: &'a GivenAccess,
    file: &str,
) -> Result<&'a RequiredAccess, Failure> {
    let access = match name {
        DocumentName::HubTrust | DocumentName::MemberPermissions => Ok(given.with_samples()),
        DocumentName::HubPermissions => given.complete(),
        DocumentName::MemberTrust
        | DocumentName::OrganizationTrust
        | DocumentName::OrganizationPermissions => given.with_hub_role(),
    };
    access.inspect_err(|_| {
        output::say(&format!("note: {file} is checked as {name}; --type NAME says what it is"));
    })
}

/// Writes a resource of a sample account for any account: the sample says nothing to the user.
fn without_sample_account(check: &mut PolicyCheck) {
    let short = check.short.iter_mut().map(|it| &mut it.request.resource);
    for resource in short.chain(check.undecided.iter_mut().map(|it| &mut it.request.resource)) {
        if let Some(arn) = resource.as_mut() {
            let fields: Vec<&str> = arn.splitn(6, ':').collect();
            if let [arn_prefix, partition, service, region, _, rest] = fields.as_slice() {
                *arn = [arn_prefix, partition, service, region, "*", rest].join(":");
            }
        }
    }
}

/// The columns before the texts of a row.
const INDENT: usize = 10;

impl CheckedFile {
    fn to_text(&self) -> String {
        let document = self.check.as_ref().map_or(String::new(), |check| format!(" ({})", check.document));
        let mut text = format!("{}{document}: {}\n", self.file, self.verdict.text());
        let mut row = |label: &str, line: &str| {
            text += &format!("  {label:<width$}{}\n", output::printable(line), width = INDENT - 2);
        };
        if let Some(problem) = &self.problem {
            row("invalid", problem);
        }
        let Some(PolicyCheck { errors, warnings, beyond, short, undecided, .. }) = &self.check else {
            return text;
        };
        for error in errors {
            row("invalid", error);
        }
        for warning in warnings {
            row("warning", warning);
        }
        for it in beyond {
            row("beyond", &beyond_text(it));
        }
        for it in short {
            row("short", &short_text(it));
        }
        for it in undecided {
            row("depends", &undecided_text(it));
        }
        text
    }
}

fn beyond_text(beyond: &Beyond) -> String {
    let Beyond { statement, element, value, problem } = beyond;
    let value = value.as_ref().map_or(String::new(), |value| format!(" {value}"));
    format!("{statement} {element}{value}: {problem}")
}

fn short_text(Short { request, reason }: &Short) -> String {
    format!("{}: {reason} (needed for {})", request_text(request), request.needed_for)
}

fn undecided_text(Undecided { request, statements, keys }: &Undecided) -> String {
    let (statements, keys) = (statements.join(", "), keys.join(", "));
    format!(
        "{}: {statements} decides by {keys}, which --context may give (needed for {})",
        request_text(request),
        request.needed_for
    )
}

fn request_text(NeededRequest { action, resource, principal, .. }: &NeededRequest) -> String {
    let on = resource.as_ref().filter(|it| *it != "*").map_or(String::new(), |it| format!(" on {it}"));
    let by = principal.as_ref().map_or(String::new(), |it| format!(" by {it}"));
    format!("{action}{on}{by}")
}
