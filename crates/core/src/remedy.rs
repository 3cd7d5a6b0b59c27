//! Decides what to do about a failed call, from the operation, AWS's error code, and AWS's message.

use rolecall_roll::{Denial, Effect, ErrorKind, Gap, PolicyType, Remedy, Side, Stage};

use crate::call::{BY_THE_CLOCK, CallError};
use crate::session::ALREADY_EXPIRED;

impl CallError {
    /// What to do about the error.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        for_error(self)
    }

    /// The gap that the error leaves in the roll.
    #[must_use]
    pub fn into_gap(self, stage: Stage, user_name: Option<&str>) -> Gap {
        let remedy = self.remedy();
        Gap {
            stage,
            operation: Some(self.operation.to_owned()),
            user_name: user_name.map(str::to_owned),
            error_kind: self.error_kind,
            code: self.code,
            message: self.message,
            request_id: self.request_id,
            remedy,
        }
    }
}

fn for_error(error: &CallError) -> Remedy {
    let code = error.code.as_deref().unwrap_or_default();
    let message_has = |text: &str| error.message.contains(text);
    match error.error_kind {
        ErrorKind::Denied => for_denial(error),
        // Of the caller's credentials too: a source such as IAM Identity Center is reached over TLS.
        ErrorKind::Transport | ErrorKind::Credentials if message_has(BY_THE_CLOCK) => {
            Remedy::CheckClockAndCertificate
        }
        // https://docs.aws.amazon.com/IAM/latest/UserGuide/signing-elements.html
        ErrorKind::Credentials if message_has("Credential should be scoped to") => {
            Remedy::UseRegionOfEndpoint
        }
        ErrorKind::Credentials if is_about_the_clock(code, &error.message) => Remedy::SetClock,
        ErrorKind::Malformed if message_has(ALREADY_EXPIRED) => Remedy::SetClock,
        // Rolecall renews sessions before they expire: if AWS says that one has expired, the clocks differ.
        ErrorKind::Credentials if error.side == Side::Member && code.starts_with("ExpiredToken") => {
            Remedy::SetClock
        }
        // The credentials are new and valid: IAM is eventually consistent and may not know them yet.
        ErrorKind::Credentials if error.side == Side::Member => Remedy::RetryLater,
        // The time to wait for a report is not a setting.
        ErrorKind::TimedOut if message_has("the credential report was not ready in time") => {
            Remedy::RetryLater
        }
        ErrorKind::Other => match code {
            "RegionDisabledException" => Remedy::EnableRegion,
            "PackedPolicyTooLarge" | "MalformedPolicyDocument" => Remedy::ReduceSessionPolicy,
            "ValidationError" if message_has("DurationSeconds") || message_has("durationSeconds") => {
                Remedy::ShortenSession
            }
            "ValidationError" if message_has("partition") => Remedy::UseOnePartition,
            _ => for_kind(ErrorKind::Other),
        },
        kind => for_kind(kind),
    }
}

/// What to do where only the kind of error is known.
#[must_use]
pub(crate) fn for_kind(kind: ErrorKind) -> Remedy {
    let raise = |settings: &[&str]| Remedy::RaiseSettings {
        settings: settings.iter().map(|key| (*key).to_owned()).collect(),
    };
    match kind {
        ErrorKind::Credentials => Remedy::RenewCredentials,
        ErrorKind::Throttled => raise(&["max_attempts"]),
        ErrorKind::TimedOut => raise(&["account_timeout", "attempt_timeout"]),
        ErrorKind::Interrupted => Remedy::ResumeRun,
        ErrorKind::Inconsistent => Remedy::RetryLater,
        ErrorKind::Transport => Remedy::CheckNetwork,
        ErrorKind::Malformed => Remedy::CheckProxy,
        ErrorKind::NotFound => Remedy::Retry,
        ErrorKind::Internal => Remedy::ReportBug,
        ErrorKind::Denied | ErrorKind::Other => Remedy::ReadDocumentation,
    }
}

/// Whether AWS rejected a request because its signature has the wrong time.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html>
fn is_about_the_clock(code: &str, message: &str) -> bool {
    matches!(code, "RequestExpired" | "RequestTimeTooSkewed")
        || message.contains("Signature expired")
        || message.contains("Signature not yet current")
}

/// The actions that a role's trust policy must allow.
const TRUST_ACTIONS: [&str; 3] = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"];

