//! Requests per second that one core authenticates and authorizes: signature, session, policies of both accounts,
//! response.
//!
//! The emulator runs on one thread. A second thread sends signed requests over connections that stay open; on each, the
//! next request follows the response to the previous one.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a benchmark that people run"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use jiff::Timestamp;
use rolecall_emulator::{Clock, Emulator, World};

const CONNECTIONS: usize = 8;
const MEASURED_TIME: Duration = Duration::from_secs(3);
const LAMBDA_ROLE: &str = "arn:aws:iam::222222222222:role/LambdaRole";
const IAM_LIST_ROLE: &str = "arn:aws:iam::111111111111:role/IAMListRole";

fn main() {
    let (ready, started) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let began = Instant::now();
            let listen = "127.0.0.1:0".parse().unwrap();
            let clock = Clock::new(Timestamp::now);
            let emulator = Emulator::start(World::tutorial().unwrap(), clock, listen, None).await.unwrap();
            let lambda = emulator.session(LAMBDA_ROLE, "bench").unwrap();
            let member = emulator.session(IAM_LIST_ROLE, "bench").unwrap();
            println!("started in {:.1} ms", began.elapsed().as_secs_f64() * 1000.0);
            ready.send((emulator.address(), lambda, member)).unwrap();
            std::future::pending::<()>().await;
        });
    });
    let (address, lambda, member) = started.recv().unwrap();
    let assume =
        format!("Action=AssumeRole&Version=2011-06-15&RoleArn={IAM_LIST_ROLE}&RoleSessionName=bench");
    let assume = assume.replace(':', "%3A").replace('/', "%2F");
    measure("sts:AssumeRole", &signed(address, "sts", &assume, &lambda), address);
    measure(
        "iam:ListUsers",
        &signed(address, "iam", "Action=ListUsers&Version=2010-05-08", &member),
        address,
    );
}

fn signed(
    address: SocketAddr,
    service: &str,
    body: &str,
    credentials: &rolecall_emulator::Credentials,
) -> Vec<u8> {
    let token = Some(credentials.session_token.clone());
    let identity =
        Credentials::new(&credentials.access_key_id, &credentials.secret_access_key, token, None, "bench")
            .into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name(service)
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .unwrap();
    let (url, kind) = (format!("http://{address}/"), "application/x-www-form-urlencoded");
    let headers = [("content-type", kind)].into_iter();
    let request = SignableRequest::new("POST", &url, headers, SignableBody::Bytes(body.as_bytes())).unwrap();
    let (instructions, _) = sign(request, &parameters.into()).unwrap().into_parts();
    let mut text = format!("POST / HTTP/1.1\r\nhost: {address}\r\ncontent-type: {kind}\r\n");
    for (name, value) in instructions.headers() {
        text += &format!("{name}: {value}\r\n");
    }
    text += &format!("content-length: {}\r\n\r\n{body}", body.len());
    text.into_bytes()
}

fn measure(name: &str, request: &[u8], address: SocketAddr) {
    let mut connections: Vec<TcpStream> =
        (0..CONNECTIONS).map(|_| TcpStream::connect(address).unwrap()).collect();
    for connection in &connections {
        connection.set_nodelay(true).unwrap();
    }
    let mut answer = vec![0; 64 * 1024];
    let (began, mut requests) = (Instant::now(), 0_u32);
    while began.elapsed() < MEASURED_TIME {
        for connection in &mut connections {
            connection.write_all(request).unwrap();
        }
        for connection in &mut connections {
            let mut read = 0;
            loop {
                read += connection.read(answer.get_mut(read..).unwrap()).unwrap();
                let text = answer.get(..read).unwrap();
                if text.ends_with(b"Response>\n") {
                    assert!(text.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(text));
                    break;
                }
            }
            requests += 1;
        }
    }
    println!(
        "{name}: {:.0} requests per second, each authenticated and authorized",
        f64::from(requests) / began.elapsed().as_secs_f64()
    );
}
