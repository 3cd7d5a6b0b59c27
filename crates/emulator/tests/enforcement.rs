//! What the emulator allows and denies, and the errors that it returns, through the AWS SDK.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test panics where its setup fails, and may read the clock"
)]

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_iam::error::ProvideErrorMetadata;
use aws_smithy_http_client::Builder;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use jiff::Timestamp;
use rolecall_emulator::{Clock, Emulator, World};
use serde_json::{Value, json};

const LAMBDA_ROLE: &str = "arn:aws:iam::222222222222:role/LambdaRole";
const IAM_LIST_ROLE: &str = "arn:aws:iam::111111111111:role/IAMListRole";

async fn start(world: World) -> Emulator {
    let listen = "127.0.0.1:0".parse().unwrap();
    Emulator::start(world, Clock::new(Timestamp::now), listen, None).await.unwrap()
}

/// The built-in world after `change` has edited its file.
fn world(change: impl FnOnce(&mut Value)) -> World {
    let mut file: Value = serde_json::from_str(include_str!("../worlds/tutorial.json")).unwrap();
    change(&mut file);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/worlds/");
    World::parse(&file.to_string(), |path| std::fs::read_to_string(format!("{folder}{path}"))).unwrap()
}

fn allow(action: &str) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": action, "Resource": "*" }] })
}

fn lambda_credentials(emulator: &Emulator) -> Credentials {
    let issued = emulator.session(LAMBDA_ROLE, "test").unwrap();
    Credentials::new(issued.access_key_id, issued.secret_access_key, Some(issued.session_token), None, "test")
}

fn sts(emulator: &Emulator, credentials: Credentials) -> aws_sdk_sts::Client {
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(aws_sdk_sts::config::BehaviorVersion::latest())
        .region(aws_sdk_sts::config::Region::new("eu-central-1"))
        .endpoint_url(emulator.url())
        .http_client(Builder::new().build_http())
        .credentials_provider(credentials);
    aws_sdk_sts::Client::from_conf(config.build())
}

fn iam(emulator: &Emulator, credentials: Credentials) -> aws_sdk_iam::Client {
    let config = aws_sdk_iam::Config::builder()
        .behavior_version(aws_sdk_iam::config::BehaviorVersion::latest())
        .region(aws_sdk_iam::config::Region::new("us-east-1"))
        .endpoint_url(emulator.url())
        .http_client(Builder::new().build_http())
        .credentials_provider(credentials);
    aws_sdk_iam::Client::from_conf(config.build())
}

fn assume(
    client: &aws_sdk_sts::Client,
) -> aws_sdk_sts::operation::assume_role::builders::AssumeRoleFluentBuilder {
    client.assume_role().role_arn(IAM_LIST_ROLE).role_session_name("test")
}

fn session_credentials(response: aws_sdk_sts::operation::assume_role::AssumeRoleOutput) -> Credentials {
    let issued = response.credentials.unwrap();
    Credentials::new(issued.access_key_id, issued.secret_access_key, Some(issued.session_token), None, "test")
}

/// The code and the message of an error.
fn error_of<T: std::fmt::Debug, E: ProvideErrorMetadata + std::error::Error + 'static>(
    result: Result<T, aws_smithy_runtime_api::client::result::SdkError<E, HttpResponse>>,
) -> (String, String) {
    let error = result.unwrap_err();
    let text = |part: Option<&str>| part.unwrap_or_default().to_owned();
    (text(error.code()), text(error.message()))
}

#[tokio::test]
async fn the_tutorial_scan_is_allowed_and_the_log_says_by_which_statement() {
    let emulator = start(World::tutorial().unwrap()).await;
    let member =
        session_credentials(assume(&sts(&emulator, lambda_credentials(&emulator))).send().await.unwrap());
    let iam = iam(&emulator, member);
    let users = iam.list_users().send().await.unwrap();
    let names: Vec<&str> = users.users().iter().map(aws_sdk_iam::types::User::user_name).collect();
    assert_eq!(names, ["alice", "bob", "carol", "deploy+eu=1,blue.green@ci-2", "runner"]);
    let mut keys = Vec::new();
    for name in names {
        let listed = iam.list_access_keys().user_name(name).send().await.unwrap();
        assert!(!listed.is_truncated());
        keys.push(listed.access_key_metadata().len());
    }
    assert_eq!(keys, [1, 0, 2, 3, 1]);
    let log = emulator.requests();
    assert_eq!(log.len(), 7);
    let first = log.first().unwrap();
    assert_eq!((first.operation.as_str(), first.verdict.as_str()), ("sts:AssumeRole", "Allowed"));
    assert_eq!(
        first.decided_by.as_deref(),
        Some(
            "allowed by infra/policies/hub-permissions.json Statement[0] (AllowAssumeIAMListRole) and \
             infra/policies/member-trust.json Statement[0] (AllowRolecall)"
        )
    );
}

