//! Compares the calls of a run with the events that CloudTrail recorded: the `AssumeRole` calls by their request ids, and the
//! calls of the sessions that AWS issued by their access key ids. Neither depends on time, so a session name or credentials
//! that somebody uses hours later are found too.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/cloudtrail-integration.html>

mod events;
mod runs;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};

use jiff::Timestamp;
use rolecall_roll::{AccountId, RollFile};
use serde::Serialize;

use events::{AssumeRole, Event};
pub use events::{EventsError, FileContent};
use runs::{RunName, Runs};

/// The result of comparing a roll with CloudTrail events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reconciliation {
    /// What was compared with the roll.
    pub events: EventFiles,
    /// The session names of the roll's runs.
    pub session_names: BTreeSet<String>,
    /// The number of `AssumeRole` calls in the roll that CloudTrail recorded.
    pub matched: usize,
    /// The `AssumeRole` calls in the roll that the events do not have. Where [`EventFiles::cut`] names a file, they may be
    /// in the rest of the events.
    pub missing: Vec<Call>,
    /// `AssumeRole` calls that CloudTrail recorded with another role, session name, outcome or access key id than the roll
    /// has.
    pub mismatched: Vec<MismatchedCall>,
    /// The number of events of the runs' sessions that are declared read calls.
    pub declared_events: usize,
    /// Calls of the runs' sessions that are not among the actions that the run declared.
    pub undeclared: Vec<RecordedCall>,
    /// Calls with the run's session name that no roll has: another session, at any time.
    pub unexplained: Vec<RecordedCall>,
    /// Calls of which the roll cannot tell whether they are the run's.
    pub undetermined: Vec<UndeterminedCall>,
    /// The sessions in the roll of which the events have no call, so that it is unknown what they did.
    pub unrecorded_sessions: Vec<Session>,
    /// The number of `AssumeRole` attempts with the session name that AWS throttled or failed, and that the SDK repeated.
    pub throttled_attempts: usize,
}

/// The files of events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct EventFiles {
    /// The number of files.
    pub files: usize,
    /// The number of events of API calls.
    pub events: usize,
    /// The number of `AssumeRole` events among them.
    pub assume_role_events: usize,
    /// The number of records that are not events of API calls, such as digests and Insights events.
    pub other_records: usize,
    /// The first file with such a record.
    pub first_other: Option<String>,
    /// The files that end with a `NextToken`: they are the first part of the events.
    pub cut: Vec<String>,
}

/// An `AssumeRole` call in the roll.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Call {
    /// The target account; `None` for an intermediate role of a role chain.
    pub account_id: Option<AccountId>,
    /// The ARN of the role to assume; `None` where the roll does not have it.
    pub role_arn: Option<String>,
    /// The AWS request id, by which CloudTrail records the call.
    pub request_id: String,
    /// The access key id of the session; `None` where AWS issued none.
    pub access_key_id: Option<String>,
    /// Whether the call failed, for instance with access denied; `None` where the roll does not have it.
    pub is_denied: Option<bool>,
}

/// A call that CloudTrail recorded otherwise than the roll has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct MismatchedCall {
    /// The call in the roll.
    pub call: Call,
    /// The call as CloudTrail recorded it.
    pub recorded: RecordedCall,
    /// The fields that differ: `role`, `session`, `outcome`, `access_key_id`.
    pub fields: Vec<&'static str>,
}

/// A call that CloudTrail recorded. A field is `None` where the event has no such field.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RecordedCall {
    /// The time of the event (`eventTime`); of several events, the earliest.
    pub time: Timestamp,
    /// The action as policies name it, such as `iam:CreateAccessKey`.
    pub action: String,
    /// The ARN of the caller (`userIdentity.arn`).
    pub principal: Option<String>,
    /// The access key id that signed the call (`userIdentity.accessKeyId`).
    pub access_key_id: Option<String>,
    /// The caller's IP address, or the name of an AWS service (`sourceIPAddress`).
    pub source_ip: Option<String>,
    /// The ARN of the role to assume (`requestParameters.roleArn`); `None` for other calls than `AssumeRole`.
    pub role_arn: Option<String>,
    /// The session name: of the session to issue for `AssumeRole`, of the caller for other calls.
    pub session_name: Option<String>,
    /// The access key id of the session that `AssumeRole` returned.
    pub issued_access_key_id: Option<String>,
    /// The AWS request id (`requestID`).
    pub request_id: Option<String>,
    /// The error code of a failed call (`errorCode`), such as `AccessDenied`.
    pub error_code: Option<String>,
    /// The number of calls: those of another session with the same action, address and error code are one entry.
    pub calls: usize,
}

