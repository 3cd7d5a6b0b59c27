//! What the emulator lets through and what it refuses, as the AWS SDK asks it.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on ends; it may read the clock"
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

/// A world that is the tutorial's but for what `change` makes of it.
fn world(change: impl FnOnce(&mut Value)) -> World {
    let mut file: Value = serde_json::from_str(include_str!("../worlds/tutorial.json")).unwrap();
    change(&mut file);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/worlds/");
    World::parse(&file.to_string(), |path| std::fs::read_to_string(format!("{folder}{path}"))).unwrap()
}

fn allow(action: &str) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": action, "Resource": "*" }] })
}

fn lambda(emulator: &Emulator) -> Credentials {
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

fn of(answer: aws_sdk_sts::operation::assume_role::AssumeRoleOutput) -> Credentials {
    let issued = answer.credentials.unwrap();
    Credentials::new(issued.access_key_id, issued.secret_access_key, Some(issued.session_token), None, "test")
}

/// The code and the message of an error.
fn told<T: std::fmt::Debug, E: ProvideErrorMetadata + std::error::Error + 'static>(
    answer: Result<T, aws_smithy_runtime_api::client::result::SdkError<E, HttpResponse>>,
) -> (String, String) {
    let error = answer.unwrap_err();
    let text = |part: Option<&str>| part.unwrap_or_default().to_owned();
    (text(error.code()), text(error.message()))
}

#[tokio::test]
async fn the_flow_works_as_it_should_be_and_the_log_says_why() {
    let emulator = start(World::tutorial().unwrap()).await;
    let member = of(assume(&sts(&emulator, lambda(&emulator))).send().await.unwrap());
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
    let lines = emulator.requests();
    assert_eq!(lines.len(), 7);
    let first = lines.first().unwrap();
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
async fn pages_are_as_long_as_asked_for_and_come_to_an_end() {
    let emulator = start(World::tutorial().unwrap()).await;
    let iam = iam(&emulator, of(assume(&sts(&emulator, lambda(&emulator))).send().await.unwrap()));
    for size in 1..=6 {
        let pages = iam.list_users().into_paginator().page_size(size).items().send();
        let users = pages.collect::<Result<Vec<_>, _>>().await.unwrap();
        assert_eq!(users.len(), 5, "{size}");
    }
    for size in [0, 1001] {
        let (code, message) = told(iam.list_users().max_items(size).send().await);
        assert_eq!(code, "ValidationError");
        assert!(message.contains("'maxItems' failed to satisfy constraint"), "{message}");
    }
    assert_eq!(told(iam.list_users().marker("garbage").send().await).0, "ValidationError");
    let first = iam.list_users().max_items(1).send().await.unwrap();
    let of_another_list = iam.list_access_keys().user_name("carol").set_marker(first.marker);
    assert_eq!(told(of_another_list.send().await).0, "ValidationError", "and not an empty list");
    let keys = iam.list_access_keys().user_name("deploy+eu=1,blue.green@ci-2").into_paginator().page_size(1);
    assert_eq!(keys.items().send().collect::<Result<Vec<_>, _>>().await.unwrap().len(), 3);
    assert_eq!(iam.list_users().path_prefix("/ci/").send().await.unwrap().users().len(), 1);
}

#[tokio::test]
async fn a_signature_is_held_against_the_secret_the_token_and_the_clock() {
    let emulator = start(World::tutorial().unwrap()).await;
    let good = lambda(&emulator);
    let (id, secret) = (good.access_key_id().to_owned(), good.secret_access_key().to_owned());
    let token = good.session_token().unwrap().to_owned();
    let other = lambda(&emulator);
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
        assert_eq!(told(sts(&emulator, credentials).get_caller_identity().send().await).0, code);
    }
    assert!(sts(&emulator, good.clone()).get_caller_identity().send().await.is_ok());
    emulator.clock().advance(Duration::from_hours(13));
    let (code, message) = told(sts(&emulator, good.clone()).get_caller_identity().send().await);
    assert_eq!(code, "SignatureDoesNotMatch");
    assert!(message.contains("Signature expired"), "{message}");
    // With a clock that goes right it is the session that is over.
    let later = std::time::SystemTime::now() + Duration::from_hours(13);
    let config = sts(&emulator, good).config().to_builder();
    let config = config.time_source(aws_smithy_async::time::StaticTimeSource::new(later)).build();
    let (code, _) = told(aws_sdk_sts::Client::from_conf(config).get_caller_identity().send().await);
    assert_eq!(code, "ExpiredToken");
}

