//! A policy document, as AWS writes it.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::condition::{Condition, Operator};
use crate::context::{Context, scalar};
use crate::pattern;
use crate::principal::{Principal, PrincipalMatch};

/// The kinds of policies, which says what may stand in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyType {
    /// Attached to the principal.
    Identity,
    /// A role's trust policy.
    Trust,
    /// Passed when the session was made.
    Session,
    /// A permissions boundary.
    Boundary,
    /// A service control policy.
    Scp,
    /// A resource control policy.
    Rcp,
}

/// A policy document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    source: Arc<Value>,
    has_variables: bool,
    pub(crate) statements: Vec<Statement>,
}

/// What a policy is held against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EvaluationContext<'a> {
    /// The principal of the request.
    pub(crate) principal: &'a Principal,
    /// Whether a permissions boundary binds the principal.
    pub(crate) has_boundary: bool,
    /// The action.
    pub(crate) action: &'a str,
    /// The resource.
    pub(crate) resource: &'a str,
    /// The condition keys.
    pub(crate) context: &'a Context,
}

/// A statement of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    /// Where it stands, from 0.
    pub(crate) index: usize,
    /// Its `Sid`, where it has one.
    pub(crate) sid: Option<String>,
    pub(crate) effect: Effect,
    pub(crate) principals: Option<Match<PrincipalValue>>,
    pub(crate) actions: Match<String>,
    pub(crate) resources: Option<Match<String>>,
    pub(crate) conditions: Vec<Condition>,
}

/// What a statement does where it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It allows.
    Allow,
    /// It denies, whatever allows.
    Deny,
}

/// An element, or the same with a `Not` before its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Match<T> {
    Any(Vec<T>),
    NotAny(Vec<T>),
}

/// A value of a `Principal` element, below the kind of principal that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PrincipalValue {
    Aws(String),
    Service(String),
    /// A federated identity or a canonical user, which match no [`Principal`].
    Unsupported,
}

/// Where a document is not one, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}{problem}")]
pub struct PolicyError {
    place: String,
    problem: String,
}

impl PolicyError {
    pub(crate) fn new(place: &str, problem: impl fmt::Display) -> Self {
        let place = if place.is_empty() { String::new() } else { format!("{place}: ") };
        Self { place, problem: problem.to_string() }
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
    /// Whether a policy of this kind is attached to what is asked for, and so has a `Principal` that says who may ask.
    const fn has_principal(self) -> bool {
        matches!(self, Self::Trust | Self::Rcp)
    }
}

impl Policy {
    /// A policy that says nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self { source: Arc::default(), has_variables: false, statements: Vec::new() }
    }

    /// The document as it was written.
    #[must_use]
    pub fn source(&self) -> &Value {
        &self.source
    }

    /// Reads a document.
    ///
    /// # Errors
    /// [`PolicyError`] names the element, and what would be right.
    pub fn parse(document: &Value, kind: PolicyType) -> Result<Self, PolicyError> {
        let object = object(document, "")?;
        known(object, "", &["Version", "Id", "Statement"])?;
        let has_variables = match object.get("Version") {
            None => false,
            Some(Value::String(version)) if version == "2012-10-17" => true,
            Some(Value::String(version)) if version == "2008-10-17" => false,
            Some(other) => {
                return Err(PolicyError::new("Version", format!("{other} is none, AWS has \"2012-10-17\"")));
            }
        };
        let statements = match object.get("Statement") {
            Some(Value::Array(statements)) => statements.iter().collect(),
            Some(statement @ Value::Object(_)) => vec![statement],
            _ => return Err(PolicyError::new("Statement", "a policy has a list of statements")),
        };
        let numbered = statements.into_iter().enumerate();
        let statements = numbered
            .map(|(index, statement)| Statement::parse(index, statement, kind))
            .collect::<Result<_, _>>()?;
        Ok(Self { source: Arc::new(document.clone()), has_variables, statements })
    }

    /// The statements with this effect that match what is asked, and how closely each matches the principal.
    pub(crate) fn matching<'a>(
        &'a self,
        effect: Effect,
        asked: EvaluationContext<'a>,
    ) -> impl Iterator<Item = (&'a Statement, PrincipalMatch)> {
        let EvaluationContext { action, resource, context, .. } = asked;
        let variables = self.has_variables.then_some(context);
        let of_effect = self.statements.iter().filter(move |statement| statement.effect == effect);
        of_effect.filter_map(move |statement| {
            let principal_match = statement.match_principal(&asked)?;
            let matches = statement.is_about(action, resource, variables)
                && statement.conditions.iter().all(|condition| condition.evaluate(context, variables));
            matches.then_some((statement, principal_match))
        })
    }
}

