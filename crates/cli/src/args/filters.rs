//! Filters of the findings that are shown.

use std::num::NonZeroUsize;

use clap::Args;
use rolecall_report::rules::validate_pattern;
use rolecall_report::{FindingFilter, Severity};
use rolecall_roll::AccountId;

/// Filters of the findings that are shown. No variable and no key of `rolecall.toml` sets them, so that a forgotten one hides
/// no findings.
#[derive(Debug, Args)]
#[command(
    next_help_heading = "Filters of findings (the list of keys, the roll, its coverage and --fail-on do not change)"
)]
pub(crate) struct FilterArgs {
    /// Show findings of this severity or worse: critical, high, medium, low, informational
    #[arg(long, value_name = "SEVERITY")]
    pub(crate) severity: Option<Severity>,

    /// Show findings of this rule, `*` and `?` as wildcards; repeat for several
    #[arg(long, value_name = "ID", value_parser = parse_rule, hide_short_help = true)]
    pub(crate) rule: Vec<String>,

    /// Show findings in this account, by id or name, `*` and `?` as wildcards; repeat for several
    #[arg(long, value_name = "ACCOUNT", value_parser = parse_account, hide_short_help = true)]
    pub(crate) only_account: Vec<String>,

    /// Show findings of this owner, `*` and `?` as wildcards; repeat for several
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    pub(crate) owner: Vec<String>,

    /// Show the N most urgent findings
    #[arg(long, value_name = "N", value_parser = parse_limit)]
    pub(crate) limit: Option<NonZeroUsize>,
}

impl FilterArgs {
    pub(crate) fn filter(&self) -> FindingFilter {
        FindingFilter {
            severity: self.severity,
            rules: self.rule.clone(),
            accounts: self.only_account.clone(),
            owners: self.owner.clone(),
            limit: self.limit.map(NonZeroUsize::get),
        }
    }
}

fn parse_limit(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().map_err(|_| "not a number from 1 upward")
}

/// Parses a pattern of rule ids. A pattern that matches no rule is an error: it would hide everything.
fn parse_rule(text: &str) -> Result<String, String> {
    validate_pattern(text).map(|()| text.to_owned()).map_err(|error| error.to_string())
}

/// Parses an account id, also in the form of the console (1111-2222-3333), or a pattern of ids or names.
fn parse_account(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("expected an account id or name".to_owned());
    }
    Ok(AccountId::normalize_pattern(text))
}

#[cfg(test)]
mod tests {
    use super::{parse_account, parse_rule};

    #[test]
    fn ids_lose_their_dashes_and_names_keep_them() {
        for (typed, pattern) in [
            ("1111-2222-3333", "111122223333"),
            ("111122223333", "111122223333"),
            ("1111*", "1111*"),
            ("prod-2024-11", "prod-2024-11"),
        ] {
            assert_eq!(parse_account(typed).unwrap(), pattern);
        }
        assert!(parse_account("").is_err());
    }

    #[test]
    fn a_pattern_of_no_rule_is_an_error() {
        assert_eq!(parse_rule("access-key-*").unwrap(), "access-key-*");
        assert!(parse_rule("acess-key-*").unwrap_err().contains("access-key-age"));
    }
}
