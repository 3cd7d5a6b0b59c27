//! The catalogue: what is wrong with a key, a user, a root user; a file each.

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
pub fn find(id: &str) -> Result<&'static Rule, UnknownRule> {
    CATALOGUE.iter().find(|rule| rule.id == id).ok_or_else(|| UnknownRule(id.to_owned()))
}

/// Checks that a pattern, in which `*` and `?` are wildcards, matches the id of a rule.
///
/// # Errors
/// Where it matches none, with those that there are.
pub fn ids_matching(pattern: &str) -> Result<(), UnknownRule> {
    let matches = wildmatch::WildMatch::new(pattern);
    if CATALOGUE.iter().any(|rule| matches.matches(rule.id)) { Ok(()) } else { find(pattern).map(|_| ()) }
}

/// A text that is the id of no rule, or a pattern that matches none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no rule {0:?}; there are {ids}", ids = all_ids())]
pub struct UnknownRule(String);

fn all_ids() -> String {
    CATALOGUE.iter().map(|rule| rule.id).collect::<Vec<_>>().join(", ")
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
