//! What was seen in one account, and what was not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::fact::{Fact, Source};
use crate::file::Target;
use crate::ids::{AccountId, RoleArn};

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
#[serde(try_from = "Stored")]
pub struct AccountRoll {
    account_id: AccountId,
    role_arn: Option<RoleArn>,
    account: Option<Account>,
    outcome: Outcome,
    skipped: Option<String>,
    gaps: Vec<Gap>,
    notes: Vec<Note>,
    #[serde(default, skip_serializing_if = "Facts::is_empty")]
    facts: Facts,
    users: Option<Vec<User>>,
}

/// What is known of an account as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// The alias, where it has one.
    #[serde(skip_serializing_if = "Fact::is_not_asked")]
    pub alias: Fact<Option<String>>,
    /// What `GetAccountSummary` counts.
    #[serde(skip_serializing_if = "Fact::is_not_asked")]
    pub summary: Fact<Summary>,
    /// The root user.
    #[serde(skip_serializing_if = "Fact::is_not_asked")]
    pub root: Fact<Root>,
    /// Whether the organisation manages the credentials of its members' root users centrally.
    #[serde(skip_serializing_if = "Fact::is_not_asked")]
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

impl AccountRoll {
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
        Self { account_id, role_arn, account: None, outcome, skipped: None, gaps, notes, facts, users: None }
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
    pub fn known_as(self, account: Option<Account>) -> Self {
        Self { account, ..self }
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

/// The fields of a line before they are known to fit together.
#[derive(Deserialize)]
struct Stored {
    account_id: AccountId,
    role_arn: Option<RoleArn>,
    account: Option<Account>,
    outcome: Outcome,
    skipped: Option<String>,
    gaps: Vec<Gap>,
    #[serde(default)]
    notes: Vec<Note>,
    #[serde(default)]
    facts: Facts,
    users: Option<Vec<User>>,
}

impl TryFrom<Stored> for AccountRoll {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        let Stored { account_id, role_arn, account, outcome, skipped, gaps, notes, facts, users } = stored;
        if let Some(role_arn) = role_arn.as_ref().filter(|role_arn| role_arn.account_id() != &account_id) {
            return Err(format!("account_id is {account_id}, but role_arn is {role_arn}"));
        }
        let wanted = match (&users, gaps.is_empty(), &skipped) {
            (None, true, Some(_)) => Outcome::Skipped,
            (_, _, Some(_)) => {
                return Err(format!("account {account_id} was skipped, and has users or gaps"));
            }
            (Some(_), true, None) => Outcome::Complete,
            (Some(_), false, None) => Outcome::Partial,
            (None, false, None) => Outcome::Failed,
            (None, true, None) => return Err(format!("account {account_id} has neither users nor gaps")),
        };
        if outcome != wanted {
            return Err(format!(
                "account {account_id} is called {outcome}, but what it holds makes it {wanted}"
            ));
        }
        let names: BTreeSet<_> = users.iter().flatten().map(|user| &user.user_name).collect();
        if names.len() != users.as_ref().map_or(0, Vec::len) {
            return Err(format!("account {account_id} has two users of one name"));
        }
        Ok(Self { account_id, role_arn, account, outcome, skipped, gaps, notes, facts, users })
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

/// Something that was asked for and is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Where on the way it happened.
    pub step: Step,
    /// The API operation, as AWS spells it; `None` where it was not one call that went wrong.
    pub operation: Option<String>,
    /// The user it is about, where it is about one.
    pub user_name: Option<String>,
    /// What kind of obstacle it was.
    pub class: Class,
    /// The AWS error code, such as `AccessDenied`; `None` where AWS gave none.
    pub code: Option<String>,
    /// What happened, in AWS's words where AWS answered.
    pub message: String,
    /// The id that AWS support and CloudTrail know the call by.
    pub request_id: Option<String>,
    /// What to do next.
    pub remedy: String,
}

/// The steps that an account is read in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Becoming the account's role: `sts:AssumeRole`.
    Session,
    /// The account's users: `iam:ListUsers`.
    Users,
    /// The users' access keys: `iam:ListAccessKeys`.
    AccessKeys,
    /// When, for what and where the keys were last used: `iam:GetAccessKeyLastUsed`.
    LastUsed,
    /// Whether all users were listed: `iam:GetAccountSummary`.
    ControlTotal,
    /// The users' console passwords: `iam:GetLoginProfile`.
    ConsolePassword,
    /// The users' MFA devices: `iam:ListMFADevices`.
    MfaDevices,
    /// The users' groups, policies, boundaries and tags: `iam:GetAccountAuthorizationDetails`.
    Policies,
    /// The credential report: `iam:GenerateCredentialReport`, `iam:GetCredentialReport`.
    CredentialReport,
    /// The account's alias: `iam:ListAccountAliases`.
    AccountAlias,
    /// Whether root credentials are managed centrally: `iam:ListOrganizationsFeatures`.
    RootCredentials,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Session => "session",
            Self::Users => "users",
            Self::AccessKeys => "access_keys",
            Self::LastUsed => "last_used",
            Self::ControlTotal => "control_total",
            Self::ConsolePassword => "console_password",
            Self::MfaDevices => "mfa_devices",
            Self::Policies => "policies",
            Self::CredentialReport => "credential_report",
            Self::AccountAlias => "account_alias",
            Self::RootCredentials => "root_credentials",
        })
    }
}

