//! The condition keys of a request, and their values.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// Condition keys and values. The case of a key, the name of a tag included, does not matter.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "BTreeMap<String, Value>")]
pub struct Context(BTreeMap<String, Vec<String>>);

impl Context {
    /// Gives a key this value.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        self.set_all(key, [value.into()]);
    }

    /// Gives a key these values.
    pub fn set_all(&mut self, key: &str, values: impl IntoIterator<Item = String>) {
        self.0.insert(key.to_ascii_lowercase(), values.into_iter().collect());
    }

    /// The values of a key; `None` where the request does not have it.
    #[must_use]
    pub(crate) fn get(&self, key: &str) -> Option<&[String]> {
        self.0.get(&key.to_ascii_lowercase()).map(Vec::as_slice)
    }

    /// The value of a key that has one and could not have more.
    #[must_use]
    pub(crate) fn single(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            [value] if !has_several_values(key) => Some(value),
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

/// A value that no condition key has: an object, or a list of other things than texts, numbers and truth values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("context {key:?} is neither a text nor a list of texts")]
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

/// A text, number or truth value as policies compare it.
pub(crate) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(value) => Some(value.to_string()),
        _ => None,
    }
}

/// Whether a key is one that AWS gives a list of values: only `ForAllValues` and `ForAnyValue` look into those.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html>
#[must_use]
pub(crate) fn has_several_values(key: &str) -> bool {
    const LISTS: [&str; 8] = [
        "aws:calledvia",
        "aws:principalorgpaths",
        "aws:principalservicenameslist",
        "aws:resourceorgpaths",
        "aws:sourceorgpaths",
        "aws:tagkeys",
        "aws:vpceorgpaths",
        "sts:transitivetagkeys",
    ];
    LISTS.contains(&key.to_ascii_lowercase().as_str())
}
