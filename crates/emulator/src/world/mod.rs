//! A world: accounts with roles and users, their organization, and the faults to inject.
//!
//! 1. `file`: a world from a JSON file that people write;
//! 2. `generate`: a world of any size from a seed, each account generated when a request needs it;
//! 3. `managed_policies`: the managed policies of AWS and of accounts;
//! 4. `organization_policies`: the SCPs and RCPs as AWS Organizations describes them;
//! 5. `fault_injection`: latency, throttling and errors;
//! 6. `caller`, `vpc_endpoint`: whose credentials programs get, and the endpoint that their requests pass.

mod caller;
mod fault_injection;
mod file;
mod generate;
mod managed_policies;
mod organization_policies;
mod vpc_endpoint;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use rolecall_policy::NamedPolicy;
use serde::Deserialize;

use crate::mfa::MfaSeed;

pub(crate) use caller::{Caller, CallerIdentity};
pub use fault_injection::{FaultInjection, FaultInjectionError};
pub use file::InvalidWorld;
pub(crate) use generate::splitmix64;
pub use generate::{ParseWorldSpecError, WorldSpec};
pub(crate) use managed_policies::{ManagedPolicy, aws_managed_policies};
pub(crate) use organization_policies::OrganizationPolicy;
pub(crate) use vpc_endpoint::VpcEndpoint;

/// All that the emulator answers from. Requests do not change it.
#[derive(Debug, Default)]
pub struct World {
    /// The accounts of a world file, and the hub and management accounts of a generated world, by id.
    accounts: BTreeMap<String, Arc<Account>>,
    /// The other accounts of a generated world; `None` if the world is from a file.
    generated: Option<generate::Accounts>,
    /// `None`: no account is in an organization, and no SCP or RCP applies.
    pub organization: Option<Organization>,
    /// Latency, throttling and errors. The default injects none.
    pub fault_injection: FaultInjection,
    /// Whether each denial has an authorization id, whose details can be read. At AWS, it depends on the operation.
    pub authorization_ids: bool,
    /// `None`: the world does not say whose credentials programs get.
    pub(crate) caller: Option<Caller>,
    /// `None`: requests pass no VPC endpoint.
    pub(crate) vpc_endpoint: Option<VpcEndpoint>,
}

/// The IAM resources of an account.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// By role name.
    pub(crate) roles: BTreeMap<String, Arc<Role>>,
    /// By user name.
    pub users: BTreeMap<String, Arc<User>>,
    /// Whether IAM never answers a request in this account.
    pub hangs: bool,
    /// The account alias; `None` if the account has none.
    pub alias: Option<String>,
    /// The root user, for the account summary and the credential report.
    pub root: Root,
    /// Whether the account is suspended, closed or pending: nobody but its root user can use it.
    pub(crate) is_suspended: bool,
    /// The regions in which the account has deactivated STS.
    pub(crate) sts_inactive_regions: BTreeSet<String>,
    /// The regions to which the account has not opted in.
    pub(crate) disabled_regions: BTreeSet<String>,
    /// By group name. A group that only a user names has no policies.
    pub(crate) groups: BTreeMap<String, Arc<Group>>,
    /// The account's own managed policies, by ARN.
    pub(crate) managed_policies: BTreeMap<String, Arc<ManagedPolicy>>,
    /// `None` if the account has IAM's default password policy.
    pub(crate) password_policy: Option<PasswordPolicy>,
    /// By name.
    pub(crate) saml_providers: BTreeMap<String, SamlProvider>,
    /// By name.
    pub(crate) server_certificates: BTreeMap<String, ServerCertificate>,
}

/// A group of users.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) path: String,
    /// With the path.
    pub(crate) arn: String,
    /// `AGPA…`.
    pub(crate) unique_id: String,
    pub(crate) create_date: Timestamp,
    /// The identity-based policies that the emulator evaluates for the group's users.
    pub(crate) policies: Vec<NamedPolicy>,
    /// The inline policies: name and JSON document.
    pub(crate) inline_policies: Vec<(String, String)>,
    /// The ARNs of the attached managed policies.
    pub(crate) attached_policies: Vec<String>,
}

