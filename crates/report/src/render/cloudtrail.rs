//! The comparison of a roll with CloudTrail events, as text for people.

use std::io::{self, Write};

use super::sanitize;
use crate::cloudtrail::{
    Call, EventFiles, MismatchedCall, Reconciliation, RecordedCall, Undetermined, UndeterminedCall,
};
use crate::coverage_summary::{count_of, with_thousands_separator};

/// The width of the labels before each line.
pub const LABEL_WIDTH: usize = 11;

/// Writes a line for each call that is missing, mismatched, undeclared, unexplained or undetermined, and a summary.
///
/// # Errors
/// The first error of `out`.
pub fn render(out: &mut impl Write, reconciliation: &Reconciliation) -> io::Result<()> {
    let is_cut = !reconciliation.events.cut.is_empty();
    reconciliation.missing.iter().try_for_each(|call| write_missing(out, call, is_cut))?;
    reconciliation.mismatched.iter().try_for_each(|call| write_mismatched(out, call))?;
    reconciliation.undeclared.iter().try_for_each(|call| write_recorded(out, "undeclared", call, ""))?;
    reconciliation.unexplained.iter().try_for_each(|call| write_recorded(out, "unexplained", call, ""))?;
    for UndeterminedCall { call, reason } in &reconciliation.undetermined {
        let reason = match reason {
            Undetermined::InterruptedRun => {
                "; the run was interrupted, so the roll does not have its last calls"
            }
            Undetermined::NoResponse => "; the run got no response, so the roll has no request id",
            Undetermined::NoAccessKeyId => "; CloudTrail has no access key id of it",
        };
        write_recorded(out, "unknown", call, reason)?;
    }
    for session in &reconciliation.unrecorded_sessions {
        let account = account(session.account_id.as_ref());
        let access_key_id = sanitize(&session.access_key_id);
        label(out, "unknown")?;
        writeln!(out, "{account}  session {access_key_id}: the events have no call of it")?;
    }
    write_summary(out, reconciliation)
}

fn label(out: &mut impl Write, label: &str) -> io::Result<()> {
    write!(out, "{label:<LABEL_WIDTH$} ")
}

fn write_missing(out: &mut impl Write, call: &Call, is_cut: bool) -> io::Result<()> {
    label(out, if is_cut { "unknown" } else { "missing" })?;
    let denied = if call.is_denied == Some(true) { ", denied" } else { "" };
    let rest = if is_cut { "; it may be in the rest of the events" } else { "" };
    let (account, role_arn) = (account(call.account_id.as_ref()), or_unknown(call.role_arn.as_deref()));
    writeln!(out, "{account}  {role_arn}  request {}{denied}{rest}", sanitize(&call.request_id))
}

fn write_mismatched(
    out: &mut impl Write,
    MismatchedCall { call, recorded, fields }: &MismatchedCall,
) -> io::Result<()> {
    let outcome = |is_denied| match is_denied {
        Some(true) => "denied",
        Some(false) => "allowed",
        None => "an unknown outcome",
    };
    let key = |id: Option<&String>| id.map_or(String::new(), |id| format!(", access key {}", sanitize(id)));
    label(out, "mismatched")?;
    writeln!(
        out,
        "{}  in {}: the roll has {}, {}{}; CloudTrail has {}, session {}, {}{}; request {}",
        account(call.account_id.as_ref()),
        fields.join(", "),
        or_unknown(call.role_arn.as_deref()),
        outcome(call.is_denied),
        key(call.access_key_id.as_ref()),
        or_unknown(recorded.role_arn.as_deref()),
        or_unknown(recorded.session_name.as_deref()),
        outcome(Some(recorded.error_code.is_some())),
        key(recorded.issued_access_key_id.as_ref()),
        sanitize(&call.request_id)
    )
}

/// Writes a recorded call: action, time, who called from where, and the request id.
fn write_recorded(out: &mut impl Write, name: &str, call: &RecordedCall, reason: &str) -> io::Result<()> {
    label(out, name)?;
    write!(out, "{}  {}", call.time, sanitize(&call.action))?;
    if let Some(role_arn) = &call.role_arn {
        write!(out, " of {}", sanitize(role_arn))?;
    }
    if call.calls > 1 {
        write!(out, ", {} times", with_thousands_separator(call.calls))?;
    }
    let (principal, source_ip) =
        (or_unknown(call.principal.as_deref()), or_unknown(call.source_ip.as_deref()));
    write!(out, "  by {principal} from {source_ip}")?;
    if let Some(access_key_id) = &call.access_key_id {
        write!(out, "  access key {}", sanitize(access_key_id))?;
    }
    let error = call.error_code.as_ref().map_or(String::new(), |code| format!("  {}", sanitize(code)));
    writeln!(out, "  request {}{error}{reason}", or_unknown(call.request_id.as_deref()))
}

