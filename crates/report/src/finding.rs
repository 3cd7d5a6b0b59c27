//! Findings: what is wrong with one access key, user or root user, with the evidence and the remediation.

use std::cmp::{Ordering, Reverse};

use jiff::Timestamp;
use rolecall_roll::{AccessKeyId, AccountId};
use serde::{Serialize, Serializer};

use crate::advice::Advice;
use crate::evidence::Evidence;
use crate::remedy::Remediation;
use crate::rules::{Rule, Severity};
use crate::score::Score;

/// A violation of a rule by one access key, user or root user.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The same in every run: account id, rule id, and the key's or the user's id, joined by `/`.
    pub id: String,
    /// The violated rule; serialized as its id.
    #[serde(serialize_with = "serialize_id")]
    pub rule: &'static Rule,
    /// The rule's title.
    pub title: &'static str,
    /// The severity under the settings.
    pub severity: Severity,
    /// The account, user and key.
    #[serde(flatten)]
    pub subject: Subject,
    /// The user's unique id (`AIDA…`); `None` for the root user.
    pub user_id: Option<String>,
    /// What is wrong, as a clause without a full stop.
    pub message: String,
    /// The facts that prove it.
    pub evidence: Vec<Evidence>,
    /// When the access key was created: of two keys with the same score, the older is the more urgent.
    #[serde(skip)]
    pub key_created: Option<Timestamp>,
    /// How to fix it, step by step, with AWS CLI commands.
    pub remedy: Remediation,
    /// How urgent it is, with the reasons.
    pub score: Score,
    /// What to do with the user, or the root user, as a whole.
    pub advice: Option<Advice>,
    /// Who is responsible for it; `None` where no source names an owner.
    pub owner: Option<Owner>,
    /// The exception that it falls under, expired or not; `None` where no exception matches.
    pub exception: Option<Suppression>,
    /// Whether an exception for users with a tag may match it: the user's tags are unknown.
    pub can_be_suppressed: bool,
}

fn serialize_id<S: Serializer>(rule: &Rule, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(rule.id)
}

impl Finding {
    /// Orders the most urgent first: by score, then by the age of the key, then by id, so that every run has the same order.
    #[must_use]
    pub(crate) fn by_urgency(&self, other: &Self) -> Ordering {
        self.urgency().cmp(&other.urgency()).then_with(|| self.id.cmp(&other.id))
    }

    /// The score and the time when the key was created, so that the most urgent is the least. Findings without a key come
    /// after those with one.
    #[must_use]
    pub(crate) fn urgency(&self) -> (Reverse<u32>, i64) {
        // Microseconds: nanoseconds of all times that a roll can have do not fit, and AWS counts seconds.
        (Reverse(self.score.points), self.key_created.map_or(i64::MAX, Timestamp::as_microsecond))
    }

    /// Whether no exception suppresses it. An expired exception suppresses nothing.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.exception.as_ref().is_none_or(|exception| exception.is_expired)
    }
}

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Subject {
    /// The account's id of 12 digits.
    pub account_id: AccountId,
    /// The account's name in AWS Organizations; `None` where it is unknown.
    pub account_name: Option<String>,
    /// The path of the account's organizational unit, such as `Workloads/Prod`; `None` where it is unknown.
    pub organizational_unit: Option<String>,
    /// The user's name; `None` for the root user.
    pub user_name: Option<String>,
    /// The ARN of the user or of the root user.
    pub user_arn: String,
    /// The access key's id; `None` for a finding about a user as a whole.
    pub access_key_id: Option<AccessKeyId>,
}

impl Subject {
    /// The account's id, and its name where it is known: `111111111111 prod`.
    #[must_use]
    pub fn account_label(&self) -> String {
        account_label(&self.account_id, self.account_name.as_deref())
    }
}

/// An account's id, and its name where it is known: `111111111111 prod`.
#[must_use]
pub fn account_label(account_id: &AccountId, name: Option<&str>) -> String {
    format!("{account_id} {}", name.unwrap_or_default()).trim_end().to_owned()
}

/// Who is responsible for a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Owner {
    /// The name or e-mail address.
    pub name: String,
    /// The source that names the owner: `user_tag:Owner`.
    pub from: String,
    /// Whether a tag of the user would take precedence and is unknown.
    pub is_uncertain: bool,
}

/// An exception that a finding falls under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suppression {
    /// Who is responsible for the exception.
    pub owner: String,
    /// Why the finding is accepted.
    pub reason: String,
    /// The last day on which it is active, in UTC.
    pub until: jiff::civil::Date,
    /// Whether that day is past, so that the finding is open again.
    pub is_expired: bool,
}
