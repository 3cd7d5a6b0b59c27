//! Whose credentials the emulator gives to the programs that it is for.

use std::collections::BTreeMap;

use rolecall_policy::NamedPolicy;

use super::AccessKey;

/// The caller that a world is made for, in place of the default role.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) identity: CallerIdentity,
    /// How long the credentials of a session are valid, in seconds; with 0, they have expired.
    pub(crate) session_duration: u32,
}

/// The user, the role or the root user whose credentials a caller has.
#[derive(Debug, Clone)]
pub(crate) enum CallerIdentity {
    /// A session of a role, whomever the role trusts.
    Role {
        arn: String,
        /// `None`: no session policy limits it.
        session_policy: Option<NamedPolicy>,
        source_identity: Option<String>,
        /// Tag values by tag key.
        tags: BTreeMap<String, String>,
    },
    /// The first active access key of a user or of a root user.
    AccessKey { arn: String, key: AccessKey },
}

impl Caller {
    /// The ARN of the user, the role or the root user.
    pub(crate) fn arn(&self) -> &str {
        match &self.identity {
            CallerIdentity::Role { arn, .. } | CallerIdentity::AccessKey { arn, .. } => arn,
        }
    }
}
