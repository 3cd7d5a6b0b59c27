//! Checks that all users were listed: `iam:GetAccountSummary` returns the current number of users.

use aws_sdk_iam::types::SummaryKeyType;
use futures_util::FutureExt;
use rolecall_roll::{ErrorKind, Fact, FactKind, Gap, Remedy, Summary};

use super::{Collector, FactSet, Progress, Read, ReadOptions, mark_unread, second_look, users};
use crate::call::CallError;
use crate::session::Session;

/// Declares the fact [`FactKind::ControlTotal`].
pub const COLLECTOR: Collector = Collector {
    fact: FactKind::ControlTotal,
    set: FactSet::Recommended,
    actions: &["iam:GetAccountSummary"],
    description: "number of users as IAM counts them, compared with the users that were listed; also the root user's access keys and MFA",
    read: Read::AccountAtEnd(
        |session, options, progress| collect(session, options, progress).boxed_local(),
        |facts, reason| mark_unread(&mut facts.summary, reason),
    ),
};

const GET_ACCOUNT_SUMMARY: &str = "GetAccountSummary";

/// Reads the summary and compares it with the users that were read. A user may be created or deleted in between, so where
/// the numbers differ, the users are listed and counted a second time. If these numbers agree, that list is the account: who
/// is new in it is read too, and who is not in it was deleted. Otherwise the difference is a gap.
async fn collect(session: &Session<'_>, options: ReadOptions<'_>, progress: &Progress) {
    let summary = match read_summary(session).await {
        Ok(summary) => summary,
        Err(error) => {
            progress.push_error(FactKind::ControlTotal, None, error);
            return;
        }
    };
    let listed = progress.users.borrow().as_ref().map(Vec::len);
    // The summary counts all users of the account.
    let listed = listed.filter(|_| !options.selection.is_of_some_users());
    let latest = match listed.filter(|listed| Ok(*listed) != usize::try_from(summary.users)) {
        None => summary,
        Some(listed) => compare_again(session, options, progress, listed).await.unwrap_or(summary),
    };
    progress.facts.borrow_mut().summary = Fact::live(latest);
}

/// Lists and counts the users a second time. Returns the second summary.
async fn compare_again(
    session: &Session<'_>,
    options: ReadOptions<'_>,
    progress: &Progress,
    listed_before: usize,
) -> Option<Summary> {
    let (listed, summary) = match (users::list(session, options).await, read_summary(session).await) {
        (Ok(listed), Ok(summary)) => (listed, summary),
        (Err(error), _) | (_, Err(error)) => {
            progress.push_error(FactKind::ControlTotal, None, error);
            return None;
        }
    };
    let counted = usize::try_from(summary.users).unwrap_or(usize::MAX);
    if listed.len() == counted {
        let message = format!(
            "the account had {listed_before} users when they were listed, and {counted} at the end of the scan"
        );
        progress.push_note(FactKind::ControlTotal, None, message);
        progress.retain_users(&listed.iter().map(|user| user.user_name.clone()).collect());
    } else {
        progress.push_gap(count_mismatch(listed.len(), counted));
    }
    second_look::add(session, options, progress, listed).boxed_local().await;
    second_look::look_again(session, options, progress).boxed_local().await;
    Some(summary)
}

fn count_mismatch(listed: usize, counted: usize) -> Gap {
    Gap {
        stage: FactKind::ControlTotal.into(),
        operation: Some(GET_ACCOUNT_SUMMARY.to_owned()),
        user_name: None,
        error_kind: ErrorKind::Inconsistent,
        code: None,
        message: format!("ListUsers returned {listed} users, but GetAccountSummary counts {counted}"),
        request_id: None,
        remedy: Remedy::RetryLater,
    }
}

async fn read_summary(session: &Session<'_>) -> Result<Summary, CallError> {
    let iam = session.iam().await?;
    let response = iam.client.get_account_summary().send().await;
    let response = response.map_err(|error| iam.error(GET_ACCOUNT_SUMMARY, &error))?;
    let map = response.summary_map.unwrap_or_default();
    let number = |key: SummaryKeyType| map.get(&key).and_then(|number| u64::try_from(*number).ok());
    let incomplete = || {
        let message = "the response has no Users, AccountAccessKeysPresent or AccountMFAEnabled";
        CallError::malformed(GET_ACCOUNT_SUMMARY, message, None)
    };
    Ok(Summary {
        users: number(SummaryKeyType::Users).ok_or_else(incomplete)?,
        root_has_access_keys: number(SummaryKeyType::AccountAccessKeysPresent).ok_or_else(incomplete)? > 0,
        root_has_mfa: number(SummaryKeyType::AccountMfaEnabled).ok_or_else(incomplete)? > 0,
        root_has_password: number(SummaryKeyType::AccountPasswordPresent).map(|number| number > 0),
    })
}
