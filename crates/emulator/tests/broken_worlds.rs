//! Ways to break the flow between two accounts that a world file can express, and what the caller then sees.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test panics where its setup fails, and may read the clock"
)]

use aws_credential_types::Credentials;
use aws_sdk_iam::error::ProvideErrorMetadata;
use aws_smithy_http_client::Builder;
use jiff::Timestamp;
use rolecall_emulator::{Clock, Emulator, World};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const HUB: &str = "arn:aws:iam::222222222222:role/LambdaRole";
const MEMBER: &str = "arn:aws:iam::111111111111:role/IAMListRole";
const SECRET: &str = "0123456789012345678901234567890123456789";

fn policy(effect: &str, action: &str) -> Value {
    json!({ "Version": "2012-10-17",
            "Statement": [{ "Effect": effect, "Action": action, "Resource": "*" }] })
}

/// The built-in world with a user and a root user in the hub account, after `change` has edited its file.
fn world(change: impl FnOnce(&mut Value)) -> World {
    let mut file: Value = serde_json::from_str(include_str!("../worlds/tutorial.json")).unwrap();
    let key = |id: &str| json!([{ "access_key_id": id, "create_date": "2026-01-05T12:00:00Z", "secret_access_key": SECRET }]);
    let hub = &mut file["accounts"]["222222222222"];
    hub["root"] = json!({ "access_keys": key("AKIAROOTROOTROOTROOT") });
    hub["users"] = json!({ "ada": {
        "create_date": "2026-01-05T12:00:00Z", "access_keys": key("AKIAADAADAADAADAADAA"),
        "policies": [policy("Allow", "*")],
    } });
    change(&mut file);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/worlds/");
    World::parse(&file.to_string(), |path| std::fs::read_to_string(format!("{folder}{path}"))).unwrap()
}

async fn start(change: impl FnOnce(&mut Value)) -> Emulator {
    let clock = Clock::new(Timestamp::now);
    Emulator::start(world(change), clock, "127.0.0.1:0".parse().unwrap(), None).await.unwrap()
}

/// The credentials that programs get: those of the world's caller, or a session of `LambdaRole`.
fn credentials(emulator: &Emulator) -> Credentials {
    let of_caller = emulator.caller_credentials("test").map(|(credentials, _)| credentials);
    let issued = of_caller.unwrap_or_else(|| emulator.session(HUB, "test").unwrap());
    let token = Some(issued.session_token).filter(|token| !token.is_empty());
    Credentials::new(issued.access_key_id, issued.secret_access_key, token, None, "test")
}

fn sts(emulator: &Emulator, region: &'static str) -> aws_sdk_sts::Client {
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(aws_sdk_sts::config::BehaviorVersion::latest())
        .region(aws_sdk_sts::config::Region::new(region))
        .endpoint_url(emulator.url())
        .http_client(Builder::new().build_http())
        .credentials_provider(credentials(emulator));
    aws_sdk_sts::Client::from_conf(config.build())
}

/// `ok`, or the code and the message of the error, when the caller assumes the member account's role.
async fn assume(emulator: &Emulator, region: &'static str) -> String {
    let request = sts(emulator, region).assume_role().role_arn(MEMBER).role_session_name("test");
    outcome(request.send().await)
}

fn outcome<T: std::fmt::Debug, E: ProvideErrorMetadata + std::error::Error + 'static>(
    result: Result<T, aws_sdk_sts::error::SdkError<E>>,
) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(error) => {
            let text = |part: Option<&str>| part.unwrap_or_default().to_owned();
            format!("{}: {}", text(error.code()), text(error.message()))
        }
    }
}

/// Edits the trust policy of the member account's role.
fn set_trust(file: &mut Value, principal: &Value) {
    file["accounts"]["111111111111"]["roles"]["IAMListRole"]["trust_policy"] = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal }],
    });
}

