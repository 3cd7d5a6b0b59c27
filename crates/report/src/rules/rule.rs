//! A rule: its description as data, and one function that evaluates it.

use rolecall_roll::FactKind;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::benchmark::Benchmark;
use super::outcome::RuleOutcome;
use super::severity::Severity;
use crate::facts::{AccountView, KeyView, UserView};

/// A rule of the [catalog](super::CATALOG): what it checks, why, and which controls of public standards it covers.
#[derive(Debug, PartialEq)]
pub struct Rule {
    /// The name in settings, exceptions and findings, such as `access-key-age`.
    pub id: &'static str,
    /// Incremented whenever the rule evaluates the same facts differently than before.
    pub version: u32,
    /// What is wrong where the rule has a finding.
    pub title: &'static str,
    /// Why that is a risk.
    pub why: &'static str,
    /// The default severity; settings can override it.
    pub severity: Severity,
    /// The default threshold in days; settings can override it. `None` for a rule without a threshold.
    pub days: Option<u32>,
    /// The facts that the rule needs. Of each inner list one fact is enough.
    pub needs: &'static [&'static [FactKind]],
    /// The clauses of the CIS Amazon Web Services Foundations Benchmarks that it covers, at least partly.
    pub benchmarks: &'static [(Benchmark, &'static str)],
    /// The AWS Security Hub controls that it covers, such as `IAM.3`.
    pub security_hub: &'static [&'static str],
    /// The most similar managed rule of AWS Config; `None` where there is none.
    pub config_rule: Option<&'static str>,
    /// The function that evaluates the rule, and what it is applied to.
    pub(crate) check: Check,
}

/// What a rule is applied to. A threshold is in whole days. As CIS words it, an age may reach the threshold ("every 90
/// days or less"), but the time without use may not ("unused for 45 days or more").
#[derive(Debug, Clone, Copy)]
pub(crate) enum Check {
    /// The root user of an account.
    Root(fn(&AccountView<'_>) -> RuleOutcome),
    /// Each user, with the threshold in days.
    User(fn(&UserView<'_>, u32) -> RuleOutcome),
    /// Each access key, with the threshold in days.
    Key(fn(&KeyView<'_>, u32) -> RuleOutcome),
}

impl Rule {
    /// Whether the rule is applied to the root user of each account.
    #[must_use]
    pub fn applies_to_root(&self) -> bool {
        matches!(self.check, Check::Root(_))
    }

    /// The clause that the rule covers in a version of the benchmark; `None` where that version has none.
    #[must_use]
    pub fn clause_for(&self, benchmark: Benchmark) -> Option<&'static str> {
        self.benchmarks.iter().find(|(it, _)| *it == benchmark).map(|(_, clause)| *clause)
    }
}

impl PartialEq for Check {
    fn eq(&self, other: &Self) -> bool {
        // Comparing function pointers is meaningless; rules are distinguished by their ids.
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

impl Eq for Rule {}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rule = serializer.serialize_struct("Rule", 8)?;
        rule.serialize_field("id", self.id)?;
        rule.serialize_field("version", &self.version)?;
        rule.serialize_field("title", self.title)?;
        rule.serialize_field("why", self.why)?;
        rule.serialize_field("needs", &self.needs)?;
        let clauses: Vec<Clause> = self
            .benchmarks
            .iter()
            .map(|(benchmark, clause)| Clause { benchmark: *benchmark, clause })
            .collect();
        rule.serialize_field("clauses", &clauses)?;
        rule.serialize_field("security_hub", self.security_hub)?;
        rule.serialize_field("config_rule", &self.config_rule)?;
        rule.end()
    }
}

#[derive(Serialize)]
struct Clause {
    benchmark: Benchmark,
    clause: &'static str,
}
