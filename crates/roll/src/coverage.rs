//! The coverage of a roll: how many accounts are complete, and the reasons for all others, with counts. Every output
//! includes it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use crate::account::{AccountRecord, Outcome};
use crate::denial::{Denial, Effect, PolicyType};
use crate::fact_kind::FactKind;
use crate::gap::{ErrorKind, Gap, Stage};
use crate::header::{AcceptedGap, Header};
use crate::ids::AccountId;

/// How much of the requested accounts, users and keys a roll has.
///
/// Each account is counted once: in `complete`, `partial`, `denied`, `failed`, `skipped` or `accepted_gaps`.
#[derive(Debug, Clone, Serialize)]
pub struct Coverage {
    /// Whether there is no gap, except accepted gaps that have not expired.
    pub is_complete: bool,
    /// The number of accounts that AWS Organizations lists; `None` where the run did not read an organization.
    pub listed: Option<usize>,
    /// The number of accounts of the roll, including targets that the run did not reach.
    pub accounts: usize,
    /// Accounts with the outcome `Complete`.
    pub complete: usize,
    /// Accounts whose users were read, completely or in part; also those with an accepted gap.
    pub read: usize,
    /// Users in the roll; `None` where no account was read: then their number is unknown, not 0.
    pub users: Option<usize>,
    /// Whether `users` is only a lower bound: an account was not read, or its users could not all be listed.
    pub users_at_least: bool,
    /// Access keys in the roll; `None` where they were not requested, or no account was read.
    pub access_keys: Option<usize>,
    /// Whether `access_keys` is only a lower bound: users or their keys could not be read.
    pub access_keys_at_least: bool,
    /// The sum of the user counts in `GetAccountSummary`, over all accounts with users in the roll; `None` where one of
    /// these counts is unknown.
    pub control_total: Option<u64>,
    /// Accounts with the outcome `Partial`, without an accepted gap.
    pub partial: usize,
    /// What is missing in the partial accounts, by fact and reason. One account may have several entries.
    pub partial_reasons: BTreeMap<String, Missing>,
    /// The number of accounts that denied access, by reason.
    pub denied: BTreeMap<String, usize>,
    /// The number of accounts in which nothing was read for another reason, by reason.
    pub failed: BTreeMap<String, usize>,
    /// The number of skipped accounts, by reason.
    pub skipped: BTreeMap<String, usize>,
    /// Accepted gaps that apply to an account of this roll and have not expired.
    pub accepted_gaps: Vec<AcceptedGap>,
    /// Accepted gaps that apply to an account of this roll and have expired; the account counts as a gap again.
    pub expired_accepted_gaps: Vec<AcceptedGap>,
    /// Accepted gaps that apply to no gap: the account is complete, or not in the roll.
    pub unused_accepted_gaps: Vec<AcceptedGap>,
    /// Facts of the organization that were requested and are unknown, each with the reason.
    pub organization_gaps: Vec<String>,
    /// What limits the accounts, users and keys of the roll, as noun phrases such as `user alice`; empty where nothing does.
    pub narrowed_by: Vec<String>,
    /// Accounts that a previous run read; `None` where this run read all of them.
    pub resumed: Option<ResumedFrom>,
}

/// The accounts of a roll that a previous run read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ResumedFrom {
    /// The number of accounts.
    pub accounts: usize,
    /// The `as_of` of the account that was read first.
    pub as_of: Timestamp,
}

/// Calculates the coverage of a roll from its accounts, added one by one.
#[derive(Debug)]
pub struct CoverageBuilder {
    coverage: Coverage,
    as_of: Timestamp,
    management_account_id: Option<AccountId>,
    /// The accepted gaps of the header, each with whether it is active at `as_of`.
    accepted_gaps: Vec<(AcceptedGap, bool)>,
    /// Targets that have no line yet.
    pending: BTreeSet<AccountId>,
}

/// How much is missing, for one fact and reason, in accounts that were read in part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// The number of accounts that have such a gap.
    pub accounts: usize,
    /// The number of users whose fact is unknown; 0 for facts about keys or accounts.
    pub users: usize,
    /// The number of access keys whose fact is unknown; 0 for facts about users or accounts.
    pub access_keys: usize,
}

