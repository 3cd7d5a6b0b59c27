use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use wiremock::matchers::any;
use wiremock::{Match, Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::user::User;
use crate::xml;

/// An AWS with a few accounts that checks no signature and no permission. `AssumeRole` returns a session of the role's
/// account, whose access key id contains the account id.
#[derive(Debug)]
pub struct FakeAws {
    /// Mount faults here, with a priority below 5.
    pub server: MockServer,
    denied_roles: Arc<Mutex<BTreeSet<String>>>,
}

impl FakeAws {
    /// Starts with account 111111111111, its four users, and pages of two users.
    pub async fn start() -> Self {
        let mut deployer = User::new("deployer", &[(1, "Active")]);
        deployer.path = "/ci/".to_owned();
        let mut alice = User::new("alice", &[(1, "Active"), (2, "Inactive")]);
        alice.password_last_used = Some("2026-01-02T03:04:05Z");
        let users = vec![alice, User::new("bob", &[]), deployer, User::new("x+=,.@-y", &[(1, "Active")])];
        Self::with_accounts([("111111111111", users)], 2).await
    }

    /// Starts with these accounts and pages of `page_size` users.
    pub async fn with_accounts<'a>(
        accounts: impl IntoIterator<Item = (&'a str, Vec<User>)>,
        page_size: usize,
    ) -> Self {
        let accounts = accounts.into_iter().map(|(id, users)| (id.to_owned(), users)).collect();
        let server = MockServer::start().await;
        let denied_roles = Arc::default();
        let world = World { accounts, page_size, denied_roles: Arc::clone(&denied_roles) };
        Mock::given(any()).respond_with(world).with_priority(5).mount(&server).await;
        Self { server, denied_roles }
    }

    /// The endpoint URL.
    pub fn uri(&self) -> String {
        self.server.uri()
    }

    /// Answers an operation with this response from now on.
    pub async fn answer(&self, operation_name: &'static str, answer: ResponseTemplate) {
        Mock::given(operation(operation_name))
            .respond_with(answer)
            .with_priority(1)
            .mount(&self.server)
            .await;
    }

    /// Answers an operation with this error from now on.
    pub async fn respond_with_error(
        &self,
        operation_name: &'static str,
        status: u16,
        code: &str,
        message: &str,
    ) {
        self.answer(operation_name, error_response(status, code, message)).await;
    }

    /// Denies `AssumeRole` for this role until [`FakeAws::allow_roles`].
    pub fn deny_role(&self, role_arn: &str) {
        self.denied_roles.lock().unwrap_or_else(PoisonError::into_inner).insert(role_arn.to_owned());
    }

    /// Allows all roles again.
    pub fn allow_roles(&self) {
        self.denied_roles.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The number of requests for an operation so far.
    pub async fn calls(&self, operation_name: &str) -> usize {
        let requests = self.server.received_requests().await.unwrap_or_default();
        requests
            .iter()
            .filter(|request| parameter(request, "Action").as_deref() == Some(operation_name))
            .count()
    }
}

/// Matches the requests of one operation.
pub fn operation(name: &'static str) -> impl Match {
    move |request: &Request| parameter(request, "Action").as_deref() == Some(name)
}

struct World {
    accounts: BTreeMap<String, Vec<User>>,
    page_size: usize,
    denied_roles: Arc<Mutex<BTreeSet<String>>>,
}

impl Respond for World {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let value = |name| parameter(request, name).unwrap_or_default();
        let account_id = account_of_credentials(request);
        let users = self.accounts.get(&account_id).map(Vec::as_slice).unwrap_or_default();
        let body = match value("Action").as_str() {
            "GetCallerIdentity" => xml::get_caller_identity(),
            "AssumeRole" => {
                let role_arn = value("RoleArn");
                let denied = self.denied_roles.lock().unwrap_or_else(PoisonError::into_inner);
                if denied.contains(&role_arn) {
                    return error_response(403, "AccessDenied", "The role does not trust the caller.");
                }
                xml::assume_role(role_arn.split(':').nth(4).unwrap_or_default(), xml::EXPIRATION)
            }
            "ListUsers" => {
                let from: usize = value("Marker").parse().unwrap_or(0);
                let to = from.saturating_add(self.page_size).min(users.len());
                let marker = (to < users.len()).then(|| to.to_string());
                xml::list_users(&account_id, users.get(from..to).unwrap_or_default(), marker.as_deref())
            }
            "ListAccessKeys" => {
                let name = value("UserName");
                match users.iter().find(|user| user.user_name == name) {
                    Some(user) => xml::list_access_keys(user, None),
                    None => return error_response(404, "NoSuchEntity", "The user cannot be found."),
                }
            }
            other => return error_response(400, "InvalidAction", &format!("no operation {other}")),
        };
        with_request_id(ResponseTemplate::new(200)).set_body_string(body)
    }
}

fn error_response(status: u16, code: &str, message: &str) -> ResponseTemplate {
    with_request_id(ResponseTemplate::new(status)).set_body_string(xml::error(code, message))
}

fn with_request_id(answer: ResponseTemplate) -> ResponseTemplate {
    answer.insert_header("x-amzn-requestid", "11111111-2222-3333-4444-555555555555")
}

/// A parameter of the form in a request's body.
fn parameter(request: &Request, name: &str) -> Option<String> {
    let body = std::str::from_utf8(&request.body).ok()?;
    let value = body.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name)?.1;
    Some(percent_decode(value))
}

fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digits = if byte == b'%' { [rest.next(), rest.next()] } else { [None, None] };
        let [Some(high), Some(low)] = digits.map(|digit| digit.and_then(|d| char::from(d).to_digit(16)))
        else {
            bytes.push(if byte == b'+' { b' ' } else { byte });
            continue;
        };
        bytes.extend(u8::try_from(high * 16 + low));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The account id in the access key id of a signature: `Credential=ASIA111111111111/…` is account 111111111111.
fn account_of_credentials(request: &Request) -> String {
    let authorization = request.headers.get("authorization").and_then(|value| value.to_str().ok());
    let (_, credential) = authorization.unwrap_or_default().split_once("Credential=ASIA").unwrap_or_default();
    credential.split('/').next().unwrap_or_default().to_owned()
}
