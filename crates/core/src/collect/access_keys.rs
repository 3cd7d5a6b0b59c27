//! The users' access keys: `iam:ListAccessKeys`, a call for each user.

use aws_sdk_iam::operation::RequestId as _;
use aws_sdk_iam::types::AccessKeyMetadata;
use futures_util::FutureExt;
use rolecall_roll::{AccessKey, Fact, FactKind};

use super::{Collector, FactSet, Progress, Read, mark_nothing, timestamp};
use crate::call::CallError;
use crate::pages::{self, Page};
use crate::session::Session;

/// Declares the fact [`FactKind::AccessKeys`].
pub const COLLECTOR: Collector = Collector {
    fact: FactKind::AccessKeys,
    set: FactSet::Default,
    actions: &["iam:ListAccessKeys"],
    description: "each user's access keys",
    read: Read::User(
        |session, _, progress, user_name| collect(session, progress, user_name).boxed_local(),
        // `access_keys` is `None` until the keys are read, and `None` means unknown.
        mark_nothing,
    ),
};

const LIST_ACCESS_KEYS: &str = "ListAccessKeys";

async fn collect(session: &Session<'_>, progress: &Progress, user_name: &str) -> Result<(), CallError> {
    let keys = read_user_keys(session, user_name).await?;
    progress.update_user(user_name, |user| user.access_keys = Some(keys));
    Ok(())
}

/// The access keys of a user, sorted by id.
pub(crate) async fn read_user_keys(
    session: &Session<'_>,
    user_name: &str,
) -> Result<Vec<AccessKey>, CallError> {
    let mut keys = Vec::new();
    let fetch = async |marker| fetch_page(session, user_name, marker).await;
    let key = |key: &AccessKey| key.access_key_id.to_string();
    pages::for_each(LIST_ACCESS_KEYS, fetch, key, |page| keys.extend(page)).await?;
    keys.sort_by(|a: &AccessKey, b| a.access_key_id.cmp(&b.access_key_id));
    Ok(keys)
}

async fn fetch_page(
    session: &Session<'_>,
    user_name: &str,
    marker: Option<String>,
) -> Result<Page<AccessKey>, CallError> {
    let iam = session.iam().await?;
    let response = iam
        .client
        .list_access_keys()
        .user_name(user_name)
        .set_marker(marker)
        .send()
        .await
        .map_err(|error| iam.error(LIST_ACCESS_KEYS, &error))?;
    let request_id = response.request_id().map(str::to_owned);
    let items = response.access_key_metadata.iter().map(parse_access_key).collect::<Option<Vec<_>>>();
    let items = items.ok_or_else(|| {
        CallError::malformed(
            LIST_ACCESS_KEYS,
            "a key in the response has no valid access key id or no status",
            request_id.as_deref(),
        )
    })?;
    Ok(Page { items, is_truncated: response.is_truncated, marker: response.marker, request_id })
}

fn parse_access_key(key: &AccessKeyMetadata) -> Option<AccessKey> {
    let access_key_id = key.access_key_id.as_deref()?.parse().ok()?;
    let status = key.status.as_ref().map(|status| status.as_str().to_owned())?;
    Some(AccessKey {
        access_key_id,
        status: status.into(),
        create_date: key.create_date.as_ref().and_then(timestamp),
        last_used: Fact::NotRequested,
    })
}
