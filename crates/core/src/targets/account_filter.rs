//! Filters the listed accounts by id, name and tags.

use rolecall_roll::{Account, AccountId, Terms};
use wildmatch::WildMatch;

use super::TargetSpec;

/// Selects accounts: all that are included, have the tags, and are not excluded.
#[derive(Debug, Clone, Default)]
pub struct AccountFilter {
    /// Patterns of account ids or names, where `*` matches any characters and `?` one; empty selects all accounts.
    pub include: Vec<String>,
    /// The same for accounts to exclude; empty excludes none.
    pub exclude: Vec<String>,
    /// Tags that an account must have, all of them.
    pub tags: Vec<(String, String)>,
}

/// A filter selects no account, which is probably a mistake in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EmptySelection {
    /// No account matches this include pattern; the number of accounts that were compared.
    UnknownInclude(String, usize),
    /// The filters together leave no account.
    NothingLeft {
        /// The number of accounts before filtering.
        accounts: usize,
        /// The key of each filter that is set, and the number of accounts that it alone leaves.
        filters: Vec<(&'static str, usize)>,
    },
}

impl EmptySelection {
    /// The error message, with options named as the front end names them.
    #[must_use]
    pub fn to_text(&self, terms: &dyn Terms) -> String {
        match self {
            Self::UnknownInclude(name, accounts) => format!(
                "{}: no account has this id or name (accounts compared: {accounts})",
                terms.assignment("include", name)
            ),
            Self::NothingLeft { accounts, filters } => {
                let one = |(key, left): &(&str, usize)| format!("{} leaves {left}", terms.setting(key));
                let filters: Vec<String> = filters.iter().map(one).collect();
                let (together, alone) =
                    if filters.len() > 1 { ("the filters together leave none", "alone, ") } else { ("", "") };
                let separator = if together.is_empty() { "" } else { "; " };
                let accounts =
                    if *accounts == 1 { "1 account".to_owned() } else { format!("{accounts} accounts") };
                format!(
                    "no account is left to read: of {accounts}, {together}{separator}{alone}{}",
                    filters.join(", ")
                )
            }
        }
    }
}

impl AccountFilter {
    /// The accounts that the filter selects.
    ///
    /// # Errors
    /// [`EmptySelection`] where an include pattern matches no account, or no account is left.
    pub fn apply(&self, specs: Vec<TargetSpec>) -> Result<Vec<TargetSpec>, EmptySelection> {
        if let Some(name) = unmatched(&self.include, &specs).next() {
            return Err(EmptySelection::UnknownInclude(name.clone(), specs.len()));
        }
        let found = specs.len();
        let filters = self.each_alone(&specs);
        let selected: Vec<TargetSpec> = specs.into_iter().filter(|spec| self.matches(spec)).collect();
        if selected.is_empty() && found > 0 {
            return Err(EmptySelection::NothingLeft { accounts: found, filters });
        }
        Ok(selected)
    }

    /// The exclude patterns that match no account: a typing error, or an account that was closed. That is no error, since the
    /// other accounts can be read.
    #[must_use]
    pub fn unmatched_excludes(&self, specs: &[TargetSpec]) -> Vec<String> {
        unmatched(&self.exclude, specs).cloned().collect()
    }

    /// The key of each filter that is set, and the number of accounts that it alone leaves.
    fn each_alone(&self, specs: &[TargetSpec]) -> Vec<(&'static str, usize)> {
        let alone = |key, is_set: bool, matches: fn(&Self, &TargetSpec) -> bool| {
            is_set.then(|| (key, specs.iter().filter(|spec| matches(self, spec)).count()))
        };
        let all = [
            alone("include", !self.include.is_empty(), Self::includes),
            alone("exclude", !self.exclude.is_empty(), Self::does_not_exclude),
            alone("include_tag", !self.tags.is_empty(), Self::has_tags),
        ];
        all.into_iter().flatten().collect()
    }

    fn matches(&self, spec: &TargetSpec) -> bool {
        self.includes(spec) && self.does_not_exclude(spec) && self.has_tags(spec)
    }

