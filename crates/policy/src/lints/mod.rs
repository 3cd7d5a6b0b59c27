//! Finds what AWS accepts in a policy document though it never works, or works otherwise than it reads.
//!
//! A lint is decided by the document alone, as AWS documents the element: nothing is guessed. What AWS rejects is found by
//! `validation`.
//!
//! 1. `actions`: actions that do not exist, and resources that an action does not have;
//! 2. `principals`: principals that match nobody, or cannot call the action;
//! 3. `arns`: ARNs that are like no ARN;
//! 4. `variables`: policy variables that have no value;
//! 5. `conditions`: values that a condition key never has;
//! 6. `condition_keys`: condition keys that a request never has.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html>

mod actions;
mod arns;
mod condition_keys;
mod conditions;
mod principals;
#[cfg(test)]
mod tests;
mod variables;

use std::fmt;

use rolecall_json::JsonPath;
use serde::{Serialize, Serializer};

use crate::condition::Condition;
use crate::context::is_secret_key;
use crate::document::{Policy, PolicyType, Statement};
use crate::validation::is_condition_key;

/// Something in a policy document that AWS accepts though it never works, or works otherwise than it reads.
///
/// The values of `sts:ExternalId` are in none of its texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lint {
    /// How bad it is.
    pub severity: LintSeverity,
    /// The element, such as `Statement[0].Condition.StringEquals.aws:PrincipalArn`.
    #[serde(serialize_with = "as_displayed")]
    pub element: JsonPath,
    /// The value of the element that the lint is about; `None` where it is about all of them, or the value is a secret.
    pub value: Option<String>,
    /// Why it never works.
    pub problem: String,
    /// What to write instead.
    pub remedy: String,
    /// The index of the value in the element.
    #[serde(skip)]
    item: Option<usize>,
}

/// How bad it is that something does not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LintSeverity {
    /// The value, or the whole statement, never has an effect.
    Error,
    /// A part has no effect, or it has another effect than it seems to have.
    Warning,
}

impl Lint {
    /// A lint about all values of an element.
    fn new(element: JsonPath, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        let (problem, remedy) = (problem.into(), remedy.into());
        Self { severity: LintSeverity::Error, element, value: None, problem, remedy, item: None }
    }

    /// A lint about this value of the element.
    fn with_value(self, item: usize, value: impl Into<String>) -> Self {
        Self { value: Some(value.into()), item: Some(item), ..self }
    }

    fn with_severity(self, severity: LintSeverity) -> Self {
        Self { severity, ..self }
    }

    /// The element or value at whose place in a text the lint is.
    #[must_use]
    pub fn culprit(&self) -> JsonPath {
        self.item.map_or_else(|| self.element.clone(), |item| self.element.item(item))
    }
}

/// `Statement[0].Resource: "arn:aws:iam::1111111111:role/R": the account id has 10 digits, not 12; …`.
impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { element, value, problem, remedy, .. } = self;
        write!(f, "{element}: ")?;
        if let Some(value) = value {
            write!(f, "{value:?}: ")?;
        }
        write!(f, "{problem}; {remedy}")
    }
}

impl Policy {
    /// What AWS accepts in a policy of this type though it never works, or works otherwise than it reads, statement by
    /// statement. [`Policy::errors`] has what AWS rejects.
    ///
    /// ```
    /// use rolecall_policy::{Policy, PolicyType};
    ///
    /// let text = r#"{ "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Action": "sts:AssumeRole",
    ///     "Resource": "arn:aws:iam::1111111111:role/IAMListRole" } }"#;
    /// let policy = Policy::parse_text(text, PolicyType::Identity)?;
    /// assert_eq!(
    ///     policy.lints(PolicyType::Identity)[0].to_string(),
    ///     "Statement[0].Resource: \"arn:aws:iam::1111111111:role/IAMListRole\": account id \"1111111111\" has 10 digits, \
    ///      not 12; write the account id of 12 digits, with its leading zeros",
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn lints(&self, policy_type: PolicyType) -> Vec<Lint> {
        let of_statement = |statement: &Statement| {
            let mut lints = actions::lints(statement);
            lints.extend(principals::lints(statement, policy_type));
            lints.extend(arns::lints(statement));
            lints.extend(variables::lints(statement, self.has_variables()));
            lints.extend(conditions::lints(statement, policy_type));
            lints.extend(conditions::empty_operators(statement, self.source()));
            lints.extend(condition_keys::lints(statement, policy_type));
            // What is no condition key is an error, which does not show it: it may be a value in the place of the key.
            let invalid = statement.conditions.iter().filter(|condition| !is_condition_key(&condition.key));
            let invalid: Vec<JsonPath> = invalid.map(|it| condition_path(statement, it)).collect();
            lints.retain(|lint| !invalid.contains(&lint.element));
            lints
        };
        let lints = self.statements.iter().flat_map(of_statement);
        lints.chain(arns::partition_lint(&self.statements)).collect()
    }
}

/// The path to a condition of a statement.
fn condition_path(statement: &Statement, condition: &Condition) -> JsonPath {
    statement.path().field("Condition").field(&condition.operator_name).field(&condition.key)
}

/// A lint about a value of a condition. It does not have the value of a secret.
fn value_lint(
    statement: &Statement,
    condition: &Condition,
    item: usize,
    problem: impl Into<String>,
    remedy: impl Into<String>,
) -> Lint {
    let value = condition.values.get(item).filter(|_| !is_secret_key(&condition.key));
    let lint = Lint::new(condition_path(statement, condition), problem, remedy);
    Lint { value: value.cloned(), item: Some(item), ..lint }
}

fn as_displayed<S: Serializer>(value: &impl fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}
