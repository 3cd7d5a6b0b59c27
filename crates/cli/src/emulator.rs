//! `rolecall emulator`: an AWS on this machine, for as long as it is wanted.

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;

use rolecall_emulator::{Clock, Credentials, Emulator, Told, World};
use rustix::process::{Pid, kill_process};
use tokio::process::Command;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::args::{self, LogFormat};
use crate::environment;
use crate::failure::{Code, Failure};
use crate::output;

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

/// Runs it until it is interrupted, or until the command has ended.
pub(crate) fn run(arguments: &args::Emulator) -> Result<ExitCode, Failure> {
    let world = match (&arguments.world, arguments.generate) {
        (Some(file), _) => World::read(file),
        (None, Some(recipe)) => recipe.world(),
        (None, None) => World::tutorial(),
    };
    let mut world = world.map_err(|error| Failure::new(Code::Usage, error))?;
    world.behaviour =
        arguments.over(&world.behaviour).checked().map_err(|problem| Failure::new(Code::Usage, problem))?;
    let told = arguments.log.as_deref().map(|file| log(file, arguments.log_format)).transpose()?;
    let default_port = if arguments.command.is_empty() { PORT } else { 0 };
    let listen = arguments.listen.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, default_port)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Code::Unexpected, error))?;
    runtime.block_on(async {
        let emulator =
            Emulator::start(world, Clock::new(environment::now), listen, told).await.map_err(|error| {
                Failure::new(Code::Usage, format!("--listen {listen}: {error}")).with_remedy(
                    "name an address of this machine and a port that is free: --listen 127.0.0.1:4600",
                )
            })?;
        let role_arn = match &arguments.role_arn {
            Some(role_arn) => role_arn.as_str(),
            None => may_lambda_become(&emulator, LAMBDA_ROLE)?,
        };
        let credentials = emulator
            .session(role_arn, "rolecall")
            .map_err(|problem| Failure::new(Code::Usage, format!("--as: {problem}")))?;
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
        .may_become("lambda.amazonaws.com", role_arn)
        .map_err(|problem| Failure::new(Code::Usage, problem).with_remedy("name the role to be: --as ARN"))?;
    if decision.is_allowed() {
        return Ok(role_arn);
    }
    let refused = format!("lambda.amazonaws.com does not become {role_arn}: {decision}");
    Err(Failure::new(Code::Different, refused).with_remedy(
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
fn log(file: &Path, format: LogFormat) -> Result<Told, Failure> {
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
            return Err(Failure::new(Code::Usage, problem).with_remedy("name another file, or take it away"));
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

/// The signals that ask a program to end.
struct Endings {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Endings {
    fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|error| Failure::new(Code::Unexpected, error));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// The next of them.
    async fn next(&mut self) -> SignalKind {
        tokio::select! {
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.hangup.recv() => SignalKind::hangup(),
        }
    }
}

async fn serve(emulator: &Emulator, arguments: &args::Emulator, role_arn: &str) -> Result<ExitCode, Failure> {
    let mut endings = Endings::listen()?;
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
    endings.next().await;
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

async fn command(
    arguments: &args::Emulator,
    settings: &[(&'static str, String)],
) -> Result<ExitCode, Failure> {
    let Some((program, rest)) = arguments.command.split_first() else { return Ok(ExitCode::SUCCESS) };
    let mut command = Command::new(program);
    command.args(rest);
    within(&mut command, settings);
    let mut child = command.kill_on_drop(true).spawn().map_err(|error| {
        Failure::new(Code::Usage, format!("{}: {error}", program.display()))
            .with_remedy("what stands behind -- is a command and its arguments")
    })?;
    let unexpected = |error| Failure::new(Code::Unexpected, error);
    let mut endings = Endings::listen()?;
    let status = loop {
        tokio::select! {
            ended = child.wait() => break ended.map_err(unexpected)?,
            kind = endings.next() => {
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
