//! The operations that read an account, through signed HTTP requests: permissions, pages, credentials, regions, limits.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test panics where its setup fails, and may read the clock"
)]

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use jiff::Timestamp;
use rolecall_emulator::{Clock, Credentials, Emulator, World};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const READER: &str = "arn:aws:iam::111111111111:role/Reader";
const IAM: &str = "2010-05-08";
const STS: &str = "2011-06-15";
const EC2: &str = "2016-11-15";

/// A moment with a known MFA code: appendix B of RFC 6238.
const MFA_SECOND: i64 = 1_111_111_109;
const MFA_CODE: &str = "081804";
const MFA_SEED: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn statement(effect: &str, action: &Value) -> Value {
    json!({ "Effect": effect, "Action": action, "Resource": "*" })
}

fn policy(statements: &Value) -> Value {
    json!({ "Version": "2012-10-17", "Statement": statements })
}

fn trust(principal: &Value) -> Value {
    policy(&json!([{ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal }]))
}

/// An account with one of everything, whose role `Reader` has these permissions, and a suspended account.
fn world(permissions: &Value) -> World {
    let at = "2024-02-29T08:30:00Z";
    let key = |id: &str| {
        json!({ "access_key_id": id, "create_date": at, "secret_access_key": "0123456789012345678901234567890123456789",
                "last_used": { "date": at, "service": "s3", "region": "eu-central-1" } })
    };
    let of_lambda = trust(&json!({ "Service": "lambda.amazonaws.com" }));
    let of_account = trust(&json!({ "AWS": "111111111111" }));
    let everything = policy(&json!([statement("Allow", &json!("*"))]));
    let file = json!({
        "accounts": {
            "111111111111": {
                "alias": "acme",
                "password_policy": { "minimum_password_length": 14, "max_password_age": 90 },
                "managed_policies": {
                    "ReadBuckets": { "path": "/team/", "tags": { "team": "ops" }, "document": policy(&json!([statement("Allow", &json!("s3:*"))])) },
                },
                "groups": {
                    "ops": { "policies": [policy(&json!([statement("Allow", &json!("iam:ListUsers"))]))],
                             "attached_policies": ["arn:aws:iam::aws:policy/IAMReadOnlyAccess"] },
                },
                "roles": {
                    "Reader": { "trust_policy": of_lambda, "policies": [policy(permissions)], "tags": { "team": "sec" } },
                    "Admin": { "trust_policy": of_account, "attached_policies": ["arn:aws:iam::aws:policy/AdministratorAccess"] },
                    "Mfa": { "trust_policy": policy(&json!([{ "Effect": "Allow", "Action": "sts:AssumeRole",
                                "Principal": { "AWS": "arn:aws:iam::111111111111:user/alice" },
                                "Condition": { "Bool": { "aws:MultiFactorAuthPresent": "true" } } }])) },
                },
                "users": {
                    "alice": {
                        "create_date": at, "password_last_used": at, "tags": { "team": "ops" },
                        "groups": ["ops", "others"], "access_keys": [key("AKIAALICEALICEALICE1")],
                        "policies": [policy(&json!([statement("Allow", &json!("sts:*"))]))],
                        "attached_policies": ["arn:aws:iam::111111111111:policy/team/ReadBuckets"],
                        "login_profile": { "create_date": at },
                        "mfa_devices": [{ "serial_number": "arn:aws:iam::111111111111:mfa/alice",
                                          "enable_date": at, "seed": MFA_SEED }],
                        "ssh_public_keys": [{ "id": "APKAEXAMPLE", "upload_date": at }],
                        "signing_certificates": [{ "id": "CERTEXAMPLE", "upload_date": at }],
                        "service_specific_credentials": [{ "id": "ACCAEXAMPLE", "create_date": at,
                                                           "service_name": "bedrock.amazonaws.com" }],
                    },
                    "bob": {
                        "create_date": at, "access_keys": [key("AKIABOBBOBBOBBOBBOB1")],
                        "policies": [policy(&json!([
                            statement("Allow", &json!(["sts:*", "iam:*", "ec2:DescribeRegions", "ec2:DescribeVpcs"])),
                            { "Effect": "Deny", "Action": "sts:GetFederationToken",
                              "Resource": "arn:aws:sts::111111111111:federated-user/nobody" },
                        ]))],
                    },
                },
                "saml_providers": { "okta": { "create_date": at, "valid_until": at, "tags": { "team": "sso" } } },
                "server_certificates": { "www": { "upload_date": at, "expiration": at, "tags": { "team": "web" } } },
            },
            "333333333333": {
                "state": "SUSPENDED",
                "roles": { "R": { "trust_policy": trust(&json!({ "AWS": "111111111111" })), "policies": [everything] } },
                "users": { "u": { "create_date": at, "policies": [everything],
                                  "access_keys": [key("AKIASUSPENDED0000001")] } },
            },
        },
    });
    World::parse(&file.to_string(), |_| Err(std::io::ErrorKind::NotFound.into())).unwrap()
}

