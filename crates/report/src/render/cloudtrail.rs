//! What CloudTrail has of a roll's calls, for people.

use std::io::{self, Write};

use super::harmless;
use crate::cloudtrail::Matched;
use crate::statement::grouped;

/// Writes a line for each call that is not as it should be, and a summary.
///
/// # Errors
/// What the writer gives.
pub fn render(out: &mut impl Write, matched: &Matched) -> io::Result<()> {
    let or_unknown = |text: &Option<String>| harmless(text.as_deref().unwrap_or("unknown")).into_owned();
    for call in &matched.missing {
        let of = call.account_id.as_ref().map_or("a role on the way".to_owned(), ToString::to_string);
        let refused = if call.is_refused { ", refused" } else { "" };
        writeln!(
            out,
            "missing  {of}  {}  request {}{refused}",
            or_unknown(&call.role_arn),
            harmless(&call.request_id)
        )?;
    }
    for it in &matched.differing {
        let of = it.call.account_id.as_ref().map_or("a role on the way".to_owned(), ToString::to_string);
        let outcome = |is_refused| if is_refused { "refused" } else { "granted" };
        writeln!(
            out,
            "differs  {of}  in {}: the roll has {}, {}; CloudTrail {}, session {}, {}; request {}",
            it.what.join(", "),
            or_unknown(&it.call.role_arn),
            outcome(it.call.is_refused),
            or_unknown(&it.recorded.role_arn),
            or_unknown(&it.recorded.session_name),
            outcome(it.recorded.error_code.is_some()),
            harmless(&it.call.request_id)
        )?;
    }
    let foreign = matched.foreign.iter().map(|record| ("foreign", record));
    let unrecorded = matched.unrecorded.iter().map(|record| ("unrecorded", record));
    for (word, record) in foreign.chain(unrecorded) {
        let error = record.error_code.as_ref().map_or(String::new(), |code| format!("  {code}"));
        writeln!(
            out,
            "{word:<8} {}  {} from {}  became {}  request {}{}",
            record.time,
            or_unknown(&record.principal),
            or_unknown(&record.source_ip),
            or_unknown(&record.role_arn),
            or_unknown(&record.request_id),
            harmless(&error)
        )?;
    }
    let again = match matched.turned_away {
        0 => String::new(),
        number => format!(", {} attempts that AWS turned away and that were made again", grouped(number)),
    };
    writeln!(
        out,
        "{} AssumeRole calls of the roll are in CloudTrail, {} of them otherwise, {} are missing, {} under its session name are \
         not its own{again}",
        grouped(matched.matched),
        grouped(matched.differing.len()),
        grouped(matched.missing.len()),
        grouped(matched.foreign.len())
    )?;
    if !matched.unrecorded.is_empty() {
        writeln!(
            out,
            "{} more are under the name of a run that was cut short: of what was under way then the roll has no record",
            grouped(matched.unrecorded.len())
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
