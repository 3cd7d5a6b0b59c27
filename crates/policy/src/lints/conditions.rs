//! Values that a condition key never has, and conditions that require nothing.

use ipnet::IpNet;
use serde_json::Value;

use crate::arn::Arn;
use crate::condition::{Condition, parse_network};
use crate::context::is_multivalued;
use crate::document::{Effect, PolicyType, Statement};
use crate::validation::wrong_digits;

use super::{Lint, LintSeverity, condition_path, value_lint};

/// Why a value never works, and what to write instead.
type Problem = (String, String);

pub(super) fn lints(statement: &Statement, policy_type: PolicyType) -> Vec<Lint> {
    let mut lints = Vec::new();
    for (number, condition) in statement.conditions.iter().enumerate() {
        let previous = statement.conditions.get(..number).unwrap_or_default();
        lints.extend(empty_list(statement, condition));
        lints.extend(missing_quantifier(statement, condition));
        lints.extend(both_booleans(statement, condition));
        lints.extend(same_key(statement, condition, previous));
        let values = condition.values.iter().enumerate();
        lints.extend(values.filter_map(|(item, value)| {
            let (problem, remedy) = value_problem(condition, value)?;
            Some(value_lint(statement, condition, item, problem, remedy))
        }));
        lints.extend(condition.values.iter().enumerate().filter_map(|(item, value)| {
            let (problem, remedy) = wildcard_problem(condition, value)?;
            let lint = value_lint(statement, condition, item, problem, remedy);
            Some(lint.with_severity(wildcard_severity(&condition.key)))
        }));
        lints.extend(private_addresses(statement, condition));
    }
    lints.extend(optional_guards(statement, policy_type));
    lints
}

/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html#access-analyzer-reference-policy-checks-suggestion-empty-array-condition>
fn empty_list(statement: &Statement, condition: &Condition) -> Option<Lint> {
    let effect = match (condition.operator.is_negated(), condition.is_met_without_key()) {
        (true, _) => "every request meets it",
        (false, true) => "only a request without the key meets it",
        (false, false) => "no request meets it",
    };
    let problem = format!("the condition has no value, so {effect}");
    let lint =
        Lint::new(condition_path(statement, condition), problem, "add a value or remove the condition");
    condition.values.is_empty().then_some(lint)
}

/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html#access-analyzer-reference-policy-checks-error-missing-qualifier>
fn missing_quantifier(statement: &Statement, condition: &Condition) -> Option<Lint> {
    let Condition { operator, operator_name, key, .. } = condition;
    if !operator.compares_one_value() || !is_multivalued(key) {
        return None;
    }
    let problem = format!(
        "a request can have several values of {key}, none of which {operator_name} compares, so no request with the key meets it"
    );
    let remedy =
        format!("use ForAnyValue:{operator_name}, or ForAllValues:{operator_name}, which no value meets too");
    Some(Lint::new(condition_path(statement, condition), problem, remedy))
}

/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html#access-analyzer-reference-policy-checks-error-invalid-condition-multiple-boolean>
fn both_booleans(statement: &Statement, condition: &Condition) -> Option<Lint> {
    let has = |text: &str| condition.values.iter().any(|value| value.eq_ignore_ascii_case(text));
    let has_both = condition.operator.has_booleans() && has("true") && has("false");
    let problem = "one of the values is enough, so both true and false meet the condition";
    let lint = Lint::new(condition_path(statement, condition), problem, "keep one of the two");
    has_both.then(|| lint.with_severity(LintSeverity::Warning))
}

/// The key of a previous condition with the same operator, in other capitals.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html#access-analyzer-reference-policy-checks-error-duplicate-keys-with-different-case>
fn same_key(statement: &Statement, condition: &Condition, previous: &[Condition]) -> Option<Lint> {
    let Condition { operator_name, key, .. } = condition;
    let is_same =
        |other: &&Condition| other.operator_name == *operator_name && other.key.eq_ignore_ascii_case(key);
    let other = previous.iter().find(is_same)?;
    let problem = format!("it is the same key as {}, in other capitals", other.key);
    let lint = Lint::new(condition_path(statement, condition), problem, "keep one of the two");
    Some(lint.with_severity(LintSeverity::Warning))
}

/// Operators without a key, which require nothing.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html#access-analyzer-reference-policy-checks-suggestion-empty-object-condition>
pub(super) fn empty_operators(statement: &Statement, source: &Value) -> Vec<Lint> {
    let statements = source.get("Statement");
    let in_list = statements.and_then(|statements| statements.get(statement.index));
    let Some(Value::Object(block)) = in_list.or(statements).and_then(|statement| statement.get("Condition"))
    else {
        return Vec::new();
    };
    let empty = block.iter().filter(|(_, keys)| keys.as_object().is_some_and(serde_json::Map::is_empty));
    let lints = empty.map(|(operator, _)| {
        let element = statement.path().field("Condition").field(operator);
        let lint =
            Lint::new(element, "the operator has no key, so it requires nothing", "add the key or remove it");
        lint.with_severity(LintSeverity::Warning)
    });
    lints.collect()
}

