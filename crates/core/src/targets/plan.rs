//! Which accounts a run reads, and through which roles: a pure fold of what was given into targets. AWS Organizations is
//! asked by the run, between the plan and its targets.

use std::fmt;

use rolecall_roll::{AccountId, NeutralTerms, Partition, RoleArn, TargetScope, Terms};

use super::account_filter::EmptySelection;
use super::options::TargetOptions;
use super::organization::OrganizationReads;
use super::target_spec::{MissingRole, TargetDefaults};
use super::{AccountFilter, Target, TargetConflict, TargetSpec, Targets};
use crate::option_rows::Origin;

/// What is known of the targets before anything is asked.
#[derive(Debug, Clone)]
pub struct TargetPlan {
    /// Accounts that were specs.
    specs: Vec<TargetSpec>,
    /// What the configuration says of accounts: how some of them are read otherwise, and those that nobody lists.
    overrides: Vec<TargetSpec>,
    /// What is wanted of AWS Organizations; `None` where it is not asked.
    organization: Option<OrganizationQuery>,
    filter: AccountFilter,
    /// What holds for accounts that were named without it.
    roles: TargetDefaults,
}

/// What is wanted of AWS Organizations, and the role to ask it as.
#[derive(Debug, Clone)]
pub struct OrganizationQuery {
    /// Which of its accounts, and what of them.
    pub reads: OrganizationReads,
    /// The role to assume for it; none where the caller itself asks.
    pub via: Vec<RoleArn>,
}

/// Accounts that a file or an event lists.
#[derive(Debug, Clone)]
pub struct ListedAccounts {
    /// The accounts.
    pub accounts: Vec<TargetSpec>,
    /// Who lists them.
    pub origin: Origin,
}

/// Where the file of accounts is, if one is read: its name, and who named it.
///
/// A source of targets counts where none was given that takes precedence: who names an account on the command line
/// means that one, and not the file's organization as well.
#[must_use]
pub fn accounts_file(options: &TargetOptions) -> Option<(&str, Origin)> {
    let file = options.accounts_file.as_ref().filter(|file| Some(file.origin) == chosen_origin(options))?;
    Some((&file.value, file.origin))
}

/// Who names the targets: of those who do, the one that takes precedence.
fn chosen_origin(options: &TargetOptions) -> Option<Origin> {
    let TargetOptions { role_arn, account, accounts_file, organization, .. } = options;
    let organization = organization.as_ref().filter(|given| given.value).map(|given| given.origin);
    let lists = [
        role_arn.as_ref().map(|given| given.origin),
        account.as_ref().map(|given| given.origin),
        accounts_file.as_ref().map(|given| given.origin),
    ];
    lists.into_iter().flatten().chain(organization).max()
}

impl TargetPlan {
    /// Folds what was given: `listed` are the accounts of a file or an event, `configured` those that the configuration
    /// file describes.
    ///
    /// # Errors
    /// [`PlanError`] where nothing names a target, or an option is about an organization that is not asked.
    pub fn new(
        options: TargetOptions,
        listed: Option<ListedAccounts>,
        configured: &[TargetSpec],
    ) -> Result<Self, PlanError> {
        let origin = chosen_origin(&options).max(listed.as_ref().map(|listed| listed.origin));
        let is_by_file = origin.is_none_or(|origin| origin == Origin::File);
        let is_chosen = |it: Origin| Some(it) == origin;
        let is_asked = options.organization.as_ref().is_some_and(|it| it.value && is_chosen(it.origin));
        if let Some(key) = option_without_organization(&options, origin).filter(|_| !is_asked) {
            return Err(PlanError::NeedsOrganization(key));
        }
        // Who names accounts one by one means those: a filter of a layer below is about the list that is named there.
        let is_list = is_asked || listed.is_some();
        let applies = |it: Origin| is_list || Some(it) >= origin;
        let options = TargetOptions {
            include: options.include.filter(|given| applies(given.origin)),
            exclude: options.exclude.filter(|given| applies(given.origin)),
            include_tag: options.include_tag.filter(|given| applies(given.origin)),
            ..options
        };
        // An account that is named by its id alone may be one that the configuration says more of.
        let known = |id: &AccountId| configured.iter().find(|it| it.account_id == *id).cloned();
        let by_id = |id: &AccountId| known(id).unwrap_or_else(|| TargetSpec::new(id.clone()));
        let accounts = options.account.iter().filter(|given| is_chosen(given.origin));
        let role_arns = options.role_arn.iter().filter(|given| is_chosen(given.origin));
        let mut specs: Vec<TargetSpec> = accounts.flat_map(|given| &given.value).map(by_id).collect();
        specs.extend(role_arns.flat_map(|given| &given.value).map(TargetSpec::from_role_arn));
        specs.extend(listed.filter(|listed| is_chosen(listed.origin)).into_iter().flat_map(|it| it.accounts));
        let overrides = if is_by_file || is_asked { configured.to_vec() } else { Vec::new() };
        if specs.is_empty() && overrides.is_empty() && !is_asked {
            return Err(PlanError::NoTargets);
        }
        Ok(Self::with(options, specs, overrides, is_asked))
    }

