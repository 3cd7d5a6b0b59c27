//! The policy documents of a folder, by their names.

use std::fs;
use std::path::{Path, PathBuf};

use rolecall_access::doctor::{ChainDocuments, DocumentCheck, SessionRequest, TargetCheck};
use rolecall_core::RunOptions;
use rolecall_policy::{NamedPolicy, Policy, PolicyType, Principal};
use rolecall_roll::Terms as _;

use super::DoctorArgs;
use crate::args;
use crate::failure::Failure;
use crate::input_file;
use crate::output;
use crate::targets;
use crate::terms::FlagTerms;

/// What a folder may have, for messages.
const NAMES: &str = "hub-trust.json, hub-permissions.json, member-trust.json and member-permissions.json; if there are any, \
                     hub-boundary.json, hub-session.json, member-boundary.json, and the folders hub-scps, member-scps and \
                     member-rcps (a folder in one of the first two is a level of the organization)";

/// Checks the documents of a folder.
pub(super) fn check(
    arguments: &DoctorArgs,
    folder: &Path,
    options: &RunOptions,
) -> Result<TargetCheck, Failure> {
    for key in ["via", "organization", "accounts_file"] {
        if options.given(key).is_some() {
            let problem = format!(
                "--documents checks the documents of one role, and {} is set",
                FlagTerms.setting(key)
            );
            return Err(Failure::usage(problem).with_remedy(
                "check each pair of roles without it: --caller-arn is the role that assumes, --role-arn the one that is assumed",
            ));
        }
    }
    let settings = targets::settings(options)?;
    let caller_arn = arguments.caller_arn.clone().unwrap_or_default();
    let principal: Principal =
        caller_arn.parse().map_err(|error| Failure::usage(format!("--caller-arn: {error}")))?;
    if caller_arn.contains(":assumed-role/AWSReservedSSO_") {
        let problem = "--caller-arn: the ARN of a session does not have the path of its role, which trust policies name";
        return Err(Failure::usage(problem).with_remedy(
            "pass the ARN of the role: `aws iam get-role --role-name NAME --query Role.Arn` prints it",
        ));
    }
    let role_arn =
        match options.targets.role_arn.as_ref().map(|given| given.value.as_slice()).unwrap_or_default() {
            [role_arn] => role_arn.clone(),
            roles => {
                let problem = format!("--documents is about one role, and --role-arn names {}", roles.len());
                return Err(Failure::usage(problem).with_remedy("pass --role-arn ARN once"));
            }
        };
    let is_role = caller_arn.contains(":role/") || caller_arn.contains(":user/");
    let (role_arns, context): (Vec<&String>, Vec<&String>) =
        arguments.context.iter().partition(|it| it.to_ascii_lowercase().starts_with("aws:principalarn="));
    let context: Vec<String> = context.into_iter().cloned().collect();
    if role_arns.len() > 1 {
        return Err(
            Failure::usage("--context: a request has one aws:PrincipalArn").with_remedy("pass it once")
        );
    }
    let given_role = role_arns.first().and_then(|it| Some(it.split_once('=')?.1.to_owned()));
    if let Some(role_arn) = &given_role {
        principal.clone().with_principal_arn(role_arn).map_err(|error| {
            Failure::usage(format!("--context aws:PrincipalArn: {error}"))
                .with_remedy("pass the ARN of the role of the session in --caller-arn")
        })?;
    }
    let request = SessionRequest {
        caller_role_arn: given_role.or_else(|| is_role.then(|| caller_arn.clone())),
        caller_arn: principal.as_str().to_owned(),
        role_arn,
        external_id: options.targets.external_id.as_ref().map(|given| given.value.clone()),
        shows_external_id: arguments.show_external_id,
        session_name: settings.session.name.clone().unwrap_or_default().as_str().to_owned(),
        source_identity: settings.session.source_identity.as_ref().map(|name| name.as_str().to_owned()),
        tags: settings.session.tags.clone(),
    };
    let documents = read(folder)?;
    let context = args::condition_keys(&context)?;
    let check = DocumentCheck {
        documents: &documents,
        request: &request,
        session_duration: settings.session.duration,
        selection: &settings.selection,
        context: &context,
    };
    Ok(check.run(&FlagTerms))
}

