//! Worlds from a seed, byte for byte the same each time: any number of accounts and users, with a realistic mix of keys,
//! ages and accounts that cannot be read.
//!
//! 1. `dice`: reproducible random numbers;
//! 2. `accounts`: accounts in their organization, and their IAM resources;
//! 3. `users`: users and their access keys;
//! 4. `policies`: the trust policies and permissions of their roles.
//!
//! The organization is generated at once. The resources of an account are generated when a request needs them and
//! dropped later, so that a world of thousands of accounts takes little memory.

mod accounts;
mod dice;
mod policies;
mod users;

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::sync::Arc;

use super::file::InvalidWorld;
use super::{Account, Member, Organization, Unit, World};
use accounts::{account_id, group};
use dice::date;
use policies::{SharedPolicies, lambda_role};

pub(super) use accounts::Accounts;
pub(crate) use dice::splitmix64;
pub(super) use users::account_of_key;

/// The size and the mix of a generated world. Its text form is `accounts=600,users=50,seed=7`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorldSpec {
    /// The number of accounts, 1 to 100,000, in addition to the two that are always there: the management account and
    /// the hub account.
    pub accounts: u32,
    /// The number of users in each account, up to 5,000.
    pub users: u32,
    /// The seed of all random numbers.
    pub seed: u64,
    /// How many of 100 users have access keys.
    pub with_keys: u32,
    /// How many of 1,000 accounts deny access: no role, a role that trusts another role, or an SCP that denies IAM.
    pub denied: u32,
    /// How many of 1,000 accounts are suspended, closed or pending closure.
    pub suspended: u32,
    /// In how many of 1,000 accounts IAM never answers.
    pub hanging: u32,
}

impl Default for WorldSpec {
    fn default() -> Self {
        Self { accounts: 100, users: 50, seed: 1, with_keys: 60, denied: 20, suspended: 15, hanging: 0 }
    }
}

/// The error for a [`WorldSpec`] text that is not valid: the part, and what to write there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseWorldSpecError {
    /// A name that is not a field of [`WorldSpec`].
    #[error(
        "unknown name {0:?}; expected accounts, users, seed, with_keys, denied, suspended or hanging, for example \
         accounts=600,users=50,seed=7"
    )]
    UnknownName(String),
    /// A value that is not a whole number, or that is too small or too large.
    #[error("{name}: {value:?} is not a whole number from {min} to {max}; write it as {name}=NUMBER")]
    Number {
        /// The field.
        name: String,
        /// As given; empty if the `=` is missing.
        value: String,
        /// The smallest value of this field.
        min: u64,
        /// The largest value of this field.
        max: u64,
    },
    /// `denied`, `suspended` and `hanging` together are more than 1,000.
    #[error(
        "{parts} are {total} of 1000 accounts together; lower one of them, so that they are 1000 or less"
    )]
    MoreThanAll {
        /// Those that are not 0, each with its value, and whether that is a default.
        parts: String,
        /// The sum of the three.
        total: u32,
    },
}

impl FromStr for WorldSpec {
    type Err = ParseWorldSpecError;

    /// Parses fields such as `accounts=600,users=50,seed=7`; a field that is not named keeps its default.
    fn from_str(text: &str) -> Result<Self, ParseWorldSpecError> {
        let mut spec = Self::default();
        let mut given = BTreeSet::new();
        let mut set = |name: &str, value: &str| {
            let number = |min: u64, max: u64| match value.parse::<u64>() {
                Ok(number) if (min..=max).contains(&number) => Ok(number),
                _ => {
                    let (name, value) = (name.to_owned(), value.to_owned());
                    Err(ParseWorldSpecError::Number { name, value, min, max })
                }
            };
            let small = |min, max| number(min, max).map(|number| u32::try_from(number).unwrap_or(u32::MAX));
            match name {
                "accounts" => spec.accounts = small(1, 100_000)?,
                "users" => spec.users = small(0, 5_000)?,
                "seed" => spec.seed = number(0, u64::MAX)?,
                "with_keys" => spec.with_keys = small(0, 100)?,
                "denied" => spec.denied = small(0, 1_000)?,
                "suspended" => spec.suspended = small(0, 1_000)?,
                "hanging" => spec.hanging = small(0, 1_000)?,
                _ => return Err(ParseWorldSpecError::UnknownName(name.to_owned())),
            }
            given.insert(name.to_owned());
            Ok(())
        };
        for part in text.split(',').filter(|part| !part.trim().is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            set(name.trim(), value.trim())?;
        }
        let fates = [("denied", spec.denied), ("suspended", spec.suspended), ("hanging", spec.hanging)];
        let total = fates.iter().map(|(_, number)| number).sum();
        if total > 1_000 {
            let part = |(name, number): &(&str, u32)| {
                let default = if given.contains(*name) { "" } else { " (the default)" };
                format!("{name}={number}{default}")
            };
            let parts: Vec<String> = fates.iter().filter(|(_, number)| *number > 0).map(part).collect();
            return Err(ParseWorldSpecError::MoreThanAll { parts: parts.join(" and "), total });
        }
        Ok(spec)
    }
}

/// The hub account, whose `LambdaRole` the other accounts trust.
const HUB: &str = "222222222222";
const MANAGEMENT: &str = "999999999999";
const ORGANIZATION: &str = "o-rolecall00";