    /// A plan for one account that is not known yet: how it would be read.
    #[must_use]
    pub fn for_one_account(options: TargetOptions, configured: &[TargetSpec]) -> Self {
        Self::with(options, Vec::new(), configured.to_vec(), false)
    }

    fn with(
        options: TargetOptions,
        specs: Vec<TargetSpec>,
        overrides: Vec<TargetSpec>,
        is_asked: bool,
    ) -> Self {
        let tags = options.include_tag.map(|given| given.value).unwrap_or_default();
        let organization = is_asked.then(|| OrganizationQuery {
            reads: OrganizationReads {
                units: options.ou.map(|given| given.value).unwrap_or_default(),
                tags: options.fetch_account_tags.is_some_and(|given| given.value) || !tags.is_empty(),
            },
            via: options.organization_role_arn.map(|given| given.value).into_iter().collect(),
        });
        let filter = AccountFilter {
            include: options.include.map(|given| given.value).unwrap_or_default(),
            exclude: options.exclude.map(|given| given.value).unwrap_or_default(),
            tags,
        };
        let roles = TargetDefaults {
            template: options.role_template.map(|given| given.value).unwrap_or_default(),
            partition: Partition::Aws,
            role_name: options.role_name.map(|given| given.value),
            external_id: options.external_id.map(|given| given.value),
            via: options.via.map(|given| given.value).unwrap_or_default(),
            own_account: None,
        };
        Self { specs, overrides, organization, filter, roles }
    }

    /// What is wanted of AWS Organizations; `None` where it is not asked.
    #[must_use]
    pub fn organization(&self) -> Option<&OrganizationQuery> {
        self.organization.as_ref()
    }

    /// Which accounts of the organization are chosen.
    #[must_use]
    pub fn scope(&self) -> TargetScope {
        let Some(query) = &self.organization else { return TargetScope::default() };
        let list = |list: &[String]| list.iter().cloned().collect();
        TargetScope {
            units: list(&query.reads.units),
            include: list(&self.filter.include),
            exclude: list(&self.filter.exclude),
            include_tags: self.filter.tags.iter().map(|(key, value)| format!("{key}={value}")).collect(),
        }
    }

    /// The partition that the targets are in: that of a role that was named whole, else that of the region.
    #[must_use]
    pub fn partition(&self, region: Option<&str>) -> Partition {
        let mut all = self.specs.iter().chain(&self.overrides);
        let explicit = all.find_map(|spec| spec.role_arn.as_ref()).map(RoleArn::partition);
        explicit.unwrap_or_else(|| region.map_or(Partition::Aws, Partition::from_region))
    }

    /// Whether targets that need no organization contradict each other, or the region, before anything is asked.
    ///
    /// # Errors
    /// [`PlanError`] names what contradicts what.
    pub fn check(&self, region: Option<&str>) -> Result<(), PlanError> {
        if self.organization.is_none() {
            self.resolve(Vec::new(), region, None)?;
        }
        Ok(())
    }

    /// The targets: of the accounts that were named and of those that AWS Organizations `listed`, all that the filters
    /// leave, each with the way it is read. `own_account` is the caller's, which is read with the caller's credentials.
    ///
    /// # Errors
    /// [`PlanError`] where no account is left, or they cannot be read in one run.
    pub fn resolve(
        &self,
        listed: Vec<TargetSpec>,
        region: Option<&str>,
        own_account: Option<&AccountId>,
    ) -> Result<Targets, PlanError> {
        let roles = self.roles_in(region, own_account);
        let specs = self.filter.apply(self.all_with(listed))?;
        let targets = specs.into_iter().map(|spec| roles.resolve(spec));
        let targets = Targets::new(targets.collect::<Result<Vec<_>, _>>()?, roles.partition)?;
        if let Some(region) = region {
            targets.check_region(region)?;
        }
        Ok(targets)
    }

