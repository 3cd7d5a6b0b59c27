//! The built function, as Lambda runs it, against an AWS that says no.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot go on ends; it may read the clock"
)]

use std::process::Stdio;
use std::time::Duration;

use jiff::Timestamp;
use rolecall_emulator::{Clock, Emulator, World};
use rolecall_testkit::process::caller_environment;
use rolecall_testkit::runtime_api::RuntimeApi;
use serde_json::Value;
use tokio::process::Command;

const ROLE_ARN: &str = "arn:aws:iam::111111111111:role/IAMListRole";

/// What the function answers to `{}`, as a session of `LambdaRole`.
async fn answer(world: World) -> Value {
    let listen = "127.0.0.1:0".parse().unwrap();
    let emulator = Emulator::start(world, Clock::new(Timestamp::now), listen, None).await.unwrap();
    let issued = emulator.session("arn:aws:iam::222222222222:role/LambdaRole", "rolecall").unwrap();
    let api = RuntimeApi::start(&["{}"], Duration::from_mins(1)).await;
    let function = Command::new(env!("CARGO_BIN_EXE_rolecall-lambda"))
        .env_clear()
        .envs(caller_environment(&emulator.url()))
        .envs(api.environment())
        .env("AWS_ACCESS_KEY_ID", issued.access_key_id)
        .env("AWS_SECRET_ACCESS_KEY", issued.secret_access_key)
        .env("AWS_SESSION_TOKEN", issued.session_token)
        .env("ROLECALL_ROLE_ARN", ROLE_ARN)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let answers = api.answers(1).await;
    drop(function);
    serde_json::from_str(&answers[0].body).unwrap()
}

#[tokio::test]
async fn the_function_gives_the_roll_of_the_other_account() {
    let roll = answer(World::tutorial().unwrap()).await;
    assert_eq!(roll["caller"]["arn"], "arn:aws:sts::222222222222:assumed-role/LambdaRole/rolecall");
    assert_eq!(roll["accounts"][0]["outcome"], "Complete");
    assert_eq!(roll["counts"]["users"], 5);
    assert_eq!(roll["counts"]["access_keys"], 7);
}

#[tokio::test]
async fn the_function_says_what_is_missing() {
    for (file, words) in [
        ("member-trust.json", "AWS does not say which side denied it"),
        (
            "hub-permissions.json",
            "remove the explicit deny of sts:AssumeRole from the identity-based policy of role LambdaRole",
        ),
        (
            "member-permissions.json",
            "remove the explicit deny of iam:ListUsers from the identity-based policy of role IAMListRole",
        ),
    ] {
        let world = World::tutorial_with(|name, document| {
            if name == file { document.replace("\"Allow\"", "\"Deny\"") } else { document.to_owned() }
        });
        let error = answer(world.unwrap()).await;
        assert_eq!(error["errorType"], "AllAccountsFailed", "{error}");
        let message = error["errorMessage"].as_str().unwrap();
        assert!(message.contains("AccessDenied") && message.contains(words), "{message}");
    }
}
