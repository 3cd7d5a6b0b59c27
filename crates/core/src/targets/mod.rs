//! Whom to ask.
//!
//! 1. [`accounts_file`]: accounts as a file names them;
//! 2. [`organization`]: accounts as AWS Organizations lists them;
//! 3. [`choice`]: which of them are meant;
//! 4. [`named`]: from a named account to how it is read;
//! 5. [`options`]: what a person can set of all that, and [`plan`], which folds it;
//! 6. [`Targets`]: all of them, each once, in one partition.

pub mod account_filter;
pub mod accounts_file;
pub mod options;
pub mod organization;
pub mod plan;
pub mod target_spec;

use std::collections::BTreeMap;

use rolecall_roll::{Account, AccountId, ExternalId, Partition, RoleArn};

pub use account_filter::AccountFilter;
pub use plan::TargetPlan;
pub use target_spec::{RoleArnTemplate, TargetSpec};

/// An account to read, or to leave alone for a reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The account.
    pub account_id: AccountId,
    /// How it is read.
    pub access: Access,
    /// What is known of it besides.
    pub account: Option<Account>,
}

/// How an account is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Through a role in it.
    Role(Role),
    /// With the caller's own credentials: it is the caller's own account.
    CallerCredentials,
    /// Not at all, for this reason.
    Skipped(String),
}

/// A role to become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// The role; it says which account.
    pub role_arn: RoleArn,
    /// What the role's trust policy asks for, where it asks.
    pub external_id: Option<ExternalId>,
    /// The roles to become on the way, the first first. With any, a session lasts an hour at most.
    pub via: Vec<RoleArn>,
}

impl Target {
    /// An account that is read through this role.
    #[must_use]
    pub fn from_role(role_arn: RoleArn, external_id: Option<ExternalId>) -> Self {
        let account_id = role_arn.account_id().clone();
        Self {
            account_id,
            access: Access::Role(Role { role_arn, external_id, via: Vec::new() }),
            account: None,
        }
    }

    /// The role through which it is read, where it is.
    #[must_use]
    pub fn role(&self) -> Option<&Role> {
        match &self.access {
            Access::Role(role) => Some(role),
            Access::CallerCredentials | Access::Skipped(_) => None,
        }
    }

    /// The same as the roll has it.
    #[must_use]
    pub fn to_roll_target(&self) -> rolecall_roll::Target {
        let role_arn = self.role().map(|role| role.role_arn.clone());
        rolecall_roll::Target { account_id: self.account_id.clone(), role_arn }
    }
}

/// Targets that can be asked in one run: at least one, each account once, all in one partition.
#[derive(Debug, Clone)]
pub struct Targets {
    targets: Vec<Target>,
    partition: Partition,
}

impl Targets {
    /// Merges targets that say the same, and sorts them. Where none of them says its partition, it is `otherwise`.
    ///
    /// # Errors
    /// [`TargetConflict`] where there are none, or they cannot be asked in one run.
    pub fn new(
        targets: impl IntoIterator<Item = Target>,
        otherwise: Partition,
    ) -> Result<Self, TargetConflict> {
        let mut by_account: BTreeMap<AccountId, Target> = BTreeMap::new();
        for target in targets {
            let Some(first) = by_account.get_mut(&target.account_id) else {
                by_account.insert(target.account_id.clone(), target);
                continue;
            };
            match (&first.access, &target.access) {
                (first, second) if first == second => {}
                (Access::Role(first), Access::Role(second)) if first.role_arn != second.role_arn => {
                    let (first, second) = (first.role_arn.clone(), second.role_arn.clone());
                    return Err(TargetConflict::Roles(first.into(), second.into()));
                }
                (Access::Role(first), Access::Role(second)) if first.external_id != second.external_id => {
                    return Err(TargetConflict::ExternalIds(first.role_arn.clone().into()));
                }
                (Access::Role(first), Access::Role(_)) => {
                    return Err(TargetConflict::Chains(first.role_arn.clone().into()));
                }
                _ => return Err(TargetConflict::Access(target.account_id)),
            }
            match (&first.account, target.account) {
                (None, known) => first.account = known,
                (Some(Account { name: Some(first), .. }), Some(Account { name: Some(second), .. }))
                    if *first != second =>
                {
                    return Err(TargetConflict::Names(target.account_id, Box::new([first.clone(), second])));
                }
                (Some(_), _) => {}
            }
        }
        let targets: Vec<Target> = by_account.into_values().collect();
        if targets.is_empty() {
            return Err(TargetConflict::NoTargets);
        }
        let mut role_arns = targets.iter().filter_map(Target::role).map(|role| &role.role_arn);
        let Some(first) = role_arns.next() else {
            return Ok(Self { targets, partition: otherwise });
        };
        let partition = first.partition();
        match role_arns.find(|role_arn| role_arn.partition() != partition) {
            Some(other) => Err(TargetConflict::Partitions(first.clone().into(), other.clone().into())),
            None => Ok(Self { targets, partition }),
        }
    }

