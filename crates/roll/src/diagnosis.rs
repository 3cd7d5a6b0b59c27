//! Where the access to an account is broken, and the possible causes, most likely first: read from what AWS said.
//!
//! A scan and `rolecall doctor` say the same of the same denial, because both read it here. AWS names at most one type of
//! policy in a denial, and across accounts it often names none; then several causes are possible.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::denial::PolicyType;
use crate::fact_kind::FactSelection;
use crate::gap::{ErrorKind, Gap, Stage};
use crate::header::SessionParameters;
use crate::ids::{RoleArn, RoleSessionName};
use crate::remedy::{Remedy, Side, Terms};
use crate::shell;

/// The links of the chain from the caller's credentials to the facts of an account, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// The caller's credentials and identity.
    Caller,
    /// The way to STS: network, endpoint, region, clock.
    Sts,
    /// Listing the accounts of AWS Organizations.
    Organization,
    /// The hub side: the policies that decide whether the caller may assume roles.
    Hub,
    /// The member side: the role, its trust policy, and what limits access to it.
    Member,
    /// What the session is requested with: duration, tags, source identity, session policy.
    Session,
    /// The IAM actions that a scan needs in the member account.
    Collect,
}

impl Link {
    /// All links, in the order of the chain.
    pub const ALL: [Self; 7] =
        [Self::Caller, Self::Sts, Self::Organization, Self::Hub, Self::Member, Self::Session, Self::Collect];

    /// The name in outputs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Sts => "STS",
            Self::Organization => "organization",
            Self::Hub => "hub",
            Self::Member => "member",
            Self::Session => "session",
            Self::Collect => "collect",
        }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A cause of a broken link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub enum Cause {
    /// No source has credentials of the caller.
    CredentialsMissing,
    /// AWS does not accept the caller's credentials: they are expired or invalid.
    CredentialsRejected,
    /// The caller is the root user of its account.
    RootUser,
    /// The caller and the role are in different partitions.
    OtherPartition,
    /// This machine's clock differs from AWS's.
    ClockWrong,
    /// The TLS certificate of what responds is not valid at this machine's time.
    CertificateNotValid,
    /// No response from AWS.
    NetworkUnreachable,
    /// Something else than AWS responds.
    OtherResponder,
    /// STS is not activated in the region for the account.
    RegionDisabled,
    /// The endpoint expects signatures for another region.
    OtherSigningRegion,
    /// AWS throttled all attempts.
    Throttled,
    /// AWS did not respond in time.
    TimedOut,
    /// No policy of this type allows the action, though one must.
    NotAllowed {
        /// The type of the policy.
        policy: PolicyType,
        /// The action.
        action: Option<String>,
    },
    /// A policy of this type denies the action.
    ExplicitlyDenied {
        /// The type of the policy.
        policy: PolicyType,
        /// The action.
        action: Option<String>,
        /// The ARN of the policy, where AWS names it.
        policy_arn: Option<String>,
    },
    /// The role's trust policy does not allow the caller the action.
    CallerNotTrusted {
        /// The action: `sts:AssumeRole`, `sts:TagSession` or `sts:SetSourceIdentity`.
        action: String,
    },
    /// The trust policy names the caller, and a condition of it is not met, such as the external id.
    TrustConditionNotMet {
        /// The condition key, where it is known.
        key: Option<String>,
    },
    /// The trust policy names a principal that was deleted. One of the same name that was created again is another principal.
    TrustedPrincipalDeleted,
    /// The role does not exist: another name, path or case.
    RoleMissing,
    /// The member account is suspended or closed.
    AccountSuspended,
    /// The requested session is longer than allowed.
    SessionTooLong,
    /// The session policy, or the session tags with it, are too large or not accepted.
    SessionPolicyRejected,
}

/// A broken link with its possible causes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// The broken link.
    pub link: Link,
    /// The possible causes, most likely first. One cause is certain; of several, AWS did not say which it is.
    pub causes: Vec<Cause>,
}

/// What [`doctor_command`] needs besides, where the scan sent an external id.
pub const SAME_EXTERNAL_ID: &str = "with the external id of the scan";

