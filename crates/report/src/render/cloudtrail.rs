//! The comparison of a roll with CloudTrail events, as text for people.

use std::io::{self, Write};

use super::sanitize;
use crate::cloudtrail::{Call, MismatchedCall, Reconciliation, RecordedCall};
use crate::coverage_summary::with_thousands_separator;

/// Writes a line for each call that is missing, mismatched, unexpected or unrecorded, and a summary.
///
/// # Errors
/// The first error of `out`.
pub fn render(out: &mut impl Write, reconciliation: &Reconciliation) -> io::Result<()> {
    reconciliation.missing.iter().try_for_each(|call| write_missing(out, call))?;
    reconciliation.mismatched.iter().try_for_each(|call| write_mismatched(out, call))?;
    reconciliation.unexpected.iter().try_for_each(|call| write_recorded(out, "unexpected", call))?;
    reconciliation.unrecorded.iter().try_for_each(|call| write_recorded(out, "unrecorded", call))?;
    write_summary(out, reconciliation)
}

fn write_missing(out: &mut impl Write, call: &Call) -> io::Result<()> {
    let denied = if call.is_denied { ", denied" } else { "" };
    let (account, role_arn) = (account(call), or_unknown(call.role_arn.as_deref()));
    writeln!(out, "missing     {account}  {role_arn}  request {}{denied}", sanitize(&call.request_id))
}

fn write_mismatched(
    out: &mut impl Write,
    MismatchedCall { call, recorded, fields }: &MismatchedCall,
) -> io::Result<()> {
    let outcome = |is_denied| if is_denied { "denied" } else { "allowed" };
    writeln!(
        out,
        "mismatched  {}  in {}: the roll has {}, {}; CloudTrail has {}, session {}, {}; request {}",
        account(call),
        fields.join(", "),
        or_unknown(call.role_arn.as_deref()),
        outcome(call.is_denied),
        or_unknown(recorded.role_arn.as_deref()),
        or_unknown(recorded.session_name.as_deref()),
        outcome(recorded.error_code.is_some()),
        sanitize(&call.request_id)
    )
}

/// Writes a recorded call that the roll does not have.
fn write_recorded(out: &mut impl Write, label: &str, call: &RecordedCall) -> io::Result<()> {
    let error = call.error_code.as_ref().map_or(String::new(), |code| format!("  {code}"));
    writeln!(
        out,
        "{label}  {}  {} from {}  assumed {}  request {}{}",
        call.time,
        or_unknown(call.principal.as_deref()),
        or_unknown(call.source_ip.as_deref()),
        or_unknown(call.role_arn.as_deref()),
        or_unknown(call.request_id.as_deref()),
        sanitize(&error)
    )
}

fn write_summary(out: &mut impl Write, reconciliation: &Reconciliation) -> io::Result<()> {
    let throttled = match reconciliation.throttled_attempts {
        0 => String::new(),
        1 => "; 1 throttled or failed attempt was retried".to_owned(),
        attempts => {
            format!("; {} throttled or failed attempts were retried", with_thousands_separator(attempts))
        }
    };
    writeln!(
        out,
        "AssumeRole calls of the roll: {} in CloudTrail, {} of them mismatched, {} missing; unexpected calls with this \
         session name: {}{throttled}",
        with_thousands_separator(reconciliation.matched),
        with_thousands_separator(reconciliation.mismatched.len()),
        with_thousands_separator(reconciliation.missing.len()),
        with_thousands_separator(reconciliation.unexpected.len())
    )?;
    if !reconciliation.unrecorded.is_empty() {
        writeln!(
            out,
            "calls with the session name of an interrupted run: {}; the roll does not record the calls that were in progress",
            with_thousands_separator(reconciliation.unrecorded.len())
        )?;
    }
    if reconciliation.records == 0 {
        writeln!(
            out,
            "the file contains no AssumeRole event: CloudTrail records them in the region of the STS endpoint"
        )?;
    }
    Ok(())
}

fn account(call: &Call) -> String {
    call.account_id.as_ref().map_or("an intermediate role".to_owned(), ToString::to_string)
}

fn or_unknown(text: Option<&str>) -> String {
    sanitize(text.unwrap_or("unknown")).into_owned()
}
