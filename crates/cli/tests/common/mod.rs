//! The built binary, run, and what it ended with.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "each test file uses its part; a test that cannot go on ends"
)]

pub(crate) mod organization;

use std::process::Stdio;
use std::time::Duration;

use rolecall_testkit::FakeAws;
use rolecall_testkit::process::caller_environment;
use rolecall_testkit::secrets::assert_no_secret_in;
use tokio::process::Command;

pub(crate) const ROLE_ARN: &str = "arn:aws:iam::111111111111:role/IAMListRole";

/// What a run ended with.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A run against `endpoint`, as a caller whose credentials are in the environment.
pub(crate) fn rolecall(endpoint: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rolecall"));
    command
        .env_clear()
        .envs(caller_environment(endpoint))
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// What a command ends with. Nothing that it prints may hold a secret.
pub(crate) async fn ended(command: &mut Command) -> Ended {
    let output = tokio::time::timeout(Duration::from_mins(5), command.output()).await.unwrap().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let ended =
        Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) };
    assert_no_secret_in(&ended.stdout);
    assert_no_secret_in(&ended.stderr);
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    ended
}

pub(crate) async fn run(aws: &FakeAws, arguments: &[&str]) -> Ended {
    ended(&mut rolecall(&aws.uri(), arguments)).await
}
