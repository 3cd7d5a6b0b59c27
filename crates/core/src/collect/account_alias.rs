//! The account's alias: `iam:ListAccountAliases`.

use rolecall_roll::{Fact, Step};

use super::{Collector, Seen};
use crate::call::CallError;
use crate::session::Session;

/// What this file reads and needs.
pub const COLLECTOR: Collector = Collector { step: Step::AccountAlias, actions: &["iam:ListAccountAliases"] };

/// Reads it. An account has one at most.
pub(super) async fn collect(session: &Session<'_>, seen: &Seen) {
    let alias = match read(session).await {
        Ok(alias) => Fact::live(alias),
        Err(error) => seen.failed(Step::AccountAlias, None, error),
    };
    seen.facts.borrow_mut().alias = alias;
}

async fn read(session: &Session<'_>) -> Result<Option<String>, CallError> {
    let iam = session.iam().await?;
    let answer = iam.client.list_account_aliases().send().await;
    let answer = answer.map_err(|error| iam.error("ListAccountAliases", &error))?;
    Ok(answer.account_aliases.into_iter().next())
}
