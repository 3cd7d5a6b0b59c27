//! IAM operations on managed policies: those of the account, and those of AWS that the emulator knows.

use std::sync::Arc;

use rolecall_policy::NamedPolicy;

use super::{Page, account, date, encoded, path_prefix, tag_list, tags};
use crate::authorization::AuthorizationRequest;
use crate::call::Call;
use crate::protocol::{ApiError, Xml};
use crate::world::{Account, ManagedPolicy, aws_managed_policies};

/// The one version that a policy of a world has.
const VERSION_ID: &str = "v1";

/// `iam:ListPolicies`.
pub(crate) fn list_policies(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let page = Page::from_request(call, "ListPolicies")?;
    let prefix = path_prefix(call)?;
    let scope = call.parameters.get("Scope").unwrap_or("All");
    if !["All", "AWS", "Local"].contains(&scope) {
        let constraint = "Member must satisfy enum value set: [All, AWS, Local]";
        return Err(ApiError::invalid("Scope", Some(scope), constraint));
    }
    let usage = usage_filter(call)?;
    call.allow(&AuthorizationRequest::new("iam:ListPolicies", "*", &format!("policy path {prefix}")))?;
    let account = account(call);
    let only_attached = call.parameters.get("OnlyAttached") == Some("true");
    let local = account.managed_policies.values().filter(|_| scope != "AWS");
    let of_aws = aws_managed_policies().values().filter(|_| scope != "Local");
    let mut policies: Vec<_> = local
        .chain(of_aws)
        .filter(|policy| policy.path.starts_with(prefix))
        .filter(|policy| usage != Some("PermissionsBoundary") || boundary_count(&account, &policy.arn) > 0)
        .filter(|policy| !only_attached || attachment_count(&account, &policy.arn) > 0)
        .collect();
    policies.sort_by_key(|policy| &policy.arn);
    Ok(page.render("Policies", policies.iter().map(|policy| (policy.arn.as_str(), member(policy, &account)))))
}

/// `iam:GetPolicy`.
pub(crate) fn get_policy(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let policy = requested_policy(call, "iam:GetPolicy")?;
    let xml = member(&policy, &account(call)).optional("Description", policy.description.as_ref());
    let xml = if policy.tags.is_empty() { xml } else { xml.list("Tags", tags(&policy.tags)) };
    Ok(Xml::new().element("Policy", &xml))
}

/// `iam:GetPolicyVersion`.
pub(crate) fn get_policy_version(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let version_id = call.parameters.required("VersionId")?;
    let policy = requested_policy(call, "iam:GetPolicyVersion")?;
    if version_id != VERSION_ID {
        let message =
            format!("Policy {} version {version_id} does not exist or is not attachable.", policy.arn);
        return Err(ApiError::no_such_entity(message));
    }
    Ok(Xml::new().element("PolicyVersion", &version(&policy, true)))
}

/// `iam:ListPolicyVersions`.
pub(crate) fn list_policy_versions(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let page = Page::from_request(call, "ListPolicyVersions")?;
    let policy = requested_policy(call, "iam:ListPolicyVersions")?;
    Ok(page.render("Versions", std::iter::once((VERSION_ID, version(&policy, false)))))
}

/// `iam:ListPolicyTags`.
pub(crate) fn list_policy_tags(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let page = Page::from_request(call, "ListPolicyTags")?;
    let policy = requested_policy(call, "iam:ListPolicyTags")?;
    Ok(tag_list(&page, &policy.tags))
}

