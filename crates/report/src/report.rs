//! The report of a whole roll: the findings, the coverage, and what could not be evaluated.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, PoisonError};

use rolecall_roll::diagnosis::{SAME_EXTERNAL_ID, doctor_command};
use rolecall_roll::parallel::{lock, map_in_order};
use rolecall_roll::{
    AccountId, AccountRecord, Coverage, CoverageBuilder, Gap, Header, NeutralTerms, RoleArn, RollFile,
};
use serde::Serialize;

use crate::assess::{Assessment, Assessor};
use crate::count::Count;
use crate::distribution::{DistributionBuilder, Distributions};
use crate::filter::AppliedFilter;
use crate::finding::{Finding, FindingDetails};
use crate::finding_store::{EncodedFindings, FindingStore, FindingStoreBuilder, Place};
use crate::rules::{Benchmark, Severity};
use crate::settings::Settings;

/// What findings are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    /// The owner of the finding.
    Owner,
    /// The account of the finding.
    Account,
    /// The rule that is violated.
    Rule,
}

impl Grouping {
    fn group_name(self, finding: &Finding<'_>) -> String {
        let subject = &finding.subject;
        match self {
            Self::Owner => finding.owner.as_ref().map_or("no owner", |owner| &*owner.name).to_owned(),
            Self::Account => subject.account_label(),
            Self::Rule => finding.title.to_owned(),
        }
    }
}

/// The report of a roll. Serialized, it is only what comes before the findings: [`crate::render::json`] has the rest.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What the roll covers. Not serialized: the document of the roll has it already.
    #[serde(skip)]
    pub coverage: Coverage,
    /// The benchmark whose rules were evaluated; `None` where all rules were.
    pub benchmark: Option<Benchmark>,
    /// The number of open findings by severity; `null` in JSON where no rule of the severity was evaluated.
    pub open: BTreeMap<Severity, Count>,
    /// The severities for which `open` is only a lower bound.
    pub open_at_least: Vec<Severity>,
    /// The number of suppressed findings, also where not all are kept.
    pub suppressed_count: usize,
    /// The distributions of active keys by age and by last use; `None` where no access keys were read.
    pub distributions: Option<Distributions>,
    /// The gaps of all accounts; empty where only the most urgent findings are kept.
    #[serde(skip)]
    pub not_read: Vec<UnreadItem>,
    /// Which findings the two lists below show, where a filter was applied; the numbers are those of all findings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<AppliedFilter>,
    /// The open findings, the most urgent first; empty where they are stored: [`Report::for_each_finding`] has both.
    #[serde(skip)]
    pub findings: Vec<Finding<'static>>,
    /// The findings that an exception suppresses, the most urgent first; empty where they are stored.
    #[serde(skip)]
    pub suppressed: Vec<Finding<'static>>,
    /// The findings of [`FindingLimit::Stored`].
    #[serde(skip)]
    stored: Option<FindingStore>,
    /// The result of each rule, what could not be evaluated, and the exceptions.
    #[serde(skip)]
    pub assessment: Assessment,
}

/// A gap of an account: something that could not be read.
#[derive(Debug, Clone)]
pub struct UnreadItem {
    /// The account's id of 12 digits.
    pub account_id: AccountId,
    /// The account's name in AWS Organizations; `None` where it is unknown.
    pub account_name: Option<String>,
    /// The path of the account's organizational unit; `None` where it is unknown.
    pub organizational_unit: Option<String>,
    /// The role by which the account was to be read; `None` where it was read with the caller's credentials.
    pub role_arn: Option<RoleArn>,
    /// What could not be read, and why.
    pub gap: Gap,
}

