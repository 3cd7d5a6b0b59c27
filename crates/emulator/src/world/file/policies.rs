//! Loads the policies of a world file: inline documents, paths of files, ARNs of AWS managed policies.

use std::io;

use rolecall_policy::{NamedPolicy, Policy, PolicyType};
use serde_json::Value;

use super::InvalidWorld;

/// The AWS managed policies that the emulator knows, and the actions that they allow on all resources.
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

/// Loads policies and rejects those that AWS would not store.
pub(super) struct PolicyLoader<'a, F> {
    /// Returns the text of a policy file by the path in the world file.
    pub(super) open: &'a F,
}

impl<F: Fn(&str) -> io::Result<String>> PolicyLoader<'_, F> {
    /// A policy from its document, or from the path of a file. `at` is its place in the world file, and the name of an
    /// inline policy in the request log.
    pub(super) fn load(&self, at: &str, value: Value, kind: PolicyType) -> Result<NamedPolicy, InvalidWorld> {
        let (name, value) = match value {
            Value::String(path) => {
                let text = (self.open)(&path).map_err(|error| {
                    InvalidWorld::new(format!(
                        "{at}: cannot read the policy file {path}: {error}; write a path relative to the world file, \
                         or the policy document itself"
                    ))
                })?;
                let value = rolecall_json::parse(&text).map_err(|error| {
                    InvalidWorld::new(format!("{at}: the policy file {path} is not valid: {error}"))
                })?;
                (path.trim_start_matches("../").to_owned(), value)
            }
            inline => (at.to_owned(), inline),
        };
        let invalid = |problem| InvalidWorld::new(format!("{at}: {problem}"));
        let policy = Policy::parse(&value, kind).map_err(invalid)?;
        // A policy that AWS would not store is an error here, because in the emulator it would seem to work.
        policy
            .errors(kind)
            .into_iter()
            .next()
            .map_or(Ok(NamedPolicy { name, policy }), |error| Err(invalid(error)))
    }

    /// A list of policies; the place of each is `at` with its index.
    pub(super) fn load_all(
        &self,
        at: &str,
        values: Vec<Value>,
        kind: PolicyType,
    ) -> Result<Vec<NamedPolicy>, InvalidWorld> {
        let numbered = values.into_iter().enumerate();
        numbered.map(|(number, value)| self.load(&format!("{at}[{number}]"), value, kind)).collect()
    }

    /// An AWS managed policy.
    pub(super) fn load_managed(&self, at: &str, arn: &str) -> Result<NamedPolicy, InvalidWorld> {
        let Some((_, actions)) = MANAGED.iter().find(|(name, _)| *name == arn) else {
            let supported: Vec<&str> = MANAGED.iter().map(|(arn, _)| *arn).collect();
            return Err(InvalidWorld::new(format!(
                "{at}.attached_policies: the emulator does not know the managed policy {arn:?}; use one of {}, or \
                 write the document in policies",
                supported.join(", ")
            )));
        };
        let statement = serde_json::json!({ "Effect": "Allow", "Action": actions, "Resource": "*" });
        let policy = serde_json::json!({ "Version": "2012-10-17", "Statement": [statement] });
        let managed = self.load(at, policy, PolicyType::Identity)?;
        Ok(NamedPolicy { name: arn.to_owned(), ..managed })
    }

    /// A permissions boundary, if there is one. `at` is the place of its user or role.
    pub(super) fn load_boundary(
        &self,
        at: &str,
        value: Option<Value>,
    ) -> Result<Option<NamedPolicy>, InvalidWorld> {
        let at = format!("{at}.permissions_boundary");
        value.map(|value| self.load(&at, value, PolicyType::Boundary)).transpose()
    }
}
