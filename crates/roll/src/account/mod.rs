//! What was seen in one account, and what was not.

mod contradiction;

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::fact::Fact;
use crate::fact_kind::FactKind;
use crate::gap::{Gap, Note, Stage};
use crate::header::Target;
use crate::ids::{AccountId, RoleArn};
use crate::user::User;

pub use contradiction::Contradiction;

/// One account's line in the roll.
///
/// Its outcome follows from the rest and cannot contradict it:
///
/// | outcome | `users` | `gaps` | `skipped` |
/// |---|---|---|---|
/// | [`Outcome::Complete`] | the account's users | none | – |
/// | [`Outcome::Partial`] | those that were read | at least one | – |
/// | [`Outcome::Failed`] | `None`: unknown, which is not "no users" | at least one | – |
/// | [`Outcome::Skipped`] | `None` | none | why it was not asked |
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
    request_ids: Vec<String>,
    users: Option<Vec<User>>,
}

/// What is known of an account as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// The alias, where it has one.
    #[serde(skip_serializing_if = "Fact::is_not_requested")]
    pub alias: Fact<Option<String>>,
    /// What `GetAccountSummary` counts.
    #[serde(skip_serializing_if = "Fact::is_not_requested")]
    pub summary: Fact<Summary>,
    /// The root user.
    #[serde(skip_serializing_if = "Fact::is_not_requested")]
    pub root: Fact<Root>,
    /// Whether the organisation manages the credentials of its members' root users centrally.
    #[serde(skip_serializing_if = "Fact::is_not_requested")]
    pub root_credentials_managed: Fact<bool>,
}

impl Facts {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What an account counts, as
/// [`GetAccountSummary`](https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountSummary.html) says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Users.
    pub users: u64,
    /// Whether the root user has an access key.
    pub root_has_access_keys: bool,
    /// Whether the root user has an MFA device.
    pub root_has_mfa: bool,
    /// Whether the root user has a password; `None` where AWS does not say.
    #[serde(default)]
    pub root_has_password: Option<bool>,
}

/// The root user, as the credential report tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// Whether its first and its second access key are active.
    pub access_keys_active: [bool; 2],
    /// Whether it has an MFA device.
    pub mfa_active: bool,
    /// When its password was last used; `None` where it was not, or nobody knows.
    pub password_last_used: Option<Timestamp>,
}

/// What is known of an account from whoever named it: AWS Organizations, a file, the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The name.
    pub name: Option<String>,
    /// The e-mail address of the root user.
    pub email: Option<String>,
    /// The names of the organizational units that it is in, from below the root on: `Workloads/Prod`; empty for the
    /// root itself.
    pub organizational_unit: Option<String>,
    /// The tags; `None` where nobody asked for them.
    pub tags: Option<BTreeMap<String, String>>,
}

impl AccountRecord {
    /// The line of an account of which at least a part was read. Users come out sorted by name.
    #[must_use]
    pub fn read(target: impl Into<Target>, mut users: Vec<User>, gaps: Vec<Gap>, notes: Vec<Note>) -> Self {
        users.sort_by(|a, b| a.user_name.cmp(&b.user_name));
        let outcome = if gaps.is_empty() { Outcome::Complete } else { Outcome::Partial };
        Self { gaps, notes, users: Some(users), ..Self::of(target, outcome) }
    }

    /// The line of an account of which nothing could be read, and why.
    #[must_use]
    pub fn failed(target: impl Into<Target>, gap: Gap) -> Self {
        Self { gaps: vec![gap], ..Self::of(target, Outcome::Failed) }
    }

    /// The line of an account that was not asked, and why.
    #[must_use]
    pub fn skipped(target: impl Into<Target>, why: impl Into<String>) -> Self {
        Self { skipped: Some(why.into()), ..Self::of(target, Outcome::Skipped) }
    }

