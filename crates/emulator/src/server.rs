//! Requests in, answers out.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::SignedDuration;
use rolecall_policy::{Decision, ParsePrincipalError, PolicySet};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::authentication::{Credentials, Session};
use crate::clock::Clock;
use crate::log::RequestLogEntry;
use crate::operations;
use crate::state::{RequestObserver, Shared};
use crate::world::{World, unique_id};

/// The most that a request may hold.
const LARGEST: usize = 1024 * 1024;

/// An AWS that runs until it is dropped.
#[derive(Debug)]
pub struct Emulator {
    address: SocketAddr,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

/// A role that is not in the emulator's world, and some that are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no role {role_arn}; there are {known}")]
pub struct NoSuchRole {
    role_arn: String,
    known: String,
}

/// Why nothing can be said about a role and the service that is to assume it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// The role, told by its ARN, is not in the emulator's world.
    #[error("there is no role {0}")]
    NoSuchRole(String),
    /// The service's name is none.
    #[error(transparent)]
    Service(#[from] ParsePrincipalError),
}

impl Emulator {
    /// Starts one. `told` hears of every request when it is answered.
    ///
    /// # Errors
    /// Where the address cannot be listened on.
    pub async fn start(
        world: World,
        clock: Clock,
        listen: SocketAddr,
        told: Option<RequestObserver>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(world, clock, told));
        let serving = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, serving })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The endpoint, as `AWS_ENDPOINT_URL` has it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The time in its world.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// The requests so far, the last hundred thousand of them.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestLogEntry> {
        self.shared.state().lines.iter().cloned().collect()
    }

    /// Credentials of a session of a role. Nobody is asked for leave.
    ///
    /// # Errors
    /// Where there is no such role.
    pub fn session(&self, role_arn: &str, role_session_name: &str) -> Result<Credentials, NoSuchRole> {
        let Some(role) = self.shared.world.role(role_arn) else {
            let known = self.shared.world.some_roles();
            let known = if known.is_empty() { "no roles at all".to_owned() } else { known.join(", ") };
            return Err(NoSuchRole { role_arn: role_arn.to_owned(), known });
        };
        let issued = self.shared.clock.now();
        let account_id = role_arn.split(':').nth(4).unwrap_or_default();
        let session = Session {
            role_arn: role.arn.clone(),
            role_id: unique_id("AROA", account_id, role_arn.rsplit('/').next().unwrap_or_default()),
            role_session_name: role_session_name.to_owned(),
            policy: None,
            source_identity: None,
            tags: BTreeMap::new(),
            transitive_tags: BTreeMap::new(),
            issued,
            // As long as Lambda's last.
            expires: issued.saturating_add(SignedDuration::from_hours(12)).unwrap_or(issued),
        };
        Ok(self.shared.state().sessions.issue(session))
    }

    /// Whether a service, as `lambda.amazonaws.com`, may become a role.
    ///
    /// # Errors
    /// Where there is no such role, or no such service.
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
        let rcps = self.shared.world.rcps_above(&request.resource_account);
        let policies = PolicySet { trust: Some(role.trust_policy.clone()), rcps, ..PolicySet::default() };
        Ok(rolecall_policy::authorize(&request, &policies))
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((stream, peer)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        let shared = Arc::clone(&shared);
        let service = service_fn(move |request| {
            let shared = Arc::clone(&shared);
            async move { answer(request, peer, &shared).await }
        });
        tokio::spawn(async move {
            // Whoever hangs up in the middle hears no more.
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// An answer, or none where the connection is to be cut.
async fn answer(
    request: Request<Incoming>,
    peer: SocketAddr,
    shared: &Shared,
) -> io::Result<Response<Full<Bytes>>> {
    let (parts, body) = request.into_parts();
    let collected = Limited::new(body, LARGEST).collect().await;
    let mut line = RequestLogEntry::begin(shared.clock.now(), peer.ip().to_string());
    let fault_injection = &shared.world.fault_injection;
    if fault_injection.latency_ms > 0 {
        tokio::time::sleep(fault_injection.latency()).await;
    }
    let chance = shared.state().next_fraction();
    let answer = match collected {
        _ if chance < fault_injection.reset_rate => return Err(io::ErrorKind::ConnectionReset.into()),
        Ok(body) => {
            let request = Request::from_parts(parts, body.to_bytes());
            let fails = chance < fault_injection.reset_rate + fault_injection.error_rate;
            operations::answer(request, shared, fails, &mut line).await
        }
        Err(_) => operations::too_large(&mut line),
    };
    if let Some(told) = &shared.told {
        told(&line);
    }
    let request_id = http::HeaderValue::from_str(&line.request_id);
    shared.state().record(line);
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() =
        http::StatusCode::from_u16(answer.status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert("content-type", http::HeaderValue::from_static(answer.content_type));
    if let Ok(request_id) = request_id {
        headers.insert("x-amzn-requestid", request_id);
    }
    Ok(response)
}
