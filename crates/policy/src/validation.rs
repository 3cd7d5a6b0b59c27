//! Finds what AWS reports as an error in a policy document that can be evaluated all the same.
//!
//! For example, a `Principal` with a wildcard in its ARN matches no principal when it is evaluated, but AWS rejects a
//! document that has one. Who tests a policy before deploying it needs to know.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html>

use std::collections::BTreeSet;

use rolecall_json::JsonPath;

use crate::arn::Arn;
use crate::condition::Condition;
use crate::document::{Effect, Match, Policy, PolicyError, PolicyType, PrincipalValue, Statement};
use crate::pattern;

impl Policy {
    /// What AWS reports as errors in a policy of this type. [`Policy::lints`] has what AWS accepts though it never works.
    #[must_use]
    pub fn errors(&self, policy_type: PolicyType) -> Vec<PolicyError> {
        let root = JsonPath::root();
        let mut errors = Vec::new();
        if self.statements.is_empty() {
            errors.push(PolicyError::new(&root.field("Statement"), "a policy needs at least one statement"));
        }
        errors.extend(self.size_problem(policy_type).map(|problem| PolicyError::new(&root, problem)));
        let mut sids = BTreeSet::new();
        for statement in &self.statements {
            errors.extend(sid_errors(statement, &mut sids));
            errors.extend(statement.errors(policy_type));
        }
        errors
    }

    fn size_problem(&self, policy_type: PolicyType) -> Option<String> {
        let size = self.size(policy_type);
        let quota = policy_type.size_quota();
        if size <= quota {
            return None;
        }
        let (counted, more) = match policy_type {
            PolicyType::Scp | PolicyType::Rcp => ("", String::new()),
            PolicyType::Trust => {
                let more = format!(" by default, and {LARGEST_TRUST_POLICY} at most with Service Quotas");
                (", not counting white space", more)
            }
            PolicyType::Identity => {
                (", not counting white space", " in a role, and 6144 if it is a managed policy".to_owned())
            }
            PolicyType::Boundary | PolicyType::Session => (", not counting white space", String::new()),
        };
        Some(format!("the document has {size} characters{counted}; a {policy_type} can have {quota}{more}"))
    }

    /// Whether the document is larger than any quota allows, also one that AWS has raised.
    #[must_use]
    pub fn is_larger_than_any_quota(&self, policy_type: PolicyType) -> bool {
        let largest = match policy_type {
            PolicyType::Trust => LARGEST_TRUST_POLICY,
            other => other.size_quota(),
        };
        self.size(policy_type) > largest
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

/// The size of a trust policy, in characters, to which Service Quotas can raise the quota.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-entities>
const LARGEST_TRUST_POLICY: usize = 8192;

impl PolicyType {
    /// The largest size of one document of this type, in characters.
    ///
    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-entity-length>,
    /// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>
    #[must_use]
    pub const fn size_quota(self) -> usize {
        match self {
            Self::Trust | Self::Session => 2048,
            // A permissions boundary is a managed policy.
            Self::Boundary => 6144,
            // An SCP: twice as large as an RCP since May 2026. An identity-based policy: all inline policies of a role together;
            // those of a user or a group, and a managed policy, have less.
            Self::Scp | Self::Identity => 10_240,
            Self::Rcp => 5120,
        }
    }
}

impl Statement {
    /// The errors of this statement that do not depend on other statements.
    fn errors(&self, policy_type: PolicyType) -> Vec<PolicyError> {
        let mut errors = self.action_errors(policy_type);
        errors.extend(self.empty_elements());
        errors.extend(self.resource_errors());
        errors.extend(self.principal_errors());
        let block = self.path().field("Condition");
        errors.extend(self.conditions.iter().flat_map(|condition| condition_errors(condition, &block)));
        errors.extend(match policy_type {
            PolicyType::Trust => trust_errors(self),
            PolicyType::Rcp => rcp_errors(self),
            _ => Vec::new(),
        });
        errors
    }

    fn action_errors(&self, policy_type: PolicyType) -> Vec<PolicyError> {
        let element = self.path().field(&self.actions.element_name("Action"));
        let actions = self.actions.all().iter().enumerate();
        let errors = actions.filter_map(|(index, action)| {
            let problem = action_problem(action, policy_type)?;
            Some(PolicyError::new(&element, format!("invalid action {action:?}; {problem}")).at_item(index))
        });
        errors.collect()
    }

    fn resource_errors(&self) -> Vec<PolicyError> {
        let Some(resources) = &self.resources else { return Vec::new() };
        let element = self.path().field(&resources.element_name("Resource"));
        let resources = resources.all().iter().enumerate();
        let errors = resources.flat_map(|(index, resource)| {
            let is_invalid = resource != "*" && !is_arn(resource);
            let not_an_arn = is_invalid.then(|| format!("{resource:?} is neither \"*\" nor an ARN"));
            let misplaced = pattern::has_misplaced_variable(resource).then_some(
                "a variable can only be in the resource portion of the ARN, after the fifth colon; write the value, or \
                 \"*\" and a condition",
            );
            let variable = pattern::variable_problem(resource).or(misplaced);
            let variable = variable.map(|problem| format!("{resource:?}: {problem}"));
            let problems = not_an_arn.into_iter().chain(variable);
            problems.map(|problem| PolicyError::new(&element, problem).at_item(index)).collect::<Vec<_>>()
        });
        errors.collect()
    }

    fn principal_errors(&self) -> Vec<PolicyError> {
        let errors = self.principal_values().into_iter().filter_map(|(element, index, value)| {
            let problem = match value {
                PrincipalValue::Aws(value) => aws_principal_problem(value),
                PrincipalValue::Service(value) => service_principal_problem(value),
                PrincipalValue::Federated(_) | PrincipalValue::CanonicalUser(_) => None,
            };
            Some(PolicyError::new(&element, problem?).at_item(index))
        });
        errors.collect()
    }

    /// The elements that are empty lists.
    fn empty_elements(&self) -> Vec<PolicyError> {
        let resources = self.resources.as_ref();
        let principals = self.principals.as_ref();
        let elements = [
            (self.actions.all().is_empty(), self.actions.element_name("Action")),
            (
                resources.is_some_and(|list| list.all().is_empty()),
                resources.map_or_else(String::new, |list| list.element_name("Resource")),
            ),
            (
                principals.is_some_and(|list| list.all().is_empty()),
                principals.map_or_else(String::new, |list| list.element_name("Principal")),
            ),
        ];
        let empty = elements.into_iter().filter(|(is_empty, _)| *is_empty);
        empty.map(|(_, name)| PolicyError::new(&self.path().field(&name), "the list is empty")).collect()
    }
}

/// What is wrong with the `Sid` of a statement. `previous` has the `Sid`s of the statements before it, and gets this
/// one.
fn sid_errors<'a>(statement: &'a Statement, previous: &mut BTreeSet<&'a str>) -> Vec<PolicyError> {
    let Some(sid) = &statement.sid else { return Vec::new() };
    let element = statement.path().field("Sid");
    let mut errors = Vec::new();
    if !sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        let problem = format!("{sid:?} has other characters than letters and digits");
        errors.push(PolicyError::new(&element, problem));
    }
    if !previous.insert(sid) {
        let problem = format!("a previous statement has the same Sid {sid:?}");
        errors.push(PolicyError::new(&element, problem));
    }
    errors
}

