//! Looks again where responses contradict each other about which users exist, before a user is called deleted.
//!
//! IAM is eventually consistent: for some seconds a new user may be listed and yet "cannot be found", or exist and not be
//! listed. One response alone therefore does not decide whether a user exists.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::FutureExt;
use rolecall_roll::{ErrorKind, FactKind, User};
use tokio::time::sleep;

use super::read_account::{Attempt, read_added_users, read_all_users, read_users_again};
use super::{Progress, ReadOptions, users};
use crate::call::CallError;
use crate::session::Session;

/// The pauses before each further look.
const PAUSES: [Duration; 3] = [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(4)];

/// Lists the users again while one response says that a user exists and another that it does not. A user who is no longer
/// listed was deleted. A user who is listed is read again. What contradicts itself the last time is a gap.
pub(super) async fn look_again(session: &Session<'_>, options: ReadOptions<'_>, progress: &Progress) {
    for (look, pause) in PAUSES.into_iter().enumerate() {
        let not_found = progress.take_not_found();
        let unlisted = take_unlisted(options, progress);
        if not_found.is_empty() && unlisted.is_empty() {
            return;
        }
        sleep(pause).await;
        let listed = match users::list(session, options).await {
            Ok(listed) => listed,
            Err(error) => {
                progress.push_error(FactKind::Users, None, error);
                return;
            }
        };
        let mut again = Vec::new();
        for user_name in not_found {
            match listed.iter().find(|user| user.user_name == user_name) {
                Some(user) => {
                    progress.replace_if_recreated(user);
                    again.push(user_name);
                }
                None => progress.remove_user(&user_name),
            }
        }
        let is_listed = |name: &String| listed.iter().any(|user| user.user_name == *name);
        let are_still_unlisted = unlisted.iter().any(|name| !is_listed(name));
        add(session, options, progress, listed).await;
        if are_still_unlisted {
            // The response that has them is read again too: they may have been deleted.
            read_all_users(session, options, progress).boxed_local().await;
        }
        let attempt = if look + 1 == PAUSES.len() { Attempt::Last } else { Attempt::First };
        read_users_again(session, options, &again, progress, attempt).await;
    }
    let unlisted = take_unlisted(options, progress);
    if let Some(first) = unlisted.first() {
        let count = unlisted.len();
        let message = format!(
            "GetAccountAuthorizationDetails returns users that ListUsers does not list ({count}, such as {first:?})"
        );
        let error = CallError::malformed("ListUsers", message, None);
        let error = CallError { error_kind: ErrorKind::Inconsistent, ..error };
        progress.push_error(FactKind::Users, None, error);
    }
}

/// The users that are in a response and not listed. Where only some users are requested, the others are none of them.
fn take_unlisted(options: ReadOptions<'_>, progress: &Progress) -> BTreeSet<String> {
    let unlisted = progress.take_unlisted();
    if options.selection.is_of_some_users() { BTreeSet::new() } else { unlisted }
}

/// Adds the listed users that are not there yet, and reads them.
pub(super) async fn add(
    session: &Session<'_>,
    options: ReadOptions<'_>,
    progress: &Progress,
    listed: Vec<User>,
) {
    let added = progress.add_users(listed);
    if !added.is_empty() {
        read_added_users(session, options, &added, progress).await;
    }
}

/// The error of a user who is listed and yet, in another response, does not exist.
pub(super) fn contradiction(error: CallError) -> CallError {
    let message = format!("ListUsers lists this user, but {} says: {}", error.operation, error.message);
    CallError { error_kind: ErrorKind::Inconsistent, message, ..error }
}
