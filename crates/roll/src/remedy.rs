//! What to do about a gap: a code with parameters. Each front end makes a sentence of it, with its own names of settings.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::denial::PolicyType;

/// What to do about a gap. The roll file stores the code and parameters; [`Remedy::to_text`] makes the sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case", deny_unknown_fields)]
pub enum Remedy {
    /// Allow actions in an identity-based policy of the principal.
    AllowActions {
        /// The side of the principal.
        side: Side,
        /// The ARN of the principal, for a session without its session name; `None` where AWS does not name it.
        principal: Option<String>,
        /// The actions to allow, such as `iam:ListUsers`.
        actions: Vec<String>,
        /// The ARN of the resource; `None` where AWS does not name it.
        resource: Option<String>,
    },
    /// Allow an action in a policy that limits the principal's identity-based policies, or in a resource-based policy.
    AllowInPolicy {
        /// The type of the policy to change.
        policy: PolicyType,
        /// The side of the principal whose access the policy limits.
        side: Side,
        /// The ARN of the principal; `None` where AWS does not name it.
        principal: Option<String>,
        /// The action to allow; `None` where AWS does not name it.
        action: Option<String>,
    },
    /// Remove or change an explicit deny. Further permissions have no effect against it.
    RemoveDeny {
        /// The type of the policy that denies.
        policy: PolicyType,
        /// The side of the principal that is denied.
        side: Side,
        /// The ARN of the principal; `None` where AWS does not name it.
        principal: Option<String>,
        /// The denied action; `None` where AWS does not name it.
        action: Option<String>,
        /// The ARN of the policy that denies; `None` where AWS does not name it.
        policy_arn: Option<String>,
    },
    /// Allow the caller this action in the role's trust policy.
    TrustCaller {
        /// `sts:AssumeRole`, `sts:TagSession` or `sts:SetSourceIdentity`.
        action: String,
    },
    /// Check the role's trust policy and the caller's policy for this action: AWS does not say which of them denied it.
    CheckBothSides {
        /// `sts:AssumeRole`, `sts:TagSession` or `sts:SetSourceIdentity`.
        action: String,
    },
    /// Run with the credentials of a role or an IAM user: a root user cannot assume roles.
    DoNotCallAsRoot,
    /// Use credentials, a region and role ARNs of the same partition.
    UseOnePartition,
    /// Activate STS in the region for the account, or use another region.
    EnableRegion,
    /// Use the region for which the endpoint expects request signatures.
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
        /// The keys of the settings, such as `max_attempts`.
        settings: Vec<String>,
    },
    /// Scan the missing accounts with another run.
    ResumeRun,
    /// Check the network between this machine and AWS.
    CheckNetwork,
    /// Check what responds in place of AWS: a proxy, a gateway or a custom endpoint.
    CheckProxy,
    /// Set this machine's clock, or renew the TLS certificate of what responds.
    CheckClockAndCertificate,
    /// Try again later; contact AWS Support if it persists.
    RetryLater,
    /// Try again: the entity was deleted while it was read.
    Retry,
    /// Read AWS's documentation of the error code.
    ReadDocumentation,
    /// Report a bug in Rolecall.
    ReportBug,
}

/// Whether a remedy changes the principal or policy of the caller or of the member account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The principal that runs Rolecall.
    Caller,
    /// The role in the member account.
    Member,
}

/// The names of settings and commands in a front end (command line, Lambda function), for use in messages.
pub trait Terms {
    /// The name of the setting with this key, such as `--max-attempts`.
    fn setting(&self, key: &str) -> String;
    /// How to set the setting with this key to a value, such as `--collect recommended`; for a flag without a value,
    /// `--no-session-policy`.
    fn assignment(&self, key: &str, value: &str) -> String;
    /// How to scan only the missing accounts.
    fn resume(&self) -> &'static str;
    /// What to do if the caller's credentials are missing or not accepted.
    fn renew_credentials(&self) -> &'static str;
}

/// Terms that fit every front end, for documents: a setting is named by its key.
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
        "scan again with the same roll file: only the missing accounts are read"
    }

    fn renew_credentials(&self) -> &'static str {
        "the caller's credentials are missing or not accepted: renew them"
    }
}