/// A call that may be the run's own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct UndeterminedCall {
    /// The call as CloudTrail recorded it.
    #[serde(flatten)]
    pub call: RecordedCall,
    /// Why the roll cannot tell.
    pub reason: Undetermined,
}

/// Why the roll cannot tell whether a call is the run's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Undetermined {
    /// The run was interrupted: the roll does not have the calls that were in progress.
    InterruptedRun,
    /// The run got no response to an `AssumeRole` call of this role, so it does not know the request id.
    NoResponse,
    /// CloudTrail left out the access key id.
    NoAccessKeyId,
}

/// A session that AWS issued.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Session {
    /// The account that it reads; `None` for an intermediate role of a role chain.
    pub account_id: Option<AccountId>,
    /// The access key id of its credentials.
    pub access_key_id: String,
}

impl Reconciliation {
    /// Whether no event contradicts the roll, and no call is missing in events that are complete.
    #[must_use]
    pub fn is_reconciled(&self) -> bool {
        let is_missing = !self.missing.is_empty() && self.events.cut.is_empty();
        !is_missing && self.unexplained.is_empty() && self.undeclared.is_empty() && self.mismatched.is_empty()
    }

    /// Whether nothing is wrong except that the events lack calls of the roll.
    #[must_use]
    pub(crate) fn lacks_calls_only(&self) -> bool {
        self.unexplained.is_empty() && self.undeclared.is_empty() && self.mismatched.is_empty()
    }

    /// Whether the events are complete, and no call remains undetermined.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.events.cut.is_empty() && self.undetermined.is_empty() && self.unrecorded_sessions.is_empty()
    }
}

/// Error codes that the SDK retries. The roll has only the request id of the last attempt.
const RETRIED_CODES: &[&str] =
    &["Throttling", "ThrottlingException", "RequestLimitExceeded", "ServiceUnavailable", "InternalFailure"];

/// Compares a roll with events, one event in memory at a time.
#[derive(Default)]
pub struct Reconciler {
    runs: Runs,
    files: EventFiles,
    has_lists: bool,
    found: BTreeSet<String>,
    mismatched: BTreeMap<String, MismatchedCall>,
    declared_events: usize,
    undeclared: BTreeMap<String, RecordedCall>,
    /// With the reason where a call may be the run's.
    unexplained: BTreeMap<(Option<Undetermined>, Group), RecordedCall>,
    throttled: BTreeSet<String>,
}

/// The calls that are one entry: a request, or the calls of a session with the same action, address and error code.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Request(String),
    Calls {
        action: String,
        access_key_id: Option<String>,
        source_ip: Option<String>,
        error_code: Option<String>,
    },
}

