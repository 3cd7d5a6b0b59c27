//! `iam:SimulatePrincipalPolicy`, through the AWS SDK.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test panics where its setup fails, and may read the clock"
)]

use aws_credential_types::Credentials;
use aws_sdk_iam::config::{BehaviorVersion, Config, Region};
use aws_sdk_iam::error::ProvideErrorMetadata;
use aws_sdk_iam::operation::simulate_principal_policy::builders::SimulatePrincipalPolicyFluentBuilder;
use aws_sdk_iam::types::{
    ContextEntry, ContextKeyTypeEnum, EvaluationResult, OrganizationsDecisionDetail,
    PermissionsBoundaryDecisionDetail,
};
use aws_smithy_http_client::Builder;
use jiff::Timestamp;
use rolecall_emulator::{Clock, Emulator, World};
use serde_json::{Value, json};

const HUB: &str = "arn:aws:iam::222222222222:role/LambdaRole";
/// The role that requests the simulations.
const AUDITOR: &str = "arn:aws:iam::222222222222:role/Auditor";
const MEMBER: &str = "arn:aws:iam::111111111111:role/IAMListRole";
const USER: &str = "arn:aws:iam::222222222222:user/ops/ada";

fn statement(effect: &str, action: &str, resource: &str) -> Value {
    json!({ "Effect": effect, "Action": action, "Resource": resource })
}

fn policy(statements: &Value) -> Value {
    // In the order of the alphabet, so that the places of statements are the same however `serde_json` orders.
    json!({ "Statement": statements, "Version": "2012-10-17" })
}

/// The hub account with `LambdaRole`, a user of a group, and an organization around it.
fn world(change: impl FnOnce(&mut Value)) -> World {
    let trust = policy(&json!([{ "Effect": "Allow", "Action": "sts:AssumeRole",
                                 "Principal": { "Service": "lambda.amazonaws.com" } }]));
    let mut file = json!({
        "accounts": {
            "111111111111": {},
            "222222222222": {
                "managed_policies": {
                    "Limits": { "document": policy(&json!([statement("Allow", "sts:*", "*")])) },
                    "ReadUsers": { "document": policy(&json!([statement("Allow", "iam:ListUsers", "*")])) },
                },
                "groups": { "operators": {
                    "policies": [policy(&json!([statement("Allow", "iam:GetUser", "arn:aws:iam::*:user/ops/${aws:username}")]))],
                } },
                "users": { "ada": {
                    "path": "/ops/", "create_date": "2026-01-05T12:00:00Z", "groups": ["operators"],
                    "attached_policies": ["arn:aws:iam::222222222222:policy/ReadUsers"],
                    "policies": [policy(&json!([
                        { "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*",
                          "Condition": { "Bool": { "aws:MultiFactorAuthPresent": "true" } } },
                    ]))],
                } },
                "roles": { "Auditor": {
                    "trust_policy": trust, "policies": [policy(&json!([statement("Allow", "iam:*", "*")]))],
                }, "LambdaRole": {
                    "trust_policy": trust,
                    "policies": [policy(&json!([
                        statement("Allow", "sts:AssumeRole", "arn:aws:iam::*:role/IAMListRole"),
                        statement("Allow", "iam:*", "*"),
                    ]))],
                } },
            },
        },
        "organization": {
            "id": "o-abc123", "management_account": "999999999999",
            "root": { "id": "r-1", "units": [{ "id": "ou-1", "accounts": ["111111111111", "222222222222"] }] },
        },
    });
    change(&mut file);
    World::parse(&file.to_string(), |_| Err(std::io::ErrorKind::NotFound.into())).unwrap()
}

async fn start(change: impl FnOnce(&mut Value)) -> Emulator {
    let clock = Clock::new(Timestamp::now);
    Emulator::start(world(change), clock, "127.0.0.1:0".parse().unwrap(), None).await.unwrap()
}

/// A simulation of a principal's policies, requested by `Auditor`.
fn simulate(emulator: &Emulator, source_arn: &str, action: &str) -> SimulatePrincipalPolicyFluentBuilder {
    let issued = emulator.session(AUDITOR, "test").unwrap();
    let (id, secret, token) = (issued.access_key_id, issued.secret_access_key, issued.session_token);
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(emulator.url())
        .http_client(Builder::new().build_http())
        .credentials_provider(Credentials::new(id, secret, Some(token), None, "test"));
    let client = aws_sdk_iam::Client::from_conf(config.build());
    client.simulate_principal_policy().policy_source_arn(source_arn).action_names(action)
}