#[tokio::test]
async fn pages_have_the_requested_size_and_end() {
    let emulator = start(World::tutorial().unwrap()).await;
    let iam = iam(
        &emulator,
        session_credentials(assume(&sts(&emulator, lambda_credentials(&emulator))).send().await.unwrap()),
    );
    for size in 1..=6 {
        let pages = iam.list_users().into_paginator().page_size(size).items().send();
        let users = pages.collect::<Result<Vec<_>, _>>().await.unwrap();
        assert_eq!(users.len(), 5, "{size}");
    }
    for size in [0, 1001] {
        let (code, message) = error_of(iam.list_users().max_items(size).send().await);
        assert_eq!(code, "ValidationError");
        assert!(message.contains("'maxItems' failed to satisfy constraint"), "{message}");
    }
    assert_eq!(error_of(iam.list_users().marker("garbage").send().await).0, "ValidationError");
    let first = iam.list_users().max_items(1).send().await.unwrap();
    let of_another_list = iam.list_access_keys().user_name("carol").set_marker(first.marker);
    assert_eq!(
        error_of(of_another_list.send().await).0,
        "ValidationError",
        "a marker of another list is an error, not an empty list"
    );
    let keys = iam.list_access_keys().user_name("deploy+eu=1,blue.green@ci-2").into_paginator().page_size(1);
    assert_eq!(keys.items().send().collect::<Result<Vec<_>, _>>().await.unwrap().len(), 3);
    assert_eq!(iam.list_users().path_prefix("/ci/").send().await.unwrap().users().len(), 1);
}

#[tokio::test]
async fn a_signature_is_verified_with_the_secret_the_token_and_the_clock() {
    let emulator = start(World::tutorial().unwrap()).await;
    let good = lambda_credentials(&emulator);
    let (id, secret) = (good.access_key_id().to_owned(), good.secret_access_key().to_owned());
    let token = good.session_token().unwrap().to_owned();
    let other = lambda_credentials(&emulator);
    let new = |id: &str, secret: &str, token: Option<&str>| {
        Credentials::new(id, secret, token.map(str::to_owned), None, "test")
    };
    let wrong_secret = secret.replace(|c: char| c.is_ascii_digit(), "x");
    for (credentials, code) in [
        (new("ASIAUNKNOWNUNKNOWN00", &secret, Some(&token)), "InvalidClientTokenId"),
        (new(&id, &wrong_secret, Some(&token)), "SignatureDoesNotMatch"),
        (new(&id, &secret, None), "InvalidClientTokenId"),
        (new(&id, &secret, token.get(..20)), "InvalidClientTokenId"),
        (new(&id, &secret, other.session_token()), "InvalidClientTokenId"),
    ] {
        assert_eq!(error_of(sts(&emulator, credentials).get_caller_identity().send().await).0, code);
    }
    assert!(sts(&emulator, good.clone()).get_caller_identity().send().await.is_ok());
    emulator.clock().advance(Duration::from_hours(13));
    let (code, message) = error_of(sts(&emulator, good.clone()).get_caller_identity().send().await);
    assert_eq!(code, "SignatureDoesNotMatch");
    assert!(message.contains("Signature expired"), "{message}");
    // With the right clock, the signature is valid and the session has expired.
    let later = std::time::SystemTime::now() + Duration::from_hours(13);
    let config = sts(&emulator, good).config().to_builder();
    let config = config.time_source(aws_smithy_async::time::StaticTimeSource::new(later)).build();
    let (code, _) = error_of(aws_sdk_sts::Client::from_conf(config).get_caller_identity().send().await);
    assert_eq!(code, "ExpiredToken");
}

