//! What the rolls know of their runs: the `AssumeRole` calls, the sessions that AWS issued, and the actions that they call.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use jiff::{SignedDuration, Timestamp};
use rolecall_roll::{AccountId, AccountRecord, ErrorKind, Gap, IssuedSession, RollFile, Run, Stage};

use super::Call;

/// A session of a run.
pub(super) struct KnownSession {
    /// The account that it reads; `None` for an intermediate role of a role chain.
    pub(super) account_id: Option<AccountId>,
    /// The index in [`Runs::declared`] of the actions that it calls.
    pub(super) declared: usize,
    /// Whether it made at least one call that CloudTrail must have.
    pub(super) has_called: bool,
    /// Whether CloudTrail has a call of it.
    pub(super) is_recorded: bool,
    /// Whether it is of the roll that is verified, and not of another one that explains calls.
    pub(super) is_verified: bool,
}

/// A run of the roll that is verified.
pub(super) struct RunName {
    pub(super) session_name: String,
    /// The start of the run. Clocks differ, so it is somewhat earlier.
    pub(super) from: Timestamp,
    pub(super) is_interrupted: bool,
}

/// How much earlier than the start of its run an event may be: clocks differ.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(120);

/// The runs of all rolls.
#[derive(Default)]
pub(super) struct Runs {
    /// The `AssumeRole` calls of the roll that is verified, by request id.
    pub(super) calls: BTreeMap<String, Call>,
    /// The request ids of the `AssumeRole` calls of other rolls.
    pub(super) explained: BTreeSet<String>,
    /// The sessions of all rolls, by access key id.
    pub(super) sessions: BTreeMap<String, KnownSession>,
    /// Sets of actions, such as `iam:ListUsers`.
    pub(super) declared: Vec<BTreeSet<String>>,
    /// The runs of the roll that is verified.
    pub(super) names: Vec<RunName>,
    /// The roles of accounts where the run got no response to `AssumeRole`: the roll cannot have its request id.
    pub(super) without_response: BTreeSet<String>,
}

impl Runs {
    /// Adds the runs of a roll.
    ///
    /// # Errors
    /// Where the roll file cannot be read.
    pub(super) fn add(&mut self, roll: &RollFile, is_verified: bool) -> io::Result<()> {
        // The actions of the runs follow the accounts.
        let (members, intermediate) = (self.declared.len(), self.declared.len() + 1);
        let runs = roll.history(|account| self.add_account(account, members, is_verified));
        let runs = runs.map_err(io::Error::other)?;
        let actions = |of: fn(&Run) -> &BTreeSet<String>| runs.iter().flat_map(of).cloned().collect();
        self.declared.push(actions(|run| &run.header.actions));
        self.declared.push(actions(|run| &run.header.intermediate_actions));
        for run in &runs {
            let statistics = run.statistics.iter();
            for session in statistics.flat_map(|statistics| &statistics.intermediate_sessions) {
                let known = KnownSession { account_id: None, ..new_session(intermediate, true, is_verified) };
                self.add_session(&session.session, Some(session.role_arn.to_string()), known);
            }
            if let (true, Some(name)) = (is_verified, &run.header.session_name) {
                let from = run.header.as_of.checked_sub(CLOCK_SKEW).unwrap_or(Timestamp::MIN);
                let is_interrupted = run.statistics.is_none();
                self.names.push(RunName { session_name: name.to_string(), from, is_interrupted });
            }
        }
        Ok(())
    }

    fn add_account(&mut self, account: &AccountRecord, declared: usize, is_verified: bool) {
        let role_arn = account.role_arn().map(ToString::to_string);
        let call = |gap: &Gap, request_id: &str| Call {
            account_id: Some(account.account_id().clone()),
            role_arn: role_arn.clone(),
            request_id: request_id.to_owned(),
            access_key_id: None,
            // AWS may have issued a session in a response that could not be read.
            is_denied: (gap.error_kind != ErrorKind::Malformed).then_some(true),
        };
        let assume_role = |gap: &&Gap| gap.operation.as_deref() == Some("AssumeRole");
        for gap in account.gaps().iter().filter(assume_role) {
            match &gap.request_id {
                Some(request_id) => self.add_call(call(gap, request_id), is_verified),
                None => self.without_response.extend(role_arn.clone().filter(|_| is_verified)),
            }
        }
        // A deadline or a timeout during `AssumeRole` is a gap of no operation.
        let is_stopped = |gap: &Gap| gap.stage == Stage::Session && gap.operation.is_none();
        if is_verified && account.gaps().iter().any(is_stopped) {
            self.without_response.extend(role_arn.clone());
        }
        let has_called = !account.gaps().iter().any(|gap| gap.stage == Stage::Session);
        for session in account.sessions() {
            let known = new_session(declared, has_called, is_verified);
            let known = KnownSession { account_id: Some(account.account_id().clone()), ..known };
            self.add_session(session, role_arn.clone(), known);
        }
    }

    fn add_session(&mut self, session: &IssuedSession, role_arn: Option<String>, known: KnownSession) {
        let access_key_id = session.access_key_id.as_ref().map(ToString::to_string);
        if let Some(request_id) = session.request_id.clone() {
            let call = Call {
                account_id: known.account_id.clone(),
                role_arn,
                request_id,
                is_denied: access_key_id.is_some().then_some(false),
                access_key_id: access_key_id.clone(),
            };
            self.add_call(call, known.is_verified);
        }
        if let Some(access_key_id) = access_key_id {
            // A roll that is given twice is verified.
            let is_verified = known.is_verified;
            let entry = self.sessions.entry(access_key_id).or_insert(known);
            entry.is_verified |= is_verified;
        }
    }

    fn add_call(&mut self, call: Call, is_verified: bool) {
        if is_verified {
            self.calls.insert(call.request_id.clone(), call);
        } else {
            self.explained.insert(call.request_id);
        }
    }

    /// The actions that a session calls.
    pub(super) fn declares(&self, session: &KnownSession, action: &str) -> bool {
        self.declared.get(session.declared).is_some_and(|actions| actions.contains(action))
    }
}

fn new_session(declared: usize, has_called: bool, is_verified: bool) -> KnownSession {
    KnownSession { account_id: None, declared, has_called, is_recorded: false, is_verified }
}
