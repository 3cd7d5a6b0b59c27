//! The facts that can be read in an account, one row each, and the selection of facts that a run reads.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Declares the facts: the variant, its name in files and flags, and its label for people.
macro_rules! fact_kinds {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $label:literal;)+) => {
        /// A kind of fact that can be read in an account. The file and the flag `--collect` use its name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum FactKind {
            $($(#[doc = $doc])+ #[serde(rename = $name)] $variant,)+
        }

        impl FactKind {
            /// All kinds, in the order in which they are read.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in roll files, flags and settings.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// The label in reports, such as `access keys`.
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
    /// When, for which service and in which region the keys were last used: `iam:GetAccessKeyLastUsed`.
    LastUsed = "last_used", "last use";
    /// Whether all users were listed: `iam:GetAccountSummary`.
    ControlTotal = "control_total", "account summary";
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

/// A text that is not the name of a fact.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown fact {0:?}")]
pub struct UnknownFact(String);

impl FromStr for FactKind {
    type Err = UnknownFact;

    fn from_str(text: &str) -> Result<Self, UnknownFact> {
        let kind = Self::ALL.iter().find(|kind| kind.name() == text);
        kind.copied().ok_or_else(|| UnknownFact(text.to_owned()))
    }
}

/// What a run reads in each account: which facts, of which users, from which source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactSelection {
    /// The facts that are requested.
    pub facts: BTreeSet<FactKind>,
    /// Where users are read from.
    #[serde(default)]
    pub user_source: UserSource,
    /// Read only this user; `None` reads all users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// Read only the users under this path, such as `/ci/`; `None` reads all users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_prefix: Option<String>,
}

impl FactSelection {
    /// Whether only some of an account's users are read.
    #[must_use]
    pub fn is_of_some_users(&self) -> bool {
        self.user_name.is_some() || self.path_prefix.is_some()
    }
}

/// Where users are read from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum UserSource {
    /// IAM API calls for each user.
    #[default]
    #[serde(rename = "live")]
    Live,
    /// The credential report. API calls are made only for users who have keys in the report or were created after it.
    /// Keys that were created after the report are missing.
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

/// A text that is not the name of a [`UserSource`].
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
    /// All users and their access keys, from the API: this needs only `iam:ListUsers` and `iam:ListAccessKeys`.
    fn default() -> Self {
        let facts = BTreeSet::from([FactKind::Users, FactKind::AccessKeys]);
        Self { facts, user_source: UserSource::Live, user_name: None, path_prefix: None }
    }
}

impl FactSelection {
    /// Whether the selection includes a fact.
    #[must_use]
    pub fn contains(&self, fact: FactKind) -> bool {
        self.facts.contains(&fact)
    }

    /// What limits the users and keys that are read, as noun phrases; empty where nothing does.
    #[must_use]
    pub(crate) fn limits(&self) -> Vec<String> {
        let source = (self.user_source == UserSource::CredentialReport)
            .then(|| "keys of users who have keys in the credential report, and of newer users".to_owned());
        source.into_iter().chain(self.user_limits()).collect()
    }

    /// The only users that are read, as noun phrases such as `user alice`; empty where all users are read.
    #[must_use]
    pub fn user_limits(&self) -> Vec<String> {
        let user = self.user_name.as_ref().map(|name| format!("user {name}"));
        let path = self.path_prefix.as_ref().map(|path| format!("users under path {path}"));
        user.into_iter().chain(path).collect()
    }

    /// The names of the facts, separated by commas.
    #[must_use]
    pub fn names(&self) -> String {
        self.facts.iter().map(|fact| fact.name()).collect::<Vec<_>>().join(",")
    }
}

impl fmt::Display for FactSelection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names())?;
        self.limits().iter().try_for_each(|limit| write!(f, "; only {limit}"))
    }
}

#[cfg(test)]
mod tests {
    use super::{FactKind, FactSelection};

    #[test]
    fn every_fact_is_parsed_from_its_name_and_written_as_it() {
        for fact in FactKind::ALL {
            assert_eq!(fact.name().parse::<FactKind>().unwrap(), *fact);
            assert_eq!(serde_json::to_value(fact).unwrap(), fact.name());
        }
        assert!("keys".parse::<FactKind>().is_err());
    }

    #[test]
    fn a_path_that_contains_separators_stays_one_path() {
        let selection = FactSelection { path_prefix: Some("/a;b,c/".to_owned()), ..FactSelection::default() };
        assert_eq!(selection.limits(), ["users under path /a;b,c/"]);
        let written = serde_json::to_string(&selection).unwrap();
        assert_eq!(serde_json::from_str::<FactSelection>(&written).unwrap(), selection);
    }
}