#[tokio::test]
async fn requests_that_are_unsigned_malformed_or_for_another_service_are_rejected() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let emulator = start(World::tutorial().unwrap()).await;
    let send = async |headers: &str, body: &str| {
        let mut stream = tokio::net::TcpStream::connect(emulator.address()).await.unwrap();
        let length = body.len();
        let request = format!(
            "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let identity = "Action=GetCallerIdentity&Version=2011-06-15";
    for (headers, body, code) in [
        ("", identity, "MissingAuthenticationToken"),
        ("authorization: nonsense\r\n", identity, "IncompleteSignature"),
        ("authorization: AWS4-HMAC-SHA256 Credential=A/B\r\n", identity, "IncompleteSignature"),
        (
            "authorization: AWS4-HMAC-SHA256 Credential=A/20261126/us-east-1/s3/aws4_request\r\n",
            "",
            "NotImplemented",
        ),
        ("", "Action=Nothing&Version=2011-06-15", "InvalidAction"),
        ("", "", "InvalidAction"),
        ("", "Action=GetCallerIdentity&Version=2010-05-08", "InvalidAction"),
    ] {
        let answer = send(headers, body).await;
        assert!(answer.contains(&format!("<Code>{code}</Code>")), "{code}: {answer}");
        assert!(answer.contains("x-amzn-requestid: "), "{answer}");
    }
    // IAM signatures are for us-east-1; this one is for another region.
    let config = aws_sdk_iam::Config::builder()
        .behavior_version(aws_sdk_iam::config::BehaviorVersion::latest())
        .region(aws_sdk_iam::config::Region::new("eu-central-1"))
        .endpoint_url(emulator.url())
        .http_client(Builder::new().build_http())
        .credentials_provider(lambda_credentials(&emulator));
    let (code, _) = error_of(aws_sdk_iam::Client::from_conf(config.build()).list_users().send().await);
    assert!(["SignatureDoesNotMatch", "AccessDenied"].contains(&code.as_str()), "{code}");
}

#[tokio::test]
async fn a_cross_account_denial_names_the_policy_type_only_where_aws_does() {
    let prefix = format!(
        "User: arn:aws:sts::222222222222:assumed-role/LambdaRole/test is not authorized to perform: sts:AssumeRole on \
         resource: {IAM_LIST_ROLE}"
    );
    let denied =
        |file: &'static str, from: &'static str, to: &'static str| async move {
            let world = World::tutorial_with(|name, document| {
                if name == file { document.replace(from, to) } else { document.to_owned() }
            });
            let emulator = start(world.unwrap()).await;
            let error = error_of(assume(&sts(&emulator, lambda_credentials(&emulator))).send().await);
            (error, emulator.requests().last().unwrap().decided_by.clone().unwrap())
        };
    let ((code, message), by) = denied("hub-permissions.json", "role/IAMListRole", "role/Other").await;
    assert_eq!(code, "AccessDenied");
    assert_eq!(
        message,
        format!("{prefix} because no identity-based policy allows the sts:AssumeRole action")
    );
    assert_eq!(by, "no identity-based policy allows it");
    let ((code, message), by) = denied("member-trust.json", "role/LambdaRole", "role/Other").await;
    assert_eq!((code.as_str(), message), ("AccessDenied", prefix.clone()));
    assert_eq!(by, "no trust policy allows it", "the request log says what AWS's message does not");
    let ((_, message), _) = denied(
        "hub-permissions.json",
        "\"Allow\",\n      \"Action\": \"sts:",
        "\"Deny\",\n      \"Action\": \"sts:",
    )
    .await;
    assert_eq!(message, format!("{prefix} with an explicit deny in an identity-based policy"));

    // A role that does not exist gets the same error as a role that does not trust the caller.
    let emulator = start(world(|file| file["accounts"]["111111111111"]["roles"] = json!({}))).await;
    let (code, message) = error_of(assume(&sts(&emulator, lambda_credentials(&emulator))).send().await);
    assert_eq!((code.as_str(), message), ("AccessDenied", prefix));
}