/// The command that finds the broken link of a target, as a shell takes it: for the facts of the scan, with what it sent but for an
/// external id, which is in no roll: see [`SAME_EXTERNAL_ID`]. Actions about one user are tested with the first of `denied_users`.
#[must_use]
pub fn doctor_command(
    role_arn: &RoleArn,
    selection: &FactSelection,
    session: &SessionParameters,
    session_name: Option<&RoleSessionName>,
    denied_users: &[&str],
) -> String {
    let mut flags = vec![format!("--role-arn {}", shell::quote(role_arn.as_str()))];
    if selection.facts != FactSelection::default().facts {
        let facts: Vec<&str> = selection.facts.iter().map(|fact| fact.name()).collect();
        flags.push(format!("--collect {}", facts.join(",")));
    }
    let FactSelection { user_name, path_prefix, .. } = selection;
    flags.extend(user_name.iter().map(|name| format!("--user {}", shell::quote(name))));
    if user_name.is_none() {
        flags.extend(denied_users.iter().map(|name| format!("--test-user {}", shell::quote(name))));
    }
    flags.extend(path_prefix.iter().map(|prefix| format!("--path-prefix {}", shell::quote(prefix))));
    // That of a run of its own is in no trust policy.
    let is_own = |name: &&RoleSessionName| {
        **name != RoleSessionName::default() && !name.as_str().starts_with("rolecall-")
    };
    flags.extend(
        session_name.filter(is_own).map(|name| format!("--session-name {}", shell::quote(name.as_str()))),
    );
    let SessionParameters { duration_s, via, source_identity, tags, has_external_id: _ } = session;
    flags.extend(duration_s.iter().map(|seconds| format!("--session-duration {seconds}s")));
    flags.extend(via.iter().map(|role_arn| format!("--via {}", shell::quote(role_arn.as_str()))));
    flags.extend(
        source_identity.iter().map(|name| format!("--source-identity {}", shell::quote(name.as_str()))),
    );
    flags.extend(
        tags.iter().map(|(key, value)| format!("--session-tag {}", shell::quote(&format!("{key}={value}")))),
    );
    format!("rolecall doctor {}", flags.join(" "))
}

/// `member: AWS gave no reason; likely 1 its trust policy does not name the caller, 2 …`.
impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { link, causes } = self;
        match causes.as_slice() {
            [cause] => write!(f, "{link}: {cause}"),
            causes => {
                write!(f, "{link}: AWS gave no reason; likely")?;
                for (index, cause) in causes.iter().enumerate() {
                    let comma = if index == 0 { "" } else { "," };
                    write!(f, "{comma} {} {cause}", index + 1)?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action_or = |action: &Option<String>| action.clone().unwrap_or_else(|| "the action".to_owned());
        match self {
            Self::NotAllowed { policy, action } => {
                write!(f, "no {} allows {}", policy.name(), action_or(action))
            }
            Self::ExplicitlyDenied { policy, action, policy_arn } => {
                let action = action_or(action);
                match policy_arn {
                    Some(arn) if arn.contains(QUARANTINE_POLICY) => write!(
                        f,
                        "AWS quarantined the caller because its access key leaked: {arn} denies {action}"
                    ),
                    Some(arn) => write!(f, "the {} {arn} denies {action}", policy.name()),
                    None => {
                        let article = if *policy == PolicyType::Identity { "an" } else { "a" };
                        write!(f, "{article} {} denies {action}", policy.name())
                    }
                }
            }
            Self::CallerNotTrusted { action } if action == "sts:AssumeRole" => {
                f.write_str("its trust policy does not name the caller")
            }
            Self::CallerNotTrusted { action } => {
                write!(f, "its trust policy does not allow the caller {action}")
            }
            Self::TrustConditionNotMet { key: Some(key) } => {
                write!(f, "its trust policy names the caller, but its condition on {key} is not met")
            }
            Self::TrustConditionNotMet { key: None } => f.write_str(
                "its trust policy names the caller, but a condition is not met, such as another external id",
            ),
            _ => f.write_str(self.fixed_text()),
        }
    }
}

/// The begin of the names of the policies that AWS attaches to a user whose access key leaked.
///
/// Source: <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCompromisedKeyQuarantineV3.html>
const QUARANTINE_POLICY: &str = ":policy/AWSCompromisedKeyQuarantine";

impl Cause {
    fn fixed_text(&self) -> &'static str {
        match self {
            Self::CredentialsMissing => "no credentials were found",
            Self::CredentialsRejected => "AWS does not accept the credentials: they are expired or invalid",
            Self::RootUser => "the caller is a root user, which cannot assume roles",
            Self::OtherPartition => "the caller and the role are in different partitions",
            Self::ClockWrong => "this machine's clock differs from AWS's",
            Self::CertificateNotValid => {
                "the TLS certificate of what responds is not valid at this machine's time"
            }
            Self::NetworkUnreachable => "AWS cannot be reached",
            Self::OtherResponder => "something else than AWS responds",
            Self::RegionDisabled => "STS is not activated in this region for the account",
            Self::OtherSigningRegion => "the endpoint expects signatures for another region",
            Self::Throttled => "AWS throttled all attempts",
            Self::TimedOut => "AWS did not respond in time",
            Self::TrustedPrincipalDeleted => {
                "its trust policy names a principal that was deleted; one that was created again is another principal"
            }
            Self::RoleMissing => "the role does not exist (name, path or case)",
            Self::AccountSuspended => "the account is suspended or closed",
            Self::SessionTooLong => "the requested session is longer than allowed",
            Self::SessionPolicyRejected => "AWS does not accept the session policy, or it is too large",
            Self::NotAllowed { .. }
            | Self::ExplicitlyDenied { .. }
            | Self::CallerNotTrusted { .. }
            | Self::TrustConditionNotMet { .. } => "access is denied",
        }
    }
}

