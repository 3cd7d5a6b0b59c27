//! The header, which is the first record of a roll file: the caller, the targets and the options of the run.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::fact::Fact;
use crate::fact_kind::{FactKind, FactSelection};
use crate::ids::{AccountId, RoleArn, RoleSessionName, RunId};

/// The version of the file format that this crate writes, and the only one that it reads.
pub const SCHEMA_VERSION: u32 = 3;

/// The first record of a run: who read which accounts, when, and with which options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the file format: [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The version of Rolecall that wrote the file, such as `1.2.0`.
    pub rolecall_version: String,
    /// The random id of the run; the session name contains it.
    pub run_id: RunId,
    /// The start time of the run; ages are calculated to this time.
    pub as_of: Timestamp,
    /// The caller identity; `None` where `sts:GetCallerIdentity` did not return it.
    pub caller: Option<Caller>,
    /// The organization of the accounts; `None` where the run did not read AWS Organizations.
    pub organization: Option<Organization>,
    /// The role session name in all accounts; CloudTrail records it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_name: Option<RoleSessionName>,
    /// What else the run sends to assume a role.
    #[serde(default, skip_serializing_if = "SessionParameters::is_empty")]
    pub session: SessionParameters,
    /// What was read in each account.
    pub collect: FactSelection,
    /// The IAM actions that the run's sessions in the target accounts call, as policies name them: `iam:ListUsers`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub actions: BTreeSet<String>,
    /// The actions that sessions of intermediate roles call to read the organization. Their `AssumeRole` calls are not
    /// among them: the roll has each of those with its request id.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub intermediate_actions: BTreeSet<String>,
    /// The filters that selected accounts of the organization; empty where all accounts were selected, or where the
    /// targets were named one by one.
    #[serde(default, skip_serializing_if = "TargetScope::is_all")]
    pub scope: TargetScope,
    /// The target accounts, sorted.
    pub targets: Vec<Target>,
    /// The accepted gaps of the configuration, whether they apply to this roll or not.
    #[serde(default)]
    pub accepted_gaps: Vec<AcceptedGap>,
}

/// What a run sends to assume a role besides the session name: a trust policy may require it. No external id is in a roll.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionParameters {
    /// The duration of a session in seconds; `None` for an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_s: Option<u64>,
    /// The intermediate roles before that of each account, in order; empty where there are none, or not the same for all accounts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub via: Vec<RoleArn>,
    /// The source identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_identity: Option<RoleSessionName>,
    /// The session tags: key and value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<(String, String)>,
    /// Whether an external id is sent.
    #[serde(default, skip_serializing_if = "is_false")]
    pub has_external_id: bool,
}

impl SessionParameters {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_false(value: &bool) -> bool {
    !value
}

impl Header {
    /// Creates a header of this format and version, with default options. Sorts the targets.
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
            session: SessionParameters::default(),
            collect: FactSelection::default(),
            actions: BTreeSet::new(),
            intermediate_actions: BTreeSet::new(),
            scope: TargetScope::default(),
            targets,
            accepted_gaps: Vec::new(),
        }
    }

    /// Whether the run reads a fact.
    #[must_use]
    pub fn reads(&self, fact: FactKind) -> bool {
        self.collect.contains(fact)
    }

    /// What limits the accounts, users and keys of the roll, as noun phrases; empty where nothing does.
    #[must_use]
    pub(crate) fn limits(&self) -> Vec<String> {
        let scope = (!self.scope.is_all()).then(|| format!("accounts selected by filters ({})", self.scope));
        self.collect.limits().into_iter().chain(scope).collect()
    }
}

/// The filters that select accounts of an organization. An account must pass all filters; an empty filter passes all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TargetScope {
    /// Only accounts in these organizational units and their children; ids or paths such as `Workloads/Prod`.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub units: BTreeSet<String>,
    /// Only accounts whose id or name matches one of these patterns.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub include: BTreeSet<String>,
    /// No accounts whose id or name matches one of these patterns.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub exclude: BTreeSet<String>,
    /// Only accounts that have all of these tags, each as `key=value`.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub include_tags: BTreeSet<String>,
}

impl TargetScope {
    /// Whether no filter is set, so that all accounts are selected.
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

/// An organization in AWS Organizations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// The organization id, `o-…`.
    pub id: String,
    /// The management account. CloudFormation stack sets create no role in it, so it often denies access.
    pub management_account_id: AccountId,
    /// The number of accounts that AWS Organizations lists, whether the filters select them or not.
    pub accounts: usize,
    /// Whether the organization manages the credentials of its members' root users centrally.
    #[serde(default, skip_serializing_if = "Fact::is_not_requested")]
    pub root_credentials_managed: Fact<bool>,
}

/// An accepted gap: until a date, the gaps of an account do not make a roll incomplete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedGap {
    /// The account whose gaps are accepted.
    pub account_id: AccountId,
    /// The person or team that accepted the gap.
    pub owner: String,
    /// Why the gap is accepted.
    pub reason: String,
    /// The last day, in UTC, on which the gap is accepted.
    pub until: jiff::civil::Date,
}

impl AcceptedGap {
    /// Whether the acceptance has not expired at this time.
    #[must_use]
    pub(crate) fn is_active(&self, as_of: Timestamp) -> bool {
        jiff::tz::Offset::UTC.to_datetime(as_of).date() <= self.until
    }
}

/// The caller identity, from `sts:GetCallerIdentity`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// The account of the caller (the hub account).
    pub account_id: AccountId,
    /// The ARN of the caller; for a role, the ARN of its session.
    pub arn: String,
}

/// A target account of a run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The id of the account to read.
    pub account_id: AccountId,
    /// The role to assume in the account; `None` where it is read with the caller's own credentials, or skipped.
    pub role_arn: Option<RoleArn>,
}

impl From<RoleArn> for Target {
    fn from(role_arn: RoleArn) -> Self {
        Self { account_id: role_arn.account_id().clone(), role_arn: Some(role_arn) }
    }
}
