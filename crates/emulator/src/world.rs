//! Accounts with roles and users, and an organisation, as a file that a person can write.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use jiff::Timestamp;
use rolecall_policy::{Document, Kind, Policy};
use serde::Deserialize;
use serde_json::Value;

/// The accounts that there are.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// By id.
    pub accounts: BTreeMap<String, Account>,
    /// The organisation, where there is one.
    pub organization: Option<Organization>,
}

/// An account.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// By name.
    pub roles: BTreeMap<String, Role>,
    /// By name.
    pub users: BTreeMap<String, User>,
}

/// A role.
#[derive(Debug, Clone)]
pub struct Role {
    /// The ARN, path included.
    pub arn: String,
    /// Whom it trusts.
    pub trust_policy: Document,
    /// What it may do.
    pub policies: Vec<Document>,
    /// What limits that.
    pub permissions_boundary: Option<Document>,
    /// Seconds.
    pub max_session_duration: u32,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
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
    pub policies: Vec<Document>,
    /// What limits that.
    pub permissions_boundary: Option<Document>,
    /// Its keys.
    pub access_keys: Vec<AccessKey>,
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
#[derive(Debug, Clone)]
pub struct Organization {
    /// `o-…`.
    pub id: String,
    /// The account that no service control policy binds.
    pub management_account: String,
    /// Its root.
    pub root: Unit,
}

/// The root, or a unit below it.
#[derive(Debug, Clone)]
pub struct Unit {
    /// `r-…` or `ou-…`.
    pub id: String,
    /// Service control policies.
    pub scps: Vec<Document>,
    /// Resource control policies.
    pub rcps: Vec<Document>,
    /// The accounts that are in it, and in none below.
    pub accounts: Vec<String>,
    /// Units below.
    pub units: Vec<Unit>,
}

impl std::fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessKey").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

fn active() -> String {
    "Active".to_owned()
}

/// What is wrong with a world's file.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadWorld(String);

/// The built-in world: the two accounts of the flow, with the documents of `infra/policies`.
const TUTORIAL: &str = include_str!("../worlds/tutorial.json");

/// The documents that it names.
const POLICIES: [(&str, &str); 4] = [
    ("../../../infra/policies/member-trust.json", include_str!("../../../infra/policies/member-trust.json")),
    (
        "../../../infra/policies/member-permissions.json",
        include_str!("../../../infra/policies/member-permissions.json"),
    ),
    ("../../../infra/policies/hub-trust.json", include_str!("../../../infra/policies/hub-trust.json")),
    (
        "../../../infra/policies/hub-permissions.json",
        include_str!("../../../infra/policies/hub-permissions.json"),
    ),
];

impl World {
    /// Account `111111111111` with `IAMListRole` and a handful of users, and `222222222222` with `LambdaRole`.
    ///
    /// # Errors
    /// None, unless the crate was built wrong.
    pub fn tutorial() -> Result<Self, BadWorld> {
        Self::tutorial_with(|_, document| document.to_owned())
    }

    /// The same with documents that `change` makes of those of `infra/policies`, each told by its file's name.
    ///
    /// # Errors
    /// Where a changed document is no policy.
    pub fn tutorial_with(change: impl Fn(&str, &str) -> String) -> Result<Self, BadWorld> {
        Self::parse(TUTORIAL, |path| {
            let document = POLICIES.iter().find(|(known, _)| *known == path);
            let (path, document) = document.ok_or(io::ErrorKind::NotFound)?;
            Ok(change(path.rsplit('/').next().unwrap_or_default(), document))
        })
    }

    /// Reads a world's file. Policies that it names by path are looked for from its folder.
    ///
    /// # Errors
    /// [`BadWorld`] says where it is wrong.
    pub fn read(file: &Path) -> Result<Self, BadWorld> {
        let shown = file.display();
        let text = std::fs::read_to_string(file).map_err(|error| BadWorld(format!("{shown}: {error}")))?;
        let folder = file.parent().unwrap_or(Path::new("."));
        let open = |path: &str| {
            let path = folder.join(path);
            let looked =
                |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
            std::fs::read_to_string(&path).map_err(looked)
        };
        Self::parse(&text, open).map_err(|problem| BadWorld(format!("{shown}: {problem}")))
    }

