//! Loads the policies of a world file: inline documents, paths of files, ARNs of AWS managed policies.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use rolecall_policy::{NamedPolicy, Policy, PolicyType};
use serde_json::Value;

use super::InvalidWorld;
use crate::world::organization_policies::{FULL_ACCESS_SCP, full_access};
use crate::world::{ManagedPolicy, aws_managed_policies};

/// The managed policies of an account, by ARN.
pub(super) type ManagedPolicies = BTreeMap<String, Arc<ManagedPolicy>>;

/// The policies of a user, a group or a role.
pub(super) struct EntityPolicies {
    /// Inline and managed ones, as the emulator evaluates them.
    pub(super) evaluated: Vec<NamedPolicy>,
    /// Name and JSON document.
    pub(super) inline: Vec<(String, String)>,
}

/// Loads policies and rejects those that AWS would not store.
pub(super) struct PolicyLoader<'a, F> {
    /// Returns the text of a policy file by the path in the world file.
    pub(super) open: &'a F,
}

impl<F: Fn(&str) -> io::Result<String>> PolicyLoader<'_, F> {
    /// A policy from its document, or from the path of a file. `at` is its place in the world file, and the name of an
    /// inline policy in the request log.
    pub(super) fn load(&self, at: &str, value: Value, kind: PolicyType) -> Result<NamedPolicy, InvalidWorld> {
        let (place, named) = self.parse(at, value, kind)?;
        let invalid = |problem| InvalidWorld::new(format!("{place}: {problem}"));
        // A policy that AWS would not store is an error here, because in the emulator it would seem to work.
        named.policy.errors(kind).into_iter().next().map_or(Ok(named), |error| Err(invalid(error)))
    }

    /// The policy of a VPC endpoint. It has principals and resources, and no rules of its own that the evaluation knows.
    pub(super) fn load_endpoint_policy(&self, at: &str, value: Value) -> Result<NamedPolicy, InvalidWorld> {
        self.parse(at, value, PolicyType::Trust).map(|(_, named)| named)
    }

    /// A policy with its place for messages.
    fn parse(&self, at: &str, value: Value, kind: PolicyType) -> Result<(String, NamedPolicy), InvalidWorld> {
        let (place, name, value) = match value {
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
                (format!("{at}: the policy file {path}"), path.trim_start_matches("../").to_owned(), value)
            }
            inline => (at.to_owned(), at.to_owned(), inline),
        };
        let invalid = |problem| InvalidWorld::new(format!("{place}: {problem}"));
        let policy = Policy::parse(&value, kind).map_err(invalid)?;
        Ok((place, NamedPolicy { name, policy }))
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

    /// The SCP of a unit to which the file attaches none.
    pub(super) fn load_full_access(&self) -> Result<NamedPolicy, InvalidWorld> {
        self.load(FULL_ACCESS_SCP, full_access(), PolicyType::Scp)
    }

    /// The inline policies of an entity and its attached managed ones. `quota` is IAM's limit of the inline ones
    /// together, in characters.
    ///
    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-entity-length>
    pub(super) fn load_entity(
        &self,
        at: &str,
        policies: Vec<Value>,
        quota: usize,
        attached: &[String],
        managed: &ManagedPolicies,
    ) -> Result<EntityPolicies, InvalidWorld> {
        let mut evaluated = self.load_all(&format!("{at}.policies"), policies, PolicyType::Identity)?;
        let size: usize = evaluated.iter().map(|inline| inline.policy.size(PolicyType::Identity)).sum();
        if size > quota {
            return Err(InvalidWorld::new(format!(
                "{at}.policies: the inline policies have {size} characters together, not counting white space; IAM \
                 allows {quota}; make them managed policies, or join statements"
            )));
        }
        let numbered = evaluated.iter().enumerate();
        let inline = numbered
            .map(|(number, inline)| (format!("policy-{}", number + 1), inline.policy.source().to_string()))
            .collect();
        for arn in attached {
            evaluated.push(find_managed(&format!("{at}.attached_policies"), arn, "policies", managed)?);
        }
        Ok(EntityPolicies { evaluated, inline })
    }

    /// A permissions boundary, if there is one: the ARN of a managed policy, a document, or the path of a file. `at` is the
    /// place of its user or role.
    pub(super) fn load_boundary(
        &self,
        at: &str,
        value: Option<Value>,
        managed: &ManagedPolicies,
    ) -> Result<Option<NamedPolicy>, InvalidWorld> {
        let at = format!("{at}.permissions_boundary");
        let load = |value: Value| match value.as_str().filter(|text| text.starts_with("arn:")) {
            Some(arn) => find_managed(&at, arn, "permissions_boundary", managed),
            None => self.load(&at, value, PolicyType::Boundary),
        };
        value.map(load).transpose()
    }
}

/// A managed policy of AWS or of the account. `field` is where its document can stand instead.
fn find_managed(
    at: &str,
    arn: &str,
    field: &str,
    managed: &ManagedPolicies,
) -> Result<NamedPolicy, InvalidWorld> {
    let of_aws = aws_managed_policies();
    let policy = of_aws.get(arn).or_else(|| managed.get(arn)).ok_or_else(|| {
        let known: Vec<&str> = of_aws.keys().chain(managed.keys()).map(String::as_str).collect();
        InvalidWorld::new(format!(
            "{at}: the emulator does not know the managed policy {arn:?}; use one of {}, add it to the account's \
             managed_policies, or write the document in {field}",
            known.join(", ")
        ))
    })?;
    Ok(policy.document.clone())
}
