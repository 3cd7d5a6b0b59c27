//! Policy documents and statements, as they are printed: elements in the order in which AWS's documentation has them.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>

use std::collections::BTreeMap;

use rolecall_policy::is_secret_key;
use serde::Serialize;

use crate::wildcard::covers;

/// A policy document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyDocument {
    version: &'static str,
    /// The statements, in order.
    pub statement: Vec<Statement>,
}

/// A statement of a policy document.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    /// An id: letters and digits. `None` for a statement that is added to a document, where it could clash with another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    effect: &'static str,
    /// The principals; `None` in a policy that is attached to the principal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<Principal>,
    /// The actions.
    pub action: OneOrMany,
    /// The resources; `None` in a trust policy, whose resource is its role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<OneOrMany>,
    /// The conditions.
    #[serde(skip_serializing_if = "Conditions::is_empty")]
    pub condition: Conditions,
}

/// The values of condition keys, by operator and key.
pub type Conditions = BTreeMap<String, BTreeMap<String, OneOrMany>>;

/// A `Principal` element.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Principal {
    /// An account, a role or a user, by its ARN.
    #[serde(rename = "AWS")]
    Aws(String),
    /// A service, such as `lambda.amazonaws.com`.
    Service(String),
}

/// A string, or a list of several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One string.
    One(String),
    /// Several strings, or none.
    Many(Vec<String>),
}

impl PolicyDocument {
    /// A document of the current version of the policy language.
    #[must_use]
    pub fn new(statement: Vec<Statement>) -> Self {
        Self { version: "2012-10-17", statement }
    }
}

impl Statement {
    /// Allows actions. Set `resource` or `principal` as the type of the document requires.
    pub fn allow<I>(actions: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let action = OneOrMany::from_iter(actions);
        Self {
            sid: None,
            effect: "Allow",
            principal: None,
            action,
            resource: None,
            condition: Conditions::new(),
        }
    }

    /// The same statement with an id.
    #[must_use]
    pub fn with_sid(self, sid: &str) -> Self {
        Self { sid: Some(sid.to_owned()), ..self }
    }

    /// The same statement on these resources.
    #[must_use]
    pub fn on<I>(self, resources: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        Self { resource: Some(OneOrMany::from_iter(resources)), ..self }
    }

    /// The same statement for a principal.
    #[must_use]
    pub fn for_principal(self, principal: Principal) -> Self {
        Self { principal: Some(principal), ..self }
    }

    /// The same statement for this external id only.
    #[must_use]
    pub fn with_external_id(self, external_id: &str) -> Self {
        self.with_condition("StringEquals", "sts:ExternalId", [external_id])
    }

    /// Adds conditions; one for the same operator and key stays as it is.
    pub(crate) fn add_conditions(&mut self, conditions: &Conditions) {
        for (operator, keys) in conditions {
            let own = self.condition.entry(operator.clone()).or_default();
            for (key, values) in keys {
                own.entry(key.clone()).or_insert_with(|| values.clone());
            }
        }
    }

    /// Removes the conditions on the external id, also those under a mistyped key, whose values are as secret.
    pub(crate) fn remove_external_id(&mut self) {
        for keys in self.condition.values_mut() {
            keys.retain(|key, _| !is_secret_key(key));
        }
        self.condition.retain(|_, keys| !keys.is_empty());
    }

    /// Removes the conditions that limit the principal to others than this one. A condition that excludes some stays.
    pub(crate) fn remove_limits_to_other_principals(&mut self, principal_arn: &str) {
        const LIMITING: [&str; 4] = ["arnequals", "arnlike", "stringequals", "stringlike"];
        for (operator, keys) in &mut self.condition {
            if LIMITING.contains(&operator.to_ascii_lowercase().trim_end_matches("ifexists")) {
                keys.retain(|key, values| {
                    !key.eq_ignore_ascii_case("aws:PrincipalArn")
                        || values.values().iter().any(|value| covers(value, principal_arn))
                });
            }
        }
        self.condition.retain(|_, keys| !keys.is_empty());
    }

    /// The same statement with one more condition.
    #[must_use]
    pub fn with_condition<I>(mut self, operator: &str, key: &str, values: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let keys = self.condition.entry(operator.to_owned()).or_default();
        keys.insert(key.to_owned(), OneOrMany::from_iter(values));
        self
    }
}

/// Whether one of the conditions is on the external id.
pub(crate) fn has_external_id(conditions: &Conditions) -> bool {
    conditions.values().any(|keys| keys.keys().any(|key| is_secret_key(key)))
}

/// Without the conditions' values: one of them may be an external id.
impl std::fmt::Debug for Statement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { sid, effect, principal, action, resource, .. } = self;
        f.debug_struct("Statement")
            .field("sid", sid)
            .field("effect", effect)
            .field("principal", principal)
            .field("action", action)
            .field("resource", resource)
            .finish_non_exhaustive()
    }
}

impl OneOrMany {
    /// The strings.
    #[must_use]
    pub fn values(&self) -> &[String] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

impl<T: Into<String>> FromIterator<T> for OneOrMany {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut values: Vec<String> = values.into_iter().map(Into::into).collect();
        match (values.pop(), values.is_empty()) {
            (Some(one), true) => Self::One(one),
            (last, _) => {
                values.extend(last);
                Self::Many(values)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PolicyDocument, Principal, Statement};

    #[test]
    fn a_document_is_printed_as_aws_documents_it() {
        let trust = Statement::allow(["sts:AssumeRole"])
            .with_sid("AllowRolecall")
            .for_principal(Principal::Aws("arn:aws:iam::222222222222:role/LambdaRole".to_owned()))
            .with_condition("StringEquals", "sts:ExternalId", ["the-external-id"]);
        assert!(!format!("{trust:?}").contains("the-external-id"));
        assert_eq!(
            serde_json::to_string(&PolicyDocument::new(vec![trust])).unwrap(),
            r#"{"Version":"2012-10-17","Statement":[{"Sid":"AllowRolecall","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::222222222222:role/LambdaRole"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"the-external-id"}}}]}"#
        );
        let read = Statement::allow(["iam:ListUsers", "iam:ListAccessKeys"]).on(["*"]);
        assert_eq!(
            serde_json::to_string(&read).unwrap(),
            r#"{"Effect":"Allow","Action":["iam:ListUsers","iam:ListAccessKeys"],"Resource":"*"}"#
        );
    }
}