#[tokio::test]
async fn a_session_of_the_caller_has_the_policy_and_the_attributes_of_the_world() {
    let caller = |more: Value| {
        let mut caller = json!({ "arn": HUB });
        caller.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        caller
    };
    let emulator = start(|file| file["caller"] = caller(json!({}))).await;
    assert_eq!(assume(&emulator, "eu-central-1").await, "ok");
    assert_eq!(emulator.caller_credentials("test").unwrap().1, HUB);

    let limited = caller(json!({ "session_policy": policy("Allow", "sts:GetCallerIdentity") }));
    let emulator = start(|file| file["caller"] = limited).await;
    let denied = assume(&emulator, "eu-central-1").await;
    assert!(denied.ends_with("because no session policy allows the sts:AssumeRole action"), "{denied}");

    let expired = caller(json!({ "session_duration": 0 }));
    let emulator = start(|file| file["caller"] = expired).await;
    let denied = assume(&emulator, "eu-central-1").await;
    assert_eq!(denied, "ExpiredToken: The security token included in the request is expired");

    let named = caller(json!({ "source_identity": "ada", "tags": { "team": "security" } }));
    let emulator = start(|file| {
        file["caller"] = named;
        let trust = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": { "AWS": HUB }, "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"],
            "Condition": { "StringEquals": { "aws:PrincipalTag/team": "security", "aws:SourceIdentity": "ada" } },
        }] });
        file["accounts"]["111111111111"]["roles"]["IAMListRole"]["trust_policy"] = trust;
        file["accounts"]["222222222222"]["roles"]["LambdaRole"]["policies"] = json!([policy("Allow", "sts:*")]);
    })
    .await;
    assert_eq!(assume(&emulator, "eu-central-1").await, "ok");
}

#[tokio::test]
async fn users_call_with_their_keys_and_root_users_cannot_assume_roles() {
    let caller = |arn: &'static str| {
        move |file: &mut Value| {
            file["caller"] = json!({ "arn": arn });
            set_trust(file, &json!({ "AWS": "222222222222" }));
        }
    };
    let emulator = start(caller("arn:aws:iam::222222222222:user/ada")).await;
    assert_eq!(assume(&emulator, "eu-central-1").await, "ok");
    let emulator = start(caller("arn:aws:iam::222222222222:root")).await;
    let denied = assume(&emulator, "eu-central-1").await;
    assert_eq!(denied, "AccessDenied: Roles may not be assumed by root accounts.");
    let identity = sts(&emulator, "eu-central-1").get_caller_identity().send().await.unwrap();
    assert_eq!(identity.arn(), Some("arn:aws:iam::222222222222:root"));
    assert_eq!(identity.user_id(), Some("222222222222"));
}

#[tokio::test]
async fn the_quarantine_policy_denies_and_is_named() {
    let arn = "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV4";
    let emulator = start(|file| {
        file["caller"] = json!({ "arn": "arn:aws:iam::222222222222:user/ada" });
        set_trust(file, &json!({ "AWS": "222222222222" }));
        file["accounts"]["222222222222"]["users"]["ada"]["attached_policies"] = json!([arn]);
    })
    .await;
    assert_eq!(assume(&emulator, "eu-central-1").await, "ok", "it does not deny sts:AssumeRole");
    let token = sts(&emulator, "eu-central-1").get_federation_token().name("bob").send().await;
    let denied = outcome(token);
    assert!(
        denied.ends_with(&format!("with an explicit deny in an identity-based policy: {arn}")),
        "{denied}"
    );
}

#[tokio::test]
async fn sts_is_not_active_in_a_region_and_a_region_is_not_enabled() {
    let inactive = |account: &str| {
        format!(
            "RegionDisabledException: STS is not activated in this region for account:{account}. Your account administrator \
             can activate STS in this region using the IAM Console."
        )
    };
    let emulator = start(|file| {
        file["accounts"]["111111111111"]["sts_inactive_regions"] = json!(["eu-west-3"]);
        file["accounts"]["222222222222"]["sts_inactive_regions"] = json!(["eu-west-2"]);
    })
    .await;
    assert_eq!(assume(&emulator, "eu-west-3").await, inactive("111111111111"));
    assert_eq!(assume(&emulator, "eu-west-2").await, "ok", "the account of the role is what counts");
    let emulator = start(|file| {
        file["accounts"]["111111111111"]["disabled_regions"] = json!(["eu-south-1"]);
        file["accounts"]["222222222222"]["disabled_regions"] = json!(["eu-south-2"]);
    })
    .await;
    assert_eq!(assume(&emulator, "eu-south-1").await, inactive("111111111111"));
    let denied = assume(&emulator, "eu-south-2").await;
    assert_eq!(denied, "InvalidClientTokenId: The security token included in the request is invalid.");
    assert_eq!(assume(&emulator, "eu-central-1").await, "ok");
}