/// Which permission is missing, as far as AWS's message says. Across accounts AWS does not say which side denied
/// `sts:AssumeRole`: a message without a reason means that the trust policy does not name the caller, that the external id
/// differs, or that the role does not exist.
fn for_denial(error: &CallError) -> Remedy {
    let CallError { operation, side, message, .. } = error;
    let denial = Denial::parse(message);
    let text = |text: Option<&str>| text.map(str::to_owned);
    let action = denial.action.map_or_else(|| action_for(operation), str::to_owned);
    let principal = denial.principal.map(without_session_name);
    // A policy for AssumeRole names the role as its resource; the read actions in a member account need `*`.
    let resource = denial.resource.filter(|resource| *side == Side::Caller && resource.starts_with("arn:"));
    let is_trust_action = TRUST_ACTIONS.contains(&action.as_str());
    let allow = |actions| Remedy::AllowActions {
        side: *side,
        principal: principal.clone(),
        actions,
        resource: text(resource),
    };
    match denial.reason {
        // https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
        None if message.contains("assumed by root accounts") => Remedy::DoNotCallAsRoot,
        None if is_trust_action && partitions_differ(&denial) => Remedy::UseOnePartition,
        None if is_trust_action => Remedy::CheckBothSides { action },
        None | Some((PolicyType::Identity, Effect::NotAllowed)) => allow(vec![action]),
        Some((PolicyType::RoleTrust | PolicyType::Resource, Effect::NotAllowed)) if is_trust_action => {
            Remedy::TrustCaller { action }
        }
        Some((policy, Effect::NotAllowed)) => {
            Remedy::AllowInPolicy { policy, side: *side, principal, action: Some(action) }
        }
        Some((policy, Effect::ExplicitDeny)) => Remedy::RemoveDeny {
            policy,
            side: *side,
            principal,
            action: Some(action),
            policy_arn: text(denial.policy_arn),
        },
    }
}

/// A session's ARN without the session name, which differs between runs.
fn without_session_name(arn: &str) -> String {
    match arn.rsplit_once('/') {
        Some((role, _)) if arn.contains(":assumed-role/") => role.to_owned(),
        _ => arn.to_owned(),
    }
}

fn partitions_differ(denial: &Denial<'_>) -> bool {
    let partition = |arn: Option<&str>| arn?.strip_prefix("arn:")?.split_once(':').map(|it| it.0.to_owned());
    partition(denial.principal).zip(partition(denial.resource)).is_some_and(|(caller, role)| caller != role)
}

/// The IAM action of an operation: for all operations that Rolecall calls, both have the same name.
fn action_for(operation: &str) -> String {
    const STS_OPERATIONS: [&str; 3] = ["AssumeRole", "GetAccessKeyInfo", "GetCallerIdentity"];
    const ORGANIZATIONS_OPERATIONS: [&str; 6] = [
        "DescribeOrganization",
        "ListAccounts",
        "ListAccountsForParent",
        "ListOrganizationalUnitsForParent",
        "ListRoots",
        "ListTagsForResource",
    ];
    let service = match operation {
        operation if STS_OPERATIONS.contains(&operation) => "sts",
        operation if ORGANIZATIONS_OPERATIONS.contains(&operation) => "organizations",
        _ => "iam",
    };
    format!("{service}:{operation}")
}

#[cfg(test)]
mod tests {
    use rolecall_roll::{ErrorKind, NeutralTerms, PolicyType, Remedy, Side};

    use super::for_error;
    use crate::call::CallError;

    const CALLER: &str = "arn:aws:sts::222222222222:assumed-role/LambdaRole/x";
    const ROLE: &str = "arn:aws:iam::111111111111:role/IAMListRole";

    fn remedy(operation: &'static str, kind: ErrorKind, code: &str, message: &str) -> Remedy {
        let side = if operation.contains("User") { Side::Member } else { Side::Caller };
        let error = CallError {
            error_kind: kind,
            code: Some(code.to_owned()),
            side,
            ..CallError::malformed(operation, message, None)
        };
        for_error(&error)
    }

    fn assume_role(action: &str, reason: &str) -> Remedy {
        let message =
            format!("User: {CALLER} is not authorized to perform: {action} on resource: {ROLE}{reason}");
        remedy("AssumeRole", ErrorKind::Denied, "AccessDenied", &message)
    }