#[tokio::test]
async fn a_session_policy_limits_what_the_role_may_do() {
    let emulator = start(world(|file| {
        file["accounts"]["111111111111"]["roles"]["IAMListRole"]["policies"] = json!([allow("*")]);
    }))
    .await;
    let sts = sts(&emulator, lambda_credentials(&emulator));
    let limited =
        session_credentials(assume(&sts).policy(allow("iam:ListUsers").to_string()).send().await.unwrap());
    let unlimited = session_credentials(assume(&sts).send().await.unwrap());
    assert!(iam(&emulator, unlimited).get_user().user_name("alice").send().await.is_ok());
    let iam = iam(&emulator, limited);
    assert!(iam.list_users().send().await.is_ok());
    let (code, message) = error_of(iam.get_user().user_name("alice").send().await);
    assert_eq!(code, "AccessDenied");
    assert!(message.ends_with("because no session policy allows the iam:GetUser action"), "{message}");
    for (policy, code, words) in [
        ("{".to_owned(), "MalformedPolicyDocument", "This policy contains invalid Json"),
        ("{}".to_owned(), "MalformedPolicyDocument", "Syntax errors in policy. Statement: "),
        (allow("sts:*").to_string().replace("\"*\"", "\"role\""), "MalformedPolicyDocument", "\"role\""),
        ("x".repeat(2049), "ValidationError", "x' at 'policy' failed to satisfy constraint"),
    ] {
        let (actual_code, message) = error_of(assume(&sts).policy(policy).send().await);
        assert_eq!(actual_code, code, "{message}");
        assert!(message.contains(words), "{words} is not in {message}");
    }
}

#[tokio::test]
async fn external_ids_tags_and_source_identities_need_permission() {
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "AWS": LAMBDA_ROLE }, "Action": "sts:AssumeRole",
        "Condition": { "StringEquals": { "sts:ExternalId": "right" } },
    }]});
    let emulator = start(world(|file| {
        file["accounts"]["111111111111"]["roles"]["IAMListRole"]["trust_policy"] = trust;
    }))
    .await;
    let client = sts(&emulator, lambda_credentials(&emulator));
    assert!(assume(&client).external_id("right").send().await.is_ok());
    for external_id in [None, Some("wrong"), Some("Right")] {
        let (code, _) =
            error_of(assume(&client).set_external_id(external_id.map(str::to_owned)).send().await);
        assert_eq!(code, "AccessDenied", "{external_id:?}");
    }
    let emulator = start(World::tutorial().unwrap()).await;
    let client = sts(&emulator, lambda_credentials(&emulator));
    let tag = aws_sdk_sts::types::Tag::builder().key("team").value("security").build().unwrap();
    let (code, message) = error_of(assume(&client).tags(tag).send().await);
    assert!(code == "AccessDenied" && message.contains("sts:TagSession"), "{message}");
    let (code, message) = error_of(assume(&client).source_identity("alice").send().await);
    assert!(code == "AccessDenied" && message.contains("sts:SetSourceIdentity"), "{message}");
}

#[tokio::test]
async fn session_durations_and_names_are_limited_as_in_aws() {
    let emulator = start(world(|file| {
        file["accounts"]["111111111111"]["roles"]["IAMListRole"]["max_session_duration"] = json!(43200);
    }))
    .await;
    let client = sts(&emulator, lambda_credentials(&emulator));
    for (seconds, words) in [
        (899, "greater than or equal to 900"),
        (43_201, "less than or equal to 43200"),
        (3601, "role chaining"),
    ] {
        let (code, message) = error_of(assume(&client).duration_seconds(seconds).send().await);
        assert_eq!(code, "ValidationError");
        assert!(message.contains(words), "{message}");
    }
    assert!(assume(&client).duration_seconds(3600).send().await.is_ok());
    let with_mfa = assume(&client).serial_number("arn:aws:iam::222222222222:mfa/x").token_code("123456");
    assert_eq!(error_of(with_mfa.send().await).0, "AccessDenied", "the emulator has no MFA device");
    let (code, message) = error_of(assume(&client).role_session_name("a b").send().await);
    assert!(code == "ValidationError" && message.contains("roleSessionName"), "{message}");
    let emulator = start(World::tutorial().unwrap()).await;
    let client = sts(&emulator, lambda_credentials(&emulator));
    let (_, message) = error_of(assume(&client).duration_seconds(7200).send().await);
    assert!(message.contains("role chaining"), "{message}");
}