    /// Excluded names that no account has, for a note.
    #[must_use]
    pub fn unmatched_excludes(&self, listed: Vec<TargetSpec>) -> Vec<String> {
        self.filter.unmatched_excludes(&self.all_with(listed))
    }

    /// How one account would be read.
    ///
    /// # Errors
    /// Where no role is given for it.
    pub fn target(
        &self,
        account_id: AccountId,
        region: Option<&str>,
        own_account: Option<&AccountId>,
    ) -> Result<Target, PlanError> {
        let known = self.overrides.iter().find(|spec| spec.account_id == account_id).cloned();
        let spec = known.unwrap_or_else(|| TargetSpec::new(account_id));
        Ok(self.roles_in(region, own_account).resolve(spec)?)
    }

    fn roles_in(&self, region: Option<&str>, own_account: Option<&AccountId>) -> TargetDefaults {
        let partition = self.partition(region);
        TargetDefaults { partition, own_account: own_account.cloned(), ..self.roles.clone() }
    }

    fn all_with(&self, listed: Vec<TargetSpec>) -> Vec<TargetSpec> {
        TargetSpec::with_overrides([self.specs.clone(), listed].concat(), &self.overrides)
    }
}

/// An option that is about AWS Organizations and was given by whoever names the targets, or nearer: the layers below may
/// hold it for another run.
fn option_without_organization(options: &TargetOptions, chosen: Option<Origin>) -> Option<&'static str> {
    let is_given = |it: Option<Origin>| it.is_some_and(|it| it > Origin::File && Some(it) >= chosen);
    let role_arn = options.organization_role_arn.as_ref().map(|given| given.origin);
    let fetch_account_tags =
        options.fetch_account_tags.as_ref().filter(|given| given.value).map(|given| given.origin);
    [
        ("organization_role_arn", role_arn),
        ("ou", options.ou.as_ref().map(|given| given.origin)),
        ("fetch_account_tags", fetch_account_tags),
    ]
    .into_iter()
    .find(|(_, origin)| is_given(*origin))
    .map(|(key, _)| key)
}

/// Why targets cannot be read in one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanError {
    /// Nothing names a target.
    NoTargets,
    /// This option, by its key, is about AWS Organizations, which is not asked.
    NeedsOrganization(&'static str),
    /// No role is given for an account.
    MissingRole(MissingRole),
    /// The filters name no account, or leave none.
    Filter(EmptySelection),
    /// The targets contradict each other, or the region.
    TargetConflict(TargetConflict),
}

impl PlanError {
    /// The error, with options called as a front end calls them.
    #[must_use]
    pub fn to_text(&self, terms: &dyn Terms) -> String {
        match self {
            Self::NoTargets => "no target accounts are given".to_owned(),
            Self::NeedsOrganization(key) => {
                format!("{} needs AWS Organizations, which is not asked", terms.setting(key))
            }
            Self::MissingRole(error) => error.to_text(terms),
            Self::Filter(error) => error.to_text(terms),
            Self::TargetConflict(error) => error.to_string(),
        }
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text(&NeutralTerms))
    }
}

impl std::error::Error for PlanError {}

impl From<MissingRole> for PlanError {
    fn from(error: MissingRole) -> Self {
        Self::MissingRole(error)
    }
}

impl From<EmptySelection> for PlanError {
    fn from(error: EmptySelection) -> Self {
        Self::Filter(error)
    }
}

impl From<TargetConflict> for PlanError {
    fn from(error: TargetConflict) -> Self {
        Self::TargetConflict(error)
    }
}

#[cfg(test)]
mod tests {
    use rolecall_roll::AccountId;

    use super::{ListedAccounts, PlanError, TargetPlan, accounts_file};
    use crate::option_rows::{OptionSet, Origin};
    use crate::targets::options::TargetOptions;
    use crate::targets::{Access, TargetSpec};

    const ROLE: &str = "arn:aws:iam::111111111111:role/R";

    fn options(given: &[(&str, &str, Origin)]) -> TargetOptions {
        let mut options = TargetOptions::default();
        for (key, text, origin) in given {
            options.set(key, &[(*text).to_owned()], *origin).unwrap();
        }
        options
    }

    fn named(id: &str) -> TargetSpec {
        TargetSpec::new(id.parse().unwrap())
    }

    /// The accounts, and how each is read.
    fn targets(given: &[(&str, &str, Origin)], configured: &[TargetSpec]) -> Result<Vec<String>, PlanError> {
        let plan = TargetPlan::new(options(given), None, configured)?;
        let targets = plan.resolve(Vec::new(), Some("us-east-1"), None)?;
        let role = |target: &crate::Target| match &target.access {
            Access::Role(role) => role.role_arn.to_string(),
            access => format!("{access:?}"),
        };
        Ok(targets.as_slice().iter().map(role).collect())
    }

