//! The table of operations, and the way of a request from HTTP to its operation and back.

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

/// The function of an operation, in the protocol of its service.
enum Handler {
    Query(fn(&mut Call<'_>) -> Result<Xml, ApiError>),
    Json(fn(&mut Call<'_>) -> Result<Value, ApiError>),
}

/// Service, API version, name and function of each operation.
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

/// An HTTP response, without the headers that all have.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
}

/// The protocol of a request, and so of its response.
#[derive(Debug, Clone, Copy)]
enum Protocol {
    /// The AWS Query protocol, with the XML namespace of the response.
    Query(&'static str),
    /// AWS JSON 1.1.
    Json,
}

impl Protocol {
    /// The response of an error, which is also logged.
    fn error(self, error: &ApiError, log_entry: &mut RequestLogEntry) -> Response {
        let is_denial = error.code.starts_with("AccessDenied");
        log_entry.verdict = if is_denial { "Denied".to_owned() } else { error.code.clone() };
        log_entry.message = Some(error.message.clone());
        let (status, body) = match self {
            Self::Query(namespace) => (error.status, error.to_xml(namespace, &log_entry.request_id)),
            Self::Json => error.to_json(),
        };
        self.response(status, body)
    }

    fn response(self, status: u16, body: String) -> Response {
        let content_type = match self {
            Self::Query(_) => "text/xml",
            Self::Json => "application/x-amz-json-1.1",
        };
        Response { status, content_type, body }
    }
}

/// The response to a request whose body is larger than the limit.
pub(crate) fn too_large(log_entry: &mut RequestLogEntry) -> Response {
    let error = ApiError::new(413, "RequestEntityTooLarge", "The request body is larger than 1 MiB.");
    Protocol::Query(sts::NAMESPACE).error(&error, log_entry)
}

/// The response to a request. With `is_unavailable`, an injected fault, it is `ServiceUnavailable`.
pub(crate) async fn handle(
    request: Request<Bytes>,
    shared: &Shared,
    is_unavailable: bool,
    log_entry: &mut RequestLogEntry,
) -> Response {
    // X-Amz-Target holds the API version without hyphens: AWSOrganizationsV20161128.ListAccounts.
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
    let target = target.map(|target| target.rsplit_once('.').unwrap_or((target, "")));
    let (protocol, parameters, version, action) = if let Some((version, action)) = target {
        let parameters = Parameters::from_json(request.body());
        (Protocol::Json, parameters, version.to_owned(), action.to_owned())
    } else {
        let parameters = Parameters::parse(request.uri().query().unwrap_or_default(), request.body());
        let value = |name| parameters.get(name).unwrap_or_default().to_owned();
        let (version, action) = (value("Version"), value("Action"));
        let namespace = if version == iam::VERSION { iam::NAMESPACE } else { sts::NAMESPACE };
        (Protocol::Query(namespace), Some(parameters), version, action)
    };
    action.clone_into(&mut log_entry.operation);
    let row = OPERATIONS.iter().find(|row| row.1 == version && row.2 == action);
    let Some((service, _, name, handler)) = row else {
        let implemented: Vec<String> = OPERATIONS.iter().map(|row| format!("{}:{}", row.0, row.2)).collect();
        let message = format!(
            "Could not find operation {action} for version {version}; this emulator implements {}",
            implemented.join(", ")
        );
        return protocol.error(&ApiError::new(400, "InvalidAction", message), log_entry);
    };
    log_entry.operation = format!("{service}:{name}");
    if is_unavailable {
        let error = ApiError::new(503, "ServiceUnavailable", "Service is unable to handle request.");
        return protocol.error(&error, log_entry);
    }
    let result = match parameters {
        None => Err(ApiError::new(400, "SerializationException", "The request body is not a JSON object.")),
        Some(parameters) => execute(request, shared, service, &parameters, handler, log_entry).await,
    };
    match result {
        Ok(Body::Xml(xml)) => {
            let Protocol::Query(namespace) = protocol else { return protocol.response(500, String::new()) };
            "Allowed".clone_into(&mut log_entry.verdict);
            protocol.response(200, xml.into_response(name, namespace, &log_entry.request_id))
        }
        Ok(Body::Json(value)) => {
            "Allowed".clone_into(&mut log_entry.verdict);
            protocol.response(200, value.to_string())
        }
        Err(error) => protocol.error(&error, log_entry),
    }
}

/// The result of an operation, in the protocol of its service.
enum Body {
    Xml(Xml),
    Json(Value),
}

/// Authenticates the caller, applies the injected faults of its account, and runs the operation.
async fn execute(
    request: Request<Bytes>,
    shared: &Shared,
    service: &'static str,
    parameters: &Parameters,
    handler: &Handler,
    log_entry: &mut RequestLogEntry,
) -> Result<Body, ApiError> {
    let (now, world) = (log_entry.time, &shared.world);
    let signed_request = SignedRequest::parse(&request, world, &shared.state().sessions)?;
    let region = if service == "sts" { signed_request.region.clone() } else { "us-east-1".to_owned() };
    log_entry.region = Some(region.clone());
    let access_key_id = signed_request.access_key_id.clone();
    let identity = signed_request.verify(request, service, now).await?;
    let caller = AuthenticatedCaller::new(identity, world, &region, &log_entry.source_ip, now)?;
    log_entry.access_key_id = Some(access_key_id);
    log_entry.principal = Some(caller.principal.as_str().to_owned());
    log_entry.account_id = Some(caller.account_id().to_owned());
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
    let mut call = Call { caller, parameters, world, sessions, reports, now, log_entry };
    match handler {
        Handler::Query(operation) => operation(&mut call).map(Body::Xml),
        Handler::Json(operation) => operation(&mut call).map(Body::Json),
    }
}
