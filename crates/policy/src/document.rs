//! Policy documents, parsed by the grammar of the IAM policy language.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::condition::{Condition, Operator};
use crate::context::{Context, scalar};
use crate::pattern;
use crate::principal::{Principal, PrincipalMatch};

/// The type of a policy. It determines which elements a document may have, and how the policy takes part in a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyType {
    /// An identity-based policy, attached to the principal.
    Identity,
    /// The trust policy of a role.
    Trust,
    /// A session policy, passed when the session was created.
    Session,
    /// A permissions boundary.
    Boundary,
    /// A service control policy (SCP) of AWS Organizations.
    Scp,
    /// A resource control policy (RCP) of AWS Organizations.
    Rcp,
}

/// A parsed policy document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    source: Arc<Value>,
    /// Whether the version is 2012-10-17, the first with policy variables.
    has_variables: bool,
    pub(crate) statements: Vec<Statement>,
}

/// The parts of a request that a policy is evaluated against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EvaluationContext<'a> {
    pub(crate) principal: &'a Principal,
    /// Whether the principal has a permissions boundary.
    pub(crate) has_boundary: bool,
    pub(crate) action: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) context: &'a Context,
}

/// A statement of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    /// The index in `Statement`, counted from 0.
    pub(crate) index: usize,
    pub(crate) sid: Option<String>,
    pub(crate) effect: Effect,
    pub(crate) principals: Option<Match<PrincipalValue>>,
    pub(crate) actions: Match<String>,
    pub(crate) resources: Option<Match<String>>,
    pub(crate) conditions: Vec<Condition>,
}

/// The `Effect` element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Allow,
    /// Overrides every `Allow`.
    Deny,
}

/// The values of an element such as `Action`, or of its negation such as `NotAction`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Match<T> {
    Any(Vec<T>),
    NotAny(Vec<T>),
}

/// A value of a `Principal` element, by the type of principal in its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PrincipalValue {
    Aws(String),
    Service(String),
    /// A federated identity or a canonical user, which match no [`Principal`].
    Unsupported,
}

/// What is invalid in a policy document, and in which element.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{prefix}{problem}")]
pub struct PolicyError {
    /// The element with a colon, such as `Statement[0].Effect: `; empty for the document as a whole.
    prefix: String,
    problem: String,
}

impl PolicyError {
    pub(crate) fn new(element: &str, problem: impl fmt::Display) -> Self {
        let prefix = if element.is_empty() { String::new() } else { format!("{element}: ") };
        Self { prefix, problem: problem.to_string() }
    }
}

impl fmt::Display for PolicyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Identity => "identity-based policy",
            Self::Trust => "trust policy",
            Self::Session => "session policy",
            Self::Boundary => "permissions boundary",
            Self::Scp => "service control policy",
            Self::Rcp => "resource control policy",
        })
    }
}

impl PolicyType {
    /// Whether a policy of this type applies to the resource, and so needs a `Principal`.
    const fn has_principal(self) -> bool {
        matches!(self, Self::Trust | Self::Rcp)
    }
}

impl Policy {
    /// Creates a policy without statements, which neither allows nor denies anything.
    #[must_use]
    pub fn empty() -> Self {
        Self { source: Arc::default(), has_variables: false, statements: Vec::new() }
    }

    /// The document from which the policy was parsed.
    #[must_use]
    pub fn source(&self) -> &Value {
        &self.source
    }

    /// Parses a policy document of this type.
    ///
    /// # Errors
    /// [`PolicyError`] names the element, and what is expected.
    pub fn parse(document: &Value, policy_type: PolicyType) -> Result<Self, PolicyError> {
        let object = expect_object(document, "")?;
        check_element_names(object, "", &["Version", "Id", "Statement"])?;
        let has_variables = match object.get("Version") {
            None => false,
            Some(Value::String(version)) if version == "2012-10-17" => true,
            Some(Value::String(version)) if version == "2008-10-17" => false,
            Some(other) => {
                let problem = format!("unknown version {other}; expected \"2012-10-17\"");
                return Err(PolicyError::new("Version", problem));
            }
        };
        let statements = match object.get("Statement") {
            Some(Value::Array(statements)) => statements.iter().collect(),
            Some(statement @ Value::Object(_)) => vec![statement],
            _ => return Err(PolicyError::new("Statement", "expected a statement or a list of statements")),
        };
        let numbered = statements.into_iter().enumerate();
        let statements = numbered
            .map(|(index, statement)| Statement::parse(index, statement, policy_type))
            .collect::<Result<_, _>>()?;
        Ok(Self { source: Arc::new(document.clone()), has_variables, statements })
    }

