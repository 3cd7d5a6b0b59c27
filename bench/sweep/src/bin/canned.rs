//! STS and IAM with canned responses. It checks nothing, so that the benchmark measures the client and not the server.
//!
//! The access key id that `AssumeRole` returns contains the account id. `GET /stats` returns the number of calls.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a benchmark that people run"
)]

use std::cell::RefCell;
use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt::Write;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::Parser;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

#[derive(Debug, Parser)]
struct Arguments {
    /// Users in each account
    #[arg(long, default_value_t = 50)]
    users: usize,
    /// How many of 100 users have a key
    #[arg(long, default_value_t = 100)]
    with_keys: usize,
    /// Latency of each response, in milliseconds
    #[arg(long, default_value_t = 20)]
    latency_ms: u64,
    /// Calls per second that IAM answers in one account; also the size of a burst
    #[arg(long)]
    iam_rate: Option<f64>,
    /// An account whose IAM never answers
    #[arg(long)]
    hangs: Option<String>,
}

#[derive(Debug, Default)]
struct State {
    calls: u64,
    throttled: u64,
    /// Token buckets by account id: the tokens left, and when they were counted.
    buckets: HashMap<String, (f64, Option<Instant>)>,
}

/// The account in the prepared responses. A client rejects users of another account than the one that it asks about, so it is
/// replaced in each response.
const ACCOUNT: &str = "111111111111";

#[derive(Debug)]
struct Server {
    arguments: Arguments,
    /// The XML of all users, of [`ACCOUNT`].
    users: String,
    /// The credential report as CSV, of [`ACCOUNT`].
    report: String,
    state: RefCell<State>,
}

fn main() {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(tokio::task::LocalSet::new().run_until(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("http://{}", listener.local_addr().unwrap());
        let users = (0..arguments.users).fold(String::new(), |mut users, number| {
            let _ = write!(
                users,
                "<member><Path>/</Path><UserName>user-{number:04}</UserName><UserId>AIDA{number:016}</UserId>\
                 <Arn>arn:aws:iam::111111111111:user/user-{number:04}</Arn><CreateDate>2024-02-29T08:30:00Z</CreateDate>\
                 </member>"
            );
            users
        });
        let report = report(&arguments);
        let server = Rc::new(Server { arguments, users, report, state: RefCell::default() });
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let _ = stream.set_nodelay(true);
            let server = Rc::clone(&server);
            let service = service_fn(move |request| {
                let server = Rc::clone(&server);
                async move { Ok::<_, Infallible>(server.respond(request).await) }
            });
            tokio::task::spawn_local(async move {
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    }));
}

fn has_key(number: usize, with_keys: usize) -> bool {
    number * with_keys / 100 != (number + 1) * with_keys / 100
}

/// The credential report.
fn report(arguments: &Arguments) -> String {
    let mut csv = String::from(
        "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,\
         mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,\
         access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,\
         access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active\n",
    );
    for number in 0..arguments.users {
        let is_active = has_key(number, arguments.with_keys);
        let rotated = if is_active { "2024-03-01T08:30:00+00:00" } else { "N/A" };
        let _ = writeln!(
            csv,
            "user-{number:04},arn:aws:iam::111111111111:user/user-{number:04},2024-02-29T08:30:00+00:00,false,N/A,N/A,\
             N/A,false,{is_active},{rotated},N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false"
        );
    }
    csv
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for part in bytes.chunks(3) {
        let bits =
            part.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - part.len()));
        for place in 0..4 {
            let digit = usize::try_from(bits >> (18 - 6 * place) & 63).unwrap();
            text.push(if place > part.len() { '=' } else { char::from(*DIGITS.get(digit).unwrap()) });
        }
    }
    text
}