impl Cause {
    /// What to do about the cause where no policy statement heals it, in a front end's terms: it begins in lower case and has
    /// no full stop.
    #[must_use]
    pub fn to_do(&self, terms: &dyn Terms) -> String {
        let remedy = match self {
            Self::CredentialsMissing | Self::CredentialsRejected => Remedy::RenewCredentials,
            Self::RootUser => Remedy::DoNotCallAsRoot,
            Self::OtherPartition => Remedy::UseOnePartition,
            Self::ClockWrong => Remedy::SetClock,
            Self::CertificateNotValid => Remedy::CheckClockAndCertificate,
            Self::NetworkUnreachable => Remedy::CheckNetwork,
            Self::OtherResponder => Remedy::CheckProxy,
            Self::RegionDisabled => Remedy::EnableRegion,
            Self::OtherSigningRegion => Remedy::UseRegionOfEndpoint,
            Self::Throttled => Remedy::RaiseSettings { settings: vec!["max_attempts".to_owned()] },
            Self::TimedOut => Remedy::RaiseSettings { settings: vec!["attempt_timeout".to_owned()] },
            Self::SessionTooLong => Remedy::ShortenSession,
            Self::SessionPolicyRejected => Remedy::ReduceSessionPolicy,
            Self::CallerNotTrusted { action } => Remedy::TrustCaller { action: action.clone() },
            Self::NotAllowed { policy, action } => Remedy::AllowInPolicy {
                policy: *policy,
                side: Side::Caller,
                principal: None,
                action: action.clone(),
            },
            Self::ExplicitlyDenied { policy_arn: Some(arn), .. } if arn.contains(QUARANTINE_POLICY) => {
                return "delete or rotate the leaked access key, check what was done with it, and then detach the policy: \
                        https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys-audit.html; better, \
                        run with a role"
                    .to_owned();
            }
            Self::ExplicitlyDenied { policy, action, policy_arn } => Remedy::RemoveDeny {
                policy: *policy,
                side: Side::Caller,
                principal: None,
                action: action.clone(),
                policy_arn: policy_arn.clone(),
            },
            Self::TrustConditionNotMet { key } => return meet_condition(key.as_deref(), terms),
            Self::TrustedPrincipalDeleted => {
                return "save the trust policy again with the ARN of the role in place of the id (AROA… or AIDA…)".to_owned();
            }
            Self::RoleMissing => {
                return format!(
                    "correct the name, the path and the case of the role ({} or {}), or create the role",
                    terms.setting("role_name"),
                    terms.setting("role_arn")
                );
            }
            Self::AccountSuspended => {
                return format!(
                    "leave the account out with {}, or let the management account reactivate it",
                    terms.setting("exclude")
                );
            }
        };
        remedy.to_text(terms)
    }