/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html#access-analyzer-reference-policy-checks-general-warning-wildcard-without-like-operator>
fn wildcard_problem(condition: &Condition, value: &str) -> Option<Problem> {
    let Condition { operator, operator_name, .. } = condition;
    if !operator.is_literal() || !without_variables(value).contains(['*', '?']) {
        return None;
    }
    let effect =
        if operator.is_negated() { "every other value differs from it" } else { "no other value equals it" };
    let problem = format!("{operator_name} compares * and ? literally, so {effect}");
    Some((problem, format!("use {}", like_operator(operator_name))))
}

/// `ForAnyValue:StringLikeIfExists` for `ForAnyValue:StringEqualsIgnoreCaseIfExists`.
fn like_operator(name: &str) -> String {
    let (quantifier, rest) =
        name.split_once(':').map_or(("", name), |(_, rest)| name.split_at(name.len() - rest.len()));
    let lower = rest.to_ascii_lowercase();
    let not = if lower.contains("not") { "Not" } else { "" };
    let if_exists = if lower.ends_with("ifexists") { "IfExists" } else { "" };
    format!("{quantifier}String{not}Like{if_exists}")
}

/// A wildcard in the value of a key of AWS is an error: only the two that the caller's program sets can have the characters.
fn wildcard_severity(key: &str) -> LintSeverity {
    let is_text_of_caller = ["aws:UserAgent", "aws:Referer"].iter().any(|it| it.eq_ignore_ascii_case(key));
    let is_of_aws =
        ["aws:", "iam:", "sts:"].iter().any(|prefix| key.to_ascii_lowercase().starts_with(prefix));
    if is_of_aws && !is_text_of_caller { LintSeverity::Error } else { LintSeverity::Warning }
}

/// The text without its policy variables, whose `${*}` and `${?}` are plain characters.
fn without_variables(text: &str) -> String {
    let mut parts = text.split("${");
    let first = parts.next().unwrap_or_default().to_owned();
    let rest = parts.map(|part| part.split_once('}').map_or("", |(_, rest)| rest));
    [first].into_iter().chain(rest.map(str::to_owned)).collect()
}

/// What is wrong with a value, by the key whose value it is to be.
fn value_problem(condition: &Condition, value: &str) -> Option<Problem> {
    let Condition { operator, key, .. } = condition;
    if !operator.has_variables() || value.contains("${") {
        return None;
    }
    let has_wildcard = value.contains(['*', '?']);
    match key.to_ascii_lowercase().as_str() {
        "aws:principalarn" => session_as_principal(value),
        "aws:sourceip" | "aws:vpcsourceip" => value.contains('/').then(|| {
            let problem = format!(
                "{} compares it as a text, and the address of a request has no /",
                condition.operator_name
            );
            (problem, "use IpAddress".to_owned())
        }),
        "aws:principalorgpaths" | "aws:resourceorgpaths" | "aws:sourceorgpaths" | "aws:vpceorgpaths" => {
            path_problem(value)
        }
        _ if has_wildcard => None,
        "aws:principalaccount" | "aws:resourceaccount" | "aws:sourceaccount" | "aws:vpceaccount" => {
            account_problem(value)
        }
        "aws:principalorgid" | "aws:resourceorgid" | "aws:sourceorgid" | "aws:vpceorgid" => {
            organization_problem(value)
        }
        "sts:externalid" => text_problem(value, 1224, "_+=,.@:/-"),
        "sts:rolesessionname" | "sts:sourceidentity" | "aws:sourceidentity" => {
            text_problem(value, 64, "_+=,.@-")
        }
        _ => None,
    }
}

/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn>
fn session_as_principal(value: &str) -> Option<Problem> {
    let arn = Arn::parse(value).filter(|arn| arn.service == "sts")?;
    let Arn { partition, account_id, .. } = arn;
    let role = arn.session_role_arn()?;
    let problem =
        "aws:PrincipalArn of a session is the ARN of its role, and not that of the session".to_owned();
    // The role of a permission set has a path with a Region.
    let remedy = match role.rsplit_once("role/AWSReservedSSO_") {
        Some((_, name)) => format!(
            "write \"arn:{partition}:iam::{account_id}:role/aws-reserved/sso.amazonaws.com/*AWSReservedSSO_{name}\" with \
             ArnLike"
        ),
        None => format!("write {role:?}, with the path of the role"),
    };
    Some((problem, remedy))
}

