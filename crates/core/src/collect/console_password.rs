//! Console passwords: `iam:GetLoginProfile`, a call for each user.

use futures_util::FutureExt;
use rolecall_roll::{ConsolePassword, ErrorKind, Fact, FactKind};

use super::{Collector, FactSet, Progress, Read, ReadOptions, mark_unread, timestamp};
use crate::call::CallError;
use crate::session::Session;

/// Declares the fact [`FactKind::ConsolePassword`].
pub const COLLECTOR: Collector = Collector {
    fact: FactKind::ConsolePassword,
    set: FactSet::Recommended,
    actions: &["iam:GetLoginProfile", "iam:GetUser"],
    description: "whether each user has a console password",
    read: Read::User(
        |session, options, progress, user_name| collect(session, options, progress, user_name).boxed_local(),
        |user, reason| mark_unread(&mut user.console_password, reason),
    ),
};

async fn collect(
    session: &Session<'_>,
    options: ReadOptions<'_>,
    progress: &Progress,
    user_name: &str,
) -> Result<(), CallError> {
    let password = read_password(session, user_name, options.is_selected(FactKind::AccessKeys)).await?;
    progress.update_user(user_name, |user| user.console_password = Fact::live(password));
    Ok(())
}

/// The user's console password; `None` where the user has none. `NoSuchEntity` means that there is no password or no
/// such user: unless a call has just read the user (`user_exists`), `GetUser` tells which.
async fn read_password(
    session: &Session<'_>,
    user_name: &str,
    user_exists: bool,
) -> Result<Option<ConsolePassword>, CallError> {
    let iam = session.iam().await?;
    let response = iam.client.get_login_profile().user_name(user_name).send().await;
    let profile = match response.map_err(|error| iam.error("GetLoginProfile", &error)) {
        Ok(response) => response.login_profile,
        Err(error) if error.error_kind == ErrorKind::NotFound && is_about_password(&error) => {
            if !user_exists {
                let response = iam.client.get_user().user_name(user_name).send().await;
                response.map_err(|error| iam.error("GetUser", &error))?;
            }
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let profile = profile
        .ok_or_else(|| CallError::malformed("GetLoginProfile", "the response has no login profile", None))?;
    let create_date = timestamp(&profile.create_date);
    Ok(Some(ConsolePassword { create_date, password_reset_required: profile.password_reset_required }))
}

/// Whether a "not found" is about the password, as in "Login Profile for User bob cannot be found.", and not about the user, as
/// in "The user with name bob cannot be found.". IAM is eventually consistent: it may answer so about a user that another call
/// has just read, and that has a password.
fn is_about_password(error: &CallError) -> bool {
    error.message.to_ascii_lowercase().contains("login profile")
}
