//! What to do about what went wrong.

use rolecall_roll::{Class, Step};

/// What to do about a call that did not succeed at `step`.
#[must_use]
pub fn of(step: Step, class: Class, code: &str, message: &str) -> &'static str {
    match (step, class) {
        (_, Class::Denied) => of_denial(step, message),
        (Step::Session, Class::Other) => match code {
            "RegionDisabledException" => {
                "STS is switched off in this region for the account; ask another with --region, or switch it on"
            }
            "PackedPolicyTooLarge" | "MalformedPolicyDocument" => {
                "AWS does not take the session policy; go without it with --no-session-policy"
            }
            "ValidationError"
                if message.contains("DurationSeconds") || message.contains("durationSeconds") =>
            {
                "the session is longer than the role allows (MaxSessionDuration), or than 1h where roles are chained; \
                 ask for a shorter one with --session-duration"
            }
            _ => of_class(step, class),
        },
        (_, class) => of_class(step, class),
    }
}

/// Which of the flow's three permissions is missing, as far as AWS's words tell.
///
/// Across accounts AWS does not say which side refused: the bare form stands for a trust policy that does not name the
/// caller, another external id, or no such role.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>
fn of_denial(step: Step, message: &str) -> &'static str {
    let says = |words: &str| message.contains(words);
    match step {
        _ if says("with an explicit deny in a service control policy") => {
            "a service control policy of the organisation denies it; ask whoever keeps it for an exception"
        }
        _ if says("with an explicit deny in a resource control policy") => {
            "a resource control policy of the role's organisation denies it; ask whoever keeps it for an exception"
        }
        _ if says("because no service control policy allows") => {
            "no service control policy of the organisation allows it; ask whoever keeps them"
        }
        _ if says("permissions boundary") => {
            "a permissions boundary stands in the way; let it allow the action"
        }
        Step::Session if says("because no identity-based policy allows") => {
            "the caller's own policy does not allow sts:AssumeRole on this role; add the role's ARN to it"
        }
        Step::Session if says("with an explicit deny in an identity-based policy") => {
            "a policy of the caller's own denies it; take the deny away"
        }
        Step::Session if says("resource-based policy") || says("role trust policy") => {
            "the role's trust policy does not name the caller (or asks for another external id); add the caller to it"
        }
        Step::Session => {
            "AWS does not say which side refused: check that the role exists, that its trust policy names the caller \
             and the same external id, and that the caller's own policy allows sts:AssumeRole on it"
        }
        _ if says("with an explicit deny in an identity-based policy") => {
            "a policy of the role's own denies it; take the deny away"
        }
        _ if says("session policy") => {
            "the session policy does not allow it; go without it with --no-session-policy"
        }
        Step::Users if says("iam:GetUser") => {
            "the role's own policy does not allow iam:GetUser; add it, on resource *"
        }
        Step::Users => "the role's own policy does not allow iam:ListUsers; add it, on resource *",
        Step::AccessKeys => "the role's own policy does not allow iam:ListAccessKeys; add it, on resource *",
        Step::LastUsed => {
            "the role's own policy does not allow iam:GetAccessKeyLastUsed; add it, on resource *"
        }
        Step::ControlTotal => {
            "the role's own policy does not allow iam:GetAccountSummary; add it, on resource *"
        }
        Step::ConsolePassword => {
            "the role's own policy does not allow iam:GetLoginProfile and iam:GetUser; add it, on resource *"
        }
        Step::MfaDevices => "the role's own policy does not allow iam:ListMFADevices; add it, on resource *",
        Step::Policies => {
            "the role's own policy does not allow iam:GetAccountAuthorizationDetails; add it, on resource *"
        }
        Step::CredentialReport => {
            "the role's own policy does not allow iam:GenerateCredentialReport and iam:GetCredentialReport; add it, on resource *"
        }
        Step::AccountAlias => {
            "the role's own policy does not allow iam:ListAccountAliases; add it, on resource *"
        }
        Step::RootCredentials => {
            "the role's own policy does not allow iam:ListOrganizationsFeatures; add it, on resource *"
        }
    }
}

/// What to do where only the class is known.
#[must_use]
pub fn of_class(step: Step, class: Class) -> &'static str {
    match (class, step) {
        (Class::Credentials, Step::Session) => {
            "the caller's own credentials are missing or not accepted: `aws sts get-caller-identity` with the same \
             profile tells; `aws sso login` renews those of SSO"
        }
        (Class::Credentials, _) => "AWS did not accept the session's credentials; check this machine's clock",
        (Class::Throttled, _) => {
            "the account is being throttled; try again later, or allow more --max-attempts"
        }
        (Class::TimedOut, _) => {
            "try again, or allow more time: --account-timeout for all of an account, --attempt-timeout for a call"
        }
        (Class::Interrupted, _) => "ask again what is missing: the same command with --roll FILE",
        (Class::Inconsistent, _) => "ask again in a while; where it stays so, open a case with AWS",
        (Class::Transport, _) => {
            "check the way to AWS: name resolution, HTTPS_PROXY and NO_PROXY, AWS_CA_BUNDLE, AWS_ENDPOINT_URL"
        }
        (Class::Malformed, _) => {
            "something on the way may have changed the answer: check AWS_ENDPOINT_URL and HTTPS_PROXY, and try again"
        }
        (Class::NotFound, _) => "it is not there any more; try again",
        (Class::Denied, _) => "a policy does not allow it",
        (Class::Internal, _) => {
            "this is a mistake of rolecall's own; please report it with what stands on stderr"
        }
        (Class::Other, _) => "try again; where it stays, AWS's documentation of the code says more",
    }
}

#[cfg(test)]
mod tests {
    use rolecall_roll::Step;

    use super::of_denial;

    #[test]
    fn the_missing_one_of_the_three_is_named_where_aws_tells() {
        let user = "User: arn:aws:sts::222222222222:assumed-role/LambdaRole/x is not authorized to perform: ";
        let session = format!("{user}sts:AssumeRole on resource: arn:aws:iam::111111111111:role/IAMListRole");
        for (step, message, words) in [
            (Step::Session, session.clone(), "does not say which side"),
            (
                Step::Session,
                format!("{session} because no identity-based policy allows the sts:AssumeRole action"),
                "caller's own policy",
            ),
            (
                Step::Session,
                format!(
                    "{session} with an explicit deny in a service control policy: arn:aws:organizations::1:x"
                ),
                "service control policy",
            ),
            (
                Step::Users,
                format!(
                    "{user}iam:ListUsers on resource: * because no session policy allows the iam:ListUsers action"
                ),
                "--no-session-policy",
            ),
            (
                Step::Users,
                format!(
                    "{user}iam:ListUsers because no identity-based policy allows the iam:ListUsers action"
                ),
                "iam:ListUsers",
            ),
        ] {
            assert!(of_denial(step, &message).contains(words), "{message}");
        }
    }
}
