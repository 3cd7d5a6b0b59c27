//! IAM users, with their keys, passwords, MFA devices and policies.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::fact::{Fact, Source};
use crate::ids::AccessKeyId;

/// An IAM user, named as in [`User`](https://docs.aws.amazon.com/IAM/latest/APIReference/API_User.html).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The friendly name, unique in its account.
    pub user_name: String,
    /// The stable id, `AIDA…`.
    pub user_id: String,
    /// The ARN, path included.
    pub arn: String,
    /// The path, `/` by default.
    pub path: String,
    /// When the user was made.
    pub create_date: Timestamp,
    /// When the console password was last used. `None` where AWS gives no date: there is no password, it was never
    /// used, or not since AWS began to record it.
    pub password_last_used: Option<Timestamp>,
    /// The user's access keys, by id; `None` where they could not be read, which is not "no keys".
    pub access_keys: Option<Vec<AccessKey>>,
    /// Where it is known from that there are none, if not from a live call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_access_keys_source: Option<Source>,
    /// The console password, where the user has one.
    #[serde(default, skip_serializing_if = "Fact::is_not_requested")]
    pub console_password: Fact<Option<ConsolePassword>>,
    /// The MFA devices.
    #[serde(default, skip_serializing_if = "Fact::is_not_requested")]
    pub mfa_devices: Fact<Vec<MfaDevice>>,
    /// Groups, policies, boundary and tags.
    #[serde(default, skip_serializing_if = "Fact::is_not_requested")]
    pub policies: Fact<Policies>,
    /// What the credential report says of the user.
    #[serde(default, skip_serializing_if = "Fact::is_not_requested")]
    pub report: Fact<ReportRow>,
}

impl User {
    /// A user of whom nothing is known but what `ListUsers` says.
    #[must_use]
    pub fn new(
        user_name: String,
        user_id: String,
        arn: String,
        path: String,
        create_date: Timestamp,
    ) -> Self {
        Self {
            user_name,
            user_id,
            arn,
            path,
            create_date,
            password_last_used: None,
            access_keys: None,
            no_access_keys_source: None,
            console_password: Fact::NotRequested,
            mfa_devices: Fact::NotRequested,
            policies: Fact::NotRequested,
            report: Fact::NotRequested,
        }
    }
}

/// A password for the console, as in
/// [`LoginProfile`](https://docs.aws.amazon.com/IAM/latest/APIReference/API_LoginProfile.html).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsolePassword {
    /// When it was made.
    pub create_date: Option<Timestamp>,
    /// Whether the user must set a new one.
    pub password_reset_required: bool,
}

/// An MFA device, as in [`MFADevice`](https://docs.aws.amazon.com/IAM/latest/APIReference/API_MFADevice.html).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MfaDevice {
    /// The serial number, for a virtual device its ARN.
    pub serial_number: String,
    /// Since when it is the user's.
    pub enable_date: Option<Timestamp>,
}

/// What a user may do, as far as names tell it, as in
/// [`UserDetail`](https://docs.aws.amazon.com/IAM/latest/APIReference/API_UserDetail.html).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policies {
    /// The groups' names.
    pub groups: Vec<String>,
    /// The ARNs of the managed policies that are attached to the user.
    pub attached_policies: Vec<String>,
    /// The names of the user's own policies.
    pub inline_policies: Vec<String>,
    /// The ARN of the permissions boundary.
    pub permissions_boundary: Option<String>,
    /// `true` where administrator access is recognised: `AdministratorAccess`, or a policy of the user's own that allows
    /// `*` on `*`. `None` where it is not, which does not say that there is none.
    pub is_administrator: Option<bool>,
    /// The tags.
    pub tags: BTreeMap<String, String>,
}

/// A row of the credential report.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html>
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportRow {
    /// Whether the user has a console password; `None` where the report does not say.
    pub password_enabled: Option<bool>,
    /// When it was last used; `None` where it was not, or nobody knows.
    pub password_last_used: Option<Timestamp>,
    /// When it was last set.
    pub password_last_changed: Option<Timestamp>,
    /// Whether the user has an MFA device.
    pub mfa_active: bool,
    /// The first and the second access key. The report does not say their ids.
    pub access_keys: [ReportKey; 2],
}

/// An access key in the credential report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportKey {
    /// Whether it is active.
    pub active: bool,
    /// When it was made, or made active again; `None` where there is no such key.
    pub last_rotated: Option<Timestamp>,
    /// Its last use; `None` where it was not used, or nobody knows.
    pub last_used: Option<LastUsed>,
}

/// An access key, named as in
/// [`AccessKeyMetadata`](https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKeyMetadata.html).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessKey {
    /// The id, `AKIA…`; not a secret.
    pub access_key_id: AccessKeyId,
    /// Whether the key can be used.
    pub status: AccessKeyStatus,
    /// When the key was made; `None` where AWS did not say.
    pub create_date: Option<Timestamp>,
    /// When, for what and where it was last used; nothing where it never was, or not since AWS began to record it.
    #[serde(default, skip_serializing_if = "Fact::is_not_requested")]
    pub last_used: Fact<Option<LastUsed>>,
}

/// The last use of an access key, as in
/// [`AccessKeyLastUsed`](https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKeyLastUsed.html).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastUsed {
    /// When; AWS records it with hours of delay.
    pub date: Timestamp,
    /// The service, as `s3`; `None` where AWS does not say.
    pub service: Option<String>,
    /// The region; `None` where AWS does not say.
    pub region: Option<String>,
}

/// The status of an access key. One that AWS adds later is kept as it is spelled.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum AccessKeyStatus {
    /// The key works.
    Active,
    /// The key was switched off.
    Inactive,
    /// The key has run out.
    Expired,
    /// A status that this version does not know.
    Other(String),
}

impl AccessKeyStatus {
    /// The status as AWS spells it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Active => "Active",
            Self::Inactive => "Inactive",
            Self::Expired => "Expired",
            Self::Other(text) => text,
        }
    }
}

impl From<String> for AccessKeyStatus {
    fn from(text: String) -> Self {
        match text.as_str() {
            "Active" => Self::Active,
            "Inactive" => Self::Inactive,
            "Expired" => Self::Expired,
            _ => Self::Other(text),
        }
    }
}

impl From<AccessKeyStatus> for String {
    fn from(status: AccessKeyStatus) -> Self {
        status.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::AccessKeyStatus;

    #[test]
    fn a_status_that_is_new_is_kept() {
        let status: AccessKeyStatus = serde_json::from_str("\"Quarantined\"").unwrap();
        assert_eq!(status, AccessKeyStatus::Other("Quarantined".into()));
        assert_eq!(serde_json::to_string(&status).unwrap(), "\"Quarantined\"");
    }
}
