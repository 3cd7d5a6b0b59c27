//! The caller's credentials and region.

use clap::Args;

/// The caller's credentials and region.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "AWS credentials and region")]
pub(crate) struct CallerArgs {
    /// Profile of the AWS configuration files; takes precedence over all other credentials
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// Region whose STS endpoint is called, such as us-east-1; IAM has one endpoint for all regions of a partition
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,
}
