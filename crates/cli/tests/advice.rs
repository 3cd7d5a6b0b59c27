//! What to do about a denial: the advice follows AWS's own words, and names the right account and policy.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod common;

use common::ended;
use common::organization::{as_lambda, run, start};
use rolecall_emulator::World;

const ROLE_ARN: &str = "arn:aws:iam::111111111111:role/IAMListRole";

/// The tutorial's world, with one of its documents changed.
fn world(file: &str, from: &str, to: &str) -> World {
    let world = World::tutorial_with(|name, document| {
        if name != file {
            return document.to_owned();
        }
        assert!(document.contains(from), "{from} is not in {document}");
        document.replace(from, to)
    });
    world.unwrap()
}

/// The tutorial's world, in which the hub's role may call all of STS on everything.
fn permissive_hub() -> World {
    let all = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:*", "Resource": "*"}]}"#;
    let change = |name: &str, document: &str| {
        if name == "hub-permissions.json" { all.to_owned() } else { document.to_owned() }
    };
    World::tutorial_with(change).unwrap()
}

#[tokio::test]
async fn a_denied_key_lookup_advises_to_change_the_members_policy_and_not_the_callers() {
    let emulator = start(permissive_hub()).await;
    let denied = run(&emulator, &["find-key", "AKIAIOSFODNN7EXAMPLE", "--role-name", "IAMListRole"]).await;
    assert_eq!(denied.code, Some(11));
    let words = "allow iam:GetAccessKeyLastUsed on * in a policy of role IAMListRole in account 111111111111";
    assert!(denied.stderr.contains(words), "{}", denied.stderr);
    assert!(!denied.stderr.contains("allow sts:AssumeRole"), "{}", denied.stderr);
}

#[tokio::test]
async fn a_session_policy_of_rolecalls_own_is_not_the_roles() {
    let emulator = start(World::tutorial().unwrap()).await;
    let scan = ["scan", "--role-arn", ROLE_ARN, "--collect", "users,account_alias"];
    let denied = run(&emulator, &scan).await;
    let words = "allow iam:ListAccountAliases on * in a policy of role IAMListRole in account 111111111111";
    assert!(denied.stdout.contains(words), "{}", denied.stdout);
}

#[tokio::test]
async fn each_missing_permission_of_the_flow_has_its_own_advice() {
    let external_id = "\"Action\": \"sts:AssumeRole\", \"Condition\": {\"StringEquals\": {\"sts:ExternalId\": \"between-us\"}}";
    for (file, from, to, more, words) in [
        (
            "hub-permissions.json",
            "role/IAMListRole",
            "role/Another",
            &[][..],
            "allow sts:AssumeRole on arn:aws:iam::111111111111:role/IAMListRole in a policy of role LambdaRole in account \
             222222222222",
        ),
        (
            "hub-permissions.json",
            "\"Allow\"",
            "\"Deny\"",
            &[],
            "remove the explicit deny of sts:AssumeRole from the identity-based policy of role LambdaRole in account \
             222222222222",
        ),
        (
            "member-trust.json",
            "role/LambdaRole",
            "role/Another",
            &[],
            "AWS does not say which side denied it",
        ),
        (
            "member-trust.json",
            "\"Action\": \"sts:AssumeRole\"",
            external_id,
            &[],
            "requires the external id that was passed",
        ),
        (
            "member-permissions.json",
            "iam:ListUsers",
            "iam:ListRoles",
            &[],
            "allow iam:ListUsers on * in a policy of role IAMListRole in account 111111111111",
        ),
        (
            "member-trust.json",
            "role/LambdaRole",
            "role/LambdaRole",
            &["--session-tag", "team=search"],
            "allow sts:TagSession on arn:aws:iam::111111111111:role/IAMListRole in a policy of role LambdaRole",
        ),
    ] {
        let emulator = start(world(file, from, to)).await;
        let denied = run(&emulator, &[&["scan", "--role-arn", ROLE_ARN][..], more].concat()).await;
        assert_eq!(denied.code, Some(11), "{}", denied.stderr);
        let shown = denied.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(shown.contains(words), "{words} is not in {shown}");
    }
}

