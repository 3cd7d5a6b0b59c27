//! `rolecall emulator`: a local AWS emulator.

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
use rolecall_core::options::settings;
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
Without --world, the emulator has the two accounts of the tutorial: member account 111111111111 with IAMListRole and some \
users, and hub account 222222222222 with LambdaRole.

Examples:
  rolecall emulator -- rolecall scan --account 111111111111 \\
    --role-name IAMListRole
  rolecall emulator -- aws iam list-users
  rolecall emulator --env-file aws.env
    then, in another terminal: . ./aws.env; aws sts get-caller-identity";

const EXIT_CODES: [(RolecallExitCode, &str); 2] = [
    (RolecallExitCode::Success, "interrupted; with a COMMAND, the exit code of the command"),
    (RolecallExitCode::Findings, "Lambda may not assume LambdaRole"),
];

/// The arguments of `rolecall emulator`.
#[derive(Debug, Args)]
#[command(override_usage = USAGE, after_help = exit_code::help(HELP, &EXIT_CODES))]
pub(crate) struct EmulatorArgs {
    /// Address and port to listen on [default: 127.0.0.1:4599; with a COMMAND, a free port of 127.0.0.1]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = address_and_port)]
    pub(crate) listen: Option<SocketAddr>,

    /// World: a JSON file of accounts, roles, users and policies
    #[arg(long, value_name = "FILE")]
    pub(crate) world: Option<PathBuf>,

    /// Generate an organization, such as accounts=600,users=50,seed=7; always the same for a seed
    ///
    /// Keys: accounts (members, besides the hub and the management account), users (per account), seed, with_keys (of 100
    /// users), denied, suspended and hanging (of 1000 accounts).
    #[arg(long, value_name = "KEY=N,…", conflicts_with = "world")]
    pub(crate) generate: Option<WorldSpec>,

    /// Latency of each response
    #[arg(long, value_name = "TIME", value_parser = settings::parse_duration)]
    latency: Option<Duration>,

    /// IAM calls per second and account; further calls are throttled
    #[arg(long, value_name = "CALLS")]
    iam_rate: Option<f64>,

    /// Fraction of requests (0 to 1) that fail with a service error
    #[arg(long, value_name = "FRACTION")]
    error_rate: Option<f64>,

    /// Fraction of requests (0 to 1) whose connection is reset
    #[arg(long, value_name = "FRACTION")]
    reset_rate: Option<f64>,

    /// End the messages of denials with an authorization id, whose details GetRequestAuthorizationDetails returns
    #[arg(long)]
    authorization_ids: bool,

    /// Issue credentials for a session of this role, ignoring its trust policy [default: the caller of the world, or
    /// LambdaRole of account 222222222222, if its trust policy allows Lambda]
    #[arg(long = "as", value_name = "ARN")]
    pub(crate) role_arn: Option<RoleArn>,

    /// Write the environment variables for clients to this shell file; removed on exit
    #[arg(long, value_name = "FILE")]
    pub(crate) env_file: Option<PathBuf>,

    /// Log every request to this file, as JSON lines, with the policy statement that decided; `-` is stderr
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,

    /// Format of --log
    #[arg(long, value_enum, default_value_t = LogFormat::Lines, requires = "log")]
    pub(crate) log_format: LogFormat,

