//! The page for the person who must approve the access: who asks for what, why, and how to withdraw it.
//!
//! It is Markdown, to be mailed or put into a ticket. It has a placeholder instead of the external id.

use std::fmt::Write as _;
use std::time::Duration;

use rolecall_core::collect::expected_calls;
use rolecall_roll::{ExternalId, RoleSessionName};

use crate::documents::{
    DocumentName, Documents, InvalidAccess, MemberRoles, RequiredAccess, RoleKind, Trust, documents,
};
use crate::purpose::purpose;
use crate::statement::{OneOrMany, PolicyDocument, Statement};

/// What stands in the page instead of the external id. No external id can have its angle brackets, so nobody can assume the role with
/// the policy as long as it is there.
pub const EXTERNAL_ID_PLACEHOLDER: &str = "<EXTERNAL_ID>";

/// An external id with which the documents are made, in whose place the page has [`EXTERNAL_ID_PLACEHOLDER`].
const STAND_IN: &str = "rolecall-external-id-stand-in";

/// What the page says besides the access.
#[derive(Debug, Clone)]
pub struct RequestDetails {
    /// How often the accounts are read, such as `once a day, at 03:00 UTC`.
    pub frequency: String,
    /// How long a session lasts at most.
    pub session_duration: Duration,
    /// Whether each session is limited to the needed actions by a session policy.
    pub has_session_policy: bool,
}

/// Renders the page.
///
/// # Errors
/// [`InvalidAccess`] where no policy could give this access.
pub fn page(access: &RequiredAccess, details: &RequestDetails) -> Result<String, InvalidAccess> {
    let access = &with_stand_in(access);
    let documents = documents(access)?;
    let mut page = String::from("# Request for read access to IAM\n");
    for section in [
        who_asks(access),
        requested_actions(access, &documents),
        never_asked(),
        frequency(access, details),
        visibility(access),
        external_id(access),
        creation(access),
        withdrawal(access, details),
        full_documents(&documents),
    ] {
        page.push('\n');
        page.push_str(&section);
    }
    Ok(page.replace(STAND_IN, EXTERNAL_ID_PLACEHOLDER))
}

/// The same access without the external id of the run.
fn with_stand_in(access: &RequiredAccess) -> RequiredAccess {
    let stand_in = || STAND_IN.parse::<ExternalId>().ok();
    let external_id = access.external_id.as_ref().and_then(|_| stand_in());
    RequiredAccess { external_id, ..access.clone() }
}

fn who_asks(access: &RequiredAccess) -> String {
    let mut text = format!(
        "Rolecall lists IAM users and access keys, so that long-lived credentials are found before they leak. It runs as the \
         role {} of the account {} (the hub) and asks to read:\n\n",
        code(access.hub_role.as_str()),
        code(access.hub_role.account_id().as_str()),
    );
    match &access.members {
        MemberRoles::Listed(roles) => {
            for role in roles {
                let account = code(role.account_id().as_str());
                let _ = writeln!(text, "- account {account}, through the role {}", code(role.as_str()));
            }
        }
        MemberRoles::Organization { id, path_and_name } => {
            let (role, id) = (code(path_and_name), code(id.as_str()));
            let _ = writeln!(
                text,
                "- every account of the organization {id}, through the role {role} in each of them"
            );
        }
    }
    if let Trust::Organization { permission_set: Some(name), .. } = &access.trust {
        let _ = writeln!(
            text,
            "\nEngineers with the permission set {} in the hub account may assume these roles too.",
            code(name.as_str())
        );
    }
    format!("## Who asks\n\n{text}")
}

/// The actions of each role, and what they are needed for.
fn requested_actions(access: &RequiredAccess, documents: &Documents) -> String {
    let mut text = String::from("## What is asked, and why\n");
    for (name, account) in [
        (DocumentName::MemberPermissions, "In each account that is read"),
        (DocumentName::OrganizationPermissions, "In the account that lists the organization's accounts"),
        (DocumentName::HubPermissions, "In the hub account"),
    ] {
        let Some(document) = documents.get(name) else { continue };
        let _ = write!(text, "\n{account}:\n\n| action | resource | needed for |\n|---|---|---|\n");
        for statement in &document.statement {
            push_rows(&mut text, statement, access);
        }
    }
    text
}

fn push_rows(text: &mut String, statement: &Statement, access: &RequiredAccess) {
    let resources = statement.resource.iter().flat_map(OneOrMany::values);
    let resources: Vec<String> = resources.map(|resource| cell(&code(resource))).collect();
    for action in statement.action.values() {
        let purpose = cell(&purpose(action, &access.selection));
        let _ = writeln!(text, "| {} | {} | {purpose} |", code(action), resources.join("<br>"));
    }
}

fn never_asked() -> String {
    "\
## What is never asked of an account that is read

- No action that creates, changes or deletes anything. `iam:GenerateCredentialReport` makes IAM compile its report about the \
account's users, and changes no resource.
- No secret: IAM never returns secret access keys or passwords, and Rolecall reads only the ids of access keys.
- No data: nothing of S3, databases, logs or other services of the account is read.
- No `*` in an action, so a new action of AWS is never allowed by itself.
"
    .to_owned()
}

fn frequency(access: &RequiredAccess, details: &RequestDetails) -> String {
    let calls = expected_calls(&access.selection);
    let narrowed = if details.has_session_policy {
        " A session policy limits each session to the actions above, even if the role is allowed more."
    } else {
        ""
    };
    format!(
        "## How often\n\n{}: at least {} API calls for each account, and {} for each of its users.{narrowed}\n",
        escaped(&capitalized(&details.frequency)),
        calls.per_account,
        calls.per_user
    )
}