/// The requirements for the passwords of an account's users.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAccountPasswordPolicy.html>
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "these are the fields of AWS")]
pub(crate) struct PasswordPolicy {
    /// 6 to 128.
    pub(crate) minimum_password_length: u32,
    pub(crate) require_symbols: bool,
    pub(crate) require_numbers: bool,
    pub(crate) require_uppercase_characters: bool,
    pub(crate) require_lowercase_characters: bool,
    pub(crate) allow_users_to_change_password: bool,
    /// In days, 1 to 1095. `None`: passwords do not expire.
    pub(crate) max_password_age: Option<u32>,
    /// The number of previous passwords that cannot be used again, 1 to 24. `None`: all can.
    pub(crate) password_reuse_prevention: Option<u32>,
    pub(crate) hard_expiry: Option<bool>,
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self {
            minimum_password_length: 6,
            require_symbols: false,
            require_numbers: false,
            require_uppercase_characters: false,
            require_lowercase_characters: false,
            allow_users_to_change_password: false,
            max_password_age: None,
            password_reuse_prevention: None,
            hard_expiry: None,
        }
    }
}

/// A SAML identity provider.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SamlProvider {
    pub(crate) create_date: Timestamp,
    pub(crate) valid_until: Timestamp,
    /// Tag values by tag key.
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
}

/// A server certificate that IAM stores.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServerCertificate {
    #[serde(default = "default_path")]
    pub(crate) path: String,
    pub(crate) upload_date: Timestamp,
    pub(crate) expiration: Timestamp,
    /// Tag values by tag key.
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
}

/// An SSH public key or a signing certificate of a user.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UploadedCredential {
    /// `APKA…` of an SSH public key.
    pub(crate) id: String,
    /// `Active` (the default) or `Inactive`.
    #[serde(default = "default_status")]
    pub(crate) status: String,
    pub(crate) upload_date: Timestamp,
}

/// A user's credential for one service, such as a password for `CodeCommit` or an API key for Bedrock.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServiceSpecificCredential {
    /// `ACCA…`.
    pub(crate) id: String,
    /// Such as `codecommit.amazonaws.com` or `bedrock.amazonaws.com`.
    pub(crate) service_name: String,
    /// `Active` (the default), `Inactive` or `Expired`.
    #[serde(default = "default_status")]
    pub(crate) status: String,
    pub(crate) create_date: Timestamp,
    /// `None`: it does not expire.
    pub(crate) expiration_date: Option<Timestamp>,
}

fn default_path() -> String {
    "/".to_owned()
}

/// The root user of an account.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Root {
    /// `access_key_1_active` and `access_key_2_active` of the credential report, for keys with which nobody can sign.
    pub access_keys_active: [bool; 2],
    /// The keys with which requests can be signed. They are active or not whatever `access_keys_active` says.
    pub access_keys: Vec<AccessKey>,
    /// Whether an MFA device is registered. The default is `true`.
    pub mfa: bool,
    /// Whether the root user has a console password. The default is `true`.
    pub password: bool,
    /// `None` if the password was never used.
    pub password_last_used: Option<Timestamp>,
}

impl Default for Root {
    fn default() -> Self {
        Self {
            access_keys_active: [false; 2],
            access_keys: Vec::new(),
            mfa: true,
            password: true,
            password_last_used: None,
        }
    }
}

impl Root {
    /// Whether each of the two access keys is active.
    pub(crate) fn active_keys(&self) -> [bool; 2] {
        let is_active = |number: usize| self.access_keys.get(number).map(|key| key.status == "Active");
        let [first, second] = self.access_keys_active;
        [is_active(0).unwrap_or(first), is_active(1).unwrap_or(second)]
    }
}

/// The owner of an access key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyOwner {
    pub(crate) account_id: String,
    /// `None`: the root user.
    pub(crate) user_name: Option<String>,
}

