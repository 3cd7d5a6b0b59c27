//! `iam:GetAccountAuthorizationDetails`: users, groups, roles and managed policies of an account in one paged list.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html>

use std::sync::Arc;

use super::{
    Page, account, allow, attached_policy, date, groups, inline_policies, permissions_boundary, policies,
    roles, tags,
};
use crate::call::Call;
use crate::protocol::{ApiError, Xml};
use crate::world::{ManagedPolicy, User, aws_managed_policies};

/// The lists of the response, in the order of the pages, with the filters that select them.
const LISTS: [(&str, &[&str]); 4] = [
    ("UserDetailList", &["User"]),
    ("GroupDetailList", &["Group"]),
    ("RoleDetailList", &["Role"]),
    ("Policies", &["LocalManagedPolicy", "AWSManagedPolicy"]),
];

/// `iam:GetAccountAuthorizationDetails`.
pub(crate) fn get_account_authorization_details(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let filters = call.parameters.texts("Filter");
    let is_known = |filter: &&&str| LISTS.iter().any(|(_, filters)| filters.contains(*filter));
    if let Some(unknown) = filters.iter().find(|filter| !is_known(filter)) {
        let constraint =
            "Member must satisfy enum value set: [Role, AWSManagedPolicy, User, LocalManagedPolicy, Group]";
        return Err(ApiError::invalid("Filter", Some(unknown), constraint));
    }
    let page = Page::from_request(call, "GetAccountAuthorizationDetails")?;
    allow(call, "iam:GetAccountAuthorizationDetails")?;
    let is_requested = |filter: &str| filters.is_empty() || filters.contains(&filter);
    let items = items(call, is_requested);
    // A page begins in one list and may end in another, so its order is that of the lists and of the names in them.
    let named = items.iter().map(|(key, list, xml)| (key.as_str(), (*list, xml.clone())));
    let (members, end) = page.select(named);
    let lists = LISTS.iter().enumerate().map(|(number, (name, _))| {
        let of_list = members.iter().filter(|(list, _)| *list == number).map(|(_, xml)| xml.clone());
        Xml::new().list(name, of_list)
    });
    Ok(lists.collect::<Xml>().append(&end))
}

/// What is requested: a key that sorts as the pages do, the index of its list, its XML.
fn items(call: &Call<'_>, is_requested: impl Fn(&str) -> bool) -> Vec<(String, usize, Xml)> {
    let account_id = call.caller.account_id();
    let account = account(call);
    let mut items = Vec::new();
    let mut add = |list: usize, name: &str, xml: Xml| items.push((format!("{list}/{name}"), list, xml));
    if is_requested("User") {
        account.users.iter().for_each(|(name, user)| add(0, name, user_detail(name, user, account_id)));
    }
    if is_requested("Group") {
        for (name, group) in &account.groups {
            let attached = group.attached_policies.iter().map(|arn| attached_policy(arn));
            let xml = groups::member(name, group)
                .list("GroupPolicyList", inline_policies(&group.inline_policies))
                .list("AttachedManagedPolicies", attached);
            add(1, name, xml);
        }
    }
    if is_requested("Role") {
        for (name, role) in &account.roles {
            let attached = role.attached_policies.iter().map(|arn| attached_policy(arn));
            let xml = roles::summary(name, role)
                .list("InstanceProfileList", [])
                .list("RolePolicyList", inline_policies(&role.inline_policies))
                .list("AttachedManagedPolicies", attached);
            let xml = permissions_boundary(xml, role.permissions_boundary.as_ref(), account_id);
            add(2, name, xml.list("Tags", tags(&role.tags)).element("RoleLastUsed", &roles::last_used(role)));
        }
    }
    let local = account.managed_policies.values().filter(|_| is_requested("LocalManagedPolicy"));
    // Of AWS's policies, only those that are attached.
    let is_attached = |policy: &&Arc<ManagedPolicy>| policies::attachment_count(&account, &policy.arn) > 0;
    let of_aws = aws_managed_policies().values().filter(is_attached);
    let mut managed: Vec<_> = local.chain(of_aws.filter(|_| is_requested("AWSManagedPolicy"))).collect();
    managed.sort_by_key(|policy| &policy.arn);
    for policy in managed {
        let version = policies::version(policy, true);
        let xml = policies::member(policy, &account).list("PolicyVersionList", [version]);
        add(3, &policy.arn, xml);
    }
    items
}

/// A user as in no other list: with its policies and without the last use of its password.
fn user_detail(name: &str, user: &User, account_id: &str) -> Xml {
    let attached = user.attached_policies.iter().map(|arn| attached_policy(arn));
    let groups: Vec<&str> = user.groups.iter().map(String::as_str).collect();
    let xml = Xml::new()
        .text("Path", &user.path)
        .text("UserName", name)
        .text("UserId", &user.user_id)
        .text("Arn", &user.arn)
        .text("CreateDate", date(user.create_date))
        .list("UserPolicyList", inline_policies(&user.inline_policies))
        .texts("GroupList", &groups)
        .list("AttachedManagedPolicies", attached);
    permissions_boundary(xml, user.permissions_boundary.as_ref(), account_id).list("Tags", tags(&user.tags))
}
