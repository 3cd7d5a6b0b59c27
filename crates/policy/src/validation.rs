//! Finds what AWS reports as an error in a policy document that can be evaluated all the same.
//!
//! For example, a `Principal` with a wildcard in its ARN matches no principal when it is evaluated, but AWS rejects a
//! document that has one. Who tests a policy before deploying it needs to know.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html>

use std::collections::BTreeSet;

use crate::condition::Condition;
use crate::document::{Effect, Match, Policy, PolicyError, PolicyType, PrincipalValue, Statement};
use crate::pattern;

/// The element of a statement (empty for the statement as a whole), and what is wrong with it.
type Problem = (&'static str, String);

impl Policy {
    /// What AWS reports as errors in a policy of this type.
    #[must_use]
    pub fn errors(&self, policy_type: PolicyType) -> Vec<PolicyError> {
        let mut errors = Vec::new();
        if self.statements.is_empty() {
            errors.push(PolicyError::new("Statement", "a policy needs at least one statement"));
        }
        let size = self.size(policy_type);
        if let Some(quota) = policy_type.size_quota().filter(|quota| size > *quota) {
            let (counted, more) = match policy_type {
                PolicyType::Scp | PolicyType::Rcp => ("", ""),
                PolicyType::Trust => {
                    (", not counting white space", " by default, and 8192 at most with Service Quotas")
                }
                _ => (", not counting white space", ""),
            };
            let problem = format!(
                "the document has {size} characters{counted}; a {policy_type} can have {quota}{more}"
            );
            errors.push(PolicyError::new("", problem));
        }
        let mut sids = BTreeSet::new();
        for statement in &self.statements {
            let path = format!("Statement[{}]", statement.index);
            let problems =
                sid_problems(statement, &mut sids).into_iter().chain(statement.problems(policy_type));
            errors.extend(problems.map(|(element, problem)| {
                let dot = if element.is_empty() { "" } else { "." };
                PolicyError::new(&format!("{path}{dot}{element}"), problem)
            }));
        }
        errors
    }

    /// The number of characters of the document, without white space between its elements. IAM does not count white space
    /// within texts either; AWS Organizations does.
    ///
    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-entity-length>,
    /// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>
    #[must_use]
    pub fn size(&self, policy_type: PolicyType) -> usize {
        let counts_white_space = matches!(policy_type, PolicyType::Scp | PolicyType::Rcp);
        let text = self.source().to_string();
        text.chars().filter(|c| counts_white_space || !c.is_whitespace()).count()
    }
}

impl PolicyType {
    /// The largest size of one document of this type, in characters. `None` where it depends on more than the document:
    /// the quota of inline policies is for all of a user's or a role's together.
    ///
    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-entity-length>,
    /// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>
    #[must_use]
    pub const fn size_quota(self) -> Option<usize> {
        match self {
            Self::Trust | Self::Session => Some(2048),
            // A permissions boundary is a managed policy.
            Self::Boundary => Some(6144),
            // Twice as large as that of an RCP since May 2026.
            Self::Scp => Some(10_240),
            Self::Rcp => Some(5120),
            Self::Identity => None,
        }
    }
}

impl Statement {
    /// The errors of this statement that do not depend on other statements.
    fn problems(&self, policy_type: PolicyType) -> Vec<Problem> {
        let actions = self.actions.all().iter().filter_map(|action| {
            let problem = action_problem(action, policy_type)?;
            Some(("Action", format!("invalid action {action:?}; {problem}")))
        });
        let resources = self.resources.iter().flat_map(Match::all);
        let invalid_resources = resources
            .filter(|resource| *resource != "*" && !is_arn(resource))
            .map(|resource| ("Resource", format!("{resource:?} is neither \"*\" nor an ARN")));
        let resource_variables = self.resources.iter().flat_map(Match::all).filter_map(|resource| {
            let problem = pattern::variable_problem(resource)
                .or(pattern::has_misplaced_variable(resource).then_some(
                    "a variable can only be in the resource portion of the ARN, after the fifth colon",
                ))?;
            Some(("Resource", format!("{resource:?}: {problem}")))
        });
        let principals = self.principals.iter().flat_map(Match::all).filter_map(principal_problem);
        actions
            .chain(self.empty_elements())
            .chain(invalid_resources)
            .chain(resource_variables)
            .chain(principals)
            .chain(self.conditions.iter().flat_map(condition_problems))
            .chain(match policy_type {
                PolicyType::Trust => trust_problems(self),
                PolicyType::Rcp => rcp_problems(self),
                _ => Vec::new(),
            })
            .collect()
    }

    /// The elements that are empty lists.
    fn empty_elements(&self) -> impl Iterator<Item = Problem> {
        let elements = [
            ("Action", self.actions.all().is_empty()),
            ("Resource", self.resources.as_ref().is_some_and(|list| list.all().is_empty())),
            ("Principal", self.principals.as_ref().is_some_and(|list| list.all().is_empty())),
        ];
        let empty = elements.into_iter().filter(|(_, is_empty)| *is_empty);
        empty.map(|(element, _)| (element, "the list is empty".to_owned()))
    }
}

/// What is wrong with the `Sid` of a statement. `previous` has the `Sid`s of the statements before it, and gets this
/// one.
fn sid_problems<'a>(statement: &'a Statement, previous: &mut BTreeSet<&'a str>) -> Vec<Problem> {
    let Some(sid) = &statement.sid else { return Vec::new() };
    let mut problems = Vec::new();
    if !sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        problems.push(("Sid", format!("{sid:?} has other characters than letters and digits")));
    }
    if !previous.insert(sid) {
        problems.push(("Sid", format!("a previous statement has the same Sid {sid:?}")));
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
    let key_problem =
        (!is_key).then(|| format!("invalid condition key {key:?}; expected for example \"sts:ExternalId\""));
    let value_problem = condition.problem().map(|problem| format!("{key}: {problem}"));
    key_problem.into_iter().chain(value_problem).map(|problem| ("Condition", problem)).collect()
}