async fn start(permissions: &Value, clock: Clock) -> Emulator {
    Emulator::start(world(permissions), clock, "127.0.0.1:0".parse().unwrap(), None).await.unwrap()
}

async fn start_now(permissions: &Value) -> Emulator {
    start(permissions, Clock::new(Timestamp::now)).await
}

fn everything() -> Value {
    json!([statement("Allow", &json!("*"))])
}

/// A client that signs for a region at a time.
struct Client<'a> {
    emulator: &'a Emulator,
    key: (String, String, Option<String>),
    region: &'static str,
    time: SystemTime,
    user_agent: &'static str,
}

impl<'a> Client<'a> {
    fn new(emulator: &'a Emulator, key: (String, String, Option<String>)) -> Self {
        Self { emulator, key, region: "us-east-1", time: SystemTime::now(), user_agent: "test" }
    }

    /// A client with a session of a role.
    fn of_role(emulator: &'a Emulator, role_arn: &str) -> Self {
        let Credentials { access_key_id, secret_access_key, session_token, .. } =
            emulator.session(role_arn, "test").unwrap();
        Self::new(emulator, (access_key_id, secret_access_key, Some(session_token)))
    }

    /// A client with the access key of a user.
    fn of_user(emulator: &'a Emulator, access_key_id: &str) -> Self {
        let secret = "0123456789012345678901234567890123456789".to_owned();
        Self::new(emulator, (access_key_id.to_owned(), secret, None))
    }

    /// The status and the body of the response to a form of parameters.
    async fn post(&self, service: &str, version: &str, form: &str) -> (u16, String) {
        let body = format!("{form}&Version={version}").replace(':', "%3A").replace('/', "%2F");
        self.send("POST", service, "/", &body).await
    }

    async fn iam(&self, form: &str) -> (u16, String) {
        self.post("iam", IAM, form).await
    }

    async fn sts(&self, form: &str) -> (u16, String) {
        self.post("sts", STS, form).await
    }

    async fn send(&self, method: &str, service: &str, path: &str, body: &str) -> (u16, String) {
        let (id, secret, token) = &self.key;
        let identity = aws_credential_types::Credentials::new(id, secret, token.clone(), None, "test").into();
        let mut settings = SigningSettings::default();
        if method == "GET" {
            settings.signature_location = SignatureLocation::QueryParams;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
            settings.expires_in = Some(Duration::from_mins(1));
        }
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(service)
            .time(self.time)
            .settings(settings)
            .build()
            .unwrap();
        let url = format!("http://{}{path}", self.emulator.address());
        let kind = "application/x-www-form-urlencoded";
        let headers = [("content-type", kind)].into_iter().take(usize::from(method == "POST"));
        let request = SignableRequest::new(method, &url, headers, SignableBody::Bytes(body.as_bytes()));
        let (instructions, _) = sign(request.unwrap(), &parameters.into()).unwrap().into_parts();
        let mut path = path.to_owned();
        for (name, value) in instructions.params() {
            let value: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
            path += &format!("&{name}={}", value.replace('+', "%20"));
        }
        let mut text = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nuser-agent: {}\r\nconnection: close\r\n",
            self.emulator.address(),
            self.user_agent
        );
        if method == "POST" {
            text += &format!("content-type: {kind}\r\n");
        }
        for (name, value) in instructions.headers() {
            text += &format!("{name}: {value}\r\n");
        }
        text += &format!("content-length: {}\r\n\r\n{body}", body.len());
        raw(self.emulator, text.as_bytes()).await
    }
}

/// The status and the body of the response to a request as it is.
async fn raw(emulator: &Emulator, request: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(emulator.address()).await.unwrap();
    let _ = stream.write_all(request).await;
    let mut response = String::new();
    let _ = stream.read_to_string(&mut response).await;
    let (head, body) = response.split_once("\r\n\r\n").unwrap_or_default();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    (status, body.to_owned())
}

