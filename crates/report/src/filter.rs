//! Filters of the findings that are shown. A filter changes neither the roll nor what is counted of it: coverage, the numbers of findings,
//! the rules' results and exit codes are those of all findings.

use serde::Serialize;
use wildmatch::WildMatch;

use crate::coverage_summary::{SummaryRow, with_thousands_separator};
use crate::finding::Finding;
use crate::report::Report;
use crate::rules::Severity;

/// A filter of the findings that are shown. An empty list, or `None`, filters nothing; of a list one match is enough. In texts `*` stands
/// for any characters and `?` for any one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FindingFilter {
    /// The lowest severity that is shown.
    pub severity: Option<Severity>,
    /// Ids of rules.
    pub rules: Vec<String>,
    /// Ids or names of accounts.
    pub accounts: Vec<String>,
    /// Names of owners. A finding without an owner matches none.
    pub owners: Vec<String>,
    /// The maximum number of findings to show, the most urgent first, and of suppressed findings.
    pub limit: Option<usize>,
}

/// A filter, and how many open findings it leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AppliedFilter {
    /// The filter.
    #[serde(flatten)]
    pub filter: FindingFilter,
    /// The number of open findings that are shown.
    pub shown: usize,
    /// How many open findings there are.
    pub total: usize,
}

impl FindingFilter {
    /// Whether it shows all findings.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Takes the findings that it does not show out of a report, which must have all of them.
    pub fn apply_to(&self, report: &mut Report) {
        if self.is_empty() {
            return;
        }
        let patterns = Patterns::new(self);
        let limit = self.limit.unwrap_or(usize::MAX);
        for findings in [&mut report.findings, &mut report.suppressed] {
            findings.retain(|finding| patterns.match_finding(finding));
            findings.truncate(limit);
        }
        let (shown, total) = (report.findings.len(), report.open_count());
        report.filter = Some(AppliedFilter { filter: self.clone(), shown, total });
    }

    /// What it filters by: `severity high or worse, rule access-key-*, limit 10 (most urgent first)`.
    #[must_use]
    pub fn criteria(&self) -> String {
        let any_of = |name: &str, texts: &[String]| {
            (!texts.is_empty()).then(|| format!("{name} {}", texts.join(" or ")))
        };
        let criteria = [
            self.severity.map(|severity| match severity {
                Severity::Critical => "severity critical".to_owned(),
                other => format!("severity {other} or worse"),
            }),
            any_of("rule", &self.rules),
            any_of("account", &self.accounts),
            any_of("owner", &self.owners),
            self.limit.map(|limit| format!("limit {} (most urgent first)", with_thousands_separator(limit))),
        ];
        criteria.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

impl AppliedFilter {
    /// The number of findings that are shown, their total, and the filter.
    #[must_use]
    pub fn to_text(&self) -> String {
        let total = with_thousands_separator(self.total);
        let criteria = self.filter.criteria();
        match (self.shown, self.total) {
            (_, 0) => format!("no findings to filter: {criteria}"),
            (0, 1) => format!("the filter matches no finding (0 of 1): {criteria}"),
            (0, _) => format!("the filter matches no finding (0 of {total}): {criteria}"),
            (shown, _) => {
                let are = if shown == 1 { "is" } else { "are" };
                let shown = with_thousands_separator(shown);
                format!("{shown} of {total} {are} shown, filtered by {criteria}")
            }
        }
    }

    /// Adds to the row of findings in a summary that they are filtered.
    pub(crate) fn add_to(&self, finding_rows: &mut [SummaryRow]) {
        if let Some(row) = finding_rows.first_mut() {
            row.details.push(self.to_text());
        }
    }
}

/// The filter's texts, parsed once.
struct Patterns<'a> {
    filter: &'a FindingFilter,
    rules: Vec<WildMatch>,
    accounts: Vec<WildMatch>,
    owners: Vec<WildMatch>,
}

impl<'a> Patterns<'a> {
    fn new(filter: &'a FindingFilter) -> Self {
        let parse = |texts: &[String]| texts.iter().map(|text| WildMatch::new(text)).collect();
        Self {
            filter,
            rules: parse(&filter.rules),
            accounts: parse(&filter.accounts),
            owners: parse(&filter.owners),
        }
    }

    fn match_finding(&self, finding: &Finding<'_>) -> bool {
        let subject = &finding.subject;
        let owner = finding.owner.as_ref().map(|owner| &*owner.name);
        let account = [Some(subject.account_id.as_str()), subject.account_name.as_deref()];
        self.filter.severity.is_none_or(|lowest| finding.severity >= lowest)
            && matches_any(&self.rules, &[Some(finding.rule.id)])
            && matches_any(&self.accounts, &account)
            && matches_any(&self.owners, &[owner])
    }
}

/// Whether one of the patterns matches one of the texts; without patterns, everything matches.
fn matches_any(patterns: &[WildMatch], texts: &[Option<&str>]) -> bool {
    patterns.is_empty()
        || patterns.iter().any(|pattern| texts.iter().flatten().any(|text| pattern.matches(text)))
}
