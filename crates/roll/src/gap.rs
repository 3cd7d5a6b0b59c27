//! Gaps: what could not be read, at which stage, and why.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::fact_kind::FactKind;
use crate::remedy::Remedy;

/// A fact that was requested and could not be read, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The stage that failed: `"stage": "session"`, or `"fact"` with the fact that is unknown.
    #[serde(flatten)]
    pub stage: Stage,
    /// The API operation that failed, such as `ListUsers`; `None` where the cause was not a single call.
    pub operation: Option<String>,
    /// The user whose fact is unknown; `None` where the gap is not about one user.
    pub user_name: Option<String>,
    /// The category of the error.
    pub error_kind: ErrorKind,
    /// The AWS error code, such as `AccessDenied`; `None` where AWS returned none.
    pub code: Option<String>,
    /// What happened; AWS's own message where AWS returned one.
    pub message: String,
    /// The request id of the call, which CloudTrail records and AWS Support asks for; `None` where AWS returned none.
    pub request_id: Option<String>,
    /// What to do next, as a code with parameters.
    pub remedy: Remedy,
}

impl Gap {
    /// Operation, code and message in one line: `AssumeRole: AccessDenied: User …`.
    #[must_use]
    pub fn to_line(&self) -> String {
        let call: String = self.operation.iter().chain(&self.code).map(|part| format!("{part}: ")).collect();
        format!("{call}{}", self.message)
    }

    /// Operation and kind of error: `ListMFADevices: access denied`.
    #[must_use]
    pub fn summary(&self) -> String {
        match &self.operation {
            Some(operation) => format!("{operation}: {}", self.error_kind),
            None => self.error_kind.to_string(),
        }
    }
}

/// The stage of reading an account: assuming its role, or reading a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "StageFields", into = "StageFields")]
pub enum Stage {
    /// Assuming the account's role: `sts:AssumeRole`.
    Session,
    /// Reading the fact of this kind.
    Fact(FactKind),
}

const SESSION: &str = "session";

impl Stage {
    /// The name in logs and files: `session`, or the name of the fact.
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Session => SESSION,
            Self::Fact(fact) => fact.name(),
        }
    }

    /// The label of what is unknown if the stage fails: `everything`, or the label of the fact.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Session => "everything",
            Self::Fact(fact) => fact.label(),
        }
    }
}

impl From<FactKind> for Stage {
    fn from(fact: FactKind) -> Self {
        Self::Fact(fact)
    }
}

/// A stage in a roll file: one of the two fields is set.
#[derive(Serialize, Deserialize)]
struct StageFields {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stage: Option<SessionStage>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fact: Option<FactKind>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SessionStage {
    Session,
}

/// A gap has both `stage` and `fact`, or neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a gap must have either \"stage\": \"session\" or \"fact\" with the name of a fact")]
pub struct InvalidStage;

impl TryFrom<StageFields> for Stage {
    type Error = InvalidStage;

    fn try_from(fields: StageFields) -> Result<Self, InvalidStage> {
        match (fields.stage, fields.fact) {
            (Some(SessionStage::Session), None) => Ok(Self::Session),
            (None, Some(fact)) => Ok(Self::Fact(fact)),
            _ => Err(InvalidStage),
        }
    }
}

impl From<Stage> for StageFields {
    fn from(stage: Stage) -> Self {
        match stage {
            Stage::Session => Self { stage: Some(SessionStage::Session), fact: None },
            Stage::Fact(fact) => Self { stage: None, fact: Some(fact) },
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The category of the error that caused a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// Access denied: no policy allows the action, or a policy denies it.
    Denied,
    /// The caller's own credentials are missing, expired or not accepted.
    Credentials,
    /// AWS throttled the call on every attempt.
    Throttled,
    /// The user, report or other entity of the call does not exist.
    NotFound,
    /// A timeout or deadline passed.
    TimedOut,
    /// A signal stopped the run.
    Interrupted,
    /// Two responses of AWS contradict each other.
    Inconsistent,
    /// No response was received: name resolution, connection, TLS or proxy failed.
    Transport,
    /// The response is not one that AWS sends.
    Malformed,
    /// An error in Rolecall itself.
    Internal,
    /// AWS returned another error.
    Other,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Denied => "access denied",
            Self::Credentials => "credentials not accepted",
            Self::Throttled => "throttled",
            Self::NotFound => "not found",
            Self::TimedOut => "timed out",
            Self::Interrupted => "interrupted",
            Self::Inconsistent => "contradictory responses",
            Self::Transport => "no response",
            Self::Malformed => "malformed response",
            Self::Internal => "internal error in rolecall",
            Self::Other => "AWS error",
        })
    }
}

/// An observation while an account was read, for example that a user was deleted meanwhile. It is not a gap: nothing
/// is unknown because of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The fact that was being read.
    pub fact: FactKind,
    /// The user that the note is about; `None` where it is not about one user.
    pub user_name: Option<String>,
    /// What was observed.
    pub message: String,
}