impl Statement {
    fn parse(index: usize, statement: &Value, kind: PolicyType) -> Result<Self, PolicyError> {
        let at = format!("Statement[{index}]");
        let within = |name: &str| format!("{at}.{name}");
        let object = object(statement, &at)?;
        let elements = [
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
        known(object, &at, &elements)?;
        let sid = match object.get("Sid") {
            None => None,
            Some(Value::String(sid)) => Some(sid.clone()),
            Some(_) => return Err(PolicyError::new(&within("Sid"), "it is no text")),
        };
        let effect = match object.get("Effect").and_then(Value::as_str) {
            Some("Allow") => Effect::Allow,
            Some("Deny") => Effect::Deny,
            _ => return Err(PolicyError::new(&within("Effect"), "it is \"Allow\" or \"Deny\"")),
        };
        let principals = listed(object, &at, "Principal", principals)?;
        match (kind.has_principal(), &principals) {
            (false, Some(_)) => {
                return Err(PolicyError::new(&at, format!("the {kind} names nobody, take Principal out")));
            }
            (true, None) => {
                return Err(PolicyError::new(
                    &at,
                    format!("the {kind} has to say who is meant, add Principal"),
                ));
            }
            _ => {}
        }
        let actions = listed(object, &at, "Action", texts)?;
        let actions =
            actions.ok_or_else(|| PolicyError::new(&at, "there is neither Action nor NotAction"))?;
        for action in actions.all() {
            let service = action.split_once(':').map(|(service, _)| service);
            if action != "*" && service.is_none_or(|service| service != "*" && service.contains(['*', '?'])) {
                return Err(PolicyError::new(
                    &within("Action"),
                    format!(
                        "{action:?} is no action, one is like \"sts:AssumeRole\", \"iam:List*\" or \"*\""
                    ),
                ));
            }
        }
        let resources = listed(object, &at, "Resource", texts)?;
        if !kind.has_principal() && resources.is_none() {
            return Err(PolicyError::new(&at, "there is neither Resource nor NotResource"));
        }
        let conditions = match object.get("Condition") {
            None => Vec::new(),
            Some(block) => conditions(block, &within("Condition"))?,
        };
        Ok(Self { index, sid, effect, principals, actions, resources, conditions })
    }

    /// How closely it matches the principal; `None` where it does not. A policy without `Principal` is attached to the
    /// principal itself.
    fn match_principal(&self, asked: &EvaluationContext<'_>) -> Option<PrincipalMatch> {
        let EvaluationContext { principal, .. } = asked;
        match &self.principals {
            None => Some(PrincipalMatch::Exact),
            Some(Match::Any(values)) => {
                values.iter().filter_map(|value| value.match_principal(principal)).max()
            }
            Some(Match::NotAny(values)) => {
                let is_named = values.iter().any(|value| value.match_principal(principal).is_some());
                // Whom a boundary binds is denied whether named or not:
                // https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
                let spares = is_named && !(self.effect == Effect::Deny && asked.has_boundary);
                (!spares).then_some(PrincipalMatch::Anyone)
            }
        }
    }

    fn is_about(&self, action: &str, resource: &str, variables: Option<&Context>) -> bool {
        let is_action = match &self.actions {
            Match::Any(actions) => actions.iter().any(|a| pattern::matches_ignoring_case(a, action)),
            Match::NotAny(actions) => !actions.iter().any(|a| pattern::matches_ignoring_case(a, action)),
        };
        let is = |text: &String| pattern::resolve(text, variables).map(|p| pattern::matches(&p, resource));
        is_action
            && match &self.resources {
                None => true,
                Some(Match::Any(resources)) => resources.iter().any(|text| is(text) == Some(true)),
                Some(Match::NotAny(resources)) => resources.iter().all(|text| is(text) == Some(false)),
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

fn object<'a>(value: &'a Value, at: &str) -> Result<&'a Map<String, Value>, PolicyError> {
    value.as_object().ok_or_else(|| PolicyError::new(at, "it is no JSON object"))
}

fn known(object: &Map<String, Value>, at: &str, names: &[&str]) -> Result<(), PolicyError> {
    match object.keys().find(|name| !names.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let names = names.join(", ");
            Err(PolicyError::new(at, format!("element {name:?} is none of {names}")))
        }
    }
}

/// The element `name`, or `Not` and `name`, and not both.
fn listed<T>(
    object: &Map<String, Value>,
    at: &str,
    name: &str,
    read: impl Fn(&Value, &str) -> Result<Vec<T>, PolicyError>,
) -> Result<Option<Match<T>>, PolicyError> {
    let not_name = format!("Not{name}");
    match (object.get(name), object.get(&not_name)) {
        (None, None) => Ok(None),
        (Some(value), None) => read(value, &format!("{at}.{name}")).map(|all| Some(Match::Any(all))),
        (None, Some(value)) => read(value, &format!("{at}.{not_name}")).map(|all| Some(Match::NotAny(all))),
        (Some(_), Some(_)) => Err(PolicyError::new(at, format!("there are both {name} and {not_name}"))),
    }
}

/// A text, or a list of texts.
fn texts(value: &Value, at: &str) -> Result<Vec<String>, PolicyError> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let texts = match value {
        Value::Array(values) => values.iter().map(text).collect(),
        other => text(other).map(|text| vec![text]),
    };
    texts.ok_or_else(|| PolicyError::new(at, "it is neither a text nor a list of texts"))
}

