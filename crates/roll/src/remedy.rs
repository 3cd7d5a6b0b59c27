//! What to do about a gap: a code with parameters, which each front end words in its own terms.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::denial::PolicyType;

/// What to do about a gap. It is stored as it is; [`Remedy::to_text`] makes the sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case", deny_unknown_fields)]
pub enum Remedy {
    /// Allow actions in a policy of the principal's own.
    AllowActions {
        /// Whose principal it is.
        side: Side,
        /// The ARN of the principal, where AWS names it; of a session without the session's name.
        principal: Option<String>,
        /// The actions.
        actions: Vec<String>,
        /// The resource, where AWS names it.
        resource: Option<String>,
    },
    /// Allow an action in a policy that limits what the principal's own policies allow, or in a resource's.
    AllowInPolicy {
        /// The type of the policy.
        policy: PolicyType,
        /// Whose principal it limits.
        side: Side,
        /// The ARN of the principal, where AWS names it.
        principal: Option<String>,
        /// The action, where AWS names it.
        action: Option<String>,
    },
    /// Look at what a policy denies explicitly. Further permissions change nothing about it.
    RemoveDeny {
        /// The type of the policy.
        policy: PolicyType,
        /// Whose principal it denies.
        side: Side,
        /// The ARN of the principal, where AWS names it.
        principal: Option<String>,
        /// The action, where AWS names it.
        action: Option<String>,
        /// The ARN of the policy, where AWS names it.
        policy_arn: Option<String>,
    },
    /// Let the role's trust policy allow the caller this action.
    TrustCaller {
        /// `sts:AssumeRole`, `sts:TagSession` or `sts:SetSourceIdentity`.
        action: String,
    },
    /// AWS does not say which side denied: check the trust policy and the caller's policy for this action.
    CheckBothSides {
        /// `sts:AssumeRole`, `sts:TagSession` or `sts:SetSourceIdentity`.
        action: String,
    },
    /// Call as a role or a user: a root user cannot assume roles.
    DoNotCallAsRoot,
    /// Call with credentials, a region and role ARNs of one partition.
    UseOnePartition,
    /// Switch STS on in the region, or use another region.
    EnableRegion,
    /// Use the region for which the endpoint expects signatures.
    UseRegionOfEndpoint,
    /// Request a session that is no longer than the role allows.
    ShortenSession,
    /// Send a smaller session policy, or fewer session tags.
    ReduceSessionPolicy,
    /// Renew the caller's credentials.
    RenewCredentials,
    /// Set this machine's clock.
    SetClock,
    /// Raise these settings, by their keys, or try again later.
    RaiseSettings {
        /// Their keys, as `max_attempts`.
        settings: Vec<String>,
    },
    /// Scan the missing accounts with another run.
    ResumeRun,
    /// Check the network between this machine and AWS.
    CheckNetwork,
    /// Check what answers in place of AWS: a proxy, a gateway, an endpoint of one's own.
    CheckProxy,
    /// Try again in a while; contact AWS Support if it persists.
    RetryLater,
    /// Try again.
    Retry,
    /// Read what AWS documents about the error code.
    ReadDocumentation,
    /// Report the bug.
    ReportBug,
}

/// Whose principal or policy a remedy is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The principal that runs Rolecall.
    Caller,
    /// The role in the member account.
    Member,
}

/// How a front end names its settings and commands.
pub trait Terms {
    /// How a setting is called, by its key: `--max-attempts`.
    fn setting(&self, key: &str) -> String;
    /// How a setting is given a value, by its key: `--collect recommended`, and of a switch `--no-session-policy`.
    fn assignment(&self, key: &str, value: &str) -> String;
    /// How to scan what is missing, and that alone.
    fn resume(&self) -> &'static str;
    /// What to do where the caller's credentials are missing or not accepted.
    fn renew_credentials(&self) -> &'static str;
}

/// Terms of no front end, for documents that outlive it: settings by their keys.
#[derive(Debug, Clone, Copy)]
pub struct NeutralTerms;

impl Terms for NeutralTerms {
    fn setting(&self, key: &str) -> String {
        format!("the setting {key}")
    }

    fn assignment(&self, key: &str, value: &str) -> String {
        format!("{key} = {value}")
    }

    fn resume(&self) -> &'static str {
        "scan again with the same roll file: what is missing is read, and that alone"
    }

    fn renew_credentials(&self) -> &'static str {
        "the caller's credentials are missing or not accepted: renew them"
    }
}

