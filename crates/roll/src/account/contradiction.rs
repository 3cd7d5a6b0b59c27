//! What a line of an account may not say, since it would contradict itself or what was asked for.

use std::collections::BTreeSet;

use super::{AccountRecord, Outcome};
use crate::fact::Fact;
use crate::fact_kind::FactKind;
use crate::header::Header;
use crate::ids::{AccountId, RoleArn};

/// Why a line of an account cannot be true.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    /// The role is in another account.
    #[error("account_id is {account_id}, but role_arn is {role_arn}")]
    RoleElsewhere {
        /// The account.
        account_id: AccountId,
        /// The role.
        role_arn: RoleArn,
    },
    /// What was not asked has something that was seen.
    #[error("account {0} was skipped, and has users or gaps")]
    SkippedAndRead(AccountId),
    /// Nothing was seen, and nothing says why.
    #[error("account {0} has neither users nor gaps")]
    Nothing(AccountId),
    /// The outcome is not that of what was seen.
    #[error("account {account_id} is called {called}, but what it holds makes it {derived}")]
    Outcome {
        /// The account.
        account_id: AccountId,
        /// The outcome that the line says.
        called: Outcome,
        /// The outcome that follows from the rest of it.
        derived: Outcome,
    },
    /// Users are told apart by their names.
    #[error("account {0} has two users of one name")]
    UserTwice(AccountId),
    /// IAM counts the users otherwise.
    #[error(
        "account {account_id} is called Complete with {users} users, but its account summary counts {summary}"
    )]
    UserCount {
        /// The account.
        account_id: AccountId,
        /// Users that the line holds.
        users: usize,
        /// Users that the account summary counts.
        summary: u64,
    },
    /// The access keys of a user were asked for and are unknown, without a gap that says why.
    #[error("account {account_id} is called Complete, but the access keys of user {user_name:?} are unknown")]
    UnknownKeys {
        /// The account.
        account_id: AccountId,
        /// The user.
        user_name: String,
    },
}

impl AccountRecord {
    /// Checks that a line does not contradict itself.
    pub(super) fn check(&self) -> Result<(), Contradiction> {
        let Self { account_id, role_arn, outcome, skipped, gaps, users, .. } = self;
        if let Some(role_arn) = role_arn.as_ref().filter(|role_arn| role_arn.account_id() != account_id) {
            let (account_id, role_arn) = (account_id.clone(), role_arn.clone());
            return Err(Contradiction::RoleElsewhere { account_id, role_arn });
        }
        let derived = match (users, gaps.is_empty(), skipped) {
            (None, true, Some(_)) => Outcome::Skipped,
            (_, _, Some(_)) => return Err(Contradiction::SkippedAndRead(account_id.clone())),
            (Some(_), true, None) => Outcome::Complete,
            (Some(_), false, None) => Outcome::Partial,
            (None, false, None) => Outcome::Failed,
            (None, true, None) => return Err(Contradiction::Nothing(account_id.clone())),
        };
        if *outcome != derived {
            let account_id = account_id.clone();
            return Err(Contradiction::Outcome { account_id, called: *outcome, derived });
        }
        let names: BTreeSet<_> = users.iter().flatten().map(|user| &user.user_name).collect();
        if names.len() != users.as_ref().map_or(0, Vec::len) {
            return Err(Contradiction::UserTwice(account_id.clone()));
        }
        Ok(())
    }

    /// Checks that a line which is called Complete holds what was asked for.
    ///
    /// # Errors
    /// Which user's keys are unknown without a gap that says why; or that the account's own count of its users is another.
    pub(crate) fn check_against(&self, header: &Header) -> Result<(), Contradiction> {
        let account_id = || self.account_id.clone();
        if let (Outcome::Complete, Some(users), Fact::Known { value: summary, .. }) =
            (self.outcome, &self.users, &self.facts.summary)
            // A note tells of users who came or went meanwhile.
            && self.notes.is_empty()
            && u64::try_from(users.len()) != Ok(summary.users)
        {
            let (users, summary) = (users.len(), summary.users);
            return Err(Contradiction::UserCount { account_id: account_id(), users, summary });
        }
        let mut users = self.users.iter().flatten();
        let is_wanted = self.outcome == Outcome::Complete && header.reads(FactKind::AccessKeys);
        match users.find(|user| is_wanted && user.access_keys.is_none()) {
            Some(user) => {
                let user_name = user.user_name.clone();
                Err(Contradiction::UnknownKeys { account_id: account_id(), user_name })
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::account::AccountRecord;

    #[test]
    fn a_line_that_contradicts_itself_is_refused() {
        let line_of = |outcome, skipped: Option<&str>, gaps, users| {
            serde_json::from_value::<AccountRecord>(serde_json::json!({
                "account_id": "111111111111",
                "role_arn": "arn:aws:iam::111111111111:role/IAMListRole",
                "outcome": outcome, "skipped": skipped, "gaps": gaps, "notes": [], "users": users,
            }))
        };
        let line = |outcome, gaps, users| line_of(outcome, None, gaps, users);
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
        assert!(line_of("Skipped", Some("suspended"), none.clone(), no_users.clone()).is_ok());
        assert!(line_of("Skipped", Some("suspended"), gap, no_users.clone()).is_err());
        assert!(line_of("Complete", Some("suspended"), none.clone(), none.clone()).is_err());
        assert!(line("Skipped", none, no_users).is_err());
    }
}
