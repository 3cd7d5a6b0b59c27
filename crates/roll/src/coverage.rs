//! What a roll covers: how many accounts were read whole, and of the others how many for which reason. Every output
//! carries it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use crate::account::{AccountRecord, Outcome};
use crate::denial::{Denial, Effect, PolicyType};
use crate::fact_kind::FactKind;
use crate::gap::{ErrorKind, Gap, Stage};
use crate::header::{AcceptedGap, Header};
use crate::ids::AccountId;

/// What a roll covers.
#[derive(Debug, Clone, Serialize)]
pub struct Coverage {
    /// Whether nothing is missing but what somebody answers for.
    pub is_complete: bool,
    /// Accounts that AWS Organizations lists; `None` where it was not asked.
    pub listed: Option<usize>,
    /// Accounts that were to be in the roll.
    pub accounts: usize,
    /// Accounts that were read whole.
    pub complete: usize,
    /// Users that were read.
    pub users: usize,
    /// Access keys that were read; `None` where nobody asked for them.
    pub access_keys: Option<usize>,
    /// Users that the summaries of all accounts with users count; `None` where one of them is not known.
    pub control_total: Option<u64>,
    /// Accounts that were read in part.
    pub partial: usize,
    /// What is missing of them, and why; of one account it may be several things.
    pub partial_reasons: BTreeMap<String, Missing>,
    /// Accounts that refused, by reason.
    pub denied: BTreeMap<String, usize>,
    /// Accounts of which nothing was read otherwise, by reason.
    pub failed: BTreeMap<String, usize>,
    /// Accounts that were not asked, by reason.
    pub skipped: BTreeMap<String, usize>,
    /// Gaps that somebody answers for.
    pub accepted_gaps: Vec<AcceptedGap>,
    /// Gaps that somebody answered for, until a day that is over.
    pub expired_accepted_gaps: Vec<AcceptedGap>,
    /// Gaps that somebody answers for, of accounts that were read whole or are not in the roll.
    pub unused_accepted_gaps: Vec<AcceptedGap>,
    /// What narrows the roll besides its accounts.
    pub narrowed_by: Vec<String>,
    /// Accounts that an earlier run read, with which this one went on.
    pub resumed: Option<ResumedFrom>,
}

/// Accounts that an earlier run read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ResumedFrom {
    /// How many.
    pub accounts: usize,
    /// The moment of the earliest.
    pub as_of: Timestamp,
}

/// Finds out what a roll covers, account by account.
#[derive(Debug)]
pub struct CoverageBuilder {
    coverage: Coverage,
    as_of: Timestamp,
    management_account_id: Option<AccountId>,
    answered_for: Vec<(AcceptedGap, bool)>,
    /// Who was to be asked and has no line yet.
    waiting: BTreeSet<AccountId>,
}

/// What is missing of accounts that were read in part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// Accounts.
    pub accounts: usize,
    /// Users of whom it is missing.
    pub users: usize,
    /// Access keys of which it is missing.
    pub access_keys: usize,
}

impl Coverage {
    /// What these accounts cover of what was asked for.
    #[must_use]
    pub fn from_accounts<'a>(header: &Header, accounts: impl IntoIterator<Item = &'a AccountRecord>) -> Self {
        let mut covering = CoverageBuilder::new(header);
        accounts.into_iter().for_each(|account| covering.add(account));
        covering.finish()
    }

    /// Counts an account, its users and its keys.
    fn count(&mut self, account: &AccountRecord) {
        let (users, access_keys) = account.count();
        self.accounts += 1;
        self.users += users;
        self.access_keys = self.access_keys.map(|sum| sum + access_keys);
    }

    /// Adds what is missing of an account that was read in part.
    fn add_partial(&mut self, account: &AccountRecord) {
        self.partial += 1;
        let kinds = account.gaps().iter().map(|gap| (gap.stage, gap.error_kind));
        for (stage, class) in kinds.collect::<BTreeSet<_>>() {
            let (users, access_keys) = account.unknown_counts(stage);
            let reason = format!("{} unknown: {class}", stage.label());
            let missing = self.partial_reasons.entry(reason).or_default();
            missing.accounts += 1;
            missing.users += users;
            missing.access_keys += access_keys;
        }
    }

    /// Adds an account of which nothing was read, by what its first gap says.
    fn add_failed(&mut self, account: &AccountRecord, is_management: bool) {
        let (reasons, reason) = match account.gaps().first() {
            Some(gap) if gap.error_kind == ErrorKind::Denied => {
                (&mut self.denied, denial_reason(gap, is_management))
            }
            Some(gap) => (&mut self.failed, failure_reason(gap)),
            None => (&mut self.failed, String::new()),
        };
        *reasons.entry(reason).or_default() += 1;
    }
}

