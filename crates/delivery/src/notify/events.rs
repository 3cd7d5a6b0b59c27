//! An event for each finding that was opened, reopened or resolved.

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use rolecall_core::CallError;
use rolecall_report::Finding;
use rolecall_roll::{ErrorKind, RunId};
use serde::Serialize;

use super::Message;

/// The most events of a call.
///
/// Source: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>
const MAX_ENTRIES: usize = 10;

/// The number of attempts at events that the service did not take.
const ATTEMPTS: usize = 4;

const PUT_EVENTS: &str = "PutEvents";

/// The detail of an event: the finding, and which event of which run it is.
#[derive(Serialize)]
struct Detail<'a> {
    /// The same for the same event, so that a receiver recognizes one that is sent again.
    event_id: String,
    run_id: RunId,
    /// The kind of change.
    change: &'static str,
    #[serde(flatten)]
    finding: &'a Finding<'a>,
}

/// Sends the events. An event may be sent again by a later attempt; its id stays the same.
pub(super) async fn put(client: &Client, bus: &str, message: &Message<'_>) -> Result<(), CallError> {
    let Some(diff) = message.diff else { return Ok(()) };
    let kinds = [
        ("Finding Opened", "opened", [&diff.opened[..], &diff.newly_known[..]]),
        ("Finding Reopened", "reopened", [&diff.reopened[..], &[]]),
        ("Finding Resolved", "resolved", [&diff.resolved[..], &[]]),
    ];
    let mut entries = Vec::new();
    for (detail_type, change, findings) in kinds {
        for finding in findings.into_iter().flatten() {
            entries.push(entry(message, bus, detail_type, change, finding));
            if entries.len() == MAX_ENTRIES {
                put_some(client, std::mem::take(&mut entries)).await?;
            }
        }
    }
    if entries.is_empty() { Ok(()) } else { put_some(client, entries).await }
}

fn entry(
    message: &Message<'_>,
    bus: &str,
    detail_type: &str,
    change: &'static str,
    finding: &Finding,
) -> PutEventsRequestEntry {
    let header = &message.roll.header;
    let event_id = format!("{}/{}/{change}", header.run_id, finding.id);
    let detail = Detail { event_id, run_id: header.run_id, change, finding };
    PutEventsRequestEntry::builder()
        .event_bus_name(bus)
        .source("rolecall")
        .detail_type(detail_type)
        .time(DateTime::from_secs(header.as_of.as_second()))
        .resources(finding.subject.user_arn.as_ref())
        // No map of a finding has keys that are not texts.
        .detail(serde_json::to_string(&detail).unwrap_or_default())
        .build()
}

/// Sends up to ten events; again those that the service did not take.
async fn put_some(client: &Client, mut entries: Vec<PutEventsRequestEntry>) -> Result<(), CallError> {
    let mut codes = Vec::new();
    for _ in 0..ATTEMPTS {
        let response = client.put_events().set_entries(Some(entries.clone())).send().await;
        let response = response.map_err(|error| CallError::new(PUT_EVENTS, &error))?;
        if response.failed_entry_count == 0 {
            return Ok(());
        }
        let results = response.entries.unwrap_or_default();
        codes = results.iter().filter_map(|result| result.error_code.clone()).collect();
        // A result belongs to the entry at the same place; one that is not there was not taken.
        let is_taken = |index: usize| results.get(index).is_some_and(|result| result.error_code.is_none());
        let all = std::mem::take(&mut entries).into_iter().enumerate();
        entries = all.filter(|(index, _)| !is_taken(*index)).map(|(_, entry)| entry).collect();
    }
    codes.sort_unstable();
    codes.dedup();
    Err(CallError {
        operation: PUT_EVENTS,
        side: rolecall_roll::Side::Caller,
        error_kind: ErrorKind::Other,
        code: codes.first().cloned(),
        message: format!("{} events were not taken after {ATTEMPTS} attempts", entries.len()),
        has_no_credentials: false,
        request_id: None,
    })
}