impl Remedy {
    /// The remedy as a sentence, in a front end's terms: it begins in lower case and has no full stop.
    #[must_use]
    pub fn to_text(&self, terms: &dyn Terms) -> String {
        match self {
            Self::AllowActions { side, principal, actions, resource } => {
                let resource = resource.as_deref().unwrap_or("*");
                let principal = PrincipalLabel(*side, principal);
                let is_role_named =
                    actions.iter().any(|action| action == "sts:AssumeRole") && resource != "*";
                let or_correct =
                    if is_role_named { "; or correct the role's name, if it is wrong" } else { "" };
                format!(
                    "allow {} on {resource} in a policy of {principal}{or_correct}",
                    actions.join(" and ")
                )
            }
            Self::AllowInPolicy { policy, side, principal, action } => {
                allow_in_policy(*policy, PrincipalLabel(*side, principal), action.as_deref(), terms)
            }
            Self::RemoveDeny { policy, side, principal, action, policy_arn } => remove_deny(
                *policy,
                PrincipalLabel(*side, principal),
                action.as_deref(),
                policy_arn.as_deref(),
                terms,
            ),
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
                "STS is not activated in this region for the account: use another region with {}, or activate it",
                terms.setting("region")
            ),
            Self::UseRegionOfEndpoint => format!(
                "the endpoint expects signatures for another region: set that region with {} (us-east-1 for IAM in the \
                 partition aws), or check AWS_ENDPOINT_URL",
                terms.setting("region")
            ),
            Self::ShortenSession => format!(
                "the session duration is longer than the role allows (MaxSessionDuration), or longer than 1h with role \
                 chaining: request a shorter session with {}",
                terms.setting("session_duration")
            ),
            Self::DoNotCallAsRoot
            | Self::UseOnePartition
            | Self::SetClock
            | Self::CheckNetwork
            | Self::CheckProxy
            | Self::CheckClockAndCertificate
            | Self::RetryLater
            | Self::Retry
            | Self::ReadDocumentation
            | Self::ReportBug => self.fixed_text().to_owned(),
        }
    }

    /// The text of a remedy that has no parameters and names no setting.
    fn fixed_text(&self) -> &'static str {
        match self {
            Self::DoNotCallAsRoot => {
                "a root user cannot assume roles: run rolecall with the credentials of a role or an IAM user"
            }
            Self::UseOnePartition => {
                "the caller and the role are in different partitions (aws, aws-cn, aws-us-gov, …), and a role cannot be \
                 assumed from another partition: use credentials and a region of the role's partition"
            }
            Self::SetClock => "this machine's clock differs from AWS's: set it, for example with NTP",
            Self::CheckNetwork => {
                "check the network to AWS: the region's name, name resolution, HTTPS_PROXY, NO_PROXY, AWS_CA_BUNDLE and \
                 AWS_ENDPOINT_URL"
            }
            Self::CheckProxy => {
                "a proxy or gateway may respond in place of AWS: check HTTPS_PROXY, NO_PROXY and AWS_ENDPOINT_URL, and \
                 try again"
            }
            Self::CheckClockAndCertificate => {
                "check this machine's clock; if it is right, the certificate must be renewed: that of a proxy that inspects \
                 TLS (HTTPS_PROXY), or of AWS_ENDPOINT_URL"
            }
            Self::RetryLater => "try again later; if it persists, contact AWS Support",
            Self::Retry => "it no longer exists: try again",
            Self::ReportBug => "this is a bug in rolecall: report it, with the log",
            Self::ReadDocumentation
            // The remedies below have parameters or settings, so `to_text` makes their texts.
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
        None => {
            "add the caller to the role's trust policy, and send the external id if the policy requires one"
                .to_owned()
        }
        Some((setting, sent)) => format!(
            "allow {action} for the caller in the role's trust policy, or send no {sent} ({})",
            terms.setting(setting)
        ),
    }
}

fn check_both_sides(action: &str, terms: &dyn Terms) -> String {
    match session_setting(action) {
        None => "AWS does not say which side denied it: check that the role exists, that its trust policy names the \
                 caller, that it requires the external id that was passed, or none if none was, and that the caller's own \
                 policy allows sts:AssumeRole on it"
            .to_owned(),
        Some((setting, sent)) => format!(
            "AWS does not say which side denied it: the role's trust policy and the caller's own policy must both allow \
             {action}; or send no {sent} ({})",
            terms.setting(setting)
        ),
    }
}

