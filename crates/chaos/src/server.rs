//! An AWS that answers over any stream of bytes, as a plan of faults demands. It writes its responses byte by byte itself,
//! since no HTTP server sends wrong lengths or half a head.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep};

use crate::answers::{self, Answer, Request};
use crate::fault::{Fault, Plan};
use crate::lies;
use crate::world::{HUB, World};

/// The access key id of the caller.
pub(crate) const CALLER_KEY: &str = "AKIACALLER0000000000";

/// A server, shared by all its connections.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    world: Arc<World>,
    state: Arc<Mutex<State>>,
    began: Instant,
    /// The time at which it began.
    begin: Timestamp,
}

#[derive(Debug)]
struct State {
    plan: Plan,
    sessions: usize,
    /// The expiration of each session, by access key id.
    expirations: BTreeMap<String, Timestamp>,
    requests: usize,
    /// How often each fault happened.
    happened: BTreeMap<Fault, usize>,
    /// The body of every answer to an operation.
    fixed: Option<(&'static str, Vec<u8>)>,
}

/// How a response is sent.
struct Delivery {
    status: u16,
    headers: String,
    body: Vec<u8>,
    manner: Manner,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Whole,
    /// Nothing; the connection closes.
    Nothing,
    HalfOfHead,
    /// Half of the body, after a head that announces all of it.
    HalfOfBody,
    /// A length that is wrong by this number of bytes.
    WrongLength(i64),
    Drip,
    Late,
    Never,
    Chunked,
    /// Chunks without the last one.
    CutChunks,
}

impl Server {
    pub(crate) fn new(world: Arc<World>, plan: Plan, begin: Timestamp) -> Self {
        let (expirations, happened) = (BTreeMap::new(), BTreeMap::new());
        let state = State { plan, sessions: 0, expirations, requests: 0, happened, fixed: None };
        Self { world, state: Arc::new(Mutex::new(state)), began: Instant::now(), begin }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on, AWS has these faults.
    pub(crate) fn set_plan(&self, plan: Plan) {
        self.state().plan = plan;
    }

    /// From now on, every answer to an operation is this one.
    pub(crate) fn set_answer(&self, operation: &'static str, body: Vec<u8>) {
        self.state().fixed = Some((operation, body));
    }

    pub(crate) fn happened(&self) -> BTreeMap<Fault, usize> {
        self.state().happened.clone()
    }

    pub(crate) fn requests(&self) -> usize {
        self.state().requests
    }

    /// The server's time. It passes as tokio's clock does, which may be a simulated one.
    pub(crate) fn now(&self) -> Timestamp {
        self.begin + SignedDuration::try_from(self.began.elapsed()).unwrap_or_default()
    }

    /// Serves a connection until either side closes it.
    pub(crate) async fn serve(self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        let mut buffer = Vec::new();
        while let Ok(Some(request)) = read_request(&mut stream, &mut buffer).await {
            let delivery = self.respond(&request);
            let is_whole =
                matches!(delivery.manner, Manner::Whole | Manner::Late | Manner::Drip | Manner::Chunked);
            if delivery.send(&mut stream).await.is_err() || !is_whole {
                return;
            }
        }
    }

    /// Listens on a port of this machine.
    pub(crate) async fn listen(self) -> io::Result<std::net::SocketAddr> {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(self.clone().serve(stream));
            }
        });
        Ok(address)
    }

    fn respond(&self, request: &Request) -> Delivery {
        let now = self.now();
        let mut state = self.state();
        let state = &mut *state;
        state.requests += 1;
        let mut answer = self.truth(state, request, now);
        let faults = state.plan.faults(request);
        let mut happened = Vec::new();
        for fault in &faults {
            if lies::apply(*fault, &mut answer, request, &self.world, &mut state.plan.rng) {
                happened.push(*fault);
            }
        }
        let (mut status, mut body) = answer.write(request);
        if let Some((_, fixed)) =
            state.fixed.as_ref().filter(|(operation, _)| *operation == request.operation)
        {
            (status, body) = (200, fixed.clone());
        }
        let content_type = if request.is_json { "application/x-amz-json-1.1" } else { "text/xml" };
        let id = format!("00000000-0000-0000-0000-{:012}", state.requests);
        let headers = format!("content-type: {content_type}\r\nx-amzn-requestid: {id}\r\n");
        let mut delivery = Delivery { status, headers, body, manner: Manner::Whole };
        for fault in faults {
            if delivery.apply(fault, &mut state.plan.rng) {
                happened.push(fault);
            }
        }
        for fault in happened {
            *state.happened.entry(fault).or_default() += 1;
        }
        delivery
    }

    /// What AWS answers without a fault. It checks when the request was signed, and whether its session has expired.
    fn truth(&self, state: &mut State, request: &Request, now: Timestamp) -> Answer {
        let skew = request.signed.map(|signed| signed.duration_since(now).abs());
        if skew.is_none_or(|skew| skew > SignedDuration::from_mins(15)) {
            return Answer::error(403, "SignatureDoesNotMatch", "Signature expired");
        }
        let expiration = state.expirations.get(&request.access_key_id);
        if expiration.is_some_and(|expiration| *expiration <= now) {
            return Answer::error(
                403,
                "ExpiredToken",
                "The security token included in the request is expired",
            );
        }
        let session = state.sessions;
        let answer = answers::answer(&self.world, request, now, session);
        if request.operation == "AssumeRole" && matches!(answer, Answer::Xml(_)) {
            let duration = request.parameter("DurationSeconds").parse().unwrap_or(3600);
            let id = format!("ASIA{}{session:04}", request.account_id);
            state.expirations.insert(id, now + SignedDuration::from_secs(duration));
            state.sessions += 1;
        }
        answer
    }
}

