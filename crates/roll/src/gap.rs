//! What could not be read, where on the way, and why.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something that was asked for and is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Where on the way it happened.
    pub step: Step,
    /// The API operation, as AWS spells it; `None` where it was not one call that went wrong.
    pub operation: Option<String>,
    /// The user it is about, where it is about one.
    pub user_name: Option<String>,
    /// What kind of obstacle it was.
    pub class: Class,
    /// The AWS error code, such as `AccessDenied`; `None` where AWS gave none.
    pub code: Option<String>,
    /// What happened, in AWS's words where AWS answered.
    pub message: String,
    /// The id that AWS support and CloudTrail know the call by.
    pub request_id: Option<String>,
    /// What to do next.
    pub remedy: String,
}

impl Gap {
    /// Operation and class: `ListMFADevices: denied`.
    #[must_use]
    pub fn in_short(&self) -> String {
        match &self.operation {
            Some(operation) => format!("{operation}: {}", self.class),
            None => self.class.to_string(),
        }
    }
}

/// The steps that an account is read in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Becoming the account's role: `sts:AssumeRole`.
    Session,
    /// The account's users: `iam:ListUsers`.
    Users,
    /// The users' access keys: `iam:ListAccessKeys`.
    AccessKeys,
    /// When, for what and where the keys were last used: `iam:GetAccessKeyLastUsed`.
    LastUsed,
    /// Whether all users were listed: `iam:GetAccountSummary`.
    ControlTotal,
    /// The users' console passwords: `iam:GetLoginProfile`.
    ConsolePassword,
    /// The users' MFA devices: `iam:ListMFADevices`.
    MfaDevices,
    /// The users' groups, policies, boundaries and tags: `iam:GetAccountAuthorizationDetails`.
    Policies,
    /// The credential report: `iam:GenerateCredentialReport`, `iam:GetCredentialReport`.
    CredentialReport,
    /// The account's alias: `iam:ListAccountAliases`.
    AccountAlias,
    /// Whether root credentials are managed centrally: `iam:ListOrganizationsFeatures`.
    RootCredentials,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Session => "session",
            Self::Users => "users",
            Self::AccessKeys => "access_keys",
            Self::LastUsed => "last_used",
            Self::ControlTotal => "control_total",
            Self::ConsolePassword => "console_password",
            Self::MfaDevices => "mfa_devices",
            Self::Policies => "policies",
            Self::CredentialReport => "credential_report",
            Self::AccountAlias => "account_alias",
            Self::RootCredentials => "root_credentials",
        })
    }
}

impl Step {
    /// What it reads, for people.
    #[must_use]
    pub fn what(self) -> &'static str {
        match self {
            Self::Session => "everything",
            Self::Users => "users",
            Self::AccessKeys => "access keys",
            Self::LastUsed => "last use",
            Self::ControlTotal => "number of users",
            Self::ConsolePassword => "console passwords",
            Self::MfaDevices => "MFA devices",
            Self::Policies => "groups and policies",
            Self::CredentialReport => "credential report",
            Self::AccountAlias => "account alias",
            Self::RootCredentials => "management of root credentials",
        }
    }
}

/// What kind of obstacle a gap comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
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

impl fmt::Display for Class {
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
    /// Where on the way it was seen.
    pub step: Step,
    /// The user it is about, where it is about one.
    pub user_name: Option<String>,
    /// What was seen.
    pub message: String,
}