    /// Command to run with the emulator's environment variables; the emulator exits with it
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

impl EmulatorArgs {
    /// The fault injection of the world, with the flags taking precedence.
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
    /// Requests with the policy statements that decided, which AWS does not reveal
    Lines,
    /// Events as CloudTrail records them
    Cloudtrail,
}

/// The default port.
const PORT: u16 = 4599;

/// `RoleSessionName` of the sessions that programs get credentials of.
const SESSION_NAME: &str = "rolecall";

/// The role that Rolecall runs as in the tutorial.
const LAMBDA_ROLE: &str = "arn:aws:iam::222222222222:role/LambdaRole";

/// Variables that would send calls to real AWS instead of the emulator, or with other credentials.
const REMOVED_VARIABLES: [&str; 7] = [
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ENDPOINT_URL_STS",
    "AWS_ENDPOINT_URL_IAM",
    "AWS_ENDPOINT_URL_ORGANIZATIONS",
    "AWS_CA_BUNDLE",
    // Set again where the credentials have one.
    "AWS_SESSION_TOKEN",
];

/// Switches that keep AWS configuration files from sending calls to real AWS.
const SET_VARIABLES: [&str; 3] =
    ["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"];

/// The first line of an env file: only a file that begins with it is overwritten or deleted.
const ENV_FILE: &str = "# Environment variables for clients of a rolecall emulator.";

/// The signals that stop the emulator.
const STOP_SIGNALS: [SignalKind; 3] =
    [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];

/// Runs the emulator until it is interrupted, or until the command exits.
pub(crate) fn run(arguments: &EmulatorArgs) -> Result<ExitCode, Failure> {
    let world = match (&arguments.world, arguments.generate) {
        (Some(file), _) => World::read(file),
        (None, Some(spec)) => spec.world(),
        (None, None) => World::tutorial(),
    };
    let mut world = world.map_err(Failure::usage)?;
    world.fault_injection = arguments.apply_to(&world.fault_injection).validated().map_err(Failure::usage)?;
    world.authorization_ids |= arguments.authorization_ids;
    let observer = arguments.log.as_deref().map(|file| log(file, arguments.log_format)).transpose()?;
    let default_port = if arguments.command.is_empty() { PORT } else { 0 };
    let listen = arguments.listen.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, default_port)));
    in_runtime(async {
        let emulator = Emulator::start(world, Clock::new(environment::now), listen, observer).await.map_err(
            |error| {
                Failure::usage(format!("--listen {listen}: {error}")).with_remedy(
                    "pass an address of this machine with a free port, such as --listen 127.0.0.1:4600",
                )
            },
        )?;
        let (credentials, arn) = credentials(&emulator, arguments.role_arn.as_ref())?;
        let settings = settings(&emulator, &credentials);
        let written =
            arguments.env_file.as_deref().map(|file| EnvFile::write(file, &settings)).transpose()?;
        let ended = if arguments.command.is_empty() {
            serve(&emulator, arguments, arn).await
        } else {
            command(arguments, &settings).await
        };
        drop(written);
        ended
    })
}

/// The credentials for programs, and the ARN of what they are of: a session of `role_arn`, the caller of the world, or a
/// session of `LambdaRole`.
fn credentials<'a>(
    emulator: &'a Emulator,
    role_arn: Option<&'a RoleArn>,
) -> Result<(Credentials, &'a str), Failure> {
    let role_arn = match (role_arn, emulator.caller_credentials(SESSION_NAME)) {
        (Some(role_arn), _) => role_arn.as_str(),
        (None, Some(of_caller)) => return Ok(of_caller),
        (None, None) => require_lambda_can_assume(emulator, LAMBDA_ROLE)?,
    };
    let credentials = emulator.session(role_arn, SESSION_NAME);
    let credentials = credentials.map_err(|problem| Failure::usage(format!("--as: {problem}")))?;
    Ok((credentials, role_arn))
}

/// Returns the role if Lambda may assume it, as Lambda does before it runs a function.
fn require_lambda_can_assume<'a>(emulator: &Emulator, role_arn: &'a str) -> Result<&'a str, Failure> {
    let decision = emulator.can_assume("lambda.amazonaws.com", role_arn).map_err(|problem| {
        Failure::usage(problem).with_remedy("pass the role to issue credentials for: --as ARN")
    })?;
    if decision.is_allowed() {
        return Ok(role_arn);
    }
    let denied = format!("lambda.amazonaws.com may not assume {role_arn}: {decision}");
    Err(Failure::new(RolecallExitCode::Findings, denied)
        .with_remedy("add lambda.amazonaws.com to the trust policy, or ignore the trust policy: --as ARN"))
}

/// The environment variables that send the calls of a client to the emulator.
pub(crate) fn settings(emulator: &Emulator, credentials: &Credentials) -> Vec<(&'static str, String)> {
    let mut address = emulator.address();
    if address.ip().is_unspecified() {
        // Listening on all addresses: clients on this machine use the loopback address.
        address.set_ip(if address.is_ipv4() {
            Ipv4Addr::LOCALHOST.into()
        } else {
            Ipv6Addr::LOCALHOST.into()
        });
    }
    // No proxy between a client and its own machine.
    let no_proxy = format!("{},127.0.0.1,localhost,::1", address.ip());
    let mut settings = vec![
        ("AWS_ENDPOINT_URL", format!("http://{address}")),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_DEFAULT_REGION", "us-east-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", credentials.access_key_id.clone()),
        ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key.clone()),
        ("NO_PROXY", no_proxy.clone()),
        ("no_proxy", no_proxy),
    ];
    // An access key of a user has none.
    if !credentials.session_token.is_empty() {
        settings.push(("AWS_SESSION_TOKEN", credentials.session_token.clone()));
    }
    settings.extend(SET_VARIABLES.map(|name| (name, "false".to_owned())));
    settings
}

