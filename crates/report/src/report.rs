//! The report of a whole roll: the findings, the coverage, and what could not be evaluated.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;

use rolecall_roll::{AccountId, AccountRecord, Coverage, CoverageBuilder, Gap, Header, RollFile};
use serde::Serialize;

use crate::assess::{Assessment, Assessor};
use crate::count::Count;
use crate::distribution::{DistributionBuilder, Distributions};
use crate::filter::AppliedFilter;
use crate::finding::Finding;
use crate::finding_store::{FindingStore, FindingStoreBuilder};
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
    fn group_name(self, finding: &Finding) -> String {
        let subject = &finding.subject;
        match self {
            Self::Owner => {
                finding.owner.as_ref().map_or_else(|| "no owner".to_owned(), |owner| owner.name.clone())
            }
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
    /// The open findings, the most urgent first; empty where they are stored: [`Report::open_findings`] has both.
    #[serde(skip)]
    pub findings: Vec<Finding>,
    /// The findings that an exception suppresses, the most urgent first; empty where they are stored.
    #[serde(skip)]
    pub suppressed: Vec<Finding>,
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
            gap: gap.clone(),
        })
    }
}

/// How many findings a report keeps. With a limit, memory does not grow with the size of the organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingLimit {
    /// All findings.
    All,
    /// All findings, in a temporary file, so that memory does not grow with them. [`Report::open_findings`] and
    /// [`Report::suppressed_findings`] read them.
    Stored,
    /// This number of the most urgent open findings, and of the suppressed ones.
    MostUrgent(usize),
}

impl Report {
    /// Evaluates the rules over the accounts of a roll.
    ///
    /// With [`FindingLimit::Stored`], `accounts` must be sorted by id.
    ///
    /// # Errors
    /// The first error that `accounts` returns, or that of the temporary file.
    pub fn from_roll(
        header: &Header,
        accounts: impl Iterator<Item = io::Result<AccountRecord>>,
        settings: &Settings,
        limit: FindingLimit,
    ) -> io::Result<Self> {
        let mut coverage = CoverageBuilder::new(header);
        let mut assessor = Assessor::new(header, settings);
        let mut open: BTreeMap<Severity, usize> =
            Severity::ALL.into_iter().map(|severity| (severity, 0)).collect();
        let (mut suppressed_count, mut not_read) = (0, Vec::new());
        let mut distributions = DistributionBuilder::default();
        let mut assessed = 0;
        let (mut findings, mut suppressed) = (Vec::new(), Vec::new());
        let mut store = (limit == FindingLimit::Stored).then(FindingStoreBuilder::new).transpose()?;
        for account in accounts {
            let account = account?;
            assessed += 1;
            coverage.add(&account);
            distributions.add(header, &account);
            if matches!(limit, FindingLimit::All | FindingLimit::Stored) {
                not_read.extend(UnreadItem::from_account(&account));
            }
            let found = assessor.assess_account(&account);
            for finding in &found {
                if finding.is_open() {
                    *open.entry(finding.severity).or_default() += 1;
                } else {
                    suppressed_count += 1;
                }
            }
            if let Some(store) = &mut store {
                store.add_account(found)?;
            } else {
                let (open, closed): (Vec<Finding>, Vec<Finding>) =
                    found.into_iter().partition(Finding::is_open);
                findings.extend(open);
                suppressed.extend(closed);
            }
            if let FindingLimit::MostUrgent(number) = limit {
                // Not after each account: sorting that often costs more time than some extra findings cost memory.
                for list in [&mut findings, &mut suppressed] {
                    if list.len() > 2 * number + 1000 {
                        sort_and_limit(list, limit);
                    }
                }
            }
        }
        sort_and_limit(&mut findings, limit);
        sort_and_limit(&mut suppressed, limit);
        let (coverage, benchmark) = (coverage.finish(), settings.benchmark);
        let assessment = assessor.finish(assessed, &coverage);
        let open: BTreeMap<Severity, Count> = open
            .into_iter()
            .map(|(severity, number)| (severity, assessment.open_of(severity, number)))
            .collect();
        let open_at_least = open.iter().filter(|(_, count)| matches!(count, Count::AtLeast(_)));
        Ok(Self {
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
            stored: store.map(FindingStoreBuilder::finish).transpose()?,
            assessment,
        })
    }

    /// Evaluates the rules over the accounts of a roll file.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn from_file(roll: &RollFile, settings: &Settings, limit: FindingLimit) -> io::Result<Self> {
        Self::from_roll(&roll.header, roll.accounts(), settings, limit)
    }

    /// The open findings, the most urgent first, wherever they are kept.
    pub fn open_findings(&self) -> impl Iterator<Item = io::Result<Cow<'_, Finding>>> + '_ {
        ranked(&self.findings, self.stored.as_ref().map(|store| store.findings(true)))
    }

    /// The findings that an exception suppresses, the most urgent first, wherever they are kept.
    pub fn suppressed_findings(&self) -> impl Iterator<Item = io::Result<Cow<'_, Finding>>> + '_ {
        ranked(&self.suppressed, self.stored.as_ref().map(|store| store.findings(false)))
    }

    /// The number of findings that [`Report::open_findings`] has: with a filter, less than all.
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
    pub fn groups(&self, grouping: Option<Grouping>) -> Vec<(Option<String>, Vec<&Finding>)> {
        self.most_urgent_groups(grouping, usize::MAX)
    }

    /// At most `limit` of the open findings in groups, the most urgent first; without a grouping all together.
    #[must_use]
    pub fn most_urgent_groups(
        &self,
        grouping: Option<Grouping>,
        limit: usize,
    ) -> Vec<(Option<String>, Vec<&Finding>)> {
        let findings = self.findings.iter().take(limit);
        let Some(grouping) = grouping else {
            return vec![(None, findings.collect())];
        };
        let mut groups: Vec<(Option<String>, Vec<&Finding>)> = Vec::new();
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

fn ranked<'a>(
    kept: &'a [Finding],
    stored: Option<impl Iterator<Item = io::Result<Finding>> + 'a>,
) -> impl Iterator<Item = io::Result<Cow<'a, Finding>>> + 'a {
    let stored = stored.into_iter().flatten().map(|finding| finding.map(Cow::Owned));
    kept.iter().map(|finding| Ok(Cow::Borrowed(finding))).chain(stored)
}

fn sort_and_limit(findings: &mut Vec<Finding>, limit: FindingLimit) {
    findings.sort_by(Finding::by_urgency);
    if let FindingLimit::MostUrgent(number) = limit {
        findings.truncate(number);
    }
}
