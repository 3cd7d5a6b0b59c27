//! The errors of an invocation that cannot return a roll.

use lambda_runtime::Diagnostic;

/// A Lambda error. The name of the variant is the `errorType` that the invoker gets. The runtime logs the error with
/// `{:?}`, so it never contains a secret.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Failure {
    /// The event is invalid, or requests something that the function cannot do.
    #[error("{0}")]
    InvalidEvent(String),
    /// An environment variable of the function is invalid.
    #[error("{0}")]
    InvalidSettings(String),
    /// `sts:GetCallerIdentity` failed: AWS does not accept the credentials of the function's role, or cannot be reached.
    #[error("{0}")]
    NoCaller(String),
    /// The accounts of the organization could not be listed.
    #[error("{0}")]
    OrganizationUnknown(String),
    /// The function's timeout passed before the target accounts were known.
    #[error("{0}")]
    OutOfTime(String),
    /// No account could be read.
    #[error("{0}")]
    AllAccountsFailed(String),
    /// The store or a recipient cannot be used.
    #[error("{0}")]
    StoreUnavailable(String),
    /// Accounts of the plan have no record, so the run cannot be merged.
    #[error("{0}")]
    PartsMissing(String),
    /// The roll is larger than Lambda's limit for a response.
    #[error("{0}")]
    AnswerTooLarge(String),
    /// An internal error (a bug).
    #[error("{0}")]
    Internal(String),
}

impl Failure {
    fn error_type(&self) -> &'static str {
        match self {
            Self::InvalidEvent(_) => "InvalidEvent",
            Self::InvalidSettings(_) => "InvalidSettings",
            Self::NoCaller(_) => "NoCaller",
            Self::OrganizationUnknown(_) => "OrganizationUnknown",
            Self::OutOfTime(_) => "OutOfTime",
            Self::AllAccountsFailed(_) => "AllAccountsFailed",
            Self::StoreUnavailable(_) => "StoreUnavailable",
            Self::PartsMissing(_) => "PartsMissing",
            Self::AnswerTooLarge(_) => "AnswerTooLarge",
            Self::Internal(_) => "Internal",
        }
    }
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        Self { error_type: failure.error_type().to_owned(), error_message: failure.to_string() }
    }
}
