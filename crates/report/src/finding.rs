//! Findings: what is wrong with one access key, user or root user, with the evidence and the remediation.

use std::borrow::Cow;
use std::cmp::{Ordering, Reverse};

use jiff::Timestamp;
use rolecall_roll::{AccessKeyId, AccountId};
use serde::{Serialize, Serializer};

use crate::advice::Advice;
use crate::evidence::Evidence;
use crate::remedy::Remediation;
use crate::rules::{Rule, Severity};
use crate::score::Score;

/// A text that is borrowed where possible, from the roll or from where findings are stored: a large roll has millions of them.
pub(crate) type Text<'a> = Cow<'a, str>;

/// A text of its own.
pub(crate) fn owned(text: Text<'_>) -> Text<'static> {
    text.into_owned().into()
}

/// A violation of a rule by one access key, user or root user.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding<'a> {
    /// The same in every run: account id, rule id, and the key's or the user's id, joined by `/`.
    pub id: Text<'a>,
    /// The violated rule; serialized as its id.
    #[serde(serialize_with = "serialize_id")]
    pub rule: &'static Rule,
    /// The rule's title.
    pub title: &'static str,
    /// The severity under the settings.
    pub severity: Severity,
    /// The account, user and key.
    #[serde(flatten)]
    pub subject: Subject<'a>,
    /// The user's unique id (`AIDA…`); `None` for the root user.
    pub user_id: Option<Text<'a>>,
    /// What is wrong, as a clause without a full stop.
    pub message: Text<'a>,
    /// The facts that prove it.
    pub evidence: Vec<Evidence<'a>>,
    /// When the access key was created: of two keys with the same score, the older is the more urgent.
    #[serde(skip)]
    pub key_created: Option<Timestamp>,
    /// How to fix it, step by step, with AWS CLI commands.
    pub remedy: Remediation<'a>,
    /// How urgent it is, with the reasons.
    pub score: Score<'a>,
    /// What to do with the user, or the root user, as a whole.
    pub advice: Option<Advice<'a>>,
    /// Who is responsible for it; `None` where no source names an owner.
    pub owner: Option<Owner<'a>>,
    /// The exception that it falls under, expired or not; `None` where no exception matches.
    pub exception: Option<Suppression<'a>>,
    /// Whether an exception for users with a tag may match it: the user's tags are unknown.
    pub can_be_suppressed: bool,
}

fn serialize_id<S: Serializer>(rule: &Rule, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(rule.id)
}

impl Finding<'_> {
    /// The finding with texts of its own.
    #[must_use]
    pub fn into_owned(self) -> Finding<'static> {
        Finding {
            id: owned(self.id),
            subject: self.subject.into_owned(),
            user_id: self.user_id.map(owned),
            message: owned(self.message),
            evidence: self.evidence.into_iter().map(Evidence::into_owned).collect(),
            remedy: self.remedy.into_owned(),
            score: self.score.into_owned(),
            advice: self.advice.map(Advice::into_owned),
            owner: self.owner.map(Owner::into_owned),
            exception: self.exception.map(Suppression::into_owned),
            rule: self.rule,
            title: self.title,
            severity: self.severity,
            key_created: self.key_created,
            can_be_suppressed: self.can_be_suppressed,
        }
    }

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

/// What a finding has beside its subject and its message. What no output shows need not be made, stored and read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FindingDetails {
    /// The facts that prove it.
    pub evidence: bool,
    /// What its score is made of.
    pub score_components: bool,
    /// The steps that fix it.
    pub remedy: bool,
}

impl FindingDetails {
    /// All of them.
    pub const ALL: Self = Self { evidence: true, score_components: true, remedy: true };

    /// Those that one of the two has.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            evidence: self.evidence || other.evidence,
            score_components: self.score_components || other.score_components,
            remedy: self.remedy || other.remedy,
        }
    }
}

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Subject<'a> {
    /// The account's id of 12 digits.
    pub account_id: AccountId,
    /// The account's name in AWS Organizations; `None` where it is unknown.
    pub account_name: Option<Text<'a>>,
    /// The path of the account's organizational unit, such as `Workloads/Prod`; `None` where it is unknown.
    pub organizational_unit: Option<Text<'a>>,
    /// The user's name; `None` for the root user.
    pub user_name: Option<Text<'a>>,
    /// The ARN of the user or of the root user.
    pub user_arn: Text<'a>,
    /// The access key's id; `None` for a finding about a user as a whole.
    pub access_key_id: Option<AccessKeyId>,
}

impl Subject<'_> {
    fn into_owned(self) -> Subject<'static> {
        Subject {
            account_id: self.account_id,
            account_name: self.account_name.map(owned),
            organizational_unit: self.organizational_unit.map(owned),
            user_name: self.user_name.map(owned),
            user_arn: owned(self.user_arn),
            access_key_id: self.access_key_id,
        }
    }

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
pub struct Owner<'a> {
    /// The name or e-mail address.
    pub name: Text<'a>,
    /// The source that names the owner: `user_tag:Owner`.
    pub from: Text<'a>,
    /// Whether a tag of the user would take precedence and is unknown.
    pub is_uncertain: bool,
}

impl Owner<'_> {
    fn into_owned(self) -> Owner<'static> {
        Owner { name: owned(self.name), from: owned(self.from), is_uncertain: self.is_uncertain }
    }
}

/// An exception that a finding falls under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suppression<'a> {
    /// Who is responsible for the exception.
    pub owner: Text<'a>,
    /// Why the finding is accepted.
    pub reason: Text<'a>,
    /// The last day on which it is active, in UTC.
    pub until: jiff::civil::Date,
    /// Whether that day is past, so that the finding is open again.
    pub is_expired: bool,
}

impl Suppression<'_> {
    fn into_owned(self) -> Suppression<'static> {
        let Self { owner, reason, until, is_expired } = self;
        Suppression { owner: owned(owner), reason: owned(reason), until, is_expired }
    }
}