#[tokio::test]
async fn tags_and_a_source_identity_that_the_trust_policy_does_not_allow_are_advised_by_their_own_actions() {
    for (flag, value, action, what) in [
        ("--session-tag", "team=search", "sts:TagSession", "session tags"),
        ("--source-identity", "j.ruiz", "sts:SetSourceIdentity", "source identity"),
    ] {
        let emulator = start(permissive_hub()).await;
        let denied = run(&emulator, &["scan", "--role-arn", ROLE_ARN, flag, value]).await;
        let shown = denied.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        let words = format!("must both allow {action}; or send no {what} ({flag})");
        assert!(shown.contains(&words), "{words} is not in {shown}");
        assert!(shown.contains(&format!("{action}: access denied, AWS gave no reason")), "{shown}");
    }
}

#[tokio::test]
async fn an_explicit_deny_of_a_trust_policy_is_advised_by_its_deny_statements() {
    let deny = r#"{"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::222222222222:role/LambdaRole"}, "Action": "sts:AssumeRole"},
        {"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole", "Condition": {"Null": {"sts:ExternalId": "true"}}}]}"#;
    let all = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:*", "Resource": "*"}]}"#;
    let lambda = r#"{"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}"#;
    let world = format!(
        r#"{{"accounts": {{"222222222222": {{"roles": {{
            "LambdaRole": {{"trust_policy": {lambda}, "policies": [{all}]}},
            "Own": {{"trust_policy": {deny}, "policies": []}}}}}}}}}}"#
    );
    let world = World::parse(&world, |_| Err(std::io::Error::from(std::io::ErrorKind::NotFound))).unwrap();
    let emulator = start(world).await;
    let denied = run(&emulator, &["scan", "--role-arn", "arn:aws:iam::222222222222:role/Own"]).await;
    let shown = denied.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(shown.contains("with an explicit deny in the role trust policy"), "{shown}");
    assert!(shown.contains("check its Deny statements and their conditions"), "{shown}");
    assert!(!shown.contains("add the caller to"), "{shown}");
}

#[tokio::test]
async fn iam_requests_are_signed_for_the_region_of_iam_not_of_the_caller() {
    let emulator = start(World::tutorial().unwrap()).await;
    for region in ["eu-central-1", "ap-southeast-2"] {
        let scanned = run(&emulator, &["scan", "--region", region, "--role-arn", ROLE_ARN]).await;
        assert_eq!(scanned.code, Some(0), "{}{}", scanned.stdout, scanned.stderr);
    }
}

#[tokio::test]
async fn an_html_page_instead_of_an_aws_answer_is_reported_as_one() {
    let server = wiremock::MockServer::start().await;
    let page = wiremock::ResponseTemplate::new(403)
        .set_body_raw("<!DOCTYPE html><html><body>Blocked by policy</body></html>", "text/html");
    wiremock::Mock::given(wiremock::matchers::any()).respond_with(page).mount(&server).await;
    let folder = tempfile::tempdir().unwrap();
    let mut command = common::rolecall(&server.uri(), &["scan", "--role-arn", ROLE_ARN]);
    let ended = ended(command.current_dir(folder.path())).await;
    assert_eq!(ended.code, Some(11));
    assert!(ended.stderr.contains("HTTP status 403 with a web page"), "{}", ended.stderr);
    assert!(ended.stderr.contains("HTTPS_PROXY"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_roll_stores_remedies_as_data() {
    let emulator = start(world("hub-permissions.json", "role/IAMListRole", "role/Another")).await;
    let folder = tempfile::tempdir().unwrap();
    let scan = ["scan", "--role-arn", ROLE_ARN, "--format", "json"];
    let denied = ended(&mut as_lambda(&emulator, folder.path(), &scan)).await;
    let document: serde_json::Value = serde_json::from_str(&denied.stdout).unwrap();
    assert_eq!(
        document.pointer("/accounts/0/gaps/0/remedy").unwrap(),
        &serde_json::json!({
            "code": "allow_actions",
            "side": "caller",
            "principal": "arn:aws:sts::222222222222:assumed-role/LambdaRole",
            "actions": ["sts:AssumeRole"],
            "resource": ROLE_ARN,
        })
    );
}
