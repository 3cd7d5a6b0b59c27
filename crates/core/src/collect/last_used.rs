//! Date, service and region of each key's last use: `iam:GetAccessKeyLastUsed`, one call for each key.

use futures_util::FutureExt;
use rolecall_roll::{AccessKeyId, ErrorKind, FactKind, LastUsed};

use super::{Collector, FactSet, Progress, Read, mark_unread, timestamp};
use crate::call::CallError;
use crate::session::Session;

/// Declares the fact [`FactKind::LastUsed`].
pub const COLLECTOR: Collector = Collector {
    fact: FactKind::LastUsed,
    set: FactSet::Recommended,
    actions: &["iam:GetAccessKeyLastUsed"],
    description: "date, service and region of each access key's last use",
    read: Read::Key(
        |session, _, progress, user_name| collect(session, progress, user_name).boxed_local(),
        |key, reason| mark_unread(&mut key.last_used, reason),
    ),
};

const GET_ACCESS_KEY_LAST_USED: &str = "GetAccessKeyLastUsed";

/// AWS's text for a service or a region that it has not recorded.
const NOT_RECORDED: &str = "N/A";

/// Reads the last use of each of a user's keys. After an error the last use is unknown, which is not "never used".
async fn collect(session: &Session<'_>, progress: &Progress, user_name: &str) -> Result<(), CallError> {
    let mut ids = Vec::new();
    progress.update_user(user_name, |user| {
        ids.extend(user.access_keys.iter().flatten().map(|key| key.access_key_id.clone()));
    });
    for id in &ids {
        let last_used = read_last_used(session, id).await.and_then(|(owner, last_used)| {
            if owner == user_name { Ok(last_used) } else { Err(other_owner()) }
        });
        let last_used = progress.fact(FactKind::LastUsed, Some(user_name), last_used);
        progress.update_key(user_name, id, |key| key.last_used = last_used);
    }
    Ok(())
}

fn other_owner() -> CallError {
    let message = "the response names another user than ListAccessKeys as the owner of the key";
    CallError {
        error_kind: ErrorKind::Inconsistent,
        ..CallError::malformed(GET_ACCESS_KEY_LAST_USED, message, None)
    }
}

/// The user name of a key's user, and the key's last use; `None` where AWS has recorded none.
pub(crate) async fn read_last_used(
    session: &Session<'_>,
    access_key_id: &AccessKeyId,
) -> Result<(String, Option<LastUsed>), CallError> {
    let iam = session.iam().await?;
    let response = iam.client.get_access_key_last_used().access_key_id(access_key_id.as_str()).send().await;
    let response = response.map_err(|error| iam.error(GET_ACCESS_KEY_LAST_USED, &error))?;
    let last_used = response.access_key_last_used.ok_or_else(|| {
        CallError::malformed(GET_ACCESS_KEY_LAST_USED, "the response has no last use", None)
    })?;
    // Without a date the key was never used, or not since AWS began to record the last use. The texts are "N/A" then.
    let date = last_used.last_used_date.as_ref().and_then(timestamp);
    let text = |text: String| Some(text).filter(|text| !text.is_empty() && text != NOT_RECORDED);
    let (service, region) = (text(last_used.service_name), text(last_used.region));
    let last_used = match date {
        Some(date) => Some(LastUsed { date, service, region }),
        None if service.is_none() && region.is_none() => None,
        None => {
            let message = "the response has a service or a region of the last use, but no date";
            return Err(CallError::malformed(GET_ACCESS_KEY_LAST_USED, message, None));
        }
    };
    Ok((response.user_name.unwrap_or_default(), last_used))
}
