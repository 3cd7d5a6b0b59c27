//! The record of one account: what was read in it, and what could not be read.

mod contradiction;
mod unexplained;

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::fact::Fact;
use crate::fact_kind::{FactKind, FactSelection};
use crate::gap::{ErrorKind, Gap, Note, Stage};
use crate::header::Target;
use crate::ids::{AccessKeyId, AccountId, RoleArn};
use crate::user::User;

pub use contradiction::Contradiction;

/// The record of one account: one line of the roll file.
///
/// The outcome follows from the other fields and cannot contradict them:
///
/// | outcome | `users` | `gaps` | `skipped` |
/// |---|---|---|---|
/// | [`Outcome::Complete`] | all users of the account | none | – |
/// | [`Outcome::Partial`] | the users that were read | at least one | – |
/// | [`Outcome::Failed`] | `None`: unknown, which is not "no users" | at least one | – |
/// | [`Outcome::Skipped`] | `None` | none | why the account was not read |
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct AccountRecord {
    account_id: AccountId,
    role_arn: Option<RoleArn>,
    account: Option<Account>,
    outcome: Outcome,
    skipped: Option<String>,
    gaps: Vec<Gap>,
    notes: Vec<Note>,
    #[serde(default, skip_serializing_if = "Facts::is_empty")]
    facts: Facts,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    as_of: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sessions: Vec<IssuedSession>,
    users: Option<Vec<User>>,
}

/// A role session that AWS issued, by the two ids that CloudTrail records of it. Neither is a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedSession {
    /// The request id of the `AssumeRole` call; `None` where AWS returned none.
    pub request_id: Option<String>,
    /// The access key id of the session's credentials, `ASIA…`, which signs the session's calls; `None` where AWS returned
    /// no valid one, and where it denied a renewal while the session before was still valid.
    pub access_key_id: Option<AccessKeyId>,
}

/// Facts about the account as a whole, not about one of its users.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// The account alias, from `iam:ListAccountAliases`; `None` where the account has none.
    #[serde(skip_serializing_if = "Fact::is_not_requested")]
    pub alias: Fact<Option<String>>,
    /// The counts of `iam:GetAccountSummary`.
    #[serde(skip_serializing_if = "Fact::is_not_requested")]
    pub summary: Fact<Summary>,
    /// The root user, from the credential report.
    #[serde(skip_serializing_if = "Fact::is_not_requested")]
    pub root: Fact<Root>,
    /// Whether the organization manages the credentials of its members' root users centrally.
    #[serde(skip_serializing_if = "Fact::is_not_requested")]
    pub root_credentials_managed: Fact<bool>,
}

impl Facts {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The account's own counts, from
/// [`GetAccountSummary`](https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountSummary.html).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The number of IAM users in the account.
    pub users: u64,
    /// Whether the root user has an access key.
    pub root_has_access_keys: bool,
    /// Whether the root user has an MFA device.
    pub root_has_mfa: bool,
    /// Whether the root user has a password; `None` where AWS does not return it.
    #[serde(default)]
    pub root_has_password: Option<bool>,
}

/// The root user, from its row in the credential report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// Whether the first and the second access key are active.
    pub access_keys_active: [bool; 2],
    /// Whether the root user has an MFA device.
    pub mfa_active: bool,
    /// When the password was last used; `None` where it was never used or the date is unknown.
    pub password_last_used: Option<Timestamp>,
}

/// Data about an account that does not come from the account itself: from AWS Organizations, an accounts file or the
/// configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The account name; `None` where unknown.
    pub name: Option<String>,
    /// The email address of the root user; `None` where unknown.
    pub email: Option<String>,
    /// The path of the organizational unit below the root, such as `Workloads/Prod`; empty for the root itself, `None`
    /// where unknown.
    pub organizational_unit: Option<String>,
    /// The tags of the account; `None` where they were not requested.
    pub tags: Option<BTreeMap<String, String>>,
}

impl AccountRecord {
    /// Creates the record of an account that was read, completely or in part. Sorts the users by name. A fact that is unknown
    /// without a gap gets one: a record that is Complete has no unknown fact.
    #[must_use]
    pub fn read(target: impl Into<Target>, mut users: Vec<User>, gaps: Vec<Gap>, notes: Vec<Note>) -> Self {
        users.sort_by(|a, b| a.user_name.cmp(&b.user_name));
        let outcome = if gaps.is_empty() { Outcome::Complete } else { Outcome::Partial };
        let mut record = Self { gaps, notes, users: Some(users), ..Self::with_outcome(target, outcome) };
        record.explain(None);
        record
    }

    /// Adds a gap for each selected fact that the record does not have.
    #[must_use]
    pub fn with_selection(mut self, selection: &FactSelection) -> Self {
        self.explain(Some(selection));
        self
    }

    /// Creates the record of an account in which nothing could be read; `gap` says why.
    #[must_use]
    pub fn failed(target: impl Into<Target>, gap: Gap) -> Self {
        Self { gaps: vec![gap], ..Self::with_outcome(target, Outcome::Failed) }
    }

    /// Creates the record of an account that was not read on purpose, for example because it is suspended.
    #[must_use]
    pub fn skipped(target: impl Into<Target>, reason: impl Into<String>) -> Self {
        Self { skipped: Some(reason.into()), ..Self::with_outcome(target, Outcome::Skipped) }
    }

    fn with_outcome(target: impl Into<Target>, outcome: Outcome) -> Self {
        let Target { account_id, role_arn } = target.into();
        let (gaps, notes, facts) = (Vec::new(), Vec::new(), Facts::default());
        Self {
            account_id,
            role_arn,
            account: None,
            outcome,
            skipped: None,
            gaps,
            notes,
            facts,
            as_of: None,
            sessions: Vec::new(),
            users: None,
        }
    }

