//! The IAM Toolbox (preview): the authorization details of denied requests.
//!
//! Source: <https://docs.aws.amazon.com/iam-toolbox/latest/APIReference/Welcome.html>

use serde_json::{Value, json};

use crate::authorization::AuthorizationRequest;
use crate::call::Call;
use crate::denials::DenialRecord;
use crate::protocol::ApiError;

/// The API version. A request has none: its path names the operation.
pub(crate) const VERSION: &str = "2018-05-10";

/// The path of all operations.
pub(crate) const PATH: &str = "/authorization-details/";

/// `iam:GetRequestAuthorizationDetails`.
pub(crate) fn get_request_authorization_details(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let id = authorization_id(call)?;
    if call.parameters.get("nextToken").is_some() {
        // A request is denied by one evaluation, so there is one page.
        return Err(ApiError::new(400, "ValidationException", "The pagination token is not valid."));
    }
    call.allow(&AuthorizationRequest::new("iam:GetRequestAuthorizationDetails", "*", "*"))?;
    Ok(record(call, id)?.details.clone())
}

/// `iam:GetRequestAuthorizationPolicy`: the document of a policy in the details.
pub(crate) fn get_request_authorization_policy(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let id = authorization_id(call)?;
    let uri = call.parameters.get("policyUri").filter(|uri| (1..=2048).contains(&uri.chars().count()));
    let uri = uri.ok_or_else(|| {
        ApiError::new(400, "ValidationException", "policyUri must have 1 to 2048 characters.")
    })?;
    call.allow(&AuthorizationRequest::new("iam:GetRequestAuthorizationPolicy", "*", "*"))?;
    let document = record(call, id)?.documents.get(uri).cloned();
    document.map(|document| json!({ "policyDocument": document })).ok_or_else(not_found)
}

/// The name of the operation and the parameters that the path of a request holds.
pub(crate) fn parse_path(path: &str) -> Option<(&'static str, &str)> {
    let rest = path.strip_prefix(PATH)?;
    match rest.split_once('/') {
        None => Some(("GetRequestAuthorizationDetails", rest)),
        Some((id, "policy")) => Some(("GetRequestAuthorizationPolicy", id)),
        Some(_) => None,
    }
}

/// The authorization id of a request.
///
/// # Errors
/// `ValidationException` for a text that cannot be one.
fn authorization_id<'a>(call: &Call<'a>) -> Result<&'a str, ApiError> {
    let id = call.parameters.get("authorizationId").unwrap_or_default();
    let is_valid = (1..=256).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase());
    if is_valid {
        return Ok(id);
    }
    let message = "The authorization ID must have 1 to 256 lowercase letters and digits.";
    Err(ApiError::new(400, "ValidationException", message))
}

/// The record of an authorization id.
///
/// # Errors
/// `ResourceNotFoundException`, also for one of another region, and for one that the caller's account may not read.
fn record<'a>(call: &'a Call<'_>, id: &str) -> Result<&'a DenialRecord, ApiError> {
    let region = call.log_entry.region.as_deref().unwrap_or_default();
    let account_id = call.caller.account_id();
    call.denials.find(id, region, account_id, (call.world, call.now)).ok_or_else(not_found)
}

fn not_found() -> ApiError {
    let message =
        "The requested policy or authorization details do not exist in this region or have expired.";
    ApiError::new(404, "ResourceNotFoundException", message)
}