impl CoverageBuilder {
    /// That of no account yet.
    #[must_use]
    pub fn new(header: &Header) -> Self {
        let organization = header.organization.as_ref();
        let answered_for =
            header.accepted_gaps.iter().map(|gap| (gap.clone(), gap.is_active(header.as_of))).collect();
        let coverage = Coverage {
            is_complete: true,
            listed: organization.map(|it| it.accounts),
            accounts: 0,
            complete: 0,
            users: 0,
            access_keys: header.reads(FactKind::AccessKeys).then_some(0),
            control_total: Some(0),
            partial: 0,
            partial_reasons: BTreeMap::new(),
            denied: BTreeMap::new(),
            failed: BTreeMap::new(),
            skipped: BTreeMap::new(),
            accepted_gaps: Vec::new(),
            expired_accepted_gaps: Vec::new(),
            unused_accepted_gaps: Vec::new(),
            narrowed_by: header.collect.limits(),
            resumed: None,
        };
        Self {
            coverage,
            as_of: header.as_of,
            management_account_id: organization.map(|it| it.management_account_id.clone()),
            answered_for,
            waiting: header.targets.iter().map(|target| target.account_id.clone()).collect(),
        }
    }

    /// Adds an account.
    pub fn add(&mut self, account: &AccountRecord) {
        self.waiting.remove(account.account_id());
        self.coverage.count(account);
        if matches!(account.outcome(), Outcome::Complete | Outcome::Partial) {
            self.add_read(account);
        }
        match account.outcome() {
            Outcome::Complete => self.coverage.complete += 1,
            Outcome::Skipped => {
                let reason = account.why_skipped().unwrap_or_default().to_owned();
                *self.coverage.skipped.entry(reason).or_default() += 1;
            }
            Outcome::Partial | Outcome::Failed if self.is_accepted(account.account_id()) => {}
            Outcome::Partial => {
                self.coverage.is_complete = false;
                self.coverage.add_partial(account);
            }
            Outcome::Failed => {
                self.coverage.is_complete = false;
                let is_management = self.management_account_id.as_ref() == Some(account.account_id());
                self.coverage.add_failed(account, is_management);
            }
        }
    }

    /// Adds what the account itself says of its users, and whether an earlier run read it.
    fn add_read(&mut self, account: &AccountRecord) {
        let coverage = &mut self.coverage;
        let summary = account.facts().summary.known();
        coverage.control_total =
            coverage.control_total.zip(summary).map(|(sum, summary)| sum + summary.users);
        if let Some(as_of) = account.as_of().filter(|as_of| *as_of < self.as_of) {
            let earlier = coverage.resumed.get_or_insert(ResumedFrom { accounts: 0, as_of });
            earlier.accounts += 1;
            earlier.as_of = earlier.as_of.min(as_of);
        }
    }

    /// Whether somebody answers for the gaps of an account, today still; takes note of who does or did.
    fn is_accepted(&mut self, account_id: &AccountId) -> bool {
        match self.answered_for.iter().find(|(gap, _)| &gap.account_id == account_id) {
            Some((gap, true)) => {
                self.coverage.accepted_gaps.push(gap.clone());
                true
            }
            Some((gap, false)) => {
                self.coverage.expired_accepted_gaps.push(gap.clone());
                false
            }
            None => false,
        }
    }

