//! Seeded worlds: accounts with users and keys, alone or in an organization.

use std::collections::BTreeMap;

use fastrand::Rng;
use jiff::Timestamp;

use crate::secrets;

/// The time at which every run begins.
pub(crate) const BEGIN: &str = "2026-11-25T08:00:00Z";
/// The account of the caller.
pub(crate) const HUB: &str = "222222222222";
/// The management account of every organization.
pub(crate) const MANAGEMENT: &str = "999999999999";
/// The accounts of intermediate roles.
const CHAIN: [&str; 2] = ["333333333333", "444444444444"];
/// The name of the role in every account.
pub(crate) const ROLE_NAME: &str = "IAMListRole";

/// What AWS has, and therefore what a perfect roll has.
#[derive(Debug)]
pub(crate) struct World {
    /// By account id; without the accounts that cannot be read because they are closed or suspended.
    pub(crate) accounts: BTreeMap<String, Account>,
    /// `None` where the accounts are given by their ids.
    pub(crate) organization: Option<Organization>,
    /// The number of items that a page has; AWS may return fewer than requested.
    pub(crate) page_size: usize,
    /// Whether lists begin with an empty page, as AWS Organizations may return.
    pub(crate) has_empty_pages: bool,
    /// The value of the tag `team`, by account id.
    pub(crate) teams: BTreeMap<String, &'static str>,
    /// The accounts of the intermediate roles that lead to the accounts' roles, in order.
    pub(crate) chain: Vec<&'static str>,
    /// Whether the role of each account requires an external id of its own.
    pub(crate) has_own_external_ids: bool,
}

#[derive(Debug)]
pub(crate) struct Organization {
    /// By account id: the state, and the index of the unit.
    pub(crate) members: BTreeMap<String, (&'static str, usize)>,
    /// Each unit after its parent, the root first: its id, its name, and the index of its parent.
    pub(crate) units: Vec<(String, String, Option<usize>)>,
    pub(crate) manages_root_credentials: bool,
}

#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) users: Vec<User>,
    pub(crate) alias: Option<String>,
    pub(crate) root_key: bool,
    pub(crate) root_mfa: bool,
    pub(crate) root_password_used: Option<Timestamp>,
    /// `None` where only the management account may read it.
    pub(crate) manages_root_credentials: Option<bool>,
    /// When the credential report was generated. Users who were created later are not in it.
    pub(crate) report: Timestamp,
}

#[derive(Debug)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) path: &'static str,
    pub(crate) created: Timestamp,
    pub(crate) password_used: Option<Timestamp>,
    pub(crate) keys: Vec<Key>,
    /// When the console password was created, and whether it must be changed.
    pub(crate) password: Option<(Timestamp, bool)>,
    /// When each MFA device was enabled.
    pub(crate) mfa: Vec<Timestamp>,
    pub(crate) groups: Vec<String>,
    pub(crate) boundary: bool,
    pub(crate) is_administrator: bool,
    pub(crate) tags: BTreeMap<String, String>,
}

#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) status: &'static str,
    pub(crate) created: Timestamp,
    /// Time, service and region.
    pub(crate) used: Option<(Timestamp, &'static str, &'static str)>,
}

/// The ARN of the policy that makes a user an administrator.
pub(crate) const ADMINISTRATOR: &str = "arn:aws:iam::aws:policy/AdministratorAccess";
/// The ARN of the permissions boundary of all users who have one.
pub(crate) const BOUNDARY: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";

/// The ARN of the intermediate role in an account.
pub(crate) fn intermediate_role(account_id: &str) -> String {
    format!("arn:aws:iam::{account_id}:role/Intermediate")
}

pub(crate) fn begin() -> Timestamp {
    BEGIN.parse().expect("a time")
}

/// A time up to `days` before `end`, in whole seconds.
fn before(rng: &mut Rng, end: Timestamp, days: i64) -> Timestamp {
    Timestamp::from_second(end.as_second() - rng.i64(1..days * 86_400)).expect("a time after 1970")
}

