//! Policy documents, parsed by the grammar of the IAM policy language.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use rolecall_json::{JsonPath, Place, Places};
use serde_json::{Map, Value};

use crate::condition::{Condition, Operator};
use crate::context::{Context, scalar};
use crate::pattern;
use crate::principal::{Principal, PrincipalMatch};

/// The type of a policy. It determines which elements a document may have, and how the policy takes part in a decision.
///
/// It is serialized as it is displayed, such as `trust policy`.
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
#[derive(Clone, PartialEq, Eq)]
pub struct Policy {
    source: Arc<Value>,
    /// Whether the version is 2012-10-17, the first with policy variables.
    has_variables: bool,
    pub(crate) statements: Vec<Statement>,
}

/// Without the source, which may hold an external id.
impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy").field("statements", &self.statements).finish_non_exhaustive()
    }
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
    /// A provider of federated identities, which matches no [`Principal`].
    Federated(String),
    /// A canonical user id of Amazon S3, which matches no [`Principal`].
    CanonicalUser(String),
}

/// What is invalid in a policy document, and in which element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyError {
    /// The element, such as `Statement[0].Effect`.
    element: JsonPath,
    /// The element whose place in the text is that of the error, where it is another one.
    culprit: Option<JsonPath>,
    problem: String,
}

impl PolicyError {
    pub(crate) fn new(element: &JsonPath, problem: impl fmt::Display) -> Self {
        Self { element: element.clone(), culprit: None, problem: problem.to_string() }
    }

    /// An error whose place is that of a field of the element, such as one that it cannot have.
    pub(crate) fn at_field(self, name: &str) -> Self {
        Self { culprit: Some(self.element.field(name)), ..self }
    }

    /// An error whose place is that of an item of the element.
    pub(crate) fn at_item(self, index: usize) -> Self {
        Self { culprit: Some(self.element.item(index)), ..self }
    }

    /// The element that the error is about, such as `Statement[0].Effect`; the root for the document as a whole.
    #[must_use]
    pub fn element(&self) -> &JsonPath {
        &self.element
    }

    /// The element at whose place in a text the error is.
    #[must_use]
    pub fn culprit(&self) -> &JsonPath {
        self.culprit.as_ref().unwrap_or(&self.element)
    }

    /// What is wrong with the element, and what is expected.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

impl std::error::Error for PolicyError {}

/// `Statement[0].Effect: expected "Allow" or "Deny"`.
impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.element.is_root() {
            write!(f, "{}: ", self.element)?;
        }
        f.write_str(&self.problem)
    }
}

/// Why a text is not a policy document, with the line and the column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyTextError {
    /// The text is not JSON, or has a name twice in one object.
    #[error(transparent)]
    Json(#[from] rolecall_json::JsonError),
    /// The text is JSON, but not a policy document of the type.
    #[error("{place}: {error}")]
    Policy {
        /// Where the element begins.
        place: Place,
        /// What is wrong with the element.
        error: PolicyError,
    },
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

impl serde::Serialize for PolicyType {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
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

    /// Parses the text of a policy document of this type.
    ///
    /// ```
    /// use rolecall_policy::{Policy, PolicyType};
    ///
    /// let text = "{ \"Statement\": {\n  \"Effect\": \"Permit\", \"Action\": \"*\", \"Resource\": \"*\" } }";
    /// let error = Policy::parse_text(text, PolicyType::Identity).unwrap_err().to_string();
    /// assert_eq!(error, "line 2, column 13: Statement[0].Effect: expected \"Allow\" or \"Deny\"");
    /// ```
    ///
    /// # Errors
    /// [`PolicyTextError`] says where the text is no policy document, and what is expected there.
    pub fn parse_text(text: &str, policy_type: PolicyType) -> Result<Self, PolicyTextError> {
        let document: Value = rolecall_json::parse(text)?;
        Self::parse(&document, policy_type).map_err(|error| {
            let place = Places::new(text).place(error.culprit());
            PolicyTextError::Policy { place, error }
        })
    }

    /// Parses a policy document of this type.
    ///
    /// # Errors
    /// [`PolicyError`] names the element, and what is expected.
    pub fn parse(document: &Value, policy_type: PolicyType) -> Result<Self, PolicyError> {
        let root = JsonPath::root();
        let object = expect_object(document, &root)?;
        check_element_names(object, &root, &["Version", "Id", "Statement"])?;
        let has_variables = match object.get("Version") {
            None => false,
            Some(Value::String(version)) if version == "2012-10-17" => true,
            Some(Value::String(version)) if version == "2008-10-17" => false,
            Some(other) => {
                let problem = format!("unknown version {other}; expected \"2012-10-17\"");
                return Err(PolicyError::new(&root.field("Version"), problem));
            }
        };
        let statements = match object.get("Statement") {
            Some(Value::Array(statements)) => statements.iter().collect(),
            Some(statement @ Value::Object(_)) => vec![statement],
            _ => {
                let problem = "expected a statement or a list of statements";
                return Err(PolicyError::new(&root.field("Statement"), problem));
            }
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

    /// The values of policy variables; `None` where the version of the policy has no variables.
    pub(crate) fn variables<'a>(&self, context: &'a Context) -> Option<&'a Context> {
        self.has_variables.then_some(context)
    }

    /// Whether the version of the policy has policy variables.
    pub(crate) fn has_variables(&self) -> bool {
        self.has_variables
    }

    /// The statements with this effect that match the request, and how closely each matches the principal.
    pub(crate) fn matching<'a>(
        &'a self,
        effect: Effect,
        request: EvaluationContext<'a>,
    ) -> impl Iterator<Item = (&'a Statement, PrincipalMatch)> {
        let EvaluationContext { action, resource, context, .. } = request;
        let variables = self.variables(context);
        let with_effect = self.statements.iter().filter(move |statement| statement.effect == effect);
        with_effect.filter_map(move |statement| {
            let principal_match = statement.match_principal(&request)?;
            let is_match = statement.matches_action(action)
                && statement.matches_resource(resource, variables)
                && statement.conditions.iter().all(|condition| condition.evaluate(context, variables));
            is_match.then_some((statement, principal_match))
        })
    }
}