/// A user's password for the AWS Management Console.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginProfile {
    /// When the password was created.
    pub create_date: Timestamp,
    /// Whether the user must set a new password at the next sign-in.
    #[serde(default)]
    pub password_reset_required: bool,
}

/// An MFA device of a user.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MfaDevice {
    /// The serial number of a hardware device, or the ARN of a virtual one.
    pub serial_number: String,
    /// When the device was enabled for the user.
    pub enable_date: Timestamp,
    /// The seed of the device's codes, in Base32. `None`: no code is valid. Not in the `Debug` output.
    pub(crate) seed: Option<MfaSeed>,
}

impl std::fmt::Debug for MfaDevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MfaDevice").field("serial_number", &self.serial_number).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Role {
    /// With the path.
    pub(crate) arn: String,
    pub(crate) path: String,
    /// `AROA…`.
    pub(crate) unique_id: String,
    pub(crate) create_date: Timestamp,
    pub(crate) description: Option<String>,
    /// `None` if the role was not used, as far as IAM's tracking goes back.
    pub(crate) last_used: Option<RoleLastUsed>,
    /// The inline policies: name and JSON document.
    pub(crate) inline_policies: Vec<(String, String)>,
    /// The ARNs of the attached managed policies.
    pub(crate) attached_policies: Vec<String>,
    pub(crate) trust_policy: NamedPolicy,
    /// The identity-based policies that the emulator evaluates: inline ones and managed ones.
    pub(crate) policies: Vec<NamedPolicy>,
    pub(crate) permissions_boundary: Option<NamedPolicy>,
    /// In seconds.
    pub(crate) max_session_duration: u32,
    pub(crate) tags: BTreeMap<String, String>,
}

/// When and where a role was used last.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleLastUsed {
    pub(crate) date: Timestamp,
    /// The region, such as `eu-central-1`.
    pub(crate) region: String,
}

/// An IAM user with credentials and policies.
#[derive(Debug, Clone)]
pub struct User {
    /// With the path.
    pub arn: String,
    /// Begins and ends with a slash; `/` is the default.
    pub path: String,
    /// The unique id, `AIDA…`.
    pub user_id: String,
    /// When the user was created.
    pub create_date: Timestamp,
    /// `None` if there is no password or it was never used.
    pub password_last_used: Option<Timestamp>,
    /// The identity-based policies that the emulator evaluates: inline ones, and managed ones that it knows.
    pub(crate) policies: Vec<NamedPolicy>,
    pub(crate) permissions_boundary: Option<NamedPolicy>,
    /// In the order of the file. AWS allows two; a world may have more.
    pub access_keys: Vec<AccessKey>,
    /// The console password; `None` if the user has none.
    pub login_profile: Option<LoginProfile>,
    /// Empty if the user has no MFA.
    pub mfa_devices: Vec<MfaDevice>,
    /// The names of the user's groups.
    pub groups: Vec<String>,
    /// The ARNs of the attached managed policies.
    pub attached_policies: Vec<String>,
    /// The inline policies: name and JSON document.
    pub inline_policies: Vec<(String, String)>,
    pub(crate) ssh_public_keys: Vec<UploadedCredential>,
    pub(crate) signing_certificates: Vec<UploadedCredential>,
    pub(crate) service_specific_credentials: Vec<ServiceSpecificCredential>,
    /// Tag values by tag key.
    pub tags: BTreeMap<String, String>,
}

/// An access key of a user.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessKey {
    /// `AKIA…`, 16 to 128 letters and digits.
    pub access_key_id: String,
    /// 40 characters. `None`: no request can be signed with the key. Not in the `Debug` output.
    pub secret_access_key: Option<String>,
    /// `Active` (the default), `Inactive` or `Expired`.
    #[serde(default = "default_status")]
    pub status: String,
    /// When the key was created.
    pub create_date: Timestamp,
    /// `None` if the key was never used.
    pub last_used: Option<LastUsed>,
}

