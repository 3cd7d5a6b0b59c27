//! Reads an account, fact by fact, with the selected collectors.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use futures_util::{FutureExt, StreamExt, join, stream};
use rolecall_roll::{ErrorKind, Fact, FactKind, FactSelection, Source, User, UserSource};

use super::credential_report::{self, Report};
use super::{Collector, Progress, Read, second_look, selected};
use crate::session::Session;

/// What to read of an account, and how.
#[derive(Debug, Clone, Copy)]
pub struct ReadOptions<'a> {
    /// Which facts are read, of which users.
    pub selection: &'a FactSelection,
    /// The maximum number of users that are read at a time, each with one call in flight.
    pub max_concurrent_calls: usize,
    /// The users that an earlier invocation of the same run has read.
    pub previous: &'a [User],
}

impl ReadOptions<'_> {
    /// Whether a fact is selected.
    pub(super) fn is_selected(self, fact: FactKind) -> bool {
        self.selection.contains(fact)
    }

    /// The selected facts that are read with calls for each user.
    fn facts_of_users(self) -> BTreeSet<FactKind> {
        let of_user = self.collectors().filter(|collector| collector.is_of_user());
        of_user.map(|collector| collector.fact).collect()
    }

    fn collectors(self) -> impl Iterator<Item = &'static Collector> {
        selected(self.selection)
    }
}

/// Reads an account into `progress`. Errors become gaps there.
pub async fn collect(session: &Session<'_>, options: ReadOptions<'_>, progress: &Progress) {
    let list_users = async {
        for collector in options.collectors() {
            if let Read::ListUsers(read) = collector.read {
                read(session, options, progress).await;
                progress.finish(collector.fact);
            }
        }
        progress.take_over(options.previous, &options.facts_of_users());
        progress.set_listed();
    };
    let account = async {
        for collector in options.collectors() {
            if let Read::Account(read, _) = collector.read {
                read(session, options, progress).await;
                progress.finish(collector.fact);
            }
        }
    };
    if options.selection.user_source == UserSource::CredentialReport {
        // The report says which users have keys, so users are read live only after it.
        let report = credential_report::collect(session, progress).boxed_local();
        let (report, ()) = join!(report, list_users);
        if options.is_selected(FactKind::CredentialReport)
            && let Some(report) = &report
        {
            credential_report::join(report.clone())(progress);
        }
        progress.finish(FactKind::CredentialReport);
        let users = read_users(session, options, report.as_ref(), progress).boxed_local();
        join!(read_all_users(session, options, progress), account, users);
    } else {
        // Users are read without waiting for the report, which IAM may take minutes to generate.
        let users = async {
            list_users.await;
            read_users(session, options, None, progress).boxed_local().await;
        };
        join!(read_all_users(session, options, progress), account, users);
    }
    second_look::look_again(session, options, progress).boxed_local().await;
    for collector in options.collectors() {
        if let Read::AccountAtEnd(read, _) = collector.read {
            read(session, options, progress).await;
            progress.finish(collector.fact);
        }
    }
}

/// Reads the facts that few calls return for all users, concurrently, and sets each on the users once they are listed.
pub(super) async fn read_all_users(session: &Session<'_>, options: ReadOptions<'_>, progress: &Progress) {
    let has_read_report = options.selection.user_source == UserSource::CredentialReport;
    let reads = options.collectors().filter_map(|collector| match collector.read {
        Read::AllUsers(..) if has_read_report && collector.fact == FactKind::CredentialReport => None,
        Read::AllUsers(read, ..) => Some((collector.fact, read(session, progress))),
        _ => None,
    });
    join_all(reads.map(async |(fact, read)| {
        let join = read.await;
        progress.wait_until_listed().await;
        join(progress);
        progress.finish(fact);
    }))
    .await;
}

/// The number of users that justify one more connection: its TLS handshake takes as long as some calls.
const USERS_PER_CONNECTION: usize = 4;

/// Reads the facts that need calls for each user, several users at a time.
async fn read_users(
    session: &Session<'_>,
    options: ReadOptions<'_>,
    report: Option<&Report>,
    progress: &Progress,
) {
    let users = users_to_read(options, report, progress);
    if let Some(report) = report {
        let message = format!(
            "users without access keys are taken from the credential report of {:.0}; keys created after it are missing",
            report.generated
        );
        progress.push_note(FactKind::CredentialReport, None, message);
    }
    let per_user = || options.collectors().filter(|collector| collector.is_of_user());
    if per_user().next().is_none() {
        return;
    }
    // At least two, so that one call that hangs does not block all others.
    let concurrent = users.len().div_ceil(USERS_PER_CONNECTION).max(2).min(options.max_concurrent_calls);
    stream::iter(&users)
        .for_each_concurrent(concurrent, |user| {
            read_user(session, options, user, progress, Attempt::First).boxed_local()
        })
        .await;
    for collector in per_user() {
        progress.finish(collector.fact);
    }
}