async fn result(request: SimulatePrincipalPolicyFluentBuilder) -> EvaluationResult {
    let mut results = request.send().await.unwrap().evaluation_results.unwrap();
    assert_eq!(results.len(), 1);
    results.remove(0)
}

/// The decision, what decided, and the keys that the request lacks.
async fn summary(request: SimulatePrincipalPolicyFluentBuilder) -> String {
    let result = result(request).await;
    let statements: Vec<String> = result
        .matched_statements()
        .iter()
        .map(|it| {
            let column = it.start_position().unwrap().column();
            format!("{}:{column}", it.source_policy_id().unwrap())
        })
        .collect();
    let organization =
        result.organizations_decision_detail().map(OrganizationsDecisionDetail::allowed_by_organizations);
    let boundary = result.permissions_boundary_decision_detail();
    let boundary = boundary.map(PermissionsBoundaryDecisionDetail::allowed_by_permissions_boundary);
    format!(
        "{} by {statements:?}, missing {:?}, organization {organization:?}, boundary {boundary:?}",
        result.eval_decision().as_str(),
        result.missing_context_values()
    )
}

async fn error(request: SimulatePrincipalPolicyFluentBuilder) -> String {
    let error = request.send().await.unwrap_err();
    format!("{}: {}", error.code().unwrap(), error.message().unwrap())
}

fn entry(key: &str, value: &str) -> ContextEntry {
    let entry = ContextEntry::builder().context_key_name(key).context_key_values(value);
    entry.context_key_type(ContextKeyTypeEnum::String).build()
}

#[tokio::test]
async fn the_policies_of_the_principal_decide_and_the_statements_are_named() {
    let emulator = start(|_| {}).await;
    let assume = || simulate(&emulator, HUB, "sts:AssumeRole");
    let allowed = "allowed by [\"policy-1:15\"], missing [], organization Some(true), boundary None";
    assert_eq!(summary(assume().resource_arns(MEMBER)).await, allowed);
    let other = "arn:aws:iam::111111111111:role/Other";
    let denied = "implicitDeny by [], missing [], organization Some(true), boundary None";
    assert_eq!(summary(assume().resource_arns(other)).await, denied);
    assert_eq!(summary(assume()).await, denied, "the resource is * if the request has none");

    let result = result(assume().resource_arns(MEMBER).resource_arns(other)).await;
    assert_eq!(result.eval_action_name(), "sts:AssumeRole");
    assert_eq!(
        result.eval_resource_name(),
        Some("arn:${Partition}:iam::${Account}:role/${RoleNameWithPath}")
    );
    assert_eq!(result.eval_decision().as_str(), "implicitDeny", "the most restrictive of both");
    let each: Vec<(&str, &str, usize)> = result
        .resource_specific_results()
        .iter()
        .map(|it| {
            (it.eval_resource_name(), it.eval_resource_decision().as_str(), it.matched_statements().len())
        })
        .collect();
    assert_eq!(each, [(MEMBER, "allowed", 1), (other, "implicitDeny", 0)]);
    let first = result.resource_specific_results().first().unwrap();
    let statement = first.matched_statements().first().unwrap();
    assert_eq!(statement.source_policy_type().unwrap().as_str(), "IAM Policy");
    assert!(statement.end_position().unwrap().column() > statement.start_position().unwrap().column());
}

#[tokio::test]
async fn passed_policies_and_a_denial_take_part() {
    let emulator = start(|_| {}).await;
    let assume = || simulate(&emulator, HUB, "sts:AssumeRole").resource_arns(MEMBER);
    let deny = policy(&json!([statement("Deny", "sts:*", "*")])).to_string();
    let summary_with_deny = summary(assume().policy_input_list(&deny)).await;
    assert!(
        summary_with_deny.starts_with("explicitDeny by [\"PolicyInputList.1:15\"]"),
        "{summary_with_deny}"
    );
    let boundary = policy(&json!([statement("Allow", "iam:*", "*")])).to_string();
    let limited = summary(assume().permissions_boundary_policy_input_list(&boundary)).await;
    assert_eq!(limited, "implicitDeny by [], missing [], organization Some(true), boundary Some(false)");
    let other = simulate(&emulator, HUB, "s3:ListAllMyBuckets");
    let allow = policy(&json!([statement("Allow", "s3:*", "*")])).to_string();
    assert!(
        summary(other.policy_input_list(allow)).await.starts_with("allowed by [\"PolicyInputList.1:15\"]")
    );
}

