//! A policy whose conditions have keys that nothing here decides, such as `aws:SourceIp`.

use std::collections::BTreeSet;

use rolecall_policy::{Policy, PolicyType};
use serde_json::{Map, Value, json};

use crate::statement_view::{self, StatementView, strings, variables};

/// The least and the most that a policy allows, depending on condition keys whose values are not known here.
pub(crate) struct Bounds {
    /// No condition with such a key is met in a statement that allows, and each is met in one that denies.
    pub(crate) least: Policy,
    /// The opposite.
    pub(crate) most: Policy,
}

impl Bounds {
    /// `is_unknown` says whether the value of a condition key is not known.
    pub(crate) fn new(policy: &Policy, policy_type: PolicyType, is_unknown: &impl Fn(&str) -> bool) -> Self {
        let bound = |allow_is_met: bool| {
            let document = rewrite(policy.source(), |statement, view| {
                let is_met = view.is_allow() == allow_is_met;
                decide_unknown(statement, view, is_met, is_unknown);
            });
            // With fewer conditions, the document is as valid as before.
            Policy::parse(&document, policy_type).unwrap_or_else(|_| policy.clone())
        };
        Self { least: bound(false), most: bound(true) }
    }
}

/// The policy with only this statement, which allows, with its unknown conditions met.
pub(super) fn alone(
    policy: &Policy,
    policy_type: PolicyType,
    index: usize,
    is_unknown: &impl Fn(&str) -> bool,
) -> Option<Policy> {
    let mut at = 0;
    let document = rewrite(policy.source(), |statement, view| {
        decide_unknown(statement, view, true, is_unknown);
        if at == index {
            statement.insert("Effect".to_owned(), json!("Allow"));
        } else {
            never(statement);
        }
        at += 1;
    });
    Policy::parse(&document, policy_type).ok()
}

/// The condition keys of a statement, and those of its policy variables, of which no value is known.
pub(super) fn unknown_keys<'a>(
    statement: &StatementView<'a>,
    is_unknown: &impl Fn(&str) -> bool,
) -> BTreeSet<&'a str> {
    statement.deciding_keys().into_iter().filter(|key| is_unknown(key)).collect()
}

fn rewrite(source: &Value, mut change: impl FnMut(&mut Map<String, Value>, &StatementView<'_>)) -> Value {
    let mut document = source.clone();
    let statements = match document.get_mut("Statement") {
        Some(Value::Array(statements)) => statements.iter_mut().collect(),
        Some(statement) => vec![statement],
        None => Vec::new(),
    };
    for (statement, view) in statements.into_iter().zip(statement_view::statements(source)) {
        if let Some(statement) = statement.as_object_mut() {
            change(statement, &view);
        }
    }
    document
}

/// Takes what is unknown in a statement as met, or the statement as one that never applies.
fn decide_unknown(
    statement: &mut Map<String, Value>,
    view: &StatementView<'_>,
    is_met: bool,
    is_unknown: &impl Fn(&str) -> bool,
) {
    if unknown_keys(view, is_unknown).is_empty() {
        return;
    }
    if !is_met {
        never(statement);
        return;
    }
    let names_unknown = |values: &Value| strings(values).into_iter().flat_map(variables).any(is_unknown);
    if let Some(Value::Object(operators)) = statement.get_mut("Condition") {
        for keys in operators.values_mut().filter_map(Value::as_object_mut) {
            keys.retain(|key, values| !is_unknown(key) && !names_unknown(values));
        }
        operators.retain(|_, keys| keys.as_object().is_none_or(|keys| !keys.is_empty()));
        if operators.is_empty() {
            statement.remove("Condition");
        }
    }
    if view.resources().into_iter().flat_map(variables).any(is_unknown) {
        statement.remove("NotResource");
        statement.insert("Resource".to_owned(), json!("*"));
    }
}

/// Makes a statement apply to no request of a scan, and keeps its place.
fn never(statement: &mut Map<String, Value>) {
    statement.insert("Condition".to_owned(), json!({ "Bool": { "aws:SecureTransport": "false" } }));
}
