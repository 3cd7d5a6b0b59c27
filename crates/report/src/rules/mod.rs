//! The catalog of rules about access keys, users and root users, one file per rule.

pub(crate) mod access_key_age;
mod access_key_at_setup;
mod access_key_inactive;
mod access_key_never_used;
pub(crate) mod access_key_unused;
mod access_keys_several;
mod administrator_access_key;
mod benchmark;
mod console_without_mfa;
mod outcome;
mod password_never_used;
mod password_unused;
mod policies_on_user;
mod root_access_key;
mod root_without_mfa;
mod rule;
mod severity;
mod user_without_credentials;

pub use benchmark::{Benchmark, UnknownBenchmark};
pub(crate) use outcome::{RuleOutcome, Violation};
pub(crate) use rule::Check;
pub use rule::Rule;
pub use severity::{Severity, UnknownSeverity};

/// All rules: those of the root user first, then those of keys, then those of users.
pub const CATALOG: &[Rule] = &[
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

/// Finds a rule by its id.
///
/// # Errors
/// [`UnknownRule`] where no rule has this id; its message lists all ids.
pub fn find(id: &str) -> Result<&'static Rule, UnknownRule> {
    CATALOG.iter().find(|rule| rule.id == id).ok_or_else(|| UnknownRule(id.to_owned()))
}

/// Checks that a pattern, in which `*` and `?` are wildcards, matches the id of at least one rule.
///
/// # Errors
/// [`UnknownRule`] where it matches no rule; its message lists all ids.
pub fn validate_pattern(pattern: &str) -> Result<(), UnknownRule> {
    let wildcards = wildmatch::WildMatch::new(pattern);
    if CATALOG.iter().any(|rule| wildcards.matches(rule.id)) { Ok(()) } else { find(pattern).map(|_| ()) }
}

/// A text that is not the id of a rule, or a pattern that matches no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown rule {0:?}; expected one of {ids}", ids = all_ids())]
pub struct UnknownRule(String);

fn all_ids() -> String {
    CATALOG.iter().map(|rule| rule.id).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Benchmark, CATALOG};

    #[test]
    fn ids_are_unique_and_7_0_drops_two_clauses() {
        let ids: BTreeSet<_> = CATALOG.iter().map(|rule| rule.id).collect();
        assert_eq!(ids.len(), CATALOG.len());
        let ids_in = |benchmark| -> BTreeSet<&str> {
            let is_covered = |rule: &&super::Rule| rule.benchmarks.iter().any(|(it, _)| *it == benchmark);
            CATALOG.iter().filter(is_covered).map(|rule| rule.id).collect()
        };
        let dropped: Vec<_> =
            ids_in(Benchmark::Cis60).difference(&ids_in(Benchmark::Cis70)).copied().collect();
        assert_eq!(dropped, ["access-key-at-setup", "access-keys-several"]);
        assert_eq!(ids_in(Benchmark::Cis30), ids_in(Benchmark::Cis60));
    }
}
