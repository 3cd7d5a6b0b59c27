//! What was read of an account so far. It is kept outside of the work, so that work which is cut off leaves it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use rolecall_roll::{
    AccessKey, AccessKeyId, AccountRecord, Fact, FactKind, FactSelection, Facts, Gap, Note, Stage, Target,
    User,
};
use tokio::sync::watch;

use super::{Read, selected};
use crate::call::CallError;

/// What was read of an account so far.
#[derive(Debug, Default)]
pub struct Progress {
    pub(super) users: RefCell<Option<Vec<User>>>,
    pub(super) facts: RefCell<Facts>,
    gaps: RefCell<Vec<Gap>>,
    notes: RefCell<Vec<Note>>,
    request_ids: RefCell<Vec<String>>,
    has_session: Cell<bool>,
    is_listed: watch::Sender<bool>,
    finished: RefCell<BTreeSet<FactKind>>,
}

impl Progress {
    /// Takes note that there is a session.
    pub(crate) fn set_has_session(&self) {
        self.has_session.set(true);
    }

    /// Takes note that the users are listed, as far as they let themselves be.
    pub(super) fn set_listed(&self) {
        self.is_listed.send_replace(true);
    }

    /// Waits until the users are listed.
    pub(super) async fn wait_until_listed(&self) {
        let mut is_listed = self.is_listed.subscribe();
        // The sender is this progress's own, and there as long as it is.
        let _ = is_listed.wait_for(|is_listed| *is_listed).await;
    }

    /// Takes note that a fact was read, as far as it lets itself be read.
    pub(super) fn finish(&self, fact: FactKind) {
        self.finished.borrow_mut().insert(fact);
    }

    /// The stages that a stop leaves unfinished, and what is not read of each.
    pub(crate) fn unfinished(&self, selection: &FactSelection) -> Vec<(Stage, Option<String>)> {
        if !self.has_session.get() {
            return vec![(Stage::Session, None)];
        }
        let finished = self.finished.borrow();
        if !finished.contains(&FactKind::Users) {
            return vec![(FactKind::Users.into(), Some("not all users are listed".to_owned()))];
        }
        let without_keys = self.users_without_keys();
        let unfinished = selection.facts.iter().filter(|fact| !finished.contains(fact));
        let what = |fact: &FactKind| match fact {
            FactKind::AccessKeys if without_keys == 0 => None,
            FactKind::AccessKeys => Some(format!("the keys of {without_keys} user(s) are not read")),
            _ => Some(format!("not fully read: {}", fact.label())),
        };
        unfinished.filter_map(|fact| Some(((*fact).into(), Some(what(fact)?)))).collect()
    }

    /// Keeps the ids of the calls that gave the session.
    pub(crate) fn set_request_ids(&self, request_ids: Vec<String>) {
        self.request_ids.replace(request_ids);
    }

    /// How many users there are whose keys are not read.
    fn users_without_keys(&self) -> usize {
        self.users.borrow().iter().flatten().filter(|user| user.access_keys.is_none()).count()
    }

    /// Adds something that could not be read.
    pub(crate) fn push_gap(&self, gap: Gap) {
        self.gaps.borrow_mut().push(gap);
    }

    /// Adds the gap that a call's error leaves, and gives the reason for which the fact is unknown. AWS's words stand in
    /// the gap alone: with what they are about in them they would be another reason for each user.
    pub(super) fn push_error(&self, fact: FactKind, user_name: Option<&str>, error: CallError) -> String {
        let gap = error.into_gap(fact.into(), user_name);
        let reason = gap.summary();
        self.push_gap(gap);
        reason
    }

    pub(super) fn push_note(&self, step: FactKind, user_name: Option<&str>, message: impl Into<String>) {
        let user_name = user_name.map(str::to_owned);
        self.notes.borrow_mut().push(Note { fact: step, user_name, message: message.into() });
    }

    /// Changes a user, where it is still there.
    pub(super) fn update_user(&self, user_name: &str, change: impl FnOnce(&mut User)) {
        let mut users = self.users.borrow_mut();
        if let Some(user) = users.iter_mut().flatten().find(|user| user.user_name == user_name) {
            change(user);
        }
    }

    /// Changes a key of a user, where both are still there.
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

    /// Leaves out a user who vanished between two calls: a normal race.
    pub(super) fn remove_user(&self, user_name: &str) {
        if let Some(users) = self.users.borrow_mut().as_mut() {
            users.retain(|user| user.user_name != user_name);
        }
        let message = "was deleted while the account was read, and is left out";
        self.push_note(FactKind::AccessKeys, Some(user_name), message);
    }

    /// The account's line. What was selected and not read is unknown in it.
    #[must_use]
    pub(crate) fn into_record(
        self,
        target: Target,
        selection: &FactSelection,
        no_reason: Gap,
    ) -> AccountRecord {
        let (mut gaps, mut notes) = (self.gaps.into_inner(), self.notes.into_inner());
        let request_ids = self.request_ids.into_inner();
        // In order of name and not of arrival, so that two runs over the same world say the same.
        gaps.sort_by(|a, b| (a.stage, &a.user_name).cmp(&(b.stage, &b.user_name)));
        notes.sort_by(|a, b| (a.fact, &a.user_name, &a.message).cmp(&(b.fact, &b.user_name, &b.message)));
        let Some(mut users) = self.users.into_inner() else {
            // What kept the users from being read tells more than what else went wrong.
            let is_first = |gap: &Gap| matches!(gap.stage, Stage::Session | Stage::Fact(FactKind::Users));
            let first = gaps.iter().position(is_first).unwrap_or(0);
            let gap = if gaps.is_empty() { no_reason } else { gaps.swap_remove(first) };
            return AccountRecord::failed(target, gap).with_request_ids(request_ids);
        };
        let mut facts = self.facts.into_inner();
        mark_all_unread(selection, &gaps, &mut users, &mut facts);
        AccountRecord::read(target, users, gaps, notes).with_facts(facts).with_request_ids(request_ids)
    }
}

/// Marks what was selected and not read as unknown. Where one call reads a fact of all users, one gap says why.
fn mark_all_unread(selection: &FactSelection, gaps: &[Gap], users: &mut [User], facts: &mut Facts) {
    for collector in selected(selection) {
        let of_fact = |gap: &&Gap| gap.stage == collector.fact.into() && gap.user_name.is_none();
        let reason = gaps.iter().find(of_fact).map_or_else(|| "not read".to_owned(), Gap::summary);
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

/// What a read gave, or unknown for the reason that stands in a gap now.
impl Progress {
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
}
