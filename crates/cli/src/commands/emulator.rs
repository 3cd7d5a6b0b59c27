//! `rolecall emulator`: an AWS on this machine, for as long as it is wanted.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Duration;

use clap::{Args, ValueEnum};
use rolecall_core::settings;
use rolecall_emulator::{Clock, Credentials, Emulator, FaultInjection, RequestObserver, World, WorldSpec};
use rolecall_roll::RoleArn;
use rustix::process::{Pid, kill_process};
use tokio::process::Command;
use tokio::signal::unix::SignalKind;

use crate::environment;
use crate::exit_code::{self, RolecallExitCode};
use crate::failure::Failure;
use crate::output;
use crate::runtime::{StopSignals, in_runtime};

const USAGE: &str = "\
rolecall emulator [OPTIONS]
       rolecall emulator [OPTIONS] -- <COMMAND>...";

const HELP: &str = "\
Without a world of your own it holds the two accounts of the flow: 111111111111 with IAMListRole and some users, and \
222222222222 with LambdaRole.

Examples:
  rolecall emulator -- rolecall scan --role-arn arn:aws:iam::111111111111:role/IAMListRole
  rolecall emulator -- aws iam list-users
  rolecall emulator --env-file aws.env      and in another terminal: . ./aws.env; aws sts get-caller-identity";

/// What its exit codes mean.
const EXIT_CODES: [(RolecallExitCode, &str); 2] = [
    (RolecallExitCode::Success, "interrupted; with a COMMAND the exit code is the command's"),
    (RolecallExitCode::Findings, "Lambda may not become LambdaRole"),
];

/// The arguments of `rolecall emulator`.
#[derive(Debug, Args)]
#[command(override_usage = USAGE, after_help = exit_code::help(HELP, &EXIT_CODES))]
pub(crate) struct EmulatorArgs {
    /// Where to listen [default: 127.0.0.1:4599; with a COMMAND, any free port of 127.0.0.1]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = address_and_port)]
    pub(crate) listen: Option<SocketAddr>,

    /// The accounts, roles, users and policies, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) world: Option<PathBuf>,

    /// Make an organization of this many accounts and users, the same each time for a seed, and read no world; also
    /// `with_keys` (users of a hundred), `denied`, `suspended`, `hanging` (accounts of a thousand)
    #[arg(long, value_name = "accounts=600,users=50,seed=7", conflicts_with = "world")]
    pub(crate) generate: Option<WorldSpec>,

    /// How long each answer takes
    #[arg(long, value_name = "TIME", value_parser = settings::parse_duration)]
    latency: Option<Duration>,

    /// How many calls a second IAM answers in one account; it throttles more
    #[arg(long, value_name = "CALLS")]
    iam_rate: Option<f64>,

    /// The part of requests that a service fails to answer, from 0 to 1
    #[arg(long, value_name = "PART")]
    error_rate: Option<f64>,

    /// The part of requests whose connection is cut, from 0 to 1
    #[arg(long, value_name = "PART")]
    reset_rate: Option<f64>,

    /// The role whose session the credentials are of, whatever its trust policy says; without this flag it is
    /// `LambdaRole` of account 222222222222, if that lets Lambda assume it
    #[arg(long = "as", value_name = "ARN")]
    pub(crate) role_arn: Option<RoleArn>,

    /// Write the settings to ask it with to this file, as lines of a shell; the emulator removes it when it ends
    #[arg(long, value_name = "FILE")]
    pub(crate) env_file: Option<PathBuf>,

    /// Write every request to this file, as JSON lines: who asked for what, and which statement decided; `-` for stderr
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,

    /// How to write what --log asks for
    #[arg(long, value_enum, default_value_t = LogFormat::Lines, requires = "log")]
    pub(crate) log_format: LogFormat,

