//! Who asked whom, and when: the first record of a roll file.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::fact::Fact;
use crate::fact_kind::{FactKind, FactSelection};
use crate::ids::{AccountId, RoleArn, RoleSessionName, RunId};

/// The version of the format that this crate writes, and the one that it reads.
pub const SCHEMA_VERSION: u32 = 3;

/// The first record: who asked whom, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the format: [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The version of Rolecall that wrote it.
    pub rolecall_version: String,
    /// The id of the run.
    pub run_id: RunId,
    /// The moment that the run stands for; ages are counted to it.
    pub as_of: Timestamp,
    /// Who asked; `None` where AWS would not say.
    pub caller: Option<Caller>,
    /// The organisation whose accounts these are; `None` where AWS Organizations was not asked.
    pub organization: Option<Organization>,
    /// The name of the sessions in the accounts, as CloudTrail has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_name: Option<RoleSessionName>,
    /// What was read of each account.
    pub collect: FactSelection,
    /// Who was asked, sorted.
    pub targets: Vec<Target>,
    /// Gaps that somebody answers for.
    #[serde(default)]
    pub accepted: Vec<AcceptedGap>,
}

impl Header {
    /// A header of the present format and version. Targets come out sorted.
    #[must_use]
    pub fn new(run_id: RunId, as_of: Timestamp, caller: Option<Caller>, mut targets: Vec<Target>) -> Self {
        targets.sort();
        Self {
            schema_version: SCHEMA_VERSION,
            rolecall_version: env!("CARGO_PKG_VERSION").to_owned(),
            run_id,
            as_of,
            caller,
            organization: None,
            session_name: None,
            collect: FactSelection::default(),
            targets,
            accepted: Vec::new(),
        }
    }

    /// Whether a fact was asked for.
    #[must_use]
    pub fn reads(&self, fact: FactKind) -> bool {
        self.collect.contains(fact)
    }
}

/// An organisation, as AWS Organizations tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// `o-…`.
    pub id: String,
    /// The management account, which has no member role of its own making.
    pub management_account_id: AccountId,
    /// How many accounts AWS Organizations lists, chosen or not.
    pub accounts: usize,
    /// Whether it manages the credentials of its members' root users centrally.
    #[serde(default, skip_serializing_if = "Fact::is_not_asked")]
    pub root_credentials_managed: Fact<bool>,
}

/// A gap that somebody answers for, until a day: it does not make a roll incomplete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedGap {
    /// The account that is not read whole.
    pub account_id: AccountId,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// The last day on which it is accepted.
    pub until: jiff::civil::Date,
}

impl AcceptedGap {
    /// Whether it is accepted still.
    #[must_use]
    pub(crate) fn holds(&self, as_of: Timestamp) -> bool {
        jiff::tz::Offset::UTC.to_datetime(as_of).date() <= self.until
    }
}

/// The identity that asked, as `sts:GetCallerIdentity` gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// The caller's account.
    pub account_id: AccountId,
    /// The caller's ARN; for a role, that of its session.
    pub arn: String,
}

/// An account that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The account.
    pub account_id: AccountId,
    /// The role to become in it; `None` where it is read with the caller's own credentials, or not asked.
    pub role_arn: Option<RoleArn>,
}

impl From<RoleArn> for Target {
    fn from(role_arn: RoleArn) -> Self {
        Self { account_id: role_arn.account_id().clone(), role_arn: Some(role_arn) }
    }
}
