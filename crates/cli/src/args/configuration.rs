//! The configuration file.

use std::path::PathBuf;

use clap::Args;

/// Which configuration file is read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Configuration")]
pub(crate) struct ConfigurationArgs {
    /// Configuration file [default: the nearest rolecall.toml] [env: ROLECALL_CONFIG]
    ///
    /// Without this flag and the variable, rolecall.toml is looked for in the current folder, in its parents up to the
    /// repository root or the home folder, and as $XDG_CONFIG_HOME/rolecall/rolecall.toml. Only files that are owned by the
    /// user or root are read.
    #[arg(long = "config", value_name = "FILE")]
    pub(crate) path: Option<PathBuf>,
}
