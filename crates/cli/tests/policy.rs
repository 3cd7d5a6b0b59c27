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

async fn run(command: &str, file: &str, more: &[&str]) -> common::Ended {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cases.json");
    fs::write(&path, file).unwrap();
    let arguments = [&["policy", command, path.to_str().unwrap()], more].concat();
    ended(&mut rolecall("http://127.0.0.1:9", &arguments)).await
}

async fn evaluate(file: &str, more: &[&str]) -> common::Ended {
    run("evaluate", file, more).await
}

async fn explain(file: &str, more: &[&str]) -> common::Ended {
    run("explain", file, more).await
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

#[tokio::test]
async fn a_warning_and_a_problem_have_their_line_and_column_in_the_file() {
    let mut case = situation("222222222222", "Denied");
    case["trustPolicy"]["Statement"][0]["Condition"] =
        json!({ "StringEquals": { "sts:ExternalId": "s3cret*" } });
    case["identityPolicies"][0]["Statement"][0]["Resource"] =
        json!(["arn:aws:iam::111111111111:role/IAMListRole", "arn:aws:iam::1111111111:role/IAMListRole"]);
    let mut invalid = situation("222222222222", "Denied");
    invalid["trustPolicy"]["Statement"][0]["Effect"] = json!("Permit");
    let file = serde_json::to_string_pretty(&json!([case, invalid])).unwrap();
    // The place of the first line with this text, at the text's value.
    let place = |text: &str| {
        let (index, line) = file.lines().enumerate().find(|(_, line)| line.contains(text)).unwrap();
        format!("line {}, column {}: ", index + 1, line.find(text).unwrap() + 1)
    };
    let ended = evaluate(&file, &[]).await;
    assert_eq!(ended.code, Some(11));
    let account = format!(
        "cases.json: {}[0] \"LambdaRole becomes IAMListRole\": identityPolicies[0]: Statement[0].Resource: \
         \"arn:aws:iam::1111111111:role/IAMListRole\": account id \"1111111111\" has 10 digits, not 12; write",
        place("\"arn:aws:iam::1111111111:role")
    );
    let literal = format!(
        "{}[0] \"LambdaRole becomes IAMListRole\": trustPolicy: Statement[0].Condition.StringEquals.sts:ExternalId: \
         StringEquals compares * and ? literally",
        place("\"s3cret*\"")
    );
    for words in [&account, &literal] {
        assert!(ended.stderr.contains(words), "{words} is not in {}", ended.stderr);
    }
    assert!(!ended.stderr.contains("AWS rejects"), "AWS accepts both: {}", ended.stderr);
    let problem = format!("{}[1]: trustPolicy: Statement[0].Effect: expected", place("\"Permit\""));
    assert!(ended.stdout.contains(&problem), "{problem} is not in {}", ended.stdout);
    assert!(!format!("{}{}", ended.stdout, ended.stderr).contains("s3cret"), "{}", ended.stderr);
}

#[tokio::test]
async fn an_explanation_names_what_each_policy_contributes_and_what_does_not_match() {
    let mut case = situation("222222222222", "Denied");
    let trust = &mut case["trustPolicy"]["Statement"];
    trust[0]["Condition"] = json!({ "StringEquals": { "aws:PrincipalOrgID": "o-exampleorg1" } });
    let other =
        json!({ "Effect": "Allow", "Action": "sts:TagSession", "Principal": { "AWS": "333333333333" } });
    trust.as_array_mut().unwrap().push(other);
    case["context"] = json!({ "aws:PrincipalOrgID": "o-exampleorg2" });
    case["scps"] = json!([{ "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" } }]);
    let file = json!([case, situation("222222222222", "Allowed")]).to_string();
    let table = explain(&file, &[]).await;
    assert_eq!(table.code, Some(0), "{}", table.stderr);
    for words in [
        "Denied  LambdaRole becomes IAMListRole: no trust policy allows it\n",
        "POLICY               EFFECT     STATEMENT              DOES NOT MATCH\n",
        "scps[0]              allows     Statement[0]\n",
        "identityPolicies[0]  allows     Statement[0] (Become)\n",
        "trustPolicy          no effect  Statement[0]           Condition.StringEquals.aws:PrincipalOrgID: the policy has \
         \"o-exampleorg1\", the request has \"o-exampleorg2\"\n",
        "Allowed  LambdaRole becomes IAMListRole: allowed by identityPolicies[0] Statement[0] (Become) and trustPolicy",
        "\n2 cases: 1 allowed, 1 denied\n",
    ] {
        assert!(table.stdout.contains(words), "{words} is not in {}", table.stdout);
    }
    let json = explain(&file, &["--format", "json"]).await;
    let cases: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(
        (&cases[0]["verdict"], &cases[0]["decided_by"]),
        (&json!("Denied"), &json!("no trust policy allows it"))
    );
    assert_eq!(
        cases[0]["documents"][2],
        json!({
            "policy_type": "trust policy",
            "document": "trustPolicy",
            "effect": "NoEffect",
            "nearest": {
                "index": 0,
                "statement": "Statement[0]",
                "mismatches": [{
                    "element": "Condition.StringEquals.aws:PrincipalOrgID",
                    "in_policy": ["o-exampleorg1"],
                    "in_request": ["o-exampleorg2"],
                }],
            },
        })
    );
    assert_eq!(cases[1]["documents"][1]["effect"], "Allows");
    assert_eq!(cases[1]["documents"][1]["statement"], "Statement[0]");
    assert_eq!(cases[0]["warnings"], json!([]));
}

