//! From options to the plan of targets; reads the accounts file, if there is one.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use rolecall_core::options::row::Origin;
use rolecall_core::targets::account_filter::EmptySelection;
use rolecall_core::targets::plan::{ListedAccounts, PlanError, accounts_file};
use rolecall_core::targets::{TargetPlan, TargetSpec, accounts_file as parser};
use rolecall_core::{RunOptions, Settings};
use rolecall_roll::Terms;

use crate::args::CallerArgs;
use crate::configuration::Configuration;
use crate::environment;
use crate::failure::Failure;
use crate::output;
use crate::terms::GivenTerms;

/// The options of a command. Flags take precedence over variables, and variables over the configuration file.
pub(crate) fn options(flags: RunOptions, configuration: &Configuration) -> Result<RunOptions, Failure> {
    Ok(flags.combine(environment::options()?).combine(configuration.options.clone()))
}

/// The settings: the options that are set, and the defaults of the others.
pub(crate) fn settings(options: &RunOptions) -> Result<Settings, Failure> {
    options.resolve().map_err(|error| Failure::usage(error.to_text(&GivenTerms(options))))
}

/// The plan of targets. Contradictions are reported here, before any call to AWS.
pub(crate) fn plan(
    options: &RunOptions,
    configuration: &Configuration,
    caller: &CallerArgs,
) -> Result<TargetPlan, Failure> {
    let plan = plan_in_any_region(options, configuration)?;
    plan.check(region(caller)?.as_deref()).map_err(|error| failure(&error, options))?;
    Ok(plan)
}

/// The region of the flag, or that of the environment.
pub(crate) fn region(caller: &CallerArgs) -> Result<Option<String>, Failure> {
    caller.region.clone().map_or_else(environment::region, |region| Ok(Some(region)))
}

/// The plan of targets, which may be in another partition than the region.
pub(crate) fn plan_in_any_region(
    options: &RunOptions,
    configuration: &Configuration,
) -> Result<TargetPlan, Failure> {
    let listed = accounts_file(&options.targets).map(|(file, origin)| {
        // Paths in the configuration file are relative to its folder.
        let folder = if origin == Origin::File { configuration.folder() } else { Path::new("") };
        Ok(ListedAccounts { accounts: read_accounts(&folder.join(file))?, origin })
    });
    let plan = TargetPlan::new(options.targets.clone(), listed.transpose()?, &configuration.accounts);
    let plan = plan.map_err(|error| failure(&error, options))?;
    note_accounts_beyond_the_organization(&plan, options);
    Ok(plan)
}

/// Somebody who names an account besides `--organization` may want that account alone.
fn note_accounts_beyond_the_organization(plan: &TargetPlan, options: &RunOptions) {
    if !plan.reads_more_than_the_organization() {
        return;
    }
    let terms = GivenTerms(options);
    let given =
        ["account", "role_arn", "accounts_file"].into_iter().filter(|key| options.given(key).is_some());
    let given: Vec<String> = given.map(|key| terms.setting(key)).collect();
    let (given, organization) = (given.join(", "), terms.setting("organization"));
    output::say(&format!(
        "note: the targets are the accounts of the organization and also those of {given}; to read only the latter, leave out \
         {organization}. --include and --exclude apply to all targets"
    ));
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
        _ => Failure::cannot_read("--accounts-file", file, &error),
    })?;
    parser::parse(&text).map_err(|error| {
        let failure = invalid(&error);
        if !error.is_of_unknown_format {
            return failure;
        }
        failure.with_remedy(
            "write one of: CSV with a header, such as account_id,role_name; a plain list of account ids, one on each line, without a \
             header; JSON lines, one object on each line",
        )
    })
}

/// The failure for targets that cannot be scanned in one run.
pub(crate) fn failure(error: &PlanError, options: &RunOptions) -> Failure {
    let text = error.to_text(&GivenTerms(options));
    let failure = Failure::usage(&text);
    match error {
        PlanError::NoTargets => failure.with_remedy(
            "pass --role-arn ARN, --account ID with --role-name NAME, --accounts-file FILE or --organization, or run `rolecall \
             init`",
        ),
        PlanError::NeedsOrganization(_) => {
            failure.with_remedy("pass --organization, or set `[organization] enabled = true` in rolecall.toml")
        }
        PlanError::MissingRole(_) => {
            let failure = Failure::usage(format!("{text}, or role_name in rolecall.toml"));
            match (options.given("account"), options.given("role_arn"), options.given("accounts_file")) {
                (Some(_), Some(_), _) | (Some(_), _, Some(_)) => failure.with_remedy(
                    "an account that --role-arn or the accounts file already has is not given with --account again",
                ),
                _ => failure,
            }
        }
        PlanError::Filter(EmptySelection::NothingLeft { .. }) => {
            failure.with_remedy("change a filter; `rolecall accounts` with the same targets and no filter lists all accounts")
        }
        PlanError::RoleArnWithOrganization
        | PlanError::UnusedWithRoleArn(_)
        | PlanError::Filter(_)
        | PlanError::TargetConflict(_) => failure,
    }
}
