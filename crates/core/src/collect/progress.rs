//! What was read of an account so far. It is kept outside of the future that reads, so that a stop keeps it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};

use rolecall_roll::{
    AccessKey, AccessKeyId, AccountRecord, Fact, FactKind, FactSelection, Facts, Gap, Note, Stage, Target,
    User,
};
use tokio::sync::watch;

use super::{Collector, Read, collector, selected};
use crate::call::CallError;

/// What was read of an account so far: its users and facts, with gaps and notes.
#[derive(Debug, Default)]
pub struct Progress {
    /// `None` until a page of users was read.
    pub(super) users: RefCell<Option<Vec<User>>>,
    pub(super) facts: RefCell<Facts>,
    gaps: RefCell<Vec<Gap>>,
    notes: RefCell<Vec<Note>>,
    has_session: Cell<bool>,
    listed: watch::Sender<bool>,
    /// Listed users that a later call did not find.
    not_found: RefCell<Vec<String>>,
    /// Users in the response of another call that are not listed.
    unlisted: RefCell<BTreeSet<String>>,
    finished: RefCell<BTreeSet<FactKind>>,
    /// The names of the users that an earlier invocation has read.
    taken_over: RefCell<BTreeSet<String>>,
}

impl Progress {
    /// Records that the account has a session.
    pub(crate) fn set_has_session(&self) {
        self.has_session.set(true);
    }

    /// Records that listing the users has ended, completely or with an error.
    pub(super) fn set_listed(&self) {
        self.listed.send_replace(true);
    }

    /// Waits until listing the users has ended.
    pub(super) async fn wait_until_listed(&self) {
        let mut listed = self.listed.subscribe();
        // This cannot fail: the sender lives as long as `self`.
        let _ = listed.wait_for(|is_listed| *is_listed).await;
    }

    /// Records that reading a fact has ended, completely or with an error.
    pub(super) fn finish(&self, fact: FactKind) {
        self.finished.borrow_mut().insert(fact);
    }

    /// The stages that a stop leaves unfinished, and what each did not read.
    pub(crate) fn unfinished(&self, selection: &FactSelection) -> Vec<(Stage, Option<String>)> {
        if !self.has_session.get() {
            return vec![(Stage::Session, None)];
        }
        let finished = self.finished.borrow();
        if !finished.contains(&FactKind::Users) {
            return vec![(FactKind::Users.into(), Some("not all users were listed".to_owned()))];
        }
        let without_keys = self.users_without_keys();
        let unfinished = selection.facts.iter().filter(|fact| !finished.contains(fact));
        // A fact that has all its values is no gap, even if the stop came before its reading had ended.
        let unfinished = unfinished.filter(|fact| self.lacks_values(collector(**fact)));
        let description = |fact: &FactKind| match fact {
            FactKind::AccessKeys if without_keys == 0 => None,
            FactKind::AccessKeys if without_keys == 1 => {
                Some("the access keys of 1 user were not read".to_owned())
            }
            FactKind::AccessKeys => Some(format!("the access keys of {without_keys} users were not read")),
            _ => Some(format!("{} not fully read", fact.label())),
        };
        unfinished.filter_map(|fact| Some(((*fact).into(), Some(description(fact)?)))).collect()
    }

    /// Whether a fact has not been read of the account, or of one of its users or keys.
    fn lacks_values(&self, collector: &Collector) -> bool {
        let lacks_of_user = |mark: fn(&mut User, &str)| {
            self.users.borrow().iter().flatten().any(|user| changes(user, |user| mark(user, "")))
        };
        let lacks_of_account =
            |mark: fn(&mut Facts, &str)| changes(&*self.facts.borrow(), |facts| mark(facts, ""));
        match collector.read {
            _ if collector.fact == FactKind::AccessKeys => self.users_without_keys() > 0,
            Read::ListUsers(_) => true,
            Read::Account(_, mark) | Read::AccountAtEnd(_, mark) => lacks_of_account(mark),
            Read::AllUsers(_, mark_user, mark_account) => {
                lacks_of_user(mark_user) || lacks_of_account(mark_account)
            }
            Read::User(_, mark) => lacks_of_user(mark),
            Read::Key(_, mark) => {
                let users = self.users.borrow();
                let mut keys = users.iter().flatten().flat_map(|user| user.access_keys.iter().flatten());
                self.users_without_keys() > 0 || keys.any(|key| changes(key, |key| mark(key, "")))
            }
        }
    }