/// The last use of an access key, as `GetAccessKeyLastUsed` and the credential report return it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastUsed {
    /// The time of the request.
    pub date: Timestamp,
    /// The service's prefix, such as `s3`.
    pub service: String,
    /// The region, such as `eu-central-1`.
    pub region: String,
}

/// An AWS Organizations organization.
#[derive(Debug)]
pub struct Organization {
    /// `o-…`.
    pub id: String,
    /// The id of the management account. No SCP applies to its principals, and no RCP to its resources.
    pub management_account: String,
    /// The ids of the accounts that may read the organization as the management account may.
    pub delegated_administrators: Vec<String>,
    /// Whether centralized root access is enabled: `RootCredentialsManagement` of `ListOrganizationsFeatures`.
    pub manages_root_credentials: bool,
    /// The root at index 0, then all organizational units, each after its parent.
    pub units: Vec<Unit>,
    /// The accounts of the organization, by id.
    pub members: BTreeMap<String, Member>,
}

/// The root of an organization, or an organizational unit.
#[derive(Debug)]
pub struct Unit {
    /// `r-…` or `ou-…`.
    pub id: String,
    /// The root's name is `Root` unless the file names it.
    pub name: String,
    /// The index of the parent in [`Organization::units`]; `None` for the root.
    pub(crate) parent: Option<usize>,
    /// The attached service control policies (SCPs).
    pub(crate) scps: Vec<NamedPolicy>,
    /// The attached resource control policies (RCPs).
    pub(crate) rcps: Vec<NamedPolicy>,
}

/// An account as its organization describes it.
#[derive(Debug, Clone)]
pub struct Member {
    /// The index of the account's unit in [`Organization::units`].
    pub unit: usize,
    /// The account name, which need not be unique.
    pub name: String,
    /// The email address of the root user.
    pub email: String,
    /// `PENDING_ACTIVATION`, `ACTIVE`, `SUSPENDED`, `PENDING_CLOSURE` or `CLOSED`.
    pub state: String,
    /// `JoinedTimestamp` of the API.
    pub joined: Timestamp,
    /// Tag values by tag key.
    pub tags: BTreeMap<String, String>,
    /// The SCPs attached to the account itself. `None`: only `FullAWSAccess`.
    pub(crate) scps: Option<Vec<NamedPolicy>>,
    /// The RCPs attached to the account itself.
    pub(crate) rcps: Vec<NamedPolicy>,
}

impl std::fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessKey").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

fn default_status() -> String {
    "Active".to_owned()
}

impl World {
    /// The account with this id; `None` if the world does not have it. It may be generated by the call.
    #[must_use]
    pub fn account(&self, account_id: &str) -> Option<Arc<Account>> {
        let stored = self.accounts.get(account_id).cloned();
        stored.or_else(|| self.generated.as_ref()?.account(account_id))
    }

    /// The owner of an access key; `None` if no user and no root user has the key.
    #[must_use]
    pub(crate) fn owner_of_key(&self, access_key_id: &str) -> Option<KeyOwner> {
        let is_key = |key: &AccessKey| key.access_key_id == access_key_id;
        let owner_in = |account_id: &str, account: &Account| {
            let is_of_root = account.root.access_keys.iter().any(is_key);
            let mut users = account.users.iter();
            let user = users.find(|(_, user)| user.access_keys.iter().any(is_key));
            let user_name = user.map(|(name, _)| name.clone());
            let account_id = account_id.to_owned();
            (is_of_root || user_name.is_some()).then_some(KeyOwner { account_id, user_name })
        };
        self.accounts.iter().find_map(|(id, account)| owner_in(id, account)).or_else(|| {
            let account_id = generate::account_of_key(access_key_id)?;
            let account = self.generated.as_ref()?.account(&account_id)?;
            owner_in(&account_id, &account)
        })
    }

    /// The role with this ARN, whose path must match too.
    #[must_use]
    pub(crate) fn role(&self, arn: &str) -> Option<Arc<Role>> {
        let account = self.account(arn.split(':').nth(4)?)?;
        account.roles.get(arn.rsplit('/').next()?).filter(|role| role.arn == arn).cloned()
    }

