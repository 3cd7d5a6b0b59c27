//! Compares the `AssumeRole` calls of a run with the events that CloudTrail recorded: which calls are recorded, which are
//! missing, and which calls with the run's session name are not in the roll.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/cloudtrail-integration.html>

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use jiff::{SignedDuration, Timestamp};
use rolecall_roll::{AccountId, RollFile, Run, Statistics};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The result of comparing a roll with CloudTrail events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reconciliation {
    /// The number of calls in the roll that CloudTrail recorded.
    pub matched: usize,
    /// The calls in the roll that CloudTrail did not record.
    pub missing: Vec<Call>,
    /// Calls that CloudTrail recorded with another role, session name or outcome than the roll has.
    pub mismatched: Vec<MismatchedCall>,
    /// Recorded calls with the run's session name, at the time of the run, that are not in the roll.
    pub unexpected: Vec<RecordedCall>,
    /// Recorded calls with the session name of an interrupted run, which did not record the calls in progress.
    pub unrecorded: Vec<RecordedCall>,
    /// Recorded attempts with that session name that AWS throttled or failed, and that the SDK retried.
    pub throttled_attempts: usize,
    /// The number of `AssumeRole` events among all events.
    pub records: usize,
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
    /// Whether the call failed, for instance with access denied.
    pub is_denied: bool,
}

/// A call that CloudTrail recorded otherwise than the roll has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct MismatchedCall {
    /// The call in the roll.
    pub call: Call,
    /// The call as CloudTrail recorded it.
    pub recorded: RecordedCall,
    /// The fields that differ: `role`, `session`, `outcome`.
    pub fields: Vec<&'static str>,
}

/// An `AssumeRole` call that CloudTrail recorded. A field is `None` where the event has no such field.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RecordedCall {
    /// The time of the event (`eventTime`).
    pub time: Timestamp,
    /// The ARN of the caller (`userIdentity.arn`).
    pub principal: Option<String>,
    /// The caller's IP address, or the name of an AWS service (`sourceIPAddress`).
    pub source_ip: Option<String>,
    /// The ARN of the role (`requestParameters.roleArn`).
    pub role_arn: Option<String>,
    /// The role session name (`requestParameters.roleSessionName`).
    pub session_name: Option<String>,
    /// The AWS request id (`requestID`).
    pub request_id: Option<String>,
    /// The error code of a failed call (`errorCode`), such as `AccessDenied`.
    pub error_code: Option<String>,
}

/// Why a file of events could not be read.
#[derive(Debug, thiserror::Error)]
pub enum InvalidEvents {
    /// The file is compressed with gzip.
    #[error("the file is compressed: decompress it with gunzip first")]
    Compressed,
    /// The file has none of the formats that CloudTrail events come in.
    #[error(
        "{0}; expected a CloudTrail log file with \"Records\", the output of `aws cloudtrail lookup-events`, or one event per line"
    )]
    Form(String),
    /// A line, counted from 1, is not an event.
    #[error("line {0}: {1}")]
    Line(usize, String),
}

/// A CloudTrail event, with the fields that are used here.
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
    fn to_recorded_call(&self) -> RecordedCall {
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
    /// The fields in which the recorded call differs. A field that CloudTrail left out, as in some denied calls, does not differ.
    fn differing_fields(&self, recorded: &RecordedCall, runs: &[RunPeriod]) -> Vec<&'static str> {
        let differ = |one: Option<&String>, other: Option<&String>| {
            one.zip(other).is_some_and(|(one, other)| one != other)
        };
        let name = recorded.session_name.as_ref();
        let mut fields = Vec::new();
        // In a role chain, the denied call may be that of an intermediate role.
        if !self.is_denied && differ(self.role_arn.as_ref(), recorded.role_arn.as_ref()) {
            fields.push("role");
        }
        if name.is_some_and(|name| !runs.is_empty() && !runs.iter().any(|run| run.session_name == *name)) {
            fields.push("session");
        }
        if self.is_denied != recorded.error_code.is_some() {
            fields.push("outcome");
        }
        fields
    }
}