impl Coverage {
    /// Calculates the coverage of these accounts against the targets and facts of the header.
    #[must_use]
    pub fn from_accounts<'a>(header: &Header, accounts: impl IntoIterator<Item = &'a AccountRecord>) -> Self {
        let mut builder = CoverageBuilder::new(header);
        accounts.into_iter().for_each(|account| builder.add(account));
        builder.finish()
    }

    /// Counts an account, its users and its keys.
    fn count(&mut self, account: &AccountRecord) {
        self.accounts += 1;
        let Some(users) = account.users() else {
            self.users_at_least = true;
            return;
        };
        self.read += 1;
        self.users = Some(self.users.unwrap_or_default() + users.len());
        self.access_keys = self.access_keys.map(|sum| sum + account.count().1);
        self.users_at_least |= account.gaps().iter().any(|gap| gap.stage == FactKind::Users.into());
        self.access_keys_at_least |= users.iter().any(|user| user.access_keys.is_none());
    }

    /// Adds the gaps of an account that was read in part.
    fn add_partial(&mut self, account: &AccountRecord) {
        self.partial += 1;
        let gaps = account.gaps().iter().map(|gap| (gap.stage, gap.error_kind));
        for (stage, error_kind) in gaps.collect::<BTreeSet<_>>() {
            let (users, access_keys) = account.unknown_counts(stage);
            let reason = format!("{} unknown: {error_kind}", stage.label());
            let missing = self.partial_reasons.entry(reason).or_default();
            missing.accounts += 1;
            missing.users += users;
            missing.access_keys += access_keys;
        }
    }

    /// Adds an account in which nothing was read, by the reason of its first gap.
    fn add_failed(&mut self, account: &AccountRecord, is_management: bool) {
        let (reasons, reason) = match account.gaps().first() {
            Some(gap) if account.is_denied() => (&mut self.denied, denial_reason(gap, is_management)),
            Some(gap) => (&mut self.failed, failure_reason(gap)),
            None => (&mut self.failed, String::new()),
        };
        *reasons.entry(reason).or_default() += 1;
    }
}

impl CoverageBuilder {
    /// Creates a builder without accounts.
    #[must_use]
    pub fn new(header: &Header) -> Self {
        let organization = header.organization.as_ref();
        let managed = organization.and_then(|it| it.root_credentials_managed.unknown());
        let organization_gaps: Vec<String> = managed
            .map(|reason| format!("{} unknown: {reason}", FactKind::RootCredentials.label()))
            .into_iter()
            .collect();
        let accepted_gaps =
            header.accepted_gaps.iter().map(|gap| (gap.clone(), gap.is_active(header.as_of))).collect();
        let coverage = Coverage {
            is_complete: organization_gaps.is_empty(),
            listed: organization.map(|it| it.accounts),
            accounts: 0,
            complete: 0,
            read: 0,
            users: None,
            users_at_least: false,
            access_keys: header.reads(FactKind::AccessKeys).then_some(0),
            access_keys_at_least: false,
            control_total: Some(0),
            partial: 0,
            partial_reasons: BTreeMap::new(),
            denied: BTreeMap::new(),
            failed: BTreeMap::new(),
            skipped: BTreeMap::new(),
            accepted_gaps: Vec::new(),
            expired_accepted_gaps: Vec::new(),
            unused_accepted_gaps: Vec::new(),
            organization_gaps,
            narrowed_by: header.limits(),
            resumed: None,
        };
        Self {
            coverage,
            as_of: header.as_of,
            management_account_id: organization.map(|it| it.management_account_id.clone()),
            accepted_gaps,
            pending: header.targets.iter().map(|target| target.account_id.clone()).collect(),
        }
    }

