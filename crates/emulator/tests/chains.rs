//! Role chaining: what a session passes on to the next one, and what a request may not change.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test panics where its setup fails, and may read the clock"
)]

use aws_credential_types::Credentials;
use aws_sdk_sts::error::ProvideErrorMetadata;
use aws_sdk_sts::types::Tag;
use aws_smithy_http_client::Builder;
use jiff::Timestamp;
use rolecall_emulator::{Clock, Emulator, World};
use serde_json::{Value, json};

const FIRST: &str = "arn:aws:iam::222222222222:role/first/First";

/// Roles in a chain: `First` may assume `Second`, and `Second` may assume `Third`, which trust them for `actions`.
/// `Mistaken` trusts the ARN of `First` without its path.
fn world(actions: &Value, condition: &Value) -> World {
    let everything = json!({ "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" } });
    let trust = |principal: &str, condition: &Value| {
        json!({ "Statement": { "Effect": "Allow", "Action": actions, "Principal": { "AWS": principal },
                               "Condition": condition } })
    };
    let role =
        |path: &str, trust: Value| json!({ "path": path, "trust_policy": trust, "policies": [everything] });
    let second = "arn:aws:iam::111111111111:role/Second";
    let file = json!({
        "accounts": {
            "222222222222": { "roles": { "First": role("/first/", trust("222222222222", &json!({}))) } },
            "111111111111": { "roles": {
                "Second": role("/", trust(FIRST, &json!({}))),
                "Third": role("/", trust(second, condition)),
                "Mistaken": role("/", trust("arn:aws:iam::222222222222:role/First", &json!({}))),
            } },
        },
        "organization": { "id": "o-abc123", "management_account": "222222222222", "root": { "id": "r-1",
            "rcps": [{ "Statement": { "Effect": "Deny", "Action": "sts:AssumeRole", "Principal": "*", "Resource": "*",
                "Condition": { "StringNotEquals": { "aws:ResourceOrgID": "o-abc123" } } } }],
            "accounts": ["111111111111"] } },
    });
    World::parse(&file.to_string(), |_| Err(std::io::ErrorKind::NotFound.into())).unwrap()
}

async fn start(world: World) -> (Emulator, aws_sdk_sts::Client) {
    let listen = "127.0.0.1:0".parse().unwrap();
    let emulator = Emulator::start(world, Clock::new(Timestamp::now), listen, None).await.unwrap();
    let issued = emulator.session(FIRST, "test").unwrap();
    let (id, secret, token) = (issued.access_key_id, issued.secret_access_key, issued.session_token);
    let client = client(&emulator, Credentials::new(id, secret, Some(token), None, "test"));
    (emulator, client)
}

fn client(emulator: &Emulator, credentials: Credentials) -> aws_sdk_sts::Client {
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(aws_sdk_sts::config::BehaviorVersion::latest())
        .region(aws_sdk_sts::config::Region::new("eu-central-1"))
        .endpoint_url(emulator.url())
        .http_client(Builder::new().build_http())
        .credentials_provider(credentials);
    aws_sdk_sts::Client::from_conf(config.build())
}

type Assume = aws_sdk_sts::operation::assume_role::builders::AssumeRoleFluentBuilder;

fn assume(client: &aws_sdk_sts::Client, name: &str) -> Assume {
    client.assume_role().role_arn(format!("arn:aws:iam::111111111111:role/{name}")).role_session_name("test")
}

/// Sends the request, and returns a client with the credentials of the new session.
async fn assumed_client(emulator: &Emulator, request: Assume) -> aws_sdk_sts::Client {
    let issued = request.send().await.unwrap().credentials.unwrap();
    let (id, secret, token) = (issued.access_key_id, issued.secret_access_key, issued.session_token);
    client(emulator, Credentials::new(id, secret, Some(token), None, "test"))
}

/// The code and the message of the error that the request gets.
async fn error_text(request: Assume) -> String {
    let error = request.send().await.unwrap_err();
    format!("{}: {}", error.code().unwrap(), error.message().unwrap())
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build().unwrap()
}

#[tokio::test]
async fn a_role_is_trusted_by_its_whole_arn() {
    let (_emulator, first) = start(world(&json!("sts:AssumeRole"), &json!({}))).await;
    assert!(
        assume(&first, "Second").send().await.is_ok(),
        "the RCP gets the organization of the role's account"
    );
    let problem = error_text(assume(&first, "Mistaken")).await;
    assert!(problem.starts_with("AccessDenied: "), "its path is not in the trust policy: {problem}");
}

#[tokio::test]
async fn a_source_identity_is_inherited_and_cannot_be_changed() {
    let (emulator, first) =
        start(world(&json!(["sts:AssumeRole", "sts:SetSourceIdentity"]), &json!({}))).await;
    let second = assumed_client(&emulator, assume(&first, "Second").source_identity("alice")).await;
    assert!(
        error_text(assume(&second, "Third").source_identity("mallory")).await.contains("cannot be changed")
    );
    let third = assume(&second, "Third").send().await.unwrap();
    assert_eq!(third.source_identity(), Some("alice"));
    let last_request = emulator.requests().pop().unwrap();
    assert_eq!(last_request.operation, "sts:AssumeRole");
    assert!(last_request.decided_by.unwrap().contains("; sts:SetSourceIdentity: allowed by"));

    let only_second = json!({ "StringNotLike": { "sts:SourceIdentity": "*" } });
    let (emulator, first) =
        start(world(&json!(["sts:AssumeRole", "sts:SetSourceIdentity"]), &only_second)).await;
    let second = assumed_client(&emulator, assume(&first, "Second").source_identity("alice")).await;
    assert!(error_text(assume(&second, "Third")).await.starts_with("AccessDenied"));
}

#[tokio::test]
async fn transitive_tags_are_inherited_and_cannot_be_overridden() {
    let actions = json!(["sts:AssumeRole", "sts:TagSession"]);
    let condition = json!({ "StringEquals": { "aws:PrincipalTag/team": "search" } });
    let (emulator, first) = start(world(&actions, &condition)).await;
    let tagged = || assume(&first, "Second").tags(tag("team", "search"));
    let second = assumed_client(&emulator, tagged().transitive_tag_keys("Team")).await;
    assert!(assume(&second, "Third").send().await.is_ok());
    assert!(
        error_text(assume(&second, "Third").tags(tag("TEAM", "x"))).await.contains("cannot be overridden")
    );
    for (request, expected) in [
        (tagged().transitive_tag_keys("other"), "InvalidParameterValue: The transitive tag key other"),
        (tagged().tags(tag("TEAM", "x")), "InvalidParameterValue: Duplicate"),
        (tagged().tags(tag("aws:x", "x")), "InvalidParameterValue: Tag keys beginning with aws:"),
        (tagged().tags(tag("a<>", "x")), "ValidationError"),
        (tagged().tags(tag("long", &"x".repeat(257))), "length less than or equal to 256"),
        (
            first.assume_role().role_arn("foo:bar:iam::111111111111:role/M").role_session_name("t"),
            "is invalid",
        ),
    ] {
        let problem = error_text(request).await;
        assert!(problem.contains(expected), "{expected} is not in {problem}");
    }
}
