//! Who may assume the roles.

use rolecall_roll::{ExternalId, Partition};

use super::{PermissionSetName, RequiredAccess, Trust};
use crate::statement::{PolicyDocument, Principal, Statement};

/// The hub role's trust policy: Lambda runs the function as this role.
pub(super) fn of_hub() -> PolicyDocument {
    let lambda = Principal::Service("lambda.amazonaws.com".to_owned());
    PolicyDocument::new(vec![
        Statement::allow(["sts:AssumeRole"]).with_sid("AllowLambda").for_principal(lambda),
    ])
}

/// A member role's trust policy.
pub(super) fn of_member(access: &RequiredAccess) -> PolicyDocument {
    PolicyDocument::new(statements(access, access.external_id.as_ref()))
}

/// The trust policy of the role that lists the accounts. Rolecall sends it no external id, which is for the member roles.
pub(super) fn of_organization_role(access: &RequiredAccess) -> PolicyDocument {
    PolicyDocument::new(statements(access, None))
}

/// A statement for each action of `AssumeRole` that is used. The external id is a condition of the first alone: AWS
/// documents it for `sts:AssumeRole` only, without which the others have no effect.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html>
fn statements(access: &RequiredAccess, external_id: Option<&ExternalId>) -> Vec<Statement> {
    let assume = Statement::allow(["sts:AssumeRole"]).with_sid("AllowRolecall");
    let assume = match external_id {
        Some(id) => assume.with_condition("StringEquals", "sts:ExternalId", [id.expose()]),
        None => assume,
    };
    let others = session_statements(access);
    [assume].into_iter().chain(others).map(|statement| for_hub(statement, access)).collect()
}

/// The statements that set session tags and a source identity: these values, and no others.
pub(super) fn session_statements(access: &RequiredAccess) -> impl Iterator<Item = Statement> {
    let tags = (!access.session_tags.is_empty())
        .then(|| allow_session_tags(&access.session_tags).with_sid("AllowSessionTags"));
    let source_identity = access.source_identity.as_ref();
    let source_identity =
        source_identity.map(|it| allow_source_identity(it.as_str()).with_sid("AllowSourceIdentity"));
    tags.into_iter().chain(source_identity)
}

/// Allows these session tags with these values, and no others.
pub(crate) fn allow_session_tags(tags: &[(String, String)]) -> Statement {
    let keys = tags.iter().map(|(key, _)| key.as_str());
    let statement = Statement::allow(["sts:TagSession"]);
    let statement = statement.with_condition("ForAllValues:StringEquals", "aws:TagKeys", keys);
    tags.iter().fold(statement, |statement, (key, value)| {
        statement.with_condition("StringEquals", &format!("aws:RequestTag/{key}"), [value.as_str()])
    })
}

/// Allows this source identity, and no other.
pub(crate) fn allow_source_identity(source_identity: &str) -> Statement {
    Statement::allow(["sts:SetSourceIdentity"]).with_condition(
        "StringEquals",
        "sts:SourceIdentity",
        [source_identity],
    )
}

/// The statement for the hub role alone.
fn for_hub(statement: Statement, access: &RequiredAccess) -> Statement {
    match &access.trust {
        Trust::Role => statement.for_principal(Principal::Aws(access.hub_role.to_string())),
        Trust::Organization { id, .. } => statement
            .for_principal(Principal::Aws(hub_account(access)))
            .with_condition("StringEquals", "aws:PrincipalOrgID", [id.as_str()])
            .with_condition("ArnLike", "aws:PrincipalArn", trusted_roles(access)),
    }
}

/// The hub account as principal.
pub(crate) fn hub_account(access: &RequiredAccess) -> String {
    format!("arn:{}:iam::{}:root", access.partition(), access.hub_role.account_id())
}

/// The patterns of the trusted roles: the hub role, and those of a permission set.
pub(crate) fn trusted_roles(access: &RequiredAccess) -> Vec<String> {
    let permission_set = match &access.trust {
        Trust::Organization { permission_set: Some(name), .. } => {
            permission_set_roles(access.partition(), access.hub_role.account_id().as_str(), name)
        }
        _ => Vec::new(),
    };
    [access.hub_role.to_string()].into_iter().chain(permission_set).collect()
}

/// The roles of a permission set in an account. AWS ends the name with 16 characters that change when the permission set
/// is assigned again, and adds a Region to the path, except us-east-1. Only IAM Identity Center creates roles below
/// `aws-reserved/`.
///
/// Source: <https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html>
fn permission_set_roles(partition: Partition, account_id: &str, name: &PermissionSetName) -> Vec<String> {
    let role = |region: &str| {
        format!(
            "arn:{partition}:iam::{account_id}:role/aws-reserved/sso.amazonaws.com/{region}AWSReservedSSO_{name}_????????????????"
        )
    };
    vec![role(""), role("*/")]
}
