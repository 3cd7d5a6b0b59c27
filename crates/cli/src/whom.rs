//! Whom to ask: from what was typed, set and written down to targets, AWS Organizations asked on the way.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use rolecall_core::call::CallError;
use rolecall_core::connect::{Connect, Roots, http_client};
use rolecall_core::scan::Scanner;
use rolecall_core::settings::Settings;
use rolecall_core::targets::named::Defaults;
use rolecall_core::targets::organization::{Asker, Unknown, Wanted};
use rolecall_core::targets::{Choice, Named, Target, Targets, accounts_file};
use rolecall_roll::{AccountId, Caller, Class, ExternalId, Organization, Partition, RoleArn};

use crate::args::{self, Through, Whom};
use crate::configuration::{self, Configuration};
use crate::environment;
use crate::failure::Failure;
use crate::terms::FlagTerms;

/// Everything that is known before AWS is asked.
pub(crate) struct Plan {
    /// Accounts that were named.
    named: Vec<Named>,
    /// Those that are asked otherwise than the others, or that nobody lists.
    written: Vec<Named>,
    /// Whether and how AWS Organizations is asked for more.
    organization: Option<(Wanted, Vec<RoleArn>)>,
    choice: Choice,
    defaults: Defaults,
    /// The file that goes before all.
    pub(crate) configuration: Configuration,
}

/// Everything that is known before the accounts are asked.
pub(crate) struct Known {
    pub(crate) targets: Targets,
    pub(crate) caller: Option<Caller>,
    pub(crate) organization: Option<Organization>,
    /// Who can tell more of it.
    pub(crate) asker: Option<Asker>,
    /// What could not be learned besides, for a person.
    pub(crate) notes: Vec<String>,
}

impl Plan {
    /// What was typed comes first, then the environment, then the file.
    pub(crate) fn of(whom: &Whom, caller: &args::Caller) -> Result<Self, Failure> {
        let configuration = configuration::read(caller.config.as_deref())?;
        let region = caller.region.clone().map_or_else(environment::region, |region| Ok(Some(region)))?;
        // One that is typed by its id alone may be one that the file says more of.
        let written = |id: &AccountId| configuration.named.iter().find(|it| it.account_id == *id).cloned();
        let of_id = |id: &AccountId| written(id).unwrap_or_else(|| Named::of(id.clone()));
        let mut named: Vec<Named> = whom.account.iter().map(of_id).collect();
        named.extend(whom.role_arn.iter().map(by_role));
        if let Some(file) = &whom.accounts {
            named.extend(accounts_of(file)?);
        }
        if named.is_empty() && !whom.organization {
            named.extend(environment::role_arns()?.iter().map(by_role));
        }
        // Whom to ask stands in the file for who types nobody.
        let by_file = named.is_empty() && !whom.organization;
        let of_file = configuration.organization.as_ref();
        let asks = whom.organization || (by_file && of_file.is_some_and(|it| it.ask));
        let of_organization = [
            ("--organization-role-arn", whom.organization_role_arn.is_some()),
            ("--ou", !whom.ou.is_empty()),
            ("--account-tags", whom.account_tags),
        ];
        if let Some((flag, _)) = of_organization.iter().find(|(_, is_typed)| *is_typed && !asks) {
            return Err(usage(format!("{flag} is about AWS Organizations, which is not asked"))
                .with_remedy("type --organization, or let rolecall.toml say `[organization] ask = true`"));
        }
        if let (true, Some(file)) = (by_file, &configuration.accounts) {
            named.extend(accounts_of(&configuration.folder.join(file))?);
        }
        let written = if by_file || asks { configuration.named.clone() } else { Vec::new() };
        let mut tags = whom.account_tag.clone();
        let mut organization = asks.then(|| {
            let wanted = Wanted { units: whom.ou.clone(), tags: whom.account_tags };
            (wanted, Vec::from_iter(whom.organization_role_arn.clone()))
        });
        if named.is_empty() && written.is_empty() && organization.is_none() {
            return Err(Failure::usage("nobody says whom to ask").with_remedy(
                "type --role-arn ARN, --account ID --role-name NAME, --accounts FILE or --organization, or let \
                 `rolecall init` write a rolecall.toml",
            ));
        }
        if let Some((wanted, via)) = &mut organization {
            // What is typed of it comes before what the file says of it.
            if let Some(file) = of_file {
                if wanted.units.is_empty() {
                    wanted.units.clone_from(&file.ou);
                }
                if tags.is_empty() {
                    tags.clone_from(&file.tags);
                }
                if via.is_empty() {
                    via.extend(file.role_arn.clone());
                }
                wanted.tags |= file.account_tags;
            }
            wanted.tags |= !tags.is_empty();
        }
        let or = |typed: &[String], written: &[String]| {
            if typed.is_empty() { written.to_vec() } else { typed.to_vec() }
        };
        let choice = Choice {
            include: or(&whom.include, &configuration.include),
            exclude: or(&whom.exclude, &configuration.exclude),
            tags,
        };
        let named = (named, written);
        let plan = Self::with(named, organization, choice, &whom.through, configuration, region.as_deref())?;
        // What contradicts itself is told before anything is asked.
        if plan.organization.is_none() {
            let targets = plan.targets(plan.choice.of(plan.named_with(Vec::new())).map_err(usage)?)?;
            region.map_or(Ok(()), |region| targets.fit_region(&region)).map_err(usage)?;
        }
        Ok(plan)
    }