impl Delivery {
    /// Applies a fault of the way between Rolecall and AWS. Returns whether it happened.
    fn apply(&mut self, fault: Fault, rng: &mut fastrand::Rng) -> bool {
        let manner = match fault {
            Fault::ResetAtOnce => Some(Manner::Nothing),
            Fault::ResetInHead => Some(Manner::HalfOfHead),
            Fault::ResetInBody => Some(Manner::HalfOfBody),
            Fault::WrongLength => rng.choice([-20, -1, 1, 500]).map(Manner::WrongLength),
            Fault::SlowDrip => Some(Manner::Drip),
            Fault::Slow => Some(Manner::Late),
            Fault::Hang => Some(Manner::Never),
            Fault::Chunked => Some(Manner::Chunked),
            Fault::ChunkedAndCut => Some(Manner::CutChunks),
            _ => None,
        };
        if let Some(manner) = manner {
            self.manner = manner;
            return true;
        }
        match fault {
            Fault::CutBody if !self.body.is_empty() => self.body.truncate(rng.usize(..self.body.len())),
            Fault::EmptyBody => self.body.clear(),
            Fault::Malformed => {
                let at = rng.usize(..=self.body.len());
                // What neither format allows anywhere.
                let in_xml = [&b"<"[..], b"</", b"&", b"\xff\xfe", b"\0", b"<x>"];
                let in_json = [&b"\""[..], b"\xff\xfe", b"\0"];
                let is_json = self.headers.contains("json");
                let text = if is_json { rng.choice(in_json) } else { rng.choice(in_xml) };
                self.body.splice(at..at, text.into_iter().flatten().copied());
            }
            Fault::WebPage => {
                self.status = rng.choice([200, 403, 502]).expect("a status");
                self.body = b"<html><body>Sign in</body></html>".to_vec();
                self.headers = "content-type: text/html\r\n".to_owned();
            }
            Fault::Gzip => {
                self.body = gzip(&self.body);
                self.headers.push_str("content-encoding: gzip\r\n");
            }
            Fault::ErrorWithStatus200 => {
                let is_json = self.headers.contains("json");
                let json = &b"{\"__type\":\"TooManyRequestsException\",\"Accounts\":[]}"[..];
                let xml = b"<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>";
                self.body = if is_json { json } else { xml }.to_vec();
                self.status = 200;
            }
            _ => return false,
        }
        true
    }