    /// Adds an account; each account must be added only once, in any order.
    pub fn add(&mut self, account: &AccountRecord) {
        self.pending.remove(account.account_id());
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

    /// Adds the account's own count of its users, and whether a previous run read the account.
    fn add_read(&mut self, account: &AccountRecord) {
        let coverage = &mut self.coverage;
        let summary = account.facts().summary.known();
        coverage.control_total =
            coverage.control_total.zip(summary).map(|(sum, summary)| sum + summary.users);
        if let Some(as_of) = account.as_of().filter(|as_of| *as_of < self.as_of) {
            let resumed = coverage.resumed.get_or_insert(ResumedFrom { accounts: 0, as_of });
            resumed.accounts += 1;
            resumed.as_of = resumed.as_of.min(as_of);
        }
    }

    /// Whether an accepted gap that has not expired applies to the account. Records the accepted gap as used or expired.
    fn is_accepted(&mut self, account_id: &AccountId) -> bool {
        match self.accepted_gaps.iter().find(|(gap, _)| &gap.account_id == account_id) {
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

    /// The coverage of the accounts so far. Targets without a line count as failed: the run was interrupted before it
    /// read them, so they may have users.
    #[must_use]
    pub fn finish(self) -> Coverage {
        let Self { mut coverage, pending, accepted_gaps, .. } = self;
        // Accounts are added in any order.
        for gaps in [&mut coverage.accepted_gaps, &mut coverage.expired_accepted_gaps] {
            gaps.sort_by(|a, b| a.account_id.cmp(&b.account_id));
        }
        let is_used = |gap: &AcceptedGap| {
            coverage.accepted_gaps.contains(gap) || coverage.expired_accepted_gaps.contains(gap)
        };
        // An account that was not read yet may still have the gap.
        let unused = accepted_gaps.into_iter().map(|(gap, _)| gap);
        let unused = unused.filter(|gap| !is_used(gap) && !pending.contains(&gap.account_id)).collect();
        coverage.unused_accepted_gaps = unused;
        if !pending.is_empty() {
            coverage.is_complete = false;
            coverage.accounts += pending.len();
            coverage.failed.insert("the run ended before they were read".to_owned(), pending.len());
            coverage.users_at_least = true;
        }
        if coverage.read == 0 {
            coverage.access_keys = None;
        }
        coverage.access_keys_at_least =
            coverage.access_keys.is_some() && (coverage.access_keys_at_least || coverage.users_at_least);
        coverage.users_at_least &= coverage.read > 0;
        coverage
    }
}

/// Why access was denied, as far as AWS's message says.
fn denial_reason(gap: &Gap, is_management: bool) -> String {
    let denial = Denial::parse(&gap.message);
    let operation = gap.operation.as_deref().unwrap_or("the call");
    // `AssumeRole` with session tags also needs `sts:TagSession`: then the denied action is not the operation's own.
    let is_other = |action: &&str| !action.ends_with(&format!(":{operation}"));
    let operation = denial.action.filter(is_other).unwrap_or(operation);
    match denial.reason {
        Some((policy @ (PolicyType::ServiceControl | PolicyType::ResourceControl), Effect::ExplicitDeny)) => {
            let id = denial.policy_arn.and_then(|arn| arn.rsplit('/').next());
            let id = id.filter(|id| id.starts_with("p-")).map_or(String::new(), |id| format!(" {id}"));
            format!("{operation} denied by {}{id} (named by AWS)", policy.name())
        }
        Some((policy, Effect::NotAllowed)) => format!("no {} allows {operation}", policy.name()),
        Some((policy, Effect::ExplicitDeny)) => {
            format!("{operation} denied by an explicit deny in the {}", policy.name())
        }
        None if gap.stage == Stage::Session && is_management => {
            "access denied in the management account (StackSets create no role in it), AWS gave no reason"
                .to_owned()
        }
        None => format!("{operation}: access denied, AWS gave no reason"),
    }
}

/// Why nothing was read in an account, for reasons other than access denied.
fn failure_reason(gap: &Gap) -> String {
    // The message begins with what stopped the account: its timeout, the run's time limit or a signal.
    if let (None, ErrorKind::TimedOut | ErrorKind::Interrupted) = (&gap.operation, gap.error_kind) {
        let (cause, rest) = gap.message.split_once(": ").unwrap_or((&gap.message, ""));
        return if rest.is_empty() {
            cause.to_owned()
        } else {
            format!("{cause} while the account was read")
        };
    }
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

    fn gap(stage: impl Into<Stage>, error_kind: ErrorKind, message: &str) -> Gap {
        let stage = stage.into();
        Gap {
            stage,
            operation: Some(if stage == Stage::Session { "AssumeRole" } else { "ListUsers" }.to_owned()),
            user_name: None,
            error_kind,
            code: None,
            message: message.to_owned(),
            request_id: None,
            remedy: Remedy::Retry,
        }
    }

    #[test]
    fn a_fact_of_the_organization_that_is_unknown_makes_the_roll_incomplete() {
        let organization = |managed| Organization {
            id: "o-rolecall00".to_owned(),
            management_account_id: "999999999999".parse().unwrap(),
            accounts: 1,
            root_credentials_managed: managed,
        };
        let coverage = |managed| {
            let run_id: RunId = "8a6f0c1e-52d1-4b7e-9f0e-6a2b3c4d5e6f".parse().unwrap();
            let header = Header::new(run_id, Timestamp::UNIX_EPOCH, None, Vec::new());
            let header = Header { organization: Some(organization(managed)), ..header };
            let complete = AccountRecord::read(role_arn(1), Vec::new(), Vec::new(), Vec::new());
            super::Coverage::from_accounts(&header, [&complete])
        };
        let denied = coverage(Fact::Unknown { unknown: "access denied".to_owned() });
        assert!(!denied.is_complete);
        assert_eq!(denied.organization_gaps, ["management of root credentials unknown: access denied"]);
        for managed in [Fact::live(true), Fact::NotRequested] {
            assert!(coverage(managed).is_complete);
        }
    }

    #[test]
    fn every_account_is_counted_once_with_its_reason_and_accepted_gaps_until_they_expire() {
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
        let mut builder = CoverageBuilder::new(&header);
        let denied = |number, stage: Stage, message: &str| {
            AccountRecord::failed(role_arn(number), gap(stage, ErrorKind::Denied, message))
        };
        let scp = "is not authorized … with an explicit deny in a service control policy: \
                   arn:aws:organizations::1:policy/o-a/service_control_policy/p-2kgnabcd";
        builder.add(&AccountRecord::read(role_arn(1), vec![], vec![], vec![]));
        assert!(builder.coverage.is_complete);
        let target = Target { account_id: "000000000002".parse().unwrap(), role_arn: None };
        builder.add(&AccountRecord::skipped(target, "suspended"));
        assert!(builder.coverage.is_complete, "a suspended account cannot be read");
        builder.add(&denied(7, Stage::Session, "no"));
        assert!(builder.coverage.is_complete, "the gap is accepted, and has not expired");
        builder.add(&denied(3, Stage::Session, "not authorized to perform: sts:AssumeRole on resource: x"));
        builder.add(&denied(4, FactKind::Users.into(), scp));
        builder.add(&denied(9, Stage::Session, "not authorized"));
        builder.add(&denied(
            5,
            FactKind::Users.into(),
            "x because no identity-based policy allows the iam:ListUsers action",
        ));
        builder.add(&denied(8, Stage::Session, "no"));
        let partial = vec![gap(FactKind::AccessKeys, ErrorKind::Throttled, "slow")];
        let user = User::new("u".into(), "AIDA".into(), "arn".into(), "/".into(), header.as_of);
        builder.add(&AccountRecord::read(role_arn(6), vec![user], partial, vec![]));
        builder.add(&AccountRecord::failed(role_arn(10), gap(Stage::Session, ErrorKind::TimedOut, "late")));

        let coverage = builder.finish();
        assert!(!coverage.is_complete);
        let denied: Vec<_> =
            coverage.denied.iter().map(|(reason, number)| (reason.as_str(), *number)).collect();
        assert_eq!(
            denied,
            [
                ("AssumeRole: access denied, AWS gave no reason", 2),
                ("ListUsers denied by service control policy p-2kgnabcd (named by AWS)", 1),
                (
                    "access denied in the management account (StackSets create no role in it), AWS gave no reason",
                    1
                ),
                ("no identity-based policy allows ListUsers", 1),
            ]
        );
        let missing = Missing { accounts: 1, users: 1, access_keys: 0 };
        assert_eq!(coverage.partial_reasons, [("access keys unknown: throttled".to_owned(), missing)].into());
        assert_eq!(
            coverage.failed.iter().map(|(reason, number)| (reason.as_str(), *number)).collect::<Vec<_>>(),
            [("AssumeRole: timed out", 1), ("the run ended before they were read", 2)],
            "a target without a line is a gap"
        );
        assert_eq!((coverage.accepted_gaps.len(), coverage.expired_accepted_gaps.len()), (1, 1));
        let unused: Vec<_> =
            coverage.unused_accepted_gaps.iter().map(|gap| gap.account_id.as_str()).collect();
        assert_eq!(unused, ["000000000001"], "it is complete; an account that was not read may have the gap");
        let all = [&coverage.denied, &coverage.failed, &coverage.skipped];
        let counted: usize =
            all.iter().flat_map(|reasons| reasons.values()).sum::<usize>() + missing.accounts;
        assert_eq!(coverage.complete + coverage.accepted_gaps.len() + counted, coverage.accounts);
    }
}
