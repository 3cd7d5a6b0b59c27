//! Decides which accounts a run reads, and through which roles, from the options and account lists. It makes no calls: the
//! run calls AWS Organizations between making the plan and resolving its targets.

use std::collections::BTreeSet;
use std::fmt;

use rolecall_roll::{AccountId, ExternalId, NeutralTerms, Partition, RoleArn, TargetScope, Terms};

use super::account_filter::EmptySelection;
use super::organization::OrganizationReads;
use super::target_spec::{MissingRole, TargetDefaults};
use super::{AccountFilter, Target, TargetConflict, TargetSource, TargetSpec, Targets};
use crate::options::row::Origin;
use crate::options::targets::TargetOptions;

/// What is known of the targets before the first call.
#[derive(Debug, Clone)]
pub struct TargetPlan {
    /// The accounts that the options or an account list give.
    specs: Vec<TargetSpec>,
    /// The accounts of the configuration file. Their settings take precedence over those of a list, and those that no list
    /// has are targets themselves.
    overrides: Vec<TargetSpec>,
    /// `None` where AWS Organizations is not called.
    organization: Option<OrganizationQuery>,
    filter: AccountFilter,
    /// The settings for accounts whose entry lacks them.
    defaults: TargetDefaults,
}

/// What to read of AWS Organizations, and the role to assume for it.
#[derive(Debug, Clone)]
pub struct OrganizationQuery {
    /// The organizational units, and whether to read tags.
    pub reads: OrganizationReads,
    /// The role to assume for it; empty for the caller's credentials.
    pub via: Vec<RoleArn>,
}

/// The account list of a file or an event.
#[derive(Debug, Clone)]
pub struct ListedAccounts {
    /// The accounts, in the order of the list.
    pub accounts: Vec<TargetSpec>,
    /// Where the list, or the name of its file, was given.
    pub origin: Origin,
}

/// The accounts file to read, with the origin of its name; `None` where no file is read.
///
/// Only the sources of targets with the highest precedence count: an account on the command line replaces the
/// organization of the configuration file, for example.
#[must_use]
pub fn accounts_file(options: &TargetOptions) -> Option<(&str, Origin)> {
    let file = options.accounts_file.as_ref().filter(|file| Some(file.origin) == targets_origin(options))?;
    Some((&file.value, file.origin))
}