    /// Run this in the emulator's environment, and end with it
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

impl EmulatorArgs {
    /// What was typed of how slow the world is and what goes wrong, over what its file says.
    pub(crate) fn apply_to(&self, fault_injection: &FaultInjection) -> FaultInjection {
        let latency_ms = self.latency.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        FaultInjection {
            latency_ms: latency_ms.unwrap_or(fault_injection.latency_ms),
            iam_rate: self.iam_rate.or(fault_injection.iam_rate),
            error_rate: self.error_rate.unwrap_or(fault_injection.error_rate),
            reset_rate: self.reset_rate.unwrap_or(fault_injection.reset_rate),
            ..fault_injection.clone()
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// With the statements that decided, which AWS does not tell
    Lines,
    /// As `CloudTrail` would record it
    Cloudtrail,
}

/// The port, where nobody says which.
const PORT: u16 = 4599;

/// As which Rolecall runs.
const LAMBDA_ROLE: &str = "arn:aws:iam::222222222222:role/LambdaRole";

/// What a person's own environment would lead past the emulator.
const NOT_HERE: [&str; 6] = [
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ENDPOINT_URL_STS",
    "AWS_ENDPOINT_URL_IAM",
    "AWS_ENDPOINT_URL_ORGANIZATIONS",
    "AWS_CA_BUNDLE",
];

/// What a person's own configuration files could lead past it.
const SWITCHED_OFF: [&str; 3] =
    ["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"];

/// How an env file begins, so that a file of somebody else's is never taken for one.
const ENV_FILE: &str = "# Settings under which programs ask a rolecall emulator.";

/// The signals that ask a program to end.
const ENDINGS: [SignalKind; 3] = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];

/// Runs it until it is interrupted, or until the command has ended.
pub(crate) fn run(arguments: &EmulatorArgs) -> Result<ExitCode, Failure> {
    let world = match (&arguments.world, arguments.generate) {
        (Some(file), _) => World::read(file),
        (None, Some(recipe)) => recipe.world(),
        (None, None) => World::tutorial(),
    };
    let mut world = world.map_err(Failure::usage)?;
    world.fault_injection = arguments.apply_to(&world.fault_injection).validated().map_err(Failure::usage)?;
    let told = arguments.log.as_deref().map(|file| log(file, arguments.log_format)).transpose()?;
    let default_port = if arguments.command.is_empty() { PORT } else { 0 };
    let listen = arguments.listen.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, default_port)));
    in_runtime(async {
        let emulator =
            Emulator::start(world, Clock::new(environment::now), listen, told).await.map_err(|error| {
                Failure::usage(format!("--listen {listen}: {error}")).with_remedy(
                    "name an address of this machine and a port that is free: --listen 127.0.0.1:4600",
                )
            })?;
        let role_arn = match &arguments.role_arn {
            Some(role_arn) => role_arn.as_str(),
            None => may_lambda_become(&emulator, LAMBDA_ROLE)?,
        };
        let credentials = emulator
            .session(role_arn, "rolecall")
            .map_err(|problem| Failure::usage(format!("--as: {problem}")))?;
        let settings = settings(&emulator, &credentials);
        let written =
            arguments.env_file.as_deref().map(|file| EnvFile::write(file, &settings)).transpose()?;
        let ended = if arguments.command.is_empty() {
            serve(&emulator, arguments, role_arn).await
        } else {
            command(arguments, &settings).await
        };
        drop(written);
        ended
    })
}

/// The role that Lambda becomes before it runs a function, if the role lets it.
fn may_lambda_become<'a>(emulator: &Emulator, role_arn: &'a str) -> Result<&'a str, Failure> {
    let decision = emulator
        .can_assume("lambda.amazonaws.com", role_arn)
        .map_err(|problem| Failure::usage(problem).with_remedy("name the role to be: --as ARN"))?;
    if decision.is_allowed() {
        return Ok(role_arn);
    }
    let refused = format!("lambda.amazonaws.com does not become {role_arn}: {decision}");
    Err(Failure::new(RolecallExitCode::Findings, refused).with_remedy(
        "let its trust policy name lambda.amazonaws.com; or be the role whomever it trusts: --as ARN",
    ))
}

/// The settings under which a program asks the emulator, and nobody else.
pub(crate) fn settings(emulator: &Emulator, credentials: &Credentials) -> Vec<(&'static str, String)> {
    let mut address = emulator.address();
    if address.ip().is_unspecified() {
        // Where it listens on all addresses, this machine's own programs take the one that is always there.
        address.set_ip(if address.is_ipv4() {
            Ipv4Addr::LOCALHOST.into()
        } else {
            Ipv6Addr::LOCALHOST.into()
        });
    }
    // A proxy has no business between a program and its own machine.
    let no_proxy = format!("{},127.0.0.1,localhost,::1", address.ip());
    let mut settings = vec![
        ("AWS_ENDPOINT_URL", format!("http://{address}")),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_DEFAULT_REGION", "us-east-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", credentials.access_key_id.clone()),
        ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key.clone()),
        ("AWS_SESSION_TOKEN", credentials.session_token.clone()),
        ("NO_PROXY", no_proxy.clone()),
        ("no_proxy", no_proxy),
    ];
    settings.extend(SWITCHED_OFF.map(|name| (name, "false".to_owned())));
    settings
}

