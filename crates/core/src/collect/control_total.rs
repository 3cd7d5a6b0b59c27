//! Whether all users were listed: `iam:GetAccountSummary` says live how many there are.

use aws_sdk_iam::types::SummaryKeyType;
use futures_util::FutureExt;
use rolecall_roll::{ErrorKind, Fact, FactKind, Gap, Remedy, Summary};

use super::{Collector, FactSet, Progress, Read, ReadOptions, mark_unread, users};
use crate::call::CallError;
use crate::session::Session;

/// The row of this fact.
pub const COLLECTOR: Collector = Collector {
    fact: FactKind::ControlTotal,
    set: FactSet::Recommended,
    actions: &["iam:GetAccountSummary"],
    description: "the number of users and root's keys and MFA, live; where it differs from the roll, that is a gap",
    read: Read::AccountAtEnd(
        |session, options, progress| collect(session, options, progress).boxed_local(),
        |facts, reason| mark_unread(&mut facts.summary, reason),
    ),
};

const GET_ACCOUNT_SUMMARY: &str = "GetAccountSummary";

/// Reads the summary, and holds the users that were read against it: a user may come or go in between, so they are
/// counted a second time before there is a gap.
async fn collect(session: &Session<'_>, options: ReadOptions<'_>, progress: &Progress) {
    if options.selection.user_name.is_some() || options.selection.path_prefix.is_some() {
        // The summary counts all users of the account.
        return;
    }
    let summary = match read(session).await {
        Ok(summary) => summary,
        Err(error) => {
            progress.push_error(FactKind::ControlTotal, None, error);
            return;
        }
    };
    let listed = progress.users.borrow().as_ref().map(Vec::len);
    let counted = usize::try_from(summary.users).unwrap_or(usize::MAX);
    let mut last = summary;
    if let Some(listed) = listed.filter(|listed| *listed != counted) {
        match (users::names(session, options).await, read(session).await) {
            (Ok(names), Ok(again)) => {
                let counted = usize::try_from(again.users).unwrap_or(usize::MAX);
                last = again;
                if names.len() == counted {
                    let message =
                        format!("there were {listed} users when they were listed, and {counted} at the end");
                    progress.push_note(FactKind::ControlTotal, None, message);
                } else {
                    progress.push_gap(differ(names.len(), counted));
                }
            }
            (Err(error), _) | (_, Err(error)) => {
                progress.push_error(FactKind::ControlTotal, None, error);
            }
        }
    }
    progress.facts.borrow_mut().summary = Fact::live(last);
}

fn differ(listed: usize, counted: usize) -> Gap {
    Gap {
        stage: FactKind::ControlTotal.into(),
        operation: Some(GET_ACCOUNT_SUMMARY.to_owned()),
        user_name: None,
        error_kind: ErrorKind::Inconsistent,
        code: None,
        message: format!("ListUsers lists {listed} users, and GetAccountSummary counts {counted}"),
        request_id: None,
        remedy: Remedy::RetryLater,
    }
}

async fn read(session: &Session<'_>) -> Result<Summary, CallError> {
    let iam = session.iam().await?;
    let answer = iam.client.get_account_summary().send().await;
    let answer = answer.map_err(|error| iam.error(GET_ACCOUNT_SUMMARY, &error))?;
    let map = answer.summary_map.unwrap_or_default();
    let number = |key: SummaryKeyType| map.get(&key).and_then(|number| u64::try_from(*number).ok());
    let wrong = || CallError::malformed(GET_ACCOUNT_SUMMARY, "the answer does not count the users", None);
    Ok(Summary {
        users: number(SummaryKeyType::Users).ok_or_else(wrong)?,
        root_has_access_keys: number(SummaryKeyType::AccountAccessKeysPresent).ok_or_else(wrong)? > 0,
        root_has_mfa: number(SummaryKeyType::AccountMfaEnabled).ok_or_else(wrong)? > 0,
        root_has_password: number(SummaryKeyType::AccountPasswordPresent).map(|number| number > 0),
    })
}
