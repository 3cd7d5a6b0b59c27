//! Condition keys that a request never has.
//!
//! Only the keys of AWS STS and IAM, and those about tags, are judged, for actions of the two services: for another key or
//! service, AWS documents too many.
//!
//! Source: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html>,
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html>

use crate::condition::Condition;
use crate::document::{Match, PolicyType, PrincipalValue, Statement};

use super::{Lint, LintSeverity, condition_path};

/// The actions of a request to assume a role. They are evaluated with the keys of the one request.
pub(super) const ASSUME_ROLE_ACTIONS: [&str; 3] =
    ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"];

/// Their keys of AWS STS.
const ASSUME_ROLE_KEYS: [&str; 5] = [
    "sts:externalid",
    "sts:rolesessionname",
    "sts:sourceidentity",
    "sts:transitivetagkeys",
    "sts:requestcontextproviders",
];

/// The actions that read a user, whose tags a condition can compare.
pub(super) const USER_READS: [&str; 5] = [
    "iam:GetAccessKeyLastUsed",
    "iam:GetLoginProfile",
    "iam:GetUser",
    "iam:ListAccessKeys",
    "iam:ListMFADevices",
];

/// The actions that read an account: they have no resource with tags.
pub(super) const ACCOUNT_READS: [&str; 7] = [
    "iam:GenerateCredentialReport",
    "iam:GetAccountAuthorizationDetails",
    "iam:GetAccountSummary",
    "iam:GetCredentialReport",
    "iam:ListAccountAliases",
    "iam:ListOrganizationsFeatures",
    "iam:ListUsers",
];

/// The keys of a request that an AWS service makes for a resource of a customer.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-sourcearn>
const SERVICE_KEYS: [&str; 4] =
    ["aws:sourcearn", "aws:sourceaccount", "aws:sourceorgid", "aws:sourceorgpaths"];

pub(super) fn lints(statement: &Statement, policy_type: PolicyType) -> Vec<Lint> {
    let of_condition = |condition: &Condition| {
        prefix_lint(statement, condition)
            .or_else(|| action_lint(statement, condition))
            .or_else(|| (policy_type == PolicyType::Trust).then(|| service_lint(statement, condition))?)
    };
    statement.conditions.iter().filter_map(of_condition).collect()
}

/// A key of AWS STS under the prefix of the global keys.
fn prefix_lint(statement: &Statement, condition: &Condition) -> Option<Lint> {
    let right = match condition.key.to_ascii_lowercase().as_str() {
        "aws:externalid" => "sts:ExternalId",
        "aws:rolesessionname" => "sts:RoleSessionName",
        "aws:transitivetagkeys" => "sts:TransitiveTagKeys",
        _ => return None,
    };
    let effect = effect_without_key(condition);
    let problem = format!("there is no key {}, so {effect}", condition.key);
    Some(Lint::new(condition_path(statement, condition), problem, format!("write {right}")))
}

/// A key that some actions of the statement never have.
fn action_lint(statement: &Statement, condition: &Condition) -> Option<Lint> {
    let Match::Any(actions) = &statement.actions else { return None };
    let key = condition.key.to_ascii_lowercase();
    let without: Vec<&str> =
        actions.iter().map(String::as_str).filter(|action| never_has(action, &key)).collect();
    if without.is_empty() {
        return None;
    }
    let effect = effect_without_key(condition);
    let actions_text = without.join(", ");
    let problem = format!("a request of {actions_text} never has {}, so {effect} for it", condition.key);
    let severity = if without.len() == actions.len() { LintSeverity::Error } else { LintSeverity::Warning };
    Some(Lint::new(condition_path(statement, condition), problem, remedy_for(&key)).with_severity(severity))
}

/// What a condition does where the request does not have its key.
fn effect_without_key(condition: &Condition) -> &'static str {
    if condition.is_met_without_key() { "the condition is always met" } else { "the statement never matches" }
}

/// Whether requests of an action never have a key. The key is in lower case.
fn never_has(action: &str, key: &str) -> bool {
    let action = action.to_ascii_lowercase();
    let is_one_of = |list: &[&str]| list.iter().any(|it| it.eq_ignore_ascii_case(&action));
    let is_user_read = is_one_of(&USER_READS);
    let is_read = is_user_read || is_one_of(&ACCOUNT_READS);
    let is_tag_of_resource =
        ["aws:resourcetag/", "iam:resourcetag/"].iter().any(|prefix| key.starts_with(prefix));
    match (action.split(':').next().unwrap_or_default(), key.split(':').next().unwrap_or_default()) {
        ("iam", "sts") => true,
        ("iam", "iam" | "aws") if is_tag_of_resource => is_read && !is_user_read,
        ("iam", "iam") => is_read,
        ("iam", "aws") => is_read && (key == "aws:tagkeys" || key.starts_with("aws:requesttag/")),
        ("sts", "iam") => !is_tag_of_resource,
        ("sts", "sts") => {
            is_one_of(&ASSUME_ROLE_ACTIONS)
                && !ASSUME_ROLE_KEYS.contains(&key)
                && !key.starts_with("sts:requestcontext/")
        }
        _ => false,
    }
}

/// What to do instead of comparing a key. The key is in lower case.
fn remedy_for(key: &str) -> &'static str {
    match key {
        "sts:externalid" => "require the external id in the trust policy of the role, for sts:AssumeRole",
        "sts:sourceidentity" => "use aws:SourceIdentity, which the session keeps",
        "sts:rolesessionname" => "limit the session name in the trust policy of the role, for sts:AssumeRole",
        "sts:durationseconds" => "set the maximum session duration of the role",
        "sts:roleauthorizedbyidp" => "use it for sts:AssumeRoleWithWebIdentity",
        "sts:taskpolicyarn" => "use it for sts:AssumeRoot",
        "iam:passedtoservice" | "iam:associatedresourcearn" => "use it for iam:PassRole",
        _ => "remove the condition, or use another key",
    }
}

/// A key of the requests that AWS services make, in a trust policy that trusts no service.
fn service_lint(statement: &Statement, condition: &Condition) -> Option<Lint> {
    let Some(Match::Any(principals)) = &statement.principals else { return None };
    let is_named = |value: &PrincipalValue| matches!(value, PrincipalValue::Aws(value) if value != "*");
    let is_service_key = SERVICE_KEYS.contains(&condition.key.to_ascii_lowercase().as_str());
    if !is_service_key || principals.is_empty() || !principals.iter().all(is_named) {
        return None;
    }
    let effect = effect_without_key(condition);
    let problem = format!("only requests of AWS services have {}, so {effect}", condition.key);
    let remedy = "compare aws:PrincipalArn, aws:PrincipalAccount or aws:PrincipalOrgID";
    Some(Lint::new(condition_path(statement, condition), problem, remedy))
}
