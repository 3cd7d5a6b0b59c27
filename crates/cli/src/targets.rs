//! From options to the plan of targets; reads the accounts file, if there is one.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use rolecall_core::RunOptions;
use rolecall_core::option_rows::Origin;
use rolecall_core::targets::plan::{ListedAccounts, PlanError, accounts_file};
use rolecall_core::targets::{TargetPlan, TargetSpec, accounts_file as parser};

use crate::args::CallerArgs;
use crate::configuration::Configuration;
use crate::environment;
use crate::failure::Failure;
use crate::terms::FlagTerms;

/// The options of a command. Flags take precedence over variables, and variables over the configuration file.
pub(crate) fn options(flags: RunOptions, configuration: &Configuration) -> Result<RunOptions, Failure> {
    Ok(flags.combine(environment::options()?).combine(configuration.options.clone()))
}

/// The plan of targets. Contradictions are reported here, before any call to AWS.
pub(crate) fn plan(
    options: &RunOptions,
    configuration: &Configuration,
    caller: &CallerArgs,
) -> Result<TargetPlan, Failure> {
    let listed = accounts_file(&options.targets).map(|(file, origin)| {
        // Paths in the configuration file are relative to its folder.
        let folder = if origin == Origin::File { configuration.folder() } else { Path::new("") };
        Ok(ListedAccounts { accounts: read_accounts(&folder.join(file))?, origin })
    });
    let plan = TargetPlan::new(options.targets.clone(), listed.transpose()?, &configuration.accounts);
    let plan = plan.map_err(|error| failure(&error))?;
    let region = caller.region.clone().map_or_else(environment::region, |region| Ok(Some(region)))?;
    plan.check(region.as_deref()).map_err(|error| failure(&error))?;
    Ok(plan)
}

fn read_accounts(file: &Path) -> Result<Vec<TargetSpec>, Failure> {
    let invalid = |problem: &dyn std::fmt::Display| {
        Failure::usage(format!("--accounts-file {}: {problem}", file.display()))
    };
    let text = if file == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        fs::read_to_string(file)
    };
    let text = text.map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => {
            invalid(&"the file is not UTF-8; save it as UTF-8 (in a spreadsheet: \"CSV UTF-8\")")
        }
        _ => invalid(&error),
    })?;
    parser::parse(&text).map_err(|error| invalid(&error))
}

/// The failure for targets that cannot be scanned in one run.
pub(crate) fn failure(error: &PlanError) -> Failure {
    let text = error.to_text(&FlagTerms);
    let failure = Failure::usage(&text);
    match error {
        PlanError::NoTargets => failure.with_remedy(
            "pass --role-arn ARN, --account ID with --role-name NAME, --accounts-file FILE or --organization, or run `rolecall \
             init`",
        ),
        PlanError::NeedsOrganization(_) => {
            failure.with_remedy("pass --organization, or set `[organization] enabled = true` in rolecall.toml")
        }
        PlanError::MissingRole(_) => Failure::usage(format!("{text}, or role_name in rolecall.toml")),
        PlanError::RoleArnWithOrganization | PlanError::Filter(_) | PlanError::TargetConflict(_) => failure,
    }
}
