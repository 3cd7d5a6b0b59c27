//! Console passwords: `iam:GetLoginProfile`, a call for each user.

use futures_util::FutureExt;
use rolecall_roll::{ConsolePassword, ErrorKind, Fact, FactKind};

use super::{Collector, FactSet, Progress, Read, ReadOptions, mark_unread, timestamp};
use crate::call::CallError;
use crate::session::Session;

/// The row of this fact.
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
    let password = of_user(session, user_name, options.has(FactKind::AccessKeys)).await?;
    progress.update_user(user_name, |user| user.console_password = Fact::live(password));
    Ok(())
}

/// The user's password, where there is one. That AWS knows no such entity means that there is none, or no such user:
/// unless the user was just seen (`is_there`), `GetUser` tells.
async fn of_user(
    session: &Session<'_>,
    user_name: &str,
    is_there: bool,
) -> Result<Option<ConsolePassword>, CallError> {
    let iam = session.iam().await?;
    let answer = iam.client.get_login_profile().user_name(user_name).send().await;
    let profile = match answer.map_err(|error| iam.error("GetLoginProfile", &error)) {
        Ok(answer) => answer.login_profile,
        Err(error) if error.error_kind == ErrorKind::NotFound => {
            if !is_there {
                let answer = iam.client.get_user().user_name(user_name).send().await;
                answer.map_err(|error| iam.error("GetUser", &error))?;
            }
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let profile = profile.ok_or_else(|| {
        CallError::malformed("GetLoginProfile", "the answer does not speak of the password", None)
    })?;
    let create_date = timestamp(&profile.create_date);
    Ok(Some(ConsolePassword { create_date, password_reset_required: profile.password_reset_required }))
}
