//! Facts of an account that are unknown although no gap says why.

use std::collections::{BTreeMap, BTreeSet};

use super::AccountRecord;
use crate::fact::Fact;
use crate::fact_kind::{FactKind, FactSelection};
use crate::gap::{ErrorKind, Gap, Stage};
use crate::remedy::Remedy;
use crate::user::User;

/// A fact that is unknown, and no gap says why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unexplained {
    pub(super) fact: FactKind,
    /// The user whose fact it is; `None` for a fact of the account.
    pub(super) user_name: Option<String>,
    /// The reason that stands at the fact.
    reason: String,
}

/// The reason of a fact that was requested and that the record does not have.
const NOT_READ: &str = "not read";

/// Why a fact is unknown. With `is_requested`, a fact that the record does not have is unknown too.
fn reason<T>(fact: &Fact<T>, is_requested: bool) -> Option<&str> {
    fact.unknown().or((is_requested && fact.is_not_requested()).then_some(NOT_READ))
}

impl AccountRecord {
    /// The facts that are unknown without a gap that explains it. Of the selected facts, those that the record does not have
    /// are among them.
    pub(super) fn unexplained(&self, selection: Option<&FactSelection>) -> Vec<Unexplained> {
        let Some(users) = &self.users else { return Vec::new() };
        let is_requested = |fact| selection.is_some_and(|selection| selection.contains(fact));
        let explained: BTreeSet<(Stage, Option<&str>)> =
            self.gaps.iter().map(|gap| (gap.stage, gap.user_name.as_deref())).collect();
        // Without a session, or without all users, nothing else is certain.
        if explained.iter().any(|(stage, _)| *stage == Stage::Session)
            || explained.contains(&(FactKind::Users.into(), None))
        {
            return Vec::new();
        }
        let mut all = Vec::new();
        let mut check = |fact: FactKind, user: Option<&User>, reason: Option<&str>| {
            let user_name = user.map(|user| user.user_name.as_str());
            let is_explained =
                || [None, user_name].iter().any(|name| explained.contains(&(fact.into(), *name)));
            if let Some(reason) = reason.filter(|_| !is_explained()) {
                let (user_name, reason) = (user_name.map(str::to_owned), reason.to_owned());
                all.push(Unexplained { fact, user_name, reason });
            }
        };
        let facts = &self.facts;
        let requested = is_requested(FactKind::ControlTotal);
        check(FactKind::ControlTotal, None, reason(&facts.summary, requested));
        check(FactKind::AccountAlias, None, reason(&facts.alias, is_requested(FactKind::AccountAlias)));
        let requested = is_requested(FactKind::RootCredentials);
        check(FactKind::RootCredentials, None, reason(&facts.root_credentials_managed, requested));
        let requested = is_requested(FactKind::CredentialReport);
        check(FactKind::CredentialReport, None, reason(&facts.root, requested));
        for user in users {
            for (fact, reason) in unknown_of_user(user, is_requested) {
                check(fact, Some(user), reason);
            }
        }
        all
    }

    /// Adds a gap for each fact that is unknown without one, and so makes the record Partial.
    pub(super) fn explain(&mut self, selection: Option<&FactSelection>) {
        let mut by_reason: BTreeMap<(FactKind, String), Vec<Option<String>>> = BTreeMap::new();
        for Unexplained { fact, user_name, reason } in self.unexplained(selection) {
            by_reason.entry((fact, reason)).or_default().push(user_name);
        }
        for ((fact, reason), mut users) in by_reason {
            let (user_name, message) = match &mut users[..] {
                [user_name] => (user_name.take(), reason),
                [first, ..] => {
                    let example = first.take().unwrap_or_default();
                    let count = users.len();
                    (None, format!("{reason}: {count} users, such as {example:?}"))
                }
                [] => continue,
            };
            self.gaps.push(Gap {
                stage: fact.into(),
                operation: None,
                user_name,
                error_kind: ErrorKind::Inconsistent,
                code: None,
                message,
                request_id: None,
                remedy: Remedy::RetryLater,
            });
        }
        self.gaps.sort_by(|a, b| (a.stage, &a.user_name).cmp(&(b.stage, &b.user_name)));
        self.outcome = self.derived_outcome();
    }
}

impl User {
    /// Those of the `requested` facts that the user does not have, be they unknown or not read.
    #[must_use]
    pub fn missing_facts(&self, requested: &BTreeSet<FactKind>) -> BTreeSet<FactKind> {
        let unknown = unknown_of_user(self, |fact| requested.contains(&fact)).into_iter();
        let missing = unknown.filter(|(_, reason)| reason.is_some()).map(|(fact, _)| fact);
        missing.filter(|fact| requested.contains(fact)).collect()
    }
}