    /// The number of users whose access keys were not read.
    fn users_without_keys(&self) -> usize {
        self.users.borrow().iter().flatten().filter(|user| user.access_keys.is_none()).count()
    }

    /// Adds a gap.
    pub(crate) fn push_gap(&self, gap: Gap) {
        self.gaps.borrow_mut().push(gap);
    }

    /// Adds the gap of a call's error, and returns the reason why the fact is unknown. AWS's message is kept in the gap
    /// only: it names the user, so that each user would have a different reason.
    pub(super) fn push_error(&self, fact: FactKind, user_name: Option<&str>, error: CallError) -> String {
        let gap = error.into_gap(fact.into(), user_name);
        let reason = gap.summary();
        self.push_gap(gap);
        reason
    }

    /// The value that was read; after an error, unknown, and the error is added as a gap.
    pub(super) fn fact<T>(
        &self,
        fact: FactKind,
        user_name: Option<&str>,
        read: Result<T, CallError>,
    ) -> Fact<T> {
        match read {
            Ok(value) => Fact::live(value),
            Err(error) => Fact::Unknown { unknown: self.push_error(fact, user_name, error) },
        }
    }

    /// Adds a note: something worth knowing that is no gap.
    pub(super) fn push_note(&self, fact: FactKind, user_name: Option<&str>, message: impl Into<String>) {
        let user_name = user_name.map(str::to_owned);
        self.notes.borrow_mut().push(Note { fact, user_name, message: message.into() });
    }

    /// Records that a call did not find a listed user.
    pub(super) fn push_not_found(&self, user_name: &str) {
        self.not_found.borrow_mut().push(user_name.to_owned());
    }

    /// Takes the listed users that a call did not find.
    pub(super) fn take_not_found(&self) -> Vec<String> {
        self.not_found.take()
    }

    /// Records that a response has a user that is not listed.
    pub(super) fn push_unlisted(&self, user_name: &str) {
        self.unlisted.borrow_mut().insert(user_name.to_owned());
    }

    /// Takes the users that are in a response and not listed.
    pub(super) fn take_unlisted(&self) -> BTreeSet<String> {
        self.unlisted.take()
    }

    /// Takes what an earlier invocation of the same run has read of each listed user, where it has all of these facts.
    pub(super) fn take_over(&self, previous: &[User], facts: &BTreeSet<FactKind>) {
        let is_whole = |user: &&User| user.missing_facts(facts).is_empty();
        // By the unique id: a user that was deleted and created again has another one.
        let previous: HashMap<&str, &User> =
            previous.iter().filter(is_whole).map(|user| (user.user_id.as_str(), user)).collect();
        for user in self.users.borrow_mut().iter_mut().flatten() {
            let Some(before) = previous.get(user.user_id.as_str()) else { continue };
            user.access_keys.clone_from(&before.access_keys);
            user.no_access_keys_source = before.no_access_keys_source;
            user.console_password.clone_from(&before.console_password);
            user.mfa_devices.clone_from(&before.mfa_devices);
            self.taken_over.borrow_mut().insert(user.user_name.clone());
        }
    }

    /// Whether an earlier invocation has read a user.
    pub(super) fn is_taken_over(&self, user_name: &str) -> bool {
        self.taken_over.borrow().contains(user_name)
    }

    /// Changes a user. Returns whether the user is there.
    pub(super) fn update_user(&self, user_name: &str, change: impl FnOnce(&mut User)) -> bool {
        let mut users = self.users.borrow_mut();
        let user = users.iter_mut().flatten().find(|user| user.user_name == user_name);
        user.map(change).is_some()
    }

    /// Adds the users whose names are not there yet. Returns their names.
    pub(super) fn add_users(&self, listed: Vec<User>) -> Vec<String> {
        let mut users = self.users.borrow_mut();
        let users = users.get_or_insert_default();
        let names: BTreeSet<String> = users.iter().map(|user| user.user_name.clone()).collect();
        let added: Vec<User> = listed.into_iter().filter(|user| !names.contains(&user.user_name)).collect();
        let added_names = added.iter().map(|user| user.user_name.clone()).collect();
        users.extend(added);
        added_names
    }