/// The text of the first element of a name in a body.
fn element<'a>(body: &'a str, name: &str) -> &'a str {
    let rest = body.split_once(&format!("<{name}>")).map(|(_, rest)| rest).unwrap_or_default();
    rest.split('<').next().unwrap_or_default()
}

/// The key in the body of a response that has credentials.
fn key_in(body: &str) -> (String, String, Option<String>) {
    let text = |name| element(body, name).to_owned();
    (text("AccessKeyId"), text("SecretAccessKey"), Some(text("SessionToken")))
}

/// Each IAM operation with its parameters, and a text that its response has in this world.
const READS: [(&str, &str, &str); 46] = [
    ("ListUsers", "", "<UserName>bob</UserName>"),
    ("GetUser", "&UserName=alice", "<Key>team</Key><Value>ops</Value>"),
    ("ListUserTags", "&UserName=alice", "<Value>ops</Value>"),
    ("ListUserPolicies", "&UserName=alice", "<member>policy-1</member>"),
    ("GetUserPolicy", "&UserName=alice&PolicyName=policy-1", "sts%3A%2A"),
    ("ListAttachedUserPolicies", "&UserName=alice", "111111111111:policy/team/ReadBuckets</PolicyArn>"),
    ("ListGroupsForUser", "&UserName=alice", "<GroupName>others</GroupName>"),
    ("ListAccessKeys", "&UserName=alice", "AKIAALICEALICEALICE1"),
    ("GetAccessKeyLastUsed", "&AccessKeyId=AKIAALICEALICEALICE1", "<ServiceName>s3</ServiceName>"),
    ("GetLoginProfile", "&UserName=alice", "<LoginProfile>"),
    ("ListMFADevices", "&UserName=alice", "mfa/alice"),
    ("ListSSHPublicKeys", "&UserName=alice", "<SSHPublicKeyId>APKAEXAMPLE"),
    ("ListSigningCertificates", "&UserName=alice", "<CertificateId>CERTEXAMPLE"),
    ("ListServiceSpecificCredentials", "&AllUsers=true", "<ServiceName>bedrock.amazonaws.com"),
    ("ListGroups", "", "<GroupName>ops</GroupName>"),
    ("GetGroup", "&GroupName=ops", "<UserName>alice</UserName>"),
    ("ListGroupPolicies", "&GroupName=ops", "<member>policy-1</member>"),
    ("GetGroupPolicy", "&GroupName=ops&PolicyName=policy-1", "iam%3AListUsers"),
    ("ListAttachedGroupPolicies", "&GroupName=ops", "<PolicyName>IAMReadOnlyAccess"),
    ("ListRoles", "", "<RoleName>Reader</RoleName>"),
    ("GetRole", "&RoleName=Reader", "<Key>team</Key><Value>sec</Value>"),
    ("ListRoleTags", "&RoleName=Reader", "<Value>sec</Value>"),
    ("ListRolePolicies", "&RoleName=Reader", "<member>policy-1</member>"),
    ("GetRolePolicy", "&RoleName=Reader&PolicyName=policy-1", "<PolicyDocument>%7B"),
    ("ListAttachedRolePolicies", "&RoleName=Admin", "<PolicyName>AdministratorAccess"),
    ("ListInstanceProfiles", "", "<InstanceProfiles></InstanceProfiles>"),
    ("ListPolicies", "&OnlyAttached=true", "<AttachmentCount>1</AttachmentCount>"),
    ("GetPolicy", "&PolicyArn=arn:aws:iam::111111111111:policy/team/ReadBuckets", "<Path>/team/</Path>"),
    ("GetPolicyVersion", "&PolicyArn=arn:aws:iam::aws:policy/AdministratorAccess&VersionId=v1", "%22%2A%22"),
    ("ListPolicyVersions", "&PolicyArn=arn:aws:iam::aws:policy/PowerUserAccess", "<VersionId>v1"),
    ("ListEntitiesForPolicy", "&PolicyArn=arn:aws:iam::aws:policy/AdministratorAccess", "<RoleName>Admin"),
    ("GetAccountSummary", "", "<key>Policies</key><value>1</value>"),
    ("ListAccountAliases", "", "<member>acme</member>"),
    ("GetAccountPasswordPolicy", "", "<ExpirePasswords>true</ExpirePasswords><MaxPasswordAge>90<"),
    ("ListVirtualMFADevices", "", "<SerialNumber>arn:aws:iam::111111111111:mfa/alice</SerialNumber><User>"),
    ("ListSAMLProviders", "", "saml-provider/okta"),
    ("ListServerCertificates", "", "<ServerCertificateName>www"),
    ("ListPolicyTags", "&PolicyArn=arn:aws:iam::111111111111:policy/team/ReadBuckets", "<Value>ops</Value>"),
    (
        "ListSAMLProviderTags",
        "&SAMLProviderArn=arn:aws:iam::111111111111:saml-provider/okta",
        "<Value>sso</Value>",
    ),
    ("ListServerCertificateTags", "&ServerCertificateName=www", "<Value>web</Value>"),
    ("GenerateCredentialReport", "", "<State>STARTED"),
    ("GetAccountAuthorizationDetails", "", "<RoleDetailList><member>"),
    ("GenerateServiceLastAccessedDetails", "&Arn=arn:aws:iam::111111111111:user/alice", "<JobId>"),
    ("GetServiceLastAccessedDetails", "&JobId=", "NoSuchEntity"),
    (
        "SimulatePrincipalPolicy",
        "&PolicySourceArn=arn:aws:iam::111111111111:user/alice&ActionNames.member.1=s3:GetObject",
        "<SourcePolicyId>ReadBuckets</SourcePolicyId>",
    ),
    ("ListOrganizationsFeatures", "", "OrganizationNotFoundException"),
];

