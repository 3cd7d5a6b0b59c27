//! The messages of denials, and the authorization details that an authorization id in them leads to.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test panics where its setup fails, and may read the clock"
)]

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sdk_iam::error::ProvideErrorMetadata;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_http_client::Builder;
use jiff::Timestamp;
use rolecall_emulator::{Clock, Emulator, World};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const HUB: &str = "arn:aws:iam::222222222222:role/LambdaRole";
const MEMBER: &str = "arn:aws:iam::111111111111:role/IAMListRole";
/// In the management account, which no SCP limits.
const READER: &str = "arn:aws:iam::999999999999:role/Reader";
const STRANGER: &str = "arn:aws:iam::333333333333:role/Stranger";
const ORGANIZATION: &str = "arn:aws:organizations::999999999999";

fn policy(statements: &Value) -> Value {
    json!({ "Version": "2012-10-17", "Statement": statements })
}

fn statement(effect: &str, action: &str) -> Value {
    json!({ "Effect": effect, "Action": action, "Resource": "*" })
}

fn trust(principal: &str) -> Value {
    policy(&json!([{ "Sid": "TrustHub", "Effect": "Allow", "Action": "sts:AssumeRole",
                     "Principal": { "AWS": principal } }]))
}

/// The hub and a member in an organization, and an account outside of it.
fn file() -> Value {
    let role = |actions: &str| json!({ "trust_policy": trust("222222222222"), "policies": [policy(&json!([statement("Allow", actions)]))] });
    json!({
        "authorization_ids": true,
        "accounts": {
            "111111111111": { "roles": { "IAMListRole": { "trust_policy": trust(HUB) } } },
            "222222222222": {
                "managed_policies": {
                    "NoRoles": { "document": policy(&json!([
                        { "Sid": "NoRoles", "Effect": "Deny", "Action": "sts:AssumeRole", "Resource": "*" },
                    ])) },
                    "Limits": { "document": policy(&json!([statement("Allow", "*"), statement("Deny", "sts:*")])) },
                },
                "roles": { "LambdaRole": role("*"), "Other": role("s3:*") },
            },
            "333333333333": { "roles": { "Stranger": role("*") } },
            "999999999999": { "roles": { "Reader": role("iam:GetRequestAuthorization*") } },
        },
        "organization": {
            "id": "o-abc123", "management_account": "999999999999",
            "root": { "id": "r-1", "units": [{ "id": "ou-1", "accounts": ["111111111111", "222222222222"] }] },
        },
    })
}

async fn start(change: impl FnOnce(&mut Value)) -> Emulator {
    let mut file = file();
    change(&mut file);
    let world = World::parse(&file.to_string(), |_| Err(std::io::ErrorKind::NotFound.into())).unwrap();
    let clock = Clock::new(Timestamp::now);
    Emulator::start(world, clock, "127.0.0.1:0".parse().unwrap(), None).await.unwrap()
}

fn credentials(emulator: &Emulator, role_arn: &str) -> Credentials {
    let issued = emulator.session(role_arn, "test").unwrap();
    Credentials::new(issued.access_key_id, issued.secret_access_key, Some(issued.session_token), None, "test")
}

/// The message of the denial when `LambdaRole` assumes a role.
async fn assume(emulator: &Emulator, role_arn: &str) -> String {
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(aws_sdk_sts::config::BehaviorVersion::latest())
        .region(aws_sdk_sts::config::Region::new("eu-central-1"))
        .endpoint_url(emulator.url())
        .http_client(Builder::new().build_http())
        .credentials_provider(credentials(emulator, HUB));
    let client = aws_sdk_sts::Client::from_conf(config.build());
    let request = client.assume_role().role_arn(role_arn).role_session_name("test").external_id("x-1");
    let error = request.send().await.unwrap_err();
    assert_eq!(error.code(), Some("AccessDenied"));
    error.message().unwrap().to_owned()
}

/// A message without what an authorization id adds to it, and the id.
fn split(message: &str) -> (&str, &str) {
    let (before, id) = message
        .split_once(". Go to https://eu-central-1.console.aws.amazon.com/iam/home?region=eu-central-1")
        .unwrap();
    let (link, id) = id.split_once(" for complete details, or call the GetRequestAuthorizationDetails API with the following authorization id: ").unwrap();
    assert_eq!(link, format!("#/authorization-details/{id}"));
    (before, id)
}