    /// Those of them that are meant.
    #[must_use]
    pub fn filter(&self, is_meant: impl Fn(&Target) -> bool) -> Vec<&Target> {
        self.targets.iter().filter(|target| is_meant(target)).collect()
    }

    /// The partition that all of them are in.
    #[must_use]
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// Whether a region is one of the targets' partition: the STS of another knows neither them nor their callers.
    ///
    /// # Errors
    /// [`TargetConflict::Region`] where it is not.
    pub fn check_region(&self, region: &str) -> Result<(), TargetConflict> {
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if region.is_empty() || !region.chars().all(is_name) {
            return Err(TargetConflict::NoRegion(region.to_owned()));
        }
        let of_region = Partition::from_region(region);
        if of_region == self.partition {
            return Ok(());
        }
        Err(TargetConflict::Region { region: region.to_owned(), of_region, of_targets: self.partition })
    }

    /// The targets, by account id.
    #[must_use]
    pub fn as_slice(&self) -> &[Target] {
        &self.targets
    }

    /// The targets as the roll's header has them.
    #[must_use]
    pub fn to_roll_targets(&self) -> Vec<rolecall_roll::Target> {
        self.targets.iter().map(Target::to_roll_target).collect()
    }
}

/// Why targets cannot be asked in one run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetConflict {
    /// There are none.
    #[error("there is no account to ask")]
    NoTargets,
    /// An account is named with two roles.
    #[error("one account is named with two roles, {0} and {1}; name one")]
    Roles(Box<RoleArn>, Box<RoleArn>),
    /// A role is named with two external ids.
    #[error("{0} is named with two different external ids; name one")]
    ExternalIds(Box<RoleArn>),
    /// A role is named with two chains of roles to it.
    #[error("{0} is named with two different chains of roles to it; name one")]
    Chains(Box<RoleArn>),
    /// An account is named with a role and without, or to be skipped and not.
    #[error("account {0} is named twice, and not in the same way; name it once")]
    Access(AccountId),
    /// An account is called two names.
    #[error("account {0} is called {first:?} and {second:?}; call it one", first = .1[0], second = .1[1])]
    Names(AccountId, Box<[String; 2]>),
    /// They are in different partitions, and no credentials are good in two.
    #[error(
        "{0} and {1} are in different partitions, and no credentials are good in both; ask them in two runs"
    )]
    Partitions(Box<RoleArn>, Box<RoleArn>),
    /// The region is no name of one.
    #[error("region {0:?} is none, a region is named like us-east-1")]
    NoRegion(String),
    /// The region is in another partition than they are.
    #[error(
        "region {region} is in partition {of_region}, but the roles are in {of_targets}; set the region to one of theirs, such as {}",
        .of_targets.default_region()
    )]
    Region {
        /// The region.
        region: String,
        /// The partition that it is in.
        of_region: Partition,
        /// The partition that the roles are in.
        of_targets: Partition,
    },
}

#[cfg(test)]
mod tests {
    use rolecall_roll::{Account, Partition};

    use super::{Access, Target, TargetConflict, Targets};

    fn target(role_arn: &str, external_id: Option<&str>) -> Target {
        Target::from_role(role_arn.parse().unwrap(), external_id.map(|id| id.parse().unwrap()))
    }

    fn all(targets: impl IntoIterator<Item = Target>) -> Result<Targets, TargetConflict> {
        Targets::new(targets, Partition::AwsCn)
    }

    #[test]
    fn what_is_said_twice_is_asked_once_and_contradictions_are_errors() {
        let a = || target("arn:aws:iam::111111111111:role/R", None);
        let b = || target("arn:aws:iam::000000000002:role/R", None);
        let known = Target { account: Some(Account::default()), ..a() };
        let targets = all([a(), b(), known.clone()]).unwrap();
        assert_eq!(targets.as_slice(), [b(), known], "and nothing that is known is forgotten");
        assert_eq!(targets.partition(), Partition::Aws);
        let own = Target { access: Access::CallerCredentials, ..a() };
        assert_eq!(all([own.clone()]).unwrap().partition(), Partition::AwsCn);

        let other_role = target("arn:aws:iam::111111111111:role/S", None);
        assert!(matches!(all([a(), other_role]), Err(TargetConflict::Roles(..))));
        let other_id = target("arn:aws:iam::111111111111:role/R", Some("secret-id"));
        let refused = all([a(), other_id]).unwrap_err();
        assert!(!refused.to_string().contains("secret-id"), "{refused}");
        let called = |name: &str| {
            let account = Account { name: Some(name.to_owned()), ..Account::default() };
            Target { account: Some(account), ..a() }
        };
        assert!(matches!(all([called("x"), called("y")]), Err(TargetConflict::Names(..))));
        let china = target("arn:aws-cn:iam::333333333333:role/R", None);
        assert!(matches!(all([a(), china]), Err(TargetConflict::Partitions(..))));
        assert!(matches!(all([a(), own]), Err(TargetConflict::Access(_))));
        assert_eq!(all([]).unwrap_err(), TargetConflict::NoTargets);
    }
}
