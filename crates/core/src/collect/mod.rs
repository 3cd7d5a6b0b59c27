//! The facts, one file each. Each file declares one [`Collector`]: which fact, which IAM actions it needs, how it is read,
//! and how it is marked as unknown. Everything else is derived from it: the session policy, the number of calls, the gaps
//! of what was not read, the help, and the actions to allow where AWS denies access.
//!
//! [`read_account`] reads an account with these collectors; [`progress`] keeps what was read so far.

pub mod access_keys;
pub mod account_alias;
pub mod console_password;
pub mod control_total;
pub mod credential_report;
pub mod last_used;
pub mod mfa_devices;
pub mod policies;
pub mod progress;
pub mod read_account;
pub mod root_credentials;
mod second_look;
pub mod users;

use std::collections::BTreeSet;

use aws_smithy_types::DateTime;
use futures_util::future::LocalBoxFuture;
use jiff::Timestamp;
use rolecall_roll::{AccessKey, Fact, FactKind, FactSelection, Facts, User, UserSource};

use crate::call::CallError;
use crate::session::Session;
pub use progress::Progress;
pub use read_account::{ReadOptions, collect};

/// The declaration of a fact that can be read.
#[derive(Debug)]
pub struct Collector {
    /// The fact that it reads.
    pub fact: FactKind,
    /// The smallest named set of facts that includes it.
    pub set: FactSet,
    /// All IAM actions that reading it needs.
    pub actions: &'static [&'static str],
    /// What it holds, in a few words, for help texts.
    pub description: &'static str,
    /// How it is read, and how it is marked as unknown.
    pub(crate) read: Read,
}

/// Named sets of facts; each includes the sets before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FactSet {
    /// What `iam:ListUsers` and `iam:ListAccessKeys` allow to read.
    Default,
    /// The facts that a security review needs.
    Recommended,
    /// Every fact.
    All,
}

impl FactSet {
    /// All sets, smallest first.
    pub const ALL: [Self; 3] = [Self::Default, Self::Recommended, Self::All];

    /// The set's name in flags and settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Recommended => "recommended",
            Self::All => "all",
        }
    }

    /// The facts of the set.
    pub fn facts(self) -> impl Iterator<Item = FactKind> {
        collectors().filter(move |collector| collector.set <= self).map(|collector| collector.fact)
    }
}

/// Reads a fact of the account as a whole.
type ReadAccount = for<'a> fn(&'a Session<'a>, ReadOptions<'a>, &'a Progress) -> LocalBoxFuture<'a, ()>;

/// Reads a fact of all users in few calls. The returned [`Join`] sets it on the users once they are listed.
type ReadAllUsers = for<'a> fn(&'a Session<'a>, &'a Progress) -> LocalBoxFuture<'a, Join>;

/// Sets a fact that was read for all users on each user that was listed.
pub(crate) type Join = Box<dyn FnOnce(&Progress)>;

/// Reads a fact of one user. An error becomes a gap, except "not found": then the user was deleted.
type ReadUser = for<'a> fn(
    &'a Session<'a>,
    ReadOptions<'a>,
    &'a Progress,
    &'a str,
) -> LocalBoxFuture<'a, Result<(), CallError>>;

/// When a fact is read, with how many calls, and where it is marked as unknown. The functions with a `&str` parameter mark
/// a fact that was not read as unknown, with that reason; they do not change a fact that was read.
#[derive(Debug)]
pub(crate) enum Read {
    /// Reads the list of users, which all other facts refer to; without it the account's outcome is Failed.
    ListUsers(ReadAccount),
    /// Reads the account, at the same time as its users.
    Account(ReadAccount, fn(&mut Facts, &str)),
    /// Reads the account, after everything else is read.
    AccountAtEnd(ReadAccount, fn(&mut Facts, &str)),
    /// Reads all users in few calls, and the account with them.
    AllUsers(ReadAllUsers, fn(&mut User, &str), fn(&mut Facts, &str)),
    /// Reads each user.
    User(ReadUser, fn(&mut User, &str)),
    /// Reads each access key of a user, after the keys are read.
    Key(ReadUser, fn(&mut AccessKey, &str)),
}

