//! Which of the named accounts are meant.

use rolecall_roll::{Account, Terms};
use wildmatch::WildMatch;

use super::TargetSpec;

/// Which accounts are meant: all that are included, carry the tags, and are not excluded.
#[derive(Debug, Clone, Default)]
pub struct AccountFilter {
    /// Account ids or names, `*` and `?` standing for any characters; with none, all.
    pub include: Vec<String>,
    /// The same for those that are not meant.
    pub exclude: Vec<String>,
    /// Tags of accounts, all of which one must carry.
    pub tags: Vec<(String, String)>,
}

/// What of a choice is about no account, and so not what somebody meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EmptySelection {
    /// No account has this id or name, of so many.
    UnknownInclude(String, usize),
    /// The filters leave none of so many accounts.
    NothingLeft(usize),
}

impl EmptySelection {
    /// The error, with options called as a front end calls them.
    #[must_use]
    pub fn to_text(&self, terms: &dyn Terms) -> String {
        match self {
            Self::UnknownInclude(name, accounts) => format!(
                "{}: no account has this id or name, of {accounts} that there are",
                terms.assignment("include", name)
            ),
            Self::NothingLeft(accounts) => {
                let [include, exclude, tag] =
                    ["include", "exclude", "include_tag"].map(|key| terms.setting(key));
                format!("of {accounts} accounts none is left by {include}, {exclude} and {tag}")
            }
        }
    }
}

impl AccountFilter {
    /// Those that are meant.
    ///
    /// # Errors
    /// Where a name is that of no account, or none is left.
    pub fn apply(&self, specs: Vec<TargetSpec>) -> Result<Vec<TargetSpec>, EmptySelection> {
        if let Some(name) = unknown(&self.include, &specs).next() {
            return Err(EmptySelection::UnknownInclude(name.clone(), specs.len()));
        }
        let found = specs.len();
        let meant: Vec<TargetSpec> = specs.into_iter().filter(|spec| self.matches(spec)).collect();
        if meant.is_empty() && found > 0 {
            return Err(EmptySelection::NothingLeft(found));
        }
        Ok(meant)
    }

    /// What is excluded and not there: a slip, or an account that is gone, which is no reason to ask nobody.
    #[must_use]
    pub fn unmatched_excludes(&self, specs: &[TargetSpec]) -> Vec<String> {
        unknown(&self.exclude, specs).cloned().collect()
    }

    fn matches(&self, spec: &TargetSpec) -> bool {
        let is_included = self.include.is_empty() || self.include.iter().any(|name| is(name, spec));
        let is_excluded = self.exclude.iter().any(|name| is(name, spec));
        let tags = spec.account.as_ref().and_then(|account| account.tags.as_ref());
        let has = |(key, value): &(String, String)| tags.is_some_and(|tags| tags.get(key) == Some(value));
        is_included && !is_excluded && self.tags.iter().all(has)
    }
}

/// The names that are no account's.
fn unknown<'a>(names: &'a [String], of: &'a [TargetSpec]) -> impl Iterator<Item = &'a String> {
    names.iter().filter(|name| !of.iter().any(|account| is(name, account)))
}

fn is(pattern: &str, spec: &TargetSpec) -> bool {
    let pattern = WildMatch::new(pattern);
    let name = spec.account.as_ref().and_then(|Account { name, .. }| name.as_deref());
    pattern.matches(spec.account_id.as_str()) || name.is_some_and(|name| pattern.matches(name))
}

#[cfg(test)]
mod tests {
    use rolecall_roll::{Account, NeutralTerms};

    use super::AccountFilter;
    use crate::targets::TargetSpec;

    #[test]
    fn ids_names_and_tags_choose_and_a_name_of_nobody_is_an_error() {
        let named = || -> Vec<TargetSpec> {
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
        let chosen = |include: &[&str], exclude: &[&str], tags: &[(&str, &str)]| {
            let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
            let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            let choice = AccountFilter { include: texts(include), exclude: texts(exclude), tags };
            let ids = |specs: Vec<TargetSpec>| {
                specs.iter().map(|spec| spec.account_id.as_str()[..1].to_owned()).collect()
            };
            choice
                .apply(named())
                .map(|spec| -> String { ids(spec) })
                .map_err(|problem| problem.to_text(&NeutralTerms))
        };
        assert_eq!(chosen(&[], &[], &[]).unwrap(), "123");
        assert_eq!(chosen(&["*-prod"], &[], &[]).unwrap(), "13");
        assert_eq!(chosen(&[], &["2222*", "billing-????"], &[]).unwrap(), "1");
        assert_eq!(chosen(&["*-prod"], &[], &[("team", "search")]).unwrap(), "1");
        assert!(chosen(&["serach-*"], &[], &[]).unwrap_err().contains("include = serach-*"));
        assert_eq!(chosen(&[], &["44*"], &[]).unwrap(), "123");
        let choice =
            AccountFilter { exclude: vec!["44*".to_owned(), "1*".to_owned()], ..AccountFilter::default() };
        assert_eq!(choice.unmatched_excludes(&named()), ["44*"]);
        assert!(chosen(&[], &[], &[("team", "none")]).unwrap_err().contains("none is left"));
    }
}
