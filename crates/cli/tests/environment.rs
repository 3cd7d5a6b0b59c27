//! The built binary, where engineers run it: whose credentials it takes, which way it goes to AWS, what the environment
//! may say, and that none of it makes it tell a secret.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on ends")]

mod common;

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use common::{ROLE_ARN, ended, rolecall, run};
use rolecall_testkit::secrets::{CALLER_SECRET_ACCESS_KEY, CALLER_SESSION_TOKEN, EXTERNAL_ID, SESSION_TOKEN};
use rolecall_testkit::{FakeAws, operation, wire, xml};
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;
use wiremock::matchers::{header, method, path, query_param};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

const SCAN: [&str; 3] = ["scan", "--role-arn", ROLE_ARN];

/// A run whose credentials are nowhere yet, but for what is in this home folder.
fn without_credentials(aws: &FakeAws, home: &TempDir, arguments: &[&str]) -> Command {
    let mut command = rolecall(&aws.uri(), arguments);
    for name in [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
    ] {
        command.env_remove(name);
    }
    command.env("HOME", home.path()).env("PATH", env!("PATH"));
    command
}

/// A home folder with this `~/.aws/config`.
fn home(config: &str) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join(".aws")).unwrap();
    fs::write(home.path().join(".aws/config"), config).unwrap();
    home
}

/// The access key id and the region that each request of an operation was signed with.
async fn signed_by(aws: &FakeAws, operation_name: &str) -> Vec<(String, String)> {
    let requests = aws.server.received_requests().await.unwrap();
    let of_operation = format!("Action={operation_name}&");
    let asked = requests.iter().filter(|r| String::from_utf8_lossy(&r.body).starts_with(&of_operation));
    asked
        .map(|request| {
            let signed = request.headers["authorization"].to_str().unwrap();
            let scope = signed.split("Credential=").nth(1).unwrap();
            let parts: Vec<&str> = scope.split('/').collect();
            (parts[0].to_owned(), parts[2].to_owned())
        })
        .collect()
}

/// Credentials as `credential_process`, a container and an instance give them, each under its own names.
fn credentials(access_key_id: &str, token_name: &str) -> serde_json::Value {
    json!({
        "Version": 1,
        "Code": "Success",
        "AccessKeyId": access_key_id,
        "SecretAccessKey": CALLER_SECRET_ACCESS_KEY,
        token_name: CALLER_SESSION_TOKEN,
        "Expiration": "2199-01-01T00:00:00Z",
    })
}

#[tokio::test]
async fn a_profile_and_its_credential_process_are_used() {
    let aws = FakeAws::start().await;
    let home = home("[profile audit]\nregion = eu-central-1\ncredential_process = cat ~/answer.json\n");
    fs::write(home.path().join("answer.json"), credentials("ASIAPROCESS", "SessionToken").to_string())
        .unwrap();
    // A profile that is asked for wins over the credentials that are in the environment.
    let mut command = rolecall(&aws.uri(), &[&SCAN[..], &["--profile", "audit"]].concat());
    command.env_remove("AWS_REGION").env("HOME", home.path()).env("PATH", env!("PATH"));
    let ended = ended(command.env("AWS_CONFIG_FILE", home.path().join(".aws/config"))).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let process_in_its_region = ("ASIAPROCESS".to_owned(), "eu-central-1".to_owned());
    assert_eq!(signed_by(&aws, "AssumeRole").await, [process_in_its_region]);
}

const ROLE_OF_A_PROFILE: &str = "\
[profile audit]
role_arn = arn:aws:iam::222222222222:role/Audit
source_profile = base
external_id = external4ID:4external4ID
[profile base]
aws_access_key_id = ASIABASE
aws_secret_access_key = caller0SECRET0caller0SECRET0caller0SECRE
aws_session_token = caller1TOKEN1caller1TOKEN1caller1TOKEN1
";

#[tokio::test]
async fn the_role_of_a_profile_is_assumed_in_the_region_that_is_set() {
    let home = home(ROLE_OF_A_PROFILE);
    for by_flag in [true, false] {
        let aws = FakeAws::start().await;
        let mut arguments = SCAN.to_vec();
        if by_flag {
            arguments.extend(["--profile", "audit"]);
        }
        let mut command = without_credentials(&aws, &home, &arguments);
        command.env("AWS_REGION", "eu-central-1");
        if !by_flag {
            command.env("AWS_PROFILE", "audit");
        }
        let ended = ended(&mut command).await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let by = |access_key_id: &str| (access_key_id.to_owned(), "eu-central-1".to_owned());
        assert_eq!(signed_by(&aws, "AssumeRole").await, [by("ASIABASE"), by("ASIA222222222222")]);
    }
}

