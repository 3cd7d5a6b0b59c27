//! `rolecall scan`: whom to ask, asking them, and the roll file that all outputs are made of.

use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use futures_util::StreamExt;
use rolecall_core::collect::expected_calls;
use rolecall_core::scan::{Scanner, Until};
use rolecall_core::targets::{Access, Target};
use rolecall_core::{Settings, settings};
use rolecall_roll::{
    AccountRoll, Class, Fact, FactKind, Header, Outcome, RoleSessionName, RunId, Statistics,
};
use tokio::signal::unix::SignalKind;

use crate::args::{Caller, How, JudgingArgs, Outputs, Whom};
use crate::environment;
use crate::exit_code::{self, RolecallExitCode};
use crate::failure::Failure;
use crate::output::{self, Destinations, Progress, Showing, Shown};
use crate::roll_file;
use crate::runtime::{Interruptions, in_runtime};
use crate::terms::FlagTerms;
use crate::whom::{Known, Plan};

const USAGE: &str = "\
rolecall scan [OPTIONS] --role-arn <ARN>...
       rolecall scan [OPTIONS] --account <ID>... --role-name <NAME>
       rolecall scan [OPTIONS] --accounts <FILE>
       rolecall scan [OPTIONS] --organization";

const HELP: &str = "\
Examples:
  rolecall scan --role-arn arn:aws:iam::111111111111:role/IAMListRole
  rolecall scan --account 111111111111 333333333333 --role-name IAMListRole
  rolecall scan --organization --role-name IAMListRole --roll roll.jsonl
  rolecall scan                                   whom rolecall.toml names

Credentials, region, proxy (HTTPS_PROXY, NO_PROXY), AWS_CA_BUNDLE and AWS_ENDPOINT_URL are taken as by the AWS CLI. \
Data goes to stdout, all else to stderr.

A TIME is written as 90s, 500ms, 10m or 1h30m; a bare number is seconds. What is not typed under \"What to read, session, pace and patience\" is taken from the \
environment: --max-attempts from ROLECALL_MAX_ATTEMPTS, and so on.

FACTS are users, access_keys (the two of `default`), last_used, control_total, console_password, mfa_devices, policies, \
credential_report (all of `recommended`), account_alias, root_credentials. Each needs its IAM actions; sessions are \
narrowed to those.";

/// What its exit codes mean.
const EXIT_CODES: [(RolecallExitCode, &str); 2] = [
    (RolecallExitCode::Findings, "a finding as bad as --fail-on says"),
    (RolecallExitCode::Incomplete, "not all was read, whatever was found"),
];

/// The arguments of `rolecall scan`.
#[derive(Debug, Args)]
#[command(override_usage = USAGE, after_help = exit_code::help(HELP, &EXIT_CODES))]
pub(crate) struct ScanArgs {
    #[command(flatten)]
    pub(crate) outputs: Outputs,

    #[command(flatten)]
    pub(crate) judging: JudgingArgs,

    /// Apply no rules: the roll alone
    #[arg(long, conflicts_with_all = ["benchmark", "fail_on"])]
    pub(crate) no_rules: bool,

    /// Keep the roll in this file, an account a line as it is done; a run that finds the file there asks only what is
    /// missing in it
    #[arg(long, value_name = "FILE")]
    pub(crate) roll: Option<PathBuf>,

    /// Of the users this one alone, by name
    #[arg(long, value_name = "NAME", conflicts_with = "path_prefix")]
    pub(crate) user: Option<String>,

    /// Of the users those below this path, as /ci/
    #[arg(long, value_name = "PATH", value_parser = path_prefix)]
    pub(crate) path_prefix: Option<String>,