impl Statement {
    fn parse(index: usize, statement: &Value, policy_type: PolicyType) -> Result<Self, PolicyError> {
        const NAMES: [&str; 9] = [
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
        let path = JsonPath::root().field("Statement").item(index);
        let object = expect_object(statement, &path)?;
        check_element_names(object, &path, &NAMES)?;
        let sid = match object.get("Sid") {
            None => None,
            Some(Value::String(sid)) => Some(sid.clone()),
            Some(_) => return Err(PolicyError::new(&path.field("Sid"), "expected a string")),
        };
        let effect = match object.get("Effect").and_then(Value::as_str) {
            Some("Allow") => Effect::Allow,
            Some("Deny") => Effect::Deny,
            _ => return Err(PolicyError::new(&path.field("Effect"), "expected \"Allow\" or \"Deny\"")),
        };
        let principals = parse_element(object, &path, "Principal", parse_principals)?;
        check_principal_element(principals.as_ref(), &path, policy_type)?;
        let actions = parse_element(object, &path, "Action", parse_strings)?;
        let actions = actions.ok_or_else(|| PolicyError::new(&path, "add Action or NotAction"))?;
        check_actions(&actions, &path)?;
        let resources = parse_element(object, &path, "Resource", parse_strings)?;
        if !policy_type.has_principal() && resources.is_none() {
            return Err(PolicyError::new(&path, "add Resource or NotResource"));
        }
        let conditions = match object.get("Condition") {
            None => Vec::new(),
            Some(block) => parse_conditions(block, &path.field("Condition"))?,
        };
        Ok(Self { index, sid, effect, principals, actions, resources, conditions })
    }

    /// The principals, each with the path to its value.
    pub(crate) fn principal_values(&self) -> Vec<(JsonPath, usize, &PrincipalValue)> {
        let Some(principals) = &self.principals else { return Vec::new() };
        let element = self.path().field(&principals.element_name("Principal"));
        let all = principals.all();
        let with_place = all.iter().enumerate().map(|(number, value)| {
            let (principal_type, _) = value.parts();
            let is_of_type = |other: &&PrincipalValue| other.parts().0 == principal_type;
            let index = all.iter().take(number).filter(is_of_type).count();
            (element.field(principal_type), index, value)
        });
        with_place.collect()
    }

    /// The path to the statement in its document.
    pub(crate) fn path(&self) -> JsonPath {
        JsonPath::root().field("Statement").item(self.index)
    }

    /// How closely the statement matches the principal; `None` where it does not match. A policy without `Principal` is
    /// attached to the principal itself, so it always matches.
    pub(crate) fn match_principal(&self, request: &EvaluationContext<'_>) -> Option<PrincipalMatch> {
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

    pub(crate) fn matches_action(&self, action: &str) -> bool {
        let is_listed =
            self.actions.all().iter().any(|pattern| pattern::matches_ignoring_case(pattern, action));
        is_listed != matches!(self.actions, Match::NotAny(_))
    }

    /// Whether the statement matches the resource. A statement without `Resource` applies to what its policy is attached to.
    pub(crate) fn matches_resource(&self, resource: &str, variables: Option<&Context>) -> bool {
        // `None` where a variable has no value: then neither Resource nor NotResource matches.
        let matches_resource =
            |text: &String| pattern::resolve_arn(text, variables).map(|p| pattern::matches(&p, resource));
        match &self.resources {
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
            Self::Federated(_) | Self::CanonicalUser(_) => None,
        }
    }

    /// The value as the policy has it, and the type of principal that it is listed under.
    pub(crate) fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Aws(value) => ("AWS", value),
            Self::Service(value) => ("Service", value),
            Self::Federated(value) => ("Federated", value),
            Self::CanonicalUser(value) => ("CanonicalUser", value),
        }
    }
}

impl<T> Match<T> {
    pub(crate) fn all(&self) -> &[T] {
        match self {
            Self::Any(all) | Self::NotAny(all) => all,
        }
    }

