//! The target accounts.
//!
//! 1. [`accounts_file`]: accounts from a file;
//! 2. [`organization`]: accounts that AWS Organizations lists;
//! 3. [`account_filter`]: selects among them;
//! 4. [`target_spec`]: from an account's entry to how the account is read;
//! 5. [`plan`]: combines the options for all of this, which are in [`crate::options::targets`];
//! 6. [`Targets`]: the resolved targets, each account once, all in one partition.

pub mod account_filter;
pub mod accounts_file;
pub mod organization;
pub mod plan;
pub mod target_spec;

use std::collections::BTreeMap;
use std::fmt;

use rolecall_roll::{Account, AccountId, ExternalId, NeutralTerms, Partition, RoleArn, Terms};

pub use account_filter::AccountFilter;
pub use plan::TargetPlan;
pub use target_spec::{RoleArnTemplate, TargetSource, TargetSpec};

/// An account to read, or to skip for a reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The account's id, 12 digits.
    pub account_id: AccountId,
    /// How it is read.
    pub access: Access,
    /// Name, email, organizational unit and tags, as far as known; `None` where nothing is.
    pub account: Option<Account>,
    /// Where it was given; `None` where that is not known.
    pub source: Option<TargetSource>,
}

/// How an account is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Through a role in it.
    Role(Role),
    /// With the caller's own credentials: it is the caller's own account.
    CallerCredentials,
    /// Not read, for this reason, such as `suspended`.
    Skipped(String),
}

/// A role to assume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// The role, which also gives the account.
    pub role_arn: RoleArn,
    /// The external id that the role's trust policy requires; `None` where it requires none.
    pub external_id: Option<ExternalId>,
    /// The intermediate roles to assume before it, in order. With role chaining, a session lasts at most one hour.
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
            source: None,
        }
    }

    /// The role through which the account is read; `None` where it is skipped or read with the caller's credentials.
    #[must_use]
    pub fn role(&self) -> Option<&Role> {
        match &self.access {
            Access::Role(role) => Some(role),
            Access::CallerCredentials | Access::Skipped(_) => None,
        }
    }

    /// The target in the roll's form.
    #[must_use]
    pub fn to_roll_target(&self) -> rolecall_roll::Target {
        let role_arn = self.role().map(|role| role.role_arn.clone());
        rolecall_roll::Target { account_id: self.account_id.clone(), role_arn }
    }
}

/// Targets that one run can read: at least one, each account once, all in one partition.
#[derive(Debug, Clone)]
pub struct Targets {
    targets: Vec<Target>,
    partition: Partition,
}

impl Targets {
    /// Merges equal targets, and sorts them by account id. Without any role, the partition is `default_partition`.
    ///
    /// # Errors
    /// [`TargetConflict`] where there are no targets, or one run cannot read them all.
    pub fn new(
        targets: impl IntoIterator<Item = Target>,
        default_partition: Partition,
    ) -> Result<Self, TargetConflict> {
        let mut by_account: BTreeMap<AccountId, Target> = BTreeMap::new();
        for target in targets {
            let Some(first) = by_account.get_mut(&target.account_id) else {
                by_account.insert(target.account_id.clone(), target);
                continue;
            };
            let sources = [first.source, target.source];
            match (&first.access, &target.access) {
                (first, second) if first == second => {}
                (Access::Role(first), Access::Role(second)) if first.role_arn != second.role_arn => {
                    let (first, second) = (first.role_arn.clone(), second.role_arn.clone());
                    return Err(TargetConflict::Roles(first.into(), second.into(), sources));
                }
                (Access::Role(first), Access::Role(second)) if first.external_id != second.external_id => {
                    return Err(TargetConflict::ExternalIds(first.role_arn.clone().into(), sources));
                }
                (Access::Role(first), Access::Role(_)) => {
                    return Err(TargetConflict::Chains(first.role_arn.clone().into(), sources));
                }
                _ => return Err(TargetConflict::Access(target.account_id, sources)),
            }
            match (&first.account, target.account) {
                (None, known) => first.account = known,
                (Some(Account { name: Some(first), .. }), Some(Account { name: Some(second), .. }))
                    if *first != second =>
                {
                    let names = Box::new([first.clone(), second]);
                    return Err(TargetConflict::Names(target.account_id, names, sources));
                }
                (Some(_), _) => {}
            }
        }
        let targets: Vec<Target> = by_account.into_values().collect();
        if targets.is_empty() {
            return Err(TargetConflict::NoTargets);
        }
        let mut role_arns = targets.iter().filter_map(|it| Some((&it.role()?.role_arn, it.source)));
        let Some((first, source)) = role_arns.next() else {
            return Ok(Self { targets, partition: default_partition });
        };
        let partition = first.partition();
        match role_arns.find(|(role_arn, _)| role_arn.partition() != partition) {
            Some((other, other_source)) => {
                let (first, other) = (first.clone().into(), other.clone().into());
                Err(TargetConflict::Partitions(first, other, [source, other_source]))
            }
            None => Ok(Self { targets, partition }),
        }
    }

