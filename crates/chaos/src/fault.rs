//! Faults, and seeded plans of them.
//!
//! A plan has no lie that cannot be detected in principle: one that every other answer agrees with. `docs/reliability.md` has
//! the list of these; [`Plan::generate`] leaves them out.

use fastrand::Rng;
use rolecall_roll::FactKind;

use crate::answers::Request;
use crate::world::World;

/// Something that goes wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    // Between Rolecall and AWS.
    Throttle,
    ServerError,
    WebPage,
    ResetAtOnce,
    ResetInHead,
    ResetInBody,
    CutBody,
    WrongLength,
    EmptyBody,
    Malformed,
    Gzip,
    SlowDrip,
    Slow,
    Hang,
    Chunked,
    ChunkedAndCut,
    // Errors of AWS.
    Denied,
    DeniedWithSecrets,
    DeniedWithEncodedSecrets,
    ErrorWithStatus200,
    ExpiredToken,
    LimitExceeded,
    NotFoundOnce,
    NotFound,
    ReportLate,
    // Lies.
    NoResult,
    NoList,
    NoField,
    InvalidDate,
    RepeatedPage,
    RepeatedItem,
    MarkerAtEnd,
    NoMarker,
    OtherUser,
    OtherOwner,
    OtherAccount,
    OtherSession,
    NoSession,
    UserOmitted,
    DetailOmitted,
    CountWrong,
    LastUseWithoutDate,
    InvalidCell,
    RowMissing,
    RowTwice,
    ColumnMissing,
    EmptyDocument,
    AccountOmitted,
    AccountUnplaced,
}

/// The operations of IAM that take the name of a user.
const OF_USER: [&str; 4] = ["ListAccessKeys", "ListMFADevices", "GetLoginProfile", "GetAccessKeyLastUsed"];
/// The lists of IAM that have pages.
const PAGED: [&str; 4] = ["ListUsers", "ListAccessKeys", "ListMFADevices", "GetAccountAuthorizationDetails"];
/// The lists of AWS Organizations.
const TREE: [&str; 3] = ["ListRoots", "ListAccountsForParent", "ListOrganizationalUnitsForParent"];
/// All operations that a scan calls.
pub(crate) const OPERATIONS: [&str; 20] = [
    "GetCallerIdentity",
    "AssumeRole",
    "ListUsers",
    "GetUser",
    "ListAccessKeys",
    "GetAccessKeyLastUsed",
    "GetLoginProfile",
    "ListMFADevices",
    "GetAccountAuthorizationDetails",
    "GetAccountSummary",
    "ListAccountAliases",
    "GetCredentialReport",
    "GenerateCredentialReport",
    "ListOrganizationsFeatures",
    "DescribeOrganization",
    "ListAccounts",
    "ListRoots",
    "ListAccountsForParent",
    "ListOrganizationalUnitsForParent",
    "ListTagsForResource",
];

use Fault::{
    AccountOmitted, AccountUnplaced, Chunked, ChunkedAndCut, ColumnMissing, CountWrong, CutBody, Denied,
    DeniedWithEncodedSecrets, DeniedWithSecrets, DetailOmitted, EmptyBody, EmptyDocument, ErrorWithStatus200,
    ExpiredToken, Gzip, Hang, InvalidCell, InvalidDate, LastUseWithoutDate, LimitExceeded, Malformed,
    MarkerAtEnd, NoField, NoList, NoMarker, NoResult, NoSession, NotFound, NotFoundOnce, OtherAccount,
    OtherOwner, OtherSession, OtherUser, RepeatedItem, RepeatedPage, ReportLate, ResetAtOnce, ResetInBody,
    ResetInHead, RowMissing, RowTwice, ServerError, Slow, SlowDrip, Throttle, UserOmitted, WebPage,
    WrongLength,
};

/// Each fault, with the operations that it is about.
const FAULTS: [(Fault, &[&str]); 49] = [
    (Throttle, &OPERATIONS),
    (ServerError, &OPERATIONS),
    (WebPage, &OPERATIONS),
    (ResetAtOnce, &OPERATIONS),
    (ResetInHead, &OPERATIONS),
    (ResetInBody, &OPERATIONS),
    (CutBody, &OPERATIONS),
    (WrongLength, &OPERATIONS),
    (EmptyBody, &OPERATIONS),
    (Malformed, &OPERATIONS),
    (Gzip, &OPERATIONS),
    (SlowDrip, &OPERATIONS),
    (Slow, &OPERATIONS),
    (Hang, &OPERATIONS),
    (Chunked, &OPERATIONS),
    (ChunkedAndCut, &OPERATIONS),
    (Denied, &OPERATIONS),
    (DeniedWithSecrets, &OPERATIONS),
    (DeniedWithEncodedSecrets, &OPERATIONS),
    (ErrorWithStatus200, &OPERATIONS),
    (ExpiredToken, &OPERATIONS),
    (LimitExceeded, &OPERATIONS),
    (NotFoundOnce, &OF_USER),
    (NotFound, &OF_USER),
    (ReportLate, &["GetCredentialReport"]),
    (NoResult, &OPERATIONS),
    (NoList, &OPERATIONS),
    (NoField, &OPERATIONS),
    (
        InvalidDate,
        &["ListUsers", "ListAccessKeys", "ListMFADevices", "GetLoginProfile", "GetAccessKeyLastUsed"],
    ),
    (RepeatedPage, &PAGED),
    (RepeatedItem, &PAGED),
    (MarkerAtEnd, &PAGED),
    (NoMarker, &PAGED),
    (OtherUser, &["ListAccessKeys", "ListMFADevices", "GetLoginProfile", "GetUser"]),
    (OtherOwner, &["GetAccessKeyLastUsed"]),
    (OtherAccount, &["ListUsers", "GetUser", "GetAccountAuthorizationDetails"]),
    (OtherSession, &["AssumeRole"]),
    (NoSession, &["AssumeRole"]),
    (UserOmitted, &["ListUsers"]),
    (DetailOmitted, &["GetAccountAuthorizationDetails"]),
    (CountWrong, &["GetAccountSummary"]),
    (LastUseWithoutDate, &["GetAccessKeyLastUsed"]),
    (InvalidCell, &["GetCredentialReport"]),
    (RowMissing, &["GetCredentialReport"]),
    (RowTwice, &["GetCredentialReport"]),
    (ColumnMissing, &["GetCredentialReport"]),
    (
        EmptyDocument,
        &[
            "ListAccounts",
            "ListRoots",
            "ListAccountsForParent",
            "ListOrganizationalUnitsForParent",
            "DescribeOrganization",
            "ListTagsForResource",
        ],
    ),
    (AccountOmitted, &["ListAccounts"]),
    (AccountUnplaced, &["ListAccountsForParent"]),
];