impl Collector {
    /// Whether it takes calls for each user.
    fn is_of_user(&self) -> bool {
        matches!(self.read, Read::User(..) | Read::Key(..))
    }
}

/// Marks nothing, for values whose absence already means that they are unknown.
fn mark_nothing<T>(_: &mut T, _: &str) {}

/// Marks a fact that was not read as unknown, for this reason.
fn mark_unread<T>(fact: &mut Fact<T>, reason: &str) {
    if fact.is_not_requested() {
        *fact = Fact::Unknown { unknown: reason.to_owned() };
    }
}

/// The collector of a fact.
#[must_use]
pub fn collector(fact: FactKind) -> &'static Collector {
    match fact {
        FactKind::Users => &users::COLLECTOR,
        FactKind::AccessKeys => &access_keys::COLLECTOR,
        FactKind::LastUsed => &last_used::COLLECTOR,
        FactKind::ControlTotal => &control_total::COLLECTOR,
        FactKind::ConsolePassword => &console_password::COLLECTOR,
        FactKind::MfaDevices => &mfa_devices::COLLECTOR,
        FactKind::Policies => &policies::COLLECTOR,
        FactKind::CredentialReport => &credential_report::COLLECTOR,
        FactKind::AccountAlias => &account_alias::COLLECTOR,
        FactKind::RootCredentials => &root_credentials::COLLECTOR,
    }
}

/// All collectors, in the order of [`FactKind::ALL`].
pub fn collectors() -> impl Iterator<Item = &'static Collector> {
    FactKind::ALL.iter().map(|fact| collector(*fact))
}

/// Parses a list of facts: names of facts or of sets (`default`, `recommended`, `all`), separated by commas. It adds the
/// facts that others need: users to all, access keys to facts about keys.
///
/// # Errors
/// Where a name is not a fact or a set, or the list is empty.
pub fn parse_facts(text: &str) -> Result<BTreeSet<FactKind>, String> {
    if text.trim().is_empty() {
        return Err("no fact given; name at least one, such as users".to_owned());
    }
    let mut facts = BTreeSet::from([FactKind::Users]);
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        if let Some(set) = FactSet::ALL.into_iter().find(|set| set.name() == name) {
            facts.extend(set.facts());
            continue;
        }
        let fact: FactKind = name.parse().map_err(|_| {
            let sets = FactSet::ALL.into_iter().map(FactSet::name);
            let names: Vec<&str> = sets.chain(FactKind::ALL.iter().map(|fact| fact.name())).collect();
            format!("unknown fact {name:?}; expected one of {}", names.join(", "))
        })?;
        // A fact about keys needs their ids.
        if matches!(collector(fact).read, Read::Key(..)) {
            facts.insert(FactKind::AccessKeys);
        }
        facts.insert(fact);
    }
    Ok(facts)
}

/// The collectors of the selected facts.
pub(crate) fn selected(selection: &FactSelection) -> impl Iterator<Item = &'static Collector> + '_ {
    collectors().filter(|collector| selection.contains(collector.fact))
}

/// The IAM actions that a selection of facts needs.
#[must_use]
pub fn actions(selection: &FactSelection) -> Vec<&'static str> {
    let reads_report = selection.user_source == UserSource::CredentialReport;
    let is_read = |collector: &&Collector| {
        selection.contains(collector.fact) || (reads_report && collector.fact == FactKind::CredentialReport)
    };
    let mut actions: Vec<&'static str> =
        collectors().filter(is_read).flat_map(|collector| collector.actions).copied().collect();
    if selection.user_name.is_some() {
        // The user is read by name, and no others are listed.
        actions.retain(|action| !users::COLLECTOR.actions.contains(action));
        if !actions.contains(&users::GET_USER_ACTION) {
            actions.push(users::GET_USER_ACTION);
        }
    }
    actions
}

/// The minimum number of calls for an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpectedCalls {
    /// Calls for the account, including its `AssumeRole`.
    pub per_account: usize,
    /// Calls for each of its users.
    pub per_user: usize,
}