    /// A managed policy that entities of an account can have: one of AWS, or one of the account itself.
    #[must_use]
    pub(crate) fn managed_policy(&self, account_id: &str, arn: &str) -> Option<Arc<ManagedPolicy>> {
        let of_aws = aws_managed_policies().get(arn).cloned();
        of_aws.or_else(|| self.account(account_id)?.managed_policies.get(arn).cloned())
    }

    /// Whether an account is suspended, closed or pending.
    #[must_use]
    pub(crate) fn is_suspended(&self, account_id: &str) -> bool {
        self.account(account_id).is_some_and(|account| account.is_suspended)
    }

    #[must_use]
    pub(crate) fn user(&self, account_id: &str, user_name: &str) -> Option<Arc<User>> {
        self.account(account_id)?.users.get(user_name).cloned()
    }

    /// The ARNs of up to ten roles, for the message of an error. Generated accounts are not searched.
    pub(crate) fn example_roles(&self) -> Vec<&str> {
        let roles = self.accounts.values().flat_map(|account| account.roles.values());
        roles.map(|role| role.arn.as_str()).take(10).collect()
    }

    /// The organization's id, and the path of an account in it, as in `aws:PrincipalOrgPaths`. `None` if the account is
    /// not in the organization.
    #[must_use]
    pub(crate) fn organization_path(&self, account_id: &str) -> Option<(&str, String)> {
        let id = self.organization.as_ref()?.id.as_str();
        let units: Vec<&str> = self.units_above(account_id).iter().map(|unit| unit.id.as_str()).collect();
        (!units.is_empty()).then(|| (id, format!("{id}/{}/", units.join("/"))))
    }

    /// The SCPs that limit the principals of an account, by level. `None` where none does: outside of an organization, and
    /// in its management account.
    pub(crate) fn scps_of_principal(&self, account_id: &str) -> Option<Vec<Vec<NamedPolicy>>> {
        let is_management = self.organization.as_ref()?.management_account == account_id;
        let scps = self.scps_above(account_id);
        (!is_management && !scps.is_empty()).then_some(scps)
    }

    /// The SCPs that apply to an account, by level: the root, each unit above the account, the account itself.
    fn scps_above(&self, account_id: &str) -> Vec<Vec<NamedPolicy>> {
        let own = self.member(account_id).and_then(|member| member.scps.clone());
        self.units_above(account_id).iter().map(|unit| unit.scps.clone()).chain(own).collect()
    }

    /// Whether RCPs can limit what is done with the resources of an account: not outside of an organization, nor in its
    /// management account.
    pub(crate) fn is_limited_by_rcps(&self, account_id: &str) -> bool {
        let is_management = self.organization.as_ref().is_some_and(|it| it.management_account == account_id);
        !is_management && !self.units_above(account_id).is_empty()
    }

    /// Whether two accounts are the same, or in one organization.
    pub(crate) fn is_same_owner(&self, account_id: &str, other_id: &str) -> bool {
        let is_member = |account_id| self.member(account_id).is_some();
        account_id == other_id || is_member(account_id) && is_member(other_id)
    }

    /// The VPC endpoint that the requests for an action pass.
    pub(crate) fn vpc_endpoint_of(&self, action: &str) -> Option<&VpcEndpoint> {
        let service = action.split(':').next().unwrap_or_default();
        self.vpc_endpoint.as_ref().filter(|endpoint| endpoint.services.iter().any(|it| it == service))
    }

    /// The RCPs that apply to an account; none for the management account.
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

    /// The units above an account, from the root to its own unit. Empty if the account is not in the organization.
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

/// An id in the form of AWS's unique ids: a prefix such as `AROA` and 17 characters, always the same for one name.
pub(crate) fn unique_id(prefix: &str, account_id: &str, name: &str) -> String {
    let id =
        uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, format!("{prefix}/{account_id}/{name}").as_bytes());
    let text = id.simple().to_string().to_ascii_uppercase();
    format!("{prefix}{}", text.get(..17).unwrap_or_default())
}