/// Parses events: a CloudTrail log file, the output of `aws cloudtrail lookup-events`, or one event per line.
fn parse_events(bytes: &[u8]) -> Result<Vec<Event>, InvalidEvents> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return Err(InvalidEvents::Compressed);
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|_| InvalidEvents::Form("the file is not UTF-8 text".to_owned()))?;
    let event = |value: Value| serde_json::from_value::<Event>(value).map_err(|error| error.to_string());
    if let Ok(Value::Object(mut document)) = serde_json::from_str::<Value>(text) {
        if let Some(Value::Array(records)) = document.remove("Records") {
            let records = records.into_iter().map(event).collect::<Result<_, _>>();
            return records.map_err(InvalidEvents::Form);
        }
        if let Some(Value::Array(found)) = document.remove("Events") {
            let inner = |found: Value| {
                let text = found.get("CloudTrailEvent").and_then(Value::as_str).unwrap_or_default();
                serde_json::from_str::<Value>(text).map_err(|error| error.to_string()).and_then(event)
            };
            return found.into_iter().map(inner).collect::<Result<_, _>>().map_err(InvalidEvents::Form);
        }
        if !document.contains_key("eventName") {
            return Err(InvalidEvents::Form(
                "the JSON document has neither \"Records\" nor \"Events\"".to_owned(),
            ));
        }
    }
    let numbered = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let line = |(index, line): (usize, &str)| {
        let read = serde_json::from_str::<Value>(line).map_err(|error| error.to_string()).and_then(event);
        read.map_err(|problem| InvalidEvents::Line(index + 1, problem))
    };
    let events: Vec<Event> = numbered.map(line).collect::<Result<_, _>>()?;
    if events.is_empty() {
        return Err(InvalidEvents::Form("the file contains no event".to_owned()));
    }
    Ok(events)
}

/// How long before the start or after the end of a run an event still counts as of that run: clocks differ.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(120);

/// Error codes that the SDK retries. The roll has only the request id of the last attempt.
const RETRIED_CODES: &[&str] =
    &["Throttling", "ThrottlingException", "RequestLimitExceeded", "ServiceUnavailable", "InternalFailure"];

/// Compares the `AssumeRole` calls of a roll with CloudTrail events. `bytes` is the content of a CloudTrail log file, the
/// output of `aws cloudtrail lookup-events`, or one event per line.
///
/// # Errors
/// The outer error where the roll file cannot be read; the inner [`InvalidEvents`] where the events cannot be parsed.
pub fn reconcile(roll: &RollFile, bytes: &[u8]) -> io::Result<Result<Reconciliation, InvalidEvents>> {
    let events = match parse_events(bytes) {
        Ok(events) => events,
        Err(invalid) => return Ok(Err(invalid)),
    };
    let (calls, runs) = roll_calls(roll)?;
    let mut found: BTreeSet<&str> = BTreeSet::new();
    let mut unexpected: BTreeMap<String, RecordedCall> = BTreeMap::new();
    let mut mismatched: BTreeMap<String, MismatchedCall> = BTreeMap::new();
    let mut throttled: BTreeSet<&str> = BTreeSet::new();
    let runs = run_periods(&runs);
    let mut unrecorded: BTreeMap<String, RecordedCall> = BTreeMap::new();
    let assumed: Vec<&Event> = events.iter().filter(|event| event.name == "AssumeRole").collect();
    for event in &assumed {
        let id = event.request_id.as_deref().unwrap_or_default();
        let recorded = event.to_recorded_call();
        if let Some(call) = calls.get(id) {
            found.insert(id);
            let fields = call.differing_fields(&recorded, &runs);
            if !fields.is_empty() {
                mismatched.entry(id.to_owned()).or_insert(MismatchedCall {
                    call: call.clone(),
                    recorded,
                    fields,
                });
            }
            continue;
        }
        let session_name = &recorded.session_name;
        let matching_run = runs.iter().find(|run| {
            session_name.as_ref() == Some(&run.session_name) && (run.from..=run.to).contains(&event.time)
        });
        let Some(run) = matching_run else { continue };
        if event.error_code.as_deref().is_some_and(|code| RETRIED_CODES.contains(&code)) {
            throttled.insert(id);
            continue;
        }
        // CloudTrail records a call across accounts in both accounts, with the same request id.
        let calls = if run.is_interrupted { &mut unrecorded } else { &mut unexpected };
        calls.entry(id.to_owned()).or_insert(recorded);
    }
    let matched = found.len();
    let missing = calls.iter().filter(|(id, _)| !found.contains(id.as_str())).map(|(_, call)| call.clone());
    let mut unexpected: Vec<RecordedCall> = unexpected.into_values().collect();
    unexpected.sort();
    Ok(Ok(Reconciliation {
        matched,
        missing: missing.collect(),
        mismatched: mismatched.into_values().collect(),
        unexpected,
        unrecorded: unrecorded.into_values().collect(),
        throttled_attempts: throttled.len(),
        records: assumed.len(),
    }))
}

