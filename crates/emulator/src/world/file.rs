//! A world as a file that a person can write.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use rolecall_policy::{Document, Kind, Policy};
use serde::Deserialize;
use serde_json::Value;

use super::{
    AccessKey, Account, Behaviour, LoginProfile, Member, MfaDevice, Organization, Role, Root, Unit, User,
    World, unique_id,
};

/// What is wrong with a world's file.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadWorld(String);

impl BadWorld {
    pub(super) fn new(problem: impl Into<String>) -> Self {
        Self(problem.into())
    }
}

/// The built-in world: the two accounts of the flow, with the documents of `infra/policies`.
const TUTORIAL: &str = include_str!("../../worlds/tutorial.json");

/// The documents that it names.
const POLICIES: [(&str, &str); 4] = [
    (
        "../../../infra/policies/member-trust.json",
        include_str!("../../../../infra/policies/member-trust.json"),
    ),
    (
        "../../../infra/policies/member-permissions.json",
        include_str!("../../../../infra/policies/member-permissions.json"),
    ),
    ("../../../infra/policies/hub-trust.json", include_str!("../../../../infra/policies/hub-trust.json")),
    (
        "../../../infra/policies/hub-permissions.json",
        include_str!("../../../../infra/policies/hub-permissions.json"),
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
        let file = read_json(text).map_err(|problem| {
            BadWorld(format!(
                "{problem}; a world is like {{\"accounts\": {{\"111111111111\": {{\"roles\": {{}}, \"users\": {{}}}}}}}}"
            ))
        })?;
        let documents = Documents { open: &open };
        let behaviour =
            file.behaviour.checked().map_err(|problem| BadWorld(format!("behaviour: {problem}")))?;
        let mut world = Self { behaviour, ..Self::default() };
        let mut members = BTreeMap::new();
        for (account_id, account) in file.accounts {
            if account_id.len() != 12 || !account_id.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(BadWorld(format!(
                    "accounts: {account_id:?} is no account id, AWS account ids have 12 digits"
                )));
            }
            members.insert(account_id.clone(), account.member(&account_id, &documents)?);
            let account = account.build(&account_id, &documents)?;
            world.accounts.insert(account_id, Arc::new(account));
        }
        let mut owners = BTreeMap::new();
        for (account_id, account) in &world.accounts {
            for (name, user) in &account.users {
                let owner = format!("accounts.{account_id}.users.{name}");
                for AccessKey { access_key_id, .. } in &user.access_keys {
                    if let Some(other) = owners.insert(access_key_id, owner.clone()) {
                        return Err(BadWorld(format!(
                            "{owner}: access key {access_key_id} is one of {other} too"
                        )));
                    }
                }
            }
        }
        world.organization = file.organization.map(|it| it.build(&members, &documents)).transpose()?;
        Ok(world)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    accounts: BTreeMap<String, FileAccount>,
    organization: Option<FileOrganization>,
    #[serde(default)]
    behaviour: Behaviour,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileAccount {
    name: Option<String>,
    email: Option<String>,
    #[serde(default = "is_active")]
    state: String,
    joined: Option<Timestamp>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    /// As `FullAWSAccess` where the file does not say.
    scps: Option<Vec<Value>>,
    #[serde(default)]
    rcps: Vec<Value>,
    #[serde(default)]
    hangs: bool,
    alias: Option<String>,
    #[serde(default)]
    root: Root,
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
    login_profile: Option<LoginProfile>,
    #[serde(default)]
    mfa_devices: Vec<MfaDevice>,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    attached_policies: Vec<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileOrganization {
    id: String,
    management_account: String,
    #[serde(default)]
    delegated_administrators: Vec<String>,
    #[serde(default)]
    manages_root_credentials: bool,
    root: FileUnit,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileUnit {
    id: String,
    /// The id where the file does not say; the root's is `Root`.
    name: Option<String>,
    /// Everything is allowed where the file does not say, as `FullAWSAccess` does.
    scps: Option<Vec<Value>>,
    #[serde(default)]
    rcps: Vec<Value>,
    #[serde(default)]
    accounts: Vec<String>,
    #[serde(default)]
    units: Vec<FileUnit>,
}

fn is_active() -> String {
    "ACTIVE".to_owned()
}

fn slash() -> String {
    "/".to_owned()
}

fn an_hour() -> u32 {
    3600
}

impl FileAccount {
    /// What an organisation would know of it; its unit is yet to be found.
    fn member<F: Fn(&str) -> io::Result<String>>(
        &self,
        account_id: &str,
        documents: &Documents<'_, F>,
    ) -> Result<Member, BadWorld> {
        // https://docs.aws.amazon.com/organizations/latest/APIReference/API_Account.html
        const STATES: [&str; 5] = ["PENDING_ACTIVATION", "ACTIVE", "SUSPENDED", "PENDING_CLOSURE", "CLOSED"];
        if !STATES.contains(&self.state.as_str()) {
            let (state, known) = (&self.state, STATES.join(", "));
            return Err(BadWorld(format!("accounts.{account_id}.state: {state:?} is none of {known}")));
        }
        let at = format!("accounts.{account_id}.scps");
        let scps = self.scps.clone().map(|scps| documents.all(&at, scps, Kind::Scp));
        Ok(Member {
            unit: 0,
            name: self.name.clone().unwrap_or_else(|| format!("account-{account_id}")),
            email: self.email.clone().unwrap_or_else(|| format!("aws+{account_id}@example.com")),
            state: self.state.clone(),
            joined: self.joined.unwrap_or(Timestamp::constant(1_577_836_800, 0)),
            tags: self.tags.clone(),
            scps: scps.transpose()?,
            rcps: documents.all(&format!("accounts.{account_id}.rcps"), self.rcps.clone(), Kind::Rcp)?,
        })
    }

    fn build<F: Fn(&str) -> io::Result<String>>(
        self,
        account_id: &str,
        documents: &Documents<'_, F>,
    ) -> Result<Account, BadWorld> {
        let Self { hangs, alias, root, .. } = &self;
        let mut account =
            Account { hangs: *hangs, alias: alias.clone(), root: root.clone(), ..Account::default() };
        distinct(&format!("accounts.{account_id}.roles"), self.roles.keys())?;
        distinct(&format!("accounts.{account_id}.users"), self.users.keys())?;
        for (name, role) in self.roles {
            let at = format!("accounts.{account_id}.roles.{name}");
            named(&at, &name)?;
            path_of(&at, &role.path)?;
            tags_of(&at, &role.tags)?;
            // https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
            if !(3600..=43_200).contains(&role.max_session_duration) {
                let seconds = role.max_session_duration;
                return Err(BadWorld(format!(
                    "{at}.max_session_duration: {seconds} is out of range, IAM allows 3600 to 43200 seconds"
                )));
            }
            let role = Role {
                arn: format!("arn:aws:iam::{account_id}:role{}{name}", role.path),
                trust_policy: documents.one(&format!("{at}.trust_policy"), role.trust_policy, Kind::Trust)?,
                policies: documents.all(&format!("{at}.policies"), role.policies, Kind::Identity)?,
                permissions_boundary: documents.optional(&at, role.permissions_boundary)?,
                max_session_duration: role.max_session_duration,
                tags: role.tags,
            };
            account.roles.insert(name, Arc::new(role));
        }
        for (name, user) in self.users {
            let at = format!("accounts.{account_id}.users.{name}");
            named(&at, &name)?;
            path_of(&at, &user.path)?;
            tags_of(&at, &user.tags)?;
            for (number, key) in user.access_keys.iter().enumerate() {
                key.check(&format!("{at}.access_keys[{number}]"))?;
            }
            let mut policies = documents.all(&format!("{at}.policies"), user.policies, Kind::Identity)?;
            let numbered = policies.iter().enumerate();
            let inline_policies = numbered.map(|(number, document)| {
                (format!("policy-{}", number + 1), document.policy.source().to_string())
            });
            let inline_policies = inline_policies.collect();
            for arn in &user.attached_policies {
                policies.push(documents.managed(&at, arn)?);
            }
            let user = User {
                login_profile: user.login_profile,
                mfa_devices: user.mfa_devices,
                groups: user.groups,
                inline_policies,
                attached_policies: user.attached_policies,
                arn: format!("arn:aws:iam::{account_id}:user{}{name}", user.path),
                path: user.path,
                user_id: user.user_id.unwrap_or_else(|| unique_id("AIDA", account_id, &name)),
                create_date: user.create_date,
                password_last_used: user.password_last_used,
                policies,
                permissions_boundary: documents.optional(&at, user.permissions_boundary)?,
                access_keys: user.access_keys,
                tags: user.tags,
            };
            account.users.insert(name, Arc::new(user));
        }
        Ok(account)
    }
}

impl AccessKey {
    /// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKey.html>
    fn check(&self, at: &str) -> Result<(), BadWorld> {
        let id = &self.access_key_id;
        if !(16..=128).contains(&id.len()) || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(BadWorld(format!("{at}.access_key_id: {id:?} is not 16 to 128 letters and digits")));
        }
        if !["Active", "Inactive", "Expired"].contains(&self.status.as_str()) {
            let status = &self.status;
            return Err(BadWorld(format!("{at}.status: {status:?} is none of Active, Inactive, Expired")));
        }
        // It is not repeated: somebody may have put a real one here.
        if self.secret_access_key.as_ref().is_some_and(|secret| secret.chars().count() != 40) {
            return Err(BadWorld(format!("{at}.secret_access_key: one has 40 characters")));
        }
        Ok(())
    }
}

impl FileOrganization {
    fn build<F: Fn(&str) -> io::Result<String>>(
        self,
        accounts: &BTreeMap<String, Member>,
        documents: &Documents<'_, F>,
    ) -> Result<Organization, BadWorld> {
        let Self { id, management_account, delegated_administrators, manages_root_credentials, root } = self;
        if management_account.len() != 12 || !management_account.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(BadWorld(format!(
                "organization.management_account: {management_account:?} is no account id of 12 digits"
            )));
        }
        let (mut units, mut members) = (Vec::new(), BTreeMap::new());
        let root_name = root.name.clone().unwrap_or_else(|| "Root".to_owned());
        root.build("organization.root", None, documents, &mut units, &mut |account_id, unit| {
            let problem = match accounts.get(account_id) {
                None => "is none of accounts",
                Some(member) => {
                    match members.insert(account_id.to_owned(), Member { unit, ..member.clone() }) {
                        None => return Ok(()),
                        Some(_) => "is in two units, and can be in one",
                    }
                }
            };
            Err(BadWorld(format!("organization: account {account_id:?} {problem}")))
        })?;
        if let Some(root) = units.first_mut() {
            root.name = root_name;
        }
        if let Some(member) = accounts.get(&management_account) {
            members.entry(management_account.clone()).or_insert_with(|| member.clone());
        }
        for account_id in &delegated_administrators {
            if !members.contains_key(account_id) {
                return Err(BadWorld(format!(
                    "organization.delegated_administrators: account {account_id:?} is in none of its units"
                )));
            }
        }
        Ok(Organization {
            id,
            management_account,
            delegated_administrators,
            manages_root_credentials,
            units,
            members,
        })
    }
}

impl FileUnit {
    /// Adds itself and what is below it to `units`, and tells `put` which accounts are in which.
    fn build<F: Fn(&str) -> io::Result<String>>(
        self,
        at: &str,
        parent: Option<usize>,
        documents: &Documents<'_, F>,
        units: &mut Vec<Unit>,
        put: &mut dyn FnMut(&str, usize) -> Result<(), BadWorld>,
    ) -> Result<(), BadWorld> {
        let full_access = || {
            let statement = serde_json::json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
            vec![serde_json::json!({ "Version": "2012-10-17", "Statement": [statement] })]
        };
        let own = units.len();
        if let Some(other) = units.iter().find(|unit| unit.id == self.id) {
            return Err(BadWorld(format!("{at}.id: {:?} is that of another unit too", other.id)));
        }
        units.push(Unit {
            name: self.name.unwrap_or_else(|| self.id.clone()),
            id: self.id,
            parent,
            scps: documents.all(&format!("{at}.scps"), self.scps.unwrap_or_else(full_access), Kind::Scp)?,
            rcps: documents.all(&format!("{at}.rcps"), self.rcps, Kind::Rcp)?,
        });
        self.accounts.iter().try_for_each(|account_id| put(account_id, own))?;
        for (n, unit) in self.units.into_iter().enumerate() {
            unit.build(&format!("{at}.units[{n}]"), Some(own), documents, units, put)?;
        }
        Ok(())
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

/// Reads the file, or says at which of its fields it is wrong.
fn read_json(text: &str) -> Result<File, String> {
    let text = text.trim_start_matches('\u{feff}');
    if !text.trim_start().starts_with('{') {
        return Err("it is no JSON object".to_owned());
    }
    rolecall_policy::json::parse::<Value>(text).map_err(|error| error.to_string())?;
    let mut json = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut json).map_err(|error| match error.path().to_string().as_str() {
        "." => error.inner().to_string(),
        path => format!("{path}: {}", error.inner()),
    })
}

/// A name that IAM allows a role or a user.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
fn named(at: &str, name: &str) -> Result<(), BadWorld> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if name.is_empty() || name.chars().count() > 64 || !name.chars().all(is_name) {
        return Err(BadWorld(format!("{at}: a name has 1 to 64 letters, digits and any of _+=,.@-")));
    }
    Ok(())
}

/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-friendly-names>
fn path_of(at: &str, path: &str) -> Result<(), BadWorld> {
    let is_path = path.starts_with('/')
        && path.ends_with('/')
        && path != "//"
        && path.len() <= 512
        && path.chars().all(|c| c.is_ascii_graphic());
    if is_path {
        return Ok(());
    }
    Err(BadWorld(format!("{at}.path: {path:?} is no path, one is like \"/\" or \"/ci/\"")))
}

/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html>
fn tags_of(at: &str, tags: &BTreeMap<String, String>) -> Result<(), BadWorld> {
    distinct(&format!("{at}.tags"), tags.keys())?;
    let is_wrong = |(key, value): &(&String, &String)| {
        let length = key.chars().count();
        !(1..=128).contains(&length)
            || value.chars().count() > 256
            || key.to_ascii_lowercase().starts_with("aws:")
    };
    tags.iter().find(is_wrong).map_or(Ok(()), |(key, _)| {
        let rule =
            "a tag has a key of 1 to 128 characters, not beginning with aws:, and a value of up to 256";
        Err(BadWorld(format!("{at}.tags.{key}: {rule}")))
    })
}

/// Managed policies of AWS's, and what they allow on everything.
///
/// Source: <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html>
const MANAGED: [(&str, &[&str]); 2] = [
    ("arn:aws:iam::aws:policy/AdministratorAccess", &["*"]),
    (
        "arn:aws:iam::aws:policy/IAMReadOnlyAccess",
        &[
            "iam:GenerateCredentialReport",
            "iam:GenerateServiceLastAccessedDetails",
            "iam:Get*",
            "iam:List*",
            "iam:SimulateCustomPolicy",
            "iam:SimulatePrincipalPolicy",
        ],
    ),
];

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
                let value = rolecall_policy::json::parse(&text).map_err(|error| wrong(&error))?;
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

    /// A managed policy of AWS's that this emulator knows.
    fn managed(&self, at: &str, arn: &str) -> Result<Document, BadWorld> {
        let Some((_, actions)) = MANAGED.iter().find(|(known, _)| *known == arn) else {
            let known: Vec<&str> = MANAGED.iter().map(|(arn, _)| *arn).collect();
            return Err(BadWorld(format!(
                "{at}.attached_policies: {arn:?} is none that the emulator knows, which are {}",
                known.join(", ")
            )));
        };
        let statement = serde_json::json!({ "Effect": "Allow", "Action": actions, "Resource": "*" });
        let policy = serde_json::json!({ "Version": "2012-10-17", "Statement": [statement] });
        let document = self.one(at, policy, Kind::Identity)?;
        Ok(Document { name: arn.to_owned(), ..document })
    }

    fn optional(&self, at: &str, value: Option<Value>) -> Result<Option<Document>, BadWorld> {
        let at = format!("{at}.permissions_boundary");
        value.map(|value| self.one(&at, value, Kind::Boundary)).transpose()
    }
}
