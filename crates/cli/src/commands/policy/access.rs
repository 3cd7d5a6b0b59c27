//! The access that policies are made for: the options that `generate`, `request` and `check` share.

use std::collections::BTreeSet;

use clap::{Args, ValueEnum};
use rolecall_access::documents::{
    FunctionName, InvalidAccess, MemberRoles, OrganizationId, PermissionSetName, RequiredAccess, Trust,
};
use rolecall_core::options::row::Origin;
use rolecall_core::options::targets::TargetOptions;
use rolecall_core::targets::{Role, TargetPlan};
use rolecall_core::{RunOptions, Settings};
use rolecall_roll::{AccountId, ExternalId, Partition, RoleArn};

use crate::args::{ConfigurationArgs, Flags, MemberRoleFlags, SelectionFlags, SessionFlags};
use crate::configuration::{self, Configuration};
use crate::failure::Failure;
use crate::targets;

/// The options of the access.
#[derive(Debug, Args)]
pub(crate) struct AccessArgs {
    /// ARN of the role that Rolecall runs as in the hub account
    #[arg(long, value_name = "ARN", help_heading = "Roles")]
    hub_role_arn: Option<RoleArn>,

    #[command(flatten)]
    roles: Flags<MemberRoleFlags>,

    /// Id of the organization; without --role-arn and --account, the member role of every account in it is meant
    #[arg(long, value_name = "ID", help_heading = "Roles")]
    organization_id: Option<OrganizationId>,

    /// How trust policies name the hub role
    #[arg(long, value_enum, default_value = "role", help_heading = "Roles")]
    trust: TrustKind,

    /// Trust also this permission set of IAM Identity Center in the hub account; needs --trust organization
    #[arg(long, value_name = "NAME", help_heading = "Roles")]
    permission_set: Option<PermissionSetName>,

    /// Lambda function whose log the hub role writes
    #[arg(long, value_name = "NAME", default_value = "rolecall", help_heading = "Roles")]
    function: FunctionName,

    #[command(flatten)]
    selection: Flags<SelectionFlags>,

    #[command(flatten)]
    session: Flags<SessionFlags>,

    #[command(flatten)]
    configuration: ConfigurationArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TrustKind {
    /// The role's ARN as principal; a role that is deleted and created again is not trusted
    Role,
    /// The hub account as principal, with conditions for the organization and the role's ARN; needs --organization-id
    Organization,
}

/// The account and the name of a role that stands for one that is not given, where a check does not depend on it.
const SAMPLE_HUB_ROLE: [&str; 2] = ["210987654321", "LambdaRole"];
const SAMPLE_MEMBER_ROLE: [&str; 2] = ["123456789012", "IAMListRole"];

/// The access that the options describe, as far as they do.
pub(crate) struct GivenAccess {
    hub_role: Option<RoleArn>,
    members: Option<MemberRoles>,
    /// The access, with sample roles where none is given.
    access: RequiredAccess,
    pub(crate) settings: Settings,
}

impl GivenAccess {
    /// The access with all of its roles.
    pub(crate) fn complete(&self) -> Result<&RequiredAccess, Failure> {
        self.with_hub_role()?;
        self.with_members()
    }

    /// The access with its hub role; its member roles may be samples.
    pub(crate) fn with_hub_role(&self) -> Result<&RequiredAccess, Failure> {
        let missing = || {
            Failure::usage("the hub role is not given").with_remedy(
                "pass --hub-role-arn ARN, such as arn:aws:iam::222222222222:role/LambdaRole: the role that Rolecall runs as",
            )
        };
        self.hub_role.as_ref().map(|_| &self.access).ok_or_else(missing)
    }

    /// The access with its member roles; its hub role may be a sample.
    pub(crate) fn with_members(&self) -> Result<&RequiredAccess, Failure> {
        let missing = || {
            Failure::usage("no member role is given").with_remedy(
                "pass --role-arn ARN, or --account ID with --role-name NAME; for all accounts of an organization, \
                 --organization-id ID with --role-name NAME",
            )
        };
        self.members.as_ref().map(|_| &self.access).ok_or_else(missing)
    }