#[tokio::test]
async fn a_principal_that_was_deleted_matches_nobody_and_is_shown_by_its_id() {
    let emulator = start(|file| {
        set_trust(file, &json!({ "AWS": ["AROAEXAMPLEEXAMPLE123", "AIDAEXAMPLEEXAMPLE123"] }));
        let role = &mut file["accounts"]["111111111111"]["roles"]["IAMListRole"];
        role["policies"] = json!([policy("Allow", "iam:*")]);
        role["max_session_duration"] = json!(7200);
        role["permissions_boundary"] = json!("arn:aws:iam::aws:policy/AdministratorAccess");
        role["tags"] = json!({ "team": "security" });
        role["last_used"] = json!({ "date": "2026-11-20T06:00:00Z", "region": "eu-central-1" });
    })
    .await;
    assert!(assume(&emulator, "eu-central-1").await.starts_with("AccessDenied"));
    let issued = emulator.session(MEMBER, "test").unwrap();
    let (id, secret, token) = (issued.access_key_id, issued.secret_access_key, issued.session_token);
    let config = aws_sdk_iam::Config::builder()
        .behavior_version(aws_sdk_iam::config::BehaviorVersion::latest())
        .region(aws_sdk_iam::config::Region::new("us-east-1"))
        .endpoint_url(emulator.url())
        .http_client(Builder::new().build_http())
        .credentials_provider(Credentials::new(id, secret, Some(token), None, "test"));
    let iam = aws_sdk_iam::Client::from_conf(config.build());
    let role = iam.get_role().role_name("IAMListRole").send().await.unwrap().role.unwrap();
    let document = role.assume_role_policy_document().unwrap();
    assert!(document.starts_with("%7B%22"), "it is URL-encoded: {document}");
    assert!(document.contains("%22AROAEXAMPLEEXAMPLE123%22%2C%22AIDAEXAMPLEEXAMPLE123%22"), "{document}");
    assert_eq!(role.max_session_duration(), Some(7200));
    let boundary = role.permissions_boundary().unwrap();
    assert_eq!(boundary.permissions_boundary_arn(), Some("arn:aws:iam::aws:policy/AdministratorAccess"));
    assert_eq!(role.tags().first().map(|tag| (tag.key(), tag.value())), Some(("team", "security")));
    let used = role.role_last_used().unwrap();
    assert_eq!((used.region(), used.last_used_date().unwrap().secs()), (Some("eu-central-1"), 1_795_154_400));
}

#[tokio::test]
async fn names_of_roles_and_paths_are_compared_with_case() {
    let emulator = start(|_| {}).await;
    for name in ["iamlistrole", "path/IAMListRole"] {
        let role_arn = format!("arn:aws:iam::111111111111:role/{name}");
        let client = sts(&emulator, "eu-central-1");
        let denied = outcome(client.assume_role().role_arn(role_arn).role_session_name("test").send().await);
        assert!(denied.starts_with("AccessDenied: User: "), "{denied}");
    }
    let emulator =
        start(|file| set_trust(file, &json!({ "AWS": HUB.replace("LambdaRole", "lambdarole") }))).await;
    assert!(assume(&emulator, "eu-central-1").await.starts_with("AccessDenied"));
}

#[tokio::test]
async fn a_vpc_endpoint_policy_limits_the_services_that_are_called_through_it() {
    let endpoint = |statement: Value| {
        move |file: &mut Value| {
            file["vpc_endpoint"] =
                json!({ "id": "vpce-1", "policy": { "Version": "2012-10-17", "Statement": [statement] } });
        }
    };
    let allow = json!({ "Effect": "Allow", "Action": "*", "Resource": "*", "Principal": "*" });
    let with = |name: &str, value: Value| {
        let mut statement = allow.clone();
        statement[name] = value;
        statement
    };
    let emulator = start(endpoint(allow.clone())).await;
    assert_eq!(assume(&emulator, "eu-central-1").await, "ok");
    let own_role = with("Resource", json!("arn:aws:iam::222222222222:role/*"));
    let emulator = start(endpoint(own_role)).await;
    let denied = assume(&emulator, "eu-central-1").await;
    assert!(denied.ends_with(" because no VPC endpoint policy allows the sts:AssumeRole action"), "{denied}");
    let log = emulator.requests();
    assert_eq!(log.last().unwrap().decided_by.as_deref(), Some("no VPC endpoint policy allows it"));
    let emulator = start(endpoint(with("Effect", json!("Deny")))).await;
    let denied = assume(&emulator, "eu-central-1").await;
    assert!(denied.ends_with(" with an explicit deny in a VPC endpoint policy"), "{denied}");
    let emulator = start(|file| {
        endpoint(allow)(file);
        let trust = &mut file["accounts"]["111111111111"]["roles"]["IAMListRole"]["trust_policy"];
        *trust = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": HUB },
            "Condition": { "StringEquals": { "aws:SourceVpce": "vpce-1" } },
        }] });
    })
    .await;
    assert_eq!(assume(&emulator, "eu-central-1").await, "ok", "policies see the endpoint");
}

