//! The outcome of evaluating a rule.

use crate::evidence::Evidence;
use crate::facts::MissingFact;
use crate::remedy::Remedy;

/// The outcome of a rule for one key, user or root user: it passes (`None`), violates the rule, or cannot be evaluated
/// because a fact is missing.
pub(crate) type RuleOutcome = Result<Option<Violation>, MissingFact>;

/// A violation of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    /// What is wrong, as a clause: `the key is 412 days old; the limit is 90 days`.
    pub message: String,
    /// The facts that prove it.
    pub evidence: Vec<Evidence<'static>>,
    /// How to fix it.
    pub remedy: Remedy,
}