    /// The access, with samples of the roles that are not given.
    pub(crate) fn with_samples(&self) -> &RequiredAccess {
        &self.access
    }

    /// The access with samples, of which those of the member roles are in these accounts.
    pub(crate) fn with_samples_in(&self, account_ids: &BTreeSet<String>) -> Result<RequiredAccess, Failure> {
        let [_, name] = SAMPLE_MEMBER_ROLE;
        let partition = self.access.partition();
        let roles = account_ids.iter().map(|id| sample([id, name], partition));
        let roles: Vec<RoleArn> = roles.collect::<Result<_, _>>()?;
        let members = if roles.is_empty() { self.access.members.clone() } else { MemberRoles::Listed(roles) };
        Ok(RequiredAccess { members, ..self.access.clone() })
    }

    /// Whether the member roles are given.
    pub(crate) fn has_members(&self) -> bool {
        self.members.is_some()
    }
}

impl AccessArgs {
    /// The access: the flags, and what the environment and the configuration file set.
    pub(crate) fn read(&self) -> Result<GivenAccess, Failure> {
        let configuration = configuration::read(&self.configuration)?;
        let flags = RunOptions {
            targets: self.roles.options()?,
            selection: self.selection.options()?,
            settings: self.session.options()?,
            ..RunOptions::default()
        };
        let options = targets::options(flags, &configuration)?;
        let settings = targets::settings(&options)?;
        if options.targets.via.is_some() {
            return Err(Failure::usage("intermediate roles (via) are set, and each pair of roles has policies of its own")
                .with_remedy(
                    "run the command for each pair without via: --hub-role-arn is the role that assumes, --role-arn the one that \
                     is assumed",
                ));
        }
        let trust = self.trust()?;
        let members = self.members(&options, &configuration)?;
        let (members, external_id) =
            members.map_or((None, global_external_id(&options)), |(members, id)| (Some(members), id));
        let hub_role = self.hub_role_arn.clone();
        let partition = self.partition(members.as_ref());
        let sample_hub = sample(SAMPLE_HUB_ROLE, partition)?;
        let sample_members = MemberRoles::Listed(vec![sample(SAMPLE_MEMBER_ROLE, partition)?]);
        let access = RequiredAccess {
            members: members.clone().unwrap_or(sample_members),
            organization_id: self.organization_id.clone(),
            organization_role: options
                .targets
                .organization_role_arn
                .as_ref()
                .map(|given| given.value.clone()),
            external_id,
            session_name: settings.session.name.clone(),
            source_identity: settings.session.source_identity.clone(),
            session_tags: settings.session.tags.clone(),
            selection: settings.selection.clone(),
            function_name: self.function.clone(),
            ..RequiredAccess::new(hub_role.clone().unwrap_or(sample_hub), trust)
        };
        Ok(GivenAccess { hub_role, members, access, settings })
    }

    /// The partition of the roles that are given; the commercial one where none is.
    fn partition(&self, members: Option<&MemberRoles>) -> Partition {
        let first = match members {
            Some(MemberRoles::Listed(roles)) => roles.first(),
            _ => None,
        };
        self.hub_role_arn.as_ref().or(first).map_or(Partition::Aws, RoleArn::partition)
    }

    fn trust(&self) -> Result<Trust, Failure> {
        match (self.trust, &self.organization_id) {
            (TrustKind::Organization, Some(id)) => {
                Ok(Trust::Organization { id: id.clone(), permission_set: self.permission_set.clone() })
            }
            (TrustKind::Organization, None) => Err(Failure::usage("--trust organization needs the organization's id")
                .with_remedy(
                    "pass --organization-id ID; `aws organizations describe-organization --query Organization.Id` prints it",
                )),
            (TrustKind::Role, _) if self.permission_set.is_some() => {
                Err(Failure::usage("--permission-set needs --trust organization").with_remedy(
                    "the names of its roles end with characters that change, and only a condition can have a wildcard",
                ))
            }
            (TrustKind::Role, _) => Ok(Trust::Role),
        }
    }

