//! What a rule is: data, and one function.

use rolecall_roll::FactKind;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::benchmark::Benchmark;
use super::outcome::RuleOutcome;
use super::severity::Severity;
use crate::facts::{AccountView, KeyView, UserView};

/// A rule.
#[derive(Debug, PartialEq)]
pub struct Rule {
    /// What it is called in settings, exceptions and findings.
    pub id: &'static str,
    /// Counted up when it judges otherwise than before.
    pub version: u32,
    /// What is wrong where it finds something.
    pub title: &'static str,
    /// Why that is bad.
    pub why: &'static str,
    /// How bad it is, where nobody says otherwise.
    pub severity: Severity,
    /// Its threshold, where nobody says otherwise, in days; `None` where it has none.
    pub days: Option<u32>,
    /// The facts that it needs, by the steps that read them; of several beside each other one is enough.
    pub needs: &'static [&'static [FactKind]],
    /// The clauses of the CIS Amazon Web Services Foundations Benchmarks that it covers, or covers a part of.
    pub benchmarks: &'static [(Benchmark, &'static str)],
    /// The Security Hub controls that it covers.
    pub security_hub: &'static [&'static str],
    /// The rule of AWS Config that is nearest.
    pub config_rule: Option<&'static str>,
    /// The rule itself.
    pub(crate) check: Check,
}

/// What a rule looks at. A threshold comes in whole days, as CIS words it: an age may reach it ("every 90 days or
/// less"), idleness may not ("unused for 45 days or more").
#[derive(Debug, Clone, Copy)]
pub(crate) enum Check {
    /// The root user of an account.
    Root(fn(&AccountView<'_>) -> RuleOutcome),
    /// Each user.
    User(fn(&UserView<'_>, u32) -> RuleOutcome),
    /// Each access key.
    Key(fn(&KeyView<'_>, u32) -> RuleOutcome),
}

impl Rule {
    /// Whether it is about root users.
    #[must_use]
    pub fn applies_to_root(&self) -> bool {
        matches!(self.check, Check::Root(_))
    }

    /// The clause of a benchmark that it covers.
    #[must_use]
    pub fn clause_for(&self, benchmark: Benchmark) -> Option<&'static str> {
        self.benchmarks.iter().find(|(it, _)| *it == benchmark).map(|(_, clause)| *clause)
    }
}

impl PartialEq for Check {
    fn eq(&self, other: &Self) -> bool {
        // Functions have no equality that means something; a rule is told from others by its id.
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
