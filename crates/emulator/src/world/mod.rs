//! Accounts with roles and users, and the organisation that they are in.
//!
//! 1. `file`: as a file that a person can write;
//! 2. `generate`: as many as are wanted, from a seed, each made when it is asked for;
//! 3. `fault_injection`: how slow it all is, and what goes wrong.

mod fault_injection;
mod file;
mod generate;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use rolecall_policy::{NamedPolicy, PolicyType};
use serde::Deserialize;

pub use fault_injection::{FaultInjection, FaultInjectionError};
pub use file::InvalidWorld;
pub(crate) use generate::splitmix64;
pub use generate::{ParseWorldSpecError, WorldSpec};

/// The accounts that there are.
#[derive(Debug, Default)]
pub struct World {
    /// Those that were written down, by id.
    accounts: BTreeMap<String, Arc<Account>>,
    /// Those that are made when they are asked for.
    generated: Option<generate::Accounts>,
    /// The organisation, where there is one.
    pub organization: Option<Organization>,
    /// How slow it all is, and what goes wrong.
    pub fault_injection: FaultInjection,
}

/// An account.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// By name.
    pub(crate) roles: BTreeMap<String, Arc<Role>>,
    /// By name.
    pub users: BTreeMap<String, Arc<User>>,
    /// Whether its IAM never answers.
    pub hangs: bool,
    /// Its alias.
    pub alias: Option<String>,
    /// Its root user.
    pub root: Root,
}

/// The root user of an account.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Root {
    /// Whether its first and its second access key are active.
    pub access_keys_active: [bool; 2],
    /// Whether it has an MFA device.
    pub mfa: bool,
    /// Whether it has a password.
    pub password: bool,
    /// When its password was last used.
    pub password_last_used: Option<Timestamp>,
}

impl Default for Root {
    fn default() -> Self {
        Self { access_keys_active: [false; 2], mfa: true, password: true, password_last_used: None }
    }
}

/// A password for the console.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginProfile {
    /// When it was made.
    pub create_date: Timestamp,
    /// Whether the user must set a new one.
    #[serde(default)]
    pub password_reset_required: bool,
}

/// An MFA device.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MfaDevice {
    /// The serial number, or the ARN of a virtual one.
    pub serial_number: String,
    /// Since when it is the user's.
    pub enable_date: Timestamp,
}

/// A role.
#[derive(Debug, Clone)]
pub(crate) struct Role {
    /// The ARN, path included.
    pub(crate) arn: String,
    /// Whom it trusts.
    pub(crate) trust_policy: NamedPolicy,
    /// What it may do.
    pub(crate) policies: Vec<NamedPolicy>,
    /// What limits that.
    pub(crate) permissions_boundary: Option<NamedPolicy>,
    /// Seconds.
    pub(crate) max_session_duration: u32,
    /// Its tags.
    pub(crate) tags: BTreeMap<String, String>,
}

/// A user.
#[derive(Debug, Clone)]
pub struct User {
    /// The ARN, path included.
    pub arn: String,
    /// The path.
    pub path: String,
    /// `AIDA…`.
    pub user_id: String,
    /// When it was made.
    pub create_date: Timestamp,
    /// When its password was last used.
    pub password_last_used: Option<Timestamp>,
    /// What it may do.
    pub(crate) policies: Vec<NamedPolicy>,
    /// What limits that.
    pub(crate) permissions_boundary: Option<NamedPolicy>,
    /// Its keys.
    pub access_keys: Vec<AccessKey>,
    /// Its password for the console.
    pub login_profile: Option<LoginProfile>,
    /// Its MFA devices.
    pub mfa_devices: Vec<MfaDevice>,
    /// The groups that it is in, by name.
    pub groups: Vec<String>,
    /// Managed policies, by ARN.
    pub attached_policies: Vec<String>,
    /// Policies of its own, by name, as they were written.
    pub inline_policies: Vec<(String, String)>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// An access key of a user.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessKey {
    /// `AKIA…`.
    pub access_key_id: String,
    /// Without one nobody can sign with the key.
    pub secret_access_key: Option<String>,
    /// `Active` where the file does not say.
    #[serde(default = "active")]
    pub status: String,
    /// When it was made.
    pub create_date: Timestamp,
    /// When, for what and where it was last used.
    pub last_used: Option<LastUsed>,
}

/// When, for what and where a key was last used.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastUsed {
    /// When.
    pub date: Timestamp,
    /// The service, as `s3`.
    pub service: String,
    /// The region.
    pub region: String,
}

/// An organisation.
#[derive(Debug)]
pub struct Organization {
    /// `o-…`.
    pub id: String,
    /// The account that no service control policy binds.
    pub management_account: String,
    /// Accounts that may ask about it as the management account may.
    pub delegated_administrators: Vec<String>,
    /// Whether it manages the credentials of its members' root users centrally.
    pub manages_root_credentials: bool,
    /// The root, and behind it all units.
    pub units: Vec<Unit>,
    /// Its accounts, by id.
    pub members: BTreeMap<String, Member>,
}

/// The root, or a unit below it.
#[derive(Debug)]
pub struct Unit {
    /// `r-…` or `ou-…`.
    pub id: String,
    /// Its name; the root's is `Root`.
    pub name: String,
    /// Which of the units it is in; the root is in none.
    pub(crate) parent: Option<usize>,
    /// Service control policies.
    pub(crate) scps: Vec<NamedPolicy>,
    /// Resource control policies.
    pub(crate) rcps: Vec<NamedPolicy>,
}