    /// Ask so many accounts first, and no more where all of them refuse; 0 asks all regardless
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) canary: usize,

    /// For the whole run; what was read by then is kept
    #[arg(long, value_name = "TIME", value_parser = settings::duration)]
    pub(crate) deadline: Option<Duration>,

    /// Say nothing on stderr but errors
    #[arg(long, short)]
    pub(crate) quiet: bool,

    #[command(flatten)]
    pub(crate) whom: Whom,

    #[command(flatten)]
    pub(crate) caller: Caller,

    #[command(flatten)]
    pub(crate) how: How,

    /// What the AWS CLI calls --format.
    #[arg(long, short, hide = true, value_parser = output_of_the_aws_cli)]
    output: Option<String>,
}

/// Reads the accounts that were asked for, and shows the roll.
pub(crate) fn run(arguments: &ScanArgs) -> Result<ExitCode, Failure> {
    in_runtime(async {
        let mut interruptions = Interruptions::listen(&[SignalKind::interrupt(), SignalKind::terminate()])?;
        let until = Until::new(arguments.deadline);
        let mut scanning = pin!(scan(arguments, &until));
        // The first time what was read is written down; the second time it ends at once.
        tokio::select! {
            ended = &mut scanning => return ended,
            _ = interruptions.next() => until.stop(),
        }
        if !arguments.quiet {
            output::say("interrupted: writing what was read; once more ends it at once");
        }
        tokio::select! {
            biased;
            _ = interruptions.next() => {
                let failure = Failure::incomplete("interrupted before all accounts were read");
                Err(match (&arguments.roll, arguments.outputs.out.first()) {
                    (Some(roll), _) => failure.with_remedy(format!("what was read is in {}", roll.display())),
                    (None, Some(out)) => failure.with_remedy(format!("{} was not touched", out.display())),
                    (None, None) => failure,
                })
            }
            ended = &mut scanning => ended,
        }
    })
}

