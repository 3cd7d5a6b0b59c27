//! Generated organisations, and the binary run over them as a session of `LambdaRole`.

use std::path::Path;

use jiff::Timestamp;
use rolecall_emulator::{Clock, Emulator, World, WorldSpec};
use serde_json::Value;
use tokio::process::Command;

use super::{Ended, ended, rolecall};

pub(crate) const LAMBDA_ROLE: &str = "arn:aws:iam::222222222222:role/LambdaRole";
pub(crate) const ORGANIZATION: [&str; 4] = ["scan", "--organization", "--role-name", "IAMListRole"];

pub(crate) fn recipe(text: &str) -> WorldSpec {
    text.parse().unwrap()
}

pub(crate) async fn start(world: World) -> Emulator {
    let listen = "127.0.0.1:0".parse().unwrap();
    Emulator::start(world, Clock::new(Timestamp::now), listen, None).await.unwrap()
}

/// The binary as a session of `LambdaRole`, in a folder without a configuration.
pub(crate) fn as_lambda(emulator: &Emulator, folder: &Path, arguments: &[&str]) -> Command {
    let issued = emulator.session(LAMBDA_ROLE, "test").unwrap();
    let mut command = rolecall(&emulator.url(), arguments);
    command.current_dir(folder);
    command.env("AWS_ACCESS_KEY_ID", issued.access_key_id);
    command.env("AWS_SECRET_ACCESS_KEY", &issued.secret_access_key);
    command.env("AWS_SESSION_TOKEN", &issued.session_token);
    command
}

pub(crate) async fn run(emulator: &Emulator, arguments: &[&str]) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    ended(&mut as_lambda(emulator, folder.path(), arguments)).await
}

pub(crate) async fn document(emulator: &Emulator, more: &[&str]) -> (Ended, Value) {
    let ended = run(emulator, &[&ORGANIZATION[..], &["--format", "json", "--no-rules"], more].concat()).await;
    let document = serde_json::from_str(&ended.stdout).unwrap_or_default();
    (ended, document)
}