impl std::fmt::Debug for Reconciler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reconciler").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Reconciler {
    /// Compares events with this roll. All its runs count: a resumed run too, and accounts that a later run read again.
    ///
    /// # Errors
    /// Where the roll file cannot be read.
    pub fn new(roll: &RollFile) -> io::Result<Self> {
        let mut reconciler = Self::default();
        reconciler.runs.add(roll, true)?;
        Ok(reconciler)
    }

    /// Adds the roll of another run, whose calls are then explained. It is not verified whether CloudTrail has them.
    ///
    /// # Errors
    /// Where the roll file cannot be read.
    pub fn explain(&mut self, other: &RollFile) -> io::Result<()> {
        self.runs.add(other, false)
    }

    /// Reads a file of events.
    ///
    /// # Errors
    /// Where it cannot be read, or is not JSON.
    pub fn add_file(&mut self, name: &str, input: impl Read) -> Result<(), EventsError> {
        let content = events::read(input, |event| self.add(&event))?;
        self.files.files += 1;
        self.files.events += content.events;
        self.files.other_records += content.other_records;
        self.has_lists |= content.lists > 0;
        if content.other_records > 0 && self.files.first_other.is_none() {
            self.files.first_other = Some(name.to_owned());
        }
        if content.is_cut {
            self.files.cut.push(name.to_owned());
        }
        Ok(())
    }

    /// Whether a file had an event, or a list of events without any. Otherwise the files are not of CloudTrail.
    #[must_use]
    pub fn has_events(&self) -> bool {
        self.has_lists || self.files.events > 0
    }

    fn add(&mut self, event: &Event) {
        let assumed = event.assume_role();
        self.files.assume_role_events += usize::from(assumed.is_some());
        let action = event.action();
        let session = event.access_key_id().and_then(|id| self.runs.sessions.get_mut(id));
        let is_known_session = session.map(|session| session.is_recorded = true).is_some();
        let request_id = event.request_id.as_deref().unwrap_or_default();
        if assumed.is_some() && self.runs.calls.contains_key(request_id) {
            self.match_call(event, request_id);
        } else if assumed.is_some() && self.runs.explained.contains(request_id) {
            // A call of another roll.
        } else if is_known_session {
            self.add_call_of_session(event, assumed.as_ref(), &action);
        } else {
            self.add_call_of_name(event, assumed.as_ref(), &action);
        }
    }

    /// Compares an `AssumeRole` call in the roll with its event. A call across accounts is recorded in both accounts.
    fn match_call(&mut self, event: &Event, request_id: &str) {
        let Some(call) = self.runs.calls.get(request_id) else { return };
        self.found.insert(request_id.to_owned());
        let recorded = recorded_call(event);
        let fields = call.differing_fields(&recorded, &self.runs);
        if !fields.is_empty() {
            let call = call.clone();
            self.mismatched.entry(request_id.to_owned()).or_insert(MismatchedCall { call, recorded, fields });
        }
    }

    fn add_call_of_session(&mut self, event: &Event, assumed: Option<&AssumeRole>, action: &str) {
        let session = event.access_key_id().and_then(|id| self.runs.sessions.get(id));
        if session.is_some_and(|session| self.runs.declares(session, action)) {
            self.declared_events += 1;
        } else if assumed.is_some() && is_retried(event) {
            self.throttled.extend(event.request_id.clone());
        } else {
            let id = event.request_id.as_ref().or(event.id.as_ref());
            let id = id.cloned().unwrap_or_else(|| self.undeclared.len().to_string());
            merge(self.undeclared.entry(id).or_insert_with(|| recorded_call(event)), event);
        }
    }

    /// A call that no roll has. It counts where it has the session name of a run.
    fn add_call_of_name(&mut self, event: &Event, assumed: Option<&AssumeRole>, action: &str) {
        let name = assumed.and_then(|assumed| assumed.session_name.as_deref());
        let name = name.or(event.caller_session_name());
        let runs: Vec<&RunName> =
            self.runs.names.iter().filter(|run| Some(run.session_name.as_str()) == name).collect();
        if runs.is_empty() {
            return;
        }
        if assumed.is_some() && is_retried(event) {
            self.throttled.extend(event.request_id.clone());
            return;
        }
        let is_interrupted = runs.iter().any(|run| run.is_interrupted && run.from <= event.time);
        let reason = self.undetermined_reason(event, assumed, action, is_interrupted);
        // `AssumeRole` calls are named one by one. Those of another session may be as many as a scan makes.
        let request_id = event.request_id.clone().filter(|_| assumed.is_some());
        let is_group = request_id.is_none();
        let group = request_id.map_or_else(
            || Group::Calls {
                action: action.to_owned(),
                access_key_id: event.access_key_id().map(str::to_owned),
                source_ip: event.source_ip.clone(),
                error_code: event.error_code.clone(),
            },
            Group::Request,
        );
        let entry = self.unexplained.entry((reason, group));
        let call = entry.and_modify(|call| call.calls += usize::from(is_group));
        merge(call.or_insert_with(|| recorded_call(event)), event);
    }

    /// Why a call that no roll has may still be the run's; `None` where it is not.
    fn undetermined_reason(
        &self,
        event: &Event,
        assumed: Option<&AssumeRole>,
        action: &str,
        is_interrupted: bool,
    ) -> Option<Undetermined> {
        let is_declared =
            assumed.is_some() || self.runs.declared.iter().any(|actions| actions.contains(action));
        if !is_declared {
            return None;
        }
        let role_arn = assumed.and_then(|assumed| assumed.role_arn.as_ref());
        if is_interrupted {
            Some(Undetermined::InterruptedRun)
        } else if role_arn.is_some_and(|role_arn| self.runs.without_response.contains(role_arn)) {
            Some(Undetermined::NoResponse)
        } else {
            let has_no_key = assumed.is_none() && event.access_key_id().is_none();
            has_no_key.then_some(Undetermined::NoAccessKeyId)
        }
    }

    /// The result.
    #[must_use]
    pub fn finish(self) -> Reconciliation {
        let Self { runs, files, found, mismatched, declared_events, undeclared, .. } = self;
        let missing = runs.calls.into_values().filter(|call| !found.contains(&call.request_id)).collect();
        let unrecorded = runs
            .sessions
            .into_iter()
            .filter(|(_, session)| session.is_verified && session.has_called && !session.is_recorded);
        let session = |(access_key_id, session): (String, runs::KnownSession)| Session {
            account_id: session.account_id,
            access_key_id,
        };
        let (mut unexplained, mut undetermined) = (Vec::new(), Vec::new());
        for ((reason, _), call) in self.unexplained {
            match reason {
                Some(reason) => undetermined.push(UndeterminedCall { call, reason }),
                None => unexplained.push(call),
            }
        }
        Reconciliation {
            events: files,
            session_names: runs.names.into_iter().map(|run| run.session_name).collect(),
            matched: found.len(),
            missing,
            mismatched: mismatched.into_values().collect(),
            declared_events,
            undeclared: sorted(undeclared.into_values()),
            unexplained: sorted(unexplained),
            undetermined: sorted(undetermined),
            unrecorded_sessions: sorted(unrecorded.map(session)),
            throttled_attempts: self.throttled.len(),
        }
    }
}

