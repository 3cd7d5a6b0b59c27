//! The least-privilege documents of both sides, computed from what a scan calls.
//!
//! 1. `names`: names that stand in policies only;
//! 2. `trust`: the trust policies of the hub role and of the roles that it assumes;
//! 3. `permissions`: what these roles may do;
//! 4. [`cloudformation`]: a role with its documents, as a template.

pub mod cloudformation;
mod names;
mod permissions;
pub(crate) mod trust;

use std::fmt;
use std::str::FromStr;

use rolecall_policy::PolicyType;
use rolecall_roll::{ExternalId, FactSelection, Partition, RoleArn, RoleSessionName};
use serde::{Serialize, Serializer};

pub use names::{FunctionName, InvalidName, OrganizationId, PermissionSetName};
pub use permissions::KEY_LOOKUP_ACTION;

use crate::statement::PolicyDocument;

/// What a scan needs access to, through which roles.
#[derive(Debug, Clone)]
pub struct RequiredAccess {
    /// The role that Rolecall runs as in the hub account.
    pub hub_role: RoleArn,
    /// The roles that it assumes.
    pub members: MemberRoles,
    /// How the trust policies name the hub role.
    pub trust: Trust,
    /// The organization that the hub account is in; `None` where it is in none, or it is not known.
    pub organization_id: Option<OrganizationId>,
    /// The role that it assumes to list the accounts of the organization; `None` where the hub role lists them itself, or
    /// the members are listed one by one.
    pub organization_role: Option<RoleArn>,
    /// The external id that the trust policies of the member roles require; `None` for none.
    pub external_id: Option<ExternalId>,
    /// The name of the sessions; `None` for that of the run.
    pub session_name: Option<RoleSessionName>,
    /// The source identity that is set on the sessions; `None` for none.
    pub source_identity: Option<RoleSessionName>,
    /// The session tags that are set on the sessions.
    pub session_tags: Vec<(String, String)>,
    /// The facts that are read.
    pub selection: FactSelection,
    /// The Lambda function whose log the hub role writes.
    pub function_name: FunctionName,
}

/// The roles that the hub role assumes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberRoles {
    /// These roles.
    Listed(Vec<RoleArn>),
    /// The role of this name in every account of an organization, also in those that join it later.
    Organization {
        /// The organization.
        id: OrganizationId,
        /// The role's path and name, such as `security/IAMListRole`.
        path_and_name: String,
    },
}

/// How the trust policies name the hub role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// By its ARN as principal. IAM stores it as the id of this one role: a role that is deleted and created again is not
    /// trusted.
    Role,
    /// The hub account as principal, with conditions for the role's ARN and the organization: a role that is created again
    /// is trusted.
    Organization {
        /// The organization that the hub account must belong to.
        id: OrganizationId,
        /// A permission set of IAM Identity Center whose role in the hub account is trusted too; `None` for none.
        permission_set: Option<PermissionSetName>,
    },
}

/// Why documents cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAccess {
    /// There are no member roles.
    #[error("no member role is given")]
    NoMembers,
    /// A role is in another partition than the hub role.
    #[error("{0} is in another partition than the hub role {1}; AWS does not assume roles across partitions")]
    OtherPartition(Box<RoleArn>, Box<RoleArn>),
    /// A path has a character that is a wildcard or a variable in a policy.
    #[error("role {0:?} has the character {1:?}, which a policy would take for a wildcard or a variable")]
    PatternCharacter(String, char),
    /// The member roles have different names or paths.
    #[error("one template cannot create member roles of different names or paths: {0}")]
    DifferentNames(String),
}

impl RequiredAccess {
    /// The access of a scan with the default facts, without member roles yet.
    #[must_use]
    pub fn new(hub_role: RoleArn, trust: Trust) -> Self {
        Self {
            hub_role,
            members: MemberRoles::Listed(Vec::new()),
            trust,
            organization_id: None,
            organization_role: None,
            external_id: None,
            session_name: None,
            source_identity: None,
            session_tags: Vec::new(),
            selection: FactSelection::default(),
            function_name: FunctionName::default(),
        }
    }

    /// The partition of all roles.
    #[must_use]
    pub fn partition(&self) -> Partition {
        self.hub_role.partition()
    }

    /// The patterns of the member roles' ARNs, as a policy has them.
    #[must_use]
    pub fn member_patterns(&self) -> Vec<String> {
        match &self.members {
            MemberRoles::Listed(roles) => roles.iter().map(ToString::to_string).collect(),
            MemberRoles::Organization { path_and_name, .. } => {
                vec![format!("arn:{}:iam::*:role/{path_and_name}", self.partition())]
            }
        }
    }

