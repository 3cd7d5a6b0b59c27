//! The request context: the condition keys of a request, and their values.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::Value;

/// Condition keys and their values. Keys ignore case, also in the tag name of a key such as `aws:PrincipalTag/team`.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "BTreeMap<String, Value>")]
pub struct Context(BTreeMap<String, Vec<String>>);

/// Without the values of `sts:ExternalId`.
impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(key, values)| (key, shown_values(key, values)))).finish()
    }
}

/// What is shown in place of a value that is a secret.
const REDACTED: &str = "(redacted)";

/// Whether the values of a condition key are secrets, which no output shows: external ids, also under a key that is mistyped
/// such as `aws:ExternalId`.
#[must_use]
pub fn is_secret_key(key: &str) -> bool {
    key.to_ascii_lowercase().contains("externalid")
}

/// The values of a condition key as they may be shown.
pub(crate) fn shown_values(key: &str, values: &[String]) -> Vec<String> {
    values.iter().map(|value| if is_secret_key(key) { REDACTED } else { value }.to_owned()).collect()
}

impl Context {
    /// Sets a key to one value.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        self.set_all(key, [value.into()]);
    }

    /// Sets a key to these values.
    pub fn set_all(&mut self, key: &str, values: impl IntoIterator<Item = String>) {
        self.0.insert(key.to_ascii_lowercase(), values.into_iter().collect());
    }

    /// The values of a key; `None` where the request does not have the key.
    #[must_use]
    pub(crate) fn get(&self, key: &str) -> Option<&[String]> {
        self.0.get(&key.to_ascii_lowercase()).map(Vec::as_slice)
    }

    /// The value of a single-valued key; `None` where the request does not have the key, and for a multivalued key.
    #[must_use]
    pub(crate) fn single(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            [value] if !is_multivalued(key) => Some(value),
            _ => None,
        }
    }
}

impl<K: AsRef<str>, V: Into<String>> FromIterator<(K, V)> for Context {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut context = Self::default();
        for (key, value) in pairs {
            context.set(key.as_ref(), value);
        }
        context
    }
}

/// A value that a condition key cannot have: anything other than a string, a number, a Boolean, or a list of these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("context {key:?}: expected a string or a list of strings")]
pub struct ContextValueError {
    key: String,
}

impl TryFrom<BTreeMap<String, Value>> for Context {
    type Error = ContextValueError;

    fn try_from(pairs: BTreeMap<String, Value>) -> Result<Self, ContextValueError> {
        let mut context = Self::default();
        for (key, value) in pairs {
            let values = match value {
                Value::Array(values) => values.iter().map(scalar).collect::<Option<Vec<_>>>(),
                other => scalar(&other).map(|value| vec![value]),
            };
            let Some(values) = values else { return Err(ContextValueError { key }) };
            context.set_all(&key, values);
        }
        Ok(context)
    }
}

/// A string, number or Boolean as the string that policies compare.
pub(crate) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(value) => Some(value.to_string()),
        _ => None,
    }
}

/// Whether a condition key is multivalued; only `ForAllValues` and `ForAnyValue` compare such a key.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html>
#[must_use]
pub(crate) fn is_multivalued(key: &str) -> bool {
    const MULTIVALUED: [&str; 8] = [
        "aws:calledvia",
        "aws:principalorgpaths",
        "aws:principalservicenameslist",
        "aws:resourceorgpaths",
        "aws:sourceorgpaths",
        "aws:tagkeys",
        "aws:vpceorgpaths",
        "sts:transitivetagkeys",
    ];
    MULTIVALUED.contains(&key.to_ascii_lowercase().as_str())
}