async fn scan(arguments: &ScanArgs, until: &Until) -> Result<ExitCode, Failure> {
    let plan = Plan::of(&arguments.whom, &arguments.caller)?;
    let settings = environment::over(plan.configuration.settings(Settings::default()))?;
    let mut settings = arguments.how.over(settings);
    settings.selection.user_name.clone_from(&arguments.user);
    settings.selection.path_prefix.clone_from(&arguments.path_prefix);
    let accepted = plan.configuration.accepted.clone();
    let judging = arguments.judging.benchmark.apply_to(plan.configuration.judging.clone());
    if let Some(roll) = &arguments.roll {
        roll_file::is_apart("--roll", roll, &arguments.outputs.out)?;
    }
    let destinations = Destinations::open(&arguments.outputs, arguments.no_rules)?;
    let files = destinations.files.clone();
    let earlier = roll_file::open_to_resume(arguments.roll.as_deref())?;

    let as_of = environment::now();
    let run_id = RunId::random();
    let mut scanner = plan.connect(&arguments.caller, settings).await?;
    let known = tokio::select! {
        known = plan.resolve(&scanner, arguments.caller.profile.as_deref()) => known?,
        end = until.comes() => {
            let problem = format!("no account was read: {end} before it was known whom to ask");
            return Err(Failure::incomplete(problem));
        }
    };
    let Known { targets, caller, mut organization, asker, mut notes } = known;
    if organization.is_some() && scanner.settings.session.name == RoleSessionName::default() {
        // So that CloudTrail tells the runs over an organisation apart.
        scanner.settings.session.name = session_name_of(run_id);
    }
    let mut header = Header::new(run_id, as_of, caller, targets.for_header());
    header.session_name = Some(scanner.settings.session.name.clone());
    header.collect = scanner.settings.selection.clone();
    if let (Some(organization), Some(asker)) = (&mut organization, &asker)
        && scanner.settings.selection.facts.remove(&FactKind::RootCredentials)
    {
        organization.root_credentials_managed = asker.root_credentials_managed().await;
        if let Fact::Unknown { unknown } = &organization.root_credentials_managed {
            notes.push(format!("whether root credentials are managed centrally is unknown: {unknown}"));
        }
    }
    header.organization = organization;
    header.accepted = accepted;
    if let (Some(before), Some(roll)) = (&earlier.header, &arguments.roll) {
        same_roll(before, &header).map_err(|problem| {
            Failure::usage(format!("--roll {}: {problem}", roll.display()))
                .with_remedy("name another file, or the same accounts")
        })?;
    }
    let missing = targets.only(|target| !earlier.is_done(&target.account_id));
    let say = |line: String| {
        if !arguments.quiet {
            output::say(&line);
        }
    };
    for note in &notes {
        say(format!("note: {note}"));
    }
    let asked = missing.iter().filter(|target| !matches!(target.access, Access::Skipped(_))).count();
    let is_long = asked > arguments.canary;
    if missing.len() < header.targets.len() {
        say(output::read_before(header.targets.len() - missing.len(), &earlier));
    }
    if is_long {
        say(output::about_to_ask(&header, asked, expected_calls(&scanner.settings.selection)));
    }

    // Who was let in before need not try a few first: of those that are missing most will refuse again.
    let was_let_in =
        header.targets.iter().any(|target| target.role_arn.is_some() && earlier.is_done(&target.account_id));
    let canary = if was_let_in { 0 } else { arguments.canary };
    let store = earlier.go_on(&header).map_err(|error| output::not_written(&error))?;
    let progress = Progress::begin(missing.len(), is_long && !arguments.quiet, scanner.meter().clone());
    let mut shown = Shown::begin(destinations, &header, store)?;
    let is_refused = ask(&scanner, &missing, canary, until, &mut shown, &progress).await?;
    progress.end();
    if let Some(refused) = is_refused {
        return Err(refused);
    }
    let elapsed_ms = environment::now().duration_since(as_of).as_millis();
    let elapsed_ms = u64::try_from(elapsed_ms).unwrap_or_default();
    let showing = Showing {
        judging: (!arguments.no_rules).then_some(&judging),
        grouping: None,
        keys: true,
        retry: (header.targets.len() > 1).then_some(if arguments.roll.is_some() { RETRY } else { KEEP }),
    };
    let statistics = Statistics { elapsed_ms, calls: scanner.meter().calls(), hops: scanner.hops() };
    let judged = shown.finish(&statistics, &showing)?;
    judged.tell_of(&files, arguments.quiet);
    Ok(judged.exit_code(arguments.judging.fail_on))
}

/// What to do where something is missing of several accounts.
const RETRY: &str = "the same command asks again what is missing, and that alone";
const KEEP: &str = "with --roll FILE another run would ask again what is missing, and that alone";

/// How long the first few accounts are waited for at most, should they hang.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks the accounts, a few of them first: where all of those refuse, so will the others, and nobody wants to read that
/// six hundred times. As soon as one lets itself be read, all others are asked.
async fn ask(
    scanner: &Scanner,
    missing: &[&Target],
    canary: usize,
    until: &Until,
    shown: &mut Shown,
    progress: &Progress,
) -> Result<Option<Failure>, Failure> {
    let (asked, skipped): (Vec<&Target>, Vec<&Target>) =
        missing.iter().partition(|target| !matches!(target.access, Access::Skipped(_)));
    let few = if asked.len() > canary { canary } else { 0 };
    let (first, others) = asked.split_at(few);
    let mut first_lines = pin!(scanner.scan(first.to_vec(), until).fuse());
    let mut other_lines = pin!(scanner.scan(others.iter().copied().chain(skipped), until).fuse());
    let mut patience = pin!(tokio::time::timeout(PATIENCE, scanner.is_let_in()));
    let mut refusals = Vec::new();
    let mut go = few == 0;
    loop {
        let account = tokio::select! {
            biased;
            Some(account) = first_lines.next() => {
                if is_refused(&account) { refusals.push(account.clone()) } else { go = true }
                if !go && refusals.len() == few {
                    progress.done(&account);
                    shown.account(account)?;
                    return Ok(Some(all_refuse(&refusals, others.len())));
                }
                account
            }
            Some(account) = other_lines.next(), if go => account,
            _ = &mut patience, if !go => {
                go = true;
                continue;
            }
            else => return Ok(None),
        };
        progress.done(&account);
        shown.account(account)?;
    }
}