    /// The name of the element, `name` or `Not` + `name`.
    pub(crate) fn element_name(&self, name: &str) -> String {
        match self {
            Self::Any(_) => name.to_owned(),
            Self::NotAny(_) => format!("Not{name}"),
        }
    }
}

fn expect_object<'a>(value: &'a Value, path: &JsonPath) -> Result<&'a Map<String, Value>, PolicyError> {
    value.as_object().ok_or_else(|| PolicyError::new(path, "expected a JSON object"))
}

fn check_element_names(
    object: &Map<String, Value>,
    path: &JsonPath,
    names: &[&str],
) -> Result<(), PolicyError> {
    match object.keys().find(|name| !names.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let problem = format!("unknown element {name:?}; expected one of {}", names.join(", "));
            Err(PolicyError::new(path, problem).at_field(name))
        }
    }
}

/// Checks that a policy that is attached to a resource has a `Principal`, and that one that is attached to a principal has
/// none.
fn check_principal_element<T>(
    principals: Option<&Match<T>>,
    path: &JsonPath,
    policy_type: PolicyType,
) -> Result<(), PolicyError> {
    match (policy_type.has_principal(), principals) {
        (false, Some(principals)) => {
            let name = principals.element_name("Principal");
            let problem = format!(
                "the {policy_type} cannot have {name}, because it applies to what it is attached to; remove {name}"
            );
            Err(PolicyError::new(path, problem).at_field(&name))
        }
        (true, None) => {
            let problem = format!("the {policy_type} needs Principal; add Principal");
            Err(PolicyError::new(path, problem))
        }
        _ => Ok(()),
    }
}

fn check_actions(actions: &Match<String>, path: &JsonPath) -> Result<(), PolicyError> {
    for (number, action) in actions.all().iter().enumerate() {
        let service = action.split_once(':').map(|(service, _)| service);
        if action != "*" && service.is_none_or(|service| service != "*" && service.contains(['*', '?'])) {
            let problem = format!(
                "invalid action {action:?}; expected for example \"sts:AssumeRole\", \"iam:List*\" or \"*\""
            );
            let element = path.field(&actions.element_name("Action"));
            return Err(PolicyError::new(&element, problem).at_item(number));
        }
    }
    Ok(())
}

/// Parses the element `name` or its negation `Not` + `name`; a statement cannot have both.
fn parse_element<T>(
    object: &Map<String, Value>,
    path: &JsonPath,
    name: &str,
    parse: impl Fn(&Value, &JsonPath) -> Result<Vec<T>, PolicyError>,
) -> Result<Option<Match<T>>, PolicyError> {
    let not_name = format!("Not{name}");
    match (object.get(name), object.get(&not_name)) {
        (None, None) => Ok(None),
        (Some(value), None) => parse(value, &path.field(name)).map(|all| Some(Match::Any(all))),
        (None, Some(value)) => parse(value, &path.field(&not_name)).map(|all| Some(Match::NotAny(all))),
        (Some(_), Some(_)) => {
            let problem = format!("has both {name} and {not_name}; remove one");
            Err(PolicyError::new(path, problem).at_field(&not_name))
        }
    }
}

/// Parses a string or a list of strings.
fn parse_strings(value: &Value, path: &JsonPath) -> Result<Vec<String>, PolicyError> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let texts = match value {
        Value::Array(values) => values.iter().map(text).collect(),
        other => text(other).map(|text| vec![text]),
    };
    texts.ok_or_else(|| PolicyError::new(path, "expected a string or a list of strings"))
}

fn parse_principals(value: &Value, path: &JsonPath) -> Result<Vec<PrincipalValue>, PolicyError> {
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
        let path = path.field(principal_type);
        let new: fn(String) -> PrincipalValue = match principal_type.as_str() {
            "AWS" => PrincipalValue::Aws,
            "Service" => PrincipalValue::Service,
            "Federated" => PrincipalValue::Federated,
            "CanonicalUser" => PrincipalValue::CanonicalUser,
            _ => {
                let problem = "unknown principal type; expected AWS, Service, Federated or CanonicalUser";
                return Err(PolicyError::new(&path, problem));
            }
        };
        all.extend(parse_strings(value, &path)?.into_iter().map(new));
    }
    Ok(all)
}

fn parse_conditions(block: &Value, path: &JsonPath) -> Result<Vec<Condition>, PolicyError> {
    let mut all = Vec::new();
    for (operator_name, keys) in expect_object(block, path)? {
        let path = path.field(operator_name);
        let operator = operator_name.parse::<Operator>().map_err(|error| PolicyError::new(&path, error))?;
        for (key, values) in expect_object(keys, &path)? {
            let values = match values {
                Value::Array(values) => values.iter().map(scalar).collect(),
                other => scalar(other).map(|value| vec![value]),
            };
            let values = values.ok_or_else(|| {
                PolicyError::new(&path.field(key), "expected a string or a list of strings")
            })?;
            all.push(Condition { operator, operator_name: operator_name.clone(), key: key.clone(), values });
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