    /// Reads a world. `open` gives the text of a policy that is named by path.
    ///
    /// # Errors
    /// [`BadWorld`] says where it is wrong.
    pub fn parse(text: &str, open: impl Fn(&str) -> io::Result<String>) -> Result<Self, BadWorld> {
        let file: File = json(text).map_err(|error| {
            BadWorld(format!(
                "{error}; a world is like {{\"accounts\": {{\"111111111111\": {{\"roles\": {{}}, \"users\": {{}}}}}}}}"
            ))
        })?;
        let documents = Documents { open: &open };
        let mut world = Self::default();
        for (account_id, account) in file.accounts {
            if account_id.len() != 12 || !account_id.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(BadWorld(format!(
                    "accounts: {account_id:?} is no account id, AWS account ids have 12 digits"
                )));
            }
            let account = account.build(&account_id, &documents)?;
            world.accounts.insert(account_id, account);
        }
        if let Some(organization) = file.organization {
            let root = organization.root.build("organization.root", &documents)?;
            let mut known = std::collections::BTreeSet::new();
            for account_id in root.all_accounts() {
                if !known.insert(account_id) {
                    return Err(BadWorld(format!(
                        "organization: account {account_id:?} is in two units, and can be in one"
                    )));
                }
                if !world.accounts.contains_key(account_id) {
                    return Err(BadWorld(format!(
                        "organization: account {account_id:?} is none of accounts"
                    )));
                }
            }
            let FileOrganization { id, management_account, .. } = organization;
            world.organization = Some(Organization { id, management_account, root });
        }
        Ok(world)
    }

    /// A role by its ARN.
    #[must_use]
    pub fn role(&self, arn: &str) -> Option<&Role> {
        let account = self.accounts.get(arn.split(':').nth(4)?)?;
        account.roles.get(arn.rsplit('/').next()?).filter(|role| role.arn == arn)
    }

    /// The root and the units above an account, the root first; nothing where it is in no organisation.
    #[must_use]
    pub fn units_above(&self, account_id: &str) -> Vec<&Unit> {
        let mut path = Vec::new();
        if let Some(organization) = &self.organization {
            organization.root.find(account_id, &mut path);
        }
        path
    }
}

impl Organization {
    /// The ARN of one of its policies, by the document's name.
    ///
    /// Source: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsorganizations.html>
    #[must_use]
    pub(crate) fn policy_arn(&self, kind: Kind, document: &str) -> String {
        let Self { id, management_account, .. } = self;
        let kind = if kind == Kind::Rcp { "resource_control_policy" } else { "service_control_policy" };
        let policy_id = unique_id("p-", id, document).to_ascii_lowercase();
        let policy_id = policy_id.get(..12).unwrap_or_default();
        format!("arn:aws:organizations::{management_account}:policy/{id}/{kind}/{policy_id}")
    }
}

