//! What AWS calls an error in a document that can be decided all the same.
//!
//! Deciding forgives what storing does not: a `Principal` with a wildcard in its ARN names nobody, and AWS refuses the
//! document that has one. Who tries a policy before it is deployed wants to hear of it.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html>

use std::collections::BTreeSet;

use crate::condition::Condition;
use crate::document::{Effect, Match, Policy, PolicyError, PolicyType, PrincipalValue, Statement};

/// An element of a statement, empty for the statement as a whole, and what is wrong with it.
type Problem = (&'static str, String);

impl Policy {
    /// What AWS calls an error in it, where it is a policy of this kind.
    #[must_use]
    pub fn errors(&self, kind: PolicyType) -> Vec<PolicyError> {
        let mut errors = Vec::new();
        if self.statements.is_empty() {
            errors.push(PolicyError::new("Statement", "there is none"));
        }
        let mut sids = BTreeSet::new();
        for statement in &self.statements {
            let at = format!("Statement[{}]", statement.index);
            let problems = sid_problems(statement, &mut sids).into_iter().chain(statement.problems(kind));
            errors.extend(problems.map(|(element, problem)| {
                let dot = if element.is_empty() { "" } else { "." };
                PolicyError::new(&format!("{at}{dot}{element}"), problem)
            }));
        }
        errors
    }
}

impl Statement {
    /// What is wrong with it, whatever the other statements are.
    fn problems(&self, kind: PolicyType) -> Vec<Problem> {
        let actions = self.actions.all().iter().filter_map(|action| {
            action_problem(action, kind).map(|problem| ("Action", format!("{action:?} {problem}")))
        });
        let resources = self.resources.iter().flat_map(Match::all);
        let wrong_resources = resources
            .filter(|resource| *resource != "*" && !is_arn(resource))
            .map(|resource| ("Resource", format!("{resource:?} is neither \"*\" nor an ARN")));
        let principals = self.principals.iter().flat_map(Match::all).filter_map(principal_problem);
        actions
            .chain(self.empty_elements())
            .chain(wrong_resources)
            .chain(principals)
            .chain(self.conditions.iter().flat_map(condition_problems))
            .chain(match kind {
                PolicyType::Trust => trust_problems(self),
                PolicyType::Rcp => rcp_problems(self),
                _ => Vec::new(),
            })
            .collect()
    }

    /// Its elements that are empty lists.
    fn empty_elements(&self) -> impl Iterator<Item = Problem> {
        let elements = [
            ("Action", self.actions.all().is_empty()),
            ("Resource", self.resources.as_ref().is_some_and(|list| list.all().is_empty())),
            ("Principal", self.principals.as_ref().is_some_and(|list| list.all().is_empty())),
        ];
        let empty = elements.into_iter().filter(|(_, is_empty)| *is_empty);
        empty.map(|(element, _)| (element, "it names nothing".to_owned()))
    }
}

/// What is wrong with a statement's `Sid`, after those of the statements before it.
fn sid_problems<'a>(statement: &'a Statement, earlier: &mut BTreeSet<&'a str>) -> Vec<Problem> {
    let Some(sid) = &statement.sid else { return Vec::new() };
    let mut problems = Vec::new();
    if !sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        problems.push(("Sid", format!("{sid:?} is not of letters and digits alone")));
    }
    if !earlier.insert(sid) {
        problems.push(("Sid", format!("{sid:?} is that of a statement before it too")));
    }
    problems
}

fn principal_problem(value: &PrincipalValue) -> Option<Problem> {
    match value {
        PrincipalValue::Aws(value) => Some(("Principal.AWS", aws_principal_problem(value)?)),
        PrincipalValue::Service(value) => Some(("Principal.Service", service_principal_problem(value)?)),
        PrincipalValue::Unsupported => None,
    }
}

fn condition_problems(condition: &Condition) -> Vec<Problem> {
    let key = &condition.key;
    let is_key = key.split_once(':').is_some_and(|(prefix, name)| !prefix.is_empty() && !name.is_empty());
    let of_key = (!is_key).then(|| format!("{key:?} is no condition key, one is like \"sts:ExternalId\""));
    let of_values = condition.problem().map(|problem| format!("{key}: {problem}"));
    of_key.into_iter().chain(of_values).map(|problem| ("Condition", problem)).collect()
}

fn trust_problems(statement: &Statement) -> Vec<Problem> {
    let mut problems = Vec::new();
    if statement.resources.is_some() {
        problems.push(("", "a trust policy is about its own role, take Resource out".to_owned()));
    }
    // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
    if let Some(Match::NotAny(_)) = statement.principals {
        problems.push(("", "a trust policy says whom it trusts, put Principal for NotPrincipal".to_owned()));
    }
    problems
}