/// An observer that writes every request to the log.
fn log(file: &Path, format: LogFormat) -> Result<RequestObserver, Failure> {
    let out: Box<dyn Write + Send> = if file == Path::new("-") {
        Box::new(io::stderr())
    } else {
        Box::new(File::create(file).map_err(|error| output::cannot_write("--log", file, &error))?)
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
            // A full disk does not change the answers to clients.
            let _ = out.write_all(&text).and_then(|()| out.flush());
        }
    }))
}

/// The file of environment variables, which exists while the emulator runs.
struct EnvFile<'a> {
    file: &'a Path,
    text: String,
}

impl<'a> EnvFile<'a> {
    /// Writes the file atomically, so that a program that waits for it finds all of it. Only the user may read it.
    fn write(file: &'a Path, settings: &[(&str, String)]) -> Result<Self, Failure> {
        let is_ours = fs::read_to_string(file).is_ok_and(|text| text.starts_with(ENV_FILE));
        if file.symlink_metadata().is_ok() && !is_ours {
            let problem =
                format!("--env-file {}: the file exists and was not written by an emulator", file.display());
            return Err(Failure::usage(problem).with_remedy("name another file, or delete it"));
        }
        let is_set = |name: &str| settings.iter().any(|(other, _)| *other == name);
        let unset = REMOVED_VARIABLES.iter().filter(|name| !is_set(name));
        let unset: String = unset.map(|name| format!("unset {name}\n")).collect();
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
        put().map_err(|error: io::Error| output::cannot_write("--env-file", file, &error))?;
        Ok(Self { file, text })
    }
}

impl Drop for EnvFile<'_> {
    /// Deletes the file, unless another emulator has replaced it.
    fn drop(&mut self) {
        if fs::read_to_string(self.file).is_ok_and(|text| text == self.text) {
            let _ = fs::remove_file(self.file);
        }
    }
}

async fn serve(emulator: &Emulator, arguments: &EmulatorArgs, arn: &str) -> Result<ExitCode, Failure> {
    let mut interruptions = StopSignals::listen(&STOP_SIGNALS)?;
    let credentials = match &arguments.env_file {
        Some(file) => format!("run `. {}` in another terminal", shell_path(file)),
        None => "restart it with --env-file aws.env, then run `. ./aws.env` in another terminal".to_owned(),
    };
    output::say(&format!(
        "emulator running on {} until Ctrl-C; to get the credentials of {}, {credentials}",
        emulator.url(),
        arn
    ));
    if !emulator.address().ip().is_loopback() {
        output::say("warning: other machines can reach the emulator; its credentials are for tests only");
    }
    interruptions.next().await;
    Ok(ExitCode::SUCCESS)
}

/// A path for the shell's `.` command, which searches PATH for names without a slash.
fn shell_path(file: &Path) -> String {
    let text = file.display().to_string();
    if text.contains('/') { text } else { format!("./{text}") }
}

/// Sets a command's environment so that its calls to AWS go to the emulator.
pub(crate) fn set_environment(command: &mut Command, settings: &[(&'static str, String)]) {
    for name in REMOVED_VARIABLES {
        command.env_remove(name);
    }
    command.envs(settings.iter().map(|(name, value)| (name, value)));
}

async fn command(arguments: &EmulatorArgs, settings: &[(&'static str, String)]) -> Result<ExitCode, Failure> {
    let Some((program, rest)) = arguments.command.split_first() else { return Ok(ExitCode::SUCCESS) };
    let mut command = Command::new(program);
    command.args(rest);
    set_environment(&mut command, settings);
    // A signal that comes once the command runs must reach it.
    let mut interruptions = StopSignals::listen(&STOP_SIGNALS)?;
    let mut child = command.kill_on_drop(true).spawn().map_err(|error| {
        Failure::usage(format!("{}: {error}", program.display()))
            .with_remedy("pass a command and its arguments after --")
    })?;
    let unexpected = Failure::unexpected;
    let status = loop {
        tokio::select! {
            ended = child.wait() => break ended.map_err(unexpected)?,
            kind = interruptions.next() => {
                // Ctrl-C at a terminal reaches the command too; other signals are passed on.
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
    text.parse()
        .map_err(|_| "expected an address and a port, such as 127.0.0.1:4599 or [::1]:4599".to_owned())
}
