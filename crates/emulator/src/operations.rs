//! The table of operations, and the way of a request from HTTP to its operation and back.

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

use crate::authentication::{DEFAULT_REGION, SignedRequest, invalid_token};
use crate::authorization::{AuthenticatedCaller, RequestOrigin};
use crate::call::Call;
use crate::iam::{
    account, authorization_details, credentials, groups, last_accessed, policies, roles, simulation, users,
};
use crate::log::RequestLogEntry;
use crate::protocol::{ApiError, Parameters, Xml};
use crate::state::{Shared, State};
use crate::{ec2, iam, organizations, sts, toolbox};
use Handler::{Json, Query};

/// The function of an operation, in the protocol of its service.
enum Handler {
    Query(fn(&mut Call<'_>) -> Result<Xml, ApiError>),
    Json(fn(&mut Call<'_>) -> Result<Value, ApiError>),
}

/// The operations of a service: service, API version, and the name and the function of each.
type Service = (&'static str, &'static str, &'static [(&'static str, Handler)]);

const OPERATIONS: [Service; 5] = [
    ("sts", sts::VERSION, STS),
    ("iam", iam::VERSION, IAM),
    ("organizations", organizations::VERSION, ORGANIZATIONS),
    ("ec2", ec2::VERSION, EC2),
    ("iam-toolbox", toolbox::VERSION, TOOLBOX),
];

const STS: &[(&str, Handler)] = &[
    ("AssumeRole", Query(sts::assume_role)),
    ("GetCallerIdentity", Query(sts::get_caller_identity)),
    ("GetAccessKeyInfo", Query(sts::get_access_key_info)),
    ("GetFederationToken", Query(sts::get_federation_token)),
    ("GetSessionToken", Query(sts::get_session_token)),
];

const IAM: &[(&str, Handler)] = &[
    ("ListUsers", Query(users::list_users)),
    ("GetUser", Query(users::get_user)),
    ("ListUserTags", Query(users::list_user_tags)),
    ("ListUserPolicies", Query(users::list_user_policies)),
    ("GetUserPolicy", Query(users::get_user_policy)),
    ("ListAttachedUserPolicies", Query(users::list_attached_user_policies)),
    ("ListGroupsForUser", Query(users::list_groups_for_user)),
    ("ListAccessKeys", Query(users::list_access_keys)),
    ("GetAccessKeyLastUsed", Query(users::get_access_key_last_used)),
    ("GetLoginProfile", Query(users::get_login_profile)),
    ("ListMFADevices", Query(users::list_mfa_devices)),
    ("ListSSHPublicKeys", Query(credentials::list_ssh_public_keys)),
    ("ListSigningCertificates", Query(credentials::list_signing_certificates)),
    ("ListServiceSpecificCredentials", Query(credentials::list_service_specific_credentials)),
    ("ListGroups", Query(groups::list_groups)),
    ("GetGroup", Query(groups::get_group)),
    ("ListGroupPolicies", Query(groups::list_group_policies)),
    ("GetGroupPolicy", Query(groups::get_group_policy)),
    ("ListAttachedGroupPolicies", Query(groups::list_attached_group_policies)),
    ("ListRoles", Query(roles::list_roles)),
    ("GetRole", Query(roles::get_role)),
    ("ListRoleTags", Query(roles::list_role_tags)),
    ("ListRolePolicies", Query(roles::list_role_policies)),
    ("GetRolePolicy", Query(roles::get_role_policy)),
    ("ListAttachedRolePolicies", Query(roles::list_attached_role_policies)),
    ("ListInstanceProfiles", Query(roles::list_instance_profiles)),
    ("ListPolicies", Query(policies::list_policies)),
    ("GetPolicy", Query(policies::get_policy)),
    ("GetPolicyVersion", Query(policies::get_policy_version)),
    ("ListPolicyVersions", Query(policies::list_policy_versions)),
    ("ListEntitiesForPolicy", Query(policies::list_entities_for_policy)),
    ("ListPolicyTags", Query(policies::list_policy_tags)),
    ("GetAccountSummary", Query(account::get_account_summary)),
    ("ListAccountAliases", Query(account::list_account_aliases)),
    ("GetAccountPasswordPolicy", Query(account::get_account_password_policy)),
    ("ListVirtualMFADevices", Query(account::list_virtual_mfa_devices)),
    ("ListSAMLProviders", Query(account::list_saml_providers)),
    ("ListServerCertificates", Query(account::list_server_certificates)),
    ("ListSAMLProviderTags", Query(account::list_saml_provider_tags)),
    ("ListServerCertificateTags", Query(account::list_server_certificate_tags)),
    ("GenerateCredentialReport", Query(account::generate_credential_report)),
    ("GetCredentialReport", Query(account::get_credential_report)),
    ("ListOrganizationsFeatures", Query(account::list_organizations_features)),
    ("GetAccountAuthorizationDetails", Query(authorization_details::get_account_authorization_details)),
    ("GenerateServiceLastAccessedDetails", Query(last_accessed::generate_service_last_accessed_details)),
    ("GetServiceLastAccessedDetails", Query(last_accessed::get_service_last_accessed_details)),
    ("SimulatePrincipalPolicy", Query(simulation::simulate_principal_policy)),
];

const ORGANIZATIONS: &[(&str, Handler)] = &[
    ("DescribeAccount", Json(organizations::describe_account)),
    ("DescribeOrganization", Json(organizations::describe_organization)),
    ("DescribeOrganizationalUnit", Json(organizations::describe_organizational_unit)),
    ("DescribePolicy", Json(organizations::describe_policy)),
    ("ListAccounts", Json(organizations::list_accounts)),
    ("ListAccountsForParent", Json(organizations::list_accounts_for_parent)),
    ("ListChildren", Json(organizations::list_children)),
    ("ListDelegatedAdministrators", Json(organizations::list_delegated_administrators)),
    ("ListOrganizationalUnitsForParent", Json(organizations::list_organizational_units_for_parent)),
    ("ListParents", Json(organizations::list_parents)),
    ("ListPoliciesForTarget", Json(organizations::list_policies_for_target)),
    ("ListRoots", Json(organizations::list_roots)),
    ("ListTagsForResource", Json(organizations::list_tags_for_resource)),
];

const TOOLBOX: &[(&str, Handler)] = &[
    ("GetRequestAuthorizationDetails", Json(toolbox::get_request_authorization_details)),
    ("GetRequestAuthorizationPolicy", Json(toolbox::get_request_authorization_policy)),
];

const EC2: &[(&str, Handler)] = &[("DescribeRegions", Query(ec2::describe_regions))];

/// An HTTP response, without the headers that all have.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    /// The code of an error, which only `RestJson` has in a header.
    pub(crate) error_type: Option<String>,
    pub(crate) body: String,
}

/// The protocol of a request, and so of its response.
#[derive(Debug, Clone, Copy)]
enum Protocol {
    /// The AWS Query protocol, with the XML namespace of the response.
    Query(&'static str),
    /// The variant of it that EC2 has.
    Ec2,
    /// AWS JSON 1.1.
    Json,
    /// JSON with the operation in the path of the request.
    RestJson,
    /// XML with the operation in the method and the path of the request, as S3 has it. Only errors are in it.
    S3,
}

impl Protocol {
    /// The response of an error, which is also logged.
    fn error(self, error: &ApiError, log_entry: &mut RequestLogEntry) -> Response {
        let is_denial = error.code.starts_with("AccessDenied");
        log_entry.verdict = if is_denial { "Denied".to_owned() } else { error.code.clone() };
        log_entry.message = Some(error.message.clone());
        let (status, body) = match self {
            Self::Query(namespace) => (error.status, error.to_xml(namespace, &log_entry.request_id)),
            Self::Ec2 => error.to_ec2_xml(&log_entry.request_id),
            Self::Json => error.to_json(),
            Self::RestJson => (error.status, json!({ "message": error.message }).to_string()),
            Self::S3 => (error.status, error.to_s3_xml(&log_entry.request_id)),
        };
        let error_type = matches!(self, Self::RestJson).then(|| error.json_code().to_owned());
        Response { error_type, ..self.response(status, body) }
    }