/// The setting that makes `AssumeRole` need another action besides `sts:AssumeRole`, and what the setting sends.
fn session_setting(action: &str) -> Option<(&'static str, &'static str)> {
    match action {
        "sts:TagSession" => Some(("session_tag", "session tags")),
        "sts:SetSourceIdentity" => Some(("source_identity", "source identity")),
        _ => None,
    }
}

fn allow_in_policy(
    policy: PolicyType,
    principal: PrincipalLabel<'_>,
    action: Option<&str>,
    terms: &dyn Terms,
) -> String {
    let action = action.unwrap_or("the action");
    match (policy, principal.0) {
        (PolicyType::Session, Side::Member) => format!(
            "the session policy that rolecall sends does not allow {action}: turn it off with {}",
            terms.assignment("no_session_policy", "true")
        ),
        (PolicyType::Session, Side::Caller) => format!(
            "the session policy of the caller's session does not allow {action}: allow it there, or use a session \
             without a session policy"
        ),
        (PolicyType::PermissionsBoundary, _) => {
            format!("allow {action} in the permissions boundary of {principal}")
        }
        (PolicyType::ServiceControl | PolicyType::ResourceControl, _) => {
            format!("no {} of the organization allows {action}: ask its administrators", policy.name())
        }
        (PolicyType::VpcEndpoint, _) => {
            format!("allow {action} in the policy of the VPC endpoint, or do not use the endpoint")
        }
        (PolicyType::Identity | PolicyType::RoleTrust | PolicyType::Resource, _) => {
            format!("allow {action} in the {} ({principal})", policy.name())
        }
    }
}

fn remove_deny(
    policy: PolicyType,
    principal: PrincipalLabel<'_>,
    action: Option<&str>,
    policy_arn: Option<&str>,
    terms: &dyn Terms,
) -> String {
    let action = action.unwrap_or("the action");
    let name = policy_arn.map_or_else(|| policy.name().to_owned(), |arn| format!("{} {arn}", policy.name()));
    match (policy, principal.0) {
        (PolicyType::RoleTrust | PolicyType::Resource, _) => format!(
            "a Deny statement of the {name} denies {action}: check its Deny statements and their conditions, such as a \
             required external id; adding the caller has no effect"
        ),
        (PolicyType::ServiceControl | PolicyType::ResourceControl, _) => {
            let article = if policy_arn.is_some() { "the" } else { "a" };
            format!(
                "{article} {name} of the organization denies {action}: ask its administrators for an exception"
            )
        }
        (PolicyType::Session, Side::Member) => format!(
            "the session policy that rolecall sends denies {action}: turn it off with {}",
            terms.assignment("no_session_policy", "true")
        ),
        (PolicyType::VpcEndpoint, _) => {
            format!("the policy of the VPC endpoint denies {action}: change it, or do not use the endpoint")
        }
        (PolicyType::Identity | PolicyType::PermissionsBoundary | PolicyType::Session, _) => {
            format!("remove the explicit deny of {action} from the {name} of {principal}")
        }
    }
}

/// A principal in a message: `role NAME in account ID` from its ARN, or without an ARN `the caller` or `the role`.
#[derive(Clone, Copy)]
struct PrincipalLabel<'a>(Side, &'a Option<String>);

impl fmt::Display for PrincipalLabel<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from_arn = self.1.as_deref().and_then(|arn| {
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
        match (from_arn, self.0) {
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
        let json = serde_json::to_string(&remedy).unwrap();
        assert!(json.starts_with(r#"{"code":"allow_actions","side":"member","principal":"#), "{json}");
        assert_eq!(serde_json::from_str::<Remedy>(&json).unwrap(), remedy);
        assert_eq!(
            remedy.to_text(&NeutralTerms),
            "allow iam:GetAccessKeyLastUsed on * in a policy of role IAMListRole in account 111111111111"
        );
        let unknown = serde_json::from_str::<Remedy>(r#"{"code":"pray"}"#).unwrap_err();
        assert!(unknown.to_string().contains("pray"), "{unknown}");
    }

    #[test]
    fn an_explicit_deny_is_not_met_with_a_further_permission() {
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