    /// The link that the cause breaks when a session is requested.
    #[must_use]
    pub fn link(&self) -> Link {
        match self {
            Self::NotAllowed { action: Some(action), .. }
            | Self::ExplicitlyDenied { action: Some(action), .. }
            | Self::CallerNotTrusted { action }
                if action != "sts:AssumeRole" =>
            {
                Link::Session
            }
            Self::SessionTooLong | Self::SessionPolicyRejected => Link::Session,
            Self::CredentialsMissing | Self::CredentialsRejected | Self::RootUser | Self::OtherPartition => {
                Link::Caller
            }
            Self::ClockWrong
            | Self::CertificateNotValid
            | Self::NetworkUnreachable
            | Self::OtherResponder
            | Self::RegionDisabled
            | Self::OtherSigningRegion
            | Self::Throttled
            | Self::TimedOut => Link::Sts,
            Self::NotAllowed { policy, .. } | Self::ExplicitlyDenied { policy, .. } => {
                if policy.is_of_resource() { Link::Member } else { Link::Hub }
            }
            Self::CallerNotTrusted { .. }
            | Self::TrustConditionNotMet { .. }
            | Self::TrustedPrincipalDeleted
            | Self::RoleMissing
            | Self::AccountSuspended => Link::Member,
        }
    }

    /// How to find out whether this cause is the one, where AWS gave no reason; `None` where nothing outside of AWS's answer
    /// tells.
    #[must_use]
    pub fn distinguished_by(&self) -> Option<&'static str> {
        match self {
            Self::CallerNotTrusted { .. } => Some(
                "`aws iam get-role` with credentials of the member account shows the trust policy; --member-profile lets \
                 rolecall read and evaluate it",
            ),
            Self::TrustConditionNotMet { .. } => {
                Some("the statement of the trust policy that names the caller has a Condition")
            }
            Self::RoleMissing => Some("`aws iam get-role` in the member account answers NoSuchEntity"),
            Self::TrustedPrincipalDeleted => {
                Some("the Principal in the trust policy is an id that begins with AROA or AIDA")
            }
            Self::AccountSuspended => Some(
                "`aws organizations describe-account` in the management account shows the State of the account",
            ),
            Self::ExplicitlyDenied { policy: PolicyType::ResourceControl, .. } => Some(
                "`aws organizations list-policies-for-target --filter RESOURCE_CONTROL_POLICY` in the management account \
                 lists them for the account and each unit above it",
            ),
            Self::NotAllowed { policy: PolicyType::Identity, .. } => {
                Some("`aws iam simulate-principal-policy` on the caller's role or user denies it")
            }
            _ => None,
        }
    }
}

/// What to do about a condition of a trust policy that is not met.
fn meet_condition(key: Option<&str>, terms: &dyn Terms) -> String {
    let Some(key) = key else {
        return format!(
            "compare the conditions of the statement that names the caller with what the run sends: external id ({}), session \
             name ({}), source identity ({}), session tags ({}), MFA, source address",
            terms.setting("external_id"),
            terms.setting("session_name"),
            terms.setting("source_identity"),
            terms.setting("session_tag")
        );
    };
    let is_key = |names: &[&str]| names.iter().any(|name| key.eq_ignore_ascii_case(name));
    let has_prefix = |prefix: &str| key.get(..prefix.len()).is_some_and(|it| it.eq_ignore_ascii_case(prefix));
    let send = |setting: &str| format!("send what the condition requires with {}", terms.setting(setting));
    if is_key(&["sts:ExternalId"]) {
        format!("{}: whoever owns the account has the external id", send("external_id"))
    } else if is_key(&["sts:RoleSessionName"]) {
        send("session_name")
    } else if is_key(&["sts:SourceIdentity", "aws:SourceIdentity"]) {
        send("source_identity")
    } else if is_key(&["aws:TagKeys", "sts:TransitiveTagKeys"]) || has_prefix("aws:RequestTag/") {
        send("session_tag")
    } else if has_prefix("aws:MultiFactorAuth") {
        "use credentials of a user's session with MFA: a profile with mfa_serial, or `aws sts get-session-token --serial-number \
         ARN --token-code CODE`. A session of a role never has MFA: run it as a user"
            .to_owned()
    } else if is_key(&["aws:SourceIp", "aws:VpcSourceIp", "aws:SourceVpc", "aws:SourceVpce"]) {
        "run it from a network that the condition allows, or let the owner of the account change the condition".to_owned()
    } else if has_prefix("aws:PrincipalOrg") {
        "run it from an account that the condition allows: it names an organization or a path in it"
            .to_owned()
    } else if is_key(&["aws:CurrentTime", "aws:EpochTime"]) {
        "let the owner of the account renew the statement: it is limited to a time".to_owned()
    } else {
        format!("let the owner of the account decide whether the condition on {key} is to allow this caller")
    }
}