    #[test]
    fn the_remedy_follows_the_policy_that_aws_names() {
        let allow = |actions: &[&str]| Remedy::AllowActions {
            side: Side::Caller,
            principal: Some("arn:aws:sts::222222222222:assumed-role/LambdaRole".to_owned()),
            actions: actions.iter().map(|action| (*action).to_owned()).collect(),
            resource: Some(ROLE.to_owned()),
        };
        let not_allowed =
            |policy: &str, action: &str| format!(" because no {policy} allows the {action} action");
        let assume = "sts:AssumeRole";
        assert_eq!(assume_role(assume, ""), Remedy::CheckBothSides { action: assume.to_owned() });
        assert_eq!(assume_role(assume, &not_allowed("identity-based policy", assume)), allow(&[assume]));
        for policy in ["role trust policy", "resource-based policy"] {
            let trust = Remedy::TrustCaller { action: assume.to_owned() };
            assert_eq!(assume_role(assume, &not_allowed(policy, assume)), trust);
            let denied = assume_role(assume, &format!(" with an explicit deny in the {policy}"));
            assert!(matches!(denied, Remedy::RemoveDeny { .. }), "{denied:?}");
        }
        for action in ["sts:TagSession", "sts:SetSourceIdentity"] {
            assert_eq!(assume_role(action, ""), Remedy::CheckBothSides { action: action.to_owned() });
            let trust = assume_role(action, &not_allowed("role trust policy", action));
            assert_eq!(trust, Remedy::TrustCaller { action: action.to_owned() });
            assert_eq!(assume_role(action, &not_allowed("identity-based policy", action)), allow(&[action]));
        }
        for (name, policy) in [
            ("service control policy", PolicyType::ServiceControl),
            ("resource control policy", PolicyType::ResourceControl),
            ("permissions boundary", PolicyType::PermissionsBoundary),
            ("session policy", PolicyType::Session),
            ("VPC endpoint policy", PolicyType::VpcEndpoint),
        ] {
            let allowed = assume_role(assume, &not_allowed(name, assume));
            assert!(
                matches!(allowed, Remedy::AllowInPolicy { policy: it, .. } if it == policy),
                "{allowed:?}"
            );
            let denied = assume_role(assume, &format!(" with an explicit deny in a {name}"));
            assert!(matches!(denied, Remedy::RemoveDeny { policy: it, .. } if it == policy), "{denied:?}");
        }
    }

    #[test]
    fn a_denied_read_names_the_role_and_the_action_that_aws_names() {
        let principal = "arn:aws:sts::111111111111:assumed-role/IAMListRole/x";
        for reason in ["", " because no identity-based policy allows the iam:GetUser action"] {
            let message =
                format!("User: {principal} is not authorized to perform: iam:GetUser on resource: *{reason}");
            let text = remedy("GetUser", ErrorKind::Denied, "AccessDenied", &message).to_text(&NeutralTerms);
            assert_eq!(
                text,
                "allow iam:GetUser on * in a policy of role IAMListRole in account 111111111111"
            );
        }
        let bare = remedy("ListUsers", ErrorKind::Denied, "AccessDenied", "no").to_text(&NeutralTerms);
        assert_eq!(bare, "allow iam:ListUsers on * in a policy of the role");
        let session = "no session policy allows the iam:ListUsers action";
        let session = remedy("ListUsers", ErrorKind::Denied, "AccessDenied", &format!("because {session}"));
        assert!(session.to_text(&NeutralTerms).contains("no_session_policy"), "{session:?}");
    }

    #[test]
    fn clock_region_partition_and_root_each_have_their_own_remedy() {
        let signature =
            |message| remedy("AssumeRole", ErrorKind::Credentials, "SignatureDoesNotMatch", message);
        assert_eq!(
            signature("Signature expired: 20261125T080000Z is now earlier than 20261125T081000Z"),
            Remedy::SetClock
        );
        assert_eq!(
            signature("Signature not yet current: 20261125T080000Z is still later than …"),
            Remedy::SetClock
        );
        assert_eq!(
            signature("Credential should be scoped to a valid region, not 'eu-central-1'. "),
            Remedy::UseRegionOfEndpoint
        );
        let token = "The security token included in the request is expired";
        assert_eq!(
            remedy("AssumeRole", ErrorKind::Credentials, "ExpiredToken", token),
            Remedy::RenewCredentials
        );
        assert_eq!(remedy("ListUsers", ErrorKind::Credentials, "ExpiredToken", token), Remedy::SetClock);
        let unknown =
            remedy("ListUsers", ErrorKind::Credentials, "InvalidClientTokenId", "The token is invalid");
        assert_eq!(unknown, Remedy::RetryLater);
        let root = "Roles may not be assumed by root accounts.";
        assert_eq!(remedy("AssumeRole", ErrorKind::Denied, "AccessDenied", root), Remedy::DoNotCallAsRoot);
        let other = "User: arn:aws-us-gov:sts::222222222222:assumed-role/R/x is not authorized to perform: sts:AssumeRole \
                     on resource: arn:aws:iam::111111111111:role/R";
        assert_eq!(remedy("AssumeRole", ErrorKind::Denied, "AccessDenied", other), Remedy::UseOnePartition);
        let partition = remedy("AssumeRole", ErrorKind::Other, "ValidationError", "Invalid ARN partition");
        assert_eq!(partition, Remedy::UseOnePartition);
    }
}
