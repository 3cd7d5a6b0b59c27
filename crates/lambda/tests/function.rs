//! The built function, as Lambda runs it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot continue panics")]

mod common;

use std::process::Stdio;
use std::time::Duration;

use common::{ROLE_ARN, TIME, invoke, spawn, value};
use rolecall_testkit::runtime_api::{Answer, RuntimeApi};
use rolecall_testkit::secrets::{EXTERNAL_ID, SECRET_ACCESS_KEY, SESSION_TOKEN, assert_no_secret_in};
use rolecall_testkit::{FakeAws, User, operation, xml};
use serde_json::{Value, json};
use tokio::process::Command;
use wiremock::{Mock, ResponseTemplate};

#[tokio::test]
async fn the_empty_event_reads_the_targets_of_the_environment_and_other_events_override_them() {
    let users = |name| vec![User::new(name, &[(1, "Active")])];
    let aws =
        FakeAws::with_accounts([("111111111111", users("alice")), ("333333333333", users("carol"))], 10)
            .await;
    let other = "arn:aws:iam::333333333333:role/IAMListRole";
    let both = json!({ "targets": [{ "role_arn": ROLE_ARN }, { "role_arn": other }] }).to_string();
    let other = json!({ "role_arn": other, "external_id": "another" }).to_string();
    let variables = [("ROLECALL_ROLE_ARN", ROLE_ARN), ("ROLECALL_EXTERNAL_ID", EXTERNAL_ID)];
    let (answers, log) = invoke(&aws, &["{}", &other, &both], &variables).await;
    let names = |answer: &Answer| {
        assert!(!answer.is_error, "{answer:?}");
        let roll = value(answer);
        let accounts = roll["accounts"].as_array().unwrap().clone();
        accounts.iter().map(|account| account["users"][0]["user_name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&answers[0]), ["alice"]);
    assert_eq!(names(&answers[1]), ["carol"]);
    assert_eq!(names(&answers[2]), ["alice", "carol"]);
    assert_eq!(value(&answers[0])["caller"]["account_id"], "222222222222");
    assert_eq!(aws.calls("GetCallerIdentity").await, 1, "one call for all invocations");

    // The log is JSON, with one line per account, and the request id.
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let accounts: Vec<&Value> = lines.iter().filter(|line| !line["account_id"].is_null()).collect();
    assert_eq!(accounts.len(), 4, "{log}");
    assert_eq!(accounts[0]["account_id"], "111111111111");
    assert_eq!(accounts[0]["outcome"], "Complete");
    assert_eq!(accounts[0]["span"]["requestId"], "request-0");
    assert_eq!(accounts[1]["span"]["requestId"], "request-1");
}

#[tokio::test]
async fn a_run_in_which_every_account_failed_is_an_error_with_its_type() {
    let aws = FakeAws::start().await;
    aws.respond_with_error(
        "AssumeRole",
        403,
        "AccessDenied",
        "User: x is not authorized to perform: sts:AssumeRole",
    )
    .await;
    let (answers, log) = invoke(&aws, &["{}"], &[("ROLECALL_ROLE_ARN", ROLE_ARN)]).await;
    assert!(answers[0].is_error);
    let error = value(&answers[0]);
    assert_eq!(error["errorType"], "AllAccountsFailed");
    let message = error["errorMessage"].as_str().unwrap();
    for part in ["111111111111", "AccessDenied", "not authorized to perform: sts:AssumeRole", "trust policy"]
    {
        assert!(message.contains(part), "{part} is not in {message}");
    }
    assert!(log.contains("\"outcome\":\"Failed\""), "{log}");
}

#[tokio::test]
async fn an_invalid_event_is_an_error_with_its_type_and_the_next_event_is_served() {
    let aws = FakeAws::start().await;
    let good = json!({ "role_arn": ROLE_ARN }).to_string();
    let events = ["{\"rolearn\": 1}", "{}", "{\"role_arn\": \"arn:aws-cn:iam::111111111111:role/R\"}", &good];
    let (answers, _) = invoke(&aws, &events, &[]).await;
    let types: Vec<_> = answers.iter().map(|answer| value(answer)["errorType"].clone()).collect();
    assert_eq!(types[..3], ["InvalidEvent", "InvalidSettings", "InvalidEvent"]);
    assert!(answers[0].body.contains("did you mean role_arn?"), "{answers:?}");
    assert!(answers[2].body.contains("us-east-1"), "{answers:?}");
    assert!(!answers[3].is_error, "{answers:?}");

    aws.respond_with_error("GetCallerIdentity", 403, "ExpiredToken", "The security token is expired").await;
    let (answers, _) = invoke(&aws, &[&good], &[]).await;
    assert_eq!(value(&answers[0])["errorType"], "NoCaller");
}

#[tokio::test]
async fn an_event_that_is_not_json_is_an_invalid_event_and_is_not_repeated() {
    let aws = FakeAws::start().await;
    let good = json!({ "role_arn": ROLE_ARN }).to_string();
    let cut = format!("{{\"external_id\": \"{EXTERNAL_ID}\"");
    let as_name = json!({ EXTERNAL_ID: 1 }).to_string();
    let as_arn = json!({ "role_arn": format!("arn:aws:iam::111111111111:role/{EXTERNAL_ID}") }).to_string();
    let events = ["", EXTERNAL_ID, &cut, "null", &as_name, &as_arn, &good];
    let (answers, log) = invoke(&aws, &events, &[]).await;
    let (last, refused) = answers.split_last().unwrap();
    for answer in refused {
        assert_eq!(value(answer)["errorType"], "InvalidEvent", "{answer:?}");
        assert_no_secret_in(&answer.body);
    }
    assert!(!last.is_error, "{last:?}");
    assert_no_secret_in(&log);
}

#[tokio::test]
async fn statistics_count_one_invocation() {
    let aws = FakeAws::start().await;
    let hub = "arn:aws:iam::333333333333:role/Hub";
    let event = json!({ "role_arn": ROLE_ARN }).to_string();
    let (answers, _) = invoke(&aws, &[&event, &event], &[("ROLECALL_VIA", hub)]).await;
    let statistics = |answer: &Answer| value(answer)["statistics"].clone();
    let [first, second] = [&answers[0], &answers[1]].map(statistics);
    assert_eq!(first["calls"]["GetCallerIdentity"]["attempts"], 1, "{answers:?}");
    assert_eq!(first["intermediate_sessions"].as_array().unwrap().len(), 1);
    assert_eq!(first["calls"]["AssumeRole"]["attempts"], 2);
    // Caller identity and intermediate session are still known.
    assert_eq!(second["calls"]["GetCallerIdentity"], Value::Null, "{second}");
    assert_eq!(second["intermediate_sessions"], Value::Null, "{second}");
    assert_eq!(second["calls"]["AssumeRole"]["attempts"], 1);
    assert_eq!(first["calls"]["ListAccessKeys"], second["calls"]["ListAccessKeys"]);
}

#[tokio::test]
async fn if_aws_does_not_answer_the_function_does_before_its_timeout_and_says_to_raise_it() {
    let aws = FakeAws::start().await;
    let hangs = ResponseTemplate::new(200).set_delay(Duration::from_mins(1));
    aws.answer("GetCallerIdentity", hangs).await;
    // The last deadline has passed when the event arrives.
    for (time, variable, words) in [
        (Duration::from_secs(5), None, "increase the timeout of the function"),
        (Duration::from_secs(5), Some(("ROLECALL_DEADLINE", "1s")), "increase ROLECALL_DEADLINE"),
        (Duration::ZERO, None, "increase the timeout of the function"),
    ] {
        let started = tokio::time::Instant::now();
        let api = RuntimeApi::start(&["{}"], time).await;
        let variables: Vec<_> = [("ROLECALL_ROLE_ARN", ROLE_ARN)].into_iter().chain(variable).collect();
        let function = spawn(&api, &aws, &variables);
        let answer = &api.answers(1).await[0];
        assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());
        let error = value(answer);
        assert_eq!(error["errorType"], "OutOfTime", "{error}");
        assert!(error["errorMessage"].as_str().unwrap().contains(words), "{error}");
        drop(function);
    }
}

#[tokio::test]
async fn an_event_without_an_organization_overrides_the_variables_of_one() {
    let aws = FakeAws::start().await;
    let variables = [
        ("ROLECALL_ORGANIZATION", "1"),
        ("ROLECALL_OU", "Workloads"),
        ("ROLECALL_ROLE_NAME", "IAMListRole"),
        ("ROLECALL_ROLE_ARN", ROLE_ARN),
    ];
    let (answers, _) = invoke(&aws, &[r#"{"organization": false}"#], &variables).await;
    assert!(!answers[0].is_error, "{answers:?}");
    assert_eq!(value(&answers[0])["organization"], Value::Null);
    assert_eq!(value(&answers[0])["accounts"][0]["account_id"], "111111111111");
}

#[tokio::test]
async fn shortly_before_the_timeout_the_function_returns_what_was_read_so_far() {
    let aws = FakeAws::start().await;
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_mins(1));
    let bob = |request: &wiremock::Request| String::from_utf8_lossy(&request.body).contains("UserName=bob");
    let slow = Mock::given(operation("ListAccessKeys")).and(bob).respond_with(slow);
    slow.with_priority(1).mount(&aws.server).await;
    let api = RuntimeApi::start(&["{}"], Duration::from_secs(5)).await;
    let function = spawn(&api, &aws, &[("ROLECALL_ROLE_ARN", ROLE_ARN)]);
    let answer = &api.answers(1).await[0];
    assert_eq!(value(answer)["accounts"][0]["outcome"], "Partial", "{answer:?}");
    assert_eq!(value(answer)["accounts"][0]["gaps"][0]["error_kind"], "timed_out");
    drop(function);

    // The same at the timeout of an account.
    let variables = [("ROLECALL_ROLE_ARN", ROLE_ARN), ("ROLECALL_ACCOUNT_TIMEOUT", "900ms")];
    let (answers, _) = invoke(&aws, &["{}"], &variables).await;
    let message = &value(&answers[0])["accounts"][0]["gaps"][0]["message"];
    assert!(message.as_str().unwrap().contains("900ms"), "{message}");
}

#[tokio::test]
async fn no_output_or_response_contains_a_secret() {
    let valid = xml::assume_role("111111111111", xml::EXPIRATION);
    let echo = xml::error("AccessDenied", &format!("{EXTERNAL_ID} {SECRET_ACCESS_KEY} {SESSION_TOKEN}"));
    let event = json!({ "role_arn": ROLE_ARN, "external_id": EXTERNAL_ID }).to_string();
    let bad_event = json!({ "role_arn": ROLE_ARN, "external_id": [EXTERNAL_ID] }).to_string();
    for (operation, status, body) in [
        ("Nothing", 200, String::new()),
        ("AssumeRole", 200, valid[..valid.len() - 40].to_owned()),
        ("AssumeRole", 200, valid.replace("111111111111", "999999999999")),
        ("AssumeRole", 200, valid.replace("2199-01-01", "tomorrow")),
        ("AssumeRole", 403, xml::error("ValidationError", &format!("Value '{EXTERNAL_ID}' at 'externalId'"))),
        ("ListUsers", 403, echo.clone()),
        ("ListUsers", 200, echo),
    ] {
        let aws = FakeAws::start().await;
        aws.answer(operation, ResponseTemplate::new(status).set_body_string(body)).await;
        let environment = [("RUST_LOG", "trace"), ("ROLECALL_EXTERNAL_ID", EXTERNAL_ID)];
        let (answers, log) = invoke(&aws, &[&event, &bad_event], &environment).await;
        assert!(log.contains("\"level\":\"DEBUG\""), "the log level is trace");
        assert_no_secret_in(&log);
        for answer in answers {
            assert_no_secret_in(&answer.body);
        }
    }
}

#[tokio::test]
async fn sigterm_stops_the_function_with_exit_code_0() {
    let aws = FakeAws::start().await;
    let api = RuntimeApi::start(&["{}"], TIME).await;
    let function = spawn(&api, &aws, &[("ROLECALL_ROLE_ARN", ROLE_ARN)]);
    api.answers(1).await;
    let pid = function.id().unwrap().to_string();
    std::process::Command::new("kill").arg(pid).status().unwrap();
    let output = function.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[tokio::test]
async fn an_invalid_setting_is_returned_to_the_invoker_and_no_call_is_made() {
    let aws = FakeAws::start().await;
    for (name, setting, expected) in [
        ("LOG_SENSITIVE_BODIES", "true", "LOG_SENSITIVE_BODIES"),
        ("ROLECALL_ROLE_ARN", "1111111111", "ROLECALL_ROLE_ARN"),
        ("ROLECALL_EXTERNAL_ID", "external4ID:4external4ID with a blank", "external id"),
        ("AWS_CA_BUNDLE", "/no/such/file", "/no/such/file"),
        ("ROLECALL_MAX_ATTEMPTS", "many", "ROLECALL_MAX_ATTEMPTS"),
        ("AWS_ENDPOINT_URL", "", "AWS_ENDPOINT_URL is set and empty"),
        ("AWS_REGION", "us east", "AWS_REGION"),
    ] {
        let event = json!({ "role_arn": ROLE_ARN }).to_string();
        let (answers, log) = invoke(&aws, &[&event, &event], &[(name, setting)]).await;
        for answer in answers {
            let error = value(&answer);
            assert_eq!(error["errorType"], "InvalidSettings", "{name}: {error}");
            assert!(error["errorMessage"].as_str().unwrap().contains(expected), "{error}");
            assert_no_secret_in(&answer.body);
        }
        assert_no_secret_in(&log);
    }
    assert_eq!(aws.server.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn outside_of_lambda_the_error_says_how_to_run_the_function() {
    let mut function = Command::new(env!("CARGO_BIN_EXE_rolecall-lambda"));
    let output = function.env_clear().stdin(Stdio::null()).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("make watch"), "{output:?}");
}
