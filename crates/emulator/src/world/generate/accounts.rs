//! Generated accounts: their entries in the organization, and their IAM resources.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use rolecall_policy::NamedPolicy;

use super::dice::{Dice, date};
use super::policies::SharedPolicies;
use super::users::user;
use super::{QUARANTINE, WorldSpec};
use crate::world::{Account, Group, Member, Role, Root, User, unique_id};

/// Whether an account can be read, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AccountFate {
    Readable,
    /// `IAMListRole` does not exist.
    NoRole,
    /// `IAMListRole` trusts another role.
    TrustsAnother,
    /// The account is below an SCP that denies IAM.
    Quarantined,
    /// Suspended, closed or pending closure.
    Suspended,
    /// IAM never answers.
    Hangs,
}

impl WorldSpec {
    fn dice(self, account: u32, user: u32) -> Dice {
        Dice { seed: self.seed, account, user }
    }

    /// The fate of the account with this number.
    fn fate(self, number: u32) -> AccountFate {
        // The purposes of random numbers, such as "lot", stay as they are: another text makes another world.
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
            _ => AccountFate::Readable,
        }
    }

    /// The account with this number, as its organization describes it.
    pub(super) fn member(self, number: u32, account_id: &str) -> Member {
        let dice = self.dice(number, 0);
        let fate = self.fate(number);
        let environment = dice.pick("environment", &["prod", "prod", "dev", "dev", "sandbox"]);
        let team =
            dice.pick("team", &["payments", "search", "mobile", "data", "platform", "billing", "growth"]);
        let unit = match (fate, environment) {
            (AccountFate::Quarantined, _) => QUARANTINE,
            (_, "prod") => 3,
            (_, "dev") => 4,
            _ => 5,
        };
        let state = match fate {
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

    /// The users of the account with this number, by name.
    pub(super) fn users(self, account_id: &str, number: u32) -> BTreeMap<String, Arc<User>> {
        let dice = (0..self.users).map(|user| self.dice(number, user));
        let users = dice.map(|dice| user(dice, account_id, self.with_keys));
        users.map(|(name, user)| (name, Arc::new(user))).collect()
    }
}

/// The accounts of a generated world. Each is generated when a request needs it, and kept for a while.
#[derive(Debug)]
pub(in crate::world) struct Accounts {
    spec: WorldSpec,
    /// By account id.
    numbers: BTreeMap<String, u32>,
    policies: SharedPolicies,
    /// The accounts generated last, oldest first.
    cached: Mutex<VecDeque<(String, Arc<Account>)>>,
}

impl Accounts {
    /// More accounts than a client reads concurrently.
    const CACHED: usize = 256;

    pub(super) fn new(spec: WorldSpec, numbers: BTreeMap<String, u32>, policies: SharedPolicies) -> Self {
        Self { spec, numbers, policies, cached: Mutex::default() }
    }

    pub(in crate::world) fn account(&self, account_id: &str) -> Option<Arc<Account>> {
        let number = *self.numbers.get(account_id)?;
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, account)) = cached.iter().find(|(id, _)| id == account_id) {
            return Some(Arc::clone(account));
        }
        let account = Arc::new(self.generate(account_id, number));
        if cached.len() == Self::CACHED {
            cached.pop_front();
        }
        cached.push_back((account_id.to_owned(), Arc::clone(&account)));
        Some(account)
    }

    fn generate(&self, account_id: &str, number: u32) -> Account {
        let Self { spec, policies, .. } = self;
        let dice = spec.dice(number, 0);
        let fate = spec.fate(number);
        let trust =
            if fate == AccountFate::TrustsAnother { &policies.trusts_another } else { &policies.trust };
        let role = role(account_id, "IAMListRole", trust.clone(), policies.permissions.clone());
        let users = spec.users(account_id, number);
        let groups = users.values().flat_map(|user| &user.groups);
        let groups = groups.map(|name| (name.clone(), Arc::new(group(account_id, name)))).collect();
        let roles = (fate != AccountFate::NoRole).then(|| ("IAMListRole".to_owned(), Arc::new(role)));
        Account {
            roles: roles.into_iter().collect(),
            users,
            groups,
            is_suspended: fate == AccountFate::Suspended,
            hangs: fate == AccountFate::Hangs,
            alias: dice.chance("alias", 50).then(|| format!("example-{number}")),
            root: Root {
                access_keys_active: [dice.chance("root key", 4), false],
                access_keys: Vec::new(),
                mfa: dice.chance("root mfa", 92),
                password: true,
                password_last_used: dice
                    .chance("root used", 30)
                    .then(|| date(dice.number("root age") % 1_000)),
            },
            ..Account::default()
        }
    }
}

/// A group without policies.
pub(super) fn group(account_id: &str, name: &str) -> Group {
    Group {
        path: "/".to_owned(),
        arn: format!("arn:aws:iam::{account_id}:group/{name}"),
        unique_id: unique_id("AGPA", account_id, name),
        create_date: date(3_000),
        policies: Vec::new(),
        inline_policies: Vec::new(),
        attached_policies: Vec::new(),
    }
}

/// A role with one inline policy.
pub(super) fn role(
    account_id: &str,
    name: &str,
    trust_policy: NamedPolicy,
    permissions: NamedPolicy,
) -> Role {
    Role {
        arn: format!("arn:aws:iam::{account_id}:role/{name}"),
        path: "/".to_owned(),
        unique_id: unique_id("AROA", account_id, name),
        create_date: date(3_000),
        description: None,
        last_used: None,
        trust_policy,
        inline_policies: vec![("policy-1".to_owned(), permissions.policy.source().to_string())],
        attached_policies: Vec::new(),
        policies: vec![permissions],
        permissions_boundary: None,
        max_session_duration: 3600,
        tags: BTreeMap::new(),
    }
}

/// The id of the account with this number. Some ids begin with zeros.
pub(super) fn account_id(number: u32) -> String {
    // The factor is odd and not a multiple of five, so no two of the first 10^12 ids are equal.
    let id = (u64::from(number) + 1) * 1_618_033_989 % 1_000_000_000_000;
    format!("{id:012}")
}
