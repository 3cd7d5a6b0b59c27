//! How an invocation ends when there is no roll to answer with.

use lambda_runtime::Diagnostic;

/// A Lambda error: its name is the `errorType` that callers see. The runtime logs it with `{:?}`, so nothing in it is
/// secret.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Failure {
    /// The event cannot be understood, or asks for what cannot be done.
    #[error("{0}")]
    InvalidEvent(String),
    /// The function's environment variables cannot be understood.
    #[error("{0}")]
    InvalidSettings(String),
    /// AWS does not know the function's role, or cannot be reached.
    #[error("{0}")]
    NoCaller(String),
    /// The accounts of the organization are not known.
    #[error("{0}")]
    OrganizationUnknown(String),
    /// The function's time was over before it was known which accounts to read.
    #[error("{0}")]
    OutOfTime(String),
    /// No account could be read.
    #[error("{0}")]
    AllAccountsFailed(String),
    /// The roll is larger than what Lambda lets a function answer.
    #[error("{0}")]
    AnswerTooLarge(String),
    /// A mistake of our own.
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