impl World {
    pub(crate) fn generate(rng: &mut Rng) -> Self {
        let count = if rng.u8(..8) == 0 { rng.usize(8..20) } else { rng.usize(1..6) };
        let mut ids: Vec<String> =
            (0..count).map(|_| format!("{:012}", rng.u64(1..1_000_000_000_000))).collect();
        ids.retain(|id| ![HUB, MANAGEMENT].contains(&id.as_str()) && !CHAIN.contains(&id.as_str()));
        if rng.u8(..3) == 0 {
            ids.push(HUB.to_owned());
        }
        let organization = rng.bool().then(|| Organization::generate(rng, &ids));
        if organization.is_some() {
            ids.push(MANAGEMENT.to_owned());
        }
        let is_active = |id: &String| {
            let state = organization.as_ref().and_then(|it| it.members.get(id));
            state.is_none_or(|(state, _)| *state == "ACTIVE")
        };
        ids.retain(is_active);
        if ids.is_empty() {
            ids.push("000000000001".to_owned());
        }
        let with_team = |id: &String| {
            rng.choice([None, Some("search"), Some("billing & <co>")])
                .flatten()
                .map(|team| (id.clone(), team))
        };
        let members = organization.iter().flat_map(|it| it.members.keys());
        let teams = ids.iter().chain(members).filter_map(with_team).collect();
        let accounts = ids.into_iter().map(|id| (id, Account::generate(rng))).collect();
        Self {
            accounts,
            page_size: rng.usize(1..5),
            has_empty_pages: rng.u8(..4) == 0,
            teams,
            chain: CHAIN[..*rng.choice(&[0, 0, 0, 1, 2]).expect("a number")].to_vec(),
            has_own_external_ids: organization.is_none() && rng.u8(..3) == 0,
            organization,
        }
    }

    /// The external id that the role of an account requires.
    pub(crate) fn external_id(&self, account_id: &str) -> String {
        if self.has_own_external_ids { secrets::external_id_of(account_id) } else { secrets::external_id() }
    }

    /// The caller's own account with at most two users, alone or in an organization.
    pub(crate) fn small(has_organization: bool) -> Self {
        let mut rng = Rng::with_seed(7);
        let mut account = Account::generate(&mut rng);
        account.users =
            vec![User::generate(&mut rng, 0, account.report), User::generate(&mut rng, 1, account.report)];
        let organization = has_organization.then(|| Organization::generate(&mut rng, &[HUB.to_owned()]));
        let accounts = BTreeMap::from([(HUB.to_owned(), account)]);
        Self {
            accounts,
            organization,
            page_size: 5,
            has_empty_pages: false,
            teams: [(HUB.to_owned(), "search")].into(),
            chain: Vec::new(),
            has_own_external_ids: false,
        }
    }
}

impl Organization {
    fn generate(rng: &mut Rng, ids: &[String]) -> Self {
        let mut units = vec![("r-root".to_owned(), "Root".to_owned(), None)];
        for number in 1..rng.usize(1..5) {
            let parent = rng.usize(..units.len());
            units.push((format!("ou-root-{number:08}"), format!("Unit {number}"), Some(parent)));
        }
        let mut members = BTreeMap::from([(MANAGEMENT.to_owned(), ("ACTIVE", 0))]);
        for (index, id) in ids.iter().enumerate() {
            // The first account is active, so that there is one to read.
            let state = if index > 0 && id != HUB && rng.u8(..6) == 0 {
                *rng.choice(&["SUSPENDED", "PENDING_CLOSURE", "CLOSED"]).expect("a state")
            } else {
                "ACTIVE"
            };
            members.insert(id.clone(), (state, rng.usize(..units.len())));
        }
        Self { members, units, manages_root_credentials: rng.bool() }
    }