    /// What the accounts cover. Those that were to be asked and have no line are missing for that reason: of a run that
    /// was killed nothing says that they have no users.
    #[must_use]
    pub fn finish(self) -> Coverage {
        let Self { mut coverage, waiting, answered_for, .. } = self;
        let met = |gap: &AcceptedGap| {
            coverage.accepted_gaps.contains(gap) || coverage.expired_accepted_gaps.contains(gap)
        };
        // One that is not read yet may have the gap still.
        let in_vain = answered_for.into_iter().map(|(gap, _)| gap);
        let in_vain = in_vain.filter(|gap| !met(gap) && !waiting.contains(&gap.account_id)).collect();
        coverage.unused_accepted_gaps = in_vain;
        if !waiting.is_empty() {
            coverage.is_complete = false;
            coverage.accounts += waiting.len();
            coverage.failed.insert("the run ended before they were read".to_owned(), waiting.len());
        }
        coverage
    }
}

/// Who refused, as far as AWS says.
fn denial_reason(gap: &Gap, is_management: bool) -> String {
    let denial = Denial::parse(&gap.message);
    let operation = gap.operation.as_deref().unwrap_or("the call");
    // A session with tags needs more than the operation's own action.
    let is_other = |action: &&str| !action.ends_with(&format!(":{operation}"));
    let operation = denial.action.filter(is_other).unwrap_or(operation);
    match denial.reason {
        Some((policy @ (PolicyType::ServiceControl | PolicyType::ResourceControl), Effect::ExplicitDeny)) => {
            let id = denial.policy_arn.and_then(|arn| arn.rsplit('/').next());
            let id = id.filter(|id| id.starts_with("p-")).map_or(String::new(), |id| format!(" {id}"));
            format!("{}{id} (named by AWS)", policy.name())
        }
        Some((policy, Effect::NotAllowed)) => format!("no {} allows {operation}", policy.name()),
        Some((policy, Effect::ExplicitDeny)) => {
            format!("{operation} refused by an explicit deny in the {}", policy.name())
        }
        None if gap.stage == Stage::Session && is_management => {
            "management account, in which no StackSet makes a role: AWS gave no cause".to_owned()
        }
        None => format!("{operation} refused, AWS gave no cause"),
    }
}

