//! The built function in a process of its own, and its answers.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses some of these; a test that cannot continue panics"
)]

use std::process::Stdio;
use std::time::Duration;

use rolecall_testkit::FakeAws;
use rolecall_testkit::process::caller_environment;
use rolecall_testkit::runtime_api::{Answer, RuntimeApi};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

pub(crate) const ROLE_ARN: &str = "arn:aws:iam::111111111111:role/IAMListRole";
pub(crate) const TIME: Duration = Duration::from_mins(1);

pub(crate) fn spawn(api: &RuntimeApi, aws: &FakeAws, variables: &[(&str, &str)]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_rolecall-lambda"))
        .env_clear()
        .envs(caller_environment(&aws.uri()))
        .envs(api.environment())
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Reads one of the function's output pipes to the end. Without a reader, a full pipe would block the function.
pub(crate) async fn read_pipe(mut pipe: impl AsyncRead + Unpin + Send + 'static) -> String {
    let mut bytes = Vec::new();
    pipe.read_to_end(&mut bytes).await.unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Runs the function with these events and environment variables. Returns its responses, and everything that it printed.
pub(crate) async fn invoke(
    aws: &FakeAws,
    events: &[&str],
    variables: &[(&str, &str)],
) -> (Vec<Answer>, String) {
    let api = RuntimeApi::start(events, TIME).await;
    let mut function = spawn(&api, aws, variables);
    let stdout = tokio::spawn(read_pipe(function.stdout.take().unwrap()));
    let stderr = tokio::spawn(read_pipe(function.stderr.take().unwrap()));
    let answers = api.answers(events.len()).await;
    function.kill().await.unwrap();
    (answers, stdout.await.unwrap() + &stderr.await.unwrap())
}

pub(crate) fn value(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap()
}
