//! What each link is about, in a few words.

use super::cure::{SessionRequest, last_segment};
use crate::samples::account_of;

/// An identity without the name of its session: `222222222222 assumed-role/LambdaRole`.
pub(super) fn caller_subject(arn: &str) -> String {
    let resource = arn.splitn(6, ':').nth(5).unwrap_or(arn);
    let identity = match resource.strip_prefix("assumed-role/") {
        Some(rest) => format!("assumed-role/{}", rest.split('/').next().unwrap_or(rest)),
        None => resource.to_owned(),
    };
    format!("{} {identity}", account_of(arn))
}

/// What the links of the hub side and of the member side are about.
pub(super) fn session_subjects(request: &SessionRequest) -> [String; 2] {
    let role_arn = request.role_arn.as_str();
    let role = role_arn.splitn(6, ':').nth(5).unwrap_or_default();
    let role = format!("{} {role}", account_of(role_arn));
    [format!("sts:AssumeRole on {role}"), role]
}

/// What the last link is about.
pub(super) fn actions_subject(request: &SessionRequest, actions: usize) -> String {
    let role_arn = request.role_arn.as_str();
    format!("{actions} IAM actions as {} in {}", last_segment(role_arn), account_of(role_arn))
}
