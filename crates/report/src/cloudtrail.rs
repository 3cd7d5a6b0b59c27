//! A run's `AssumeRole` calls held against what CloudTrail recorded: which are there, which are missing, and which were
//! made under the run's session name that the run knows nothing of.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/cloudtrail-integration.html>

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use jiff::{SignedDuration, Timestamp};
use rolecall_roll::{AccountId, RollFile, Run, Statistics};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reconciliation {
    /// The calls of the roll that CloudTrail has.
    pub matched: usize,
    /// The calls of the roll that it does not have.
    pub missing: Vec<Call>,
    /// Calls of which CloudTrail says otherwise than the roll: of another role, session or outcome.
    pub mismatched: Vec<MismatchedCall>,
    /// Calls under the run's session name, in its time, that the roll knows nothing of.
    pub unexpected: Vec<RecordedCall>,
    /// Calls under the session name of a run that was cut short: of what was under way then no record was kept.
    pub unrecorded: Vec<RecordedCall>,
    /// Attempts under that name that AWS turned away to be made again.
    pub throttled_attempts: usize,
    /// Records that were looked at: `AssumeRole` among all.
    pub records: usize,
}

/// A call that the roll knows of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Call {
    /// The account; `None` for a role on the way to several.
    pub account_id: Option<AccountId>,
    /// The role.
    pub role_arn: Option<String>,
    /// The id by which CloudTrail knows it.
    pub request_id: String,
    /// Whether AWS refused it.
    pub is_denied: bool,
}

/// A call of which CloudTrail says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct MismatchedCall {
    /// What the roll says.
    pub call: Call,
    /// What CloudTrail says.
    pub recorded: RecordedCall,
    /// In what: `role`, `session`, `outcome`.
    pub fields: Vec<&'static str>,
}

/// A call that CloudTrail recorded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RecordedCall {
    /// When.
    pub time: Timestamp,
    /// Who made it.
    pub principal: Option<String>,
    /// From where.
    pub source_ip: Option<String>,
    /// The role.
    pub role_arn: Option<String>,
    /// The name of the session.
    pub session_name: Option<String>,
    /// Its id.
    pub request_id: Option<String>,
    /// Why it was refused.
    pub error_code: Option<String>,
}

/// Why a file of events could not be read.
#[derive(Debug, thiserror::Error)]
pub enum InvalidEvents {
    /// It is compressed.
    #[error("it is compressed; gunzip it first")]
    Compressed,
    /// It is none of the forms that CloudTrail's events come in.
    #[error(
        "{0}; it takes a file of CloudTrail's with \"Records\", what `aws cloudtrail lookup-events` prints, or an event a line"
    )]
    Form(String),
    /// A line is no event.
    #[error("line {0}: {1}")]
    Line(usize, String),
}

/// A record of CloudTrail's, as far as it is of account here.
#[derive(Debug, Clone, Deserialize)]
struct Event {
    #[serde(rename = "eventTime")]
    time: Timestamp,
    #[serde(rename = "eventName")]
    name: String,
    #[serde(rename = "requestID")]
    request_id: Option<String>,
    #[serde(rename = "sourceIPAddress")]
    source_ip: Option<String>,
    #[serde(rename = "errorCode")]
    error_code: Option<String>,
    #[serde(rename = "userIdentity", default)]
    user_identity: Value,
    #[serde(rename = "requestParameters", default)]
    request_parameters: Value,
}

impl Event {
    fn recorded(&self) -> RecordedCall {
        let text = |name: &str| self.request_parameters.get(name).and_then(Value::as_str).map(str::to_owned);
        RecordedCall {
            time: self.time,
            principal: self.user_identity.get("arn").and_then(Value::as_str).map(str::to_owned),
            source_ip: self.source_ip.clone(),
            role_arn: text("roleArn"),
            session_name: text("roleSessionName"),
            request_id: self.request_id.clone(),
            error_code: self.error_code.clone(),
        }
    }
}

