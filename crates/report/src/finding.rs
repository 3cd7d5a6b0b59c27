//! Findings: something that is wrong with one key, one user or one root user, why it is thought to be, and what to do.

use std::cmp::Ordering;

use rolecall_roll::{AccessKeyId, AccountId};
use serde::{Serialize, Serializer};

use crate::advice::Advice;
use crate::evidence::Evidence;
use crate::rules::{Rule, Severity};
use crate::score::Score;

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The same in every run: account, rule, and the key's or the user's id.
    pub id: String,
    /// The rule.
    #[serde(serialize_with = "id_of")]
    pub rule: &'static Rule,
    /// The rule's title.
    pub title: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Where.
    #[serde(flatten)]
    pub subject: Subject,
    /// The user's stable id; `None` for the root user.
    pub user_id: Option<String>,
    /// What is wrong.
    pub message: String,
    /// The facts that it follows from.
    pub evidence: Vec<Evidence>,
    /// What to do, as commands of the AWS CLI.
    pub remedy: String,
    /// How urgent it is, line by line.
    pub score: Score,
    /// What to do with the user as a whole.
    pub advice: Option<Advice>,
    /// Who is to act, where the tags or the account tell.
    pub owner: Option<Owner>,
    /// The exception that it falls under.
    pub exception: Option<Suppression>,
    /// Whether it may fall under another, of users with a tag, and the user's tags are not known.
    pub can_be_suppressed: bool,
}

fn id_of<S: Serializer>(rule: &Rule, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(rule.id)
}

impl Finding {
    /// The most urgent first; those that are as urgent by their ids, so that they come in the same order in every run.
    #[must_use]
    pub(crate) fn by_urgency(&self, other: &Self) -> Ordering {
        other.score.points.cmp(&self.score.points).then_with(|| self.id.cmp(&other.id))
    }

    /// Whether nobody answers for it, or nobody any more.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.exception.as_ref().is_none_or(|exception| exception.is_expired)
    }
}

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Subject {
    /// The account.
    pub account_id: AccountId,
    /// Its name.
    pub account_name: Option<String>,
    /// The organizational unit that it is in.
    pub organizational_unit: Option<String>,
    /// The user; `None` for the root user.
    pub user_name: Option<String>,
    /// The user's ARN; the root user's too.
    pub user_arn: String,
    /// The access key, where it is about one.
    pub access_key_id: Option<AccessKeyId>,
}

impl Subject {
    /// The account's id, and its name where it is known: `111111111111 prod`.
    #[must_use]
    pub fn account_label(&self) -> String {
        let name = self.account_name.as_deref().unwrap_or_default();
        format!("{} {name}", self.account_id).trim_end().to_owned()
    }
}

/// Who is to act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Owner {
    /// The name or address.
    pub name: String,
    /// What told it: `user_tag:Owner`.
    pub from: String,
    /// Whether a tag of the user would come before it and is not known.
    pub is_uncertain: bool,
}

/// An exception that a finding falls under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suppression {
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// The last day on which it holds.
    pub until: jiff::civil::Date,
    /// Whether that day is over, so that the finding is open again.
    pub is_expired: bool,
}
