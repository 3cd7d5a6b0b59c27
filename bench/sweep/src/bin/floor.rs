//! The least that a sweep takes: a client without the SDK, that signs, sends and looks for the bytes it wants.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a program for people to run"
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
    /// Where to ask
    endpoint: String,
    /// How many accounts
    accounts: u64,
}

const AT_ONCE: usize = 64;
const CALLS: usize = 8;

#[derive(Debug)]
struct OrganizationsClient {
    client: Client<HttpConnector, Full<Bytes>>,
    endpoint: String,
}

fn main() {
    let Arguments { endpoint, accounts } = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let asker =
            OrganizationsClient { client: Client::builder(TokioExecutor::new()).build(connector), endpoint };
        let counts = stream::iter(1..=accounts).map(|number| asker.account(number)).buffer_unordered(AT_ONCE);
        let (users, keys) =
            counts.fold((0, 0), |sum, one| async move { (sum.0 + one.0, sum.1 + one.1) }).await;
        println!("{users} {keys}");
    });
}

impl OrganizationsClient {
    async fn account(&self, number: u64) -> (usize, usize) {
        let account_id = format!("{:012}", 100_000_000_000 + number);
        let caller = Credentials::new("AKIACALLER", "secret", None, None, "floor");
        let body = format!(
            "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A{account_id}%3Arole%2FIAMListRole&\
             RoleSessionName=floor"
        );
        let answer = self.ask("sts", body, caller).await;
        let one = |name: &str| texts(&answer, name).next().unwrap().to_owned();
        let (id, secret, token) = (one("AccessKeyId"), one("SecretAccessKey"), one("SessionToken"));
        let member = Credentials::new(id, secret, Some(token), None, "floor");
        let body = "Action=ListUsers&Version=2010-05-08&MaxItems=1000".to_owned();
        let answer = self.ask("iam", body, member.clone()).await;
        let users: Vec<&str> = texts(&answer, "UserName").collect();
        let keys = stream::iter(&users).map(|name| {
            let body = format!("Action=ListAccessKeys&Version=2010-05-08&UserName={name}");
            let asked = self.ask("iam", body, member.clone());
            async move { texts(&asked.await, "AccessKeyId").count() }
        });
        let keys = keys.buffer_unordered(CALLS).fold(0, |sum, one| async move { sum + one }).await;
        (users.len(), keys)
    }

    async fn ask(&self, service: &str, body: String, by: Credentials) -> String {
        let identity = by.into();
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

/// The texts of the elements of a name.
fn texts<'a>(xml: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = xml;
    std::iter::from_fn(move || {
        let (_, behind) = rest.split_once(&open)?;
        let (text, behind) = behind.split_once(&close)?;
        rest = behind;
        Some(text)
    })
}
