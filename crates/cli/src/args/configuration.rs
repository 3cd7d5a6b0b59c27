//! The configuration file.

use std::path::PathBuf;

use clap::Args;

/// Where the configuration is read from.
#[derive(Debug, Args)]
pub(crate) struct ConfigurationArgs {
    /// What a person would else type each time [default: rolecall.toml, where there is one]
    #[arg(long = "config", value_name = "FILE")]
    pub(crate) path: Option<PathBuf>,
}
