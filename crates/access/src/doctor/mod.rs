//! Why access to an account is denied: walks the chain from the caller to the account's facts, and stops at the first broken
//! link.
//!
//! 1. `walk`: the links in order, with AWS; `caller` has what all targets share, and `subjects` what each link is about;
//! 2. `answers`: from AWS's answer to the broken link and its candidates; `actions`: the last link: each IAM action that a scan needs, once;
//! 3. `details`: AWS's own authorization details of a denial, where it has an authorization id;
//! 4. `simulation`: what AWS simulates on the hub side;
//! 5. `member_role`: the role as an administrator of the member account sees it;
//! 6. [`documents`]: the same chain without AWS, from the policy documents alone;
//! 7. `evaluation`: from a decision about documents to its causes;
//! 8. [`cure`]: what heals a cause: a statement to paste, or a step.
//!
//! Each conclusion says what it rests on ([`Evidence`]). Nothing is concluded from what AWS did not say: then there are
//! several candidates, in order.

mod actions;
mod answers;
mod caller;
pub mod cure;
mod details;
pub mod documents;
mod evaluation;
mod member_role;
mod simulation;
mod subjects;
mod walk;

use rolecall_roll::{Cause, Link, RoleArn};
use serde::Serialize;

pub use caller::CallerCheck;
pub use cure::{Cure, Paste, SessionRequest};
pub use documents::{ChainDocuments, DocumentCheck};
pub use walk::Doctor;

/// The check of one target: its links, in the order of the chain.
#[derive(Debug, Clone, Serialize)]
pub struct TargetCheck {
    /// The member account; `None` where the check is not about one account.
    pub account_id: Option<String>,
    /// The account's name in AWS Organizations or in the accounts file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_name: Option<String>,
    /// The role to assume; `None` where the account is read with the caller's credentials.
    pub role_arn: Option<RoleArn>,
    /// The links.
    pub links: Vec<LinkCheck>,
}

/// The check of one link.
#[derive(Debug, Clone, Serialize)]
pub struct LinkCheck {
    /// The link.
    pub link: Link,
    /// What was checked, such as `111111111111 role/IAMListRole`.
    pub subject: String,
    /// The result.
    #[serde(flatten)]
    pub state: LinkState,
}

/// The result of a check.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum LinkState {
    /// The link holds.
    Ok {
        /// What it rests on.
        evidence: Evidence,
    },
    /// The link is broken: no link after it was reached.
    Broken(Box<BrokenLink>),
    /// The link could not be tested by itself. The walk goes on, because the next call tests it too.
    Untested {
        /// Why.
        reason: String,
    },
    /// The account is not to be read, as in a scan.
    Skipped {
        /// Why.
        reason: String,
    },
    /// A link before it is broken.
    NotReached,
}

/// A broken link: what AWS said, and what can be concluded.
#[derive(Debug, Clone, Serialize)]
pub struct BrokenLink {
    /// Whether AWS refused a request; if not, the link could not be tested, for example for lack of a network.
    pub is_refused: bool,
    /// What AWS said; `None` where it was not called, or did not answer.
    pub said: Option<Said>,
    /// What the candidates rest on.
    pub evidence: Evidence,
    /// The possible causes with their cures, most likely first. One is certain, as far as the evidence goes.
    pub candidates: Vec<Candidate>,
    /// What to know besides.
    pub notes: Vec<String>,
}

/// An error of AWS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Said {
    /// The operation.
    pub operation: String,
    /// The error code, such as `AccessDenied`.
    pub code: Option<String>,
    /// The message, without secrets.
    pub message: String,
    /// Whether the message names a policy type. Across accounts it often does not.
    pub has_reason: bool,
    /// The request id, for CloudTrail and AWS Support.
    pub request_id: Option<String>,
}

/// What a conclusion rests on, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// AWS did what was requested, or said who the caller is.
    Call,
    /// This machine: its configuration files, variables and options.
    Configuration,
    /// AWS's authorization details of the denied request.
    AuthorizationDetails,
    /// The words of AWS's error.
    Message,
    /// `iam:SimulatePrincipalPolicy`.
    Simulation,
    /// The role as its account has it, with the trust policy evaluated here.
    Role,
    /// Policy documents, evaluated here.
    Documents,
    /// What usually causes such an error: AWS gave no reason.
    Likelihood,
}

impl Evidence {
    /// The label in outputs.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Call => "allowed by AWS",
            Self::Configuration => "the configuration of this machine",
            Self::AuthorizationDetails => "AWS's authorization details",
            Self::Message => "AWS's message",
            Self::Simulation => "simulated by AWS",
            Self::Role => "the role, as --member-profile reads it",
            Self::Documents => "evaluated from the documents",
            Self::Likelihood => "AWS gave no reason",
        }
    }
}

/// A possible cause, and what heals it.
#[derive(Debug, Clone, Serialize)]
pub struct Candidate {
    /// The cause.
    #[serde(flatten)]
    pub cause: Cause,
    /// The cause in a sentence without its full stop.
    pub text: String,
    /// What heals it.
    pub cure: Cure,
    /// How to tell it from the other candidates; `None` where it is the only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distinguished_by: Option<String>,
}

impl TargetCheck {
    /// The first broken link.
    #[must_use]
    pub fn broken_link(&self) -> Option<(&LinkCheck, &BrokenLink)> {
        self.links.iter().find_map(|check| match &check.state {
            LinkState::Broken(broken) => Some((check, broken.as_ref())),
            _ => None,
        })
    }

    /// Whether every link was tested and holds.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.links.iter().all(|check| matches!(check.state, LinkState::Ok { .. }))
    }

    /// Whether the account is not to be read.
    #[must_use]
    pub fn is_skipped(&self) -> bool {
        self.links.iter().any(|check| matches!(check.state, LinkState::Skipped { .. }))
    }
}

impl LinkCheck {
    pub(crate) fn ok(link: Link, subject: impl Into<String>, evidence: Evidence) -> Self {
        Self { link, subject: subject.into(), state: LinkState::Ok { evidence } }
    }

    pub(crate) fn untested(link: Link, subject: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { link, subject: subject.into(), state: LinkState::Untested { reason: reason.into() } }
    }

    pub(crate) fn skipped(link: Link, subject: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { link, subject: subject.into(), state: LinkState::Skipped { reason: reason.into() } }
    }

    pub(crate) fn broken(link: Link, subject: impl Into<String>, broken: BrokenLink) -> Self {
        Self { link, subject: subject.into(), state: LinkState::Broken(Box::new(broken)) }
    }

    /// Whether the link is broken.
    pub(crate) fn is_broken(&self) -> bool {
        matches!(self.state, LinkState::Broken(_))
    }

    /// Removes the candidate that the account is suspended, where it is known that it is not.
    pub(crate) fn remove_suspended_account(&mut self) {
        if let LinkState::Broken(broken) = &mut self.state {
            broken.candidates.retain(|candidate| candidate.cause != Cause::AccountSuspended);
        }
    }

    pub(crate) fn not_reached(link: Link) -> Self {
        Self { link, subject: String::new(), state: LinkState::NotReached }
    }
}
