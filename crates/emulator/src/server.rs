//! The HTTP server: connections, latency and injected faults.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::{SignedDuration, Timestamp};
use rolecall_policy::{Decision, ParsePrincipalError, PolicySet};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::authentication::{Credentials, Identity, Session};
use crate::clock::Clock;
use crate::log::RequestLogEntry;
use crate::operations;
use crate::state::{RequestObserver, Shared};
use crate::world::{CallerIdentity, World};

/// The largest request body, in bytes.
const MAX_REQUEST_BYTES: usize = 1024 * 1024;

/// How long a request may take to arrive: its headers, and then its body.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// How long the server waits after a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A running emulator. It stops when it is dropped.
#[derive(Debug)]
pub struct Emulator {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

/// The error for a role that is not in the emulator's world; it names some roles that are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("role {role_arn} is not in this world; {available}")]
pub struct NoSuchRole {
    role_arn: String,
    /// A clause for the message.
    available: String,
}

/// Why [`Emulator::can_assume`] cannot evaluate a trust policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// The role with this ARN is not in the emulator's world.
    #[error("role {0} is not in this world")]
    NoSuchRole(String),
    /// The service principal is not valid.
    #[error(transparent)]
    Service(#[from] ParsePrincipalError),
}

impl Emulator {
    /// Starts an emulator on an address; with port 0, on a free port. `observer` is called with the log entry of every
    /// request, just before the response is sent.
    ///
    /// # Errors
    /// If the address cannot be listened on.
    pub async fn start(
        world: World,
        clock: Clock,
        listen: SocketAddr,
        observer: Option<RequestObserver>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(world, clock, observer));
        let server = tokio::spawn(serve(listener, Arc::clone(&shared), REQUEST_TIMEOUT));
        Ok(Self { address, shared, server })
    }