    /// The member roles and the external id that they require; `None` where no role is given.
    fn members(
        &self,
        options: &RunOptions,
        configuration: &Configuration,
    ) -> Result<Option<(MemberRoles, Option<ExternalId>)>, Failure> {
        let TargetOptions { role_arn, account, role_name, .. } = &options.targets;
        let origin: Option<Origin> =
            [role_arn.as_ref().map(|it| it.origin), account.as_ref().map(|it| it.origin)]
                .into_iter()
                .max()
                .flatten();
        let is_meant = |it: Origin| Some(it) == origin;
        let arns = role_arn.iter().filter(|it| is_meant(it.origin)).flat_map(|it| it.value.clone());
        let mut roles: Vec<(RoleArn, Option<ExternalId>)> =
            arns.map(|arn| (arn, global_external_id(options))).collect();
        for account_id in account.iter().filter(|it| is_meant(it.origin)).flat_map(|it| &it.value) {
            let role = self.role_in(account_id, options, configuration)?;
            roles.push((role.role_arn, role.external_id));
        }
        if !roles.is_empty() {
            return Ok(Some(listed(roles)?));
        }
        let (Some(id), Some(_)) = (&self.organization_id, role_name) else { return Ok(None) };
        // Of the role in each account, only the path and the name are the same.
        let sample = sample(SAMPLE_MEMBER_ROLE, self.partition(None))?;
        let role = self.role_in(sample.account_id(), options, &Configuration::default())?.role_arn;
        let path_and_name = role.as_str().split_once(":role/").map_or("", |(_, it)| it).to_owned();
        Ok(Some((MemberRoles::Organization { id: id.clone(), path_and_name }, global_external_id(options))))
    }

    /// The role in an account, as a scan would assume it.
    fn role_in(
        &self,
        account_id: &AccountId,
        options: &RunOptions,
        configuration: &Configuration,
    ) -> Result<Role, Failure> {
        let plan = TargetPlan::for_one_account(options.targets.clone(), &configuration.accounts);
        let region = Some(self.partition(None).default_region());
        let target = plan.target(account_id.clone(), region, None);
        let target = target.map_err(|error| targets::failure(&error, options))?;
        target
            .role()
            .cloned()
            .ok_or_else(|| Failure::usage(format!("account {account_id} is not read through a role")))
    }
}

fn sample([account_id, name]: [&str; 2], partition: Partition) -> Result<RoleArn, Failure> {
    let account_id = account_id.parse().map_err(Failure::unexpected)?;
    Ok(RoleArn::new(partition, account_id, name.parse().map_err(Failure::unexpected)?))
}

fn global_external_id(options: &RunOptions) -> Option<ExternalId> {
    options.targets.external_id.as_ref().map(|given| given.value.clone())
}

/// These roles, which must have the same external id: it is in the one trust policy.
fn listed(roles: Vec<(RoleArn, Option<ExternalId>)>) -> Result<(MemberRoles, Option<ExternalId>), Failure> {
    let (mut arns, mut ids): (Vec<RoleArn>, Vec<Option<ExternalId>>) = roles.into_iter().unzip();
    ids.dedup();
    if ids.len() > 1 {
        return Err(Failure::usage(
            "the accounts have different external ids, and a trust policy requires one",
        )
        .with_remedy("run the command for the accounts of each external id by themselves"));
    }
    arns.sort();
    arns.dedup();
    Ok((MemberRoles::Listed(arns), ids.into_iter().next().flatten()))
}

/// The failure for access that no policy could give.
pub(crate) fn invalid(error: &InvalidAccess) -> Failure {
    let failure = Failure::usage(error);
    match error {
        InvalidAccess::NoMembers => failure.with_remedy("pass --role-arn ARN"),
        InvalidAccess::OtherPartition(..) => {
            failure.with_remedy("run Rolecall in an account of the same partition")
        }
        InvalidAccess::PatternCharacter(..) => {
            failure.with_remedy("use a role whose path and name have no such character")
        }
        InvalidAccess::DifferentNames(_) => {
            failure.with_remedy("run the command for the roles of each name by themselves")
        }
    }
}
