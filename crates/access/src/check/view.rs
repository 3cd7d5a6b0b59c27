//! The statements of a policy document as they are written.

use std::fmt;

use serde_json::{Map, Value, json};

/// A statement of a document that the evaluator has parsed.
#[derive(Debug, Clone, Copy)]
pub(super) struct StatementView<'a> {
    index: usize,
    value: &'a Value,
}

/// The statements, in order.
pub(super) fn statements(source: &Value) -> Vec<StatementView<'_>> {
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
    pub(super) fn is_allow(&self) -> bool {
        self.value.get("Effect").and_then(Value::as_str) == Some("Allow")
    }

    /// Whether the statement has the element.
    pub(super) fn has(&self, element: &str) -> bool {
        self.value.get(element).is_some()
    }

    /// The strings of `Action` or `Resource`.
    pub(super) fn strings(&self, element: &str) -> Vec<&'a str> {
        self.value.get(element).map(strings).unwrap_or_default()
    }

    /// The principals: type and value, such as `AWS` and an ARN.
    pub(super) fn principals(&self) -> Vec<(&'a str, &'a str)> {
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
    pub(super) fn conditions(&self) -> Vec<(&'a str, &'a str, Vec<&'a str>)> {
        let operators = self.value.get("Condition").and_then(Value::as_object).into_iter().flatten();
        let keys = operators.flat_map(|(operator, keys)| {
            keys.as_object().into_iter().flatten().map(move |(key, values)| (operator.as_str(), key, values))
        });
        keys.map(|(operator, key, values)| (operator, key.as_str(), strings(values))).collect()
    }

    /// The keys of the conditions, each once.
    pub(super) fn condition_keys(&self) -> Vec<&'a str> {
        let mut keys: Vec<&str> = self.conditions().into_iter().map(|(_, key, _)| key).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// The values of an element as a message shows them.
    pub(super) fn values_of(&self, element: &str) -> Vec<String> {
        match element {
            "Principal" => self.principals().into_iter().map(|(_, value)| value.to_owned()).collect(),
            _ => self.strings(element).into_iter().map(str::to_owned).collect(),
        }
    }

    /// A document with this statement alone, in which these elements match everything.
    pub(super) fn without(&self, elements: &[&str]) -> Value {
        let mut statement = self.value.as_object().cloned().unwrap_or_default();
        for element in elements {
            relax(&mut statement, element);
        }
        json!({ "Version": "2012-10-17", "Statement": [statement] })
    }
}

fn relax(statement: &mut Map<String, Value>, element: &str) {
    let everything = match element {
        "Resource" => json!("*"),
        "Principal" => json!({ "AWS": "*", "Service": "lambda.amazonaws.com" }),
        _ => Value::Null,
    };
    let has_element =
        statement.remove(element).is_some() | statement.remove(&format!("Not{element}")).is_some();
    if has_element && !everything.is_null() {
        statement.insert(element.to_owned(), everything);
    }
}

/// A string, or a list of strings.
fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().into_iter().collect(),
    }
}
