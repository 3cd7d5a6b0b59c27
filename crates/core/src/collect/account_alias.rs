//! The account's alias: `iam:ListAccountAliases`.

use futures_util::FutureExt;
use rolecall_roll::FactKind;

use super::{Collector, FactSet, Progress, Read, mark_unread};
use crate::call::CallError;
use crate::session::Session;

/// Declares the fact [`FactKind::AccountAlias`].
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

/// Reads the alias; an account has at most one.
async fn collect(session: &Session<'_>, progress: &Progress) {
    let alias = progress.fact(FactKind::AccountAlias, None, read_alias(session).await);
    progress.facts.borrow_mut().alias = alias;
}

async fn read_alias(session: &Session<'_>) -> Result<Option<String>, CallError> {
    let iam = session.iam().await?;
    let response = iam.client.list_account_aliases().send().await;
    let response = response.map_err(|error| iam.error("ListAccountAliases", &error))?;
    Ok(response.account_aliases.into_iter().next())
}
