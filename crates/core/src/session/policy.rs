use serde_json::json;

/// A session policy that limits the session to `actions`, as far as the role allows them.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session>
pub(super) fn allow_actions(actions: &[&str]) -> String {
    json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": actions, "Resource": "*" }],
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::allow_actions;

    #[test]
    fn a_session_policy_allows_the_actions_and_fits_the_size_limit() {
        let policy = allow_actions(&["iam:ListUsers", "iam:ListAccessKeys"]);
        assert!(policy.contains(r#""Action":["iam:ListUsers","iam:ListAccessKeys"]"#), "{policy}");
        assert!(policy.len() <= 2048, "STS accepts session policies of up to 2,048 characters");
    }
}
