//! Groups, policies, permissions boundaries and tags of all users: `iam:GetAccountAuthorizationDetails`, with 1,000 users
//! per call.

use std::collections::BTreeMap;

use aws_sdk_iam::operation::RequestId as _;
use aws_sdk_iam::types::{EntityType, UserDetail};
use futures_util::FutureExt;
use rolecall_roll::{Fact, FactKind, Policies};
use serde_json::Value;

use super::{Collector, FactSet, Join, Progress, Read, mark_nothing, mark_unread};
use crate::pages::{self, Page};
use crate::session::Session;

/// Declares the fact [`FactKind::Policies`].
pub const COLLECTOR: Collector = Collector {
    fact: FactKind::Policies,
    set: FactSet::Recommended,
    actions: &["iam:GetAccountAuthorizationDetails"],
    description: "each user's groups, policies, permissions boundary and tags, and whether the user is a recognized administrator",
    read: Read::AllUsers(
        |session, progress| collect(session, progress).boxed_local(),
        |user, reason| mark_unread(&mut user.policies, reason),
        mark_nothing,
    ),
};

const GET_DETAILS: &str = "GetAccountAuthorizationDetails";

struct UserPolicies {
    user_name: String,
    user_id: String,
    policies: Policies,
}

/// Reads the policies of all users.
async fn collect(session: &Session<'_>, progress: &Progress) -> Join {
    let mut all = Vec::new();
    let fetch = async |marker| {
        let iam = session.iam().await?;
        let call = iam.client.get_account_authorization_details().filter(EntityType::User).max_items(1000);
        let response = call.set_marker(marker).send().await;
        let response = response.map_err(|error| iam.error(GET_DETAILS, &error))?;
        let request_id = response.request_id().map(str::to_owned);
        let items = response.user_detail_list().iter().map(user_policies).collect();
        Ok(Page { items, is_truncated: response.is_truncated, marker: response.marker, request_id })
    };
    let key = |user: &UserPolicies| user.user_id.clone();
    if let Err(error) = pages::for_each(GET_DETAILS, fetch, key, |page| all.extend(page)).await {
        progress.push_error(FactKind::Policies, None, error);
    }
    Box::new(move |progress| {
        for UserPolicies { user_name, policies, .. } in all {
            if !progress.update_user(&user_name, |user| user.policies = Fact::live(policies)) {
                progress.push_unlisted(&user_name);
            }
        }
    })
}

fn user_policies(detail: &UserDetail) -> UserPolicies {
    let attached = detail.attached_managed_policies().iter();
    let attached_policies: Vec<String> = attached.filter_map(|policy| policy.policy_arn.clone()).collect();
    let inline_policies: Vec<String> =
        detail.user_policy_list().iter().filter_map(|policy| policy.policy_name.clone()).collect();
    let documents = detail.user_policy_list().iter().filter_map(|policy| policy.policy_document());
    let is_administrator =
        attached_policies.iter().any(|arn| arn.ends_with(":iam::aws:policy/AdministratorAccess"))
            || documents.into_iter().any(allows_everything);
    let tags: BTreeMap<String, String> =
        detail.tags().iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect();
    let boundary = detail.permissions_boundary.as_ref();
    let policies = Policies {
        groups: detail.group_list().to_vec(),
        attached_policies,
        inline_policies,
        permissions_boundary: boundary.and_then(|boundary| boundary.permissions_boundary_arn.clone()),
        is_administrator: is_administrator.then_some(true),
        tags,
    };
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    UserPolicies { user_name: text(&detail.user_name), user_id: text(&detail.user_id), policies }
}

/// Whether a policy document, percent-encoded as IAM returns it, allows `*` on `*` without a condition.
fn allows_everything(document: &str) -> bool {
    let decoded: Vec<u8> = percent_encoding::percent_decode_str(document).collect();
    let Ok(document) = serde_json::from_slice::<Value>(&decoded) else { return false };
    let is_star = |value: &Value| match value {
        Value::String(text) => text == "*",
        Value::Array(texts) => texts.iter().any(|text| text == "*"),
        _ => false,
    };
    let statements = match document.get("Statement") {
        Some(Value::Array(statements)) => statements.clone(),
        Some(statement) => vec![statement.clone()],
        None => Vec::new(),
    };
    statements.iter().any(|statement| {
        statement.get("Effect").is_some_and(|effect| effect == "Allow")
            && statement.get("Action").is_some_and(is_star)
            && statement.get("Resource").is_some_and(is_star)
            && statement.get("Condition").is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::allows_everything;

    #[test]
    fn a_policy_that_allows_everything_is_recognized() {
        for (document, expected) in [
            (
                "%7B%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22%2A%22%2C%22Resource%22%3A%22%2A%22%7D%7D",
                true,
            ),
            (r#"{"Statement": [{"Effect": "Allow", "Action": ["s3:*", "*"], "Resource": ["*"]}]}"#, true),
            (r#"{"Statement": [{"Effect": "Allow", "Action": "iam:*", "Resource": "*"}]}"#, false),
            (r#"{"Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}"#, false),
            (r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {}}}"#, false),
            ("%zz", false),
            ("", false),
        ] {
            assert_eq!(allows_everything(document), expected, "{document}");
        }
    }
}
