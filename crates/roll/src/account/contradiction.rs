//! Checks that an account's line contradicts neither itself nor the header of its run.

use std::collections::BTreeSet;

use super::unexplained::Unexplained;
use super::{AccountRecord, Outcome};
use crate::fact::Fact;
use crate::fact_kind::{FactKind, FactSelection};
use crate::header::Header;
use crate::ids::{AccountId, RoleArn};

/// A contradiction between the fields of an account's line, or between the line and the header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    /// The role is in another account.
    #[error("account_id is {account_id}, but role_arn is {role_arn}")]
    RoleInOtherAccount {
        /// `account_id` of the line.
        account_id: AccountId,
        /// `role_arn` of the line.
        role_arn: RoleArn,
    },
    /// The account was skipped, so nothing can have been read in it.
    #[error("account {0} was skipped, but has users or gaps")]
    SkippedAndRead(AccountId),
    /// The line has no users, and no gap that says why.
    #[error("account {0} has neither users nor gaps")]
    Nothing(AccountId),
    /// The stated outcome differs from the outcome that follows from the users and gaps.
    #[error("the outcome of account {account_id} is {stated}, but its users and gaps make it {derived}")]
    Outcome {
        /// `account_id` of the line.
        account_id: AccountId,
        /// `outcome` of the line.
        stated: Outcome,
        /// The outcome that follows from the other fields.
        derived: Outcome,
    },
    /// Two users have the same name; IAM user names are unique in an account.
    #[error("account {0} has two users with the same name")]
    DuplicateUser(AccountId),
    /// `GetAccountSummary` counts another number of users.
    #[error(
        "the outcome of account {account_id} is Complete with {users} users, but its account summary counts {summary}"
    )]
    UserCount {
        /// `account_id` of the line.
        account_id: AccountId,
        /// The number of users in the line.
        users: usize,
        /// The number of users in the account summary.
        summary: u64,
    },
    /// A fact was requested and is unknown, without a gap that says why.
    #[error("account {account_id}{}: the fact {fact} is unknown, and no gap says why", of_user(user_name.as_deref()))]
    Unexplained {
        /// `account_id` of the line.
        account_id: AccountId,
        /// The fact.
        fact: FactKind,
        /// The user whose fact it is; `None` for a fact of the account.
        user_name: Option<String>,
    },
}

impl AccountRecord {
    /// Checks that the fields of the line do not contradict each other.
    pub(super) fn check(&self) -> Result<(), Contradiction> {
        let Self { account_id, role_arn, outcome, skipped, gaps, users, .. } = self;
        if let Some(role_arn) = role_arn.as_ref().filter(|role_arn| role_arn.account_id() != account_id) {
            let (account_id, role_arn) = (account_id.clone(), role_arn.clone());
            return Err(Contradiction::RoleInOtherAccount { account_id, role_arn });
        }
        if skipped.is_some() && (users.is_some() || !gaps.is_empty()) {
            return Err(Contradiction::SkippedAndRead(account_id.clone()));
        }
        if skipped.is_none() && users.is_none() && gaps.is_empty() {
            return Err(Contradiction::Nothing(account_id.clone()));
        }
        let derived = self.derived_outcome();
        if *outcome != derived {
            let account_id = account_id.clone();
            return Err(Contradiction::Outcome { account_id, stated: *outcome, derived });
        }
        let names: BTreeSet<_> = users.iter().flatten().map(|user| &user.user_name).collect();
        if names.len() != users.as_ref().map_or(0, Vec::len) {
            return Err(Contradiction::DuplicateUser(account_id.clone()));
        }
        self.check_explained(None)
    }

    /// Checks that each unknown fact, and each selected fact that the record does not have, has a gap.
    fn check_explained(&self, selection: Option<&FactSelection>) -> Result<(), Contradiction> {
        match self.unexplained(selection).into_iter().next() {
            None => Ok(()),
            Some(Unexplained { fact, user_name, .. }) => {
                Err(Contradiction::Unexplained { account_id: self.account_id.clone(), fact, user_name })
            }
        }
    }

    /// Checks that the line has everything that the header requests, or a gap that says why it does not.
    ///
    /// # Errors
    /// [`Contradiction::Unexplained`] where a requested fact is missing or unknown without a gap;
    /// [`Contradiction::UserCount`] where the account summary counts another number of users.
    pub(crate) fn check_against(&self, header: &Header) -> Result<(), Contradiction> {
        let account_id = || self.account_id.clone();
        if let (Outcome::Complete, Some(users), Fact::Known { value: summary, .. }) =
            (self.outcome, &self.users, &self.facts.summary)
            // With a note, users were created or deleted while the account was read.
            && self.notes.is_empty()
            && !header.collect.is_of_some_users()
            && u64::try_from(users.len()) != Ok(summary.users)
        {
            let (users, summary) = (users.len(), summary.users);
            return Err(Contradiction::UserCount { account_id: account_id(), users, summary });
        }
        self.check_explained(Some(&header.collect))
    }
}

/// ", user NAME" in a message, where the fact is one of a user.
fn of_user(user_name: Option<&str>) -> String {
    user_name.map_or(String::new(), |name| format!(", user {name:?}"))
}

#[cfg(test)]
mod tests {
    use crate::account::AccountRecord;

    #[test]
    fn a_line_that_contradicts_itself_is_refused() {
        let parse_line = |outcome, skipped: Option<&str>, gaps, users| {
            serde_json::from_value::<AccountRecord>(serde_json::json!({
                "account_id": "111111111111",
                "role_arn": "arn:aws:iam::111111111111:role/IAMListRole",
                "outcome": outcome, "skipped": skipped, "gaps": gaps, "notes": [], "users": users,
            }))
        };
        let line = |outcome, gaps, users| parse_line(outcome, None, gaps, users);
        let gap = serde_json::json!([{
            "stage": "session", "operation": "AssumeRole", "user_name": null, "error_kind": "denied",
            "code": "AccessDenied", "message": "no", "request_id": null, "remedy": {"code": "retry"},
        }]);
        let (none, no_users) = (serde_json::json!([]), serde_json::Value::Null);
        assert!(line("Complete", none.clone(), none.clone()).is_ok());
        assert!(line("Partial", gap.clone(), none.clone()).is_ok());
        assert!(line("Failed", gap.clone(), no_users.clone()).is_ok());
        assert!(line("Complete", gap.clone(), none.clone()).is_err());
        assert!(line("Complete", none.clone(), no_users.clone()).is_err());
        assert!(line("Failed", gap.clone(), none.clone()).is_err());
        assert!(line("Failed", none.clone(), no_users.clone()).is_err());
        assert!(parse_line("Skipped", Some("suspended"), none.clone(), no_users.clone()).is_ok());
        assert!(parse_line("Skipped", Some("suspended"), gap, no_users.clone()).is_err());
        assert!(parse_line("Complete", Some("suspended"), none.clone(), none.clone()).is_err());
        assert!(line("Skipped", none, no_users).is_err());
    }
}