impl UnreadItem {
    fn from_account(account: &AccountRecord) -> impl Iterator<Item = Self> + '_ {
        let details = account.account();
        account.gaps().iter().map(move |gap| Self {
            account_id: account.account_id().clone(),
            account_name: details.and_then(|it| it.name.clone()),
            organizational_unit: details.and_then(|it| it.organizational_unit.clone()),
            role_arn: account.role_arn().cloned(),
            gap: gap.clone(),
        })
    }

    /// What to do: the diagnosis in one line, the remedy, and the command that finds out more, as the scan of the roll.
    #[must_use]
    pub fn advice(&self, header: &Header) -> String {
        let diagnosis = self.gap.diagnosis();
        let denied_user: Vec<&str> = self.gap.user_name.as_deref().into_iter().collect();
        let command = diagnosis.as_ref().and(self.role_arn.as_ref()).map(|role_arn| {
            let name = header.session_name.as_ref();
            doctor_command(role_arn, &header.collect, &header.session, name, &denied_user)
        });
        let external_id = command.is_some() && header.session.has_external_id;
        let parts = [
            diagnosis.map(|it| it.to_string()),
            Some(self.gap.remedy.to_text(&NeutralTerms)),
            command,
            external_id.then(|| SAME_EXTERNAL_ID.to_owned()),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

/// A list of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingList {
    /// Those that no exception suppresses.
    Open,
    /// Those that an exception suppresses.
    Suppressed,
}

/// Findings, read from where they are kept.
pub type FindingIterator<'a> = Box<dyn Iterator<Item = io::Result<Cow<'a, Finding<'a>>>> + 'a>;

/// The number of findings that are rendered at a time. All of them are in memory, on each core.
const CHUNK: usize = 256;

/// Some findings that follow each other.
enum Chunk<'a> {
    Kept(&'a [Finding<'static>]),
    Stored(&'a [Place]),
}

/// How many findings a report keeps. With a limit, memory does not grow with the size of the organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingLimit {
    /// All findings.
    All,
    /// All findings, in a temporary file, so that memory does not grow with them. [`Report::map_findings`] and
    /// [`Report::for_each_finding`] read them.
    Stored,
    /// This number of the most urgent open findings, and of the suppressed ones.
    MostUrgent(usize),
}

impl Report {
    /// Evaluates the rules over the accounts of a roll.
    ///
    /// # Errors
    /// The first error that `accounts` returns, or that of the temporary file.
    pub fn from_roll(
        header: &Header,
        accounts: impl Iterator<Item = io::Result<AccountRecord>>,
        settings: &Settings,
        limit: FindingLimit,
    ) -> io::Result<Self> {
        let builder = ReportBuilder::new(header, settings, limit)?;
        for account in accounts {
            builder.add(&account?);
        }
        builder.finish()
    }

    /// Evaluates the rules over the accounts of a roll file, on all cores.
    ///
    /// # Errors
    /// Where the file cannot be read, or the temporary file cannot be written.
    pub fn from_file(roll: &RollFile, settings: &Settings, limit: FindingLimit) -> io::Result<Self> {
        let builder = ReportBuilder::new(&roll.header, settings, limit)?;
        roll.for_each_account(|account| builder.add(account))?;
        builder.finish()
    }

