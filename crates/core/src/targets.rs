//! Whom to ask.

use std::collections::BTreeMap;

use rolecall_roll::{AccountId, ExternalId, Partition, RoleArn};

/// An account to read, through one role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The role to become; it says which account.
    pub role_arn: RoleArn,
    /// What the role's trust policy asks for, where it asks.
    pub external_id: Option<ExternalId>,
}

/// Targets that can be asked in one run: at least one, each account once, all in one partition.
#[derive(Debug, Clone)]
pub struct Targets {
    targets: Vec<Target>,
    partition: Partition,
}

impl Targets {
    /// Merges targets that say the same, and sorts them.
    ///
    /// # Errors
    /// [`Contradiction`] where there are none, or they cannot be asked in one run.
    pub fn new(targets: impl IntoIterator<Item = Target>) -> Result<Self, Contradiction> {
        let mut by_account: BTreeMap<AccountId, Target> = BTreeMap::new();
        for target in targets {
            let account_id = target.role_arn.account_id();
            match by_account.get(account_id) {
                None => {
                    by_account.insert(account_id.clone(), target);
                }
                Some(first) if *first == target => {}
                Some(first) if first.role_arn == target.role_arn => {
                    return Err(Contradiction::ExternalIds(target.role_arn.into()));
                }
                Some(first) => {
                    return Err(Contradiction::Roles(first.role_arn.clone().into(), target.role_arn.into()));
                }
            }
        }
        let targets: Vec<Target> = by_account.into_values().collect();
        let Some(first) = targets.first() else {
            return Err(Contradiction::NoTargets);
        };
        let partition = first.role_arn.partition();
        match targets.iter().find(|target| target.role_arn.partition() != partition) {
            Some(other) => {
                Err(Contradiction::Partitions(first.role_arn.clone().into(), other.role_arn.clone().into()))
            }
            None => Ok(Self { targets, partition }),
        }
    }

    /// The partition that all of them are in.
    #[must_use]
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// Whether a region is one of the targets' partition: the STS of another knows neither them nor their callers.
    ///
    /// # Errors
    /// [`Contradiction::Region`] where it is not.
    pub fn fit_region(&self, region: &str) -> Result<(), Contradiction> {
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if region.is_empty() || !region.chars().all(is_name) {
            return Err(Contradiction::NoRegion(region.to_owned()));
        }
        let of_region = Partition::of_region(region);
        if of_region == self.partition {
            return Ok(());
        }
        Err(Contradiction::Region { region: region.to_owned(), of_region, of_targets: self.partition })
    }

    /// The targets, by account id.
    #[must_use]
    pub fn as_slice(&self) -> &[Target] {
        &self.targets
    }

    /// The targets as the roll's header has them.
    #[must_use]
    pub fn for_header(&self) -> Vec<rolecall_roll::Target> {
        self.targets.iter().map(|target| target.role_arn.clone().into()).collect()
    }
}

/// Why targets cannot be asked in one run.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    /// There are none.
    #[error("there is no account to ask")]
    NoTargets,
    /// An account is named with two roles.
    #[error("one account is named with two roles, {0} and {1}; name one")]
    Roles(Box<RoleArn>, Box<RoleArn>),
    /// A role is named with two external ids.
    #[error("{0} is named with two different external ids; name one")]
    ExternalIds(Box<RoleArn>),
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
    use super::{Contradiction, Target, Targets};

    fn target(role_arn: &str, external_id: Option<&str>) -> Target {
        Target { role_arn: role_arn.parse().unwrap(), external_id: external_id.map(|id| id.parse().unwrap()) }
    }

    #[test]
    fn what_is_said_twice_is_asked_once_and_contradictions_are_errors() {
        let a = || target("arn:aws:iam::111111111111:role/R", None);
        let b = || target("arn:aws:iam::000000000002:role/R", None);
        let targets = Targets::new([a(), b(), a()]).unwrap();
        assert_eq!(targets.as_slice(), [b(), a()]);

        let other_role = target("arn:aws:iam::111111111111:role/S", None);
        assert!(matches!(Targets::new([a(), other_role]), Err(Contradiction::Roles(..))));
        let other_id = target("arn:aws:iam::111111111111:role/R", Some("secret-id"));
        let refused = Targets::new([a(), other_id]).unwrap_err();
        assert!(!refused.to_string().contains("secret-id"), "{refused}");
        let china = target("arn:aws-cn:iam::333333333333:role/R", None);
        assert!(matches!(Targets::new([a(), china]), Err(Contradiction::Partitions(..))));
        assert_eq!(Targets::new([]).unwrap_err(), Contradiction::NoTargets);
    }
}
