//! The fields of a world file, as serde reads them. `docs/emulator.md` describes them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::world::{
    AccessKey, FaultInjection, LoginProfile, MfaDevice, PasswordPolicy, RoleLastUsed, Root, SamlProvider,
    ServerCertificate, ServiceSpecificCredential, UploadedCredential,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) accounts: BTreeMap<String, FileAccount>,
    pub(super) organization: Option<FileOrganization>,
    #[serde(default)]
    pub(super) fault_injection: FaultInjection,
    pub(super) caller: Option<FileCaller>,
    pub(super) vpc_endpoint: Option<FileVpcEndpoint>,
    #[serde(default)]
    pub(super) authorization_ids: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileCaller {
    /// Of a role, a user or a root user.
    pub(super) arn: String,
    pub(super) session_policy: Option<Value>,
    #[serde(default = "default_caller_duration")]
    pub(super) session_duration: u32,
    pub(super) source_identity: Option<String>,
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileVpcEndpoint {
    #[serde(default = "default_vpc_endpoint_id")]
    pub(super) id: String,
    #[serde(default = "default_vpc_endpoint_services")]
    pub(super) services: Vec<String>,
    pub(super) policy: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileAccount {
    pub(super) name: Option<String>,
    pub(super) email: Option<String>,
    #[serde(default = "default_state")]
    pub(super) state: String,
    pub(super) joined: Option<Timestamp>,
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
    /// The SCPs attached to the account itself. `None` allows everything, as `FullAWSAccess` does.
    pub(super) scps: Option<Vec<Value>>,
    #[serde(default)]
    pub(super) rcps: Vec<Value>,
    #[serde(default)]
    pub(super) hangs: bool,
    #[serde(default)]
    pub(super) sts_inactive_regions: BTreeSet<String>,
    #[serde(default)]
    pub(super) disabled_regions: BTreeSet<String>,
    pub(super) alias: Option<String>,
    #[serde(default)]
    pub(super) root: Root,
    pub(super) password_policy: Option<PasswordPolicy>,
    #[serde(default)]
    pub(super) groups: BTreeMap<String, FileGroup>,
    #[serde(default)]
    pub(super) managed_policies: BTreeMap<String, FileManagedPolicy>,
    #[serde(default)]
    pub(super) saml_providers: BTreeMap<String, SamlProvider>,
    #[serde(default)]
    pub(super) server_certificates: BTreeMap<String, ServerCertificate>,
    #[serde(default)]
    pub(super) roles: BTreeMap<String, FileRole>,
    #[serde(default)]
    pub(super) users: BTreeMap<String, FileUser>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileRole {
    #[serde(default = "default_path")]
    pub(super) path: String,
    pub(super) trust_policy: Value,
    pub(super) create_date: Option<Timestamp>,
    pub(super) description: Option<String>,
    pub(super) last_used: Option<RoleLastUsed>,
    #[serde(default)]
    pub(super) policies: Vec<Value>,
    #[serde(default)]
    pub(super) attached_policies: Vec<String>,
    pub(super) permissions_boundary: Option<Value>,
    #[serde(default = "default_session_duration")]
    pub(super) max_session_duration: u32,
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileGroup {
    #[serde(default = "default_path")]
    pub(super) path: String,
    pub(super) create_date: Option<Timestamp>,
    #[serde(default)]
    pub(super) policies: Vec<Value>,
    #[serde(default)]
    pub(super) attached_policies: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileManagedPolicy {
    #[serde(default = "default_path")]
    pub(super) path: String,
    pub(super) document: Value,
    pub(super) description: Option<String>,
    pub(super) create_date: Option<Timestamp>,
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileUser {
    #[serde(default = "default_path")]
    pub(super) path: String,
    pub(super) user_id: Option<String>,
    pub(super) create_date: Timestamp,
    pub(super) password_last_used: Option<Timestamp>,
    #[serde(default)]
    pub(super) policies: Vec<Value>,
    pub(super) permissions_boundary: Option<Value>,
    #[serde(default)]
    pub(super) access_keys: Vec<AccessKey>,
    pub(super) login_profile: Option<LoginProfile>,
    #[serde(default)]
    pub(super) mfa_devices: Vec<MfaDevice>,
    #[serde(default)]
    pub(super) ssh_public_keys: Vec<UploadedCredential>,
    #[serde(default)]
    pub(super) signing_certificates: Vec<UploadedCredential>,
    #[serde(default)]
    pub(super) service_specific_credentials: Vec<ServiceSpecificCredential>,
    #[serde(default)]
    pub(super) groups: Vec<String>,
    #[serde(default)]
    pub(super) attached_policies: Vec<String>,
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileOrganization {
    pub(super) id: String,
    pub(super) management_account: String,
    #[serde(default)]
    pub(super) delegated_administrators: Vec<String>,
    #[serde(default)]
    pub(super) manages_root_credentials: bool,
    pub(super) root: FileUnit,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileUnit {
    pub(super) id: String,
    /// `None`: the unit has its id as its name, and the root has `Root`.
    pub(super) name: Option<String>,
    /// `None` allows everything, as `FullAWSAccess` does; an empty list allows nothing.
    pub(super) scps: Option<Vec<Value>>,
    #[serde(default)]
    pub(super) rcps: Vec<Value>,
    #[serde(default)]
    pub(super) accounts: Vec<String>,
    #[serde(default)]
    pub(super) units: Vec<FileUnit>,
}

impl Default for FileGroup {
    fn default() -> Self {
        let (policies, attached_policies) = (Vec::new(), Vec::new());
        Self { path: default_path(), create_date: None, policies, attached_policies }
    }
}

fn default_state() -> String {
    "ACTIVE".to_owned()
}

fn default_path() -> String {
    "/".to_owned()
}

/// In seconds: as long as the credentials of a Lambda function's role.
fn default_caller_duration() -> u32 {
    43_200
}

fn default_vpc_endpoint_id() -> String {
    "vpce-0123456789abcdef0".to_owned()
}

fn default_vpc_endpoint_services() -> Vec<String> {
    vec!["sts".to_owned()]
}

/// In seconds, as in IAM.
fn default_session_duration() -> u32 {
    3600
}