/// The facts of a user, each with the reason where it is unknown.
fn unknown_of_user(user: &User, is_requested: impl Fn(FactKind) -> bool) -> [(FactKind, Option<&str>); 6] {
    let keys = user.access_keys.is_none() && is_requested(FactKind::AccessKeys);
    let last_used = || {
        let requested = is_requested(FactKind::LastUsed);
        user.access_keys.iter().flatten().find_map(|key| reason(&key.last_used, requested))
    };
    [
        (FactKind::AccessKeys, keys.then_some(NOT_READ)),
        (FactKind::LastUsed, last_used()),
        (FactKind::ConsolePassword, reason(&user.console_password, is_requested(FactKind::ConsolePassword))),
        (FactKind::MfaDevices, reason(&user.mfa_devices, is_requested(FactKind::MfaDevices))),
        (FactKind::Policies, reason(&user.policies, is_requested(FactKind::Policies))),
        (FactKind::CredentialReport, reason(&user.report, is_requested(FactKind::CredentialReport))),
    ]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::account::{AccountRecord, Facts, Outcome};
    use crate::fact::Fact;
    use crate::fact_kind::{FactKind, FactSelection};
    use crate::gap::{ErrorKind, Gap};
    use crate::ids::RoleArn;
    use crate::remedy::Remedy;
    use crate::user::User;

    fn fact<T>(kind: u8, value: T) -> Fact<T> {
        match kind % 4 {
            0 => Fact::live(value),
            1 => Fact::Unknown { unknown: "throttled".to_owned() },
            2 => Fact::Unavailable { unavailable: "too young".to_owned() },
            _ => Fact::NotRequested,
        }
    }

    fn user(name: &str, kinds: [u8; 3], has_keys: bool) -> User {
        let create_date = "2024-03-01T12:00:00Z".parse().unwrap();
        let (id, arn) = (format!("AIDA{name}"), format!("arn:aws:iam::111111111111:user/{name}"));
        User {
            access_keys: has_keys.then(Vec::new),
            console_password: fact(kinds[0], None),
            mfa_devices: fact(kinds[1], Vec::new()),
            policies: fact(kinds[2], crate::user::Policies::default()),
            ..User::new(name.to_owned(), id, arn, "/".to_owned(), create_date)
        }
    }

    fn gap(fact: FactKind, user_name: Option<&str>) -> Gap {
        Gap {
            stage: fact.into(),
            operation: None,
            user_name: user_name.map(str::to_owned),
            error_kind: ErrorKind::Denied,
            code: None,
            message: "no".to_owned(),
            request_id: None,
            remedy: Remedy::RetryLater,
        }
    }

    proptest! {
        #[test]
        fn a_record_is_complete_only_with_all_that_was_selected_and_every_record_can_be_read_again(
            kinds in proptest::array::uniform3(any::<[u8; 3]>()),
            keys in any::<[bool; 3]>(),
            alias in any::<u8>(),
            gaps in proptest::collection::vec((0..FactKind::ALL.len(), proptest::option::of(0..3_usize)), 0..3),
            selected in proptest::collection::btree_set(0..FactKind::ALL.len(), 0..5),
        ) {
            let names = ["ann", "ben", "cid"];
            let users = (0..3).map(|index| user(names[index], kinds[index], keys[index])).collect();
            let gaps = gaps.into_iter().map(|(fact, user)| gap(FactKind::ALL[fact], user.map(|user| names[user])));
            let facts = Facts { alias: fact(alias, None), ..Facts::default() };
            let facts_selected = selected.into_iter().map(|fact| FactKind::ALL[fact]).collect();
            let selection = FactSelection { facts: facts_selected, ..FactSelection::default() };
            let role_arn: RoleArn = "arn:aws:iam::111111111111:role/R".parse().unwrap();
            let record = AccountRecord::read(role_arn, users, gaps.collect(), Vec::new())
                .with_facts(facts)
                .with_selection(&selection);
            if record.outcome() == Outcome::Complete {
                for user in record.users().unwrap() {
                    prop_assert!(user.console_password.unknown().is_none());
                    prop_assert!(user.mfa_devices.unknown().is_none());
                    prop_assert!(user.policies.unknown().is_none());
                    prop_assert!(user.access_keys.is_some() || !selection.contains(FactKind::AccessKeys));
                    let has_mfa = !user.mfa_devices.is_not_requested();
                    prop_assert!(has_mfa || !selection.contains(FactKind::MfaDevices));
                }
                prop_assert!(record.facts().alias.unknown().is_none());
            }
            let text = serde_json::to_string(&record).unwrap();
            let again: AccountRecord = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(&again, &record);
            // Without its gaps the record is refused where they explained something.
            let mut without = serde_json::to_value(&record).unwrap();
            without["gaps"] = serde_json::json!([]);
            without["outcome"] = serde_json::json!("Complete");
            let explained = record.users().unwrap().iter().any(|user| {
                user.console_password.unknown().is_some()
                    || user.mfa_devices.unknown().is_some()
                    || user.policies.unknown().is_some()
            });
            if explained {
                prop_assert!(serde_json::from_value::<AccountRecord>(without).is_err());
            }
        }
    }
}
