//! Who asks whom, through which roles.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use rolecall_core::settings;
use rolecall_core::targets::Template;
use rolecall_roll::{AccountId, RoleArn, RoleName};

/// Who asks, from where.
#[derive(Debug, Args)]
#[command(next_help_heading = "Who asks")]
pub(crate) struct Caller {
    /// The profile of the AWS configuration files
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// The region whose STS is asked; IAM has one endpoint for all regions of a partition
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,

    /// What a person would else type each time [default: rolecall.toml, where there is one]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// Whom to ask.
#[derive(Debug, Args)]
#[command(next_help_heading = "Whom to ask")]
pub(crate) struct Whom {
    /// A role to become, by its ARN; may be given more than once
    #[arg(long, value_name = "ARN", num_args = 1..)]
    pub(crate) role_arn: Vec<RoleArn>,

    /// An account to read, through its role of the name --role-name; may be given more than once
    #[arg(long, value_name = "ID", num_args = 1..)]
    pub(crate) account: Vec<AccountId>,

    /// The accounts of a file, CSV or JSON lines: `account_id`, `role_arn` or `role_name`, `external_id`, `via`, `name`,
    /// `email`, `tags`; `-` for stdin
    #[arg(long, value_name = "FILE")]
    pub(crate) accounts: Option<PathBuf>,

    /// All accounts that AWS Organizations lists
    #[arg(long)]
    pub(crate) organization: bool,

    /// The role to ask AWS Organizations as: of the management account or a delegated administrator
    #[arg(long, value_name = "ARN")]
    pub(crate) organization_role_arn: Option<RoleArn>,

    /// Of the organisation, what is in this unit and below: its id, or its names from below the root on, as
    /// Workloads/Prod; may be given more than once
    #[arg(long, value_name = "OU")]
    pub(crate) ou: Vec<String>,

    /// Of all accounts, those that carry this tag; given more than once, all of them
    #[arg(long, value_name = "KEY=VALUE", value_parser = settings::tag)]
    pub(crate) account_tag: Vec<(String, String)>,

    /// Ask for the tags of the organisation's accounts, a call for each
    #[arg(long)]
    pub(crate) account_tags: bool,

    /// Of all accounts, those of this id or name, `*` standing for any characters; may be given more than once
    #[arg(long, value_name = "ACCOUNT")]
    pub(crate) include: Vec<String>,

    /// Not these
    #[arg(long, value_name = "ACCOUNT")]
    pub(crate) exclude: Vec<String>,

    #[command(flatten)]
    pub(crate) through: Through,
}

/// Through which roles.
#[derive(Debug, Args)]
#[command(next_help_heading = "Whom to ask")]
pub(crate) struct Through {
    /// The name of the role to become in each account
    #[arg(long, value_name = "NAME")]
    pub(crate) role_name: Option<RoleName>,

    /// How its ARN is made [default: `arn:{partition}:iam::{account_id}:role/{role_name}`]
    #[arg(long, value_name = "ARN")]
    pub(crate) role_template: Option<Template>,

    /// A role to become on the way to all of them; may be given more than once, the first first
    #[arg(long, value_name = "ARN")]
    pub(crate) via: Vec<RoleArn>,

    /// The external id that the roles' trust policies ask for; better set as `ROLECALL_EXTERNAL_ID`, since flags show
    /// in `ps`
    #[arg(long, value_name = "ID")]
    pub(crate) external_id: Option<Unparsed>,
}

/// A text that is parsed later, since the command line's own errors repeat what they refuse.
#[derive(Clone)]
pub(crate) struct Unparsed(pub(crate) String);

impl From<String> for Unparsed {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Unparsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unparsed(redacted)")
    }
}
