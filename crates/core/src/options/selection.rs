//! The options that select what is read of each account.

use std::collections::BTreeSet;

use rolecall_roll::{FactKind, FactSelection, UserSource};

use crate::collect::{FactSet, parse_facts};
use crate::options::row::{ToText, one, options};
use crate::options::settings::ConflictingOptions;

options! {
    /// The options that select what is read of each account.
    SelectionOptions {
        /// Facts to read, separated by commas, or one of `default`, `recommended`, `all`
        collect: BTreeSet<FactKind> = FactSelection::default().facts, Text("FACTS"), Some("collect"),
            |texts| one(texts, parse_facts), initial "\"recommended\"";

        /// Source of the user data. `live` reads each user. `credential-report` makes fewer calls: users who had no access
        /// key in the report are listed without keys, even if they got one after it; all other users are read
        user_source: UserSource = UserSource::default(), Text("live|credential-report"), Some("user_source"), |texts| one(texts, str::parse);

        /// Read only this user; needs iam:GetUser
        user: String = (), Text("NAME"), None, |texts| one(texts, parse_user_name), narrows true;

        /// Read only users under this path, such as /ci/
        path_prefix: String = (), Text("PATH"), None, |texts| one(texts, parse_path_prefix), narrows true;
    }
}

impl SelectionOptions {
    /// The selection: the options that were given, and the defaults of the others.
    ///
    /// # Errors
    /// Where one layer (flags, variables or the file) gives both a user and a path.
    pub fn resolve(self) -> Result<FactSelection, ConflictingOptions> {
        let (user, path_prefix) = match (self.user, self.path_prefix) {
            (Some(user), Some(path)) if user.origin == path.origin => {
                return Err(ConflictingOptions("user", "path_prefix"));
            }
            // The layer that takes precedence decides, and the other layer's option is ignored.
            (Some(user), Some(path)) if user.origin > path.origin => (Some(user), None),
            (Some(_), Some(path)) => (None, Some(path)),
            either => either,
        };
        let default = FactSelection::default();
        Ok(FactSelection {
            facts: self.collect.map_or(default.facts, |given| given.value),
            user_source: self.user_source.map_or(default.user_source, |given| given.value),
            user_name: user.map(|given| given.value),
            path_prefix: path_prefix.map(|given| given.value),
        })
    }
}

impl ToText for BTreeSet<FactKind> {
    fn to_text(&self) -> Option<String> {
        let set = FactSet::ALL.into_iter().find(|set| set.facts().collect::<Self>() == *self);
        let names = || FactSelection { facts: self.clone(), ..FactSelection::default() }.names();
        Some(set.map_or_else(names, |set| set.name().to_owned()))
    }
}

impl ToText for UserSource {
    fn to_text(&self) -> Option<String> {
        Some(self.name().to_owned())
    }
}

/// An IAM user name, which may be written with its path, as reports print it.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetUser.html>
///
/// # Errors
/// What is wrong with it.
pub fn parse_user_name(text: &str) -> Result<String, String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    // Reports print a user with the path, as in /ci/deployer. A name is unique in its account without it.
    let name = if text.starts_with('/') { text.rsplit('/').next().unwrap_or_default() } else { text };
    if (1..=64).contains(&name.len()) && name.chars().all(is_name) {
        return Ok(name.to_owned());
    }
    Err("not a valid user name; IAM allows 1 to 64 letters, digits and the characters _+=,.@-".to_owned())
}

/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListUsers.html>
fn parse_path_prefix(text: &str) -> Result<String, String> {
    if text.len() <= 512 && text.starts_with('/') && text.chars().all(|c| ('!'..='\u{7f}').contains(&c)) {
        return Ok(text.to_owned());
    }
    Err("not a valid path; expected a path that begins with /, such as /ci/".to_owned())
}