    /// The targets for which the predicate is true.
    #[must_use]
    pub fn filter(&self, predicate: impl Fn(&Target) -> bool) -> Vec<&Target> {
        self.targets.iter().filter(|target| predicate(target)).collect()
    }

    /// The partition of all targets.
    #[must_use]
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// Checks that a region is in the targets' partition: the STS of another partition knows neither the roles nor the caller.
    ///
    /// # Errors
    /// [`TargetConflict::Region`] where it is in another partition, [`TargetConflict::InvalidRegion`] where it is not a valid
    /// region name.
    pub fn check_region(&self, region: &str) -> Result<(), TargetConflict> {
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if region.is_empty() || !region.chars().all(is_name) {
            return Err(TargetConflict::InvalidRegion(region.to_owned()));
        }
        let region_partition = Partition::from_region(region);
        if region_partition == self.partition {
            return Ok(());
        }
        Err(TargetConflict::Region {
            region: region.to_owned(),
            region_partition,
            targets_partition: self.partition,
        })
    }

    /// The targets, sorted by account id.
    #[must_use]
    pub fn as_slice(&self) -> &[Target] {
        &self.targets
    }

    /// The targets in the form of the roll's header.
    #[must_use]
    pub fn to_roll_targets(&self) -> Vec<rolecall_roll::Target> {
        self.targets.iter().map(Target::to_roll_target).collect()
    }
}

/// Where the two entries of a conflict were given, in the order of their values.
type Sources = [Option<TargetSource>; 2];

/// Why one run cannot read the targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetConflict {
    /// There are no targets.
    NoTargets,
    /// An account is given with two different roles.
    Roles(Box<RoleArn>, Box<RoleArn>, Sources),
    /// A role is given with two different external ids.
    ExternalIds(Box<RoleArn>, Sources),
    /// A role is given with two different chains of intermediate roles.
    Chains(Box<RoleArn>, Sources),
    /// An account is given twice, with two of: a role, the caller's credentials, to be skipped.
    Access(AccountId, Sources),
    /// An account is given with two different names.
    Names(AccountId, Box<[String; 2]>, Sources),
    /// The roles are in different partitions; credentials are valid in one partition only.
    Partitions(Box<RoleArn>, Box<RoleArn>, Sources),
    /// This is not a valid region name.
    InvalidRegion(String),
    /// The region is in another partition than the roles.
    Region {
        /// The region of the configuration.
        region: String,
        /// The region's partition.
        region_partition: Partition,
        /// The roles' partition.
        targets_partition: Partition,
    },
}