fn sorted<T: Ord>(calls: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut calls: Vec<T> = calls.into_iter().collect();
    calls.sort();
    calls
}

fn is_retried(event: &Event) -> bool {
    event.error_code.as_deref().is_some_and(|code| RETRIED_CODES.contains(&code))
}

fn recorded_call(event: &Event) -> RecordedCall {
    let assumed = event.assume_role();
    let name = event.caller_session_name().map(str::to_owned);
    let AssumeRole { role_arn, session_name, issued_access_key_id } =
        assumed.unwrap_or(AssumeRole { session_name: name, ..AssumeRole::default() });
    RecordedCall {
        time: event.time,
        action: event.action(),
        principal: event.principal().map(str::to_owned),
        access_key_id: event.access_key_id().map(str::to_owned),
        source_ip: event.source_ip.clone(),
        role_arn,
        session_name,
        issued_access_key_id,
        request_id: event.request_id.clone(),
        error_code: event.error_code.clone(),
        calls: 1,
    }
}

/// Adds to a call what another event of it has: only that of the caller's account names the caller.
fn merge(call: &mut RecordedCall, event: &Event) {
    if event.time < call.time {
        call.time = event.time;
        call.request_id = event.request_id.clone();
    }
    call.principal = call.principal.take().or_else(|| event.principal().map(str::to_owned));
    call.access_key_id = call.access_key_id.take().or_else(|| event.access_key_id().map(str::to_owned));
}

impl Call {
    /// The fields in which the recorded call differs. A field that CloudTrail left out, as in some denied calls, does not differ.
    fn differing_fields(&self, recorded: &RecordedCall, runs: &Runs) -> Vec<&'static str> {
        let differ = |one: Option<&String>, other: Option<&String>| {
            one.zip(other).is_some_and(|(one, other)| one != other)
        };
        let name = recorded.session_name.as_ref();
        let mut fields = Vec::new();
        // In a role chain, the denied call may be that of an intermediate role.
        if self.is_denied != Some(true) && differ(self.role_arn.as_ref(), recorded.role_arn.as_ref()) {
            fields.push("role");
        }
        if name.is_some_and(|name| {
            !runs.names.is_empty() && !runs.names.iter().any(|run| run.session_name == *name)
        }) {
            fields.push("session");
        }
        if self.is_denied.is_some_and(|is_denied| is_denied != recorded.error_code.is_some()) {
            fields.push("outcome");
        }
        if differ(self.access_key_id.as_ref(), recorded.issued_access_key_id.as_ref()) {
            fields.push("access_key_id");
        }
        fields
    }
}
