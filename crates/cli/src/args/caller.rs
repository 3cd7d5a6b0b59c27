//! Who calls AWS, and from where.

use std::path::PathBuf;

use clap::Args;

/// The caller identity, its region, and the configuration.
#[derive(Debug, Args)]
#[command(next_help_heading = "Caller")]
pub(crate) struct CallerArgs {
    /// Profile of the AWS configuration files
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// Region whose STS is called; IAM has one endpoint for all regions of a partition
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,

    /// Configuration file [default: rolecall.toml, where there is one]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}
