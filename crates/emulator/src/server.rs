//! Requests in, answers out.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::{SignedDuration, Timestamp};
use rolecall_policy::{Decision, Policies};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::authentication::{Claim, Credentials, Session, Sessions};
use crate::authorization::{Asked, Caller};
use crate::clock::Clock;
use crate::log::Line;
use crate::query::{Parameters, Refusal, Xml};
use crate::world::{World, unique_id};
use crate::{iam, sts};

/// The most that a request may hold.
const LARGEST: usize = 1024 * 1024;

/// Hears of every request when it is answered.
pub type Told = Box<dyn Fn(&Line) + Send + Sync>;

/// An AWS that runs until it is dropped.
#[derive(Debug)]
pub struct Emulator {
    address: SocketAddr,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

struct Shared {
    state: Mutex<State>,
    clock: Clock,
    told: Option<Told>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("clock", &self.clock).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct State {
    world: Arc<World>,
    sessions: Sessions,
    lines: Vec<Line>,
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
        told: Option<Told>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let state = State { world: Arc::new(world), ..State::default() };
        let shared = Arc::new(Shared { state: Mutex::new(state), clock, told });
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

    /// Changes the world.
    pub fn change(&self, change: impl FnOnce(&mut World)) {
        change(Arc::make_mut(&mut self.shared.state().world));
    }

    /// The requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Line> {
        self.shared.state().lines.clone()
    }

    /// Credentials of a session of a role. Nobody is asked for leave.
    ///
    /// # Errors
    /// Where there is no such role.
    pub fn session(&self, role_arn: &str, role_session_name: &str) -> Result<Credentials, String> {
        let mut state = self.shared.state();
        let Some(role) = state.world.role(role_arn) else {
            let roles = state.world.accounts.values().flat_map(|account| account.roles.values());
            let known: Vec<&str> = roles.map(|role| role.arn.as_str()).collect();
            let known = if known.is_empty() { "no roles at all".to_owned() } else { known.join(", ") };
            return Err(format!("there is no role {role_arn}; there are {known}"));
        };
        let issued = self.shared.clock.now();
        let account_id = role_arn.split(':').nth(4).unwrap_or_default();
        let session = Session {
            role_arn: role.arn.clone(),
            role_id: unique_id("AROA", account_id, role_arn.rsplit('/').next().unwrap_or_default()),
            role_session_name: role_session_name.to_owned(),
            policy: None,
            source_identity: None,
            tags: role.tags.clone(),
            issued,
            // As long as Lambda's last.
            expires: issued.saturating_add(SignedDuration::from_hours(12)).unwrap_or(issued),
        };
        Ok(state.sessions.issue(session))
    }