    fn includes(&self, spec: &TargetSpec) -> bool {
        self.include.is_empty() || self.include.iter().any(|pattern| matches_account(pattern, spec))
    }

    fn does_not_exclude(&self, spec: &TargetSpec) -> bool {
        !self.exclude.iter().any(|pattern| matches_account(pattern, spec))
    }

    fn has_tags(&self, spec: &TargetSpec) -> bool {
        let tags = spec.account.as_ref().and_then(|account| account.tags.as_ref());
        let has = |(key, value): &(String, String)| tags.is_some_and(|tags| tags.get(key) == Some(value));
        self.tags.iter().all(has)
    }
}

/// The patterns that match no account.
fn unmatched<'a>(patterns: &'a [String], specs: &'a [TargetSpec]) -> impl Iterator<Item = &'a String> {
    patterns.iter().filter(|pattern| !specs.iter().any(|spec| matches_account(pattern, spec)))
}

fn matches_account(pattern: &str, spec: &TargetSpec) -> bool {
    let pattern = WildMatch::new(&AccountId::normalize_pattern(pattern));
    let name = spec.account.as_ref().and_then(|Account { name, .. }| name.as_deref());
    pattern.matches(spec.account_id.as_str()) || name.is_some_and(|name| pattern.matches(name))
}

#[cfg(test)]
mod tests {
    use rolecall_roll::{Account, NeutralTerms};

    use super::AccountFilter;
    use crate::targets::TargetSpec;

    #[test]
    fn accounts_are_selected_by_id_name_and_tags_and_an_unmatched_include_is_an_error() {
        let specs = || -> Vec<TargetSpec> {
            let one = |(id, name, team): &(&str, &str, &str)| TargetSpec {
                account: Some(Account {
                    name: Some((*name).to_owned()),
                    tags: Some([("team".to_owned(), (*team).to_owned())].into()),
                    ..Account::default()
                }),
                ..TargetSpec::new(id.parse().unwrap())
            };
            let accounts = [
                ("111111111111", "search-prod", "search"),
                ("222222222222", "search-dev", "search"),
                ("333333333333", "billing-prod", "billing"),
            ];
            accounts.iter().map(one).collect()
        };
        let select = |include: &[&str], exclude: &[&str], tags: &[(&str, &str)]| {
            let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
            let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            let filter = AccountFilter { include: texts(include), exclude: texts(exclude), tags };
            let ids = |specs: Vec<TargetSpec>| {
                specs.iter().map(|spec| spec.account_id.as_str()[..1].to_owned()).collect()
            };
            filter
                .apply(specs())
                .map(|spec| -> String { ids(spec) })
                .map_err(|problem| problem.to_text(&NeutralTerms))
        };
        assert_eq!(select(&[], &[], &[]).unwrap(), "123");
        assert_eq!(select(&["*-prod"], &[], &[]).unwrap(), "13");
        assert_eq!(select(&[], &["2222*", "billing-????"], &[]).unwrap(), "1");
        assert_eq!(select(&["*-prod"], &[], &[("team", "search")]).unwrap(), "1");
        assert!(select(&["serach-*"], &[], &[]).unwrap_err().contains("include = serach-*"));
        assert_eq!(select(&[], &["44*"], &[]).unwrap(), "123");
        let filter =
            AccountFilter { exclude: vec!["44*".to_owned(), "1*".to_owned()], ..AccountFilter::default() };
        assert_eq!(filter.unmatched_excludes(&specs()), ["44*"]);
        let none = select(&[], &[], &[("team", "none")]).unwrap_err();
        assert_eq!(none, "no account is left to read: of 3 accounts, the setting include_tag leaves 0");
        let none = select(&["*-prod"], &["*ing-*", "search-*"], &[]).unwrap_err();
        let words = "the filters together leave none; alone, the setting include leaves 2, the setting exclude leaves 0";
        assert!(none.ends_with(words), "{none}");
    }
}