#[tokio::test]
async fn each_operation_answers_from_the_world_and_is_denied_without_its_permission() {
    let admin = start_now(&everything()).await;
    for (operation, parameters, expected) in READS {
        let (_, body) = Client::of_role(&admin, READER).iam(&format!("Action={operation}{parameters}")).await;
        assert!(body.contains(expected), "{operation}: {expected} is not in {body}");
        let but_this =
            json!([statement("Allow", &json!("*")), statement("Deny", &json!(format!("iam:{operation}"))),]);
        let denying = start_now(&but_this).await;
        let (status, body) =
            Client::of_role(&denying, READER).iam(&format!("Action={operation}{parameters}")).await;
        assert_eq!((status, element(&body, "Code")), (403, "AccessDenied"), "{operation}: {body}");
        let message = format!("is not authorized to perform: iam:{operation} on resource: ");
        assert!(body.contains(&message), "{message} is not in {body}");
        let none = start_now(&json!([statement("Allow", &json!("s3:*"))])).await;
        let (status, body) =
            Client::of_role(&none, READER).iam(&format!("Action={operation}{parameters}")).await;
        let message = format!("because no identity-based policy allows the iam:{operation} action");
        assert!(status == 403 && body.contains(&message), "{message} is not in {body}");
    }
    // The error for an unknown operation lists all that there are: none is missing here.
    let (_, body) = Client::of_role(&admin, READER).iam("Action=Unknown").await;
    let listed = element(&body, "Message").split("implements ").nth(1).unwrap().split(", ");
    let listed: BTreeSet<String> = listed.map(|name| name.trim_start_matches("iam:").to_owned()).collect();
    let tested: BTreeSet<String> =
        READS.iter().map(|(name, ..)| *name).chain(["GetCredentialReport"]).map(str::to_owned).collect();
    assert_eq!(listed, tested);
}