#[tokio::test]
async fn a_denied_role_of_a_profile_is_reported_without_its_secrets() {
    let home = home(ROLE_OF_A_PROFILE);
    let session = xml::assume_role("222222222222", xml::EXPIRATION);
    let echo = format!("Value '{EXTERNAL_ID}' at 'externalId' failed to satisfy constraint");
    for (status, body, words) in [
        (403, xml::error("AccessDenied", "not you"), "not you"),
        (400, xml::error("ValidationError", &echo), "ValidationError"),
        (200, session.replace("2199-01-01", "tomorrow"), "parsing XML"),
        (503, session, "loading credentials"),
    ] {
        let aws = FakeAws::start().await;
        Mock::given(operation("AssumeRole"))
            .and(|request: &Request| String::from_utf8_lossy(&request.body).contains("222222222222"))
            .respond_with(ResponseTemplate::new(status).set_body_string(body))
            .with_priority(1)
            .mount(&aws.server)
            .await;
        for (log, profile) in [("", "--profile"), ("trace", "--profile"), ("trace", "AWS_PROFILE")] {
            let mut arguments = [&SCAN[..], &["--initial-backoff", "1ms", "--max-attempts", "2"]].concat();
            if profile == "--profile" {
                arguments.extend([profile, "audit"]);
            }
            let mut command = without_credentials(&aws, &home, &arguments);
            if profile == "AWS_PROFILE" {
                command.env(profile, "audit");
            }
            // The run itself looks for secrets in all that was printed.
            let ended = ended(command.env("RUST_LOG", log)).await;
            assert_eq!(ended.code, Some(11), "{}", ended.stderr);
            assert!(ended.stderr.contains(words), "{words} is not in {}", ended.stderr);
        }
    }
}

#[tokio::test]
async fn the_credentials_of_a_container_are_used() {
    let aws = FakeAws::start().await;
    let container = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_json(credentials("ASIACONTAINER", "Token"));
    Mock::given(path("/creds"))
        .and(header("authorization", "pod"))
        .respond_with(answer)
        .mount(&container)
        .await;
    let home = home("");
    let mut command = without_credentials(&aws, &home, &SCAN);
    command.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/creds", container.uri()));
    let ended = ended(command.env("AWS_CONTAINER_AUTHORIZATION_TOKEN", "pod")).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(signed_by(&aws, "AssumeRole").await[0].0, "ASIACONTAINER");
}

#[tokio::test]
async fn credentials_of_a_container_or_an_instance_are_requested_without_the_proxy() {
    let aws = FakeAws::start().await;
    let proxy = MockServer::start().await;
    let credentials = ResponseTemplate::new(200).set_body_json(credentials("ASIAFROMPROXY", "Token"));
    Mock::given(wiremock::matchers::any()).respond_with(credentials).mount(&proxy).await;
    let home = home("");
    for (name, value) in [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9/v1/credentials"),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/x"),
        ("AWS_EC2_METADATA_DISABLED", "false"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9"),
    ] {
        let arguments = [&SCAN[..], &["--connect-timeout", "200ms", "--max-attempts", "1"]].concat();
        let mut command = without_credentials(&aws, &home, &arguments);
        command.env(name, value).env("AWS_CONTAINER_AUTHORIZATION_TOKEN", "PODTOKEN");
        if name.contains("METADATA") {
            command.env("AWS_EC2_METADATA_DISABLED", "false");
        }
        let ended = ended(command.env("HTTP_PROXY", proxy.uri())).await;
        assert_eq!(ended.code, Some(11), "{name}: {}", ended.stderr);
        assert_eq!(proxy.received_requests().await.unwrap().len(), 0, "{name} through the proxy");
    }
}