    async fn send(self, stream: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let Self { status, headers, body, manner } = self;
        let length = match manner {
            Manner::Chunked | Manner::CutChunks => "transfer-encoding: chunked".to_owned(),
            Manner::WrongLength(by) => {
                let length = i64::try_from(body.len()).unwrap_or_default() + by;
                format!("content-length: {}", length.max(0))
            }
            _ => format!("content-length: {}", body.len()),
        };
        let head = format!("HTTP/1.1 {status} x\r\n{headers}{length}\r\n\r\n");
        match manner {
            Manner::Nothing => return Ok(()),
            Manner::HalfOfHead => return stream.write_all(&head.as_bytes()[..head.len() / 2]).await,
            Manner::Never => sleep(Duration::from_hours(100)).await,
            Manner::Late => sleep(Duration::from_secs(7)).await,
            _ => {}
        }
        stream.write_all(head.as_bytes()).await?;
        match manner {
            Manner::HalfOfBody => stream.write_all(&body[..body.len() / 2]).await?,
            Manner::Drip => {
                for part in body.chunks(50) {
                    stream.write_all(part).await?;
                    sleep(Duration::from_millis(200)).await;
                }
            }
            Manner::Chunked | Manner::CutChunks => {
                for part in body.chunks(100) {
                    stream.write_all(format!("{:x}\r\n", part.len()).as_bytes()).await?;
                    stream.write_all(part).await?;
                    stream.write_all(b"\r\n").await?;
                }
                if manner == Manner::Chunked {
                    stream.write_all(b"0\r\n\r\n").await?;
                }
            }
            _ => stream.write_all(&body).await?,
        }
        stream.flush().await
    }
}

/// Bytes as gzip, in one stored block.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    let bytes = &bytes[..usize::from(length)];
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    out.extend(length.to_le_bytes());
    out.extend((!length).to_le_bytes());
    out.extend(bytes);
    out.extend((!crc).to_le_bytes());
    out.extend(u32::from(length).to_le_bytes());
    out
}

/// Reads a request; `None` where the client closed the connection.
async fn read_request(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
) -> io::Result<Option<Request>> {
    let mut head: Option<(String, usize, usize)> = None;
    loop {
        if head.is_none()
            && let Some(end) = memchr::memmem::find(buffer, b"\r\n\r\n")
        {
            let text = String::from_utf8_lossy(&buffer[..end]).into_owned();
            let length: usize =
                header(&text, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
            head = Some((text, end + 4, end + 4 + length));
        }
        if let Some((text, begin, end)) = &head
            && buffer.len() >= *end
        {
            let request = parse(text, &buffer[*begin..*end]);
            buffer.drain(..*end);
            return Ok(Some(request));
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut headers = head.lines().filter_map(|line| line.split_once(':'));
    headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

fn parse(head: &str, body: &[u8]) -> Request {
    let target = header(head, "x-amz-target").and_then(|target| target.split_once('.'));
    let parameters: BTreeMap<String, String> = if target.is_some() {
        let document: BTreeMap<String, serde_json::Value> = serde_json::from_slice(body).unwrap_or_default();
        let text = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        document.into_iter().map(|(key, value)| (key, text(value))).collect()
    } else {
        form_urlencoded::parse(body).into_owned().collect()
    };
    let action = parameters.get("Action").cloned().unwrap_or_default();
    let credential = header(head, "authorization").and_then(|it| it.split_once("Credential="));
    let access_key_id = credential.and_then(|(_, it)| it.split('/').next()).unwrap_or_default().to_owned();
    let of_session = access_key_id.strip_prefix("ASIA").and_then(|id| id.get(..12)).map(str::to_owned);
    let of_role = parameters.get("RoleArn").and_then(|arn| arn.split(':').nth(4)).map(str::to_owned);
    let date = header(head, "x-amz-date");
    let date = date.and_then(|date| jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", date).ok());
    let token = header(head, "x-amz-security-token").map(str::to_owned);
    Request {
        operation: target.map_or(action, |(_, operation)| operation.to_owned()),
        is_json: target.is_some(),
        account_id: of_role.or(of_session.clone()).unwrap_or_else(|| HUB.to_owned()),
        caller_account_id: of_session.unwrap_or_else(|| HUB.to_owned()),
        secrets: token.into_iter().chain(parameters.get("ExternalId").cloned()).collect(),
        signed: date.and_then(|date| jiff::tz::Offset::UTC.to_timestamp(date).ok()),
        access_key_id,
        parameters,
    }
}
