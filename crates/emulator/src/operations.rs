//! Requests in, answers out, in the protocol of their service.

use bytes::Bytes;
use http::Request;
use serde_json::Value;

use crate::authentication::SignedRequest;
use crate::authorization::AuthenticatedCaller;
use crate::call::Call;
use crate::log::RequestLogEntry;
use crate::protocol::{ApiError, Parameters, Xml};
use crate::state::{Shared, State};
use crate::{iam, organizations, sts};

/// What an operation does, in the protocol of its service.
enum Handler {
    Query(fn(&mut Call<'_>) -> Result<Xml, ApiError>),
    Json(fn(&mut Call<'_>) -> Result<Value, ApiError>),
}

/// Service, version, name and what it does.
const OPERATIONS: &[(&str, &str, &str, Handler)] = &[
    ("sts", sts::VERSION, "AssumeRole", Handler::Query(sts::assume_role)),
    ("sts", sts::VERSION, "GetCallerIdentity", Handler::Query(sts::get_caller_identity)),
    ("sts", sts::VERSION, "GetAccessKeyInfo", Handler::Query(sts::get_access_key_info)),
    ("iam", iam::VERSION, "ListUsers", Handler::Query(iam::users::list_users)),
    ("iam", iam::VERSION, "GetUser", Handler::Query(iam::users::get_user)),
    ("iam", iam::VERSION, "ListAccessKeys", Handler::Query(iam::users::list_access_keys)),
    ("iam", iam::VERSION, "GetAccessKeyLastUsed", Handler::Query(iam::users::get_access_key_last_used)),
    ("iam", iam::VERSION, "GetAccountSummary", Handler::Query(iam::account::get_account_summary)),
    ("iam", iam::VERSION, "ListAccountAliases", Handler::Query(iam::account::list_account_aliases)),
    ("iam", iam::VERSION, "GetLoginProfile", Handler::Query(iam::users::get_login_profile)),
    ("iam", iam::VERSION, "ListMFADevices", Handler::Query(iam::users::list_mfa_devices)),
    (
        "iam",
        iam::VERSION,
        "GetAccountAuthorizationDetails",
        Handler::Query(iam::account::get_account_authorization_details),
    ),
    (
        "iam",
        iam::VERSION,
        "GenerateCredentialReport",
        Handler::Query(iam::account::generate_credential_report),
    ),
    ("iam", iam::VERSION, "GetCredentialReport", Handler::Query(iam::account::get_credential_report)),
    (
        "iam",
        iam::VERSION,
        "ListOrganizationsFeatures",
        Handler::Query(iam::account::list_organizations_features),
    ),
    (
        "organizations",
        organizations::VERSION,
        "DescribeAccount",
        Handler::Json(organizations::describe_account),
    ),
    (
        "organizations",
        organizations::VERSION,
        "DescribeOrganization",
        Handler::Json(organizations::describe_organization),
    ),
    ("organizations", organizations::VERSION, "ListAccounts", Handler::Json(organizations::list_accounts)),
    (
        "organizations",
        organizations::VERSION,
        "ListAccountsForParent",
        Handler::Json(organizations::list_accounts_for_parent),
    ),
    (
        "organizations",
        organizations::VERSION,
        "ListOrganizationalUnitsForParent",
        Handler::Json(organizations::list_organizational_units_for_parent),
    ),
    ("organizations", organizations::VERSION, "ListParents", Handler::Json(organizations::list_parents)),
    ("organizations", organizations::VERSION, "ListRoots", Handler::Json(organizations::list_roots)),
    (
        "organizations",
        organizations::VERSION,
        "ListTagsForResource",
        Handler::Json(organizations::list_tags_for_resource),
    ),
];

/// What goes over the wire.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
}

/// How a request asks, and how it is answered.
#[derive(Debug, Clone, Copy)]
enum Protocol {
    /// In this namespace.
    Query(&'static str),
    Json,
}

impl Protocol {
    fn refused(self, refusal: &ApiError, line: &mut RequestLogEntry) -> Response {
        let is_denial = refusal.code.starts_with("AccessDenied");
        line.verdict = if is_denial { "Denied".to_owned() } else { refusal.code.clone() };
        line.message = Some(refusal.message.clone());
        let (status, body) = match self {
            Self::Query(namespace) => (refusal.status, refusal.to_xml(namespace, &line.request_id)),
            Self::Json => refusal.to_json(),
        };
        self.answer(status, body)
    }

    fn answer(self, status: u16, body: String) -> Response {
        let content_type = match self {
            Self::Query(_) => "text/xml",
            Self::Json => "application/x-amz-json-1.1",
        };
        Response { status, content_type, body }
    }
}

/// The answer to a request that is too large to be read.
pub(crate) fn too_large(line: &mut RequestLogEntry) -> Response {
    let refusal = ApiError::new(413, "RequestEntityTooLarge", "the request is larger than 1 MiB");
    Protocol::Query(sts::NAMESPACE).refused(&refusal, line)
}

/// The answer to a request; where it `fails`, what a service answers that is not well.
pub(crate) async fn answer(
    request: Request<Bytes>,
    shared: &Shared,
    fails: bool,
    line: &mut RequestLogEntry,
) -> Response {
    // A target names the version without hyphens: AWSOrganizationsV20161128.ListAccounts.
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
    let target = target.map(|target| target.rsplit_once('.').unwrap_or((target, "")));
    let (protocol, parameters, version, action) = if let Some((version, action)) = target {
        let parameters = Parameters::of_json(request.body());
        (Protocol::Json, parameters, version.to_owned(), action.to_owned())
    } else {
        let parameters = Parameters::parse(request.uri().query().unwrap_or_default(), request.body());
        let of = |name| parameters.get(name).unwrap_or_default().to_owned();
        let (version, action) = (of("Version"), of("Action"));
        let namespace = if version == iam::VERSION { iam::NAMESPACE } else { sts::NAMESPACE };
        (Protocol::Query(namespace), Some(parameters), version, action)
    };
    action.clone_into(&mut line.operation);
    let row = OPERATIONS.iter().find(|row| row.1 == version && row.2 == action);
    let Some((service, _, name, does)) = row else {
        let had: Vec<String> = OPERATIONS.iter().map(|row| format!("{}:{}", row.0, row.2)).collect();
        let message = format!(
            "Could not find operation {action} for version {version}; this emulator has {}",
            had.join(", ")
        );
        return protocol.refused(&ApiError::new(400, "InvalidAction", message), line);
    };
    line.operation = format!("{service}:{name}");
    if fails {
        let refusal = ApiError::new(503, "ServiceUnavailable", "Service is unable to handle request.");
        return protocol.refused(&refusal, line);
    }
    let done = match parameters {
        None => Err(ApiError::new(400, "SerializationException", "the request is no JSON object")),
        Some(parameters) => operate(request, shared, service, &parameters, does, line).await,
    };
    match done {
        Ok(Body::Xml(xml)) => {
            let Protocol::Query(namespace) = protocol else { return protocol.answer(500, String::new()) };
            "Allowed".clone_into(&mut line.verdict);
            protocol.answer(200, xml.answer(name, namespace, &line.request_id))
        }
        Ok(Body::Json(value)) => {
            "Allowed".clone_into(&mut line.verdict);
            protocol.answer(200, value.to_string())
        }
        Err(refusal) => protocol.refused(&refusal, line),
    }
}

/// What an operation gives.
enum Body {
    Xml(Xml),
    Json(Value),
}

async fn operate(
    request: Request<Bytes>,
    shared: &Shared,
    service: &'static str,
    parameters: &Parameters,
    does: &Handler,
    line: &mut RequestLogEntry,
) -> Result<Body, ApiError> {
    let (now, world) = (line.time, &shared.world);
    let claim = SignedRequest::parse(&request, world, &shared.state().sessions)?;
    let region = if service == "sts" { claim.region.clone() } else { "us-east-1".to_owned() };
    line.region = Some(region.clone());
    let identity = claim.verify(request, service, now).await?;
    let caller = AuthenticatedCaller::new(identity, world, &region, &line.source_ip, now)?;
    line.principal = Some(caller.principal.as_str().to_owned());
    line.account_id = Some(caller.account_id().to_owned());
    if service == "iam" && world.account(caller.account_id()).is_some_and(|account| account.hangs) {
        std::future::pending::<()>().await;
    }
    let rate = match service {
        "iam" => world.fault_injection.iam_rate,
        "sts" => world.fault_injection.sts_rate,
        _ => world.fault_injection.organizations_rate,
    };
    let mut state = shared.state();
    if rate.is_some_and(|rate| !state.try_take_token(service, caller.account_id(), rate, now)) {
        return Err(ApiError::new(400, "Throttling", "Rate exceeded"));
    }
    let State { sessions, reports, .. } = &mut *state;
    let mut call = Call { caller, parameters, world, sessions, reports, now, line };
    match does {
        Handler::Query(does) => does(&mut call).map(Body::Xml),
        Handler::Json(does) => does(&mut call).map(Body::Json),
    }
}