    /// Sets the facts about the account as a whole. One that is unknown without a gap gets one.
    #[must_use]
    pub fn with_facts(self, facts: Facts) -> Self {
        let mut record = Self { facts, ..self };
        record.explain(None);
        record
    }

    /// The outcome that follows from the other fields.
    fn derived_outcome(&self) -> Outcome {
        match (&self.users, self.gaps.is_empty(), &self.skipped) {
            (_, _, Some(_)) => Outcome::Skipped,
            (Some(_), true, None) => Outcome::Complete,
            (Some(_), false, None) => Outcome::Partial,
            (None, _, None) => Outcome::Failed,
        }
    }

    /// The facts about the account as a whole.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Sets the account's name, email address, organizational unit and tags.
    #[must_use]
    pub fn with_account(self, account: Option<Account>) -> Self {
        Self { account, ..self }
    }

    /// Sets the start time of the run that read this account.
    #[must_use]
    pub fn with_as_of(self, as_of: Timestamp) -> Self {
        Self { as_of: Some(as_of), ..self }
    }

    /// The `as_of` of the run that read this account. In a resumed roll it may be earlier than the `as_of` of the
    /// header. `None` where the line has no such field.
    #[must_use]
    pub fn as_of(&self) -> Option<Timestamp> {
        self.as_of
    }

    /// Sets the sessions that AWS issued for this account.
    #[must_use]
    pub fn with_sessions(self, sessions: Vec<IssuedSession>) -> Self {
        Self { sessions, ..self }
    }

    /// The sessions that AWS issued for this account, renewals included. Empty with the caller's own credentials.
    #[must_use]
    pub fn sessions(&self) -> &[IssuedSession] {
        &self.sessions
    }

    /// The id of the account; the role, where there is one, is in this account.
    #[must_use]
    pub fn account_id(&self) -> &AccountId {
        &self.account_id
    }

    /// The role that was assumed to read the account; `None` where it was read with the caller's own credentials, or
    /// was skipped.
    #[must_use]
    pub fn role_arn(&self) -> Option<&RoleArn> {
        self.role_arn.as_ref()
    }

    /// The account's name, email address, organizational unit and tags; `None` where none of them is known.
    #[must_use]
    pub fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    /// Why the account was skipped; `None` where it was not.
    #[must_use]
    pub fn why_skipped(&self) -> Option<&str> {
        self.skipped.as_deref()
    }

    /// How much of the account was read.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Whether nothing was read because access was denied.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        let is_denied = |gap: &Gap| gap.error_kind == ErrorKind::Denied;
        self.outcome == Outcome::Failed && self.gaps.first().is_some_and(is_denied)
    }

    /// What could not be read, and why.
    #[must_use]
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// Whether the account has gaps or notes.
    #[must_use]
    pub fn has_remarks(&self) -> bool {
        !self.gaps.is_empty() || !self.notes.is_empty()
    }

    /// Observations that do not change the outcome.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// The users that were read, sorted by name; `None` where it is unknown whether there are any.
    #[must_use]
    pub fn users(&self) -> Option<&[User]> {
        self.users.as_deref()
    }

    /// The numbers of users and of access keys that were read, in this order.
    #[must_use]
    pub fn count(&self) -> (usize, usize) {
        let users = self.users().unwrap_or_default();
        let keys = users.iter().filter_map(|user| user.access_keys.as_ref()).map(Vec::len).sum();
        (users.len(), keys)
    }
}

impl AccountRecord {
    /// The number of users, and of access keys, for which the fact of a stage was requested and is unknown.
    #[must_use]
    pub(crate) fn unknown_counts(&self, stage: Stage) -> (usize, usize) {
        let Stage::Fact(fact) = stage else { return (0, 0) };
        let users = || self.users().unwrap_or_default().iter();
        let count_users =
            |is_unknown: fn(&User) -> bool| (users().filter(|user| is_unknown(user)).count(), 0);
        match fact {
            FactKind::AccessKeys => count_users(|user| user.access_keys.is_none()),
            FactKind::ConsolePassword => count_users(|user| user.console_password.reason().is_some()),
            FactKind::MfaDevices => count_users(|user| user.mfa_devices.reason().is_some()),
            FactKind::Policies => count_users(|user| user.policies.reason().is_some()),
            FactKind::CredentialReport => count_users(|user| user.report.reason().is_some()),
            FactKind::LastUsed => {
                let access_keys = users().flat_map(|user| user.access_keys.iter().flatten());
                (0, access_keys.filter(|key| key.last_used.reason().is_some()).count())
            }
            // The number of users that were not listed is unknown; the other facts are about the account as a whole.
            FactKind::Users | FactKind::ControlTotal | FactKind::AccountAlias | FactKind::RootCredentials => {
                (0, 0)
            }
        }
    }
}

impl Serialize for AccountRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

/// Reads the line, then refuses it where its fields contradict each other.
impl<'de> Deserialize<'de> for AccountRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let account = Self::deserialize(deserializer)?;
        account.check().map_err(D::Error::custom)?;
        Ok(account)
    }
}

/// How much of an account was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Outcome {
    /// Everything that was requested was read.
    Complete,
    /// The users were listed, but some facts could not be read; the gaps say which.
    Partial,
    /// Nothing was read; the gap says at which stage reading failed.
    Failed,
    /// Nothing was read because no call was made, for example because the account is suspended.
    Skipped,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Complete => "Complete",
            Self::Partial => "Partial",
            Self::Failed => "Failed",
            Self::Skipped => "Skipped",
        })
    }
}