#[tokio::test]
async fn a_denial_by_an_organization_names_the_arn_of_the_policy() {
    let organization = |scp: Value, rcp: Value| {
        json!({
            "id": "o-abc123", "management_account": "999999999999",
            "root": { "id": "r-1", "units": [
                { "id": "ou-1", "scps": [allow("*"), scp], "accounts": ["222222222222"] },
                { "id": "ou-2", "rcps": [rcp], "accounts": ["111111111111"] },
            ]},
        })
    };
    let deny = |principal: bool, condition: Value| {
        let mut statement =
            json!({ "Effect": "Deny", "Action": "sts:AssumeRole", "Resource": "*", "Condition": condition });
        if principal {
            statement["Principal"] = json!("*");
        }
        json!({ "Version": "2012-10-17", "Statement": [statement] })
    };
    let ours = json!({ "StringEquals": { "aws:PrincipalOrgID": "o-abc123" } });
    let theirs = json!({ "StringNotEquals": { "aws:PrincipalOrgID": "o-abc123" } });
    let arn = "arn:aws:organizations::999999999999:policy/o-abc123";
    for (scp, rcp, denied) in [
        (theirs.clone(), theirs.clone(), None),
        (
            ours.clone(),
            theirs.clone(),
            Some((
                format!("with an explicit deny in a service control policy: {arn}/service_control_policy/p-"),
                "denied by organization.root.units[0].scps[1] Statement[0]",
            )),
        ),
        (
            theirs.clone(),
            ours,
            Some((
                format!(
                    "with an explicit deny in a resource control policy: {arn}/resource_control_policy/p-"
                ),
                "denied by organization.root.units[1].rcps[0] Statement[0]",
            )),
        ),
    ] {
        let emulator =
            start(world(|file| file["organization"] = organization(deny(false, scp), deny(true, rcp)))).await;
        let answer = assume(&sts(&emulator, lambda_credentials(&emulator))).send().await;
        match denied {
            None => assert!(answer.is_ok()),
            Some((expected, decided_by)) => {
                let (_, message) = error_of(answer);
                assert!(message.contains(&expected), "{message}");
                assert_eq!(emulator.requests().last().unwrap().decided_by.as_deref(), Some(decided_by));
            }
        }
    }
}

#[tokio::test]
async fn missing_resources_and_missing_operations_are_reported() {
    let emulator = start(world(|file| {
        file["accounts"]["111111111111"]["roles"]["IAMListRole"]["policies"] = json!([allow("iam:*")]);
    }))
    .await;
    let member =
        session_credentials(assume(&sts(&emulator, lambda_credentials(&emulator))).send().await.unwrap());
    let iam = iam(&emulator, member);
    let (code, message) = error_of(iam.list_access_keys().user_name("nobody").send().await);
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("NoSuchEntity", "The user with name nobody cannot be found.")
    );
    let used = iam.get_access_key_last_used().access_key_id("AKIAIOSFODNN7EXAMPLE").send().await.unwrap();
    assert_eq!(used.user_name(), Some("alice"));
    assert_eq!(used.access_key_last_used().unwrap().service_name(), "s3");
    let never = iam.get_access_key_last_used().access_key_id("AKIALRUNNEREXAMPLE01").send().await.unwrap();
    assert_eq!(never.access_key_last_used().unwrap().service_name(), "N/A");
    assert_eq!(never.access_key_last_used().unwrap().last_used_date(), None);
    let admin = world(|file| {
        file["accounts"]["222222222222"]["roles"]["LambdaRole"]["policies"] = json!([allow("sts:*")]);
    });
    let admin = start(admin).await;
    let sts = sts(&admin, lambda_credentials(&admin));
    let owner = sts.get_access_key_info().access_key_id("AKIAIOSFODNN7EXAMPLE").send().await.unwrap();
    assert_eq!(owner.account(), Some("111111111111"));
    let session = lambda_credentials(&admin);
    let owner = sts.get_access_key_info().access_key_id(session.access_key_id()).send().await.unwrap();
    assert_eq!(owner.account(), Some("222222222222"));
    assert_eq!(
        error_of(sts.get_access_key_info().access_key_id("AKIAUNKNOWNUNKNOWN").send().await).0,
        "ValidationError"
    );

    let (code, message) = error_of(iam.list_open_id_connect_providers().send().await);
    assert_eq!(code, "InvalidAction");
    assert!(message.contains("ListOpenIDConnectProviders") && message.contains("iam:ListUsers"), "{message}");
}

