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
use rolecall_emulator::{Clock, Emulator, World, WorldSpec};
use rolecall_testkit::process::caller_environment;
use rolecall_testkit::runtime_api::RuntimeApi;
use serde_json::Value;
use tokio::process::Command;

const ROLE_ARN: &str = "arn:aws:iam::111111111111:role/IAMListRole";

/// What the function answers to `{}`, as a session of `LambdaRole`.
async fn answer(world: World) -> Value {
    answer_to("{}", world, &[("ROLECALL_ROLE_ARN", ROLE_ARN)]).await
}

/// What the function answers to an event, with these variables.
async fn answer_to(event: &str, world: World, variables: &[(&str, &str)]) -> Value {
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

#[tokio::test]
async fn the_function_reads_an_organization_where_the_event_or_a_variable_says_so() {
    let world =
        || "accounts=12,users=2,seed=3,denied=0,suspended=100".parse::<WorldSpec>().unwrap().world().unwrap();
    let role_name = ("ROLECALL_ROLE_NAME", "IAMListRole");
    let by_event = answer_to(r#"{"organization": true}"#, world(), &[role_name]).await;
    let by_variable = answer_to("{}", world(), &[role_name, ("ROLECALL_ORGANIZATION", "1")]).await;
    for roll in [by_event, by_variable] {
        assert_eq!(roll["organization"]["id"], "o-rolecall00", "{roll}");
        assert_eq!(roll["counts"]["accounts"], roll["organization"]["accounts"]);
        let name = format!("rolecall-{}", roll["run_id"].as_str().unwrap());
        assert_eq!(roll["session_name"], name.as_str());
        assert!(roll["counts"]["complete"].as_u64().unwrap() > 5, "{roll}");
    }
    let filtered = [role_name, ("ROLECALL_ORGANIZATION", "1"), ("ROLECALL_INCLUDE", "222222222222")];
    let hub = answer_to("{}", world(), &filtered).await;
    assert_eq!(hub["counts"]["accounts"], 1, "every option is a variable: {hub}");
}

#[tokio::test]
async fn the_function_reads_no_further_accounts_where_the_first_few_are_all_denied() {
    let world =
        "accounts=40,users=1,seed=2,denied=1000,suspended=0".parse::<WorldSpec>().unwrap().world().unwrap();
    let variables = [
        ("ROLECALL_ROLE_NAME", "IAMListRole"),
        ("ROLECALL_EXCLUDE", "222222222222"),
        ("ROLECALL_ORGANIZATION", "1"),
    ];
    let error = answer_to("{}", world, &variables).await;
    assert_eq!(error["errorType"], "AllAccountsFailed", "{error}");
    let message = error["errorMessage"].as_str().unwrap();
    assert!(message.contains("the first 5 accounts could all not be read"), "{message}");
    assert!(message.contains("ROLECALL_CANARY=0") && !message.contains("--"), "{message}");
}

#[tokio::test]
async fn the_function_speaks_of_its_variables_and_not_of_flags() {
    let mut slow = World::tutorial().unwrap();
    slow.fault_injection.latency_ms = 300;
    let variables = [("ROLECALL_ROLE_ARN", ROLE_ARN), ("ROLECALL_ACCOUNT_TIMEOUT", "100ms")];
    let error = answer_to("{}", slow, &variables).await;
    let message = error["errorMessage"].as_str().unwrap();
    assert!(message.contains("ROLECALL_ACCOUNT_TIMEOUT") && !message.contains("--"), "{message}");
}
