//! IAM users, with their access keys, console passwords, MFA devices and policies.

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
    /// The ARN; it contains the path.
    pub arn: String,
    /// The path, `/` by default.
    pub path: String,
    /// When the user was created.
    pub create_date: Timestamp,
    /// When the console password was last used. `None` where AWS returns no date: there is no password, it was never
    /// used, or it was not used since AWS began to record it.
    pub password_last_used: Option<Timestamp>,
    /// The user's access keys, sorted by id; `None` where they could not be read, which is not "no keys".
    pub access_keys: Option<Vec<AccessKey>>,
    /// The source of the fact that the user has no access keys, if it is not a live call; otherwise `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_access_keys_source: Option<Source>,
    /// The console password; a known `None` where the user has none.
    #[serde(default, skip_serializing_if = "Fact::is_not_requested")]
    pub console_password: Fact<Option<ConsolePassword>>,
    /// The MFA devices; a known empty list where the user has none.
    #[serde(default, skip_serializing_if = "Fact::is_not_requested")]
    pub mfa_devices: Fact<Vec<MfaDevice>>,
    /// Groups, policies, permissions boundary and tags.
    #[serde(default, skip_serializing_if = "Fact::is_not_requested")]
    pub policies: Fact<Policies>,
    /// The user's row in the credential report.
    #[serde(default, skip_serializing_if = "Fact::is_not_requested")]
    pub report: Fact<ReportRow>,
}

impl User {
    /// Creates a user with the fields that `ListUsers` returns. Access keys are unknown, all other facts not requested.
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

/// A password for the AWS Management Console, as in
/// [`LoginProfile`](https://docs.aws.amazon.com/IAM/latest/APIReference/API_LoginProfile.html).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsolePassword {
    /// When the password was created; `None` where AWS does not return it.
    pub create_date: Option<Timestamp>,
    /// Whether the user must set a new password at the next sign-in.
    pub password_reset_required: bool,
}

/// An MFA device, as in [`MFADevice`](https://docs.aws.amazon.com/IAM/latest/APIReference/API_MFADevice.html).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MfaDevice {
    /// The serial number; for a virtual device its ARN.
    pub serial_number: String,
    /// When the device was enabled for the user; `None` where AWS does not return it.
    pub enable_date: Option<Timestamp>,
}

/// The names of a user's groups and policies, not the policy documents, as in
/// [`UserDetail`](https://docs.aws.amazon.com/IAM/latest/APIReference/API_UserDetail.html).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policies {
    /// The names of the groups that the user is in.
    pub groups: Vec<String>,
    /// The ARNs of the managed policies that are attached to the user.
    pub attached_policies: Vec<String>,
    /// The names of the user's inline policies.
    pub inline_policies: Vec<String>,
    /// The ARN of the permissions boundary; `None` where the user has none.
    pub permissions_boundary: Option<String>,
    /// `true` where administrator access is recognized: `AdministratorAccess`, or an inline policy of the user that
    /// allows `*` on `*`. `None` otherwise; the user may still have administrator access in a way that is not
    /// recognized.
    pub is_administrator: Option<bool>,
    /// The tags of the user, by key.
    pub tags: BTreeMap<String, String>,
}

/// A row of the credential report.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html>
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportRow {
    /// Whether the user has a console password; `None` where the report does not say.
    pub password_enabled: Option<bool>,
    /// When the password was last used; `None` where it was never used or the date is unknown.
    pub password_last_used: Option<Timestamp>,
    /// When the password was last set; `None` where the report has no date.
    pub password_last_changed: Option<Timestamp>,
    /// Whether the user has an MFA device.
    pub mfa_active: bool,
    /// The first and the second access key. The report does not contain their ids.
    pub access_keys: [ReportKey; 2],
}

/// An access key in the credential report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportKey {
    /// Whether the key exists and is active.
    pub active: bool,
    /// When the key was created, or activated again; `None` where there is no such key.
    pub last_rotated: Option<Timestamp>,
    /// The last use of the key; `None` where it was never used or the last use is unknown.
    pub last_used: Option<LastUsed>,
}

/// An access key, named as in
/// [`AccessKeyMetadata`](https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKeyMetadata.html).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessKey {
    /// The id, `AKIA…`; not a secret.
    pub access_key_id: AccessKeyId,
    /// Whether the key is active.
    pub status: AccessKeyStatus,
    /// When the key was created; `None` where AWS does not return it.
    pub create_date: Option<Timestamp>,
    /// The last use of the key; a known `None` where it was never used, or not since AWS began to record it.
    #[serde(default, skip_serializing_if = "Fact::is_not_requested")]
    pub last_used: Fact<Option<LastUsed>>,
}

/// The last use of an access key, as in
/// [`AccessKeyLastUsed`](https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKeyLastUsed.html).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastUsed {
    /// The time of the last use; AWS records it with a delay of hours.
    pub date: Timestamp,
    /// The service, such as `s3`; `None` where AWS does not return it.
    pub service: Option<String>,
    /// The region, such as `us-east-1`; `None` where AWS does not return it.
    pub region: Option<String>,
}

/// The status of an access key. A status that AWS adds later is kept with AWS's spelling.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum AccessKeyStatus {
    /// The key can sign requests.
    Active,
    /// The key was deactivated; it can be activated again.
    Inactive,
    /// The key has expired.
    Expired,
    /// A status that this version does not know.
    Other(String),
}

impl AccessKeyStatus {
    /// The status in AWS's spelling.
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
    fn an_unknown_status_is_kept() {
        let status: AccessKeyStatus = serde_json::from_str("\"Quarantined\"").unwrap();
        assert_eq!(status, AccessKeyStatus::Other("Quarantined".into()));
        assert_eq!(serde_json::to_string(&status).unwrap(), "\"Quarantined\"");
    }
}
