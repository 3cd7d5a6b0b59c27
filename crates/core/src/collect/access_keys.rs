//! The users' access keys: `iam:ListAccessKeys`, a call for each user.

use aws_sdk_iam::operation::RequestId as _;
use aws_sdk_iam::types::AccessKeyMetadata;
use futures_util::{FutureExt, StreamExt, stream};
use rolecall_roll::{AccessKey, Class, Note, Step};

use super::{Collector, Seen, timestamp};
use crate::call::CallError;
use crate::pages::{self, Page};
use crate::session::Session;

/// What this file reads and needs.
pub const COLLECTOR: Collector = Collector { step: Step::AccessKeys, actions: &["iam:ListAccessKeys"] };

const LIST_ACCESS_KEYS: &str = "ListAccessKeys";

/// For how many users a further connection is worth its handshake, which takes as long as some calls.
const USERS_A_CONNECTION: usize = 4;

/// Reads the keys of the users that were seen, some users side by side.
pub(super) async fn collect(session: &Session<'_>, calls_at_once: usize, seen: &mut Seen) {
    seen.step = Some(Step::AccessKeys);
    let Seen { users: Some(users), gaps, notes, .. } = seen else {
        return;
    };
    let mut gone = Vec::new();
    let names: Vec<String> = users.iter().map(|user| user.user_name.clone()).collect();
    // Two at least, so that one call that hangs does not hold up all others.
    let side_by_side = names.len().div_ceil(USERS_A_CONNECTION).max(2).min(calls_at_once);
    let mut answers = stream::iter(names.iter().enumerate())
        .map(|(index, user_name)| {
            of_user(session, user_name).map(move |answer| (index, user_name, answer)).boxed_local()
        })
        .buffer_unordered(side_by_side);
    while let Some((index, user_name, answer)) = answers.next().await {
        match answer {
            Ok(keys) => {
                if let Some(user) = users.get_mut(index) {
                    user.access_keys = Some(keys);
                }
            }
            Err(error) if error.class == Class::NotFound => gone.push(user_name.as_str()),
            Err(error) => gaps.push(error.into_gap(Step::AccessKeys, Some(user_name))),
        }
    }
    users.retain(|user| !gone.contains(&user.user_name.as_str()));
    notes.extend(gone.into_iter().map(|user_name| Note {
        step: Step::AccessKeys,
        user_name: Some(user_name.to_owned()),
        message: "was deleted while the account was read, and is left out".into(),
    }));
    // In order of name and not of arrival, so that two runs over the same world say the same.
    gaps.sort_by(|a, b| (a.step, &a.user_name).cmp(&(b.step, &b.user_name)));
    notes.sort_by(|a, b| (a.step, &a.user_name).cmp(&(b.step, &b.user_name)));
}

async fn of_user(session: &Session<'_>, user_name: &str) -> Result<Vec<AccessKey>, CallError> {
    let mut keys = Vec::new();
    let fetch = async |marker| page(session, user_name, marker).await;
    pages::each(LIST_ACCESS_KEYS, fetch, |page| keys.extend(page)).await?;
    keys.sort_by(|a: &AccessKey, b| a.access_key_id.cmp(&b.access_key_id));
    Ok(keys)
}

async fn page(
    session: &Session<'_>,
    user_name: &str,
    marker: Option<String>,
) -> Result<Page<AccessKey>, CallError> {
    let iam = session.iam().await?;
    let answer = iam
        .client
        .list_access_keys()
        .user_name(user_name)
        .set_marker(marker)
        .send()
        .await
        .map_err(|error| iam.error(LIST_ACCESS_KEYS, &error))?;
    let request_id = answer.request_id().map(str::to_owned);
    let items = answer.access_key_metadata.iter().map(access_key).collect::<Option<Vec<_>>>();
    let items = items.ok_or_else(|| {
        CallError::malformed(
            LIST_ACCESS_KEYS,
            "a key in the answer has no id or status",
            request_id.as_deref(),
        )
    })?;
    Ok(Page { items, is_truncated: answer.is_truncated, marker: answer.marker, request_id })
}

fn access_key(key: &AccessKeyMetadata) -> Option<AccessKey> {
    let access_key_id = key.access_key_id.clone().filter(|id| !id.is_empty())?;
    let status = key.status.as_ref().map(|status| status.as_str().to_owned())?;
    Some(AccessKey {
        access_key_id,
        status: status.into(),
        create_date: key.create_date.as_ref().and_then(timestamp),
    })
}