/// The minimum number of calls that a selection of facts takes. Calls for keys are not counted: how many keys a user has
/// is not known in advance.
#[must_use]
pub fn expected_calls(selection: &FactSelection) -> ExpectedCalls {
    let mut calls = ExpectedCalls { per_account: 1, per_user: 0 };
    for collector in selected(selection) {
        match collector.read {
            Read::ListUsers(_) | Read::Account(..) | Read::AccountAtEnd(..) | Read::AllUsers(..) => {
                calls.per_account += 1;
            }
            Read::User(..) => calls.per_user += 1,
            Read::Key(..) => {}
        }
    }
    calls
}

/// Converts a date of the SDK; `None` where it is out of range.
fn timestamp(date: &DateTime) -> Option<Timestamp> {
    Timestamp::new(date.secs(), i32::try_from(date.subsec_nanos()).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rolecall_roll::{FactKind, FactSelection, UserSource};

    use super::{FactSet, actions, collectors, expected_calls, parse_facts};

    fn selection(text: &str) -> FactSelection {
        FactSelection { facts: parse_facts(text).unwrap(), ..FactSelection::default() }
    }

    #[test]
    fn the_recommended_permissions_document_allows_exactly_the_needed_actions() {
        let document = include_str!("../../../../infra/policies/member-permissions-recommended.json");
        let document: serde_json::Value = serde_json::from_str(document).unwrap();
        let allowed = document["Statement"][0]["Action"].as_array().unwrap().iter();
        let allowed: BTreeSet<&str> = allowed.map(|action| action.as_str().unwrap()).collect();
        let needed = actions(&selection("recommended"));
        assert_eq!(allowed, needed.into_iter().collect());
    }

    #[test]
    fn the_readme_lists_every_fact_with_the_actions_that_it_needs() {
        let readme = include_str!("../../../../README.md");
        let (_, table) = readme.split_once("| fact | is | needs |").unwrap();
        let rows: Vec<&str> = table.lines().take_while(|line| !line.starts_with("`recommended`")).collect();
        for collector in collectors() {
            let name = format!("`{}`", collector.fact.name());
            let row = rows.iter().find(|row| row.split('|').nth(1).is_some_and(|cell| cell.contains(&name)));
            let row = row.unwrap_or_else(|| panic!("{name} is not in the table"));
            for action in collector.actions {
                assert!(row.contains(action), "{action} is not in {row}");
            }
        }
    }

    #[test]
    fn facts_are_selected_by_name_and_include_the_facts_that_they_need() {
        assert!(parse_facts(" ").unwrap_err().contains("no fact given"));
        assert_eq!(selection("users").names(), "users");
        assert_eq!(selection("default"), FactSelection::default());
        assert_eq!(selection("last_used").names(), "users,access_keys,last_used");
        assert!(selection("recommended, account_alias").contains(FactKind::AccountAlias));
        assert_eq!(actions(&FactSelection::default()), ["iam:ListUsers", "iam:ListAccessKeys"]);
        let one = FactSelection { user_name: Some("alice".to_owned()), ..FactSelection::default() };
        assert_eq!(actions(&one), ["iam:ListAccessKeys", "iam:GetUser"]);
        let report = FactSelection { user_source: UserSource::CredentialReport, ..FactSelection::default() };
        assert!(actions(&report).contains(&"iam:GetCredentialReport"));
        let unknown = parse_facts("keys").unwrap_err();
        assert!(
            unknown.contains("unknown fact \"keys\"; expected one of default, recommended, all, users"),
            "{unknown}"
        );
    }

    #[test]
    fn each_collector_is_that_of_its_fact_and_all_of_them_are_in_a_set() {
        let facts: Vec<FactKind> = collectors().map(|collector| collector.fact).collect();
        assert_eq!(facts, FactKind::ALL);
        assert_eq!(FactSet::All.facts().count(), FactKind::ALL.len());
        let calls = expected_calls(&selection("all"));
        assert_eq!((calls.per_account, calls.per_user), (7, 3));
    }
}
