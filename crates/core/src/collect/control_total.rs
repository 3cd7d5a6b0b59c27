//! Checks that all users were listed: `iam:GetAccountSummary` returns the current number of users.

use aws_sdk_iam::types::SummaryKeyType;
use futures_util::FutureExt;
use rolecall_roll::{ErrorKind, Fact, FactKind, Gap, Remedy, Summary};

use super::{Collector, FactSet, Progress, Read, ReadOptions, mark_unread, users};
use crate::call::CallError;
use crate::session::Session;

/// Declares the fact [`FactKind::ControlTotal`].
pub const COLLECTOR: Collector = Collector {
    fact: FactKind::ControlTotal,
    set: FactSet::Recommended,
    actions: &["iam:GetAccountSummary"],
    description: "number of users, and the root user's access keys and MFA, read live; a number that differs from the roll is a gap",
    read: Read::AccountAtEnd(
        |session, options, progress| collect(session, options, progress).boxed_local(),
        |facts, reason| mark_unread(&mut facts.summary, reason),
    ),
};

const GET_ACCOUNT_SUMMARY: &str = "GetAccountSummary";

/// Reads the summary and compares it with the users that were read. A user may be created or deleted in between, so the
/// users are listed and counted a second time before a gap is recorded.
async fn collect(session: &Session<'_>, options: ReadOptions<'_>, progress: &Progress) {
    if options.selection.user_name.is_some() || options.selection.path_prefix.is_some() {
        // The summary counts all users of the account.
        return;
    }
    let summary = match read_summary(session).await {
        Ok(summary) => summary,
        Err(error) => {
            progress.push_error(FactKind::ControlTotal, None, error);
            return;
        }
    };
    let listed = progress.users.borrow().as_ref().map(Vec::len);
    let counted = usize::try_from(summary.users).unwrap_or(usize::MAX);
    let mut latest = summary;
    if let Some(listed) = listed.filter(|listed| *listed != counted) {
        match (users::list_names(session, options).await, read_summary(session).await) {
            (Ok(names), Ok(second)) => {
                let counted = usize::try_from(second.users).unwrap_or(usize::MAX);
                latest = second;
                if names.len() == counted {
                    let message = format!(
                        "the account had {listed} users when they were listed, and {counted} at the end of the scan"
                    );
                    progress.push_note(FactKind::ControlTotal, None, message);
                } else {
                    progress.push_gap(count_mismatch(names.len(), counted));
                }
            }
            (Err(error), _) | (_, Err(error)) => {
                progress.push_error(FactKind::ControlTotal, None, error);
            }
        }
    }
    progress.facts.borrow_mut().summary = Fact::live(latest);
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
