//! Generated accounts: as their organisation knows them, and what is in them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use super::dice::{Dice, date};
use super::policies::SharedPolicies;
use super::users::user;
use super::{QUARANTINE, WorldSpec};
use crate::world::{Account, Member, Role, Root, User};

/// What is the matter with an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AccountFate {
    Fine,
    NoRole,
    TrustsAnother,
    Quarantined,
    Suspended,
    Hangs,
}

impl WorldSpec {
    fn dice(self, account: u32, user: u32) -> Dice {
        Dice { seed: self.seed, account, user }
    }

    /// What is the matter with the account of this number.
    fn lot(self, number: u32) -> AccountFate {
        let chance = u32::try_from(self.dice(number, 0).number("lot") % 1_000).unwrap_or_default();
        let (denied, suspended) = (self.denied, self.denied + self.suspended);
        match chance {
            _ if chance < denied => match self.dice(number, 0).number("denied") % 3 {
                0 => AccountFate::NoRole,
                1 => AccountFate::TrustsAnother,
                _ => AccountFate::Quarantined,
            },
            _ if chance < suspended => AccountFate::Suspended,
            _ if chance < suspended + self.hanging => AccountFate::Hangs,
            _ => AccountFate::Fine,
        }
    }

    /// The account of this number, as its organisation knows it.
    pub(super) fn member(self, number: u32, account_id: &str) -> Member {
        let dice = self.dice(number, 0);
        let lot = self.lot(number);
        let environment = dice.pick("environment", &["prod", "prod", "dev", "dev", "sandbox"]);
        let team =
            dice.pick("team", &["payments", "search", "mobile", "data", "platform", "billing", "growth"]);
        let unit = match (lot, environment) {
            (AccountFate::Quarantined, _) => QUARANTINE,
            (_, "prod") => 3,
            (_, "dev") => 4,
            _ => 5,
        };
        let state = match lot {
            AccountFate::Suspended => {
                dice.pick("state", &["SUSPENDED", "SUSPENDED", "PENDING_CLOSURE", "CLOSED"])
            }
            _ => "ACTIVE",
        };
        let last_digits = account_id.get(8..).unwrap_or_default();
        Member {
            unit,
            name: format!("{team}-{environment}-{last_digits}"),
            email: format!("aws+{team}-{environment}-{last_digits}@example.com"),
            state: state.to_owned(),
            joined: date(dice.number("joined") % 2_500 + 30),
            tags: BTreeMap::from([
                ("environment".to_owned(), environment.to_owned()),
                ("team".to_owned(), team.to_owned()),
            ]),
            scps: None,
            rcps: Vec::new(),
        }
    }

    /// The users of the account of this number, by name.
    pub(super) fn users_of(self, account_id: &str, number: u32) -> BTreeMap<String, Arc<User>> {
        let dice = (0..self.users).map(|user| self.dice(number, user));
        let users = dice.map(|dice| user(dice, account_id, self.with_keys));
        users.map(|(name, user)| (name, Arc::new(user))).collect()
    }
}

/// Accounts that are made when they are asked for.
#[derive(Debug)]
pub(in crate::world) struct Accounts {
    recipe: WorldSpec,
    numbers: BTreeMap<String, u32>,
    policies: SharedPolicies,
    /// Those that were asked for last.
    cached: Mutex<VecDeque<(String, Arc<Account>)>>,
}

impl Accounts {
    /// More than are asked side by side.
    const CACHED: usize = 256;

    pub(super) fn new(recipe: WorldSpec, numbers: BTreeMap<String, u32>, policies: SharedPolicies) -> Self {
        Self { recipe, numbers, policies, cached: Mutex::default() }
    }

    pub(in crate::world) fn account(&self, account_id: &str) -> Option<Arc<Account>> {
        let number = *self.numbers.get(account_id)?;
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, account)) = cached.iter().find(|(id, _)| id == account_id) {
            return Some(Arc::clone(account));
        }
        let account = Arc::new(self.make(account_id, number));
        if cached.len() == Self::CACHED {
            cached.pop_front();
        }
        cached.push_back((account_id.to_owned(), Arc::clone(&account)));
        Some(account)
    }

    fn make(&self, account_id: &str, number: u32) -> Account {
        let Self { recipe, policies, .. } = self;
        let dice = recipe.dice(number, 0);
        let lot = recipe.lot(number);
        let role = Role {
            arn: format!("arn:aws:iam::{account_id}:role/IAMListRole"),
            trust_policy: if lot == AccountFate::TrustsAnother {
                &policies.trusts_another
            } else {
                &policies.trust
            }
            .clone(),
            policies: vec![policies.permissions.clone()],
            permissions_boundary: None,
            max_session_duration: 3600,
            tags: BTreeMap::new(),
        };
        let roles = (lot != AccountFate::NoRole).then(|| ("IAMListRole".to_owned(), Arc::new(role)));
        Account {
            roles: roles.into_iter().collect(),
            users: recipe.users_of(account_id, number),
            hangs: lot == AccountFate::Hangs,
            alias: dice.chance("alias", 50).then(|| format!("example-{number}")),
            root: Root {
                access_keys_active: [dice.chance("root key", 4), false],
                mfa: dice.chance("root mfa", 92),
                password: true,
                password_last_used: dice
                    .chance("root used", 30)
                    .then(|| date(dice.number("root age") % 1_000)),
            },
        }
    }
}

/// The id of the account of this number. Some begin with zeros.
pub(super) fn account_id(number: u32) -> String {
    // Odd and no multiple of five, so that no two of the first 10^12 are equal.
    let id = (u64::from(number) + 1) * 1_618_033_989 % 1_000_000_000_000;
    format!("{id:012}")
}
