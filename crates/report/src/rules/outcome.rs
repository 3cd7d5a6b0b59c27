//! What comes of a rule.

use crate::evidence::Evidence;
use crate::facts::Untold;
use crate::remedy::Remedy;

/// What came of a rule: nothing is wrong, something is, or what it needs is unknown.
pub(crate) type Checked = Result<Option<Failed>, Untold>;

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failed {
    /// What, in a clause: `it is 412 days old, 90 are allowed`.
    pub message: String,
    /// The facts that it follows from.
    pub evidence: Vec<Evidence>,
    /// What to do.
    pub remedy: Remedy,
}