/// The calls in the roll by request id, those of previous runs included, and the runs.
fn roll_calls(roll: &RollFile) -> io::Result<(BTreeMap<String, Call>, Vec<Run>)> {
    let mut calls = BTreeMap::new();
    let read = roll.history(|account| {
        let mut add_call = |request_id: &str, is_denied| {
            let call = Call {
                account_id: Some(account.account_id().clone()),
                role_arn: account.role_arn().map(ToString::to_string),
                request_id: request_id.to_owned(),
                is_denied,
            };
            calls.insert(request_id.to_owned(), call);
        };
        account.request_ids().iter().for_each(|id| add_call(id, false));
        let denied = account.gaps().iter().filter(|gap| gap.operation.as_deref() == Some("AssumeRole"));
        denied.filter_map(|gap| gap.request_id.as_deref()).for_each(|id| add_call(id, true));
    });
    let runs = read.map_err(io::Error::other)?;
    for session in
        runs.iter().flat_map(|run| &run.statistics).flat_map(|statistics| &statistics.intermediate_sessions)
    {
        if let Some(request_id) = &session.request_id {
            let role_arn = Some(session.role_arn.to_string());
            let call = Call { account_id: None, role_arn, request_id: request_id.clone(), is_denied: false };
            calls.insert(request_id.clone(), call);
        }
    }
    Ok((calls, runs))
}

/// The period in which a run made its calls, clock skew included.
struct RunPeriod {
    session_name: String,
    from: Timestamp,
    to: Timestamp,
    is_interrupted: bool,
}

fn run_periods(runs: &[Run]) -> Vec<RunPeriod> {
    let period = |Run { header, statistics }: &Run| {
        let session_name = header.session_name.as_ref()?.to_string();
        let from = header.as_of.checked_sub(CLOCK_SKEW).unwrap_or(Timestamp::MIN);
        let elapsed = statistics.as_ref().map(|Statistics { elapsed_ms, .. }| {
            SignedDuration::from_millis(i64::try_from(*elapsed_ms).unwrap_or(i64::MAX))
        });
        // The end of an interrupted run is unknown; a role session lasts twelve hours at most.
        let duration = elapsed.unwrap_or(SignedDuration::from_hours(12));
        let to = header.as_of.checked_add(duration).and_then(|at| at.checked_add(CLOCK_SKEW));
        let (to, is_interrupted) = (to.unwrap_or(Timestamp::MAX), statistics.is_none());
        Some(RunPeriod { session_name, from, to, is_interrupted })
    };
    runs.iter().filter_map(period).collect()
}

impl Reconciliation {
    /// Whether CloudTrail recorded all calls of the roll as the roll has them, and no unexpected calls with its session name.
    #[must_use]
    pub fn is_reconciled(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.mismatched.is_empty()
    }
}