impl TargetConflict {
    /// The error message, with options named as the front end names them.
    #[must_use]
    pub fn to_text(&self, terms: &dyn Terms) -> String {
        let from = |source: &Option<TargetSource>| {
            source.map_or(String::new(), |source| format!(" (from {})", source.to_text(terms)))
        };
        let both = |[first, second]: &Sources| match (first, second) {
            (Some(first), Some(second)) if first != second => {
                format!(" (from {} and from {})", first.to_text(terms), second.to_text(terms))
            }
            (first, second) => from(&first.or(*second)),
        };
        match self {
            Self::NoTargets => "there are no target accounts".to_owned(),
            Self::Roles(first, second, [source, other]) => format!(
                "account {} is given with two roles, {first}{} and {second}{}; give only one",
                first.account_id(),
                from(source),
                from(other)
            ),
            Self::ExternalIds(role_arn, sources) => {
                format!("{role_arn} is given with two different external ids{}; give only one", both(sources))
            }
            Self::Chains(role_arn, sources) => {
                format!("{role_arn} is given with two different role chains{}; give only one", both(sources))
            }
            Self::Access(account_id, sources) => format!(
                "account {account_id} is given twice{}, with different access (a role, the caller's credentials, or \
                 skipped); give it once",
                both(sources)
            ),
            Self::Names(account_id, names, [source, other]) => {
                let [first, second] = &**names;
                let (source, other) = (from(source), from(other));
                format!(
                    "account {account_id} is given with two names, {first:?}{source} and {second:?}{other}; give only one"
                )
            }
            Self::Partitions(first, second, [source, other]) => format!(
                "{first}{} and {second}{} are in different partitions, and no credentials are valid in both; scan them in \
                 two runs",
                from(source),
                from(other)
            ),
            Self::InvalidRegion(region) => {
                format!(
                    "{region:?} is not a valid region (from --region, AWS_REGION or the profile); expected a name such as us-east-1"
                )
            }
            Self::Region { region, region_partition, targets_partition } => format!(
                "region {region} is in partition {region_partition}, but the roles are in {targets_partition}; set a region of \
                 that partition, such as {}",
                targets_partition.default_region()
            ),
        }
    }
}

impl fmt::Display for TargetConflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text(&NeutralTerms))
    }
}

impl std::error::Error for TargetConflict {}

#[cfg(test)]
mod tests {
    use rolecall_roll::{Account, Partition};

    use super::{Access, Target, TargetConflict, Targets};

    fn target(role_arn: &str, external_id: Option<&str>) -> Target {
        Target::from_role(role_arn.parse().unwrap(), external_id.map(|id| id.parse().unwrap()))
    }

    fn resolve(targets: impl IntoIterator<Item = Target>) -> Result<Targets, TargetConflict> {
        Targets::new(targets, Partition::AwsCn)
    }

    #[test]
    fn equal_targets_are_merged_and_conflicts_are_errors() {
        let a = || target("arn:aws:iam::111111111111:role/R", None);
        let b = || target("arn:aws:iam::000000000002:role/R", None);
        let known = Target { account: Some(Account::default()), ..a() };
        let targets = resolve([a(), b(), known.clone()]).unwrap();
        assert_eq!(targets.as_slice(), [b(), known], "the account's details are kept");
        assert_eq!(targets.partition(), Partition::Aws);
        let own = Target { access: Access::CallerCredentials, ..a() };
        assert_eq!(resolve([own.clone()]).unwrap().partition(), Partition::AwsCn);

        let other_role = target("arn:aws:iam::111111111111:role/S", None);
        assert!(matches!(resolve([a(), other_role]), Err(TargetConflict::Roles(..))));
        let other_id = target("arn:aws:iam::111111111111:role/R", Some("secret-id"));
        let conflict = resolve([a(), other_id]).unwrap_err();
        assert!(!conflict.to_string().contains("secret-id"), "{conflict}");
        let with_name = |name: &str| {
            let account = Account { name: Some(name.to_owned()), ..Account::default() };
            Target { account: Some(account), ..a() }
        };
        assert!(matches!(resolve([with_name("x"), with_name("y")]), Err(TargetConflict::Names(..))));
        let china = target("arn:aws-cn:iam::333333333333:role/R", None);
        assert!(matches!(resolve([a(), china]), Err(TargetConflict::Partitions(..))));
        assert!(matches!(resolve([a(), own]), Err(TargetConflict::Access(_, _))));
        assert_eq!(resolve([]).unwrap_err(), TargetConflict::NoTargets);
    }
}