/// `iam:ListEntitiesForPolicy`. A policy of AWS that the emulator does not know is attached to nothing in a world.
pub(crate) fn list_entities_for_policy(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let arn = call.parameters.required("PolicyArn")?;
    let page = Page::from_request(call, "ListEntitiesForPolicy")?;
    let prefix = path_prefix(call)?;
    let usage = usage_filter(call)?;
    let filter = call.parameters.get("EntityFilter").unwrap_or_default();
    if arn.starts_with("arn:aws:iam::aws:policy/") {
        call.allow(&AuthorizationRequest::new("iam:ListEntitiesForPolicy", arn, &format!("policy {arn}")))?;
    } else {
        requested_policy(call, "iam:ListEntitiesForPolicy")?;
    }
    let account = account(call);
    let is_attached = |arns: &[String], boundary: Option<&NamedPolicy>, path: &str| {
        let is_permission = usage != Some("PermissionsBoundary") && arns.iter().any(|other| other == arn);
        let is_boundary =
            usage != Some("PermissionsPolicy") && boundary.is_some_and(|boundary| boundary.name == arn);
        (is_permission || is_boundary) && path.starts_with(prefix)
    };
    let name_and_id = |kind: &str, name: &str, id: &str| {
        Xml::new().text(&format!("{kind}Name"), name).text(&format!("{kind}Id"), id)
    };
    let mut entities: Vec<(String, &str, Xml)> = Vec::new();
    let groups = account.groups.iter().filter(|(_, it)| is_attached(&it.attached_policies, None, &it.path));
    for (name, group) in groups {
        entities.push((format!("Group/{name}"), "Group", name_and_id("Group", name, &group.unique_id)));
    }
    let roles = account.roles.iter();
    let roles = roles
        .filter(|(_, it)| is_attached(&it.attached_policies, it.permissions_boundary.as_ref(), &it.path));
    for (name, role) in roles {
        entities.push((format!("Role/{name}"), "Role", name_and_id("Role", name, &role.unique_id)));
    }
    let users = account.users.iter();
    let users = users
        .filter(|(_, it)| is_attached(&it.attached_policies, it.permissions_boundary.as_ref(), &it.path));
    for (name, user) in users {
        entities.push((format!("User/{name}"), "User", name_and_id("User", name, &user.user_id)));
    }
    entities.retain(|(_, kind, _)| filter.is_empty() || filter == *kind);
    let named = entities.iter().map(|(key, kind, xml)| (key.as_str(), (*kind, xml.clone())));
    let (members, end) = page.select(named);
    let list = |kind: &str| {
        let of_kind = members.iter().filter(|(other, _)| *other == kind).map(|(_, xml)| xml.clone());
        Xml::new().list(&format!("Policy{kind}s"), of_kind)
    };
    Ok(["Group", "User", "Role"].into_iter().map(list).collect::<Xml>().append(&end))
}

fn usage_filter<'a>(call: &Call<'a>) -> Result<Option<&'a str>, ApiError> {
    let usage = call.parameters.get("PolicyUsageFilter");
    if let Some(unknown) = usage.filter(|usage| !["PermissionsPolicy", "PermissionsBoundary"].contains(usage))
    {
        let constraint = "Member must satisfy enum value set: [PermissionsPolicy, PermissionsBoundary]";
        return Err(ApiError::invalid("PolicyUsageFilter", Some(unknown), constraint));
    }
    Ok(usage)
}

/// The managed policy that a request names.
///
/// # Errors
/// `AccessDenied` comes before `NoSuchEntity`: a caller without the permission does not learn whether the policy
/// exists.
fn requested_policy(call: &mut Call<'_>, action: &str) -> Result<Arc<ManagedPolicy>, ApiError> {
    let arn = call.parameters.required("PolicyArn")?;
    let policy = call.world.managed_policy(call.caller.account_id(), arn);
    call.allow(&AuthorizationRequest {
        resource_tags: policy.as_ref().map(|policy| policy.tags.clone()).unwrap_or_default(),
        ..AuthorizationRequest::new(action, arn, &format!("policy {arn}"))
    })?;
    let message = format!("Policy {arn} does not exist or is not attachable.");
    policy.ok_or_else(|| ApiError::no_such_entity(message))
}

/// How many users, groups and roles of an account have a policy attached.
pub(super) fn attachment_count(account: &Account, arn: &str) -> usize {
    let users = account.users.values().map(|user| &user.attached_policies);
    let groups = account.groups.values().map(|group| &group.attached_policies);
    let roles = account.roles.values().map(|role| &role.attached_policies);
    users.chain(groups).chain(roles).filter(|arns| arns.iter().any(|other| other == arn)).count()
}

/// How many users and roles of an account have a policy as their permissions boundary. A boundary whose document stands in
/// the world file is no managed policy of the account.
fn boundary_count(account: &Account, arn: &str) -> usize {
    let users = account.users.values().map(|user| &user.permissions_boundary);
    let roles = account.roles.values().map(|role| &role.permissions_boundary);
    users.chain(roles).flatten().filter(|boundary| boundary.name == arn).count()
}

/// The fields of a policy that every list of policies has.
pub(super) fn member(policy: &ManagedPolicy, account: &Account) -> Xml {
    Xml::new()
        .text("PolicyName", &policy.name)
        .text("PolicyId", &policy.policy_id)
        .text("Arn", &policy.arn)
        .text("Path", &policy.path)
        .text("DefaultVersionId", VERSION_ID)
        .text("AttachmentCount", attachment_count(account, &policy.arn).to_string())
        .text("PermissionsBoundaryUsageCount", boundary_count(account, &policy.arn).to_string())
        .text("IsAttachable", "true")
        .text("CreateDate", date(policy.create_date))
        .text("UpdateDate", date(policy.create_date))
}

/// The version of a policy; a list of versions has no documents.
pub(super) fn version(policy: &ManagedPolicy, with_document: bool) -> Xml {
    let document = with_document.then(|| encoded(&policy.document.policy.source().to_string()));
    Xml::new()
        .optional("Document", document)
        .text("VersionId", VERSION_ID)
        .text("IsDefaultVersion", "true")
        .text("CreateDate", date(policy.create_date))
}
