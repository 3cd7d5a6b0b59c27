//! `rolecall accounts`: the target accounts of a scan, and how each would be read.

use std::io::Write;
use std::process::ExitCode;

use clap::Args;
use rolecall_core::cancellation::Cancellation;
use rolecall_core::run::RunStart;
use rolecall_core::targets::Access;
use rolecall_core::{Run, RunOptions};
use rolecall_roll::RunId;
use serde_json::json;

use crate::args::{CallerArgs, ConfigurationArgs, Flags, OutputArgs, OutputFormat, TargetFlags};
use crate::exit_code::{self, RolecallExitCode};
use crate::failure::Failure;
use crate::output::{self, Spinner};
use crate::runtime::in_runtime;
use crate::{aws, configuration, environment, targets};

const HELP: &str = "\
Examples:
  rolecall accounts --organization --role-name IAMListRole --ou Workloads/Prod
  rolecall accounts --accounts-file accounts.csv --format json";

const EXIT_CODES: [(RolecallExitCode, &str); 2] = [
    (RolecallExitCode::Success, "targets listed"),
    (RolecallExitCode::Incomplete, "the accounts of AWS Organizations could not be listed"),
];

/// The arguments of `rolecall accounts`.
#[derive(Debug, Args)]
#[command(after_help = exit_code::help(HELP, &EXIT_CODES))]
pub(crate) struct AccountsArgs {
    #[command(flatten)]
    pub(crate) output: OutputArgs<OutputFormat>,

    #[command(flatten)]
    pub(crate) targets: Flags<TargetFlags>,

    #[command(flatten)]
    pub(crate) caller: CallerArgs,

    #[command(flatten)]
    pub(crate) configuration: ConfigurationArgs,
}

/// Lists them.
pub(crate) fn run(arguments: &AccountsArgs) -> Result<ExitCode, Failure> {
    let configuration = configuration::read(&arguments.configuration)?;
    let flags = RunOptions { targets: arguments.targets.options()?, ..RunOptions::default() };
    let options = targets::options(flags, &configuration)?;
    let settings = targets::settings(&options)?;
    let plan = targets::plan(&options, &configuration, &arguments.caller)?;
    in_runtime(async {
        let (format, mut out) = arguments.output.open()?;
        let scanner = aws::connect(&arguments.caller, &plan, &settings.limits).await?;
        let spinner = Spinner::preparing(&plan, &scanner);
        let start = RunStart { run_id: RunId::random(), as_of: environment::now(), accepted: Vec::new() };
        let run = Run::prepare(&scanner, &plan, settings, start, &Cancellation::new(None)).await;
        let run = run.map_err(|error| aws::run_failure(&error, &arguments.caller, &options))?;
        drop(spinner);
        for note in run.notes() {
            output::say(&format!("note: {note}"));
        }
        let written = match format {
            OutputFormat::Table => {
                out.write_all(output::accounts(run.targets().as_slice(), out.terminal_style()).as_bytes())
            }
            OutputFormat::Json => {
                let one = |target: &rolecall_core::Target| {
                    let (skipped, role) = match &target.access {
                        Access::Skipped(why) => (Some(why), None),
                        Access::CallerCredentials => (None, None),
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
                let all: Vec<_> = run.targets().as_slice().iter().map(one).collect();
                let document = json!({ "organization": run.header().organization, "accounts": all });
                output::write_json(&mut out, &document)
            }
        };
        written.and_then(|()| out.finish()).map_err(|error| output::not_written(&error))?;
        Ok(ExitCode::SUCCESS)
    })
}