/// What AWS reports as errors in a condition. `block` is the path to all conditions of the statement.
fn condition_errors(condition: &Condition, block: &JsonPath) -> Vec<PolicyError> {
    let Condition { key, operator_name, .. } = condition;
    let operator = block.field(operator_name);
    let mut errors = Vec::new();
    if !is_condition_key(key) {
        let problem = "invalid condition key, which is not shown: it may be a value that has the place of the key; expected for \
                       example \"sts:ExternalId\"";
        errors.push(PolicyError::new(&operator, problem).at_field(key));
        return errors;
    }
    let element = operator.field(key);
    if let Some((index, problem)) = condition.problem() {
        let error = PolicyError::new(&element, problem);
        errors.push(match index {
            Some(index) => error.at_item(index),
            None => error,
        });
    }
    errors
}

/// Whether a text has the form of a condition key: a prefix and a name.
#[must_use]
pub fn is_condition_key(text: &str) -> bool {
    text.split_once(':').is_some_and(|(prefix, name)| {
        let is_prefix = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
        !prefix.is_empty() && !name.is_empty() && prefix.bytes().all(is_prefix)
    })
}

fn trust_errors(statement: &Statement) -> Vec<PolicyError> {
    let mut errors = Vec::new();
    if let Some(resources) = &statement.resources {
        let name = resources.element_name("Resource");
        let problem = format!("a trust policy applies to its own role; remove {name}");
        errors.push(PolicyError::new(&statement.path(), problem).at_field(&name));
    }
    // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
    if let Some(Match::NotAny(_)) = statement.principals {
        let problem = "a trust policy cannot have NotPrincipal; use Principal";
        errors.push(PolicyError::new(&statement.path(), problem).at_field("NotPrincipal"));
    }
    errors
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
    let is_of_aws = aws_principal_problem(value).is_none() && value != "*";
    let hint = if is_of_aws { "; an account, a user or a role is listed under \"AWS\"" } else { "" };
    (!is_service).then(|| {
        format!("invalid service principal {value:?}; expected for example \"lambda.amazonaws.com\"{hint}")
    })
}

/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>
fn aws_principal_problem(value: &str) -> Option<String> {
    let is_account = value.len() == 12 && value.bytes().all(|byte| byte.is_ascii_digit());
    let is_unique_id = value.starts_with('A') && value.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if value == "*" || is_account || is_unique_id {
        return None;
    }
    if !is_principal_arn(value) {
        let hint = principal_hint(value);
        return Some(format!(
            "invalid principal {value:?}; expected an account id of 12 digits, an IAM or STS ARN, or \"*\"{hint}"
        ));
    }
    if !value.contains(['*', '?']) {
        return None;
    }
    let remedy = match Arn::parse(value).and_then(|arn| arn.session_role_arn()) {
        Some(role) if !role.contains(['*', '?']) => {
            format!("for all sessions of the role, name the role: {role:?}")
        }
        _ => "name the account and compare aws:PrincipalArn in a condition with ArnLike".to_owned(),
    };
    Some(format!(
        "{value:?} has a wildcard; only \"*\" for everyone is allowed, not a wildcard in an ARN; {remedy}"
    ))
}

