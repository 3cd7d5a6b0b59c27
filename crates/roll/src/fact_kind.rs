//! The facts that can be read of an account, one row each, and what a run selects of them.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Declares the facts: the variant, its name in files and flags, and its label for people.
macro_rules! fact_kinds {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $label:literal;)+) => {
        /// A fact that can be read of an account.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum FactKind {
            $($(#[doc = $doc])+ #[serde(rename = $name)] $variant,)+
        }

        impl FactKind {
            /// All of them, in the order in which they are read.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in roll files, flags and settings.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// What it is, for people.
            #[must_use]
            pub fn label(self) -> &'static str {
                match self {
                    $(Self::$variant => $label,)+
                }
            }
        }
    };
}

fact_kinds! {
    /// The account's users: `iam:ListUsers`.
    Users = "users", "users";
    /// The users' access keys: `iam:ListAccessKeys`.
    AccessKeys = "access_keys", "access keys";
    /// When, for what and where the keys were last used: `iam:GetAccessKeyLastUsed`.
    LastUsed = "last_used", "last use";
    /// Whether all users were listed: `iam:GetAccountSummary`.
    ControlTotal = "control_total", "number of users";
    /// The users' console passwords: `iam:GetLoginProfile`.
    ConsolePassword = "console_password", "console passwords";
    /// The users' MFA devices: `iam:ListMFADevices`.
    MfaDevices = "mfa_devices", "MFA devices";
    /// The users' groups, policies, boundaries and tags: `iam:GetAccountAuthorizationDetails`.
    Policies = "policies", "groups and policies";
    /// The credential report: `iam:GenerateCredentialReport`, `iam:GetCredentialReport`.
    CredentialReport = "credential_report", "credential report";
    /// The account's alias: `iam:ListAccountAliases`.
    AccountAlias = "account_alias", "account alias";
    /// Whether root credentials are managed centrally: `iam:ListOrganizationsFeatures`.
    RootCredentials = "root_credentials", "management of root credentials";
}

impl fmt::Display for FactKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that is none of a fact.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no fact")]
pub struct UnknownFact(String);

impl FromStr for FactKind {
    type Err = UnknownFact;

    fn from_str(text: &str) -> Result<Self, UnknownFact> {
        let kind = Self::ALL.iter().find(|kind| kind.name() == text);
        kind.copied().ok_or_else(|| UnknownFact(text.to_owned()))
    }
}

/// What a run reads of each account: which facts, of which users, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactSelection {
    /// The facts.
    pub facts: BTreeSet<FactKind>,
    /// How users are read.
    #[serde(default)]
    pub user_source: UserSource,
    /// Read this user alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// Read the users below this path alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_prefix: Option<String>,
}

/// How users are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum UserSource {
    /// Each user live.
    #[default]
    #[serde(rename = "live")]
    Live,
    /// From the credential report, and live only those who have keys there, or are younger than it. Keys that were made
    /// since are missing.
    #[serde(rename = "credential-report")]
    CredentialReport,
}

impl UserSource {
    /// The name in flags and settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::CredentialReport => "credential-report",
        }
    }
}

/// A text that names no way to read users.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown user source {0:?}; expected live or credential-report")]
pub struct UnknownUserSource(String);

impl FromStr for UserSource {
    type Err = UnknownUserSource;

    fn from_str(text: &str) -> Result<Self, UnknownUserSource> {
        [Self::Live, Self::CredentialReport]
            .into_iter()
            .find(|source| source.name() == text)
            .ok_or_else(|| UnknownUserSource(text.to_owned()))
    }
}

impl Default for FactSelection {
    /// Users and their keys, of all users, live: what the two permissions of the flow allow.
    fn default() -> Self {
        let facts = BTreeSet::from([FactKind::Users, FactKind::AccessKeys]);
        Self { facts, user_source: UserSource::Live, user_name: None, path_prefix: None }
    }
}

impl FactSelection {
    /// Whether a fact is read.
    #[must_use]
    pub fn contains(&self, fact: FactKind) -> bool {
        self.facts.contains(&fact)
    }

    /// What the selection leaves out of an account, for people.
    #[must_use]
    pub(crate) fn limits(&self) -> Vec<String> {
        let reads =
            (self.user_source == UserSource::CredentialReport).then(|| "reads from the report".to_owned());
        reads.into_iter().chain(self.user_limits()).collect()
    }

    /// Which users alone are read, for people: `of user alice`; nothing where all are.
    #[must_use]
    pub fn user_limits(&self) -> Vec<String> {
        let user = self.user_name.as_ref().map(|name| format!("of user {name}"));
        let path = self.path_prefix.as_ref().map(|path| format!("of users below {path}"));
        user.into_iter().chain(path).collect()
    }

    /// The names of the facts, with commas between.
    #[must_use]
    pub fn names(&self) -> String {
        self.facts.iter().map(|fact| fact.name()).collect::<Vec<_>>().join(",")
    }
}

impl fmt::Display for FactSelection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names())?;
        self.limits().iter().try_for_each(|limit| write!(f, "; {limit}"))
    }
}

#[cfg(test)]
mod tests {
    use super::{FactKind, FactSelection};

    #[test]
    fn every_fact_is_read_by_its_name_and_written_with_it() {
        for fact in FactKind::ALL {
            assert_eq!(fact.name().parse::<FactKind>().unwrap(), *fact);
            assert_eq!(serde_json::to_value(fact).unwrap(), fact.name());
        }
        assert!("keys".parse::<FactKind>().is_err());
    }

    #[test]
    fn a_path_that_holds_what_separates_facts_stays_one_path() {
        let selection = FactSelection { path_prefix: Some("/a;b,c/".to_owned()), ..FactSelection::default() };
        assert_eq!(selection.limits(), ["of users below /a;b,c/"]);
        let written = serde_json::to_string(&selection).unwrap();
        assert_eq!(serde_json::from_str::<FactSelection>(&written).unwrap(), selection);
    }
}
