//! Looks again where responses contradict each other about which users exist, before a user is called deleted.
//!
//! IAM is eventually consistent: for some seconds a new user may be listed and yet "cannot be found", or exist and not be
//! listed. One response alone therefore does not decide whether a user exists.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>

use std::time::Duration;

use rolecall_roll::{ErrorKind, FactKind, User};
use tokio::time::sleep;

use super::read_account::{Attempt, read_added_users, read_users_again};
use super::{Progress, ReadOptions, users};
use crate::call::CallError;
use crate::session::Session;

/// The pauses before each further look.
const PAUSES: [Duration; 3] = [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(4)];

/// Lists the users again while one response says that a user exists and another that it does not. A user who is no longer
/// listed was deleted. A user who is listed is read again; what cannot be read the last time is a gap.
pub(super) async fn look_again(session: &Session<'_>, options: ReadOptions<'_>, progress: &Progress) {
    for (look, pause) in PAUSES.into_iter().enumerate() {
        let not_found = progress.take_not_found();
        let has_unlisted = progress.take_has_unlisted() && !options.selection.is_of_some_users();
        if not_found.is_empty() && !has_unlisted {
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
        add(session, options, progress, listed).await;
        let attempt = if look + 1 == PAUSES.len() { Attempt::Last } else { Attempt::First };
        read_users_again(session, options, &again, progress, attempt).await;
    }
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