fn trust_problems(statement: &Statement) -> Vec<Problem> {
    let mut problems = Vec::new();
    if statement.resources.is_some() {
        problems.push(("", "a trust policy applies to its own role; remove Resource".to_owned()));
    }
    // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
    if let Some(Match::NotAny(_)) = statement.principals {
        problems.push(("", "a trust policy cannot have NotPrincipal; use Principal".to_owned()));
    }
    problems
}

/// Whether a text has the six parts of an ARN. The last part may be any text, and a wildcard may match several parts.
fn is_arn(text: &str) -> bool {
    let parts = text.splitn(6, ':').count();
    text.starts_with("arn:") && (parts == 6 || text.contains('*'))
}

/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html>
fn action_problem(action: &str, policy_type: PolicyType) -> Option<&'static str> {
    let lower = action.to_ascii_lowercase();
    let (service, name) = lower.split_once(':').unwrap_or_default();
    if policy_type == PolicyType::Trust {
        // "AssumeRole policy may only specify STS AssumeRole actions"
        let prefixes = ["*", "assume", "set", "tag"];
        let is_sts_action = service == "sts" && prefixes.iter().any(|prefix| name.starts_with(prefix));
        return (!is_sts_action)
            .then_some("a trust policy allows only sts:AssumeRole, sts:TagSession and similar actions");
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || "*?-".contains(c);
    let is_action = lower == "*" || (!service.is_empty() && !name.is_empty() && name.chars().all(is_name));
    (!is_action).then_some("expected for example \"iam:ListUsers\", \"iam:List*\" or \"*\"")
}

/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-services>
fn service_principal_problem(value: &str) -> Option<String> {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    let is_service = value.contains(".amazonaws.com") && value.chars().all(is_name);
    (!is_service).then(|| {
        format!("invalid service principal {value:?}; expected for example \"lambda.amazonaws.com\"")
    })
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
            let prefixes: &[&str] = match service {
                "iam" => &["root", "user/", "role/"],
                "sts" => &["assumed-role/", "federated-user/"],
                _ => &[],
            };
            account_id.len() == 12
                && account_id.bytes().all(|byte| byte.is_ascii_digit() || byte == b'*')
                && prefixes.iter().any(|prefix| resource.starts_with(prefix))
        }
        _ => false,
    };
    if !is_arn {
        return Some(format!(
            "invalid principal {value:?}; expected an account id of 12 digits, an IAM or STS ARN, or \"*\""
        ));
    }
    value.contains(['*', '?']).then(|| {
        format!("{value:?} has a wildcard; only \"*\" for everyone is allowed, not a wildcard in an ARN")
    })
}