fn principals(value: &Value, at: &str) -> Result<Vec<PrincipalValue>, PolicyError> {
    let map = match value {
        Value::String(text) if text == "*" => return Ok(vec![PrincipalValue::Aws(text.clone())]),
        Value::Object(map) => map,
        _ => {
            return Err(PolicyError::new(
                at,
                "it is \"*\", or like {\"AWS\": \"arn:aws:iam::222222222222:role/LambdaRole\"}",
            ));
        }
    };
    let mut all = Vec::new();
    for (kind, value) in map {
        let at = format!("{at}.{kind}");
        let of_kind: fn(String) -> PrincipalValue = match kind.as_str() {
            "AWS" => PrincipalValue::Aws,
            "Service" => PrincipalValue::Service,
            "Federated" | "CanonicalUser" => |_| PrincipalValue::Unsupported,
            _ => {
                return Err(PolicyError::new(&at, "a principal is AWS, Service, Federated or CanonicalUser"));
            }
        };
        all.extend(texts(value, &at)?.into_iter().map(of_kind));
    }
    Ok(all)
}

fn conditions(block: &Value, at: &str) -> Result<Vec<Condition>, PolicyError> {
    let mut all = Vec::new();
    for (operator_text, keys) in object(block, at)? {
        let at = format!("{at}.{operator_text}");
        let operator = operator_text.parse::<Operator>().map_err(|unknown| PolicyError::new(&at, unknown))?;
        for (key, values) in object(keys, &at)? {
            let values = match values {
                Value::Array(values) => values.iter().map(scalar).collect(),
                other => scalar(other).map(|value| vec![value]),
            };
            let values = values.ok_or_else(|| {
                PolicyError::new(&format!("{at}.{key}"), "it is neither a text nor a list of texts")
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

    fn problem(document: &Value, kind: PolicyType) -> String {
        Policy::parse(document, kind).map_or_else(|e| e.to_string(), |_| "accepted".to_owned())
    }

    #[test]
    fn what_is_no_policy_is_refused_with_the_place() {
        let statement = |element: &str, value: Value| {
            let mut statement = json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*" });
            statement[element] = value;
            json!({ "Version": "2012-10-17", "Statement": [statement] })
        };
        for (document, words) in [
            (json!([]), "no JSON object"),
            (json!({}), "Statement: "),
            (json!({ "Version": "2012-10-18", "Statement": [] }), "Version: \"2012-10-18\""),
            (json!({ "Statements": [] }), "Statements"),
            (statement("Effect", json!("allow")), "Statement[0].Effect"),
            (statement("Action", json!("AssumeRole")), "Statement[0].Action: \"AssumeRole\""),
            (statement("Action", json!("s*:AssumeRole")), "s*:AssumeRole"),
            (statement("Action", json!(1)), "Statement[0].Action"),
            (statement("NotAction", json!("sts:*")), "both Action and NotAction"),
            (statement("Principal", json!("*")), "take Principal out"),
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
