//! Worlds from a seed, byte for byte the same each time: as many accounts and users as are wanted, and a realistic mix
//! of keys, ages and obstacles.
//!
//! 1. `dice`: random numbers that are the same each time;
//! 2. `accounts`: accounts as their organisation knows them, and what is in them;
//! 3. `users`: users and their access keys;
//! 4. `policies`: what their roles may do, and whom they trust.
//!
//! What an organisation knows of its accounts is made at once. What is in an account is made when it is asked for, and
//! forgotten again, so that a world of thousands of accounts takes little memory.

mod accounts;
mod dice;
mod policies;
mod users;

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use super::file::InvalidWorld;
use super::{Account, Member, Organization, Unit, World};
use accounts::account_id;
use dice::date;
use policies::{SharedPolicies, lambda_role};

pub(super) use accounts::Accounts;
pub(crate) use dice::splitmix64;
pub(super) use users::account_of_key;

/// How many accounts, how many users in each, and the mix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorldSpec {
    /// Accounts, besides the two that are always there: the management account and the one that asks.
    pub accounts: u32,
    /// Users in each account.
    pub users: u32,
    /// What all is made from.
    pub seed: u64,
    /// How many users of a hundred have keys.
    pub with_keys: u32,
    /// How many accounts of a thousand refuse: no role, a role that trusts somebody else, an SCP that denies.
    pub denied: u32,
    /// How many accounts of a thousand are suspended, closed or pending.
    pub suspended: u32,
    /// How many accounts of a thousand have an IAM that never answers.
    pub hanging: u32,
}

impl Default for WorldSpec {
    fn default() -> Self {
        Self { accounts: 100, users: 50, seed: 1, with_keys: 60, denied: 20, suspended: 15, hanging: 0 }
    }
}

/// A part of a recipe's text that is none, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseWorldSpecError {
    /// A name that no recipe has.
    #[error(
        "{0:?} is none of accounts, users, seed, with_keys, denied, suspended, hanging; one writes \
         accounts=600,users=50,seed=7"
    )]
    UnknownName(String),
    /// A value that is no number, or too large a one.
    #[error("{name} is {value:?}, and is a number up to {most}")]
    Number {
        /// The name before it.
        name: String,
        /// The value.
        value: String,
        /// The largest that it can be.
        most: u64,
    },
    /// More than a thousand of a thousand accounts.
    #[error("denied, suspended and hanging are of a thousand accounts, and are more together")]
    MoreThanAll,
}

impl FromStr for WorldSpec {
    type Err = ParseWorldSpecError;

    /// `accounts=600,users=50,seed=7`.
    fn from_str(text: &str) -> Result<Self, ParseWorldSpecError> {
        let mut recipe = Self::default();
        let mut number = |name: &str, value: &str| {
            let of = |most: u64| match value.parse::<u64>() {
                Ok(number) if number <= most => Ok(number),
                _ => {
                    Err(ParseWorldSpecError::Number { name: name.to_owned(), value: value.to_owned(), most })
                }
            };
            let small = |most| of(most).map(|number| u32::try_from(number).unwrap_or(u32::MAX));
            match name {
                "accounts" => recipe.accounts = small(100_000)?,
                "users" => recipe.users = small(5_000)?,
                "seed" => recipe.seed = of(u64::MAX)?,
                "with_keys" => recipe.with_keys = small(100)?,
                "denied" => recipe.denied = small(1_000)?,
                "suspended" => recipe.suspended = small(1_000)?,
                "hanging" => recipe.hanging = small(1_000)?,
                _ => return Err(ParseWorldSpecError::UnknownName(name.to_owned())),
            }
            Ok(())
        };
        for part in text.split(',').filter(|part| !part.trim().is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            number(name.trim(), value.trim())?;
        }
        if recipe.denied + recipe.suspended + recipe.hanging > 1_000 {
            return Err(ParseWorldSpecError::MoreThanAll);
        }
        Ok(recipe)
    }
}

/// The account that the others trust, with its `LambdaRole`: those of the flow.
const HUB: &str = "222222222222";
const MANAGEMENT: &str = "999999999999";
const ORGANIZATION: &str = "o-rolecall00";

/// The units: name, and which of them it is in.
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
    /// The world that it makes.
    ///
    /// # Errors
    /// None, unless the crate was built wrong.
    pub fn world(self) -> Result<World, InvalidWorld> {
        let numbers: BTreeMap<String, u32> =
            (0..self.accounts).map(|number| (account_id(number), number)).collect();
        let policies = SharedPolicies::new()?;
        let organization = self.organization(&numbers, &policies);
        let mut hub = self.account_of_users(HUB, u32::MAX);
        hub.roles.insert("LambdaRole".to_owned(), Arc::new(lambda_role()?));
        let management = self.account_of_users(MANAGEMENT, u32::MAX - 1);
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
        members.insert(HUB.to_owned(), standing_member(SECURITY, "security-tooling"));
        members.insert(MANAGEMENT.to_owned(), standing_member(0, "management"));
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

    fn account_of_users(self, account_id: &str, number: u32) -> Account {
        Account { users: self.users_of(account_id, number), ..Account::default() }
    }
}

/// One of the two accounts that are always there, as the organisation knows it.
fn standing_member(unit: usize, name: &str) -> Member {
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
    fn a_seed_makes_the_same_world_each_time_and_another_seed_another() {
        let show = |seed| {
            let world = WorldSpec { accounts: 40, users: 5, seed, ..WorldSpec::default() }.world().unwrap();
            let ids: Vec<String> = (0..40).map(account_id).collect();
            let accounts: Vec<_> = ids.iter().map(|id| world.account(id).unwrap()).collect();
            format!("{:?} {accounts:?}", world.organization)
        };
        assert_eq!(show(7), show(7));
        assert_ne!(show(7), show(8));
    }

    #[test]
    fn a_recipe_that_is_none_is_refused_with_the_part() {
        let recipe: WorldSpec = "accounts=600, users=50,seed=7".parse().unwrap();
        assert_eq!((recipe.accounts, recipe.users, recipe.seed), (600, 50, 7));
        for (text, words) in [
            ("accounts", "accounts is \"\""),
            ("accounts=many", "\"many\""),
            ("users=5001", "up to 5000"),
            ("acounts=1", "\"acounts\" is none of"),
            ("denied=600,suspended=600", "of a thousand"),
        ] {
            let problem = text.parse::<WorldSpec>().unwrap_err().to_string();
            assert!(problem.contains(words), "{problem}");
        }
    }

    #[test]
    fn a_key_tells_its_account() {
        let id = account_id(0);
        assert_eq!(id, "001618033989");
        assert_eq!(account_of_key(&access_key_id(&id, 4_000, 1)), Some(id));
        assert_eq!(account_of_key("AKIA0"), None);
        assert_eq!(account_of_key("ASIA"), None);
    }
}
