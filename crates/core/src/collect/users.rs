//! The account's users: `iam:ListUsers`.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_iam::operation::RequestId as _;
use futures_util::FutureExt;
use rolecall_roll::{ErrorKind, FactKind, User};

use super::{Collector, FactSet, Progress, Read, ReadOptions, timestamp};
use crate::call::CallError;
use crate::pages::{self, Page};
use crate::session::Session;

/// What reading one user alone needs.
pub(super) const GET_USER_ACTION: &str = "iam:GetUser";

/// The row of this fact.
pub const COLLECTOR: Collector = Collector {
    fact: FactKind::Users,
    set: FactSet::Default,
    actions: &["iam:ListUsers"],
    description: "the IAM users",
    read: Read::ListUsers(|session, options, progress| collect(session, options, progress).boxed_local()),
};

const LIST_USERS: &str = "ListUsers";

/// The most that IAM gives in one answer; it gives 100 where it is not asked for more.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListUsers.html>
const MAX_ITEMS: i32 = 1000;

/// Reads the account's users, their keys yet unknown.
async fn collect(session: &Session<'_>, options: ReadOptions<'_>, progress: &Progress) {
    let ended = match &options.selection.user_name {
        Some(user_name) => {
            // One that is not there is none, and no gap.
            let user = one(session, user_name).await;
            user.map(|user| *progress.users.borrow_mut() = Some(user.into_iter().collect()))
        }
        None => {
            pages::each(
                LIST_USERS,
                async |marker| page(session, options, marker).await,
                |page| progress.users.borrow_mut().get_or_insert_default().extend(page),
            )
            .await
        }
    };
    if let Err(error) = ended {
        progress.push_error(FactKind::Users, None, error);
    }
    if let Some(users) = progress.users.borrow_mut().as_mut() {
        forget_earlier_namesakes(users);
    }
}

/// The names of the account's users, once more.
pub(super) async fn names(
    session: &Session<'_>,
    options: ReadOptions<'_>,
) -> Result<BTreeSet<String>, CallError> {
    let mut names = BTreeSet::new();
    let fetch = async |marker| page(session, options, marker).await;
    let take = |page: Vec<User>| names.extend(page.into_iter().map(|user| user.user_name));
    pages::each(LIST_USERS, fetch, take).await?;
    Ok(names)
}

async fn one(session: &Session<'_>, user_name: &str) -> Result<Option<User>, CallError> {
    let iam = session.iam().await?;
    let answer = iam.client.get_user().user_name(user_name).send().await;
    match answer.map_err(|error| iam.error("GetUser", &error)) {
        Ok(answer) => {
            session.mark_success();
            let wrong = || CallError::malformed("GetUser", "the answer does not tell of the user", None);
            answer.user.as_ref().and_then(user).map(Some).ok_or_else(wrong)
        }
        Err(error) if error.error_kind == ErrorKind::NotFound => {
            session.mark_success();
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

async fn page(
    session: &Session<'_>,
    options: ReadOptions<'_>,
    marker: Option<String>,
) -> Result<Page<User>, CallError> {
    let iam = session.iam().await?;
    let answer = iam
        .client
        .list_users()
        .max_items(MAX_ITEMS)
        .set_path_prefix(options.selection.path_prefix.clone())
        .set_marker(marker)
        .send()
        .await
        .map_err(|error| iam.error(LIST_USERS, &error))?;
    session.mark_success();
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
    let user_of = |user: &aws_sdk_iam::types::User| {
        let (user_name, user_id, arn) = (user.user_name.clone(), user.user_id.clone(), user.arn.clone());
        User::new(user_name, user_id, arn, user.path.clone(), create_date)
    };
    let password_last_used = user.password_last_used.as_ref().and_then(timestamp);
    Some(User { password_last_used, ..user_of(user) })
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
