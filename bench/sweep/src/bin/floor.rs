//! The minimum time of a scan: a client without the SDK that signs, sends and searches the response for what it needs.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a benchmark that people run"
)]

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use clap::Parser;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

#[derive(Debug, Parser)]
struct Arguments {
    /// Endpoint URL
    endpoint: String,
    /// Number of accounts to scan
    accounts: u64,
}

/// Accounts at a time.
const ACCOUNT_CONCURRENCY: usize = 64;
/// Calls at a time in one account.
const CALL_CONCURRENCY: usize = 8;

#[derive(Debug)]
struct Scanner {
    client: Client<HttpConnector, Full<Bytes>>,
    endpoint: String,
}

fn main() {
    let Arguments { endpoint, accounts } = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let scanner = Scanner { client: Client::builder(TokioExecutor::new()).build(connector), endpoint };
        let counts = stream::iter(1..=accounts)
            .map(|number| scanner.scan_account(number))
            .buffer_unordered(ACCOUNT_CONCURRENCY);
        let (users, keys) =
            counts.fold((0, 0), |sum, one| async move { (sum.0 + one.0, sum.1 + one.1) }).await;
        println!("{users} {keys}");
    });
}

impl Scanner {
    /// Returns the numbers of users and access keys.
    async fn scan_account(&self, number: u64) -> (usize, usize) {
        let account_id = format!("{:012}", 100_000_000_000 + number);
        let caller = Credentials::new("AKIACALLER", "secret", None, None, "floor");
        let body = format!(
            "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A{account_id}%3Arole%2FIAMListRole&\
             RoleSessionName=floor"
        );
        let answer = self.call("sts", body, caller).await;
        let text = |name: &str| element_texts(&answer, name).next().unwrap().to_owned();
        let (id, secret, token) = (text("AccessKeyId"), text("SecretAccessKey"), text("SessionToken"));
        let member = Credentials::new(id, secret, Some(token), None, "floor");
        let body = "Action=ListUsers&Version=2010-05-08&MaxItems=1000".to_owned();
        let answer = self.call("iam", body, member.clone()).await;
        let users: Vec<&str> = element_texts(&answer, "UserName").collect();
        let keys = stream::iter(&users).map(|name| {
            let body = format!("Action=ListAccessKeys&Version=2010-05-08&UserName={name}");
            let response = self.call("iam", body, member.clone());
            async move { element_texts(&response.await, "AccessKeyId").count() }
        });
        let keys = keys.buffer_unordered(CALL_CONCURRENCY).fold(0, |sum, one| async move { sum + one }).await;
        (users.len(), keys)
    }

    /// Signs and sends a request, and returns the body of the response.
    async fn call(&self, service: &str, body: String, credentials: Credentials) -> String {
        let identity = credentials.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name(service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .unwrap();
        let kind = "application/x-www-form-urlencoded";
        let url = format!("{}/", self.endpoint);
        let headers = [("content-type", kind)].into_iter();
        let signable =
            SignableRequest::new("POST", &url, headers, SignableBody::Bytes(body.as_bytes())).unwrap();
        let (instructions, _) = sign(signable, &parameters.into()).unwrap().into_parts();
        let mut request = http::Request::post(&url).header("content-type", kind);
        for (name, value) in instructions.headers() {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::from(body))).unwrap();
        let answer = self.client.request(request).await.unwrap();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }
}

/// The texts of all elements with this name.
fn element_texts<'a>(xml: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = xml;
    std::iter::from_fn(move || {
        let (_, behind) = rest.split_once(&open)?;
        let (text, behind) = behind.split_once(&close)?;
        rest = behind;
        Some(text)
    })
}
