//! The statements of a policy document as they are written.

use std::fmt;

use serde_json::Value;

use crate::statement::{Conditions, OneOrMany};

/// A statement of a document that the evaluator has parsed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StatementView<'a> {
    index: usize,
    value: &'a Value,
}

/// The statements, in order.
pub(crate) fn statements(source: &Value) -> Vec<StatementView<'_>> {
    let statements = match source.get("Statement") {
        Some(Value::Array(statements)) => statements.iter().collect(),
        Some(statement) => vec![statement],
        None => Vec::new(),
    };
    statements.into_iter().enumerate().map(|(index, value)| StatementView { index, value }).collect()
}

/// As the evaluator names a statement: `Statement[0] (Sid)`.
impl fmt::Display for StatementView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Statement[{}]", self.index)?;
        self.value.get("Sid").and_then(Value::as_str).map_or(Ok(()), |sid| write!(f, " ({sid})"))
    }
}

impl<'a> StatementView<'a> {
    pub(crate) fn is_allow(&self) -> bool {
        self.value.get("Effect").and_then(Value::as_str) == Some("Allow")
    }

    /// Whether the statement has the element.
    pub(crate) fn has(&self, element: &str) -> bool {
        self.value.get(element).is_some()
    }

    /// The strings of `Action` or `Resource`.
    pub(crate) fn strings(&self, element: &str) -> Vec<&'a str> {
        self.value.get(element).map(strings).unwrap_or_default()
    }

    /// The strings of `Resource` and `NotResource`.
    pub(crate) fn resources(&self) -> Vec<&'a str> {
        [self.strings("Resource"), self.strings("NotResource")].concat()
    }

    /// The principals: type and value, such as `AWS` and an ARN.
    pub(crate) fn principals(&self) -> Vec<(&'a str, &'a str)> {
        match self.value.get("Principal") {
            Some(Value::Object(types)) => types
                .iter()
                .flat_map(|(name, values)| strings(values).into_iter().map(|value| (name.as_str(), value)))
                .collect(),
            Some(Value::String(anyone)) => vec![("AWS", anyone)],
            _ => Vec::new(),
        }
    }

    /// The conditions: operator, key and values.
    pub(crate) fn conditions(&self) -> Vec<(&'a str, &'a str, Vec<&'a str>)> {
        let operators = self.value.get("Condition").and_then(Value::as_object).into_iter().flatten();
        let keys = operators.flat_map(|(operator, keys)| {
            keys.as_object().into_iter().flatten().map(move |(key, values)| (operator.as_str(), key, values))
        });
        keys.map(|(operator, key, values)| (operator, key.as_str(), strings(values))).collect()
    }

    /// The keys of the conditions, each once.
    pub(crate) fn condition_keys(&self) -> Vec<&'a str> {
        let mut keys: Vec<&str> = self.conditions().into_iter().map(|(_, key, _)| key).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// The condition keys whose values decide whether the statement applies: those of its conditions and of its policy variables.
    pub(crate) fn deciding_keys(&self) -> Vec<&'a str> {
        let conditions = self.conditions();
        let values = conditions.iter().flat_map(|(_, _, values)| values.iter().copied());
        let variables = values.chain(self.resources()).flat_map(variables);
        conditions.iter().map(|(_, key, _)| *key).chain(variables).collect()
    }

    /// The conditions, to be written in another statement.
    pub(crate) fn to_conditions(self) -> Conditions {
        let operators = self.value.get("Condition").and_then(Value::as_object).into_iter().flatten();
        let values = |value: &Value| match value {
            Value::Array(values) => values.iter().map(text).collect(),
            one => OneOrMany::One(text(one)),
        };
        let block = |keys: &Value| {
            keys.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), values(value))).collect()
        };
        operators.map(|(operator, keys)| (operator.clone(), block(keys))).collect()
    }
}

/// A value as policies compare it: a number or a Boolean as its text.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A string, or a list of strings.
pub(crate) fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().into_iter().collect(),
    }
}

/// The condition keys of the policy variables in a text.
pub(crate) fn variables(text: &str) -> Vec<&str> {
    let variables = text.split("${").skip(1).filter_map(|rest| rest.split(['}', ',']).next());
    // `${*}`, `${?}` and `${$}` are these characters.
    variables.map(str::trim).filter(|key| key.contains(':')).collect()
}
