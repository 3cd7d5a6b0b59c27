use serde_json::json;

/// A session policy: of all that the role may do, the session may do `actions`, and nothing else.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session>
pub(super) fn allowing(actions: &[&str]) -> String {
    json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": actions, "Resource": "*" }],
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::allowing;

    #[test]
    fn it_allows_the_actions_and_fits() {
        let policy = allowing(&["iam:ListUsers", "iam:ListAccessKeys"]);
        assert!(policy.contains(r#""Action":["iam:ListUsers","iam:ListAccessKeys"]"#), "{policy}");
        assert!(policy.len() <= 2048, "STS takes session policies of up to 2,048 characters");
    }
}
