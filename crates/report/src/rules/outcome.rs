//! What comes of a rule.

use crate::evidence::Evidence;
use crate::facts::MissingFact;
use crate::remedy::Remedy;

/// What came of a rule: nothing is wrong, something is, or what it needs is unknown.
pub(crate) type RuleOutcome = Result<Option<Violation>, MissingFact>;

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    /// What, in a clause: `it is 412 days old, 90 are allowed`.
    pub message: String,
    /// The facts that it follows from.
    pub evidence: Vec<Evidence>,
    /// What to do.
    pub remedy: Remedy,
}