/// Whether an account did not let itself be read at all, in a way that the others will share.
fn is_refused(account: &AccountRoll) -> bool {
    let gap = account.gaps().first();
    account.outcome() == Outcome::Failed
        && gap.is_some_and(|gap| matches!(gap.class, Class::Denied | Class::Credentials | Class::Transport))
}

fn all_refuse(refusals: &[AccountRoll], others: usize) -> Failure {
    let first = refusals.first().and_then(|account| Some((account, account.gaps().first()?)));
    let (what, remedy) = first.map_or((String::new(), String::new()), |(account, gap)| {
        let call = gap.operation.iter().chain(&gap.code).map(|part| format!("{part}: ")).collect::<String>();
        (format!("account {}: {call}{}", account.account_id(), gap.message), gap.remedy.to_text(&FlagTerms))
    });
    let message = format!(
        "the first {} accounts all refused, and the other {others} were not asked; {what}",
        refusals.len()
    );
    Failure::incomplete(message).with_remedy(format!("{remedy}; --canary 0 asks all of them regardless"))
}

/// Whether a run goes on with the roll of an earlier one, and does not make another of it.
fn same_roll(before: &Header, now: &Header) -> Result<(), String> {
    let id = |header: &Header| header.organization.as_ref().map(|it| it.id.clone());
    match (id(before), id(now)) {
        (None, None) if before.targets != now.targets => {
            Err("it is the roll of other accounts, or through other roles".to_owned())
        }
        _ if other_role(before, now).is_some() => {
            let (before, now) = other_role(before, now).unwrap_or_default();
            Err(format!("it is a roll through {before}, and now it is to be one through {now}"))
        }
        _ if before.collect != now.collect => {
            Err(format!("it is a roll of {}, and now it is to be one of {}", before.collect, now.collect))
        }
        (before, now) if before != now => {
            let of = |id: Option<String>| {
                id.map_or("no organisation".to_owned(), |id| format!("organisation {id}"))
            };
            Err(format!("it is the roll of {}, and now it is of {}", of(before), of(now)))
        }
        _ => Ok(()),
    }
}

/// The first account that is asked through another role than before.
fn other_role(before: &Header, now: &Header) -> Option<(String, String)> {
    before.targets.iter().find_map(|target| {
        let place = now.targets.binary_search_by(|it| it.account_id.cmp(&target.account_id)).ok()?;
        let (before, now) = (target.role_arn.as_ref()?, now.targets.get(place)?.role_arn.as_ref()?);
        (before != now).then(|| (before.to_string(), now.to_string()))
    })
}

/// `rolecall-` and the run's id, which together are shorter than a session's name may be.
fn session_name_of(run_id: RunId) -> RoleSessionName {
    format!("rolecall-{run_id}").parse().unwrap_or_default()
}

fn path_prefix(text: &str) -> Result<String, String> {
    // https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListUsers.html
    if text.len() <= 512 && text.starts_with('/') && text.chars().all(|c| ('!'..='\u{7f}').contains(&c)) {
        return Ok(text.to_owned());
    }
    Err("a path begins with /, as /ci/".to_owned())
}

fn output_of_the_aws_cli(text: &str) -> Result<String, String> {
    let hint = match text {
        "json" | "table" | "jsonl" | "csv" => format!("--format {text}"),
        "text" | "yaml" | "yaml-stream" => "--format table, json or csv".to_owned(),
        _ => format!("--out {text}"),
    };
    Err(format!(
        "there is no --output; use {hint} (--format says how to show the roll, --out FILE where to write it)"
    ))
}