    /// A plan for accounts that are not known yet.
    pub(crate) fn of_nobody(through: &Through, caller: &args::Caller) -> Result<Self, Failure> {
        let configuration = configuration::read(caller.config.as_deref())?;
        let region = caller.region.clone().map_or_else(environment::region, |region| Ok(Some(region)))?;
        Self::with(
            (Vec::new(), Vec::new()),
            None,
            Choice::default(),
            through,
            configuration,
            region.as_deref(),
        )
    }

    /// How one account would be asked.
    pub(crate) fn target_of(
        &mut self,
        account_id: AccountId,
        scanner: &Scanner,
        own: Option<&Caller>,
    ) -> Result<Target, Failure> {
        let region = scanner.sdk_config().region().map_or("", AsRef::as_ref);
        self.defaults.partition = Partition::of_region(region);
        self.defaults.own_account = own.map(|caller| caller.account_id.clone());
        // It may be one that is asked otherwise than the others.
        let known = self.configuration.named.iter().find(|named| named.account_id == account_id).cloned();
        self.defaults.target(known.unwrap_or_else(|| Named::of(account_id))).map_err(usage)
    }

    fn with(
        (named, written): (Vec<Named>, Vec<Named>),
        organization: Option<(Wanted, Vec<RoleArn>)>,
        choice: Choice,
        through: &Through,
        configuration: Configuration,
        region: Option<&str>,
    ) -> Result<Self, Failure> {
        let template = through.role_template.clone().or_else(|| configuration.template.clone());
        let explicit =
            named.iter().chain(&written).find_map(|named| named.role_arn.as_ref()).map(RoleArn::partition);
        let of_region = region.map_or(Partition::Aws, Partition::of_region);
        let defaults = Defaults {
            template: template.unwrap_or_default(),
            partition: explicit.unwrap_or(of_region),
            role_name: through.role_name.clone().or_else(|| configuration.role_name.clone()),
            external_id: external_id(through)?.or_else(|| configuration.secret.clone()),
            via: if through.via.is_empty() { configuration.via.clone() } else { through.via.clone() },
            own_account: None,
        };
        Ok(Self { named, written, organization, choice, defaults, configuration })
    }

    /// A scanner that asks as the caller.
    pub(crate) async fn connect(
        &self,
        caller: &args::Caller,
        settings: Settings,
    ) -> Result<Scanner, Failure> {
        environment::check_addresses()?;
        if caller.profile.is_none() {
            environment::check_credentials()?;
        }
        let roots = Roots::of_bundle(environment::ca_bundle().as_deref()).map_err(usage)?;
        let connect = Connect {
            http_client: http_client(roots),
            region: caller.region.clone(),
            profile: caller.profile.clone(),
            credentials: None,
            partition: self.defaults.partition,
            time: SharedTimeSource::new(SystemTimeSource::new()),
        };
        let sdk_config = connect.load(&settings.limits).await.map_err(usage)?;
        Ok(Scanner::new(sdk_config, settings))
    }