impl Gap {
    /// The broken link and its possible causes; `None` where the gap does not tell, such as an interruption.
    #[must_use]
    pub fn diagnosis(&self) -> Option<Diagnosis> {
        let causes = causes(self)?;
        let link = match self.stage {
            Stage::Fact(_) => Link::Collect,
            Stage::Session => causes.first().map(Cause::link)?,
        };
        Some(Diagnosis { link, causes })
    }
}

/// The possible causes, from the remedy: it was decided from operation, error code and message.
fn causes(gap: &Gap) -> Option<Vec<Cause>> {
    let one = match &gap.remedy {
        Remedy::CheckBothSides { action } => return Some(unexplained(action)),
        Remedy::AllowActions { actions, .. } => {
            Cause::NotAllowed { policy: PolicyType::Identity, action: Some(actions.join(" and ")) }
        }
        Remedy::AllowInPolicy { policy, action, .. } => {
            Cause::NotAllowed { policy: *policy, action: action.clone() }
        }
        Remedy::RemoveDeny { policy, action, policy_arn, .. } => Cause::ExplicitlyDenied {
            policy: *policy,
            action: action.clone(),
            policy_arn: policy_arn.clone(),
        },
        Remedy::TrustCaller { action } => Cause::CallerNotTrusted { action: action.clone() },
        Remedy::DoNotCallAsRoot => Cause::RootUser,
        Remedy::UseOnePartition => Cause::OtherPartition,
        Remedy::EnableRegion => Cause::RegionDisabled,
        Remedy::UseRegionOfEndpoint => Cause::OtherSigningRegion,
        Remedy::ShortenSession => Cause::SessionTooLong,
        Remedy::ReduceSessionPolicy => Cause::SessionPolicyRejected,
        Remedy::RenewCredentials => Cause::CredentialsRejected,
        Remedy::SetClock => Cause::ClockWrong,
        Remedy::CheckClockAndCertificate => Cause::CertificateNotValid,
        Remedy::CheckNetwork => Cause::NetworkUnreachable,
        Remedy::CheckProxy => Cause::OtherResponder,
        Remedy::RaiseSettings { .. } if gap.error_kind == ErrorKind::Throttled => Cause::Throttled,
        Remedy::RaiseSettings { .. } => Cause::TimedOut,
        Remedy::ResumeRun
        | Remedy::RetryLater
        | Remedy::Retry
        | Remedy::ReadDocumentation
        | Remedy::ReportBug => return None,
    };
    Some(vec![one])
}

/// The possible causes of a denial for which AWS gives no reason.
fn unexplained(action: &str) -> Vec<Cause> {
    let not_trusted = Cause::CallerNotTrusted { action: action.to_owned() };
    let not_allowed = Cause::NotAllowed { policy: PolicyType::Identity, action: Some(action.to_owned()) };
    if action != "sts:AssumeRole" {
        return vec![not_trusted, not_allowed];
    }
    vec![
        not_trusted,
        Cause::TrustConditionNotMet { key: None },
        Cause::RoleMissing,
        Cause::TrustedPrincipalDeleted,
        Cause::AccountSuspended,
        Cause::ExplicitlyDenied { policy: PolicyType::ResourceControl, action: None, policy_arn: None },
        not_allowed,
    ]
}

#[cfg(test)]
mod tests {
    use super::{Cause, Link, doctor_command};
    use crate::fact_kind::{FactKind, FactSelection};
    use crate::gap::{ErrorKind, Gap, Stage};
    use crate::header::SessionParameters;
    use crate::remedy::{NeutralTerms, Remedy};
    use crate::{PolicyType, Side};

    fn gap(remedy: Remedy) -> Gap {
        Gap {
            stage: Stage::Session,
            operation: Some("AssumeRole".to_owned()),
            user_name: None,
            error_kind: ErrorKind::Denied,
            code: Some("AccessDenied".to_owned()),
            message: String::new(),
            request_id: None,
            remedy,
        }
    }

    #[test]
    fn a_denial_without_a_reason_has_candidates_and_one_with_a_reason_has_one_cause() {
        let action = "sts:AssumeRole".to_owned();
        let unexplained = gap(Remedy::CheckBothSides { action: action.clone() }).diagnosis().unwrap();
        assert_eq!(unexplained.link, Link::Member);
        let text = unexplained.to_string();
        let begin = "member: AWS gave no reason; likely 1 its trust policy does not name the caller, 2 ";
        assert!(text.starts_with(begin), "{text}");
        assert!(unexplained.causes.iter().all(|cause| cause.distinguished_by().is_some()), "{text}");

        let allow = Remedy::AllowActions {
            side: Side::Caller,
            principal: None,
            actions: vec![action],
            resource: None,
        };
        let named = gap(allow).diagnosis().unwrap();
        assert_eq!(named.to_string(), "hub: no identity-based policy allows sts:AssumeRole");
        assert_eq!(gap(Remedy::ResumeRun).diagnosis(), None, "an interruption is no broken link");
    }