#[tokio::test]
async fn authorization_details_are_paged_over_all_lists_and_each_filter_selects_one() {
    let emulator = start_now(&everything()).await;
    let client = Client::of_role(&emulator, READER);
    let (_, whole) = client.iam("Action=GetAccountAuthorizationDetails").await;
    let users = whole.split("<UserDetailList>").nth(1).unwrap().split("</UserDetailList>").next().unwrap();
    assert!(users.contains("<UserName>alice</UserName>"), "{users}");
    assert!(!users.contains("PasswordLastUsed"), "UserDetail has no PasswordLastUsed: {users}");
    let count = |body: &str, name: &str| body.matches(&format!("<{name}>")).count();
    let names = ["UserName", "GroupName", "RoleName", "PolicyVersionList"];
    assert_eq!(names.map(|name| count(&whole, name)), [2, 2, 3, 3]);
    let (mut counts, mut pages, mut marker) = ([0; 4], 0, String::new());
    loop {
        let (_, page) =
            client.iam(&format!("Action=GetAccountAuthorizationDetails&MaxItems=3{marker}")).await;
        let on_page = names.map(|name| count(&page, name));
        assert!(on_page.iter().sum::<usize>() <= 3, "{page}");
        counts.iter_mut().zip(on_page).for_each(|(sum, count)| *sum += count);
        pages += 1;
        if element(&page, "IsTruncated") == "false" {
            break;
        }
        marker = format!("&Marker={}", element(&page, "Marker").replace('+', "%2B").replace('=', "%3D"));
    }
    assert_eq!((counts, pages), ([2, 2, 3, 3], 4));
    for (filter, expected) in [
        ("User", [2, 0, 0, 0]),
        ("Group", [0, 2, 0, 0]),
        ("Role", [0, 0, 3, 0]),
        ("LocalManagedPolicy", [0, 0, 0, 1]),
        ("AWSManagedPolicy", [0, 0, 0, 2]),
    ] {
        let (_, body) =
            client.iam(&format!("Action=GetAccountAuthorizationDetails&Filter.member.1={filter}")).await;
        assert_eq!(names.map(|name| count(&body, name)), expected, "{filter}");
    }
    let (status, _) = client.iam("Action=GetAccountAuthorizationDetails&Filter.member.1=Users").await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn the_last_use_of_services_is_that_of_the_access_keys_of_a_user() {
    let emulator = start_now(&everything()).await;
    let client = Client::of_role(&emulator, READER);
    for (arn, expected) in [
        ("arn:aws:iam::111111111111:user/alice", ["iam:0", "s3:1", "sts:0"].as_slice()),
        ("arn:aws:iam::111111111111:group/ops", &["iam:0", "s3:1"]),
        ("arn:aws:iam::111111111111:policy/team/ReadBuckets", &["s3:0"]),
    ] {
        let (_, body) = client.iam(&format!("Action=GenerateServiceLastAccessedDetails&Arn={arn}")).await;
        let job = element(&body, "JobId").to_owned();
        let (status, body) = client.iam(&format!("Action=GetServiceLastAccessedDetails&JobId={job}")).await;
        assert_eq!((status, element(&body, "JobStatus")), (200, "COMPLETED"), "{body}");
        let services: Vec<String> = body
            .split("<member>")
            .skip(1)
            .map(|it| {
                format!("{}:{}", element(it, "ServiceNamespace"), element(it, "TotalAuthenticatedEntities"))
            })
            .collect();
        assert_eq!(services, expected, "{arn}");
    }
    let (status, _) =
        client.iam("Action=GenerateServiceLastAccessedDetails&Arn=arn:aws:iam::111111111111:user/x").await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn a_user_has_the_permissions_of_its_groups() {
    let emulator = start_now(&everything()).await;
    let client = Client::of_user(&emulator, "AKIAALICEALICEALICE1");
    // By IAMReadOnlyAccess, which the group has attached.
    assert_eq!(client.iam("Action=GetAccountSummary").await.0, 200);
    let (_, body) = client.post("ec2", EC2, "Action=DescribeRegions").await;
    assert_eq!(element(&body, "Code"), "UnauthorizedOperation");
}

#[tokio::test]
async fn a_signature_may_be_for_any_region_of_the_partition_and_for_none_of_another() {
    let emulator = start_now(&everything()).await;
    for (region, is_valid) in [
        ("us-east-1", true),
        ("eu-central-1", true),
        ("ap-southeast-7", true),
        ("mx-central-1", true),
        ("cn-north-1", false),
        ("us-gov-west-1", false),
        ("us-iso-east-1", false),
        ("nowhere", false),
    ] {
        for (service, version, form) in [
            ("iam", IAM, "Action=ListUsers"),
            ("sts", STS, "Action=GetCallerIdentity"),
            ("ec2", "2016-11-15", "Action=DescribeRegions"),
        ] {
            let client = Client { region, ..Client::of_role(&emulator, READER) };
            let (status, body) = client.post(service, version, form).await;
            assert_eq!(status == 200, is_valid, "{service} {region}: {body}");
            let words = format!("Credential should be scoped to a valid region, not &apos;{region}&apos;");
            assert!(is_valid || body.contains(&words), "{body}");
        }
    }
}

#[tokio::test]
async fn regions_are_those_that_need_no_opt_in_unless_all_are_requested() {
    let emulator = start_now(&everything()).await;
    let client = Client::of_role(&emulator, READER);
    let regions = async |form: &str| {
        let (status, body) = client.post("ec2", EC2, &format!("Action=DescribeRegions{form}")).await;
        (status, body.matches("<item>").count())
    };
    assert_eq!(regions("").await, (200, 17));
    assert_eq!(regions("&AllRegions=true").await, (200, 34));
    assert_eq!(regions("&RegionName.1=af-south-1&RegionName.2=eu-west-1").await, (200, 2));
    assert_eq!(regions("&RegionName.1=nowhere").await.0, 400);
}

#[tokio::test]
async fn a_presigned_url_is_a_signature_and_a_changed_one_is_not() {
    let emulator = start_now(&everything()).await;
    for client in [Client::of_role(&emulator, READER), Client::of_user(&emulator, "AKIAALICEALICEALICE1")] {
        let path = format!("/?Action=GetCallerIdentity&Version={STS}");
        let (status, body) = client.send("GET", "sts", &path, "").await;
        assert!(status == 200 && body.contains("111111111111"), "{body}");
        let old =
            Client { time: SystemTime::now() - Duration::from_hours(1), key: client.key.clone(), ..client };
        assert_eq!(old.send("GET", "sts", &path, "").await.0, 403);
        let wrong = Client {
            key: (old.key.0.clone(), "x".repeat(40), old.key.2.clone()),
            ..Client::new(&emulator, old.key)
        };
        let (status, body) = wrong.send("GET", "sts", &path, "").await;
        assert_eq!((status, element(&body, "Code")), (403, "SignatureDoesNotMatch"), "{body}");
    }
}

#[tokio::test]
async fn get_session_token_with_mfa_opens_iam_and_each_code_is_valid_once() {
    let clock = Clock::new(|| Timestamp::from_second(MFA_SECOND).unwrap());
    let emulator = start(&everything(), clock).await;
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(MFA_SECOND.unsigned_abs());
    let user = Client { time, ..Client::of_user(&emulator, "AKIAALICEALICEALICE1") };
    let device = "SerialNumber=arn:aws:iam::111111111111:mfa/alice";
    let session = async |form: &str| user.sts(&format!("Action=GetSessionToken{form}")).await;

    let (status, body) = session("").await;
    assert_eq!(status, 200, "{body}");
    let without_mfa = Client { time, ..Client::new(&emulator, key_in(&body)) };
    let (status, body) = without_mfa.iam("Action=ListUsers").await;
    assert_eq!((status, element(&body, "Code")), (403, "InvalidClientTokenId"), "{body}");
    let assume = |role: &str| {
        format!("Action=AssumeRole&RoleSessionName=s1&RoleArn=arn:aws:iam::111111111111:role/{role}")
    };
    assert_eq!(without_mfa.sts(&assume("Admin")).await.0, 200);
    assert_eq!(without_mfa.sts(&assume("Mfa")).await.0, 403);
    assert_eq!(without_mfa.sts("Action=GetCallerIdentity").await.0, 200);
    assert_eq!(without_mfa.sts("Action=GetSessionToken").await.0, 403);
    assert_eq!(without_mfa.sts("Action=GetAccessKeyInfo&AccessKeyId=AKIAALICEALICEALICE1").await.0, 403);

    for form in [
        format!("&{device}&TokenCode=000000"),
        format!("&{device}"),
        format!("&SerialNumber=arn:aws:iam::111111111111:mfa/bob&TokenCode={MFA_CODE}"),
    ] {
        let (status, body) = session(&form).await;
        assert!(status == 403 && body.contains("MultiFactorAuthentication failed"), "{form}: {body}");
    }
    let (status, body) = session(&format!("&{device}&TokenCode={MFA_CODE}")).await;
    assert_eq!(status, 200, "{body}");
    let with_mfa = Client { time, ..Client::new(&emulator, key_in(&body)) };
    assert_eq!(with_mfa.iam("Action=ListUsers").await.0, 200);
    assert_eq!(with_mfa.sts(&assume("Mfa")).await.0, 200);
    let (status, _) = session(&format!("&{device}&TokenCode={MFA_CODE}")).await;
    assert_eq!(status, 403, "a code is valid once");

    let role = Client { time, ..Client::of_role(&emulator, READER) };
    assert_eq!(role.sts("Action=GetSessionToken").await.0, 403);
}

#[tokio::test]
async fn a_federated_user_has_what_both_the_user_and_the_session_policy_allow() {
    let emulator = start_now(&everything()).await;
    let user = Client::of_user(&emulator, "AKIABOBBOBBOBBOBBOB1");
    let session = async |form: &str| user.sts(&format!("Action=GetFederationToken&Name=Bob{form}")).await;
    let parameter = |policy: &Value| {
        let text = policy.to_string();
        format!("&Policy={}", form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>())
    };
    let allows = |action: &str| parameter(&policy(&json!([statement("Allow", &json!(action))])));
    let all_but_ec2 =
        parameter(&policy(&json!([statement("Allow", &json!("*")), statement("Deny", &json!("ec2:*")),])));
    let of_regions = "Action=DescribeRegions";
    let access = "&PolicyArns.member.1.arn=arn:aws:iam::aws:policy/AdministratorAccess";
    for (form, is_allowed) in [
        (String::new(), false),
        (allows("*"), true),
        (allows("ec2:Describe*"), true),
        (allows("ec2:DescribeVpcs"), false),
        (all_but_ec2, false),
        (access.to_owned(), true),
        (format!("{}&Tags.member.1.Key=team&Tags.member.1.Value=ops", allows("*")), true),
    ] {
        let (status, body) = session(&form).await;
        assert_eq!(status, 200, "{form}: {body}");
        assert_eq!(element(&body, "Arn"), "arn:aws:sts::111111111111:federated-user/Bob");
        assert_eq!(element(&body, "FederatedUserId"), "111111111111:Bob");
        let federated = Client::new(&emulator, key_in(&body));
        let (status, body) = federated.post("ec2", EC2, of_regions).await;
        assert_eq!(status == 200, is_allowed, "{form}: {body}");
        let (status, body) = federated.sts("Action=GetCallerIdentity").await;
        assert_eq!((status, element(&body, "UserId")), (200, "111111111111:Bob"), "{body}");
        let (status, body) = federated.iam("Action=ListUsers").await;
        assert_eq!((status, element(&body, "Code")), (403, "InvalidClientTokenId"), "{body}");
        let assume = "Action=AssumeRole&RoleSessionName=s1&RoleArn=arn:aws:iam::111111111111:role/Admin";
        for form in [assume, "Action=GetFederationToken&Name=Bob", "Action=GetSessionToken"] {
            let (status, body) = federated.sts(form).await;
            assert_eq!((status, element(&body, "Code")), (403, "AccessDenied"), "{form}: {body}");
        }
    }
    let users_own = user.post("ec2", EC2, of_regions).await;
    assert_eq!(users_own.0, 200, "{}", users_own.1);
}

#[tokio::test]
async fn get_federation_token_is_for_users_with_permission_and_a_name() {
    let emulator = start_now(&everything()).await;
    let user = Client::of_user(&emulator, "AKIABOBBOBBOBBOBBOB1");
    for (form, status, code) in [
        ("&Name=Bob&DurationSeconds=129600", 200, ""),
        ("&Name=Bob&DurationSeconds=129601", 400, "ValidationError"),
        ("", 400, "ValidationError"),
        ("&Name=B", 400, "ValidationError"),
        ("&Name=abcdefghijklmnopqrstuvwxyz0123456", 400, "ValidationError"),
        ("&Name=Bob&Policy=no", 400, "MalformedPolicyDocument"),
        ("&Name=nobody", 403, "AccessDenied"),
    ] {
        let (found, body) = user.sts(&format!("Action=GetFederationToken{form}")).await;
        assert_eq!((found, element(&body, "Code")), (status, code), "{form}: {body}");
    }
    let (_, body) = user.sts("Action=GetFederationToken&Name=nobody").await;
    let resource = "sts:GetFederationToken on resource: arn:aws:sts::111111111111:federated-user/nobody";
    assert!(body.contains(resource), "{body}");
    let role = Client::of_role(&emulator, READER);
    assert_eq!(role.sts("Action=GetFederationToken&Name=Bob").await.0, 403);
    let (_, body) = user.sts("Action=GetSessionToken").await;
    let session = Client::new(&emulator, key_in(&body));
    assert_eq!(session.sts("Action=GetFederationToken&Name=Bob").await.0, 403);
}

#[tokio::test]
async fn assume_role_with_mfa_meets_a_trust_policy_that_requires_it() {
    let clock = Clock::new(|| Timestamp::from_second(MFA_SECOND).unwrap());
    let emulator = start(&everything(), clock).await;
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(MFA_SECOND.unsigned_abs());
    let user = Client { time, ..Client::of_user(&emulator, "AKIAALICEALICEALICE1") };
    let assume = "Action=AssumeRole&RoleSessionName=s1&RoleArn=arn:aws:iam::111111111111:role/Mfa";
    assert_eq!(user.sts(assume).await.0, 403);
    let mfa = format!("{assume}&SerialNumber=arn:aws:iam::111111111111:mfa/alice&TokenCode={MFA_CODE}");
    let (status, body) = user.sts(&mfa).await;
    assert_eq!(status, 200, "{body}");
}

#[tokio::test]
async fn the_managed_policies_of_a_request_limit_a_session() {
    let emulator = start_now(&everything()).await;
    let reader = Client::of_role(&emulator, READER);
    let session = async |arns: &[&str]| {
        let arns = arns.iter().enumerate().map(|(n, arn)| format!("&PolicyArns.member.{}.arn={arn}", n + 1));
        let arns: String = arns.collect();
        reader
            .sts(&format!(
                "Action=AssumeRole&RoleSessionName=s1&RoleArn=arn:aws:iam::111111111111:role/Admin{arns}"
            ))
            .await
    };
    let (read_only, buckets) =
        ("arn:aws:iam::aws:policy/IAMReadOnlyAccess", "arn:aws:iam::111111111111:policy/team/ReadBuckets");
    for (arns, may_list) in
        [(vec![read_only], true), (vec![buckets], false), (vec![buckets, read_only], true)]
    {
        let (status, body) = session(&arns).await;
        assert_eq!(status, 200, "{body}");
        let (status, body) = Client::new(&emulator, key_in(&body)).iam("Action=ListUsers").await;
        assert_eq!(status == 200, may_list, "{arns:?}: {body}");
        assert!(may_list || body.contains("because no session policy allows"), "{body}");
    }
    let (status, body) = session(&["arn:aws:iam::111111111111:policy/Unknown"]).await;
    assert_eq!((status, element(&body, "Code")), (400, "MalformedPolicyDocument"), "{body}");
    let (status, _) = session(&[read_only; 11]).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn a_session_policy_with_a_name_twice_is_malformed() {
    let emulator = start_now(&everything()).await;
    let twice = r#"{"Statement":[{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let policy: String = form_urlencoded::byte_serialize(twice.as_bytes()).collect();
    let form = format!(
        "Action=AssumeRole&RoleSessionName=s1&RoleArn=arn:aws:iam::111111111111:role/Admin&Policy={policy}"
    );
    let (status, body) = Client::of_role(&emulator, READER).sts(&form).await;
    assert_eq!((status, element(&body, "Code")), (400, "MalformedPolicyDocument"), "{body}");
    assert!(body.contains("the field &quot;Effect&quot; is given twice"), "{body}");
}

#[tokio::test]
async fn nobody_uses_a_suspended_account() {
    let emulator = start_now(&everything()).await;
    let reader = Client::of_role(&emulator, READER);
    let form = "Action=AssumeRole&RoleSessionName=s1&RoleArn=arn:aws:iam::333333333333:role/R";
    let (status, body) = reader.sts(form).await;
    assert_eq!((status, element(&body, "Code")), (403, "AccessDenied"), "{body}");
    let by_lambda = emulator.can_assume("lambda.amazonaws.com", "arn:aws:iam::333333333333:role/R").unwrap();
    assert_eq!(by_lambda.to_string(), "the account of the role is not active");
    for client in [
        Client::of_role(&emulator, "arn:aws:iam::333333333333:role/R"),
        Client::of_user(&emulator, "AKIASUSPENDED0000001"),
    ] {
        let (status, body) = client.iam("Action=ListUsers").await;
        assert_eq!((status, element(&body, "Code")), (403, "InvalidClientTokenId"), "{body}");
    }
}

#[tokio::test]
async fn the_user_agent_of_the_client_is_a_condition_key() {
    let condition = json!({ "StringLike": { "aws:UserAgent": "*Rolecall*" } });
    let mut allow = statement("Allow", &json!("iam:*"));
    allow.as_object_mut().unwrap().insert("Condition".to_owned(), condition);
    let emulator = start_now(&json!([allow])).await;
    for (user_agent, is_allowed) in [("aws-sdk-rust/1 Rolecall/0.1", true), ("curl/8", false)] {
        let client = Client { user_agent, ..Client::of_role(&emulator, READER) };
        assert_eq!(client.iam("Action=ListUsers").await.0 == 200, is_allowed, "{user_agent}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_or_is_cut_ends_its_own_connection_only() {
    let emulator = start_now(&everything()).await;
    let length = 2 * 1024 * 1024;
    let head = format!("POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    let (status, body) = raw(&emulator, format!("{head}{}", "a".repeat(1024 * 1024 + 1)).as_bytes()).await;
    assert_eq!((status, element(&body, "Code")), (413, "RequestEntityTooLarge"), "{body}");
    let mut cut = TcpStream::connect(emulator.address()).await.unwrap();
    cut.write_all(format!("{head}abc").as_bytes()).await.unwrap();
    drop(cut);
    assert_eq!(Client::of_role(&emulator, READER).iam("Action=ListUsers").await.0, 200);
}