    /// The prefixes of the services whose actions the statements with `Allow` name, such as `s3`. A statement for all
    /// services names none.
    #[must_use]
    pub fn allowed_services(&self) -> BTreeSet<String> {
        let allows = self.statements.iter().filter(|statement| statement.effect == Effect::Allow);
        let actions = allows.flat_map(|statement| match &statement.actions {
            Match::Any(actions) => actions.as_slice(),
            Match::NotAny(_) => &[],
        });
        let services = actions.filter_map(|action| action.split_once(':').map(|(service, _)| service));
        services.filter(|service| *service != "*").map(str::to_ascii_lowercase).collect()
    }

    /// The statements with this effect that match the request, and how closely each matches the principal.
    pub(crate) fn matching<'a>(
        &'a self,
        effect: Effect,
        request: EvaluationContext<'a>,
    ) -> impl Iterator<Item = (&'a Statement, PrincipalMatch)> {
        let EvaluationContext { action, resource, context, .. } = request;
        let variables = self.has_variables.then_some(context);
        let with_effect = self.statements.iter().filter(move |statement| statement.effect == effect);
        with_effect.filter_map(move |statement| {
            let principal_match = statement.match_principal(&request)?;
            let is_match = statement.matches_action_and_resource(action, resource, variables)
                && statement.conditions.iter().all(|condition| condition.evaluate(context, variables));
            is_match.then_some((statement, principal_match))
        })
    }
}

impl Statement {
    fn parse(index: usize, statement: &Value, policy_type: PolicyType) -> Result<Self, PolicyError> {
        let path = format!("Statement[{index}]");
        let element = |name: &str| format!("{path}.{name}");
        let object = expect_object(statement, &path)?;
        let names = [
            "Sid",
            "Effect",
            "Principal",
            "NotPrincipal",
            "Action",
            "NotAction",
            "Resource",
            "NotResource",
            "Condition",
        ];
        check_element_names(object, &path, &names)?;
        let sid = match object.get("Sid") {
            None => None,
            Some(Value::String(sid)) => Some(sid.clone()),
            Some(_) => return Err(PolicyError::new(&element("Sid"), "expected a string")),
        };
        let effect = match object.get("Effect").and_then(Value::as_str) {
            Some("Allow") => Effect::Allow,
            Some("Deny") => Effect::Deny,
            _ => return Err(PolicyError::new(&element("Effect"), "expected \"Allow\" or \"Deny\"")),
        };
        let principals = parse_element(object, &path, "Principal", parse_principals)?;
        match (policy_type.has_principal(), &principals) {
            (false, Some(_)) => {
                let problem = format!("the {policy_type} cannot have Principal; remove Principal");
                return Err(PolicyError::new(&path, problem));
            }
            (true, None) => {
                let problem = format!("the {policy_type} needs Principal; add Principal");
                return Err(PolicyError::new(&path, problem));
            }
            _ => {}
        }
        let actions = parse_element(object, &path, "Action", parse_strings)?;
        let actions = actions.ok_or_else(|| PolicyError::new(&path, "add Action or NotAction"))?;
        for action in actions.all() {
            let service = action.split_once(':').map(|(service, _)| service);
            if action != "*" && service.is_none_or(|service| service != "*" && service.contains(['*', '?'])) {
                let problem = format!(
                    "invalid action {action:?}; expected for example \"sts:AssumeRole\", \"iam:List*\" or \"*\""
                );
                return Err(PolicyError::new(&element("Action"), problem));
            }
        }
        let resources = parse_element(object, &path, "Resource", parse_strings)?;
        if !policy_type.has_principal() && resources.is_none() {
            return Err(PolicyError::new(&path, "add Resource or NotResource"));
        }
        let conditions = match object.get("Condition") {
            None => Vec::new(),
            Some(block) => parse_conditions(block, &element("Condition"))?,
        };
        Ok(Self { index, sid, effect, principals, actions, resources, conditions })
    }

