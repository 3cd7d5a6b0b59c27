//! Who asked whom, and when: the first record of a roll file.

use std::collections::BTreeSet;
use std::fmt;

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
    /// Which accounts of an organization were chosen; nothing where all were, or they were named one by one.
    #[serde(default, skip_serializing_if = "TargetScope::is_all")]
    pub scope: TargetScope,
    /// Who was asked, sorted.
    pub targets: Vec<Target>,
    /// Gaps that somebody answers for.
    #[serde(default)]
    pub accepted_gaps: Vec<AcceptedGap>,
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
            scope: TargetScope::default(),
            targets,
            accepted_gaps: Vec::new(),
        }
    }

    /// Whether a fact was asked for.
    #[must_use]
    pub fn reads(&self, fact: FactKind) -> bool {
        self.collect.contains(fact)
    }
}

/// Which accounts of an organization are read, each list sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TargetScope {
    /// In these units, and the units below them.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub units: BTreeSet<String>,
    /// Of these ids or names.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub include: BTreeSet<String>,
    /// And not of these.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub exclude: BTreeSet<String>,
    /// With all of these tags, as `key=value`.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub include_tags: BTreeSet<String>,
}

impl TargetScope {
    /// Whether all accounts are read.
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for TargetScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_all() {
            return f.write_str("all accounts");
        }
        let Self { units, include, exclude, include_tags } = self;
        let lists = [("units", units), ("include", include), ("exclude", exclude), ("tags", include_tags)];
        let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
        let list = |(name, list): (&str, &BTreeSet<String>)| {
            format!("{name} {}", list.iter().cloned().collect::<Vec<_>>().join(", "))
        };
        f.write_str(&lists.map(list).collect::<Vec<_>>().join("; "))
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
    #[serde(default, skip_serializing_if = "Fact::is_not_requested")]
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
    pub(crate) fn is_active(&self, as_of: Timestamp) -> bool {
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