    /// Whether a service, as `lambda.amazonaws.com`, may become a role.
    ///
    /// # Errors
    /// Where there is no such role, or no such service.
    pub fn may_become(&self, service: &str, role_arn: &str) -> Result<Decision, String> {
        let world = Arc::clone(&self.shared.state().world);
        let role = world.role(role_arn).ok_or_else(|| format!("there is no role {role_arn}"))?;
        let request = rolecall_policy::Request {
            caller: service.parse()?,
            action: "sts:AssumeRole".to_owned(),
            resource: role_arn.to_owned(),
            resource_account: role_arn.split(':').nth(4).unwrap_or_default().to_owned(),
            context: rolecall_policy::Context::default(),
        };
        let policies = Policies { trust: Some(role.trust_policy.clone()), ..Policies::default() };
        Ok(rolecall_policy::authorize(&request, &policies))
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((stream, peer)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        let shared = Arc::clone(&shared);
        let service = service_fn(move |request| {
            let shared = Arc::clone(&shared);
            async move { Ok::<_, Infallible>(answer(request, peer, &shared).await) }
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

async fn answer(request: Request<Incoming>, peer: SocketAddr, shared: &Shared) -> Response<Full<Bytes>> {
    let request_id = uuid::Uuid::new_v4().to_string();
    let (parts, body) = request.into_parts();
    let collected = Limited::new(body, LARGEST).collect().await;
    let mut line = Line {
        time: shared.clock.now(),
        account_id: None,
        principal: None,
        operation: String::new(),
        resource: None,
        verdict: String::new(),
        message: None,
        decided_by: None,
        region: None,
        source_ip: peer.ip().to_string(),
        request_id: request_id.clone(),
    };
    let (status, body) = if let Ok(body) = collected {
        operate(Request::from_parts(parts, body.to_bytes()), shared, &mut line).await
    } else {
        let refusal = Refusal::new(413, "RequestEntityTooLarge", "the request is larger than 1 MiB");
        (refusal.status, refusal.to_xml(sts::NAMESPACE, &request_id))
    };
    if let Some(told) = &shared.told {
        told(&line);
    }
    shared.state().lines.push(line);
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() =
        http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert("content-type", http::HeaderValue::from_static("text/xml"));
    if let Ok(request_id) = http::HeaderValue::from_str(&request_id) {
        headers.insert("x-amzn-requestid", request_id);
    }
    response
}

/// A request whose caller is known.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// Who asks.
    pub(crate) caller: Caller,
    /// The parameters.
    pub(crate) parameters: &'a Parameters,
    /// The world.
    pub(crate) world: &'a World,
    /// The sessions that there are.
    pub(crate) sessions: &'a mut Sessions,
    /// The time.
    pub(crate) now: Timestamp,
    line: &'a mut Line,
}

impl Call<'_> {
    /// Holds that the caller may do something.
    ///
    /// # Errors
    /// `AccessDenied`, in AWS's words.
    pub(crate) fn allow(&mut self, asked: &Asked<'_>) -> Result<(), Refusal> {
        let decision = self.caller.decide(asked, self.world);
        self.line.operation = asked.action.to_owned();
        self.line.resource = Some(asked.resource.to_owned());
        let account_id = asked.resource.split(':').nth(4).filter(|id| !id.is_empty());
        self.line.account_id = account_id.map(str::to_owned).or_else(|| self.line.account_id.clone());
        self.line.decided_by = Some(decision.to_string());
        if let Decision::Allowed(_) = decision {
            Ok(())
        } else {
            Err(self.caller.denied(asked, &decision, self.world))
        }
    }
}

type Operation = fn(&mut Call<'_>) -> Result<Xml, Refusal>;

/// Service, version, name and what it does.
const OPERATIONS: [(&str, &str, &str, Operation); 7] = [
    ("sts", "2011-06-15", "AssumeRole", sts::assume_role),
    ("sts", "2011-06-15", "GetCallerIdentity", sts::get_caller_identity),
    ("sts", "2011-06-15", "GetAccessKeyInfo", sts::get_access_key_info),
    ("iam", "2010-05-08", "ListUsers", iam::list_users),
    ("iam", "2010-05-08", "GetUser", iam::get_user),
    ("iam", "2010-05-08", "ListAccessKeys", iam::list_access_keys),
    ("iam", "2010-05-08", "GetAccessKeyLastUsed", iam::get_access_key_last_used),
];

async fn operate(request: Request<Bytes>, shared: &Shared, line: &mut Line) -> (u16, String) {
    let request_id = line.request_id.clone();
    let parameters = Parameters::parse(request.uri().query().unwrap_or_default(), request.body());
    let (action, version) =
        (parameters.get("Action").unwrap_or_default(), parameters.get("Version").unwrap_or_default());
    action.clone_into(&mut line.operation);
    let row = OPERATIONS.iter().find(|row| row.1 == version && row.2 == action);
    let namespace = if version == "2010-05-08" { iam::NAMESPACE } else { sts::NAMESPACE };
    let refused = |refusal: &Refusal, line: &mut Line| {
        line.verdict =
            if refusal.code == "AccessDenied" { "Denied".to_owned() } else { refusal.code.clone() };
        line.message = Some(refusal.message.clone());
        (refusal.status, refusal.to_xml(namespace, &request_id))
    };
    let Some((service, _, name, operation)) = row else {
        let had: Vec<String> = OPERATIONS.iter().map(|row| format!("{}:{}", row.0, row.2)).collect();
        let message = format!(
            "Could not find operation {action} for version {version}; this emulator has {}",
            had.join(", ")
        );
        return refused(&Refusal::new(400, "InvalidAction", message), line);
    };
    line.operation = format!("{service}:{name}");
    let now = line.time;
    let (world, claim) = {
        let state = shared.state();
        (Arc::clone(&state.world), Claim::of(&request, &state.world, &state.sessions))
    };
    let caller = match claim {
        Ok(claim) => {
            let region = if *service == "iam" { "us-east-1".to_owned() } else { claim.region.clone() };
            line.region = Some(region.clone());
            let principal = claim.verify(request, service, now).await;
            principal.and_then(|who| Caller::new(who, &world, &region, &line.source_ip, now))
        }
        Err(refusal) => Err(refusal),
    };
    let caller = match caller {
        Ok(caller) => caller,
        Err(refusal) => return refused(&refusal, line),
    };
    line.principal = Some(caller.arn.clone());
    line.account_id = Some(caller.account_id.clone());
    let mut state = shared.state();
    let sessions = &mut state.sessions;
    let mut call = Call { caller, parameters: &parameters, world: &world, sessions, now, line };
    let done = operation(&mut call);
    match done {
        Ok(xml) => {
            "Allowed".clone_into(&mut line.verdict);
            (200, xml.answer(name, namespace, &request_id))
        }
        Err(refusal) => refused(&refusal, line),
    }
}
