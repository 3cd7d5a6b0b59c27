//! A world as a JSON file that people write. `docs/emulator.md` describes it.
//!
//! 1. `format`: the fields, as serde reads them;
//! 2. `accounts`, `organization`: the accounts and the organization that are built from them;
//! 3. `caller`: whose credentials programs get, and the VPC endpoint that their requests pass;
//! 4. `policies`: policies, inline or by the path of a file;
//! 5. `validation`: values that AWS would reject.

mod accounts;
mod caller;
mod format;
mod organization;
mod policies;
mod validation;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use self::format::File;
use self::policies::PolicyLoader;
use self::validation::{check_access_keys, is_account_id};
use super::World;

/// The error for a world file that is not valid: the place, the value, and what to write there.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvalidWorld(String);

impl InvalidWorld {
    pub(super) fn new(problem: impl Into<String>) -> Self {
        Self(problem.into())
    }
}

/// The built-in world: the hub account and one member account, with the policies of `infra/policies`.
const TUTORIAL: &str = include_str!("../../../worlds/tutorial.json");

/// The policies that it names, by path.
const POLICIES: [(&str, &str); 4] = [
    (
        "../../../infra/policies/member-trust.json",
        include_str!("../../../../../infra/policies/member-trust.json"),
    ),
    (
        "../../../infra/policies/member-permissions.json",
        include_str!("../../../../../infra/policies/member-permissions.json"),
    ),
    ("../../../infra/policies/hub-trust.json", include_str!("../../../../../infra/policies/hub-trust.json")),
    (
        "../../../infra/policies/hub-permissions.json",
        include_str!("../../../../../infra/policies/hub-permissions.json"),
    ),
];

impl World {
    /// The built-in world: member account `111111111111` with `IAMListRole` and five users, and hub account
    /// `222222222222` with `LambdaRole`.
    ///
    /// # Errors
    /// Only if this crate's own files are not valid.
    pub fn tutorial() -> Result<Self, InvalidWorld> {
        Self::tutorial_with(|_, document| document.to_owned())
    }

    /// The built-in world with changed policies. `change` gets the name and the text of each file of `infra/policies`
    /// that the world uses, and returns the text to use.
    ///
    /// # Errors
    /// If a changed text is not a valid policy.
    pub fn tutorial_with(change: impl Fn(&str, &str) -> String) -> Result<Self, InvalidWorld> {
        Self::parse(TUTORIAL, |path| {
            let document = POLICIES.iter().find(|(name, _)| *name == path);
            let (path, document) = document.ok_or(io::ErrorKind::NotFound)?;
            Ok(change(path.rsplit('/').next().unwrap_or_default(), document))
        })
    }

    /// Reads a world file. Paths of policies in it are relative to its folder.
    ///
    /// # Errors
    /// [`InvalidWorld`] names the file, the place in it, the value, and what to write there.
    pub fn read(file: &Path) -> Result<Self, InvalidWorld> {
        let path = file.display();
        let text = std::fs::read_to_string(file)
            .map_err(|error| InvalidWorld::new(format!("{path}: cannot read the file: {error}")))?;
        let folder = file.parent().unwrap_or(Path::new("."));
        let open = |path: &str| {
            let policy_file = folder.join(path);
            let with_path = |error: io::Error| {
                io::Error::new(error.kind(), format!("{}: {error}", policy_file.display()))
            };
            std::fs::read_to_string(&policy_file).map_err(with_path)
        };
        Self::parse(&text, open).map_err(|problem| InvalidWorld::new(format!("{path}: {problem}")))
    }

    /// Reads the text of a world file. `open` returns the text of a policy by the path that the world file names.
    ///
    /// # Errors
    /// [`InvalidWorld`] names the place in the file, the value, and what to write there.
    pub fn parse(text: &str, open: impl Fn(&str) -> io::Result<String>) -> Result<Self, InvalidWorld> {
        let file: File = rolecall_json::parse(text).map_err(|problem| {
            let minimal =
                r#"; a minimal world is {"accounts": {"111111111111": {"roles": {}, "users": {}}}}"#;
            InvalidWorld::new(format!("{problem}{}", if problem.is_about_the_text() { minimal } else { "" }))
        })?;
        let policies = PolicyLoader { open: &open };
        let fault_injection = file
            .fault_injection
            .validated()
            .map_err(|problem| InvalidWorld::new(format!("fault_injection: {problem}")))?;
        let authorization_ids = file.authorization_ids;
        let mut world = Self { fault_injection, authorization_ids, ..Self::default() };
        let mut members = BTreeMap::new();
        for (account_id, account) in file.accounts {
            if !is_account_id(&account_id) {
                return Err(InvalidWorld::new(format!(
                    "accounts: {account_id:?} is not a valid account id; write its 12 digits, without dashes and with \
                     leading zeros"
                )));
            }
            members.insert(account_id.clone(), account.member(&account_id, &policies)?);
            let account = account.build(&account_id, &policies)?;
            world.accounts.insert(account_id, Arc::new(account));
        }
        check_access_keys(&world.accounts)?;
        world.organization = file.organization.map(|it| it.build(&members, &policies)).transpose()?;
        world.vpc_endpoint = file.vpc_endpoint.map(|it| it.build(&policies)).transpose()?;
        world.caller = file.caller.map(|it| it.build(&world, &policies)).transpose()?;
        Ok(world)
    }
}