impl Unit {
    fn find<'a>(&'a self, account_id: &str, path: &mut Vec<&'a Self>) -> bool {
        path.push(self);
        if self.accounts.iter().any(|id| id == account_id)
            || self.units.iter().any(|unit| unit.find(account_id, path))
        {
            return true;
        }
        path.pop();
        false
    }

    fn all_accounts(&self) -> Vec<&String> {
        self.accounts.iter().chain(self.units.iter().flat_map(Self::all_accounts)).collect()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    accounts: BTreeMap<String, FileAccount>,
    organization: Option<FileOrganization>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileAccount {
    #[serde(default)]
    roles: BTreeMap<String, FileRole>,
    #[serde(default)]
    users: BTreeMap<String, FileUser>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileRole {
    #[serde(default = "slash")]
    path: String,
    trust_policy: Value,
    #[serde(default)]
    policies: Vec<Value>,
    permissions_boundary: Option<Value>,
    #[serde(default = "an_hour")]
    max_session_duration: u32,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileUser {
    #[serde(default = "slash")]
    path: String,
    user_id: Option<String>,
    create_date: Timestamp,
    password_last_used: Option<Timestamp>,
    #[serde(default)]
    policies: Vec<Value>,
    permissions_boundary: Option<Value>,
    #[serde(default)]
    access_keys: Vec<AccessKey>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileOrganization {
    id: String,
    management_account: String,
    root: FileUnit,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileUnit {
    id: String,
    /// Everything is allowed where the file does not say, as `FullAWSAccess` does.
    scps: Option<Vec<Value>>,
    #[serde(default)]
    rcps: Vec<Value>,
    #[serde(default)]
    accounts: Vec<String>,
    #[serde(default)]
    units: Vec<FileUnit>,
}

fn slash() -> String {
    "/".to_owned()
}

fn an_hour() -> u32 {
    3600
}

impl FileAccount {
    fn build<F: Fn(&str) -> io::Result<String>>(
        self,
        account_id: &str,
        documents: &Documents<'_, F>,
    ) -> Result<Account, BadWorld> {
        let mut account = Account::default();
        distinct(&format!("accounts.{account_id}.roles"), self.roles.keys())?;
        distinct(&format!("accounts.{account_id}.users"), self.users.keys())?;
        for (name, role) in self.roles {
            let at = format!("accounts.{account_id}.roles.{name}");
            let role = Role {
                arn: format!("arn:aws:iam::{account_id}:role{}{name}", role.path),
                trust_policy: documents.one(&format!("{at}.trust_policy"), role.trust_policy, Kind::Trust)?,
                policies: documents.all(&format!("{at}.policies"), role.policies, Kind::Identity)?,
                permissions_boundary: documents.optional(&at, role.permissions_boundary)?,
                max_session_duration: role.max_session_duration,
                tags: role.tags,
            };
            account.roles.insert(name, role);
        }
        for (name, user) in self.users {
            let at = format!("accounts.{account_id}.users.{name}");
            let user = User {
                arn: format!("arn:aws:iam::{account_id}:user{}{name}", user.path),
                path: user.path,
                user_id: user.user_id.unwrap_or_else(|| unique_id("AIDA", account_id, &name)),
                create_date: user.create_date,
                password_last_used: user.password_last_used,
                policies: documents.all(&format!("{at}.policies"), user.policies, Kind::Identity)?,
                permissions_boundary: documents.optional(&at, user.permissions_boundary)?,
                access_keys: user.access_keys,
                tags: user.tags,
            };
            account.users.insert(name, user);
        }
        Ok(account)
    }
}

impl FileUnit {
    fn build<F: Fn(&str) -> io::Result<String>>(
        self,
        at: &str,
        documents: &Documents<'_, F>,
    ) -> Result<Unit, BadWorld> {
        let full_access = || {
            let statement = serde_json::json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
            vec![serde_json::json!({ "Version": "2012-10-17", "Statement": [statement] })]
        };
        let scps = self.scps.unwrap_or_else(full_access);
        let units = self.units.into_iter().enumerate();
        let units = units
            .map(|(n, unit)| unit.build(&format!("{at}.units[{n}]"), documents))
            .collect::<Result<_, _>>()?;
        Ok(Unit {
            scps: documents.all(&format!("{at}.scps"), scps, Kind::Scp)?,
            rcps: documents.all(&format!("{at}.rcps"), self.rcps, Kind::Rcp)?,
            id: self.id,
            accounts: self.accounts,
            units,
        })
    }
}

/// Names are unique in their account, whatever their case.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
fn distinct<'a>(at: &str, names: impl Iterator<Item = &'a String>) -> Result<(), BadWorld> {
    let mut known = BTreeMap::new();
    for name in names {
        if let Some(other) = known.insert(name.to_ascii_lowercase(), name) {
            return Err(BadWorld(format!(
                "{at}: {other:?} and {name:?} differ in case alone, and AWS has one of them"
            )));
        }
    }
    Ok(())
}

/// Reads JSON. Some editors put a byte order mark before it.
fn json<T: serde::de::DeserializeOwned>(text: &str) -> serde_json::Result<T> {
    serde_json::from_str(text.trim_start_matches('\u{feff}'))
}

/// An id that AWS would make up, the same each time.
pub(crate) fn unique_id(prefix: &str, account_id: &str, name: &str) -> String {
    let id =
        uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, format!("{prefix}/{account_id}/{name}").as_bytes());
    let text = id.simple().to_string().to_ascii_uppercase();
    format!("{prefix}{}", text.get(..17).unwrap_or_default())
}

/// Reads policies, written out or named by path.
struct Documents<'a, F> {
    open: &'a F,
}

impl<F: Fn(&str) -> io::Result<String>> Documents<'_, F> {
    fn one(&self, at: &str, value: Value, kind: Kind) -> Result<Document, BadWorld> {
        let (name, value) = match value {
            Value::String(path) => {
                let wrong = |problem: &dyn std::fmt::Display| BadWorld(format!("{at}: {path}: {problem}"));
                let text = (self.open)(&path).map_err(|error| wrong(&error))?;
                let value = json(&text).map_err(|error| wrong(&error))?;
                (path.trim_start_matches("../").to_owned(), value)
            }
            written => (at.to_owned(), written),
        };
        let wrong = |problem| BadWorld(format!("{at}: {problem}"));
        let policy = Policy::parse(&value, kind).map_err(wrong)?;
        // What AWS would not store is not tried: it would seem to work.
        policy
            .errors(kind)
            .into_iter()
            .next()
            .map_or(Ok(Document { name, policy }), |error| Err(wrong(error)))
    }

    fn all(&self, at: &str, values: Vec<Value>, kind: Kind) -> Result<Vec<Document>, BadWorld> {
        let numbered = values.into_iter().enumerate();
        numbered.map(|(number, value)| self.one(&format!("{at}[{number}]"), value, kind)).collect()
    }

    fn optional(&self, at: &str, value: Option<Value>) -> Result<Option<Document>, BadWorld> {
        let at = format!("{at}.permissions_boundary");
        value.map(|value| self.one(&at, value, Kind::Boundary)).transpose()
    }
}