/// Whether a text is the ARN of a principal; a wildcard may be in the account id and after the type of the principal.
fn is_principal_arn(value: &str) -> bool {
    let Some(Arn { service, region: "", account_id, resource, .. }) = Arn::parse(value) else { return false };
    let prefixes: &[&str] = match service {
        "iam" => &["root", "user/", "role/"],
        "sts" => &["assumed-role/", "federated-user/"],
        _ => &[],
    };
    account_id.len() == 12
        && account_id.bytes().all(|byte| byte.is_ascii_digit() || byte == b'*')
        && prefixes.iter().any(|prefix| resource.starts_with(prefix))
}

/// What to write instead of a text that is not a principal, where that is clear.
fn principal_hint(value: &str) -> String {
    if value.ends_with(".amazonaws.com") {
        return "; a service is listed under \"Service\"".to_owned();
    }
    let arn = Arn::parse(value);
    let account_id = arn.map_or(value, |arn| arn.account_id);
    if let Some(digits) = wrong_digits(account_id) {
        return format!("; {account_id:?} has {digits}, check for a lost leading zero");
    }
    let service = match arn.map(|arn| arn.resource.split('/').next().unwrap_or_default()) {
        Some("role" | "user" | "root") => "iam",
        Some("assumed-role" | "federated-user") => "sts",
        Some("group") => return "; a group is no principal, name its users or a role".to_owned(),
        Some("instance-profile") => return "; an instance profile is no principal, name its role".to_owned(),
        _ => return String::new(),
    };
    match arn {
        Some(arn) if arn.service != service => format!("; the service of this ARN is {service:?}"),
        Some(arn) if !arn.region.is_empty() => "; the ARN of a principal has no Region".to_owned(),
        _ => String::new(),
    }
}

/// `10 digits`, where a text is a number that cannot be an account id.
pub(crate) fn wrong_digits(text: &str) -> Option<String> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && text.len() != 12).then(|| match text.len() {
        1 => "1 digit, not 12".to_owned(),
        digits => format!("{digits} digits, not 12"),
    })
}

/// Source: <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps_syntax.html>
fn rcp_errors(statement: &Statement) -> Vec<PolicyError> {
    let path = statement.path();
    let mut errors = Vec::new();
    let mut push = |element: JsonPath, problem: &str| errors.push(PolicyError::new(&element, problem));
    if statement.effect != Effect::Deny {
        push(path.field("Effect"), "a resource control policy can only have Deny");
    }
    let is_anyone = |value: &PrincipalValue| matches!(value, PrincipalValue::Aws(value) if value == "*");
    match &statement.principals {
        Some(Match::Any(principals)) if principals.iter().all(is_anyone) => {}
        _ => push(path.field("Principal"), "a resource control policy can only have \"*\""),
    }
    match &statement.actions {
        Match::Any(actions) if actions.iter().all(|action| action != "*") => {}
        Match::Any(_) => {
            let problem = "a resource control policy cannot have \"*\"; name the service, such as \"sts:*\"";
            push(path.field("Action"), problem);
        }
        Match::NotAny(_) => {
            push(path.field("NotAction"), "a resource control policy cannot have NotAction; use Action");
        }
    }
    if statement.resources.is_none() {
        push(path, "add Resource or NotResource");
    }
    errors
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
            (
                "Condition",
                json!({ "StringEquals": { "foo": "x" } }),
                "Condition.StringEquals: invalid condition key",
            ),
            (
                "Condition",
                json!({ "NullIfExists": { "aws:x": "true" } }),
                "Statement[0].Condition.NullIfExists.aws:x: Null already",
            ),
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
        let too_large = errors(PolicyType::Identity, &json!([statement, statement]));
        assert!(too_large.contains("10240 in a role, and 6144 if it is a managed policy"), "{too_large}");
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
            ("Principal", json!({ "Service": role }), "a role is listed under \"AWS\""),
            ("Principal", json!({ "AWS": "lambda.amazonaws.com" }), "a service is listed under \"Service\""),
            (
                "Principal",
                json!({ "AWS": "arn:aws:sts::222222222222:role/R" }),
                "the service of this ARN is \"iam\"",
            ),
            ("Principal", json!({ "AWS": "arn:aws:iam:eu-west-1:222222222222:role/R" }), "has no Region"),
            ("Principal", json!({ "AWS": "arn:aws:iam::22222222222:role/R" }), "has 11 digits, not 12"),
            (
                "Principal",
                json!({ "AWS": "arn:aws:sts::222222222222:assumed-role/LambdaRole/*" }),
                "for all sessions of the role, name the role: \"arn:aws:iam::222222222222:role/LambdaRole\"",
            ),
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
