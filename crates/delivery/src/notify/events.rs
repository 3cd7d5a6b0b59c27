//! An event for each finding that was opened, reopened or resolved.

use std::time::Duration;

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use rolecall_core::CallError;
use rolecall_report::Finding;
use rolecall_roll::{RunId, json};
use serde::Serialize;
use serde_json::Value;

use super::Message;

/// The most events of a call.
///
/// Source: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>
const MAX_ENTRIES: usize = 10;

/// The most bytes of the events of a call together. AWS takes 1 MB since 2026; before it was 256 KB, which is still the limit of
/// targets such as an SNS topic.
///
/// Source: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html>
const MAX_BYTES: usize = 256_000;

/// A longer text in an event that is too large is cut to this number of characters.
const SHORT_TEXT: usize = 256;

/// The number of attempts at events that the service did not take.
const ATTEMPTS: u32 = 4;

/// The pause before the second attempt; it doubles with each attempt.
const PAUSE: Duration = Duration::from_millis(100);

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
    let Some(diff) = &message.comparison.diff else { return Ok(()) };
    let kinds = [
        ("Finding Opened", "opened", [&diff.opened[..], &diff.newly_known[..]]),
        ("Finding Reopened", "reopened", [&diff.reopened[..], &[]]),
        ("Finding Resolved", "resolved", [&diff.resolved[..], &[]]),
    ];
    let (mut entries, mut bytes) = (Vec::new(), 0);
    for (detail_type, change, findings) in kinds {
        for finding in findings.into_iter().flatten() {
            let entry = entry(message, bus, detail_type, change, finding);
            let size = size(&entry);
            if entries.len() == MAX_ENTRIES || bytes + size > MAX_BYTES {
                put_some(client, std::mem::take(&mut entries)).await?;
                bytes = 0;
            }
            bytes += size;
            entries.push(entry);
        }
    }
    put_some(client, entries).await
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
    // No map of a finding has keys that are not texts.
    let text = json::to_string(&detail).unwrap_or_default();
    let builder = PutEventsRequestEntry::builder()
        .event_bus_name(bus)
        .source("rolecall")
        .detail_type(detail_type)
        .time(DateTime::from_secs(header.as_of.as_second()));
    let whole = builder.clone().resources(finding.subject.user_arn.as_ref()).detail(&text).build();
    if size(&whole) <= MAX_BYTES {
        return whole;
    }
    builder.detail(shortened(&text).to_string()).build()
}

/// The size of an event as AWS counts it.
///
/// Source: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html#eb-putevent-size>
fn size(entry: &PutEventsRequestEntry) -> usize {
    const TIME: usize = 14;
    let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let resources: usize = entry.resources.iter().flatten().map(String::len).sum();
    TIME + length(&entry.source) + length(&entry.detail_type) + length(&entry.detail) + resources
}

/// The detail of an event that is too large: its short members, with long texts cut. The report has the rest.
fn shortened(detail: &str) -> Value {
    let mut short: Value = serde_json::from_str(detail).unwrap_or_default();
    if let Some(members) = short.as_object_mut() {
        members.retain(|_, value| !value.is_array() && !value.is_object());
        for value in members.values_mut() {
            if let Value::String(text) = value
                && let Some((end, _)) = text.char_indices().nth(SHORT_TEXT)
            {
                text.truncate(end);
            }
        }
        members.insert("is_shortened".to_owned(), Value::Bool(true));
    }
    short
}

/// Sends up to ten events; again those that the service did not take.
async fn put_some(client: &Client, mut entries: Vec<PutEventsRequestEntry>) -> Result<(), CallError> {
    let mut last: Option<PutEventsResultEntry> = None;
    for attempt in 0..ATTEMPTS {
        if entries.is_empty() {
            return Ok(());
        }
        if attempt > 0 {
            tokio::time::sleep(PAUSE * 2_u32.pow(attempt - 1)).await;
        }
        let response = client.put_events().set_entries(Some(entries.clone())).send().await;
        let response = response.map_err(|error| CallError::new(PUT_EVENTS, &error))?;
        if response.failed_entry_count == 0 {
            return Ok(());
        }
        let results = response.entries.unwrap_or_default();
        // A result belongs to the entry at the same place; one that is not there was not taken.
        let is_taken = |index: usize| results.get(index).is_some_and(|result| result.error_code.is_none());
        let all = std::mem::take(&mut entries).into_iter().enumerate();
        entries = all.filter(|(index, _)| !is_taken(*index)).map(|(_, entry)| entry).collect();
        last = results.into_iter().find(|result| result.error_code.is_some());
    }
    if entries.is_empty() {
        return Ok(());
    }
    let (code, reason) = last.map(|result| (result.error_code, result.error_message)).unwrap_or_default();
    let reason = reason.map_or(String::new(), |reason| format!(": {reason}"));
    let message = format!("{} events were not taken after {ATTEMPTS} attempts{reason}", entries.len());
    Err(CallError::of_entry(PUT_EVENTS, code.as_deref(), &message))
}