fn visibility(access: &RequiredAccess) -> String {
    let default = match &access.members {
        MemberRoles::Listed(_) => code(RoleSessionName::default().as_str()),
        MemberRoles::Organization { .. } => "`rolecall-` and the id of the run".to_owned(),
    };
    let name = access.session_name.as_ref().map_or(default, |name| code(name.as_str()));
    let mut text = format!(
        "## How it is visible\n\nCloudTrail of each account records every call. The event `AssumeRole` has the hub account as \
         caller and the session name {name}; the calls that follow have `assumed-role/{}/` and the session name in \
         `userIdentity.arn`.\n",
        role_name(access)
    );
    if let Some(identity) = &access.source_identity {
        let _ = writeln!(text, "The source identity of each session is {}.", code(identity.as_str()));
    }
    for (key, value) in &access.session_tags {
        let _ = writeln!(text, "Each session has the tag {} with the value {}.", code(key), code(value));
    }
    text.push_str(
        "\n```sh\naws cloudtrail lookup-events --lookup-attributes AttributeKey=EventName,AttributeValue=AssumeRole\n```\n",
    );
    text
}

fn external_id(access: &RequiredAccess) -> String {
    if access.external_id.is_none() {
        return "## External id\n\nNone is used. The trust policy names the hub role, and no other caller.\n"
            .to_owned();
    }
    format!(
        "## External id\n\nThe trust policy requires an external id. It is not on this page: replace \
         `{EXTERNAL_ID_PLACEHOLDER}` in the trust policy with the value that you get from the owner of the hub account over \
         another channel than this page, such as a password manager that both use.\n"
    )
}

fn creation(access: &RequiredAccess) -> String {
    let trust = match access.trust {
        Trust::Role => {
            "The hub role must exist first: IAM rejects a trust policy that names a role which does not exist. If the hub role is \
             deleted and created again, the trust policy must be saved again."
        }
        Trust::Organization { .. } => {
            "The trust policy names the hub account and limits it to the role above by a condition, so it stays valid if the hub \
             role is created again."
        }
    };
    let (name, path) = (role_name(access), role_path(access));
    format!(
        "## How to allow it\n\nSave the documents below as `member-trust.json` and `member-permissions.json`, and run in the \
         account that is read:\n\n```sh\naws iam create-role --role-name {name} --path {path} \\\n    \
         --assume-role-policy-document file://member-trust.json\naws iam put-role-policy --role-name {name} --policy-name \
         Rolecall \\\n    --policy-document file://member-permissions.json\n```\n\n{trust}\n"
    )
}

fn withdrawal(access: &RequiredAccess, details: &RequestDetails) -> String {
    let name = role_name(access);
    let minutes = details.session_duration.as_secs() / 60;
    format!(
        "## How to withdraw it\n\nDelete the role. Its sessions can do nothing from then on:\n\n```sh\naws iam \
         delete-role-policy --role-name {name} --policy-name Rolecall\naws iam delete-role --role-name {name}\n```\n\nOr remove \
         the statement `AllowRolecall` from its trust policy: no session begins from then on, and one that is open ends \
         within {minutes} minutes. If a StackSet created the role, delete the account's stack instance:\n\n```sh\naws \
         cloudformation delete-stack-instances --stack-set-name NAME --accounts ACCOUNT --regions REGION \\\n    \
         --no-retain-stacks\n```\n\nRolecall reports the account as denied then, and reads nothing of it.\n"
    )
}

fn full_documents(documents: &Documents) -> String {
    let mut text = String::from("## The documents\n");
    for (name, document) in documents.iter() {
        let owner = match name.role() {
            RoleKind::Hub => "hub role",
            RoleKind::Member => "role in each account that is read",
            RoleKind::Organization => "role that lists the organization's accounts",
        };
        let kind = if name.is_trust() { "trust policy" } else { "permissions policy" };
        let _ =
            write!(text, "\n`{name}.json`, the {kind} of the {owner}:\n\n```json\n{}\n```\n", json(document));
    }
    text
}

fn json(document: &PolicyDocument) -> String {
    serde_json::to_string_pretty(document).unwrap_or_default()
}

/// The path and the name of the member role; of several, those of the first.
fn member_path_and_name(access: &RequiredAccess) -> String {
    let pattern = access.member_patterns().into_iter().next().unwrap_or_default();
    pattern.split_once(":role/").map(|(_, it)| it.to_owned()).unwrap_or_default()
}

fn role_name(access: &RequiredAccess) -> String {
    member_path_and_name(access).rsplit('/').next().unwrap_or_default().to_owned()
}

/// The path, quoted for a shell: IAM allows characters in it that a shell would obey.
fn role_path(access: &RequiredAccess) -> String {
    let path_and_name = member_path_and_name(access);
    let path = path_and_name.rsplit_once('/').map_or("/".to_owned(), |(path, _)| format!("/{path}/"));
    let is_plain = path.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@-/".contains(c));
    if is_plain { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

/// A text as inline code, also if it has backticks.
fn code(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    let space = if longest > 0 { " " } else { "" };
    format!("{fence}{space}{}{space}{fence}", text.replace(['\n', '\r'], " "))
}

/// A text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// A text that Markdown shows as it is written.
fn escaped(text: &str) -> String {
    let special = |c: char| "\\`*_{}[]<>()#+!|~&@".contains(c);
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
        if special(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

fn capitalized(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

#[cfg(test)]
mod tests;