#[tokio::test]
async fn the_credentials_and_the_region_of_an_instance_are_used() {
    let aws = FakeAws::start().await;
    let imds = MockServer::start().await;
    let token = ResponseTemplate::new(200)
        .insert_header("x-aws-ec2-metadata-token-ttl-seconds", "21600")
        .set_body_string("imds-token");
    Mock::given(method("PUT")).and(path("/latest/api/token")).respond_with(token).mount(&imds).await;
    let folder = "/latest/meta-data/iam/security-credentials/";
    for (place, body) in [
        (folder.to_owned(), "LambdaRole".to_owned()),
        (format!("{folder}LambdaRole"), credentials("ASIAINSTANCE", "Token").to_string()),
        ("/latest/meta-data/placement/region".to_owned(), "eu-west-3".to_owned()),
    ] {
        Mock::given(path(place))
            .and(header("x-aws-ec2-metadata-token", "imds-token"))
            .respond_with(ResponseTemplate::new(200).set_body_string(body))
            .mount(&imds)
            .await;
    }
    let home = home("");
    let mut command = without_credentials(&aws, &home, &SCAN);
    command.env_remove("AWS_EC2_METADATA_DISABLED").env_remove("AWS_REGION");
    let ended = ended(command.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", imds.uri())).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let instance_in_its_region = ("ASIAINSTANCE".to_owned(), "eu-west-3".to_owned());
    assert_eq!(signed_by(&aws, "AssumeRole").await, [instance_in_its_region]);
}

#[tokio::test]
async fn sso_credentials_are_used_and_an_expired_login_is_reported() {
    const SSO: &str = "\
[profile audit]
sso_session = corp
sso_account_id = 222222222222
sso_role_name = Audit
[sso-session corp]
sso_region = eu-central-1
sso_start_url = https://corp.awsapps.com/start
";
    let aws = FakeAws::start().await;
    let portal = MockServer::start().await;
    let credentials = json!({ "roleCredentials": {
        "accessKeyId": "ASIASSO",
        "secretAccessKey": CALLER_SECRET_ACCESS_KEY,
        "sessionToken": CALLER_SESSION_TOKEN,
        "expiration": 7_226_582_400_000_i64,
    }});
    Mock::given(path("/federation/credentials"))
        .and(query_param("role_name", "Audit"))
        .and(query_param("account_id", "222222222222"))
        // The log-in, which is a secret too.
        .and(header("x-amz-sso_bearer_token", SESSION_TOKEN))
        .respond_with(ResponseTemplate::new(200).set_body_json(credentials))
        .mount(&portal)
        .await;
    let home = home(SSO);
    let run = async |log: &str| {
        let mut command = without_credentials(&aws, &home, &[&SCAN[..], &["--profile", "audit"]].concat());
        ended(command.env("AWS_ENDPOINT_URL_SSO", portal.uri()).env("RUST_LOG", log)).await
    };
    let logged_out = run("").await;
    assert_eq!(logged_out.code, Some(11), "{}", logged_out.stderr);
    assert!(logged_out.stderr.contains("aws sso login"), "{}", logged_out.stderr);

    let cache: PathBuf = home.path().join(".aws/sso/cache");
    fs::create_dir_all(&cache).unwrap();
    // The SHA-1 of the session's name, as the AWS CLI names the file.
    let token = json!({ "accessToken": SESSION_TOKEN, "expiresAt": "2199-01-01T00:00:00Z" });
    fs::write(cache.join("ee0bfd2552fbd840c02cc48b6e823320543c450f.json"), token.to_string()).unwrap();
    let logged_in = run("trace").await;
    assert_eq!(logged_in.code, Some(0), "{}", logged_in.stderr);
    assert_eq!(signed_by(&aws, "AssumeRole").await[0].0, "ASIASSO");
}

#[tokio::test]
async fn an_invalid_variable_is_named_with_a_valid_value() {
    let aws = FakeAws::start().await;
    for (name, value, code, words) in [
        ("LOG_SENSITIVE_BODIES", "true", 2, "LOG_SENSITIVE_BODIES"),
        ("LOG_SENSITIVE_BODIES", "0", 2, "LOG_SENSITIVE_BODIES"),
        ("AWS_CA_BUNDLE", "/no/such/bundle.pem", 2, "/no/such/bundle.pem"),
        ("AWS_CA_BUNDLE", "/dev/null", 2, "no PEM certificate"),
        ("ROLECALL_EXTERNAL_ID", "external4ID:4external4ID with a blank", 2, "ROLECALL_EXTERNAL_ID"),
        ("RUST_LOG", "rolecall=loud", 2, "RUST_LOG"),
        ("AWS_PROFILE", "nobody", 2, "AWS_PROFILE nobody: no such profile"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9", 11, "AWS_ENDPOINT_URL"),
        ("AWS_ENDPOINT_URL", "127.0.0.1:4566", 2, "http://127.0.0.1:4566"),
        ("AWS_ENDPOINT_URL_IAM", "localhost", 2, "AWS_ENDPOINT_URL_IAM"),
        (
            "AWS_ENDPOINT_URL_STS",
            "http://me:pa55@127.0.0.1:9",
            2,
            "AWS_ENDPOINT_URL_STS is a URL with a user name",
        ),
        ("AWS_ENDPOINT_URL", "", 2, "AWS_ENDPOINT_URL is set and empty"),
        ("AWS_ENDPOINT_URL_STS", "", 2, "AWS_ENDPOINT_URL_STS is set and empty"),
        // Empty is not set.
        ("AWS_REGION", "", 0, ""),
        ("AWS_ACCESS_KEY_ID", "", 2, "AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not"),
        ("AWS_SECRET_ACCESS_KEY", "", 2, "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9", 11, "GetCallerIdentity: 127.0.0.1:9: "),
        ("ROLECALL_SESSION_DURATION", "0", 2, "15m to 12h"),
        ("HTTPS_PROXY", "http://user:pa55 wd@127.0.0.1:3128", 2, "HTTPS_PROXY"),
        ("all_proxy", "::nonsense::", 2, "all_proxy"),
        ("HTTP_PROXY", "http://user:pa55word@127.0.0.1:9", 11, "HTTPS_PROXY"),
        ("ROLECALL_MAX_ATTEMPTS", "many", 2, "1 to 100"),
        ("ROLECALL_ACCOUNT_TIMEOUT", "soon", 2, "ROLECALL_ACCOUNT_TIMEOUT"),
        ("AWS_REGION", "us east", 2, "us east"),
    ] {
        let mut command = rolecall(&aws.uri(), &["scan", "--role-arn", ROLE_ARN, "--initial-backoff", "1ms"]);
        if name == "AWS_PROFILE" {
            command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
        }
        let ended = ended(command.env(name, value)).await;
        assert_eq!(ended.code, Some(code), "{name}={value}: {}", ended.stderr);
        assert!(ended.stderr.contains(words), "{words} is not in {}", ended.stderr);
        assert!(!ended.stderr.contains("pa55"), "{}", ended.stderr);
        assert_eq!(ended.stdout.is_empty(), code != 0);
    }
}

#[tokio::test]
async fn credentials_with_invalid_characters_are_named_without_a_panic() {
    let aws = FakeAws::start().await;
    let scan = ["scan", "--role-arn", ROLE_ARN];
    for (name, value, words) in [
        ("AWS_ACCESS_KEY_ID", "AKIABASEBASEEXAMPLE1\r", "AWS_ACCESS_KEY_ID has a carriage return"),
        ("AWS_ACCESS_KEY_ID", "AKIABASE\nBASEEXAMPLE1", "AWS_ACCESS_KEY_ID has a line break at position 9"),
        ("AWS_ACCESS_KEY_ID", "AKIABASEBASEÉXAMPLE1", "AWS_ACCESS_KEY_ID has a character that is not ASCII"),
        ("AWS_SECRET_ACCESS_KEY", "s3cret\r\n", "AWS_SECRET_ACCESS_KEY has a carriage return"),
        ("AWS_SESSION_TOKEN", " s3cret", "AWS_SESSION_TOKEN has a space at its beginning"),
    ] {
        let refused = ended(rolecall(&aws.uri(), &scan).env(name, value)).await;
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        assert!(refused.stderr.contains(words), "{words} is not in {}", refused.stderr);
        assert!(!refused.stderr.contains("s3cret"), "{}", refused.stderr);
    }
    // From wherever else they come.
    let home = home("[default]\nregion = eu-central-1\ncredential_process = cat ~/answer.json\n");
    fs::write(home.path().join("answer.json"), credentials("ASIAPROCESS\r", "SessionToken").to_string())
        .unwrap();
    let refused = ended(&mut without_credentials(&aws, &home, &scan)).await;
    assert_eq!(refused.code, Some(11), "{}", refused.stderr);
    assert!(refused.stderr.contains("access key id has a carriage return"), "{}", refused.stderr);
}

#[tokio::test]
async fn an_invalid_endpoint_url_of_a_profile_is_named() {
    let aws = FakeAws::start().await;
    for url in ["banana", ""] {
        let home = home(&format!(
            "[profile audit]\nendpoint_url = {url}\naws_access_key_id = A\naws_secret_access_key = B\n"
        ));
        let mut command = without_credentials(&aws, &home, &[&SCAN[..], &["--profile", "audit"]].concat());
        let ended = ended(command.env_remove("AWS_ENDPOINT_URL").env("AWS_REGION", "us-east-1")).await;
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(ended.stderr.contains("endpoint_url") && ended.stderr.contains("is \""), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn what_a_failing_credential_process_prints_is_shown_without_what_may_be_a_secret() {
    let aws = FakeAws::start().await;
    let home = home("[profile audit]\ncredential_process = sh ~/fails.sh\n");
    let long = "trace ".repeat(200);
    for (stderr, status, words) in [
        (
            format!("{{\"SecretAccessKey\":\"{CALLER_SECRET_ACCESS_KEY}\"}}"),
            3,
            "{\"SecretAccessKey\":\"[redacted]\"}",
        ),
        (
            format!("got {CALLER_SESSION_TOKEN}\nrun corp-login first"),
            1,
            "got [redacted] | run corp-login first",
        ),
        (format!("{long}\npassword=hunter2 is wrong"), 2, "password=[redacted] is wrong"),
        (String::new(), 4, "The process printed nothing"),
    ] {
        fs::write(home.path().join("fails.sh"), format!("cat >&2 <<'END'\n{stderr}\nEND\nexit {status}\n"))
            .unwrap();
        let mut command = without_credentials(&aws, &home, &[&SCAN[..], &["--profile", "audit"]].concat());
        let ended = ended(command.env("RUST_LOG", "trace")).await;
        assert_eq!(ended.code, Some(11), "{}", ended.stderr);
        assert!(ended.stderr.contains(&format!("exit status: {status}")), "{}", ended.stderr);
        assert!(ended.stderr.contains(words), "{words} is not in {}", ended.stderr);
        assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);
        assert!(ended.stderr.matches("trace ").count() < 60, "{}", ended.stderr);
    }
}

#[tokio::test]
async fn a_profile_that_the_sdk_cannot_use_is_explained_in_one_line_with_file_line_and_remedy() {
    const MFA: &str = "[profile hub]\nrole_arn = arn:aws:iam::222222222222:role/M\nsource_profile = base\n\
                       mfa_serial = arn:aws:iam::222222222222:mfa/base\n[profile base]\naws_access_key_id = A\n";
    let aws = FakeAws::start().await;
    for (config, words, remedy) in [
        (
            MFA,
            "config, line 4: profile hub needs an MFA code",
            "aws configure export-credentials --profile hub",
        ),
        (
            "[profile hub]\n  region = us-east-1\n",
            "config, line 2: this property is indented",
            "remove the spaces",
        ),
        ("\u{feff}[profile hub]\n", "config, line 1: a byte order mark", "without a byte order mark"),
        ("[profile hub] # ok\nregion: x\n", "config, line 2: no NAME = VALUE", "NAME = VALUE"),
        ("[hub]\nregion = x\n", "config, line 1: in this file", "[profile NAME]"),
        ("[profile 'hub']\nregion = x\n", "config, line 1: the AWS SDK ignores", "rename it"),
        (
            "[profile hub]\naws_access_key_id = AKIA\rX\n",
            "config, line 2: aws_access_key_id has a carriage",
            "again",
        ),
    ] {
        let home = home(config);
        for is_flag in [true, false] {
            let mut command = without_credentials(&aws, &home, &SCAN);
            if is_flag {
                command.args(["--profile", "hub"]);
            } else {
                command.env("AWS_PROFILE", "hub");
            }
            let refused = ended(&mut command).await;
            assert_eq!(refused.code, Some(2), "{}", refused.stderr);
            for words in [words, remedy] {
                assert!(refused.stderr.contains(words), "{words} is not in {}", refused.stderr);
            }
            assert!(refused.stderr.lines().count() <= 2, "{}", refused.stderr);
        }
    }
    assert_eq!(aws.server.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn an_empty_session_token_counts_as_none() {
    let aws = FakeAws::start().await;
    let home = home(
        "[default]\naws_access_key_id = AKIABASE\naws_secret_access_key = s3cret\naws_session_token =\n",
    );
    let ended = ended(&mut without_credentials(&aws, &home, &SCAN)).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let requests = aws.server.received_requests().await.unwrap();
    let identity = requests.iter().find(|it| String::from_utf8_lossy(&it.body).contains("GetCallerIdentity"));
    assert!(!identity.unwrap().headers.contains_key("x-amz-security-token"));
}

#[tokio::test]
async fn an_unknown_profile_is_named_with_the_profiles_that_exist() {
    let aws = FakeAws::start().await;
    let ended = run(&aws, &["scan", "--role-arn", ROLE_ARN, "--profile", "nobody"]).await;
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("--profile nobody: no such profile"), "{}", ended.stderr);
    assert_eq!(aws.server.received_requests().await.unwrap().len(), 0, "nobody else was asked for");
}

#[tokio::test]
async fn a_caller_without_valid_credentials_is_reported_once_and_not_for_each_account() {
    let aws = FakeAws::start().await;
    aws.respond_with_error(
        "GetCallerIdentity",
        403,
        "ExpiredToken",
        "The security token included in the request is expired",
    )
    .await;
    let ended = run(&aws, &["scan", "--account", "111111111111", "333333333333", "--role-name", "R"]).await;
    assert_eq!(ended.code, Some(11));
    assert_eq!(ended.stderr.matches("ExpiredToken").count(), 1);
    assert!(ended.stderr.contains("aws sso login"), "{}", ended.stderr);
    assert_eq!(aws.calls("AssumeRole").await, 0);
}

#[tokio::test]
async fn a_private_ca_is_trusted_only_if_the_bundle_or_the_system_has_it() {
    let aws = FakeAws::start().await;
    let front = wire::tls_front(*aws.server.address()).await;
    let endpoint = format!("https://localhost:{}", front.address.port());
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    fs::write(&ca, &front.ca_pem).unwrap();
    let scan = ["scan", "--role-arn", ROLE_ARN, "--initial-backoff", "1ms"];
    let refused = ended(&mut rolecall(&endpoint, &scan)).await;
    assert_eq!(refused.code, Some(11));
    assert!(refused.stderr.contains("AWS_CA_BUNDLE"), "{}", refused.stderr);
    for variable in ["AWS_CA_BUNDLE", "SSL_CERT_FILE"] {
        let ended = ended(rolecall(&endpoint, &scan).env(variable, &ca)).await;
        assert_eq!(ended.code, Some(0), "{variable}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_valid_now_directs_to_the_clock_and_says_when_it_is_valid() {
    let aws = FakeAws::start().await;
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    for (years, problem) in [
        (
            (2001, 2002),
            ": by this machine's clock, the server's TLS certificate expired at 2002-01-01T00:00:00Z",
        ),
        (
            (3001, 3002),
            "by this machine's clock, the server's TLS certificate is not valid before 3001-01-01T00:00:00Z",
        ),
    ] {
        let front = wire::tls_front_valid_in(years, *aws.server.address()).await;
        fs::write(&ca, &front.ca_pem).unwrap();
        let endpoint = format!("https://localhost:{}", front.address.port());
        let ended =
            ended(rolecall(&endpoint, &SCAN).args(["--initial-backoff", "1ms"]).env("AWS_CA_BUNDLE", &ca))
                .await;
        assert_eq!(ended.code, Some(11));
        assert!(ended.stderr.contains(problem), "{}", ended.stderr);
        assert!(ended.stderr.contains("check this machine's clock; if it is right"), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn the_proxy_is_used_and_no_proxy_is_obeyed() {
    let aws = FakeAws::start().await;
    let front = wire::tls_front(*aws.server.address()).await;
    let proxy = wire::proxy(front.address).await;
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    fs::write(&ca, &front.ca_pem).unwrap();
    let proxied = |endpoint: &str, no_proxy: &str| {
        let mut command = rolecall(endpoint, &["scan", "--role-arn", ROLE_ARN, "--initial-backoff", "1ms"]);
        command.env("AWS_CA_BUNDLE", &ca).env("NO_PROXY", no_proxy);
        command.env("HTTPS_PROXY", format!("http://{}", proxy.address));
        command
    };
    // A name that only the proxy can reach.
    let through = ended(&mut proxied("https://aws.test", "")).await;
    assert_eq!(through.code, Some(0), "{}", through.stderr);
    let tunnels = proxy.tunnels.load(Ordering::SeqCst);
    assert!(tunnels > 0);
    let past = ended(&mut proxied(&format!("https://localhost:{}", front.address.port()), "localhost")).await;
    assert_eq!(past.code, Some(0), "{}", past.stderr);
    assert_eq!(proxy.tunnels.load(Ordering::SeqCst), tunnels);
}
