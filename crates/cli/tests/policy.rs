//! `rolecall policy`, as people run it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on ends")]

mod common;

use std::fs;

use common::{ended, rolecall};
use serde_json::{Value, json};

/// The flow with this trust policy, and what is expected of it.
fn situation(principal: &str, expected: &str) -> Value {
    json!({
        "name": "LambdaRole becomes IAMListRole",
        "identityPolicies": [{ "Version": "2012-10-17", "Statement": [
            { "Sid": "Become", "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*" },
        ]}],
        "trustPolicy": { "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": principal } },
        ]},
        "request": {
            "principal": "arn:aws:sts::222222222222:assumed-role/LambdaRole/s",
            "action": "sts:AssumeRole",
            "resource": "arn:aws:iam::111111111111:role/IAMListRole",
        },
        "expected": expected,
    })
}

async fn evaluate(file: &str, more: &[&str]) -> common::Ended {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cases.json");
    fs::write(&path, file).unwrap();
    let arguments = [&["policy", "evaluate", path.to_str().unwrap()], more].concat();
    ended(&mut rolecall("http://127.0.0.1:9", &arguments)).await
}

#[tokio::test]
async fn a_verdict_names_the_statements_that_decided() {
    let file = json!([situation("222222222222", "Allowed"), situation("333333333333", "Denied")]).to_string();
    let table = evaluate(&file, &[]).await;
    assert_eq!(table.code, Some(0), "{}", table.stderr);
    for words in
        ["identityPolicies[0] Statement[0] (Become)", "no trust policy allows it", "1 allowed, 1 denied"]
    {
        assert!(table.stdout.contains(words), "{words} is not in {}", table.stdout);
    }
    let json = evaluate(&file, &["--format", "json"]).await;
    let verdicts: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(verdicts[0]["verdict"], "Allowed");
    assert_eq!(verdicts[1]["verdict"], "Denied");
    assert_eq!(verdicts[1]["name"], "LambdaRole becomes IAMListRole");
    assert_eq!(verdicts[1]["decided_by"], "no trust policy allows it");
}

#[tokio::test]
async fn an_unexpected_verdict_exits_with_10() {
    let file = json!([situation("333333333333", "Allowed")]).to_string();
    let ended = evaluate(&file, &[]).await;
    assert_eq!(ended.code, Some(10));
    assert!(ended.stdout.contains("1 not as expected"), "{}", ended.stdout);
}

#[tokio::test]
async fn a_policy_that_aws_rejects_is_reported_and_still_decided() {
    let role = "arn:aws:iam::222222222222:role/*";
    let ended = evaluate(&json!([situation(role, "Denied")]).to_string(), &[]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let words = "[0] \"LambdaRole becomes IAMListRole\": trustPolicy: Statement[0].Principal.AWS: ";
    assert!(ended.stderr.contains(words) && ended.stderr.contains(role), "{}", ended.stderr);
}

#[tokio::test]
async fn an_invalid_case_is_reported_with_its_place_and_the_others_are_decided() {
    let mut no_policy = situation("222222222222", "Allowed");
    no_policy["trustPolicy"]["Statement"][0]["Effect"] = json!("Permit");
    let mut no_caller = situation("222222222222", "Allowed");
    no_caller["request"]["principal"] = json!("LambdaRole");
    let mut no_action = situation("222222222222", "Allowed");
    no_action["request"]["action"] = json!("AssumeRole");
    let mut other_principal = situation("222222222222", "Allowed");
    other_principal["context"] = json!({ "aws:PrincipalArn": "arn:aws:iam::222222222222:role/Auditor" });
    for (case, words) in [
        (no_policy, "[1]: trustPolicy: Statement[0].Effect"),
        (no_caller, "[1]: request.principal: invalid principal \"LambdaRole\""),
        (no_action, "[1]: request.action: invalid action \"AssumeRole\""),
        (
            other_principal,
            "[1]: context \"aws:PrincipalArn\": \"arn:aws:iam::222222222222:role/Auditor\" does not belong to",
        ),
    ] {
        let file = json!([situation("222222222222", "Denied"), case, situation("333333333333", "Denied")]);
        let table = evaluate(&file.to_string(), &[]).await;
        assert_eq!(table.code, Some(11), "{words}: {}", table.stderr);
        assert!(table.stdout.contains(words), "{words} is not in {}", table.stdout);
        let summary = "3 cases: 1 allowed, 1 denied, 1 invalid; 1 not as expected";
        assert!(table.stdout.contains(summary), "{}", table.stdout);
        let json = evaluate(&file.to_string(), &["--format", "json"]).await;
        assert_eq!(json.code, Some(11));
        let verdicts: Value = serde_json::from_str(&json.stdout).unwrap();
        assert_eq!(verdicts[1]["verdict"], Value::Null);
        assert!(verdicts[1]["problem"].as_str().unwrap().contains(words), "{verdicts}");
        assert_eq!((&verdicts[0]["verdict"], &verdicts[2]["verdict"]), (&json!("Allowed"), &json!("Denied")));
        assert_eq!(verdicts[0].get("problem"), None);
    }
}

#[tokio::test]
async fn a_file_that_is_not_a_list_of_cases_is_a_usage_error_with_the_line() {
    let mut unknown = situation("222222222222", "Allowed");
    unknown["trustPolicies"] = json!([]);
    for (file, words) in [
        (
            json!([unknown]).to_string(),
            "[0].trustPolicies: unknown field \"trustPolicies\"; expected one of \"name\", ",
        ),
        ("[7]".to_owned(), "[0]"),
        ("[{".to_owned(), "line 1, column 2: not valid JSON: the text ends within an object"),
        (String::new(), "it is empty"),
        (json!(situation("222222222222", "Allowed")).to_string(), "found an object, expected a list"),
        (
            "[{\"name\": \"a\",\n\"request\": {}}]".to_owned(),
            "line 2, column 13: [0].request: the field \"principal\" is missing",
        ),
        ("[{\"name\": \"a\", \"name\": \"b\"}]".to_owned(), "\"name\""),
        ("[]".to_owned(), "the list has no cases, so nothing was evaluated"),
    ] {
        let ended = evaluate(&file, &[]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{words}");
        assert!(ended.stderr.contains("cases.json") && ended.stderr.contains(words), "{}", ended.stderr);
    }
    let missing = ended(&mut rolecall("http://127.0.0.1:9", &["policy", "evaluate", "/no/such.json"])).await;
    assert_eq!(missing.code, Some(2));
    assert!(missing.stderr.contains("/no/such.json"), "{}", missing.stderr);
}