impl Call {
    /// In what CloudTrail says otherwise. What it leaves out, as it does of some refusals, it does not say otherwise.
    fn differs_from(&self, recorded: &RecordedCall, times: &[Time]) -> Vec<&'static str> {
        let is_other = |ours: Option<&String>, theirs: Option<&String>| {
            ours.zip(theirs).is_some_and(|(ours, theirs)| ours != theirs)
        };
        let name = recorded.session_name.as_ref();
        let mut what = Vec::new();
        // On the way to an account's role it may be another one that was refused.
        if !self.is_denied && is_other(self.role_arn.as_ref(), recorded.role_arn.as_ref()) {
            what.push("role");
        }
        if name.is_some_and(|name| !times.is_empty() && !times.iter().any(|time| time.session_name == *name))
        {
            what.push("session");
        }
        if self.is_denied != recorded.error_code.is_some() {
            what.push("outcome");
        }
        what
    }
}

/// Reads events: a log file of CloudTrail's, the output of `lookup-events`, or an event a line.
fn events(bytes: &[u8]) -> Result<Vec<Event>, InvalidEvents> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return Err(InvalidEvents::Compressed);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| InvalidEvents::Form("it is no text".to_owned()))?;
    let event = |value: Value| serde_json::from_value::<Event>(value).map_err(|error| error.to_string());
    if let Ok(Value::Object(mut whole)) = serde_json::from_str::<Value>(text) {
        if let Some(Value::Array(records)) = whole.remove("Records") {
            let records = records.into_iter().map(event).collect::<Result<_, _>>();
            return records.map_err(InvalidEvents::Form);
        }
        if let Some(Value::Array(found)) = whole.remove("Events") {
            let inner = |found: Value| {
                let text = found.get("CloudTrailEvent").and_then(Value::as_str).unwrap_or_default();
                serde_json::from_str::<Value>(text).map_err(|error| error.to_string()).and_then(event)
            };
            return found.into_iter().map(inner).collect::<Result<_, _>>().map_err(InvalidEvents::Form);
        }
        if !whole.contains_key("eventName") {
            return Err(InvalidEvents::Form("it has neither \"Records\" nor \"Events\"".to_owned()));
        }
    }
    let numbered = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let line = |(index, line): (usize, &str)| {
        let read = serde_json::from_str::<Value>(line).map_err(|error| error.to_string()).and_then(event);
        read.map_err(|problem| InvalidEvents::Line(index + 1, problem))
    };
    let events: Vec<Event> = numbered.map(line).collect::<Result<_, _>>()?;
    if events.is_empty() {
        return Err(InvalidEvents::Form("there is no event in it".to_owned()));
    }
    Ok(events)
}

/// The time by which a record may stand before the roll's moment or behind its end: clocks differ.
const LEEWAY: SignedDuration = SignedDuration::from_secs(120);

/// Codes of attempts that the SDK makes again, so that the roll does not know their ids.
const MADE_AGAIN: &[&str] =
    &["Throttling", "ThrottlingException", "RequestLimitExceeded", "ServiceUnavailable", "InternalFailure"];

