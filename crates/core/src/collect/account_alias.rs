//! The account's alias: `iam:ListAccountAliases`.

use futures_util::FutureExt;
use rolecall_roll::FactKind;

use super::{Collector, FactSet, Progress, Read, mark_unread};
use crate::call::CallError;
use crate::session::Session;

/// The row of this fact.
pub const COLLECTOR: Collector = Collector {
    fact: FactKind::AccountAlias,
    set: FactSet::All,
    actions: &["iam:ListAccountAliases"],
    description: "the account's alias",
    read: Read::Account(
        |session, _, progress| collect(session, progress).boxed_local(),
        |facts, reason| mark_unread(&mut facts.alias, reason),
    ),
};

/// Reads it. An account has one at most.
async fn collect(session: &Session<'_>, progress: &Progress) {
    let alias = progress.fact(FactKind::AccountAlias, None, read(session).await);
    progress.facts.borrow_mut().alias = alias;
}

async fn read(session: &Session<'_>) -> Result<Option<String>, CallError> {
    let iam = session.iam().await?;
    let answer = iam.client.list_account_aliases().send().await;
    let answer = answer.map_err(|error| iam.error("ListAccountAliases", &error))?;
    Ok(answer.account_aliases.into_iter().next())
}
