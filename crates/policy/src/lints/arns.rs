//! ARNs that are like no ARN.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>

use rolecall_json::JsonPath;

use crate::arn::Arn;
use crate::condition::Condition;
use crate::document::{PrincipalValue, Statement};
use crate::pattern;
use crate::validation::wrong_digits;

use super::{Lint, LintSeverity, condition_path, value_lint};

/// How bad a value is, why it never works, and what to write instead.
pub(super) type Problem = (LintSeverity, String, String);

/// Condition keys whose values are ARNs, whatever the operator.
const ARN_KEYS: [&str; 3] = ["aws:PrincipalArn", "aws:SourceArn", "iam:PermissionsBoundary"];

/// What is wrong with the ARNs in `Resource` and `Condition`. Those in `Principal` are checked with the principals.
pub(super) fn lints(statement: &Statement) -> Vec<Lint> {
    let resources = statement.resources.iter().flat_map(|resources| {
        let element = statement.path().field(&resources.element_name("Resource"));
        let resources = resources.all().iter().enumerate();
        let lints = resources.filter_map(move |(item, text)| {
            let (severity, problem, remedy) = problem_of(text)?;
            Some(Lint::new(element.clone(), problem, remedy).with_value(item, text).with_severity(severity))
        });
        lints.collect::<Vec<_>>()
    });
    let conditions = statement.conditions.iter().filter(|condition| has_arns(condition));
    let values = conditions.flat_map(|condition| {
        let values = condition.values.iter().enumerate();
        values.filter_map(|(item, text)| {
            let (severity, problem, remedy) =
                problem_of(text).or_else(|| pattern_problem(condition, text))?;
            Some(value_lint(statement, condition, item, problem, remedy).with_severity(severity))
        })
    });
    resources.chain(values).collect()
}

/// Whether the values of a condition are ARNs.
pub(super) fn has_arns(condition: &Condition) -> bool {
    let is_arn_key = ARN_KEYS.iter().any(|key| key.eq_ignore_ascii_case(&condition.key));
    condition.operator.compares_arns() || (is_arn_key && condition.operator.has_variables())
}

/// A value of an operator such as `ArnLike` that has not the six parts of an ARN. It compares part by part, so no wildcard
/// matches several parts.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_ARN>
fn pattern_problem(condition: &Condition, text: &str) -> Option<Problem> {
    let has_parts = text.splitn(6, ':').count() == 6;
    if !condition.operator.compares_arns() || has_parts || text.contains("${") {
        return None;
    }
    // AWS rejects a text that is not the beginning of an ARN.
    if text != "*" && !text.starts_with("arn:") {
        return None;
    }
    let problem = format!(
        "{} compares each of the six parts of an ARN, and this has not six, so it matches no ARN",
        condition.operator_name
    );
    let remedy = match text {
        "*" => "remove the condition, or write \"arn:*:*:*:*:*\" for any ARN",
        _ => "write all parts, as in \"arn:aws:iam::*:role/IAMListRole\"",
    };
    Some((LintSeverity::Error, problem, remedy.to_owned()))
}

/// What is wrong with an ARN, so that it never matches; `None` for another text.
pub(super) fn problem_of(text: &str) -> Option<Problem> {
    if text.starts_with("arn:") && text.contains(char::is_whitespace) && !text.contains("${") {
        return error("no ARN has a space", "remove the space");
    }
    // AWS reports a variable there, and does not replace it.
    let arn = Arn::parse(text).filter(|_| !pattern::has_misplaced_variable(text))?;
    partition_problem(&arn)
        .or_else(|| service_problem(&arn))
        .or_else(|| region_problem(&arn))
        .or_else(|| account_problem(&arn))
        .or_else(|| session_problem(&arn))
        .or_else(|| name_problem(&arn))
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the checks give options, one of which is tried after the other"
)]
fn error(problem: impl Into<String>, remedy: impl Into<String>) -> Option<Problem> {
    Some((LintSeverity::Error, problem.into(), remedy.into()))
}

fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '?']) || text.contains("${")
}

fn partition_problem(arn: &Arn<'_>) -> Option<Problem> {
    let Arn { partition, .. } = arn;
    if has_wildcard(partition) || *partition == "aws" || partition.starts_with("aws-") {
        return None;
    }
    error(
        format!("there is no partition {partition:?}"),
        "write \"aws\", or \"aws-cn\" or \"aws-us-gov\" for the accounts there",
    )
}