    /// The unit of a member, and those that it is in, from the inside to the root.
    pub(crate) fn with_parents(&self, account_id: &str) -> Vec<usize> {
        let unit = self.members.get(account_id).map(|(_, unit)| *unit);
        std::iter::successors(unit, |unit| self.units[*unit].2).collect()
    }

    /// The names of a unit and of those that it is in, below the root.
    pub(crate) fn path(&self, unit: usize) -> String {
        match self.units[unit].2 {
            None | Some(0) => self.units[unit].1.clone(),
            Some(parent) => format!("{}/{}", self.path(parent), self.units[unit].1),
        }
    }
}

impl Account {
    fn generate(rng: &mut Rng) -> Self {
        let now = begin();
        let report = Timestamp::from_second(now.as_second() - 7200).expect("a time");
        let count = if rng.u8(..10) == 0 { rng.usize(10..25) } else { rng.usize(..6) };
        Self {
            users: (0..count).map(|number| User::generate(rng, number, report)).collect(),
            alias: rng.bool().then(|| format!("alias-{}", rng.u32(..))),
            root_key: rng.u8(..4) == 0,
            root_mfa: rng.bool(),
            root_password_used: rng.bool().then(|| before(rng, report, 900)),
            manages_root_credentials: rng.bool().then(|| rng.bool()),
            report,
        }
    }
}

impl User {
    fn generate(rng: &mut Rng, number: usize, report: Timestamp) -> Self {
        let first = rng.choice(["ann", "Bob", "x+=,.@-y", "deploy_bot"]).expect("a name");
        let is_young = rng.u8(..8) == 0;
        let created = if is_young {
            Timestamp::from_second(report.as_second() + 600).expect("a time")
        } else {
            before(rng, report, 2000)
        };
        // What is younger than the report is that of young users: a report is not wrong, but it is old.
        let later = |rng: &mut Rng| {
            if is_young {
                created
            } else {
                Timestamp::from_second(rng.i64(created.as_second()..report.as_second())).expect("a time")
            }
        };
        let key_count = *rng.choice(&[0, 0, 1, 1, 2, 3]).expect("a number");
        let keys = (0..key_count)
            .map(|key| Key {
                id: format!("AKIA{:016}", rng.u64(..1_000_000_000_000_000) * 10 + key),
                status: rng.choice(["Active", "Active", "Inactive", "Expired"]).expect("a status"),
                created: later(rng),
                used: rng.bool().then(|| {
                    (later(rng), "s3", *rng.choice(&["us-east-1", "eu-central-1"]).expect("a region"))
                }),
            })
            .collect();
        let password = rng.bool().then(|| (later(rng), rng.bool()));
        Self {
            name: format!("{first}{number}"),
            path: rng.choice(["/", "/ci/", "/a/b/"]).expect("a path"),
            created,
            password_used: password.and_then(|_| rng.bool().then(|| later(rng))),
            keys,
            password,
            mfa: (0..rng.usize(..3)).map(|_| later(rng)).collect(),
            groups: (0..rng.usize(..3)).map(|group| format!("group-{group}")).collect(),
            boundary: rng.u8(..4) == 0,
            is_administrator: rng.u8(..4) == 0,
            tags: if rng.bool() {
                [("a&b<c>\"d'".to_owned(), "é ☃ & <x>".to_owned())].into()
            } else {
                BTreeMap::new()
            },
        }
    }

    pub(crate) fn id(&self) -> String {
        format!("AIDA{}", self.name.replace(|c: char| !c.is_ascii_alphanumeric(), "X").to_uppercase())
    }

    pub(crate) fn arn(&self, account_id: &str) -> String {
        format!("arn:aws:iam::{account_id}:user{}{}", self.path, self.name)
    }

    pub(crate) fn mfa_serial(&self, account_id: &str, number: usize) -> String {
        format!("arn:aws:iam::{account_id}:mfa/{}-{number}", self.name)
    }

    pub(crate) fn is_in_report(&self, account: &Account) -> bool {
        self.created <= account.report
    }
}
