//! The policies of a world's file, written out or named by path.

use std::io;

use rolecall_policy::{NamedPolicy, Policy, PolicyType};
use serde_json::Value;

use super::InvalidWorld;

/// Managed policies of AWS's, and what they allow on everything.
///
/// Source: <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html>
const MANAGED: [(&str, &[&str]); 2] = [
    ("arn:aws:iam::aws:policy/AdministratorAccess", &["*"]),
    (
        "arn:aws:iam::aws:policy/IAMReadOnlyAccess",
        &[
            "iam:GenerateCredentialReport",
            "iam:GenerateServiceLastAccessedDetails",
            "iam:Get*",
            "iam:List*",
            "iam:SimulateCustomPolicy",
            "iam:SimulatePrincipalPolicy",
        ],
    ),
];

/// Reads policies, written out or named by path.
pub(super) struct Documents<'a, F> {
    pub(super) open: &'a F,
}

impl<F: Fn(&str) -> io::Result<String>> Documents<'_, F> {
    pub(super) fn one(&self, at: &str, value: Value, kind: PolicyType) -> Result<NamedPolicy, InvalidWorld> {
        let (name, value) = match value {
            Value::String(path) => {
                let wrong =
                    |problem: &dyn std::fmt::Display| InvalidWorld::new(format!("{at}: {path}: {problem}"));
                let text = (self.open)(&path).map_err(|error| wrong(&error))?;
                let value = rolecall_policy::json::parse(&text).map_err(|error| wrong(&error))?;
                (path.trim_start_matches("../").to_owned(), value)
            }
            written => (at.to_owned(), written),
        };
        let wrong = |problem| InvalidWorld::new(format!("{at}: {problem}"));
        let policy = Policy::parse(&value, kind).map_err(wrong)?;
        // What AWS would not store is not tried: it would seem to work.
        policy
            .errors(kind)
            .into_iter()
            .next()
            .map_or(Ok(NamedPolicy { name, policy }), |error| Err(wrong(error)))
    }

    pub(super) fn all(
        &self,
        at: &str,
        values: Vec<Value>,
        kind: PolicyType,
    ) -> Result<Vec<NamedPolicy>, InvalidWorld> {
        let numbered = values.into_iter().enumerate();
        numbered.map(|(number, value)| self.one(&format!("{at}[{number}]"), value, kind)).collect()
    }

    /// A managed policy of AWS's that this emulator knows.
    pub(super) fn managed(&self, at: &str, arn: &str) -> Result<NamedPolicy, InvalidWorld> {
        let Some((_, actions)) = MANAGED.iter().find(|(known, _)| *known == arn) else {
            let known: Vec<&str> = MANAGED.iter().map(|(arn, _)| *arn).collect();
            return Err(InvalidWorld::new(format!(
                "{at}.attached_policies: {arn:?} is none that the emulator knows, which are {}",
                known.join(", ")
            )));
        };
        let statement = serde_json::json!({ "Effect": "Allow", "Action": actions, "Resource": "*" });
        let policy = serde_json::json!({ "Version": "2012-10-17", "Statement": [statement] });
        let document = self.one(at, policy, PolicyType::Identity)?;
        Ok(NamedPolicy { name: arn.to_owned(), ..document })
    }

    pub(super) fn optional(
        &self,
        at: &str,
        value: Option<Value>,
    ) -> Result<Option<NamedPolicy>, InvalidWorld> {
        let at = format!("{at}.permissions_boundary");
        value.map(|value| self.one(&at, value, PolicyType::Boundary)).transpose()
    }
}