fn toolbox(emulator: &Emulator, role_arn: &str, region: &'static str) -> aws_sdk_iamtoolbox::Client {
    let config = aws_sdk_iamtoolbox::Config::builder()
        .behavior_version(aws_sdk_iamtoolbox::config::BehaviorVersion::latest())
        .region(aws_sdk_iamtoolbox::config::Region::new(region))
        .endpoint_url(emulator.url())
        .http_client(Builder::new().build_http())
        .credentials_provider(credentials(emulator, role_arn));
    aws_sdk_iamtoolbox::Client::from_conf(config.build())
}

/// The code and the message of the error that reading an id gets.
async fn toolbox_error(emulator: &Emulator, role_arn: &str, region: &'static str, id: &str) -> String {
    let client = toolbox(emulator, role_arn, region);
    let error = client.get_request_authorization_details().authorization_id(id).send().await.unwrap_err();
    let error = error.into_service_error();
    format!("{}: {}", error.code().unwrap_or_default(), error.message().unwrap_or_default())
}

/// The status and the body of the response to a signed GET request.
async fn get(emulator: &Emulator, role_arn: &str, path: &str) -> (u16, Value) {
    let identity = credentials(emulator, role_arn).into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region("eu-central-1")
        .name("iam")
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .unwrap();
    let url = format!("{}{path}", emulator.url());
    let request = SignableRequest::new("GET", &url, std::iter::empty(), SignableBody::Bytes(b"")).unwrap();
    let (instructions, _) = sign(request, &parameters.into()).unwrap().into_parts();
    let headers: String =
        instructions.headers().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let text =
        format!("GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n{headers}\r\n", emulator.address());
    let mut stream = tokio::net::TcpStream::connect(emulator.address()).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap())
}

async fn details(emulator: &Emulator, message: &str) -> Value {
    let (_, id) = split(message);
    let (status, body) = get(emulator, READER, &format!("/authorization-details/{id}")).await;
    assert_eq!(status, 200, "{body}");
    body
}

/// An edit of the world's file.
type Change<'a> = Box<dyn Fn(&mut Value) + 'a>;

/// The type, the effect and the target of each check.
fn checks(details: &Value) -> Vec<String> {
    let check = |check: &Value| {
        let text = |name: &str| check[name].as_str().map(|text| text.rsplit('/').next().unwrap_or_default());
        let parts = [text("checkType"), text("evaluatedEffect"), text("targetArn")];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    };
    details["evaluations"][0]["checks"].as_array().unwrap().iter().map(check).collect()
}

fn attach(file: &mut Value, field: &str, value: Value) {
    file["accounts"]["222222222222"]["roles"]["LambdaRole"][field] = value;
}

#[tokio::test]
async fn a_message_names_the_arn_of_the_policy_that_denies_within_an_organization_and_not_outside() {
    let prefix = |role: &str| {
        format!(
            "User: arn:aws:sts::222222222222:assumed-role/LambdaRole/test is not authorized to perform: sts:AssumeRole on resource: {role}"
        )
    };
    let managed = "arn:aws:iam::222222222222:policy";
    for (field, value, expected) in [
        (
            "attached_policies",
            json!([format!("{managed}/NoRoles")]),
            format!(" with an explicit deny in an identity-based policy: {managed}/NoRoles"),
        ),
        (
            "permissions_boundary",
            json!(format!("{managed}/Limits")),
            format!(" with an explicit deny in a permissions boundary: {managed}/Limits"),
        ),
        (
            "permissions_boundary",
            policy(&json!([statement("Deny", "*")])),
            format!(" with an explicit deny in a permissions boundary: {managed}/permissions_boundary"),
        ),
        (
            "policies",
            json!([policy(&json!([statement("Deny", "*")]))]),
            " with an explicit deny in an identity-based policy".to_owned(),
        ),
        (
            "policies",
            json!([]),
            " because no identity-based policy allows the sts:AssumeRole action".to_owned(),
        ),
    ] {
        let emulator = start(|file| attach(file, field, value)).await;
        let message = assume(&emulator, MEMBER).await;
        assert_eq!(split(&message).0, format!("{}{expected}", prefix(MEMBER)));
        let outside = assume(&emulator, STRANGER).await;
        let without_arn = expected.split(": arn:").next().unwrap();
        assert_eq!(split(&outside).0, format!("{}{without_arn}", prefix(STRANGER)));
    }
}