#[tokio::test]
async fn an_explanation_has_the_warnings_and_the_exit_codes_of_an_evaluation_and_no_external_id() {
    let mut case = situation("222222222222", "Allowed");
    case["trustPolicy"]["Statement"][0]["Condition"] =
        json!({ "StringEquals": { "sts:ExternalId": "s3cret-of-policy*" } });
    case["context"] = json!({ "sts:ExternalId": "s3cret-of-request" });
    let mut invalid = situation("222222222222", "Allowed");
    invalid["request"]["principal"] = json!("LambdaRole");
    for (file, code) in [(json!([case]), 10), (json!([case, invalid]), 11)] {
        for format in ["table", "json"] {
            let ended = explain(&file.to_string(), &["--format", format]).await;
            assert_eq!(ended.code, Some(code), "{}", ended.stderr);
            for words in [
                "the request has an external id that the policy does not accept",
                ": trustPolicy: Statement[0].Condition.StringEquals.sts:ExternalId: StringEquals compares * and ? literally",
                "use StringLike",
            ] {
                assert!(
                    format == "json" || ended.stdout.contains(words),
                    "{words} is not in {}",
                    ended.stdout
                );
            }
            assert!(ended.stdout.contains("StringEquals compares * and ?"), "{}", ended.stdout);
            assert!(!format!("{}{}", ended.stdout, ended.stderr).contains("s3cret"), "{}", ended.stdout);
            let has_problem = ended.stdout.contains("[1]: request.principal: invalid principal");
            assert_eq!(has_problem, code == 11, "{}", ended.stdout);
        }
    }
    let broken = explain("[{", &[]).await;
    assert_eq!(broken.code, Some(2));
    assert!(broken.stderr.contains("`rolecall policy explain --help`"), "{}", broken.stderr);
}

#[tokio::test]
async fn a_decision_that_no_policy_can_change_is_explained_without_policies() {
    let mut case = situation("222222222222", "Denied");
    case["request"]["principal"] = json!("arn:aws:iam::222222222222:root");
    let ended = explain(&json!([case]).to_string(), &[]).await;
    let expected =
        "Denied  LambdaRole becomes IAMListRole: the root user of an account cannot assume roles\n\n1 case: ";
    assert!(ended.stdout.starts_with(expected), "{}", ended.stdout);
}

/// The text of the first block of a page that begins with this line.
fn block<'a>(page: &'a str, first: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("\n{first}\n")).unwrap();
    rest.split_once("\n```").unwrap().0
}

#[tokio::test]
async fn the_page_about_policies_shows_the_explanation_as_it_is() {
    let page = include_str!("../../../docs/policies.md");
    let ended = explain(block(page, "```json file=denied.json"), &[]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.stdout.trim_end(), block(page, "```text"));
}
