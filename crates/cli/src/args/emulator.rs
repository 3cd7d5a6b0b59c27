//! `rolecall emulator`.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use rolecall_core::settings;
use rolecall_emulator::{Behaviour, Recipe};
use rolecall_roll::RoleArn;

pub(super) const USAGE: &str = "\
rolecall emulator [OPTIONS]
       rolecall emulator [OPTIONS] -- <COMMAND>...";

pub(super) const HELP: &str = "\
Without a world of your own it holds the two accounts of the flow: 111111111111 with IAMListRole and some users, and \
222222222222 with LambdaRole.

Examples:
  rolecall emulator -- rolecall scan --role-arn arn:aws:iam::111111111111:role/IAMListRole
  rolecall emulator -- aws iam list-users
  rolecall emulator --env-file aws.env      and in another terminal: . ./aws.env; aws sts get-caller-identity

With a COMMAND the exit code is the command's.";

fn address_and_port(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "it is an address and a port, as 127.0.0.1:4599 or [::1]:4599".to_owned())
}

#[derive(Debug, Args)]
pub(crate) struct Emulator {
    /// Where to listen [default: 127.0.0.1:4599; with a COMMAND, any free port of 127.0.0.1]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = address_and_port)]
    pub(crate) listen: Option<SocketAddr>,

    /// The accounts, roles, users and policies, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) world: Option<PathBuf>,

    /// Make a world and not read one: an organisation of so many accounts and users, the same each time for a seed; also
    /// `with_keys` (users of a hundred), `denied`, `suspended`, `hanging` (accounts of a thousand)
    #[arg(long, value_name = "accounts=600,users=50,seed=7", conflicts_with = "world")]
    pub(crate) generate: Option<Recipe>,

    /// How long each answer takes
    #[arg(long, value_name = "TIME", value_parser = settings::duration)]
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

    /// The role whose session the credentials are of, whomever it trusts; without this flag it is `LambdaRole` of
    /// account 222222222222, if that lets Lambda become it
    #[arg(long = "as", value_name = "ARN")]
    pub(crate) role_arn: Option<RoleArn>,

    /// Write the settings to ask it with to this file, as lines of a shell; it is taken away at the end
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

impl Emulator {
    /// What was typed of how slow the world is and what goes wrong, over what its file says.
    pub(crate) fn over(&self, behaviour: &Behaviour) -> Behaviour {
        let latency_ms = self.latency.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        Behaviour {
            latency_ms: latency_ms.unwrap_or(behaviour.latency_ms),
            iam_rate: self.iam_rate.or(behaviour.iam_rate),
            error_rate: self.error_rate.unwrap_or(behaviour.error_rate),
            reset_rate: self.reset_rate.unwrap_or(behaviour.reset_rate),
            ..behaviour.clone()
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