#[tokio::test]
async fn without_the_option_a_message_has_no_id() {
    let emulator = start(|file| {
        file["authorization_ids"] = json!(false);
        attach(file, "policies", json!([]));
    })
    .await;
    let message = assume(&emulator, MEMBER).await;
    assert!(
        message.ends_with("because no identity-based policy allows the sts:AssumeRole action"),
        "{message}"
    );
}

#[tokio::test]
async fn awss_client_reads_the_details_of_an_explicit_denial() {
    let arn = "arn:aws:iam::222222222222:policy/NoRoles";
    let emulator = start(|file| attach(file, "attached_policies", json!([arn]))).await;
    let message = assume(&emulator, MEMBER).await;
    let (_, id) = split(&message);
    let client = toolbox(&emulator, READER, "eu-central-1");
    let details = client.get_request_authorization_details().authorization_id(id).send().await.unwrap();
    let key = |key: &str| details.request_context().get(key).and_then(|value| value.as_string());
    assert_eq!(key("aws:PrincipalArn"), Some(HUB));
    assert_eq!(key("aws:PrincipalOrgID"), Some("o-abc123"));
    assert_eq!(key("aws:RequestedRegion"), Some("eu-central-1"));
    assert!(details.next_token().is_none());
    let [evaluation] = details.evaluations() else { panic!("{details:?}") };
    assert_eq!((evaluation.action(), evaluation.resource()), ("sts:AssumeRole", MEMBER));
    assert_eq!(evaluation.evaluated_effect().unwrap().as_str(), "EXPLICIT_DENY");
    let own = evaluation.context().unwrap();
    assert_eq!(own.get("sts:ExternalId").and_then(|value| value.as_string()), Some("x-1"));
    assert_eq!(own.get("aws:ResourceAccount").and_then(|value| value.as_string()), Some("111111111111"));
    let [matched] = evaluation.matched_policies() else { panic!("{evaluation:?}") };
    assert_eq!(matched.uri(), arn);
    let [denies] = matched.matched_statements() else { panic!("{matched:?}") };
    assert_eq!((denies.sid(), denies.evaluated_effect().unwrap().as_str()), (Some("NoRoles"), "DENY"));
    let policies: Vec<(&str, bool, usize)> = details
        .policies()
        .iter()
        .map(|policy| {
            (policy.r#type().unwrap().as_str(), policy.inline().unwrap(), policy.attached_to().len())
        })
        .collect();
    assert_eq!(
        policies,
        [
            // `RCPFullAWSAccess` and `FullAWSAccess` of the root, the unit and the account.
            ("RESOURCE_CONTROL_POLICY", false, 3),
            ("SERVICE_CONTROL_POLICY", false, 3),
            ("RESOURCE_BASED_POLICY", true, 1),
            ("IDENTITY_BASED_POLICY", true, 1),
            ("IDENTITY_BASED_POLICY", false, 1),
        ]
    );
    let attached_to = details.policies().last().unwrap().attached_to();
    assert_eq!(attached_to.first().unwrap().arn(), Some(HUB));
}

#[tokio::test]
async fn the_checks_say_what_each_policy_type_decided() {
    let emulator = start(|file| attach(file, "policies", json!([]))).await;
    let details = details(&emulator, &assume(&emulator, MEMBER).await).await;
    assert_eq!(
        checks(&details),
        [
            "RESOURCE_CONTROL_POLICY ALLOW r-1",
            "RESOURCE_CONTROL_POLICY ALLOW ou-1",
            "RESOURCE_CONTROL_POLICY ALLOW 111111111111",
            "SERVICE_CONTROL_POLICY ALLOW r-1",
            "SERVICE_CONTROL_POLICY ALLOW ou-1",
            "SERVICE_CONTROL_POLICY ALLOW 222222222222",
            "RESOURCE ALLOW",
            "PRINCIPAL IMPLICIT_DENY",
        ]
    );
    let evaluation = &details["evaluations"][0];
    assert_eq!(evaluation["evaluatedEffect"], "IMPLICIT_DENY");
    assert_eq!(evaluation["matchedPolicies"], json!([]), "an implicit denial has none");
    let resource = &evaluation["checks"][6];
    assert_eq!(resource["relevantPolicyTypes"], json!(["RESOURCE_BASED_POLICY"]));
    let matched = &resource["matchedPolicies"][0];
    assert_eq!(matched["matchedStatements"], json!([{ "sid": "TrustHub", "evaluatedEffect": "ALLOW" }]));
    let target = evaluation["checks"][4]["targetArn"].as_str().unwrap();
    assert_eq!(target, format!("{ORGANIZATION}:ou/o-abc123/ou-1"));
}

#[tokio::test]
async fn each_type_of_policy_that_denies_has_its_check() {
    let deny_all = || policy(&json!([statement("Deny", "*")]));
    let deny_anyone =
        || policy(&json!([{ "Effect": "Deny", "Action": "sts:*", "Resource": "*", "Principal": "*" }]));
    let unit = |file: &mut Value, field: &str, value: Value| {
        file["organization"]["root"]["units"][0][field] = value;
    };
    let changes: Vec<(&str, Change<'_>)> = vec![
        (
            "SERVICE_CONTROL_POLICY EXPLICIT_DENY ou-1",
            Box::new(|file| unit(file, "scps", json!([deny_all()]))),
        ),
        ("SERVICE_CONTROL_POLICY IMPLICIT_DENY ou-1", Box::new(|file| unit(file, "scps", json!([])))),
        (
            "RESOURCE_CONTROL_POLICY EXPLICIT_DENY ou-1",
            Box::new(|file| unit(file, "rcps", json!([deny_anyone()]))),
        ),
        (
            "SERVICE_CONTROL_POLICY EXPLICIT_DENY 222222222222",
            Box::new(|file| file["accounts"]["222222222222"]["scps"] = json!([deny_all()])),
        ),
        (
            "RESOURCE IMPLICIT_DENY",
            Box::new(|file| {
                file["accounts"]["111111111111"]["roles"]["IAMListRole"]["trust_policy"] =
                    trust("333333333333");
            }),
        ),
        ("RESOURCE IMPLICIT_DENY", Box::new(|file| file["accounts"]["111111111111"]["roles"] = json!({}))),
        ("PERMISSIONS_BOUNDARY IMPLICIT_DENY", {
            Box::new(|file| {
                attach(file, "permissions_boundary", policy(&json!([statement("Allow", "s3:*")])));
            })
        }),
        (
            "PERMISSIONS_BOUNDARY EXPLICIT_DENY",
            Box::new(|file| attach(file, "permissions_boundary", deny_all())),
        ),
        ("PRINCIPAL EXPLICIT_DENY", Box::new(|file| attach(file, "policies", json!([deny_all()])))),
        (
            "VPC_ENDPOINT IMPLICIT_DENY",
            Box::new(|file| {
                let other = json!([{ "Effect": "Allow", "Action": "sts:GetCallerIdentity", "Resource": "*", "Principal": "*" }]);
                file["vpc_endpoint"] = json!({ "policy": policy(&other) });
            }),
        ),
        (
            "VPC_ENDPOINT EXPLICIT_DENY",
            Box::new(|file| file["vpc_endpoint"] = json!({ "policy": deny_anyone() })),
        ),
    ];
    for (expected, change) in changes {
        let emulator = start(change).await;
        let details = details(&emulator, &assume(&emulator, MEMBER).await).await;
        let checks = checks(&details);
        let denying: Vec<&String> = checks.iter().filter(|check| check.contains("DENY")).collect();
        assert_eq!(denying, [expected], "{checks:?}");
        let effect = expected.split(' ').nth(1).unwrap();
        assert_eq!(details["evaluations"][0]["evaluatedEffect"], effect);
    }
}

#[tokio::test]
async fn a_policy_of_another_organization_takes_part_and_is_not_shown() {
    let emulator = start(|file| {
        file["accounts"]["333333333333"]["roles"]["Stranger"]["trust_policy"] = trust("111111111111");
    })
    .await;
    let details = details(&emulator, &assume(&emulator, STRANGER).await).await;
    let checks = checks(&details);
    assert_eq!(checks.last().unwrap(), "PRINCIPAL ALLOW");
    assert!(checks.contains(&"RESOURCE IMPLICIT_DENY".to_owned()), "{checks:?}");
    assert!(!details.to_string().contains("TrustHub"), "{details}");
    let types: Vec<&Value> = details["policies"].as_array().unwrap().iter().map(|it| &it["type"]).collect();
    assert!(!types.contains(&&json!("RESOURCE_BASED_POLICY")), "{types:?}");
}

#[tokio::test]
async fn the_documents_that_were_evaluated_are_returned_as_they_are() {
    let emulator =
        start(|file| attach(file, "attached_policies", json!(["arn:aws:iam::222222222222:policy/NoRoles"])))
            .await;
    let message = assume(&emulator, MEMBER).await;
    let (_, id) = split(&message);
    let details = details(&emulator, &message).await;
    for uri in details["policies"].as_array().unwrap().iter().map(|policy| policy["uri"].as_str().unwrap()) {
        let uri: String = form_urlencoded::byte_serialize(uri.as_bytes()).collect();
        let path = format!("/authorization-details/{id}/policy?policyUri={uri}");
        let (status, body) = get(&emulator, READER, &path).await;
        assert_eq!(status, 200, "{uri}: {body}");
        assert!(body["policyDocument"]["Statement"].is_array(), "{uri}: {body}");
    }
    let uri = "arn%3Aaws%3Aiam%3A%3A222222222222%3Apolicy%2FNoRoles";
    let (_, body) =
        get(&emulator, READER, &format!("/authorization-details/{id}/policy?policyUri={uri}")).await;
    assert_eq!(body["policyDocument"]["Statement"][0]["Sid"], "NoRoles");
    for (path, status, words) in [
        (format!("/authorization-details/{id}/policy?policyUri=other"), 404, "do not exist in this region"),
        (format!("/authorization-details/{id}/policy"), 400, "policyUri"),
        (format!("/authorization-details/{id}?nextToken=x"), 400, "pagination token"),
        ("/authorization-details/NoId".to_owned(), 400, "lowercase letters and digits"),
    ] {
        let (actual, body) = get(&emulator, READER, &path).await;
        assert_eq!(actual, status, "{path}: {body}");
        assert!(body["message"].as_str().unwrap().contains(words), "{path}: {body}");
    }
}

#[tokio::test]
async fn details_are_for_who_has_the_permission_in_the_same_organization_and_region_for_a_day() {
    let emulator = start(|file| attach(file, "policies", json!([]))).await;
    let message = assume(&emulator, MEMBER).await;
    let (_, id) = split(&message);
    let not_found = "ResourceNotFoundException: The requested policy or authorization details do not exist";
    let of_stranger = toolbox_error(&emulator, STRANGER, "eu-central-1", id).await;
    assert!(of_stranger.starts_with(not_found), "{of_stranger}");
    let elsewhere = toolbox_error(&emulator, READER, "us-east-1", id).await;
    assert!(elsewhere.starts_with(not_found), "{elsewhere}");
    assert!(toolbox_error(&emulator, READER, "eu-central-1", "unknown1").await.starts_with(not_found));
    let denied = toolbox_error(&emulator, "arn:aws:iam::222222222222:role/Other", "eu-central-1", id).await;
    assert!(
        denied.starts_with(
            "AccessDeniedException: User: arn:aws:sts::222222222222:assumed-role/Other/test is not authorized to perform: \
             iam:GetRequestAuthorizationDetails on resource: * because no identity-based policy allows"
        ),
        "{denied}"
    );
    let read = |emulator: &Emulator| {
        let client = toolbox(emulator, READER, "eu-central-1");
        let config = client.config().to_builder();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(Timestamp::now().as_second().unsigned_abs());
        let time = aws_smithy_async::time::StaticTimeSource::new(now + Duration::from_hours(25));
        aws_sdk_iamtoolbox::Client::from_conf(config.time_source(time).build())
    };
    emulator.clock().advance(Duration::from_hours(25));
    let later = read(&emulator).get_request_authorization_details().authorization_id(id).send().await;
    assert_eq!(later.unwrap_err().into_service_error().code(), Some("ResourceNotFoundException"));
}