    #[test]
    fn who_names_targets_takes_precedence_and_the_others_name_none() {
        let (flag, variable, file) = (Origin::Flag, Origin::Variable, Origin::File);
        let name = ("role_name", "R", file);
        let account = ("account", "222222222222", flag);
        let role_arn = ("role_arn", ROLE, variable);
        assert_eq!(targets(&[role_arn, name], &[]).unwrap(), [ROLE]);
        assert_eq!(targets(&[account, role_arn, name], &[]).unwrap(), ["arn:aws:iam::222222222222:role/R"]);
        let organization = ("organization", "true", file);
        let plan = TargetPlan::new(options(&[account, organization]), None, &[]).unwrap();
        assert!(plan.organization().is_none(), "the file's organization is for who names nobody");
        let plan = TargetPlan::new(options(&[organization]), None, &[]).unwrap();
        assert!(plan.organization().is_some());
        let accounts = ("accounts_file", "a.csv", file);
        assert_eq!(accounts_file(&options(&[accounts])), Some(("a.csv", file)));
        assert_eq!(accounts_file(&options(&[accounts, role_arn])), None);
        let listed = ListedAccounts { accounts: vec![named("333333333333")], origin: Origin::Event };
        let plan = TargetPlan::new(options(&[role_arn, name]), Some(listed), &[]).unwrap();
        let targets = plan.resolve(Vec::new(), None, None).unwrap();
        assert_eq!(
            targets.as_slice()[0].account_id.as_str(),
            "333333333333",
            "the event, and not the variable"
        );
    }

    #[test]
    fn what_the_configuration_says_of_an_account_holds_for_who_names_it() {
        let other = TargetSpec { role_name: Some("Audit".parse().unwrap()), ..named("222222222222") };
        let configured = [other, named("333333333333")];
        let given = [("account", "222222222222", Origin::Flag), ("role_name", "R", Origin::Flag)];
        assert_eq!(targets(&given, &configured).unwrap(), ["arn:aws:iam::222222222222:role/Audit"]);
        let all = targets(&[("role_name", "R", Origin::File)], &configured).unwrap();
        assert_eq!(all.len(), 2, "who names nobody means those of the file");
    }

    #[test]
    fn what_cannot_be_planned_is_said() {
        assert_eq!(targets(&[], &[]).unwrap_err(), PlanError::NoTargets);
        let ou = ("ou", "Prod", Origin::Flag);
        let needs = targets(&[("role_arn", ROLE, Origin::Flag), ou], &[]).unwrap_err();
        assert_eq!(needs, PlanError::NeedsOrganization("ou"));
        let no_role = targets(&[("account", "222222222222", Origin::Flag)], &[]).unwrap_err();
        assert!(matches!(no_role, PlanError::MissingRole(_)), "{no_role}");
        let include = |origin| [("role_arn", ROLE, Origin::Variable), ("include", "prod-*", origin)];
        assert!(matches!(targets(&include(Origin::Flag), &[]).unwrap_err(), PlanError::Filter(_)));
        assert_eq!(
            targets(&include(Origin::File), &[]).unwrap(),
            [ROLE],
            "the file's filter is for the file's list"
        );
        let ou = [
            ("role_arn", ROLE, Origin::Flag),
            ("organization", "true", Origin::Variable),
            ("ou", "Prod", Origin::Variable),
        ];
        assert_eq!(targets(&ou, &[]).unwrap(), [ROLE], "the variables are for who names nobody");
        let plan = TargetPlan::new(options(&[("role_arn", ROLE, Origin::Flag)]), None, &[]).unwrap();
        let china = plan.check(Some("cn-north-1")).unwrap_err();
        assert!(matches!(china, PlanError::TargetConflict(_)), "{china}");
    }

    #[test]
    fn the_callers_own_account_is_read_with_the_callers_credentials() {
        let account_id: AccountId = "222222222222".parse().unwrap();
        let given = options(&[("role_name", "R", Origin::Flag)]);
        let plan = TargetPlan::for_one_account(given, &[]);
        let target = plan.target(account_id.clone(), None, Some(&account_id)).unwrap();
        assert_eq!(target.access, Access::CallerCredentials);
        let target = plan.target(account_id, Some("cn-north-1"), None).unwrap();
        assert_eq!(target.role().unwrap().role_arn.as_str(), "arn:aws-cn:iam::222222222222:role/R");
    }
}