/// Where and when a fault happens.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) fault: Fault,
    /// `None` for all operations.
    operation: Option<&'static str>,
    /// `None` for all accounts.
    account_id: Option<String>,
    /// The first calls that it spares.
    skip: u32,
    /// The calls that it is about after those.
    times: u32,
    /// Of these calls, the part in percent.
    percent: u8,
    /// The calls that it was about so far.
    calls: u32,
}

/// The faults of a run.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) rules: Vec<Rule>,
    /// Picks what a fault is about, such as the row that is missing.
    pub(crate) rng: Rng,
}

impl Plan {
    /// A plan for a world that is read with these facts.
    pub(crate) fn generate(rng: &mut Rng, world: &World, facts: &[FactKind]) -> Self {
        // One run in sixteen has no fault: then everything must be Complete.
        let count = if rng.u8(..16) == 0 { 0 } else { rng.usize(1..5) };
        let mut rules: Vec<Rule> = (0..count).map(|_| Rule::generate(rng, world)).collect();
        if count > 0 && rng.u8(..10) == 0 {
            let fault = *rng.choice(&[Throttle, ServerError, ResetInBody, CutBody]).expect("a fault");
            let percent = rng.u8(5..60);
            rules.push(Rule {
                fault,
                operation: None,
                account_id: None,
                skip: 0,
                times: u32::MAX,
                percent,
                calls: 0,
            });
        }
        leave_out_undetectable(&mut rules, facts);
        Self { rules, rng: rng.fork() }
    }

    pub(crate) fn none(seed: u64) -> Self {
        Self { rules: Vec::new(), rng: Rng::with_seed(seed) }
    }

    /// The faults of this request.
    pub(crate) fn faults(&mut self, request: &Request) -> Vec<Fault> {
        let Self { rules, rng } = self;
        let due = rules.iter_mut().filter_map(|rule| rule.is_due(request, rng).then_some(rule.fault));
        due.collect()
    }
}

/// Removes lies that no other answer contradicts.
fn leave_out_undetectable(rules: &mut Vec<Rule>, facts: &[FactKind]) {
    let has = |rules: &[Rule], fault| rules.iter().any(|rule| rule.fault == fault);
    // Only the number of users contradicts a list that lacks one.
    if !facts.contains(&FactKind::ControlTotal) || has(rules, CountWrong) {
        rules.retain(|rule| rule.fault != UserOmitted);
    }
    // Only the tree contradicts a list that lacks an account, and the list a tree.
    if has(rules, AccountOmitted) {
        let may_hide_tree = |rule: &Rule| {
            matches!(rule.fault, Denied | DeniedWithSecrets | DeniedWithEncodedSecrets)
                && rule.operation.is_none_or(|operation| TREE.contains(&operation))
        };
        rules.retain(|rule| rule.fault != AccountUnplaced && !may_hide_tree(rule));
    }
}

impl Rule {
    fn generate(rng: &mut Rng, world: &World) -> Self {
        let (fault, operations) = loop {
            let (fault, operations) = *rng.choice(&FAULTS).expect("a fault");
            let is_possible = |operation: &&str| {
                world.organization.is_some() || OPERATIONS.iter().position(|it| it == operation) < Some(14)
            };
            let operations: Vec<&str> = operations.iter().copied().filter(is_possible).collect();
            if !operations.is_empty() {
                break (fault, operations);
            }
        };
        let ids: Vec<&String> = world.accounts.keys().collect();
        let account_id = rng.bool().then(|| rng.choice(ids).expect("an account").clone());
        let times = match fault {
            NotFoundOnce => 1,
            _ => *rng.choice(&[1, 2, 3, 10, u32::MAX, u32::MAX]).expect("a number"),
        };
        let skip = *rng.choice(&[0, 0, 0, 1, 2, 5]).expect("a number");
        Self { fault, operation: rng.choice(operations), account_id, skip, times, percent: 100, calls: 0 }
    }

    fn is_due(&mut self, request: &Request, rng: &mut Rng) -> bool {
        let is_of_account =
            self.account_id.as_ref().is_none_or(|id| *id == request.account_id || request.is_json);
        if self.operation.is_some_and(|operation| operation != request.operation) || !is_of_account {
            return false;
        }
        self.calls += 1;
        let is_due = self.calls > self.skip && self.calls - self.skip <= self.times;
        is_due && (self.percent == 100 || rng.u8(..100) < self.percent)
    }
}