    /// The address that the emulator listens on, with the port that it really has.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The endpoint URL, for `AWS_ENDPOINT_URL`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The clock by which sessions expire. A test can move it forward.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// The log entries of the last 100,000 requests, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestLogEntry> {
        self.shared.state().request_log.iter().cloned().collect()
    }

    /// Issues credentials for a session of a role, for 12 hours, without evaluating any policy.
    ///
    /// # Errors
    /// If the role is not in the world.
    pub fn session(&self, role_arn: &str, role_session_name: &str) -> Result<Credentials, NoSuchRole> {
        let Some(role) = self.shared.world.role(role_arn) else {
            let roles = self.shared.world.example_roles();
            let available = if roles.is_empty() {
                "it has no roles in its file".to_owned()
            } else {
                format!("use one of its roles, such as {}", roles.join(", "))
            };
            return Err(NoSuchRole { role_arn: role_arn.to_owned(), available });
        };
        Ok(self.issue(Session {
            role_arn: role.arn.clone(),
            role_id: role.unique_id.clone(),
            role_session_name: role_session_name.to_owned(),
            policies: None,
            source_identity: None,
            tags: BTreeMap::new(),
            transitive_tags: BTreeMap::new(),
            issued: self.shared.clock.now(),
            // As long as the credentials of a Lambda function's role.
            expires: self.after(SignedDuration::from_hours(12)),
        }))
    }

    /// The credentials that the world gives to programs, without evaluating any policy, and the ARN of the user, the role or
    /// the root user that they are of. `None` if the world does not say.
    #[must_use]
    pub fn caller_credentials(&self, role_session_name: &str) -> Option<(Credentials, &str)> {
        let caller = self.shared.world.caller.as_ref()?;
        let expires = self.after(SignedDuration::from_secs(caller.session_duration.into()));
        let credentials = match &caller.identity {
            CallerIdentity::Role { arn, session_policy, source_identity, tags } => self.issue(Session {
                role_arn: arn.clone(),
                role_id: self.shared.world.role(arn)?.unique_id.clone(),
                role_session_name: role_session_name.to_owned(),
                policies: session_policy.clone().map(|policy| vec![policy]),
                source_identity: source_identity.clone(),
                tags: tags.clone(),
                transitive_tags: BTreeMap::new(),
                issued: self.shared.clock.now(),
                expires,
            }),
            CallerIdentity::AccessKey { key, .. } => Credentials {
                access_key_id: key.access_key_id.clone(),
                secret_access_key: key.secret_access_key.clone()?,
                session_token: String::new(),
                expiration: Timestamp::MAX,
            },
        };
        Some((credentials, caller.arn()))
    }

    fn issue(&self, session: Session) -> Credentials {
        let now = session.issued;
        self.shared.state().sessions.issue(Identity::Session(Box::new(session)), now)
    }

    /// The time after a duration from now, by the emulator's clock.
    fn after(&self, duration: SignedDuration) -> Timestamp {
        let now = self.shared.clock.now();
        now.saturating_add(duration).unwrap_or(now)
    }

    /// Decides whether a service principal, such as `lambda.amazonaws.com`, may assume a role.
    ///
    /// # Errors
    /// If the role is not in the world, or the service principal is not valid.
    pub fn can_assume(&self, service: &str, role_arn: &str) -> Result<Decision, TrustError> {
        let role = self.shared.world.role(role_arn);
        let role = role.ok_or_else(|| TrustError::NoSuchRole(role_arn.to_owned()))?;
        let request = rolecall_policy::Request {
            principal: service.parse()?,
            action: "sts:AssumeRole".to_owned(),
            resource: role_arn.to_owned(),
            resource_account: role_arn.split(':').nth(4).unwrap_or_default().to_owned(),
            context: rolecall_policy::Context::default(),
        };
        if self.shared.world.is_suspended(&request.resource_account) {
            return Ok(Decision::NeverAllowed("the account of the role is not active"));
        }
        let rcps = self.shared.world.rcps_above(&request.resource_account);
        let policies = PolicySet { trust: Some(role.trust_policy.clone()), rcps, ..PolicySet::default() };
        Ok(rolecall_policy::authorize(&request, &policies))
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>, request_timeout: Duration) {
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            // For example, this process has no file descriptor left: another connection must close first.
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let shared = Arc::clone(&shared);
        let service = service_fn(move |request| {
            let shared = Arc::clone(&shared);
            async move { respond(request, peer, &shared, request_timeout).await }
        });
        tokio::spawn(async move {
            // An error here is a client that closed the connection, or an injected connection reset.
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(request_timeout)
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// The response to a request. An error resets the connection, which is an injected fault.
async fn respond(
    request: Request<Incoming>,
    peer: SocketAddr,
    shared: &Shared,
    request_timeout: Duration,
) -> io::Result<Response<Full<Bytes>>> {
    let (parts, body) = request.into_parts();
    let collected =
        tokio::time::timeout(request_timeout, Limited::new(body, MAX_REQUEST_BYTES).collect()).await;
    let mut log_entry = RequestLogEntry::new(shared.clock.now(), peer.ip().to_string());
    let fault_injection = &shared.world.fault_injection;
    if fault_injection.latency_ms > 0 {
        tokio::time::sleep(fault_injection.latency()).await;
    }
    let fraction = shared.state().next_fraction();
    let response = match collected {
        _ if fraction < fault_injection.reset_rate => return Err(io::ErrorKind::ConnectionReset.into()),
        Ok(Ok(body)) => {
            let request = Request::from_parts(parts, body.to_bytes());
            let is_unavailable = fraction < fault_injection.reset_rate + fault_injection.error_rate;
            operations::handle(request, shared, is_unavailable, &mut log_entry).await
        }
        Ok(Err(error)) if error.is::<LengthLimitError>() => operations::too_large(&mut log_entry),
        // The client closed the connection within the body, or is too slow.
        Ok(Err(_)) => return Err(io::ErrorKind::UnexpectedEof.into()),
        Err(_) => operations::too_slow(&mut log_entry),
    };
    if let Some(observer) = &shared.observer {
        observer(&log_entry);
    }
    let request_id = http::HeaderValue::from_str(&log_entry.request_id);
    shared.state().record(log_entry);
    let operations::Response { status, content_type, error_type, body } = response;
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() =
        http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert("content-type", http::HeaderValue::from_static(content_type));
    if let Ok(request_id) = request_id {
        headers.insert("x-amzn-requestid", request_id);
    }
    if let Some(error_type) = error_type.and_then(|code| http::HeaderValue::from_str(&code).ok()) {
        headers.insert("x-amzn-errortype", error_type);
    }
    // By the emulator's own clock: clients measure from it how wrong theirs is.
    let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&shared.clock.date());
    if let Some(date) = date.ok().and_then(|date| http::HeaderValue::from_str(&date).ok()) {
        headers.insert("date", date);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use jiff::Timestamp;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::serve;
    use crate::clock::Clock;
    use crate::state::Shared;
    use crate::world::World;

    const TIMEOUT: Duration = Duration::from_millis(300);

    async fn start() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Shared::new(World::tutorial().unwrap(), Clock::new(|| Timestamp::UNIX_EPOCH), None);
        tokio::spawn(serve(listener, Arc::new(shared), TIMEOUT));
        address
    }

    /// Sends the beginning of a request, then one byte at a time, until the server answers or closes the connection.
    async fn trickle(address: SocketAddr, begin: &str, pause: Option<Duration>) -> String {
        let (mut reader, mut writer) = TcpStream::connect(address).await.unwrap().into_split();
        writer.write_all(begin.as_bytes()).await.unwrap();
        let rest = async {
            while let Some(pause) = pause {
                tokio::time::sleep(pause).await;
                if writer.write_all(b"a").await.is_err() {
                    break;
                }
            }
            std::future::pending::<()>().await;
        };
        let mut answer = Vec::new();
        let mut buffer = [0; 4096];
        let read = async {
            // A reset, after bytes that nobody reads any more, is an end too.
            while let Ok(length @ 1..) = reader.read(&mut buffer).await {
                answer.extend_from_slice(buffer.get(..length).unwrap_or_default());
            }
        };
        tokio::select! {
            () = rest => {}
            () = read => {}
        }
        String::from_utf8(answer).unwrap()
    }

    #[tokio::test]
    async fn a_request_that_arrives_slowly_or_never_is_ended_by_a_timeout() {
        let address = start().await;
        let head = "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 1000000\r\n\r\n";
        for (begin, pause, answer) in [
            (head, None, "HTTP/1.1 408 "),
            (head, Some(Duration::from_millis(20)), "HTTP/1.1 408 "),
            ("POST / HTTP/1.1\r\nhost: x\r\nx: ", None, ""),
            ("POST / HTTP/1.1\r\nhost: x\r\nx: ", Some(Duration::from_millis(20)), ""),
            ("", None, ""),
        ] {
            let started = Instant::now();
            let trickled = tokio::time::timeout(Duration::from_secs(20), trickle(address, begin, pause));
            let received = trickled.await.unwrap();
            let is_expected = received.starts_with(answer) && received.is_empty() == answer.is_empty();
            assert!(is_expected, "{begin:?} {pause:?}: {received:?}");
            assert!(started.elapsed() >= TIMEOUT, "{begin:?} {pause:?}: {:?}", started.elapsed());
        }
    }
}