struct UserToRead {
    user_name: String,
    /// The facts that are not read live, since the credential report has them.
    from_report: Vec<FactKind>,
}

/// The users to read. For users without keys in the report, the report also says whether they have no password and no MFA
/// device. All else is read live: of a password, for example, the report lacks what `GetLoginProfile` returns.
fn users_to_read(options: ReadOptions<'_>, report: Option<&Report>, progress: &Progress) -> Vec<UserToRead> {
    let mut all = Vec::new();
    let is_to_be_read = |user: &&mut User| !progress.is_taken_over(&user.user_name);
    for user in progress.users.borrow_mut().iter_mut().flatten().filter(is_to_be_read) {
        let row = report.and_then(|report| Some((report, report.row_of(user)?.as_ref().ok()?)));
        match row {
            Some((report, row))
                if row.access_keys.iter().all(|key| key.last_rotated.is_none() && !key.active) =>
            {
                let source = Source::CredentialReport(report.generated);
                let mut from_report = vec![FactKind::AccessKeys];
                user.access_keys = Some(Vec::new());
                user.no_access_keys_source = Some(source);
                if options.is_selected(FactKind::ConsolePassword) && row.password_enabled == Some(false) {
                    user.console_password = Fact::Known { value: None, source };
                    from_report.push(FactKind::ConsolePassword);
                }
                if options.is_selected(FactKind::MfaDevices) && !row.mfa_active {
                    user.mfa_devices = Fact::Known { value: Vec::new(), source };
                    from_report.push(FactKind::MfaDevices);
                }
                all.push(UserToRead { user_name: user.user_name.clone(), from_report });
            }
            _ => all.push(UserToRead { user_name: user.user_name.clone(), from_report: Vec::new() }),
        }
    }
    // A user whose facts all come from the report needs no call.
    let needs_calls = |user: &UserToRead| {
        let mut per_user = options.collectors().filter(|collector| matches!(collector.read, Read::User(..)));
        per_user.any(|collector| !user.from_report.contains(&collector.fact))
    };
    all.retain(needs_calls);
    all
}

/// Whether a user is read again if a call says that the user does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    First,
    Last,
}

/// Reads listed users that a call did not find.
pub(super) async fn read_users_again(
    session: &Session<'_>,
    options: ReadOptions<'_>,
    user_names: &[String],
    progress: &Progress,
    attempt: Attempt,
) {
    for user_name in user_names {
        let user = UserToRead { user_name: user_name.clone(), from_report: Vec::new() };
        read_user(session, options, &user, progress, attempt).boxed_local().await;
    }
}

/// Reads all facts of users who were not there when the others were read.
pub(super) async fn read_added_users(
    session: &Session<'_>,
    options: ReadOptions<'_>,
    user_names: &[String],
    progress: &Progress,
) {
    read_all_users(session, options, progress).boxed_local().await;
    read_users_again(session, options, user_names, progress, Attempt::First).await;
}

/// Reads a user, fact by fact.
async fn read_user(
    session: &Session<'_>,
    options: ReadOptions<'_>,
    user: &UserToRead,
    progress: &Progress,
    attempt: Attempt,
) {
    let UserToRead { user_name, from_report } = user;
    for collector in options.collectors().filter(|collector| !from_report.contains(&collector.fact)) {
        let (Read::User(read, _) | Read::Key(read, _)) = collector.read else { continue };
        let Err(error) = read(session, options, progress, user_name).await else { continue };
        let error = match (error.error_kind, attempt) {
            (ErrorKind::NotFound, Attempt::First) => return progress.push_not_found(user_name),
            (ErrorKind::NotFound, Attempt::Last) => second_look::contradiction(error),
            _ => error,
        };
        let reason = progress.push_error(collector.fact, Some(user_name), error);
        progress.update_user(user_name, |user| match collector.read {
            Read::User(_, mark) => mark(user, &reason),
            Read::Key(_, mark) => user.access_keys.iter_mut().flatten().for_each(|key| mark(key, &reason)),
            _ => {}
        });
    }
}