fn account_problem(value: &str) -> Option<Problem> {
    let is_account_id = value.len() == 12 && value.bytes().all(|byte| byte.is_ascii_digit());
    if is_account_id {
        return None;
    }
    let problem = wrong_digits(value).map_or_else(
        || "it is not an account id".to_owned(),
        |digits| format!("the account id has {digits}"),
    );
    Some((problem, "write the account id of 12 digits, as a string with its leading zeros".to_owned()))
}

/// Source: <https://docs.aws.amazon.com/organizations/latest/APIReference/API_Organization.html>
fn organization_problem(value: &str) -> Option<Problem> {
    let is_id = value.strip_prefix("o-").is_some_and(|id| {
        (10..=32).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    });
    let problem = "it is not the id of an organization".to_owned();
    let remedy = "write the id of the organization, \"o-\" and 10 to 32 small letters and digits".to_owned();
    (!is_id).then_some((problem, remedy))
}

/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalorgpaths>
fn path_problem(value: &str) -> Option<Problem> {
    let problem = if !value.starts_with(['o', '*', '?']) {
        "the path in an organization begins with the id of the organization"
    } else if !value.ends_with(['/', '*', '?']) {
        "the path in an organization ends with /"
    } else {
        return None;
    };
    Some((
        problem.to_owned(),
        "write it as in \"o-exampleorg1/r-ab12/ou-ab12-11111111/*\", with StringLike".to_owned(),
    ))
}

/// What is wrong with a text that the caller of `AssumeRole` sets.
///
/// Source: <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
fn text_problem(value: &str, longest: usize, punctuation: &str) -> Option<Problem> {
    let is_valid = |c: char| c.is_ascii_alphanumeric() || punctuation.contains(c);
    if (2..=longest).contains(&value.chars().count()) && value.chars().all(is_valid) {
        return None;
    }
    let problem = "AWS STS accepts no request with such a value".to_owned();
    Some((problem, format!("write 2 to {longest} letters, digits and characters of {punctuation}")))
}

/// Private addresses, which a request never comes from: through a VPC endpoint, it does not have the key.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html#access-analyzer-reference-policy-checks-error-private-ip-address>
fn private_addresses(statement: &Statement, condition: &Condition) -> Option<Lint> {
    let Condition { operator, key, values, .. } = condition;
    let is_private = |value: &String| parse_network(value).is_some_and(is_private_network);
    let all_private = !values.is_empty() && values.iter().all(is_private);
    if !operator.compares_networks() || !key.eq_ignore_ascii_case("aws:SourceIp") || !all_private {
        return None;
    }
    let problem =
        "aws:SourceIp is a public address, and a request through a VPC endpoint does not have the key";
    let remedy = "use aws:VpcSourceIp together with aws:SourceVpc or aws:SourceVpce";
    Some(Lint::new(condition_path(statement, condition), problem, remedy))
}

fn is_private_network(network: IpNet) -> bool {
    let private = [
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "fc00::/7",
        "fe80::/10",
    ];
    private.iter().filter_map(|text| parse_network(text)).any(|private| private.contains(&network))
}

/// Conditions on a key that the statement is to require, all of which a request without the key meets too.
fn optional_guards(statement: &Statement, policy_type: PolicyType) -> Vec<Lint> {
    // An Allow of another type only limits what these two allow.
    let grants = [PolicyType::Trust, PolicyType::Identity].contains(&policy_type);
    if !grants || statement.effect != Effect::Allow || !statement.matches_action("sts:AssumeRole") {
        return Vec::new();
    }
    let mut guards = vec![(["sts:externalid"].as_slice(), "a caller without an external id")];
    if policy_type == PolicyType::Trust {
        let keys = ["aws:principalorgid", "aws:principalorgpaths"].as_slice();
        guards.push((keys, "a caller whose account is in no organization"));
    }
    guards.into_iter().filter_map(|(keys, who)| optional_guard(statement, keys, who)).collect()
}

fn optional_guard(statement: &Statement, keys: &[&str], who: &str) -> Option<Lint> {
    let is_guard = |condition: &&Condition| keys.contains(&condition.key.to_ascii_lowercase().as_str());
    let guards: Vec<&Condition> = statement.conditions.iter().filter(is_guard).collect();
    // `Null` says by itself that the key may be missing.
    let guard = guards.iter().find(|condition| !condition.operator.is_null())?;
    if guards.iter().any(|condition| !condition.is_met_without_key()) {
        return None;
    }
    let Condition { operator_name, key, .. } = guard;
    let problem =
        format!("{operator_name} is met by a request without {key}, so the statement allows {who} too");
    let remedy = format!("require the key with {}", required_operator(operator_name));
    Some(Lint::new(condition_path(statement, guard), problem, remedy).with_severity(LintSeverity::Warning))
}

/// The operator that is not met without the key.
fn required_operator(name: &str) -> String {
    let is_like = name.to_ascii_lowercase().contains("like");
    if is_like { "StringLike" } else { "StringEquals" }.to_owned()
}