/// The origin of the options that give targets: the one with the highest precedence.
fn targets_origin(options: &TargetOptions) -> Option<Origin> {
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
    /// Combines the options with the accounts of a file or an event (`listed`) and those of the configuration file
    /// (`configured`).
    ///
    /// # Errors
    /// [`PlanError`] where there is no target, or an option requires AWS Organizations, which is not enabled.
    pub fn new(
        options: TargetOptions,
        listed: Option<ListedAccounts>,
        configured: &[TargetSpec],
    ) -> Result<Self, PlanError> {
        let origin = targets_origin(&options).max(listed.as_ref().map(|listed| listed.origin));
        let is_from_file = origin.is_none_or(|origin| origin == Origin::File);
        let takes_precedence = |it: Origin| Some(it) == origin;
        let uses_organization =
            options.organization.as_ref().is_some_and(|it| it.value && takes_precedence(it.origin));
        if let Some(key) = option_without_organization(&options, origin).filter(|_| !uses_organization) {
            return Err(PlanError::NeedsOrganization(key));
        }
        let has_role_arns = options.role_arn.as_ref().is_some_and(|it| takes_precedence(it.origin));
        if uses_organization && has_role_arns && options.role_name.is_none() {
            return Err(PlanError::RoleArnWithOrganization);
        }
        let gives_accounts = options.account.as_ref().is_some_and(|it| takes_precedence(it.origin));
        if has_role_arns && !uses_organization && !gives_accounts && listed.is_none() {
            // A variable or the file may give a name for other runs; a flag is for this one.
            let is_flag = |origin: Option<Origin>| origin == Some(Origin::Flag);
            for (key, origin) in [
                ("role_name", options.role_name.as_ref().map(|given| given.origin)),
                ("role_template", options.role_template.as_ref().map(|given| given.origin)),
            ] {
                if is_flag(origin) {
                    return Err(PlanError::UnusedWithRoleArn(key));
                }
            }
        }
        // Accounts that are given one by one are not filtered by a lower layer: its filter is for that layer's list.
        let is_list = uses_organization || listed.is_some();
        let applies = |it: Origin| is_list || Some(it) >= origin;
        let options = TargetOptions {
            include: options.include.filter(|given| applies(given.origin)),
            exclude: options.exclude.filter(|given| applies(given.origin)),
            include_tag: options.include_tag.filter(|given| applies(given.origin)),
            ..options
        };
        // The configuration file may have settings for an account that is given by its id alone.
        let configured_spec = |id: &AccountId| configured.iter().find(|it| it.account_id == *id).cloned();
        let by_id = |id: &AccountId| configured_spec(id).unwrap_or_else(|| TargetSpec::new(id.clone()));
        let accounts = options.account.iter().filter(|given| takes_precedence(given.origin));
        let role_arns = options.role_arn.iter().filter(|given| takes_precedence(given.origin));
        let from = |source: TargetSource| move |spec: TargetSpec| spec.given_in(source);
        let accounts = accounts.flat_map(|given| &given.value).map(by_id);
        let role_arns = role_arns.flat_map(|given| &given.value).map(TargetSpec::from_role_arn);
        let listed = listed.filter(|listed| takes_precedence(listed.origin));
        let is_of_event = listed.as_ref().is_some_and(|listed| listed.origin == Origin::Event);
        let listed = listed.into_iter().flat_map(|it| it.accounts);
        // An entry of a file knows its line.
        let listed = listed.map(|spec| if is_of_event { spec.given_in(TargetSource::Event) } else { spec });
        let specs: Vec<TargetSpec> = accounts
            .map(from(TargetSource::Option("account")))
            .chain(role_arns.map(from(TargetSource::Option("role_arn"))))
            .chain(listed)
            .collect();
        let configured: Vec<TargetSpec> =
            configured.iter().cloned().map(from(TargetSource::Configuration)).collect();
        let overrides = if is_from_file || uses_organization { configured } else { Vec::new() };
        if specs.is_empty() && overrides.is_empty() && !uses_organization {
            return Err(PlanError::NoTargets);
        }
        Ok(Self::from_parts(options, specs, overrides, uses_organization))
    }

    /// A plan to read one account, whose id [`TargetPlan::target`] takes later.
    #[must_use]
    pub fn for_one_account(options: TargetOptions, configured: &[TargetSpec]) -> Self {
        Self::from_parts(options, Vec::new(), configured.to_vec(), false)
    }

    fn from_parts(
        options: TargetOptions,
        specs: Vec<TargetSpec>,
        overrides: Vec<TargetSpec>,
        uses_organization: bool,
    ) -> Self {
        let tags = options.include_tag.map(|given| given.value).unwrap_or_default();
        let organization = uses_organization.then(|| OrganizationQuery {
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
        let defaults = TargetDefaults {
            template: options.role_template.map(|given| given.value).unwrap_or_default(),
            partition: Partition::Aws,
            role_name: options.role_name.map(|given| given.value),
            external_id: options.external_id.map(|given| given.value),
            via: options.via.map(|given| given.value).unwrap_or_default(),
            own_account: None,
        };
        Self { specs, overrides, organization, filter, defaults }
    }

    /// What to read of AWS Organizations; `None` where it is not called.
    #[must_use]
    pub fn organization(&self) -> Option<&OrganizationQuery> {
        self.organization.as_ref()
    }

    /// Whether accounts are read that are given by options, in addition to those of AWS Organizations.
    #[must_use]
    pub fn reads_more_than_the_organization(&self) -> bool {
        self.organization.is_some() && !self.specs.is_empty()
    }

    /// Which accounts of the organization are selected, for the roll's header; empty without an organization.
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

    /// The targets' partition: that of the first role that is given by its ARN, otherwise that of the region.
    #[must_use]
    pub fn partition(&self, region: Option<&str>) -> Partition {
        let mut all = self.specs.iter().chain(&self.overrides);
        let explicit = all.find_map(|spec| spec.role_arn.as_ref()).map(RoleArn::partition);
        explicit.unwrap_or_else(|| region.map_or(Partition::Aws, Partition::from_region))
    }

    /// Checks, before the first call, whether targets conflict with each other or with the region. Targets from AWS
    /// Organizations cannot be checked yet.
    ///
    /// # Errors
    /// [`PlanError`] names what conflicts.
    pub fn check(&self, region: Option<&str>) -> Result<(), PlanError> {
        if self.organization.is_none() {
            self.resolve(Vec::new(), region, None)?;
        }
        Ok(())
    }

    /// The targets: the given accounts and those that AWS Organizations `listed`, filtered, each with how it is read.
    /// `own_account` is the caller's account, which is read with the caller's credentials.
    ///
    /// # Errors
    /// [`PlanError`] where no account is left, or one run cannot read them all.
    pub fn resolve(
        &self,
        listed: Vec<TargetSpec>,
        region: Option<&str>,
        own_account: Option<&AccountId>,
    ) -> Result<Targets, PlanError> {
        let defaults = self.defaults_in(region, own_account);
        let listed = listed.into_iter().map(|spec| spec.given_in(TargetSource::Organization)).collect();
        let specs = self.filter.apply(self.merged_with(listed))?;
        let targets = specs.into_iter().map(|spec| defaults.resolve(spec));
        let targets = Targets::new(targets.collect::<Result<Vec<_>, _>>()?, defaults.partition)?;
        if let Some(region) = region {
            targets.check_region(region)?;
        }
        Ok(targets)
    }

    /// The exclude patterns that match no account, for a note.
    #[must_use]
    pub fn unmatched_excludes(&self, listed: Vec<TargetSpec>) -> Vec<String> {
        self.filter.unmatched_excludes(&self.merged_with(listed))
    }

    /// The external id that an account's role requires, from the options and the configuration.
    ///
    /// A run that is distributed over invocations stores its targets without external ids, and finds them again with this.
    #[must_use]
    pub fn external_id_of(&self, account_id: &AccountId) -> Option<&ExternalId> {
        let mut specs = self.overrides.iter().chain(&self.specs);
        let own =
            specs.find(|spec| spec.account_id == *account_id).and_then(|spec| spec.external_id.as_ref());
        own.or(self.defaults.external_id.as_ref())
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
        let configured = self.overrides.iter().find(|spec| spec.account_id == account_id).cloned();
        let spec = configured.unwrap_or_else(|| TargetSpec::new(account_id));
        Ok(self.defaults_in(region, own_account).resolve(spec)?)
    }

    fn defaults_in(&self, region: Option<&str>, own_account: Option<&AccountId>) -> TargetDefaults {
        let partition = self.partition(region);
        TargetDefaults { partition, own_account: own_account.cloned(), ..self.defaults.clone() }
    }

    /// The plan without the sections of these accounts of the organization, which are not in the selected units, and the
    /// accounts that have such a section. An account outside of the organization is in no unit, and stays a target.
    #[must_use]
    pub fn without_sections_of(mut self, others: &BTreeSet<AccountId>) -> (Self, Vec<AccountId>) {
        let is_given = |spec: &TargetSpec| self.specs.iter().any(|given| given.account_id == spec.account_id);
        let is_outside = |spec: &TargetSpec| others.contains(&spec.account_id) && !is_given(spec);
        let (outside, overrides): (Vec<_>, Vec<_>) = self.overrides.into_iter().partition(is_outside);
        self.overrides = overrides;
        (self, outside.into_iter().map(|spec| spec.account_id).collect())
    }

    fn merged_with(&self, listed: Vec<TargetSpec>) -> Vec<TargetSpec> {
        TargetSpec::with_overrides([self.specs.clone(), listed].concat(), &self.overrides)
    }
}

/// The key of an option that requires AWS Organizations and was given in the layer that gives the targets, or in one that
/// takes precedence over it. Lower layers may hold such options for other runs.
fn option_without_organization(
    options: &TargetOptions,
    targets_origin: Option<Origin>,
) -> Option<&'static str> {
    // A layer that switches the organization off means the options of the layers below it too.
    let disabled_at = options.organization.as_ref().filter(|given| !given.value).map(|given| given.origin);
    let is_given = |it: Option<Origin>| {
        it.is_some_and(|it| it > Origin::File && Some(it) >= targets_origin && Some(it) >= disabled_at)
    };
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

/// Why there are no targets that one run can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanError {
    /// No option and no list gives a target.
    NoTargets,
    /// The option with this key requires AWS Organizations, which is not enabled.
    NeedsOrganization(&'static str),
    /// Accounts of an organization, whose roles need a name, and a role ARN, which is for one account, are given.
    RoleArnWithOrganization,
    /// Role ARNs give all targets, so that the option with this key would have no effect.
    UnusedWithRoleArn(&'static str),
    /// No role is given for an account.
    MissingRole(MissingRole),
    /// A filter matches no account, or the filters leave none.
    Filter(EmptySelection),
    /// The targets conflict with each other or with the region.
    TargetConflict(TargetConflict),
}

impl PlanError {
    /// The error message, with options named as the front end names them.
    #[must_use]
    pub fn to_text(&self, terms: &dyn Terms) -> String {
        match self {
            Self::NoTargets => "no target accounts are given".to_owned(),
            Self::NeedsOrganization(key) => {
                format!("{} requires {}", terms.setting(key), terms.setting("organization"))
            }
            Self::RoleArnWithOrganization => {
                let [organization, role_arn, role_name] =
                    ["organization", "role_arn", "role_name"].map(|key| terms.setting(key));
                format!(
                    "{organization} conflicts with {role_arn}, which is the role of one account; give the name of the role in \
                     the organization's accounts with {role_name}"
                )
            }
            Self::UnusedWithRoleArn(key) => {
                let [role_arn, unused] = ["role_arn", *key].map(|key| terms.setting(key));
                format!(
                    "{unused} has no effect with {role_arn}, which gives the whole role; leave out one of them"
                )
            }
            Self::MissingRole(error) => error.to_text(terms),
            Self::Filter(error) => error.to_text(terms),
            Self::TargetConflict(error) => error.to_text(terms),
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
    use crate::options::row::{OptionSet, Origin};
    use crate::options::targets::TargetOptions;
    use crate::targets::{Access, TargetSpec};

    const ROLE: &str = "arn:aws:iam::111111111111:role/R";

    fn options(given: &[(&str, &str, Origin)]) -> TargetOptions {
        let mut options = TargetOptions::default();
        for (key, text, origin) in given {
            options.set(key, &[(*text).to_owned()], *origin).unwrap();
        }
        options
    }

    fn spec(id: &str) -> TargetSpec {
        TargetSpec::new(id.parse().unwrap())
    }

    /// The role ARN of each target, or how else it is read.
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
    fn only_the_layer_with_the_highest_precedence_gives_targets() {
        let (flag, variable, file) = (Origin::Flag, Origin::Variable, Origin::File);
        let name = ("role_name", "R", file);
        let account = ("account", "222222222222", flag);
        let role_arn = ("role_arn", ROLE, variable);
        assert_eq!(targets(&[role_arn, name], &[]).unwrap(), [ROLE]);
        assert_eq!(targets(&[account, role_arn, name], &[]).unwrap(), ["arn:aws:iam::222222222222:role/R"]);
        let organization = ("organization", "true", file);
        let plan = TargetPlan::new(options(&[account, organization]), None, &[]).unwrap();
        assert!(
            plan.organization().is_none(),
            "the file's organization counts only where nothing else gives targets"
        );
        let plan = TargetPlan::new(options(&[organization]), None, &[]).unwrap();
        assert!(plan.organization().is_some());
        let accounts = ("accounts_file", "a.csv", file);
        assert_eq!(accounts_file(&options(&[accounts])), Some(("a.csv", file)));
        assert_eq!(accounts_file(&options(&[accounts, role_arn])), None);
        let listed = ListedAccounts { accounts: vec![spec("333333333333")], origin: Origin::Event };
        let plan = TargetPlan::new(options(&[role_arn, name]), Some(listed), &[]).unwrap();
        let targets = plan.resolve(Vec::new(), None, None).unwrap();
        assert_eq!(
            targets.as_slice()[0].account_id.as_str(),
            "333333333333",
            "the event takes precedence over the variable"
        );
    }

    #[test]
    fn the_configuration_of_an_account_applies_to_an_account_that_is_given_by_id() {
        let other = TargetSpec { role_name: Some("Audit".parse().unwrap()), ..spec("222222222222") };
        let configured = [other, spec("333333333333")];
        let given = [("account", "222222222222", Origin::Flag), ("role_name", "R", Origin::Flag)];
        assert_eq!(targets(&given, &configured).unwrap(), ["arn:aws:iam::222222222222:role/Audit"]);
        let all = targets(&[("role_name", "R", Origin::File)], &configured).unwrap();
        assert_eq!(all.len(), 2, "without other targets, the file's accounts are the targets");
    }

    #[test]
    fn a_section_of_an_account_outside_of_the_selected_units_adds_no_target() {
        let audit = TargetSpec { role_name: Some("Audit".parse().unwrap()), ..spec("222222222222") };
        let configured = [audit, spec("333333333333"), spec("444444444444")];
        let organization = [("organization", "true", Origin::Flag), ("role_name", "R", Origin::Flag)];
        let targets = |more: &[(&str, &str, Origin)]| {
            let given = options(&[&organization[..], more].concat());
            let plan = TargetPlan::new(given, None, &configured).unwrap();
            let others = ["333333333333".parse().unwrap()].into();
            let (plan, outside) = plan.without_sections_of(&others);
            let targets = plan.resolve(vec![spec("111111111111"), spec("222222222222")], None, None).unwrap();
            let role = |it: &crate::Target| it.role().unwrap().role_arn.to_string();
            (targets.as_slice().iter().map(role).collect::<Vec<_>>(), outside)
        };
        let [r, audit, other, acquired] =
            [("111111111111", "R"), ("222222222222", "Audit"), ("333333333333", "R"), ("444444444444", "R")]
                .map(|(id, name)| format!("arn:aws:iam::{id}:role/{name}"));
        let outside: AccountId = "333333333333".parse().unwrap();
        let without = vec![r.clone(), audit.clone(), acquired.clone()];
        assert_eq!(targets(&[]), (without, vec![outside]), "the last is in no organization");
        let given = ("account", "333333333333", Origin::Flag);
        assert_eq!(targets(&[given]), (vec![r, audit, other, acquired], Vec::new()), "it is given by its id");
    }

    #[test]
    fn options_without_valid_targets_are_errors() {
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
            "the file's filter applies to the file's list only"
        );
        let ou = [
            ("role_arn", ROLE, Origin::Flag),
            ("organization", "true", Origin::Variable),
            ("ou", "Prod", Origin::Variable),
        ];
        assert_eq!(targets(&ou, &[]).unwrap(), [ROLE], "the flag replaces the variables' organization");
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