/// Whether a text has the six parts of an ARN; the last may be any, and a wildcard may stand for several.
fn is_arn(text: &str) -> bool {
    let parts = text.splitn(6, ':').count();
    text.starts_with("arn:") && (parts == 6 || text.contains('*'))
}

/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html>
fn action_problem(action: &str, kind: PolicyType) -> Option<&'static str> {
    let lower = action.to_ascii_lowercase();
    let (service, name) = lower.split_once(':').unwrap_or_default();
    if kind == PolicyType::Trust {
        // "AssumeRole policy may only specify STS AssumeRole actions"
        let is_of_sts =
            service == "sts" && ["*", "assume", "set", "tag"].iter().any(|of| name.starts_with(of));
        return (!is_of_sts).then_some("is none of a trust policy's, which are sts:AssumeRole and its like");
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || "*?-".contains(c);
    let is_action = lower == "*" || (!service.is_empty() && !name.is_empty() && name.chars().all(is_name));
    (!is_action).then_some("is no action, one is like \"iam:ListUsers\", \"iam:List*\" or \"*\"")
}

/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-services>
fn service_principal_problem(value: &str) -> Option<String> {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    let is_service = value.contains(".amazonaws.com") && value.chars().all(is_name);
    (!is_service).then(|| format!("{value:?} is no service, one is like \"lambda.amazonaws.com\""))
}

/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>
fn aws_principal_problem(value: &str) -> Option<String> {
    let is_account = value.len() == 12 && value.bytes().all(|byte| byte.is_ascii_digit());
    let is_unique_id = value.starts_with('A') && value.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if value == "*" || is_account || is_unique_id {
        return None;
    }
    let mut fields = value.splitn(6, ':');
    let is_arn = match [(); 6].map(|()| fields.next().unwrap_or_default()) {
        ["arn", _, service, "", account_id, resource] => {
            let kinds: &[&str] = match service {
                "iam" => &["root", "user/", "role/"],
                "sts" => &["assumed-role/", "federated-user/"],
                _ => &[],
            };
            account_id.len() == 12
                && account_id.bytes().all(|byte| byte.is_ascii_digit() || byte == b'*')
                && kinds.iter().any(|kind| resource.starts_with(kind))
        }
        _ => false,
    };
    if !is_arn {
        return Some(format!(
            "{value:?} is no principal, one is an account id of 12 digits, an ARN of IAM or STS, or \"*\""
        ));
    }
    value
        .contains(['*', '?'])
        .then(|| format!("{value:?} has a wildcard; \"*\" alone is everybody, and in an ARN it is refused"))
}