/// Hears of every request, and writes it down.
fn log(file: &Path, format: LogFormat) -> Result<RequestObserver, Failure> {
    let out: Box<dyn Write + Send> = if file == Path::new("-") {
        Box::new(io::stderr())
    } else {
        Box::new(File::create(file).map_err(|error| output::not_there("--log", file, &error))?)
    };
    let out = Mutex::new(out);
    Ok(Box::new(move |line| {
        let written = match format {
            LogFormat::Lines => serde_json::to_vec(line),
            LogFormat::Cloudtrail => serde_json::to_vec(&line.to_cloudtrail()),
        };
        let Ok(mut text) = written else { return };
        text.push(b'\n');
        if let Ok(mut out) = out.lock() {
            // A full disk is no reason to answer AWS's clients otherwise.
            let _ = out.write_all(&text).and_then(|()| out.flush());
        }
    }))
}

/// The settings in a file, for as long as the emulator runs.
struct EnvFile<'a> {
    file: &'a Path,
    text: String,
}

impl<'a> EnvFile<'a> {
    /// Written whole and then named so: who waits for the file finds all of it. Nobody else may read it.
    fn write(file: &'a Path, settings: &[(&str, String)]) -> Result<Self, Failure> {
        let is_ours = fs::read_to_string(file).is_ok_and(|text| text.starts_with(ENV_FILE));
        if file.symlink_metadata().is_ok() && !is_ours {
            let problem = format!("--env-file {}: it is there, and no emulator wrote it", file.display());
            return Err(Failure::usage(problem).with_remedy("name another file, or take it away"));
        }
        let unset = NOT_HERE.map(|name| format!("unset {name}\n")).concat();
        let export: String =
            settings.iter().map(|(name, value)| format!("export {name}='{value}'\n")).collect();
        let text = format!("{ENV_FILE}\n{unset}{export}");
        let put = || {
            let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
            let mut new = tempfile::Builder::new()
                .prefix(".rolecall-")
                .tempfile_in(folder.unwrap_or(Path::new(".")))?;
            new.write_all(text.as_bytes())?;
            fs::set_permissions(new.path(), fs::Permissions::from_mode(0o600))?;
            new.persist(file)?;
            Ok(())
        };
        put().map_err(|error: io::Error| output::not_there("--env-file", file, &error))?;
        Ok(Self { file, text })
    }
}

impl Drop for EnvFile<'_> {
    /// What it says leads to nobody any more; another emulator may have written another since.
    fn drop(&mut self) {
        if fs::read_to_string(self.file).is_ok_and(|text| text == self.text) {
            let _ = fs::remove_file(self.file);
        }
    }
}

async fn serve(emulator: &Emulator, arguments: &EmulatorArgs, role_arn: &str) -> Result<ExitCode, Failure> {
    let mut interruptions = StopSignals::listen(&ENDINGS)?;
    let how = match &arguments.env_file {
        Some(file) => format!(". {}", shell_path(file)),
        None => "start it with --env-file aws.env, and type: . ./aws.env".to_owned(),
    };
    output::say(&format!(
        "emulator on {}, until Ctrl-C; to ask it as a session of {}, in another terminal: {how}",
        emulator.url(),
        role_arn
    ));
    if !emulator.address().ip().is_loopback() {
        output::say("it can be reached from other machines, and its credentials are for tests alone");
    }
    interruptions.next().await;
    Ok(ExitCode::SUCCESS)
}

/// A path as `.` takes it: without a slash a shell would look for it elsewhere.
fn shell_path(file: &Path) -> String {
    let text = file.display().to_string();
    if text.contains('/') { text } else { format!("./{text}") }
}

/// Lets a command run where the emulator is AWS.
pub(crate) fn within(command: &mut Command, settings: &[(&'static str, String)]) {
    command.envs(settings.iter().map(|(name, value)| (name, value)));
    for name in NOT_HERE {
        command.env_remove(name);
    }
}

async fn command(arguments: &EmulatorArgs, settings: &[(&'static str, String)]) -> Result<ExitCode, Failure> {
    let Some((program, rest)) = arguments.command.split_first() else { return Ok(ExitCode::SUCCESS) };
    let mut command = Command::new(program);
    command.args(rest);
    within(&mut command, settings);
    let mut child = command.kill_on_drop(true).spawn().map_err(|error| {
        Failure::usage(format!("{}: {error}", program.display()))
            .with_remedy("what stands behind -- is a command and its arguments")
    })?;
    let unexpected = Failure::unexpected;
    let mut interruptions = StopSignals::listen(&ENDINGS)?;
    let status = loop {
        tokio::select! {
            ended = child.wait() => break ended.map_err(unexpected)?,
            kind = interruptions.next() => {
                // Ctrl-C at a terminal goes to the command too, which ends as it likes; the others it has to be told.
                let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
                if let Some(pid) = pid.filter(|_| kind != SignalKind::interrupt()) {
                    let _ = kill_process(pid, rustix::process::Signal::TERM);
                }
            }
        }
    };
    let code = status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}

fn address_and_port(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "it is an address and a port, as 127.0.0.1:4599 or [::1]:4599".to_owned())
}