/// The root and the organizational units: the name, and the index of the parent.
const UNITS: [(&str, Option<usize>); 7] = [
    ("Root", None),
    ("Security", Some(0)),
    ("Workloads", Some(0)),
    ("Prod", Some(2)),
    ("Dev", Some(2)),
    ("Sandbox", Some(0)),
    ("Quarantine", Some(0)),
];
const SECURITY: usize = 1;
const QUARANTINE: usize = 6;

impl WorldSpec {
    /// Generates the world.
    ///
    /// # Errors
    /// Only if this crate's own policies are not valid.
    pub fn world(self) -> Result<World, InvalidWorld> {
        let numbers: BTreeMap<String, u32> =
            (0..self.accounts).map(|number| (account_id(number), number)).collect();
        let policies = SharedPolicies::new()?;
        let organization = self.organization(&numbers, &policies);
        let mut hub = self.users_only_account(HUB, u32::MAX);
        hub.roles.insert("LambdaRole".to_owned(), Arc::new(lambda_role()?));
        let management = self.users_only_account(MANAGEMENT, u32::MAX - 1);
        let accounts =
            BTreeMap::from([(HUB.to_owned(), Arc::new(hub)), (MANAGEMENT.to_owned(), Arc::new(management))]);
        Ok(World {
            accounts,
            generated: Some(Accounts::new(self, numbers, policies)),
            organization: Some(organization),
            ..World::default()
        })
    }

    fn organization(self, numbers: &BTreeMap<String, u32>, policies: &SharedPolicies) -> Organization {
        let generated = numbers.iter().map(|(id, number)| (id.clone(), self.member(*number, id)));
        let mut members: BTreeMap<String, Member> = generated.collect();
        members.insert(HUB.to_owned(), permanent_member(SECURITY, "security-tooling"));
        members.insert(MANAGEMENT.to_owned(), permanent_member(0, "management"));
        let unit = |(number, (name, parent)): (usize, &(&str, Option<usize>))| {
            let id = if number == 0 { "r-role".to_owned() } else { format!("ou-role-{number:08}") };
            let mut scps = vec![policies.full_access.clone()];
            scps.extend((number == QUARANTINE).then(|| policies.no_iam.clone()));
            Unit { id, name: (*name).to_owned(), parent: *parent, scps, rcps: Vec::new() }
        };
        Organization {
            id: ORGANIZATION.to_owned(),
            management_account: MANAGEMENT.to_owned(),
            delegated_administrators: vec![HUB.to_owned()],
            manages_root_credentials: false,
            units: UNITS.iter().enumerate().map(unit).collect(),
            members,
        }
    }

    /// An account without roles.
    fn users_only_account(self, account_id: &str, number: u32) -> Account {
        let users = self.users(account_id, number);
        let groups = users.values().flat_map(|user| &user.groups);
        let groups = groups.map(|name| (name.clone(), Arc::new(group(account_id, name)))).collect();
        Account { users, groups, ..Account::default() }
    }
}

/// The hub or the management account, which every generated world has, as the organization describes it.
fn permanent_member(unit: usize, name: &str) -> Member {
    Member {
        unit,
        name: name.to_owned(),
        email: format!("aws+{name}@example.com"),
        state: "ACTIVE".to_owned(),
        joined: date(3_000),
        tags: BTreeMap::new(),
        scps: None,
        rcps: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::users::access_key_id;
    use super::{WorldSpec, account_id, account_of_key};

    #[test]
    fn a_seed_makes_the_same_world_each_time_and_another_seed_makes_another_world() {
        let debug_text = |seed| {
            let world = WorldSpec { accounts: 40, users: 5, seed, ..WorldSpec::default() }.world().unwrap();
            let ids: Vec<String> = (0..40).map(account_id).collect();
            let accounts: Vec<_> = ids.iter().map(|id| world.account(id).unwrap()).collect();
            format!("{:?} {accounts:?}", world.organization)
        };
        assert_eq!(debug_text(7), debug_text(7));
        assert_ne!(debug_text(7), debug_text(8));
    }

    #[test]
    fn an_invalid_world_spec_is_rejected_with_the_field_and_the_value() {
        let spec: WorldSpec = "accounts=600, users=50,seed=7".parse().unwrap();
        assert_eq!((spec.accounts, spec.users, spec.seed), (600, 50, 7));
        for (text, words) in [
            ("accounts", "accounts: \"\" is not a whole number"),
            ("accounts=many", "\"many\""),
            ("users=5001", "from 0 to 5000"),
            ("acounts=1", "unknown name \"acounts\"; expected accounts,"),
            ("accounts=0", "accounts: \"0\" is not a whole number from 1 to 100000"),
            ("denied=600,suspended=600", "denied=600 and suspended=600 are 1200 of 1000 accounts"),
            ("denied=1000", "denied=1000 and suspended=15 (the default) are 1015 of 1000 accounts"),
            (
                "hanging=1000,denied=1",
                "denied=1 and suspended=15 (the default) and hanging=1000 are 1016 of 1000 accounts",
            ),
        ] {
            let problem = text.parse::<WorldSpec>().unwrap_err().to_string();
            assert!(problem.contains(words), "{problem}");
        }
    }

    #[test]
    fn an_access_key_id_encodes_its_account() {
        let id = account_id(0);
        assert_eq!(id, "001618033989");
        assert_eq!(account_of_key(&access_key_id(&id, 4_000, 1)), Some(id));
        assert_eq!(account_of_key("AKIA0"), None);
        assert_eq!(account_of_key("ASIA"), None);
    }
}