#[tokio::test]
async fn what_is_unsigned_malformed_or_of_another_service_is_refused() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let emulator = start(World::tutorial().unwrap()).await;
    let ask = async |headers: &str, body: &str| {
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
        ("", "Action=Nothing&Version=2011-06-15", "InvalidAction"),
        ("", "", "InvalidAction"),
        ("", "Action=GetCallerIdentity&Version=2010-05-08", "InvalidAction"),
    ] {
        let answer = ask(headers, body).await;
        assert!(answer.contains(&format!("<Code>{code}</Code>")), "{code}: {answer}");
        assert!(answer.contains("x-amzn-requestid: "), "{answer}");
    }
    // Signed for IAM, but STS is asked, and the other way round.
    let config = aws_sdk_iam::Config::builder()
        .behavior_version(aws_sdk_iam::config::BehaviorVersion::latest())
        .region(aws_sdk_iam::config::Region::new("eu-central-1"))
        .endpoint_url(emulator.url())
        .http_client(Builder::new().build_http())
        .credentials_provider(lambda(&emulator));
    let (code, _) = told(aws_sdk_iam::Client::from_conf(config.build()).list_users().send().await);
    assert!(["SignatureDoesNotMatch", "AccessDenied"].contains(&code.as_str()), "{code}");
}

#[tokio::test]
async fn across_accounts_who_refused_is_told_only_where_aws_tells_it() {
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
            let told = told(assume(&sts(&emulator, lambda(&emulator))).send().await);
            (told, emulator.requests().last().unwrap().decided_by.clone().unwrap())
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
    assert_eq!(by, "no trust policy allows it", "the log says what AWS does not");
    let ((_, message), _) = denied(
        "hub-permissions.json",
        "\"Allow\",\n      \"Action\": \"sts:",
        "\"Deny\",\n      \"Action\": \"sts:",
    )
    .await;
    assert_eq!(message, format!("{prefix} with an explicit deny in an identity-based policy"));

    // A role that is not there is told from one that trusts nobody by none.
    let emulator = start(world(|file| file["accounts"]["111111111111"]["roles"] = json!({}))).await;
    let (code, message) = told(assume(&sts(&emulator, lambda(&emulator))).send().await);
    assert_eq!((code.as_str(), message), ("AccessDenied", prefix));
}

#[tokio::test]
async fn a_session_that_was_narrowed_may_do_no_more_whatever_its_role_may() {
    let emulator = start(world(|file| {
        file["accounts"]["111111111111"]["roles"]["IAMListRole"]["policies"] = json!([allow("*")]);
    }))
    .await;
    let sts = sts(&emulator, lambda(&emulator));
    let narrowed = of(assume(&sts).policy(allow("iam:ListUsers").to_string()).send().await.unwrap());
    let whole = of(assume(&sts).send().await.unwrap());
    assert!(iam(&emulator, whole).get_user().user_name("alice").send().await.is_ok());
    let iam = iam(&emulator, narrowed);
    assert!(iam.list_users().send().await.is_ok());
    let (code, message) = told(iam.get_user().user_name("alice").send().await);
    assert_eq!(code, "AccessDenied");
    assert!(message.ends_with("because no session policy allows the iam:GetUser action"), "{message}");
    for (policy, code, words) in [
        ("{".to_owned(), "MalformedPolicyDocument", "This policy contains invalid Json"),
        ("{}".to_owned(), "MalformedPolicyDocument", "Syntax errors in policy. Statement: "),
        (allow("sts:*").to_string().replace("\"*\"", "\"role\""), "MalformedPolicyDocument", "\"role\""),
        ("x".repeat(2049), "ValidationError", "x' at 'policy' failed to satisfy constraint"),
    ] {
        let (told_code, message) = told(assume(&sts).policy(policy).send().await);
        assert_eq!(told_code, code, "{message}");
        assert!(message.contains(words), "{words} is not in {message}");
    }
}