/// Writes one sentence for each result.
fn write_summary(out: &mut impl Write, reconciliation: &Reconciliation) -> io::Result<()> {
    let Reconciliation { events, matched, missing, mismatched, undeclared, unexplained, .. } = reconciliation;
    let number = with_thousands_separator;
    writeln!(out, "Read {} from {}.", count_of(events.events, "event"), count_of(events.files, "file"))?;
    let all = count_of(matched + missing.len(), "AssumeRole call");
    writeln!(out, "CloudTrail recorded {} of {all} in the roll.", number(*matched))?;
    if !mismatched.is_empty() {
        writeln!(out, "{} of them differ from the roll.", number(mismatched.len()))?;
    }
    match (undeclared.len(), reconciliation.declared_events) {
        (0, 0) => writeln!(out, "CloudTrail has no event of the run's sessions.")?,
        (0, events) => {
            let events = count_of(events, "event");
            writeln!(
                out,
                "CloudTrail has {events} of the run's sessions, and the run declared all their actions."
            )?;
        }
        (calls, _) => {
            let calls = count_of(calls, "call");
            writeln!(out, "The run's sessions made {calls} that the run did not declare.")?;
        }
    }
    let calls: usize = unexplained.iter().map(|call| call.calls).sum();
    let names: Vec<_> = reconciliation.session_names.iter().map(|name| sanitize(name)).collect();
    let names = names.join(", ");
    match calls {
        0 => writeln!(out, "CloudTrail has no unexplained call with the session name {names}.")?,
        calls => {
            writeln!(out, "No roll explains {} with the session name {names}.", count_of(calls, "call"))?;
        }
    }
    if reconciliation.throttled_attempts > 0 {
        let attempts = count_of(reconciliation.throttled_attempts, "AssumeRole attempt");
        writeln!(out, "AWS throttled or failed {attempts}, and the run repeated them.")?;
    }
    write_unknown(out, reconciliation)?;
    write_verdict(out, reconciliation)
}

/// Writes what the events leave unknown.
fn write_unknown(out: &mut impl Write, reconciliation: &Reconciliation) -> io::Result<()> {
    let EventFiles { assume_role_events, other_records, first_other, cut, .. } = &reconciliation.events;
    if let Some(first) = first_other {
        let records = count_of(*other_records, "record");
        writeln!(
            out,
            "Skipped {records} that are not events of API calls, the first in {}.",
            sanitize(first)
        )?;
    }
    for file in cut {
        writeln!(
            out,
            "{} ends with a NextToken, so the rest of the events is unknown. Repeat lookup-events without --max-items.",
            sanitize(file)
        )?;
    }
    if *assume_role_events == 0 {
        writeln!(
            out,
            "The files contain no AssumeRole event. CloudTrail records AssumeRole in the Region of the STS endpoint."
        )?;
    }
    if !reconciliation.unrecorded_sessions.is_empty() {
        let sessions = count_of(reconciliation.unrecorded_sessions.len(), "session");
        writeln!(
            out,
            "It is unknown what {sessions} did. Add the events of the member accounts: CloudTrail records IAM calls there, in \
             the Region of IAM, such as us-east-1."
        )?;
    }
    if !reconciliation.undetermined.is_empty() {
        let calls = reconciliation.undetermined.iter().map(|it| it.call.calls).sum();
        let calls = count_of(calls, "call");
        writeln!(out, "It is unknown whether {calls} with the run's session name are the run's.")?;
    }
    Ok(())
}

fn write_verdict(out: &mut impl Write, reconciliation: &Reconciliation) -> io::Result<()> {
    match (reconciliation.is_reconciled(), reconciliation.is_complete()) {
        (true, true) => writeln!(out, "Verified: CloudTrail agrees with the roll."),
        (true, false) => {
            writeln!(out, "Not verified completely: nothing contradicts the roll, and a part is unknown.")
        }
        (false, _) if reconciliation.lacks_calls_only() => writeln!(
            out,
            "Not verified: the events lack calls of the roll. Add the events of the run's time and Region, or the roll is wrong."
        ),
        (false, _) => writeln!(out, "Not verified: CloudTrail contradicts the roll."),
    }
}

fn account(account_id: Option<&rolecall_roll::AccountId>) -> String {
    account_id.map_or("an intermediate role".to_owned(), ToString::to_string)
}

fn or_unknown(text: Option<&str>) -> String {
    sanitize(text.unwrap_or("unknown")).into_owned()
}