    /// Keeps only users of these names; the others were deleted.
    pub(super) fn retain_users(&self, names: &BTreeSet<String>) {
        let users = self.users.borrow();
        let all = users.iter().flatten().map(|user| user.user_name.clone());
        let deleted: Vec<String> = all.filter(|name| !names.contains(name)).collect();
        drop(users);
        for user_name in deleted {
            self.remove_user(&user_name);
        }
    }

    /// Replaces a user who was deleted and created again with the same name.
    pub(super) fn replace_if_recreated(&self, listed: &User) {
        self.update_user(&listed.user_name, |user| {
            if user.user_id != listed.user_id {
                user.clone_from(listed);
            }
        });
    }

    /// Changes a key of a user, unless either was removed.
    pub(super) fn update_key(
        &self,
        user_name: &str,
        access_key_id: &AccessKeyId,
        change: impl FnOnce(&mut AccessKey),
    ) {
        self.update_user(user_name, |user| {
            let mut keys = user.access_keys.iter_mut().flatten();
            if let Some(key) = keys.find(|key| key.access_key_id == *access_key_id) {
                change(key);
            }
        });
    }

    /// Removes a user who was deleted while the account was read, and notes it.
    pub(super) fn remove_user(&self, user_name: &str) {
        if let Some(users) = self.users.borrow_mut().as_mut() {
            users.retain(|user| user.user_name != user_name);
        }
        let message = "the user was deleted while the account was read, and is left out";
        self.push_note(FactKind::AccessKeys, Some(user_name), message);
    }

    /// The account's record. What was selected and not read is unknown in it. `fallback` is the gap of an account whose users
    /// were not read, where no gap says why.
    #[must_use]
    pub(crate) fn into_record(
        self,
        target: Target,
        selection: &FactSelection,
        fallback: Gap,
    ) -> AccountRecord {
        let (mut gaps, mut notes) = (self.gaps.into_inner(), self.notes.into_inner());
        // Sorted by name and not by time, so that two runs over unchanged accounts give the same records.
        gaps.sort_by(|a, b| (a.stage, &a.user_name).cmp(&(b.stage, &b.user_name)));
        notes.sort_by(|a, b| (a.fact, &a.user_name, &a.message).cmp(&(b.fact, &b.user_name, &b.message)));
        let Some(mut users) = self.users.into_inner() else {
            // The gap that explains why no users were read is more useful than the others.
            let explains = |gap: &Gap| matches!(gap.stage, Stage::Session | Stage::Fact(FactKind::Users));
            let first = gaps.iter().position(explains).unwrap_or(0);
            let gap = if gaps.is_empty() { fallback } else { gaps.swap_remove(first) };
            return AccountRecord::failed(target, gap);
        };
        let mut facts = self.facts.into_inner();
        mark_all_unread(selection, &gaps, &mut users, &mut facts);
        AccountRecord::read(target, users, gaps, notes).with_facts(facts).with_selection(selection)
    }
}

/// Whether a function changes a value.
fn changes<T: Clone + PartialEq>(value: &T, change: impl FnOnce(&mut T)) -> bool {
    let mut changed = value.clone();
    change(&mut changed);
    changed != *value
}

/// Marks what was selected and not read as unknown. Where one call reads a fact of all users, its gap gives the reason.
fn mark_all_unread(selection: &FactSelection, gaps: &[Gap], users: &mut [User], facts: &mut Facts) {
    for collector in selected(selection) {
        let is_of_fact = |gap: &&Gap| gap.stage == collector.fact.into() && gap.user_name.is_none();
        let reason =
            gaps.iter().find(is_of_fact).map_or_else(|| "not in the response".to_owned(), Gap::summary);
        match collector.read {
            Read::ListUsers(_) => {}
            Read::Account(_, mark) | Read::AccountAtEnd(_, mark) => mark(facts, &reason),
            Read::AllUsers(_, mark_user, mark_account) => {
                for user in users.iter_mut() {
                    mark_user(user, &reason);
                }
                mark_account(facts, &reason);
            }
            Read::User(_, mark) => users.iter_mut().for_each(|user| mark(user, &reason)),
            Read::Key(_, mark) => {
                let keys = users.iter_mut().flat_map(|user| user.access_keys.iter_mut().flatten());
                keys.for_each(|key| mark(key, &reason));
            }
        }
    }
}
