//! The findings of a whole roll, with what it covers and what could not be judged.

use std::collections::BTreeMap;
use std::io;

use rolecall_roll::{AccountId, AccountRecord, Coverage, CoverageBuilder, Gap, Header, RollFile};
use serde::Serialize;

use crate::assess::{Assessment, Assessor};
use crate::distribution::Distributions;
use crate::filter::AppliedFilter;
use crate::finding::Finding;
use crate::rules::{Benchmark, Severity};
use crate::settings::Settings;

/// What findings are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    /// Who is to act.
    Owner,
    /// The account.
    Account,
    /// The rule.
    Rule,
}

impl Grouping {
    fn group_name(self, finding: &Finding) -> String {
        let subject = &finding.subject;
        match self {
            Self::Owner => finding
                .owner
                .as_ref()
                .map_or_else(|| "nobody is named".to_owned(), |owner| owner.name.clone()),
            Self::Account => {
                let name = subject.account_name.as_deref().unwrap_or_default();
                format!("{} {name}", subject.account_id).trim_end().to_owned()
            }
            Self::Rule => finding.title.to_owned(),
        }
    }
}

/// What a roll means.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What the roll covers.
    #[serde(skip)]
    pub coverage: Coverage,
    /// The benchmark whose rules these are, and no others.
    pub benchmark: Option<Benchmark>,
    /// How many open findings there are of each severity.
    pub open: BTreeMap<Severity, usize>,
    /// How many findings somebody answers for.
    pub suppressed_count: usize,
    /// How old active keys are, and how long ago they were used.
    pub distributions: Distributions,
    /// What could not be read, account by account; empty where only the most urgent findings are kept.
    #[serde(skip)]
    pub not_read: Vec<UnreadItem>,
    /// Which findings the two lists below show, where a filter was applied; the numbers are those of all findings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<AppliedFilter>,
    /// The open findings, the most urgent first.
    pub findings: Vec<Finding>,
    /// The findings that somebody answers for.
    pub suppressed: Vec<Finding>,
    /// What came of each rule, what could not be judged, and the exceptions.
    #[serde(flatten)]
    pub assessment: Assessment,
}

/// Something that could not be read.
#[derive(Debug, Clone)]
pub struct UnreadItem {
    /// The account.
    pub account_id: AccountId,
    /// Its name.
    pub account_name: Option<String>,
    /// The organizational unit that it is in.
    pub organizational_unit: Option<String>,
    /// What, and why.
    pub gap: Gap,
}

impl UnreadItem {
    fn from_account(account: &AccountRecord) -> impl Iterator<Item = Self> + '_ {
        let known = account.account();
        account.gaps().iter().map(move |gap| Self {
            account_id: account.account_id().clone(),
            account_name: known.and_then(|it| it.name.clone()),
            organizational_unit: known.and_then(|it| it.organizational_unit.clone()),
            gap: gap.clone(),
        })
    }
}

/// How many findings are kept: all, or the most urgent, which takes no more memory the larger the organisation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingLimit {
    /// All of them.
    All,
    /// So many.
    MostUrgent(usize),
}

impl Report {
    /// Judges the accounts of a roll.
    ///
    /// # Errors
    /// Those of reading an account.
    pub fn from_roll(
        header: &Header,
        accounts: impl Iterator<Item = io::Result<AccountRecord>>,
        settings: &Settings,
        keep: FindingLimit,
    ) -> io::Result<Self> {
        let mut covering = CoverageBuilder::new(header);
        let mut assessor = Assessor::new(header, settings);
        let mut open: BTreeMap<Severity, usize> =
            Severity::ALL.into_iter().map(|severity| (severity, 0)).collect();
        let (mut answered_for, mut not_read) = (0, Vec::new());
        let mut distributions = Distributions::default();
        let (mut findings, mut excepted) = (Vec::new(), Vec::new());
        for account in accounts {
            let account = account?;
            covering.add(&account);
            distributions.add(header, &account);
            if keep == FindingLimit::All {
                not_read.extend(UnreadItem::from_account(&account));
            }
            for finding in assessor.assess_account(&account) {
                if finding.is_open() {
                    *open.entry(finding.severity).or_default() += 1;
                    findings.push(finding);
                } else {
                    answered_for += 1;
                    excepted.push(finding);
                }
            }
            if let FindingLimit::MostUrgent(number) = keep {
                // Not after each account: sorting a few at a time costs more than keeping a few too many.
                for list in [&mut findings, &mut excepted] {
                    if list.len() > 2 * number + 1000 {
                        rank(list, keep);
                    }
                }
            }
        }
        rank(&mut findings, keep);
        rank(&mut excepted, keep);
        let (coverage, benchmark) = (covering.finish(), settings.benchmark);
        let assessment = assessor.finish();
        Ok(Self {
            coverage,
            benchmark,
            open,
            suppressed_count: answered_for,
            distributions,
            not_read,
            filter: None,
            findings,
            suppressed: excepted,
            assessment,
        })
    }

    /// Judges the accounts of a roll file.
    ///
    /// # Errors
    /// Those of the file.
    pub fn from_file(stored: &RollFile, settings: &Settings, keep: FindingLimit) -> io::Result<Self> {
        Self::from_roll(&stored.header, stored.accounts(), settings, keep)
    }

    /// How many open findings there are.
    #[must_use]
    pub fn number(&self) -> usize {
        self.open.values().sum()
    }

    /// The open findings in groups, the most urgent first; without a grouping all together.
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
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        for finding in findings {
            let name = grouping.group_name(finding);
            let next = groups.len();
            let place = *places.entry(name.clone()).or_insert(next);
            match groups.get_mut(place) {
                Some((_, findings)) => findings.push(finding),
                None => groups.push((Some(name), vec![finding])),
            }
        }
        groups
    }

    /// Whether an open finding is as bad as this, or worse.
    #[must_use]
    pub fn has_open_at_least(&self, severity: Severity) -> bool {
        self.open.range(severity..).any(|(_, number)| *number > 0)
    }
}

fn rank(findings: &mut Vec<Finding>, keep: FindingLimit) {
    findings.sort_by(Finding::by_urgency);
    if let FindingLimit::MostUrgent(number) = keep {
        findings.truncate(number);
    }
}
