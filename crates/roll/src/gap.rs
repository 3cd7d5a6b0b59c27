//! What could not be read, where on the way, and why.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::fact_kind::FactKind;
use crate::remedy::Remedy;

/// Something that was asked for and is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The stage that failed: `"stage": "session"`, or `"fact"` with the fact that is unknown.
    #[serde(flatten)]
    pub stage: Stage,
    /// The API operation, as AWS spells it; `None` where it was not one call that went wrong.
    pub operation: Option<String>,
    /// The user it is about, where it is about one.
    pub user_name: Option<String>,
    /// What kind of obstacle it was.
    pub error_kind: ErrorKind,
    /// The AWS error code, such as `AccessDenied`; `None` where AWS gave none.
    pub code: Option<String>,
    /// What happened, in AWS's words where AWS answered.
    pub message: String,
    /// The id that AWS support and CloudTrail know the call by.
    pub request_id: Option<String>,
    /// What to do next.
    pub remedy: Remedy,
}

impl Gap {
    /// Operation, code and message: `AssumeRole: AccessDenied: User …`.
    #[must_use]
    pub fn to_line(&self) -> String {
        let call: String = self.operation.iter().chain(&self.code).map(|part| format!("{part}: ")).collect();
        format!("{call}{}", self.message)
    }

    /// Operation and class: `ListMFADevices: denied`.
    #[must_use]
    pub fn summary(&self) -> String {
        match &self.operation {
            Some(operation) => format!("{operation}: {}", self.error_kind),
            None => self.error_kind.to_string(),
        }
    }
}

/// Where on the way something happened: while the session was opened, or while a fact was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "StageFields", into = "StageFields")]
pub enum Stage {
    /// Assuming the account's role: `sts:AssumeRole`.
    Session,
    /// Reading this fact.
    Fact(FactKind),
}

const SESSION: &str = "session";

impl Stage {
    /// The name in roll files: `session`, or the fact's.
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Session => SESSION,
            Self::Fact(fact) => fact.name(),
        }
    }

    /// What is unknown where it fails, for people.
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

/// A stage as roll files have it: one of the two fields.
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

/// A gap that has neither a stage nor a fact, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a gap has either \"stage\": \"session\" or \"fact\" with the name of a fact")]
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

/// What kind of obstacle a gap comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// AWS refused: a policy does not allow it, or one denies it.
    Denied,
    /// The caller's own credentials are missing, expired or not accepted.
    Credentials,
    /// AWS asked to slow down until the attempts were used up.
    Throttled,
    /// What was asked about does not exist.
    NotFound,
    /// The time that was allowed ran out.
    TimedOut,
    /// Somebody ended the run.
    Interrupted,
    /// Two answers of AWS contradict each other.
    Inconsistent,
    /// No answer came: name resolution, connection, TLS, proxy.
    Transport,
    /// An answer came that AWS does not give.
    Malformed,
    /// Rolecall itself went wrong.
    Internal,
    /// AWS answered with another error.
    Other,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Denied => "denied",
            Self::Credentials => "credentials not accepted",
            Self::Throttled => "throttled",
            Self::NotFound => "not found",
            Self::TimedOut => "timed out",
            Self::Interrupted => "interrupted",
            Self::Inconsistent => "answers contradict each other",
            Self::Transport => "no answer",
            Self::Malformed => "malformed answer",
            Self::Internal => "rolecall went wrong",
            Self::Other => "refused",
        })
    }
}

/// Something seen on the way that is worth knowing and is no gap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The fact that was being read.
    pub fact: FactKind,
    /// The user it is about, where it is about one.
    pub user_name: Option<String>,
    /// What was seen.
    pub message: String,
}
