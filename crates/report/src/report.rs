//! The findings of a whole roll, with what it covers and what could not be judged.

use std::io;

use rolecall_roll::{AccountRoll, Coverage, Header, Statistics};
use serde::Serialize;

use crate::assess::{Assessment, Assessor};
use crate::finding::Finding;
use crate::rules::Severity;
use crate::settings::Settings;

/// What a roll means.
#[derive(Debug, Clone, Serialize)]
pub struct Report<'a> {
    /// Who asked whom, and when.
    pub header: &'a Header,
    /// What the roll covers.
    pub coverage: Coverage,
    /// What the run took; `None` where it was cut short.
    pub statistics: Option<&'a Statistics>,
    /// The open findings, the most urgent first.
    pub findings: Vec<Finding>,
    /// The findings that somebody answers for.
    pub excepted: Vec<Finding>,
    /// What came of each rule, what could not be judged, and the exceptions.
    #[serde(flatten)]
    pub assessment: Assessment,
}

impl<'a> Report<'a> {
    /// Judges the accounts of a roll.
    ///
    /// # Errors
    /// Those of reading an account.
    pub fn of(
        header: &'a Header,
        accounts: impl Iterator<Item = io::Result<AccountRoll>>,
        statistics: Option<&'a Statistics>,
        settings: &Settings,
    ) -> io::Result<Self> {
        let mut coverage = Coverage::new(header);
        let mut assessor = Assessor::new(header, settings);
        let (mut findings, mut excepted) = (Vec::new(), Vec::new());
        for account in accounts {
            let account = account?;
            coverage.add(&account);
            for finding in assessor.account(&account) {
                if finding.is_open() { &mut findings } else { &mut excepted }.push(finding);
            }
        }
        for list in [&mut findings, &mut excepted] {
            list.sort_by(|a, b| b.score.points.cmp(&a.score.points).then_with(|| a.id.cmp(&b.id)));
        }
        Ok(Self { header, coverage, statistics, findings, excepted, assessment: assessor.finish() })
    }

    /// How many open findings are of each severity, the worst first.
    #[must_use]
    pub fn by_severity(&self) -> Vec<(Severity, usize)> {
        let number = |severity| self.findings.iter().filter(|finding| finding.severity == severity).count();
        Severity::ALL.iter().map(|severity| (*severity, number(*severity))).collect()
    }

    /// Whether an open finding is as bad as this, or worse.
    #[must_use]
    pub fn has(&self, severity: Severity) -> bool {
        self.findings.iter().any(|finding| finding.severity >= severity)
    }
}
