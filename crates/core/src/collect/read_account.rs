//! An account, read fact by fact as the rows of the collectors say.

use futures_util::future::join_all;
use futures_util::{FutureExt, StreamExt, join, stream};
use rolecall_roll::{ErrorKind, Fact, FactKind, FactSelection, Source, UserSource};

use super::credential_report::{self, Report};
use super::{Collector, Progress, Read, selected};
use crate::session::Session;

/// What to read of an account, and how.
#[derive(Debug, Clone, Copy)]
pub struct ReadOptions<'a> {
    /// Which facts, of which users.
    pub selection: &'a FactSelection,
    /// The most calls in flight.
    pub max_concurrent_calls: usize,
}

impl ReadOptions<'_> {
    /// Whether a fact is read.
    pub(super) fn has(self, fact: FactKind) -> bool {
        self.selection.contains(fact)
    }

    fn collectors(self) -> impl Iterator<Item = &'static Collector> {
        selected(self.selection)
    }
}

/// Reads an account, as far as it lets itself be read.
pub async fn collect(session: &Session<'_>, options: ReadOptions<'_>, progress: &Progress) {
    let list_users = async {
        for collector in options.collectors() {
            if let Read::ListUsers(read) = collector.read {
                read(session, options, progress).await;
                progress.finish(collector.fact);
            }
        }
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
        // Who has keys is in the report: nobody is read live before it is there.
        let report = credential_report::collect(session, progress).boxed_local();
        let (report, ()) = join!(report, list_users);
        if options.has(FactKind::CredentialReport)
            && let Some(report) = &report
        {
            credential_report::join(report.clone())(progress);
        }
        progress.finish(FactKind::CredentialReport);
        let users = read_users(session, options, report.as_ref(), progress).boxed_local();
        join!(read_all_users(session, options, progress), account, users);
    } else {
        // Nobody waits for the report, which takes its time to be made.
        let users = async {
            list_users.await;
            read_users(session, options, None, progress).boxed_local().await;
        };
        join!(read_all_users(session, options, progress), account, users);
    }
    for collector in options.collectors() {
        if let Read::AccountAtEnd(read, _) = collector.read {
            read(session, options, progress).await;
            progress.finish(collector.fact);
        }
    }
}

/// Reads the facts that few calls tell of all users, all of them at a time, and puts each to the users once they are
/// listed.
async fn read_all_users(session: &Session<'_>, options: ReadOptions<'_>, progress: &Progress) {
    let is_read_already = options.selection.user_source == UserSource::CredentialReport;
    let reads = options.collectors().filter_map(|collector| match collector.read {
        Read::AllUsers(..) if is_read_already && collector.fact == FactKind::CredentialReport => None,
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

/// How many users a further connection is worth its handshake for, which takes as long as some calls.
const USERS_A_CONNECTION: usize = 4;

/// Reads what is read of each user by itself, some users at a time.
async fn read_users(
    session: &Session<'_>,
    options: ReadOptions<'_>,
    report: Option<&Report>,
    progress: &Progress,
) {
    let users = users_to_read(options, report, progress);
    if let Some(report) = report {
        let message = format!(
            "users without keys are those of the credential report of {:.0}; keys that were made since are missing",
            report.generated
        );
        progress.push_note(FactKind::CredentialReport, None, message);
    }
    let of_users =
        || options.collectors().filter(|collector| matches!(collector.read, Read::User(..) | Read::Key(..)));
    if of_users().next().is_none() {
        return;
    }
    // Two at least, so that one call that hangs does not hold up all others.
    let concurrent = users.len().div_ceil(USERS_A_CONNECTION).max(2).min(options.max_concurrent_calls);
    stream::iter(&users)
        .for_each_concurrent(concurrent, |user| read_user(session, options, user, progress).boxed_local())
        .await;
    for collector in of_users() {
        progress.finish(collector.fact);
    }
}

/// A user, and the facts that are not read live, since the report tells them.
struct UserToRead {
    user_name: String,
    told: Vec<FactKind>,
}

/// The users, and what of them the report tells: that some have no keys, no password, no MFA device. All else is read
/// live: a password that the report knows of is more than "there is one".
fn users_to_read(options: ReadOptions<'_>, report: Option<&Report>, progress: &Progress) -> Vec<UserToRead> {
    let mut all = Vec::new();
    for user in progress.users.borrow_mut().iter_mut().flatten() {
        let row = report.and_then(|report| Some((report, report.row_of(user)?)));
        match row {
            Some((report, row))
                if row.access_keys.iter().all(|key| key.last_rotated.is_none() && !key.active) =>
            {
                let source = Source::CredentialReport(report.generated);
                let mut told = vec![FactKind::AccessKeys];
                user.access_keys = Some(Vec::new());
                user.no_access_keys_source = Some(source);
                if options.has(FactKind::ConsolePassword) && row.password_enabled == Some(false) {
                    user.console_password = Fact::Known { value: None, source };
                    told.push(FactKind::ConsolePassword);
                }
                if options.has(FactKind::MfaDevices) && !row.mfa_active {
                    user.mfa_devices = Fact::Known { value: Vec::new(), source };
                    told.push(FactKind::MfaDevices);
                }
                all.push(UserToRead { user_name: user.user_name.clone(), told });
            }
            _ => all.push(UserToRead { user_name: user.user_name.clone(), told: Vec::new() }),
        }
    }
    // Of whom the report tells all that is read of a user, nothing is left to read.
    let is_left = |user: &UserToRead| {
        let mut of_user = options.collectors().filter(|collector| matches!(collector.read, Read::User(..)));
        of_user.any(|collector| !user.told.contains(&collector.fact))
    };
    all.retain(is_left);
    all
}

/// Reads a user, fact by fact. One who is gone is no gap.
async fn read_user(session: &Session<'_>, options: ReadOptions<'_>, user: &UserToRead, progress: &Progress) {
    let UserToRead { user_name, told } = user;
    for collector in options.collectors().filter(|collector| !told.contains(&collector.fact)) {
        let (Read::User(read, _) | Read::Key(read, _)) = collector.read else { continue };
        let Err(error) = read(session, options, progress, user_name).await else { continue };
        if error.error_kind == ErrorKind::NotFound {
            return progress.remove_user(user_name);
        }
        let reason = progress.push_error(collector.fact, Some(user_name), error);
        progress.update_user(user_name, |user| match collector.read {
            Read::User(_, mark) => mark(user, &reason),
            Read::Key(_, mark) => user.access_keys.iter_mut().flatten().for_each(|key| mark(key, &reason)),
            _ => {}
        });
    }
}