#[tokio::test]
async fn a_clock_that_is_wrong_rejects_signatures_and_is_shown_in_the_responses() {
    for offset_s in [-3600_i64, 3600] {
        let emulator = start(|file| file["fault_injection"] = json!({ "clock_offset_s": offset_s })).await;
        let client = sts(&emulator, "eu-central-1");
        let once = aws_sdk_sts::config::retry::RetryConfig::disabled();
        let once = aws_sdk_sts::Client::from_conf(client.config().to_builder().retry_config(once).build());
        let denied = outcome(once.get_caller_identity().send().await);
        let problem = if offset_s > 0 { "Signature expired" } else { "Signature not yet current" };
        assert!(denied.starts_with("SignatureDoesNotMatch: ") && denied.contains(problem), "{denied}");
        assert!(
            client.get_caller_identity().send().await.is_ok(),
            "AWS's SDK corrects its clock and tries again"
        );
        let mut stream = tokio::net::TcpStream::connect(emulator.address()).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).await.unwrap();
        let dates: Vec<&str> = response.lines().filter_map(|line| line.strip_prefix("date: ")).collect();
        let [date]: [&str; 1] = dates.try_into().unwrap();
        let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).unwrap();
        let ahead = date.duration_since(Timestamp::now()).as_secs() - offset_s;
        assert!(ahead.abs() < 30, "{response}");
    }
}

#[test]
fn an_invalid_caller_region_or_endpoint_is_rejected_with_the_place_and_the_remedy() {
    let account = r#"{"accounts": {"222222222222": {"roles": {"R": {"trust_policy": {"Statement": {
        "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "222222222222"}}}}},
        "users": {"ada": {"create_date": "2026-01-05T12:00:00Z"}}}}"#;
    let problem = |text: &str| {
        World::parse(text, |_| Err(std::io::ErrorKind::NotFound.into())).unwrap_err().to_string()
    };
    for (more, expected) in [
        (
            r#""caller": {"arn": "LambdaRole"}"#,
            "caller.arn: \"LambdaRole\" is not in this world; write the ARN of",
        ),
        (
            r#""caller": {"arn": "arn:aws:iam::222222222222:user/ada"}"#,
            "caller.arn: arn:aws:iam::222222222222:user/ada has no active access key with a secret; add one",
        ),
        (
            r#""caller": {"arn": "arn:aws:iam::222222222222:root"}"#,
            "caller.arn: arn:aws:iam::222222222222:root has no active access key",
        ),
        (
            r#""caller": {"arn": "arn:aws:iam::222222222222:user/ada", "source_identity": "x"}"#,
            "caller: arn:aws:iam::222222222222:user/ada is not a role of this world, and only the session of a role has",
        ),
        (
            r#""caller": {"arn": "arn:aws:iam::222222222222:role/R", "session_duration": 43201}"#,
            "caller.session_duration: 43201 is out of range; write 0 to 43200 seconds",
        ),
        (
            r#""caller": {"arn": "arn:aws:iam::222222222222:role/R", "session_policy": {}}"#,
            "caller.session_policy: Statement",
        ),
        (r#""vpc_endpoint": {"policy": {}}"#, "vpc_endpoint.policy: Statement"),
        (
            r#""vpc_endpoint": {"policy": {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}}"#,
            "vpc_endpoint.policy: Statement[0]: ",
        ),
    ] {
        let text = format!("{account}, {more}}}");
        assert!(problem(&text).contains(expected), "{}", problem(&text));
    }
    for (field, regions, expected) in [
        ("sts_inactive_regions", "us-east-1", "\"us-east-1\" cannot be deactivated; remove it"),
        ("sts_inactive_regions", "eu-nowhere-1", "\"eu-nowhere-1\" is not a region"),
        ("disabled_regions", "eu-west-1", "\"eu-west-1\" is not a region that an account must opt in to"),
    ] {
        let text = format!(r#"{{"accounts": {{"222222222222": {{"{field}": ["{regions}"]}}}}}}"#);
        let expected = format!("accounts.222222222222.{field}: {expected}");
        assert!(problem(&text).contains(&expected), "{}", problem(&text));
    }
}