fn read(folder: &Path) -> Result<ChainDocuments, Failure> {
    let mut documents = ChainDocuments::default();
    for path in &sorted(folder)? {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let is_json = path.extension().is_some_and(|extension| extension == "json");
        match stem {
            "hub-scps" => documents.hub_scps = Some(levels(folder, path)?),
            "member-scps" => documents.member_scps = Some(levels(folder, path)?),
            "member-rcps" => documents.member_rcps = folder_of(folder, path, PolicyType::Rcp)?,
            "hub-trust" if is_json => documents.hub_trust = Some(policy(folder, path, PolicyType::Trust)?),
            "member-trust" if is_json => {
                documents.member_trust = Some(policy(folder, path, PolicyType::Trust)?);
            }
            "hub-permissions" if is_json => {
                documents.hub_permissions = vec![policy(folder, path, PolicyType::Identity)?];
            }
            "member-permissions" if is_json => {
                documents.member_permissions = vec![policy(folder, path, PolicyType::Identity)?];
            }
            "hub-boundary" if is_json => {
                documents.hub_boundary = Some(policy(folder, path, PolicyType::Boundary)?);
            }
            "hub-session" if is_json => {
                documents.hub_session = Some(policy(folder, path, PolicyType::Session)?);
            }
            "member-boundary" if is_json => {
                documents.member_boundary = Some(policy(folder, path, PolicyType::Boundary)?);
            }
            _ => {
                let problem = format!("--documents {}: this name is not that of a document", path.display());
                return Err(Failure::usage(problem).with_remedy(format!("the folder has {NAMES}")));
            }
        }
    }
    for (name, is_missing) in [
        ("hub-permissions.json", documents.hub_permissions.is_empty()),
        ("member-trust.json", documents.member_trust.is_none()),
        ("member-permissions.json", documents.member_permissions.is_empty()),
    ] {
        if is_missing {
            let problem = format!("--documents {}: {name} is missing", folder.display());
            return Err(Failure::usage(problem).with_remedy(format!("the folder has {NAMES}")));
        }
    }
    Ok(documents)
}

/// The policies of a folder: its files are one level, each folder in it is a level of its own.
fn levels(folder: &Path, path: &Path) -> Result<Vec<Vec<NamedPolicy>>, Failure> {
    let (below, files): (Vec<PathBuf>, Vec<PathBuf>) =
        sorted(path)?.into_iter().partition(|path| path.is_dir());
    let mut levels = Vec::new();
    if !files.is_empty() {
        levels.push(policies(folder, &files, PolicyType::Scp)?);
    }
    for path in below {
        levels.push(folder_of(folder, &path, PolicyType::Scp)?);
    }
    Ok(levels)
}

fn folder_of(folder: &Path, path: &Path, policy_type: PolicyType) -> Result<Vec<NamedPolicy>, Failure> {
    policies(folder, &sorted(path)?, policy_type)
}

/// Policies from files. Anything else would be ignored silently, and is an error.
fn policies(folder: &Path, paths: &[PathBuf], policy_type: PolicyType) -> Result<Vec<NamedPolicy>, Failure> {
    let read = |path: &PathBuf| {
        if path.is_dir() || path.extension().is_none_or(|extension| extension != "json") {
            let problem = format!("--documents {}: expected a policy, in a file NAME.json", path.display());
            return Err(Failure::usage(problem).with_remedy(format!("the folder has {NAMES}")));
        }
        policy(folder, path, policy_type)
    };
    paths.iter().map(read).collect()
}

fn sorted(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let cannot_read = |error: std::io::Error| Failure::cannot_read("--documents", folder, &error);
    let entries = fs::read_dir(folder).map_err(cannot_read)?;
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(cannot_read)?;
    // Such as .DS_Store.
    paths.retain(|path| !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')));
    paths.sort();
    Ok(paths)
}

fn policy(folder: &Path, path: &Path, policy_type: PolicyType) -> Result<NamedPolicy, Failure> {
    let text = input_file::read_text("--documents", path)?;
    let policy = Policy::parse_text(&text, policy_type)
        .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    let places = rolecall_json::Places::new(&text);
    if let Some(error) = policy.errors(policy_type).first() {
        let place = places.place(error.culprit());
        return Err(Failure::usage(format!("{}: {place}: {error}", path.display()))
            .with_remedy("AWS stores no such policy; correct it first"));
    }
    for lint in policy.lints(policy_type) {
        let place = places.place(&lint.culprit());
        output::say(&format!("warning: {}: {place}: {lint}", path.display()));
    }
    Ok(NamedPolicy { name: path.strip_prefix(folder).unwrap_or(path).display().to_string(), policy })
}