    /// Whether all accounts of an organization are read, also those that join it later.
    #[must_use]
    pub fn reads_organization(&self) -> bool {
        matches!(self.members, MemberRoles::Organization { .. })
    }

    fn check(&self) -> Result<(), InvalidAccess> {
        let listed = match &self.members {
            MemberRoles::Listed(roles) if roles.is_empty() => return Err(InvalidAccess::NoMembers),
            MemberRoles::Listed(roles) => roles.as_slice(),
            MemberRoles::Organization { path_and_name, .. } => {
                check_characters(path_and_name)?;
                &[]
            }
        };
        for role in listed.iter().chain(&self.organization_role).chain([&self.hub_role]) {
            check_characters(role.as_str())?;
            if role.partition() != self.partition() {
                let (role, hub) = (Box::new(role.clone()), Box::new(self.hub_role.clone()));
                return Err(InvalidAccess::OtherPartition(role, hub));
            }
        }
        Ok(())
    }
}

/// IAM allows every printable ASCII character in a path, also those that have a meaning in policies.
fn check_characters(role: &str) -> Result<(), InvalidAccess> {
    let special = role.chars().find(|c| ['*', '?', '$'].contains(c));
    special.map_or(Ok(()), |c| Err(InvalidAccess::PatternCharacter(role.to_owned(), c)))
}

/// Declares the documents: the variant, its name, the role that has it.
macro_rules! document_names {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $role:ident;)+) => {
        /// The documents of the roles.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum DocumentName {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl DocumentName {
            /// All names, in the order in which the documents are printed and the roles are created: IAM rejects a trust
            /// policy that names a role which does not exist yet.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in files and flags.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// The role that has the document.
            #[must_use]
            pub fn role(self) -> RoleKind {
                match self {
                    $(Self::$variant => RoleKind::$role,)+
                }
            }
        }
    };
}

document_names! {
    /// Who may use the hub role: Lambda.
    HubTrust = "hub-trust", Hub;
    /// What the hub role may do.
    HubPermissions = "hub-permissions", Hub;
    /// Who may assume the member role: the hub role.
    MemberTrust = "member-trust", Member;
    /// What the member role may do.
    MemberPermissions = "member-permissions", Member;
    /// Who may assume the role that lists the accounts of the organization: the hub role.
    OrganizationTrust = "organization-trust", Organization;
    /// What the role that lists the accounts of the organization may do.
    OrganizationPermissions = "organization-permissions", Organization;
}

impl DocumentName {
    /// Whether it is a trust policy.
    #[must_use]
    pub fn is_trust(self) -> bool {
        matches!(self, Self::HubTrust | Self::MemberTrust | Self::OrganizationTrust)
    }

    /// The type of policy that it is.
    pub(crate) fn policy_type(self) -> PolicyType {
        if self.is_trust() { PolicyType::Trust } else { PolicyType::Identity }
    }
}

impl fmt::Display for DocumentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for DocumentName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A text that is not the name of a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown document {0:?}")]
pub struct UnknownDocument(String);

impl FromStr for DocumentName {
    type Err = UnknownDocument;

    fn from_str(text: &str) -> Result<Self, UnknownDocument> {
        let name = Self::ALL.iter().find(|name| name.as_str() == text);
        name.copied().ok_or_else(|| UnknownDocument(text.to_owned()))
    }
}

/// The roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RoleKind {
    /// The role that Rolecall runs as.
    Hub,
    /// The role in each account that is read.
    Member,
    /// The role that lists the accounts of the organization.
    Organization,
}

impl RoleKind {
    /// All roles, in the order in which they are created.
    pub const ALL: [Self; 3] = [Self::Hub, Self::Member, Self::Organization];

    /// The name in files and flags.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hub => "hub",
            Self::Member => "member",
            Self::Organization => "organization",
        }
    }
}

/// The documents by name. As JSON, an object with a document for each name.
#[derive(Debug, Clone)]
pub struct Documents(Vec<(DocumentName, PolicyDocument)>);

impl Documents {
    /// A document; `None` where the access does not need it.
    #[must_use]
    pub fn get(&self, name: DocumentName) -> Option<&PolicyDocument> {
        self.0.iter().find(|(it, _)| *it == name).map(|(_, document)| document)
    }