fn service_problem(arn: &Arn<'_>) -> Option<Problem> {
    let Arn { service, resource, .. } = arn;
    if service.bytes().any(|byte| byte.is_ascii_uppercase()) {
        let remedy = format!("write {:?}", service.to_ascii_lowercase());
        return error(format!("the service {service:?} of an ARN is in small letters"), remedy);
    }
    let kind = resource.split_once('/').map_or(*resource, |(kind, _)| kind);
    match (*service, kind) {
        ("iam", "assumed-role" | "federated-user") => {
            error(format!("the ARN of a session, {kind}, has the service \"sts\""), "write \"sts\"")
        }
        ("sts", "role" | "user" | "root") => {
            error(format!("the ARN of a {kind} has the service \"iam\""), "write \"iam\"")
        }
        _ => None,
    }
}

fn region_problem(arn: &Arn<'_>) -> Option<Problem> {
    let Arn { service, region, .. } = arn;
    let is_global = ["iam", "sts"].contains(service);
    if !is_global || region.chars().all(|c| c == '*') {
        return None;
    }
    error(
        format!("ARNs of {service} have no Region, and this has {region:?}"),
        format!("leave it empty, as in \"arn:aws:{service}::111111111111:…\""),
    )
}

fn account_problem(arn: &Arn<'_>) -> Option<Problem> {
    let Arn { account_id, .. } = arn;
    let digits = wrong_digits(account_id)?;
    error(
        format!("account id {account_id:?} has {digits}"),
        "write the account id of 12 digits, with its leading zeros",
    )
}

/// What is wrong with the ARN of a session of a role: it has the name of the role without its path, and that of the session.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns>
fn session_problem(arn: &Arn<'_>) -> Option<Problem> {
    let names = arn.resource.strip_prefix("assumed-role/").filter(|names| !has_wildcard(names))?;
    let names: Vec<&str> = names.split('/').collect();
    let Arn { partition, account_id, .. } = arn;
    match names.as_slice() {
        [role, session] if !role.is_empty() && !session.is_empty() => None,
        [path @ .., role, session] if !path.is_empty() => error(
            "the ARN of a session has no path",
            format!(
                "write \"arn:{partition}:sts::{account_id}:assumed-role/{role}/{session}\", or the ARN of the role with its \
                 path"
            ),
        ),
        [role, ..] => error(
            "the ARN of a session has the name of the role and that of the session",
            format!("for all sessions, name the role: \"arn:{partition}:iam::{account_id}:role/{role}\""),
        ),
        [] => None,
    }
}

/// What is wrong with the name of a role or a user.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-names>
fn name_problem(arn: &Arn<'_>) -> Option<Problem> {
    let Arn { service, resource, .. } = arn;
    let (kind, path_and_name) = resource.split_once('/')?;
    if *service != "iam" || !["role", "user"].contains(&kind) || has_wildcard(path_and_name) {
        return None;
    }
    let name = path_and_name.rsplit('/').next().unwrap_or_default();
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if !name.is_empty() && name.len() <= 64 && name.chars().all(is_name) {
        return None;
    }
    error(
        format!("no {kind} can have the name {name:?}"),
        "a name has 1 to 64 letters, digits and characters of _+=,.@-; replace a placeholder",
    )
}

/// ARNs of more than one partition in a document: access never crosses partitions.
pub(super) fn partition_lint(statements: &[Statement]) -> Option<Lint> {
    let all: Vec<(JsonPath, usize, &str)> = statements.iter().flat_map(arns_of).collect();
    let partition = |text: &str| {
        let arn = Arn::parse(text)?;
        let is_known = !has_wildcard(arn.partition) && partition_problem(&arn).is_none();
        is_known.then(|| arn.partition.to_owned())
    };
    let mut partitions =
        all.iter().filter_map(|(element, item, text)| Some((element, item, text, partition(text)?)));
    let (_, _, _, first) = partitions.next()?;
    let (element, item, text, _) = partitions.find(|(_, _, _, other)| *other != first)?;
    let problem = format!(
        "another ARN of the document is in the partition {first:?}, and access never crosses partitions"
    );
    let lint = Lint::new(element.clone(), problem, "use a document of its own for each partition");
    Some(lint.with_value(*item, *text).with_severity(LintSeverity::Warning))
}

/// The texts of a statement that may be ARNs, each with its element and its index there.
fn arns_of(statement: &Statement) -> Vec<(JsonPath, usize, &str)> {
    let principals = statement.principal_values().into_iter();
    let principals = principals.filter_map(|(element, item, value)| match value {
        PrincipalValue::Aws(text) => Some((element, item, text.as_str())),
        _ => None,
    });
    let resources = statement.resources.iter().flat_map(|resources| {
        let element = statement.path().field(&resources.element_name("Resource"));
        resources.all().iter().enumerate().map(move |(item, text)| (element.clone(), item, text.as_str()))
    });
    let conditions = statement.conditions.iter().filter(|condition| has_arns(condition));
    let values = conditions.flat_map(|condition| {
        let element = condition_path(statement, condition);
        condition.values.iter().enumerate().map(move |(item, text)| (element.clone(), item, text.as_str()))
    });
    principals.chain(resources).chain(values).collect()
}