#[test]
fn an_invalid_world_file_is_rejected_with_the_place_the_value_and_the_remedy() {
    let problem = |text: &str| {
        World::parse(text, |_| Err(std::io::ErrorKind::NotFound.into())).unwrap_err().to_string()
    };
    for (text, expected) in [
        ("{", "line 1, column 1: not valid JSON: the text ends within an object; a minimal world is"),
        ("", "a minimal world is {\"accounts\": "),
        ("[]", "found a list, expected an object; a minimal world is {\"accounts\": "),
        (
            "\u{feff}{\"accounts\": {\"1\": {}}}",
            "accounts: \"1\" is not a valid account id; write its 12 digits",
        ),
        (
            r#"{"accounts": {"111111111111": {"roles": {"R": {"trust_policy": {}, "policies": {}}}}}}"#,
            "accounts.111111111111.roles.R.policies: found an object, expected a list",
        ),
        (
            r#"{"accounts": {"111111111111": {"roles": {"R": {"trust_policy": {}, "max_session_duration": 1}}}}}"#,
            "accounts.111111111111.roles.R.max_session_duration: 1 is out of range; IAM allows 3600 to",
        ),
        (
            r#"{"accounts": {"111111111111": {"users": {"bob": {"path": "ci", "create_date": "2026-01-05T12:00:00Z"}}}}}"#,
            "accounts.111111111111.users.bob.path: \"ci\" is not a valid path; begin and end it with a slash",
        ),
        (
            r#"{"accounts": {"111111111111": {"users": {"bob": {"create_date": "2026-01-05T12:00:00Z", "access_keys": [
                {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "status": "active", "create_date": "2026-01-05T12:00:00Z"}]}}}}}"#,
            "users.bob.access_keys[0].status: unknown status \"active\"; expected one of Active, Inactive",
        ),
        (
            r#"{"accounts": {"111111111111": {}, "111111111111": {}}}"#,
            "accounts: the field \"111111111111\" is given twice",
        ),
        (
            r#"{"accounts": {}, "organization": {"id": "o-1", "management_account": "abc", "root": {"id": "r-1"}}}"#,
            "organization.management_account: \"abc\" is not a valid account id; write its 12 digits",
        ),
        (
            r#"{"accounts": {"111111111111": {"users": {
                "bob": {"create_date": "2026-01-05T12:00:00Z"}, "Bob": {"create_date": "2026-01-05T12:00:00Z"}}}}}"#,
            "accounts.111111111111.users: \"Bob\" and \"bob\" differ only in case, which AWS does not allow; rename one",
        ),
        (
            r#"{"accounts": {"111111111111": {"roles": {"R": {"trust_policy": {"Statement": {
                "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "arn:aws:iam::222222222222:role/*"}}}}}}}}"#,
            "accounts.111111111111.roles.R.trust_policy: Statement[0].Principal.AWS: ",
        ),
        (
            r#"{"accounts": {"111111111111": {"tags": {"team": "a;b"}}}}"#,
            "accounts.111111111111.tags: the tag \"team\" with value \"a;b\" is not valid",
        ),
        (
            r#"{"accounts": {"111111111111": {"roles": {"R": {"tags": {"Team": "a", "team": "b"}, "trust_policy": {
                "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}}}}}}}"#,
            "accounts.111111111111.roles.R.tags: \"Team\" and \"team\" differ only in case",
        ),
        (
            r#"{"accounts": {"111111111111": {"alias": "Acme"}}}"#,
            "accounts.111111111111.alias: \"Acme\" is not valid",
        ),
        (
            r#"{"accounts": {"111111111111": {"email": "nobody"}}}"#,
            "accounts.111111111111.email: \"nobody\" is",
        ),
        (
            r#"{"accounts": {"111111111111": {"name": "Zürich"}}}"#,
            "accounts.111111111111.name: \"Zürich\" is not",
        ),
        (
            r#"{"accounts": {"111111111111": {"groups": {"a b": {}}}}}"#,
            "groups.a b: \"a b\" is not a valid name; use 1 to 128 letters",
        ),
        (
            r#"{"accounts": {"111111111111": {"groups": {"Ops": {}},
                "users": {"u": {"create_date": "2026-01-05T12:00:00Z", "groups": ["ops"]}}}}}"#,
            "accounts.111111111111.groups: \"Ops\" and \"ops\" differ only in case",
        ),
        (
            r#"{"accounts": {"111111111111": {"password_policy": {"max_password_age": 0}}}}"#,
            "password_policy.max_password_age: 0 is out of range; IAM allows 1 to 1095",
        ),
        (
            r#"{"accounts": {"111111111111": {"groups": {"g": {"attached_policies": ["arn:aws:iam::aws:policy/X"]}}}}}"#,
            "groups.g.attached_policies: the emulator does not know the managed policy \"arn:aws:iam::aws:policy/X\"",
        ),
        (r#"{"accounts": {"1": {}}}"#, "accounts: \"1\" is not a valid account id"),
        (r#"{"accounts": {}, "organisation": {}}"#, "organisation"),
        (
            r#"{"accounts": {"111111111111": {"roles": {"R": {"trust_policy": "no.json"}}}}}"#,
            "accounts.111111111111.roles.R.trust_policy: cannot read the policy file no.json",
        ),
        (
            r#"{"accounts": {"111111111111": {"roles": {"R": {"trust_policy": {}}}}}}"#,
            "accounts.111111111111.roles.R.trust_policy: Statement",
        ),
    ] {
        assert!(problem(text).contains(expected), "{}", problem(text));
    }
}

#[test]
fn documents_above_iams_quotas_are_rejected_with_the_size() {
    let document = |length: usize, principal: bool| {
        let mut statement =
            json!({ "Sid": "a".repeat(length), "Effect": "Allow", "Action": "sts:AssumeRole" });
        let (element, value) =
            if principal { ("Principal", json!({ "AWS": "*" })) } else { ("Resource", json!("*")) };
        statement[element] = value;
        json!({ "Version": "2012-10-17", "Statement": [statement] })
    };
    let rcp = |length: usize| {
        let mut rcp = document(length, true);
        rcp["Statement"][0]["Effect"] = json!("Deny");
        rcp["Statement"][0]["Resource"] = json!("*");
        rcp["Statement"][0]["Principal"] = json!("*");
        rcp
    };
    let at = "2026-01-05T12:00:00Z";
    let problem = |account: Value| {
        let file = json!({ "accounts": { "111111111111": account } }).to_string();
        World::parse(&file, |_| Err(std::io::ErrorKind::NotFound.into())).map_err(|error| error.to_string())
    };
    let role = |trust: Value, policies: Value| json!({ "roles": { "R": { "trust_policy": trust, "policies": policies } } });
    for (account, expected) in [
        (role(document(2048, true), json!([])), "a trust policy can have 2048"),
        (role(document(1, true), json!([document(6000, false), document(6000, false)])), "IAM allows 10240"),
        (
            json!({ "users": { "u": { "create_date": at, "policies": [document(2048, false)] } } }),
            "IAM allows 2048",
        ),
        (json!({ "groups": { "g": { "policies": [document(5120, false)] } } }), "IAM allows 5120"),
        (
            json!({ "managed_policies": { "P": { "document": document(6144, false) } } }),
            "a managed policy can have 6144",
        ),
        (
            json!({ "scps": [document(1, false), document(10_240, false)] }),
            "accounts.111111111111.scps[1]: the document has 10347 characters; a service control policy can have 10240",
        ),
        (
            json!({ "rcps": [rcp(5120)] }),
            "accounts.111111111111.rcps[0]: the document has 5242 characters; a resource control policy can have 5120",
        ),
    ] {
        let problem = problem(account).unwrap_err();
        assert!(problem.contains(expected), "{expected} is not in {problem}");
    }
    assert!(
        problem(role(document(1900, true), json!([document(5000, false), document(5000, false)]))).is_ok()
    );
}
