//! Who asked for what, and which statement decided.

use jiff::Timestamp;
use serde::Serialize;

/// A line of the log of requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// When.
    pub time: Timestamp,
    /// The account of what was asked for; the caller's where it is nothing in particular. `None` where nobody knows.
    pub account_id: Option<String>,
    /// The caller's ARN; `None` where the signature is nobody's.
    pub principal: Option<String>,
    /// The operation, as `sts:AssumeRole`.
    pub operation: String,
    /// What it was asked of, where that is something in particular.
    pub resource: Option<String>,
    /// `Allowed`, `Denied`, or the code of another error.
    pub verdict: String,
    /// The statements that decided, or what was missing.
    pub decided_by: Option<String>,
    /// As the answer has it.
    pub request_id: String,
}