#[tokio::test]
async fn boundaries_and_service_control_policies_limit_what_is_allowed() {
    let emulator = start(|file| {
        file["accounts"]["222222222222"]["roles"]["LambdaRole"]["permissions_boundary"] =
            json!("arn:aws:iam::222222222222:policy/Limits");
        file["organization"]["root"]["units"][0]["scps"] = json!([policy(&json!([
            statement("Allow", "*", "*"),
            { "Effect": "Deny", "Action": "sts:AssumeRole", "Resource": "*",
              "Condition": { "StringNotEquals": { "aws:RequestedRegion": "eu-central-1" } } },
        ]))]);
    })
    .await;
    let assume = || simulate(&emulator, HUB, "sts:AssumeRole").resource_arns(MEMBER);
    let denied = "explicitDeny by [], missing [], organization Some(false), boundary Some(true)";
    assert_eq!(summary(assume()).await, denied, "neither statements nor keys of SCPs are named");
    let allowed = summary(assume().context_entries(entry("AWS:requestedregion", "eu-central-1"))).await;
    assert!(allowed.starts_with("allowed by [\"policy-1:15\"]"), "{allowed}");
    let listing = summary(simulate(&emulator, HUB, "iam:ListUsers")).await;
    assert_eq!(listing, "implicitDeny by [], missing [], organization Some(true), boundary Some(false)");
}

#[tokio::test]
async fn users_have_the_policies_of_their_groups_and_missing_keys_are_listed() {
    let emulator = start(|_| {}).await;
    let missing = "missing [\"aws:MultiFactorAuthPresent\"]";
    let assume = || simulate(&emulator, USER, "sts:AssumeRole").resource_arns(MEMBER);
    let denied = summary(assume()).await;
    assert!(denied.starts_with("implicitDeny by []") && denied.contains(missing), "{denied}");
    let allowed = summary(assume().context_entries(entry("aws:MultiFactorAuthPresent", "true"))).await;
    assert!(allowed.starts_with("allowed by [\"policy-1:15\"], missing []"), "{allowed}");
    let own = summary(simulate(&emulator, USER, "iam:GetUser").resource_arns(USER)).await;
    assert!(own.starts_with("allowed by [\"policy-1:15\"]") && own.contains(missing), "{own}");
    let managed = summary(simulate(&emulator, USER, "iam:ListUsers")).await;
    assert!(managed.starts_with("allowed by [\"ReadUsers:15\"]"), "{managed}");
    let group = "arn:aws:iam::222222222222:group/operators";
    let of_group = summary(simulate(&emulator, group, "iam:GetUser").resource_arns(USER)).await;
    assert!(of_group.contains("missing [\"aws:username\"]"), "{of_group}");
    let as_ada = simulate(&emulator, group, "iam:GetUser").resource_arns(USER).caller_arn(USER);
    assert!(summary(as_ada).await.starts_with("allowed by [\"policy-1:15\"]"));
}

#[tokio::test]
async fn a_resource_policy_takes_part_for_users_only() {
    let emulator = start(|_| {}).await;
    let resource_policy = |principal: &str| {
        let statement = json!({ "Effect": "Allow", "Action": "sqs:*", "Resource": "*", "Principal": { "AWS": principal } });
        policy(&json!([statement])).to_string()
    };
    let queue = |account: &str| format!("arn:aws:sqs:eu-central-1:{account}:queue");
    let send = |account: &str, principal: &str| {
        let send = simulate(&emulator, USER, "sqs:SendMessage").resource_arns(queue(account));
        send.resource_policy(resource_policy(principal))
    };
    assert!(summary(send("222222222222", USER)).await.starts_with("allowed by [\"ResourcePolicy:15\"]"));
    assert!(summary(send("222222222222", "333333333333")).await.starts_with("implicitDeny by []"));
    let other_account = summary(send("111111111111", USER)).await;
    assert!(
        other_account.starts_with("implicitDeny by []"),
        "the user's own policies must allow too: {other_account}"
    );
    let of_role = simulate(&emulator, HUB, "sqs:SendMessage").resource_policy(resource_policy("*"));
    assert!(error(of_role).await.starts_with("InvalidInput: Simulation of resource-based policies"));
}

