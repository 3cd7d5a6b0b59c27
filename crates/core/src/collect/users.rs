//! The account's users: `iam:ListUsers`.

use std::collections::HashMap;

use aws_sdk_iam::operation::RequestId as _;
use futures_util::FutureExt;
use rolecall_roll::{ErrorKind, FactKind, User};

use super::{Collector, FactSet, Progress, Read, ReadOptions, timestamp};
use crate::call::CallError;
use crate::pages::{self, Page};
use crate::session::Session;

/// The action that reading a single user needs.
pub(super) const GET_USER_ACTION: &str = "iam:GetUser";

/// Declares the fact [`FactKind::Users`].
pub const COLLECTOR: Collector = Collector {
    fact: FactKind::Users,
    set: FactSet::Default,
    actions: &["iam:ListUsers"],
    description: "the IAM users",
    read: Read::ListUsers(|session, options, progress| collect(session, options, progress).boxed_local()),
};

const LIST_USERS: &str = "ListUsers";

/// The maximum page size of IAM; its default is 100.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListUsers.html>
const MAX_ITEMS: i32 = 1000;

/// Reads the account's users, without their access keys.
async fn collect(session: &Session<'_>, options: ReadOptions<'_>, progress: &Progress) {
    let take = |page| progress.users.borrow_mut().get_or_insert_default().extend(page);
    if let Err(error) = for_each_page(session, options, take).await {
        progress.push_error(FactKind::Users, None, error);
    }
    if let Some(users) = progress.users.borrow_mut().as_mut() {
        keep_last_of_name(users);
    }
}

/// Lists the account's users again, without their access keys.
pub(super) async fn list(session: &Session<'_>, options: ReadOptions<'_>) -> Result<Vec<User>, CallError> {
    let mut users = Vec::new();
    for_each_page(session, options, |page| users.extend(page)).await?;
    keep_last_of_name(&mut users);
    Ok(users)
}

async fn for_each_page(
    session: &Session<'_>,
    options: ReadOptions<'_>,
    mut take: impl FnMut(Vec<User>),
) -> Result<(), CallError> {
    if let Some(user_name) = &options.selection.user_name {
        // A user that does not exist leaves an empty list, and no gap.
        take(read_user(session, user_name).await?.into_iter().collect());
        return Ok(());
    }
    let fetch = async |marker| fetch_page(session, options, marker).await;
    pages::for_each(LIST_USERS, fetch, |user: &User| user.user_id.clone(), take).await
}

async fn read_user(session: &Session<'_>, user_name: &str) -> Result<Option<User>, CallError> {
    let iam = session.iam().await?;
    let response = iam.client.get_user().user_name(user_name).send().await;
    match response.map_err(|error| iam.error("GetUser", &error)) {
        Ok(response) => {
            session.mark_success();
            let incomplete = || CallError::malformed("GetUser", "the response has no user", None);
            response.user.as_ref().and_then(parse_user).map(Some).ok_or_else(incomplete)
        }
        Err(error) if error.error_kind == ErrorKind::NotFound => {
            session.mark_success();
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

async fn fetch_page(
    session: &Session<'_>,
    options: ReadOptions<'_>,
    marker: Option<String>,
) -> Result<Page<User>, CallError> {
    let iam = session.iam().await?;
    let response = iam
        .client
        .list_users()
        .max_items(MAX_ITEMS)
        .set_path_prefix(options.selection.path_prefix.clone())
        .set_marker(marker)
        .send()
        .await
        .map_err(|error| iam.error(LIST_USERS, &error))?;
    session.mark_success();
    let request_id = response.request_id().map(str::to_owned);
    let items = response.users.iter().map(parse_user).collect::<Option<Vec<_>>>();
    let items = items.ok_or_else(|| {
        CallError::malformed(
            LIST_USERS,
            "a user in the response has no name, id, ARN or creation date",
            request_id.as_deref(),
        )
    })?;
    Ok(Page { items, is_truncated: response.is_truncated, marker: response.marker, request_id })
}

/// A user as the roll has it; `None` where the response lacks a field that every user has. The SDK fills such fields with
/// empty strings and 1970.
fn parse_user(user: &aws_sdk_iam::types::User) -> Option<User> {
    let create_date = timestamp(&user.create_date)?;
    let required = [&user.user_name, &user.user_id, &user.arn];
    if required.iter().any(|text| text.is_empty()) || create_date.as_second() == 0 {
        return None;
    }
    let (user_name, user_id, arn) = (user.user_name.clone(), user.user_id.clone(), user.arn.clone());
    let password_last_used = user.password_last_used.as_ref().and_then(timestamp);
    Some(User { password_last_used, ..User::new(user_name, user_id, arn, user.path.clone(), create_date) })
}

/// Keeps the last user of each name: a user that was deleted and created again during the listing appears twice, and the
/// later one exists now.
fn keep_last_of_name(users: &mut Vec<User>) {
    let last: HashMap<String, usize> =
        users.iter().enumerate().map(|(index, user)| (user.user_name.clone(), index)).collect();
    let mut index = 0;
    users.retain(|user| {
        let is_last = last.get(&user.user_name) == Some(&index);
        index += 1;
        is_last
    });
}