    /// Calls `take` with at most `limit` findings of a list, the most urgent first, wherever they are kept.
    ///
    /// # Errors
    /// The first error of `take`, which also gets those of reading the findings.
    pub fn for_each_finding<E>(
        &self,
        list: FindingList,
        limit: usize,
        mut take: impl FnMut(io::Result<Cow<'_, Finding<'_>>>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut bytes = Vec::new();
        self.chunks(list, limit).try_for_each(|chunk| match self.read(chunk, &mut bytes) {
            Ok(mut findings) => findings.try_for_each(&mut take),
            Err(error) => take(Err(error)),
        })
    }

    /// Calls `work` with at most `limit` findings of a list, the most urgent first, some at a time on all cores, and `take` with each
    /// result, in the order of the findings.
    ///
    /// # Errors
    /// The first error of `take`, which also gets those of `work`.
    pub fn map_findings<T: Send, E>(
        &self,
        list: FindingList,
        limit: usize,
        work: impl Fn(&mut FindingIterator<'_>) -> io::Result<T> + Sync,
        take: impl FnMut(io::Result<T>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.map_chunks(self.chunks(list, limit), work, take)
    }

    /// As [`Report::map_findings`], for results that do not depend on the order: the findings come in the order in which they are
    /// stored, which is faster.
    ///
    /// # Errors
    /// Those of [`Report::map_findings`].
    pub fn map_findings_unordered<T: Send, E>(
        &self,
        list: FindingList,
        limit: usize,
        work: impl Fn(&mut FindingIterator<'_>) -> io::Result<T> + Sync,
        take: impl FnMut(io::Result<T>) -> Result<(), E>,
    ) -> Result<(), E> {
        let stored = FindingStore::in_file_order(self.stored(list, limit));
        let stored = stored.chunks(CHUNK).map(Chunk::Stored);
        self.map_chunks(self.kept(list, limit).chain(stored), work, take)
    }

    fn map_chunks<'a, T: Send, E>(
        &self,
        chunks: impl Iterator<Item = Chunk<'a>>,
        work: impl Fn(&mut FindingIterator<'_>) -> io::Result<T> + Sync,
        take: impl FnMut(io::Result<T>) -> Result<(), E>,
    ) -> Result<(), E> {
        let work = |chunk| {
            let mut bytes = Vec::new();
            work(&mut self.read(chunk, &mut bytes)?)
        };
        map_in_order(chunks, work, take)
    }

    /// The findings of a list, in parts that are rendered at a time. They are either kept in memory or stored.
    fn chunks(&self, list: FindingList, limit: usize) -> impl Iterator<Item = Chunk<'_>> {
        self.kept(list, limit).chain(self.stored(list, limit).chunks(CHUNK).map(Chunk::Stored))
    }

    fn kept(&self, list: FindingList, limit: usize) -> impl Iterator<Item = Chunk<'_>> {
        let kept = match list {
            FindingList::Open => &self.findings,
            FindingList::Suppressed => &self.suppressed,
        };
        kept.get(..limit).unwrap_or(kept).chunks(CHUNK).map(Chunk::Kept)
    }

    fn stored(&self, list: FindingList, limit: usize) -> &[Place] {
        let stored = self.stored.as_ref().map_or(&[][..], |store| store.places(list));
        stored.get(..limit).unwrap_or(stored)
    }

    /// The findings of a chunk, which may borrow their texts from `bytes`.
    fn read<'a>(&self, chunk: Chunk<'a>, bytes: &'a mut Vec<u8>) -> io::Result<FindingIterator<'a>> {
        Ok(match (chunk, &self.stored) {
            (Chunk::Stored(places), Some(store)) => {
                Box::new(store.read(places, bytes)?.map(|finding| finding.map(Cow::Owned)))
            }
            (Chunk::Stored(_), None) => Box::new(std::iter::empty()),
            (Chunk::Kept(findings), _) => Box::new(findings.iter().map(|finding| Ok(Cow::Borrowed(finding)))),
        })
    }

    /// The number of open findings that the outputs show: with a filter, less than all.
    #[must_use]
    pub fn shown_count(&self) -> usize {
        self.stored.as_ref().map_or(self.findings.len(), FindingStore::open_count)
    }

    /// The number of open findings, also where not all are kept.
    #[must_use]
    pub fn open_count(&self) -> usize {
        self.open.values().map(|count| count.number()).sum()
    }

    /// The number of open findings, with what is known about it.
    #[must_use]
    pub fn open_total(&self) -> Count {
        Count::combined(self.open_count(), self.assessment.rules.iter().map(|result| result.open))
    }

    /// How many rules were evaluated for everything that was read.
    #[must_use]
    pub fn evaluated_rules(&self) -> usize {
        let rules = self.assessment.rules.iter();
        rules.filter(|result| result.is_evaluated() && !result.lacks_facts()).count()
    }

    /// How many of the evaluated rules have a result that is unknown, in an account that was read.
    #[must_use]
    pub(crate) fn rules_evaluated_in_part(&self) -> usize {
        let rules = self.assessment.rules.iter();
        rules.filter(|result| result.is_evaluated() && !result.lacks_facts() && result.unknown > 0).count()
    }

    /// The open findings in groups, the most urgent first, with the name of each group. Without a grouping, one group
    /// without a name.
    #[must_use]
    pub fn groups(&self, grouping: Option<Grouping>) -> Vec<(Option<String>, Vec<&Finding<'static>>)> {
        self.most_urgent_groups(grouping, usize::MAX)
    }

    /// At most `limit` of the open findings in groups, the most urgent first; without a grouping all together.
    #[must_use]
    pub fn most_urgent_groups(
        &self,
        grouping: Option<Grouping>,
        limit: usize,
    ) -> Vec<(Option<String>, Vec<&Finding<'static>>)> {
        let findings = self.findings.iter().take(limit);
        let Some(grouping) = grouping else {
            return vec![(None, findings.collect())];
        };
        let mut groups: Vec<(Option<String>, Vec<&Finding<'static>>)> = Vec::new();
        let mut indexes: BTreeMap<String, usize> = BTreeMap::new();
        for finding in findings {
            let name = grouping.group_name(finding);
            let next = groups.len();
            let index = *indexes.entry(name.clone()).or_insert(next);
            match groups.get_mut(index) {
                Some((_, findings)) => findings.push(finding),
                None => groups.push((Some(name), vec![finding])),
            }
        }
        groups
    }

    /// Whether there is an open finding of this severity or a worse one.
    #[must_use]
    pub fn has_open_at_least(&self, severity: Severity) -> bool {
        self.open.range(severity..).any(|(_, count)| count.number() > 0)
    }
}

/// Evaluates the rules over the accounts of a roll, which may come in any order and from several threads.
#[derive(Debug)]
pub struct ReportBuilder<'a> {
    header: &'a Header,
    settings: &'a Settings,
    limit: FindingLimit,
    /// Without results: each account is evaluated with a copy of it.
    assessor: Assessor<'a>,
    totals: Mutex<Totals<'a>>,
}

/// The sums over the accounts so far, and their findings.
#[derive(Debug)]
struct Totals<'a> {
    coverage: CoverageBuilder,
    assessor: Assessor<'a>,
    assessed: usize,
    distributions: DistributionBuilder,
    open: BTreeMap<Severity, usize>,
    suppressed_count: usize,
    not_read: Vec<UnreadItem>,
    findings: Vec<Finding<'static>>,
    suppressed: Vec<Finding<'static>>,
    store: Option<FindingStoreBuilder>,
    /// The first error of the temporary file.
    error: Option<io::Error>,
}

impl<'a> ReportBuilder<'a> {
    /// Begins the report of the roll with this header.
    ///
    /// # Errors
    /// Where no temporary file can be created.
    pub fn new(header: &'a Header, settings: &'a Settings, limit: FindingLimit) -> io::Result<Self> {
        let assessor = Assessor::new(header, settings);
        let totals = Totals {
            coverage: CoverageBuilder::new(header),
            assessor: assessor.clone(),
            assessed: 0,
            distributions: DistributionBuilder::default(),
            open: Severity::ALL.into_iter().map(|severity| (severity, 0)).collect(),
            suppressed_count: 0,
            not_read: Vec::new(),
            findings: Vec::new(),
            suppressed: Vec::new(),
            store: (limit == FindingLimit::Stored).then(FindingStoreBuilder::new).transpose()?,
            error: None,
        };
        Ok(Self { header, settings, limit, assessor, totals: Mutex::new(totals) })
    }