/// Holds the calls of a roll against recorded events.
///
/// # Errors
/// Those of the roll file, inside; [`InvalidEvents`] where the events cannot be read.
pub fn reconcile(stored: &RollFile, bytes: &[u8]) -> io::Result<Result<Reconciliation, InvalidEvents>> {
    let events = match events(bytes) {
        Ok(events) => events,
        Err(bad) => return Ok(Err(bad)),
    };
    let (calls, runs) = calls(stored)?;
    let mut found: BTreeSet<&str> = BTreeSet::new();
    let mut foreign: BTreeMap<String, RecordedCall> = BTreeMap::new();
    let mut differing: BTreeMap<String, MismatchedCall> = BTreeMap::new();
    let mut turned_away: BTreeSet<&str> = BTreeSet::new();
    let times = times(&runs);
    let mut unrecorded: BTreeMap<String, RecordedCall> = BTreeMap::new();
    let assumed: Vec<&Event> = events.iter().filter(|event| event.name == "AssumeRole").collect();
    for event in &assumed {
        let id = event.request_id.as_deref().unwrap_or_default();
        let recorded = event.recorded();
        if let Some(call) = calls.get(id) {
            found.insert(id);
            let what = call.differs_from(&recorded, &times);
            if !what.is_empty() {
                differing.entry(id.to_owned()).or_insert(MismatchedCall {
                    call: call.clone(),
                    recorded,
                    fields: what,
                });
            }
            continue;
        }
        let session_name = &recorded.session_name;
        let in_time = times.iter().find(|time| {
            session_name.as_ref() == Some(&time.session_name) && (time.from..=time.to).contains(&event.time)
        });
        let Some(time) = in_time else { continue };
        if event.error_code.as_deref().is_some_and(|code| MADE_AGAIN.contains(&code)) {
            turned_away.insert(id);
            continue;
        }
        // CloudTrail records a call across accounts in both of them, under one id.
        let of = if time.is_cut { &mut unrecorded } else { &mut foreign };
        of.entry(id.to_owned()).or_insert(recorded);
    }
    let matched = found.len();
    let missing = calls.iter().filter(|(id, _)| !found.contains(id.as_str())).map(|(_, call)| call.clone());
    let mut foreign: Vec<RecordedCall> = foreign.into_values().collect();
    foreign.sort();
    Ok(Ok(Reconciliation {
        matched,
        missing: missing.collect(),
        mismatched: differing.into_values().collect(),
        unexpected: foreign,
        unrecorded: unrecorded.into_values().collect(),
        throttled_attempts: turned_away.len(),
        records: assumed.len(),
    }))
}

/// The calls that the roll knows of, by their ids, those of its earlier runs too; and its runs.
fn calls(stored: &RollFile) -> io::Result<(BTreeMap<String, Call>, Vec<Run>)> {
    let mut calls = BTreeMap::new();
    let read = stored.history(|account| {
        let mut call = |request_id: &str, is_refused| {
            let call = Call {
                account_id: Some(account.account_id().clone()),
                role_arn: account.role_arn().map(ToString::to_string),
                request_id: request_id.to_owned(),
                is_denied: is_refused,
            };
            calls.insert(request_id.to_owned(), call);
        };
        account.request_ids().iter().for_each(|id| call(id, false));
        let refused = account.gaps().iter().filter(|gap| gap.operation.as_deref() == Some("AssumeRole"));
        refused.filter_map(|gap| gap.request_id.as_deref()).for_each(|id| call(id, true));
    });
    let runs = read.map_err(io::Error::other)?;
    for hop in
        runs.iter().flat_map(|run| &run.statistics).flat_map(|statistics| &statistics.intermediate_sessions)
    {
        if let Some(request_id) = &hop.request_id {
            let role_arn = Some(hop.role_arn.to_string());
            let call = Call { account_id: None, role_arn, request_id: request_id.clone(), is_denied: false };
            calls.insert(request_id.clone(), call);
        }
    }
    Ok((calls, runs))
}

/// The time in which a run made its calls.
struct Time {
    session_name: String,
    from: Timestamp,
    to: Timestamp,
    /// Whether the run was cut short.
    is_cut: bool,
}

fn times(runs: &[Run]) -> Vec<Time> {
    let of = |Run { header, statistics }: &Run| {
        let session_name = header.session_name.as_ref()?.to_string();
        let from = header.as_of.checked_sub(LEEWAY).unwrap_or(Timestamp::MIN);
        let elapsed = statistics.as_ref().map(|Statistics { elapsed_ms, .. }| {
            SignedDuration::from_millis(i64::try_from(*elapsed_ms).unwrap_or(i64::MAX))
        });
        // Of a run that was cut short nobody knows when; sessions last twelve hours at most.
        let lasted = elapsed.unwrap_or(SignedDuration::from_hours(12));
        let to = header.as_of.checked_add(lasted).and_then(|at| at.checked_add(LEEWAY));
        Some(Time { session_name, from, to: to.unwrap_or(Timestamp::MAX), is_cut: statistics.is_none() })
    };
    runs.iter().filter_map(of).collect()
}

impl Reconciliation {
    /// Whether CloudTrail has all calls of the roll, and no others under its name.
    #[must_use]
    pub fn is_reconciled(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.mismatched.is_empty()
    }
}