impl Server {
    async fn respond(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if request.uri().path() == "/stats" {
            let State { calls, throttled, .. } = &*self.state.borrow();
            let stats = format!("{{\"calls\": {calls}, \"throttled\": {throttled}}}");
            return Response::new(Full::new(Bytes::from(stats)));
        }
        let header =
            request.headers().get("authorization").and_then(|it| it.to_str().ok()).unwrap_or_default();
        // The access key id that `AssumeRole` returns contains the account id.
        let account_id = header.split("Credential=ASIA").nth(1).and_then(|rest| rest.get(..12));
        let account_id = account_id.unwrap_or_default().to_owned();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let parameters: HashMap<_, _> = form_urlencoded::parse(&body).into_owned().collect();
        let parameter = |name: &str| parameters.get(name).map_or("", String::as_str);
        let arguments = &self.arguments;
        if arguments.latency_ms > 0 {
            tokio::time::sleep(Duration::from_millis(arguments.latency_ms)).await;
        }
        self.state.borrow_mut().calls += 1;
        let action = parameter("Action").to_owned();
        let is_iam = parameter("Version") == "2010-05-08";
        if is_iam && arguments.hangs.as_ref() == Some(&account_id) {
            std::future::pending::<()>().await;
        }
        if let (true, Some(rate)) = (is_iam, arguments.iam_rate)
            && !self.try_take_token(account_id.clone(), rate)
        {
            let error = "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message>\
                         </Error><RequestId>r</RequestId></ErrorResponse>";
            let mut response = Response::new(Full::new(Bytes::from(error)));
            *response.status_mut() = http::StatusCode::BAD_REQUEST;
            return response;
        }
        let result = match action.as_str() {
            "GetCallerIdentity" => {
                "<Arn>arn:aws:sts::222222222222:assumed-role/LambdaRole/x</Arn><UserId>A:x</UserId>\
                                    <Account>222222222222</Account>"
                    .to_owned()
            }
            "AssumeRole" => {
                let account_id = parameter("RoleArn").split(':').nth(4).unwrap_or_default();
                format!(
                    "<AssumedRoleUser><Arn>arn:aws:sts::{account_id}:assumed-role/IAMListRole/x</Arn><AssumedRoleId>A:x\
                     </AssumedRoleId></AssumedRoleUser><Credentials><AccessKeyId>ASIA{account_id}</AccessKeyId>\
                     <SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY</SecretAccessKey><SessionToken>{}\
                     </SessionToken><Expiration>2199-01-01T00:00:00Z</Expiration></Credentials>",
                    "IQoJb3JpZ2luX2VjEXAMPLETOKEN".repeat(20)
                )
            }
            "ListUsers" => {
                let users = self.users.replace(ACCOUNT, &account_id);
                format!("<Users>{users}</Users><IsTruncated>false</IsTruncated>")
            }
            "ListAccessKeys" => {
                let name = parameter("UserName");
                let number: usize =
                    name.rsplit('-').next().and_then(|it| it.parse().ok()).unwrap_or_default();
                let key = has_key(number, arguments.with_keys).then(|| {
                    format!(
                        "<member><UserName>{name}</UserName><AccessKeyId>AKIA{number:016}</AccessKeyId><Status>Active\
                         </Status><CreateDate>2024-03-01T08:30:00Z</CreateDate></member>"
                    )
                });
                let key = key.unwrap_or_default();
                format!("<AccessKeyMetadata>{key}</AccessKeyMetadata><IsTruncated>false</IsTruncated>")
            }
            "GenerateCredentialReport" => "<State>COMPLETE</State>".to_owned(),
            "GetCredentialReport" => format!(
                "<Content>{}</Content><ReportFormat>text/csv</ReportFormat><GeneratedTime>2026-11-01T00:00:00Z\
                 </GeneratedTime>",
                base64(self.report.replace(ACCOUNT, &account_id).as_bytes())
            ),
            _ => String::new(),
        };
        let xml = format!(
            "<{action}Response><{action}Result>{result}</{action}Result><ResponseMetadata><RequestId>r</RequestId>\
             </ResponseMetadata></{action}Response>"
        );
        Response::new(Full::new(Bytes::from(xml)))
    }

    fn try_take_token(&self, account_id: String, rate: f64) -> bool {
        let mut state = self.state.borrow_mut();
        let now = Instant::now();
        let (tokens, at) = state.buckets.entry(account_id).or_insert((rate, None));
        let elapsed_s = at.map_or(0.0, |at| now.duration_since(at).as_secs_f64());
        *tokens = (*tokens + elapsed_s * rate).min(rate);
        *at = Some(now);
        let has_token = *tokens >= 1.0;
        if has_token {
            *tokens -= 1.0;
        } else {
            state.throttled += 1;
        }
        has_token
    }
}
