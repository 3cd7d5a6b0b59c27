//! When, for what and where keys were last used: `iam:GetAccessKeyLastUsed`, a call for each key.

use rolecall_roll::{AccessKey, Fact, LastUsed, Step};

use super::{Collector, Seen, timestamp};
use crate::call::CallError;
use crate::session::Session;

/// What this file reads and needs.
pub const COLLECTOR: Collector = Collector { step: Step::LastUsed, actions: &["iam:GetAccessKeyLastUsed"] };

const GET_ACCESS_KEY_LAST_USED: &str = "GetAccessKeyLastUsed";

/// What AWS says for a service or a region where there is none.
const NONE: &str = "N/A";

/// Reads the last use of each of a user's keys.
pub(super) async fn collect(session: &Session<'_>, user_name: &str, keys: &mut [AccessKey], seen: &Seen) {
    for key in keys {
        key.last_used = match of_key(session, &key.access_key_id).await {
            Ok((_, last_used)) => Fact::live(last_used),
            // An error is not "never used".
            Err(error) => seen.failed(Step::LastUsed, Some(user_name), error),
        };
    }
}

/// The user of a key, and its last use.
pub(crate) async fn of_key(
    session: &Session<'_>,
    access_key_id: &str,
) -> Result<(String, Option<LastUsed>), CallError> {
    let iam = session.iam().await?;
    let answer = iam.client.get_access_key_last_used().access_key_id(access_key_id).send().await;
    let answer = answer.map_err(|error| iam.error(GET_ACCESS_KEY_LAST_USED, &error))?;
    let used = answer.access_key_last_used.ok_or_else(|| {
        CallError::malformed(GET_ACCESS_KEY_LAST_USED, "the answer does not speak of the last use", None)
    })?;
    // Without a date it was never used, or not since AWS began to record it; the texts are "N/A" then.
    let date = used.last_used_date.as_ref().and_then(timestamp);
    let text = |text: String| Some(text).filter(|text| !text.is_empty() && text != NONE);
    let last_used =
        date.map(|date| LastUsed { date, service: text(used.service_name), region: text(used.region) });
    Ok((answer.user_name.unwrap_or_default(), last_used))
}
