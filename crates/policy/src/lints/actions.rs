//! Actions that do not exist, and resources that an action does not have.

use crate::arn::Arn;
use crate::document::{Match, Statement};
use crate::pattern;

use super::condition_keys::{ACCOUNT_READS, ASSUME_ROLE_ACTIONS, USER_READS};
use super::{Lint, LintSeverity, arns};

/// The actions of AWS STS.
///
/// Source: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html>
const STS_ACTIONS: [&str; 16] = [
    "sts:AssumeRole",
    "sts:AssumeRoleWithSAML",
    "sts:AssumeRoleWithWebIdentity",
    "sts:AssumeRoot",
    "sts:DecodeAuthorizationMessage",
    "sts:GetAccessKeyInfo",
    "sts:GetCallerIdentity",
    "sts:GetDelegatedAccessToken",
    "sts:GetFederationToken",
    "sts:GetServiceBearerToken",
    "sts:GetSessionToken",
    "sts:GetWebIdentityToken",
    "sts:SetContext",
    "sts:SetSourceIdentity",
    "sts:TagGetWebIdentityToken",
    "sts:TagSession",
];

pub(super) fn lints(statement: &Statement) -> Vec<Lint> {
    let mut lints = unknown_actions(statement);
    lints.extend(resources_that_are_no_roles(statement));
    lints.extend(resources_of_account_actions(statement));
    lints
}

fn unknown_actions(statement: &Statement) -> Vec<Lint> {
    let element = statement.path().field(&statement.actions.element_name("Action"));
    let actions = statement.actions.all().iter().enumerate();
    let lints = actions.filter_map(|(item, action)| {
        let (problem, remedy) = unknown_sts_action(action).or_else(|| other_number(action))?;
        let lint = Lint::new(element.clone(), problem, remedy).with_value(item, action);
        Some(lint.with_severity(LintSeverity::Warning))
    });
    lints.collect()
}

fn unknown_sts_action(action: &str) -> Option<(&'static str, String)> {
    let is_sts = action.split_once(':').is_some_and(|(service, _)| service.eq_ignore_ascii_case("sts"));
    if !is_sts || STS_ACTIONS.iter().any(|known| pattern::matches_ignoring_case(action, known)) {
        return None;
    }
    Some(("AWS STS has no such action", "check the name, for example \"sts:AssumeRole\"".to_owned()))
}

/// An action of IAM in the singular or plural, where there is only the other one, such as `iam:ListUser`.
fn other_number(action: &str) -> Option<(&'static str, String)> {
    let known = USER_READS.iter().chain(&ACCOUNT_READS);
    let is_other = |known: &&&str| {
        let with_s = |text: &str| format!("{}s", text.to_ascii_lowercase());
        with_s(known) == action.to_ascii_lowercase() || with_s(action) == known.to_ascii_lowercase()
    };
    let known = known.into_iter().find(is_other)?;
    Some(("IAM has no such action", format!("write {known:?}")))
}

/// Resources of a statement about the assumption of roles that are no roles.
fn resources_that_are_no_roles(statement: &Statement) -> Vec<Lint> {
    let is_about_roles =
        |action: &String| ASSUME_ROLE_ACTIONS.iter().any(|it| it.eq_ignore_ascii_case(action));
    let (Match::Any(actions), Some(Match::Any(resources))) = (&statement.actions, &statement.resources)
    else {
        return Vec::new();
    };
    if actions.is_empty() || !actions.iter().all(is_about_roles) {
        return Vec::new();
    }
    let element = statement.path().field("Resource");
    // What is wrong with the ARN as such is said by `arns`.
    let is_other = |resource: &str| !can_be_role(resource) && arns::problem_of(resource).is_none();
    let others = resources.iter().enumerate().filter(|(_, resource)| is_other(resource));
    let lints = others.map(|(item, resource)| {
        let problem = "only roles are assumed, and this is the ARN of no role";
        let remedy = "name the role, as in \"arn:aws:iam::111111111111:role/IAMListRole\"";
        Lint::new(element.clone(), problem, remedy).with_value(item, resource)
    });
    lints.collect()
}

/// Whether a `Resource` can match the ARN of a role.
fn can_be_role(resource: &str) -> bool {
    // AWS reports a variable before the resource portion.
    let arn = Arn::parse(resource).filter(|_| !pattern::has_misplaced_variable(resource));
    let Some(Arn { partition, service, region, resource, .. }) = arn else { return true };
    // A wildcard may match several parts.
    if [partition, service, region].iter().any(|part| part.contains(['*', '?', '$'])) {
        return true;
    }
    let literal = resource.split(['*', '?', '$']).next().unwrap_or_default();
    let has_wildcard = literal.len() < resource.len();
    service == "iam" && (literal.starts_with("role/") || (has_wildcard && "role/".starts_with(literal)))
}

/// Resources of actions that are about the account as a whole: such an action is allowed on `*` only.
fn resources_of_account_actions(statement: &Statement) -> Option<Lint> {
    let (Match::Any(actions), Some(Match::Any(resources))) = (&statement.actions, &statement.resources)
    else {
        return None;
    };
    // IAM compares iam:ListUsers with the ARN of the path, `arn:aws:iam::111111111111:user/`.
    let is_about_account = |action: &&String| {
        !action.eq_ignore_ascii_case("iam:ListUsers")
            && ACCOUNT_READS.iter().any(|it| it.eq_ignore_ascii_case(action))
    };
    let about_account: Vec<&str> = actions.iter().filter(is_about_account).map(String::as_str).collect();
    if about_account.is_empty() || resources.is_empty() || resources.iter().any(|resource| resource == "*") {
        return None;
    }
    let all = about_account.len() == actions.len();
    let problem =
        format!("{} is about the whole account and has no resource of its own", about_account.join(", "));
    let lint = Lint::new(
        statement.path().field("Resource"),
        problem,
        "put it into a statement with \"Resource\": \"*\"",
    );
    Some(lint.with_severity(if all { LintSeverity::Error } else { LintSeverity::Warning }))
}
