//! A role with its documents, as a CloudFormation template. A stack has the role of one account; a stack set creates the
//! member role in every account.
//!
//! Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-role.html>

use std::collections::BTreeMap;

use serde::Serialize;

use super::{DocumentName, Documents, InvalidAccess, MemberRoles, RequiredAccess, RoleKind, documents};
use crate::statement::PolicyDocument;

/// A template with one role.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Template {
    #[serde(rename = "AWSTemplateFormatVersion")]
    format_version: &'static str,
    description: String,
    resources: BTreeMap<&'static str, Role>,
    outputs: BTreeMap<&'static str, Output>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Role {
    r#type: &'static str,
    properties: RoleProperties,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
struct RoleProperties {
    role_name: String,
    path: String,
    description: &'static str,
    assume_role_policy_document: PolicyDocument,
    policies: Vec<InlinePolicy>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
struct InlinePolicy {
    policy_name: &'static str,
    policy_document: PolicyDocument,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    description: &'static str,
    value: BTreeMap<&'static str, [&'static str; 2]>,
}

/// The name of the role in the template.
const ROLE: &str = "Role";

/// The template of a role; `None` where the access needs no such role.
///
/// # Errors
/// [`InvalidAccess`] where no policy could give this access, or the member roles have different names or paths, so that one
/// template cannot create them.
pub fn template(access: &RequiredAccess, role: RoleKind) -> Result<Option<Template>, InvalidAccess> {
    let documents = documents(access)?.of_role(role);
    let Some(path_and_name) = path_and_name(access, role)? else { return Ok(None) };
    let (path, name) = path_and_name.rsplit_once('/').unwrap_or(("", &path_and_name));
    let path = if path.is_empty() { "/".to_owned() } else { format!("/{path}/") };
    Ok(properties(&documents, role, name, path).map(|properties| Template {
        format_version: "2010-09-09",
        description: account_description(access, role),
        resources: BTreeMap::from([(ROLE, Role { r#type: "AWS::IAM::Role", properties })]),
        outputs: BTreeMap::from([(
            "RoleArn",
            Output { description: "ARN of the role", value: BTreeMap::from([("Fn::GetAtt", [ROLE, "Arn"])]) },
        )]),
    }))
}

fn properties(documents: &Documents, role: RoleKind, name: &str, path: String) -> Option<RoleProperties> {
    let of = |is_trust: bool| {
        let found = |name: &&DocumentName| name.role() == role && name.is_trust() == is_trust;
        documents.get(*DocumentName::ALL.iter().find(found)?).cloned()
    };
    Some(RoleProperties {
        role_name: name.to_owned(),
        path,
        description: match role {
            RoleKind::Hub => "Rolecall runs as this role and assumes roles in the accounts that it reads",
            RoleKind::Member => "Lets Rolecall list the IAM users of this account and their access keys",
            RoleKind::Organization => "Lets Rolecall list the accounts of the organization",
        },
        assume_role_policy_document: of(true)?,
        policies: vec![InlinePolicy { policy_name: "Rolecall", policy_document: of(false)? }],
    })
}

/// In which account the template is deployed.
fn account_description(access: &RequiredAccess, role: RoleKind) -> String {
    let hub = access.hub_role.account_id();
    match role {
        RoleKind::Hub => format!("Rolecall's hub account {hub}: the role that Rolecall runs as"),
        RoleKind::Member => {
            format!("An account that Rolecall reads: the role that it assumes from the hub account {hub}")
        }
        RoleKind::Organization => {
            format!(
                "The account that lists the organization's accounts: the role that Rolecall assumes from {hub}"
            )
        }
    }
}

/// The path and the name of the role; `None` where the access needs no such role.
fn path_and_name(access: &RequiredAccess, role: RoleKind) -> Result<Option<String>, InvalidAccess> {
    let resource = |arn: &rolecall_roll::RoleArn| {
        arn.as_str().split_once(":role/").map(|(_, path_and_name)| path_and_name.to_owned())
    };
    match (role, &access.members) {
        (RoleKind::Hub, _) => Ok(resource(&access.hub_role)),
        (RoleKind::Organization, _) => Ok(access.organization_role.as_ref().and_then(resource)),
        (RoleKind::Member, MemberRoles::Organization { path_and_name, .. }) => {
            Ok(Some(path_and_name.clone()))
        }
        (RoleKind::Member, MemberRoles::Listed(roles)) => {
            let mut names: Vec<String> = roles.iter().filter_map(resource).collect();
            names.dedup();
            match <[String; 1]>::try_from(names) {
                Ok([name]) => Ok(Some(name)),
                Err(names) => Err(InvalidAccess::DifferentNames(names.join(", "))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::template;
    use crate::documents::{InvalidAccess, MemberRoles, RequiredAccess, RoleKind, Trust, documents};

    fn access(members: &[&str]) -> RequiredAccess {
        let hub = "arn:aws:iam::222222222222:role/ops/LambdaRole".parse().unwrap();
        let members = members.iter().map(|arn| arn.parse().unwrap()).collect();
        RequiredAccess { members: MemberRoles::Listed(members), ..RequiredAccess::new(hub, Trust::Role) }
    }

    fn properties(access: &RequiredAccess, role: RoleKind) -> Value {
        let template = serde_json::to_value(template(access, role).unwrap().unwrap()).unwrap();
        assert_eq!(template["Resources"]["Role"]["Type"], "AWS::IAM::Role");
        template["Resources"]["Role"]["Properties"].clone()
    }

    #[test]
    fn a_template_has_the_role_with_its_name_path_and_documents() {
        let access = access(&["arn:aws:iam::111111111111:role/security/audit/IAMListRole"]);
        let documents = serde_json::to_value(documents(&access).unwrap()).unwrap();
        for (role, name, path) in
            [(RoleKind::Hub, "LambdaRole", "/ops/"), (RoleKind::Member, "IAMListRole", "/security/audit/")]
        {
            let properties = properties(&access, role);
            assert_eq!((&properties["RoleName"], &properties["Path"]), (&json!(name), &json!(path)));
            let trust = &documents[format!("{}-trust", role.as_str())];
            assert_eq!(properties["AssumeRolePolicyDocument"], *trust);
            let permissions = &documents[format!("{}-permissions", role.as_str())];
            assert_eq!(properties["Policies"][0]["PolicyDocument"], *permissions);
        }
        assert!(template(&access, RoleKind::Organization).unwrap().is_none());
    }

    #[test]
    fn roles_with_different_names_do_not_fit_into_one_template() {
        let same = ["arn:aws:iam::111111111111:role/R", "arn:aws:iam::333333333333:role/R"];
        assert_eq!(properties(&access(&same), RoleKind::Member)["RoleName"], "R");
        let other = ["arn:aws:iam::111111111111:role/R", "arn:aws:iam::333333333333:role/a/R"];
        let problem = template(&access(&other), RoleKind::Member).unwrap_err();
        assert_eq!(problem, InvalidAccess::DifferentNames("R, a/R".to_owned()));
    }
}