impl Step {
    /// What it reads, for people.
    #[must_use]
    pub fn what(self) -> &'static str {
        match self {
            Self::Session => "everything",
            Self::Users => "users",
            Self::AccessKeys => "access keys",
            Self::LastUsed => "last use",
            Self::ControlTotal => "number of users",
            Self::ConsolePassword => "console passwords",
            Self::MfaDevices => "MFA devices",
            Self::Policies => "groups and policies",
            Self::CredentialReport => "credential report",
            Self::AccountAlias => "account alias",
            Self::RootCredentials => "management of root credentials",
        }
    }
}

/// What kind of obstacle a gap comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// AWS refused: a policy does not allow it, or one denies it.
    Denied,
    /// The caller's own credentials are missing, expired or not accepted.
    Credentials,
    /// AWS asked to slow down until the attempts were used up.
    Throttled,
    /// What was asked about does not exist.
    NotFound,
    /// The time that was allowed ran out.
    TimedOut,
    /// No answer came: name resolution, connection, TLS, proxy.
    Transport,
    /// An answer came that AWS does not give.
    Malformed,
    /// Rolecall itself went wrong.
    Internal,
    /// AWS answered with another error.
    Other,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Denied => "denied",
            Self::Credentials => "credentials not accepted",
            Self::Throttled => "throttled",
            Self::NotFound => "not found",
            Self::TimedOut => "timed out",
            Self::Transport => "no answer",
            Self::Malformed => "malformed answer",
            Self::Internal => "rolecall went wrong",
            Self::Other => "refused",
        })
    }
}

/// Something seen on the way that is worth knowing and is no gap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Where on the way it was seen.
    pub step: Step,
    /// The user it is about, where it is about one.
    pub user_name: Option<String>,
    /// What was seen.
    pub message: String,
}

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
    #[serde(default, skip_serializing_if = "Fact::is_not_asked")]
    pub console_password: Fact<Option<ConsolePassword>>,
    /// The MFA devices.
    #[serde(default, skip_serializing_if = "Fact::is_not_asked")]
    pub mfa_devices: Fact<Vec<MfaDevice>>,
    /// Groups, policies, boundary and tags.
    #[serde(default, skip_serializing_if = "Fact::is_not_asked")]
    pub policies: Fact<Policies>,
    /// What the credential report says of the user.
    #[serde(default, skip_serializing_if = "Fact::is_not_asked")]
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
            console_password: Fact::NotAsked,
            mfa_devices: Fact::NotAsked,
            policies: Fact::NotAsked,
            report: Fact::NotAsked,
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
    pub access_key_id: String,
    /// Whether the key can be used.
    pub status: AccessKeyStatus,
    /// When the key was made; `None` where AWS did not say.
    pub create_date: Option<Timestamp>,
    /// When, for what and where it was last used; nothing where it never was, or not since AWS began to record it.
    #[serde(default, skip_serializing_if = "Fact::is_not_asked")]
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
    use super::{AccessKeyStatus, AccountRoll};

    #[test]
    fn a_status_that_is_new_is_kept() {
        let status: AccessKeyStatus = serde_json::from_str("\"Quarantined\"").unwrap();
        assert_eq!(status, AccessKeyStatus::Other("Quarantined".into()));
        assert_eq!(serde_json::to_string(&status).unwrap(), "\"Quarantined\"");
    }

    #[test]
    fn a_line_that_contradicts_itself_is_refused() {
        let line_of = |outcome, skipped: Option<&str>, gaps, users| {
            serde_json::from_value::<AccountRoll>(serde_json::json!({
                "account_id": "111111111111",
                "role_arn": "arn:aws:iam::111111111111:role/IAMListRole",
                "outcome": outcome, "skipped": skipped, "gaps": gaps, "notes": [], "users": users,
            }))
        };
        let line = |outcome, gaps, users| line_of(outcome, None, gaps, users);
        let gap = serde_json::json!([{
            "step": "session", "operation": "AssumeRole", "user_name": null, "class": "denied",
            "code": "AccessDenied", "message": "no", "request_id": null, "remedy": "ask",
        }]);
        let (none, no_users) = (serde_json::json!([]), serde_json::Value::Null);
        assert!(line("Complete", none.clone(), none.clone()).is_ok());
        assert!(line("Partial", gap.clone(), none.clone()).is_ok());
        assert!(line("Failed", gap.clone(), no_users.clone()).is_ok());
        assert!(line("Complete", gap.clone(), none.clone()).is_err());
        assert!(line("Complete", none.clone(), no_users.clone()).is_err());
        assert!(line("Failed", gap.clone(), none.clone()).is_err());
        assert!(line("Failed", none.clone(), no_users.clone()).is_err());
        assert!(line_of("Skipped", Some("suspended"), none.clone(), no_users.clone()).is_ok());
        assert!(line_of("Skipped", Some("suspended"), gap, no_users.clone()).is_err());
        assert!(line_of("Complete", Some("suspended"), none.clone(), none.clone()).is_err());
        assert!(line("Skipped", none, no_users).is_err());
    }
}
