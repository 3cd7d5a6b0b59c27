//! The catalogue: what is wrong with a key, a user, a root user; a file each.

pub mod access_key_age;
pub mod access_key_at_setup;
pub mod access_key_inactive;
pub mod access_key_never_used;
pub mod access_key_unused;
pub mod access_keys_several;
pub mod administrator_access_key;
pub mod console_without_mfa;
pub mod password_never_used;
pub mod password_unused;
pub mod policies_on_user;
pub mod root_access_key;
pub mod root_without_mfa;
pub mod user_without_credentials;

use std::fmt;
use std::str::FromStr;

use rolecall_roll::Step;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::case::{Checked, OfAccount, OfKey, OfUser};

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
    pub needs: &'static [&'static [Step]],
    /// The clauses of the CIS Amazon Web Services Foundations Benchmarks that it covers, or covers a part of.
    pub benchmarks: &'static [(Benchmark, &'static str)],
    /// The Security Hub controls that it covers.
    pub security_hub: &'static [&'static str],
    /// The rule of AWS Config that is nearest.
    pub config_rule: Option<&'static str>,
    /// The rule itself.
    pub check: Check,
}

/// What a rule looks at. A threshold comes in whole days, as CIS words it: an age may reach it ("every 90 days or
/// less"), idleness may not ("unused for 45 days or more").
#[derive(Debug, Clone, Copy)]
pub enum Check {
    /// The root user of an account.
    Root(fn(&OfAccount<'_>) -> Checked),
    /// Each user.
    User(fn(&OfUser<'_>, u32) -> Checked),
    /// Each access key.
    Key(fn(&OfKey<'_>, u32) -> Checked),
}

impl Rule {
    /// Whether it is about root users.
    #[must_use]
    pub fn is_of_root(&self) -> bool {
        matches!(self.check, Check::Root(_))
    }

    /// The clause of a benchmark that it covers.
    #[must_use]
    pub fn clause_of(&self, benchmark: Benchmark) -> Option<&'static str> {
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

/// All rules: those of the root user first, then those of keys, then those of users.
pub const CATALOGUE: &[Rule] = &[
    root_access_key::RULE,
    root_without_mfa::RULE,
    administrator_access_key::RULE,
    access_key_age::RULE,
    access_key_unused::RULE,
    access_key_never_used::RULE,
    access_key_at_setup::RULE,
    access_key_inactive::RULE,
    access_keys_several::RULE,
    console_without_mfa::RULE,
    password_unused::RULE,
    password_never_used::RULE,
    policies_on_user::RULE,
    user_without_credentials::RULE,
];

/// The rule of this id.
///
/// # Errors
/// Where there is none, with those that there are.
pub fn of_id(id: &str) -> Result<&'static Rule, String> {
    CATALOGUE.iter().find(|rule| rule.id == id).ok_or_else(|| {
        let ids: Vec<&str> = CATALOGUE.iter().map(|rule| rule.id).collect();
        format!("there is no rule {id:?}; there are {}", ids.join(", "))
    })
}

/// Checks that a pattern, in which `*` and `?` are wildcards, matches the id of a rule.
///
/// # Errors
/// Where it matches none, with those that there are.
pub fn matched_by(pattern: &str) -> Result<(), String> {
    let matches = wildmatch::WildMatch::new(pattern);
    if CATALOGUE.iter().any(|rule| matches.matches(rule.id)) { Ok(()) } else { of_id(pattern).map(|_| ()) }
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Informational,
    /// Untidy.
    Low,
    /// To be mended in its time.
    Medium,
    /// To be mended soon.
    High,
    /// To be mended now.
    Critical,
}

impl Severity {
    /// All of them, the worst first.
    pub const ALL: [Self; 5] = [Self::Critical, Self::High, Self::Medium, Self::Low, Self::Informational];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
            Self::Informational => "informational",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Severity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl FromStr for Severity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|severity| severity.as_str() == text)
            .ok_or_else(|| format!("{text:?} is none of {}", Self::ALL.map(Self::as_str).join(", ")))
    }
}

/// A version of the CIS Amazon Web Services Foundations Benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Benchmark {
    /// 3.0.0
    Cis30,
    /// 4.0.1
    Cis401,
    /// 5.0.0
    Cis50,
    /// 6.0.0
    Cis60,
    /// 7.0.0
    Cis70,
}

impl Benchmark {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Cis30, Self::Cis401, Self::Cis50, Self::Cis60, Self::Cis70];

    /// What it is called here.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cis30 => "cis-3.0",
            Self::Cis401 => "cis-4.0.1",
            Self::Cis50 => "cis-5.0",
            Self::Cis60 => "cis-6.0",
            Self::Cis70 => "cis-7.0",
        }
    }
}

impl Benchmark {
    /// Its version, as CIS counts it.
    #[must_use]
    pub fn version(self) -> &'static str {
        match self {
            Self::Cis30 => "3.0.0",
            Self::Cis401 => "4.0.1",
            Self::Cis50 => "5.0.0",
            Self::Cis60 => "6.0.0",
            Self::Cis70 => "7.0.0",
        }
    }
}

impl fmt::Display for Benchmark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Benchmark {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl FromStr for Benchmark {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|benchmark| benchmark.as_str() == text)
            .ok_or_else(|| format!("{text:?} is none of {}", Self::ALL.map(Self::as_str).join(", ")))
    }
}

/// The clauses of the benchmarks from 3.0 to 7.0, in this order; those of 3.0 and 4.0.1 are the same.
const fn clauses(
    v3: &'static str,
    v5: &'static str,
    v6: &'static str,
    v7: &'static str,
) -> [(Benchmark, &'static str); 5] {
    [
        (Benchmark::Cis30, v3),
        (Benchmark::Cis401, v3),
        (Benchmark::Cis50, v5),
        (Benchmark::Cis60, v6),
        (Benchmark::Cis70, v7),
    ]
}

/// The same for what 7.0 has dropped.
const fn clauses_to_6(
    v3: &'static str,
    v5: &'static str,
    v6: &'static str,
) -> [(Benchmark, &'static str); 4] {
    [(Benchmark::Cis30, v3), (Benchmark::Cis401, v3), (Benchmark::Cis50, v5), (Benchmark::Cis60, v6)]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Benchmark, CATALOGUE};

    #[test]
    fn ids_are_told_apart_and_7_0_drops_two_clauses() {
        let ids: BTreeSet<_> = CATALOGUE.iter().map(|rule| rule.id).collect();
        assert_eq!(ids.len(), CATALOGUE.len());
        let of = |benchmark| -> BTreeSet<&str> {
            let has = |rule: &&super::Rule| rule.benchmarks.iter().any(|(it, _)| *it == benchmark);
            CATALOGUE.iter().filter(has).map(|rule| rule.id).collect()
        };
        let dropped: Vec<_> = of(Benchmark::Cis60).difference(&of(Benchmark::Cis70)).copied().collect();
        assert_eq!(dropped, ["access-key-at-setup", "access-keys-several"]);
        assert_eq!(of(Benchmark::Cis30), of(Benchmark::Cis60));
    }
}
