//! Which findings are shown.

use std::num::NonZeroUsize;

use clap::Args;
use rolecall_report::rules::ids_matching;
use rolecall_report::{FindingFilter, Severity};

/// Filters of findings. They are no settings: no variable and no key of `rolecall.toml` sets them, so that nobody misses
/// findings that a forgotten variable hides.
#[derive(Debug, Args)]
#[command(next_help_heading = "Filters (what is shown; never the roll, its coverage or --fail-on)")]
pub(crate) struct FilterArgs {
    /// Show findings of this severity or worse: critical, high, medium, low, informational
    #[arg(long, value_name = "SEVERITY")]
    pub(crate) severity: Option<Severity>,

    /// Show findings of this rule, `*` and `?` as wildcards; repeat for several
    #[arg(long, value_name = "ID", value_parser = rule)]
    pub(crate) rule: Vec<String>,

    /// Show findings in this account, by id or name, `*` and `?` as wildcards; repeat for several
    #[arg(long, value_name = "ACCOUNT", value_parser = account)]
    pub(crate) only_account: Vec<String>,

    /// Show findings of this owner, `*` and `?` as wildcards; repeat for several
    #[arg(long, value_name = "NAME")]
    pub(crate) owner: Vec<String>,

    /// Show the N most urgent findings
    #[arg(long, value_name = "N")]
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

/// A pattern that matches the id of a rule: one that matches none would hide everything.
fn rule(text: &str) -> Result<String, String> {
    ids_matching(text).map(|()| text.to_owned()).map_err(|error| error.to_string())
}

/// An account's id or name. People write ids as the console shows them, too: 1111-2222-3333.
fn account(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("an account id or name is expected".to_owned());
    }
    let digits = text.replace('-', "");
    let is_id = digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_digit());
    Ok(if is_id { digits } else { text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::{account, rule};

    #[test]
    fn ids_lose_their_dashes_and_names_keep_them() {
        for (typed, pattern) in [
            ("1111-2222-3333", "111122223333"),
            ("111122223333", "111122223333"),
            ("1111*", "1111*"),
            ("prod-2024-11", "prod-2024-11"),
        ] {
            assert_eq!(account(typed).unwrap(), pattern);
        }
        assert!(account("").is_err());
    }

    #[test]
    fn a_pattern_of_no_rule_is_an_error() {
        assert_eq!(rule("access-key-*").unwrap(), "access-key-*");
        assert!(rule("acess-key-*").unwrap_err().contains("access-key-age"));
    }
}