/// What happened with an account that did not refuse.
fn failure_reason(gap: &Gap) -> String {
    let operation = gap.operation.as_deref().map_or(String::new(), |operation| format!("{operation}: "));
    let code = gap.code.as_deref().map_or(String::new(), |code| format!(" ({code})"));
    format!("{operation}{}{code}", gap.error_kind)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{CoverageBuilder, Missing};
    use crate::account::AccountRecord;
    use crate::fact::Fact;
    use crate::fact_kind::FactKind;
    use crate::gap::{ErrorKind, Gap, Stage};
    use crate::header::{AcceptedGap, Header, Organization, Target};
    use crate::ids::{RoleArn, RunId};
    use crate::remedy::Remedy;
    use crate::user::User;

    fn role_arn(number: u32) -> RoleArn {
        format!("arn:aws:iam::{number:012}:role/R").parse().unwrap()
    }

    fn gap(step: impl Into<Stage>, class: ErrorKind, message: &str) -> Gap {
        let step = step.into();
        Gap {
            stage: step,
            operation: Some(if step == Stage::Session { "AssumeRole" } else { "ListUsers" }.to_owned()),
            user_name: None,
            error_kind: class,
            code: None,
            message: message.to_owned(),
            request_id: None,
            remedy: Remedy::Retry,
        }
    }

    #[test]
    fn every_account_is_counted_once_with_its_reason_and_accepted_gaps_until_their_day() {
        let mut header =
            Header::new(RunId::random(), "2026-11-24T09:12:00Z".parse::<Timestamp>().unwrap(), None, vec![]);
        let management_account_id = "000000000009".parse().unwrap();
        header.organization = Some(Organization {
            id: "o-a".to_owned(),
            management_account_id,
            accounts: 12,
            root_credentials_managed: Fact::NotRequested,
        });
        let accepted = |number: u32, until: &str| AcceptedGap {
            account_id: format!("{number:012}").parse().unwrap(),
            owner: "j.ruiz".to_owned(),
            reason: "legal hold".to_owned(),
            until: until.parse().unwrap(),
        };
        header.targets = [1, 11, 12].map(|number| role_arn(number).into()).to_vec();
        header.accepted_gaps = [(7, 24), (8, 23), (1, 24), (11, 24)]
            .map(|(number, day)| accepted(number, &format!("2026-11-{day}")))
            .to_vec();
        let mut covering = CoverageBuilder::new(&header);
        let denied = |number, step: Stage, message: &str| {
            AccountRecord::failed(role_arn(number), gap(step, ErrorKind::Denied, message))
        };
        let scp = "is not authorized … with an explicit deny in a service control policy: \
                   arn:aws:organizations::1:policy/o-a/service_control_policy/p-2kgnabcd";
        covering.add(&AccountRecord::read(role_arn(1), vec![], vec![], vec![]));
        assert!(covering.coverage.is_complete);
        let target = Target { account_id: "000000000002".parse().unwrap(), role_arn: None };
        covering.add(&AccountRecord::skipped(target, "suspended"));
        assert!(covering.coverage.is_complete, "nobody can read what is suspended");
        covering.add(&denied(7, Stage::Session, "no"));
        assert!(covering.coverage.is_complete, "somebody answers for it, today still");
        covering.add(&denied(3, Stage::Session, "not authorized to perform: sts:AssumeRole on resource: x"));
        covering.add(&denied(4, FactKind::Users.into(), scp));
        covering.add(&denied(9, Stage::Session, "not authorized"));
        covering.add(&denied(
            5,
            FactKind::Users.into(),
            "x because no identity-based policy allows the iam:ListUsers action",
        ));
        covering.add(&denied(8, Stage::Session, "no"));
        let partial = vec![gap(FactKind::AccessKeys, ErrorKind::Throttled, "slow")];
        let user = User::new("u".into(), "AIDA".into(), "arn".into(), "/".into(), header.as_of);
        covering.add(&AccountRecord::read(role_arn(6), vec![user], partial, vec![]));
        covering.add(&AccountRecord::failed(role_arn(10), gap(Stage::Session, ErrorKind::TimedOut, "late")));

        let coverage = covering.finish();
        assert!(!coverage.is_complete);
        let denied: Vec<_> =
            coverage.denied.iter().map(|(reason, number)| (reason.as_str(), *number)).collect();
        assert_eq!(
            denied,
            [
                ("AssumeRole refused, AWS gave no cause", 2),
                ("management account, in which no StackSet makes a role: AWS gave no cause", 1),
                ("no identity-based policy allows ListUsers", 1),
                ("service control policy p-2kgnabcd (named by AWS)", 1),
            ]
        );
        let missing = Missing { accounts: 1, users: 1, access_keys: 0 };
        assert_eq!(coverage.partial_reasons, [("access keys unknown: throttled".to_owned(), missing)].into());
        assert_eq!(
            coverage.failed.iter().map(|(reason, number)| (reason.as_str(), *number)).collect::<Vec<_>>(),
            [("AssumeRole: timed out", 1), ("the run ended before they were read", 2)],
            "whoever was to be asked and has no line is missing"
        );
        assert_eq!((coverage.accepted_gaps.len(), coverage.expired_accepted_gaps.len()), (1, 1));
        let in_vain: Vec<_> =
            coverage.unused_accepted_gaps.iter().map(|gap| gap.account_id.as_str()).collect();
        assert_eq!(in_vain, ["000000000001"], "it was read whole; of one that was not read nobody knows");
        let all = [&coverage.denied, &coverage.failed, &coverage.skipped];
        let counted: usize =
            all.iter().flat_map(|reasons| reasons.values()).sum::<usize>() + missing.accounts;
        assert_eq!(coverage.complete + coverage.accepted_gaps.len() + counted, coverage.accounts);
    }
}
