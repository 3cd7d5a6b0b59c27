//! What CloudTrail has of a roll's calls, for people.

use std::io::{self, Write};

use super::sanitize;
use crate::cloudtrail::{Call, MismatchedCall, Reconciliation, RecordedCall};
use crate::coverage_summary::with_thousands_separator;

/// Writes a line for each call that is not as it should be, and a summary.
///
/// # Errors
/// What the writer gives.
pub fn render(out: &mut impl Write, matched: &Reconciliation) -> io::Result<()> {
    matched.missing.iter().try_for_each(|call| missing(out, call))?;
    matched.mismatched.iter().try_for_each(|it| differing(out, it))?;
    matched.unexpected.iter().try_for_each(|record| unexpected(out, "foreign", record))?;
    matched.unrecorded.iter().try_for_each(|record| unexpected(out, "unrecorded", record))?;
    summary(out, matched)
}

fn missing(out: &mut impl Write, call: &Call) -> io::Result<()> {
    let refused = if call.is_denied { ", refused" } else { "" };
    let (account, role_arn) = (account_of(call), or_unknown(call.role_arn.as_deref()));
    writeln!(out, "missing  {account}  {role_arn}  request {}{refused}", sanitize(&call.request_id))
}

fn differing(
    out: &mut impl Write,
    MismatchedCall { call, recorded, fields: what }: &MismatchedCall,
) -> io::Result<()> {
    let outcome = |is_refused| if is_refused { "refused" } else { "granted" };
    writeln!(
        out,
        "differs  {}  in {}: the roll has {}, {}; CloudTrail {}, session {}, {}; request {}",
        account_of(call),
        what.join(", "),
        or_unknown(call.role_arn.as_deref()),
        outcome(call.is_denied),
        or_unknown(recorded.role_arn.as_deref()),
        or_unknown(recorded.session_name.as_deref()),
        outcome(recorded.error_code.is_some()),
        sanitize(&call.request_id)
    )
}

/// A call that the roll does not have.
fn unexpected(out: &mut impl Write, word: &str, record: &RecordedCall) -> io::Result<()> {
    let error = record.error_code.as_ref().map_or(String::new(), |code| format!("  {code}"));
    writeln!(
        out,
        "{word:<8} {}  {} from {}  became {}  request {}{}",
        record.time,
        or_unknown(record.principal.as_deref()),
        or_unknown(record.source_ip.as_deref()),
        or_unknown(record.role_arn.as_deref()),
        or_unknown(record.request_id.as_deref()),
        sanitize(&error)
    )
}

fn summary(out: &mut impl Write, matched: &Reconciliation) -> io::Result<()> {
    let again = match matched.throttled_attempts {
        0 => String::new(),
        number => format!(
            ", {} attempts that AWS turned away and that were made again",
            with_thousands_separator(number)
        ),
    };
    writeln!(
        out,
        "{} AssumeRole calls of the roll are in CloudTrail, {} of them otherwise, {} are missing, {} under its session name are \
         not its own{again}",
        with_thousands_separator(matched.matched),
        with_thousands_separator(matched.mismatched.len()),
        with_thousands_separator(matched.missing.len()),
        with_thousands_separator(matched.unexpected.len())
    )?;
    if !matched.unrecorded.is_empty() {
        writeln!(
            out,
            "{} more are under the name of a run that was cut short: of what was under way then the roll has no record",
            with_thousands_separator(matched.unrecorded.len())
        )?;
    }
    if matched.records == 0 {
        writeln!(
            out,
            "the file holds no AssumeRole event: CloudTrail records them in the region whose STS was asked"
        )?;
    }
    Ok(())
}

fn account_of(call: &Call) -> String {
    call.account_id.as_ref().map_or("a role on the way".to_owned(), ToString::to_string)
}

fn or_unknown(text: Option<&str>) -> String {
    sanitize(text.unwrap_or("unknown")).into_owned()
}