    fn of(target: impl Into<Target>, outcome: Outcome) -> Self {
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
            request_ids: Vec::new(),
            users: None,
        }
    }

    /// The same, with what is known of the account as a whole.
    #[must_use]
    pub fn with_facts(self, facts: Facts) -> Self {
        Self { facts, ..self }
    }

    /// What is known of the account as a whole.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The same, with what is known of the account besides.
    #[must_use]
    pub fn with_account(self, account: Option<Account>) -> Self {
        Self { account, ..self }
    }

    /// The same, of the run of this moment.
    #[must_use]
    pub fn with_as_of(self, as_of: Timestamp) -> Self {
        Self { as_of: Some(as_of), ..self }
    }

    /// The moment of the run that read it, which in a roll that was gone on with may be an earlier one than the roll's;
    /// `None` where the line does not say.
    #[must_use]
    pub fn as_of(&self) -> Option<Timestamp> {
        self.as_of
    }

    /// The same, with the request ids of the calls that gave its sessions.
    #[must_use]
    pub fn with_request_ids(self, request_ids: Vec<String>) -> Self {
        Self { request_ids, ..self }
    }

    /// The request ids of the `AssumeRole` calls that gave its sessions, by which CloudTrail knows them.
    #[must_use]
    pub fn request_ids(&self) -> &[String] {
        &self.request_ids
    }

    /// The account's id.
    #[must_use]
    pub fn account_id(&self) -> &AccountId {
        &self.account_id
    }

    /// The role through which it was read; `None` where it was read with the caller's own credentials, or not asked.
    #[must_use]
    pub fn role_arn(&self) -> Option<&RoleArn> {
        self.role_arn.as_ref()
    }

    /// What is known of the account besides.
    #[must_use]
    pub fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    /// Why it was not asked, where it was not.
    #[must_use]
    pub fn why_skipped(&self) -> Option<&str> {
        self.skipped.as_deref()
    }

    /// Whether all of it, a part of it, or nothing was read.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// What was not read, and why.
    #[must_use]
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// What is worth knowing and takes nothing from the outcome.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// The users that were read, by name; `None` where it is unknown whether there are any.
    #[must_use]
    pub fn users(&self) -> Option<&[User]> {
        self.users.as_deref()
    }

    /// The number of users and of access keys that were read.
    #[must_use]
    pub fn count(&self) -> (usize, usize) {
        let users = self.users().unwrap_or_default();
        let keys = users.iter().filter_map(|user| user.access_keys.as_ref()).map(Vec::len).sum();
        (users.len(), keys)
    }
}

impl AccountRecord {
    /// Of how many users, and of how many access keys, what a stage reads was asked for and is unknown.
    #[must_use]
    pub(crate) fn unknown_counts(&self, stage: Stage) -> (usize, usize) {
        let Stage::Fact(fact) = stage else { return (0, 0) };
        let users = || self.users().unwrap_or_default().iter();
        let of_users = |is_unknown: fn(&User) -> bool| (users().filter(|user| is_unknown(user)).count(), 0);
        match fact {
            FactKind::AccessKeys => of_users(|user| user.access_keys.is_none()),
            FactKind::ConsolePassword => of_users(|user| user.console_password.is_unknown()),
            FactKind::MfaDevices => of_users(|user| user.mfa_devices.is_unknown()),
            FactKind::Policies => of_users(|user| user.policies.is_unknown()),
            FactKind::CredentialReport => of_users(|user| user.report.is_unknown()),
            FactKind::LastUsed => {
                let access_keys = users().flat_map(|user| user.access_keys.iter().flatten());
                (0, access_keys.filter(|key| key.last_used.is_unknown()).count())
            }
            // Of users who were not listed nobody knows the number; the others are about the account.
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

/// A line is read as it stands, and taken where it does not contradict itself.
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
    /// All that was asked for.
    Complete,
    /// Some of it; the gaps say what is missing.
    Partial,
    /// None of it; the gap says at which step it ended.
    Failed,
    /// None of it, since it was not asked: it is suspended, for one.
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