    /// Makes findings with these details only; otherwise they have all.
    #[must_use]
    pub fn with_details(mut self, details: FindingDetails) -> Self {
        self.assessor.details = details;
        self
    }

    /// Evaluates an account and adds its findings. Each account must be added only once.
    pub fn add(&self, account: &AccountRecord) {
        let mut assessor = self.assessor.clone();
        let findings = assessor.assess_account(account);
        let mut distributions = DistributionBuilder::default();
        distributions.add(self.header, account);
        if self.limit == FindingLimit::Stored {
            let encoded = EncodedFindings::new(account.account_id(), &findings);
            let mut totals = lock(&self.totals);
            totals.count(account, &findings, assessor, distributions);
            totals.not_read.extend(UnreadItem::from_account(account));
            let stored = totals.store.as_mut().map_or(Ok(()), |store| store.add(encoded));
            if let Err(error) = stored {
                totals.error.get_or_insert(error);
            }
        } else {
            let findings: Vec<_> = findings.into_iter().map(Finding::into_owned).collect();
            let mut totals = lock(&self.totals);
            totals.count(account, &findings, assessor, distributions);
            totals.keep(account, findings, self.limit);
        }
    }

    /// The report of the accounts that were added.
    ///
    /// # Errors
    /// That of the temporary file.
    pub fn finish(self) -> io::Result<Report> {
        let Self { settings, limit, totals, .. } = self;
        let totals = totals.into_inner().unwrap_or_else(PoisonError::into_inner);
        let Totals { coverage, assessor, assessed, distributions, open, suppressed_count, .. } = totals;
        let Totals { mut not_read, mut findings, mut suppressed, store, error, .. } = totals;
        if let Some(error) = error {
            return Err(error);
        }
        not_read.sort_by(|a, b| a.account_id.cmp(&b.account_id));
        sort_and_limit(&mut findings, limit);
        sort_and_limit(&mut suppressed, limit);
        let (coverage, benchmark) = (coverage.finish(), settings.benchmark);
        let assessment = assessor.finish(assessed, &coverage);
        let open: BTreeMap<Severity, Count> = open
            .into_iter()
            .map(|(severity, number)| (severity, assessment.open_of(severity, number)))
            .collect();
        let open_at_least = open.iter().filter(|(_, count)| matches!(count, Count::AtLeast(_)));
        Ok(Report {
            open_at_least: open_at_least.map(|(severity, _)| *severity).collect(),
            distributions: coverage.access_keys.map(|_| distributions.finish()),
            coverage,
            benchmark,
            open,
            suppressed_count,
            not_read,
            filter: None,
            findings,
            suppressed,
            stored: store.map(FindingStoreBuilder::finish),
            assessment,
        })
    }
}

impl<'a> Totals<'a> {
    /// Adds what was counted in an account.
    fn count(
        &mut self,
        account: &AccountRecord,
        findings: &[Finding<'_>],
        assessor: Assessor<'a>,
        distributions: DistributionBuilder,
    ) {
        self.coverage.add(account);
        self.assessor.add_results(assessor);
        self.assessed += 1;
        self.distributions.add_all(distributions);
        for finding in findings {
            if finding.is_open() {
                *self.open.entry(finding.severity).or_default() += 1;
            } else {
                self.suppressed_count += 1;
            }
        }
    }

    /// Keeps the findings of an account in memory.
    fn keep(&mut self, account: &AccountRecord, findings: Vec<Finding<'static>>, limit: FindingLimit) {
        let (open, closed): (Vec<_>, Vec<_>) = findings.into_iter().partition(Finding::is_open);
        self.findings.extend(open);
        self.suppressed.extend(closed);
        match limit {
            FindingLimit::All | FindingLimit::Stored => {
                self.not_read.extend(UnreadItem::from_account(account));
            }
            FindingLimit::MostUrgent(number) => {
                // Not after each account: sorting that often costs more time than some extra findings cost memory.
                for list in [&mut self.findings, &mut self.suppressed] {
                    if list.len() > 2 * number + 1000 {
                        sort_and_limit(list, limit);
                    }
                }
            }
        }
    }
}

fn sort_and_limit(findings: &mut Vec<Finding<'static>>, limit: FindingLimit) {
    findings.sort_by(Finding::by_urgency);
    if let FindingLimit::MostUrgent(number) = limit {
        findings.truncate(number);
    }
}
