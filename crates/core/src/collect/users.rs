//! The account's users: `iam:ListUsers`.

use std::collections::HashMap;

use aws_sdk_iam::operation::RequestId as _;
use rolecall_roll::{Step, User};

use super::{Collector, Seen, timestamp};
use crate::call::CallError;
use crate::pages::{self, Page};
use crate::session::Session;

/// What this file reads and needs.
pub const COLLECTOR: Collector = Collector { step: Step::Users, actions: &["iam:ListUsers"] };

const LIST_USERS: &str = "ListUsers";

/// The most that IAM gives in one answer; it gives 100 where it is not asked for more.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListUsers.html>
const MAX_ITEMS: i32 = 1000;

/// Reads the account's users, their keys yet unknown.
pub(super) async fn collect(session: &Session<'_>, seen: &mut Seen) {
    seen.step = Some(Step::Users);
    let Seen { users, gaps, .. } = seen;
    let ended = pages::each(
        LIST_USERS,
        async |marker| page(session, marker).await,
        |page| users.get_or_insert_default().extend(page),
    )
    .await;
    if let Err(error) = ended {
        gaps.push(error.into_gap(Step::Users, None));
    }
    if let Some(users) = users {
        forget_earlier_namesakes(users);
    }
}

async fn page(session: &Session<'_>, marker: Option<String>) -> Result<Page<User>, CallError> {
    let iam = session.iam().await?;
    let answer = iam
        .client
        .list_users()
        .max_items(MAX_ITEMS)
        .set_marker(marker)
        .send()
        .await
        .map_err(|error| iam.error(LIST_USERS, &error))?;
    session.is_let_in();
    let request_id = answer.request_id().map(str::to_owned);
    let items = answer.users.iter().map(user).collect::<Option<Vec<_>>>();
    let items = items.ok_or_else(|| {
        CallError::malformed(
            LIST_USERS,
            "a user in the answer has no name, id, ARN or date",
            request_id.as_deref(),
        )
    })?;
    Ok(Page { items, is_truncated: answer.is_truncated, marker: answer.marker, request_id })
}

/// A user as the roll has it; `None` where the answer left out what every user has. The SDK fills such holes with
/// empty texts and 1970.
fn user(user: &aws_sdk_iam::types::User) -> Option<User> {
    let create_date = timestamp(&user.create_date)?;
    let holes = [&user.user_name, &user.user_id, &user.arn];
    if holes.iter().any(|text| text.is_empty()) || create_date.as_second() == 0 {
        return None;
    }
    Some(User {
        user_name: user.user_name.clone(),
        user_id: user.user_id.clone(),
        arn: user.arn.clone(),
        path: user.path.clone(),
        create_date,
        password_last_used: user.password_last_used.as_ref().and_then(timestamp),
        access_keys: None,
    })
}

/// A user that was deleted and made again while the list was read stands in it twice: the later one is there now.
fn forget_earlier_namesakes(users: &mut Vec<User>) {
    let last: HashMap<String, usize> =
        users.iter().enumerate().map(|(index, user)| (user.user_name.clone(), index)).collect();
    let mut index = 0;
    users.retain(|user| {
        let is_last = last.get(&user.user_name) == Some(&index);
        index += 1;
        is_last
    });
}