/// An account, as its organisation knows it.
#[derive(Debug, Clone)]
pub struct Member {
    /// Which of the units it is in.
    pub unit: usize,
    /// Its name.
    pub name: String,
    /// The e-mail address of its root user.
    pub email: String,
    /// `ACTIVE`, `SUSPENDED` and so on.
    pub state: String,
    /// Since when it is in the organisation.
    pub joined: Timestamp,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Service control policies of its own; `None` where it has but `FullAWSAccess`.
    pub(crate) scps: Option<Vec<NamedPolicy>>,
    /// Resource control policies of its own.
    pub(crate) rcps: Vec<NamedPolicy>,
}

impl std::fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessKey").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

fn active() -> String {
    "Active".to_owned()
}

impl World {
    /// An account, by id.
    #[must_use]
    pub fn account(&self, account_id: &str) -> Option<Arc<Account>> {
        let written = self.accounts.get(account_id).cloned();
        written.or_else(|| self.generated.as_ref()?.account(account_id))
    }

    /// The account of an access key, and the name of the user who has it.
    #[must_use]
    pub(crate) fn owner_of_key(&self, access_key_id: &str) -> Option<(String, String)> {
        let name_in = |account: &Account| {
            let has_key = |user: &User| user.access_keys.iter().any(|key| key.access_key_id == access_key_id);
            let mut users = account.users.iter();
            users.find(|(_, user)| has_key(user)).map(|(name, _)| name.clone())
        };
        let mut written = self.accounts.iter();
        written.find_map(|(id, account)| Some((id.clone(), name_in(account)?))).or_else(|| {
            let account_id = generate::account_of_key(access_key_id)?;
            let account = self.generated.as_ref()?.account(&account_id)?;
            Some((account_id, name_in(&account)?))
        })
    }

    /// A role by its ARN.
    #[must_use]
    pub(crate) fn role(&self, arn: &str) -> Option<Arc<Role>> {
        let account = self.account(arn.split(':').nth(4)?)?;
        account.roles.get(arn.rsplit('/').next()?).filter(|role| role.arn == arn).cloned()
    }

    /// A user of an account, by name.
    #[must_use]
    pub(crate) fn user(&self, account_id: &str, user_name: &str) -> Option<Arc<User>> {
        self.account(account_id)?.users.get(user_name).cloned()
    }

    /// The ARNs of some roles, for a person who named one that is not there.
    pub(crate) fn some_roles(&self) -> Vec<&str> {
        let roles = self.accounts.values().flat_map(|account| account.roles.values());
        roles.map(|role| role.arn.as_str()).take(10).collect()
    }

    /// The organisation's id, and the path of an account in it as condition keys have it.
    #[must_use]
    pub(crate) fn organization_path(&self, account_id: &str) -> Option<(&str, String)> {
        let id = self.organization.as_ref()?.id.as_str();
        let units: Vec<&str> = self.units_above(account_id).iter().map(|unit| unit.id.as_str()).collect();
        (!units.is_empty()).then(|| (id, format!("{id}/{}/", units.join("/"))))
    }

    /// The service control policies of the root, of each unit above an account, and of the account itself.
    pub(crate) fn scps_above(&self, account_id: &str) -> Vec<Vec<NamedPolicy>> {
        let own = self.member(account_id).and_then(|member| member.scps.clone());
        self.units_above(account_id).iter().map(|unit| unit.scps.clone()).chain(own).collect()
    }

    /// The resource control policies above an account; none for the management account.
    ///
    /// Source: <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html>
    pub(crate) fn rcps_above(&self, account_id: &str) -> Vec<NamedPolicy> {
        if self.organization.as_ref().is_some_and(|it| it.management_account == account_id) {
            return Vec::new();
        }
        let own = self.member(account_id).map(|member| member.rcps.clone()).unwrap_or_default();
        self.units_above(account_id).iter().flat_map(|unit| unit.rcps.clone()).chain(own).collect()
    }

    fn member(&self, account_id: &str) -> Option<&Member> {
        self.organization.as_ref()?.members.get(account_id)
    }

    /// The account's own unit and those above it, the root first; nothing where it is in no organisation.
    #[must_use]
    pub(crate) fn units_above(&self, account_id: &str) -> Vec<&Unit> {
        let Some(organization) = &self.organization else { return Vec::new() };
        let own = organization.members.get(account_id).and_then(|member| organization.units.get(member.unit));
        let mut path: Vec<&Unit> =
            std::iter::successors(own, |unit| organization.units.get(unit.parent?)).collect();
        path.reverse();
        path
    }
}

impl Organization {
    /// The ARN of one of its policies, by the document's name.
    ///
    /// Source: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsorganizations.html>
    #[must_use]
    pub(crate) fn policy_arn(&self, kind: PolicyType, document: &str) -> String {
        let Self { id, management_account, .. } = self;
        let kind = if kind == PolicyType::Rcp { "resource_control_policy" } else { "service_control_policy" };
        let policy_id = unique_id("p-", id, document).to_ascii_lowercase();
        let policy_id = policy_id.get(..12).unwrap_or_default();
        format!("arn:aws:organizations::{management_account}:policy/{id}/{kind}/{policy_id}")
    }
}

/// An id that AWS would make up, the same each time.
pub(crate) fn unique_id(prefix: &str, account_id: &str, name: &str) -> String {
    let id =
        uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, format!("{prefix}/{account_id}/{name}").as_bytes());
    let text = id.simple().to_string().to_ascii_uppercase();
    format!("{prefix}{}", text.get(..17).unwrap_or_default())
}
