//! The options of everything that scans or checks accounts: targets, caller, facts and settings.

use clap::Args;
use rolecall_core::RunOptions;

use super::{CallerArgs, ConfigurationArgs, Flags, SelectionFlags, SettingFlags, TargetFlags};
use crate::failure::Failure;

/// Targets, caller, facts and settings.
#[derive(Debug, Args)]
pub(crate) struct ScanOptionArgs {
    #[command(flatten)]
    pub(crate) targets: Flags<TargetFlags>,

    #[command(flatten)]
    pub(crate) caller: CallerArgs,

    #[command(flatten)]
    pub(crate) selection: Flags<SelectionFlags>,

    #[command(flatten)]
    pub(crate) settings: Flags<SettingFlags>,

    #[command(flatten)]
    pub(crate) configuration: ConfigurationArgs,
}

impl ScanOptionArgs {
    /// The options that were given as flags.
    pub(crate) fn options(&self) -> Result<RunOptions, Failure> {
        Ok(RunOptions {
            settings: self.settings.options()?,
            selection: self.selection.options()?,
            targets: self.targets.options()?,
            ..RunOptions::default()
        })
    }
}
