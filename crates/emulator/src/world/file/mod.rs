//! A world as a file that a person can write.
//!
//! 1. `format`: the fields, as they are written;
//! 2. `accounts`, `organization`: what the emulator makes of them;
//! 3. `policies`: policies that are written out or named by path;
//! 4. `validation`: what AWS would not store.

mod accounts;
mod format;
mod organization;
mod policies;
mod validation;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use self::format::File;
use self::policies::Documents;
use self::validation::{check_access_keys, is_account_id};
use super::World;

/// What is wrong with a world's file.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvalidWorld(String);

impl InvalidWorld {
    pub(super) fn new(problem: impl Into<String>) -> Self {
        Self(problem.into())
    }
}

/// The built-in world: the two accounts of the flow, with the documents of `infra/policies`.
const TUTORIAL: &str = include_str!("../../../worlds/tutorial.json");

/// The documents that it names.
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
    /// Account `111111111111` with `IAMListRole` and a handful of users, and `222222222222` with `LambdaRole`.
    ///
    /// # Errors
    /// None, unless the crate was built wrong.
    pub fn tutorial() -> Result<Self, InvalidWorld> {
        Self::tutorial_with(|_, document| document.to_owned())
    }

    /// The same with documents that `change` makes of those of `infra/policies`, each told by its file's name.
    ///
    /// # Errors
    /// Where a changed document is no policy.
    pub fn tutorial_with(change: impl Fn(&str, &str) -> String) -> Result<Self, InvalidWorld> {
        Self::parse(TUTORIAL, |path| {
            let document = POLICIES.iter().find(|(known, _)| *known == path);
            let (path, document) = document.ok_or(io::ErrorKind::NotFound)?;
            Ok(change(path.rsplit('/').next().unwrap_or_default(), document))
        })
    }

    /// Reads a world's file. Policies that it names by path are looked for from its folder.
    ///
    /// # Errors
    /// [`InvalidWorld`] says where it is wrong.
    pub fn read(file: &Path) -> Result<Self, InvalidWorld> {
        let shown = file.display();
        let text =
            std::fs::read_to_string(file).map_err(|error| InvalidWorld::new(format!("{shown}: {error}")))?;
        let folder = file.parent().unwrap_or(Path::new("."));
        let open = |path: &str| {
            let path = folder.join(path);
            let looked =
                |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
            std::fs::read_to_string(&path).map_err(looked)
        };
        Self::parse(&text, open).map_err(|problem| InvalidWorld::new(format!("{shown}: {problem}")))
    }

    /// Reads a world. `open` gives the text of a policy that is named by path.
    ///
    /// # Errors
    /// [`InvalidWorld`] says where it is wrong.
    pub fn parse(text: &str, open: impl Fn(&str) -> io::Result<String>) -> Result<Self, InvalidWorld> {
        let file = read_json(text).map_err(|problem| {
            InvalidWorld::new(format!(
                "{problem}; a world is like {{\"accounts\": {{\"111111111111\": {{\"roles\": {{}}, \"users\": {{}}}}}}}}"
            ))
        })?;
        let documents = Documents { open: &open };
        let fault_injection = file
            .fault_injection
            .validated()
            .map_err(|problem| InvalidWorld::new(format!("fault_injection: {problem}")))?;
        let mut world = Self { fault_injection, ..Self::default() };
        let mut members = BTreeMap::new();
        for (account_id, account) in file.accounts {
            if !is_account_id(&account_id) {
                return Err(InvalidWorld::new(format!(
                    "accounts: {account_id:?} is no account id, AWS account ids have 12 digits"
                )));
            }
            members.insert(account_id.clone(), account.member(&account_id, &documents)?);
            let account = account.build(&account_id, &documents)?;
            world.accounts.insert(account_id, Arc::new(account));
        }
        check_access_keys(&world.accounts)?;
        world.organization = file.organization.map(|it| it.build(&members, &documents)).transpose()?;
        Ok(world)
    }
}

/// Reads the file, or says at which of its fields it is wrong.
fn read_json(text: &str) -> Result<File, InvalidWorld> {
    let text = text.trim_start_matches('\u{feff}');
    if !text.trim_start().starts_with('{') {
        return Err(InvalidWorld::new("it is no JSON object"));
    }
    rolecall_policy::json::parse::<Value>(text).map_err(|error| InvalidWorld::new(error.to_string()))?;
    let mut json = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut json).map_err(|error| match error.path().to_string().as_str() {
        "." => InvalidWorld::new(error.inner().to_string()),
        path => InvalidWorld::new(format!("{path}: {}", error.inner())),
    })
}
