//! How sessions are asked for.

use std::time::Duration;

use rolecall_roll::RoleSessionName;

/// What all sessions have in common.
#[derive(Debug, Clone)]
pub struct SessionSettings {
    /// The session's name, as CloudTrail shows it in the accounts that are read.
    pub name: RoleSessionName,
    /// How long a session is asked to last: 15 minutes to 12 hours, and to what the role allows.
    pub duration: Duration,
    /// Whether a session policy narrows the session to the actions that are needed, whatever else the role may do.
    pub narrow: bool,
    /// Who is behind it, as CloudTrail shows it; needs `sts:SetSourceIdentity` in the roles' trust policies.
    pub source_identity: Option<RoleSessionName>,
    /// Tags of each session; they need `sts:TagSession` in the roles' trust policies.
    pub tags: Vec<(String, String)>,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self {
            name: RoleSessionName::default(),
            duration: Duration::from_hours(1),
            narrow: true,
            source_identity: None,
            tags: Vec::new(),
        }
    }
}
