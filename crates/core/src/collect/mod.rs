//! The facts, one file each. Each file has one row, its [`Collector`]: which fact, which IAM actions it needs, how it is
//! read and how it stays unknown. What follows from the row is not written again: the session policy, the number of
//! calls, the gaps of what was not read, the help, and what to allow where AWS denies.
//!
//! [`read_account`] reads an account by these rows; [`progress`] keeps what was read so far.

pub mod access_keys;
pub mod account_alias;
pub mod console_password;
pub mod control_total;
pub mod credential_report;
pub mod last_used;
pub mod mfa_devices;
pub mod options;
pub mod policies;
pub mod progress;
pub mod read_account;
pub mod root_credentials;
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

/// A fact that can be read: the one row that declares it.
#[derive(Debug)]
pub struct Collector {
    /// The fact.
    pub fact: FactKind,
    /// The smallest named set of facts that it is in.
    pub set: FactSet,
    /// The IAM actions that it needs, and all that it needs.
    pub actions: &'static [&'static str],
    /// What it tells, for people, in a few words.
    pub description: &'static str,
    /// How it is read, and how it stays unknown.
    pub(crate) read: Read,
}

/// Named sets of facts; each holds those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FactSet {
    /// What the two permissions of the flow allow.
    Default,
    /// What a security team wants to know.
    Recommended,
    /// Every fact.
    All,
}

impl FactSet {
    /// All sets.
    pub const ALL: [Self; 3] = [Self::Default, Self::Recommended, Self::All];

    /// The name in flags and settings.
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

/// Reads something of the account as a whole.
type ReadAccount = for<'a> fn(&'a Session<'a>, ReadOptions<'a>, &'a Progress) -> LocalBoxFuture<'a, ()>;

/// Reads a fact of all users in few calls; what comes back puts it to the users once they are listed.
type ReadAllUsers = for<'a> fn(&'a Session<'a>, &'a Progress) -> LocalBoxFuture<'a, Join>;

/// Puts a fact that was read of all users to the users that were listed.
pub(crate) type Join = Box<dyn FnOnce(&Progress)>;

/// Reads a fact of one user. What went wrong becomes a gap; "not found" says that the user is gone.
type ReadUser = for<'a> fn(
    &'a Session<'a>,
    ReadOptions<'a>,
    &'a Progress,
    &'a str,
) -> LocalBoxFuture<'a, Result<(), CallError>>;

/// What a fact is about decides when it is read, how many calls it takes, and where it stays unknown. The last is the
/// function beside it: it marks what was not read as unknown for a reason, and leaves alone what was.
#[derive(Debug)]
pub(crate) enum Read {
    /// The list of the users, which all else is about; without it the account is Failed.
    ListUsers(ReadAccount),
    /// The account, beside its users.
    Account(ReadAccount, fn(&mut Facts, &str)),
    /// The account, once all else is read.
    AccountAtEnd(ReadAccount, fn(&mut Facts, &str)),
    /// All users at once, and the account with them.
    AllUsers(ReadAllUsers, fn(&mut User, &str), fn(&mut Facts, &str)),
    /// Each user.
    User(ReadUser, fn(&mut User, &str)),
    /// Each access key of a user, once the keys are read.
    Key(ReadUser, fn(&mut AccessKey, &str)),
}

/// Nothing to mark: the value itself says that it was not read.
fn says_so_itself<T>(_: &mut T, _: &str) {}

/// Marks a fact that nobody read as unknown, for this reason.
fn mark_unread<T>(fact: &mut Fact<T>, reason: &str) {
    if fact.is_not_requested() {
        *fact = Fact::Unknown { unknown: reason.to_owned() };
    }
}

/// The row of a fact.
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

/// All rows, in the order in which they read.
pub fn collectors() -> impl Iterator<Item = &'static Collector> {
    FactKind::ALL.iter().map(|fact| collector(*fact))
}

/// Reads a list of facts: their names with commas between, or `default`, `recommended`, `all`.
///
/// # Errors
/// Where a name is that of no fact, or there is none.
pub fn parse_facts(text: &str) -> Result<BTreeSet<FactKind>, String> {
    if text.trim().is_empty() {
        return Err("it names no fact; users are read with each".to_owned());
    }
    // Users are what all else is about.
    let mut facts = BTreeSet::from([FactKind::Users]);
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        if let Some(set) = FactSet::ALL.into_iter().find(|set| set.name() == name) {
            facts.extend(set.facts());
            continue;
        }
        let fact: FactKind = name.parse().map_err(|_| {
            let sets = FactSet::ALL.into_iter().map(FactSet::name);
            let names: Vec<&str> = sets.chain(FactKind::ALL.iter().map(|fact| fact.name())).collect();
            format!("{name:?} is none of {}", names.join(", "))
        })?;
        // What is about keys needs their ids.
        if matches!(collector(fact).read, Read::Key(..)) {
            facts.insert(FactKind::AccessKeys);
        }
        facts.insert(fact);
    }
    Ok(facts)
}

/// The rows of the facts that are read.
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
    if selection.user_name.is_some() && !actions.contains(&users::GET_USER_ACTION) {
        actions.push(users::GET_USER_ACTION);
    }
    actions
}

/// How many calls an account takes at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpectedCalls {
    /// For the account, its session included.
    pub per_account: usize,
    /// For each of its users.
    pub per_user: usize,
}

/// How many calls a selection of facts takes at least. Of keys nobody knows how many a user has.
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

/// AWS's date as ours; `None` where it is out of all range.
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
    fn the_document_of_the_recommended_permissions_gives_what_is_needed_and_nothing_else() {
        let document = include_str!("../../../../infra/policies/member-permissions-recommended.json");
        let document: serde_json::Value = serde_json::from_str(document).unwrap();
        let given = document["Statement"][0]["Action"].as_array().unwrap().iter();
        let given: BTreeSet<&str> = given.map(|action| action.as_str().unwrap()).collect();
        let needed = actions(&selection("recommended"));
        assert_eq!(given, needed.into_iter().collect());
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
    fn facts_are_chosen_by_name_and_bring_what_they_need() {
        assert!(parse_facts(" ").unwrap_err().contains("names no fact"));
        assert_eq!(selection("users").names(), "users");
        assert_eq!(selection("default"), FactSelection::default());
        assert_eq!(selection("last_used").names(), "users,access_keys,last_used");
        assert!(selection("recommended, account_alias").contains(FactKind::AccountAlias));
        assert_eq!(actions(&FactSelection::default()), ["iam:ListUsers", "iam:ListAccessKeys"]);
        let report = FactSelection { user_source: UserSource::CredentialReport, ..FactSelection::default() };
        assert!(actions(&report).contains(&"iam:GetCredentialReport"));
        let unknown = parse_facts("keys").unwrap_err();
        assert!(unknown.contains("\"keys\" is none of default, recommended, all, users"), "{unknown}");
    }

    #[test]
    fn each_row_is_that_of_its_fact_and_all_of_them_are_in_a_set() {
        let rows: Vec<FactKind> = collectors().map(|collector| collector.fact).collect();
        assert_eq!(rows, FactKind::ALL);
        assert_eq!(FactSet::All.facts().count(), FactKind::ALL.len());
        let calls = expected_calls(&selection("all"));
        assert_eq!((calls.per_account, calls.per_user), (7, 3));
    }
}