    /// How closely the statement matches the principal; `None` where it does not match. A policy without `Principal` is
    /// attached to the principal itself, so it always matches.
    fn match_principal(&self, request: &EvaluationContext<'_>) -> Option<PrincipalMatch> {
        let EvaluationContext { principal, .. } = request;
        match &self.principals {
            None => Some(PrincipalMatch::Exact),
            Some(Match::Any(values)) => {
                values.iter().filter_map(|value| value.match_principal(principal)).max()
            }
            Some(Match::NotAny(values)) => {
                let is_listed = values.iter().any(|value| value.match_principal(principal).is_some());
                // A Deny with NotPrincipal always denies a principal with a permissions boundary, listed or not:
                // https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
                let is_exempt = is_listed && !(self.effect == Effect::Deny && request.has_boundary);
                (!is_exempt).then_some(PrincipalMatch::Anyone)
            }
        }
    }

    fn matches_action_and_resource(&self, action: &str, resource: &str, variables: Option<&Context>) -> bool {
        let matches_action = match &self.actions {
            Match::Any(actions) => actions.iter().any(|a| pattern::matches_ignoring_case(a, action)),
            Match::NotAny(actions) => !actions.iter().any(|a| pattern::matches_ignoring_case(a, action)),
        };
        // `None` where a variable has no value: then neither Resource nor NotResource matches.
        let matches_resource =
            |text: &String| pattern::resolve_arn(text, variables).map(|p| pattern::matches(&p, resource));
        matches_action
            && match &self.resources {
                None => true,
                Some(Match::Any(texts)) => texts.iter().any(|text| matches_resource(text) == Some(true)),
                Some(Match::NotAny(texts)) => texts.iter().all(|text| matches_resource(text) == Some(false)),
            }
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Statement[{}]", self.index)?;
        self.sid.as_ref().map_or(Ok(()), |sid| write!(f, " ({sid})"))
    }
}

impl PrincipalValue {
    fn match_principal(&self, principal: &Principal) -> Option<PrincipalMatch> {
        match self {
            Self::Aws(value) => principal.match_aws(value),
            Self::Service(value) => principal.match_service(value),
            Self::Unsupported => None,
        }
    }
}

impl<T> Match<T> {
    pub(crate) fn all(&self) -> &[T] {
        match self {
            Self::Any(all) | Self::NotAny(all) => all,
        }
    }
}

fn expect_object<'a>(value: &'a Value, path: &str) -> Result<&'a Map<String, Value>, PolicyError> {
    value.as_object().ok_or_else(|| PolicyError::new(path, "expected a JSON object"))
}

fn check_element_names(object: &Map<String, Value>, path: &str, names: &[&str]) -> Result<(), PolicyError> {
    match object.keys().find(|name| !names.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let names = names.join(", ");
            Err(PolicyError::new(path, format!("unknown element {name:?}; expected one of {names}")))
        }
    }
}

/// Parses the element `name` or its negation `Not` + `name`; a statement cannot have both.
fn parse_element<T>(
    object: &Map<String, Value>,
    path: &str,
    name: &str,
    parse: impl Fn(&Value, &str) -> Result<Vec<T>, PolicyError>,
) -> Result<Option<Match<T>>, PolicyError> {
    let not_name = format!("Not{name}");
    match (object.get(name), object.get(&not_name)) {
        (None, None) => Ok(None),
        (Some(value), None) => parse(value, &format!("{path}.{name}")).map(|all| Some(Match::Any(all))),
        (None, Some(value)) => {
            parse(value, &format!("{path}.{not_name}")).map(|all| Some(Match::NotAny(all)))
        }
        (Some(_), Some(_)) => {
            Err(PolicyError::new(path, format!("has both {name} and {not_name}; remove one")))
        }
    }
}

/// Parses a string or a list of strings.
fn parse_strings(value: &Value, path: &str) -> Result<Vec<String>, PolicyError> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let texts = match value {
        Value::Array(values) => values.iter().map(text).collect(),
        other => text(other).map(|text| vec![text]),
    };
    texts.ok_or_else(|| PolicyError::new(path, "expected a string or a list of strings"))
}