    /// Asks who is asking, and AWS Organizations for the accounts where that is wanted.
    pub(crate) async fn resolve(
        mut self,
        scanner: &Scanner,
        profile: Option<&str>,
    ) -> Result<Known, Failure> {
        let region = scanner.sdk_config().region().map_or("", AsRef::as_ref).to_owned();
        // Where no region is set in the environment it is the profile's, and the partition with it.
        if !self.named.iter().chain(&self.written).any(|named| named.role_arn.is_some()) {
            self.defaults.partition = Partition::of_region(&region);
        }
        let check = |targets: &Targets| targets.fit_region(&region).map_err(usage);
        if self.organization.is_none() {
            check(&self.targets(self.choice.of(self.named_with(Vec::new())).map_err(usage)?)?)?;
        }
        let caller = scanner.caller().await.map_err(|error| no_caller(&error, profile))?;
        self.defaults.own_account = caller.as_ref().map(|caller| caller.account_id.clone());
        let (mut listed, mut notes) = (Vec::new(), Vec::new());
        let (mut organization, mut asker) = (None, None);
        if let Some((wanted, via)) = &self.organization {
            let failed = |error: Unknown| organization_unknown(&error);
            let who = scanner.organization(via).await.map_err(|error| failed(error.into()))?;
            let found = who.list(wanted).await.map_err(failed)?;
            listed = found.named;
            notes = found.notes;
            organization = Some(found.organization);
            asker = Some(who);
        }
        let named = self.named_with(listed);
        for name in self.choice.excluded_in_vain(&named) {
            notes.push(format!("--exclude {name}: no account has this id or name"));
        }
        let targets = self.targets(self.choice.of(named).map_err(usage)?)?;
        check(&targets)?;
        Ok(Known { targets, caller, organization, asker, notes })
    }

    /// All accounts that are named and listed, those of them asked otherwise that are written down.
    fn named_with(&self, listed: Vec<Named>) -> Vec<Named> {
        Named::merge([self.named.clone(), listed].concat(), &self.written)
    }

    fn targets(&self, named: Vec<Named>) -> Result<Targets, Failure> {
        let targets = named.into_iter().map(|named| self.defaults.target(named));
        let targets = targets.collect::<Result<Vec<_>, _>>().map_err(usage)?;
        Targets::new(targets, self.defaults.partition).map_err(usage)
    }
}

fn by_role(role_arn: &RoleArn) -> Named {
    Named { role_arn: Some(role_arn.clone()), ..Named::of(role_arn.account_id().clone()) }
}

fn accounts_of(file: &Path) -> Result<Vec<Named>, Failure> {
    let wrong =
        |problem: &dyn std::fmt::Display| Failure::usage(format!("--accounts {}: {problem}", file.display()));
    let text = if file == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        fs::read_to_string(file)
    };
    let text = text.map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => {
            wrong(&"it is no UTF-8; save it as that, which a spreadsheet offers as CSV UTF-8")
        }
        _ => wrong(&error),
    })?;
    accounts_file::parse(&text).map_err(|error| wrong(&error))
}

fn external_id(through: &Through) -> Result<Option<ExternalId>, Failure> {
    let typed = through.external_id.as_ref().map(|id| id.0.clone());
    let text = typed.map_or_else(environment::external_id, |id| Ok(Some(id)))?;
    let id = text.map(|id| id.parse()).transpose();
    id.map_err(|error: rolecall_roll::Invalid| {
        usage(error).with_remedy("it came from --external-id or ROLECALL_EXTERNAL_ID")
    })
}

pub(crate) fn no_caller(error: &CallError, profile: Option<&str>) -> Failure {
    let why = match (error.class, profile) {
        (Class::Credentials, Some(profile)) => {
            format!("profile {profile:?} gives no credentials that AWS accepts")
        }
        (Class::Credentials, None) => "the caller has no credentials that AWS accepts".to_owned(),
        _ => "AWS did not answer".to_owned(),
    };
    let remedy = error.remedy().to_text(&FlagTerms);
    let remedy = match (profile, error.class) {
        (Some(_), Class::Credentials) => {
            format!("{remedy}; `aws configure list-profiles` shows which there are")
        }
        _ => remedy,
    };
    Failure::incomplete(format!("no account was asked, {why}: {error}")).with_remedy(remedy)
}

fn organization_unknown(error: &Unknown) -> Failure {
    let remedy = match error {
        Unknown::NoUnit(..) | Unknown::Ambiguous(..) => return usage(error),
        Unknown::Call(error) if error.code.as_deref() == Some("AWSOrganizationsNotInUseException") => {
            "the caller's account is in no organisation; name the accounts: --accounts FILE"
        }
        Unknown::Call(error) if error.class == Class::Denied => {
            "ask from the management account or a delegated administrator, or as a role of one: --organization-role-arn \
             ARN; its policies must allow organizations:DescribeOrganization, ListAccounts, ListRoots, \
             ListOrganizationalUnitsForParent, ListAccountsForParent, and for tags ListTagsForResource"
        }
        Unknown::Call(error) => &error.remedy().to_text(&FlagTerms),
        Unknown::NoAccounts => {
            "see whether it is the right organisation, and the right --ou: rolecall accounts"
        }
    };
    let message = format!("no account was asked, the organisation's accounts are not known: {error}");
    Failure::incomplete(message).with_remedy(remedy)
}

fn usage(error: impl std::fmt::Display) -> Failure {
    Failure::usage(error)
}