    #[test]
    fn each_link_has_its_causes() {
        for (remedy, link) in [
            (Remedy::RenewCredentials, Link::Caller),
            (Remedy::DoNotCallAsRoot, Link::Caller),
            (Remedy::UseOnePartition, Link::Caller),
            (Remedy::SetClock, Link::Sts),
            (Remedy::EnableRegion, Link::Sts),
            (Remedy::CheckNetwork, Link::Sts),
            (Remedy::TrustCaller { action: "sts:AssumeRole".to_owned() }, Link::Member),
            (Remedy::TrustCaller { action: "sts:TagSession".to_owned() }, Link::Session),
            (Remedy::ShortenSession, Link::Session),
        ] {
            let diagnosis = gap(remedy.clone()).diagnosis().unwrap();
            assert_eq!(diagnosis.link, link, "{remedy:?}");
        }
        for (policy, link) in [
            (PolicyType::ServiceControl, Link::Hub),
            (PolicyType::PermissionsBoundary, Link::Hub),
            (PolicyType::ResourceControl, Link::Member),
        ] {
            let (action, policy_arn) = (Some("sts:AssumeRole".to_owned()), None);
            let deny = Remedy::RemoveDeny { policy, side: Side::Caller, principal: None, action, policy_arn };
            assert_eq!(gap(deny).diagnosis().unwrap().link, link, "{policy:?}");
        }
    }

    #[test]
    fn a_quarantined_caller_is_told_of_its_leaked_key() {
        let cause = Cause::ExplicitlyDenied {
            policy: PolicyType::Identity,
            action: Some("iam:ListUsers".to_owned()),
            policy_arn: Some("arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV4".to_owned()),
        };
        assert!(
            cause.to_string().starts_with("AWS quarantined the caller because its access key leaked"),
            "{cause}"
        );
        assert!(cause.to_do(&NeutralTerms).starts_with("delete or rotate the leaked access key"));
    }

    #[test]
    fn conditions_are_met_by_what_the_run_sends_where_it_sends_them() {
        for (key, words) in [
            ("sts:ExternalId", "external_id"),
            ("STS:roleSessionName", "session_name"),
            ("aws:RequestTag/team", "session_tag"),
            ("aws:MultiFactorAuthPresent", "MFA"),
            ("aws:SourceIp", "network"),
            ("aws:PrincipalOrgPaths", "organization"),
            ("aws:CurrentTime", "renew the statement"),
            ("aws:PrincipalTag/team", "let the owner of the account decide"),
        ] {
            let text = Cause::TrustConditionNotMet { key: Some(key.to_owned()) }.to_do(&NeutralTerms);
            assert!(text.contains(words), "{key}: {text}");
        }
    }

    #[test]
    fn the_command_has_the_facts_of_the_scan_and_is_one_for_a_shell() {
        let role_arn = "arn:aws:iam::111111111111:role/IAMListRole".parse().unwrap();
        let default = FactSelection::default();
        let nothing = SessionParameters::default();
        let command = doctor_command(&role_arn, &default, &nothing, None, &[]);
        assert_eq!(command, format!("rolecall doctor --role-arn {role_arn}"));
        let facts = [FactKind::Users, FactKind::AccessKeys, FactKind::LastUsed].into();
        let session = SessionParameters {
            duration_s: Some(7200),
            via: vec!["arn:aws:iam::222222222222:role/Via".parse().unwrap()],
            source_identity: Some("j.ruiz".parse().unwrap()),
            tags: vec![("team".to_owned(), "a b".to_owned())],
            has_external_id: true,
        };
        let (user_name, path_prefix) = (Some("a b".to_owned()), Some("/ci/".to_owned()));
        let selection = FactSelection { facts, user_name, path_prefix, ..default };
        let more = doctor_command(&role_arn, &selection, &session, None, &[]);
        let flags = " --collect users,access_keys,last_used --user 'a b' --path-prefix /ci/ --session-duration 7200s --via arn:aws:iam::222222222222:role/Via --source-identity j.ruiz \
                     --session-tag 'team=a b'";
        assert!(more.ends_with(flags), "{more}");
    }
}
