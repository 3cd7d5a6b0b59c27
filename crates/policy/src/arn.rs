//! The parts of an ARN in a policy, where each may have wildcards.

/// An ARN, in its parts.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arn<'a> {
    pub(crate) partition: &'a str,
    pub(crate) service: &'a str,
    pub(crate) region: &'a str,
    pub(crate) account_id: &'a str,
    /// What follows the fifth colon, such as `role/service-role/LambdaRole`.
    pub(crate) resource: &'a str,
}

impl<'a> Arn<'a> {
    /// The parts of a text; `None` where it does not begin with `arn:` or has fewer than six parts. A policy variable such as
    /// `${aws:PrincipalAccount}` has a colon, so a text with one before the fifth colon has no parts that mean anything.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        match [(); 6].map(|()| parts.next()) {
            [Some("arn"), Some(partition), Some(service), Some(region), Some(account_id), Some(resource)] => {
                Some(Self { partition, service, region, account_id, resource })
            }
            _ => None,
        }
    }

    /// The ARN of the role, without its path, where this is the ARN of one of its sessions.
    pub(crate) fn session_role_arn(&self) -> Option<String> {
        let Self { partition, account_id, resource, .. } = self;
        let name = resource.strip_prefix("assumed-role/")?.split('/').next()?;
        Some(format!("arn:{partition}:iam::{account_id}:role/{name}"))
    }
}