    fn response(self, status: u16, body: String) -> Response {
        let content_type = match self {
            Self::Query(_) | Self::Ec2 => "text/xml",
            Self::S3 => "application/xml",
            Self::Json => "application/x-amz-json-1.1",
            Self::RestJson => "application/json",
        };
        Response { status, content_type, error_type: None, body }
    }
}

/// The response to a request whose body is larger than the limit.
pub(crate) fn too_large(log_entry: &mut RequestLogEntry) -> Response {
    let error = ApiError::new(413, "RequestEntityTooLarge", "The request body is larger than 1 MiB.");
    Protocol::Query(sts::NAMESPACE).error(&error, log_entry)
}

/// The response to a request whose body did not arrive in time.
pub(crate) fn too_slow(log_entry: &mut RequestLogEntry) -> Response {
    let error = ApiError::new(408, "RequestTimeout", "The request body did not arrive in time.");
    Protocol::Query(sts::NAMESPACE).error(&error, log_entry)
}

/// The response to a request. With `is_unavailable`, an injected fault, it is `ServiceUnavailable`.
pub(crate) async fn handle(
    request: Request<Bytes>,
    shared: &Shared,
    is_unavailable: bool,
    log_entry: &mut RequestLogEntry,
) -> Response {
    if is_for_s3(&request) {
        "s3".clone_into(&mut log_entry.operation);
        let message = "The emulator has no S3: as the store of rolecall sweep, name a folder.";
        return Protocol::S3.error(&ApiError::new(501, "NotImplemented", message), log_entry);
    }
    let (protocol, parameters, version, action) = parse(&request);
    action.clone_into(&mut log_entry.operation);
    let rows = || {
        OPERATIONS
            .iter()
            .flat_map(|(service, version, rows)| rows.iter().map(move |row| (service, version, row)))
    };
    let row = rows().find(|(_, its_version, (name, _))| **its_version == version && *name == action);
    let Some((service, _, (name, handler))) = row else {
        let is_of_service =
            |its_version: &str| version == its_version || !OPERATIONS.iter().any(|row| row.1 == version);
        let implemented: Vec<String> = rows()
            .filter(|(_, its_version, _)| is_of_service(its_version))
            .map(|(service, _, (name, _))| format!("{service}:{name}"))
            .collect();
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
        Some(parameters) => execute(request, shared, (service, name), &parameters, handler, log_entry).await,
    };
    match result {
        Ok(Body::Xml(xml)) => {
            "Allowed".clone_into(&mut log_entry.verdict);
            let body = match protocol {
                Protocol::Query(namespace) => xml.into_response(name, namespace, &log_entry.request_id),
                _ => xml.into_ec2_response(name, ec2::NAMESPACE, &log_entry.request_id),
            };
            protocol.response(200, body)
        }
        Ok(Body::Json(value)) => {
            "Allowed".clone_into(&mut log_entry.verdict);
            protocol.response(200, value.to_string())
        }
        Err(error) => protocol.error(&error, log_entry),
    }
}

/// Whether a request is signed for S3, whose clients read no errors of other protocols.
fn is_for_s3(request: &Request<Bytes>) -> bool {
    let authorization = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    authorization.is_some_and(|authorization| authorization.contains("/s3/aws4_request"))
}

/// The protocol, the parameters, the API version and the operation of a request. The parameters are `None` if the body
/// is not valid.
fn parse(request: &Request<Bytes>) -> (Protocol, Option<Parameters>, String, String) {
    // X-Amz-Target holds the API version without hyphens: AWSOrganizationsV20161128.ListAccounts.
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
    let target = target.map(|target| target.rsplit_once('.').unwrap_or((target, "")));
    if let Some((version, action)) = target {
        let parameters = Parameters::from_json(request.body());
        (Protocol::Json, parameters, version.to_owned(), action.to_owned())
    } else if let Some((action, id)) = toolbox::parse_path(request.uri().path()) {
        let mut parameters = Parameters::parse(request.uri().query().unwrap_or_default(), b"");
        parameters.set("authorizationId", id);
        (Protocol::RestJson, Some(parameters), toolbox::VERSION.to_owned(), action.to_owned())
    } else {
        let parameters = Parameters::parse(request.uri().query().unwrap_or_default(), request.body());
        let value = |name| parameters.get(name).unwrap_or_default().to_owned();
        let (version, action) = (value("Version"), value("Action"));
        let protocol = match version.as_str() {
            iam::VERSION => Protocol::Query(iam::NAMESPACE),
            ec2::VERSION => Protocol::Ec2,
            _ => Protocol::Query(sts::NAMESPACE),
        };
        (protocol, Some(parameters), version, action)
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
    (service, operation): (&'static str, &str),
    parameters: &Parameters,
    handler: &Handler,
    log_entry: &mut RequestLogEntry,
) -> Result<Body, ApiError> {
    let (now, world) = (log_entry.time, &shared.world);
    let signed_request = SignedRequest::parse(&request, world, &shared.state().sessions)?;
    let is_regional = ["sts", "ec2", "iam-toolbox"].contains(&service);
    let region = if is_regional { signed_request.region.clone() } else { DEFAULT_REGION.to_owned() };
    log_entry.region = Some(region.clone());
    let access_key_id = signed_request.access_key_id.clone();
    let user_agent = request.headers().get("user-agent").and_then(|value| value.to_str().ok());
    let user_agent = user_agent.map(str::to_owned);
    let signing_name = if service == "iam-toolbox" { "iam" } else { service };
    let identity = signed_request.verify(request, signing_name, now).await?;
    let origin = RequestOrigin { region: region.clone(), source_ip: log_entry.source_ip.clone(), user_agent };
    let caller = AuthenticatedCaller::new(identity, world, &origin, now)?;
    log_entry.access_key_id = Some(access_key_id);
    log_entry.principal = Some(caller.principal.as_str().to_owned());
    log_entry.account_id = Some(caller.account_id().to_owned());
    caller.require_credentials_for(service, operation)?;
    // Nobody can use credentials in a region to which their account has not opted in.
    if world.account(caller.account_id()).is_some_and(|it| it.disabled_regions.contains(&region)) {
        return Err(invalid_token());
    }
    if service == "iam" && world.account(caller.account_id()).is_some_and(|account| account.hangs) {
        std::future::pending::<()>().await;
    }
    let rate = match service {
        "iam" => world.fault_injection.iam_rate,
        "sts" => world.fault_injection.sts_rate,
        "organizations" => world.fault_injection.organizations_rate,
        _ => None,
    };
    let mut state = shared.state();
    if rate.is_some_and(|rate| !state.try_take_token(service, caller.account_id(), rate, now)) {
        return Err(ApiError::new(400, "Throttling", "Rate exceeded"));
    }
    let State { sessions, reports, mfa_steps, access_jobs, denials, .. } = &mut *state;
    let mut call = Call {
        caller,
        parameters,
        world,
        sessions,
        reports,
        mfa_steps,
        access_jobs,
        denials,
        now,
        log_entry,
    };
    match handler {
        Handler::Query(operation) => operation(&mut call).map(Body::Xml),
        Handler::Json(operation) => operation(&mut call).map(Body::Json),
    }
}
