//! `rolecall policy generate`: the least-privilege documents of both sides.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use rolecall_access::documents::{self, DocumentName, Documents, RequiredAccess, RoleKind, cloudformation};
use rolecall_roll::json;
use serde::Serialize;

use super::access::{self, AccessArgs};
use crate::exit_code::{self, RolecallExitCode};
use crate::failure::Failure;
use crate::output;

const HELP: &str = "\
Examples:
  rolecall policy generate \\
      --hub-role-arn arn:aws:iam::222222222222:role/LambdaRole \\
      --role-arn arn:aws:iam::111111111111:role/IAMListRole \\
      --collect recommended --out-dir policies
  rolecall policy generate \\
      --hub-role-arn arn:aws:iam::222222222222:role/LambdaRole \\
      --trust organization --organization-id o-example001 \\
      --role-name IAMListRole --role member \\
      --format cloudformation --out member.template.json

The documents allow the actions that reading the facts of --collect needs, and nothing else. hub-trust and hub-permissions are \
of the role that Rolecall runs as, member-trust and member-permissions of the role in each account; organization-trust and \
organization-permissions are printed with --organization-role-arn. Without --document and --role, stdout has one JSON object \
with all documents by name. With an external id, member-trust requires it: the output has it in plain text.";

const EXIT_CODES: [(RolecallExitCode, &str); 1] =
    [(RolecallExitCode::Success, "documents printed or written")];

/// The arguments of `rolecall policy generate`.
#[derive(Debug, Args)]
#[command(after_help = exit_code::help(HELP, &EXIT_CODES))]
pub(crate) struct GenerateArgs {
    #[command(flatten)]
    access: AccessArgs,

    /// Print only this document
    #[arg(long, value_enum, value_name = "NAME", help_heading = "Output", conflicts_with = "role")]
    document: Option<DocumentChoice>,

    /// Print only the documents of this role
    #[arg(long, value_enum, value_name = "ROLE", help_heading = "Output")]
    role: Option<RoleChoice>,

    /// Output format
    #[arg(long, value_enum, default_value = "json", help_heading = "Output")]
    format: PolicyFormat,

    /// Write output to FILE atomically; `-` is stdout [default: -]
    #[arg(long, short, value_name = "FILE", help_heading = "Output", conflicts_with = "out_dir")]
    out: Option<PathBuf>,

    /// Write a file for each document or template into DIR, which is created if it does not exist
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    out_dir: Option<PathBuf>,
}

/// The name of a document, as a value of a flag.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DocumentChoice(pub(crate) DocumentName);

impl ValueEnum for DocumentChoice {
    fn value_variants<'a>() -> &'a [Self] {
        use DocumentName::{
            HubPermissions, HubTrust, MemberPermissions, MemberTrust, OrganizationPermissions,
            OrganizationTrust,
        };
        &[
            Self(HubTrust),
            Self(HubPermissions),
            Self(MemberTrust),
            Self(MemberPermissions),
            Self(OrganizationTrust),
            Self(OrganizationPermissions),
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.0.as_str()))
    }
}

/// A role, as a value of a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RoleChoice {
    /// The role that Rolecall runs as
    Hub,
    /// The role in each account that is read
    Member,
    /// The role that lists the accounts of the organization
    Organization,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PolicyFormat {
    /// Policy documents, as the AWS CLI and Terraform take them
    Json,
    /// A CloudFormation template for each role
    #[value(name = "cloudformation")]
    CloudFormation,
}

impl From<RoleChoice> for RoleKind {
    fn from(role: RoleChoice) -> Self {
        match role {
            RoleChoice::Hub => Self::Hub,
            RoleChoice::Member => Self::Member,
            RoleChoice::Organization => Self::Organization,
        }
    }
}

