//! From the text of a policy to a document. All parse errors and lints of a check come from here.

use std::fmt::Display;

use rolecall_json::{JsonPath, Places};
use rolecall_policy::Policy;
use serde_json::Value;

use crate::documents::DocumentName;
use crate::statement::PolicyDocument;
use crate::statement_view::{self, StatementView};
use crate::wildcard::covers_action;

/// A text that is not a policy of its type; the message has the place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidPolicy(String);

/// A policy that can be evaluated, with what is wrong in it all the same, each with its line and column.
pub(super) struct ParsedPolicy {
    pub(super) policy: Policy,
    /// What AWS rejects.
    pub(super) errors: Vec<String>,
    /// What AWS accepts though it never works.
    pub(super) warnings: Vec<String>,
}

/// Parses the text of a policy. No message has the value of an external id.
pub(super) fn parse(text: &str, name: DocumentName) -> Result<ParsedPolicy, InvalidPolicy> {
    let policy_type = name.policy_type();
    let policy = Policy::parse_text(text, policy_type).map_err(|error| InvalidPolicy(error.to_string()))?;
    let places = Places::new(text);
    let with_place = |path: &JsonPath, problem: &dyn Display| format!("{}: {problem}", places.place(path));
    let errors = policy.errors(policy_type);
    let errors = errors.iter().map(|error| with_place(error.culprit(), error)).collect();
    let warnings = policy.lints(policy_type);
    let warnings = warnings.iter().map(|lint| with_place(&lint.culprit(), lint)).collect();
    Ok(ParsedPolicy { policy, errors, warnings })
}

/// A generated document as a policy that can be evaluated.
pub(super) fn generated(document: &PolicyDocument, name: DocumentName) -> Result<Policy, InvalidPolicy> {
    let invalid = |error: &dyn Display| InvalidPolicy(format!("the generated {name}: {error}"));
    let value = serde_json::to_value(document).map_err(|error| invalid(&error))?;
    Policy::parse(&value, name.policy_type()).map_err(|error| invalid(&error))
}

/// The document that a policy is meant to be, by its principals and actions.
///
/// # Errors
/// [`InvalidPolicy`] where the text is not JSON.
pub fn recognize(text: &str) -> Result<DocumentName, InvalidPolicy> {
    let value = parse_json(text)?;
    let statements = statement_view::statements(&value);
    let principals = || statements.iter().flat_map(StatementView::principals);
    if statements.iter().any(|it| it.has("Principal") || it.has("NotPrincipal")) {
        let is_service = |(kind, _): (&str, &str)| kind == "Service";
        let is_hub = principals().next().is_some() && principals().all(is_service);
        return Ok(if is_hub { DocumentName::HubTrust } else { DocumentName::MemberTrust });
    }
    let actions = || statements.iter().flat_map(|it| it.strings("Action"));
    // `*` says nothing about the role.
    let names = |service: &str, action: &str| {
        let of_service = actions().filter(|it| it.to_ascii_lowercase().starts_with(&format!("{service}:")));
        of_service.into_iter().any(|it| covers_action(it, action))
    };
    Ok(if names("sts", "sts:AssumeRole") {
        DocumentName::HubPermissions
    } else if names("organizations", "organizations:ListAccounts") {
        DocumentName::OrganizationPermissions
    } else {
        DocumentName::MemberPermissions
    })
}

fn parse_json(text: &str) -> Result<Value, InvalidPolicy> {
    rolecall_json::parse(text).map_err(|error| InvalidPolicy(error.to_string()))
}
