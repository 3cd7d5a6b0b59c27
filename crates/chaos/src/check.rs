//! The invariants of ARCHITECTURE.md, checked on what a run wrote, against the model. It reads plain JSON.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::model::{self, UNAVAILABLE};
use crate::selection::Selection;
use crate::world::{Account, World};

/// The facts that a run requested, by name.
pub(crate) type Requested = BTreeSet<String>;

/// The problems of the records of a roll. With `is_cut`, targets may have no record.
pub(crate) fn records(
    world: &World,
    selection: &Selection,
    records: &[Value],
    requested: &Requested,
    is_cut: bool,
) -> Vec<String> {
    let targets = model::targets(world, selection);
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for record in records {
        let id = record["account_id"].as_str().unwrap_or_default();
        if !seen.insert(id) {
            problems.push(format!("account {id} has two records"));
        }
        let of_account = match (targets.get(id), world.accounts.get(id)) {
            (Some(Some(reason)), _) => skipped(record, reason),
            (Some(None), Some(account)) => Checker { id, account, record, requested }.problems(),
            _ => vec!["is not a target".to_owned()],
        };
        let details = details(record, &model::account(world, selection, id));
        problems
            .extend(of_account.into_iter().chain(details).map(|problem| format!("account {id}: {problem}")));
    }
    let missing = targets.keys().filter(|id| !is_cut && !seen.contains(*id));
    problems.extend(missing.map(|id| format!("account {id} has no record")));
    problems
}

fn skipped(record: &Value, reason: &str) -> Vec<String> {
    let is_skipped = record["outcome"] == "Skipped" && record["skipped"] == reason;
    if is_skipped {
        Vec::new()
    } else {
        vec![format!("is not skipped as {reason}, but {}", record["outcome"])]
    }
}

/// The problems of what a list of accounts said of an account.
fn details(record: &Value, expected: &Value) -> Vec<String> {
    let fields = ["name", "email", "tags"].into_iter();
    let differing = fields.filter(|field| {
        let (read, expected) = (&record["account"][field], &expected[field]);
        read != expected && (!read.is_null() || record["outcome"] == "Complete")
    });
    differing
        .map(|field| format!("{field} is {}, and in AWS {}", record["account"][field], expected[field]))
        .collect()
}

struct Checker<'a> {
    id: &'a str,
    account: &'a Account,
    record: &'a Value,
    requested: &'a Requested,
}

impl Checker<'_> {
    fn problems(&self) -> Vec<String> {
        let Self { record, .. } = self;
        let gaps = record["gaps"].as_array().map_or(0, Vec::len);
        let mut problems = Vec::new();
        let outcome = record["outcome"].as_str().unwrap_or_default();
        let users = record["users"].as_array();
        if (outcome == "Complete") != (gaps == 0) {
            problems.push(format!("is {outcome} with {gaps} gaps"));
        }
        let is_known = ["Complete", "Partial", "Failed"].contains(&outcome);
        if !is_known || (outcome == "Failed") != users.is_none() {
            problems.push(format!("is {outcome} with users {:?}", users.map(Vec::len)));
        }
        let Some(users) = users else { return problems };
        let mut absent: Vec<&str> = self.account.users.iter().map(|user| user.name.as_str()).collect();
        for user in users {
            let name = user["user_name"].as_str().unwrap_or_default();
            absent.retain(|it| *it != name);
            match self.account.users.iter().find(|it| it.name == name) {
                Some(of_world) => {
                    self.user(user, &model::user(self.id, self.account, of_world), &mut problems);
                }
                None => problems.push(format!("user {name} does not exist")),
            }
        }
        let is_said = self.is_explained("users", None) || self.is_explained("control_total", None);
        if !absent.is_empty() && !is_said {
            problems.push(format!("users {absent:?} are absent, and no gap says so"));
        }
        self.facts(&mut problems);
        problems
    }

    fn facts(&self, problems: &mut Vec<String>) {
        let expected = model::facts(self.account);
        for (name, fact) in [
            ("alias", "account_alias"),
            ("summary", "control_total"),
            ("root", "credential_report"),
            ("root_credentials_managed", "root_credentials"),
        ] {
            let read = &self.record["facts"][name];
            // A count that differs from the list is kept, with a gap.
            let is_doubted = fact == "control_total" && self.is_explained(fact, None);
            if self.requested.contains(fact) && !is_doubted {
                problems.extend(self.fact(name, fact, None, read, &expected[name]));
            }
        }
    }

    fn user(&self, user: &Value, expected: &Value, problems: &mut Vec<String>) {
        let name = user["user_name"].as_str();
        for field in ["user_id", "arn", "path", "create_date", "password_last_used"] {
            if user[field] != expected[field] {
                let (read, of_world) = (&user[field], &expected[field]);
                problems.push(format!("user {name:?}: {field} is {read}, and in AWS {of_world}"));
            }
        }
        for (field, fact) in [
            ("console_password", "console_password"),
            ("mfa_devices", "mfa_devices"),
            ("policies", "policies"),
            ("report", "credential_report"),
        ] {
            if self.requested.contains(fact) {
                problems.extend(self.fact(field, fact, name, &user[field], &expected[field]));
            }
        }
        self.keys(user, expected, problems);
    }

    fn keys(&self, user: &Value, expected: &Value, problems: &mut Vec<String>) {
        let name = user["user_name"].as_str();
        let Some(keys) = user["access_keys"].as_array() else {
            if !self.is_explained("access_keys", name) {
                problems.push(format!("the keys of user {name:?} are unknown, and no gap says so"));
            }
            return;
        };
        let of_world = expected["access_keys"].as_array().map_or(&[][..], Vec::as_slice);
        let plain = |keys: &[Value]| -> Vec<[Value; 3]> {
            let fields = |key: &Value| ["access_key_id", "status", "create_date"].map(|it| key[it].clone());
            keys.iter().map(fields).collect()
        };
        if plain(keys) != plain(of_world) {
            let (read, of_world) = (plain(keys), plain(of_world));
            problems.push(format!("user {name:?} has the keys {read:?}, and in AWS {of_world:?}"));
            return;
        }
        if self.requested.contains("last_used") {
            for (key, of_world) in keys.iter().zip(of_world) {
                let (read, of_world) = (&key["last_used"], &of_world["last_used"]);
                problems.extend(self.fact("last_used", "last_used", name, read, of_world));
            }
        }
    }

    /// The problem of a fact: a known one is not that of AWS, or an unknown one has no gap.
    fn fact(
        &self,
        field: &str,
        fact: &str,
        user: Option<&str>,
        read: &Value,
        expected: &Value,
    ) -> Option<String> {
        let is_true = match read.as_object() {
            Some(read) if read.contains_key("value") => read.get("value") == Some(expected),
            Some(read) if read.contains_key("unavailable") => expected == UNAVAILABLE,
            _ => self.is_explained(fact, user),
        };
        (!is_true).then(|| format!("user {user:?}: {field} is {read}, and in AWS {expected}"))
    }

    /// Whether a gap says that a fact, of a user or of the account, is not certain.
    fn is_explained(&self, fact: &str, user: Option<&str>) -> bool {
        self.record["gaps"].as_array().into_iter().flatten().any(|gap| {
            let is_of_all =
                gap["stage"] == "session" || (gap["fact"] == "users" && gap["user_name"].is_null());
            let is_of_user = gap["user_name"].is_null() || gap["user_name"].as_str() == user;
            is_of_all || (gap["fact"] == fact && is_of_user)
        })
    }
}