    /// The documents, in the order of [`DocumentName::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (DocumentName, &PolicyDocument)> {
        self.0.iter().map(|(name, document)| (*name, document))
    }

    /// The documents of one role alone.
    #[must_use]
    pub fn of_role(&self, role: RoleKind) -> Self {
        Self(self.0.iter().filter(|(name, _)| name.role() == role).cloned().collect())
    }
}

impl Serialize for Documents {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(name, document)| (name.as_str(), document)))
    }
}

/// The documents that allow what a scan needs, and nothing else.
///
/// # Errors
/// [`InvalidAccess`] where no policy could give this access.
pub fn documents(access: &RequiredAccess) -> Result<Documents, InvalidAccess> {
    access.check()?;
    let document = |name: DocumentName| match name {
        DocumentName::HubTrust => Some(trust::of_hub()),
        DocumentName::HubPermissions => Some(permissions::of_hub(access)),
        DocumentName::MemberTrust => Some(trust::of_member(access)),
        DocumentName::MemberPermissions => Some(permissions::of_member(&access.selection)),
        DocumentName::OrganizationTrust => {
            access.organization_role.as_ref().map(|_| trust::of_organization_role(access))
        }
        DocumentName::OrganizationPermissions => {
            access.organization_role.as_ref().map(|_| permissions::of_organization_role(&access.selection))
        }
    };
    let all = DocumentName::ALL.iter().filter_map(|name| Some((*name, document(*name)?)));
    Ok(Documents(all.collect()))
}

#[cfg(test)]
mod tests {
    use super::{DocumentName, InvalidAccess, MemberRoles, RequiredAccess, Trust, documents};

    const HUB: &str = "arn:aws-cn:iam::222222222222:role/security/LambdaRole";

    fn access(members: &[&str]) -> RequiredAccess {
        let members = members.iter().map(|arn| arn.parse().unwrap()).collect();
        RequiredAccess {
            members: MemberRoles::Listed(members),
            ..RequiredAccess::new(HUB.parse().unwrap(), Trust::Role)
        }
    }

    #[test]
    fn every_arn_has_the_partition_of_the_hub_role() {
        let member = "arn:aws-cn:iam::111111111111:role/IAMListRole";
        let organization_role = Some("arn:aws-cn:iam::999999999999:role/ListAccounts".parse().unwrap());
        let id = "o-example001".parse().unwrap();
        let trust = Trust::Organization { id, permission_set: Some("Audit".parse().unwrap()) };
        let access = RequiredAccess { trust, organization_role, ..access(&[member]) };
        let text = serde_json::to_string(&documents(&access).unwrap()).unwrap();
        assert!(text.contains(member) && text.contains(HUB));
        assert!(text.contains("arn:aws-cn:logs:") && !text.contains("arn:aws:"), "{text}");
    }

    #[test]
    fn what_no_policy_could_give_is_an_error() {
        assert_eq!(documents(&access(&[])).unwrap_err(), InvalidAccess::NoMembers);
        let other = documents(&access(&["arn:aws:iam::111111111111:role/R"])).unwrap_err().to_string();
        assert!(other.contains("arn:aws:iam::111111111111:role/R") && other.contains(HUB), "{other}");
        for path in ["a*b", "?", "${aws:username}"] {
            let arn = format!("arn:aws-cn:iam::111111111111:role/{path}/R");
            let problem = documents(&access(&[&arn])).unwrap_err();
            assert!(matches!(problem, InvalidAccess::PatternCharacter(..)), "{problem}");
        }
    }

    #[test]
    fn a_document_is_found_by_its_name_and_has_a_role() {
        for name in DocumentName::ALL {
            assert_eq!(name.as_str().parse::<DocumentName>().unwrap(), *name);
            assert!(name.as_str().starts_with(name.role().as_str()), "{name}");
            assert_eq!(name.is_trust(), name.as_str().ends_with("-trust"));
        }
        assert!("trust".parse::<DocumentName>().is_err());
    }

    #[test]
    fn debug_does_not_show_the_external_id() {
        let external_id = Some("the-external-id".parse().unwrap());
        let access =
            RequiredAccess { external_id, ..access(&["arn:aws-cn:iam::111111111111:role/IAMListRole"]) };
        let documents = documents(&access).unwrap();
        assert!(serde_json::to_string(&documents).unwrap().contains("the-external-id"));
        assert!(!format!("{access:?} {documents:?}").contains("the-external-id"));
    }
}