#[tokio::test]
async fn external_ids_tags_and_source_identities_need_leave() {
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "AWS": LAMBDA_ROLE }, "Action": "sts:AssumeRole",
        "Condition": { "StringEquals": { "sts:ExternalId": "right" } },
    }]});
    let emulator = start(world(|file| {
        file["accounts"]["111111111111"]["roles"]["IAMListRole"]["trust_policy"] = trust;
    }))
    .await;
    let client = sts(&emulator, lambda(&emulator));
    assert!(assume(&client).external_id("right").send().await.is_ok());
    for external_id in [None, Some("wrong"), Some("Right")] {
        let (code, _) = told(assume(&client).set_external_id(external_id.map(str::to_owned)).send().await);
        assert_eq!(code, "AccessDenied", "{external_id:?}");
    }
    let emulator = start(World::tutorial().unwrap()).await;
    let client = sts(&emulator, lambda(&emulator));
    let tag = aws_sdk_sts::types::Tag::builder().key("team").value("security").build().unwrap();
    let (code, message) = told(assume(&client).tags(tag).send().await);
    assert!(code == "AccessDenied" && message.contains("sts:TagSession"), "{message}");
    let (code, message) = told(assume(&client).source_identity("alice").send().await);
    assert!(code == "AccessDenied" && message.contains("sts:SetSourceIdentity"), "{message}");
}

#[tokio::test]
async fn durations_and_names_are_held_to_the_limits_of_aws() {
    let emulator = start(world(|file| {
        file["accounts"]["111111111111"]["roles"]["IAMListRole"]["max_session_duration"] = json!(43200);
    }))
    .await;
    let client = sts(&emulator, lambda(&emulator));
    for (seconds, words) in [
        (899, "greater than or equal to 900"),
        (43_201, "less than or equal to 43200"),
        (3601, "role chaining"),
    ] {
        let (code, message) = told(assume(&client).duration_seconds(seconds).send().await);
        assert_eq!(code, "ValidationError");
        assert!(message.contains(words), "{message}");
    }
    assert!(assume(&client).duration_seconds(3600).send().await.is_ok());
    let with_mfa = assume(&client).serial_number("arn:aws:iam::222222222222:mfa/x").token_code("123456");
    assert_eq!(told(with_mfa.send().await).0, "AccessDenied", "there is no such device");
    let (code, message) = told(assume(&client).role_session_name("a b").send().await);
    assert!(code == "ValidationError" && message.contains("roleSessionName"), "{message}");
    let emulator = start(World::tutorial().unwrap()).await;
    let client = sts(&emulator, lambda(&emulator));
    let (_, message) = told(assume(&client).duration_seconds(7200).send().await);
    assert!(message.contains("role chaining"), "{message}");
}

#[tokio::test]
async fn an_organisation_denies_by_the_arn_of_its_policy() {
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
    for (scp, rcp, refused) in [
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
        let answer = assume(&sts(&emulator, lambda(&emulator))).send().await;
        match refused {
            None => assert!(answer.is_ok()),
            Some((words, decided_by)) => {
                let (_, message) = told(answer);
                assert!(message.contains(&words), "{message}");
                assert_eq!(emulator.requests().last().unwrap().decided_by.as_deref(), Some(decided_by));
            }
        }
    }
}