/// Prints the documents.
pub(crate) fn run(arguments: &GenerateArgs) -> Result<ExitCode, Failure> {
    let given = arguments.access.read()?;
    let access = given.complete()?;
    match arguments.format {
        PolicyFormat::Json => print_documents(arguments, access)?,
        PolicyFormat::CloudFormation => print_templates(arguments, access)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn print_documents(arguments: &GenerateArgs, access: &RequiredAccess) -> Result<(), Failure> {
    let mut all = documents::documents(access).map_err(|error| access::invalid(&error))?;
    if let Some(role) = arguments.role {
        all = all.of_role(role.into());
    }
    let one = arguments.document.map(|DocumentChoice(name)| {
        all.get(name).map(|document| (name, document)).ok_or_else(needs_organization_role)
    });
    let one = one.transpose()?;
    if all.iter().next().is_none() {
        return Err(needs_organization_role());
    }
    match (one, &arguments.out_dir) {
        (Some((name, document)), Some(folder)) => write_files(folder, [(format!("{name}.json"), document)]),
        (None, Some(folder)) => write_files(folder, files(&all)),
        (Some((_, document)), None) => print(arguments.out.as_deref(), document),
        (None, None) => print(arguments.out.as_deref(), &all),
    }
}

fn files(all: &Documents) -> impl Iterator<Item = (String, impl Serialize)> {
    all.iter().map(|(name, document)| (format!("{name}.json"), document))
}

/// Only the access with a role that lists the accounts has its documents.
fn needs_organization_role() -> Failure {
    Failure::usage("without --organization-role-arn, no role lists the accounts of an organization")
        .with_remedy("pass --organization-role-arn ARN, the role that lists them")
}

fn print_templates(arguments: &GenerateArgs, access: &RequiredAccess) -> Result<(), Failure> {
    if arguments.document.is_some() {
        return Err(Failure::usage(
            "--document has no template of its own: a template has a role with both documents",
        )
        .with_remedy("pass --role hub or --role member"));
    }
    let roles = arguments.role.map_or(RoleKind::ALL.to_vec(), |role| vec![role.into()]);
    let mut templates = Vec::new();
    for role in roles {
        let template = cloudformation::template(access, role).map_err(|error| access::invalid(&error))?;
        templates.extend(template.map(|template| (format!("{}.template.json", role.as_str()), template)));
    }
    match (templates.as_slice(), &arguments.out_dir) {
        ([], _) => Err(needs_organization_role()),
        (_, Some(folder)) => write_files(folder, templates),
        ([(_, template)], None) => print(arguments.out.as_deref(), template),
        (_, None) => {
            Err(Failure::usage("each template is deployed in an account of its own, and stdout has one")
                .with_remedy("pass --role hub or --role member, or write all of them with --out-dir DIR"))
        }
    }
}

fn print(file: Option<&Path>, document: &impl Serialize) -> Result<(), Failure> {
    let mut out = output::open(file)?;
    let written = output::write_json(&mut out, document);
    written.and_then(|()| out.finish()).map_err(|error| output::not_written(&error))
}

/// Writes the files into a folder, each of them atomically.
fn write_files(
    folder: &Path,
    files: impl IntoIterator<Item = (String, impl Serialize)>,
) -> Result<(), Failure> {
    let cannot_write = |path: &Path, error: &std::io::Error| output::cannot_write("--out-dir", path, error);
    fs::create_dir_all(folder).map_err(|error| cannot_write(folder, &error))?;
    let mut names = Vec::new();
    for (name, document) in files {
        let path = folder.join(&name);
        let mut sink = output::Sink::file(&path).map_err(|error| cannot_write(&path, &error))?;
        let written = json::to_writer_pretty(&mut sink, &document).and_then(|()| sink.write_all(b"\n"));
        written.and_then(|()| sink.finish()).map_err(|error| cannot_write(&path, &error))?;
        names.push(name);
    }
    output::say(&format!("wrote {} to {}", names.join(", "), folder.display()));
    Ok(())
}