impl Remedy {
    /// The sentence, in a front end's terms: lower case, without a full stop.
    #[must_use]
    pub fn to_text(&self, terms: &dyn Terms) -> String {
        match self {
            Self::AllowActions { side, principal, actions, resource } => {
                let on = resource.as_deref().unwrap_or("*");
                format!("allow {} on {on} in a policy of {}", actions.join(" and "), Who(*side, principal))
            }
            Self::AllowInPolicy { policy, side, principal, action } => {
                allow_in_policy(*policy, Who(*side, principal), action.as_deref(), terms)
            }
            Self::RemoveDeny { policy, side, principal, action, policy_arn } => {
                remove_deny(*policy, Who(*side, principal), action.as_deref(), policy_arn.as_deref(), terms)
            }
            Self::TrustCaller { action } => trust_caller(action, terms),
            Self::CheckBothSides { action } => check_both_sides(action, terms),
            Self::RaiseSettings { settings } => {
                let settings: Vec<String> = settings.iter().map(|key| terms.setting(key)).collect();
                format!("try again later, or raise {}", settings.join(" or "))
            }
            Self::ResumeRun => terms.resume().to_owned(),
            Self::RenewCredentials => terms.renew_credentials().to_owned(),
            Self::ReduceSessionPolicy => format!(
                "AWS does not accept the session policy, or it is too large together with the session tags: turn it off with \
                 {}",
                terms.assignment("no_session_policy", "true")
            ),
            Self::EnableRegion => format!(
                "STS is switched off in this region for the account: use another region with {}, or switch it on",
                terms.setting("region")
            ),
            Self::UseRegionOfEndpoint => format!(
                "the endpoint expects signatures for another region: set that one with {}, for IAM of the partition aws \
                 us-east-1; or check AWS_ENDPOINT_URL",
                terms.setting("region")
            ),
            Self::ShortenSession => format!(
                "the session is longer than the role allows (MaxSessionDuration), or than 1h where roles are chained: \
                 request a shorter one with {}",
                terms.setting("session_duration")
            ),
            Self::DoNotCallAsRoot
            | Self::UseOnePartition
            | Self::SetClock
            | Self::CheckNetwork
            | Self::CheckProxy
            | Self::RetryLater
            | Self::Retry
            | Self::ReadDocumentation
            | Self::ReportBug => self.fixed_text().to_owned(),
        }
    }

    /// The sentence of a remedy that has neither parameters nor settings.
    fn fixed_text(&self) -> &'static str {
        match self {
            Self::DoNotCallAsRoot => {
                "a root user cannot assume roles: run rolecall with the credentials of a role or an IAM user"
            }
            Self::UseOnePartition => {
                "the caller and the role are in different partitions (aws, aws-cn, aws-us-gov, …), and no role is assumed \
                 across them: use credentials and a region of the role's partition"
            }
            Self::SetClock => "this machine's clock differs from AWS's: set it, for example with NTP",
            Self::CheckNetwork => {
                "check the network to AWS: name resolution, HTTPS_PROXY and NO_PROXY, AWS_CA_BUNDLE, AWS_ENDPOINT_URL"
            }
            Self::CheckProxy => {
                "something between may answer in place of AWS: check HTTPS_PROXY, NO_PROXY and AWS_ENDPOINT_URL, and try \
                 again"
            }
            Self::RetryLater => "try again in a while; if it persists, open a case with AWS Support",
            Self::Retry => "it does not exist any more: try again",
            Self::ReportBug => "this is a bug in rolecall: please report it, with what the log says",
            Self::ReadDocumentation
            // Those with parameters have texts of their own.
            | Self::AllowActions { .. }
            | Self::AllowInPolicy { .. }
            | Self::RemoveDeny { .. }
            | Self::TrustCaller { .. }
            | Self::CheckBothSides { .. }
            | Self::RaiseSettings { .. }
            | Self::ResumeRun
            | Self::RenewCredentials
            | Self::ReduceSessionPolicy
            | Self::EnableRegion
            | Self::UseRegionOfEndpoint
            | Self::ShortenSession => "try again; if it persists, see AWS's documentation of the error code",
        }
    }
}

fn trust_caller(action: &str, terms: &dyn Terms) -> String {
    match session_setting(action) {
        None => "add the caller to the role's trust policy, and send the external id that it requires, if it requires one"
            .to_owned(),
        Some((setting, what)) => format!(
            "allow {action} for the caller in the role's trust policy, or send no {what} ({})",
            terms.setting(setting)
        ),
    }
}

fn check_both_sides(action: &str, terms: &dyn Terms) -> String {
    match session_setting(action) {
        None => "AWS does not say which side denied it: check that the role exists, that its trust policy names the \
                 caller and the same external id, and that the caller's own policy allows sts:AssumeRole on it"
            .to_owned(),
        Some((setting, what)) => format!(
            "AWS does not say which side denied it: the role's trust policy and the caller's own policy must both allow \
             {action}; or send no {what} ({})",
            terms.setting(setting)
        ),
    }
}

/// The setting that makes a session need an action besides `sts:AssumeRole`, and what it sends.
fn session_setting(action: &str) -> Option<(&'static str, &'static str)> {
    match action {
        "sts:TagSession" => Some(("session_tag", "session tags")),
        "sts:SetSourceIdentity" => Some(("source_identity", "source identity")),
        _ => None,
    }
}