#[tokio::test]
async fn what_is_not_there_and_what_it_lacks_is_told() {
    let emulator = start(world(|file| {
        file["accounts"]["111111111111"]["roles"]["IAMListRole"]["policies"] = json!([allow("iam:*")]);
    }))
    .await;
    let member = of(assume(&sts(&emulator, lambda(&emulator))).send().await.unwrap());
    let iam = iam(&emulator, member);
    let (code, message) = told(iam.list_access_keys().user_name("nobody").send().await);
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
    let sts = sts(&admin, lambda(&admin));
    let owner = sts.get_access_key_info().access_key_id("AKIAIOSFODNN7EXAMPLE").send().await.unwrap();
    assert_eq!(owner.account(), Some("111111111111"));
    let session = lambda(&admin);
    let owner = sts.get_access_key_info().access_key_id(session.access_key_id()).send().await.unwrap();
    assert_eq!(owner.account(), Some("222222222222"));
    assert_eq!(
        told(sts.get_access_key_info().access_key_id("AKIAUNKNOWNUNKNOWN").send().await).0,
        "ValidationError"
    );

    let (code, message) = told(iam.list_roles().send().await);
    assert_eq!(code, "InvalidAction");
    assert!(message.contains("ListRoles") && message.contains("iam:ListUsers"), "{message}");
}

#[test]
fn a_world_that_is_none_is_refused_with_the_place() {
    let problem = |text: &str| {
        World::parse(text, |_| Err(std::io::ErrorKind::NotFound.into())).unwrap_err().to_string()
    };
    for (text, words) in [
        ("{", "line 1 column"),
        ("", "a world is like {\"accounts\": "),
        ("[]", "a world is like {\"accounts\": "),
        ("\u{feff}{\"accounts\": {\"1\": {}}}", "\"1\" is no account id"),
        (
            r#"{"accounts": {"111111111111": {"roles": {"R": {"trust_policy": {}, "policies": {}}}}}}"#,
            "accounts.111111111111.roles.R.policies: invalid type",
        ),
        (
            r#"{"accounts": {"111111111111": {"roles": {"R": {"trust_policy": {}, "max_session_duration": 1}}}}}"#,
            "accounts.111111111111.roles.R.max_session_duration: 1 is out of range",
        ),
        (
            r#"{"accounts": {"111111111111": {"users": {"bob": {"path": "ci", "create_date": "2026-01-05T12:00:00Z"}}}}}"#,
            "accounts.111111111111.users.bob.path: \"ci\" is no path",
        ),
        (
            r#"{"accounts": {"111111111111": {"users": {"bob": {"create_date": "2026-01-05T12:00:00Z", "access_keys": [
                {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "status": "active", "create_date": "2026-01-05T12:00:00Z"}]}}}}}"#,
            "accounts.111111111111.users.bob.access_keys[0].status: \"active\" is none of",
        ),
        (r#"{"accounts": {"111111111111": {}, "111111111111": {}}}"#, "duplicate name \"111111111111\""),
        (
            r#"{"accounts": {}, "organization": {"id": "o-1", "management_account": "abc", "root": {"id": "r-1"}}}"#,
            "organization.management_account: \"abc\"",
        ),
        (
            r#"{"accounts": {"111111111111": {"users": {
                "bob": {"create_date": "2026-01-05T12:00:00Z"}, "Bob": {"create_date": "2026-01-05T12:00:00Z"}}}}}"#,
            "accounts.111111111111.users: \"Bob\" and \"bob\" differ in case alone",
        ),
        (
            r#"{"accounts": {"111111111111": {"roles": {"R": {"trust_policy": {"Statement": {
                "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "arn:aws:iam::222222222222:role/*"}}}}}}}}"#,
            "accounts.111111111111.roles.R.trust_policy: Statement[0].Principal.AWS: ",
        ),
        (r#"{"accounts": {"1": {}}}"#, "\"1\" is no account id"),
        (r#"{"accounts": {}, "organisation": {}}"#, "organisation"),
        (
            r#"{"accounts": {"111111111111": {"roles": {"R": {"trust_policy": "no.json"}}}}}"#,
            "accounts.111111111111.roles.R.trust_policy: no.json",
        ),
        (
            r#"{"accounts": {"111111111111": {"roles": {"R": {"trust_policy": {}}}}}}"#,
            "accounts.111111111111.roles.R.trust_policy: Statement",
        ),
    ] {
        assert!(problem(text).contains(words), "{}", problem(text));
    }
}