fn parse_principals(value: &Value, path: &str) -> Result<Vec<PrincipalValue>, PolicyError> {
    let map = match value {
        Value::String(text) if text == "*" => return Ok(vec![PrincipalValue::Aws(text.clone())]),
        Value::Object(map) => map,
        _ => {
            return Err(PolicyError::new(
                path,
                "expected \"*\" or an object such as {\"AWS\": \"arn:aws:iam::222222222222:role/LambdaRole\"}",
            ));
        }
    };
    let mut all = Vec::new();
    for (principal_type, value) in map {
        let path = format!("{path}.{principal_type}");
        let new: fn(String) -> PrincipalValue = match principal_type.as_str() {
            "AWS" => PrincipalValue::Aws,
            "Service" => PrincipalValue::Service,
            "Federated" | "CanonicalUser" => |_| PrincipalValue::Unsupported,
            _ => {
                let problem = "unknown principal type; expected AWS, Service, Federated or CanonicalUser";
                return Err(PolicyError::new(&path, problem));
            }
        };
        all.extend(parse_strings(value, &path)?.into_iter().map(new));
    }
    Ok(all)
}

fn parse_conditions(block: &Value, path: &str) -> Result<Vec<Condition>, PolicyError> {
    let mut all = Vec::new();
    for (operator_name, keys) in expect_object(block, path)? {
        let path = format!("{path}.{operator_name}");
        let operator = operator_name.parse::<Operator>().map_err(|error| PolicyError::new(&path, error))?;
        for (key, values) in expect_object(keys, &path)? {
            let values = match values {
                Value::Array(values) => values.iter().map(scalar).collect(),
                other => scalar(other).map(|value| vec![value]),
            };
            let values = values.ok_or_else(|| {
                PolicyError::new(&format!("{path}.{key}"), "expected a string or a list of strings")
            })?;
            all.push(Condition { operator, key: key.clone(), values });
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Policy, PolicyType};

    fn problem(document: &Value, policy_type: PolicyType) -> String {
        Policy::parse(document, policy_type).map_or_else(|error| error.to_string(), |_| "accepted".to_owned())
    }

    #[test]
    fn an_invalid_policy_is_an_error_with_the_element() {
        let statement = |element: &str, value: Value| {
            let mut statement = json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*" });
            statement[element] = value;
            json!({ "Version": "2012-10-17", "Statement": [statement] })
        };
        for (document, words) in [
            (json!([]), "expected a JSON object"),
            (json!({}), "Statement: "),
            (json!({ "Version": "2012-10-18", "Statement": [] }), "Version: unknown version \"2012-10-18\""),
            (json!({ "Statements": [] }), "Statements"),
            (statement("Effect", json!("allow")), "Statement[0].Effect"),
            (statement("Action", json!("AssumeRole")), "Statement[0].Action: invalid action \"AssumeRole\""),
            (statement("Action", json!("s*:AssumeRole")), "s*:AssumeRole"),
            (statement("Action", json!(1)), "Statement[0].Action"),
            (statement("NotAction", json!("sts:*")), "both Action and NotAction"),
            (statement("Principal", json!("*")), "remove Principal"),
            (
                statement("Condition", json!({ "StringFoo": { "a": "b" } })),
                "Statement[0].Condition.StringFoo",
            ),
            (statement("Condition", json!({ "Bool": { "a": {} } })), "Statement[0].Condition.Bool.a"),
            (statement("Ressource", json!("*")), "Ressource"),
        ] {
            let problem = problem(&document, PolicyType::Identity);
            assert!(problem.contains(words), "{words} is not in {problem}");
        }
        let trust = |principal: Value| json!({ "Statement": { "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal } });
        for (document, words) in [
            (json!({ "Statement": { "Effect": "Allow", "Action": "*" } }), "add Principal"),
            (trust(json!("222222222222")), "Statement[0].Principal"),
            (trust(json!({ "Aws": "*" })), "Statement[0].Principal.Aws"),
            (trust(json!({ "AWS": [1] })), "Statement[0].Principal.AWS"),
            (trust(json!({ "AWS": "222222222222", "Service": ["lambda.amazonaws.com"] })), "accepted"),
        ] {
            let problem = problem(&document, PolicyType::Trust);
            assert!(problem.contains(words), "{words} is not in {problem}");
        }
    }
}
