//! `rolecall accounts`: whom a scan would ask, and how.

use std::io::Write;
use std::process::ExitCode;

use clap::Args;
use rolecall_core::targets::Access;
use serde_json::json;

use crate::args::{Caller, OutputArgs, Rendering, Whom};
use crate::environment;
use crate::exit_code::{self, RolecallExitCode};
use crate::failure::Failure;
use crate::output;
use crate::runtime::in_runtime;
use crate::whom::Plan;

const HELP: &str = "\
Examples:
  rolecall accounts --organization --role-name IAMListRole --ou Workloads/Prod
  rolecall accounts --accounts accounts.csv --format json";

/// What its exit codes mean.
const EXIT_CODES: [(RolecallExitCode, &str); 2] = [
    (RolecallExitCode::Success, "shown"),
    (RolecallExitCode::Incomplete, "AWS Organizations could not be asked"),
];

/// The arguments of `rolecall accounts`.
#[derive(Debug, Args)]
#[command(after_help = exit_code::help(HELP, &EXIT_CODES))]
pub(crate) struct AccountsArgs {
    #[command(flatten)]
    pub(crate) output: OutputArgs<Rendering>,

    #[command(flatten)]
    pub(crate) whom: Whom,

    #[command(flatten)]
    pub(crate) caller: Caller,
}

/// Shows them.
pub(crate) fn run(arguments: &AccountsArgs) -> Result<ExitCode, Failure> {
    in_runtime(async {
        let plan = Plan::of(&arguments.whom, &arguments.caller)?;
        let settings = environment::over(plan.configuration.settings(rolecall_core::Settings::default()))?;
        let mut out = arguments.output.open()?;
        let scanner = plan.connect(&arguments.caller, settings).await?;
        let known = plan.resolve(&scanner, arguments.caller.profile.as_deref()).await?;
        for note in &known.notes {
            output::say(&format!("note: {note}"));
        }
        let written = match arguments.output.format {
            Rendering::Table => {
                out.write_all(output::accounts(known.targets.as_slice(), out.look()).as_bytes())
            }
            Rendering::Json => {
                let one = |target: &rolecall_core::Target| {
                    let (skipped, role) = match &target.access {
                        Access::Skipped(why) => (Some(why), None),
                        Access::Own => (None, None),
                        Access::Role(role) => (None, Some(role)),
                    };
                    json!({
                        "account_id": target.account_id,
                        "role_arn": role.map(|role| &role.role_arn),
                        "via": role.map(|role| &role.via),
                        "has_external_id": role.map(|role| role.external_id.is_some()),
                        "skipped": skipped,
                        "account": target.account,
                    })
                };
                let all: Vec<_> = known.targets.as_slice().iter().map(one).collect();
                let document = json!({ "organization": known.organization, "accounts": all });
                output::write_json(&mut out, &document)
            }
        };
        written.and_then(|()| out.finish()).map_err(|error| output::not_written(&error))?;
        Ok(ExitCode::SUCCESS)
    })
}
