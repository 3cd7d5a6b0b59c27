//! The built function, as Lambda runs it, against the emulator, which enforces permissions.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot continue panics; it may read the clock"
)]

use std::process::Stdio;
use std::time::Duration;

use jiff::Timestamp;
use rolecall_emulator::{Clock, Emulator, World, WorldSpec};
use rolecall_testkit::process::caller_environment;
use rolecall_testkit::runtime_api::RuntimeApi;
use serde_json::Value;
use tokio::process::Command;

const ROLE_ARN: &str = "arn:aws:iam::111111111111:role/IAMListRole";

/// The response of the function to the event `{}`, with credentials of a session of `LambdaRole`.
async fn invoke_empty(world: World) -> Value {
    invoke("{}", world, &[("ROLECALL_ROLE_ARN", ROLE_ARN)]).await
}

/// The response of the function to an event, with these environment variables.
async fn invoke(event: &str, world: World, variables: &[(&str, &str)]) -> Value {
    let listen = "127.0.0.1:0".parse().unwrap();
    let emulator = Emulator::start(world, Clock::new(Timestamp::now), listen, None).await.unwrap();
    let issued = emulator.session("arn:aws:iam::222222222222:role/LambdaRole", "rolecall").unwrap();
    let api = RuntimeApi::start(&[event], Duration::from_mins(1)).await;
    let function = Command::new(env!("CARGO_BIN_EXE_rolecall-lambda"))
        .env_clear()
        .envs(caller_environment(&emulator.url()))
        .envs(api.environment())
        .env("AWS_ACCESS_KEY_ID", issued.access_key_id)
        .env("AWS_SECRET_ACCESS_KEY", issued.secret_access_key)
        .env("AWS_SESSION_TOKEN", issued.session_token)
        .envs(variables.iter().copied())
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
async fn the_function_returns_the_roll_of_the_member_account() {
    let roll = invoke_empty(World::tutorial().unwrap()).await;
    assert_eq!(roll["caller"]["arn"], "arn:aws:sts::222222222222:assumed-role/LambdaRole/rolecall");
    assert_eq!(roll["accounts"][0]["outcome"], "Complete");
    assert_eq!(roll["counts"]["users"], 5);
    assert_eq!(roll["counts"]["access_keys"], 7);
}

#[tokio::test]
async fn an_access_denied_error_says_which_permission_to_change() {
    for (file, remedy) in [
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
        let error = invoke_empty(world.unwrap()).await;
        assert_eq!(error["errorType"], "AllAccountsFailed", "{error}");
        let message = error["errorMessage"].as_str().unwrap();
        assert!(message.contains("AccessDenied") && message.contains(remedy), "{message}");
    }
}

#[tokio::test]
async fn the_event_or_a_variable_makes_the_function_read_an_organization() {
    let world =
        || "accounts=12,users=2,seed=3,denied=0,suspended=100".parse::<WorldSpec>().unwrap().world().unwrap();
    let role_name = ("ROLECALL_ROLE_NAME", "IAMListRole");
    let by_event = invoke(r#"{"organization": true}"#, world(), &[role_name]).await;
    let by_variable = invoke("{}", world(), &[role_name, ("ROLECALL_ORGANIZATION", "1")]).await;
    for roll in [by_event, by_variable] {
        assert_eq!(roll["organization"]["id"], "o-rolecall00", "{roll}");
        assert_eq!(roll["counts"]["accounts"], roll["organization"]["accounts"]);
        let name = format!("rolecall-{}", roll["run_id"].as_str().unwrap());
        assert_eq!(roll["session_name"], name.as_str());
        assert!(roll["counts"]["complete"].as_u64().unwrap() > 5, "{roll}");
    }
    let filtered = [role_name, ("ROLECALL_ORGANIZATION", "1"), ("ROLECALL_INCLUDE", "222222222222")];
    let hub = invoke("{}", world(), &filtered).await;
    assert_eq!(hub["counts"]["accounts"], 1, "every option is a variable: {hub}");
}

#[tokio::test]
async fn if_the_first_accounts_all_deny_access_the_function_reads_no_other_accounts() {
    let world =
        "accounts=40,users=1,seed=2,denied=1000,suspended=0".parse::<WorldSpec>().unwrap().world().unwrap();
    let variables = [
        ("ROLECALL_ROLE_NAME", "IAMListRole"),
        ("ROLECALL_EXCLUDE", "222222222222"),
        ("ROLECALL_ORGANIZATION", "1"),
    ];
    let error = invoke("{}", world, &variables).await;
    assert_eq!(error["errorType"], "AllAccountsFailed", "{error}");
    let message = error["errorMessage"].as_str().unwrap();
    assert!(message.contains("none of the first 5 accounts could be read"), "{message}");
    assert!(message.contains("ROLECALL_CANARY=0") && !message.contains("--"), "{message}");
}

#[tokio::test]
async fn messages_name_environment_variables_and_not_flags() {
    let mut slow = World::tutorial().unwrap();
    slow.fault_injection.latency_ms = 300;
    let variables = [("ROLECALL_ROLE_ARN", ROLE_ARN), ("ROLECALL_ACCOUNT_TIMEOUT", "100ms")];
    let error = invoke("{}", slow, &variables).await;
    let message = error["errorMessage"].as_str().unwrap();
    assert!(message.contains("ROLECALL_ACCOUNT_TIMEOUT") && !message.contains("--"), "{message}");
}