/// Source: <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps_syntax.html>
fn rcp_problems(statement: &Statement) -> Vec<Problem> {
    let mut problems = Vec::new();
    if statement.effect != Effect::Deny {
        problems.push(("Effect", "a resource control policy can only have Deny".to_owned()));
    }
    let is_anyone = |value: &PrincipalValue| matches!(value, PrincipalValue::Aws(value) if value == "*");
    match &statement.principals {
        Some(Match::Any(principals)) if principals.iter().all(is_anyone) => {}
        _ => problems.push(("Principal", "a resource control policy can only have \"*\"".to_owned())),
    }
    match &statement.actions {
        Match::Any(actions) if actions.iter().all(|action| action != "*") => {}
        Match::Any(_) => {
            let problem = "a resource control policy cannot have \"*\"; name the service, such as \"sts:*\"";
            problems.push(("Action", problem.to_owned()));
        }
        Match::NotAny(_) => {
            let problem = "a resource control policy cannot have NotAction; use Action";
            problems.push(("NotAction", problem.to_owned()));
        }
    }
    if statement.resources.is_none() {
        problems.push(("", "add Resource or NotResource".to_owned()));
    }
    problems
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::document::{Policy, PolicyType};

    fn errors(policy_type: PolicyType, statements: &Value) -> String {
        let policy = Policy::parse(&json!({ "Version": "2012-10-17", "Statement": statements }), policy_type);
        let errors = policy.unwrap().errors(policy_type);
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }

    fn with(mut statement: Value, element: &str, value: &Value) -> Value {
        statement[element] = value.clone();
        statement
    }

    #[test]
    fn what_aws_rejects_is_an_error_with_the_element() {
        let statement = json!({ "Sid": "A", "Effect": "Allow", "Action": "iam:ListUsers", "Resource": "*" });
        assert_eq!(errors(PolicyType::Identity, &json!([statement])), "");
        let twice = errors(PolicyType::Identity, &json!([statement, statement]));
        assert!(twice.contains("Statement[1].Sid: a previous statement has the same Sid \"A\""), "{twice}");
        for (element, value, expected) in [
            ("Sid", json!("no spaces"), "Statement[0].Sid: \"no spaces\""),
            ("Resource", json!("role/IAMListRole"), "Statement[0].Resource: \"role/IAMListRole\""),
            ("Resource", json!("arn:aws:iam::111111111111"), "neither \"*\" nor an ARN"),
            ("Resource", json!("arn:aws:iam::${aws:PrincipalAccount}:role/R"), "after the fifth colon"),
            ("Resource", json!("arn:aws:iam::*:user/${aws:username,'x'}"), "a default needs a comma"),
            (
                "Condition",
                json!({ "StringEquals": { "aws:x": "${aws:y" } }),
                "aws:x: \"${aws:y\" a variable has no",
            ),
            ("Action", json!("iam:List Users"), "invalid action \"iam:List Users\""),
            ("Action", json!([]), "Statement[0].Action: the list is empty"),
            ("Condition", json!({ "StringEquals": { "foo": "x" } }), "invalid condition key \"foo\""),
            ("Condition", json!({ "NullIfExists": { "aws:x": "true" } }), "Statement[0].Condition: aws:x: "),
            (
                "Condition",
                json!({ "DateLessThan": { "aws:CurrentTime": "soon" } }),
                "\"soon\" is not an ISO 8601 date",
            ),
            ("Condition", json!({ "NumericEquals": { "aws:x": "1e3" } }), "\"1e3\" is not a number"),
            (
                "Condition",
                json!({ "IpAddress": { "aws:SourceIp": "10.0.0" } }),
                "\"10.0.0\" is not an IP address",
            ),
            ("Condition", json!({ "Bool": { "aws:x": "yes" } }), "\"yes\" is neither true nor false"),
            ("Condition", json!({ "Bool": { "aws:x": "${aws:y}" } }), "\"${aws:y}\" is neither"),
            ("Condition", json!({ "ArnLike": { "aws:x": "role/R" } }), "\"role/R\" is not an ARN"),
        ] {
            let errors = errors(PolicyType::Identity, &json!([with(statement.clone(), element, &value)]));
            assert!(errors.contains(expected), "{expected} is not in {errors:?}");
        }
        for (element, value) in [
            ("Resource", json!(["arn:aws:iam::*:role/IAMListRole", "arn:aws:s3:*", "arn:*"])),
            ("Resource", json!("arn:aws:iam::*:user/${aws:PrincipalTag/team, 'all of us'}/${aws:username}")),
            (
                "Condition",
                json!({ "ArnLike": { "aws:PrincipalArn": ["arn:aws:iam::*:role/R", "*", "${a:b}"] } }),
            ),
            ("Condition", json!({ "DateLessThan": { "aws:CurrentTime": ["2026-11-23", "1795435200"] } })),
            ("Condition", json!({ "Bool": { "aws:x": [true, "FALSE"] }, "NumericEquals": { "aws:x": 3 } })),
        ] {
            let statements = json!([with(statement.clone(), element, &value)]);
            assert_eq!(errors(PolicyType::Identity, &statements), "");
        }
    }

    #[test]
    fn a_document_that_is_larger_than_its_quota_is_an_error_and_white_space_does_not_count() {
        let document = |length: usize| {
            let statement = json!({ "Sid": "a".repeat(length), "Effect": "Allow", "Action": "sts:AssumeRole",
                                    "Principal": { "AWS": "*" } });
            json!([statement])
        };
        let rest =
            Policy::parse(&json!({ "Version": "2012-10-17", "Statement": document(0) }), PolicyType::Trust);
        let rest = rest.unwrap().size(PolicyType::Trust);
        assert_eq!(errors(PolicyType::Trust, &document(2048 - rest)), "");
        let too_large = errors(PolicyType::Trust, &document(2049 - rest));
        assert!(too_large.contains("the document has 2049 characters"), "{too_large}");
        assert!(too_large.contains("a trust policy can have 2048 by default"), "{too_large}");
        let spaced = json!({ "StringEquals": { "aws:x": " ".repeat(3000) } });
        assert_eq!(
            errors(PolicyType::Trust, &json!([with(document(0)[0].clone(), "Condition", &spaced)])),
            ""
        );
        let statement = json!({ "Effect": "Allow", "Action": "iam:*", "Resource": format!("arn:aws:iam::1:user/{}", "a".repeat(7000)) });
        for (policy_type, quota) in [(PolicyType::Boundary, "6144"), (PolicyType::Session, "2048")] {
            assert!(errors(policy_type, &json!([statement])).contains(quota), "{policy_type}");
        }
        assert_eq!(errors(PolicyType::Identity, &json!([statement])), "");
    }

    #[test]
    fn the_policies_of_an_organization_have_quotas_that_count_white_space_in_texts() {
        let scp = json!({ "Effect": "Deny", "Action": "iam:*", "Resource": "*" });
        let rcp = json!({ "Effect": "Deny", "Action": "sts:*", "Resource": "*", "Principal": "*" });
        for (policy_type, statement, quota) in [(PolicyType::Scp, scp, 10_240), (PolicyType::Rcp, rcp, 5_120)]
        {
            let document = |length: usize| {
                let condition = json!({ "StringEquals": { "aws:x": " ".repeat(length) } });
                json!([with(statement.clone(), "Condition", &condition)])
            };
            let policy = json!({ "Version": "2012-10-17", "Statement": document(0) });
            let rest = Policy::parse(&policy, policy_type).unwrap().size(policy_type);
            assert_eq!(errors(policy_type, &document(quota - rest)), "");
            let too_large = errors(policy_type, &document(quota - rest + 1));
            let expected =
                format!("the document has {} characters; a {policy_type} can have {quota}", quota + 1);
            assert!(too_large.contains(&expected), "{too_large}");
        }
    }

    #[test]
    fn trust_policies_and_rcps_are_checked_for_the_elements_of_their_type() {
        let trust = json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": "*" } });
        assert_eq!(errors(PolicyType::Trust, &json!([trust])), "");
        let role = "arn:aws:iam::222222222222:role/LambdaRole";
        for (element, value, expected) in [
            ("Principal", json!({ "AWS": "arn:aws:iam::222222222222:role/*" }), "has a wildcard"),
            ("Principal", json!({ "AWS": [role, "2222222222"] }), "invalid principal \"2222222222\""),
            ("Principal", json!({ "AWS": [role, "AROAEXAMPLEEXAMPLE"] }), ""),
            ("Principal", json!({ "AWS": "arn:aws:s3:::bucket" }), "invalid principal"),
            ("Principal", json!({ "AWS": "arn:aws:iam::222222222222:group/g" }), "invalid principal"),
            ("Principal", json!({ "Service": "*" }), "invalid service principal \"*\""),
            ("Principal", json!({}), "the list is empty"),
            ("Action", json!("s3:GetObject"), "a trust policy allows only sts:AssumeRole"),
            ("Action", json!("*"), "a trust policy allows only sts:AssumeRole"),
            ("Action", json!(["sts:Assume*", "sts:TagSession"]), ""),
            ("Resource", json!("*"), "remove Resource"),
        ] {
            let errors = errors(PolicyType::Trust, &json!([with(trust.clone(), element, &value)]));
            let is_expected = errors.contains(expected) && expected.is_empty() == errors.is_empty();
            assert!(is_expected, "{expected}: {errors:?}");
        }
        let rcp = json!({ "Effect": "Deny", "Action": "sts:*", "Principal": "*", "Resource": "*" });
        assert_eq!(errors(PolicyType::Rcp, &json!([rcp])), "");
        for (element, value, expected) in [
            ("Effect", json!("Allow"), "can only have Deny"),
            ("Principal", json!({ "AWS": role }), "can only have \"*\""),
            ("Action", json!("*"), "name the service"),
        ] {
            let errors = errors(PolicyType::Rcp, &json!([with(rcp.clone(), element, &value)]));
            assert!(errors.contains(expected), "{expected} is not in {errors:?}");
        }
    }
}