/// Source: <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps_syntax.html>
fn rcp_problems(statement: &Statement) -> Vec<Problem> {
    let mut problems = Vec::new();
    if statement.effect != Effect::Deny {
        problems.push(("Effect", "a resource control policy only denies".to_owned()));
    }
    let is_everybody = |value: &PrincipalValue| matches!(value, PrincipalValue::Aws(value) if value == "*");
    match &statement.principals {
        Some(Match::Any(principals)) if principals.iter().all(is_everybody) => {}
        _ => problems.push(("Principal", "in a resource control policy it is \"*\"".to_owned())),
    }
    match &statement.actions {
        Match::Any(actions) if actions.iter().all(|action| action != "*") => {}
        Match::Any(_) => {
            problems.push(("Action", "in a resource control policy it names the service".to_owned()));
        }
        Match::NotAny(_) => {
            problems.push(("NotAction", "a resource control policy has Action instead".to_owned()));
        }
    }
    if statement.resources.is_none() {
        problems.push(("", "there is neither Resource nor NotResource".to_owned()));
    }
    problems
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::document::{Policy, PolicyType};

    fn errors(kind: PolicyType, statements: &Value) -> String {
        let policy = Policy::parse(&json!({ "Version": "2012-10-17", "Statement": statements }), kind);
        let errors = policy.unwrap().errors(kind);
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }

    fn with(mut statement: Value, element: &str, value: &Value) -> Value {
        statement[element] = value.clone();
        statement
    }

    #[test]
    fn what_aws_would_not_store_is_told_with_the_place() {
        let own = json!({ "Sid": "A", "Effect": "Allow", "Action": "iam:ListUsers", "Resource": "*" });
        assert_eq!(errors(PolicyType::Identity, &json!([own])), "");
        assert!(errors(PolicyType::Identity, &json!([own, own])).contains("Statement[1].Sid: \"A\" is that"));
        for (element, value, words) in [
            ("Sid", json!("no spaces"), "Statement[0].Sid: \"no spaces\""),
            ("Resource", json!("role/IAMListRole"), "Statement[0].Resource: \"role/IAMListRole\""),
            ("Resource", json!("arn:aws:iam::111111111111"), "neither \"*\" nor an ARN"),
            ("Action", json!("iam:List Users"), "\"iam:List Users\" is no action"),
            ("Action", json!([]), "Statement[0].Action: it names nothing"),
            ("Condition", json!({ "StringEquals": { "foo": "x" } }), "\"foo\" is no condition key"),
            ("Condition", json!({ "NullIfExists": { "aws:x": "true" } }), "Statement[0].Condition: aws:x: "),
            ("Condition", json!({ "DateLessThan": { "aws:CurrentTime": "soon" } }), "\"soon\" is no date"),
            ("Condition", json!({ "NumericEquals": { "aws:x": "1e3" } }), "\"1e3\" is no number"),
            ("Condition", json!({ "IpAddress": { "aws:SourceIp": "10.0.0" } }), "\"10.0.0\" is no address"),
            ("Condition", json!({ "Bool": { "aws:x": "yes" } }), "\"yes\" is neither true nor false"),
            ("Condition", json!({ "Bool": { "aws:x": "${aws:y}" } }), "\"${aws:y}\" is neither"),
            ("Condition", json!({ "ArnLike": { "aws:x": "role/R" } }), "\"role/R\" is no ARN"),
        ] {
            let errors = errors(PolicyType::Identity, &json!([with(own.clone(), element, &value)]));
            assert!(errors.contains(words), "{words} is not in {errors:?}");
        }
        for (element, value) in [
            ("Resource", json!(["arn:aws:iam::*:role/IAMListRole", "arn:aws:s3:*", "arn:*"])),
            (
                "Condition",
                json!({ "ArnLike": { "aws:PrincipalArn": ["arn:aws:iam::*:role/R", "*", "${a:b}"] } }),
            ),
            ("Condition", json!({ "DateLessThan": { "aws:CurrentTime": ["2026-11-23", "1795435200"] } })),
            ("Condition", json!({ "Bool": { "aws:x": [true, "FALSE"] }, "NumericEquals": { "aws:x": 3 } })),
        ] {
            assert_eq!(errors(PolicyType::Identity, &json!([with(own.clone(), element, &value)])), "");
        }
    }

    #[test]
    fn principals_and_limits_are_held_to_what_their_policy_may_say() {
        let trust = json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": "*" } });
        assert_eq!(errors(PolicyType::Trust, &json!([trust])), "");
        let role = "arn:aws:iam::222222222222:role/LambdaRole";
        for (element, value, words) in [
            ("Principal", json!({ "AWS": "arn:aws:iam::222222222222:role/*" }), "has a wildcard"),
            ("Principal", json!({ "AWS": [role, "2222222222"] }), "\"2222222222\" is no principal"),
            ("Principal", json!({ "AWS": [role, "AROAEXAMPLEEXAMPLE"] }), ""),
            ("Principal", json!({ "AWS": "arn:aws:s3:::bucket" }), "is no principal"),
            ("Principal", json!({ "AWS": "arn:aws:iam::222222222222:group/g" }), "is no principal"),
            ("Principal", json!({ "Service": "*" }), "\"*\" is no service"),
            ("Principal", json!({}), "it names nothing"),
            ("Action", json!("s3:GetObject"), "is none of a trust policy's"),
            ("Action", json!("*"), "is none of a trust policy's"),
            ("Action", json!(["sts:Assume*", "sts:TagSession"]), ""),
            ("Resource", json!("*"), "take Resource out"),
        ] {
            let errors = errors(PolicyType::Trust, &json!([with(trust.clone(), element, &value)]));
            assert!(errors.contains(words) && words.is_empty() == errors.is_empty(), "{words}: {errors:?}");
        }
        let rcp = json!({ "Effect": "Deny", "Action": "sts:*", "Principal": "*", "Resource": "*" });
        assert_eq!(errors(PolicyType::Rcp, &json!([rcp])), "");
        for (element, value, words) in [
            ("Effect", json!("Allow"), "only denies"),
            ("Principal", json!({ "AWS": role }), "it is \"*\""),
            ("Action", json!("*"), "names the service"),
        ] {
            let errors = errors(PolicyType::Rcp, &json!([with(rcp.clone(), element, &value)]));
            assert!(errors.contains(words), "{words} is not in {errors:?}");
        }
    }
}
