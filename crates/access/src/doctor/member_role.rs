//! The role as an administrator of the member account sees it: `iam:GetRole`, with credentials of that account.

use aws_sdk_iam::error::ProvideErrorMetadata as _;
use futures_util::FutureExt;
use percent_encoding::percent_decode_str;
use rolecall_core::{CallError, Scanner};
use rolecall_policy::{NamedPolicy, Policy, PolicyType};
use rolecall_roll::{ErrorKind, RoleArn};

use super::cure::last_segment;

/// What `iam:GetRole` says of a role.
pub(super) enum MemberRole {
    /// The account has no role of this name.
    Missing,
    /// The account has a role of this name with another ARN: another path, or another case.
    OtherArn(String),
    /// The role, with its trust policy.
    Trust(NamedPolicy),
}

/// Reads the role.
///
/// # Errors
/// AWS's error, or a trust policy that cannot be parsed.
pub(super) async fn read(member: &Scanner, role_arn: &RoleArn) -> Result<MemberRole, CallError> {
    const GET_ROLE: &str = "GetRole";
    let role_name = last_segment(role_arn.as_str());
    let response = member.iam().get_role().role_name(role_name).send().boxed_local().await;
    let role = match response {
        Ok(output) => output.role,
        Err(error) if error.code() == Some("NoSuchEntity") => return Ok(MemberRole::Missing),
        Err(error) => return Err(member.error(GET_ROLE, &error)),
    };
    let malformed = |message: String| CallError::malformed(GET_ROLE, message, None);
    let role = role.ok_or_else(|| malformed("the response has no role".to_owned()))?;
    if role.arn != role_arn.as_str() {
        return Ok(MemberRole::OtherArn(role.arn));
    }
    let text = role.assume_role_policy_document.unwrap_or_default();
    let text = percent_decode_str(&text).decode_utf8_lossy();
    let invalid = |problem: String| malformed(format!("the trust policy cannot be evaluated: {problem}"));
    let document = serde_json::from_str(&text).map_err(|_| invalid("it is not JSON".to_owned()))?;
    let policy = Policy::parse(&document, PolicyType::Trust).map_err(|error| invalid(error.to_string()))?;
    Ok(MemberRole::Trust(NamedPolicy { name: "the trust policy".to_owned(), policy }))
}

/// Why the role could not be read, in a few words.
pub(super) fn why_unread(error: &CallError) -> String {
    match error.error_kind {
        ErrorKind::Denied => "--member-profile may not call iam:GetRole".to_owned(),
        _ => format!("the role could not be read with --member-profile: {error}"),
    }
}