fn allow_in_policy(policy: PolicyType, who: Who<'_>, action: Option<&str>, terms: &dyn Terms) -> String {
    let action = action.unwrap_or("the action");
    match (policy, who.0) {
        (PolicyType::Session, Side::Member) => format!(
            "the session policy that rolecall sends does not allow {action}: turn it off with {}",
            terms.assignment("no_session_policy", "true")
        ),
        (PolicyType::Session, Side::Caller) => format!(
            "the session policy of the caller's session does not allow {action}: allow it there, or call without one"
        ),
        (PolicyType::PermissionsBoundary, _) => {
            format!("allow {action} in the permissions boundary of {who}")
        }
        (PolicyType::ServiceControl | PolicyType::ResourceControl, _) => {
            format!("no {} of the organization allows {action}: ask whoever maintains them", policy.name())
        }
        (PolicyType::VpcEndpoint, _) => {
            format!("allow {action} in the policy of the VPC endpoint, or reach AWS another way")
        }
        (PolicyType::Identity | PolicyType::RoleTrust | PolicyType::Resource, _) => {
            format!("allow {action} in the {} ({who})", policy.name())
        }
    }
}

fn remove_deny(
    policy: PolicyType,
    who: Who<'_>,
    action: Option<&str>,
    policy_arn: Option<&str>,
    terms: &dyn Terms,
) -> String {
    let action = action.unwrap_or("the action");
    let name = policy_arn.map_or_else(|| policy.name().to_owned(), |arn| format!("{} {arn}", policy.name()));
    match (policy, who.0) {
        (PolicyType::RoleTrust | PolicyType::Resource, _) => format!(
            "a Deny statement of the {name} denies {action}: check its Deny statements and their conditions, such as a \
             required external id; adding the caller changes nothing"
        ),
        (PolicyType::ServiceControl | PolicyType::ResourceControl, _) => {
            format!("a {name} of the organization denies {action}: ask whoever maintains it for an exception")
        }
        (PolicyType::Session, Side::Member) => format!(
            "the session policy that rolecall sends denies {action}: turn it off with {}",
            terms.assignment("no_session_policy", "true")
        ),
        (PolicyType::VpcEndpoint, _) => {
            format!("the policy of the VPC endpoint denies {action}: change it, or reach AWS another way")
        }
        (PolicyType::Identity | PolicyType::PermissionsBoundary | PolicyType::Session, _) => {
            format!("remove the explicit deny of {action} from the {name} of {who}")
        }
    }
}

/// A principal for people: what AWS names, or the side it is on.
#[derive(Clone, Copy)]
struct Who<'a>(Side, &'a Option<String>);

impl fmt::Display for Who<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = self.1.as_deref().and_then(|arn| {
            let [_, _, service, _, account_id, resource] = arn.splitn(6, ':').collect::<Vec<_>>()[..] else {
                return None;
            };
            let (kind, rest) = resource.split_once('/')?;
            let (kind, name) = match (service, kind) {
                ("sts", "assumed-role") => ("role", rest.split('/').next()?),
                ("iam", "role" | "user") => (kind, rest),
                _ => return None,
            };
            Some((kind, name, account_id))
        });
        match (named, self.0) {
            (Some((kind, name, account_id)), _) => write!(f, "{kind} {name} in account {account_id}"),
            (None, Side::Caller) => f.write_str("the caller"),
            (None, Side::Member) => f.write_str("the role"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{NeutralTerms, Remedy, Side};
    use crate::denial::PolicyType;

    #[test]
    fn a_remedy_is_stored_as_a_code_with_its_parameters() {
        let remedy = Remedy::AllowActions {
            side: Side::Member,
            principal: Some("arn:aws:sts::111111111111:assumed-role/IAMListRole".to_owned()),
            actions: vec!["iam:GetAccessKeyLastUsed".to_owned()],
            resource: None,
        };
        let stored = serde_json::to_string(&remedy).unwrap();
        assert!(stored.starts_with(r#"{"code":"allow_actions","side":"member","principal":"#), "{stored}");
        assert_eq!(serde_json::from_str::<Remedy>(&stored).unwrap(), remedy);
        assert_eq!(
            remedy.to_text(&NeutralTerms),
            "allow iam:GetAccessKeyLastUsed on * in a policy of role IAMListRole in account 111111111111"
        );
        let none = serde_json::from_str::<Remedy>(r#"{"code":"pray"}"#).unwrap_err();
        assert!(none.to_string().contains("pray"), "{none}");
    }

    #[test]
    fn an_explicit_deny_is_not_answered_with_a_further_permission() {
        for policy in
            [PolicyType::RoleTrust, PolicyType::Resource, PolicyType::Identity, PolicyType::ServiceControl]
        {
            let remedy = Remedy::RemoveDeny {
                policy,
                side: Side::Caller,
                principal: None,
                action: Some("sts:AssumeRole".to_owned()),
                policy_arn: None,
            };
            let text = remedy.to_text(&NeutralTerms);
            assert!(!text.contains("add the caller") && !text.starts_with("allow"), "{text}");
        }
    }
}