#[tokio::test]
async fn results_are_paged_and_a_marker_is_of_its_request() {
    let emulator = start(|_| {}).await;
    let request = || {
        ["iam:GetRole", "sts:AssumeRole", "s3:GetObject"].into_iter().fold(
            simulate(&emulator, HUB, "iam:ListUsers"),
            SimulatePrincipalPolicyFluentBuilder::action_names,
        )
    };
    let pages = request().into_paginator().page_size(3).items().send();
    let results = pages.collect::<Result<Vec<_>, _>>().await.unwrap();
    let actions: Vec<&str> = results.iter().map(EvaluationResult::eval_action_name).collect();
    assert_eq!(actions, ["iam:ListUsers", "iam:GetRole", "sts:AssumeRole", "s3:GetObject"]);
    let first = request().max_items(1).send().await.unwrap();
    assert!(first.is_truncated() && first.evaluation_results().len() == 1);
    let of_another = simulate(&emulator, HUB, "iam:ListUsers").set_marker(first.marker);
    assert!(error(of_another).await.starts_with("ValidationError: Invalid Marker."));
}

#[tokio::test]
async fn what_cannot_be_simulated_is_an_error_that_says_why() {
    let emulator = start(|_| {}).await;
    let assume = || simulate(&emulator, HUB, "sts:AssumeRole");
    let session = "arn:aws:sts::222222222222:assumed-role/LambdaRole/s";
    let invalid_json = "Invalid JSON in PolicyInputList.1: ";
    for (request, expected) in [
        (
            simulate(&emulator, session, "sts:AssumeRole"),
            "InvalidInput: Invalid Entity Arn: arn:aws:sts::222222222222:assumed-role/LambdaRole/s does not clearly",
        ),
        (
            simulate(&emulator, "arn:aws:iam::222222222222:role/None", "sts:AssumeRole"),
            "NoSuchEntity: The role with name None cannot be found.",
        ),
        (simulate(&emulator, MEMBER, "sts:AssumeRole"), "AccessDenied: User: "),
        (simulate(&emulator, HUB, "AssumeRole"), "InvalidInput: Invalid Action Name: AssumeRole."),
        (simulate(&emulator, HUB, "sts:*"), "InvalidInput: Invalid Action Name: sts:*."),
        (assume().resource_arns("role"), "InvalidInput: Invalid Resource Arn: role"),
        (assume().policy_input_list("{"), invalid_json),
        (
            assume().policy_input_list("{}"),
            "InvalidInput: Syntax errors in policy PolicyInputList.1. Statement",
        ),
        (assume().caller_arn(session), "InvalidInput: Invalid Entity Arn"),
        (
            assume().context_entries(ContextEntry::builder().context_key_name("aws:SourceIp").build()),
            "InvalidInput: ContextEntries.1 has no ContextKeyValues.",
        ),
    ] {
        let problem = error(request).await;
        assert!(problem.contains(expected), "{expected} is not in {problem}");
    }
}

#[tokio::test]
async fn it_needs_the_permission_for_the_principal_that_is_simulated() {
    let emulator = start(|file| {
        file["accounts"]["222222222222"]["roles"]["Auditor"]["policies"] =
            json!([policy(&json!([statement("Allow", "iam:SimulatePrincipalPolicy", HUB)]))]);
    })
    .await;
    assert!(simulate(&emulator, HUB, "sts:AssumeRole").send().await.is_ok());
    assert_eq!(
        error(simulate(&emulator, USER, "sts:AssumeRole")).await,
        format!(
            "AccessDenied: User: arn:aws:sts::222222222222:assumed-role/Auditor/test is not authorized to perform: \
             iam:SimulatePrincipalPolicy on resource: {USER} because no identity-based policy allows the \
             iam:SimulatePrincipalPolicy action"
        )
    );
}
