//! The options of every command.

use clap::{ArgAction, Args};

/// How the program itself speaks: color, and how much it says on stderr.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    #[command(flatten)]
    pub(crate) color: colorchoice_clap::Color,

    /// Print more on stderr. -v: the configuration file, the accounts, and where the credentials come from, never a secret. -vv: also
    /// debug lines of the AWS SDK
    #[arg(long, short, action = ArgAction::Count, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: u8,

    /// Print only errors on stderr
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}
